"""What commands of a session made to be run: texts that they wrote out themselves, and what they had compiled.

Such a text is the agent's own as much as one on its command line, wherever it lies; it is read before it runs all the
same. Knows digests, paths and what came from the network. Refuses to look by itself. Invariant: a text counts only
where every character of it was written out in a command or an edit, and no fetched code lies beside it.
"""

from __future__ import annotations

import os
from typing import TypeVar

from leashtui.classify.patterns import lazy
from leashtui.classify.probe import Probe
from leashtui.classify.values import Stream, Taint, Word, is_fixed

K = TypeVar("K")
_CODE = lazy(r"\.(?:py[cdw]?|so|[cm]?js|node|rb|p[lm]|php|lua|sh)$|/[^./]*$")
_CRATE = lazy(r"(?:/[\w.-]+)?/(?:debug|release)(?:/(?:examples|deps))?(?:/[\w-]+)?")
"""Below a folder that cargo fills: what it builds, and where its libraries lie."""
_FETCHED = Taint.FETCHED | Taint.SOCKET
_STRANGE = _FETCHED | Taint.DECODED | Taint.LOCAL | Taint.SECRET
_MOST = 4096


class Handiwork:
    """Of one session, in temporary folders."""

    def __init__(self) -> None:
        self._texts: dict[bytes, None] = {}
        self._built: dict[str, None] = {}
        self._environments: dict[str, None] = {}
        self._targets: dict[str, None] = {}
        self._put: dict[str, None] = {}
        self._said: dict[bytes, None] = {}
        self._fetched: dict[str, None] = {}

    def wrote(self, path: str, content: Stream) -> None:
        """A file was written: this is what it holds now, as far as that is known."""
        self._built.pop(path, None)
        if any(path.startswith(folder + "/") for folder in self._targets):
            _keep(self._put, path)  # not by cargo
        if content.taint & _FETCHED:
            _keep(self._fetched, path)
        text = content.text or content.added  # a file that holds what was added, and nothing else, is as good
        if text and not content.taint & _STRANGE and is_fixed(text):
            _keep(self._texts, _digest(text))

    def builds(self, path: str) -> None:
        """A compiler is told to put what it builds there."""
        _keep(self._built, path)
        self._put.pop(path, None)

    def says(self, name: str, value: Word) -> None:
        """A command gives a variable a value that stands in it."""
        if value and not value.taint and is_fixed(value):
            _keep(self._said, _digest(f"{name}={value}"))

    def said(self, name: str, value: str) -> bool:
        """Whether a command gave the variable this very value, in plain words."""
        return _digest(f"{name}={value}") in self._said

    def fills(self, folder: str) -> None:
        """cargo is told to put there what it builds of this project."""
        _keep(self._targets, folder)

    def furnishes(self, folder: str) -> None:
        """A tool is told to put there what is installed, and what will be (a Python environment)."""
        _keep(self._environments, folder)

    def is_known(self, path: str, probe: Probe) -> bool:
        """Whether every character of a file was written out in this session."""
        text = probe.read_text(path) if is_fixed(path) else None
        return bool(text) and _digest(text or "") in self._texts

    def holds(self, path: str, known: Stream | None, probe: Probe) -> bool:
        """Whether such a file may run as the session's own. known: what this very command wrote there."""
        if not is_fixed(path) or self._is_beside_fetched(path):
            return False
        text = known.text if known is not None and known.text is not None else probe.read_text(path)
        if text and _digest(text) in self._texts:
            return True
        if probe.real(path) != path:  # a link: what it leads to may be anybody's
            return False
        inside = any(path.startswith(folder + "/bin/") for folder in self._environments)
        inside = inside or (
            any(path.startswith(folder + "/") and _CRATE.fullmatch(path, len(folder)) for folder in self._targets)
            and not any(path == other or other.startswith(path + "/") for other in self._put)
        )
        return (inside or path in self._built) and probe.made(path)

    def _is_beside_fetched(self, path: str) -> bool:
        """Whether a program there would find code that was fetched, by looking beside itself."""
        folder = os.path.dirname(path)
        return any(
            path.startswith(other + "/") or (os.path.dirname(other) == folder and _CODE.search(other))
            for other in self._fetched
        )


def _digest(text: str) -> bytes:
    from hashlib import blake2b  # loads OpenSSL, which only such a file needs

    return blake2b(text.encode("utf-8", "surrogateescape"), digest_size=20).digest()


def _keep(kept: dict[K, None], key: K) -> None:
    kept.pop(key, None)
    if len(kept) >= _MOST:
        del kept[next(iter(kept))]
    kept[key] = None
