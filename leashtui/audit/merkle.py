"""The Merkle tree of RFC 6962 over a log: its root, grown record by record, and the proof that one record is in it.

Knows hashes. Refuses to know records: a leaf is sha256 of a record's exact bytes, so that a record that was pruned
can still be counted by its digest. Invariant: `Tree` holds at most one hash for each bit of its size.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

EMPTY = sha256(b"").digest()
"""The root of no records."""


def leaf(digest: bytes) -> bytes:
    """The leaf of a record: `digest` is sha256 of its exact bytes."""
    return sha256(b"\0" + digest).digest()


def node(left: bytes, right: bytes) -> bytes:
    """The hash above two others."""
    return sha256(b"\1" + left + right).digest()


class Tree:
    """A growing tree that remembers only its right edge."""

    def __init__(self) -> None:
        self.size = 0
        self._edge: list[bytes] = []  # roots of perfect subtrees, largest first

    def add(self, digest: bytes) -> None:
        """One record more; digest: sha256 of its bytes."""
        top = sha256(b"\0" + digest).digest()
        size = self.size
        while size & 1:
            top = node(self._edge.pop(), top)
            size >>= 1
        self._edge.append(top)
        self.size += 1

    def extend(self, digests: Sequence[bytes]) -> None:
        """Many records more; twice as quick as adding each."""
        at, size = 0, len(digests)
        while at < size:
            room = size - at
            step = 1 << (room.bit_length() - 1)
            if self.size:
                step = min(step, self.size & -self.size)
            level = [sha256(b"\0" + digest).digest() for digest in digests[at : at + step]]
            while len(level) > 1:
                pairs = iter(level)
                level = [sha256(b"\1" + left + right).digest() for left, right in zip(pairs, pairs, strict=True)]
            top, rank = level[0], self.size // step
            while rank & 1:
                top = node(self._edge.pop(), top)
                rank >>= 1
            self._edge.append(top)
            self.size += step
            at += step

    def root(self) -> bytes:
        """The root over all records so far, 32 bytes."""
        if not self._edge:
            return EMPTY
        top = self._edge[-1]
        for left in reversed(self._edge[:-1]):
            top = node(left, top)
        return top


def root_of(leaves: Sequence[bytes]) -> bytes:
    """The root over these leaves (RFC 6962, 2.1)."""
    if not leaves:
        return EMPTY
    level = list(leaves)
    while len(level) > 1:
        paired = [node(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        level = paired + level[len(level) & ~1 :]
    return level[0]


def prove(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The hashes that lead from leaf `index` to the root, lowest first (RFC 6962, 2.1.1)."""
    path: list[bytes] = []
    level = list(leaves)
    while len(level) > 1:
        beside = index ^ 1
        if beside < len(level):
            path.append(level[beside])
        paired = [node(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        level = paired + level[len(level) & ~1 :]
        index >>= 1
    return path


def check(digest: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether `path` proves a record (sha256 of its bytes) to be number `index`, from 0, of `size` under `root`."""
    if not 0 <= index < size:
        return False
    top, at, last = leaf(digest), index, size - 1
    steps = iter(path)
    while last:
        if at & 1 or at < last:
            beside = next(steps, None)
            if beside is None:
                return False
            top = node(beside, top) if at & 1 else node(top, beside)
        at, last = at >> 1, last >> 1
    return next(steps, None) is None and top == root
