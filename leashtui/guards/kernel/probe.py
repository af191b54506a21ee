"""What this host lets leash enforce, found by trying, never by assuming from a version.

A forked child installs the very filter and hands nothing over: its errno says what is missing. Knows what each missing
part costs and how to get it, in sentences. Refuses to change anything on the host. Invariant: `tier` is never better
than what was just shown to work.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import platform
import signal
import struct
from pathlib import Path

from msgspec import Struct

from leashtui.guards.kernel import abi
from leashtui.guards.kernel.filter import program
from leashtui.model.request import Tier

_PR_SET_NO_NEW_PRIVS = 38
_NEW_LISTENER = 8
_LANDLOCK_CREATE = 444

NOT_IN_EXEC = (
    "file writes and reads inside a program are not held (only the programs it starts)",
    "network connections are not held (only programs known to make them)",
    "secret files are not hidden; a program that may run can read them",
)
NOT_IN_WATCH = (
    "programs started by absolute path or without a shell are not seen",
    "nothing is enforced by the kernel: an agent that wants to can walk around the shell shim",
    "the agent cannot be told from you: approving from another terminal needs a code",
)


class Support(Struct, frozen=True):
    """What was found. lost: what this tier does not stop, plain sentences. fixes: what to do for the next better tier.

    found: (check, ok, detail) for `leash doctor`.
    """

    tier: Tier
    lost: tuple[str, ...]
    fixes: tuple[str, ...]
    found: tuple[tuple[str, bool, str], ...]


def probe() -> Support:
    """Try everything the exec tier needs. Forks two short-lived children."""
    found: list[tuple[str, bool, str]] = []
    fixes: list[str] = []
    machine, system = platform.machine(), platform.system()
    supported = system == "Linux" and machine == "x86_64"
    found.append(("kernel", supported, f"{system} {platform.release()} {machine}"))
    if not supported:
        fixes.append("the kernel guard runs on Linux x86-64; elsewhere leash uses the shell shim")
        return Support(Tier.WATCH, NOT_IN_WATCH, tuple(fixes), tuple(found))
    for check, (ok, detail, fix) in {"seccomp notification": _listener(), "ptrace": _trace()}.items():
        found.append((check, ok, detail))
        if fix:
            fixes.append(fix)
    abi_level = landlock_abi()
    found.append(("landlock scopes", abi_level >= 6, f"ABI {abi_level}" if abi_level > 0 else "not in this kernel"))
    lost = list(NOT_IN_EXEC)
    if abi_level < 6:
        lost.append("the agent can send signals to leash's own processes (it dies with them); Linux 6.12 closes this")
        fixes.append("use Linux 6.12 or later with Landlock enabled (lsm=landlock,...)")
    if not all(ok for check, ok, _ in found if check != "landlock scopes"):
        return Support(Tier.WATCH, NOT_IN_WATCH, tuple(fixes), tuple(found))
    return Support(Tier.EXEC, tuple(lost), tuple(fixes), tuple(found))


def landlock_abi() -> int:
    """The Landlock ABI of this kernel, 0 when it has none."""
    try:
        return abi.call(_LANDLOCK_CREATE, 0, 0, 1)
    except OSError:
        return 0


def _listener() -> tuple[bool, str, str]:
    """Install the filter in a child that then ends."""
    code = _in_child(_install)
    if code == 0:
        return True, "works", ""
    if code == errno.EBUSY:
        return False, "another listener is above us (a nested leash, or WSL2 mirrored networking)", (
            "run leash outside the other sandbox; under WSL2 set networkingMode=nat"
        )  # fmt: skip
    if code in (errno.ENOSYS, errno.EINVAL):
        return False, "this kernel has no seccomp user notification", "use Linux 5.9 or later"
    return False, os.strerror(code), "the container's seccomp profile forbids it: allow seccomp and ptrace"


def _install() -> int:
    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]

    code = program()
    buffer = ctypes.create_string_buffer(code, len(code))
    filled = Program(len(code) // 8, ctypes.addressof(buffer))
    abi.libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    abi.call(abi.SYS_SECCOMP, 1, _NEW_LISTENER, ctypes.addressof(filled))
    return 0


def _trace() -> tuple[bool, str, str]:
    """Seize a child."""
    ready, told = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(told)
        os.read(ready, 1)
        os._exit(0)
    os.close(ready)
    try:
        abi.ptrace(abi.PTRACE_SEIZE, pid, 0, abi.O_TRACEEXEC | abi.O_EXITKILL)
    except OSError as error:
        yama = Path("/proc/sys/kernel/yama/ptrace_scope")
        scope = yama.read_text().strip() if yama.exists() else "absent"
        return False, f"{error.strerror} (yama ptrace_scope {scope})", (
            "sudo sysctl kernel.yama.ptrace_scope=1, or allow ptrace in the container's profile"
        )  # fmt: skip
    else:
        return True, "works", ""
    finally:
        os.kill(pid, signal.SIGKILL)
        os.close(told)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, abi.WALL)


def _in_child(work: object) -> int:
    """Run `work` in a forked child; its result or errno."""
    result, answer = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = errno.EIO
        try:
            code = work()  # type: ignore[operator]
        except OSError as error:
            code = error.errno or errno.EIO
        finally:
            os.write(answer, struct.pack("i", code))
            os._exit(0)
    os.close(answer)
    with open(result, "rb") as file:
        raw = file.read(4)
    os.waitpid(pid, 0)
    return int(struct.unpack("i", raw)[0]) if len(raw) == 4 else errno.EIO
