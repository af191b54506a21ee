"""Each line a person can type means one thing."""

from __future__ import annotations

import pytest

from leashtui.faces.plain.commands import (
    HELP,
    Confirm,
    Look,
    Offer,
    Order,
    Reply,
    Revoke,
    ToAgent,
    Typed,
    Undo,
    Unknown,
    parse,
)
from leashtui.model.card import Choice


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        (b"ls -l", ToAgent(b"ls -l")),
        (b"", ToAgent(b"")),
        (b" !1 y", ToAgent(b" !1 y")),
        (b"!!ls", ToAgent(b"!ls")),
        (b"\xff\xfe", ToAgent(b"\xff\xfe")),
        (b"!1 y", Reply(1, Choice.ONCE)),
        (b"!12 S", Reply(12, Choice.SESSION)),
        (b"!12 o", Offer(12)),
        (b"!L-3 y", Reply(3, Choice.ONCE)),
        (b"!1 n", Reply(1, Choice.DENY)),
        (b"!1 n because it is wrong", Reply(1, Choice.DENY, "it is wrong")),
        (b"!1 n keep my notes", Reply(1, Choice.DENY, "keep my notes")),
        (b"!1 yes", Confirm(1)),
        (b"!list", Order("list")),
        (b"!undo", Undo(really=False)),
        (b"!undo YES", Undo(really=True)),
        (b"!undo src/a.py", Undo(really=False, what="src/a.py")),
        (b"!undo L-3 yes", Undo(really=True, what="L-3")),
        (b"!log", Look("log")),
        (b"!log verdict:deny since:1h rm", Look("log", "verdict:deny since:1h rm")),
        (b"!files", Look("files")),
        (b"!trace", Look("trace")),
        (b"!grants", Look("grants")),
        (b"!revoke g1", Revoke("g1")),
        (b"!freeze", Order("freeze")),
        (b"!kill", Order("kill")),
    ],
)
def test_a_line_means(line: bytes, meaning: Typed) -> None:
    assert parse(line) == meaning


@pytest.mark.parametrize(
    "line",
    [
        b"!",
        b"!1",
        b"!1 maybe",
        b"!y",
        b"!1 y please",
        b"!1 o please",
        b"!kill it",
        b"!files please",
        b"!revoke",
        b"!undo a b",
        b"!9999999999 y",
        "!² y".encode(),
        b"!\xff y",
        b"!-1 y",
    ],
)
def test_a_command_that_is_none_goes_nowhere(line: bytes) -> None:
    assert isinstance(parse(line), Unknown)


def test_every_command_is_in_the_help() -> None:
    told = " ".join(HELP)
    for word in (
        "!1 y",
        "!1 s",
        "!1 n",
        "!1 yes",
        "!list",
        "!freeze",
        "!resume",
        "!kill",
        "!detach",
        "!!",
        "!log",
        "!files",
        "!trace",
        "!grants",
        "!revoke",
        "!undo WHAT",
    ):
        assert word in told
