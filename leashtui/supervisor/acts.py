"""One act, one card: which execs belong to which act, and so what an approval (covering.py) covers.

An act is one outermost exec, keyed by its process (pid and start time). An exec whose ancestry leads to a living act
is an inner exec of it. An approval covers the effects that were shown, for that root process and for what it leaves
behind when it ends, as far as that is known to be its own; other orphans belong to no act, and opaque effects cover
nothing. A command that a hook announced and the exec of it are one act (announced.py): the exec is linked by its text
and directory. Invariant: a process is of one act at a time, the nearest above it.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath

from leashtui.guards.kernel.tracee import group_of
from leashtui.model.facts import Effect, Facts, Parse, Place, Severity, Verb
from leashtui.model.request import Action, Layer, ProcessRef, Request
from leashtui.supervisor.announced import Announced
from leashtui.supervisor.covering import Act, foretold
from leashtui.supervisor.histories import brings_out
from leashtui.supervisor.origins import Origins, starter_of
from leashtui.supervisor.owners import Owners
from leashtui.supervisor.pipelines import Pipelines
from leashtui.supervisor.scripts import SHELLS
from leashtui.supervisor.tree import stat_of

_REACHING = frozenset({Verb.NET_GET, Verb.NET_SEND, Verb.REMOTE_SESSION, Verb.REMOTE_CHANGE, Verb.PUBLISH, Verb.LISTEN})
_ITSELF = frozenset({Verb.NET_SEND, Verb.REMOTE_SESSION, Verb.LISTEN})
"""What is said of a shell that connects by itself; all else that its words come to, programs do that it starts."""
_REPLACERS = frozenset("tar bsdtar unzip cpio bsdcpio install cp ln".split())
"""What removes a file only to put another there, which is as good as writing it."""
_REPLACED = frozenset({Place.SOURCE, Place.GENERATED, Place.CI, Place.LOCKFILE})
_STEERING = frozenset({Place.AGENT_CONFIG, Place.SHELL_RC, Place.HOOK, Place.GUARD, Place.SECRET})
GITS = frozenset({"/usr/bin/git", "/usr/lib/git-core/git", "/usr/libexec/git-core/git", "/usr/local/bin/git"})

Key = tuple[int, int]

_PRUNE_AT = 512
_STARTS = 16
_MINDED = 64
_MOMENT = 5.0
"""Seconds in which the agent's own process may go on with what it was allowed once."""


def _name_of(path: str) -> str:
    return (
        path.rstrip("/").rpartition("/")[2].removeprefix(".")
    )  # a package keeps its program hidden beside the launcher


def key_of(process: ProcessRef) -> Key:
    """What identifies a process for its whole life, whatever it execs."""
    return (process.pid, process.start)


def _reaches(own: Facts, exe: str) -> bool:
    """Whether a program whose words were judged so reaches out in its own process."""
    if _name_of(exe) in SHELLS:
        return any(e.verb in _ITSELF for e in own.effects)
    return own.network or any(e.verb in _REACHING for e in own.effects)


def _replaces(own: Facts, request: Request) -> bool:
    """Whether a program that puts files in place makes room for one of those it said it would write."""
    name = _name_of(request.exe)
    if request.action is not Action.FILE_DELETE or name not in _REPLACERS or name not in own.programs:
        return False
    if not request.exe.startswith("/usr/") or any(word.startswith("--recursive-u") for word in request.argv):
        return False
    written = [e.target for e in own.effects if e.verb is Verb.WRITE]
    return any(PurePosixPath(request.path).is_relative_to(target) for target in written if target)


def _is_prompt(request: Request) -> bool:
    """Whether it is a shell that is told by its input what to do, one thing after the other."""
    if request.action is not Action.PROCESS_EXEC or not request.argv or _name_of(request.exe) not in SHELLS:
        return False
    words = request.argv[1:]
    return all(word[:1] in ("-", "+") and (word[1:2] == "-" or "c" not in word) for word in words)


class Acts:
    """The living acts of one session. is_kin: whether a program keeps the agent's state with it (by its file).
    root: of the workspace. now: seconds. watch: calls back once a process has ended; False, and never, where it cannot.
    left: the living processes of the session that this process led."""

    def __init__(
        self,
        alive: Callable[[ProcessRef], bool],
        command_of: Callable[[tuple[str, ...]], str] = lambda argv: "",
        maker: Callable[[str], int] = lambda path: 0,
        is_kin: Callable[[str], bool] = lambda exe: False,
        root: str = "",
        now: Callable[[], float] = time.monotonic,
        watch: Callable[[ProcessRef, Callable[[], None]], bool] = lambda process, ended: False,
        left: Callable[[ProcessRef], Iterable[ProcessRef]] = lambda process: (),
    ) -> None:
        self._now = now
        self._watch = watch
        self._left = left
        self._watched: dict[Key, Callable[[], None]] = {}
        self.owners = Owners()
        self._root = root
        self._origins = Origins(maker)
        self._alive = alive
        self._command_of = command_of
        self._is_kin = is_kin
        self._kin: set[Key] = set()
        self.announced = Announced()
        self._pipelines = Pipelines()
        self._acts: dict[Key, Act] = {}
        self._agents: set[Key] = set()
        self._ran: dict[Key, Facts] = {}
        self._argv: tuple[str, ...] = ()
        self._starts: deque[Act] = deque(maxlen=_STARTS)
        self._own: deque[tuple[Act, float]] = deque(maxlen=_STARTS)
        self._prompts: set[Key] = set()  # shells that the agent keeps: what is typed there is an act each time
        self._reaches = False
        self._prune_at = _PRUNE_AT

    def adopt_agent(self, process: ProcessRef, argv: tuple[str, ...] = (), *, reaches: bool = False) -> None:
        """The agent's own root process: what it starts are acts, it is none. argv: as the person started it.

        reaches: it is a program that lives by asking a model on the network.
        """
        self._reaches = reaches
        self._agents.add(key_of(process))
        self._argv = argv

    def starts(self, request: Request) -> bool:
        """Whether the agent itself comes to be by this exec: the words the person typed, with a shell or a version
        manager's shim before them, or without an `env` or `nice` that was; or started once more by its own launcher,
        in exactly those words."""
        if request.action is not Action.PROCESS_EXEC or request.process is None or not self._argv:
            return False
        if self._is_agent(request.process):
            return self._are_typed(request.argv)
        words = request.argv[-len(self._argv) :]
        if not words or _name_of(words[0]) != _name_of(self._argv[0]):
            return False
        again = words[1:] == self._argv[1:] and self.is_own(request)
        if again:
            self._agents.add(key_of(request.process))
        return again

    def _are_typed(self, argv: tuple[str, ...]) -> bool:
        for same, (word, typed) in enumerate(zip(reversed(argv), reversed(self._argv), strict=False)):
            if word != typed:  # a program and its last argument are the person's; one word alone may be chance
                return same > 1 or _name_of(word) == _name_of(typed)
        return True

    def is_own(self, request: Request) -> bool:
        """Whether the agent itself started this process, directly, and this is the first program in it."""
        process = request.process
        if process is None or process.execs > 1 or not request.ancestry:
            return False
        return self._is_agent(request.ancestry[0])

    def runs_agent(self, tid: int) -> bool:
        """Whether a thread is of the agent's own program, and not of something that the agent was asked to start."""
        pid = group_of(tid)
        found = stat_of(pid)
        key = (pid, found.start) if found is not None else (0, 0)
        return key in self._agents or key in self._kin

    def _is_agent(self, process: ProcessRef) -> bool:
        return key_of(process) in self._agents

    def _is_of_agent(self, request: Request) -> bool:
        """Whether it is the agent, or its own program that it started itself; git, which it starts too, is not."""
        if request.process is None:
            return False
        started = key_of(request.process) in self._kin and request.exe not in GITS
        return self._is_agent(request.process) or (started and self._is_kin(request.exe))

    def find(self, request: Request) -> Act | None:
        """The living act that this request is an inner exec of, nearest ancestor first; or the tool call it is."""
        if request.layer is Layer.MCP:
            return self.announced.call(request)
        if request.process is None:
            return None
        announced = self._announced(request)
        if announced is not None:
            return announced
        found = self._above(request)
        if found is None and self._watched:
            gone = [ended for key, ended in self._watched.items() if not self._alive(ProcessRef(*key))]
            for ended in gone:
                ended()
            found = self._above(request) if gone else None
        return found

    def _above(self, request: Request) -> Act | None:
        """The act of the nearest process from the request's own upwards; None also where the agent stands before it."""
        below: list[Key] = []
        for process in (request.process, *request.ancestry):
            if process is None:
                return None
            key = key_of(process)
            if key in self._agents or key in self._prompts:
                return None
            found = self._acts.get(key)
            if found is not None:
                if found.answered:  # they are its own, also when what is above them ends first
                    self._acts.update(dict.fromkeys(below, found))
                return found
            below.append(key)
        return None

    def open(self, act: str, request: Request) -> Act:
        """Register a new outermost act."""
        made = Act(act, request.process)
        if request.process is not None and key_of(request.process) in self._agents:
            if request.action is Action.PROCESS_EXEC:
                self._starts.append(made)
        elif request.process is not None:
            if len(self._acts) >= self._prune_at:
                self._prune()
            key = key_of(request.process)
            if _is_prompt(request):
                self._prompts.add(key)
            elif key not in self._prompts:
                self._acts[key] = made
        return made

    def is_same(self, act: Act, request: Request) -> bool:
        """Whether the request is the very command that the act's hook announced."""
        return (
            request.action is Action.PROCESS_EXEC
            and bool(act.command)
            and self._command_of(request.argv).strip() == act.command
        )

    def _announced(self, request: Request) -> Act | None:
        """The announced act that this exec is, bound to its process from now on."""
        if request.process is None or request.action is not Action.PROCESS_EXEC:
            return None
        act = self.announced.command(self._command_of(request.argv).strip(), request.cwd)
        if act is None:
            return None
        act.root = request.process
        self._acts[key_of(request.process)] = act
        if act.answered:
            self._mind(act, request.process)
        return act

    def _mind(self, act: Act, root: ProcessRef) -> None:
        """What runs on in its session when the root of an approved act ends is still this act: nobody else can be
        there, since one enters a session by birth alone, and its number is free only when all of it has ended."""
        key = key_of(root)
        if key in self._watched or len(self._watched) >= _MINDED:
            return

        def ended() -> None:
            if self._watched.pop(key, None) is not None:
                for left in map(key_of, self._left(root)):
                    if left not in self._acts or not self._acts[left].answered:
                        self._acts[left] = act

        self._watched[key] = ended
        if not self._watch(root, ended):
            del self._watched[key]

    def was_shown_at_start(self, facts: Facts) -> bool:
        """Whether a person saw these effects when they let the agent itself start (`leash run -- sh -c ...`)."""
        return any(start.covers(facts) for start in self._starts)

    def approved(self, act: Act, request: Request, facts: Facts) -> None:
        """A person let this happen: what they were shown, its process may do; the agent's own only for a moment."""
        act.approve(facts)
        if act.root is not None and act.root == request.process and key_of(act.root) in self._acts:
            self._mind(act, act.root)
        if self._types(request) and request.action is not Action.PROCESS_EXEC:
            self._own.append((act, self._now()))

    def _types(self, request: Request) -> bool:
        """Whether it is the agent's own process, or a shell that it keeps."""
        process = request.process
        return process is not None and (self._is_agent(process) or key_of(process) in self._prompts)

    def goes_on(self, request: Request, facts: Facts) -> bool:
        """Whether the agent's own process goes on with the file or address that it was allowed a moment ago: an edit
        is an open, a mode and a rename."""
        if not self._own or not self._types(request):
            return False
        since = self._now() - _MOMENT
        return any(at > since and act.covers(facts) for act, at in self._own)

    def ran(self, request: Request, facts: Facts) -> None:
        """An exec that was allowed: what it said it would do, its process may do."""
        if (request.action is Action.NET_CONNECT and facts.effects) or _reaches(facts, request.exe):
            self._origins.reached(request)
        if request.process is not None and request.action is Action.PROCESS_EXEC:
            if len(self._ran) >= self._prune_at:
                self._prune()
            key = key_of(request.process)
            self._ran[key] = facts
            self._pipelines.ran(request, facts)
            within = request.exe in GITS and bool(request.ancestry) and key_of(request.ancestry[0]) in self._kin
            if within or (self.is_own(request) and self._is_kin(request.exe)):
                self._kin.add(key)
            else:
                self._kin.discard(key)

    def is_under_git(self, request: Request) -> bool:
        """Whether git itself starts this: what the process was, or else what started it, was allowed as git alone."""
        if request.process is None or request.action is not Action.PROCESS_EXEC:
            return False
        nearest = self.starts_it(request)
        return nearest is not None and nearest.programs == ("git",)

    def pipeline(self, request: Request) -> str:
        """See Pipelines.line."""
        return self._pipelines.line(request, self.starts_it(request))

    def starts_it(self, request: Request) -> Facts | None:
        """What the process of an exec was before, or else what started it; None where nothing is known of that."""
        chain = (request.process, *request.ancestry[:1]) if request.process is not None else ()
        return next((facts for p in chain if (facts := self._ran.get(key_of(p))) is not None), None)

    def led_on(self, request: Request, facts: Facts) -> bool:
        """Whether a shell, all of whose text was understood and allowed, starts what shows secret variables: it was
        judged with what the text leads it to (`env | grep PATH`), and would have been asked about there."""
        if request.process is None or request.action is not Action.PROCESS_EXEC or facts.parse is not Parse.FULL:
            return False
        telling = [e for e in facts.effects if e.severity is not Severity.LOW]
        if not telling or any(e.verb is not Verb.SECRET_READ or e.target for e in telling):
            return False
        chain = (request.process, *request.ancestry)
        shell = next((found for p in chain if (found := self._ran.get(key_of(p))) is not None), None)
        if shell is None or shell.parse is not Parse.FULL or any(e.verb is Verb.OPAQUE for e in shell.effects):
            return False
        return shell.programs[:1] != () and shell.programs[0] in SHELLS and set(facts.programs) <= {*shell.programs[1:]}

    def made_itself(self, request: Request, facts: Facts) -> bool:
        """Whether a program, not the agent, runs what it made itself a moment ago in a temporary folder: it could have
        done the same without a file. So do `go test`, and compilers whose linker runs make."""
        near = starter_of(request)
        if near is None or self._is_agent(near):
            return False
        return self._origins.are_of(near, facts, self._ran.get(key_of(near)))

    def foresaw(self, request: Request, facts: Facts) -> bool:
        """Whether this file or network act is what an exec that was allowed said it would do.

        So is an edit that a person approved in the agent's own hook. A network act is foreseen by the process's own
        exec, or by its being the agent, whose model is somewhere, or the agent's own program that the agent started
        itself (OpenCode fetches its plugins so); a file act by any exec above it whose effects name
        that path; and what git does inside the workspace was judged when git was started.
        """
        if request.process is None or request.action is Action.PROCESS_EXEC:
            return False
        if self._is_agent(request.process) and self.announced.is_edit(request):
            return True
        own = self._ran.get(key_of(request.process))
        if request.action in (Action.NET_CONNECT, Action.NET_BIND):
            if request.action is Action.NET_CONNECT and self._reaches and self._is_of_agent(request):
                return not any(e.verb is Verb.SERVICE for e in facts.effects)
            if request.action is Action.NET_BIND and own is not None:
                return any(e.verb is Verb.LISTEN for e in own.effects)
            return (
                own is not None
                and _reaches(own, request.exe)
                and not any(e.verb is Verb.SERVICE for e in facts.effects)
            )
        if own is not None and own.programs == ("git",) and facts.in_workspace and request.exe in GITS:
            if any(e.place in _STEERING for e in facts.effects) and not brings_out(request, self._root):
                return False
            hook = request.path.rpartition("/.git/")[2].partition("hooks/")[2]
            return not facts.guard_tamper and not facts.reads_secret and (not hook or hook.endswith(".sample"))
        telling = [e for e in facts.effects if e.severity is not Severity.LOW]
        if own is not None and _replaces(own, request):
            telling = [e for e in telling if e.verb is not Verb.DELETE or e.place not in _REPLACED]
            if not telling:
                return True
        said: list[Effect] = []
        for process in (request.process, *request.ancestry):
            found = self._ran.get(key_of(process))
            said.extend(found.effects if found is not None else ())
        return bool(telling) and all(any(foretold(e, shown) for shown in said) for e in telling)

    def _prune(self) -> None:
        self._ran = {k: f for k, f in self._ran.items() if self._alive(ProcessRef(*k))}
        self._kin &= self._ran.keys()
        self._prompts = {k for k in self._prompts if self._alive(ProcessRef(*k))}
        dead = [k for k, a in self._acts.items() if a.root is not None and not self._alive(a.root)]
        for key in dead:
            del self._acts[key]
        self._prune_at = max(_PRUNE_AT, 2 * max(len(self._acts), len(self._ran)))
