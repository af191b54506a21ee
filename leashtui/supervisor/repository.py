"""The classifier's eyes: read-only facts about the workspace, cached for moments, never through the agent's own tools.

Runs git only as architecture.md allows it outside the guard (ls-files, check-ignore), found once outside the workspace,
with a fixed environment and a time limit. What cannot be known is None, and the classifier then assumes the worse.
Invariant: nothing here follows a path of the agent into executing anything of the repository's.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
import subprocess
import time
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path

from leashtui.classify.workspace import Pins
from leashtui.supervisor.belongings import Belongings
from leashtui.supervisor.gitaddress import address, entries, everywhere, remotes
from leashtui.supervisor.lookalikes import Lookalikes
from leashtui.supervisor.steers import steers

_LIMIT = 256 * 1024
_ENTRIES = 2000
_FRESH = 2.0
_PATIENCE = 2.0
_MAGIC = ("/proc/", "/dev/")
"""Below these, links lead where no path does."""
_GONE = " (deleted)"
_GIT = (
    "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.untrackedCache=false",
    "--no-optional-locks",
)  # fmt: skip


NO_WAY_OUT = {
    "GIT_ALLOW_PROTOCOL": "none", "GIT_NO_LAZY_FETCH": "1", "GIT_SSH_COMMAND": "false", "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
}  # fmt: skip
"""For our own git: no repository may make it fetch, and so start a program that the repository names."""


_OWN = re.compile(r"/dev/std(?:in|out|err)|/dev/fd/\d+|/proc/(?:thread-)?self/fd/(\d+)")
"""Names of whatever descriptors one has oneself: ours are others."""


class RepositoryProbe:
    """Looks at `root` (the workspace, absolute). bins: real paths of folders of programs. made, edited, serves: see
    Probe."""

    def __init__(
        self,
        root: str,
        bins: Sequence[str] = (),
        made: Callable[[str], bool] = lambda path: False,
        edited: Callable[[str], bool] = lambda path: False,
        serves: Callable[[str], bool | None] = lambda address: False,
    ) -> None:
        self.serves = serves
        self._made = made
        self._edited = edited
        self._belongings = Belongings(root, self.count, made, self.edited)
        self._lookalikes = Lookalikes(bins)
        self._root = root
        outside = os.pathsep.join(p for p in os.defpath.split(os.pathsep) + ["/usr/local/bin"] if os.path.isabs(p))
        self._git = shutil.which("git", path=outside)
        self._env = {
            "PATH": outside,
            "LC_ALL": "C",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
        } | NO_WAY_OUT
        self._tracked: tuple[float, int, frozenset[str] | None] = (0.0, -1, None)
        self._ignored: dict[str, tuple[float, bool | None]] = {}

    def exists(self, path: str) -> bool | None:
        """Whether `path` exists (a dangling link does)."""
        try:
            return os.path.lexists(path)
        except (OSError, ValueError):
            return None

    def is_dir(self, path: str) -> bool | None:
        """Whether `path` is a directory, links followed."""
        try:
            return os.path.isdir(path)
        except (OSError, ValueError):
            return None

    def real(self, path: str) -> str:
        """`path` with links resolved as far as they exist, but for names of the caller's own descriptors."""
        own = _OWN.fullmatch(path)
        if own is not None:
            return f"/dev/fd/{own[1]}" if own[1] else path
        try:
            return _real(path)
        except (OSError, ValueError):
            return path

    def names(self, path: str) -> tuple[str, ...] | None:
        """What a path with a shell's pattern in its last part stands for, hidden files too. None: not known."""
        folder, _, pattern = path.rpartition("/")
        if "[:" in pattern:
            return None
        try:
            with os.scandir(folder) as entries:
                there = list(islice(entries, _ENTRIES + 1))
        except (OSError, ValueError):
            return None if os.path.lexists(folder) else ()
        if len(there) > _ENTRIES:
            return None
        return tuple(entry.path for entry in there if fnmatchcase(entry.name, pattern.replace("[^", "[!")))

    def tracked(self, path: str) -> bool | None:
        """Whether git tracks the file, or anything below the directory. None: not known."""
        names = self._names()
        if names is None:
            return None
        relative = self._relative(path)
        if relative is None:
            return None
        return relative in names or any(n.startswith(relative + "/") for n in names) if relative else bool(names)

    def ignored(self, path: str) -> bool | None:
        """Whether git ignores `path`. None: not known."""
        relative = self._relative(path)
        if self._git is None or not relative:
            return None
        now = time.monotonic()
        when, known = self._ignored.get(relative, (0.0, None))
        if now - when < _FRESH:
            return known
        done = self._run("check-ignore", "-q", "--", relative)
        answer = None if done is None or done.returncode not in (0, 1) else done.returncode == 0
        if len(self._ignored) > 4096:
            self._ignored.clear()
        self._ignored[relative] = (now, answer)
        return answer

    def git_config(self, key: str) -> str | None:
        """A key of the repository's own configuration file, read as a file. None: not set or not known.

        The last value wins, as git has it; includes are not followed.
        """
        rest, _, name = key.lower().rpartition(".")
        found = [
            v
            for section, subsection, entry, v in entries(self._folders()[1] / "config")
            if entry == name and f"{section}.{subsection.lower()}".rstrip(".") == rest
        ]
        return found[-1] if found else None

    def remote_address(self, remote: str) -> str | None:
        """Where a push to a remote, or to an address, goes once git's rewriting rules are applied. None: nowhere."""
        return address(everywhere(self._folders()[1] / "config"), remote)

    def pinned(self) -> Pins | None:
        """The repository as it is now, read from its files. None: there is none here."""
        folder, shared = self._folders()
        head = self.read_text(str(folder / "HEAD"))
        if head is None:
            return None
        default = self.read_text(str(shared / "refs/remotes/origin/HEAD")) or ""
        said = everywhere(shared / "config")
        known = tuple((n, u) for n in remotes(said) for u in [address(said, n)] if u)
        branch = head.partition("refs/heads/")[2].strip()
        protected = default.partition("refs/remotes/origin/")[2].strip()
        return Pins(known, branch, (protected,) if protected else ())

    def steers(self) -> tuple[str, ...]:
        """What in the workspace git's settings name now: see supervisor.steers."""
        folder, shared = self._folders()
        return steers([shared / "config", folder / "config.worktree"], self._root)

    def _folders(self) -> tuple[Path, Path]:
        """git's folder for this checkout, and the one it shares with others."""
        folder = Path(self._root, ".git")
        link = self.read_text(str(folder))
        if link is not None and link.startswith("gitdir:"):
            folder = Path(self._root, link.partition(":")[2].strip())
        return folder, folder / (self.read_text(str(folder / "commondir")) or ".").strip()

    def read_text(self, path: str) -> str | None:
        """The text of a regular file, of one beyond 256 KiB its beginning and one byte more. None: no such file."""
        try:
            handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        except (OSError, ValueError):
            return None
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                return None
            with open(handle, "rb", closefd=False) as file:
                raw = file.read(_LIMIT + 1)
        except OSError:
            return None
        finally:
            os.close(handle)
        return raw.decode("utf-8", "surrogateescape")

    def twin(self, path: str) -> str:
        """The installed program that a file is, linked or copied; '' for none."""
        return self._lookalikes.of(path)

    def made(self, path: str) -> bool:
        """Whether this session made all that lies there, or nothing does."""
        return self._made(path)

    def edited(self, path: str) -> bool:
        """Whether this session changed the regular file at `path`, and undo keeps what it holds."""
        try:
            real = _real(path)
            return stat.S_ISREG(os.lstat(real).st_mode) and self._edited(real)
        except (OSError, ValueError):
            return False

    def are_own(self, question: str) -> bool:
        """Whether all that git would throw away is of this session's making, see Probe."""
        return self._belongings.are_own(question)

    def blob(self, path: str) -> str:
        """The name of a file's content in git's index, '' when it is not in there, `-` when that is not clear."""
        relative = self._relative(path)
        done = self._run("ls-files", "-z", "-s", "--", f":(literal){relative}") if relative else None
        if done is None or done.returncode != 0:
            return "-"
        entries = [entry.split() for entry in done.stdout.split(b"\0") if entry]
        if not entries:
            return ""
        return entries[0][1].decode() if len(entries) == 1 else "-"

    def count(self, words: Sequence[str]) -> str | None:
        """What git prints about its own references and index; None when it fails. The words look into no file."""
        done = self._run(*words)
        return None if done is None or done.returncode else os.fsdecode(done.stdout)

    def has(self, path: str) -> bool | None:
        """Whether git has this very file. None: not known."""
        names, relative = self._names(), self._relative(path)
        return None if names is None or relative is None else relative in names

    @property
    def root(self) -> str:
        """The workspace."""
        return self._root

    def edits(self, paths: Sequence[str], *, staged: bool) -> tuple[int, bool] | None:
        """See losses.Repository."""
        return self._belongings.edits(paths, staged=staged)

    def _relative(self, path: str) -> str | None:
        try:
            relative = os.path.relpath(path, self._root)
        except ValueError:
            return None
        return None if relative.startswith("..") else "" if relative == "." else relative

    def _names(self) -> frozenset[str] | None:
        """The tracked files, read again when the index changed."""
        index = Path(self._root, ".git", "index")
        try:
            stamp = index.stat().st_mtime_ns
        except OSError:
            stamp = 0
        now = time.monotonic()
        when, known, names = self._tracked
        if known == stamp and (names is not None or now - when < _FRESH):
            return names
        done = self._run("ls-files", "-z", "-s")
        found = None
        if done is not None and done.returncode == 0:
            entries = done.stdout.split(b"\0")
            found = frozenset(os.fsdecode(e.partition(b"\t")[2]) for e in entries if e)
        self._tracked = (now, stamp, found)
        return found

    def _run(self, *words: str) -> subprocess.CompletedProcess[bytes] | None:
        if self._git is None:
            return None
        try:
            return subprocess.run(
                [self._git, *_GIT, "-C", self._root, *words],
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=_PATIENCE,
                check=False,
            )
        except (OSError, subprocess.SubprocessError):
            return None


def _real(path: str) -> str:
    """As os.path.realpath, in three system calls instead of one a folder where the kernel can say it."""
    if path.startswith("/") and not path.startswith(_MAGIC):
        with contextlib.suppress(OSError):
            fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
            try:
                found = os.readlink(f"/proc/self/fd/{fd}")
            finally:
                os.close(fd)
            if found.startswith("/") and not found.endswith(_GONE):
                return found
    return os.path.realpath(path)
