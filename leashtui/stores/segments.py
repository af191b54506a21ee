"""Sealed segments: finished sessions as single compressed files, for object storage that needs no trust.

Knows how a log becomes a segment and is read again; a manifest beside them says which there are. Refuses to seal what
does not prove itself or still runs. A segment is the log itself (`xz -d` gives it back) with the session's signed
checkpoints in it. Invariants: a segment is listed once it lies there whole; what is listed and missing, or is not what
was listed, is found without opening any other.
"""

from __future__ import annotations

import hashlib
import lzma
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from leashtui.audit.verify import Fault
from leashtui.model.errors import LeashError, StoreError
from leashtui.stores.database import failure, open_for_reading, sync_directory
from leashtui.stores.proof import Proof, Trust, Witness, file_source, prove_log, prover
from leashtui.stores.sessions import list_sessions

SUFFIX = ".db.xz"
MANIFEST = "manifest.jsonl"

_PRESET = 1
"""Of xz: five times as quick as its default here, and a tenth larger."""
_FORMAT = 1


class Segment(Struct, frozen=True):
    """One line of the manifest. name: below its directory. digest: sha256 of the segment's file. raw, size: bytes."""

    v: int
    name: str
    device: str
    session: str
    records: int
    head: str
    digest: str
    raw: int
    size: int
    started: int
    ended: int


def seal(state: Path, to: Path, *, before: int) -> Iterator[Segment | Proof]:
    """Seal every session that ended before then (us since the epoch) and is not listed yet.

    Returns the new segments, and the proof of what cannot be sealed. Raises LeashError when `to` cannot be written.
    """
    try:
        to.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LeashError(f"{to}: {error.strerror}", "name a directory that can be written") from error
    there = {one.name: one for one in listed(to)}
    proves = prover(state)
    for info in list_sessions(state / "sessions"):
        if not info.ended or info.ended >= before:
            continue
        proof = proves(info.path)
        name = f"{proof.by or 'unsigned'}/{info.id}{SUFFIX}"
        known = there.get(name)
        if known is not None and known.head == proof.head:
            continue
        if not proof.ok:
            yield proof
            continue
        digest, raw, size = press(info.path, to / name)
        made = Segment(
            _FORMAT, name, proof.by, info.id, proof.records, proof.head, digest, raw, size, info.started, info.ended
        )
        _list(to, made)
        yield made


def listed(directory: Path) -> tuple[Segment, ...]:
    """The segments a manifest lists. Raises StoreError for a line that is none."""
    try:
        lines = (directory / MANIFEST).read_bytes().splitlines()
        return tuple(msgspec.json.decode(line, type=Segment) for line in lines if line)
    except FileNotFoundError:
        return ()
    except (OSError, msgspec.DecodeError) as error:
        raise StoreError(f"{directory / MANIFEST} cannot be read: {error}", "restore it from a copy") from error


def prove_segments(target: Path, trust: Trust | None) -> Iterator[Proof]:
    """The proofs of one segment, or of a directory of them against its manifest."""
    if target.is_file():
        yield _prove(target, target.name.removesuffix(SUFFIX), trust)
        return
    known = {one.name: one for one in listed(target)}
    found = {str(path.relative_to(target)): path for path in sorted(target.rglob(f"*{SUFFIX}"))}
    for name in sorted(known.keys() - found.keys()):
        text = f"segment {name} is gone: the manifest lists it"
        yield Proof(str(target / name), False, known[name].session, fault=Fault.VANISHED, message=text)
    for name, path in found.items():
        one = known.get(name)
        if one is not None and _digest(path) != one.digest:
            text = f"segment {name} is not the file that was listed"
            yield Proof(str(path), False, one.session, fault=Fault.EDITED, message=text)
            continue
        proof = _prove(path, path.name.removesuffix(SUFFIX), trust)
        if proof.ok and one is not None and (one.records, one.head) != (proof.records, proof.head):
            text = f"segment {name} has {proof.records} records, the manifest lists {one.records} with another head"
            proof = Proof(str(path), False, one.session, fault=Fault.FORKED, message=text)
        yield proof if one is not None or not proof.ok else msgspec.structs.replace(proof, note="not in the manifest")


def press(log: Path, to: Path) -> tuple[str, int, int]:
    """One log as a segment; (sha256, bytes before, bytes after). It lies there whole, or not at all."""
    to.parent.mkdir(parents=True, exist_ok=True)
    draft = to.with_name(f".{to.name}.{os.getpid()}")
    with tempfile.TemporaryDirectory(prefix="leash-seal-") as folder:
        plain = Path(folder) / "log.db"
        try:
            source = open_for_reading(log)
            made = sqlite3.connect(plain)
            source.backup(made)  # with what still lies in a -wal file, beside whoever reads
            made.execute("PRAGMA journal_mode=DELETE")
            made.close()
            source.close()
        except sqlite3.Error as error:
            raise failure(log, error) from error
        try:
            with plain.open("rb") as source_file, lzma.open(draft, "wb", preset=_PRESET) as target:
                shutil.copyfileobj(source_file, target, 1 << 20)
            with draft.open("rb+") as written:
                os.fsync(written.fileno())
            draft.replace(to)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise LeashError(f"{to}: {error.strerror}", "make room, or name another directory") from error
        sync_directory(to.parent)
        return _digest(to), plain.stat().st_size, to.stat().st_size


def _list(directory: Path, made: Segment) -> None:
    try:
        with (directory / MANIFEST).open("ab") as file:
            file.write(msgspec.json.encode(made) + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise LeashError(f"{directory / MANIFEST}: {error.strerror}", "make it writable") from error


def _prove(path: Path, session: str, trust: Trust | None) -> Proof:
    with tempfile.TemporaryDirectory(prefix="leash-segment-") as folder:
        plain = Path(folder) / f"{session}.db"
        try:
            with lzma.open(path) as source, plain.open("wb") as target:
                shutil.copyfileobj(source, target, 1 << 20)
        except (OSError, lzma.LZMAError, EOFError) as error:
            text = f"segment {path.name} is damaged: {error}"
            return Proof(str(path), False, session, fault=Fault.UNREADABLE, message=text)
        proof = prove_log(file_source(plain, session), Witness(), trust or Trust())
    note = proof.note.replace("no machine chain beside it: a cut end would not show", "sealed")
    return msgspec.structs.replace(proof, log=str(path), note=note)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
