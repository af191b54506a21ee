"""The key of this device, on disk; each session gets a key of its own that never leaves memory, certified by it.

Knows the one file. Refuses to hand the device's seed to anybody else: callers get signers. Invariant: the file is
ours alone (0600) or it is not used, and it is made once however many sessions start at the same time.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from hashlib import sha256
from pathlib import Path

from leashtui.audit.checkpoint import Certificate
from leashtui.audit.note import Key, Signer
from leashtui.model.errors import LeashError, StoreError
from leashtui.stores.directories import ensure_private

FILE = "device.key"
"""Below the state directory: 32 bytes."""

_SIZE = 32


def device_id(raw: bytes) -> str:
    """The name of a device, from its public key (32 bytes): 16 hex digits."""
    return sha256(b"leash device\n" + raw).hexdigest()[:16]


class Device:
    """This device's key, made when it is first needed. state: the state directory. Raises StoreError."""

    def __init__(self, state: Path) -> None:
        seed = _seed(state)
        self._signer = Signer("-", seed)
        self.id = device_id(self._signer.key.raw)
        self._signer = Signer(self.id, seed)

    @property
    def key(self) -> Key:
        """The public half."""
        return self._signer.key

    def certify(self, certificate: Certificate) -> bytes:
        """The signed note that lets a session's key speak."""
        return self._signer.sign(certificate.text())

    def sign(self, text: str) -> bytes:
        """A note of the device itself."""
        return self._signer.sign(text)


def _seed(state: Path) -> bytes:
    ensure_private(state)
    path = state / FILE
    draft = state / f".{FILE}.{os.getpid()}.{secrets.token_hex(4)}"
    try:
        if not path.exists():
            _write(draft, secrets.token_bytes(_SIZE))
            with contextlib.suppress(FileExistsError):
                os.link(draft, path)
            draft.unlink()
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            status = os.fstat(file.fileno())
            raw = file.read(_SIZE + 1)
    except OSError as error:
        raise StoreError(f"the device's key {path}: {error.strerror}", f"make {state} writable") from error
    if status.st_uid != os.getuid() or status.st_mode & 0o077 or not stat.S_ISREG(status.st_mode):
        raise StoreError(f"the device's key {path} is not yours alone", f"run: chmod 600 {path}")
    if len(raw) != _SIZE:
        raise StoreError(f"the device's key {path} is damaged", "restore it from a copy, or move it away for a new one")
    return raw


def _write(path: Path, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def public_key(state: Path) -> Key | None:
    """The public key of the device whose state directory this is; None when it has none, or it is not ours to read."""
    if not (state / FILE).is_file():
        return None
    try:
        return Device(state).key
    except LeashError:
        return None
