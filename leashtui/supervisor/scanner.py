"""A maintained scanner for secrets, beside leash's own patterns: loaded in a thread, heard once it is there.

Knows Kingfisher's library (an extra of leash). Refuses to hold a session up: its rules take a second to load, some ten
the first time on a machine, and until then only leash's own patterns mask. Invariant: what it says only masks.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

from leashtui.audit.mask import Masker, Scan
from leashtui.model.event import Notice

_LIBRARY = "kingfisher_sdk"
_CACHE = "scanner"
"""Below the state directory: its rules, compiled."""
_LONGEST = 1 << 20


def load(state: Path) -> Scan:
    """The scanner with its own rules. Raises ImportError, or what the library raises."""
    from kingfisher_sdk import Rules, Scanner

    scanner = Scanner(rules=Rules(cache_dir=str(state / _CACHE)))

    def scan(text: str) -> Iterator[tuple[int, int, str]]:
        raw = text[:_LONGEST].encode("utf-8", "replace")
        plain = len(raw) == len(text)
        for found in scanner.scan(raw):
            place = found.to_dict()["location"]
            start, end = place["start_offset"], place["end_offset"]
            if not plain:
                start, end = (len(raw[:at].decode("utf-8", "replace")) for at in (start, end))
            yield start, end, found.rule_id.rpartition("/")[2].rpartition(".")[2]

    return scan


def engage(state: Path, masker: Masker, failed: Callable[[Notice], object]) -> Notice | None:
    """Let the scanner help `masker` as soon as it is loaded. failed: told from another thread when it cannot be.

    Returns what to say at once.
    """
    if find_spec(_LIBRARY) is None:
        text = "secrets are masked by leash's own patterns alone: the scanner of secrets.scan is not installed"
        return Notice(level="warn", text=text, hint="pip install 'leashtui[secrets]'")

    def work() -> None:
        try:
            masker.use(load(state))
        except Exception as error:  # noqa: BLE001 - a foreign library; the session goes on without it
            text = f"secrets are masked by leash's own patterns alone: {type(error).__name__}: {error}"
            failed(Notice(level="warn", text=text, hint="secrets.scan = false"))

    threading.Thread(target=work, name="scanner", daemon=True).start()
    return None
