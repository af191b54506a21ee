"""Abstract values: text of which parts may be unknown, and what is known of where it came from.

Unknown pieces and live glob characters are single characters far outside real text, so that ordinary string functions
work on abstract text. Refuses to know commands. Invariant: input never holds these characters (`normalise` replaces
them), so whatever holds one came from evaluation.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec import Struct
from msgspec.structs import force_setattr

from leashtui.classify.patterns import lazy

UNKNOWN = "\U0010fff0"
"""Any text, possibly none, possibly with slashes."""
STAR = "\U0010fff1"
"""A glob star that was not quoted."""
MARK = "\U0010fff2"
"""A glob question mark that was not quoted."""
BRACKET = "\U0010fff3"
"""An opening bracket of a glob set that was not quoted."""
SENTINELS = UNKNOWN + STAR + MARK + BRACKET

_SHOWN = {ord(UNKNOWN): "…", ord(STAR): "*", ord(MARK): "?", ord(BRACKET): "["}
_PLAIN = {ord(STAR): "*", ord(MARK): "?", ord(BRACKET): "["}
_LIVE = lazy(f"[{SENTINELS}]")
_LONG_SET = 2000
_SET = lazy(r"\[([!^]?\]?[^\]/]{0,2000}\])")


class Taint:
    """Where data came from: bits of a number. Plain numbers, because every word of every command is asked."""

    NONE: Final = 0
    SECRET: Final = 1  # a file, variable or output that holds a secret
    FETCHED: Final = 2  # the network, by a request
    SOCKET: Final = 4  # the network, by an open connection a stranger can speak on
    LOCAL: Final = 8  # output of a local command or contents of a file
    DECODED: Final = 16  # went through a decoder
    GUARD: Final = 32  # names leash's own processes
    SHELL: Final = 64  # what a shell prints that obeys somebody else
    SLIGHT: Final = (
        256  # the kind of machine, a version, the time, or what was fetched: no more than an address may say
    )
    RANDOM: Final = 128  # bounded noise: /dev/urandom, random numbers


class Word(str):
    """One word as a program would get it. taint: where its pieces came from. many: it may be several words."""

    __slots__ = ("many", "taint")
    taint: int
    many: bool

    def __new__(cls, text: str, taint: int = 0, many: bool = False) -> Word:
        made = str.__new__(cls, text)
        made.taint = taint
        made.many = many
        return made

    @property
    def known(self) -> bool:
        """Whether no piece is unknown."""
        return UNKNOWN not in self


_TEXT = 1 << 20
"""Characters of a stream that are followed."""


class Stream(Struct, frozen=True):
    """What flows through a pipe or sits in a file. text: abstract, None when nothing is known. origin: for people, or
    the file that it is a copy of. added: what is known to follow a text that is not."""

    taint: int = 0
    text: str | None = None
    origin: str = ""
    added: str = ""

    def __post_init__(self) -> None:
        """Nothing is known of what is longer than leash follows."""
        if self.text is not None and len(self.text) > _TEXT:
            force_setattr(self, "text", None)

    def joined(self, other: Stream) -> Stream:
        """Either of the two, or both."""
        if self is other or self == other:
            return self
        text = None if self.text is None or other.text is None else self.text + other.text
        return Stream(self.taint | other.taint, text, self.origin or other.origin)


FED = "the file that it is fed"
"""Origin of an input that was a file's when it was looked at."""
NOTHING = Stream(0, "")
"""An empty stream."""
TERMINAL = Stream(0, None)
"""Whatever stands on the standard input leash was not told about."""


def show(text: str) -> str:
    """`text` for people."""
    return text.translate(_SHOWN) if _LIVE.search(text) else str(text)


def bare(text: str) -> str:
    """`text` with glob characters as plain ones, as it is when nothing matches; unknown pieces stay."""
    return text.translate(_PLAIN) if _LIVE.search(text) else str(text)


def live(text: str) -> str:
    """Unquoted `text` with its glob characters made live."""
    if "*" not in text and "?" not in text and "[" not in text:
        return text
    if len(text) > _LONG_SET:  # a set that is too long to be read may mean any name
        text = "/".join("*" if "[" in name and len(name) > _LONG_SET else name for name in text.split("/"))
    return _SET.sub(lambda m: BRACKET + m.group(1), text.replace("*", STAR).replace("?", MARK))


def is_pattern(text: str) -> bool:
    """Whether a live glob character stands in `text`."""
    return STAR in text or MARK in text or BRACKET in text


def is_fixed(text: str) -> bool:
    """Whether `text` has neither unknown pieces nor live globs."""
    return _LIVE.search(text) is None


def put_in(text: str, mark: str, value: str) -> str:
    """`text` with `value` for every `mark`; UNKNOWN when that is longer than leash follows."""
    return text.replace(mark, value) if text.count(mark) * len(value) <= _TEXT else UNKNOWN


def taint_of(words: Iterable[str]) -> int:
    """The union of the taints of words."""
    found = 0
    for word in words:
        if type(word) is Word:
            found |= word.taint
    return found


def word(text: str, like: str | None = None) -> Word:
    """`text` as a word, with the taint of `like`."""
    return Word(text, like.taint if type(like) is Word else 0)
