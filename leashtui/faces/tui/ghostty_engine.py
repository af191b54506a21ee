"""The native engine: libghostty-vt behind the Engine seam, fast enough for an agent that redraws all day.

Knows how its packed cells become strips. Refuses to run where anything but a face lives: this library can crash on
rubbish, and the keeper then starts the face again. Invariant: as for every engine, a row is exactly `cols` cells and
each reply has one of the shapes in `replies.REPLY`, so that no text an agent chose comes back as if it were typed.
"""

from __future__ import annotations

import ctypes
from ctypes import byref, c_bool, c_int, c_size_t, c_uint32, c_uint64, c_void_p
from functools import lru_cache
from typing import Any

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from leashtui.faces.tui import ghostty_abi as abi
from leashtui.faces.tui.cell import fit
from leashtui.faces.tui.engine import Modes, MouseAct
from leashtui.faces.tui.packed import plain_row
from leashtui.faces.tui.pointer import mouse_bytes, tracking
from leashtui.faces.tui.replies import REPLY
from leashtui.words.plain import one_line

SCROLLBACK = 8 << 20
"""Bytes of lines that scrolled away: some 7,000 of 120 columns. A limit in lines would cost eight times the speed."""
_TITLE = 60
_PIXELS = (8, 16)
_GRAPHEMES = 2027
_LONGEST = 16
"""Code points one cell may hold; what combines beyond that is left out."""


class GhosttyEngine:
    """Implements Engine. cols, rows: at least 1. library: from `ghostty_abi.load`."""

    def __init__(self, cols: int, rows: int, library: abi.Library) -> None:
        self.cols = max(1, cols)
        self.rows = max(1, rows)
        self._lib = library
        self._background: tuple[int, int, int] | None = None
        self._down: int | None = None
        self._sent = bytearray()
        self._callbacks = (
            abi.WritePty(self._wrote),
            abi.AskSize(self._tell_size),
            abi.AskAttributes(_tell_attributes),
        )
        self._terminal = c_void_p()
        self._state = c_void_p()
        self._iterator = c_void_p()
        self._cells = c_void_p()
        self._made()

    def _made(self) -> None:
        lib = self._lib
        if lib.terminal_new(None, byref(self._terminal), self.cols, self.rows):
            raise MemoryError("no terminal could be made")
        lib.terminal_resize(self._terminal, self.cols, self.rows, *_PIXELS)
        for option, callback in zip(
            (abi.OPT_WRITE_PTY, abi.OPT_SIZE, abi.OPT_DEVICE_ATTRIBUTES), self._callbacks, strict=True
        ):
            lib.terminal_set(self._terminal, option, ctypes.cast(callback, c_void_p))
        for option, size in ((abi.OPT_SCROLL_BYTES, SCROLLBACK), (abi.OPT_SCROLL_LINES, 1 << 30)):
            lib.terminal_set(self._terminal, option, byref(c_size_t(size)))
        lib.terminal_set(self._terminal, abi.OPT_KITTY_STORAGE, byref(ctypes.c_uint64(0)))
        for option in (abi.OPT_MODE_DEFAULT, abi.OPT_MODE):
            lib.terminal_set(self._terminal, option, byref(abi.ModeConfig(_GRAPHEMES, True)))
        lib.render_state_new(None, byref(self._state))
        lib.render_state_row_iterator_new(None, byref(self._iterator))
        lib.render_state_row_cells_new(None, byref(self._cells))
        self._strips: list[Strip] = []
        self._stale = True
        self._looked: set[int] = set()  # rows that changed and nobody was told of yet
        self._reversed = False
        self._seen_size = (0, 0)
        self.background = self._background

    def __del__(self) -> None:
        lib = self._lib
        for handle, free in (
            (self._cells, lib.render_state_row_cells_free),
            (self._iterator, lib.render_state_row_iterator_free),
            (self._state, lib.render_state_free),
            (self._terminal, lib.terminal_free),
        ):
            if handle:
                free(handle)
                handle.value = None

    @property
    def background(self) -> tuple[int, int, int] | None:
        """The person's background as (r, g, b); agents that ask are told it."""
        return self._background

    @background.setter
    def background(self, colour: tuple[int, int, int] | None) -> None:
        self._background = colour
        if colour is not None:
            ink = (0, 0, 0) if sum(colour) > 3 * 127 else (229, 229, 229)
            self._lib.terminal_set(self._terminal, abi.OPT_BACKGROUND, byref(abi.Rgb(*colour)))
            self._lib.terminal_set(self._terminal, abi.OPT_FOREGROUND, byref(abi.Rgb(*ink)))

    def reset(self) -> None:
        """A terminal just switched on."""
        self.__del__()
        self._sent.clear()
        self._made()

    def _wrote(self, _terminal: int, _user: int, data: int, length: int) -> None:
        found = ctypes.string_at(data, length)
        if REPLY.fullmatch(found):
            self._sent += found

    def _tell_size(self, _terminal: int, _user: int, out: Any) -> bool:
        out[0] = abi.Size(self.rows, self.cols, *_PIXELS)
        return True

    def feed(self, data: bytes) -> None:
        """Take output, cut anywhere."""
        self._lib.terminal_vt_write(self._terminal, data, len(data))
        self._stale = True

    def resize(self, cols: int, rows: int) -> None:
        """Take the size the panel has for us, in cells; what does not fit a line any more is wrapped."""
        self.cols, self.rows = max(1, cols), max(1, rows)
        self._lib.terminal_resize(self._terminal, self.cols, self.rows, *_PIXELS)
        self._stale = True

    def mode(self, number: int) -> bool:
        """Whether a private mode is set."""
        config = abi.ModeConfig(number, False)
        return self._lib.terminal_get(self._terminal, abi.DATA_MODE, byref(config)) == 0 and bool(config.value)

    def changed(self) -> list[int]:
        """Rows to draw again."""
        if self._stale:
            self._looked |= set(self._update())
        found, self._looked = sorted(self._looked), set()
        return found

    def _update(self) -> list[int]:
        lib = self._lib
        self._stale = False
        lib.render_state_update(self._state, self._terminal)
        flipped = self.mode(5)
        whole = flipped != self._reversed or self._seen_size != (self.cols, self.rows) or not self._strips
        self._reversed, self._seen_size = flipped, (self.cols, self.rows)
        if whole:
            self._strips = [Strip.blank(self.cols)] * self.rows
        dirt = c_int()
        lib.render_state_get(self._state, abi.STATE_DIRTY, byref(dirt))
        if not dirt.value and not whole:
            return []
        whole = whole or dirt.value == 2
        lib.render_state_get(self._state, abi.STATE_ROWS, byref(self._iterator))
        found: list[int] = []
        dirty = c_bool()
        for y in range(self.rows):
            if not lib.render_state_row_iterator_next(self._iterator):
                break
            if not whole:
                lib.render_state_row_get(self._iterator, abi.ROW_DIRTY, byref(dirty))
                if not dirty.value:
                    continue
            self._strips[y] = self._row()
            found.append(y)
        lib.render_state_clean(self._state)
        return found

    def _row(self) -> Strip:
        """The iterator's row."""
        lib, cells = self._lib, abi.CellsView()
        lib.render_state_row_get(self._iterator, abi.ROW_CELLS_RAW, byref(cells))
        lib.render_state_row_get(self._iterator, abi.ROW_CELLS, byref(self._cells))
        count = min(cells.len, self.cols)
        raw = ctypes.string_at(cells.ptr, 8 * count)
        if (plain := plain_row(raw)) is not None:
            return self._plain(raw, *plain)
        packed = cells.ptr[:count]
        styles: dict[int, Style] = {}
        segments: list[Segment] = []
        text: list[str] = []
        current = -1
        style = _PLAIN
        for x, cell in enumerate(packed):
            look = cell & _LOOKS if cell & 2 else cell & _STYLED
            if look != current:
                if text:
                    segments.append(Segment("".join(text), style))
                    text = []
                current = look
                found = styles.get(look)
                if found is None:
                    found = styles[look] = self._style(x, cell)
                style = found
            if cell & 2:
                text.append(" ")
                continue
            wide = cell >> 42 & 3
            if wide == 2:
                continue
            point = cell >> 2 & 0x1FFFFF
            if 32 <= point < 127 and not cell & 1:
                text.append(chr(point))
            elif cell & 1:
                text.append(fit(self._cluster(x), wide == 1))
            else:
                text.append(fit(chr(point), wide == 1) if point else " ")
        if text:
            segments.append(Segment("".join(text), style))
        strip = Strip(segments, count)
        return strip if count == self.cols else Strip(segments).adjust_cell_length(self.cols)

    def _plain(self, raw: bytes, line: str, ends: list[int]) -> Strip:
        """A row of plain ASCII. ends: of the runs of one look."""
        styles: dict[int, Style] = {}
        segments: list[Segment] = []
        x = 0
        for end in ends:
            cell = int.from_bytes(raw[8 * x : 8 * x + 8], "little")
            look = cell & _STYLED
            if look not in styles:
                styles[look] = self._style(x, cell)
            segments.append(Segment(line[x:end], styles[look]))
            x = end
        return Strip(segments, x) if x == self.cols else Strip(segments).adjust_cell_length(self.cols)

    def _style(self, x: int, cell: int) -> Style:
        """The style of the iterator's row at `x`; a blank that only has a background keeps it in the cell."""
        if cell & 2:
            value = cell >> 2 & 0xFFFFFF
            back = (1, value & 0xFF) if cell & 3 == 2 else (2, value)
            return _rich((0, 0), back, self._reversed, ())
        if not cell >> 26 & 0xFFFF:
            return _rich((0, 0), (0, 0), self._reversed, ())
        found = abi.CellStyle(ctypes.sizeof(abi.CellStyle))
        self._lib.render_state_row_cells_select(self._cells, x)
        self._lib.render_state_row_cells_get(self._cells, abi.CELL_STYLE, byref(found))
        marks = tuple(
            name
            for name, on in (
                ("bold", found.bold),
                ("dim", found.faint),
                ("italic", found.italic),
                ("blink", found.blink),
                ("conceal", found.invisible),
                ("strike", found.strike),
                ("overline", found.overline),
                ("underline", found.underline),
                ("underline2", found.underline == 2),
            )
            if on
        )
        return _rich(
            (found.fg.tag, found.fg.value & _SIGNIFICANT[found.fg.tag & 3]),
            (found.bg.tag, found.bg.value & _SIGNIFICANT[found.bg.tag & 3]),
            bool(found.inverse) != self._reversed,
            marks,
        )

    def _cluster(self, x: int) -> str:
        """All code points of the iterator's row at `x`."""
        length = c_uint32()
        points = (c_uint32 * 64)()
        self._lib.render_state_row_cells_select(self._cells, x)
        self._lib.render_state_row_cells_get(self._cells, abi.CELL_GRAPHEMES_LEN, byref(length))
        if not 0 < length.value <= len(points):
            return "\ufffd"
        self._lib.render_state_row_cells_get(self._cells, abi.CELL_GRAPHEMES, points)
        return "".join(map(chr, points[: min(length.value, _LONGEST)]))

    def strip(self, y: int) -> Strip:
        """Row `y` as exactly `cols` cells."""
        if self._stale:
            self._looked |= set(self._update())
        return self._strips[y] if 0 <= y < len(self._strips) else Strip.blank(self.cols)

    def cursor(self) -> tuple[int, int] | None:
        """(x, y), or None while hidden or scrolled away."""
        found = abi.Cursor(ctypes.sizeof(abi.Cursor))
        if self._stale:
            self._lib.render_state_update(self._state, self._terminal)
        self._lib.render_state_get(self._state, abi.STATE_CURSOR, byref(found))
        if not (found.visible and found.here):
            return None
        return min(found.x, self.cols - 1), min(found.y, self.rows - 1)

    def modes(self) -> Modes:
        """What the agent's program asked for."""
        screen = c_int()
        self._lib.terminal_get(self._terminal, abi.DATA_SCREEN, byref(screen))
        return Modes(
            application_cursor=self.mode(1),
            bracketed_paste=self.mode(2004),
            mouse=tracking(self.mode),
            alternate_screen=screen.value == 1,
            synchronized=self.mode(2026),
        )

    def title(self) -> str:
        """The agent's title, spelled out and cut."""
        found = abi.Bytes()
        if self._lib.terminal_get(self._terminal, abi.DATA_TITLE, byref(found)) or not found.len:
            return ""
        return one_line(ctypes.string_at(found.ptr, min(found.len, 4096)).decode("utf-8", "replace"), _TITLE)

    def mouse(self, act: MouseAct) -> None:
        """Encode a mouse act."""
        if act.kind == "press" and act.button < 64:
            self._down = act.button
        self._sent += mouse_bytes(act, self.mode, self._down)
        if act.kind == "release":
            self._down = None

    def focus(self, focused: bool) -> None:
        """Report focus where asked for."""
        if self.mode(1004):
            self._sent += b"\x1b[I" if focused else b"\x1b[O"

    def scroll(self, lines: int) -> int:
        """Move the view by `lines` (negative: back); 0 returns to the present. Returns how many lines lie below."""
        to = abi.ScrollTo(abi.SCROLL_DELTA if lines else abi.SCROLL_BOTTOM, lines, 0)
        self._lib.terminal_scroll_viewport(self._terminal, to)
        self._stale = True
        return self.below()

    def below(self) -> int:
        """How many lines lie below the view."""
        bar = abi.Scrollbar()
        self._lib.terminal_get(self._terminal, abi.DATA_SCROLLBAR, byref(bar))
        return max(0, int(bar.total) - int(bar.offset) - int(bar.len))

    def above(self) -> int:
        """How many lines lie above the view."""
        bar = abi.Scrollbar()
        self._lib.terminal_get(self._terminal, abi.DATA_SCROLLBAR, byref(bar))
        return int(bar.offset)

    def link(self, x: int, y: int) -> str:
        """The target of the link at a cell of the view, '' where there is none."""
        place = abi.GridRef(ctypes.sizeof(abi.GridRef))
        if self._lib.terminal_grid_ref(self._terminal, abi.Point(abi.POINT_VIEWPORT, abi.Place(x, y, 0)), byref(place)):
            return ""
        buffer, length = ctypes.create_string_buffer(4096), c_size_t()
        if self._lib.grid_ref_hyperlink_uri(byref(place), buffer, len(buffer), byref(length)):
            return ""
        return buffer.raw[: min(length.value, 4096)].decode("utf-8", "replace")

    def wraps(self, y: int) -> bool:
        """Whether row `y` of the view goes on in the next one."""
        place, row, found = abi.GridRef(ctypes.sizeof(abi.GridRef)), c_uint64(), c_bool()
        if self._lib.terminal_grid_ref(self._terminal, abi.Point(abi.POINT_VIEWPORT, abi.Place(0, y, 0)), byref(place)):
            return False
        if self._lib.grid_ref_row(byref(place), byref(row)):
            return False
        return self._lib.row_get(row, abi.GRID_ROW_WRAPS, byref(found)) == 0 and found.value

    def replies(self) -> bytes:
        """Answers and reports since the last call."""
        sent = bytes(self._sent)
        self._sent.clear()
        return sent


_PLAIN = Style()
_STYLED = 0xFFFF << 26
_LOOKS = _STYLED | 0x3FFFFFF
_SIGNIFICANT = (0, 0xFF, 0xFFFFFF, 0)


def _tell_attributes(_terminal: int, _user: int, out: Any) -> bool:
    found = abi.Attributes(level=62, count=1, kind=1, firmware=10)
    found.features[0] = 22
    out[0] = found
    return True


@lru_cache(4096)
def _rich(fg: tuple[int, int], bg: tuple[int, int], reverse: bool, marks: tuple[str, ...]) -> Style:
    given: dict[str, Any] = dict.fromkeys(marks, True)
    return Style(color=_colour(*fg), bgcolor=_colour(*bg), reverse=reverse or None, **given)


def _colour(tag: int, value: int) -> Color | None:
    if tag == 1:
        return Color.from_ansi(value)
    return Color.from_rgb(value & 0xFF, value >> 8 & 0xFF, value >> 16 & 0xFF) if tag == 2 else None
