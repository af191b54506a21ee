"""Processes, timers and accounts: kill and pkill, crontab, at, systemctl, ssh-keygen, useradd, tmux, sudo -l.

Knows how they name their targets. Invariant: whatever aims at leash's own processes is tampering, by name or by a
number that came out of looking for it.
"""

from __future__ import annotations

import re

from leashtui.classify.call import Call
from leashtui.classify.lasting import judge_later
from leashtui.classify.options import Options
from leashtui.classify.patterns import lazy
from leashtui.classify.spec import Spec
from leashtui.classify.values import UNKNOWN, Stream, Taint, Word, bare, is_fixed, show
from leashtui.model.facts import Place, Severity, Verb

_WITH_VARIABLES = lazy(r"[acghjlmruwxS]*e[aclmuwx]*")
"""BSD options of ps: an `e` without a dash shows the environment."""
LAST_JOB = "4194243"
"""What `$!` is taken for: the job that this shell started last (see expand.py)."""
OWN = "4194305"
"""What `$$` is taken for: this shell itself."""
_LEASH = lazy(r"(?i)(?<![\w/-])leash(?:d|tui)?(?![\w/]*\.(?:md|txt))|leashtui")


def kill(call: Call, spec: Spec, options: Options) -> Stream | None:
    """kill, pkill, killall, xkill, fuser -k."""
    words = list(call.words[1:])
    if not words and call.name != "xkill":
        return Stream(0, None)
    if any(w in ("--help", "--version", "-l", "-L", "--list", "--table", "-V", "/?") for w in words[:1]):
        return Stream(0, None)
    if call.name == "kill" and (words[:1] == ["-0"] or words[:2] in (["-s", "0"], ["-n", "0"])):
        return Stream(0, None)
    targets = _targets(words) if call.name == "kill" else words
    if call.name == "pkill" and words[:1] == ["-P"] and words[1:2] == [OWN]:
        call.add(Verb.READ, "", "stops what this shell started")
        return Stream(0, None)
    if call.name == "kill" and targets and all(w.startswith("%") or w in (LAST_JOB, OWN) for w in targets):
        call.add(Verb.READ, "", "stops a job of this shell")
        return Stream(0, None)
    if call.name == "xkill":
        call.stops = "sockets"  # the screen's server does it
    if any(is_leash(w) or w.taint & Taint.GUARD for w in words):
        call.sign("guard_tamper")
        call.add(Verb.GUARD_TOUCH, "leash", "stops leash itself", Severity.CRITICAL)
    if (call.name == "kill" and targets[-1:] in (["-1"], ["1"])) or call.name == "killall5":
        call.sign("catastrophic")
        call.add(Verb.SYSTEM_CHANGE, "", "stops every process", Severity.CRITICAL)
    call.add(Verb.PROCESS_KILL, show(" ".join(targets)), f"stops {show(' '.join(targets))[:60] or 'processes'}")
    return Stream(0, None)


def _targets(words: list[Word]) -> list[Word]:
    """The processes that kill is given, without its signal. A process group is a negative number."""
    if words[0] in ("-s", "-n", "-q", "--signal"):
        return words[2:]
    if len(words) > 1 and re.match(r"-(?:\d+|[A-Za-z][A-Z0-9a-z+-]*|-signal=.*)$", words[0]):
        return words[2:] if words[1] == "--" else words[1:]
    return words[1:] if words[0] == "--" else words


def is_leash(word: str) -> bool:
    """Whether a pattern for processes names leash, or is written so that it fits leash."""
    text = re.sub(r"\[(\w)\]", r"\1", bare(word)).lower()
    if re.search(r"(?<![a-z])leash(?:d|tui)?(?![a-z])", text):
        return True
    if not re.search(r"[.*?+|\[]", text) or len(text) > 64 or not re.search(r"[a-z.]", text) or text.startswith("*"):
        return False
    return fits(text, "leashd")


_ESCAPE = lazy(r"\\(.)")
_GROUP = lazy(r"\(([^()]*)\)((?:[*+?]|\{[\d,]*\})*)")
_AGAIN = lazy(r"[*+?]|\{[\d,]*\}")


def fits(pattern: str, name: str) -> bool:
    """Whether a pattern as pkill takes it may fit somewhere in `name`. The pattern is the agent's: one that repeats
    what repeats could take hours to try, so a group that is repeated stands for anything, and one with more repeats
    than a person writes fits everything."""
    text = _ESCAPE.sub(lambda m: "" if m[1] in "bB<>" else "." if m[1] in "wSDW" else "0", pattern)
    former = ""
    while former != text:
        former, text = text, _GROUP.sub(lambda m: ".*" if m[2] else f"\1{m[1]}\2", text)
    text = re.sub(r"(?:\.\*)+", ".*", text.replace("\1", "(").replace("\2", ")"))
    if len(_AGAIN.findall(text)) > 6:
        return True
    try:
        return re.search(re.sub(r"\[[^\]]*\]", _plain_set, text), name) is not None
    except (re.error, RecursionError):
        return False


def _plain_set(found: re.Match[str]) -> str:
    """A set without the spellings that Python means to read otherwise one day, and warns of."""
    inner = found[0][1:-1]
    return "[" + re.sub(r"([\[&|~])|--+", lambda m: "\\" + m[1] if m[1] else "-", inner) + "]"


def users(call: Call, spec: Spec, options: Options) -> Stream | None:
    """lsof, fuser: who uses a file or port; -k stops them."""
    guard = any(is_leash(w) or call.place(w) is Place.GUARD for w in options.args)
    if guard and options.has("-k", "--kill", "-K"):
        call.sign("guard_tamper")
        call.add(Verb.GUARD_TOUCH, "leash", "stops leash itself", Severity.CRITICAL)
    return Stream(Taint.GUARD if guard else 0, UNKNOWN + "\n")


_NAME = lazy(r"[\w.+-]+")


def look_for(call: Call, spec: Spec, options: Options) -> Stream | None:
    """pgrep, pidof, ps: numbers of processes; those of leash are marked."""
    guard = any(is_leash(w) for w in call.words[1:])
    if call.name in ("which", "gwhich") and options.args and all(_NAME.fullmatch(w) for w in options.args):
        return Stream(Taint.GUARD if guard else 0, "".join(f"/usr/bin/{w}\n" for w in options.args))
    if call.name == "ps" and any(_WITH_VARIABLES.fullmatch(w) for w in call.words[1:]):
        call.add(Verb.SECRET_READ, "", "shows the variables of processes, secret ones too", place=Place.SECRET)
        return Stream(Taint.SECRET | (Taint.GUARD if guard else 0), UNKNOWN + "\n")
    return Stream(Taint.GUARD if guard else 0, UNKNOWN + "\n")


def timers(call: Call, spec: Spec, options: Options) -> Stream | None:
    """crontab: -l reads, -r removes all, a file or - replaces all."""
    if options.has("-l"):
        return Stream(0, UNKNOWN + "\n")
    if options.has("-r"):
        call.sign("destructive")
        call.add(Verb.PERSIST, "crontab", "removes all timers of the account", Severity.HIGH, lost=True)
        return Stream(0, "")
    if options.has("-e"):
        call.add(Verb.PERSIST, "crontab", "edits the account's timers")
        return Stream(0, "")
    source = options.args[0] if options.args else Word("-")
    content = call.stdin if source == "-" else call.read(source)
    call.add(Verb.PERSIST, "crontab", "replaces the account's timers: something will run later by itself")
    judge_later(call.machine, content.text, call.span)
    if content.taint & (Taint.FETCHED | Taint.SOCKET):
        call.sign("backdoor")
    return Stream(0, "")


def later(call: Call, spec: Spec, options: Options) -> Stream | None:
    """at, batch, systemd-run --on-*: a text that runs later."""
    if options.has("-l", "-c", "-q") or call.name == "atq":
        return Stream(0, None)
    if any(w.lower() == "/query" for w in call.words[1:2]):
        return Stream(0, None)
    call.add(Verb.PERSIST, "at", "makes something run later by itself")
    judge_later(call.machine, call.stdin.text, call.span)
    return Stream(0, "")


def service(call: Call, spec: Spec, options: Options) -> Stream | None:
    """systemctl, service, launchctl: leash's own service is not to be touched."""
    if any(_LEASH.search(w) for w in call.words[1:]):
        words = {bare(w) for w in call.words}
        if words & {
            "stop",
            "disable",
            "mask",
            "kill",
            "restart",
            "unload",
            "bootout",
            "remove",
            "revert",
            "edit",
            "try-restart",
            "reload",
            "freeze",
            "delete",
            "set-property",
            "down",
            "once",
            "exit",
        }:
            call.sign("guard_tamper")
            call.add(Verb.GUARD_TOUCH, "leash", "stops leash's own service", Severity.CRITICAL)
    return None


def accounts(call: Call, spec: Spec, options: Options) -> Stream | None:
    """useradd, usermod, passwd, chpasswd: a second root is a back door."""
    text = " ".join(bare(w) for w in call.words)
    if re.search(r"(?:-u|--uid)[ =]?0\b", text) or (
        call.name in ("usermod", "gpasswd", "adduser")
        and bare(call.words[-1]) not in (call.machine.setting.user, call.machine.setting.home.rpartition("/")[2])
        and re.search(r"\b(sudo|wheel|root|admin|docker)\b", text)
        and not options.has("--help")
    ):
        call.sign("backdoor")
    own = ("root", call.machine.setting.user, call.machine.setting.home.rpartition("/")[2])
    if call.name in ("userdel", "deluser") and any(bare(w) in own for w in call.words[1:]):
        call.sign("catastrophic", "destructive")
    return None


_TYPED_END = lazy(r"\\n|\\r|\^M|\\01[25]")
"""How `screen` is told to press Enter."""


def terminal(call: Call, spec: Spec, options: Options) -> Stream | None:
    """tmux, screen: what they are told to type or start runs."""
    words = list(call.words[1:])
    for index, word in enumerate(words):
        if word in ("send-keys", "send", "stuff"):
            typed = [w for w in words[index + 1 :] if not w.startswith("-") and w not in ("Enter", "C-m", "C-j")]
            if words[index + 1 : index + 2] == ["-t"]:
                typed = typed[1:]
            if any(is_leash(w) for w in words):
                call.sign("guard_tamper")
            if not (call.is_bound and call.name == "tmux"):
                call.add(Verb.PRIVILEGE, "", "types into another terminal, where nobody may be watching", Severity.HIGH)
            line = " ".join(typed)
            call.shell(Word(_TYPED_END.sub("\n", line) if word == "stuff" else line))
            return None
        if word in (
            "new-session",
            "new",
            "new-window",
            "neww",
            "split-window",
            "splitw",
            "respawn-pane",
            "run-shell",
            "run",
            "if-shell",
            "pipe-pane",
            "display-popup",
            "popup",
        ):
            tail = _after_options(words[index + 1 :])
            if tail:
                call.shell(Word(" ".join(tail)))
            return None
        if word in ("kill-server", "kill-session", "kill-window", "kill-pane"):
            if _is_own_server(call, [bare(word) for word in words[:index]]):
                return None
            call.add(Verb.PROCESS_KILL, show(" ".join(words[index:])), "stops terminal sessions")
            return None
    if call.name == "screen":
        tail = _after_options(words)
        if tail:
            call.words_run(tail)
    return None


def _is_own_server(call: Call, words: list[str]) -> bool:
    """Whether tmux is told by name which server, and that one's socket was made in this session, or is not there."""
    setting, place = call.machine.setting, ""
    for at, word in enumerate(words):
        if word[:2] not in ("-L", "-S"):
            continue
        name = word[2:] or (words[at + 1] if at + 1 < len(words) else "")
        if word.startswith("-S"):
            place = call.path(name) if name else ""
        elif setting.uid >= 0 and name and "/" not in name:
            place = f"/tmp/tmux-{setting.uid}/{name}"
        break
    return call.name == "tmux" and bool(place) and is_fixed(place) and setting.probe.made(place)


def _after_options(words: list[Word]) -> list[Word]:
    at = 0
    while at < len(words) and words[at].startswith("-") and len(words[at]) > 1:
        at += 2 if words[at][-1] in "sntcFxyXYTeSpLh" else 1
    return words[at:]


def keys(call: Call, spec: Spec, options: Options) -> Stream | None:
    """ssh-keygen: new keys, fingerprints, printing a private key's public half."""
    file = options.last("-f")
    if options.has("-l", "-F", "-B", "-L", "-H"):
        return Stream(0, None)
    if options.has("-y"):
        return Stream(0, None)
    if options.has("-R"):
        call.write(Word("~/.ssh/known_hosts"), Stream(0, None), append=True)
        return None
    if options.has("-D"):
        call.run_file(options.last("-D") or Word(""), "loads")
        call.sign("obfuscated")
    if file is not None and call.place(file) in (Place.TEMP, Place.SOURCE, Place.GENERATED):
        return None
    call.add(
        Verb.WRITE, bare(file) if file is not None else "~/.ssh", "makes a key pair", Severity.MEDIUM, place=Place.HOME
    )
    return None


_PAIRS = frozenset(
    "--bind --bind-try --ro-bind --ro-bind-try --dev-bind --dev-bind-try --symlink --setenv --file --bind-data"
    " --ro-bind-data --chmod --overlay-src-x --bind-fd --ro-bind-fd".split()
)
_NONE = lazy(r"--(?:unshare-[\w-]+|share-net|die-with-parent|new-session|clearenv|as-pid-1|disable-userns)$")


def sandboxed(call: Call, spec: Spec, options: Options) -> Stream | None:
    """bwrap: the command after its own options, most of which take one word, mounts two."""
    words = call.words[1:]
    at = 0
    while at < len(words) and words[at].startswith("-"):
        if words[at] == "--":
            at += 1
            break
        at += 3 if words[at] in _PAIRS else 1 if _NONE.match(words[at]) else 2
    call.direct = False
    return call.words_run(words[at:]) if words[at:] else None


HANDLERS = {
    "sandboxed": sandboxed,
    "kill": kill,
    "users": users,
    "look_for": look_for,
    "crontab": timers,
    "at": later,
    "service": service,
    "accounts": accounts,
    "terminal": terminal,
    "keys": keys,
}
"""See handlers/__init__.py."""
