"""The approver socket, spoken to by real processes: the person's may answer, the agent's may not."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable

import pytest

from leashtui.model import codec
from leashtui.model.card import Choice
from leashtui.model.event import ControlRefused, Event, Record
from leashtui.model.facts import Effect, Facts, Mode, Parse, Place, Severity, Verb
from leashtui.model.request import Action, Layer, Request
from leashtui.model.verdict import Decision, Outcome, PolicyRef, Verdict
from leashtui.model.wire import Answer, Brake, CardGone, CardShown, Done, Hello, Refused, Terminal, Welcome
from leashtui.supervisor.code import Code
from leashtui.supervisor.control import Control
from leashtui.supervisor.desk import Desk, Waiting
from leashtui.supervisor.peers import sandbox_of


class Room:
    """A desk, a control server and what they did."""

    def __init__(self, code: Code | None = None) -> None:
        self.name = f"leash-test-{os.getpid()}-{id(self)}"
        self.events: list[Event] = []
        self.verdicts: list[Verdict] = []
        self.handed: list[tuple[int, int]] = []
        self.braked: list[str] = []
        self.desk = Desk("s", "bash", lambda: 1, lambda m: self.control.show(m))
        self.control = Control(
            desk=self.desk,
            powers=self,
            record=self.record,
            own=sandbox_of("self"),
            uid=os.getuid(),
            code=code,
        )

    def record(self, event: Event) -> Record:
        self.events.append(event)
        return Record(1, "R", 0, "s", event)

    def welcome(self) -> Welcome:
        return Welcome("s", "bash", ("bash",), "/w", "exec", (), "b", 0, "me", "/log")

    def brake(self, what: str, who: str) -> str:
        self.braked.append(what)
        return ""

    def revoke(self, grant: str, who: str) -> str:
        return "there is no grant"

    def signal(self, number: int) -> None:
        self.braked.append(str(number))

    def hand_terminal(self, connection: socket.socket, cols: int, rows: int) -> None:
        self.handed.append((cols, rows))
        connection.sendall(b"from the pump")

    def ask(self, command: str, told: Callable[[str, str], None] = lambda ruling, face: None) -> None:
        effect = Effect(Verb.DELETE, "/w/x", Place.SOURCE, "removes x", severity=Severity.HIGH)
        facts = Facts(
            command, "", Parse.FULL, Mode.KERNEL, (effect,), ("rm",), (), (), (), (), True, True, False, False,
            False, False, False, False, False, False, False, False, False, False, False, False, False, ("rm",), "",
        )  # fmt: skip
        decision = Decision(Outcome.ASK, "b", (PolicyRef("builtin/ask", "it removes work"),))
        request = Request(Action.PROCESS_EXEC, Layer.KERNEL, "/w", tuple(command.split()))

        def settle(waiting: Waiting, verdict: Verdict, choice: Choice | None, face: str) -> None:
            self.verdicts.append(verdict)
            told(verdict.ruling, face)

        self.desk.ask(Waiting("R", request, facts, decision, 1, settle))


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    made = Room()
    await made.control.listen(made.name)
    yield made
    await made.control.close(Done(0, "", 0, ""))


async def connect(room: Room, *first: object) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_unix_connection("\0" + room.name)
    for message in first:
        writer.write(codec.encode(message) + b"\n")
    return reader, writer


async def read(reader: asyncio.StreamReader) -> object:
    return codec.decode_desk(await asyncio.wait_for(reader.readline(), 5))


async def test_a_face_sees_waiting_and_new_cards_and_answers_them(room: Room) -> None:
    room.ask("rm x")
    reader, writer = await connect(room, Hello("plain"))
    assert isinstance(await read(reader), Welcome)
    shown = await read(reader)
    assert isinstance(shown, CardShown)
    assert shown.card.command == "rm x"
    room.ask("rm y")
    second = await read(reader)
    assert isinstance(second, CardShown)
    writer.write(codec.encode(Answer(second.card.id, Choice.ONCE)) + b"\n")
    gone = await read(reader)
    assert isinstance(gone, CardGone)
    assert (gone.ask, gone.why) == (second.card.id, "allowed")
    assert len(room.verdicts) == 1


async def test_two_faces_the_first_answer_wins_and_the_other_sees_it(room: Room) -> None:
    one = await connect(room, Hello("tui"))
    two = await connect(room, Hello("tui"))
    for reader, _ in (one, two):
        assert isinstance(await read(reader), Welcome)
    room.ask("rm x")
    cards = [await read(r) for r, _ in (one, two)]
    assert all(isinstance(c, CardShown) for c in cards)
    for _, writer in (one, two):
        writer.write(codec.encode(Answer("L-1", Choice.DENY)) + b"\n")
    assert isinstance(await read(one[0]), CardGone)
    late = [await read(two[0]), await read(two[0])]
    assert {type(m) for m in late} == {CardGone, Refused}
    assert len(room.verdicts) == 1


async def test_an_observer_cannot_answer(room: Room) -> None:
    room.ask("rm x")
    reader, writer = await connect(room, Hello("tui", role="observer"))
    await read(reader)
    await read(reader)
    writer.write(codec.encode(Answer("L-1", Choice.ONCE)) + b"\n")
    assert isinstance(await read(reader), Refused)
    assert room.desk.cards()


RUBBISH = {
    "nothing": b"\n",
    "no type": b"{}\n",
    "not text": b"\xff\xfe\n",
    "not a greeting": b'{"type":"answer"}\n',
    "no end": b"x" * 2_000_000,
}


@pytest.mark.parametrize("rubbish", RUBBISH.values(), ids=RUBBISH)
async def test_rubbish_costs_the_connection_and_nothing_else(room: Room, rubbish: bytes) -> None:
    room.ask("rm x")
    reader, writer = await connect(room)
    writer.write(rubbish)
    with contextlib.suppress(ConnectionResetError):
        assert await asyncio.wait_for(reader.read(), 5) == b""
    assert room.desk.cards()
    again, _ = await connect(room, Hello("cli"))
    assert isinstance(await read(again), Welcome)


async def test_brake_and_terminal(room: Room) -> None:
    reader, writer = await connect(room, Hello("cli"), Brake("freeze"))
    await read(reader)
    terminal, _ = await connect(room, Terminal(132, 43))
    assert await asyncio.wait_for(terminal.read(13), 5) == b"from the pump"
    assert room.handed == [(132, 43)]
    assert room.braked == ["freeze"]
    writer.close()


SELF_APPROVAL = """
import ctypes, socket, sys
ctypes.CDLL(None).prctl(38, 1, 0, 0, 0)
s = socket.socket(socket.AF_UNIX); s.connect("\\0" + sys.argv[1])
s.sendall(b'{"type":"hello","face":"cli"}\\n{"type":"answer","ask":"L-1","choice":"once"}\\n')
sys.stdout.buffer.write(s.makefile("rb").read())
"""


async def test_a_process_inside_the_leash_cannot_approve_itself(room: Room) -> None:
    room.ask("rm x")
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-S", "-c", SELF_APPROVAL, room.name, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await asyncio.wait_for(child.communicate(), 10)
    assert b"inside the leash" in out
    assert room.desk.cards()
    assert any(isinstance(e, ControlRefused) for e in room.events)


async def test_where_peers_cannot_be_told_apart_a_code_is_needed() -> None:
    room = Room(Code(lambda: 123456, lambda _: None))
    await room.control.listen(room.name)
    reader, _ = await connect(room, Hello("cli", code="000000"))
    assert isinstance(await read(reader), Refused)
    reader, _ = await connect(room, Hello("cli", code="123456"))
    assert isinstance(await read(reader), Welcome)
    await room.control.close(Done(0, "", 0, ""))


async def test_two_reviewers_three_sessions_two_hundred_cards() -> None:
    """Both answer every card at once: each card has one answer, and it is its author's."""
    rooms = [Room() for _ in range(3)]
    for made in rooms:
        await made.control.listen(made.name)
    settled: list[dict[str, list[tuple[str, str]]]] = [{} for _ in rooms]
    for n in range(200):
        where, command = n % 3, f"rm file-{n}"
        notes = settled[where].setdefault(command, [])
        rooms[where].ask(command, lambda verdict, face, notes=notes: notes.append((verdict, face)))  # type: ignore[misc]
    assert [len(made.desk.cards()) for made in rooms] == [67, 67, 66]

    async def review(name: str, choice: Choice, backwards: bool) -> dict[tuple[int, str], str]:
        """Answer everything; returns why each answer did not count, '' where it did."""
        said: dict[tuple[int, str], str] = {}
        for at, made in enumerate(rooms):
            reader, writer = await connect(made, Hello(name))
            cards: list[str] = []
            while len(cards) < (67, 67, 66)[at]:
                if isinstance(message := await read(reader), CardShown):
                    cards.append(message.card.id)
            for ask in reversed(cards) if backwards else cards:
                writer.write(codec.encode(Answer(ask, choice)) + b"\n")
                await writer.drain()
                while True:
                    message = await read(reader)
                    if isinstance(message, Refused):
                        said[(at, ask)] = message.reason
                        break
                    if isinstance(message, CardGone) and (message.ask, message.why) == (ask, WORDS[choice]):
                        said[(at, ask)] = ""
                        break
            writer.close()
        return said

    yes, no = await asyncio.gather(review("yes", Choice.ONCE, False), review("no", Choice.DENY, True))
    assert all(made.desk.cards() == () for made in rooms)
    every = [entry for room_notes in settled for notes in room_notes.values() for entry in notes]
    assert len(every) == 200
    assert all(len(notes) == 1 for room_notes in settled for notes in room_notes.values())
    assert all((verdict == "allow") == face.startswith("yes:") for verdict, face in every)
    allowed = sum(verdict == "allow" for verdict, _ in every)
    assert sum(why == "" for why in yes.values()) == allowed
    assert sum(why == "" for why in no.values()) == 200 - allowed
    for made in rooms:
        await made.control.close(Done(0, "", 0, ""))


WORDS = {Choice.ONCE: "allowed", Choice.DENY: "denied"}
