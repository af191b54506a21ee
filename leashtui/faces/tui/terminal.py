"""The agent's terminal as a widget: an engine's rows, its cursor, the mouse; nothing else is ever drawn in it.

Knows when to paint: at once when the last frame is old enough, else at 60 frames a second, and not while the agent
holds its frame (mode 2026, for at most 150 ms). Refuses keys: the panel hands them over. Invariant: only changed rows
are drawn again, and nothing in a row is ever read as markup.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from rich.cells import cell_len
from rich.style import Style
from textual import events
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from leashtui.faces.tui.driver import PanelDriver
from leashtui.faces.tui.engine import Engine, MouseAct
from leashtui.faces.tui.lookback import Lookback

FRAME = 1 / 60
HOLD = 0.15
_BUTTONS = {1: 0, 2: 1, 3: 2}
_LIVE = Style(reverse=True)
_IDLE = Style(underline=True)


class TerminalView(Widget, can_focus=False, inherit_bindings=False):
    """engine: drawn, never owned. clock: seconds. pressed: told a mouse act; returns whether the agent wants it."""

    ALLOW_SELECT = False

    def __init__(
        self, engine: Engine, *, clock: Callable[[], float], pressed: Callable[[MouseAct], None], name: str
    ) -> None:
        super().__init__(id=name)
        self.engine = engine
        self.live = True
        self.lookback = Lookback(engine, self.redraw)
        self._clock = clock
        self._pressed = pressed
        self._strips: dict[int, Strip] = {}
        self._cursor: tuple[int, int] | None = None
        self._painted = float("-inf")
        self._held_since: float | None = None
        self._due: asyncio.TimerHandle | None = None

    def draw(self) -> None:
        """The engine was fed: paint now, or as soon as a frame is due."""
        now = self._clock()
        if self.engine.modes().synchronized:
            self._held_since = now if self._held_since is None else self._held_since
            wait = self._held_since + HOLD - now
        else:
            self._held_since = None
            wait = self._painted + FRAME - now
        if wait > 0:
            if self._due is None:
                self._due = asyncio.get_running_loop().call_later(wait, self._when_due)
            return
        self._paint(now)

    def _when_due(self) -> None:
        self._due = None
        if self.is_attached:
            if self._held_since is not None and self._clock() >= self._held_since + HOLD:
                self._paint(self._clock())
            else:
                self.draw()

    def _paint(self, now: float) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None
        self._painted = now
        rows = set(self.engine.changed())
        cursor = self.engine.cursor()
        if cursor != self._cursor:
            rows |= {c[1] for c in (cursor, self._cursor) if c is not None}
            self._cursor = cursor
        for row in rows:
            self._strips.pop(row, None)
        width, height = self.size
        changed = [row for row in sorted(rows) if row < height]
        if changed and not self._straight(changed):
            self.refresh(*(Region(0, row, width, 1) for row in changed))

    def _straight(self, rows: list[int]) -> bool:
        """Write these rows to the person's terminal at once, past the compositor, which costs more than they do.

        Nothing ever lies over them, and nobody keeps what was drawn: whatever the compositor draws later it asks for
        anew. Returns False where that is not so: another driver, a layout still to come.
        """
        app, screen, place = self.app, self.screen, self.region
        driver = app._driver
        if not isinstance(driver, PanelDriver) or not app._running or app._closed or app._batch_count:
            return False
        if not screen.is_current or screen._layout_required:
            return False
        if place.size != self.size or not place.area:
            return False
        console, width = app.console, place.width
        drawn = [
            f"\x1b[{place.y + row + 1};{place.x + 1}H{self.render_lines(Region(0, row, width, 1))[0].render(console)}"
            for row in rows
        ]
        begin, end = ("\x1b[?2026h", "\x1b[?2026l") if app._sync_available else ("", "")
        driver.write(f"{begin}{''.join(drawn)}\x1b[1;1H{end}")
        return True

    def redraw(self) -> None:
        """Draw everything again: another size, another keyboard owner."""
        self._strips.clear()
        self.engine.changed()
        self._cursor = self.engine.cursor()
        self.refresh()

    def render_lines(self, crop: Region) -> list[Strip]:
        """The rows of `crop`, without Textual's borders and opacity: none apply, and they cost as much as the rows."""
        width, filters = self.size.width, self.get_line_filters()
        strips = [self._row(y).adjust_cell_length(width) for y in crop.line_range]
        for one in filters:
            background = self.background_colors[1]
            strips = [strip.apply_filter(one, background) for strip in strips]
        first, last = crop.column_span
        return strips if (first, last) == (0, width) else [strip.crop(first, last) for strip in strips]

    def render_line(self, y: int) -> Strip:
        """Row `y` with the cursor in it."""
        return self._row(y).adjust_cell_length(self.size.width)

    def _row(self, y: int) -> Strip:
        strip = self._strips.get(y)
        if strip is None:
            strip = self.engine.strip(y) if y < self.engine.rows else Strip([])
            span = self.lookback.span(y)
            if span is not None:
                strip = _marked(strip, *span)
            elif self._cursor is not None and self._cursor[1] == y:
                strip = _with_cursor(strip, self._cursor[0], _LIVE if self.live else _IDLE)
            self._strips[y] = strip
        return strip

    def _act(self, event: events.MouseEvent, kind: str, button: int) -> None:
        held = {n for n, on in (("shift", event.shift), ("meta", event.meta), ("ctrl", event.ctrl)) if on}
        x = min(max(int(event.x), 0), self.engine.cols - 1)
        y = min(max(int(event.y), 0), self.engine.rows - 1)
        self._pressed(MouseAct(x, y, button, kind, frozenset(held)))

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """A button went down over the agent's terminal."""
        self.capture_mouse()
        self._act(event, "press", _BUTTONS.get(event.button, 0))

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """A button went up."""
        self.release_mouse()
        self._act(event, "release", _BUTTONS.get(event.button, 0))

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """The pointer moved, perhaps dragging."""
        self._act(event, "move", _BUTTONS.get(event.button, 0))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The wheel turned up."""
        event.stop()
        self._act(event, "press", 64)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """The wheel turned down."""
        event.stop()
        self._act(event, "press", 65)


def _marked(strip: Strip, first: int, last: int) -> Strip:
    """`strip` with the cells from `first` to `last` reversed."""
    end = min(last + 1, strip.cell_length)
    cuts = [cut for cut in (first, end) if 0 < cut < strip.cell_length]
    parts = list(strip.divide([*cuts, strip.cell_length]))
    at = 1 if first > 0 and len(parts) > 1 else 0
    parts[at] = parts[at].apply_style(_LIVE)
    return Strip.join(parts)


def _with_cursor(strip: Strip, x: int, style: Style) -> Strip:
    """`strip` with the cell at `x` in the cursor's style; a wide character is marked whole."""
    end = x + 1
    at = 0
    for segment in strip:
        if segment.text.isascii():  # a cell each
            at += len(segment.text)
            if at > x:
                break
            continue
        for char in segment.text:
            from_here = at
            at += max(0, cell_len(char))
            if from_here <= x < at:
                x, end = from_here, at
                break
        if at > x:
            break
    before, under, after = (
        strip.divide([x, end, strip.cell_length])
        if end < strip.cell_length
        else (
            *strip.divide([x, strip.cell_length]),
            Strip([]),
        )
    )
    return Strip.join([before, under.apply_style(style), after])
