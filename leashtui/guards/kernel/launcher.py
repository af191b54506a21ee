"""Locks itself up and becomes the agent: `python -I -S launcher.py LINE_FD`; what to become arrives on the line.

Standard library only, and its own copy of the few numbers it needs: it runs in a bare interpreter that imports nothing
of leash. Order matters: die with the supervisor, cover the secrets in a mount namespace of its own, drop capabilities,
NO_NEW_PRIVS, Landlock, filter, hand the listener over, wait for the word, close everything, exec.

Hazards: the interpreter ignores SIGPIPE and SIGXFSZ, which exec would pass on to
the agent; the death signal is lost if the supervisor dies before it is set, so the parent is
compared after. It stays dumpable, else the supervisor could not trace its exec. Invariant: any step that fails ends it
before the exec with 125; an exec that fails ends it with 127 (not found) or 126, as a shell would.
"""

import _thread
import contextlib
import ctypes
import errno
import marshal
import os
import signal
import socket
import struct
import sys

libc = ctypes.CDLL(None, use_errno=True)

PR_SET_PDEATHSIG, PR_CAPBSET_READ, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 1, 23, 24, 38, 47
PR_SET_NAME = 15
SYS_CAPGET, SYS_CAPSET, SYS_SECCOMP, SYS_CLONE = (
    (90, 91, 277, 220) if os.uname().machine == "aarch64" else (125, 126, 317, 56)
)
SYS_LANDLOCK_CREATE, SYS_LANDLOCK_ADD_RULE, SYS_LANDLOCK_RESTRICT = 444, 445, 446
NEW_LISTENER, WAIT_KILLABLE = 8, 32
CLONE_PARENT = 0x8000
WRITE_FILE = 1 << 1
SCOPES = 3  # abstract unix sockets, signals
NEWNS, NEWUSER, NEWIPC = 0x20000, 0x10000000, 0x8000000
MS_COVER = 1 | 2 | 4 | 8  # read-only, no setuid, no devices, no programs
MS_BIND, MS_REMOUNT, MS_REC, MS_PRIVATE = 4096, 32, 16384, 1 << 18
DEVICES = (
    b"/dev/fuse",
)  # by it a sandbox mounts a file system that never answers: whoever looks there waits, leash too
RLIMIT_CORE = 4
PRICE = 200  # of 1000: a fifth of all memory, by which programs of the session seem larger than they are
KEPT = (0, 1, 3, 6, 7)  # CHOWN, DAC_OVERRIDE, FOWNER, SETGID, SETUID


def check(result: int) -> int:
    """A system call's result. Raises OSError."""
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


def drop_capabilities() -> None:
    """As root: keep what tar and package managers need, lose the rest for good. A container may hold less already."""
    check(libc.prctl(PR_CAP_AMBIENT, 4, 0, 0, 0))
    with open("/proc/sys/kernel/cap_last_cap", encoding="ascii") as file:
        last = int(file.read())
    for capability in range(last + 1):
        if capability not in KEPT and libc.prctl(PR_CAPBSET_READ, capability, 0, 0, 0) == 1:
            check(libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0))
    header, data = struct.pack("Ii", 0x20080522, 0), ctypes.create_string_buffer(24)
    check(libc.syscall(SYS_CAPGET, header, data))
    mask = sum(1 << c for c in KEPT) & struct.unpack("6I", data.raw)[1]
    check(libc.syscall(SYS_CAPSET, header, struct.pack("6I", mask, mask, 0, 0, 0, 0)))


def anchor(settings: dict) -> int:  # type: ignore[type-arg]
    """Make Ctrl-Z work: the pid of an idle process beside the agent, a child of the supervisor.

    The kernel throws SIGTSTP away in a process group of which nobody has a parent in another group of the session, as
    nobody could ever continue it. So an idle member of the agent's group gets such a parent: this process. Both hold no
    descriptor, obey no key, and end with the session's leader or with the supervisor.
    """
    group, told, tells = os.getpid(), *os.pipe()
    pid = int(check(libc.syscall(SYS_CLONE, CLONE_PARENT | signal.SIGCHLD, 0, 0, 0, 0)))
    if pid:
        os.close(tells)
        os.read(told, 1)  # ends when the member has joined, and so holds nothing any more
        os.close(told)
        return pid
    libc.prctl(PR_SET_PDEATHSIG, 9, 0, 0, 0)
    libc.prctl(PR_SET_NAME, b"leash-anchor", 0, 0, 0)
    keeper = os.getpid()
    os.setpgid(0, 0)
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    member = os.fork() if os.getppid() == settings["parent"] else 0
    if not member and keeper == os.getpid():
        os._exit(125)
    if not member:
        libc.prctl(PR_SET_PDEATHSIG, 9, 0, 0, 0)
        os.setpgid(0, group)
    os.closerange(0, 1 << 20)
    if member:
        os.waitpid(member, 0)
    while not member and os.getppid() == keeper:
        signal.pause()
    os._exit(0)


def terminals() -> tuple:  # type: ignore[type-arg]
    """(those we stand on, all others that exist), as paths; none where they have no names."""
    own = {os.readlink(b"/proc/self/fd/%d" % number) for number in (0, 1, 2)}
    try:
        every = [b"/dev/pts/" + name for name in os.listdir(b"/dev/pts") if name.isdigit()]
    except OSError:
        every = []
    return [path for path in every if path in own], [path for path in every if path not in own]


def cover(paths: list, veil: bytes, windows: list, owned: list, others: list) -> None:  # type: ignore[type-arg]
    """A mount namespace in which these files and directories are there but hold nothing and open to nobody.

    veil: an empty file without any permission, bound over each file; a directory gets an empty file system.
    An ordinary user gets it from a user namespace that maps only itself; nothing in it may be mounted or unmounted
    later, because the capabilities are dropped and the filter refuses the calls. windows: directories below covered
    ones that stay to be read by whoever knows their path; nothing beside them can be listed. owned: (copy, original),
    each copy bound over its original, so that it is not nobody's. others: terminals of the person, and devices; what
    is not there needs no cover.
    """
    user, group = os.geteuid(), os.getegid()
    check(libc.unshare(NEWNS | NEWIPC | (NEWUSER if user else 0)))
    if user:
        for name, line in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
                file.write(line)
    check(libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None))
    for copy, original in owned:
        check(libc.mount(copy, original, None, MS_BIND, None))
        check(libc.mount(None, original, None, MS_BIND | MS_REMOUNT | MS_COVER, None))
    for path in others:
        if libc.mount(veil, path, None, MS_BIND, None) == 0:
            check(libc.mount(None, path, None, MS_BIND | MS_REMOUNT | MS_COVER, None))
    shown = [(window, os.open(window, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)) for window in windows]
    for path in paths:
        below = [pair for pair in shown if pair[0].startswith(path + b"/")]
        if below:
            check(libc.mount(b"leash", path, b"tmpfs", MS_COVER & ~1, b"mode=0700,size=4k"))
            for window, handle in below:
                open_window(path, window, handle)
            os.chmod(path, 0o111)
            check(libc.mount(None, path, None, MS_BIND | MS_REMOUNT | MS_COVER, None))
        elif os.path.isdir(path):
            check(libc.mount(b"leash", path, b"tmpfs", MS_COVER, b"mode=0000,size=4k"))
        else:
            check(libc.mount(veil, path, None, MS_BIND, None))
            check(libc.mount(None, path, None, MS_BIND | MS_REMOUNT | MS_COVER, None))


def open_window(cover_path: bytes, window: bytes, handle: int) -> None:
    """Show the directory behind `handle` at `window`, below a cover that is still being made; reading only."""
    place = cover_path
    for name in window[len(cover_path) + 1 :].split(b"/"):
        place += b"/" + name
        if not os.path.isdir(place):
            os.mkdir(place, 0o700)
    check(libc.mount(b"/proc/self/fd/%d" % handle, window, None, MS_BIND, None))
    check(libc.mount(None, window, None, MS_BIND | MS_REMOUNT | MS_COVER, None))
    os.close(handle)
    while (place := os.path.dirname(place)) != cover_path:
        os.chmod(place, 0o111)


def drop_everything() -> None:
    """An ordinary user gives up what its own namespace gave it, so that covers stay where they are."""
    header = struct.pack("Ii", 0x20080522, 0)
    check(libc.syscall(SYS_CAPSET, header, struct.pack("6I", 0, 0, 0, 0, 0, 0)))


def restrict(handled: int, rules: list) -> None:  # type: ignore[type-arg]
    """Landlock: of the `handled` rights only what `rules` (path, rights) give; from ABI 6 on, no signals and no
    abstract sockets to anybody outside, nor tracing them."""
    level = libc.syscall(SYS_LANDLOCK_CREATE, None, 0, 1)
    scopes = SCOPES if level >= 6 else 0
    if not (scopes or handled):
        return
    attributes = struct.pack("QQQ", handled, 0, scopes)
    ruleset = check(libc.syscall(SYS_LANDLOCK_CREATE, attributes, len(attributes), 0))
    for path, rights in rules if handled else ():
        try:
            place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        rule = struct.pack("=Qi", rights, place)
        check(libc.syscall(SYS_LANDLOCK_ADD_RULE, ruleset, 1, rule, 0))
        os.close(place)
    check(libc.syscall(SYS_LANDLOCK_RESTRICT, ruleset, 0))
    os.close(ruleset)


def install(code: bytes) -> int:
    """Load the filter; the listener's descriptor. Before Linux 5.19 without the flag that spares repeated notices."""

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))

    buffer = ctypes.create_string_buffer(code, len(code))
    program = Program(len(code) // 8, ctypes.addressof(buffer))
    listener = libc.syscall(SYS_SECCOMP, 1, NEW_LISTENER | WAIT_KILLABLE, ctypes.byref(program))
    if listener < 0 and ctypes.get_errno() == errno.EINVAL:
        listener = libc.syscall(SYS_SECCOMP, 1, NEW_LISTENER, ctypes.byref(program))
    return check(listener)


def try_out(trials: list) -> None:  # type: ignore[type-arg]
    """Attacks (trials.py) against the filter that was just loaded. Raises OSError when one is let through."""
    for words, number, arguments, refusals in trials:
        result = libc.syscall(number, *map(ctypes.c_long, arguments))
        if result >= 0 or ctypes.get_errno() not in refusals:
            raise OSError(f"self-test: {words} was not refused")


def try_floor(settings: dict) -> None:  # type: ignore[type-arg]
    """Attacks against the floor, before the filter holds them up. Raises OSError when one succeeds."""
    if settings["handled"]:
        mine = b"/tmp/.leash-trial-%d" % os.getpid()
        if libc.mkdir(mine, 0o700) == 0:
            libc.rmdir(mine)
            raise RuntimeError("self-test: a folder could be made past the guard")
    if libc.syscall(SYS_LANDLOCK_CREATE, None, 0, 1) >= 6 and libc.kill(settings["parent"], 0) == 0:
        raise RuntimeError("self-test: the supervisor could be sent signals")
    for path in settings["covered"]:
        if not any(window.startswith(path + b"/") for window in settings["windows"]):
            with contextlib.suppress(OSError):
                shown = os.listdir(path) if os.path.isdir(path) else os.path.getsize(path)
                if shown:
                    raise RuntimeError("self-test: what is covered can be seen")


def courier(line: socket.socket, parcel: list, ready: object, done: object) -> None:  # type: ignore[type-arg]
    """A thread from before the filter, which therefore does not bind it: in tier strict the sendmsg that carries the
    listener would itself be asked about, of nobody."""
    ready.acquire()  # type: ignore[attr-defined]
    try:
        if parcel:
            socket.send_fds(line, [b"listener %d" % parcel[1]], parcel[:1])
    finally:
        done.release()  # type: ignore[attr-defined]


def go_first() -> None:
    """Where memory runs out, programs of the session end before what guards them: the kernel looks for the dearest."""
    try:
        with open("/proc/self/oom_score_adj", "r+") as file:
            price = min(1000, int(file.read()) + PRICE)
            file.seek(0)
            file.write(str(price))
    except (OSError, ValueError):
        pass  # then the kernel chooses by size alone


def leave_no_core() -> None:
    """The kernel itself writes a core, wherever the program stands that died, unless it hands it to a program."""
    with open("/proc/sys/kernel/core_pattern", "rb") as file:
        if file.read(1) == b"|":
            return
    check(libc.setrlimit(RLIMIT_CORE, struct.pack("QQ", 0, 0)))


def lock_up(line: socket.socket, settings: dict) -> None:  # type: ignore[type-arg]
    """Everything that must hold before the agent runs. Raises OSError."""
    check(libc.prctl(PR_SET_PDEATHSIG, 9, 0, 0, 0))
    if os.getppid() != settings["parent"]:
        os._exit(125)
    for number, source in enumerate([os.dup(s) for s in settings["stdio"]]):
        os.dup2(source, number)
    idle = 0 if settings["stdio"] else anchor(settings)
    os.chdir(settings["cwd"])
    if settings["guarded"]:
        go_first()
        if settings["cores"]:
            leave_no_core()
        own, others = terminals()
        if settings["covered"]:
            closed = [*others, *DEVICES]
            cover(settings["covered"], settings["veil"], settings["windows"], settings["owned"], closed)
            os.chdir(settings["cwd"])
        if os.geteuid() == 0:
            drop_capabilities()
        elif settings["covered"]:
            drop_everything()
        check(libc.prctl(PR_SET_PDEATHSIG, 9, 0, 0, 0))
        check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        restrict(settings["handled"], settings["rules"] + [(path, WRITE_FILE) for path in own])
        try_floor(settings)
        ready, done = _thread.allocate_lock(), _thread.allocate_lock()
        ready.acquire()
        done.acquire()
        parcel: list = []  # type: ignore[type-arg]
        _thread.start_new_thread(courier, (line, parcel, ready, done))
        listener = install(settings["filter"])
        try:
            try_out(settings["trials"])
            parcel.extend((listener, idle))
        finally:
            ready.release()
            done.acquire()
        os.close(parcel[0])
    else:
        line.sendall(b"ready %d" % idle)


def become(exe: str, argv: list, env: dict) -> None:  # type: ignore[type-arg]
    """Exec; a text file without `#!` is given to /bin/sh, as every shell does."""
    try:
        os.execve(exe, argv, env)
    except OSError as error:
        if error.errno == errno.ENOEXEC:
            os.execve("/bin/sh", [b"sh", os.fsencode(exe), *argv[1:]], env)
        raise


def main() -> None:
    """The whole life of a launcher."""
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    line = socket.socket(fileno=int(sys.argv[1]))
    with line.makefile("rb") as letter:
        length = letter.readline()
        if not length:  # there will be no session
            os._exit(125)
        settings = marshal.loads(letter.read(int(length)))
    try:
        lock_up(line, settings)
    except (OSError, RuntimeError) as error:
        line.sendall(f"failed {error}".encode("utf-8", "backslashreplace"))
        os._exit(125)
    if line.recv(2) != b"go":
        os._exit(125)
    line.close()
    os.closerange(3, 1 << 20)
    try:
        become(settings["exe"], settings["argv"], settings["env"])
    except OSError as error:
        message = f"leash: cannot run {settings['exe']!r}: {error.strerror}\n"
        os.write(2, message.encode("utf-8", "backslashreplace"))
        os._exit(127 if error.errno == errno.ENOENT else 126)


if __name__ == "__main__":
    main()
