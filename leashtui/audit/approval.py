"""What a reviewer signs: one answer to one waiting act, named by the exact bytes of the record that asked.

Knows the statement's fields and when they fit. Refuses to know who signed (audit.sshsig, audit.signers). Invariant: a
statement fits one ask of one session only, because the digest covers the asking record with its unique id, and so no
answer can be used twice or elsewhere.
"""

from __future__ import annotations

from hashlib import sha256

import msgspec
from msgspec import Struct

KIND = "leash-approval/v1"
"""First field of a statement."""

LIFE = 3600 * 1_000_000
"""Microseconds an answer counts at most after it was signed."""


class Statement(Struct, frozen=True, forbid_unknown_fields=True):
    """One answer. digest: sha256 (hex) of the asking record's exact bytes, number `seq` of the session's log.

    verdict: allow | deny. scope: once. because: told to the agent. expires: microseconds since the epoch.
    """

    kind: str
    session: str
    ask: str
    seq: int
    digest: str
    bundle: str
    verdict: str
    scope: str
    approver: str
    expires: int
    because: str = ""


class Unfit(ValueError):
    """A statement that does not answer this ask; the text says why."""


def digest_of(body: bytes) -> str:
    """The name of an asking record: sha256 of its exact bytes, hex."""
    return sha256(body).hexdigest()


def read(text: bytes) -> Statement:
    """The statement in `text`. Raises Unfit."""
    try:
        found = msgspec.json.decode(text, type=Statement)
    except msgspec.DecodeError as error:
        raise Unfit(f"it is no statement: {error}") from error
    if found.kind != KIND or found.verdict not in ("allow", "deny") or found.scope != "once":
        raise Unfit("it is a statement of another kind")
    return found


def fit(given: Statement, *, session: str, ask: str, seq: int, digest: str, bundle: str, now: int) -> None:
    """Whether a statement answers this ask now. Raises Unfit saying what does not fit."""
    if given.session != session:
        raise Unfit(f"it answers session {given.session!r}")
    if given.ask != ask:
        raise Unfit(f"it answers {given.ask!r}")
    if (given.seq, given.digest) != (seq, digest):
        raise Unfit("it answers another act: what was shown is not what waits")
    if given.bundle != bundle:
        raise Unfit("it was given under other policies")
    if not now <= given.expires <= now + LIFE:
        raise Unfit("it has expired" if given.expires < now else "it wants to count for too long")
