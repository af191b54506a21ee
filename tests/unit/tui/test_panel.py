"""What each key means, and that nothing but the right keys in the right place answers a card."""

from __future__ import annotations

import msgspec
import pytest
from tui_desk import NOON, a_morning, force_push, install, welcome

from leashtui.faces.tui.keys import KEYS
from leashtui.faces.tui.leader import DEFAULT
from leashtui.faces.tui.panel import Panel
from leashtui.model.card import Choice
from leashtui.model.wire import Answer, Brake, CardGone, CardShown, FaceMessage, Refused, ToTeam


class Hand:
    """A person at the panel; keys come a second apart unless `quick`."""

    def __init__(self, *cards: object) -> None:
        self.sent: list[FaceMessage] = []
        self.left = 0
        self.typed: list[bytes] = []
        self.at = 100.0
        self.panel = Panel(
            welcome(), send=self.sent.append, type_=self.typed.append, leave=self._leave, wall=lambda: NOON
        )
        self.panel.queue.in_view(True, 0.0)
        for card in cards:
            self.panel.hear(CardShown(card), 0.0)  # type: ignore[arg-type]

    def _leave(self) -> None:
        self.left += 1

    def key(self, name: str, quick: bool = False) -> bool:
        self.at += 0.05 if quick else 1.0
        raw = {"leader": DEFAULT.raw}.get(name, name if len(name) == 1 else "")
        return self.panel.press(name, name if len(name) == 1 else None, raw, self.at)

    def keys(self, *names: str) -> None:
        for name in names:
            self.key(name)

    def answers(self) -> list[tuple[str, Choice, str]]:
        return [(m.ask, m.choice, m.feedback) for m in self.sent if isinstance(m, Answer)]


EVERY_KEY = sorted({n for k in KEYS for n in k.names} | {"!", "enter", "a", "tab", "ctrl+c"})


@pytest.mark.parametrize("name", EVERY_KEY)
def test_while_the_agent_has_the_keyboard_every_key_is_its(name: str) -> None:
    hand = Hand(install(), force_push())
    assert hand.key(name) is True
    assert hand.sent == []


def test_a_card_never_takes_the_keyboard() -> None:
    hand = Hand()
    hand.panel.hear(CardShown(install()), hand.at)
    assert not hand.panel.focused
    assert hand.key("y") is True


def test_the_team_is_asked_only_where_there_is_one_and_once() -> None:
    alone = Hand(install())
    alone.keys("leader", "o")
    assert alone.sent == []
    hand = Hand(install())
    hand.panel.welcome = welcome(team=True)
    hand.keys("leader", "o")
    assert hand.sent == [ToTeam("L-13")]
    hand.panel.hear(CardShown(msgspec.structs.replace(install(), offered=True)), hand.at)
    hand.keys("o", "y")
    assert hand.sent == [ToTeam("L-13"), Answer("L-13", Choice.ONCE)], "it still waits for the person here"


def test_yes_once() -> None:
    hand = Hand(install())
    hand.keys("leader", "y")
    assert hand.answers() == [("L-13", Choice.ONCE, "")]
    hand.keys("y", "!")
    assert len(hand.answers()) == 1


def test_this_session_only_where_offered() -> None:
    hand = Hand(install())
    hand.keys("leader", "s")
    assert hand.answers() == [("L-13", Choice.SESSION, "")]
    other = Hand(force_push())
    other.keys("leader", "s")
    assert "a forced push is asked every time" in other.panel.hint(other.at)
    other.keys("!")
    assert other.answers() == []


def test_a_severe_act_needs_a_second_and_different_key() -> None:
    hand = Hand(force_push())
    hand.keys("leader", "y", "y")
    assert hand.answers() == []
    hand.keys("y", "!")
    assert hand.answers() == [("L-12", Choice.ONCE, "")]


@pytest.mark.parametrize("other", ["a", "enter", "escape", "y", "j", "leader"])
def test_any_other_key_takes_it_back(other: str) -> None:
    hand = Hand(force_push())
    hand.keys("leader", "y", other, "!")
    assert hand.answers() == []


def test_a_denial_works_at_once() -> None:
    hand = Hand(force_push())
    hand.key("leader", quick=True)
    hand.key("n", quick=True)
    assert hand.answers() == [("L-12", Choice.DENY, "")]


def test_a_denial_may_follow_a_yes_that_is_not_yet_confirmed() -> None:
    hand = Hand(force_push())
    hand.keys("leader", "y", "n")
    assert hand.answers() == [("L-12", Choice.DENY, "")]


def test_typing_fast_never_approves() -> None:
    hand = Hand()
    hand.key("leader")
    hand.panel.hear(CardShown(install()), hand.at)
    for _ in range(40):
        hand.key("y", quick=True)
    assert hand.answers() == []
    hand.at += 0.5
    hand.key("y")
    assert hand.answers() == [("L-13", Choice.ONCE, "")]


def test_answering_one_card_does_not_answer_the_next() -> None:
    hand = Hand(install("L-1", since=1), install("L-2", since=2))
    hand.keys("leader", "y")
    for _ in range(5):
        hand.key("y", quick=True)
    assert [a[0] for a in hand.answers()] == ["L-1"]


def test_a_denial_with_a_reason_tells_the_agent() -> None:
    hand = Hand(force_push())
    hand.keys("leader", "d", *"use --force-with-lease, y?", "enter")
    assert hand.answers() == [("L-12", Choice.DENY, "use --force-with-lease, y?")]
    assert hand.panel.editor is None


def test_a_reason_taken_back_answers_nothing() -> None:
    hand = Hand(force_push())
    hand.keys("leader", "d", "x", "escape")
    assert hand.answers() == []
    assert hand.panel.editor is None


def test_a_reason_belongs_to_the_card_it_was_begun_for() -> None:
    hand = Hand(install("L-1", since=1), install("L-2", since=2))
    hand.keys("leader", "d", "n", "o")
    hand.panel.hear(CardGone("L-1", "withdrawn"), hand.at)
    hand.key("enter")
    assert hand.answers() == []
    assert hand.panel.waiting == 1


def test_pastes_are_never_keys() -> None:
    hand = Hand(install())
    assert hand.panel.paste("y") is True
    hand.key("leader")
    assert hand.panel.paste("y\ny\n!") is False
    assert hand.answers() == []
    hand.keys("d")
    hand.panel.paste("two\nlines\x1b[31m")
    hand.key("enter")
    assert hand.answers() == [("L-13", Choice.DENY, "two lines[31m")]


def test_the_brake() -> None:
    hand = Hand()
    hand.keys("leader", "f", "K", "a", "K", "!")
    assert hand.sent == [Brake("freeze"), Brake("kill")]


def test_leader_and_escape_give_the_keyboard_back() -> None:
    hand = Hand()
    hand.keys("leader")
    assert hand.panel.focused
    hand.keys("escape")
    assert not hand.panel.focused
    hand.keys("leader", "leader")
    assert not hand.panel.focused
    assert hand.left == 0
    hand.keys("leader", "q")
    assert hand.left == 1


def test_the_leader_itself_can_be_sent() -> None:
    hand = Hand()
    hand.keys("leader", "]")
    assert hand.typed == [b"\x1d"]
    assert not hand.panel.focused


def test_every_row_of_the_key_table_has_its_deed() -> None:
    asked = {"once", "session", "always"}  # answered by the arming rules
    assert all(hasattr(Panel, f"_do_{k.id}") for k in KEYS if k.id not in asked)


def test_escape_closes_what_is_open_first() -> None:
    hand = Hand(install())
    hand.keys("leader", "?", "escape")
    assert not hand.panel.help and hand.panel.focused
    hand.keys("v", "escape")
    assert not hand.panel.whole and hand.panel.focused


def test_a_refused_answer_brings_the_card_back() -> None:
    hand = Hand(install())
    hand.keys("leader", "y")
    assert hand.panel.waiting == 0
    hand.panel.hear(Refused("observers watch only"), hand.at)
    assert hand.panel.waiting == 1
    assert "observers watch only" in hand.panel.hint(hand.at)


def test_an_answer_on_its_way_is_not_shown_again() -> None:
    hand = Hand(install())
    hand.keys("leader", "y")
    hand.panel.hear(CardShown(install(count=2)), hand.at)
    assert hand.panel.waiting == 0
    hand.panel.hear(CardGone("L-13", "allowed", "ada"), hand.at)
    assert hand.panel.hear(CardShown(install()), hand.at) is True


def test_somebody_elses_answer_is_told() -> None:
    hand = Hand(install())
    hand.panel.hear(CardGone("L-13", "denied", "bob"), hand.at)
    assert hand.panel.waiting == 0
    assert "denied by bob" in hand.panel.hint(hand.at)


def test_the_filter_speaks_the_query_language() -> None:
    hand = Hand()
    for message in a_morning():
        hand.panel.hear(message, hand.at)
    hand.keys("leader", "/", *"verdict:deny", "enter")
    assert hand.panel.query is not None
    words = [r.text for r in hand.panel.timeline.rows(hand.panel.query.match)]
    assert words == ["cat /home/ada/.aws/credentials"]
    hand.keys("/", "ctrl+u", *"verdic:deny", "enter")
    report = hand.panel.deeds.report
    assert report is not None
    assert "verdict" in "\n".join(report.lines)
    hand.keys("escape")
    assert hand.panel.query is not None  # the one that could be read
    hand.keys("escape")
    assert hand.panel.query is None


def test_only_keys_that_work_are_called_working() -> None:
    from leashtui.faces.tui.keys import DEFAULT

    hand = Hand()
    assert {"y", "n", "s", "v"}.isdisjoint(k.shown for k in DEFAULT.working(hand.panel.situation(hand.at)))
    hand.panel.hear(CardShown(force_push()), hand.at)
    hand.panel.queue.in_view(True, hand.at)
    assert "n" in {k.shown for k in DEFAULT.working(hand.panel.situation(hand.at))}
    assert "y" not in {k.shown for k in DEFAULT.working(hand.panel.situation(hand.at))}
    assert "y" in {k.shown for k in DEFAULT.working(hand.panel.situation(hand.at + 2))}
    assert "s" not in {k.shown for k in DEFAULT.working(hand.panel.situation(hand.at + 2))}
