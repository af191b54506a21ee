"""What faces share: typing that waits for a terminal, and telling somebody who looks elsewhere."""

from __future__ import annotations

import asyncio
import json
import socket
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import pytest
from tmux_rig import until
from tui_desk import force_push, install, welcome

from leashtui.faces import link
from leashtui.faces.bell import EVERY, Bell, Caller
from leashtui.faces.link import Typing
from leashtui.faces.plain.question import ask
from leashtui.model import codec
from leashtui.model.card import Card


class Terminal:
    def __init__(self) -> None:
        self.got = b""

    def send(self, data: bytes) -> None:
        self.got += data


def test_what_is_typed_waits_for_a_terminal_and_for_the_next_one() -> None:
    typing, first, second = Typing(), Terminal(), Terminal()
    typing.send(b"early ")
    typing.meet(first)
    typing.send(b"now")
    assert first.got == b"early now"
    typing.part()
    typing.send(b"between ")
    typing.meet(second)
    typing.send(b"after")
    assert (first.got, second.got) == (b"early now", b"between after")


def test_no_more_is_kept_than_a_person_can_type() -> None:
    typing, terminal = Typing(), Terminal()
    for _ in range(40):
        typing.send(b"x" * (1 << 16))
    typing.meet(terminal)
    assert len(terminal.got) == 1 << 20


def test_cards_that_come_together_ring_once_and_the_rest_is_told_when_its_time_comes() -> None:
    cards: list[Card] = [install()]
    written: list[str] = []
    later: list[tuple[float, Callable[[], None]]] = []
    now = [0.0]
    caller = Caller(
        (Bell(form="off"), None),
        cards=lambda: cards,
        write=written.append,
        later=lambda seconds, work: later.append((seconds, work)),
        clock=lambda: now[0],
    )
    caller.ring()
    now[0] = 3.0
    cards.append(force_push())
    caller.ring()
    assert written == ["\x07"]
    ((seconds, work),) = later
    assert seconds == EVERY - 3.0
    now[0] = EVERY
    work()
    assert written == ["\x07", "\x07"]
    caller.call("frozen by its budget")
    assert len(written) == 3
    Caller((None, None), cards=lambda: cards, write=written.append, later=lambda *_: None, clock=lambda: 0.0).ring()
    assert len(written) == 3


def test_a_face_that_has_long_work_after_its_hello_is_not_turned_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A panel loads itself meanwhile: on a busy machine that takes longer than either side waits for the other."""
    monkeypatch.setattr(link, "_TIMEOUT", 0.2)
    name = f"leash-test-{uuid.uuid4().hex}"
    (tmp_path / "session.json").write_text(json.dumps({"socket": name}))
    heard: list[bytes] = []

    def desk() -> None:
        connection, _ = listener.accept()
        heard.append(connection.makefile("rb").readline())
        connection.sendall(codec.encode(welcome()) + b"\n")

    async def face() -> str:
        knocked = await link.Link.knock(tmp_path, face="tui")
        until(lambda: heard, "hello", 5)
        time.sleep(0.5)  # noqa: ASYNC251 - nobody serves the loop, as while something is imported
        return (await knocked.opened()).welcome.agent

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("\0" + name)
        listener.listen()
        Thread(target=desk, daemon=True).start()
        assert asyncio.run(face()) == "claude"


def test_who_is_asked_in_lines_hears_that_somebody_else_has_to_allow_it() -> None:
    other = "  somebody else than the session's person has to allow it: leash invite"
    assert other in ask(force_push(other=True))
    assert other not in ask(force_push())
