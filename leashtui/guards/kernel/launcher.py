"""Locks itself up and becomes the agent: `python -I -S launcher.py LINE_FD`; what to become arrives on the line.

Standard library only, and its own copy of the few numbers it needs: it runs in a bare interpreter that imports nothing
of leash. Order matters: die with the supervisor, drop capabilities, NO_NEW_PRIVS, Landlock scopes, filter, hand the
listener over, wait for the word, close everything, exec. Invariant: any step that fails ends it before the exec.
"""

import ctypes
import marshal
import os
import socket
import struct
import sys

libc = ctypes.CDLL(None, use_errno=True)

PR_SET_PDEATHSIG, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 1, 24, 38, 47
SYS_CAPSET, SYS_SECCOMP, SYS_LANDLOCK_CREATE, SYS_LANDLOCK_RESTRICT = 126, 317, 444, 446
NEW_LISTENER, WAIT_KILLABLE = 8, 32
SCOPES = 3  # abstract unix sockets, signals
KEPT = (0, 1, 3, 6, 7)  # CHOWN, DAC_OVERRIDE, FOWNER, SETGID, SETUID


def check(result: int) -> int:
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


def drop_capabilities() -> None:
    """As root: keep what tar and package managers need, lose the rest for good."""
    check(libc.prctl(PR_CAP_AMBIENT, 4, 0, 0, 0))
    with open("/proc/sys/kernel/cap_last_cap", encoding="ascii") as file:
        last = int(file.read())
    for capability in range(last + 1):
        if capability not in KEPT:
            check(libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0))
    mask = sum(1 << c for c in KEPT)
    data = struct.pack("6I", mask, mask, 0, 0, 0, 0)
    check(libc.syscall(SYS_CAPSET, struct.pack("Ii", 0x20080522, 0), data))


def scope() -> None:
    """Landlock, ABI 6 and later: no signals and no abstract sockets to anybody outside."""
    if libc.syscall(SYS_LANDLOCK_CREATE, None, 0, 1) < 6:
        return
    attributes = struct.pack("QQQ", 0, 0, SCOPES)
    ruleset = check(libc.syscall(SYS_LANDLOCK_CREATE, attributes, len(attributes), 0))
    check(libc.syscall(SYS_LANDLOCK_RESTRICT, ruleset, 0))
    os.close(ruleset)


def install(code: bytes) -> int:
    """Load the filter; the listener's descriptor."""

    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]

    buffer = ctypes.create_string_buffer(code, len(code))
    program = Program(len(code) // 8, ctypes.addressof(buffer))
    listener = libc.syscall(SYS_SECCOMP, 1, NEW_LISTENER | WAIT_KILLABLE, ctypes.byref(program))
    if listener < 0:
        listener = libc.syscall(SYS_SECCOMP, 1, NEW_LISTENER, ctypes.byref(program))
    return check(listener)


def hand_over(line: socket.socket, listener: int) -> None:
    """Pass the listener up. sendmsg is not filtered in this tier, so the plain way works everywhere."""
    socket.send_fds(line, [b"listener"], [listener])
    if line.recv(2) != b"go":
        raise OSError("the supervisor did not take the listener")


def main() -> None:
    line = socket.socket(fileno=int(sys.argv[1]))
    with line.makefile("rb") as letter:
        settings = marshal.loads(letter.read(int(letter.readline())))
    try:
        check(libc.prctl(PR_SET_PDEATHSIG, 9, 0, 0, 0))
        if os.getppid() != settings["parent"]:
            os._exit(125)
        for number, source in enumerate(settings["stdio"]):
            os.dup2(source, number)
        os.chdir(settings["cwd"])
        if settings["guarded"]:
            if os.geteuid() == 0:
                drop_capabilities()
            check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
            scope()
            hand_over(line, install(settings["filter"]))
        else:
            line.sendall(b"ready")
            line.recv(2)
    except OSError as error:
        line.sendall(f"failed {error}".encode())
        os._exit(125)
    line.close()
    os.closerange(3, 1 << 20)
    try:
        os.execve(settings["exe"], settings["argv"], settings["env"])
    except OSError as error:
        os.write(2, f"leash: cannot run {settings['exe']!r}: {error.strerror}\n".encode())
        os._exit(127 if error.errno == 2 else 126)


main()
