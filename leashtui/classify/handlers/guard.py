"""leash itself, and other agents: looking is free, answering for the person or asking nobody is tampering.

Knows leash's own commands and how agents are told to ask nobody. Invariant: every subcommand that is not known to only
look is reported.
"""

from __future__ import annotations

from leashtui.classify.call import Call
from leashtui.classify.options import Options
from leashtui.classify.patterns import lazy
from leashtui.classify.spec import Spec
from leashtui.classify.values import Stream, Taint, bare, show
from leashtui.model.facts import Place, Severity, Verb

_LOOKS = frozenset("blast explain status log doctor approvals audit help version completions freeze demo".split())
_LOOKS_AT = {
    "hooks": frozenset(("status",)),
    "policy": frozenset(("check", "test", "list", "show", "")),
    "config": frozenset(("show", "path", "get", "")),
    "audit": frozenset(("verify", "show", "")),
    "mcp": frozenset(("list", "diff")),
}

_ASKS_NOBODY = lazy(
    r"(?i)--dangerously[\w-]*|--yolo\b|--full-auto\b|--skip-permissions|--no-confirm\b|--yes-always\b|--auto-approve\b"
    r"|--allow-all(?:-tools|-paths)?\b|--trust-all-tools\b|--auto-run\b|--always-approve\b|--no-sandbox\b|--unsafe\b"
    r"|--autonomous\b|--auto-accept\b|--dangerous\b|(?:^| )(?:-y|--yes|--trust)(?= |$)"
    r"|--permission-mode[= ](?:bypass\w*|dontask|auto)|bypasspermissions|--approval-mode[= ](?:yolo|full|auto\w*|never)"
    r"|(?:-a|--ask-for-approval)[= ]never|danger-full-access|approval_policy\s*=\s*\W*never|--permission-prompt-tool"
    r"|--allowed-?tools[= ]\W*(?:\*|bash(?:\(\W*\*\W*\))?(?=[ ,'\"]|$))|--no-hooks\b|disableallhooks"
    r"|--settings[= ].*hooks"
    r"|--auto[= ](?:high|full)|--disable-hooks\b|--sandbox[= ](?:false|off|none)"
)
_AGENT_LOOKS = frozenset("help version doctor status models usage stats about whoami list sessions completion".split())
_AGENT_GROUPS = frozenset(
    "mcp plugin plugins extension extensions skill skills config settings auth agent agents".split()
)
_AGENT_VIEWS = frozenset("list ls get show status view info help path".split())


def leash(call: Call, spec: Spec, options: Options) -> Stream | None:
    """leash COMMAND."""
    words = [bare(w) for w in call.words[1:]]
    if not words or words[0] in ("--help", "-h", "--version"):
        return Stream(0, None)
    loosens = any(
        w.startswith(("--no-guard", "--guard=watch", "--unsafe", "--no-policy", "--disable")) for w in words
    ) or (
        "--guard" in words
        and words[words.index("--guard") + 1 : words.index("--guard") + 2] in (["watch"], ["off"], ["none"])
    )
    plain = [w for w in words if not w.startswith("-")]
    first = plain[0] if plain else ""
    second = plain[1] if len(plain) > 1 else ""
    if first == "explain" or (first in _LOOKS and not loosens) or (first in _LOOKS_AT and second in _LOOKS_AT[first]):
        return Stream(0, None)
    changes = first in (
        "approve",
        "deny",
        "kill",
        "resume",
        "mode",
        "policy",
        "config",
        "trust",
        "grant",
        "grants",
        "revoke",
        "uninstall",
        "disable",
        "off",
        "stop",
        "answer",
        "allow",
        "attach",
        "enable",
        "init",
        "set",
        "reset",
        "unlock",
        "pause",
        "invite",
        "review",
        "sudo",
        "hooks",
    )
    changes = changes or (first == "inventory" and any(w.startswith("--a") for w in words))
    if loosens or changes:
        call.sign("guard_tamper")
        call.add(Verb.GUARD_TOUCH, first, f"gives orders to leash: {show(' '.join(words))[:60]}", Severity.CRITICAL)
    elif first == "mcp" and second != "run":
        call.sign("guard_tamper")
        call.add(Verb.GUARD_TOUCH, "mcp", f"gives orders to leash: {show(' '.join(words))[:60]}", Severity.CRITICAL)
    elif not call.shim:  # an inner session refuses to start by itself, or only watches what is watched here already
        call.add(Verb.EXEC, first, f"starts leash inside leash: {show(' '.join(words))[:60]}")
    else:
        call.add(Verb.GUARD_TOUCH, first, f"starts leash inside leash: {show(' '.join(words))[:60]}", Severity.HIGH)
    return Stream(0, None)


def agent(call: Call, spec: Spec, options: Options) -> Stream | None:
    """claude, codex, gemini ...: a nested agent asks; one that is told to ask nobody evades the guard."""
    words = [bare(w) for w in call.words[1:]]
    plain = [bare(w) for w in options.args]
    text = " ".join(words)
    own = " ".join(words[: words.index("--")]) if "--" in words else text
    if any(w in ("--help", "--version") for w in words) or words in (["-h"], ["-v"], ["-V"], ["help"], ["version"]):
        return Stream(0, None)
    if _ASKS_NOBODY.search(own) or (call.name == "cursor-agent" and {"-f", "--force"} & set(words)):
        call.sign("guard_tamper")
        call.add(Verb.GUARD_TOUCH, call.name, f"starts {call.name} so that it asks nobody", Severity.CRITICAL)
    if not plain and any(options.has(o) for o in ("--list-models", "--list-sessions", "--list-extensions")):
        return Stream(0, None)
    first, second = ([*plain, "", ""])[:2]
    if first in _AGENT_LOOKS or (first in _AGENT_GROUPS and second in _AGENT_VIEWS):
        return Stream(0, None)
    if first in ("config", "settings") and second in ("set", "add", "remove", "unset", "rm", "delete"):
        call.add(Verb.WRITE, call.name, f"changes the settings of {call.name}", place=Place.AGENT_CONFIG)
    elif first in _AGENT_GROUPS or first in ("install", "setup-token", "login", "logout", "update", "upgrade"):
        call.add(Verb.PERSIST, call.name, f"changes what {call.name} may use: {show(text)[:60]}", Severity.HIGH)
        if first == "mcp" and "--" in call.words:
            call.add(Verb.PERSIST, call.name, f"adds a program that {call.name} starts: {show(text)[:80]}")
    else:
        call.sign("network")
        call.opaque(f"starts another agent, {call.name}, whose acts are known only when it runs")
        if call.stdin.taint & Taint.SECRET or options.args and any(w.taint & Taint.SECRET for w in options.args):
            call.send("", Stream(Taint.SECRET))
        if not call.shim:
            call.add(Verb.EXEC, call.name, f"starts another agent, {call.name}")
    return Stream(Taint.FETCHED, None)


HANDLERS = {"leash": leash, "agent": agent}
"""See handlers/__init__.py."""
