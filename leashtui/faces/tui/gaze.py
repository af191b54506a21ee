"""The person's own hand on the agent's terminal: the wheel, the selecting mouse, and the keys that look back.

Knows which acts of the mouse are the agent's: those it asked for, unless Shift is held. Refuses to answer cards: while
these keys look back, no key reaches the panel. Invariant: nothing here is sent to the agent.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from leashtui.faces.tui.caret import Caret
from leashtui.faces.tui.editor import LineEditor
from leashtui.faces.tui.engine import Engine, MouseAct
from leashtui.faces.tui.lookback import Lookback
from leashtui.words.plain import count, one_line

_WHEEL = 3
_AGAIN = 0.4
"""Seconds within which presses in one place belong together."""
KEYS = (("↑↓ PgUp PgDn", "scroll"), ("/", "search"), ("n N", "next"), ("v", "select"), ("c", "copy"), ("esc", "back"))
PLACING = (("↑↓←→ w b 0 $", "move"), ("v", "select from here"), ("esc", "back"))
SELECTING = (("↑↓←→ w b 0 $", "select to"), ("c", "copy"), ("v", "start again"), ("esc", "back"))


class Gaze:
    """copy: takes text to the clipboard. say: a sentence for the footer. moved: told when keys change hands."""

    def __init__(
        self,
        engine: Engine,
        lookback: Lookback,
        *,
        copy: Callable[[str], None],
        say: Callable[[str], None],
        moved: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._lookback = lookback
        self._copy = copy
        self._say = say
        self._moved = moved
        self._clock = clock
        self._clicks: tuple[int, int, int, float] = (0, 0, 0, 0.0)
        self.keys = False
        self.editor: LineEditor | None = None
        self._caret: Caret | None = None

    def works(self) -> tuple[tuple[str, str], ...]:
        """The keys that work now, for the footer."""
        return KEYS if self._caret is None else SELECTING if self._caret.selects else PLACING

    def begin(self) -> None:
        """Take the keys."""
        self.keys = True
        if not self._engine.above():
            self._say("nothing scrolled away yet: / searches the screen, c copies it")
        self._moved()

    def end(self) -> None:
        """Back to the present; whoever had the keys before has them again."""
        self.keys, self.editor, self._caret = False, None, None
        self._lookback.close()
        self._moved()

    def typed(self) -> None:
        """The person types to the agent: show what it says."""
        if self._lookback.open or self._lookback.selected:
            self._lookback.close()

    def key(self, name: str, character: str | None) -> None:
        """One key while these have the keyboard."""
        page = max(1, self._engine.rows - 1)
        if self.editor is not None:
            self._edit(name, character)
        elif self._caret is not None and self._place(self._caret, name, character):
            return
        elif (lines := _STEPS.get(name)) is not None:
            self._lookback.scroll(lines)
        elif name in {"pageup", "ctrl+b"}:
            self._lookback.scroll(-page)
        elif name in {"pagedown", "ctrl+f", "space"}:
            self._lookback.scroll(page)
        elif name in {"slash", "/"}:
            self.editor = LineEditor("search: ", "search")
        elif character in {"n", "N"}:
            self._find("", -1 if character == "n" else 1)
        elif character in {"c", "y"}:
            self._take(self._lookback.text())
        elif character in {"v", "V"}:
            self._caret = Caret(self._lookback)
        elif name in {"escape", "q"}:
            self.end()

    def _place(self, caret: Caret, name: str, character: str | None) -> bool:
        """A key while the keyboard selects. Returns whether it was one of these."""
        if name in {"escape", "q"}:
            self._caret = None
            self._lookback.unmark()
        elif character in {"v", "V"}:
            caret.toggle()
        elif name == "enter" or character in {"c", "y"}:
            if caret.selects:
                self._take(self._lookback.text())
                self._caret = None
            else:
                caret.toggle()
        elif name in {"slash", "/"} or character in {"n", "N"}:
            self._caret = None
            return False
        else:
            caret.key(name if character is None or name in _WHOLE else character)
        return True

    def _edit(self, name: str, character: str | None) -> None:
        editor = self.editor
        assert editor is not None
        if name in {"escape", "enter"}:
            self.editor = None
            if name == "enter" and editor.text:
                self._find(editor.text, -1)
        else:
            editor.key(name, character)

    def _find(self, words: str, step: int) -> None:
        if self._lookback.find(words, step):
            self._say("")
        else:
            where = "above" if step < 0 else "below"
            self._say(f"“{one_line(self._lookback.wanted, 40)}” is nowhere {where}")

    def _take(self, text: str) -> None:
        if text:
            self._copy(text)
            lines = text.count("\n") + 1
            what = one_line(text, 60) if lines == 1 else count(lines, "line")
            self._say(f"copied: {what}")

    def mouse(self, act: MouseAct) -> bool:
        """An act over the agent's terminal. Returns whether it was the person's own and not the agent's."""
        if act.kind == "release" and self._lookback.selected:
            self._take(self._lookback.release(act.x, act.y))
            return True
        if self._engine.modes().mouse != "off" and "shift" not in act.held and not self._lookback.open:
            return False
        if act.button >= 64:
            if self._engine.modes().alternate_screen:
                return False
            self._lookback.scroll(-_WHEEL if act.button == 64 else _WHEEL)
        elif act.kind == "press" and act.button == 0:
            self._press(act.x, act.y)
        elif act.kind == "move":
            self._lookback.drag(act.x, act.y)
        elif act.kind == "release" and act.button == 0:
            self._take(self._lookback.release(act.x, act.y))
        return True

    def _press(self, x: int, y: int) -> None:
        """The first press of several in one place begins a selection, the second takes a word, the third a line."""
        times, at_x, at_y, when = self._clicks
        now = self._clock()
        times = times % 3 + 1 if (at_x, at_y) == (x, y) and now - when < _AGAIN else 1
        self._clicks = (times, x, y, now)
        self._lookback.press(x, y)
        if times == 2:
            self._lookback.take_word(x, y)
        elif times == 3:
            self._lookback.take_line(y)

    def state(self) -> str:
        """Where the view is, '' in the present."""
        below = self._engine.below()
        return f"{count(below, 'line')} below" if below else ""


_STEPS = {"up": -1, "k": -1, "down": 1, "j": 1, "home": -(1 << 24), "g": -(1 << 24), "end": 1 << 24, "G": 1 << 24,
          "upper_g": 1 << 24}  # fmt: skip
_WHOLE = frozenset({"space"})
"""Keys that are known by their name though they have a character."""
