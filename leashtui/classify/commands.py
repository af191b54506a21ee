"""Simple commands: expand, plumb, then find out what the first word names: function, alias, builtin or program.

Knows the order in which a shell looks names up. Refuses to know what programs do. Invariant: a command whose name is
not certain is opaque, however harmless its other words look.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

from leashtui.classify.builtins import BUILTINS, own
from leashtui.classify.call import Call
from leashtui.classify.environment import UNCHECKED, judge_set, judge_variables, note_said
from leashtui.classify.ledger import Span
from leashtui.classify.machine import Machine, Worlds
from leashtui.classify.plumbing import Plumbing
from leashtui.classify.programs import SHELLS, external, tail
from leashtui.classify.redirects import plumb, pour
from leashtui.classify.state import State
from leashtui.classify.syntax import Assign, Function, Lit, Param, Simple, Words
from leashtui.classify.values import (
    MARK,
    NOTHING,
    STAR,
    TERMINAL,
    UNKNOWN,
    Stream,
    Taint,
    Word,
    bare,
    is_pattern,
    show,
    taint_of,
)
from leashtui.model.facts import Place, Severity, Verb

_DEEPEST = 10
_TELLING = ("rm", "sh", "bash", "dd", "curl", "cat", "nc", "wget", "mkfs", "chmod", "find", "shred", "kill", "leash")


def simple(machine: Machine, node: Simple, state: State, stdin: Stream) -> Stream:
    """Evaluate one simple command in one world; gives what it prints."""
    span = machine.span(node.start, node.end)
    expander = machine.expander
    waiting = tuple(expander.later)
    env = [_assigned(machine, a, state) for a in node.assigns]
    words: list[Word] = []
    machine.hollow = not machine.reading and any(_is_hollow(machine, item, state) for item in node.words)
    declared: list[tuple[Assign, str, Word]] = []
    for item in node.words:
        if isinstance(item, Assign):
            name, value = _assigned(machine, item, state)
            declared.append((item, name, value))
            words.append(Word(f"{name}={value}", value.taint))
        else:
            words.extend(expander.words(item, state))
    for item, name, value in declared:  # all words are expanded before the first of them takes effect
        own(machine, state, words, name)
        _set(machine, state, item, name, value, machine.span(item.start, item.end))
    made = plumb(machine, node.redirects, state, state.fds.get("0", stdin) if stdin is TERMINAL else stdin)
    if node.assigns or made.fds or made.changed or any(t != "/dev/null" for t, _, _ in made.outputs):
        machine.ledger.decorated = True
    if not words:
        for assign, (name, value) in zip(node.assigns, env, strict=True):
            _set(machine, state, assign, name, value, span)
        if node.words:
            return pour(machine, made, state, NOTHING, command=True)
        return pour(machine, made, state, made.stdin if made.changed else NOTHING, command=False)
    if env or not UNCHECKED.keys().isdisjoint(state.vars):
        judge_variables(Call(machine, state, words, made.stdin, span, made), env)
        for name, value in env:
            note_said(machine, name, value)
        used = {p.name for w in node.words if isinstance(w, Words) for p in w.parts if type(p) is Param}
        if used & {name for name, _ in env}:
            _as_meant(machine, node, _prefixed(state, env), made, span)
    known = _prefixed(state, env)
    out = invoke(machine, known, words, made.stdin, span, made, tuple(env))
    if known is not state:
        _settle(state, known, {name for name, _ in env})
    empties = (
        words[0] in (":", "true")
        or (words[0] in ("echo", "printf") and out.text == "")
        or (made.outputs != [] and out is NOTHING and words[0] == "cat")
    )
    left = pour(machine, made, state, out, command=not empties)
    for path in [p for p in expander.later if p not in waiting]:
        expander.feed(path, Stream(made.stdin.taint | out.taint | Taint.LOCAL, None))
    return left


def _is_hollow(machine: Machine, item: Words | Assign, state: State) -> bool:
    """Whether a word is all that lies below a variable that nothing here sets: "$X"/*, which is /* without it."""
    if not isinstance(item, Words) or len(item.parts) < 2 or not isinstance(item.parts[0], Param):
        return False
    head, tail = item.parts[0], [p.text if isinstance(p, Lit) else "x" for p in item.parts[1:]]
    if head.op or head.prefix or head.index or "".join(tail).rstrip("*.") not in ("/", "//"):
        return False
    return machine.expander.is_set(head.name, state) is None


def _as_meant(machine: Machine, node: Simple, state: State, made: Plumbing, span: Span) -> None:
    """`X=/a rm $X/b` expands $X before it sets it: what its writer meant is judged beside what the shell does."""
    words = [w for item in node.words if isinstance(item, Words) for w in machine.expander.words(item, state)]
    if words:
        invoke(machine, state, words, made.stdin, span, made)


def _settle(state: State, known: State, passing: set[str]) -> None:
    """Keep what a builtin or function changed, but not the assignments that held for it only."""
    former = {n: v for n, v in state.vars.items() if n in passing}
    for slot in type(state).__slots__:
        setattr(state, slot, getattr(known, slot))
    state.vars = {**{n: v for n, v in known.vars.items() if n not in passing}, **former}


def _prefixed(state: State, env: list[tuple[str, Word]]) -> State:
    """The world in which a command with assignments before it runs: only functions and eval see them."""
    if not env:
        return state
    made = state.copy()
    for name, value in env:
        made.assign(name, value)
    return made


def _assigned(machine: Machine, assign: Assign, state: State) -> tuple[str, Word]:
    if assign.items is not None:
        taint = 0
        for item in assign.items:
            for value in machine.expander.words(item, state):
                taint |= value.taint
        return assign.name, Word("", taint)
    return assign.name, machine.expander.one(assign.value, state)


def _set(machine: Machine, state: State, assign: Assign, name: str, value: Word, span: Span) -> None:
    """Give a shell variable its value."""
    judge_set(machine, name, value, span)
    if machine.reading and not value and assign.items is None:
        value = Word(UNKNOWN, value.taint, many=True)  # a script empties what it fills later
    if assign.items is not None:
        items: list[Word] = list(state.vars.get(name, ())) if assign.append else []
        for item in assign.items:
            items.extend(machine.expander.words(item, state))
        state.assign(name, *items)
    elif assign.index:
        kept = list(state.vars.get(name, ()))
        if assign.index.isdigit() and int(assign.index) <= len(kept):
            number = int(assign.index)
            kept[number : number + 1] = [value]
            state.assign(name, *kept)
        else:
            state.assign(name, *kept, Word(UNKNOWN, value.taint))
    elif assign.append:
        former = state.vars.get(name, (Word(""),))
        first = former[0] if former else Word("")
        state.assign(name, Word(first + value, first.taint | value.taint), *former[1:])
    else:
        state.assign(name, value)


def define(machine: Machine, node: Function, worlds: Worlds) -> None:
    """A function definition."""
    if node.name == "leash":
        machine.ledger.sign("guard_tamper")
        machine.ledger.add(
            Verb.GUARD_TOUCH, "leash", Place.NONE, "replaces leash by a function", machine.span(node.start, node.end)
        )
    for world in worlds:
        world.functions = {**world.functions, node.name: node.body}


def invoke(
    machine: Machine,
    state: State,
    words: list[Word],
    stdin: Stream,
    span: Span,
    made: Plumbing,
    env: tuple[tuple[str, Word], ...] = (),
) -> Stream:
    """A command with its final words; gives what it prints."""
    name = words[0]
    call = Call(machine, state, words, stdin, span, made, env)
    if name in state.functions:
        return _function(call, str(name))
    if name in state.aliases:
        return _alias(call, str(name))
    if not name.known or name.taint & (Taint.FETCHED | Taint.SOCKET | Taint.DECODED):
        call.judge_source(name, name.taint)
    if not name.known or is_pattern(name):
        return _nameless(call)
    builtin = BUILTINS.get(str(name))
    if builtin is not None:
        machine.ledger.programs[str(name)] = None
        out = builtin(call)
        if out is not None:
            return out
    return external(call)


def _nameless(call: Call) -> Stream:
    """The program's name is known only at run time."""
    if call.shim:
        call.opaque(f"runs a program whose name is known only when it runs: {show(' '.join(call.words))[:80]}")
    call.machine.partial()
    last = call.words[0].rpartition("/")[2]
    if call.words[0] == UNKNOWN and len(call.words) > 1 and bare(call.words[1]) in SHELLS:
        call.words_run(call.words[1:])
    else:
        for name in _meant(last):
            call.words_run([Word(name, call.words[0].taint), *call.words[1:]])
    tail(call)
    return call.out()


def _meant(last: str) -> list[str]:
    """The programs a name may come to: a variable in it may be empty, a pattern may match what matters most."""
    text = last.replace(UNKNOWN, "")
    if not text:
        return []
    if not is_pattern(text):
        return [text]
    return [n for n in _TELLING if fnmatchcase(n, bare(text))][:4] if text.strip(STAR + MARK) else []


def _function(call: Call, name: str) -> Stream:
    machine, state = call.machine, call.state
    body = state.functions[name]
    mark = id(body)
    before = [perhaps for known, perhaps in machine.calls if known == mark]
    ends = bool(machine.reading) and bool(before) and machine.perhaps > before[-1]
    again = bool(before) and not ends  # a script that goes on only while something holds comes to an end
    if again and machine.forked > 0:
        call.sign("catastrophic")
        say = "starts itself over and over until the machine stops (a fork bomb)"
        call.add(Verb.SYSTEM_CHANGE, "", say, Severity.CRITICAL)
    if len(before) > 1 or (before and machine.forked > 0):
        return NOTHING  # what it does was reported the first time
    if machine.depth > _DEEPEST:
        machine.ledger.lost("calls functions in functions further than leash follows", call.span)
        return NOTHING
    former, state.params = state.params, tuple(call.words[1:])
    hidden, state.hidden = state.hidden, {}
    machine.calls.append((mark, machine.perhaps))
    outer, machine.outer = machine.outer, machine.outer or call.span
    machine.depth += 1
    worlds = [state]
    out = machine.run(body, worlds, call.stdin)
    machine.depth -= 1
    machine.outer = outer
    machine.calls.pop()
    first = worlds[0]
    if first is not state:
        for slot in type(state).__slots__:
            setattr(state, slot, getattr(first, slot))
    state.params = former
    state.vars = {**{n: v for n, v in state.vars.items() if n not in state.hidden}, **_shown(state.hidden)}
    state.hidden = hidden
    return out


def _shown(hidden: dict[str, tuple[Word, ...] | None]) -> dict[str, tuple[Word, ...]]:
    """What a function's own variables hid, as it was before."""
    return {name: values for name, values in hidden.items() if values is not None}


def _alias(call: Call, name: str) -> Stream:
    """An alias: its text, then the other words, as one command."""
    import shlex

    text = call.state.aliases[name]
    rest = " ".join(shlex.quote(w) for w in call.words[1:])
    former = call.state.aliases
    call.state.aliases = {k: v for k, v in former.items() if k != name}
    out = call.shell(Word(f"{text} {rest}", taint_of(call.words)), same=True)
    call.state.aliases = former
    return out


__all__ = ["Words", "define", "invoke", "simple"]
