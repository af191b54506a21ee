"""What a process is, read from /proc while it stands still: program, words, directory, variables, ancestors.

At the exec stop these are the new image's own and final: nobody but it could change them, and it has not run yet. For a
`#!` script the program is the interpreter and the script one of its words. Refuses to judge. Hazards: words beyond what
is read could hide the telling one, so an image with more than LIMIT bytes of them is not read at all; a path that the
agent chose is only named here and never read, which could wait for a file system of its own. Invariant: text that is
not UTF-8 is kept as lone surrogates, never dropped.
"""

from __future__ import annotations

import errno
import os
import re
import select

from leashtui.guards.kernel import abi
from leashtui.guards.kernel import numbers as nr
from leashtui.guards.kernel.procfs import read_proc
from leashtui.model.request import Action, Layer, ProcessRef, Request
from leashtui.model.variables import NAMES, PREFIXES, WHICH

LIMIT = 8 << 20
"""Bytes; the kernel itself allows 6 MiB of words and variables together (three quarters of the stack's 8)."""
_CARRIERS = re.compile(
    rb"\0((?:%s)(?==|\0|\Z)|(?:%s)[^=\0]*)=?([^\0]*)"
    % (b"|".join(sorted(map(str.encode, NAMES))), b"|".join(map(str.encode, PREFIXES)))
)
_MAGIC = re.compile(r"/proc/\d+(?:/task/\d+)?/(?:fd/\d+|cwd|root|exe)")
_OWN = {"self": "/proc/%d", "thread-self": "/proc/%d/task/%d"}
_STREAMS = ("/dev/stdin", "/dev/stdout", "/dev/stderr")
_HOW = abi.OPEN_HOW.pack(os.O_PATH | os.O_CLOEXEC, 0, abi.NO_MAGICLINKS | 4)  # by no link of any kind
_MOST_LINKS = 40
_FIRST = 5
"""Words among which a script's name may be a link of the caller's making."""
_DEPTH = 64
_WATCHED = 64


def stat_of(pid: int) -> tuple[int, int]:
    """(parent pid, start time in ticks). Raises OSError when it is gone."""
    fields = read_proc(pid, f"task/{pid}/stat").rpartition(b")")[2].split(None, 21)
    return int(fields[1]), int(fields[19])


def program_of(pid: int) -> str:
    """The name of the file that a process runs. Raises OSError when it is gone."""
    return os.readlink(f"/proc/{pid}/exe")


def words_of(pid: int) -> tuple[str, ...]:
    """The command line, a word an element. Raises OSError, ValueError when it is longer than LIMIT."""
    return tuple(os.fsdecode(read_proc(pid, "cmdline", LIMIT).removesuffix(b"\0")).split("\0"))


def variables_of(pid: int) -> tuple[tuple[str, str], ...]:
    """The variables that can carry code, in order. Raises OSError, ValueError when they are longer than LIMIT."""
    found = _CARRIERS.findall(b"\0" + read_proc(pid, "environ", LIMIT))
    return tuple([(os.fsdecode(name), os.fsdecode(value)) for name, value in found])


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


def _meant(pid: int, cwd: str, words: tuple[str, ...]) -> tuple[str, ...]:
    """Words that name a file by a descriptor, or lead through another magic link of /proc, as scripts started by a
    descriptor do, say which file that is for the process: for us the same link leads elsewhere, or nowhere."""
    made: dict[int, str] = {}
    for at, word in enumerate(words):
        if word.startswith(("/dev/", "/proc/", "//")) or (0 < at < _FIRST and _has_links(cwd, word)):
            found = _followed(pid, word if word.startswith("/") else f"{cwd}/{word}") if word not in _STREAMS else ""
            if found.startswith("/") and not found.startswith("/dev/"):
                made[at] = found
    return tuple([made.get(at, word) for at, word in enumerate(words)]) if made else words


def _has_links(cwd: str, word: str) -> bool:
    """Whether a word names what is there, by a way on which a link lies."""
    if not word or word.startswith("-"):
        return False
    path = os.fsencode(word if word.startswith("/") else f"{cwd}/{word}")
    try:
        os.close(abi.call_text(nr.OPENAT2, abi.AT_FDCWD, path, _HOW, len(_HOW)))
    except OSError as error:
        return error.errno == errno.ELOOP
    return False


def _followed(pid: int, path: str) -> str:
    """Where a path leads for a process, if a magic link is on the way, else ''."""
    at, left, links, magic = "", path.split("/")[::-1], 0, False
    while left:
        part = left.pop()
        if part in ("", "."):
            continue
        if part == "..":
            at = at.rpartition("/")[0]
            continue
        if at == "/proc" and part in _OWN:
            at = _OWN[part].replace("%d", str(pid))
            continue
        at, above = f"{at}/{part}", at
        try:
            target = os.readlink(at)
        except OSError:  # no link, or nothing
            continue
        links += 1
        if links > _MOST_LINKS:
            return ""
        if _MAGIC.fullmatch(at):
            if not target.startswith("/"):
                return ""
            at, magic = target.rstrip("/"), True
        else:
            left += target.split("/")[::-1]
            at = "" if target.startswith("/") else above
    return at if magic else ""


class Lineage:
    """Ancestors, read once a process and not once an exec.

    A process keeps its parent for as long as that lives. So of each, by a descriptor that names it and no later bearer
    of its number, is known whose child it is; one question to the kernel tells which of them have ended since. Refuses
    to answer from memory where anything between a process and `top` is not watched. top: our own pid.
    """

    def __init__(self, top: int) -> None:
        self._top = top
        self._known: dict[int, tuple[ProcessRef, int, int]] = {}
        self._ended = select.epoll()
        self._numbers: dict[int, int] = {}

    def above(self, parent: int) -> tuple[ProcessRef, ...]:
        """As `ancestors_of`."""
        for descriptor, _ in self._ended.poll(0):
            self._forget(self._numbers.get(descriptor, 0))
        found: list[ProcessRef] = []
        pid = parent
        while pid not in (0, 1, self._top) and len(found) < _DEPTH:
            known = self._known.get(pid)
            if known is None or (known[1] not in (0, 1, self._top) and known[1] not in self._known):
                known = self._look(pid)
                if known is None:
                    break
            found.append(known[0])
            pid = known[1]
        return tuple(found)

    def close(self) -> None:
        """Watch none any more."""
        for pid in list(self._known):
            self._forget(pid)
        self._ended.close()

    def _look(self, pid: int) -> tuple[ProcessRef, int, int] | None:
        """Read whose child it is while a descriptor holds it: what is read is its own."""
        self._forget(pid)
        try:
            descriptor = os.pidfd_open(pid)
        except OSError:
            return None
        try:
            above, start = stat_of(pid)
            self._ended.register(descriptor, select.EPOLLIN)
        except OSError:
            os.close(descriptor)
            return None
        if len(self._known) >= _WATCHED:
            self._forget(next(iter(self._known)))
        self._numbers[descriptor] = pid
        self._known[pid] = found = (ProcessRef(pid, start), above, descriptor)
        return found

    def _forget(self, pid: int) -> None:
        """Nothing is known of it any more, nor whose its children are: its number may be another's next."""
        known = self._known.pop(pid, None)
        if known is None:
            return
        del self._numbers[known[2]]
        self._ended.unregister(known[2])
        os.close(known[2])
        for child in [child for child, one in self._known.items() if one[1] == pid]:
            self._forget(child)


def request_of(
    process: ProcessRef,
    ancestry: tuple[ProcessRef, ...],
    base: frozenset[tuple[str, str]],
    choosing: frozenset[str] = frozenset(),
) -> Request:
    """The request that the stopped new image of `process` stands for.

    ancestry: its ancestors, nearest first. base: variables the session started with, which are the person's own.
    choosing: names of those that choose a server or account: one that is missing now is told as empty.
    Raises OSError or ValueError when it cannot be read (a program without read permission, too many words).
    """
    pid = process.pid
    cwd = os.readlink(f"/proc/{pid}/cwd")
    words = _meant(pid, cwd, words_of(pid))
    variables = variables_of(pid)
    if choosing and (missing := choosing.difference([name for name, _ in variables])):
        variables += tuple([(name, "") for name in sorted(missing)])
    return Request(
        action=Action.PROCESS_EXEC,
        layer=Layer.KERNEL,
        cwd=cwd,
        argv=words,
        exe=program_of(pid),
        env=tuple([v for v in variables if v not in base or v[0] in WHICH]) if variables else (),
        process=process,
        ancestry=ancestry,
    )
