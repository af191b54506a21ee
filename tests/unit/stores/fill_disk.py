"""Run by test_journal on a tiny file system: write until it is full, free some space, go on, prove everything."""

from __future__ import annotations

import sys
from pathlib import Path

from leashtui.audit.verify import verify
from leashtui.model.errors import StoreError
from leashtui.stores.journal import Journal, read


def main(place: Path) -> None:
    """place: the root of the file system."""
    ballast = place / "ballast"
    ballast.write_bytes(b"\0" * 100_000)
    path = place / "s.db"
    journal = Journal.create(path, "s")
    acknowledged = 0
    text = b'{"event":{"kind":"notice"},"id":"x","session":"s","t":1,"v":1,"pad":"' + b"p" * 900 + b'"}'
    try:
        while True:
            journal.append(text, durable=acknowledged % 2 == 0)
            acknowledged += 1
    except StoreError as error:
        assert "the disk is full" in error.message, error.message
    assert verify(read(path)).count >= acknowledged > 20
    ballast.unlink()
    journal.recover()
    seq, _ = journal.append(text, durable=True)
    assert verify(read(path)).count == seq
    journal.close()
    assert verify(read(path)).count == seq
    print(f"held {acknowledged}")


main(Path(sys.argv[1]))
