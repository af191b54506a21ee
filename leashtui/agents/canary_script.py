"""The agent of `leash doctor --prove`: tries what no session may ever do, and writes down what became of each try.

Standard library only; the words it needs (REPORT WORKSPACE STATE SECRET LEASH...) lie beside it, in a file named as it
is and WORDS. Each try is harmless where nothing stops it: it answers an act that does not exist, writes an empty file,
reads one byte of a secret and keeps none, knocks at an address that belongs to nobody. Refuses to judge: what it
reports is what the kernel said. Invariant: one line a try, `name TAB outcome TAB words`, outcome `refused` or `passed`.
"""

from __future__ import annotations

import ctypes
import errno
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable

NOBODY = ("192.0.2.1", 9)
"""An address of the documentation's own (RFC 5737): no machine has it."""
WORDS = ".words"
PATIENCE = 20
_PTRACE, _UNSHARE = (117, 97) if os.uname().machine == "aarch64" else (101, 272)
_IO_URING = 425
_NEWUSER = 0x10000000
_libc = ctypes.CDLL(None, use_errno=True)


def order(leash: list[str], name: str) -> list[str]:
    """An order that only a person may give, about an act that does not exist."""
    return [*leash, "approve", f"canary-{name}"]


def ran(argv: list[str]) -> tuple[bool, str]:
    """Whether a program was refused before it ran, and what it said last."""
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False)
    words = (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[0]
    return done.returncode == 126, words


def daemon(argv: list[str], note: str) -> tuple[bool, str]:
    """The same from a process that left its session and its parent."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            refused, words = ran(argv)
            with open(note + "~", "w", encoding="utf-8") as file:
                file.write(f"{int(refused)}{words}")
            os.rename(note + "~", note)
        os._exit(0)
    os.wait()
    for _ in range(PATIENCE * 20):
        if os.path.exists(note):
            with open(note, encoding="utf-8") as file:
                text = file.read()
            return text[:1] == "1", text[1:]
        time.sleep(0.05)
    return True, "it never came back"


def failed(work: Callable[[], object]) -> tuple[bool, str]:
    """Whether a call was refused, and the kernel's word for it."""
    try:
        work()
    except OSError as error:
        return True, errno.errorcode.get(error.errno or 0, str(error))
    return False, "it was done"


def raw(number: int, *arguments: int) -> None:
    """A bare system call. Raises OSError."""
    if _libc.syscall(number, *arguments) < 0:
        raise OSError(ctypes.get_errno(), "refused")


def in_child(work: Callable[[], object]) -> tuple[bool, str]:
    """The same in a child, because it changes whoever does it."""
    reader, writer = os.pipe()
    if os.fork() == 0:
        refused, words = failed(work)
        os.write(writer, f"{int(refused)}{words}".encode())
        os._exit(0)
    os.close(writer)
    text = os.read(reader, 200).decode()
    os.close(reader)
    os.wait()
    return text[:1] == "1", text[1:]


def write(path: str) -> tuple[bool, str]:
    """Make an empty file."""
    return failed(lambda: os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)))


def peep(path: str) -> tuple[bool, str]:
    """Look for a byte in a file, or for a name in a folder: what is covered shows neither."""
    try:
        if os.path.isdir(path):
            found = bool(os.listdir(path))
        else:
            with open(path, "rb") as file:
                found = bool(file.read(1))
    except OSError as error:
        return True, errno.errorcode.get(error.errno or 0, str(error))
    return not found, "it was read" if found else "it seems empty"


def knock() -> tuple[bool, str]:
    """Begin a connection to nobody. Refused is what the guard says at once, not that nobody answers."""
    with socket.socket() as line:
        line.settimeout(1)
        try:
            line.connect(NOBODY)
        except OSError as error:
            refused = error.errno in (errno.EACCES, errno.EPERM)
            return refused, errno.errorcode.get(error.errno or 0, "nobody answered")
    return False, "somebody answered"


def desk() -> tuple[bool, str]:
    """Reach the socket on which a person answers."""
    try:
        with open("/proc/net/unix", encoding="utf-8", errors="replace") as table:
            names = [line.split()[-1] for line in table if "leash" in line.rsplit(" ", 1)[-1] and "@" in line]
    except OSError as error:
        return True, f"no list of sockets ({errno.errorcode.get(error.errno or 0, '')})"
    heard = []
    for name in names:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(2)
            try:
                line.connect("\0" + name[1:])
                line.sendall(b'{"type":"approve","id":"canary-desk"}\n')
                if line.recv(1) == b"":
                    continue
                heard.append(name)
            except OSError:
                continue
    return not heard, f"{len(names)} tried" if not heard else "it answered"


def main() -> None:
    """Try everything, in an order that nothing later spoils."""
    with open(sys.argv[0] + WORDS, encoding="utf-8") as beside:
        report, workspace, state, secret, *leash = beside.read().split("\0")
    spelled = "exec " + shlex.join(order(leash, "{}"))
    shell = os.environ.get("SHELL", "/bin/sh")
    tries: list[tuple[str, Callable[[], tuple[bool, str]]]] = [
        ("program", lambda: ran(order(leash, "program"))),
        ("sh", lambda: ran(["/bin/sh", "-c", spelled.replace("{}", "sh")])),
        ("sh-by-name", lambda: ran(["sh", "-c", spelled.replace("{}", "sh-by-name")])),
        ("shell", lambda: ran([shell, "-c", spelled.replace("{}", "shell")])),
        ("daemon", lambda: daemon(order(leash, "daemon"), report + ".daemon")),
        ("own-files", lambda: write(os.path.join(state, "canary"))),
        ("hook", lambda: write(os.path.join(workspace, ".git", "hooks", "canary"))),
        ("rename", lambda: failed(lambda: os.rename(workspace + "/.git", workspace + "/canary"))),
        ("secret", lambda: peep(secret)),
        ("outside", lambda: write(os.path.join(os.path.expanduser("~"), ".leash-canary"))),
        ("connect", knock),
        ("desk", desk),
        ("signal", lambda: failed(lambda: os.kill(os.getppid(), 0))),
        ("trace", lambda: in_child(lambda: raw(_PTRACE, 0, 0, 0, 0))),
        ("namespace", lambda: in_child(lambda: raw(_UNSHARE, _NEWUSER))),
        ("io_uring", lambda: ring()),
    ]
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with open(report, "w", encoding="utf-8") as file:
        for name, attempt in tries:
            refused, words = attempt()
            file.write(f"{name}\t{'refused' if refused else 'passed'}\t{words[:300]}\n")
            file.flush()


def ring() -> tuple[bool, str]:
    """A queue of calls that no filter sees. Without a guard the kernel complains of the missing address instead."""
    refused, words = failed(lambda: raw(_IO_URING, 1, 0))
    return refused and words != "EFAULT", words


if __name__ == "__main__":
    main()
