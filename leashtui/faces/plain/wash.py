"""The agent's output as text: what paints over lines, speaks to the terminal or hides is taken out.

Knows escape sequences by their shape. Refuses to interpret them. Kept are newline, tab, carriage return and, for a
terminal that has them, colours, backspace and erase-to-end-of-line. Invariant: nothing kept can move to another line,
so what leash wrote above stays as it is; a sequence cut anywhere is taken out whole.
"""

from __future__ import annotations

import codecs
import re

_TOKEN = re.compile(
    r"\x1b\[(?P<csi>[0-?]*[ -/]*[@-~]?)"
    r"|\x1b(?P<string>[\]PX^_])"
    r"|\x1b(?P<escape>[ -/]*[0-~]?)"
    r"|(?P<control>[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069])"
)
_STRING_END = re.compile(r"\x07|\x1b\\|[\x18\x1a\x9c]")
_KEPT = re.compile(r"[0-9;:]*m|[0-2]?K")
_LONGEST = 256


class Wash:
    """styled: keep colours, backspace and erase-to-end-of-line."""

    def __init__(self, styled: bool) -> None:
        self._styled = styled
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self._in_string = False

    def feed(self, data: bytes) -> str:
        """The text in `data` together with what was cut before."""
        text = self._rest + self._decoder.decode(data)
        self._rest = ""
        kept: list[str] = []
        at = 0
        while at < len(text):
            if self._in_string:
                at = self._skip_string(text, at)
                continue
            match = _TOKEN.search(text, at)
            if match is None:
                kept.append(text[at:])
                break
            kept.append(text[at : match.start()])
            at = match.end()
            if match["string"]:
                self._in_string = True
            elif match.end() == len(text) and self._is_cut(match) and len(match[0]) < _LONGEST:
                self._rest = match[0]
            elif self._keeps(match):
                kept.append(match[0])
        return "".join(kept)

    def _skip_string(self, text: str, at: int) -> int:
        """Where an OSC, DCS or the like that goes on at `at` is over."""
        end = _STRING_END.search(text, at)
        if end is not None:
            self._in_string = False
            return end.end()
        if text.endswith("\x1b"):
            self._rest = "\x1b"
        return len(text)

    @staticmethod
    def _is_cut(match: re.Match[str]) -> bool:
        """Whether the sequence may go on in the next piece."""
        csi, escape = match["csi"], match["escape"]
        if csi is not None:
            return not csi or not "@" <= csi[-1] <= "~"
        return escape is not None and (not escape or escape[-1] < "0")

    def _keeps(self, match: re.Match[str]) -> bool:
        if not self._styled:
            return False
        return match["control"] == "\b" or (match["csi"] is not None and _KEPT.fullmatch(match["csi"]) is not None)


class Echo:
    """Takes out the agent's echo of a line that the person's own terminal has shown already."""

    def __init__(self) -> None:
        self._due = ""
        self._held = ""

    def expect(self, line: str) -> None:
        """The line, without its end, that was sent just now."""
        self._due = line + "\r\n"

    def drop(self, text: str) -> str:
        """`text` without the echo at its beginning; output that is no echo ends the wait for one."""
        if not self._due:
            return text
        text = self._held + text
        if text.startswith(self._due):
            found, self._due, self._held = text[len(self._due) :], "", ""
            return found
        if self._due.startswith(text):
            self._held = text
            return ""
        self._due = self._held = ""
        return text
