"""Arms the agent with leash's hooks and MCP relays for one session, and says what its own habits ask of the path.

Knows the adapter and the session's hook directory. Refuses to judge. Invariant: nothing outside the session's
directory is written; a program with code-carrying variables of its own is never taken for leash's client.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from msgspec.structs import replace

from leashtui.agents.adapter import HOOK_DIRECTORY, Adapter, Armed, Armory
from leashtui.agents.registry import adapter_for, placed
from leashtui.agents.settled import only_settles
from leashtui.classify.places import is_of, package_of
from leashtui.guards.hook import HookDirectory, HookGuard
from leashtui.guards.kernel.voice import is_on_terminal
from leashtui.guards.mcp.guard import McpGuard
from leashtui.model.facts import Facts
from leashtui.model.request import Action, Layer, Request
from leashtui.supervisor.acts import GITS, Acts
from leashtui.supervisor.hooks import Hooks
from leashtui.supervisor.inventory import Places, version_of
from leashtui.supervisor.limits import Limits
from leashtui.supervisor.mcp import Servers
from leashtui.supervisor.mcparming import DIRECTORY, Relays
from leashtui.supervisor.mediator import Mediator
from leashtui.supervisor.session import Session
from leashtui.supervisor.stream import Stream
from leashtui.supervisor.tickets import Tickets
from leashtui.supervisor.unled import Unled
from leashtui.words.refusal import woken

_MARGIN = 60.0
"""Seconds between a ticket and the end of the hook client's own patience."""
_BEATEN = 3540.0
"""Seconds that a program may be held whose caller counts from the last output, and is given some."""
_SHELLS = frozenset({"sh", "bash", "dash", "zsh"})
_HARMLESS = ("GIT_", "npm_config_", "NODE_PATH")
_HOMES = ("~/.claude/", "~/.codex/")
_KEPT = ("/.claude", "/.codex")
_SNAPSHOTS = re.compile(r"(/[^'\"\0\n]*)/shell[-_]snapshots/")
"""Where agents that start commands by a snapshot of the shell keep it, and how it is named there."""
_HARMLESS_NAMES = frozenset({"PAGER", "MANPAGER", "EDITOR", "VISUAL", "BROWSER"})


def _homes(env: Mapping[str, str]) -> frozenset[str]:
    """Where agents keep snapshots of the shell; nothing where no home is known."""
    home = env.get("HOME", "")
    if not home.startswith("/"):
        return frozenset()
    return frozenset(os.path.realpath(os.path.join(home, placed(name, env).removeprefix("~/"))) for name in _HOMES)


class Arming:
    """What one session knows of its agent's kind. patience: the person's own figure in seconds, 0 for the adapter's.
    late: see config.Config. wake: types a sentence into the agent's prompt unless the person typed since; None where
    they did not agree to it.
    """

    def __init__(
        self,
        argv: Sequence[str],
        directory: Path,
        *,
        hooks: bool,
        patience: int,
        late: int = 3600,
        mcp: bool = False,
        wake: Callable[[str, float], None] | None = None,
        env: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._homes = _homes(env)
        self.adapter: Adapter = adapter_for(argv[0])
        self._program = argv[0]
        self._exe = ""
        self._settled: dict[str, str] = {}
        self.wanted = hooks and self.adapter.hold > 0
        self._directory = HookDirectory(directory / "hook")
        self._patience = patience
        self._late = late
        self._hooks: Hooks | None = None
        self._mcp = mcp
        self._wake = wake
        self._relays = Relays(self._directory.path)
        self._unled: Unled | None = None
        self._trusted: frozenset[str] = frozenset()

    @property
    def window(self) -> str:
        """The directory that the agent must be able to read, '' for none."""
        return os.fspath(self._directory.path) if self.wanted or self._mcp else ""

    @property
    def sockets(self) -> frozenset[str]:
        """Real paths of the sockets that everything of the agent may call."""
        names = (["ask.sock"] if self.wanted else []) + (["mcp.sock"] if self._mcp else [])
        return frozenset(os.path.realpath(self._directory.path / name) for name in names)

    def limits(self, bundle: Callable[[], str], clock: Callable[[], int]) -> Limits:
        """What the mediator has to heed."""
        loop = asyncio.get_running_loop()

        def later(seconds: float, work: Callable[[], None]) -> Callable[[], None]:
            return loop.call_later(seconds, work).cancel

        return Limits(
            patience=self._seconds,
            later=later,
            own=self._is_own,
            habit=self._is_habit,
            settled=self._is_settled,
            served=self._is_served,
            forgone=self._is_forgone,
            placed=self._placed,
            plain=self._plain,
            tickets=Tickets(bundle, clock, self.adapter.command_of, self._late * 1_000_000),
            told=self.tell,
            wake=self.wake,
        )

    def arm(
        self,
        argv: Sequence[str],
        env: Mapping[str, str],
        mediator: Mediator,
        stream: Stream,
        acts: Acts,
        session: Session,
        house: Callable[[Relays], Servers],
        where: tuple[str, str] = ("/", "/"),
    ) -> Armed:
        """Serve the sockets, and how to start the agent so that it calls. Raises LeashError.

        house: judges MCP calls. where: the directory it starts in, and the workspace's root.
        """
        armed = Armed(list(argv), dict(env))
        found = shutil.which(self._program, path=env.get("PATH"))
        self._exe = os.path.realpath(found) if found else ""
        if not self.wanted and not self._mcp:
            return armed
        self._directory.make()
        servers = house(self._relays) if self._mcp else None
        if self.wanted:
            known = servers.known if servers is not None else None
            self._hooks = Hooks(
                self.adapter, mediator.submit, stream.append, acts.announced, session.notice, known, mediator.read
            )
            armed = self.adapter.arm(argv, env, self._armory(env, where))
            session.hooks = HookGuard(self._directory.path, self._hooks.hear, os.getuid(), asyncio.get_running_loop())
        if servers is not None:
            here = dict.fromkeys(where)
            places = tuple(Places(env.get("HOME", "/"), place, env.get("PATH", ""), env) for place in here)
            self._unled = Unled(self._relays, self.adapter, places, tuple(argv), acts, self._trusted)
            session.mcp = McpGuard(self._directory.path, servers, os.getuid(), session.spawn)
            armed = replace(armed, env={**armed.env, DIRECTORY: os.fspath(self._directory.path)})
            asks = self.wanted and (HOOK_DIRECTORY not in armed.env or self._is_installed(env))
            for text in self._unled.far(hooks=asks):
                session.notice("warn", text, "start it with `leash mcp run`, or deny what is asked")
            if self._relays.endpoint is not None:
                self._relays.endpoint.start(env)
                session.endpoint = self._relays.endpoint
        self._directory.seal()
        for note in armed.notes:
            session.notice("info", note, "leash config show hooks")
        return armed

    def _armory(self, env: Mapping[str, str], where: tuple[str, str]) -> Armory:
        return Armory(
            command=lambda event, seconds, gate: self._directory.command(event, seconds, gate=gate),
            words=lambda event, seconds, gate: self._directory.words(event, seconds, gate=gate),
            write=self._directory.write,
            directory=os.fspath(self._directory.path),
            installed=self._is_installed(env),
            relay=self._relays.lead if self._mcp else lambda served: None,
            own=self._relays.own if self._mcp else (),
            cwd=where[0],
            top=where[1],
            version=version_of(Path(self._exe), self.adapter.footprint.package) if self._exe else "",
        )

    def _is_installed(self, env: Mapping[str, str]) -> bool:
        """Whether `leash hooks install` was run for this agent, for the person."""
        settings = self.adapter.settings(lambda event, seconds, gate: "")
        if settings is None or not env.get("HOME"):
            return False
        try:
            return self._directory.mark in _place(settings.user, env["HOME"], env).read_bytes()
        except OSError:
            return False

    def _seconds(self, request: Request) -> float:
        """How long this request may wait for a person; no program waits for a change that was made already."""
        if request.layer is Layer.WATCHER:
            return 0.0
        if self._patience:
            return float(self._patience)
        if request.layer is Layer.HOOK:
            return max(self.adapter.hold - _MARGIN, 0.0)
        if self.adapter.beats and request.process is not None and is_on_terminal(request.process.pid):
            return _BEATEN
        patience = 0 if self.adapter.yields else self.adapter.patience
        return patience - max(5.0, patience / 12) if patience > 10 else 0.0

    def _is_own(self, request: Request) -> bool:
        """Whether this is the hook client, started as leash says and with nothing slipped in."""
        if request.layer is Layer.HOOK or request.action is not Action.PROCESS_EXEC:
            return False
        if self._mcp and self._relays.is_relay(request):
            return True
        if not self.wanted:
            return False
        clean = all(name in _HARMLESS_NAMES or name.startswith(_HARMLESS) for name, _ in request.env)
        return clean and not request.script and self._directory.is_client(request.argv, request.exe)

    def instead(self, request: Request) -> tuple[str, ...]:
        """The words of leash's relay where the agent starts an MCP server without it, () for any other program."""
        return self._unled.instead(request) if self._unled is not None and not self._is_own(request) else ()

    def calls_past(self, tid: int, port: int) -> bool:
        """Whether the agent's own program calls one of its MCP servers on this machine past leash."""
        return self._unled is not None and self._unled.is_past(tid, port)

    def _is_served(self, request: Request, facts: Facts) -> bool:
        return self._unled is not None and self._unled.is_accepted(request, facts)

    def trust(self, folders: frozenset[str]) -> None:
        """Plugins and extensions that are as they were accepted: what they bring along may be started."""
        self._trusted = folders

    def _is_habit(self, request: Request) -> bool:
        """Whether the agent program does this by itself; what it starts in turn is judged again."""
        if request.layer is not Layer.KERNEL or request.action is not Action.PROCESS_EXEC:
            return False
        return not request.script and self.adapter.is_habit(request.argv)

    def shown(self, home: str, env: Mapping[str, str]) -> frozenset[str]:
        """Real paths of the agent's settings whose new text is looked at where a file takes their place."""
        self._settled = {os.path.realpath(_place(f, home, env)): p for f, p in self.adapter.settled if home}
        return frozenset(self._settled)

    def _is_settled(self, request: Request) -> bool:
        """Whether the agent program itself puts a text into the place of its settings that settles nothing else."""
        pattern = self._settled.get(request.path)
        if not pattern or not request.script or request.action is not Action.FILE_WRITE:
            return False
        if request.layer is not Layer.KERNEL or not self._is_program(request.exe):
            return False
        try:
            before = Path(request.path).read_text(encoding="utf-8")
        except (OSError, ValueError):
            return False
        return only_settles(request.path, before, request.script, pattern)

    def _is_forgone(self, request: Request, own: bool) -> bool:
        """Whether the agent program would only add a trifle to its settings, or run what nobody asked it for.

        Its model's edits and commands come by its hooks and its shell. own: whether the agent itself starts it."""
        if request.action is Action.PROCESS_EXEC and own and request.layer is Layer.KERNEL:
            return self.adapter.does_without(request.argv)
        if self._hooks is None or request.layer is not Layer.KERNEL or request.action is not Action.FILE_WRITE:
            return False
        if not self._is_program(request.exe):
            return False
        try:
            return self.adapter.forgoes(request.argv, request.path, Path(request.path).read_bytes())
        except (OSError, ValueError):
            return False

    def _placed(self, request: Request, own: bool) -> Request:
        """The request where its command will run: the agent's wrapping may go elsewhere first. own: see _plain."""
        if not own or request.action is not Action.PROCESS_EXEC or request.layer is not Layer.KERNEL:
            return request
        folder = self.adapter.folder(request.argv)
        if not folder.startswith("/") or not self._is_wrapper(request):
            return request
        return replace(request, cwd=os.path.normpath(folder))

    def _plain(self, request: Request, own: bool) -> Request:
        """The request as its model meant it. own: whether the agent itself starts it; what git starts for it in turn
        has its settings as well."""
        if request.action is Action.NET_CONNECT and self._unled is not None:
            return self._unled.marked(request)
        if request.action is not Action.PROCESS_EXEC or not request.argv:
            return request
        plain = self.adapter.plain(request.argv) if own else request.argv
        if plain != request.argv and not self._loads_its_own(request.argv):
            plain = request.argv
        env = tuple((n, self._bare(request, n, v, own)) for n, v in request.env)
        if plain == request.argv and env == request.env:
            return request
        if plain[0] != request.argv[0] and request.exe and not self._is_wrapper(request):
            plain = request.argv
        return replace(request, argv=plain, env=env, exe=request.exe if plain[0] == request.argv[0] else "")

    def _loads_its_own(self, argv: Sequence[str]) -> bool:
        """Whether snapshots of the shell lie where the agent keeps them: by their name alone a model could load any
        file unread."""
        folders = _SNAPSHOTS.findall("\0".join(argv))
        if not self._homes:
            return all(f.endswith(_KEPT) for f in folders)
        return all(os.path.realpath(f) in self._homes for f in folders)

    def _is_wrapper(self, request: Request) -> bool:
        """Whether what unwraps to another program is the agent's own program, or a shell: names alone can be forged."""
        name = os.path.basename(request.exe)
        if name in _SHELLS:
            return request.exe.startswith(("/bin/", "/usr/bin/"))
        return self._is_program(request.exe)

    def _is_program(self, exe: str) -> bool:
        """Whether this file is the agent's own program, which its launcher may know as `.name` or `name.exe`."""
        if self._exe and exe == self._exe:
            return True
        known = not self._exe or is_of(exe, package_of(self._exe))
        return os.path.basename(exe).removeprefix(".").removesuffix(".exe") in self.adapter.names and known

    def is_kin(self, exe: str) -> bool:
        """Whether a program that the agent starts itself keeps the agent's state with it: itself once more, or git, in
        which some keep snapshots."""
        return exe in GITS or self._is_program(exe)

    def _bare(self, request: Request, name: str, value: str, own: bool) -> str:
        """A variable's value without what the agent hands its own git calls. What git starts by it is judged where it
        starts."""
        if name.startswith("GIT_CONFIG_VALUE_"):
            return "" if value in self.adapter.settings_of_git else value
        if name == "GIT_CONFIG_PARAMETERS":  # git's own words for the settings of whatever it starts
            for harmless in self.adapter.settings_of_git:
                quoted = harmless.replace("'", "'\\''").replace("!", "'\\!'")
                value = value.replace(f"='{quoted}'", "=''")
        if name != "GIT_CONFIG_GLOBAL" or not own or request.layer is not Layer.KERNEL or ".." in value:
            return value
        return "" if any(re.fullmatch(pattern, value) for pattern in self.adapter.files_of_git) else value

    def tell(self, sentence: str) -> bool:
        """Something for the model to read; returns whether the agent has hooks that carry it."""
        return self._hooks is not None and self._hooks.tell(sentence)

    def wake(self, ask: str) -> None:
        """A card was approved late: an agent that stands idle at its prompt is woken, where the person agreed."""
        idle = self._hooks.idle_since if self._hooks is not None else 0.0
        if self._wake is not None and idle:
            self._wake(woken(ask), idle)


def _place(pattern: str, home: str, env: Mapping[str, str]) -> Path:
    """Where '~/x' is for this person."""
    return Path(home, placed(pattern, env).removeprefix("~/"))
