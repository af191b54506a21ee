"""Reads the small text files of /proc, fast, because every exec needs a handful of them.

Knows how to read one whole and how to find a field in it. Refuses to know what the fields mean. Hazard: a file of a
process that is gone raises, and one that is longer than the limit too: a part is never taken for the whole.
"""

from __future__ import annotations

import os

_CHUNK = 8192
_SHORT = 4096
"""The kernel hands out these files by the page at least: a first read that brings less has brought all."""


def read_proc(pid: int, name: str, limit: int = 1 << 20) -> bytes:
    """All bytes of /proc/PID/NAME. Raises OSError; ValueError when there are more than `limit`."""
    fd = os.open(f"/proc/{pid}/{name}", os.O_RDONLY)
    try:
        whole = part = os.read(fd, _CHUNK)
        if len(part) < _SHORT:
            return whole
        while part:
            part = os.read(fd, len(whole))
            whole += part
            if len(whole) > limit:
                raise ValueError(f"/proc/{pid}/{name} is longer than {limit >> 20} MiB")
    finally:
        os.close(fd)
    return whole


def status_of(pid: int) -> bytes:
    """/proc/PID/status, empty when the process is gone."""
    try:
        return read_proc(pid, "status")
    except OSError:
        return b""


def field(status: bytes, name: bytes) -> bytes:
    """The value of `name` in a status file, empty when it has none. The name of the program cannot forge a field: the
    kernel escapes its newlines."""
    _, found, rest = status.partition(b"\n" + name + b":\t")
    return rest.partition(b"\n")[0] if found else b""
