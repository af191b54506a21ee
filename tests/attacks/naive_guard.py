"""The guard that leash is not: reads the path from the caller's memory and says CONTINUE. A control leg for races.

`python naive_guard.py WORD PROGRAM ARGS...` refuses an execve whose path, as it stands in memory at that moment, holds
WORD; prints how many it met.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import select
import struct
import sys

from leashtui.guards.kernel import abi
from leashtui.guards.kernel.spawn import launch

_READV = 310


def path_of(tid: int, address: int) -> bytes:
    """The string at `address` of the caller, as it is now."""
    buffer = ctypes.create_string_buffer(256)
    local = struct.pack("QQ", ctypes.addressof(buffer), 255)
    remote = struct.pack("QQ", address, 255)
    keep = (ctypes.create_string_buffer(local), ctypes.create_string_buffer(remote))
    abi.call(_READV, tid, ctypes.addressof(keep[0]), 1, ctypes.addressof(keep[1]), 1, 0)
    return buffer.value


def main(word: bytes, argv: list[str]) -> None:
    """Until the agent ends."""
    agent = launch(argv, exe=argv[0], env=dict(os.environ), cwd=os.getcwd(), guarded=True, stdio=(0, 1, 2))
    agent.go()
    met = 0
    notice = ctypes.create_string_buffer(abi.NOTIF_SIZE)
    while os.waitpid(agent.pid, os.WNOHANG)[0] == 0:
        if not select.select([agent.listener], [], [], 0.05)[0]:
            continue
        ctypes.memset(notice, 0, abi.NOTIF_SIZE)
        try:
            fcntl.ioctl(agent.listener, abi.NOTIF_RECV, notice)
            number, tid = abi.NOTIF_HEAD.unpack_from(notice)
            met += 1
            refused = word in path_of(tid, struct.unpack_from("Q", notice, 32)[0])
            answer = abi.RESPONSE.pack(number, 0, -1 if refused else 0, 0 if refused else abi.NOTIF_CONTINUE)
            fcntl.ioctl(agent.listener, abi.NOTIF_SEND, ctypes.create_string_buffer(answer))
        except OSError:
            continue
    print(met)


if __name__ == "__main__":
    main(sys.argv[1].encode(), sys.argv[2:])
