"""What a launcher tries once it has locked itself up, before it becomes the agent: attacks that nobody may let through.

A filter that a kernel took but does not obey, a floor that is not there, covers that show what they cover: each ends
the session before it began. Knows calls that the filter answers itself, for nobody serves the listener yet. Refuses to
try what would do harm if it worked. Invariant: an attack counts as refused only by an error that nothing but the guard
gives to these arguments, or that comes of less being there.
"""

from __future__ import annotations

import errno

from leashtui.guards.kernel import numbers as nr
from leashtui.model.request import Tier

Trial = tuple[str, int, tuple[int, ...], tuple[int, ...]]
"""In words; number of the call; its arguments; the errors that say it was refused."""
_NEWUSER, _TIOCSTI, _KEYRING = 0x10000000, 0x5412, 0


def trials(tier: Tier) -> list[Trial]:
    """What is tried under the filter of a tier."""
    found = [
        _trial("io_uring, past every filter", "io_uring_setup", 1, 0),
        _trial("another process's namespace", "setns", -1, 0),
        _trial("the keys of the session", "keyctl", _KEYRING, -3, 0),
        _trial("a file by its handle", "open_by_handle_at", -1, 0, 0),
        _trial("another process's descriptors", "pidfd_getfd", -1, 0, 0),
        _trial("a program inside the kernel", "bpf", 0, 0, 0),
        _trial("a second listener", "seccomp", 1, 8, 0, error=errno.EBUSY),
        _trial("typing into the terminal", "ioctl", 0, _TIOCSTI, 0),
    ]
    if tier in (Tier.STRICT, Tier.COMPAT):
        found += [
            _trial("a file by openat2", "openat2", -1, 0, 0, 0),
            _trial("a process by clone3", "clone3", 0, 0),
            _trial("a socket past the table", "socket", 17, 3, 0, error=errno.EACCES),
            _trial("a detached mount", "fsopen", 0, 0),
        ]
    if tier is Tier.STRICT:
        found += [
            _trial("a user namespace", "unshare", _NEWUSER),
            _trial("a mount", "mount", 0, 0, 0, 0, 0),
            _trial("another root", "chroot", 0),
        ]
    return found


def _trial(words: str, call: str, *arguments: int, error: int = errno.EPERM) -> Trial:
    return words, nr.of(call)[0], arguments, (error, errno.EPERM, errno.ENOSYS)
