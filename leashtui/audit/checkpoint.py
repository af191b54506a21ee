"""What the keys of leash sign: a session's certificate, by the device; a checkpoint of a log, by the session's key.

Knows the two texts. Refuses to know where keys and logs lie. Invariants: a checkpoint names its log, its number of
records, their Merkle root and the chain's head, so that no record before it can change; a session's key is believed
only through a certificate that names the same session, and only for its time.
"""

from __future__ import annotations

import base64
import binascii

from msgspec import Struct

from leashtui.audit.note import BadNote, Key, believe

CERTIFICATE = "leash-session-certificate/v1"
"""First line of a certificate."""

LIFE = 24 * 3600 * 1_000_000
"""Microseconds a certificate is good for at most."""


class Certificate(Struct, frozen=True):
    """Who may sign for a session. key: the session's, 32 bytes. begins, ends: microseconds since the epoch."""

    session: str
    key: bytes
    device: str
    user: str
    agent: str
    exe_digest: str
    bundle: str
    begins: int
    ends: int

    def text(self) -> str:
        """What the device signs."""
        lines = [
            CERTIFICATE,
            f"session {self.session}",
            f"key {base64.b64encode(self.key).decode()}",
            f"device {self.device}",
            f"user {_word(self.user)}",
            f"agent {_word(self.agent)}",
            f"exe {self.exe_digest or '-'}",
            f"bundle {self.bundle or '-'}",
            f"begins {self.begins}",
            f"ends {self.ends}",
        ]
        return "\n".join(lines) + "\n"

    @property
    def signer(self) -> Key:
        """The session's key under the name its checkpoints carry."""
        return Key(origin(self.device, self.session), self.key)


class Checkpoint(Struct, frozen=True):
    """The first `count` records of a log. root, head: 32 bytes. time: microseconds since the epoch."""

    device: str
    session: str
    count: int
    root: bytes
    head: bytes
    time: int

    def text(self) -> str:
        """What the session's key signs (C2SP tlog-checkpoint with two extension lines)."""
        root = base64.b64encode(self.root).decode()
        return f"{origin(self.device, self.session)}\n{self.count}\n{root}\nhead {self.head.hex()}\ntime {self.time}\n"


def origin(device: str, session: str) -> str:
    """The name of a log among all logs."""
    return f"leash/{device}/{session}"


def _word(text: str) -> str:
    return "".join(c if c.isprintable() and not c.isspace() else "_" for c in text) or "-"


def read_certificate(note: bytes, device: Key) -> Certificate:
    """The certificate in a note that `device` signed. Raises BadNote."""
    text, _ = believe(note, [device])
    lines = text.splitlines()
    names = ("session", "key", "device", "user", "agent", "exe", "bundle", "begins", "ends")
    if len(lines) != 1 + len(names) or lines[0] != CERTIFICATE:
        raise BadNote("it is not a session certificate")
    values = []
    for name, line in zip(names, lines[1:], strict=True):
        found, _, value = line.partition(" ")
        if found != name:
            raise BadNote(f"it is not a session certificate: no {name}")
        values.append(value)
    try:
        key = base64.b64decode(values[1], validate=True)
        begins, ends = int(values[7]), int(values[8])
    except (ValueError, binascii.Error) as error:
        raise BadNote("it is not a session certificate") from error
    if len(key) != 32 or not 0 <= ends - begins <= LIFE or values[2] != device.name:
        raise BadNote("its key, its time or its device is wrong")
    return Certificate(values[0], key, values[2], values[3], values[4], values[5], values[6], begins, ends)


def read_checkpoint(note: bytes, certificate: Certificate) -> Checkpoint:
    """The checkpoint in a note of the certified session. Raises BadNote."""
    text, _ = believe(note, [certificate.signer])
    lines = text.splitlines()
    try:
        name, count, root, head, time = lines
        found = Checkpoint(
            certificate.device,
            certificate.session,
            int(count),
            base64.b64decode(root, validate=True),
            bytes.fromhex(head.removeprefix("head ")),
            int(time.removeprefix("time ")),
        )
    except (ValueError, binascii.Error) as error:
        raise BadNote("it is not a checkpoint") from error
    if found.text() != text:
        raise BadNote(f"it is a checkpoint of {name}")
    if not certificate.begins <= found.time <= certificate.ends:
        raise BadNote("it was made outside the time of the session's certificate")
    return found
