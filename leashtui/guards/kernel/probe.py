"""What this host lets leash enforce, found by trying, never by assuming from a version.

A forked child takes the very filter and tries to become a program; the very guard meets it and refuses it. Where that
fails, smaller trials say which part is missing. Knows what each missing part costs and how to get it, in sentences.
Refuses to change anything on the host. Hazard: the supervisor is not dumpable and its children inherit that, so each
child makes itself dumpable first, as the launcher's exec does. Invariant: `tier` is never better than what was just
shown to work.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import platform
import select
import signal
import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from leashtui.guards.kernel import abi
from leashtui.guards.kernel import numbers as nr
from leashtui.guards.kernel.execguard import ExecGuard
from leashtui.guards.kernel.filter import program
from leashtui.guards.kernel.floor import LEAST_ABI
from leashtui.guards.kernel.remedies import OUTER, for_listening, for_namespaces, for_tracing
from leashtui.model.ports import Reply
from leashtui.model.request import Request, Tier
from leashtui.model.verdict import By, Ruling, Verdict

_PATIENCE = 5.0
_PROGRAM = "/proc/self/exe"
_CAP_SYS_PTRACE = 19
_NEWNS, _NEWUSER, _PRIVATE = 0x20000, 0x10000000, 1 << 18 | 1 << 14
NOT_IN_EXEC = (
    "file writes and reads inside a program are not held (changes of protected files are asked about afterwards)",
    "network connections are not held (only programs known to make them)",
    "secret files are not hidden; a program that may run can read them",
)
NOT_IN_COMPAT = (
    "where the agent's own sandbox is one by Landlock, its rules for writing do not count: leash's do",
    "what a program does to files that only its own sandbox has is not judged, nor which program such a file is",
    "a key that is opened for an act stays closed inside a sandbox of the agent's own",
)
NOT_IN_STRICT = (
    "harm inside a program that needs no file, socket or other program is not seen",
    "secrets outside of the known places can be read by any program that may run; so can ones made during the session",
    "a program that may reach a host can send it anything; name look-ups carry what the name carries",
)
_UNCOVERED = "secret files are not hidden; a program that may run can read them (no mount namespace for us here)"
NOT_IN_WATCH = (
    "programs started by absolute path or without a shell are not seen",
    "nothing is enforced by the kernel: an agent that wants to can walk around the shell shim",
    "the agent cannot be told from you: approving from another terminal needs a code",
)
_SIGNALS = "the agent can send signals to leash's own processes (it dies with them); Linux 6.12 closes this"
_UNTESTED = "nobody has tried the guard on aarch64 yet: its table of system calls is untested; see leash doctor --prove"
_USERS = "programs that change their user (su, apt's helpers) cannot start others: CAP_SYS_PTRACE is missing"


class Support(Struct, frozen=True):
    """What was found. lost: what this tier does not stop, plain sentences. fixes: what to do for the next better tier.

    found: (check, ok, detail) for `leash doctor`. covers: whether secrets can be covered by mounts of our own.
    """

    tier: Tier
    lost: tuple[str, ...]
    fixes: tuple[str, ...]
    found: tuple[tuple[str, bool, str], ...]
    covers: bool = False

    def lost_in(self, tier: Tier) -> tuple[str, ...]:
        """What `tier`, at most the best one, does not stop here."""
        if tier is Tier.WATCH:
            return NOT_IN_WATCH
        if tier is self.tier:
            return self.lost
        uncovered = tier is Tier.COMPAT and not self.covers
        return (
            *(NOT_IN_COMPAT if tier is Tier.COMPAT else NOT_IN_EXEC),
            *((_UNCOVERED,) if uncovered else ()),
            *(line for line in self.lost if line in (_SIGNALS, _UNTESTED, _USERS)),
        )


class _Trial:
    """What one trial found: whether it works, in which words, and the remedy when it does not."""

    def __init__(self, ok: bool, detail: str, fix: str = "") -> None:
        self.ok, self.detail, self.fix = ok, detail, fix


def probe() -> Support:
    """Try everything the exec tier needs, in short-lived forked children; about 5 ms. Call it in the main thread."""
    machine, system = platform.machine(), platform.system()
    supported = system == "Linux" and machine in nr.ARCHITECTURES and struct.calcsize("P") == 8
    found = [("kernel", supported, f"{system} {platform.release()} {machine}")]
    if not supported:
        fix = "the kernel guard runs on 64-bit Linux, x86-64 and aarch64; elsewhere leash uses the shell shim"
        return Support(Tier.WATCH, NOT_IN_WATCH, (fix,), tuple(found))
    trials = {"seccomp notification": _listener(), "ptrace": _trace()}
    if all(trial.ok for trial in trials.values()):
        trials["refusing a program"] = _refusal()
    found.extend((check, trial.ok, trial.detail) for check, trial in trials.items())
    fixes = [trial.fix for trial in trials.values() if trial.fix]
    level = landlock_abi()
    found.append(("landlock scopes", level >= 6, f"ABI {level}" if level > 0 else "not in this kernel"))
    floored = level >= LEAST_ABI
    found.append(
        ("file floor", floored, "Landlock holds every write" if floored else "needs Landlock ABI 3 (Linux 6.2)")
    )
    reach = _reach()
    found.append(("what calls name", reach.ok, reach.detail))
    if not reach.ok:
        fixes.append(reach.fix)
    strict = floored and reach.ok
    cover = _cover() if reach.ok else _Trial(False, "not tried")
    found.append(("secrets covered", cover.ok, cover.detail))
    best = Tier.STRICT if strict else Tier.COMPAT if reach.ok else Tier.EXEC
    lost = list({Tier.STRICT: NOT_IN_STRICT, Tier.COMPAT: NOT_IN_COMPAT, Tier.EXEC: NOT_IN_EXEC}[best])
    if best is not Tier.EXEC and not cover.ok:
        lost.append(_UNCOVERED)
    if reach.ok and not cover.ok:
        fixes.append(cover.fix)
    if machine == "aarch64":
        lost.append(_UNTESTED)
    if level < 6:
        lost.append(_SIGNALS)
        fixes.append("use Linux 6.12 or later with Landlock enabled (lsm=landlock,...)")
    if os.geteuid() == 0 and not _may_trace_others():
        lost.append(_USERS)
    if not all(trial.ok for trial in trials.values()):
        within = OUTER in fixes  # what else is missing is that other sandbox's doing
        return Support(Tier.WATCH, NOT_IN_WATCH, (OUTER,) if within else tuple(fixes), tuple(found))
    return Support(best, tuple(lost), tuple(fixes), tuple(found), cover.ok)


def landlock_abi() -> int:
    """The Landlock ABI of this kernel, 0 when it has none."""
    try:
        return abi.call(nr.LANDLOCK_CREATE, 0, 0, abi.LANDLOCK_VERSION)
    except OSError:
        return 0


def _may_trace_others() -> bool:
    with open("/proc/self/status", encoding="ascii", errors="replace") as status:
        line = next(line for line in status if line.startswith("CapEff:"))
    return bool(int(line.split()[1], 16) >> _CAP_SYS_PTRACE & 1)


def _listener() -> _Trial:
    """Install the filter in a child that then ends."""
    code = _in_child(_install)
    if code == 0:
        return _Trial(True, "works")
    if code == errno.EBUSY:
        return _Trial(
            False,
            "another listener is above us (a nested leash, or WSL2 mirrored networking)",
            OUTER,
        )
    if code in (errno.ENOSYS, errno.EINVAL):
        return _Trial(False, "this kernel has no seccomp user notification", "use Linux 5.9 or later")
    return _Trial(False, os.strerror(code), for_listening())


def _install() -> int:
    abi.libc.prctl(abi.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    return min(abi.listen(program(), 0), 0)


def _cover() -> _Trial:
    """Cover a directory in a mount namespace of a child's own."""
    code = _in_child(_mount)
    return _Trial(code == 0, "works" if code == 0 else os.strerror(code), for_namespaces())


def _mount() -> int:
    user, group = os.geteuid(), os.getegid()
    if abi.libc.unshare(_NEWNS | (_NEWUSER if user else 0)) < 0:
        return ctypes.get_errno()
    if user:
        for name, line in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            Path("/proc/self", name).write_text(line)
    if abi.libc.mount(b"none", b"/", None, _PRIVATE, None) < 0 or abi.libc.mount(b"x", b"/tmp", b"tmpfs", 1, None) < 0:
        return ctypes.get_errno()
    return 0


def _trace() -> _Trial:
    """Seize a child."""
    ready, told = os.pipe()
    pid = _fork()
    if pid == 0:
        os.close(told)
        os.read(ready, 1)
        os._exit(0)
    os.close(ready)
    try:
        _until_dumpable(pid)
        abi.ptrace(abi.PTRACE_SEIZE, pid, 0, abi.O_TRACEEXEC | abi.O_EXITKILL)
    except OSError as error:
        yama = Path("/proc/sys/kernel/yama/ptrace_scope")
        scope = yama.read_text().strip() if yama.exists() else "absent"
        return _Trial(False, f"{error.strerror} (yama ptrace_scope {scope})", for_tracing())
    else:
        return _Trial(True, "works")
    finally:
        os.close(told)
        _end(pid)


def _reach() -> _Trial:
    """Read a child's memory and take a descriptor of it: what a call that waits is about. Docker's own profile lets
    nobody take one."""
    ready, told = os.pipe()
    word = ctypes.create_string_buffer(b"named")
    pid = _fork()
    if pid == 0:
        os.close(told)
        os.read(ready, 1)
        os._exit(0)
    try:
        _until_dumpable(pid)
        os.close(abi.take_fd(pid, ready))
        abi.read_memory(pid, ctypes.addressof(word), len(word))
    except OSError as error:
        return _Trial(False, f"pidfd_getfd or process_vm_readv: {error.strerror}", for_tracing())
    else:
        return _Trial(True, "can be read")
    finally:
        os.close(ready)
        os.close(told)
        _end(pid)


def _refusal() -> _Trial:
    """The whole chain: a child takes the filter, hands the listener over, execs, and is made to exit 126."""
    ours, theirs = socket.socketpair()
    pid = _fork()
    if pid == 0:
        ours.close()
        _become(theirs)
    theirs.close()
    try:
        with ours:
            ours.settimeout(_PATIENCE)
            _, fds, _, _ = socket.recv_fds(ours, 16, 1)
            status = _meet(pid, fds[0], ours) if fds else -1
    except OSError as error:
        status = -1
        detail = str(error)
    else:
        detail = "a refused program was not stopped" if status >= 0 else "no exec was met in time"
    if status == 126 << 8:
        return _Trial(True, "works")
    _end(pid)
    return _Trial(False, detail, "run `leash doctor` and report what it says; leash does not trust this kernel with it")


def _become(line: socket.socket) -> None:
    """In the child: guarded, try to become a program that would exit 0 or 1, never 126."""
    try:
        abi.libc.prctl(abi.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        null = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(null, number)
        socket.send_fds(line, [b"listener"], [abi.listen(program(), 0)])
        line.recv(1)
        os.execve(_PROGRAM, ["leash-probe", "-I", "-S", "-c", ""], {})
    finally:
        os._exit(99)


def _meet(pid: int, listener: int, line: socket.socket) -> int:
    """Serve the child's exec with a guard that refuses it; its wait status, -1 when time ran out."""

    def deny(request: Request, reply: Reply) -> _Nothing:
        reply(Verdict(Ruling.DENY, By.POLICY))
        return _Nothing()

    guard = ExecGuard(listener, deny, {}, lambda why: None)
    try:
        line.send(b"g")
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            if select.select([guard.fd], [], [], 0.001)[0]:
                guard.readable()
            reaped, status = os.waitpid(pid, os.WNOHANG | abi.WALL)
            if reaped and not guard.reaped(reaped, status) and not os.WIFSTOPPED(status):
                return status
    finally:
        guard.close()
    return -1


class _Nothing:
    """A ticket of nothing."""

    act = ""

    def withdraw(self, reason: str) -> None:
        """Nothing was asked."""


def _fork() -> int:
    pid = os.fork()
    if pid == 0:
        abi.libc.prctl(abi.PR_SET_DUMPABLE, 1, 0, 0, 0)
    return pid


def _until_dumpable(pid: int) -> None:
    """Wait until the child has made itself dumpable: its /proc entries belong to root before."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            os.readlink(f"/proc/{pid}/exe")
            return
        time.sleep(0.0005)


def _end(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        while os.WIFSTOPPED(os.waitpid(pid, abi.WALL)[1]):
            continue


def _in_child(work: Callable[[], int]) -> int:
    """Run `work` in a forked child; its result or errno."""
    result, answer = os.pipe()
    pid = _fork()
    if pid == 0:
        code = errno.EIO
        try:
            code = work()
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
