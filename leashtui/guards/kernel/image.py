"""What a process is, read from /proc while it stands still: program, words, directory, variables, ancestors.

At the exec stop these are the new image's own and final: nobody but it could change them, and it has not run yet. For a
`#!` script the program is the interpreter and the script one of its words. Refuses to judge. Hazards: words beyond what
is read could hide the telling one, so an image with more than LIMIT bytes of them is not read at all; nothing here
opens or stats a path that the agent chose, which could wait for a file system of its own. Invariant: text that is not
UTF-8 is kept as lone surrogates, never dropped.
"""

from __future__ import annotations

import os

from leashtui.guards.kernel.procfs import read_proc
from leashtui.model.request import Action, Layer, ProcessRef, Request
from leashtui.model.variables import NAMES, PREFIXES

LIMIT = 8 << 20
"""Bytes; the kernel itself allows 6 MiB of words and variables together (three quarters of the stack's 8)."""
_NAMES = frozenset(name.encode() for name in NAMES)
_PREFIXES = tuple(prefix.encode() for prefix in PREFIXES)
_DEPTH = 64


def stat_of(pid: int) -> tuple[int, int]:
    """(parent pid, start time in ticks). Raises OSError when it is gone."""
    fields = read_proc(pid, "stat").rpartition(b")")[2].split(None, 21)
    return int(fields[1]), int(fields[19])


def words_of(pid: int) -> tuple[str, ...]:
    """The command line, a word an element. Raises OSError, ValueError when it is longer than LIMIT."""
    return tuple(os.fsdecode(word) for word in read_proc(pid, "cmdline", LIMIT).removesuffix(b"\0").split(b"\0"))


def variables_of(pid: int) -> tuple[tuple[str, str], ...]:
    """The variables that can carry code, in order. Raises OSError, ValueError when they are longer than LIMIT."""
    found = []
    for entry in read_proc(pid, "environ", LIMIT).split(b"\0"):
        name, _, value = entry.partition(b"=")
        if name in _NAMES or name.startswith(_PREFIXES):
            found.append((os.fsdecode(name), os.fsdecode(value)))
    return tuple(found)


def ancestors_of(parent: int, top: int) -> tuple[ProcessRef, ...]:
    """Living ancestors from `parent` up to but without `top`, nearest first."""
    found: list[ProcessRef] = []
    pid = parent
    while pid not in (0, 1, top) and len(found) < _DEPTH:
        try:
            above, start = stat_of(pid)
        except OSError:
            break
        found.append(ProcessRef(pid, start))
        pid = above
    return tuple(found)


def _meant(pid: int, word: str) -> str:
    """A word that names a file by an open descriptor, as scripts started by one do, says which file that is."""
    if not word.startswith(("/dev/fd/", "/proc/self/fd/", "/proc/thread-self/fd/")):
        return word
    number = word.rpartition("/")[2]
    try:
        path = os.readlink(f"/proc/{pid}/fd/{int(number)}") if number.isdigit() else ""
    except OSError:
        return word
    return path if path.startswith("/") and not path.startswith("/dev/") else word


def request_of(process: ProcessRef, parent: int, top: int, base: frozenset[tuple[str, str]]) -> Request:
    """The request that the stopped new image of `process` stands for.

    parent: its parent's pid. top: our own pid. base: variables the session started with, which are the person's own.
    Raises OSError or ValueError when it cannot be read (a program without read permission, too many words).
    """
    pid = process.pid
    return Request(
        action=Action.PROCESS_EXEC,
        layer=Layer.KERNEL,
        cwd=os.readlink(f"/proc/{pid}/cwd"),
        argv=tuple(_meant(pid, word) for word in words_of(pid)),
        exe=os.readlink(f"/proc/{pid}/exe"),
        env=tuple(v for v in variables_of(pid) if v not in base),
        process=process,
        ancestry=ancestors_of(parent, top),
    )
