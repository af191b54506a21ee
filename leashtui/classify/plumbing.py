"""Where the descriptors of one command lead, and which hosts are this machine.

Nouns that redirections fill and commands read. Refuses to evaluate. Invariant: it says what is known of a descriptor;
one it does not name is the shell's own.
"""

from __future__ import annotations

from leashtui.classify.ledger import Span
from leashtui.classify.patterns import lazy
from leashtui.classify.values import Stream, Taint, Word

_LOCAL = lazy(
    r"(?i)(?:[\w-]+\.)*localhost\.?(?:[:/]|$)|127(?:\.\d{1,3}){1,3}(?:[:/]|$)|0\.0\.0\.0(?:[:/]|$)"
    r"|\[?(?:0*:){2,7}0*1\]?(?:[:/]|$)|localhost6?(?:\.localdomain6?)?(?:[:/]|$)"
)


class Plumbing:
    """Where the descriptors of one command lead.

    outputs: (path, append, span) for what it prints; opened: the same for descriptors above 2, sinks: their paths.
    fds: what further descriptors read.
    """

    __slots__ = (
        "changed", "errors", "fds", "opened", "outputs", "silent", "sinks", "socket_in", "socket_out", "stdin"
    )  # fmt: skip

    def __init__(self, stdin: Stream) -> None:
        self.stdin = stdin
        self.outputs: list[tuple[Word, bool, Span]] = []
        self.errors: list[tuple[Word, bool, Span]] = []
        self.opened: list[tuple[Word, bool, Span]] = []
        self.sinks: dict[str, Word] = {}
        self.socket_in = bool(stdin.taint & Taint.SOCKET)
        self.socket_out = False
        self.silent = False
        self.changed = False
        self.fds: dict[str, Stream] = {}


def is_local(host: str) -> bool:
    """Whether a host is this machine."""
    return _LOCAL.match(host) is not None
