"""What a session's model has used so far, out of the agent's own transcripts, in a few words for the header.

Knows where hooks said the transcripts are. Refuses to guess prices: a cost is shown where the agent itself tells one,
tokens otherwise. Invariant: a file that did not change is not read again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from leashtui.agents.adapter import Spent

_LARGEST = 64 << 20


class Costs:
    """spent: what a transcript's lines say was used."""

    def __init__(self, spent: Callable[[Iterable[bytes]], Spent]) -> None:
        self._spent = spent
        self._seen: dict[str, tuple[int, Spent]] = {}
        self.words = ""

    def add(self, transcript: str) -> None:
        """A transcript of this session."""
        if transcript.startswith("/"):
            self._seen.setdefault(transcript, (-1, Spent()))

    @property
    def any(self) -> bool:
        """Whether there is anything to read."""
        return bool(self._seen)

    def read(self) -> str:
        """Read what changed; the words for the header, '' while nothing is known."""
        for path, (stamp, _) in list(self._seen.items()):
            try:
                found = os.stat(path)
                if found.st_mtime_ns != stamp and found.st_size <= _LARGEST:
                    with Path(path).open("rb") as lines:
                        self._seen[path] = (found.st_mtime_ns, self._spent(lines))
            except OSError:
                continue
        every = [spent for _, spent in self._seen.values()]
        cost, given, made = (sum(getattr(s, name) for s in every) for name in ("cost", "given", "made"))
        if cost:
            self.words = f"${cost:,.2f}"
        elif given or made:
            self.words = f"{_short(given)} in {_short(made)} out"
        return self.words


def _short(tokens: int) -> str:
    return f"{tokens / 1e6:.1f}M" if tokens >= 1_000_000 else f"{tokens / 1e3:.0f}k" if tokens >= 1000 else str(tokens)
