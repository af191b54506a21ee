"""What a shell knows at one moment: directory, variables, functions, files it wrote. Copies are cheap.

Refuses to evaluate. Invariant: the dictionaries are never changed in place, only replaced, so copies may share them,
and two worlds that did nothing different compare equal at once.
"""

from __future__ import annotations

from leashtui.classify.syntax import Node
from leashtui.classify.values import UNKNOWN, Stream, Word

WORLDS = 4
"""Most possible worlds kept apart; more are merged into one that knows less."""


class State:
    """One possible world of a shell. cwd: absolute, '' when not known. fds: what descriptors lead to.

    sinks: files that descriptors write to. fixed: what the variables hold that may not be set any more.
    hidden: what the variables that the running function calls its own held
    before, None for not set.
    """

    __slots__ = (
        "aliases", "cwd", "fds", "files", "fixed", "functions", "hidden", "hooks", "old", "params", "refs", "sinks",
        "vars",
    )  # fmt: skip

    def __init__(self, cwd: str) -> None:
        self.cwd = cwd
        self.old = cwd
        self.vars: dict[str, tuple[Word, ...]] = {}
        self.functions: dict[str, Node] = {}
        self.aliases: dict[str, str] = {}
        self.params: tuple[Word, ...] = ()
        self.files: dict[str, Stream] = {}
        self.fds: dict[str, Stream] = {}
        self.hooks = 0
        self.refs: dict[str, str] = {}
        self.sinks: dict[str, Word] = {}
        self.hidden: dict[str, tuple[Word, ...] | None] = {}
        self.fixed: dict[str, tuple[Word, ...]] = {}

    def copy(self) -> State:
        """A world that goes its own way from here."""
        made = State.__new__(State)
        for name in State.__slots__:
            setattr(made, name, getattr(self, name))
        return made

    def same(self, other: State) -> bool:
        """Whether both worlds know the same."""
        return all(
            getattr(self, n) is getattr(other, n) or getattr(self, n) == getattr(other, n) for n in State.__slots__
        )

    def assign(self, name: str, *values: Word) -> None:
        """Set a variable (several values: an array), or the one it is a name reference to."""
        name = self.refs.get(name, name)
        if name in self.fixed:  # a shell says so, keeps what it holds and goes on
            values = self.fixed[name]
        self.vars = {**self.vars, name: values}

    def forget(self, name: str) -> None:
        """Unset a variable: it is empty from now on."""
        if name in self.fixed:
            self.assign(name)
            return
        self.vars = {**self.vars, name: ()}

    def wrote(self, path: str, stream: Stream, *, append: bool) -> None:
        """Remember what a file holds now."""
        before = self.files.get(path)
        if append and before is not None and before.text is not None:
            stream = before.joined(stream)
        elif append:
            before = before or Stream(0, None, path)
            added = before.added + (stream.text or "")
            stream = Stream(before.taint | stream.taint, None, before.origin, added)
        self.files = {**self.files, path: stream}


def merged(worlds: list[State]) -> list[State]:
    """The different worlds, at most WORLDS; beyond that one world in which what differs is unknown."""
    kept: list[State] = []
    for world in worlds:
        if not any(world.same(k) for k in kept):
            kept.append(world)
    if len(kept) <= WORLDS:
        return kept
    one = kept[0].copy()
    for other in kept[1:]:
        if other.cwd != one.cwd:
            one.cwd = ""
        names = {n for n in {*one.vars, *other.vars} if one.vars.get(n) != other.vars.get(n)}
        for name in names:
            taint = 0
            for value in (*one.vars.get(name, ()), *other.vars.get(name, ())):
                taint |= value.taint
            one.assign(name, Word(UNKNOWN, taint, many=True))
        one.functions = {**other.functions, **one.functions}
        one.aliases = {**other.aliases, **one.aliases}
        one.fds = {**other.fds, **one.fds}
        one.refs = {**other.refs, **one.refs}
        one.sinks = {**other.sinks, **one.sinks}
        one.fixed = {**other.fixed, **one.fixed}
        one.hidden = {**other.hidden, **one.hidden}
        files = dict(one.files)
        for path, stream in other.files.items():
            files[path] = files[path].joined(stream) if path in files else stream
        one.files = files
    return [one]
