"""The hash chain: each record's hash covers its exact bytes and the hash before it.

Knows SHA-256 and the row of a log. Refuses to know what a body means. Invariant: hash(n) = sha256(hash(n-1) ||
sha256(body(n))), hash(0) = 32 zero bytes, and seq counts 1, 2, 3, ... without a gap (audit.md, Local log).
"""

from __future__ import annotations

from hashlib import sha256
from typing import NamedTuple

SIZE = 32
"""Bytes of a hash."""

GENESIS = bytes(SIZE)
"""What stands before the first record."""


class Row(NamedTuple):
    """One row as it lies in a log. Nothing is promised about the types: a tampered file holds what it likes."""

    seq: object
    body: object
    hash: object


def link(prev: bytes, body: bytes) -> bytes:
    """The hash of a record: `prev` is the 32-byte hash before it, `body` its exact bytes. 32 bytes."""
    return sha256(prev + sha256(body).digest()).digest()
