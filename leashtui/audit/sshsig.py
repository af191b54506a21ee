"""SSH signatures (`ssh-keygen -Y sign`): whether a key signed exactly these bytes for exactly this purpose.

Knows the format (PROTOCOL.sshsig) and four kinds of keys: Ed25519, Ed25519 on a token, ECDSA P-256, RSA. Refuses to
know who may sign what (audit.signers). Invariant: a signature counts for one namespace only, and a token's only when
it was touched.
"""

from __future__ import annotations

import base64
import binascii
import struct
from hashlib import sha256, sha512

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from msgspec import Struct

_MAGIC = b"SSHSIG"
_BEGIN = "-----BEGIN SSH SIGNATURE-----"
_END = "-----END SSH SIGNATURE-----"
_TOUCHED = 1
_LEAST_RSA = 2048


class BadSignature(ValueError):
    """A signature that does not count; the text says why."""


class Signature(Struct, frozen=True):
    """A parsed signature. key: the public key's wire form, as in an authorized_keys line. raw: kind and bytes."""

    key: bytes
    namespace: str
    hash: str
    raw: bytes


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data

    def string(self) -> bytes:
        """A length-prefixed string."""
        return self.take(self.number())

    def number(self) -> int:
        """Four bytes, big-endian."""
        value: int = struct.unpack(">I", self.take(4))[0]
        return value

    def take(self, size: int) -> bytes:
        """Exactly `size` bytes."""
        if size > len(self._data):
            raise BadSignature("it is cut short")
        taken, self._data = self._data[:size], self._data[size:]
        return taken

    def done(self) -> None:
        """Nothing may follow."""
        if self._data:
            raise BadSignature("something follows it")


def _string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def parse(armored: str) -> Signature:
    """The signature in its armor. Raises BadSignature."""
    lines = [line.strip() for line in armored.strip().splitlines()]
    if len(lines) < 3 or lines[0] != _BEGIN or lines[-1] != _END:
        raise BadSignature("it is not an SSH signature")
    try:
        reader = _Reader(base64.b64decode("".join(lines[1:-1]), validate=True))
    except binascii.Error as error:
        raise BadSignature("it is not an SSH signature") from error
    if reader.take(6) != _MAGIC or reader.number() != 1:
        raise BadSignature("it is an SSH signature of another version")
    key, namespace, reserved, hashed, raw = (reader.string() for _ in range(5))
    reader.done()
    del reserved
    try:
        return Signature(key, namespace.decode(), hashed.decode(), raw)
    except UnicodeDecodeError as error:
        raise BadSignature("it is not an SSH signature") from error


def verify(armored: str, message: bytes, namespace: str) -> bytes:
    """The public key (wire form) that signed `message` for `namespace`. Raises BadSignature."""
    found = parse(armored)
    if found.namespace != namespace:
        raise BadSignature(f"it was made for {found.namespace!r}, not for {namespace!r}")
    digest = {"sha256": sha256, "sha512": sha512}.get(found.hash)
    if digest is None:
        raise BadSignature(f"it uses the hash {found.hash!r}")
    signed = _MAGIC + _string(namespace.encode()) + _string(b"") + _string(found.hash.encode())
    signed += _string(digest(message).digest())
    try:
        _check(found, signed)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError) as error:
        if isinstance(error, BadSignature):
            raise
        raise BadSignature("it does not match: the text or the signature was changed") from error
    return found.key


def _check(found: Signature, signed: bytes) -> None:
    key, mark = _Reader(found.key), _Reader(found.raw)
    kind, how = key.string(), mark.string()
    value = mark.string()
    if kind == b"ssh-ed25519" and how == kind:
        mark.done()
        Ed25519PublicKey.from_public_bytes(key.string()).verify(value, signed)
    elif kind == b"sk-ssh-ed25519@openssh.com" and how == kind:
        flags, counter = mark.take(1), mark.take(4)
        mark.done()
        raw, application = key.string(), key.string()
        if not flags[0] & _TOUCHED:
            raise BadSignature("nobody touched the token")
        told = sha256(application).digest() + flags + counter + sha256(signed).digest()
        Ed25519PublicKey.from_public_bytes(raw).verify(value, told)
    elif kind == b"ecdsa-sha2-nistp256" and how == kind:
        mark.done()
        key.string()
        point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), key.string())
        pair = _Reader(value)
        r, s = (int.from_bytes(pair.string(), "big") for _ in range(2))
        point.verify(encode_dss_signature(r, s), signed, ec.ECDSA(hashes.SHA256()))
    elif kind == b"ssh-rsa" and how in (b"rsa-sha2-512", b"rsa-sha2-256"):
        mark.done()
        e, n = (int.from_bytes(key.string(), "big") for _ in range(2))
        if n.bit_length() < _LEAST_RSA:
            raise BadSignature(f"an RSA key of {n.bit_length()} bits is too weak")
        chosen = hashes.SHA512() if how == b"rsa-sha2-512" else hashes.SHA256()
        rsa.RSAPublicNumbers(e, n).public_key().verify(value, signed, padding.PKCS1v15(), chosen)
    else:
        raise BadSignature(f"keys of kind {kind.decode(errors='replace')!r} are not known here")
