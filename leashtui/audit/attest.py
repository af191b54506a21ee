"""Whether what was signed about a log is true of it: certificate and checkpoints against records as they are verified.

Knows signed notes and the tree. Refuses to verify the chain (verify does; it tells each proved record to `Attested`).
Invariant: a checkpoint that does not hold is a Broken of its own kind; a log nobody whose key is known signed never
passes for a signed one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from leashtui.audit.checkpoint import Certificate, Checkpoint, read_certificate, read_checkpoint
from leashtui.audit.merkle import Tree
from leashtui.audit.note import BadNote, Key, parse_key
from leashtui.audit.verify import Broken, Fault, State


def certificate_of(session: str, note: str, device: str, keys: Sequence[Key]) -> tuple[Certificate, bool]:
    """The certificate of a session, and whether a key of `keys` vouches for it rather than the one it brought along.

    device: the key's text in the session's first record. Raises Broken when it does not hold.
    """
    try:
        brought = parse_key(device)
        known = next((key for key in keys if key.name == brought.name), None)
        found = read_certificate(note.encode(), known or brought)
    except BadNote as error:
        text = f"the certificate of this session's key does not hold: {error}"
        raise Broken(Fault.FORGED, 1, text) from error
    if found.session != session:
        text = f"the certificate is of session {found.session!r}, this log is of session {session!r}"
        raise Broken(Fault.FOREIGN, 1, text)
    return found, known is not None


class Attested:
    """The checkpoints of one log. notes: (count, note) as they lie there, of whatever type."""

    def __init__(self, certificate: Certificate, notes: Iterable[tuple[object, object]]) -> None:
        self.signed = 0
        """Records that a checkpoint covers so far."""
        self._ends = certificate.ends
        self._tree = Tree()
        self._fresh: list[bytes] = []
        self._count = 0
        self._due: dict[int, Checkpoint] = {}
        for count, note in notes:
            if type(count) is not int or type(note) is not bytes:
                raise Broken(Fault.TYPE, 0, "a checkpoint has a wrong type")
            try:
                found = read_checkpoint(note, certificate)
            except BadNote as error:
                raise Broken(
                    Fault.FORGED, count, f"the checkpoint of {count} records does not hold: {error}"
                ) from error
            if found.count != count:
                text = f"the checkpoint of {count} records was made of {found.count}"
                raise Broken(Fault.FORGED, count, text)
            self._due[count] = found
        self._order = iter(sorted(self._due))
        self._next = next(self._order, 0)

    def __call__(self, digest: bytes, head: bytes) -> None:
        """One more record proved; digest: sha256 of its body. Raises Broken when a checkpoint says otherwise."""
        self._fresh.append(digest)
        self._count += 1
        if self._count == self._next:
            self._compare(head)

    def _compare(self, head: bytes) -> None:
        tree, count = self._tree, self._count
        tree.extend(self._fresh)
        self._fresh.clear()
        due = self._due[count]
        if due.head != head or due.root != tree.root():
            text = f"record {count} or one before it is not what the session signed: the log was rewritten"
            raise Broken(Fault.FORKED, count, text, self.signed)
        self.signed = count
        self._next = next(self._order, 0)

    def finish(self, state: State) -> None:
        """All records were told; state: what verify found. Raises Broken when what was signed is not all there."""
        last = max(self._due, default=0)
        if last > state.count:
            text = f"the end of the log is missing: the session signed {last} records, {state.count} are left"
            raise Broken(Fault.CUT, state.count + 1, text, state.count)
        if state.ended and self.signed < state.count and state.last <= self._ends:
            text = f"the session ended, and its last signature is gone: nothing after record {self.signed} is signed"
            raise Broken(Fault.UNSIGNED, self.signed + 1, text, self.signed)
