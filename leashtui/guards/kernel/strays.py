"""Secrets that a covered place only links to: `~/.ssh/id_rsa -> ~/dotfiles/id_rsa` is read under either name.

Knows symbolic links below covered keys. Refuses to read what they lead to. Invariant: only the person's own files are
named, never a file that is public by its name, nor a directory that holds the home or the workspace.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

_DEEP, _LOOKED, _MOST = 4, 4000, 64
_PUBLIC_ENDS = (".pub", ".crt", ".md", ".sh")
_PUBLIC = frozenset({"known_hosts", "known_hosts.old", "authorized_keys", "allowed_signers"})
_SETTINGS_OF = frozenset({".ssh/config", ".gnupg/gpg.conf", ".gnupg/gpg-agent.conf", ".gnupg/dirmngr.conf"})


def strays(cover: str, home: str, kept: tuple[str, ...]) -> Iterator[str]:
    """The real paths outside of `cover` (a real path) that links in it lead to. kept: what must stay open, with all
    that lies above."""
    looked = found = 0
    for folder, folders, files in os.walk(cover):
        if folder.count("/") - cover.count("/") >= _DEEP:
            folders.clear()
        for name in (*folders, *files):
            looked += 1
            path = os.path.join(folder, name)
            if looked > _LOOKED or found >= _MOST:
                return
            if os.path.islink(path) and not _is_public(path, home):
                target = os.path.realpath(path)
                if not (target + "/").startswith(cover + "/") and _is_own(target, home, kept):
                    found += 1
                    yield target


def _is_public(path: str, home: str) -> bool:
    name = os.path.basename(path)
    return name in _PUBLIC or name.endswith(_PUBLIC_ENDS) or os.path.relpath(path, home) in _SETTINGS_OF


def _is_own(target: str, home: str, kept: tuple[str, ...]) -> bool:
    """Whether it is a file or a folder of the person that nothing else needs."""
    try:
        found = os.lstat(target)
    except OSError:
        return False
    folder, below = stat.S_ISDIR(found.st_mode), target.startswith(home + "/")
    if found.st_uid != os.geteuid() or not (folder or stat.S_ISREG(found.st_mode)):
        return False
    if not below and (folder or found.st_uid == 0):
        return False
    return not any((place + "/").startswith(target.rstrip("/") + "/") for place in kept if place)
