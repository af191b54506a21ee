"""Takes one cover of a running session away, or puts it back: `python -I -S shift.py open|close USER MOUNT PATH`.

USER and MOUNT are descriptors of the session's namespaces, inherited. Only somebody outside can do this: inside, the
capabilities are dropped and the filter refuses the calls. Standard library only. Prints `done`, or what failed; exit 1
then. Invariant: what it puts over a path is what the launcher put there: closed to everybody, nothing to list.
"""

from __future__ import annotations

import ctypes
import os
import sys

NEWUSER, NEWNS = 0x10000000, 0x00020000
MS_BIND, MS_REMOUNT, MS_COVER = 4096, 32, 1 | 2 | 4 | 8  # read-only, no setuid, no devices, no programs
DETACH, NOFOLLOW = 2, 8
libc = ctypes.CDLL(None, use_errno=True)


def check(result: int) -> None:
    """Raises OSError for a failed call."""
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


def main() -> int:
    """Enter the namespaces and change one mount."""
    action, user, mount, path = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), os.fsencode(sys.argv[4])
    try:
        if user >= 0:
            check(libc.setns(user, NEWUSER))
        check(libc.setns(mount, NEWNS))
        if action == "open":
            check(libc.umount2(path, DETACH | NOFOLLOW))
        elif os.path.isdir(path):
            check(libc.mount(b"leash", path, b"tmpfs", MS_COVER, b"mode=0000,size=4k"))
        else:
            check(libc.mount(b"/dev/null", path, None, MS_BIND, None))
            check(libc.mount(None, path, None, MS_BIND | MS_REMOUNT | MS_COVER, None))  # a device that opens to nobody
    except OSError as error:
        print(error.strerror, flush=True)
        return 1
    print("done", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
