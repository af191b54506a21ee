"""Which team store this machine belongs to, and how far the last upload came: two small files.

Knows where they lie. Refuses to connect. Invariant: the address may hold a password, so its file is 0600 in a 0700
directory, and nothing prints it.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
from msgspec import Struct

from leashtui.model.errors import LeashError, StoreError
from leashtui.stores.directories import ensure_private

FILE = "team.json"
"""Below the configuration directory."""

REVIEWER = "reviewer.json"
"""Below the configuration directory."""

PROGRESS = "sync.json"
"""Below the state directory."""


class Enrolment(Struct, frozen=True, omit_defaults=True):
    """Where this machine's records go. dsn: a libpq address. review: whether waiting acts are offered to the team."""

    dsn: str
    review: bool = False


class Reviewer(Struct, frozen=True):
    """dsn: the store, as a reviewer. name: in allowed-signers files. key: path of the SSH key."""

    dsn: str
    name: str
    key: str


class Progress(Struct, frozen=True, omit_defaults=True):
    """How far the last upload came. at: us since the epoch of the last success. acked: records by session."""

    at: int = 0
    acked: dict[str, int] = {}
    problem: str = ""


def enrolled(config: Path) -> Enrolment | None:
    """The team store of this machine, None when it has none. Raises StoreError."""
    path = config / FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Enrolment)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise StoreError(f"{path} cannot be read: {error}", "join again: leash team join ADDRESS") from error


def enrol(config: Path, enrolment: Enrolment) -> Path:
    """Note the team store. Raises LeashError."""
    ensure_private(config)
    return _replace(config / FILE, msgspec.json.encode(enrolment))


def leave(config: Path) -> bool:
    """Forget the team store; whether there was one."""
    try:
        (config / FILE).unlink()
    except FileNotFoundError:
        return False
    return True


def reviewer(config: Path) -> Reviewer | None:
    """How this person reviews, None when they do not. Raises StoreError."""
    path = config / REVIEWER
    try:
        return msgspec.json.decode(path.read_bytes(), type=Reviewer)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise StoreError(f"{path} cannot be read: {error}", "join again: leash review join ADDRESS") from error


def become_reviewer(config: Path, made: Reviewer) -> Path:
    """Note how this person reviews. Raises LeashError."""
    ensure_private(config)
    return _replace(config / REVIEWER, msgspec.json.encode(made))


def progress(state: Path) -> Progress:
    """How far the last upload came; nothing known reads as nothing sent."""
    try:
        return msgspec.json.decode((state / PROGRESS).read_bytes(), type=Progress)
    except (OSError, msgspec.DecodeError):
        return Progress()


def note_progress(state: Path, made: Progress) -> None:
    """Remember how far an upload came. Raises LeashError."""
    ensure_private(state)
    _replace(state / PROGRESS, msgspec.json.encode(made))


def _replace(path: Path, content: bytes) -> Path:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        raise LeashError(f"cannot write {path}: {error.strerror}", f"make {path.parent} writable") from error
    return path
