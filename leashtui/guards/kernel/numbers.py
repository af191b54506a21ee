"""Numbers of the system calls that the guard asks about or makes, as the kernel's tables define them per machine.

Knows numbers only; what a call's arguments mean is said where it is met (naming, doors). Refuses to know tiers.
Invariants: NAMING holds every call that changes the file system by name or changes what a name leads to; a call that a
machine does not have has a number below 0, which no caller can use. The column of aarch64 is untested: it was compared
with the kernel's header, and no release of leash has run on it.
"""

import platform

_BOTH = {
    # name: x86-64, aarch64; from 424 on they are the same, and in launcher.py, which imports nothing of leash
    "execve": (59, 221), "execveat": (322, 281), "seccomp": (317, 277), "ioctl": (16, 29), "clone": (56, 220),
    "unshare": (272, 97), "prctl": (157, 167), "fcntl": (72, 25), "prlimit64": (302, 261), "exit_group": (231, 94),
    "open": (2, None), "openat": (257, 56), "creat": (85, None), "umask": (95, 166), "truncate": (76, 45),
    "rename": (82, None), "renameat": (264, 38), "renameat2": (316, 276),
    "mkdir": (83, None), "mkdirat": (258, 34), "rmdir": (84, None),
    "link": (86, None), "linkat": (265, 37), "unlink": (87, None), "unlinkat": (263, 35),
    "symlink": (88, None), "symlinkat": (266, 36), "mknod": (133, None), "mknodat": (259, 33),
    "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53),
    "chown": (92, None), "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54),
    "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7),
    "removexattr": (197, 14), "lremovexattr": (198, 15), "fremovexattr": (199, 16),
    "socket": (41, 198), "connect": (42, 203), "sendto": (44, 206), "sendmsg": (46, 211), "bind": (49, 200),
    "listen": (50, 201), "sendmmsg": (307, 269), "setsockopt": (54, 208),
    "setpriority": (141, 140), "ioprio_set": (251, 30), "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119), "sched_setaffinity": (203, 122), "sched_setattr": (314, 274),
    "ptrace": (101, 117), "perf_event_open": (298, 241), "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271), "bpf": (321, 280), "userfaultfd": (323, 282), "setns": (308, 268),
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219), "open_by_handle_at": (304, 265),
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51),
    "setfsuid": (122, 151), "setfsgid": (123, 152), "kcmp": (312, 272),
}  # fmt: skip
_SAME = {
    "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "open_tree": 428, "move_mount": 429,
    "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433, "clone3": 435, "close_range": 436, "openat2": 437,
    "pidfd_getfd": 438, "process_madvise": 440, "mount_setattr": 442, "landlock_create_ruleset": 444,
    "fchmodat2": 452, "setxattrat": 463, "removexattrat": 466, "open_tree_attr": 467, "file_setattr": 469,
}  # fmt: skip

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
"""Machines that the guard has a table for, and what a filter is told of them (AUDIT_ARCH)."""
MACHINE = platform.machine() if platform.machine() in ARCHITECTURES else "x86_64"
_HERE = _SAME | {
    name: -1 - at if (found := both[MACHINE == "aarch64"]) is None else found
    for at, (name, both) in enumerate(_BOTH.items())
}


def of(names: str) -> list[int]:
    """The numbers of calls on this machine, by their names with blanks between. Raises KeyError."""
    return [_HERE[name] for name in names.split()]


EXECVE, EXECVEAT, EXIT_GROUP = of("execve execveat exit_group")
SECCOMP, IOCTL, CLONE, CLONE3, UNSHARE, PRCTL, FCNTL = of("seccomp ioctl clone clone3 unshare prctl fcntl")
PRLIMIT, CLOSE_RANGE = of("prlimit64 close_range")
OPEN, OPENAT, OPENAT2, CREAT = of("open openat openat2 creat")
UMASK, TRUNCATE = of("umask truncate")
RENAME, RENAMEAT, RENAMEAT2 = of("rename renameat renameat2")
MKDIR, MKDIRAT, RMDIR = of("mkdir mkdirat rmdir")
LINK, LINKAT, UNLINK, UNLINKAT = of("link linkat unlink unlinkat")
SYMLINK, SYMLINKAT = of("symlink symlinkat")
MKNOD, MKNODAT = of("mknod mknodat")
CHMOD, FCHMOD, FCHMODAT = of("chmod fchmod fchmodat")
CHOWN, FCHOWN, LCHOWN, FCHOWNAT = of("chown fchown lchown fchownat")
SETXATTR, LSETXATTR, FSETXATTR = of("setxattr lsetxattr fsetxattr")
REMOVEXATTR, LREMOVEXATTR, FREMOVEXATTR = of("removexattr lremovexattr fremovexattr")
SOCKET, CONNECT, BIND, LISTEN, SETSOCKOPT = of("socket connect bind listen setsockopt")
SENDTO, SENDMSG, SENDMMSG = of("sendto sendmsg sendmmsg")
SETPRIORITY, IOPRIO_SET = of("setpriority ioprio_set")
SCHED_SETPARAM, SCHED_SETSCHEDULER = of("sched_setparam sched_setscheduler")
SCHED_SETAFFINITY, SCHED_SETATTR = of("sched_setaffinity sched_setattr")
MOUNT, KCMP = of("mount kcmp")
PIDFD_GETFD, LANDLOCK_CREATE = of("pidfd_getfd landlock_create_ruleset")
SETFSUID, SETFSGID = of("setfsuid setfsgid")
STEERING = {
    SETPRIORITY: (1, 2), IOPRIO_SET: (1, 3),
    SCHED_SETPARAM: (0, 0), SCHED_SETSCHEDULER: (0, 0), SCHED_SETAFFINITY: (0, 0), SCHED_SETATTR: (0, 0),
}  # fmt: skip
"""Calls that say when and where a process runs: which argument names it, and which value of the one before means all
processes of a person."""

PTRACE, PERF_EVENT_OPEN, PROCESS_VM_READV, PROCESS_VM_WRITEV = of(
    "ptrace perf_event_open process_vm_readv process_vm_writev"
)
TRACING = frozenset({PTRACE, PERF_EVENT_OPEN, PROCESS_VM_READV, PROCESS_VM_WRITEV})
"""Calls by which debuggers and profilers reach into another program."""

NAMING = frozenset(
    {
        CREAT, TRUNCATE, RENAME, RENAMEAT, RENAMEAT2, MKDIR, MKDIRAT, RMDIR, LINK, LINKAT, UNLINK, UNLINKAT,
        SYMLINK, SYMLINKAT, MKNOD, MKNODAT, CHMOD, FCHMOD, FCHMODAT, CHOWN, FCHOWN, LCHOWN, FCHOWNAT,
        SETXATTR, LSETXATTR, FSETXATTR, REMOVEXATTR, LREMOVEXATTR, FREMOVEXATTR,
    }
)  # fmt: skip
