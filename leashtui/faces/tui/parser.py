"""Keys with the bytes they came from, so that the agent gets exactly what the person's terminal sent.

Subclasses Textual's parser because Textual 8.2.8 loses Alt (ESC CR arrives as Enter, ESC b as ctrl+left; Textualize/
textual #6663) and turns pasted escape sequences into keys. Knows bytes, refuses to know who gets the key. Invariant:
the `raw` of all keys and bursts, joined, is what was typed; what was pasted never becomes a key.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable

from textual import events
from textual._parser import ParseEOF, ParseTimeout, Peek1, Read1, TokenCallback
from textual._time import get_time
from textual._xterm_parser import XTermParser
from textual.message import Message

_PASTE_START = "\x1b[200~"
_PASTE_END = "\x1b[201~"
_ESC = "\x1b"
_INTRODUCERS = "[O]P_^X\\"
"""Second characters after ESC that begin a longer sequence; anything else makes ESC mean Alt at once."""
_NAMES = {"\r": "enter", "\x7f": "backspace", "\t": "tab", " ": "space", "\x08": "ctrl+backspace"}
UNKNOWN = "unknown sequence"
"""Name of a key that only the agent can make sense of."""
HOLD = 0.025
"""Seconds an unfinished sequence is kept before it counts as typed."""


_MANY = 64
_BURST = re.compile(rf"([^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]{{{_MANY},}})")
"""More text at once than a hand types: a terminal without bracketed paste pasted it, or a program writes."""

_COLOUR = re.compile(r"\x1b\]11;rgb:([0-9a-fA-F]{2,4})/([0-9a-fA-F]{2,4})/([0-9a-fA-F]{2,4})(?:\x07|\x1b\\)")
_COLOUR_BEGUN = re.compile(r"\x1b(?:\](?:1(?:1(?:;[rgb:0-9a-fA-F/]{0,20}\x1b?)?)?)?)?\Z")


class Background(Message):
    """The terminal's background, as (r, g, b) of 0..255 each."""

    def __init__(self, colour: tuple[int, int, int]) -> None:
        super().__init__()
        self.colour = colour


class RawKey(events.Key):
    """A key event that remembers its bytes (as text, surrogateescape)."""

    def __init__(self, key: str, character: str | None, raw: str) -> None:
        super().__init__(key, character)
        self.raw = raw


class Burst(events.InputEvent, bubble=True):
    """Much plain text in one read; a key each would take minutes for what a clipboard holds."""

    def __init__(self, raw: str) -> None:
        super().__init__()
        self.raw = raw


class RawParser(XTermParser):
    """Textual's parser, except for keys, Alt and pastes."""

    def __init__(self, debug: bool = False) -> None:
        self._held = ""
        self._held_until = 0.0
        self._pasting: list[str] | None = None
        super().__init__(debug)

    def feed(self, data: str) -> Iterable[Message]:
        """Events of `data`; an empty `data` ends the parser."""
        if not data:
            yield from map(self._keep, super().feed(""))
            return
        data = self._held + data
        self._held = ""
        while data:
            data = yield from (self._pasted(data) if self._pasting is not None else self._typed(data))

    def tick(self) -> Iterable[Message]:
        """Events that became certain because time passed."""
        if self._held and self._pasting is None and get_time() >= self._held_until:
            held, self._held = self._held, ""
            yield from map(self._keep, super().feed(held))
        yield from map(self._keep, super().tick())

    @property
    def waiting(self) -> bool:
        """Whether an unfinished sequence waits for `tick`."""
        return bool(self._held) or self._timeout_time is not None

    def _typed(self, data: str) -> Generator[Message, None, str]:
        """Parse up to a paste; returns the rest."""
        before, start, rest = data.partition(_PASTE_START)
        if told := _COLOUR.search(before):
            yield Background((_level(told[1]), _level(told[2]), _level(told[3])))
            before = before[: told.start()] + before[told.end() :]
        if start:
            self._pasting = []
        else:
            begun = _COLOUR_BEGUN.search(before)
            keep = max(_suffix(before, _PASTE_START), len(before) - begun.start() if begun else 0)
            self._held, before = before[len(before) - keep :], before[: len(before) - keep]
            self._held_until = get_time() + HOLD
        for part in filter(None, _BURST.split(before)):
            if len(part) >= _MANY and self._between and _BURST.fullmatch(part):
                yield Burst(part)
            else:
                yield from map(self._keep, super().feed(part))
        return rest

    @property
    def _between(self) -> bool:
        """Whether no sequence has begun."""
        return isinstance(self._awaiting, Read1) and self._awaiting.timeout is None

    def _pasted(self, data: str) -> Generator[Message, None, str]:
        """Collect a paste; returns what follows its end."""
        assert self._pasting is not None
        body, end, rest = data.partition(_PASTE_END)
        if not end:
            keep = _suffix(body, _PASTE_END)
            self._held, body = body[len(body) - keep :], body[: len(body) - keep]
        self._pasting.append(body)
        if end:
            text = "".join(self._pasting)
            self._pasting = None
            yield events.Paste(text)
        return rest

    @staticmethod
    def _keep(message: Message) -> Message:
        """Undo two guesses of the base class: shift+F3 as a cursor report, and keys without their bytes."""
        if isinstance(message, events.CursorPosition):
            return RawKey("shift+f3", None, f"\x1b[{message.y + 1};{message.x + 1}R")
        if isinstance(message, events.Key) and not isinstance(message, RawKey):
            return RawKey(message.key, message.character, message.character or "")
        return message

    def parse(self, token_callback: TokenCallback[Message]) -> Generator[Read1 | Peek1, str, None]:
        """The base's parsing, except that keys made from one sequence stay one key.

        The base spells an unknown sequence out as keys, and `y` in the middle of one must not answer a card.
        """
        batch: list[Message] = []
        inner = super().parse(batch.append)
        try:
            awaiting = next(inner)
            while True:
                try:
                    character = yield awaiting
                except (ParseTimeout, ParseEOF) as late:
                    awaiting = inner.throw(late)
                else:
                    awaiting = inner.send(character)
                for message in _joined(batch):
                    token_callback(message)
                batch.clear()
        except StopIteration:
            for message in _joined(batch):
                token_callback(message)

    def _sequence_to_key_events(self, sequence: str, alt: bool = False) -> Iterable[events.Key]:
        """Keys for `sequence`, the first carrying all its bytes."""
        if len(sequence) == 2 and sequence[0] == _ESC and sequence[1] not in _INTRODUCERS and sequence[1] != _ESC:
            yield RawKey(f"alt+{_named(sequence[1])}", None, sequence)
            return
        raw = (_ESC if alt else "") + sequence
        for key in super()._sequence_to_key_events(sequence, alt):
            name = key.key
            if name == "escape" and not alt:
                name = "ctrl+left_square_bracket"  # a bare ESC inside a broken sequence; the base would make it '^'
            if alt and not name.startswith("alt+"):
                name = f"alt+{name}"
            yield RawKey(name, key.character, raw)
            raw = ""


def _joined(batch: list[Message]) -> list[Message]:
    """The messages of one step of the parser, several keys among them made one that means nothing to the panel."""
    keys = [RawParser._keep(m) for m in batch if isinstance(m, events.Key)]
    if len(keys) < 2:
        return batch
    raw = "".join(key.raw for key in keys if isinstance(key, RawKey))
    return [*(m for m in batch if not isinstance(m, events.Key)), RawKey(UNKNOWN, None, raw)]


def _suffix(text: str, marker: str) -> int:
    """Length of the longest proper prefix of `marker` that `text` ends with."""
    for length in range(min(len(marker) - 1, len(text)), 0, -1):
        if text.endswith(marker[:length]):
            return length
    return 0


def _level(digits: str) -> int:
    """An X11 colour component of two to four hex digits as 0..255."""
    return int(digits[:2], 16)


def _named(char: str) -> str:
    """Textual's name of a plain key."""
    if char in _NAMES:
        return _NAMES[char]
    if char < " ":
        return f"ctrl+{chr(ord(char) + 96)}"
    return f"shift+{char.lower()}" if char.isupper() else char
