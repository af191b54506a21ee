"""Whether a caller's words stay what was read of them: nobody else can change that part of its memory meanwhile.

A call that has to go on by itself reads its words once more. They are the same then where the caller has no other
thread, no other process shares its memory, and they lie in memory of its own or in its program's file, if the session
may not write that. Knows /proc. Refuses to know what the words say. Invariant: what cannot be told counts as changing.
"""

from __future__ import annotations

import contextlib
import errno
import mmap
import os
from collections.abc import Callable

from leashtui.guards.kernel import abi
from leashtui.guards.kernel import numbers as nr
from leashtui.guards.kernel.streams import is_alone
from leashtui.guards.kernel.tracee import group_of

_KCMP_VM = 1


def is_still(tid: int, address: int, size: int, writable: Callable[[int], bool]) -> bool:
    """writable: whether the session may write the file that a process runs. Raises OSError."""
    group = group_of(tid)
    return is_alone(tid) and _is_private(group, address, size, writable) and not _is_shared(group)


def _is_private(pid: int, address: int, size: int, writable: Callable[[int], bool]) -> bool:
    """Whether these bytes lie within one private mapping, and the kernel fills none behind the caller's back."""
    whole = _maps(pid)
    if b"/[aio]" in whole:
        return False
    for line in whole.split(b"\n"):
        words = line.split(None, 5)
        if len(words) < 5:
            continue
        start, _, end = words[0].partition(b"-")
        if not int(start, 16) <= address < int(end, 16):
            continue
        if address + size > int(end, 16) or words[1][3:4] != b"p":
            return False
        return words[4] == b"0" or (_is_of_program(pid, words[4], words[3]) and not writable(pid))
    return False


def _maps(pid: int) -> bytes:
    """Handed out in pieces of whole lines, each shorter than a page. Raises OSError."""
    with open(f"/proc/{pid}/maps", "rb", buffering=0) as file:
        return file.read()


def _is_of_program(pid: int, inode: bytes, device: bytes) -> bool:
    """Whether that is the file that the process runs. Of some file systems stat names other devices than maps do; so
    it is mapped here, too."""
    fd = os.open(f"/proc/{pid}/exe", os.O_RDONLY | os.O_CLOEXEC)
    try:
        if os.fstat(fd).st_ino != int(inode):
            return False
        with mmap.mmap(fd, 1, prot=mmap.PROT_READ, flags=mmap.MAP_PRIVATE):
            ours = [line.split(None, 5) for line in _maps(os.getpid()).split(b"\n")]
    finally:
        os.close(fd)
    return any(words[3:5] == [device, inode] for words in ours)


def _is_shared(pid: int) -> bool:
    """Whether another process has the same memory; one that nobody may ask about is nobody's of the session."""
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != pid:
            with contextlib.suppress(ProcessLookupError):
                try:
                    if not abi.call(nr.KCMP, pid, int(name), _KCMP_VM, 0, 0):
                        return True
                except PermissionError:
                    continue
                except OSError as error:
                    if error.errno != errno.ESRCH:
                        return True
    return False
