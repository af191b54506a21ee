"""What a session's model used so far: finds what the agent writes, and reads of it what is new.

Knows files of lines, whole documents and that OpenCode has a database. Refuses to follow a link at the end of a path,
to wait at anything that is no plain file, and to write. Invariant: what did not change is not read again, and what
cannot be read is named.
"""

from __future__ import annotations

import os
import stat
from fnmatch import fnmatchcase

from leashtui.agents.adapter import Adapter, Form, Run, Spent, Tally
from leashtui.agents.registry import placed
from leashtui.model.errors import StoreError
from leashtui.stores import opencode

_LARGEST = 256 << 20
_WHOLE = 64 << 20
_PIECE = 1 << 20
_LINE = 16 << 20
_FILES = 256
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class _Unread(Exception):
    """Why not."""


class _Source:
    """One file, and how far it was read."""

    def __init__(self, tally: Tally) -> None:
        self.tally = tally
        self.seen: tuple[int, ...] = ()
        self.identity: tuple[int, int] = (0, 0)
        self.at = 0
        self.begun = b""
        self.skipping = False


class Ledger:
    """agent: whose. run: which session. anywhere: a transcript that a hook named is read wherever it lies."""

    def __init__(self, agent: Adapter, run: Run, *, anywhere: bool = False) -> None:
        self._agent = agent
        self._run = run
        self._anywhere = anywhere
        self._told: dict[str, None] = {}
        self._sessions: dict[str, None] = {}
        self._sources: dict[str, _Source] = {}
        self._why: dict[str, str] = {}

    def hear(self, transcript: str, agent_session: str = "") -> None:
        """What a hook said: where a transcript is, and what the agent calls the session."""
        for table, name in ((self._told, transcript), (self._sessions, agent_session)):
            if name and len(table) < _FILES:
                table[name] = None

    @property
    def any(self) -> bool:
        """Whether there is anything to read."""
        return self._agent.form is not Form.NONE and bool(self._told or self._agent.written(self._run))

    @property
    def unread(self) -> tuple[str, ...]:
        """What could not be read the last time, and why: `path: reason`."""
        return tuple(f"{path}: {why}" for path, why in self._why.items())

    def read(self, *, last: bool = False) -> Spent:
        """Everything so far. last: the agent has ended, so that a line without an end counts too."""
        if self._agent.form is Form.NONE:
            return Spent()
        own = self._agent.written(self._run)
        for path in dict.fromkeys((*own, *(path for path in tuple(self._told) if path.startswith("/")))):
            source = self._sources.setdefault(path, _Source(self._agent.tally(self._run)))
            self._why.pop(path, None)
            try:
                self._look(path, source, mine=path in own, last=last)
            except FileNotFoundError:
                continue
            except (StoreError, _Unread) as error:
                self._why[path] = str(error)
            except OSError as error:
                self._why[path] = error.strerror or type(error).__name__
        whole = Spent()
        for source in self._sources.values():
            found = source.tally.spent
            models = tuple(dict.fromkeys((*whole.models, *found.models)))
            whole = Spent(models, whole.given + found.given, whole.made + found.made, whole.cost + found.cost)
        return whole

    def _look(self, path: str, source: _Source, *, mine: bool, last: bool) -> None:
        if self._agent.form is Form.DATABASE:
            self._rows(path, source)
            return
        handle = os.open(path, _OPEN)
        with open(handle, "rb", buffering=0) as file:
            found = os.fstat(handle)
            if not stat.S_ISREG(found.st_mode):
                raise _Unread("it is no plain file")
            if not mine and not self._anywhere and not self._is_place(os.readlink(f"/proc/self/fd/{handle}")):
                raise _Unread(f"{self._agent.kind} does not write its transcripts there")
            stamp = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
            if stamp == source.seen and not last:
                return
            if self._agent.form is Form.WHOLE:
                if found.st_size > _WHOLE:
                    raise _Unread(f"it is larger than {_WHOLE >> 20} MB")
                tally = self._agent.tally(self._run)
                tally.add(file.read(_WHOLE) or b"")
                source.tally = tally
            else:
                self._lines(handle, source, found, last=last)
            source.seen = stamp

    def _lines(self, handle: int, source: _Source, found: os.stat_result, *, last: bool) -> None:
        """What was added since. A file that was replaced or shortened is read from its beginning."""
        identity = (found.st_dev, found.st_ino)
        if identity != source.identity or found.st_size < source.at:
            source.tally, source.identity = self._agent.tally(self._run), identity
            source.at, source.begun, source.skipping = 0, b"", False
        if found.st_size > _LARGEST:
            raise _Unread(f"it is larger than {_LARGEST >> 20} MB")
        while source.at < found.st_size and (piece := os.pread(handle, _PIECE, source.at)):
            source.at += len(piece)
            *lines, source.begun = (source.begun + piece).split(b"\n")
            for line in lines:
                if not source.skipping:
                    source.tally.add(line)
                source.skipping = False
            if len(source.begun) > _LINE:
                source.begun, source.skipping = b"", True
        if last and source.begun and not source.skipping:
            source.tally.add(source.begun)
            source.begun = b""

    def _is_place(self, path: str) -> bool:
        where = placed(self._agent.footprint.transcripts, self._run.env)
        home = self._run.env.get("HOME") or os.path.expanduser("~")
        if where.startswith("~/"):
            where = os.path.join(home, where.removeprefix("~/"))
        fixed, _, rest = where.partition("/*")
        return where.startswith("/") and bool(rest) and fnmatchcase(path, f"{os.path.realpath(fixed)}/*{rest}")

    def _rows(self, path: str, source: _Source) -> None:
        """Messages that are new or changed, of the agent's sessions that hooks named and their sub-agents'."""
        sessions = tuple(self._sessions)
        stamp = (*opencode.stamp_of(path), len(sessions))
        if stamp == source.seen or not sessions:
            return
        if source.seen[-1:] != stamp[-1:]:
            source.at = 0  # a session that was named now may have older messages
        rows = opencode.messages(path, sessions, source.at)
        for key, data, at in rows:
            source.tally.add(data, key)
            source.at = max(source.at, at)
        source.seen = stamp if len(rows) < opencode.ROWS else ()
