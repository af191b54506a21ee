"""MCP servers that an agent starts or calls by itself, because nothing of the session could name them to it again.

A plugin's server, one of an ordinary user's Gemini CLI, one that was added meanwhile: their files say how they are
started, so that a program is known by its words where it starts, and leash's relay is there in its place. One behind an
address is known by that: it cannot be led, so it is told at the start, and decided. Refuses to judge. Invariants: only
what an agent itself starts, with pipes to it, is taken for a server; what the files cannot say is never guessed.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from msgspec.structs import replace

from leashtui.agents.adapter import Adapter
from leashtui.agents.registry import adapter_for
from leashtui.agents.servers import served_of
from leashtui.guards.kernel.image import words_of
from leashtui.model.errors import GuardError
from leashtui.model.facts import Facts, Severity, Verb
from leashtui.model.mcp import Served
from leashtui.model.request import Action, Request
from leashtui.supervisor.acts import Acts
from leashtui.supervisor.inventory import Places, configured
from leashtui.supervisor.mcparming import Relays

_VARIABLE = re.compile(r"\$\{[^}]*\}|\{(?:env|file):[^}]*\}|\$\w+|^~(?=/)")
_SHEBANG = 3
"""Words that a kernel puts before a script's own at the most: an interpreter's, `env`'s and what that finds."""
_FRESH = 1.0
_MOST = 1024
_PORTS = {"http": 80, "https": 443}
_LOOP = ("127.0.0.1", "::1")
_HERE = ("localhost", *_LOOP)


class Unled:
    """One a session. places: as seen from where it starts, and from the workspace's root. argv: as it was started.

    acts: know what the agent itself is and starts. trusted: folders of plugins and extensions that are as they were
    accepted."""

    def __init__(
        self,
        relays: Relays,
        agent: Adapter,
        places: tuple[Places, ...],
        argv: tuple[str, ...],
        acts: Acts,
        trusted: frozenset[str] = frozenset(),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._relays = relays
        self._agent = agent
        self._places = places
        self._argv = argv
        self._acts = acts
        self._trusted = trusted
        self._clock = clock
        self._started: dict[tuple[int, int], tuple[str, ...]] = {}
        self._known: dict[str, tuple[float, list[Served]]] = {}
        self._doors: dict[tuple[str, int], str] = {}

    def instead(self, request: Request) -> tuple[str, ...]:
        """The relay's command line where an agent itself starts one of its servers, () for any other program."""
        if request.process is None or request.process.execs > 1 or not _has_pipes(request.process.pid):
            return ()
        agent, argv = (self._agent, self._argv) if self._acts.is_own(request) else _starter(request)
        if agent is None:
            return ()
        read, known = self._known.get(agent.kind, (-_FRESH, []))
        found = self._find(known, request.argv)
        if found is None and self._clock() - read >= _FRESH:
            known = self._look(agent, argv)
            found = self._find(known, request.argv)
        if found and len(self._started) < _MOST:
            self._started[request.process.pid, request.process.start] = found
        return found or ()

    def is_accepted(self, request: Request, facts: Facts) -> bool:
        """Whether a relay in a server's place starts just that one, whose files are all as they were accepted."""
        if request.action is not Action.PROCESS_EXEC or request.script or request.process is None:
            return False
        above = request.ancestry[0] if request.ancestry else None
        words = self._started.get((above.pid, above.start)) if above is not None else None
        if words is None or request.env or request.process.execs > _SHEBANG or not _ends(words, request.argv):
            return False
        telling = [effect for effect in facts.effects if effect.severity is not Severity.LOW]
        return all(effect.verb is Verb.EXEC and self._is_trusted(effect.target, request.cwd) for effect in telling)

    def _is_trusted(self, target: str, cwd: str) -> bool:
        real = os.path.realpath(os.path.join(cwd, os.path.expanduser(target)))
        return any(real.startswith(folder + "/") for folder in self._trusted)

    def far(self, *, hooks: bool) -> list[str]:
        """What a person should know of servers behind an address that are not led through leash, a sentence each.

        hooks: whether the agent asks about each of their calls; where it does not, reaching them is asked from now on.
        """
        led = {(one.name, one.url) for one in self._relays.served.values() if one.url}
        known = self._look(self._agent, self._argv)
        left = {(one.name, one.url): one for one in known if one.url and (one.name, one.url) not in led}
        for one in () if hooks else left.values():
            at = urlsplit(one.url)
            self._doors[at.hostname or "", at.port or _PORTS.get(at.scheme, 0)] = one.name
        what = "each of its calls is asked" if hooks else "reaching it is asked"
        whose = f"leash does not stand before {self._agent.kind}'s MCP server"
        return [f"{whose} {one.name} at {urlsplit(one.url).netloc}: {what}" for one in left.values()]

    def is_past(self, tid: int, port: int) -> bool:
        """Whether the agent's own program reaches for such a server on this machine."""
        here = any(host in _HERE and at == port for host, at in self._doors)
        return here and self._acts.runs_agent(tid)

    def marked(self, request: Request) -> Request:
        """A connection of the agent's own program with the server that is there, where it is one of these."""
        names = [request.named, request.host, *(_HERE if request.host in _LOOP else ())]
        found = next((self._doors[name, request.port] for name in names if (name, request.port) in self._doors), "")
        if not found or request.process is None or not self._acts.runs_agent(request.process.pid):
            return request
        return replace(request, unled=found)

    def _look(self, agent: Adapter, argv: tuple[str, ...]) -> list[Served]:
        """What its files name now."""
        found: list[Served] = []
        for places in self._places:
            for name, entry, source in configured(agent, places, argv):
                off = entry.get("disabled") is True or entry.get("enabled") is False
                off = off or agent.is_off(name, argv, places.env, str(places.project), source)
                served = None if off else served_of(name, entry, source, places.env)
                if served is not None:
                    found.append(served)
        self._known[agent.kind] = (self._clock(), found)
        return found

    def _find(self, known: list[Served], argv: tuple[str, ...]) -> tuple[str, ...] | None:
        """The relay's command line for a server that is started so; None where none is."""
        for one in known:
            at = _begins(one.words, argv)
            if at >= 0:
                try:
                    led = self._relays.lead(Served(one.name, one.source, argv[at:]))
                except GuardError:
                    return None
                return led.words if led is not None else None
        return None


def _starter(request: Request) -> tuple[Adapter | None, tuple[str, ...]]:
    """An agent that was started within the session and starts this itself, with its words; None for anything else."""
    try:
        words = words_of(request.ancestry[0].pid) if request.ancestry else ()
    except (OSError, ValueError):
        words = ()
    found = (adapter_for(word) for word in words[:_SHEBANG])
    return next((agent for agent in found if agent.names), None), words


def _ends(words: tuple[str, ...], argv: tuple[str, ...]) -> bool:
    """Whether a program's words are those that stand behind a relay's, but for how the program itself is named."""
    server = words[words.index("--") + 1 :]
    at = _begins(server, argv)
    return at >= 0 and argv[at + 1 :] == server[1:]


def _begins(words: tuple[str, ...], argv: tuple[str, ...]) -> int:
    """Where in a program's words those of its entry begin, behind what a script's first line adds; -1 for nowhere."""
    at = len(argv) - len(words)
    if not words or not 0 <= at <= _SHEBANG:
        return -1
    if not _fits(words[0].rpartition("/")[2] or words[0], argv[at].rpartition("/")[2]):
        return -1
    same = all(_fits(word, given) for word, given in zip(words[1:], argv[at + 1 :], strict=True))
    return at if same else -1


def _fits(word: str, given: str) -> bool:
    """Whether an entry's word may be this one: what a variable stands for only the agent knows. In one pass, because a
    project's file may hold a thousand of them."""
    first, *between = _VARIABLE.split(word)
    if not between:
        return given == first
    last = between.pop()
    end = len(given) - len(last)
    if not given.startswith(first) or not given.endswith(last) or end < len(first):
        return False
    at = len(first)
    for part in between:
        found = given.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def _has_pipes(pid: int) -> bool:
    """Whether whoever starts it speaks with it through its input and output."""
    try:
        ends = [os.readlink(f"/proc/{pid}/fd/{number}") for number in (0, 1)]
    except OSError:
        return False
    return all(end.startswith(("pipe:", "socket:")) for end in ends)
