"""Late approvals: what was asked when the agent would not wait, and the one run that an approval after that is worth.

Knows digests of acts. A digest covers the command as the agent's model gave it (or the file act with its text), the
directory, the variables, the policies in force, and the contents of every small file the command names, so that a
changed script is another act. Refuses to ask and to decide. Invariant: a pass is taken at most once, and never after
its life or by another digest.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterable
from typing import NamedTuple

from leashtui.model.request import Request

LIFE = 3600 * 1_000_000
"""How long a late approval waits for its retry, in microseconds."""

_WORDS = 64
_BYTES = 1 << 20


class Pass(NamedTuple):
    """One allowed run. ask: the card that was approved. until: microseconds since the epoch."""

    ask: str
    until: int


class Tickets:
    """The passes of one session. bundle: tells the digest of the policies in force.

    command_of: agents.adapter.Adapter.command_of.
    """

    def __init__(
        self, bundle: Callable[[], str], clock: Callable[[], int], command_of: Callable[[tuple[str, ...]], str]
    ) -> None:
        self._bundle = bundle
        self._clock = clock
        self._command_of = command_of
        self._passes: dict[str, Pass] = {}

    def digest(self, request: Request) -> str:
        """What exactly is asked, as hex."""
        text = self._command_of(request.argv) or (request.script if not request.argv else "")
        words = text.split() if text else request.argv
        parts = [
            self._bundle(),
            request.action,
            request.cwd,
            *((text,) if text else request.argv),
            request.exe,
            request.path,
            request.was,
            request.host,
            str(request.port),
            request.script,
            *(f"{name}={value}" for name, value in request.env),
            *_contents([*words[:_WORDS], *([request.path] if request.path else ())], request.cwd),
        ]
        whole = hashlib.sha256()
        for part in parts:
            raw = part.encode("utf-8", "surrogatepass")
            whole.update(len(raw).to_bytes(8, "big") + raw)
        return whole.hexdigest()

    def leave(self, digest: str, ask: str) -> None:
        """The card was approved after its agent had been sent away."""
        self._passes[digest] = Pass(ask, self._clock() + LIFE)

    def take(self, digest: str) -> str:
        """The approved card whose one run this is, '' when there is none."""
        found = self._passes.pop(digest, None)
        return found.ask if found is not None and self._clock() < found.until else ""

    def spend(self, ask: str) -> None:
        """The act of this card has run after all: its pass is used up."""
        for digest in [d for d, p in self._passes.items() if p.ask == ask]:
            del self._passes[digest]


def _contents(words: Iterable[str], cwd: str) -> list[str]:
    """The digests of the small regular files among the words, in order."""
    found = []
    for word in words:
        clean = word.strip("'\"();&|<>")
        if not clean or clean.startswith("-") or "\0" in clean:
            continue
        try:
            handle = os.open(os.path.join(cwd, clean), os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
        except (OSError, ValueError):
            continue
        try:
            if stat.S_ISREG(os.fstat(handle).st_mode):
                found.append(f"{clean}\0{hashlib.sha256(os.read(handle, _BYTES)).hexdigest()}")
        except OSError:
            continue
        finally:
            os.close(handle)
    return found
