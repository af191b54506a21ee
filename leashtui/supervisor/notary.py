"""The notary of one session: signs, every so often, how many records the log has and what they come to.

Knows the session's key, which lives in this memory only and dies with it, so that nobody can sign for the session
later. Refuses to hold anything up: what cannot be signed or kept is signed with the next record. Invariant: a
checkpoint speaks of committed records only.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

from leashtui.audit.chain import GENESIS, Row
from leashtui.audit.checkpoint import LIFE, Certificate, Checkpoint, origin
from leashtui.audit.merkle import Tree
from leashtui.audit.note import Signer
from leashtui.model.errors import LeashError, StoreError
from leashtui.model.event import Notice
from leashtui.stores.journal import Journal, read
from leashtui.stores.keys import Device

EVERY = 256
"""Records between two checkpoints at most."""


PATIENCE = 5.0
"""Seconds a record waits for its checkpoint at most."""

Keep = Callable[[int, bytes], None]
Reread = Callable[[int], Iterator[Row]]


class Notary:
    """keep: stores (count, note). reread: the log's rows after a number, for records that arrived by a recovery.

    soon: runs a function some seconds from now.
    """

    def __init__(
        self,
        signer: Signer,
        certificate: Certificate,
        note: bytes,
        device: str,
        *,
        clock: Callable[[], int],
        keep: Keep,
        reread: Reread,
        soon: Callable[[Callable[[], None]], object],
    ) -> None:
        self.certificate = note.decode()
        """The device's signed note, for the session's first record."""
        self.device = device
        """The device's public key in text."""
        self.last = b""
        """The newest checkpoint."""
        self._signer = signer
        self._about = certificate
        self._clock = clock
        self._keep = keep
        self._reread = reread
        self._soon = soon
        self._tree = Tree()
        self._head = GENESIS
        self._signed = 0
        self._due = False

    def committed(self, seq: int, body: bytes, digest: bytes, *, weighty: bool) -> None:
        """Record `seq` is committed. weighty: sign now (a denial, an answer)."""
        if seq != self._tree.size + 1:
            self._catch_up(seq - 1)
        if seq == self._tree.size + 1:
            self._tree.add(sha256(body).digest())
            self._head = digest
        if weighty or self._tree.size - self._signed >= EVERY:
            self.sign()
        elif not self._due:
            self._due = True
            self._soon(self._sign_due)

    def _catch_up(self, upto: int) -> None:
        with contextlib.suppress(StoreError):
            for row in self._reread(self._tree.size):
                if not isinstance(row.seq, int) or row.seq > upto or not isinstance(row.body, bytes):
                    return
                self._tree.add(sha256(row.body).digest())
                self._head = row.hash if isinstance(row.hash, bytes) else self._head

    def _sign_due(self) -> None:
        self._due = False
        self.sign()

    def sign(self) -> None:
        """Sign what is committed, unless that was done or the certificate's time is over."""
        now = self._clock()
        if self._tree.size == self._signed or not self._about.begins <= now <= self._about.ends:
            return
        made = Checkpoint(self._about.device, self._about.session, self._tree.size, self._tree.root(), self._head, now)
        note = self._signer.sign(made.text())
        with contextlib.suppress(StoreError):
            self._keep(self._tree.size, note)
            self._signed, self.last = self._tree.size, note


def engage(
    state: Path, journal: Journal, session: str, *, user: str, agent: str, exe_digest: str, bundle: str
) -> tuple[Notary | None, Notice | None]:
    """A notary for a session that begins now; without the device's key there is none, and a notice says why."""
    now = microseconds()
    try:
        device = Device(state)
    except LeashError as error:
        text = f"this session is not signed, so its log proves less: {error.message}"
        return None, Notice(level="warn", text=text, hint=error.hint)
    signer = Signer(origin(device.id, session), secrets.token_bytes(32))
    about = Certificate(session, signer.key.raw, device.id, user, agent, exe_digest, bundle, now, now + LIFE)
    loop = asyncio.get_running_loop()
    notary = Notary(
        signer,
        about,
        device.certify(about),
        device.key.text(),
        clock=microseconds,
        keep=journal.note,
        reread=lambda after: read(journal.path, after),
        soon=lambda work: loop.call_later(PATIENCE, work),
    )
    return notary, None


def microseconds() -> int:
    """Now, since the epoch."""
    return time.time_ns() // 1000
