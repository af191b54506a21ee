"""The arming rules: a card that just came, or keys that did not rest, never approve anything."""

from __future__ import annotations

from tui_desk import force_push, install

from leashtui.faces.tui.queue import Queue
from leashtui.model.card import Choice


def queue_with(*cards: object) -> Queue:
    queue = Queue()
    queue.in_view(True, 0.0)
    for card in cards:
        queue.add(card, 0.0)  # type: ignore[arg-type]
    return queue


def test_a_new_card_is_deny_only_for_a_quarter_second() -> None:
    queue = queue_with(install())
    assert not queue.ready(0.0)
    assert not queue.ready(0.249)
    assert queue.ready(0.25)


def test_keys_must_have_rested_half_a_second() -> None:
    queue = queue_with(install())
    for at in (0.2, 0.6, 1.0, 1.4):
        queue.key(at)
        assert not queue.ready(at + 0.39)
    assert not queue.ready(1.8)
    assert queue.ready(1.9)


def test_once_rested_the_card_stays_open_to_the_same_hand() -> None:
    queue = queue_with(install())
    queue.key(2.0)  # the leader key, after a rest
    assert queue.ready(2.1)


def test_what_follows_a_burst_at_once_approves_nothing() -> None:
    queue = Queue()
    queue.in_view(True, 0.0)
    queue.add(install(), 0.0)
    assert queue.ready(2.0)
    queue.key(2.0)
    assert queue.ready(2.0)
    queue.burst(2.1)
    assert not queue.ready(2.1)
    queue.key(2.1)
    assert not queue.ready(2.2)
    assert queue.ready(2.8)


def test_keys_typed_before_the_card_came_do_not_count() -> None:
    queue = queue_with(install())
    queue.in_view(False, 0.5)
    queue.in_view(True, 10.0)
    assert not queue.ready(9.9)
    assert not queue.ready(10.2)


def test_a_card_out_of_view_is_never_open() -> None:
    queue = Queue()
    queue.add(install(), 0.0)
    assert not queue.ready(100.0)


def test_the_next_card_under_the_same_key_starts_anew() -> None:
    queue = queue_with(install("L-1"), install("L-2"))
    queue.key(2.0)
    assert queue.ready(2.0)
    queue.remove("L-1", 2.0)
    assert queue.card is not None and queue.card.id == "L-2"
    assert not queue.ready(2.1)
    assert not queue.ready(2.4)
    assert queue.ready(2.5)


def test_a_card_that_changes_under_the_key_starts_anew() -> None:
    queue = queue_with(install("L-1"))
    queue.key(2.0)
    queue.add(install("L-1", command="npm install evil"), 2.0)
    assert not queue.ready(2.1)


def test_more_of_the_same_does_not_disturb() -> None:
    queue = queue_with(install("L-1"))
    queue.key(2.0)
    assert queue.add(install("L-1", count=3), 2.0) is False
    assert queue.ready(2.1)


def test_a_newcomer_does_not_take_the_keys() -> None:
    queue = queue_with(install("L-5", since=50))
    queue.key(2.0)
    queue.add(force_push("L-4", since=10), 2.0)
    assert queue.card is not None and queue.card.id == "L-5"
    assert queue.position == 2
    assert queue.ready(2.1)


def test_choosing_goes_by_age_and_stops_at_the_ends() -> None:
    queue = queue_with(install("L-3", since=30), install("L-1", since=10), install("L-2", since=20))
    assert [c.id for c in queue.cards()] == ["L-1", "L-2", "L-3"]
    queue.move(-1, 1.0)
    queue.move(-1, 1.0)
    queue.move(-1, 1.0)
    assert queue.position == 1
    queue.key(5.0)
    queue.move(1, 5.0)
    assert queue.position == 2
    assert not queue.ready(5.1)


def test_a_severe_card_waits_for_the_second_key() -> None:
    queue = queue_with(force_push())
    assert queue.approve(Choice.ONCE, True, True) is False
    assert queue.confirming is Choice.ONCE
    queue.remove("L-12", 3.0)
    assert queue.confirming is None


def test_nothing_is_approved_unready_or_without_a_card() -> None:
    queue = queue_with(install())
    assert queue.approve(Choice.ONCE, False, False) is False
    queue.remove("L-13", 1.0)
    assert queue.approve(Choice.ONCE, True, False) is False


def test_replace_keeps_only_what_waits() -> None:
    queue = queue_with(install("L-1"), install("L-2"))
    queue.replace([install("L-2"), install("L-3")], 1.0)
    assert {c.id for c in queue.cards()} == {"L-2", "L-3"}
    assert queue.card is not None
