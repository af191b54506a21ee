"""Which terminal modes were on where a late face begins to read: alternate screen, mouse, bracketed paste, cursor.

Fed with the output that a face will not see, it writes the few sequences that bring a fresh engine to the same modes.
Knows mode switches only; colours and cell contents come back when the agent paints. Invariant: `restore` of what was
never switched is empty, so a complete replay stays byte for byte the agent's.
"""

from __future__ import annotations

import re

_SWITCH = re.compile(
    rb"\x1b(?:\[\?(?P<modes>[0-9;]{1,64})(?P<on>[hl])|(?P<keypad>[=>])|(?P<reset>c)"
    rb"|\[(?P<kitty>[<>=])(?P<flags>[0-9;]{0,16})u)"
)
_LONGEST = 96
_KITTY_DEPTH = 16


class Modes:
    """The modes after all bytes fed so far."""

    def __init__(self) -> None:
        self._on: dict[int, bool] = {}
        self._keypad = b""
        self._kitty: list[bytes] = []
        self._rest = b""

    def copy(self) -> Modes:
        """An independent Modes in the same state."""
        twin = Modes()
        twin._on, twin._keypad, twin._rest = dict(self._on), self._keypad, self._rest
        twin._kitty = list(self._kitty)
        return twin

    def feed(self, data: bytes) -> None:
        """Note every switch in `data`; a sequence cut at its end is finished by the next call."""
        text = self._rest + data
        for match in _SWITCH.finditer(text):
            self._note(match)
        escape = text.rfind(b"\x1b", max(0, len(text) - _LONGEST))
        cut = escape >= 0 and not _SWITCH.match(text, escape)
        self._rest = text[escape:] if cut else b""

    def _note(self, match: re.Match[bytes]) -> None:
        if match["reset"]:
            self._on.clear()
            self._kitty.clear()
            self._keypad = b""
        elif match["keypad"]:
            self._keypad = match["keypad"]
        elif match["modes"]:
            for number in match["modes"].split(b";"):
                if number:
                    self._on.pop(int(number), None)
                    self._on[int(number)] = match["on"] == b"h"
        elif match["kitty"] == b">":
            self._kitty = [*self._kitty, match["flags"]][-_KITTY_DEPTH:]
        elif match["kitty"] == b"<":
            count = int(match["flags"]) if match["flags"].isdigit() else 1
            self._kitty = self._kitty[: max(0, len(self._kitty) - count)]

    def has(self, number: int) -> bool:
        """Whether a private mode is on."""
        return self._on.get(number, False)

    def restore(self) -> bytes:
        """The sequences that bring a freshly reset engine into these modes, in the order they were switched."""
        parts = [b"\x1b[?%d%c" % (number, b"h" if on else b"l") for number, on in self._on.items()]
        if self._keypad:
            parts.append(b"\x1b" + self._keypad)
        parts.extend(b"\x1b[>" + flags + b"u" for flags in self._kitty)
        return b"".join(parts)
