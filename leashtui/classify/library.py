"""What was found in the files that a session's commands run, kept under the digest of what was read.

Knows keys, findings and the questions they rest on. Refuses to read or to judge. Invariant: findings are given out only
while every question they rest on still has the answer it had.
"""

from __future__ import annotations

from msgspec import Struct

from leashtui.classify.probe import Probe
from leashtui.classify.witness import Question, Witness
from leashtui.model.facts import Effect

KEPT = 256
"""Most findings that are kept; the oldest go first."""


class Findings(Struct, frozen=True):
    """What a file that runs would do. effects: worded for people, with the file and line; signs: warning signs;
    unread: what runs in it that is too long to read, as people say it.
    """

    effects: tuple[Effect, ...] = ()
    signs: frozenset[str] = frozenset()
    programs: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    remotes: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()


class Library:
    """One a session."""

    def __init__(self) -> None:
        self._kept: dict[bytes, tuple[Findings, tuple[Question, ...]]] = {}

    def find(self, key: bytes, probe: Probe) -> Findings | None:
        """The findings under a key, when the machine still answers as it did."""
        found = self._kept.get(key)
        if found is None:
            return None
        if Witness(probe).still(found[1]):
            return found[0]
        del self._kept[key]
        return None

    def keep(self, key: bytes, findings: Findings, notes: tuple[Question, ...]) -> None:
        """Keep findings and what they rest on."""
        if len(self._kept) >= KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[key] = (findings, notes)


def digest(*parts: object) -> bytes:
    """A key of everything that findings depend on. parts: values whose repr says all of them."""
    from hashlib import blake2b  # loads OpenSSL, which only a script needs

    return blake2b(repr(parts).encode("utf-8", "surrogatepass"), digest_size=20).digest()
