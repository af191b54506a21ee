"""The file guard's most frequent acts by LuaJIT, so that they cost about what the kernel's own part of them costs.

`swift.lua` takes what waits, does again what the file guard did a moment ago in the same directory for a name of the
same kind, and leaves everything else to Python. Here it is told what was judged, and what to forget. Knows directories
and kinds of names. Refuses to judge: it is taught (express.Lessons). Invariant: what was learned holds until somebody
says that answers may have changed, and then nothing of it is left.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import resource
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from leashtui.guards.kernel import abi
from leashtui.guards.kernel import numbers as nr

NONE, ASK, GONE = 0, 1, 2
_MORE = 4
NOTED, MADE, REMOVED = "+", "-", "x"
FREE = frozenset({"/dev/null", "/dev/tty", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/ptmx"})
"""Devices that the floor lets everybody write."""
_PATH = re.compile(r"/[A-Za-z0-9_+@%=,~./-]*")
_OBJECTS = re.compile(r"/\.git/(?:.*/)?objects(?:/|$)")
_LENGTH = 512
_FEW, _MANY = 64, 4096
"""Directories that are held open: a few hundred packages have some thousands of them."""
_SPECIAL = os.O_PATH | os.O_DIRECTORY | 0x400000
ENDS = (
    "bat c cc cfg cjs cmake cpp cs css csv cxx go h hh hpp htm html ico in inc ini ipynb java jpeg jpg js jsx kt less"
    " lua m md mjs ml mm o php pl png po proto py pyc pyi r rb rs rst sass scala scss sh svelte svg swift tcl tex ts"
    " tsx ttf txt vue wasm woff woff2 xsl zig"
)
"""Ends of names of which `place_of` makes nothing but by the end itself."""
TELLS = (
    "agent api auth bazel claude cline cmake codex config conftest cookie copilot cores coverage cover cred crush"
    " cursor env gemini goose hook id_ jenkins junit key krb5 leash lefthook login mem nohup npm passw prof pwd"
    " qwen report result rule secret service setup shadow sitecustomize skill stat test token usercustomize vault"
    " wallet warp windsurf"
)
"""Words that may tell: a name with one of them is judged each time."""
MEANS = (
    "node_modules bower_components jspm_packages __pycache__ __pypackages__ venv virtualenv eggs dist build out target"
    " bin-debug obj coverage htmlcov cache storybook-static _site site-packages dist-packages deriveddata cmakefiles"
    " debug release _build dist-newstyle elm-stuff zig-cache zig-out tmp temp logs log test-results playwright-report"
    " allure-results junit pip-wheel-metadata wheelhouse project-target release-artifacts artifacts deps hooks modules"
    " objects refs library env bin sbin actions workflows core environment hub rebase-merge instructions prompts agents"
    " chatmodes"
)
LEADS = (
    "build dist out cmake bazel leash nautilus key secret cred ssh token shadow passw cookie vault id_ kube krb htpass"
    " netrc jenkins history config"
)
"""Names of folders below which, or words in them with which, things may mean something else."""


class Sight(NamedTuple):
    """Who has no sandbox: its mount namespace is one of `spaces`, its root is one of the mounts `roots`, and it has no
    more than so many `filters`."""

    spaces: frozenset[str]
    filters: int
    roots: frozenset[int]


Told = Callable[[str, list[str], int], None]


class Unwell(Exception):
    """It failed in the middle of something: the call it was serving has no answer yet."""


class Swift:
    """What Lua is told of names are their bytes: they may be in any script, or none.

    descriptor: the listener. notice: address of the buffer it reads into. told: of what was done, the mark (NOTED:
    made, and undo has a line of it; MADE; REMOVED), the paths and the thread (0 for removals), in order; before
    anything else of the session is met. folders: most directories that are held open, 0: as many as the limit of
    descriptors allows. look: whom alone to serve, None for everybody. at_once: as Listener.at_once."""

    def __init__(
        self,
        descriptor: int,
        notice: int,
        told: Told,
        folders: int = 0,
        look: Sight | None = None,
        *,
        at_once: bool = False,
    ) -> None:
        from lupa.luajit21 import LuaError, LuaRuntime

        lua = LuaRuntime(register_eval=False, register_builtins=False, encoding="latin-1")
        setting = lua.table_from(
            {
                "listener": descriptor, "notice": notice, "held": folders or _room(),
                "root": os.geteuid() == 0, "special": _SPECIAL,
                "path": os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC,
                "O_CREAT": os.O_CREAT, "O_EXCL": os.O_EXCL, "O_CLOEXEC": os.O_CLOEXEC, "O_NOCTTY": os.O_NOCTTY,
                "RECV": abi.NOTIF_RECV, "SEND": abi.NOTIF_SEND, "ADDFD": abi.NOTIF_ADDFD,
                "GIVEN": abi.ADDFD_SEND if at_once else 0, "ends": ENDS, "tells": TELLS,
                "means": MEANS, "leads": LEADS,
                "look": lua.table_from({
                    **dict.fromkeys(look.spaces, True), "filters": look.filters,
                    "roots": lua.table_from(dict.fromkeys(look.roots, True)),
                }) if look else None,
                "free": " ".join(sorted(FREE)), "O_NONBLOCK": os.O_NONBLOCK, "O_NOFOLLOW": os.O_NOFOLLOW,
                "O_PATH": os.O_PATH,
                "numbers": lua.table_from({
                    "execve": nr.EXECVE, "open": nr.OPEN, "openat": nr.OPENAT, "mkdir": nr.MKDIR,
                    "mkdirat": nr.MKDIRAT, "link": nr.LINK, "linkat": nr.LINKAT, "unlink": nr.UNLINK,
                    "unlinkat": nr.UNLINKAT, "rmdir": nr.RMDIR, "openat2": nr.OPENAT2,
                }),
            }
        )  # fmt: skip
        room = Path(__file__).parent
        names = lua.compile(room.joinpath("names.lua").read_text())(setting)
        folders_of = lua.compile(room.joinpath("folders.lua").read_text())
        callers_of = lua.compile(room.joinpath("callers.lua").read_text())
        self._lua: Any = lua.compile(room.joinpath("swift.lua").read_text())(setting, names, folders_of, callers_of)
        self._names: Any = names
        self._take = self._lua.take
        self._failure: type[Exception] = LuaError
        self._told = told

    def take(self, wait: int, linger: int) -> int:
        """Serve what can be served here; waits are ms. NONE: nothing waits; ASK: a notice lies in the buffer; GONE:
        nobody is guarded any more; negative: the errno of a listener that failed. Raises Unwell."""
        try:
            state: int = self._take(wait, linger)
        except self._failure as error:
            raise Unwell(str(error)) from error
        if state > GONE:
            self._tell()
            state -= _MORE
        return state

    def _tell(self) -> None:
        """Hand over what was made."""
        lines = [(line[0], *line[1:].partition("\t")) for line in self._lua.made().split("\n")]
        for (mark, tid), run in groupby(lines, lambda line: (line[0], line[3])):
            self._told(mark, [path for _, path, _, _ in run], int(tid or 0))

    def kind_of(self, name: str) -> str:
        """The kind of an ordinary name, '' for one that may tell."""
        return self._names.kind_of(os.fsencode(name)) or ""

    def kind_of_folder(self, name: str) -> str:
        """The kind of an ordinary folder's name, '' for one below which things may mean something else."""
        return self._names.kind_of_folder(os.fsencode(name)) or ""

    def learn(
        self, folder: str, fd: int, *, every: bool, kind: str, tape: int, deep: bool = False, but: Sequence[str] = ()
    ) -> None:
        """In this directory (its real path, named by `fd`) a name of this kind was made, or `every` name may be.
        kind: of names, or one name itself and a slash. tape: where what is made there is noted for undo, 0: nowhere.
        deep: `every` holds for all that lies below it too. but: names that are judged each time all the same."""
        if not _PATH.fullmatch(folder) or len(folder) > _LENGTH or not (every or kind):
            return
        objects = _OBJECTS.search(folder) is not None
        self._lua.learn(folder, fd, tape if every else -1, kind, tape, objects, deep, "/".join(but))

    def removes(self, folder: str) -> None:
        """Every name that may be made in this directory may be removed too, and undo keeps nothing of it."""
        self._lua.removes(os.fsencode(folder))

    def drops(self, folder: str, kind: str) -> None:
        """Names of this kind may be removed from this directory, and undo keeps nothing of them."""
        self._lua.drops(os.fsencode(folder), kind)

    def mask(self, tid: int, mask: int) -> None:
        """This thread's umask, until `forget_masks`."""
        self._lua.mask(tid, mask)

    def forget_masks(self, *, stable: bool) -> None:
        """A umask changes (then it is not stable), or numbers of threads may have been used again."""
        self._lua.forget_masks(stable)

    def own(self, path: str) -> None:
        """The session made this file; undo keeps nothing of it, so its removal needs nobody."""
        if _PATH.fullmatch(path) and len(path) <= _LENGTH:
            self._lua.own(path)

    def disown(self, path: str = "") -> None:
        """What was made at this path is not there any more, or was not the session's own; '': at any path."""
        self._lua.disown(os.fsencode(path))

    def former(self, path: str) -> None:
        """Somebody else's file had this name: what bears it next is not the session's own, whoever makes it."""
        self._lua.former(os.fsencode(path))

    def aside(self, path: str) -> None:
        """Somebody else's file was put aside under this name: its removal is the loss of what it was called before."""
        self._lua.aside(os.fsencode(path))

    def careful(self) -> None:
        """Names were exchanged: from now on only Python says whose a new one is."""
        self._lua.careful()

    def forget(self, *, everything: bool = True) -> None:
        """Answers may have changed: everything is judged anew. Else only what was not used since the last call."""
        self._lua.forget(everything)


def _room() -> int:
    """A third of what this process may have open, which is enough for everything else; and it may have as much open as
    that takes. The agent is started by now: it keeps the limit that it was started with."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4 * _MANY if hard == resource.RLIM_INFINITY else min(4 * _MANY, hard)
    if 0 <= soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    return max(_FEW, min(_MANY, soft // 3))


def address_of(buffer: bytearray) -> int:
    """Where a buffer lies; it must not be resized afterwards, and cannot be while this view of it lives."""
    return ctypes.addressof((ctypes.c_char * len(buffer)).from_buffer(buffer))
