"""Numbers of the x86-64 system calls that the guard asks about, as the kernel's tables define them.

Knows numbers only; what a call's arguments mean is said where it is met (naming, doors). Refuses to know tiers.
Invariant: NAMING holds every call that changes the file system by name or changes what a name leads to.
"""

EXECVE, EXECVEAT = 59, 322
SECCOMP, IOCTL, CLONE, UNSHARE, PRCTL, FCNTL = 317, 16, 56, 272, 157, 72
OPEN, OPENAT, CREAT = 2, 257, 85
UMASK = 95
TRUNCATE = 76
RENAME, RENAMEAT, RENAMEAT2 = 82, 264, 316
MKDIR, MKDIRAT, RMDIR = 83, 258, 84
LINK, LINKAT, UNLINK, UNLINKAT = 86, 265, 87, 263
SYMLINK, SYMLINKAT = 88, 266
MKNOD, MKNODAT = 133, 259
CHMOD, FCHMOD, FCHMODAT = 90, 91, 268
CHOWN, FCHOWN, LCHOWN, FCHOWNAT = 92, 93, 94, 260
SETXATTR, LSETXATTR, FSETXATTR = 188, 189, 190
REMOVEXATTR, LREMOVEXATTR, FREMOVEXATTR = 197, 198, 199
SOCKET, CONNECT, SENDTO, SENDMSG, BIND, LISTEN, SENDMMSG = 41, 42, 44, 46, 49, 50, 307
SETSOCKOPT = 54
SETPRIORITY, IOPRIO_SET = 141, 251
SCHED_SETPARAM, SCHED_SETSCHEDULER, SCHED_SETAFFINITY, SCHED_SETATTR = 142, 144, 203, 314
STEERING = {
    SETPRIORITY: (1, 2), IOPRIO_SET: (1, 3),
    SCHED_SETPARAM: (0, 0), SCHED_SETSCHEDULER: (0, 0), SCHED_SETAFFINITY: (0, 0), SCHED_SETATTR: (0, 0),
}  # fmt: skip
"""Calls that say when and where a process runs: which argument names it, and which value of the one before means all
processes of a person."""

PTRACE, PERF_EVENT_OPEN, PROCESS_VM_READV, PROCESS_VM_WRITEV = 101, 298, 310, 311
TRACING = frozenset({PTRACE, PERF_EVENT_OPEN, PROCESS_VM_READV, PROCESS_VM_WRITEV})
"""Calls by which debuggers and profilers reach into another program."""

NAMING = frozenset(
    {
        CREAT, TRUNCATE, RENAME, RENAMEAT, RENAMEAT2, MKDIR, MKDIRAT, RMDIR, LINK, LINKAT, UNLINK, UNLINKAT,
        SYMLINK, SYMLINKAT, MKNOD, MKNODAT, CHMOD, FCHMOD, FCHMODAT, CHOWN, FCHOWN, LCHOWN, FCHOWNAT,
        SETXATTR, LSETXATTR, FSETXATTR, REMOVEXATTR, LREMOVEXATTR, FREMOVEXATTR,
    }
)  # fmt: skip
