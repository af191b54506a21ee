"""A question in lines says all the card knows, printable, and offers what the card offers."""

from __future__ import annotations

import msgspec

from leashtui.faces.plain.question import ask, number_of
from leashtui.model.card import Card, Choice, Option
from leashtui.model.facts import Effect, Place, Severity, Verb
from leashtui.model.verdict import PolicyRef

CARD = Card(
    id="L-7",
    session="S-1",
    act="01A",
    since=0,
    command="rm -rf 'no\x1b[2Jtes'",
    normalised="rm -rf notes",
    cwd="/home/p/proj",
    agent="bash",
    severity=Severity.HIGH,
    consequence="removes 3 files not in git",
    evidence=(Effect(Verb.DELETE, "/home/p/proj/notes", Place.SOURCE, "removes a directory"),),
    why=(PolicyRef("builtin/delete", "deletes what cannot be made again", Severity.HIGH, "files.cedar", 12),),
    undo="cannot be undone",
    options=(Option("y", Choice.ONCE, "allow once"), Option("n", Choice.DENY, "deny")),
    no_wider="it destroys what cannot be made again",
    hidden=("U+001B",),
    count=2,
    pid=4711,
)


def test_everything_is_said() -> None:
    text = "\n".join(ask(CARD))
    for part in (
        "question 7, severity high: removes 3 files not in git",
        r"command: rm -rf 'no\e[2Jtes'",
        "which comes to: rm -rf notes",
        "hidden characters: U+001B",
        "in: /home/p/proj, by bash, process 4711, 2 acts like this",
        "would: removes a directory: /home/p/proj/notes (source)",
        "asked by: builtin/delete: deletes what cannot be made again (files.cedar:12)",
        "undo: cannot be undone",
        "type !7 y : allow once",
        "type !7 n because WORDS",
        "an approval needs a second line: !7 yes",
        "no 'this session'",
    ):
        assert part in text
    assert "!7 s" not in text
    assert text.replace("\n", "").isprintable()


def test_a_mild_question_is_short() -> None:
    card = msgspec.structs.replace(
        CARD, severity=Severity.LOW, hidden=(), normalised="", count=1, no_wider="", evidence=()
    )
    lines = ask(card)
    assert not any("second line" in line or "comes to" in line or "hidden" in line for line in lines)


def test_numbers() -> None:
    assert [number_of(i) for i in ("L-12", "7", "L-", "L-x", "")] == [12, 7, -1, -1, -1]


def test_nothing_is_said_twice() -> None:
    effects = (
        Effect(Verb.REMOTE_CHANGE, "origin main", sentence="force-pushes main to origin"),
        Effect(Verb.REMOTE_CHANGE, "origin :old", sentence="deletes old on origin"),
    )
    lines = ask(msgspec.structs.replace(CARD, consequence="force-pushes main to origin, and 1 more", evidence=effects))
    assert [line for line in lines if "would:" in line] == ["  would: deletes old on origin"]
