"""The short way for what was judged a moment ago: same kind of act, same kind of place, same answer.

A build writes thousands of files into the same kinds of places. The first write to a kind of place goes THE path and is
recorded; while no policy looks at names, the answer for the next one cannot differ, so it is not asked again. Knows
places and what was allowed. Refuses to decide. Invariant: nothing is known here that a policy alone did not allow in
this session; of what a person allowed, hosts alone are known, each for itself as its card says: a program that acts for
the person at a socket file is asked about again; and a denial is never known.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from leashtui.classify.doors import is_loopback
from leashtui.classify.places import is_git, is_installed, is_within, place_of
from leashtui.classify.workspace import Workspace
from leashtui.model.facts import Place
from leashtui.model.ports import Reply, Submit, Ticket
from leashtui.model.request import Action, Request
from leashtui.model.verdict import By, Ruling, Verdict
from leashtui.policy.spoken import sample

_FILES = frozenset({Action.FILE_WRITE, Action.FILE_DELETE})
_SHORT = {
    Action.FILE_WRITE: frozenset(
        {Place.SOURCE, Place.GENERATED, Place.GIT, Place.TEMP, Place.CI, Place.LOCKFILE, Place.WORKSPACE}
    ),
    Action.FILE_DELETE: frozenset({Place.GENERATED, Place.TEMP}),
}
_DEPENDENCIES = frozenset("node_modules site-packages dist-packages .venv venv __pycache__ target .tox .nox".split())
_MOST = 16_384
"""Ports of this machine that are remembered."""
_TEMPS = ("/tmp", "/var/tmp", "/dev/shm")
_GIT_ROUTINE = re.compile(
    r"/(?:objects|refs|logs|rebase-merge|rebase-apply|sequencer|rr-cache|lfs)(?:/[^/]+)*$|\.lock$"
    r"|/(?:index|HEAD|ORIG_HEAD|FETCH_HEAD|MERGE_\w+|CHERRY_PICK_HEAD|REBASE_HEAD|AUTO_MERGE|COMMIT_EDITMSG|packed-refs"
    r"|shallow|description|gc\.log|gc\.pid)$"
)
"""What git writes all day and reads as data; its settings and hooks are others."""
NEUTRAL = "file"
"""The name a file in a dependency, a cache or a temporary folder is judged by: its own means nothing."""
_SPELLING = re.compile(r"[\d.-]")
"""What of a program's name is missing in its history's: `sqlite3`, `redis-cli`."""
_MARKS = re.compile(r"/__pycache__/[^/]+$|\.(?:lock|lck)$|/[A-Z_]+$")
"""What programs leave beside themselves when they run: no code, or that of a source that lies there."""
_GIT_OBJECTS = re.compile(r"/\.git/(?:modules/.+/)?objects(?:/[0-9a-f]{2})?$")


class OwnState(Struct, frozen=True):
    """Beginnings of paths. tools: where build tools keep what anybody may change. agents: where the agent keeps what
    its own program may; shared: names that what it starts may give to new files there. kept: what of all that is the
    person's. The longer beginning of a path counts; of the same, that it is theirs."""

    tools: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    settled: tuple[tuple[str, int], ...] = ()
    """Of kept: beginnings below which a tool puts something whole and leaves it, and how many names lead to it."""


class Judges(Protocol):
    """What policies look at (policy.pdp.PDP)."""

    def by_class(self) -> Mapping[Action, tuple[str, ...]]: ...

    def by_program(self) -> frozenset[Action]: ...

    def by_host(self) -> bool: ...

    def by_words(self) -> frozenset[Action]: ...

    def named(self) -> Mapping[Action, tuple[tuple[str, str], ...]]: ...


class Lanes:
    """submit: THE path. by_class: actions that no policy judges by name, but at some places. own: where this agent
    and tools keep their own state; added: what may be written to."""

    def __init__(
        self,
        submit: Submit,
        workspace: Workspace,
        home: str,
        *,
        by_class: Mapping[Action, tuple[str, ...]] | Collection[Action] = (),
        own: OwnState = OwnState(),  # noqa: B008 - frozen
        added: Sequence[str] = (),
    ) -> None:
        self._submit = submit
        self._workspace = workspace
        self._home = home
        self._by_class = by_class if isinstance(by_class, Mapping) else dict.fromkeys(by_class, ())
        self._tools, self._agents, self._shared, self._kept = own.tools, own.agents, own.shared, own.kept
        self._own = (*own.tools, *own.agents)
        self._settled = own.settled
        self._whole = tuple(place for place, _ in own.settled)
        self._meant = (*workspace.also, *workspace.steers)  # what git obeys means what it says, wherever it lies
        self._added = tuple(added)
        self._lent: tuple[str, ...] = ()
        self._allowed: set[tuple[Action, Place]] = set()
        self._by_program: frozenset[Action] = frozenset()
        self._by_host = False
        self._by_words: frozenset[Action] = frozenset()
        self._named: Mapping[Action, tuple[tuple[str, str], ...]] = {}
        self._doors: set[tuple[Action, str, int, str]] = set()
        self._home_doors: set[tuple[Action, str, int, str]] = set()
        self.changed: list[Callable[[], None]] = []

    def judge_by(self, pdp: Judges) -> None:
        """Other policies hold."""
        self._by_class, self._by_program, self._named = pdp.by_class(), pdp.by_program(), pdp.named()
        self._by_host = pdp.by_host()
        self._by_words = pdp.by_words()
        self.change()

    def change(self) -> None:
        """What was allowed before need not be now: other policies hold, or the session has taken in foreign text."""
        self._allowed.clear()
        self._doors.clear()
        self._home_doors.clear()
        self._tell()

    def lend(self, places: Sequence[str]) -> None:
        """What programs keep beside a key that is open for them, as beginnings of paths, until this is called again."""
        self._lent = tuple(places)
        self._tell()

    def _tell(self) -> None:
        for forget in self.changed:
            forget()

    def is_classed(self, action: Action, path: str) -> bool:
        """Whether policies look at the kind of place only, for this path and all that may be below it."""
        apart = self._by_class.get(action)
        if not apart:
            return apart is not None
        return not any(is_within(path, place) or is_within(place, path) for place in apart)

    def named(self, action: Action, folder: str) -> list[str]:
        """Paths at and below this folder that policies about the action name, of folders a file in each."""
        places = self._named.get(action, ())
        return [sample(place) for place in places if is_within(place[1].rstrip("/"), folder)]

    def leaves(self, source: str, target: str) -> bool:
        """Whether a name that is moved so leaves a place of whose removals policies speak."""
        places = (place.rstrip("/") for _, place in self._named.get(Action.FILE_DELETE, ()))
        return any(is_within(source, place) and not is_within(target, place) for place in places)

    def knows(self, action: Action, path: str) -> bool:
        """Whether this file act needs no question."""
        if not self.is_classed(action, path) or not path.isprintable():
            return False
        place = self._place(path)
        if (action, place) in self._allowed and (place is not Place.GIT or _GIT_ROUTINE.search(path) is not None):
            return True
        return self._is_tools(path) or (action is Action.FILE_WRITE and path in self._added)

    def knows_agents(self, action: Action, path: str) -> bool:
        """Whether this file act is about the agent's own state, which its own program may change without a question."""
        if action is Action.FILE_WRITE and path + "/" in self._agents and path.startswith(self._kept):
            path += "/"  # the folder of its own within the person's: it sets its mode at each start
        return self.is_classed(action, path) and path.isprintable() and self._is_agents(path)

    def is_shared(self, path: str) -> bool:
        """Whether what the agent starts may make a file of this name there, too."""
        return path.startswith(self._shared)

    def knows_folder(self, path: str) -> bool:
        """Whether an empty folder may be made there: below the agent's own state, whatever it will be asked to hold, or
        on the way to it; and in the workspace under any name but git's and leash's, as sandboxes do for what they will
        hide: what is put in it is judged by its own name. A link or a folder that holds something already is another
        matter."""
        if not self.is_classed(Action.FILE_WRITE, path) or not path.isprintable():
            return False
        return path.startswith(self._own) or self._leads_to_own(path) or self._is_bare(path)

    def _is_bare(self, path: str) -> bool:
        if not path.startswith(self._workspace.root + "/"):
            return False
        return place_of(path, self._workspace, self._home) not in (Place.GIT, Place.HOOK, Place.GUARD)

    def is_apart(self, folder: str) -> bool:
        """Whether names directly in this folder are told apart by whose they are."""
        return any("/" not in rest.rstrip("/") for rest in self._below(folder))

    def leads(self, folder: str) -> set[str]:
        """Names in this folder below which others are told apart by whose they are."""
        return {name for name, further, _ in (rest.partition("/") for rest in self._below(folder)) if further}

    def _below(self, folder: str) -> list[str]:
        apart = (place + "/" for places in self._by_class.values() for place in places)
        places = (*self._own, *self._kept, *self._added, *self._lent, *self._workspace.steers, *apart)
        return [place[len(folder) + 1 :] for place in places if place.startswith(folder + "/")]

    @property
    def steered(self) -> tuple[str, ...]:
        """What in the workspace git's settings name."""
        return self._workspace.steers

    def holds_work(self, folder: str) -> bool:
        """Whether the workspace, git's own folders of it or the home lie in this folder or further down: there, other
        names mean other things than in the folder itself."""
        work = (self._workspace.root, *self._workspace.also, self._home)
        return any((place + "/").startswith(folder + "/") for place in work if place)

    def knows_all(self, folder: str, action: Action = Action.FILE_WRITE) -> bool:
        """Whether this act there needs no question whatever the name (among git's objects: any name of an object)."""
        path = f"{folder}/x"
        same = self._judged_by(path) != path or _GIT_OBJECTS.search(folder) is not None
        return same and not self.is_apart(folder) and self.knows(action, path)

    def settles(self, action: Action, path: str) -> str | None:
        """What a tool put there whole and this path lies in: the name that must be the session's own for it to be
        changed, '' where nothing need be; None where nothing is settled."""
        found = next((place for place in self._settled if path.startswith(place[0])), None)
        if found is None or not self.is_classed(action, path) or not path.isprintable():
            return None
        parts = path[len(found[0]) :].split("/")
        depth = found[1] or next((n for n, part in enumerate(parts, 1) if "@" in part), len(parts))
        loose = action is Action.FILE_DELETE or parts[0][:1] == "." or (not found[1] and parts[0] == "cache")
        return "" if loose or _MARKS.search(path) is not None else found[0] + "/".join(parts[:depth])

    def is_added(self, path: str) -> bool:
        """Whether a program may add to what lies there, and no more."""
        return path in self._added

    def keeps(self, path: str, exe: str) -> bool:
        """Whether such a history is this program's own: bash's is bash's. Others may not even add to it."""
        name = _SPELLING.sub("", exe.rpartition("/")[2])
        return bool(name) and name in path.rpartition("/")[2] and is_installed(exe, self._workspace, self._home)

    def is_git(self, exe: str) -> bool:
        """Whether this program is git."""
        return is_git(exe, self._workspace, self._home)

    def is_nameless(self, path: str) -> bool:
        """Whether the name of a file there means nothing: a dependency, a cache, a temporary folder."""
        return path.startswith(self._own) or self._judged_by(path) != path

    def is_fleeting(self, path: str) -> bool:
        """Whether what lies there is not the person's work: it is made again, temporary, or a tool's or agent's own."""
        return self._is_tools(path) or self._is_agents(path) or self._place(path) in _SHORT[Action.FILE_DELETE]

    def knows_door(self, action: Action, host: str, port: int, exe: Callable[[], str]) -> bool:
        """Whether this host and port (or unix socket, port 0) was allowed before; to this program, where that counts.
        Of this machine's own ports: by the person."""
        return (action, host, port, exe() if action in self._by_program else "") in self._doors

    def knows_home(self, action: Action, host: str, port: int, exe: str) -> bool:
        """Whether policy allowed this program this port of this machine before, as any other program would be."""
        return (action, host, port, exe) in self._home_doors

    def is_work(self, path: str) -> bool:
        """Whether it lies in the workspace and is neither git's nor made again: what undo keeps."""
        within = path.startswith(self._workspace.root + "/")
        return within and self._place(path) not in (Place.GENERATED, Place.GIT)

    def is_bulk(self, path: str) -> bool:
        """Whether it lies in the workspace and is made again, or git ignores it: what undo leaves out."""
        return path.startswith(self._workspace.root + "/") and self._place(path) is Place.GENERATED

    def submit(self, request: Request, reply: Reply) -> Ticket:
        """The Submit port, with what is learned from the answer."""
        if request.action in _FILES:
            place = self._place(request.path)
            if place_of(request.path, self._workspace, self._home) is not place:
                request = replace(request, like=self._judged_by(request.path))
            key = (request.action, place)
        else:
            place = Place.NONE

        def learn(verdict: Verdict) -> None:
            if verdict.ruling is Ruling.ALLOW:
                if place is not Place.NONE:
                    if verdict.by is By.POLICY and place in _SHORT[request.action]:
                        self._allowed.add(key)
                elif verdict.by is By.POLICY and request.action in self._by_words:
                    pass  # another run of the same program may be told otherwise
                elif verdict.by is By.POLICY and is_loopback(request.host):
                    if len(self._home_doors) >= _MOST:
                        self._home_doors.clear()
                    self._home_doors.add((request.action, request.host, request.port, request.exe))
                elif verdict.by is By.POLICY and request.host and self._by_host:
                    pass  # another name may lead to that address
                elif verdict.by is By.POLICY or (verdict.by is By.PERSON and request.host):
                    exe = request.exe if request.action in self._by_program else ""
                    self._doors.add((request.action, request.host or request.path, request.port, exe))
            reply(verdict)

        return self._submit(request, learn if request.action is not Action.PROCESS_EXEC else reply)

    def _is_tools(self, path: str) -> bool:
        """Whether it is what anybody of the session may change: a tool's own, or kept beside an open key."""
        if self._lent and path.startswith(self._lent):
            return True
        if path.startswith(self._whole):
            return False
        return _longest(path, self._tools) > max(_longest(path, self._agents), _longest(path, self._kept) - 1)

    def _is_agents(self, path: str) -> bool:
        """Whether it is the agent's own, not the person's, nor a tool's."""
        return _longest(path, self._agents) > max(_longest(path, self._tools), _longest(path, self._kept) - 1)

    def _leads_to_own(self, path: str) -> bool:
        """Whether it is a folder on the way to one: made when it is missing."""
        return path != self._home and any(own.startswith(path + "/") for own in self._own)

    def _place(self, path: str) -> Place:
        """The class of a path, where the class of a folder outweighs a file's telling name."""
        return place_of(self._judged_by(path), self._workspace, self._home)

    def _judged_by(self, path: str) -> str:
        root = self._workspace.root
        if any(is_within(path, place) for place in self._meant):
            return path
        if path.startswith(root + "/"):
            parts = path[len(root) + 1 :].split("/")[:-1]
            for depth, part in enumerate(parts):
                if part in _DEPENDENCIES:
                    return "/".join([root, *parts[: depth + 1], NEUTRAL])
            return path
        for temp in (*_TEMPS, *self._workspace.temps):
            if path.startswith(temp + "/") and not (self._home and is_within(path, self._home)):
                return f"{temp}/{NEUTRAL}"
        return path


def _longest(path: str, places: tuple[str, ...]) -> int:
    """Characters of the longest of these beginnings that the path has, 0 for none."""
    return max(map(len, filter(path.startswith, places)), default=0) if path.startswith(places) else 0
