"""What is remembered of programs: believed only for a file that the kernel says is the same, and never needed."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from leashtui.stores import digests
from leashtui.stores.digests import FILE, REST, SMALL, Digest, digest_of


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A large program that has rested."""
    place = tmp_path / "agent"
    place.write_bytes(b"a" * (SMALL + 1))
    now = os.stat(place).st_ctime_ns
    monkeypatch.setattr(digests.time, "time_ns", lambda: now + REST + 1)
    return place


def _reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    done: list[str] = []
    whole = hashlib.file_digest

    def counting(file: object, name: str) -> object:
        done.append(name)
        return whole(file, name)  # type: ignore[arg-type]

    monkeypatch.setattr(digests.hashlib, "file_digest", counting)
    return done


def test_a_large_program_is_read_once(program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = _reads(monkeypatch)
    wanted = hashlib.sha256(program.read_bytes()).hexdigest()
    assert digest_of(tmp_path / "state", str(program)) == wanted
    assert Digest(tmp_path / "state", str(program)).get() == wanted
    assert len(reads) == 1
    assert (tmp_path / "state" / FILE).stat().st_mode & 0o777 == 0o600


def test_a_changed_program_is_read_again_though_its_time_is_put_back(program: Path, tmp_path: Path) -> None:
    state, before = tmp_path / "state", program.stat()
    digest_of(state, str(program))
    program.write_bytes(b"b" * before.st_size)
    os.utime(program, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert program.stat().st_mtime_ns == before.st_mtime_ns
    assert digest_of(state, str(program)) == hashlib.sha256(b"b" * before.st_size).hexdigest()


def test_another_file_in_its_place_is_read(program: Path, tmp_path: Path) -> None:
    state, size = tmp_path / "state", program.stat().st_size
    digest_of(state, str(program))
    other = tmp_path / "other"
    other.write_bytes(b"c" * size)
    os.replace(other, program)
    assert digest_of(state, str(program)) == hashlib.sha256(b"c" * size).hexdigest()


def test_what_was_just_written_is_not_remembered(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digests.time, "time_ns", lambda: program.stat().st_ctime_ns + REST)
    reads = _reads(monkeypatch)
    for _ in range(2):
        digest_of(tmp_path / "state", str(program))
    assert len(reads) == 2


def test_what_changes_while_it_is_read_is_not_remembered(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = hashlib.file_digest

    def changing(file: object, name: str) -> object:
        found = whole(file, name)  # type: ignore[arg-type]
        program.chmod(0o700)
        program.chmod(0o600)
        return found

    monkeypatch.setattr(digests.hashlib, "file_digest", changing)
    digest_of(tmp_path / "state", str(program))
    assert not (tmp_path / "state" / FILE).exists()


@pytest.mark.parametrize("damage", [b"", b"{", b'[{"place":1}]', b"[1]"])
def test_a_damaged_list_means_reading(program: Path, tmp_path: Path, damage: bytes) -> None:
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    (state / FILE).write_bytes(damage)
    assert digest_of(state, str(program)) == hashlib.sha256(program.read_bytes()).hexdigest()


def test_what_cannot_be_read_has_none_and_what_cannot_be_kept_has_one(program: Path, tmp_path: Path) -> None:
    assert digest_of(tmp_path, str(tmp_path / "nothing")) == ""
    assert digest_of(program, str(program)) == hashlib.sha256(program.read_bytes()).hexdigest()
