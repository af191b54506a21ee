"""A recorded session as a tape: order, silence, stops, and a player that is only ever what the tape says."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from tui_desk import NOON, SCREEN, StillClock, a_morning, shown

from leashtui.faces.tui.bittty_engine import BitttyEngine
from leashtui.faces.tui.export import make_page
from leashtui.faces.tui.look import coloured
from leashtui.faces.tui.player import NoDesk, Player, draw_footer
from leashtui.faces.tui.tape import Tape, answers, make_tape, welcome_of
from leashtui.model.wire import Recorded
from leashtui.stores.recording import Moment

START = NOON - 56_000_000


def tape(silence: float = 2.0) -> Tape:
    records = [m for m in a_morning() if isinstance(m, Recorded)]
    moments = [
        Moment(0, "r", "60x12"), Moment(1, "o", SCREEN.decode()), Moment(30, "o", "half way\r\n"), Moment(31, "m", "x"),
        Moment(50, "o", "the end\r\n"), Moment(51, "r", "nonsense"),
    ]  # fmt: skip
    return make_tape(records, moments, START, silence)


def test_beats_are_in_order_and_silence_is_short() -> None:
    made = tape()
    assert [b.wall for b in made.beats] == sorted(b.wall for b in made.beats)
    assert all(b.at - a.at <= 2.0 for a, b in zip(made.beats, made.beats[1:], strict=False))
    assert tape(100).length == pytest.approx((made.beats[-1].wall - made.beats[0].wall) / 1e6)
    assert sum(b.size is not None for b in made.beats) == 1
    assert make_tape([], [], 0).length == 0


def test_stops_are_acts_and_both_ways_meet() -> None:
    made = tape()
    at, there = 0, []
    while at < len(made.beats):
        at = made.stop_after(at)
        there.append(at)
    back = []
    while at > 0:
        at = made.stop_before(at)
        back.append(at)
    assert len(there) == len(made.stops) + (there[-1] != made.stops[-1] + 1)
    assert [0, *there[:-1]] == back[::-1]
    asked = made.index_of("L-12")
    assert asked is not None and made.beats[asked - 1].recorded is not None
    assert made.index_of("L-99") is None


def test_what_was_answered_is_known_before_it_happens() -> None:
    assert answers(tape()) == {"L-11": "allowed by ada"}
    assert welcome_of(tape(), "S", "log").agent == "claude"


class Cinema:
    def __init__(self) -> None:
        self.clock = StillClock()
        made = tape()
        self.app = Player(
            made, BitttyEngine(60, 12), NoDesk(made, "S", "log"), clock=self.clock, stamp=lambda us: "12:00:00", home=""
        )

    async def settle(self, pilot: Any, *keys: str) -> str:
        for key in keys:
            await pilot.press(key)
        for _ in range(4):
            await pilot.pause(0.02)
        self.app._show()
        await pilot.pause()
        return "\n".join(shown(self.app))


async def test_it_plays_pauses_and_seeks() -> None:
    cinema = Cinema()
    async with cinema.app.run_test(size=(120, 40)) as pilot:
        before = await cinema.settle(pilot)
        assert "play" in before and "half way" not in before
        cinema.clock.at += 1000
        after = await cinema.settle(pilot, "end", "left")
        assert "the end" in await cinema.settle(pilot, "end")
        screen = await cinema.settle(pilot, "left")
        assert "pause" in screen or "end" in screen
        first = await cinema.settle(pilot, "home", "right")
        again = await cinema.settle(pilot, "end", "home", "right")
        assert first.splitlines() == again.splitlines()
        assert again != after
        assert (cinema.app._engine.cols, cinema.app._engine.rows) == (60, 12)


async def test_no_key_answers_a_card_of_the_past() -> None:
    cinema = Cinema()
    async with cinema.app.run_test(size=(120, 40)) as pilot:
        asked = cinema.app.tape.index_of("L-11")
        assert asked is not None
        cinema.app.playing = False
        cinema.app.seek(asked)
        cinema.clock.at += 5
        screen = await cinema.settle(pilot, "y", "n", "d", "s", "K", "exclamation_mark", "f")
        assert "NEEDS YOU" in screen
        assert "it was answered: allowed by ada" in screen
        assert cinema.app.panel.waiting == 1
        screen = await cinema.settle(pilot, "k", "k", "enter")
        assert "esc closes" in screen
        await pilot.press("q")
    assert cinema.app.return_code == 0


def test_a_page_holds_everything_and_loads_nothing() -> None:
    nasty = "<script>alert(1)</script> </span>&amp; \x1b[31mred\x1b[0m"
    records = [m for m in a_morning() if isinstance(m, Recorded)]
    made = make_tape(records, [Moment(1, "o", nasty), Moment(40, "o", "\r\nlater")], START)
    page = make_page(made, BitttyEngine(60, 5), "<b>title")
    assert page.count("<script") == 2
    assert "&lt;script&gt;" in page and "&lt;b&gt;title" in page
    assert "default-src 'none'" in page
    assert not re.search(r"https?://|src=|href=|@import|url[(]", page)
    found = re.search(r'id="data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    data = json.loads(found[1])
    assert any("later" in data["rows"][row] for row in data["frames"][-1][1])
    assert not any("later" in data["rows"][row] for row in data["frames"][0][1])
    assert [a["text"] for a in data["acts"] if a["kind"] == "deny"] == ["cat /home/ada/.aws/credentials"]
    assert [f[0] for f in data["frames"]] == sorted(f[0] for f in data["frames"])


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_the_footer_of_a_replay_says_how_to_leave_at_any_width(width: int) -> None:
    line = draw_footer(coloured(), width, 5.0, 65.0, 1, True, (("ctrl+]", "panel"),)).plain
    assert "q  quit" in line
    assert "space  pause" in line or width < 80
    assert "…" not in line
    assert len(line.rstrip()) <= width
