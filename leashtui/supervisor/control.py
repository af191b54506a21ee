"""The approver socket: where panels, `leash approve` and the brake speak with the desk.

One JSON object a line (model.wire). Knows connections and who they are. Refuses to decide: it hands answers to the
desk. Invariant: a connection gets its first message only after its peer was checked; a slow face is cut off, and
finds everything again when it reconnects, so it can neither slow the gate nor lose a record.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections import deque
from collections.abc import Callable
from typing import Protocol

import msgspec

from leashtui.model import codec
from leashtui.model.event import ControlRefused, Event, FaceJoined, FaceLeft, Record
from leashtui.model.request import Posture
from leashtui.model.wire import (
    Answer,
    Brake,
    CardGone,
    CardShown,
    DeskMessage,
    Done,
    FaceMessage,
    Hello,
    Offered,
    Reached,
    Recorded,
    Refused,
    Reload,
    Revoke,
    Shift,
    Shifted,
    Signal,
    Terminal,
    ToTeam,
    Typed,
    Vote,
    Welcome,
)
from leashtui.supervisor.code import Code
from leashtui.supervisor.desk import Desk
from leashtui.supervisor.peers import Peer, Sandbox, check

_BACKLOG = 500
_LINE_LIMIT = 1 << 20
_SLOW = 4 << 20
_HELLO_TIMEOUT = 5.0
_FAREWELL = 0.5
_MAX_FACES = 64


class Powers(Protocol):
    """What the session lets a face do beyond answering cards."""

    def welcome(self) -> Welcome: ...

    def brake(self, what: str, who: str) -> str:
        """freeze, resume or kill; returns '' or why it did not happen."""
        ...

    def revoke(self, grant: str, who: str) -> str: ...

    @property
    def shift(self) -> Callable[[str, str], Shifted]:
        """(mode, who): take another posture."""
        ...

    async def reload(self, bundle: str, who: str) -> Offered:
        """Build the policies that lie there now, and put them in force when their digest is `bundle`."""
        ...

    def signal(self, number: int) -> None: ...

    def type(self, line: str, who: str) -> str:
        """A line for sudo's prompt outside the guard; returns '' or why nobody takes it."""
        ...

    def hand_terminal(self, connection: socket.socket, cols: int, rows: int) -> None:
        """Give a connected socket to the pump; the caller closes its own copy afterwards."""
        ...


class Control:
    """The server of one session. record: writes an event to the journal. code: None where peers tell for sure.

    vote: takes reviewers' answers from other machines; returns why one did not count.
    reached: the courier's sign that the team store answers.
    """

    def __init__(
        self,
        *,
        desk: Desk,
        powers: Powers,
        record: Callable[[Event], Record],
        own: Sandbox,
        uid: int,
        code: Code | None,
        vote: Callable[[Vote], str] = lambda message: "this session takes no answers from other machines",
        reached: Callable[[], None] = lambda: None,
    ) -> None:
        self._desk = desk
        self._powers = powers
        self._record = record
        self._own = own
        self._uid = uid
        self._code = code
        self._vote = vote
        self._reached = reached
        self._faces: dict[asyncio.StreamWriter, str] = {}
        self._owners: set[asyncio.StreamWriter] = set()
        self._tail: deque[Recorded] = deque(maxlen=_BACKLOG)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def listen(self, name: str) -> None:
        """Listen on the abstract socket `name` (without the leading NUL)."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind("\0" + name)
        self._server = await asyncio.start_unix_server(self._serve, sock=listener, limit=_LINE_LIMIT)

    def watching(self) -> int:
        """How many panels are connected (observers and one-shot commands included)."""
        return len(self._faces)

    def show(self, message: CardShown | CardGone) -> None:
        """Send a card message to every face."""
        self._broadcast(message)

    def recorded(self, seq: int, record: Record, head: str) -> None:
        """Send a committed record to every face and remember it for later ones."""
        message = Recorded(seq=seq, record=record, head=head)
        self._tail.append(message)
        self._broadcast(message)

    def _broadcast(self, message: DeskMessage) -> None:
        """Encode once, and only when somebody looks: a headless session has thousands of records and no face."""
        if not self._faces:
            return
        line = codec.encode(message) + b"\n"
        for writer in list(self._faces):
            if writer.transport.get_write_buffer_size() > _SLOW:
                self._drop(writer)
            else:
                writer.write(line)

    def _drop(self, writer: asyncio.StreamWriter) -> None:
        self._faces.pop(writer, None)
        writer.transport.abort()

    async def close(self, done: Done) -> None:
        """Tell every face the end, then stop."""
        if self._server is not None:
            self._server.close()
        self._broadcast(done)
        writers = list(self._faces)
        self._faces.clear()
        for writer in writers:
            writer.close()
        await asyncio.wait([asyncio.ensure_future(w.wait_closed()) for w in writers], timeout=2) if writers else None
        for task in self._tasks:
            task.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        try:
            await self._converse(reader, writer)
        except (OSError, asyncio.IncompleteReadError, ValueError, msgspec.DecodeError, TimeoutError):
            pass  # a face that speaks rubbish or vanishes loses its connection and nothing else
        finally:
            face = self._faces.pop(writer, "")
            if face and not face.startswith("cli"):
                self._record(FaceLeft(face=face))
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = writer.get_extra_info("socket")
        peer = check(connection, self._own, self._uid)
        if peer.reason:
            await self._turn_away(reader, writer, peer, peer.reason, "answer from the person's own terminal")
            return
        if len(self._faces) >= _MAX_FACES:
            await self._turn_away(reader, writer, peer, "too many faces are connected", "close one")
            return
        first = codec.decode_face(await asyncio.wait_for(reader.readline(), _HELLO_TIMEOUT))
        if not isinstance(first, Hello | Terminal):
            return
        brakes = isinstance(first, Hello) and first.role == "brake"
        if self._code is not None and not brakes and not self._code.matches(first.code):
            hint = "pass --code with the number shown in the terminal that started the session"
            needed = "the code is wrong" if first.code.strip() else "a code is needed"
            reason = f"this tier cannot tell the agent from the person: {needed}"
            await self._turn_away(reader, writer, peer, reason, hint)
            return
        if isinstance(first, Terminal):
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            with socket.socket(fileno=os.dup(connection.fileno())) as own:
                self._powers.hand_terminal(own, first.cols, first.rows)
            return
        if brakes:
            await self._lock(reader, writer, peer)
        else:
            await self._attend(reader, writer, first, peer)

    async def _lock(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: Peer) -> None:
        """Nobody has to prove to be the person to have more refused."""
        self._send(writer, self._powers.welcome())
        wish = codec.decode_face(await asyncio.wait_for(reader.readline(), _HELLO_TIMEOUT))
        if isinstance(wish, Shift) and wish.mode == Posture.LOCKDOWN:
            self._send(writer, self._powers.shift(wish.mode, peer.user))
            await writer.drain()

    async def _turn_away(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: Peer, reason: str, hint: str
    ) -> None:
        """Say why, and read what the peer still sends, because closing on unread bytes would lose the answer."""
        self._record(ControlRefused(peer=f"{peer.user} pid {peer.pid}", reason=reason))
        writer.write(codec.encode(Refused(reason=reason, hint=hint)) + b"\n")
        writer.write_eof()
        async with asyncio.timeout(_FAREWELL):
            while await reader.read(65536):
                pass

    async def _attend(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, hello: Hello, peer: Peer
    ) -> None:
        face = f"{hello.face[:16]}:{peer.pid}"
        owned = bool(self._owners & self._faces.keys())
        self._send(writer, msgspec.structs.replace(self._powers.welcome(), owned=owned))
        backlog = min(max(hello.backlog, 0), _BACKLOG)
        for message in list(self._tail)[-backlog:] if backlog else ():
            self._send(writer, message)
        for card in self._desk.cards():
            self._send(writer, CardShown(card=card))
        self._faces[writer] = face
        if hello.role == "owner":
            self._owners = (self._owners & self._faces.keys()) | {writer}
        if not face.startswith("cli"):
            self._record(FaceJoined(face=face, role=hello.role, who=peer.user, pid=peer.pid))
        while line := await reader.readline():
            wish = codec.decode_face(line)
            if isinstance(wish, Reload) and hello.role != "observer":
                self._send(writer, await self._powers.reload(wish.bundle, peer.user))
                continue
            if isinstance(wish, Shift) and hello.role != "observer":
                self._send(writer, self._powers.shift(wish.mode, peer.user))
                continue
            refusal = "observers watch only" if hello.role == "observer" else self._obey(wish, peer, face)
            if refusal:
                self._send(writer, Refused(reason=refusal))

    def _obey(self, message: FaceMessage, peer: Peer, face: str) -> str:
        """Carry out one message; returns why it did not count, or ''."""
        match message:
            case Answer():
                return self._desk.answer(
                    message.ask, message.choice, who=peer.user, face=face, feedback=message.feedback
                )
            case Reached():
                self._reached()
                return ""
            case Vote():
                return self._vote(message)
            case ToTeam():
                return self._desk.offer(message.ask, peer.user)
            case Brake():
                return self._powers.brake(message.what, peer.user)
            case Revoke():
                return self._powers.revoke(message.grant, peer.user)
            case Typed():
                return self._powers.type(message.line, peer.user)
            case Signal():
                self._powers.signal(message.number)
                return ""
        return "not understood"

    @staticmethod
    def _send(writer: asyncio.StreamWriter, message: DeskMessage) -> None:
        writer.write(codec.encode(message) + b"\n")
