"""The file guard's most frequent act by a shorter way: a new file, by a plain name, in a directory used a moment ago.

An archive or a checkout makes thousands of these. The same questions are asked with fewer words: made exclusively, the
name was free, so nothing was followed, lost or waited for. Knows when it may not answer, and then does nothing at all:
the file guard begins anew. Refuses to ask anybody. Invariant: what is made here, the file guard would have made.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable

from leashtui.guards.kernel.credentials import Masks
from leashtui.guards.kernel.folders import Folders
from leashtui.guards.kernel.listener import Listener, Notice
from leashtui.guards.kernel.naming import Deed

_PLAIN = re.compile(rb"/(?:[A-Za-z0-9_+@%=,~-][A-Za-z0-9_+@%=,~.-]*/)*[A-Za-z0-9_+@%=,~-][A-Za-z0-9_+@%=,~.-]*")
"""No component begins with a dot, so none is `.`, `..`, `.git` or another name that tells."""
_OTHERWISE = (b"/proc/", b"/dev/", b"/sys/")
_LENDS = 0o6000
_SPECIAL = os.O_PATH | os.O_DIRECTORY | 0x400000


class Express:
    """may: whether this real path may be written without a question, and is nobody's own. told: of a file that was made
    (the descriptor of its directory, its name, its path), before anybody has it."""

    def __init__(
        self,
        listener: Listener,
        folders: Folders,
        masks: Masks,
        may: Callable[[str], bool],
        told: Callable[[int, bytes, str], None],
    ) -> None:
        self._listener = listener
        self._folders = folders
        self._masks = masks
        self._may = may
        self._told = told
        self._works = os.geteuid() != 0  # as root a file is made as the caller's file user besides

    def made(self, notice: Notice, deed: Deed) -> bool:
        """Whether it was to make a new file, and that was made and handed over. Raises OSError: then nothing was."""
        flags, text = deed.flags, deed.names[0]
        if not (self._works and flags & os.O_CREAT) or flags & _SPECIAL or deed.mode & _LENDS:
            return False
        if _PLAIN.fullmatch(text) is None or text.startswith(_OTHERWISE):
            return False
        head, _, name = text.rpartition(b"/")
        fd, real, lent = self._folders.open(head)
        if not lent:
            os.close(fd)
            return False
        path = text.decode()
        if real != head or _exists(fd, name) or not self._may(path):
            return False
        before = os.umask(self._masks.of(notice.tid))
        try:
            made = os.open(name, flags | os.O_EXCL | os.O_NOCTTY | os.O_CLOEXEC, deed.mode, dir_fd=fd)
        finally:
            os.umask(before)
        self._told(fd, name, path)
        try:
            self._listener.hand(notice.id, made, flags)
        finally:
            os.close(made)
        return True


def _exists(folder: int, name: bytes) -> bool:
    try:
        os.lstat(name, dir_fd=folder)
    except FileNotFoundError:
        return False
    return True
