"""Signed notes (C2SP signed-note, Ed25519): a text, and under it lines that say whose key signed exactly that text.

Knows keys as 32 raw bytes and their names. Refuses to know where keys lie and what a note says. Invariant: a note
verifies only byte for byte, and only under a key that was handed in; a signature by an unknown key counts for nothing.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Struct

_ALGORITHM = b"\x01"
_LINES = re.compile(r"(?:— \S+ [A-Za-z0-9+/=]+\n)+")
_LINE = re.compile(r"— (\S+) ([A-Za-z0-9+/=]+)\n")


class BadNote(ValueError):
    """A note that cannot be believed; the text says why."""


class Key(Struct, frozen=True):
    """A public key with its name. raw: 32 bytes."""

    name: str
    raw: bytes

    @property
    def mark(self) -> bytes:
        """Four bytes that tell keys of one name apart."""
        return sha256(self.name.encode() + b"\n" + _ALGORITHM + self.raw).digest()[:4]

    def text(self) -> str:
        """One line: name+mark+base64, as `--pub` files hold it."""
        return f"{self.name}+{self.mark.hex()}+{base64.b64encode(_ALGORITHM + self.raw).decode()}"


class Signer:
    """A private key with its name. seed: 32 bytes."""

    def __init__(self, name: str, seed: bytes) -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self.key = Key(name, self._private.public_key().public_bytes_raw())

    def sign(self, text: str) -> bytes:
        """The signed note of `text`, which ends in a newline."""
        signature = base64.b64encode(self.key.mark + self._private.sign(text.encode())).decode()
        return f"{text}\n— {self.key.name} {signature}\n".encode()


def parse_key(line: str) -> Key:
    """The key of a line `name+mark+base64`. Raises BadNote."""
    name, _, rest = line.strip().partition("+")
    mark, _, encoded = rest.partition("+")
    try:
        raw = base64.b64decode(encoded, validate=True)
    except binascii.Error as error:
        raise BadNote(f"not a public key: {line.strip()[:80]!r}") from error
    if not name or len(raw) != 33 or raw[:1] != _ALGORITHM or Key(name, raw[1:]).mark.hex() != mark:
        raise BadNote(f"not a public key: {line.strip()[:80]!r}")
    return Key(name, raw[1:])


def believe(note: bytes, keys: Iterable[Key]) -> tuple[str, Key]:
    """The text of a note and the key that signed it, one of `keys`. Raises BadNote."""
    try:
        whole = note.decode()
    except UnicodeDecodeError as error:
        raise BadNote("it is not text") from error
    text, cut, lines = whole.rpartition("\n\n")
    if not cut or not _LINES.fullmatch(lines):
        raise BadNote("it bears no signature, or something beside one")
    text += "\n"
    known = {(key.name, key.mark): key for key in keys}
    for name, encoded in _LINE.findall(lines):
        try:
            raw = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            continue
        key = known.get((name, raw[:4]))
        if key is None:
            continue
        try:
            Ed25519PublicKey.from_public_bytes(key.raw).verify(raw[4:], text.encode())
        except InvalidSignature as error:
            raise BadNote(f"the signature of {name} does not match: it was changed or forged") from error
        return text, key
    raise BadNote("nobody whose key is known signed it")
