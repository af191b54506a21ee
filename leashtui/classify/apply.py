"""Applies a program's table to one call: subcommand, rules, deeds, roles of its words, then its mini-language.

Knows the meaning of every key of a table. Refuses to know any program by name. Invariant: a subcommand that the table
does not list is never taken for a harmless one unless the table says that unlisted ones are.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

from leashtui.classify.call import Call
from leashtui.classify.handlers import HANDLERS
from leashtui.classify.options import Options, split
from leashtui.classify.patterns import lazy
from leashtui.classify.releases import release
from leashtui.classify.roles import play
from leashtui.classify.spec import Rule, Spec, deed, positions
from leashtui.classify.values import Stream, Taint, Word, bare, show
from leashtui.classify.verbs import NAMES, only_looks
from leashtui.model.facts import Severity, Verb

_HELP = frozenset(("--help", "--version", "--usage", "-help", "-version", "--help-all"))
_HELP_ALONE = frozenset(("-h", "-V", "-v", "help", "version", "-?", "/?"))
_CHANGES = frozenset(("delete", "destroy", "purge", "terminate", "create", "update", "remove"))
_NUMBER = lazy(r"[v^~=><]*\d")
_RUNS_FIRST = frozenset(("awk", "interpreter", "find", "debugger"))
"""Programs that run what they are given before they look at what follows."""
_ELSEWHERE = frozenset(
    "cloud_change remote_change container_change data_change system_change publish net_send secret_read".split()
)
"""What a table says of subcommands it does not list, where their verb may say that they only look."""
_DESTROYS = frozenset((
    Verb.DELETE, Verb.TRUNCATE, Verb.DISCARD_WORK, Verb.DATA_CHANGE, Verb.CLOUD_CHANGE, Verb.CONTAINER_CHANGE,
    Verb.SYSTEM_CHANGE, Verb.REMOTE_CHANGE, Verb.HISTORY_REWRITE,
))  # fmt: skip

_SAYS = {
    Verb.REMOTE_SESSION: "opens a session on another machine with {tool}",
    Verb.REMOTE_CHANGE: "changes a remote: {call}",
    Verb.PUBLISH: "publishes: {call}",
    Verb.DISCARD_WORK: "discards work with {tool} {sub}",
    Verb.HISTORY_REWRITE: "rewrites history with {tool} {sub}",
    Verb.PRIVILEGE: "raises privilege or loosens permissions with {tool}",
    Verb.PERSIST: "makes something stay or run later with {tool} {sub}",
    Verb.PROCESS_KILL: "stops processes with {tool}",
    Verb.SECRET_READ: "shows a secret with {tool} {sub}",
    Verb.PACKAGE_ADD: "adds {args} with {tool}",
    Verb.RUN_FETCHED: "runs code from the network with {tool} {sub}",
    Verb.CLOUD_CHANGE: "changes something in a cloud or cluster: {call}",
    Verb.DATA_CHANGE: "changes data: {call}",
    Verb.CONTAINER_CHANGE: "changes containers, images or volumes: {call}",
    Verb.SYSTEM_CHANGE: "changes the machine: {call}",
    Verb.LISTEN: "listens for connections with {tool}",
    Verb.NET_SEND: "sends data with {tool} {sub}",
    Verb.NET_GET: "reads from the network with {tool} {sub}",
    Verb.GUARD_TOUCH: "reaches for leash with {tool} {sub}",
    Verb.DELETE: "removes something with {tool} {sub}",
    Verb.OPAQUE: "runs something that leash does not know with {tool} {sub}",
}

_SAYS_LOST = {
    Verb.REMOTE_CHANGE: "changes a remote for good: {call}",
    Verb.PUBLISH: "changes for good what is published: {call}",
    Verb.CLOUD_CHANGE: "destroys something in a cloud or cluster: {call}",
    Verb.DATA_CHANGE: "destroys data: {call}",
    Verb.CONTAINER_CHANGE: "removes containers, images or volumes: {call}",
    Verb.SYSTEM_CHANGE: "changes the machine for good: {call}",
}
"""The same of what cannot be undone."""


def apply(call: Call, spec: Spec) -> Stream:
    """Evaluate a call by its table; gives what it prints."""
    words = call.words[1:]
    call.stops = spec.stops
    if _inert(words, spec):
        return Stream(0, None)
    limit = _limit(spec)
    options = split(words, spec, None, limit)
    chosen, sub = spec, ""
    call.parts = (sub, options)
    if spec.commands:
        found = _command(spec, options)
        if found is None:
            if _is_dry(call, spec, spec, options):
                call.sign("dry_run")
                call.direct = True
                return call.out()
            if spec.reaches:
                call.ledger.sign("network")
            if not options.args:
                _deeds(call, spec, options, spec.bare, "", "")
                return _finish(call, spec, options, "")
            if spec.handler.startswith("*"):
                _handler(call, spec, options, spec.handler[1:])
            _unknown(call, spec, options)
            call.direct = True
            return call.out()
        chosen, used = found
        options = split(words, spec, chosen, _limit(chosen) + used if chosen.posix else 99)
        sub = " ".join(show(w) for w in options.args[:used])
        options.args = options.args[used:]
        call.parts = (sub, options)
        taken = {n for n, _ in options.values}
        helps = any(o in _HELP and o not in taken for o in options.given)
        if words[-1:] == ["--help"] and len(words) == used + 1:  # nothing stands between the subcommand and its help
            return Stream(0, None)
        if helps and not chosen.posix and (_asks_help(words, spec) or "--version" not in words):
            return Stream(0, None)
        if spec.changes_clouds and not (chosen.do or chosen.rules or chosen.handler or chosen.args):
            _deeper(call, spec, options, sub)
    if _is_dry(call, spec, chosen, options) or (chosen.of == "*" and _only_looks(chosen, [sub, *options.args])):
        call.sign("dry_run")
        call.direct = True
        return call.out()
    if spec.handler.startswith("*"):
        _handler(call, spec, options, spec.handler[1:].partition(" ")[0])
    if spec.reaches or chosen.reaches:
        call.ledger.sign("network")
    return _finish(call, chosen, options, sub, spec)


def _inert(words: list[Word], spec: Spec) -> bool:
    """Whether it only prints its help or version."""
    if len(words) == 1 and words[0] in _HELP_ALONE and spec.style not in ("nohelp", "joined"):
        return True
    if spec.posix:
        return bool(words) and words[0] in _HELP
    if any(w in _HELP for w in words):
        return spec.style not in ("nohelp", "joined") and _asks_help(words, spec)
    if not spec.inert or not words:
        return False
    inert = spec.inert.split()
    if words[-1] in inert and not any(w.startswith("-") for w in words[-2:-1]):
        return True
    return any(w in inert and w.startswith("-") for w in words)


def _asks_help(words: list[Word], spec: Spec) -> bool:
    """Whether `--help` is an option here: not a value, not after `--`, not after code that runs first."""
    former = ""
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word == "--version" and (former or following) and _NUMBER.match(following):
            former = word  # which version is meant
            continue
        if word == "--" or (spec.handler in _RUNS_FIRST and not word.startswith("-")):
            return False
        if word in _HELP:
            return former not in spec.every_takes
        former = word
    return False


def _limit(spec: Spec) -> int:
    """After how many positionals a POSIX style program takes everything as it stands."""
    if not spec.posix:
        return 99
    head, repeat, _ = spec.positions
    return len(head) + (1 if repeat else 0) or 1


def _command(spec: Spec, options: Options) -> tuple[Spec, int] | None:
    """The subcommand's table and how many words name it."""
    words = [bare(w) for w in options.args]
    fitting = spec.by_first.get(words[0]) if words else None
    for pattern, command in spec.by_first["*"] if fitting is None else fitting:
        if len(pattern) <= len(words) and all(
            p == w or ("*" in p and fnmatchcase(w, p)) for p, w in zip(pattern, words, strict=False)
        ):
            return command, len(pattern)
    return None


def _deeper(call: Call, spec: Spec, options: Options, sub: str) -> None:
    """A group that is listed as harmless may hold verbs that are not: `nats consumer delete`."""
    looks = sub.split(" ")[0] in ("help", "search", "explain", "find", "completion", "describe", "auth", "explain")
    if not looks and any(bare(w) in _CHANGES for w in options.args[:3]):
        _deeds(call, spec, options, ("cloud_change!",), "", f"{sub} {show(options.args[0])}")


def _only_looks(spec: Spec, words: list[str]) -> bool:
    """Whether an unlisted subcommand only looks, by its verb; where secrets are kept, whether it only lists names."""
    deeds = [d.partition(":")[0].rstrip("!") for d in (*spec.do, spec.unknown) if d]
    if not deeds or any(d not in _ELSEWHERE for d in deeds):
        return False
    names = [bare(w) for w in words[:3]]
    return only_looks(names) and ("secret_read" not in deeds or any(NAMES.match(n) for n in names))


def _unknown(call: Call, spec: Spec, options: Options) -> None:
    """A subcommand that no table lists."""
    sub = show(options.args[0])
    for name, value in options.values:
        if role := spec.roles.get(name):
            play(call, spec, options, role, value)
    if spec.unknown not in ("", "opaque") and _only_looks(spec, list(options.args)):
        return
    if spec.unknown in ("", "opaque"):
        if spec.unknown == "opaque":
            call.opaque(f"runs {call.name} {sub}, which leash does not know")
        return
    _deeds(call, spec, options, (spec.unknown,), "", sub)


def _is_dry(call: Call, spec: Spec, chosen: Spec, options: Options) -> bool:
    dries = chosen.dries if chosen.dry else spec.dries
    if not dries:
        return False
    for option in options.given:
        if option in dries:
            return True
    return any(f"{n}={v}" in dries for n, v in options.values)


def _finish(call: Call, spec: Spec, options: Options, sub: str, whole: Spec | None = None) -> Stream:
    """Rules, deeds, roles, handler of the table that fits."""
    call.direct = True
    args = spec.args
    for rule in spec.rules:
        if _holds(rule, options, call):
            _deeds(call, spec, options, rule.do, rule.say, sub)
            if rule.args:
                args = rule.args
            if rule.stop:
                return call.out()
    _deeds(call, spec, options, spec.do, spec.say, sub)
    for name, value in options.values:
        role = spec.roles.get(name) or (whole.roles.get(name) if whole is not None else None)
        if role:
            play(call, spec, options, role, value)
    arguments(call, spec, options, args)
    handler = spec.handler.rpartition(" ")[2]
    out = _handler(call, spec, options, handler) if handler and handler[0] != "*" else None
    if out is not None:
        return out
    if spec.output == "quiet":
        return Stream(0, "")
    if spec.output == "fetched" or (whole is not None and whole.output == "fetched"):
        return Stream(call.taint() | Taint.FETCHED, None)
    if spec.output == "count":
        return Stream(call.taint() & ~15, None)
    return call.out()


def _handler(call: Call, spec: Spec, options: Options, name: str) -> Stream | None:
    return HANDLERS[name](call, spec, options)


def arguments(call: Call, spec: Spec, options: Options, args: str) -> None:
    """Give every positional its role."""
    head, repeat, tail = positions(args) if args != spec.args else spec.positions
    given = options.args
    for index, word in enumerate(given):
        left = len(given) - index
        if index < len(head):
            role = head[index]
        elif left <= len(tail) and index >= len(head):
            role = tail[len(tail) - left]
        else:
            role = repeat
        if role in ("command", "shells"):
            play(call, spec, options, role, Word(""), given[index:])
            return
        if role and role != "text":
            play(call, spec, options, role, word)


def _holds(rule: Rule, options: Options, call: Call) -> bool:
    """Whether a rule's conditions are met."""
    given = options.given
    if rule.when and not any(o in given for o in rule.when.split()):
        return False
    if rule.every and not all(o in given for o in rule.every.split()):
        return False
    if rule.unless and any(o in given for o in rule.unless.split()):
        return False
    if not rule.least <= len(options.args) <= rule.most:
        return False
    if rule.piped is not None and rule.piped != (call.stdin.text is not None or bool(call.stdin.taint)):
        return False
    if rule.first and not (options.args and _any(rule.first, options.args[:1])):
        return False
    if rule.value and not _any(rule.value, [Word(f"{n}={v}") for n, v in options.values]):
        return False
    return not rule.arg or _any(rule.arg, options.args)


def _any(patterns: str, words: list[Word]) -> bool:
    """Whether a word matches a pattern; `\\s` in a pattern is a space."""
    globs = [p.replace("\\s", " ") for p in patterns.lower().split()]
    return any(fnmatchcase(bare(w).lower(), p) for w in words for p in globs)


def _deeds(call: Call, spec: Spec, options: Options, deeds: tuple[str, ...], say: str, sub: str) -> None:
    """Report what a table lists under `do`."""
    for text in deeds:
        what = deed(text)
        if what.verb is None:
            call.sign(what.sign)
            continue
        if what.fatal:
            call.sign("catastrophic", "destructive")
        elif what.lost and what.verb in _DESTROYS:
            call.sign("destructive")
        if what.verb is Verb.OPAQUE:
            call.opaque(_filled(say or _SAYS[Verb.OPAQUE], call, options, sub))
            continue
        if what.verb is Verb.SECRET_READ:
            call.reads |= Taint.SECRET
        usual = _SAYS.get(what.verb, "{tool} {sub} " + what.verb)
        usual = _SAYS_LOST.get(what.verb, usual) if what.lost else usual
        if sub.endswith("publish") and not options.args and (thing := release(call, options)):
            usual = usual.replace("publishes:", f"publishes {thing}:")
        sentence = _filled(say or spec.say or usual, call, options, sub)
        target = _filled(spec.target or "{args}", call, options, sub)
        grade = Severity.CRITICAL if what.fatal else Severity.HIGH if what.lost else None
        if what.verb in (
            Verb.REMOTE_CHANGE,
            Verb.PUBLISH,
            Verb.CLOUD_CHANGE,
            Verb.NET_SEND,
            Verb.NET_GET,
            Verb.REMOTE_SESSION,
        ):
            call.sign("network")
        call.add(what.verb, target, sentence, grade, place=what.place, lost=what.lost)


def _filled(template: str, call: Call, options: Options, sub: str) -> str:
    """A sentence with {tool}, {sub}, {args}, {1} and {last} put in; {call}: the first three; {rest}: less the verb."""
    if "{" not in template:
        return template
    args = [show(w) for w in options.args]
    joined = " ".join(args)
    shown = _cut(joined, 80)
    return (
        template.replace("{call}", _cut(" ".join(part for part in (call.name, sub, joined) if part), 70))
        .replace("{rest}", _cut(" ".join((*sub.split()[1:], *args)), 70) or "what its options name")
        .replace("{tool}", call.name)
        .replace("{sub}", sub)
        .replace("{args}", shown)
        .replace("{1}", args[0] if args else "")
        .replace("{last}", args[-1] if args else "")
        .strip()
    )


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
