"""libghostty-vt as ctypes sees it: the few structs and calls that the native engine uses, and a check that they fit.

Knows numbers and layouts of exactly one version, whose ABI is not stable. Refuses to be used unseen: `load` draws a
sample and reads it back, and answers None when anything comes out differently. Invariant: nothing here imports the
package that ships the library; only its file is opened, so that loading costs milliseconds.
"""

from __future__ import annotations

import ctypes
from ctypes import POINTER, Structure, byref, c_bool, c_int, c_size_t, c_uint8, c_uint16, c_uint32, c_uint64, c_void_p
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

VERSION = "0.1.3"
"""The release of pyghostty whose library this describes."""

OPT_WRITE_PTY, OPT_SIZE, OPT_DEVICE_ATTRIBUTES = 1, 6, 8
OPT_FOREGROUND, OPT_BACKGROUND, OPT_KITTY_STORAGE = 11, 12, 15
OPT_SCROLL_BYTES, OPT_SCROLL_LINES, OPT_MODE_DEFAULT, OPT_MODE = 27, 28, 33, 34
DATA_SCREEN, DATA_SCROLLBAR, DATA_TITLE, DATA_MODE = 6, 9, 12, 37
STATE_DIRTY, STATE_ROWS, STATE_CURSOR = 3, 4, 18
ROW_DIRTY, ROW_CELLS, ROW_CELLS_RAW, ROW_Y = 1, 3, 5, 6
CELL_STYLE, CELL_GRAPHEMES_LEN, CELL_GRAPHEMES = 2, 3, 4
SCROLL_BOTTOM, SCROLL_DELTA = 1, 2
POINT_VIEWPORT, GRID_ROW_WRAPS = 1, 1


class Rgb(Structure):
    """A colour."""

    _fields_ = [("r", c_uint8), ("g", c_uint8), ("b", c_uint8)]


class ModeConfig(Structure):
    """A mode's number (bit 15: an ANSI mode) and whether it is set."""

    _fields_ = [("mode", c_uint16), ("value", c_bool)]


class Bytes(Structure):
    """Borrowed bytes."""

    _fields_ = [("ptr", c_void_p), ("len", c_size_t)]


class Colour(Structure):
    """tag: 0 none, 1 palette, 2 rgb. value: the palette's index or red, green, blue, from the lowest byte up."""

    _fields_ = [("tag", c_int), ("value", c_uint64)]


class CellStyle(Structure):
    """How a cell is drawn."""

    _fields_ = [
        ("size", c_size_t), ("fg", Colour), ("bg", Colour), ("under", Colour), ("bold", c_bool), ("italic", c_bool),
        ("faint", c_bool), ("blink", c_bool), ("inverse", c_bool), ("invisible", c_bool), ("strike", c_bool),
        ("overline", c_bool), ("underline", c_int),
    ]  # fmt: skip


class Cursor(Structure):
    """Where the cursor is in the view."""

    _fields_ = [
        ("size", c_size_t), ("here", c_bool), ("x", c_uint16), ("y", c_uint16), ("wide_tail", c_bool),
        ("visible", c_bool), ("blinking", c_bool), ("password", c_bool), ("shape", c_int),
    ]  # fmt: skip


class Scrollbar(Structure):
    """Rows in all, the first of the view, and how many the view has."""

    _fields_ = [("total", c_uint64), ("offset", c_uint64), ("len", c_uint64)]


class ScrollTo(Structure):
    """A struct of the union's layout: unions cannot be passed by value here, and both go through memory."""

    _fields_ = [("tag", c_int), ("value", ctypes.c_ssize_t), ("padding", c_uint64)]


class Place(Structure):
    """Column and row."""

    _fields_ = [("x", c_uint16), ("y", c_uint32), ("padding", c_uint64)]


class Point(Structure):
    """A cell; a struct of the union's layout."""

    _fields_ = [("tag", c_int), ("at", Place)]


class GridRef(Structure):
    """A borrowed place in the grid, good until the terminal changes."""

    _fields_ = [("size", c_size_t), ("node", c_void_p), ("x", c_uint16), ("y", c_uint16)]


class CellsView(Structure):
    """The packed cells of a row."""

    _fields_ = [("ptr", POINTER(c_uint64)), ("len", c_size_t)]


class Size(Structure):
    """An answer to a program that asks for its size."""

    _fields_ = [("rows", c_uint16), ("columns", c_uint16), ("cell_width", c_uint32), ("cell_height", c_uint32)]


class Attributes(Structure):
    """An answer to a program that asks what kind of terminal this is."""

    _fields_ = [
        ("level", c_uint16), ("features", c_uint16 * 64), ("count", c_size_t), ("kind", c_uint16),
        ("firmware", c_uint16), ("cartridge", c_uint16), ("unit", c_uint32),
    ]  # fmt: skip


WritePty = ctypes.CFUNCTYPE(None, c_void_p, c_void_p, c_void_p, c_size_t)
AskSize = ctypes.CFUNCTYPE(c_bool, c_void_p, c_void_p, POINTER(Size))
AskAttributes = ctypes.CFUNCTYPE(c_bool, c_void_p, c_void_p, POINTER(Attributes))

_CALLS: dict[str, tuple[Any, list[Any]]] = {
    "terminal_new": (c_int, [c_void_p, POINTER(c_void_p), c_uint16, c_uint16]),
    "terminal_free": (None, [c_void_p]),
    "terminal_resize": (c_int, [c_void_p, c_uint16, c_uint16, c_uint32, c_uint32]),
    "terminal_set": (c_int, [c_void_p, c_int, c_void_p]),
    "terminal_get": (c_int, [c_void_p, c_int, c_void_p]),
    "terminal_vt_write": (None, [c_void_p, ctypes.c_char_p, c_size_t]),
    "terminal_scroll_viewport": (None, [c_void_p, ScrollTo]),
    "terminal_grid_ref": (c_int, [c_void_p, Point, POINTER(GridRef)]),
    "grid_ref_hyperlink_uri": (c_int, [POINTER(GridRef), ctypes.c_char_p, c_size_t, POINTER(c_size_t)]),
    "grid_ref_row": (c_int, [POINTER(GridRef), POINTER(c_uint64)]),
    "row_get": (c_int, [c_uint64, c_int, c_void_p]),
    "render_state_new": (c_int, [c_void_p, POINTER(c_void_p)]),
    "render_state_free": (None, [c_void_p]),
    "render_state_update": (c_int, [c_void_p, c_void_p]),
    "render_state_clean": (c_int, [c_void_p]),
    "render_state_get": (c_int, [c_void_p, c_int, c_void_p]),
    "render_state_row_iterator_new": (c_int, [c_void_p, POINTER(c_void_p)]),
    "render_state_row_iterator_free": (None, [c_void_p]),
    "render_state_row_iterator_next": (c_bool, [c_void_p]),
    "render_state_row_get": (c_int, [c_void_p, c_int, c_void_p]),
    "render_state_row_cells_new": (c_int, [c_void_p, POINTER(c_void_p)]),
    "render_state_row_cells_free": (None, [c_void_p]),
    "render_state_row_cells_select": (c_int, [c_void_p, c_uint16]),
    "render_state_row_cells_get": (c_int, [c_void_p, c_int, c_void_p]),
}


class Library:
    """The calls, by their names without the common prefix."""

    def __init__(self, path: Path) -> None:
        handle = ctypes.CDLL(str(path))
        for name, (result, arguments) in _CALLS.items():
            call = getattr(handle, f"ghostty_{name}")
            call.restype, call.argtypes = result, arguments
            setattr(self, name, call)

    def __getattr__(self, name: str) -> Any:  # for type checkers: every call is set above
        raise AttributeError(name)


@lru_cache(1)
def load() -> Library | None:
    """The library, or None where it is not installed, is another version, or is not laid out as we believe."""
    try:
        spec = find_spec("pyghostty")
        if spec is None or not spec.submodule_search_locations:
            return None
        package = Path(next(iter(spec.submodule_search_locations)))
        if not (package.parent / f"pyghostty-{VERSION}.dist-info").is_dir():
            return None
        library = Library(package / "_lib" / "libghostty-vt.so")
    except (OSError, AttributeError, ValueError):
        return None
    return library if _as_believed(library) else None


def _as_believed(library: Library) -> bool:
    """Draw a letter, a wide character and a coloured blank, and read their packed cells back."""
    terminal, state, rows = c_void_p(), c_void_p(), c_void_p()
    if library.terminal_new(None, byref(terminal), 8, 2):
        return False
    try:
        sample = "\x1b[1mA\x1b[0m\u6f22\x1b[45m\x1b[K\x1b[2;1H\x1b[?2004h".encode()
        library.terminal_vt_write(terminal, sample, len(sample))
        mode = ModeConfig(2004, False)
        if library.terminal_get(terminal, DATA_MODE, byref(mode)) or not mode.value:
            return False
        view, cursor = CellsView(), Cursor(ctypes.sizeof(Cursor))
        if library.render_state_new(None, byref(state)) or library.render_state_row_iterator_new(None, byref(rows)):
            return False
        library.render_state_update(state, terminal)
        library.render_state_get(state, STATE_ROWS, byref(rows))
        library.render_state_get(state, STATE_CURSOR, byref(cursor))
        if not library.render_state_row_iterator_next(rows) or (cursor.x, cursor.y) != (0, 1) or not cursor.visible:
            return False
        if library.render_state_row_get(rows, ROW_CELLS_RAW, byref(view)) or view.len != 8:
            return False
        letter, wide, tail, blank = (view.ptr[at] for at in range(4))
        return (
            (letter & 3, letter >> 2 & 0x1FFFFF, bool(letter >> 26 & 0xFFFF)) == (0, 65, True)
            and (wide >> 2 & 0x1FFFFF, wide >> 42 & 3, tail >> 42 & 3) == (0x6F22, 1, 2)
            and (blank & 3, blank >> 2 & 0xFF) == (2, 5)
        )
    finally:
        if rows:
            library.render_state_row_iterator_free(rows)
        if state:
            library.render_state_free(state)
        library.terminal_free(terminal)
