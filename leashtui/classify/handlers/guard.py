"""leash itself: asking and looking is free, answering for the person and switching off is tampering.

Knows leash's own commands. Invariant: every subcommand that is not known to only look is reported.
"""

from __future__ import annotations

from leashtui.classify.call import Call
from leashtui.classify.options import Options
from leashtui.classify.spec import Spec
from leashtui.classify.values import Stream, bare, show
from leashtui.model.facts import Severity, Verb

_LOOKS = frozenset("explain status log doctor approvals audit help version completions freeze demo".split())
_LOOKS_AT = {
    "policy": frozenset(("check", "test", "list", "show", "")),
    "config": frozenset(("show", "path", "get", "")),
    "audit": frozenset(("verify", "show", "")),
}


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
        "policy",
        "config",
        "trust",
        "grant",
        "revoke",
        "uninstall",
        "disable",
        "off",
        "stop",
    )
    if loosens or changes:
        call.sign("guard_tamper")
        call.add(Verb.GUARD_TOUCH, first, f"gives orders to leash: {show(' '.join(words))[:60]}", Severity.CRITICAL)
    else:
        call.add(Verb.GUARD_TOUCH, first, f"starts leash inside leash: {show(' '.join(words))[:60]}", Severity.HIGH)
    return Stream(0, None)


HANDLERS = {"leash": leash}
"""See handlers/__init__.py."""
