"""What the classifier may ask about the machine: questions only, and an answer may always be 'not known'.

Refuses to look by itself: the supervisor injects eyes that read, tests inject a dictionary, `explain` may inject none.
Invariant: no answer runs anything, and None never makes a command look more harmless than a known answer would.
"""

from __future__ import annotations

from typing import Protocol


class Probe(Protocol):
    """Read-only questions about absolute paths and the workspace's git configuration."""

    def exists(self, path: str) -> bool | None:
        """Whether something is there. None: not known."""
        ...

    def is_dir(self, path: str) -> bool | None:
        """Whether it is a folder, links followed. None: not known."""
        ...

    def real(self, path: str) -> str:
        """The path with links resolved as far as they exist; the path itself when not known."""
        ...

    def names(self, path: str) -> tuple[str, ...] | None:
        """What a path with a shell's pattern in its last part stands for, hidden files too. None: not known."""
        ...

    def serves(self, address: str) -> bool | None:
        """Whether a database server that this session started, on data of its own making, answers at `tcp:PORT` of this
        machine or `unix:PATH`. False: somebody else, or not known. None: nobody."""
        ...

    def tracked(self, path: str) -> bool | None:
        """Whether git tracks it, or something below it. None: not known."""
        ...

    def ignored(self, path: str) -> bool | None:
        """Whether git ignores it. None: not known."""
        ...

    def git_config(self, key: str) -> str | None:
        """A key of the repository's own configuration. None: not set, or not known."""
        ...

    def remote_address(self, remote: str) -> str | None:
        """Where a push to a remote or an address goes, rewriting rules applied. None: nowhere, or not known."""
        ...

    def read_text(self, path: str) -> str | None:
        """The text of a regular file, of a long one at least its first 256 KiB. None: no such file, or not known."""
        ...

    def twin(self, path: str) -> str:
        """The installed program that the file is under another name: linked, or copied. '': none, or not known."""
        ...

    def made(self, path: str) -> bool:
        """Whether this session made all that lies there, or nothing does, and whoever removes it is watched."""
        ...

    def edited(self, path: str) -> bool:
        """Whether this session changed the file that lies there, and what it held and holds is kept for undo."""
        ...

    def are_own(self, question: str) -> bool:
        """Whether all that git would throw away or write anew is of this session's making. Words parted by NUL:

        `repository`, a folder; `bare`, one that is itself what git keeps; `commits`, words of rev-list; `branch`, a
        name; `untracked` or, what git ignores too, `left`, with absolute paths; `edits`, the revision that files will
        be as, and the absolute paths of those files where only some are meant; `stash`, a number, '' for all;
        `stashed`: all untracked files, which the newest stash holds.
        """
        ...


class NoProbe:
    """Knows nothing: the workspace is a repository root about which nobody answers."""

    def exists(self, path: str) -> bool | None:
        """See Probe."""
        return None

    def is_dir(self, path: str) -> bool | None:
        """See Probe."""
        return None

    def real(self, path: str) -> str:
        """See Probe."""
        return path

    def names(self, path: str) -> tuple[str, ...] | None:
        """See Probe."""
        return None

    def serves(self, address: str) -> bool | None:
        """See Probe."""
        return False

    def tracked(self, path: str) -> bool | None:
        """See Probe."""
        return None

    def ignored(self, path: str) -> bool | None:
        """See Probe."""
        return None

    def git_config(self, key: str) -> str | None:
        """See Probe."""
        return None

    def remote_address(self, remote: str) -> str | None:
        """See Probe."""
        return None

    def read_text(self, path: str) -> str | None:
        """See Probe."""
        return None

    def twin(self, path: str) -> str:
        """See Probe."""
        return ""

    def made(self, path: str) -> bool:
        """See Probe."""
        return False

    def edited(self, path: str) -> bool:
        """See Probe."""
        return False

    def are_own(self, question: str) -> bool:
        """See Probe."""
        return False
