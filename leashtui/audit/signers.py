"""Who may sign approvals: an allowed-signers file of ssh-keygen, read once and then only ever narrowed.

Knows the file's lines: principals, options (namespaces, valid-after, valid-before), key. Refuses certificates and
patterns: a reviewer is a name and a key. Invariant: `narrowed` can take a signer away and never add one, so that
whoever can write the file while a session runs can revoke and not appoint.
"""

from __future__ import annotations

import base64
import binascii
import re
from datetime import UTC, datetime

from msgspec import Struct

NAMESPACE = "leash-approval@v1"
"""What an approval is signed for."""

_OPTION = re.compile(r'([A-Za-z-]+)(?:=("[^"]*"|[^",\s]*))?(?:,|$)')


class BadSigners(ValueError):
    """A line of the file that cannot be used; the text names it."""


class Signer(Struct, frozen=True):
    """One reviewer. key: wire form. after, before: microseconds since the epoch (0: no limit)."""

    name: str
    key: bytes
    after: int = 0
    before: int = 0

    def valid(self, now: int) -> bool:
        """Whether the key counts at `now` (microseconds since the epoch)."""
        return self.after <= now and (not self.before or now < self.before)


class Signers:
    """The reviewers of one file."""

    def __init__(self, signers: tuple[Signer, ...] = ()) -> None:
        self.signers = signers

    def name_of(self, key: bytes, now: int) -> str:
        """Whose key this is now; '' when it is nobody's."""
        return next((s.name for s in self.signers if s.key == key and s.valid(now)), "")

    def narrowed(self, text: str) -> Signers:
        """Those of these signers whom `text` still allows, within both times. Raises BadSigners."""
        still = {(s.name, s.key): s for s in parse(text).signers}
        kept = []
        for one in self.signers:
            other = still.get((one.name, one.key))
            if other is not None:
                before = min((b for b in (one.before, other.before) if b), default=0)
                kept.append(Signer(one.name, one.key, max(one.after, other.after), before))
        return Signers(tuple(kept))


def parse(text: str) -> Signers:
    """The reviewers in an allowed-signers file. Raises BadSigners naming the line."""
    found: list[Signer] = []
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if line and not line.startswith("#"):
            try:
                found += _line(line)
            except (ValueError, binascii.Error) as error:
                raise BadSigners(f"line {number}: {error}") from error
    return Signers(tuple(found))


def _line(line: str) -> list[Signer]:
    names, _, rest = line.partition(" ")
    match = re.search(r"(?:^|\s)((?:ssh-|ecdsa-|sk-)\S+)\s+([A-Za-z0-9+/=]+)", " " + rest)
    if match is None:
        raise BadSigners("it has no key: write NAME ssh-ed25519 AAAA...")
    options = rest[: max(match.start() - 1, 0)].strip()
    after = before = 0
    for option in _OPTION.finditer(options):
        name, value = option[1].lower(), (option[2] or "").strip('"')
        if name == "namespaces":
            if NAMESPACE not in value.split(","):
                return []
        elif name == "valid-after":
            after = _moment(value)
        elif name == "valid-before":
            before = _moment(value)
        else:
            raise BadSigners(f"{name} is not known here")
    key = base64.b64decode(match[2], validate=True)
    if any(c in names for c in "*?!"):
        raise BadSigners("a reviewer has a name, not a pattern")
    return [Signer(name, key, after, before) for name in names.strip('"').split(",") if name]


def _moment(value: str) -> int:
    """YYYYMMDD[HHMM[SS]][Z] as ssh-keygen reads it, here always UTC."""
    digits = value.removesuffix("Z")
    shape = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}.get(len(digits))
    if shape is None:
        raise BadSigners(f"{value!r} is no time")
    return int(datetime.strptime(digits, shape).replace(tzinfo=UTC).timestamp()) * 1_000_000
