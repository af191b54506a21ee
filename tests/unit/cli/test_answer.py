"""An answer that came too late says whose counted."""

from __future__ import annotations

import argparse
from typing import Any

import pytest
from tui_desk import install

from leashtui.faces.cli import answer
from leashtui.model.errors import Exit, LeashError
from leashtui.model.wire import Answer, CardGone


class Late:
    """A desk at which somebody else was first."""

    def __init__(self, gone: CardGone) -> None:
        self.gone = gone
        self.heard: list[Any] = []

    def __enter__(self) -> Late:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def send(self, message: Answer) -> None:
        self.heard.append(message)

    def receive(self) -> CardGone:
        return self.gone


@pytest.mark.parametrize(
    ("why", "who", "says"),
    [
        ("denied", "bea", "L-13 was denied by bea before this answer"),
        ("denied", "b\x1b[31m", "L-13 was denied by b\\e[31m before this answer"),
        ("withdrawn", "", "L-13 was withdrawn before this answer"),
    ],
)
def test_who_was_first_is_named(monkeypatch: pytest.MonkeyPatch, why: str, who: str, says: str) -> None:
    desk = Late(CardGone("L-13", why, who))
    monkeypatch.setattr(answer, "find", lambda *_: (None, install()))
    monkeypatch.setattr(answer, "Call", lambda *_, **__: desk)
    args = argparse.Namespace(id="L-13", session="", code="", command="approve", for_session=False)
    with pytest.raises(LeashError) as error:
        answer.run(args)
    assert (error.value.message, error.value.code) == (says, Exit.FINDINGS)
    assert [m.ask for m in desk.heard] == ["L-13"]
