"""The real app on a scripted desk: who gets the keys, what is drawn where, how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot
from tui_desk import (
    SCREEN,
    FakeDesk,
    FakeStream,
    StillClock,
    a_morning,
    app_of,
    decided,
    force_push,
    install,
    recorded,
    shown,
)

from leashtui.faces.tui.app import LeashApp
from leashtui.faces.tui.desk import End, Unopened
from leashtui.faces.tui.look import THEMES, coloured
from leashtui.faces.tui.parser import Background, RawKey
from leashtui.faces.tui.sheet import Sheet
from leashtui.faces.tui.terminal import HOLD
from leashtui.model.card import Choice
from leashtui.model.event import Braked
from leashtui.model.wire import Answer, Brake, CardGone, CardShown, Done

LEADER = "ctrl+right_square_bracket"


class Play:
    """A running app and what surrounds it."""

    def __init__(self, desk: FakeDesk | None = None, size: tuple[int, int] = (120, 40)) -> None:
        self.desk = desk or FakeDesk([], [SCREEN])
        self.clock = StillClock()
        self.app: LeashApp = app_of(self.desk, self.clock, theme="auto")
        self._running = self.app.run_test(size=size)
        self.pilot: Pilot[Any]

    async def __aenter__(self) -> Play:
        self.pilot = await self._running.__aenter__()
        await self.until(lambda: len(self.desk.stream.sizes) > 0)
        return self

    async def __aexit__(self, *what: Any) -> None:
        await self._running.__aexit__(*what)

    async def until(self, look: Callable[[], object], timeout: float = 60) -> None:
        async with asyncio.timeout(timeout):
            while not look():
                await asyncio.sleep(0.01)

    async def shows(self, text: str) -> list[str]:
        try:
            await self.until(lambda: text in "\n".join(shown(self.app)))
        except TimeoutError:
            raise AssertionError(f"{text!r} never appeared on\n" + "\n".join(shown(self.app))) from None
        return shown(self.app)

    async def key(self, raw: str, name: str = "x") -> None:
        self.app.post_message(RawKey(name, None, raw))
        await self.pilot.pause()

    async def card(self, card: object) -> None:
        self.desk.say(CardShown(card))  # type: ignore[arg-type]
        await self.until(lambda: self.app.panel.waiting)
        self.clock.at += 1

    async def press(self, *names: str) -> None:
        for name in names:
            await self.pilot.press(name)
            self.clock.at += 1

    def answers(self) -> list[tuple[str, Choice]]:
        return [(m.ask, m.choice) for m in self.desk.sent if isinstance(m, Answer)]


EVERY = [*(f"ctrl+{c}" for c in "abcdefghijklmnopqrstuvwxyz"), "tab", "shift+tab", "escape", "enter", "up", "y", "n"]


async def test_every_key_but_the_leader_reaches_the_agent() -> None:
    async with Play() as play:
        await play.card(install())
        for name in EVERY:
            await play.pilot.press(name)
        letters = bytes(range(1, 27))
        assert bytes(play.desk.stream.typed) == letters + b"\t\x1b[Z\x1b\r\x1b[Ayn"
        assert play.answers() == []
        assert play.app.is_running


@pytest.mark.parametrize("raw", ["\x1b\r", "\x1b\x7f", "\x1bb", "\x1bOP", "\x1b[24~", "\x1b[1;5C", "\x00", "\x11"])
async def test_raw_bytes_reach_the_agent_unchanged(raw: str) -> None:
    async with Play() as play:
        await play.key(raw)
        assert bytes(play.desk.stream.typed) == raw.encode()


async def test_a_card_appears_beside_the_agent_and_takes_nothing() -> None:
    async with Play() as play:
        await play.shows("212 tests pass")
        await play.card(force_push())
        lines = await play.shows("NEEDS YOU")
        assert "212 tests pass" in "\n".join(lines)
        assert not play.app.panel.focused
        await play.press("y", LEADER, "y", "exclamation_mark")
        assert bytes(play.desk.stream.typed) == b"y"
        assert play.answers() == [("L-12", Choice.ONCE)]


async def test_a_narrow_terminal_shows_a_banner_then_the_card() -> None:
    async with Play(size=(80, 24)) as play:
        await play.shows("212 tests pass")
        assert play.desk.stream.sizes[-1] == (80, 22)
        await play.card(force_push())
        lines = await play.shows(" — ctrl+] to answer")
        assert "NEEDS YOU" not in "\n".join(lines)
        await play.press(LEADER)
        lines = await play.shows("NEEDS YOU")
        assert "212 tests pass" not in "\n".join(lines)
        await play.press("n", LEADER)
        await play.shows("212 tests pass")
        assert play.answers() == [("L-12", Choice.DENY)]
        assert len(set(play.desk.stream.sizes)) == 1


async def test_a_card_in_view_only_now_is_not_open_at_once() -> None:
    async with Play(size=(80, 24)) as play:
        await play.card(install())
        await play.pilot.press(LEADER, "y")
        assert play.answers() == []
        play.clock.at += 1
        await play.pilot.press("y")
        assert play.answers() == [("L-13", Choice.ONCE)]


async def test_text_of_the_agent_is_text() -> None:
    async with Play(FakeDesk([], [b"[bold red]not markup[/] \x1b]0;[b]title\x07[@click=app.quit]x[/]"])) as play:
        lines = await play.shows("[@click=app.quit]x[/]")
        assert "[bold red]not markup[/]" in lines[1]
        assert "\x1b" not in "".join(lines)


async def test_a_paste_goes_to_the_agent_as_a_paste() -> None:
    async with Play(FakeDesk([], [b"\x1b[?2004h$ "])) as play:
        await play.shows("$ ")
        await play.card(install())
        play.app.post_message(events.Paste("y\x1b[201~\ny"))
        await play.until(lambda: play.desk.stream.typed)
        assert bytes(play.desk.stream.typed) == b"\x1b[200~y[201~\ry\x1b[201~"
        await play.press(LEADER)
        play.app.post_message(events.Paste("y"))
        await play.pilot.pause()
        assert play.answers() == []


async def test_the_agents_questions_are_answered() -> None:
    async with Play(FakeDesk([], [b"\x1b[c"])) as play:
        await play.until(lambda: play.desk.stream.typed)
        assert bytes(play.desk.stream.typed) == b"\x1b[?62;22c"


async def test_an_observers_engine_answers_nothing() -> None:
    desk = FakeDesk([], [b"\x1b[cready"])
    app = app_of(desk, StillClock(), answers=False)
    async with app.run_test(size=(120, 40)) as pilot:
        async with asyncio.timeout(10):
            while "ready" not in "\n".join(shown(app)):
                await pilot.pause(0.01)
        assert bytes(desk.stream.typed) == b""


async def test_the_mouse_reaches_an_agent_that_asked_for_it() -> None:
    async with Play(FakeDesk([], [b"\x1b[?1000h\x1b[?1006hready"])) as play:
        await play.shows("ready")
        await play.pilot.click("#agent", offset=(3, 2))
        assert bytes(play.desk.stream.typed) == b"\x1b[<0;4;3M\x1b[<0;4;3m"
        await play.pilot.click("#side", offset=(5, 30))
        assert play.app.panel.focused
        await play.pilot.click("#agent", offset=(3, 2))
        assert not play.app.panel.focused


async def point_at(play: Play, words: str) -> None:
    """A click on the first place of the screen that says `words`."""
    lines = await play.shows(words)
    y = next(y for y, line in enumerate(lines) if words in line)
    x = lines[y].index(words) + 1
    widget, place = play.app.screen.get_widget_at(x, y)
    await play.pilot.click(widget, offset=(x - place.x, y - place.y))
    await play.pilot.pause()


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_a_card_is_answered_by_the_mouse_under_the_same_rules(size: tuple[int, int]) -> None:
    async with Play(size=size) as play:
        await play.card(install())
        await point_at(play, "ctrl+] to answer")
        assert play.app.panel.focused
        assert play.answers() == []
        await play.until(lambda: " once" in "\n".join(shown(play.app)))
        if "(y) once" in "\n".join(shown(play.app)):
            await point_at(play, "(y) once")
            assert play.answers() == [], "a click that only just showed the card approves nothing"
        play.clock.at += 1
        await point_at(play, "npm install left-pad")
        assert play.answers() == []
        play.clock.at += 1
        await play.shows(" y  once")
        await point_at(play, " y  once")
        assert play.answers() == [("L-13", Choice.ONCE)]
        play.desk.say(CardGone("L-13", "allowed", "ada"))
        await play.until(lambda: not play.app.panel.waiting)
        await play.card(force_push(command="printf ' y '"))
        play.clock.at += 1
        await point_at(play, "printf ' y '")
        await point_at(play, "say why")
        assert play.app.panel.editor is not None
        assert len(play.answers()) == 1


async def test_the_mouse_chooses_and_opens_a_row_and_turns_the_timeline() -> None:
    async with Play(FakeDesk(a_morning()[:-1], [SCREEN])) as play:
        await point_at(play, "pytest -q")
        assert play.app.panel.focused
        assert play.app.panel.reading.row is None, "the first click only brings the keys"
        await point_at(play, "pytest -q")
        await play.shows("▶✓ allow   pytest -q")
        assert not play.app.panel.reading.open
        await point_at(play, "git commit")
        await play.shows("▶✓ allow   git commit")
        await point_at(play, "git commit")
        await play.shows("esc closes  j/k next")
        await play.press("escape", "escape", LEADER)
        assert not play.app.panel.focused
        many = recorded([decided(f"make {n}") for n in range(100)])
        for message in many[15:]:
            play.desk.say(message)
        await play.shows("make 99")
        await play.pilot._post_mouse_events([events.MouseScrollUp], "#side", offset=(5, 20))
        lines = await play.shows("5 more below")
        assert not any("make 99" in line for line in lines)
        await play.pilot._post_mouse_events([events.MouseScrollDown], "#side", offset=(5, 20))
        await play.shows("make 99")
        assert bytes(play.desk.stream.typed) == b""


async def test_who_turned_the_wheel_is_told_how_much_is_below() -> None:
    async with Play(FakeDesk([], [b"".join(b"line %d\r\n" % n for n in range(200))])) as play:
        await play.shows("line 199")
        await play.pilot._post_mouse_events([events.MouseScrollUp], "#agent", offset=(5, 5))
        await play.shows("3 lines below")
        await play.press("x")
        lines = await play.shows("line 199")
        assert "below" not in lines[-1]


async def test_a_terminal_too_small_for_a_card_says_that_one_waits() -> None:
    async with Play(size=(20, 5)) as play:
        await play.shows("the agent goes on")
        await play.card(install())
        lines = await play.shows("an act waits for you")
        assert not any("goes on" in line for line in lines)
        play.desk.say(CardGone("L-13", "allowed", "ada"))
        await play.shows("the agent goes on")
        play.desk.say(recorded([Braked("freeze", "ada")])[0])
        await play.shows("the agent is frozen")


async def test_a_resize_reaches_engine_and_pump() -> None:
    async with Play() as play:
        await play.shows("212 tests pass")
        await play.pilot.resize_terminal(80, 24)
        await play.until(lambda: play.desk.stream.sizes[-1] == (80, 22))
        assert (play.app._engine.cols, play.app._engine.rows) == (80, 22)
        await play.pilot.resize_terminal(39, 9)
        lines = await play.shows("terminal too small")
        assert "leash needs 40 x 10" in "\n".join(lines)
        await play.pilot.resize_terminal(120, 40)
        await play.shows("212 tests pass")


async def test_a_held_frame_is_not_drawn_until_released_or_late() -> None:
    async with Play(FakeDesk([], [b"old"])) as play:
        await play.shows("old")
        held = play.app.view
        play.desk.stream.write(b"\x1b[?2026h\x1b[2J\x1b[Hnew")
        await play.until(lambda: play.app._engine.modes().synchronized)
        began = held._held_since
        if "new" in "\n".join(shown(play.app)):
            assert began is not None
            assert held._clock() - began >= HOLD
        play.desk.stream.write(b"est\x1b[?2026l")
        assert "newest" in (await play.shows("newest"))[1]
        play.desk.stream.write(b"\x1b[?2026h\x1b[2J\x1b[Hstuck")
        await play.shows("stuck")


async def test_a_pump_that_died_is_asked_again() -> None:
    async with Play() as play:
        await play.shows("212 tests pass")
        old, play.desk.stream = play.desk.stream, FakeStream([b"after the pump came back"])
        old.end()
        lines = await play.shows("after the pump came back")
        assert "212 tests pass" not in "\n".join(lines)


async def test_it_ends_with_the_session() -> None:
    async with Play() as play:
        play.desk.say(Done(7, "log", 1, "head"))
        await play.until(lambda: play.app.return_code is not None)
        assert play.app.return_code == End.DONE == 0


async def test_it_ends_with_the_supervisor() -> None:
    async with Play() as play:
        play.desk.lose()
        await play.until(lambda: play.app.return_code is not None)
        assert play.app.return_code == End.GONE == 4


async def test_a_panel_that_only_watches_answers_nothing_and_types_nothing() -> None:
    play = Play()
    play.app = app_of(play.desk, play.clock, watches=True, types=False)
    play._running = play.app.run_test(size=(120, 40))
    async with play:
        await play.card(install())
        await play.press("x", "ctrl+right_square_bracket", "n", "f")
        assert play.desk.sent == []
        assert play.desk.stream.typed == b""
        assert play.app.panel.waiting == 1
        await play.shows("only watches")


async def test_a_panel_that_only_watches_offers_no_key_that_does_nothing() -> None:
    play = Play()
    play.app = app_of(play.desk, play.clock, watches=True, types=False)
    play._running = play.app.run_test(size=(80, 24))
    async with play:
        await play.shows("this panel does not type")
        await play.card(install())
        await play.press(LEADER)
        lines = await play.shows("others answer")
        offered = "\n".join(lines)
        for words in (" once", "this session", "deny", "edit", "freeze", "kill", "undo"):
            assert words not in offered, (words, offered)
        assert "more" in offered
        await play.press("y", "exclamation_mark", "K", "exclamation_mark")
        await play.shows("only watches")
        assert play.desk.sent == []


async def test_a_filter_that_cannot_be_read_is_explained_whole_and_kept() -> None:
    play = Play(size=(80, 24))
    async with play:
        await play.press(LEADER, "slash", *"bogus:1", "enter")
        said = "\n".join(await play.shows("there is no key 'bogus'"))
        assert "verdict" in said
        assert "…" not in said
        await play.press("escape", "slash")
        await play.shows("filter: bogus:1")
        await play.press("ctrl+u", *"verdict:deny", "enter")
        await play.shows("timeline  /verdict:deny")


async def test_a_key_that_does_nothing_is_called_by_its_sign() -> None:
    async with Play(size=(80, 24)) as play:
        await play.press(LEADER, "exclamation_mark")
        await play.shows("! does nothing here")
        await play.press("f9")
        await play.shows("f9 does nothing here")


async def test_the_palette_shows_the_keys_that_work_in_it() -> None:
    async with Play(size=(80, 24)) as play:
        await play.press(LEADER, "ctrl+p")
        await play.shows("do: ")
        assert "freeze" not in shown(play.app)[-1]
        assert "do it" in shown(play.app)[-1]
        await play.press(*"no such thing")
        await play.shows("no action is called that")
        assert "do it" not in shown(play.app)[-1]


async def test_who_may_not_allow_an_act_is_told_before_the_key() -> None:
    for me, may in (("ada", False), ("bob", True)):
        play = Play()
        play.app = app_of(play.desk, play.clock, me=me)
        play._running = play.app.run_test(size=(80, 24))
        async with play:
            await play.card(install(other=True))
            await play.press(LEADER)
            offered = "\n".join(await play.shows("deny"))
            assert ("somebody else than ada has to allow it" in offered) is not may
            assert ("once" in offered) is may
            await play.press("y")
            if not may:
                await play.shows("somebody else than ada")
            assert bool(play.desk.sent) is may


async def test_a_frozen_session_says_why_and_how_it_goes_on() -> None:
    async with Play() as play:
        play.desk.say(recorded([Braked("freeze", "its budget: 5,000 acts")])[0])
        lines = await play.shows("frozen by its budget: 5,000 acts — ctrl+], then f lets it go on")
        assert "every other key" not in "\n".join(lines)
        await play.press(LEADER)
        await play.shows("resume")
        await play.press("f")
        assert play.desk.sent == [Brake("resume")]


async def test_the_person_may_leave() -> None:
    async with Play() as play:
        await play.press("q")
        assert play.app.is_running
        await play.press(LEADER, "q")
        await play.until(lambda: play.app.return_code is not None)
        assert play.app.return_code == End.DETACHED == 10
        assert play.desk.stream.closed


async def test_a_card_answered_elsewhere_goes_and_says_so() -> None:
    async with Play() as play:
        await play.card(force_push())
        await play.shows("NEEDS YOU")
        play.desk.say(CardGone("L-12", "denied", "bob"))
        lines = await play.shows("L-12 denied by bob")
        assert "NEEDS YOU" not in "\n".join(lines)


async def test_a_thousand_records_are_drawn_without_falling_behind() -> None:
    async with Play(FakeDesk(a_morning() * 100, [SCREEN])) as play:
        await play.until(lambda: play.app.panel.timeline.records == 14)
        await play.shows("npm test")


async def test_the_panel_is_as_light_as_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    async with Play() as play:
        for colour, theme in (((250, 250, 240), "light"), ((10, 10, 20), "dark")):
            play.app.post_message(Background(colour))
            await play.until(lambda theme=theme: play.app.look == coloured(THEMES[theme]))  # type: ignore[misc]
            assert play.app.query_one("#side", Sheet).base == play.app.look.ground
            assert play.app.query_one("#header", Sheet).base == play.app.look.raised


async def test_a_panel_is_there_before_its_session_and_keeps_what_was_typed() -> None:
    desk, clock = FakeDesk([], [SCREEN]), StillClock()
    there = asyncio.Event()

    async def arrive() -> FakeDesk:
        await there.wait()
        return desk

    app = app_of(Unopened("claude", "/home/ada/proj/api"), clock, theme="auto", arrival=arrive)  # type: ignore[arg-type]
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        first = shown(app)
        assert "claude" in first[0] and "~/proj/api" in first[0]
        assert "being set up" in first[0] and "exec" not in first[0]  # which tier it will be is not known yet
        await pilot.press("h", "i", "ctrl+right_square_bracket", "q", "f")  # nothing to leave or to freeze yet
        assert "not there yet" in shown(app)[-1]
        await pilot.press("ctrl+right_square_bracket", "!")
        there.set()
        async with asyncio.timeout(30):
            while bytes(desk.stream.typed) != b"hi!" or "guard: exec" not in shown(app)[0]:
                await asyncio.sleep(0.01)
        assert desk.sent == []


@pytest.mark.parametrize(("ends", "code"), [(True, End.DONE), (False, End.GAVE_UP)])
async def test_without_a_session_the_panel_leaves(ends: bool, code: End) -> None:
    async def arrive() -> None:
        await asyncio.sleep(0 if ends else 600)

    app = app_of(Unopened("claude", "/tmp"), StillClock(), arrival=arrive)  # type: ignore[arg-type]
    async with app.run_test(size=(120, 40)) as pilot:
        if not ends:
            await pilot.press("a", "ctrl+c")
        async with asyncio.timeout(30):
            while app.is_running and app.return_code is None:
                await asyncio.sleep(0.01)
    assert app.return_code == code
