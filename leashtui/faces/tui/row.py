"""One line of the timeline or of the changed files, before anybody draws it.

Knows what it was made of. Refuses to know widths and colours. Invariant: `text` and `tail` are one printable line.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from leashtui.model.event import Record


@dataclass(eq=False)
class Row:
    """One line. kind: allow|deny|ask|gone|note|file|folder|alarm|quiet: its mark and style. records: what made it.

    inside: what the act started and nobody was asked about, oldest first. exit: its exit code, where it failed.
    times: acts of one card, each held and answered. waits: how many of them have no answer. said: answers to the
    others, by their word; last: that word and its tail. more: records of those that are only in the journal.
    """

    seq: int
    t: int
    kind: str
    word: str
    text: str
    tail: str = ""
    records: list[Record] = field(default_factory=list)
    inside: list[Record] = field(default_factory=list)
    exit: int = 0
    times: int = 1
    waits: int = 1
    said: Counter[str] = field(default_factory=Counter)
    last: tuple[str, str] = ("gone", "")
    more: int = 0
