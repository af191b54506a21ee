"""Late answers: what was asked when the agent would not wait, the one run that an approval after that is worth, and the
refusal that an agent without hooks hears of at its retry.

Knows digests of acts. A digest covers the command as the agent's model gave it (or the file act with its text), the
directory, the variables, the policies in force, what it was found to do, and the contents of every small file that the
command names, also in a folder that it names or by a pattern, so that a changed script is another act; not those of a
file that it only adds lines to, as another approved act may have done meanwhile. Refuses to ask and to decide.
Invariant: a pass is taken at most once, and never after its life or by another digest.
"""

from __future__ import annotations

import contextlib
import glob
import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatchcase
from itertools import islice
from typing import NamedTuple

from leashtui.model.facts import Facts, Verb
from leashtui.model.request import Request
from leashtui.model.verdict import Verdict

LIFE = 3600 * 1_000_000
"""How long a late approval waits for its retry, in microseconds, where nothing else is said."""

_WORDS = 64
_OUTWARD = frozenset(
    {Verb.NET_SEND, Verb.REMOTE_CHANGE, Verb.PUBLISH, Verb.CLOUD_CHANGE, Verb.DATA_CHANGE, Verb.REMOTE_SESSION}
)
_BYTES = 1 << 20
_FOLDERS = 4
_MATCHES = 256
_LISTED = 20_000
"""Most names that are looked at for the patterns of one command."""
_ADDS = re.compile(r"[\d&]?>>([^>]*)")
_MOST = 8 << 20
"""Of all files together; of what lies behind that, size and time have to do."""


class Pass(NamedTuple):
    """One allowed run. ask: the card that was approved. until: microseconds since the epoch."""

    ask: str
    until: int


class Tickets:
    """The passes of one session. bundle: tells the digest of the policies in force.

    command_of: agents.adapter.Adapter.command_of. life: microseconds in which a retry counts.
    """

    def __init__(
        self,
        bundle: Callable[[], str],
        clock: Callable[[], int],
        command_of: Callable[[tuple[str, ...]], str],
        life: int = LIFE,
    ) -> None:
        self._bundle = bundle
        self._clock = clock
        self._command_of = command_of
        self._life = life
        self._passes: dict[str, Pass] = {}
        self._refused: dict[str, tuple[Verdict, int]] = {}

    def digest(self, request: Request, facts: Facts | None = None) -> str:
        """What exactly is asked, as hex; '' where it names too much to tell. facts: what it was found to do."""
        text = self._command_of(request.argv) or (request.script if not request.argv else "")
        words = _heeded(text.split()) if text else request.argv
        try:
            held = _contents([*words[:_WORDS], *([request.path] if request.path else ())], request.cwd)
        except _TooMuch:
            return ""  # no pass is ever taken by it: the act is asked about again
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
            *(
                f"{e.verb} {e.place} {e.severity} {e.target} {e.aim}"
                for e in (facts.effects if facts is not None else ())
            ),
            *held,
        ]
        whole = hashlib.sha256()
        for part in parts:
            raw = part.encode("utf-8", "surrogatepass")
            whole.update(len(raw).to_bytes(8, "big") + raw)
        return whole.hexdigest()

    def leave(self, digest: str, ask: str) -> None:
        """The card was approved after its agent had been sent away."""
        if digest:
            self._passes[digest] = Pass(ask, self._clock() + self._life)

    def refuse(self, digest: str, verdict: Verdict) -> None:
        """The card was refused after its agent had been sent away, and nothing but a retry can say so."""
        if digest:
            self._refused[digest] = (verdict, self._clock() + self._life)

    def refused(self, digest: str) -> Verdict | None:
        """What the person said to this act, once; None where its model heard of it, or nobody refused."""
        verdict, until = self._refused.pop(digest, (None, 0))
        return verdict if self._clock() < until else None

    def take(self, digest: str) -> str:
        """The approved card whose one run this is, '' when there is none."""
        found = self._passes.pop(digest, None)
        return found.ask if found is not None and self._clock() < found.until else ""

    def spend(self, ask: str) -> None:
        """The act of this card has run after all: its pass is used up."""
        for digest in [d for d, p in self._passes.items() if p.ask == ask]:
            del self._passes[digest]


def handed_over(request: Request, facts: Facts) -> str:
    """The digest of the small files that an act which reaches out names, and of the one that is its input: what a
    person looked at while its card stood there. '' for all else."""
    if not any(e.verb in _OUTWARD for e in facts.effects):
        return ""
    words = [part for word in request.argv[:_WORDS] for part in (word, re.split("[@=]", word)[-1])]
    if request.process is not None:
        with contextlib.suppress(OSError):
            words.append(os.readlink(f"/proc/{request.process.pid}/fd/0"))
    try:
        return hashlib.sha256("\0".join(_contents(words, request.cwd)).encode("utf-8", "surrogatepass")).hexdigest()
    except _TooMuch:
        return ""


def _heeded(words: list[str]) -> list[str]:
    """The words without the names of files that are nothing but added to."""
    added: list[int] = []
    for at, word in enumerate(words):
        found = _ADDS.fullmatch(word)
        if found is not None:
            added.append(at if found[1] else at + 1)
    others = {word for at, word in enumerate(words) if at not in added}
    return [word for at, word in enumerate(words) if at not in added or word in others]


class _TooMuch(Exception):
    """The patterns of a command lead through more names than are looked at while everything else waits."""


def _contents(words: Iterable[str], cwd: str) -> list[str]:
    """What the small regular files among the words hold, in order; seen also from the first folders among them.

    Raises _TooMuch.
    """
    names = [clean for word in words if (clean := word.strip("'\"();&|<>")) and clean[0] != "-" and "\0" not in clean]
    inner = (place for name in names if os.path.isdir(place := os.path.join(cwd, name)))
    places = dict.fromkeys((cwd, *islice(inner, _FOLDERS)))
    found: list[str] = []
    left = _MOST
    budget = iter(range(_LISTED))
    named = (path for place in places for name in names for path in _paths(os.path.join(place, name), budget))
    for path in dict.fromkeys(named):
        digest, size = _digest(path, left)
        left -= size
        if digest:
            found.append(f"{path}\0{digest}")
    return found


def _paths(name: str, budget: Iterator[int]) -> Iterator[str]:
    """The file of this name, and those that it matches as the shell's pattern; one deep in patterns takes too long.

    budget: gives something for each name that may still be looked at. Raises _TooMuch.
    """
    yield name
    folder, last = os.path.split(name)
    above, middle = os.path.split(folder)
    if not glob.has_magic(name) or glob.has_magic(above):
        return
    folders = _listed(above, middle, budget) if glob.has_magic(middle) else [folder]
    yield from islice((path for place in folders for path in _listed(place, last, budget)), _MATCHES)


def _listed(folder: str, pattern: str, budget: Iterator[int]) -> list[str]:
    """What lies in a folder and matches, sorted."""
    found: list[str] = []
    with contextlib.suppress(OSError, ValueError), os.scandir(folder) as entries:
        for entry in entries:
            if next(budget, None) is None:
                raise _TooMuch
            if fnmatchcase(entry.name, pattern) and (pattern[:1] == "." or entry.name[0] != "."):
                found.append(entry.path)
    return sorted(found)


def _digest(path: str, left: int) -> tuple[str, int]:
    """(digest of a regular file, bytes that were read for it); ('', 0) for anything else."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except (OSError, ValueError):
        return "", 0
    try:
        info = os.fstat(handle)
        if not stat.S_ISREG(info.st_mode):
            return "", 0
        if left <= 0:
            return f"{info.st_size} {info.st_mtime_ns}", 0
        held = os.read(handle, min(_BYTES, left))
        return hashlib.sha256(held).hexdigest() + (f" {info.st_size}" if len(held) < info.st_size else ""), len(held)
    except OSError:
        return "", 0
    finally:
        os.close(handle)
