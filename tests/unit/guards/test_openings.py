"""A port that a program opened to others is asked about once it stayed, once, and nobody is asked about a glance."""

from __future__ import annotations

import os
import socket

import pytest

from leashtui.guards.kernel import openings
from leashtui.guards.kernel.openings import Openings, listeners
from leashtui.model.ports import Reply
from leashtui.model.request import Action, Layer, Request
from leashtui.model.verdict import By, Ruling, Verdict

YES, NO = Verdict(Ruling.ALLOW, By.PERSON), Verdict(Ruling.DENY, By.PERSON)


class Path:
    """Everybody around: what was submitted, which sockets listen, what was withdrawn."""

    act = "A1"

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[tuple[Request, Reply]] = []
        self.there: set[int] = set()
        self.gone: list[str] = []
        self.now = 100.0
        monkeypatch.setattr(openings.time, "monotonic", lambda: self.now)
        self.openings = Openings(self.submit, lambda request: True, lambda: self.there)

    def submit(self, request: Request, reply: Reply) -> Path:
        self.asked.append((request, reply))
        return self

    def withdraw(self, reason: str) -> None:
        self.gone.append(reason)

    def opened(self, port: int, inode: int) -> None:
        self.there.add(inode)
        self.openings.bound(inode)
        self.openings.at_home(Request(Action.NET_BIND, Layer.KERNEL, "/", host="0.0.0.0", port=port), inode)

    def wait(self, seconds: float = 2.0) -> None:
        self.now += seconds
        self.openings.poll()


@pytest.fixture
def path(monkeypatch: pytest.MonkeyPatch) -> Path:
    return Path(monkeypatch)


def test_who_only_looks_whether_a_port_is_free_is_not_asked_about(path: Path) -> None:
    for inode in (1, 2, 3):
        path.opened(5173, inode)
        path.there.clear()
    path.wait()
    assert path.asked == []
    path.opened(5173, 4)
    path.wait()
    assert len(path.asked) == 1 and path.asked[0][0].late


def test_a_server_is_asked_about_once_whatever_is_said_and_however_often_it_starts(path: Path) -> None:
    path.opened(8000, 1)
    path.opened(8000, 2)
    path.wait()
    path.asked[0][1](NO)
    path.there.clear()
    path.wait()
    path.opened(8000, 3)
    path.wait()
    assert len(path.asked) == 1
    assert not path.openings.may_open(8000)


def test_a_yes_is_about_that_port_and_whoever_listens_there_next(path: Path) -> None:
    path.opened(8000, 1)
    path.wait()
    assert not path.openings.may_open(8000)
    path.asked[0][1](YES)
    assert path.openings.may_open(8000)
    assert not path.openings.may_open(8001)


def test_a_question_goes_with_its_server_and_comes_with_the_next(path: Path) -> None:
    path.opened(8000, 1)
    path.wait()
    path.there.clear()
    path.wait()
    assert len(path.gone) == 1
    path.opened(8000, 2)
    path.wait()
    assert len(path.asked) == 2


def test_what_was_forgotten_among_thousands_stays_at_home_unasked(path: Path) -> None:
    for inode in range(openings._MOST + 1):
        path.openings.bound(inode)
    assert not path.openings.is_unjudged(0)
    assert path.openings.is_unjudged(openings._MOST)


def test_who_listens_is_read_from_the_kernel() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as other:
        there = listeners()
        assert os.fstat(server.fileno()).st_ino in there
        assert os.fstat(other.fileno()).st_ino not in there
