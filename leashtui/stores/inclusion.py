"""A proof of one record for somebody who has nothing else of the log: its bytes, its way to a signed root, the keys.

Knows the JSON of such a proof. Refuses to prove what no checkpoint covers. Invariant: checking needs only the proof
and a device's public key from elsewhere.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import msgspec
from msgspec import Struct

from leashtui.audit import merkle
from leashtui.audit.attest import certificate_of
from leashtui.audit.checkpoint import read_checkpoint
from leashtui.audit.note import BadNote, Key
from leashtui.audit.verify import Broken, Fault
from leashtui.model import codec
from leashtui.model.errors import Exit, LeashError
from leashtui.model.event import SessionStarted
from leashtui.stores.journal import notes, read
from leashtui.stores.sessions import find_session, paths


class Inclusion(Struct, frozen=True):
    """v: 1. body: the record's exact bytes (base64). index: from 0. path: hashes (hex) from leaf to root.

    checkpoint, certificate: signed notes. device: the public key that signed the certificate, as text.
    """

    v: int
    session: str
    index: int
    size: int
    body: str
    path: tuple[str, ...]
    checkpoint: str
    certificate: str
    device: str


def prove_record(state: Path, name: str) -> bytes:
    """The proof of one record below a state directory, as JSON. name: its id, or SESSION:NUMBER. Raises LeashError."""
    log, seq = _find(state / "sessions", name)
    bodies = [row.body for row in read(log) if isinstance(row.body, bytes)]
    covering = [(n, note) for n, note in notes(log) if isinstance(n, int) and isinstance(note, bytes) and n >= seq]
    if not covering:
        raise LeashError(f"record {seq} of {log.stem} is not signed yet", "a running session signs within 5 s")
    size, note = covering[0]
    first = codec.decode_record(bodies[0]).event
    if not isinstance(first, SessionStarted) or not first.certificate:
        raise LeashError(f"session {log.stem} has no certificate", "prove the log: leash audit verify")
    leaves = [merkle.leaf(sha256(body).digest()) for body in bodies[:size]]
    made = Inclusion(
        1,
        log.stem,
        seq - 1,
        size,
        base64.b64encode(bodies[seq - 1]).decode(),
        tuple(step.hex() for step in merkle.prove(leaves, seq - 1)),
        note.decode(),
        first.certificate,
        first.device,
    )
    return msgspec.json.encode(made)


def _find(sessions: Path, name: str) -> tuple[Path, int]:
    session, colon, number = name.rpartition(":")
    if colon:
        found = find_session(sessions, session)
        if found is None or not number.isdigit() or not 0 < int(number) <= sum(1 for _ in read(found)):
            raise LeashError(f"there is no record {name}", "see what is there: leash log --json", Exit.USAGE)
        return found, int(number)
    wanted = f'"id":"{name}"'.encode()
    for path in reversed(paths(sessions)):
        for row in read(path):
            if isinstance(row.body, bytes) and wanted in row.body and isinstance(row.seq, int):
                return path, row.seq
    raise LeashError(f"there is no record {name}", "see what is there: leash log --json", Exit.USAGE)


class Shown(Struct, frozen=True):
    """What a proof showed. device: whose key vouches for it."""

    session: str
    index: int
    device: str
    body: bytes


def check_record(text: bytes, keys: Sequence[Key]) -> Shown:
    """Check a proof against public keys from elsewhere. Raises Broken, naming what does not hold."""
    try:
        given = msgspec.json.decode(text, type=Inclusion)
        body = base64.b64decode(given.body, validate=True)
        path = [bytes.fromhex(step) for step in given.path]
    except (msgspec.DecodeError, ValueError) as error:
        raise Broken(Fault.UNREADABLE, 0, f"this is no proof of a record: {error}") from error
    certificate, known = certificate_of(given.session, given.certificate, given.device, keys)
    number = given.index + 1
    if not known:
        text_ = f"device {certificate.device} signed it, and its key is not among those you named"
        raise Broken(Fault.UNSIGNED, number, text_, 0, "name its key: --pub KEYS")
    try:
        point = read_checkpoint(given.checkpoint.encode(), certificate)
    except BadNote as error:
        raise Broken(Fault.FORGED, number, f"the checkpoint does not hold: {error}") from error
    if point.count != given.size or not merkle.check(sha256(body).digest(), given.index, given.size, path, point.root):
        raise Broken(Fault.FORGED, number, f"record {number} is not in what the session signed")
    return Shown(given.session, given.index, certificate.device, body)
