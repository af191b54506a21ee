"""One act, one card: which execs belong to which act, and what an approval covers.

An act is one outermost exec, keyed by its process (pid and start time). An exec whose ancestry leads to a living act
is an inner exec of it. An approval covers the effects that were shown, for that root process until it ends; orphans
belong to no act, and opaque effects cover nothing (architecture.md, Words). Invariant: covering never looks at text,
only at verbs and resolved targets.
"""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from msgspec.structs import replace

from leashtui.model.facts import PUSHED, Effect, Facts, Severity, Verb
from leashtui.model.request import Action, ProcessRef, Request

_REACHING = frozenset({Verb.NET_GET, Verb.NET_SEND, Verb.REMOTE_SESSION, Verb.REMOTE_CHANGE, Verb.PUBLISH, Verb.LISTEN})
_COMES_TO = {
    Verb.WRITE: frozenset({Verb.WRITE, Verb.TRUNCATE}),
    Verb.TRUNCATE: frozenset({Verb.WRITE, Verb.TRUNCATE}),
    Verb.DELETE: frozenset({Verb.DELETE, Verb.DISCARD_WORK}),
    Verb.PERSIST: frozenset({Verb.PERSIST}),
}
_GITS = frozenset({"/usr/bin/git", "/usr/lib/git-core/git", "/usr/libexec/git-core/git", "/usr/local/bin/git"})

Key = tuple[int, int]

_PATH_VERBS = frozenset({Verb.DELETE, Verb.WRITE, Verb.TRUNCATE, Verb.SECRET_READ, Verb.READ, Verb.DISCARD_WORK})
_PRUNE_AT = 512


def key_of(process: ProcessRef) -> Key:
    """What identifies a process for its whole life, whatever it execs."""
    return (process.pid, process.start)


class Act:
    """An outermost exec: the id of its first record and the effects a person approved for it."""

    def __init__(self, act: str, root: ProcessRef | None) -> None:
        self.id = act
        self.root = root
        self.approved: list[Effect] = []

    def approve(self, facts: Facts) -> None:
        """Remember what was shown and allowed."""
        self.approved.extend(e for e in facts.effects if e.verb is not Verb.OPAQUE)

    def covers(self, facts: Facts) -> bool:
        """Whether every telling effect of an inner exec was already shown and approved."""
        telling = [e for e in facts.effects if e.severity is not Severity.LOW]
        if not telling or not self.approved:
            return False
        return all(any(_within(e, shown) for shown in self.approved) for e in telling)


def _within(effect: Effect, shown: Effect) -> bool:
    """Whether `shown` says at least as much as `effect` does."""
    if effect.verb is Verb.OPAQUE or effect.verb is not shown.verb:
        return False
    if effect.target == shown.target or (effect.verb is Verb.REMOTE_CHANGE and effect.target == PUSHED):
        return True
    if effect.verb not in _PATH_VERBS or not shown.target or not effect.target:
        return False
    if shown.recursive and PurePosixPath(effect.target).is_relative_to(shown.target):
        return True
    if not any(c in shown.target for c in "*?["):
        return False
    same_depth = effect.target.count("/") == shown.target.count("/")
    return same_depth and fnmatchcase(effect.target, shown.target)


def _foretold(effect: Effect, shown: Effect) -> bool:
    """Whether a command's effect comes to this effect of a file act."""
    if shown.verb in _COMES_TO.get(effect.verb, ()):
        return _within(replace(effect, verb=shown.verb), shown)
    return False


class Acts:
    """The living acts of one session."""

    def __init__(self, alive: Callable[[ProcessRef], bool]) -> None:
        self._alive = alive
        self._acts: dict[Key, Act] = {}
        self._ran: dict[Key, Facts] = {}
        self._agent: Key | None = None
        self._argv: tuple[str, ...] = ()
        self._prune_at = _PRUNE_AT

    def adopt_agent(self, process: ProcessRef, argv: tuple[str, ...] = ()) -> None:
        """The agent's own root process: what it starts are acts, it is none. argv: as the person started it."""
        self._agent = key_of(process)
        self._argv = argv

    def starts(self, request: Request) -> bool:
        """Whether the agent itself comes to be by this exec: the words the person typed, with a shell or a version
        manager's shim before them, or without an `env` or `nice` that was."""
        if request.process is None or key_of(request.process) != self._agent or not self._argv or request.path:
            return False
        pairs = zip(reversed(request.argv), reversed(self._argv), strict=False)
        for same, (word, typed) in enumerate(pairs):
            if word != typed:  # a program and its last argument are the person's; one word alone may be chance
                return same > 1 or PurePosixPath(word).name == PurePosixPath(typed).name
        return True

    def find(self, request: Request) -> Act | None:
        """The living act that this request is an inner exec of, nearest ancestor first."""
        if request.process is None:
            return None
        for process in (request.process, *request.ancestry):
            key = key_of(process)
            if key == self._agent:
                return None
            found = self._acts.get(key)
            if found is not None:
                return found
        return None

    def open(self, act: str, request: Request) -> Act:
        """Register a new outermost act."""
        made = Act(act, request.process)
        if request.process is not None and key_of(request.process) != self._agent:
            if len(self._acts) >= self._prune_at:
                self._prune()
            self._acts[key_of(request.process)] = made
        return made

    def ran(self, request: Request, facts: Facts) -> None:
        """An exec that was allowed: what it said it would do, its process may do."""
        if request.process is not None and request.action is Action.PROCESS_EXEC:
            if len(self._ran) >= self._prune_at:
                self._prune()
            self._ran[key_of(request.process)] = facts

    def is_under_git(self, request: Request) -> bool:
        """Whether git itself starts this: what the process was, or else what started it, was allowed as git alone."""
        if request.process is None or request.action is not Action.PROCESS_EXEC:
            return False
        near = (self._ran.get(key_of(p)) for p in (request.process, *request.ancestry[:1]))
        nearest = next((facts for facts in near if facts is not None), None)
        return nearest is not None and nearest.programs == ("git",)

    def foresaw(self, request: Request, facts: Facts) -> bool:
        """Whether this file or network act is what an exec that was allowed said it would do.

        A network act is foreseen by the process's own exec only; a file act by any exec above it whose effects name
        that path; and what git does inside the workspace was judged when git was started.
        """
        if request.process is None or request.action is Action.PROCESS_EXEC:
            return False
        own = self._ran.get(key_of(request.process))
        if request.action in (Action.NET_CONNECT, Action.NET_BIND):
            reaches = own is not None and (own.network or any(e.verb in _REACHING for e in own.effects))
            return reaches and not any(e.verb is Verb.SERVICE for e in facts.effects)
        if own is not None and own.programs == ("git",) and facts.in_workspace and request.exe in _GITS:
            return not facts.guard_tamper and not facts.reads_secret
        telling = [e for e in facts.effects if e.severity is not Severity.LOW]
        said: list[Effect] = []
        for process in (request.process, *request.ancestry):
            found = self._ran.get(key_of(process))
            said.extend(found.effects if found is not None else ())
        return bool(telling) and all(any(_foretold(e, shown) for shown in said) for e in telling)

    def _prune(self) -> None:
        self._ran = {k: f for k, f in self._ran.items() if self._alive(ProcessRef(*k))}
        dead = [k for k, a in self._acts.items() if a.root is not None and not self._alive(a.root)]
        for key in dead:
            del self._acts[key]
        self._prune_at = max(_PRUNE_AT, 2 * len(self._acts))
