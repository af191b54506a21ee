"""What faces share: typing that waits for a terminal, and telling somebody who looks elsewhere."""

from __future__ import annotations

from collections.abc import Callable

from tui_desk import force_push, install

from leashtui.faces.bell import EVERY, Bell, Caller
from leashtui.faces.link import Typing
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
