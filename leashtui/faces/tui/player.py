"""Plays a recorded session in the panel itself: the same terminal, cards and timeline, with a tape for a desk.

Knows tape and time. Refuses to answer anything: no key of a card works here, and nothing is sent anywhere. Invariant:
what is on the screen is what the beats up to `index` make, whatever way one came there.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from rich.cells import cell_len
from rich.text import Text
from textual import events

from leashtui.faces.tui.app import LeashApp
from leashtui.faces.tui.desk import End
from leashtui.faces.tui.engine import Engine
from leashtui.faces.tui.feed import Stream
from leashtui.faces.tui.look import Look
from leashtui.faces.tui.spelled import clip
from leashtui.faces.tui.tape import Tape, answers, messages, welcome_of
from leashtui.model.errors import Unreachable
from leashtui.model.wire import DeskMessage, FaceMessage
from leashtui.words.plain import duration

SPEEDS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
_IDLE = 0.5
_BURST = 200
"""Beats applied before keys have their turn."""
_READS = frozenset({"j", "k", "down", "up", "enter", "t", "tab", "slash", "/", "pageup", "pagedown", "v", "escape"})
_KEYS = (("space", "pause"), ("←/→", "act"), ("+/-", "speed"), ("j/k", "rows"), ("enter", "details"), ("q", "quit"))


class NoDesk:
    """Stands where the desk was: says nothing, hears nothing."""

    def __init__(self, tape: Tape, session: str, log: str) -> None:
        self.welcome = welcome_of(tape, session, log)

    async def __aiter__(self) -> AsyncIterator[DeskMessage]:
        nothing: tuple[DeskMessage, ...] = ()
        for message in nothing:
            yield message

    def send(self, message: FaceMessage) -> None:
        """Nobody hears it."""

    async def open_terminal(self, cols: int, rows: int) -> Stream:
        """There is none."""
        raise Unreachable("a replay has no terminal")


class Player(LeashApp):
    """tape: what is played. start: how many beats are past at the beginning. speed: one of SPEEDS."""

    def __init__(self, tape: Tape, engine: Engine, desk: NoDesk, *, start: int = 0, speed: float = 1.0, **more: Any):
        super().__init__(desk, engine, answers=False, wall=lambda: self._wall_now, **more)
        self.tape = tape
        self.index = 0
        self.playing = start < len(tape.beats)
        self.speed = speed
        self._start = start
        self._told = answers(tape)
        self._wall_now = desk.welcome.started
        self._from = (0.0, 0.0)  # clock, play time
        self._changed = asyncio.Event()
        self._prepare()

    def _prepare(self) -> None:
        self.panel.told = self._told
        self.panel.focused = True

    # time ---------------------------------------------------------------------------------------------------------
    def _position(self) -> float:
        if self.index >= len(self.tape.beats):
            return self.tape.length
        if not self.playing:
            return self._from[1]
        return self._from[1] + (self._clock() - self._from[0]) * self.speed

    def _set_time(self, position: float) -> None:
        self._from = (self._clock(), position)
        self._changed.set()

    def seek(self, index: int) -> None:
        """Make the screen what the first `index` beats make it."""
        if index < self.index:
            self._engine.reset()
            self.panel = self._new_panel()
            self._prepare()
            self.index = 0
        while self.index < index:
            self._apply()
        self._set_time(self.tape.beats[index - 1].at if index else 0.0)
        self.view.redraw()
        self._show()

    def _apply(self) -> None:
        beat = self.tape.beats[self.index]
        self.index += 1
        self._wall_now = beat.wall
        if beat.size is not None:
            self._engine.resize(*beat.size)
        elif beat.output:
            self._engine.feed(beat.output)
            self._engine.replies()
        elif beat.recorded is not None:
            for message in messages(beat.recorded):
                self.panel.hear(message, self._clock())

    async def _listen(self) -> None:
        """Play: in place of listening to a desk."""
        self.screen.set_class(False, "panel")
        self.seek(self._start)
        while True:
            self._changed.clear()
            done = 0
            while self._due() and done < _BURST:
                self._apply()
                done += 1
            if done:
                self.view.draw()
                self._show_soon()
            if done == _BURST:
                await asyncio.sleep(0)
                continue
            wait = _IDLE
            if self.playing and self.index < len(self.tape.beats):
                wait = min(_IDLE, max(0.005, (self.tape.beats[self.index].at - self._position()) / self.speed))
            try:
                await asyncio.wait_for(self._changed.wait(), wait)
            except TimeoutError:
                self._show()

    def _due(self) -> bool:
        return self.playing and self.index < len(self.tape.beats) and self.tape.beats[self.index].at <= self._position()

    async def _watch_agent(self) -> None:
        """The tape has the terminal's bytes."""

    def _fit_agent(self, size: tuple[int, int]) -> None:
        """The terminal keeps the size it had."""

    # keys ---------------------------------------------------------------------------------------------------------
    def _key(self, event: events.Key) -> None:
        if self.panel.editor is not None:
            self.panel.press(event.key, event.character, "", self._clock())
        else:
            self._command(event)
        if self.is_running:
            self._show()

    def _command(self, event: events.Key) -> None:
        match event.key:
            case "space":
                position = self._position()
                self.playing = not self.playing
                if self.index >= len(self.tape.beats):
                    self.playing = True
                    self.seek(0)
                else:
                    self._set_time(position)
            case "right":
                self.playing = False
                self.seek(self.tape.stop_after(self.index))
            case "left":
                self.playing = False
                self.seek(self.tape.stop_before(self.index))
            case "home":
                self.seek(0)
            case "end":
                self.seek(len(self.tape.beats))
            case "plus" | "minus" | "equals_sign":
                at = SPEEDS.index(self.speed) + (-1 if event.key == "minus" else 1)
                position = self._position()
                self.speed = SPEEDS[min(max(at, 0), len(SPEEDS) - 1)]
                self._set_time(position)
            case "q" | "ctrl+q" | "ctrl+c":
                self.leave(End.DONE)
            case "right_square_bracket" | "ctrl+right_square_bracket":
                shown = not self.screen.has_class("panel")
                self.screen.set_class(shown, "panel")
            case name if name in _READS:
                self.panel.press(name, event.character, "", self._clock())
                self.panel.focused = True

    def _beside(self) -> bool:
        return not self._layout.narrow or self.screen.has_class("panel")

    def _footer(self, now: float) -> Text:
        if self.panel.editor is not None:
            return super()._footer(now)
        narrow = (("ctrl+]", "panel"),) if self._layout.narrow else ()
        return draw_footer(
            self.look, self._layout.width, self._position(), self.tape.length, self.speed, self.playing, narrow
        )


def draw_footer(
    look: Look,
    width: int,
    position: float,
    length: float,
    speed: float,
    playing: bool,
    more: tuple[tuple[str, str], ...] = (),
) -> Text:
    """Where the tape stands, and the keys."""
    state = "end" if position >= length else "play" if playing else "pause"
    line = Text(end="").append(f" {state:<5} {duration(position)} / {duration(length)}  x{speed:g} ", look.strong)
    keys = [*more, *_KEYS]
    while len(keys) > 1 and cell_len(line.plain) + sum(len(key) + len(effect) + 5 for key, effect in keys) > width + 2:
        keys.pop(-2)  # how to leave stays
    for key, effect in keys:
        line.append(f" {key} ", look.key).append(f" {effect}  ", look.text)
    return clip(line, width)
