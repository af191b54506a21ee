"""Lines: always and edit as in the panel, and undo shown first."""

from __future__ import annotations

from io import StringIO
from typing import Any

from tui_desk import NOON, force_push, install, recorded, welcome

from leashtui.faces.plain.commands import parse
from leashtui.faces.plain.conversation import Conversation
from leashtui.faces.plain.question import ask
from leashtui.model.card import Choice
from leashtui.model.event import Answered, Braked, GrantAdded
from leashtui.model.verdict import By, Ruling, Verdict
from leashtui.model.wire import Answer, CardShown, Revoke


class Talk:
    """A conversation whose other ends are noted."""

    def __init__(self, *cards: Any) -> None:
        self.sent: list[Any] = []
        self.ran: list[tuple[str, ...]] = []
        self.said = StringIO()
        self.rung: list[tuple[str, ...]] = []
        self.now = 0.0
        self.talk = Conversation(self, self, lambda: self.now)  # type: ignore[arg-type]
        self.talk.begin(welcome())
        for card in cards:
            self.talk.hear(CardShown(card))
        self.now = 10.0

    def send(self, message: Any) -> None:
        self.sent.append(message)

    def type(self, data: bytes) -> None:
        self.sent.append(data)

    def run_leash(self, words: tuple[str, ...]) -> None:
        self.ran.append(words)

    def say(self, *lines: str) -> None:
        self.said.write("\n".join(lines) + "\n")

    def ring(self) -> None:
        self.rung.append(tuple(card.id for card in self.talk.waiting()))

    def call(self, words: str) -> None:
        self.rung.append((words,))

    def line(self, text: str) -> None:
        self.talk.obey(parse(text.encode()))


def test_always_is_kept_once_granted_and_not_where_it_is_not_offered() -> None:
    talk = Talk(install(), force_push())
    talk.line("!12 a")
    assert "does not offer that" in talk.said.getvalue()
    talk.line("!13 a")
    assert [(m.ask, m.choice) for m in talk.sent if isinstance(m, Answer)] == [("L-13", Choice.SESSION)]
    verdict = Verdict(Ruling.ALLOW, By.PERSON, who="ada")
    for ask_id, grant in (("L-12", "g1"), ("L-13", "g2")):
        for message in recorded(
            [GrantAdded(grant, "p", ("x",), ("npm",), NOON), Answered(ask_id, verdict, "p:1", grant)]
        ):
            talk.talk.hear(message)
    assert talk.ran == [("grants", "--keep", "g2", "--session", "01K5Q8")]


def test_an_edit_is_a_denial_with_the_wording() -> None:
    talk = Talk(install())
    talk.line("!13 e npm ci")
    assert [(m.choice, m.feedback) for m in talk.sent] == [(Choice.DENY, "run this instead: npm ci")]
    talk.line("!13 e")
    assert "say what to run" in talk.said.getvalue()


def test_what_the_panel_shows_can_be_asked_for_in_lines() -> None:
    talk = Talk()
    for line in ("!log -verdict:allow x", "!log", "!files", "!trace", "!grants", "!undo src/a.py", "!undo L-3 yes"):
        talk.line(line)
    assert talk.ran == [
        ("log", "01K5Q8", "--", "-verdict:allow x"),
        ("log", "01K5Q8"),
        ("log", "01K5Q8", "kind:file.changed"),
        ("log", "01K5Q8", "--trace"),
        ("grants",),
        ("undo", "--dry-run", "--session", "01K5Q8", "--", "src/a.py"),
        ("undo", "--session", "01K5Q8", "--", "L-3"),
    ]
    talk.line("!revoke g1")
    assert talk.sent == [Revoke("g1")]


def test_undo_is_shown_before_it_is_done() -> None:
    talk = Talk()
    talk.line("!undo")
    talk.line("!undo yes")
    assert talk.ran == [("undo", "--dry-run", "--session", "01K5Q8"), ("undo", "--session", "01K5Q8")]


def test_a_question_has_all_a_card_has() -> None:
    card = install(said="to build it\x1b[2J", diff="--- a\n+++ b\n+new\x07", deadline=install().since + 90_000_000)
    text = "\n".join(ask(card))
    assert "to build it" in text
    assert "the agent waits 90 seconds" in text
    assert "| +new" in text
    assert "!13 a" in text
    assert "\x1b" not in text
    assert "\x07" not in text


def test_a_freeze_names_who_did_it_and_calls_the_person() -> None:
    talk = Talk()
    talk.talk.begin(welcome(frozen=True, frozen_by="its budget: 6 acts"))
    assert "the session is frozen by its budget: 6 acts: !resume lets it go on" in talk.said.getvalue()
    for message in recorded([Braked("freeze", "its budget: 12 acts"), Braked("resume", "ada")]):
        talk.talk.hear(message)
    assert talk.rung == [("frozen by its budget: 12 acts",)]


def test_each_new_question_rings_with_all_that_wait() -> None:
    talk = Talk(install(), force_push())
    assert talk.rung == [("L-13",), ("L-13", "L-12")]
