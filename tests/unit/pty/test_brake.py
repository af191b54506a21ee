"""A moment's pause for a face that reads, none for one that does not."""

from __future__ import annotations

from leashtui.guards.pty.brake import PAUSE, Brake

MB = 1 << 20


def test_without_a_face_or_with_a_near_one_nothing_pauses() -> None:
    brake = Brake()
    assert not brake.judge(0, 100 * MB, None)
    assert not brake.judge(0, 10 * MB, 8 * MB)
    assert brake.wait(0) is None


def test_a_pause_ends_when_the_face_has_caught_up() -> None:
    brake = Brake()
    assert brake.judge(0, 10 * MB, 7 * MB)
    assert brake.wait(0) == PAUSE
    assert brake.judge(0.01, 10 * MB, 8 * MB)
    assert not brake.judge(0.02, 10 * MB, 9 * MB)


def test_a_pause_ends_by_itself_and_comes_again_only_after_progress() -> None:
    brake = Brake()
    assert brake.judge(0, 10 * MB, 7 * MB)
    assert not brake.judge(PAUSE, 10 * MB, 7 * MB)
    assert not brake.judge(PAUSE + 1, 50 * MB, 7 * MB)
    assert brake.judge(PAUSE + 2, 50 * MB, 7 * MB + 1)
