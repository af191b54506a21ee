"""The pure Python engine: bittty 0.3.0 behind the Engine seam, with what an agent could abuse taken out.

Knows bittty's insides where it must (the version is pinned). Refuses an agent the right to resize us, to read titles,
clipboards or macros back as if the person had typed them, or to make an unfinished sequence grow. Invariant: every
reply has one of the shapes in `replies.REPLY`, and those shapes cannot carry text an agent chose. What scrolled away is
made of the last output again, in a second board, when somebody looks back: to keep every line all the time costs most
of the speed.
"""

from __future__ import annotations

import re
from codecs import getincrementaldecoder
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from bittty.caps import TerminalCaps
from bittty.devices.board import Board
from bittty.model import BITTTY
from bittty.options import EDITING, XTERM_MODIFY_KEYS
from bittty.terminals.base import Terminal
from bittty.terminals.scrollback import MemoryScrollback, ScrollbackView
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from leashtui.faces.tui.cell import fit
from leashtui.faces.tui.engine import Modes, MouseAct
from leashtui.faces.tui.replies import REPLY
from leashtui.words.plain import one_line

_MODEL = replace(
    BITTTY,
    da1_response="\x1b[?62;22c",
    options=frozenset(),
    control_capabilities=EDITING | frozenset({XTERM_MODIFY_KEYS}),
    macro_space=None,
    upss=None,
    keyboard_types=None,
)
_UNFINISHED = 64 << 10
"""Characters a sequence without an end may hold before its contents are dropped."""
_REMEMBERED = 256 << 10
"""Characters of output from which what scrolled away is made again: some 4,000 lines, a fifth of a second."""
_PIECE = 8 << 10
_TITLE = 60
_LINES = re.compile(r"(?:[^\x00-\x1f\x7f-\x9f]|\r\n|\t|\x1b\[[0-9;]*m)*")
"""Text that does nothing but fill lines, one after the other."""
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_BROKEN = (LookupError, ValueError, TypeError, AttributeError, ArithmeticError, AssertionError, RuntimeError)
_WINDOW_OPS = {14, 16, 18, 22, 23}


class _Line:
    """The host end of the board: collects what it would send to the agent."""

    closed = False

    def __init__(self) -> None:
        self.sent = bytearray()

    def write(self, data: str) -> int:
        return self.write_bytes(data.encode("utf-8", "replace"))

    def write_bytes(self, data: bytes) -> int:
        if REPLY.fullmatch(data):
            self.sent += data
        return len(data)

    def flush(self) -> None: ...
    def configure_line(self, line: object) -> None: ...
    def resize(self, rows: int, cols: int) -> None: ...
    def close(self) -> None: ...


class BitttyEngine:
    """Implements Engine. cols, rows: at least 1."""

    def __init__(self, cols: int, rows: int) -> None:
        self.cols = max(1, cols)
        self.rows = max(1, rows)
        self._background: tuple[int, int, int] | None = None
        self._moved = False
        self.reset()

    @property
    def background(self) -> tuple[int, int, int] | None:
        """The person's background as (r, g, b); agents that ask are told it."""
        return self._background

    @background.setter
    def background(self, colour: tuple[int, int, int] | None) -> None:
        self._background = colour
        if colour is not None:
            light = sum(colour) > 3 * 127
            self._board.palette.background = colour
            self._board.palette.foreground = (0, 0, 0) if light else (229, 229, 229)

    def reset(self) -> None:
        """A terminal just switched on."""
        self._board: Any = Board(width=self.cols, height=self.rows, model=_MODEL)
        self._board.set_caps(TerminalCaps(grapheme_mode="permanently-set"))
        self._line = _Line()
        self._board.host.attach(self._line)
        self._board.title.title = ""
        self._decode: Callable[[bytes], str] = getincrementaldecoder("utf-8")("replace").decode
        self._page: Any = None
        self._seen = 0
        self._reversed = False
        self._limit_window_requests()
        self.background = self._background
        self._heard: deque[str] = deque()
        self._length, self._forgot = 0, False
        self._past: _Past | None = None
        self._stale = False
        self._below = 0  # rows between the view and the present

    def _limit_window_requests(self) -> None:
        """Let only questions about size and the title stack through; a program may not resize our view."""
        handle = self._board.registry["XTWINOPS"]

        def limited(operation: Any) -> None:
            params = operation.args[0]
            if params and params[0] in _WINDOW_OPS:
                handle(operation)

        self._board.registry["XTWINOPS"] = limited

    def feed(self, data: bytes) -> None:
        """Take output, cut anywhere."""
        text = self._decode(data)
        self._remember(text)
        self._take(self._visible_part(text))

    def _remember(self, text: str) -> None:
        if self._heard and len(self._heard[-1]) < _PIECE:
            self._heard[-1] += text
        else:
            self._heard.append(text)
        self._length += len(text)
        while self._length - len(self._heard[0]) > _REMEMBERED:
            self._length -= len(self._heard.popleft())
            self._forgot = True
        self._stale = True

    def _take(self, text: str) -> None:
        board = self._board
        try:
            board.parser.feed(text)
        except _BROKEN:  # what the library cannot digest costs this screen, never the panel
            self.reset()
            return
        parser = board.parser
        if len(parser.buffer) > _UNFINISHED:
            introducer = parser.buffer[parser._seq_start : parser._scan_from][:2]
            parser.reset()
            parser.feed(introducer)
        if (board.width, board.height) != (self.cols, self.rows):
            board.resize(self.cols, self.rows)

    def _visible_part(self, text: str) -> str:
        """What of many plain lines at once can still be seen in the end: those that scroll away are kept by nobody."""
        board = self._board
        screen = board.blitter
        whole = (screen.scroll_top, screen.scroll_bottom) == (0, self.rows - 1) == (0, screen.rows - 1)
        whole = whole and (screen.left_margin, screen.right_margin) == (0, self.cols - 1)
        if not whole or board.parser.buffer or text.count("\r\n") < 4 * self.rows or not _LINES.fullmatch(text):
            return text
        gone = len(text.rsplit("\r\n", 2 * self.rows)[0])  # as many to reach the last row, as many to fill all
        colours = _COLOURS.findall(text, 0, gone)
        return f"{''.join(colours)}{text[gone:]}"

    def resize(self, cols: int, rows: int) -> None:
        """Take the size the panel has for us, in cells."""
        self.cols, self.rows = max(1, cols), max(1, rows)
        self._board.resize_from_frontend(self.cols, self.rows)
        self._page = None
        if self._past is not None:
            self._past.resize(self.cols, self.rows)
            self._below = min(self._below, len(self._past.lines))

    def changed(self) -> list[int]:
        """Rows to draw again; while somebody looks back the present changes nothing that is seen."""
        if self._below or self._moved:
            rows = list(range(self.rows)) if self._moved else []
            self._moved, self._page = False, None
            return rows
        page = self._board.display.page
        flipped = self._board.modes.reverse_screen
        if page is not self._page or flipped != self._reversed:
            self._page, self._reversed = page, flipped
            self._seen = page.observe()
            return list(range(self.rows))
        dirty: list[int] = page.dirty_rows(self._seen)
        self._seen = page.observe()
        return dirty

    def strip(self, y: int) -> Strip:
        """Row `y` as exactly `cols` cells."""
        row = self._row(y)
        if row is None:
            return Strip.blank(self.cols)
        segments: list[Segment] = []
        text: list[str] = []
        current: Any = None
        last = len(row) - 1
        for x, (style, char) in enumerate(row):
            if style is not current and style != current:
                if text:
                    segments.append(Segment("".join(text), _rich(current, self._reversed)))
                    text = []
                current = style
            if char:
                text.append(char if char.isascii() else fit(char, x < last and row[x + 1][1] == ""))
        if text:
            segments.append(Segment("".join(text), _rich(current, self._reversed)))
        return Strip(segments, self.cols) if len(row) == self.cols else Strip(segments).adjust_cell_length(self.cols)

    def _row(self, y: int) -> Sequence[Any] | None:
        """The cells of a row of the view."""
        if self._below and self._past is not None:
            return self._past.seen(y - self._below)
        page = self._board.display.page
        row: Sequence[Any] | None = page.grid[y] if 0 <= y < page.height else None
        return row

    def cursor(self) -> tuple[int, int] | None:
        """(x, y), or None while hidden or scrolled away."""
        found = self._board.display.cursor
        return None if found is None or self._below else (min(found[0], self.cols - 1), min(found[1], self.rows - 1))

    def modes(self) -> Modes:
        """What the agent's program asked for."""
        modes = self._board.modes
        return Modes(
            application_cursor=modes.cursor_application_mode,
            bracketed_paste=modes.bracketed_paste,
            mouse=self._board.mouse.capture(),
            alternate_screen=self._board.blitter.in_alt_screen,
            synchronized=modes.synchronized_output,
        )

    def title(self) -> str:
        """The agent's title, spelled out and cut."""
        return one_line(self._board.title.title, _TITLE)

    def scroll(self, lines: int) -> int:
        """Move the view by `lines` (negative: back); 0 returns to the present. Returns how many lines lie below."""
        if not lines or self._board.blitter.in_alt_screen:
            self._below = 0
        else:
            self._below = min(max(0, self._below - lines), len(self._recalled().lines))
        self._moved = True
        return self._below

    def below(self) -> int:
        """How many lines lie below the view."""
        return self._below

    def above(self) -> int:
        """How many lines lie above the view."""
        return 0 if self._board.blitter.in_alt_screen else len(self._recalled().lines) - self._below

    def _recalled(self) -> _Past:
        """What scrolled away, as of now, or of when looking back began."""
        if self._past is None or (self._stale and not self._below):
            self._past, self._stale = _Past(self.cols, self.rows), False
            text = "".join(self._heard)
            self._past.take(text.partition("\n")[2] if self._forgot else text)
        return self._past

    def link(self, x: int, y: int) -> str:
        """The target of the link at a cell of the view, '' where there is none."""
        row = self._row(y)
        return (row[x][0].hyperlink or "") if row is not None and 0 <= x < len(row) else ""

    def wraps(self, y: int) -> bool:
        """Whether row `y` goes on in the next one."""
        if self._below and self._past is not None:
            return self._past.goes_on(y - self._below)
        lines = self._board.display.page.wrapped_lines
        return 0 <= y < len(lines) and bool(lines[y])

    def mouse(self, act: MouseAct) -> None:
        """Encode a mouse act."""
        self._board.input_mouse(act.x + 1, act.y + 1, act.button, act.kind, set(act.held))

    def focus(self, focused: bool) -> None:
        """Report focus where asked for."""
        self._board.set_focus(focused)

    def replies(self) -> bytes:
        """Answers and reports since the last call."""
        sent = bytes(self._line.sent)
        self._line.sent.clear()
        return sent


class _Past(BitttyEngine):
    """The same terminal with every line that scrolled away, as of one moment."""

    def reset(self) -> None:
        """See BitttyEngine."""
        super().reset()
        self._chrome = Terminal(self._board, MemoryScrollback())
        self._chrome.attach()

    def take(self, text: str) -> None:
        """The output of all that time."""
        for at in range(0, len(text), _PIECE):
            self._take(text[at : at + _PIECE])

    @property
    def lines(self) -> ScrollbackView:
        """Rows of the width this has now, the oldest first."""
        view: ScrollbackView = self._chrome.scrollback.width(self.cols)
        return view

    def seen(self, y: int) -> Sequence[Any] | None:
        """The cells of row `y`, counted from the top of the screen, negative above it."""
        above = len(self.lines) + y
        return self._row(y) if y >= 0 else self.lines[above] if above >= 0 else None

    def goes_on(self, y: int) -> bool:
        """Whether this row does in the next one."""
        row = len(self.lines) + y
        return self.wraps(y) if y >= 0 else self.lines.line_at(row)[0] == self.lines.line_at(row + 1)[0]


@lru_cache(4096)
def _rich(style: Any, flipped: bool) -> Style:
    """bittty's style as Rich's; hyperlinks are the agent's words and are left out."""
    return Style(
        color=_colour(style.fg),
        bgcolor=_colour(style.bg),
        bold=style.bold or None,
        dim=style.dim or None,
        italic=style.italic or None,
        underline=style.underline or None,
        underline2=(style.underline and style.underline_style == "double") or None,
        blink=style.blink or None,
        reverse=(bool(style.reverse) != flipped) or None,
        conceal=style.conceal or None,
        strike=style.strike or None,
        overline=style.overline or None,
    )


def _colour(colour: Any) -> Color | None:
    if colour is None or colour.mode == "default":
        return None
    if colour.mode == "indexed":
        return Color.from_ansi(min(max(colour.value, 0), 255))
    return Color.from_rgb(*colour.value)
