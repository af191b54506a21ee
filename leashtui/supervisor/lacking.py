"""Tells a program whose own text names a closed key what it will meet there, and how the person is asked.

A program that leash does not know to need a key meets `Permission denied`, which the kernel says without a word of
ours. So what it is made of is looked through when it starts: its script, or a binary that is nobody's package. Knows
names in bytes. Refuses to ask and to open: a name proves no need. Invariant: nothing is held up or refused for what is
found here, and each program is told of each key once.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from leashtui.model.facts import Facts, Verb
from leashtui.model.ports import Reply
from leashtui.model.request import Action, Request
from leashtui.model.verdict import Ruling, Verdict
from leashtui.supervisor.scripts import is_interpreter
from leashtui.words.closed import again, closed, shut

_PACKAGED = ("/usr/", "/bin/", "/sbin/", "/lib", "/opt/", "/snap/", "/nix/", "/gnu/")
_LARGEST = 32 << 20
_REMEMBERED, _WORDS = 512, 6
_LIBRARIES: dict[str, tuple[bytes, ...]] = {
    ".aws": (b"boto3", b"botocore", b"@aws-sdk", b"aws-sdk"),
    ".config/gcloud": (b"google.cloud", b"google.auth", b"@google-cloud"),
    ".kube": (b"from kubernetes", b"import kubernetes", b"@kubernetes/client-node"),
    ".ssh": (b"paramiko", b"asyncssh", b"from fabric", b"ssh2"),
    ".azure": (b"azure.identity", b"@azure/identity"),
}
"""Place below the home: how a script says that it works with what reads it."""
_ENDS = (b"/", b'"', b"'", b"\\")


class Lacking:
    """home: of the person. places: the covers that may be opened, as real paths. is_open: whether one is now. say:
    writes a sentence on a process's stderr. tell: a sentence and what to do, for the log and the panel. kept: covers
    that nobody opens, each with the policy that says so."""

    def __init__(
        self,
        home: str,
        places: Callable[[], Sequence[str]],
        is_open: Callable[[str], bool],
        say: Callable[[int, str], object],
        tell: Callable[[str, str], None],
        kept: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        self._shut = kept
        self._home = os.path.realpath(home) if home else ""
        self._places = places
        self._is_open = is_open
        self._say = say
        self._tell = tell
        self._told: set[tuple[str, str]] = set()
        self._seen: dict[tuple[int, int, int], tuple[str, ...]] = {}

    def opening(self, request: Request, facts: Facts, reply: Reply) -> Reply:
        """The reply port, which says so before an allowed program goes on."""
        process = request.process
        if request.action is not Action.PROCESS_EXEC or process is None or request.chosen or not self._all():
            return reply
        if any(effect.verb in (Verb.KEY_USE, Verb.SECRET_READ) for effect in facts.effects):
            return reply
        program, found = self._found(request)
        fresh = [path for path in found if (program, path) not in self._told and not self._is_open(path)]
        if not fresh:
            return reply

        def then(verdict: Verdict) -> None:
            if verdict.ruling is Ruling.ALLOW:
                self._told.update((program, path) for path in fresh)
                self._explain(process.pid, os.path.basename(program), fresh, request.argv)
            reply(verdict)

        return then

    def _explain(self, pid: int, program: str, found: Sequence[str], argv: Sequence[str]) -> None:
        kept = self._shut()
        if opened := [path for path in found if path not in kept]:
            short = [self._short(path) for path in opened]
            self._say(pid, closed(program, short, opened, argv))
            self._tell(f"{program} names {', '.join(short)}, closed here", again(opened, argv))
        for path in found:
            if path in kept:
                self._say(pid, shut(program, self._short(path), kept[path]))
                self._tell(f"{program} names {self._short(path)}, closed here", kept[path])

    def _short(self, path: str) -> str:
        return "~" + path[len(self._home) :] if path.startswith(self._home + "/") else path

    def _all(self) -> tuple[str, ...]:
        return (*self._places(), *self._shut())

    def _found(self, request: Request) -> tuple[str, tuple[str, ...]]:
        """(what names them, the covers that are named)."""
        exe = request.exe
        if not is_interpreter(exe):
            return exe, () if exe.startswith(_PACKAGED) else self._in_file(exe, libraries=False)
        for option, word in pairwise(request.argv[:_WORDS]):
            if option.startswith("-") and (found := tuple(self._named(os.fsencode(word), libraries=True))):
                return f"{exe} {option}", found  # code on the command line
            path = os.path.join(request.cwd, word)
            if not word.startswith("-") and (found := self._in_file(path, libraries=True)):
                return path, found
        return exe, ()

    def _in_file(self, path: str, *, libraries: bool) -> tuple[str, ...]:
        """Read once for each state of the file."""
        try:
            seen = os.stat(path)
            key = (seen.st_dev, seen.st_ino, seen.st_mtime_ns)
            if key in self._seen:
                return self._seen[key]
            if (
                not stat.S_ISREG(seen.st_mode)
                or seen.st_size > _LARGEST
                or os.path.realpath(path).startswith(_PACKAGED)
            ):
                return ()
            with open(path, "rb") as file:
                found = tuple(self._named(file.read(_LARGEST), libraries=libraries))
        except (OSError, ValueError):
            return ()
        if len(self._seen) >= _REMEMBERED:
            self._seen.clear()
        self._seen[key] = found
        return found

    def _named(self, text: bytes, *, libraries: bool) -> list[str]:
        """The covers that the bytes name, below the home also by what follows it."""
        found = []
        for path in self._all():
            below = path.startswith(self._home + "/")
            if not below and path not in self._shut():
                continue
            name = path[len(self._home) + 1 :] if below else path
            words = [os.fsencode(name) + end for end in _ENDS] + [*(_LIBRARIES.get(name, ()) if libraries else ())]
            if any(word in text for word in words):
                found.append(path)
        return found
