"""The seccomp filter as classic BPF bytes: what is asked about, what is refused outright, what kills.

Knows, per tier, which calls are asked about. Refuses to know policies: whatever
needs judgement is handed to the listener. Invariant: a call made through another architecture or the x32 table never
reaches the rules below; it kills. Only what lies in registers is compared here, never what a pointer leads to.
"""

from __future__ import annotations

import errno
import struct

from leashtui.guards.kernel import numbers as nr
from leashtui.model.request import Tier

_LD_W_ABS, _JEQ, _JGE, _JSET, _RET, _AND = 0x20, 0x15, 0x35, 0x45, 0x06, 0x54
_ALLOW, _NOTIFY, _KILL = 0x7FFF0000, 0x7FC00000, 0x80000000
_ERRNO = 0x00050000
_X32 = 0x40000000
_NR, _ARCH, _ARGS = 0, 4, 16

EXECS = frozenset({nr.EXECVE, nr.EXECVEAT})
_OFTEN = frozenset({nr.OPENAT, nr.IOCTL})
"""Looked at first: what programs call all day, and whose answer the kernel cannot remember."""
ABSENT = nr.of("io_uring_setup io_uring_enter io_uring_register")
"""Answered ENOSYS: io_uring does files and sockets past every filter; callers fall back."""
REFUSED = nr.of(
    "ptrace process_vm_readv process_vm_writev pidfd_getfd bpf perf_event_open userfaultfd add_key request_key keyctl"
    " open_by_handle_at setns"
)
"""Answered EPERM: each reaches into another process or past the filter."""
ABSENT_STRICT = nr.of("openat2 clone3 fchmodat2 setxattrat removexattrat file_setattr")
"""Answered ENOSYS where files are judged: their arguments lie in memory, or older calls do the same; callers fall
back."""
NEW_MOUNTS = nr.of("open_tree move_mount fsopen fsconfig fsmount fspick mount_setattr open_tree_attr")
"""Answered ENOSYS in tier compat: sandboxes fall back to mount(2), which cannot hand a detached tree to somebody."""
REFUSED_STRICT = [*nr.of("mount umount2 pivot_root chroot process_madvise"), *NEW_MOUNTS]
"""Answered EPERM in tier strict: another view of the files, or another process's memory."""
_NEW_LISTENER = 8
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
_SETLEASE, _SETDELEG = 1024, 1040
"""Commands of fcntl: who holds a lease keeps everybody else who opens the file waiting, leash and the person too."""
_SETS_FLAGS = (
    0x40086602, 0x40046602, 0x401C5820, 0x40806685, 0x800C6613, 0x40087602, 0x40086604, 0x40047211,
    0x50009401, 0x5000940E, 0x5000940F, 0x50009417, 0x50009418, 0x5000943F, 0x4008941A,
)  # fmt: skip
"""FS_IOC_SETFLAGS in both widths, FSSETXATTR, ENABLE_VERITY, SET_ENCRYPTION_POLICY, SETVERSION and ext4's own, those of
FAT; btrfs's subvolumes and snapshots, which show covered files anew: for an owner of each, a descriptor for reading is
enough."""
_OTHER_WAYS = {0: (4,), 41: (5, 6, 54, 55, 57, 59)}
"""Socket options by level that send a packet another way than its address says: IPv4's options, IPv6's headers."""
_SET_DUMPABLE = 4
_NAMESPACES = 0x7E020080
_CLONE_THREAD = 0x10000
_CLONE_FILES = 0x400  # unshared: a thread with descriptors of its own, whose numbers we would look up in its leader
_CLONE_PARENT, _CLOSE_UNSHARE = 0x8000, 2
_WRITING = 0x3 | 0x40 | 0x200 | 0x400000  # access mode, O_CREAT, O_TRUNC, O_TMPFILE
_FASTOPEN = 0x20000000

_Block = list[tuple[int, int, int, int]]


def program(tier: Tier = Tier.EXEC, *, reads: bool = False) -> bytes:
    """The filter of a tier, 8 bytes an instruction. reads: in tier strict, opens for reading are asked about too."""
    code: _Block = [
        (_LD_W_ABS, 0, 0, _ARCH),
        (_JEQ, 1, 0, nr.ARCHITECTURES[nr.MACHINE]),
        (_RET, 0, 0, _KILL),
        (_LD_W_ABS, 0, 0, _NR),
        (_JGE, 0, 1, _X32),  # on x86-64 another table; elsewhere no number is as great
        (_RET, 0, 0, _KILL),
    ]
    rules = _rules(tier)
    if reads and tier is Tier.STRICT:
        rules |= {nr.OPEN: _answer(_NOTIFY), nr.OPENAT: _answer(_NOTIFY)}
    for number, block in sorted(rules.items(), key=lambda rule: rule[0] not in _OFTEN):
        if number < 0:
            continue
        code.append((_JEQ, 0, len(block), number))
        code.extend(block)
    code.append((_RET, 0, 0, _ALLOW))
    return b"".join(struct.pack("HBBI", *instruction) for instruction in code)


def _rules(tier: Tier) -> dict[int, _Block]:
    """What happens to each call that is not simply let through; every block ends in returns only."""
    rules = {number: _answer(_NOTIFY) for number in EXECS}
    rules |= {number: _fail(errno.ENOSYS) for number in ABSENT}
    rules |= {number: _fail(errno.EPERM) for number in REFUSED}
    # a second listener: what the kernel itself would say, in every version; a nested leash knows itself by it
    rules[nr.SECCOMP] = _when_any(1, _NEW_LISTENER, _ERRNO | errno.EBUSY)
    rules[nr.IOCTL] = _when_equal(1, (_TIOCSTI, _TIOCLINUX), _ERRNO | errno.EPERM)
    # a child that claims its parent's parent could pass for the agent itself; flags in memory cannot be checked
    rules[nr.CLONE] = _cloning(_CLONE_PARENT)
    rules[nr.CLONE3] = _fail(errno.ENOSYS)
    rules[nr.PRLIMIT] = _foreign_limits()
    rules[nr.PRCTL] = _stays_readable()
    rules[nr.FCNTL] = _when_equal(1, (_SETLEASE, _SETDELEG), _ERRNO | errno.EAGAIN)
    if tier not in (Tier.STRICT, Tier.COMPAT):
        return rules
    rules |= {number: _answer(_NOTIFY) for number in nr.NAMING | nr.TRACING}  # these are refused, with a sentence
    rules |= {number: _fail(errno.ENOSYS) for number in ABSENT_STRICT}
    rules[nr.CLONE] = _cloning(_CLONE_PARENT, _NOTIFY)
    rules[nr.OPEN] = _when_any(1, _WRITING, _NOTIFY)
    rules[nr.OPENAT] = _when_any(2, _WRITING, _NOTIFY)
    rules[nr.IOCTL] = [
        *_unless_equal(1, dict.fromkeys((_TIOCSTI, _TIOCLINUX), _ERRNO | errno.EPERM)),
        *_when_equal(1, _SETS_FLAGS, _ERRNO | errno.EOPNOTSUPP),
    ]
    # neither may a thread leave the others' descriptors later on; who closes what it has does it one by one then
    rules[nr.UNSHARE] = _when_any(0, _CLONE_FILES, _ERRNO | errno.EPERM)
    rules[nr.CLOSE_RANGE] = _when_any(2, _CLOSE_UNSHARE, _ERRNO | errno.ENOSYS)
    rules |= _sockets() | {number: _about_others(*which) for number, which in nr.STEERING.items()}
    if tier is Tier.COMPAT:
        rules[nr.MOUNT] = _answer(_NOTIFY)  # an overlay shows files under names of nobody's
        return rules | {number: _fail(errno.ENOSYS) for number in NEW_MOUNTS}
    rules |= {number: _fail(errno.EPERM) for number in REFUSED_STRICT}
    rules[nr.UMASK] = _answer(_NOTIFY)  # files are made in its maker's stead, with a mask that is remembered
    rules[nr.CLONE] = _cloning(_NAMESPACES & ~0x80 | _CLONE_PARENT, _NOTIFY)
    rules[nr.UNSHARE] = _when_any(0, _NAMESPACES | _CLONE_FILES, _ERRNO | errno.EPERM)
    return rules


def _cloning(refused: int, otherwise: int = _ERRNO | errno.EPERM) -> _Block:
    """Neither these flags, nor a thread that does not share its descriptors, nor anybody else who does; `otherwise`
    answers the latter two: an error, or notice of what is refused with a sentence."""
    return [
        *_unless_any(0, {refused: _ERRNO | errno.EPERM}),
        (_AND, 0, 0, _CLONE_THREAD | _CLONE_FILES),
        (_JEQ, 2, 0, 0),
        (_JEQ, 1, 0, _CLONE_THREAD | _CLONE_FILES),
        (_RET, 0, 0, otherwise),
        (_RET, 0, 0, _ALLOW),
    ]


def _foreign_limits() -> _Block:
    """Limits may be set on oneself only: a limit ends another process as surely as a signal."""
    return [
        (_LD_W_ABS, 0, 0, _ARGS),
        (_JEQ, 4, 0, 0),
        (_LD_W_ABS, 0, 0, _ARGS + 16),
        (_JEQ, 0, 3, 0),
        (_LD_W_ABS, 0, 0, _ARGS + 20),
        (_JEQ, 0, 1, 0),
        (_RET, 0, 0, _ALLOW),
        (_RET, 0, 0, _ERRNO | errno.EPERM),
    ]


def _stays_readable() -> _Block:
    """A process that would hide its memory is told that it does, and does not: what cannot be read cannot be judged."""
    return [
        (_LD_W_ABS, 0, 0, _ARGS),
        (_JEQ, 0, 3, _SET_DUMPABLE),
        (_LD_W_ABS, 0, 0, _ARGS + 8),
        (_JEQ, 0, 1, 0),
        (_RET, 0, 0, _ERRNO),
        (_RET, 0, 0, _ALLOW),
    ]


def _about_others(named: int, everybody: int) -> _Block:
    """A call about a process by its number, which is argument `named`; 0 is the caller itself, or its group, unless
    the argument before says `everybody`: all processes of the person."""
    block: _Block = [
        (_LD_W_ABS, 0, 0, _ARGS + 8 * named),
        (_JEQ, 1, 0, 0),
        (_RET, 0, 0, _NOTIFY),
    ]
    if named:
        block += _unless_equal(named - 1, {everybody: _ERRNO | errno.EPERM})
    return [*block, (_RET, 0, 0, _ALLOW)]


def _sockets() -> dict[int, _Block]:
    """Sockets: families and protocols by list; addresses are asked about."""
    family = [
        *_unless_equal(0, {1: _ALLOW}),  # AF_UNIX: its addresses are judged
        *_netlink(),
        (_LD_W_ABS, 0, 0, _ARGS),
        (_JEQ, 2, 0, 2),
        (_JEQ, 1, 0, 10),
        (_RET, 0, 0, _ERRNO | errno.EACCES),
        (_LD_W_ABS, 0, 0, _ARGS + 8),
        (_AND, 0, 0, 0xF),
        (_JEQ, 2, 0, 1),
        (_JEQ, 1, 0, 2),
        (_RET, 0, 0, _ERRNO | errno.EACCES),
        (_LD_W_ABS, 0, 0, _ARGS + 16),
        (_JEQ, 3, 0, 0),
        (_JEQ, 2, 0, 6),
        (_JEQ, 1, 0, 17),
        (_RET, 0, 0, _ERRNO | errno.EACCES),
        (_RET, 0, 0, _ALLOW),
    ]
    addressed = [
        *_unless_any(3, {_FASTOPEN: _ERRNO | errno.EOPNOTSUPP}),
        (_LD_W_ABS, 0, 0, _ARGS + 32),
        (_JEQ, 0, 2, 0),
        (_LD_W_ABS, 0, 0, _ARGS + 36),
        (_JEQ, 1, 0, 0),
        (_RET, 0, 0, _NOTIFY),
        (_RET, 0, 0, _ALLOW),
    ]
    return {
        nr.SOCKET: family,
        nr.SENDTO: addressed,
        nr.SENDMSG: [*_unless_any(2, {_FASTOPEN: _ERRNO | errno.EOPNOTSUPP}), (_RET, 0, 0, _NOTIFY)],
        nr.SENDMMSG: [*_unless_any(3, {_FASTOPEN: _ERRNO | errno.EOPNOTSUPP}), (_RET, 0, 0, _NOTIFY)],
        nr.CONNECT: _answer(_NOTIFY),
        nr.BIND: _answer(_NOTIFY),
        nr.LISTEN: _answer(_NOTIFY),
        nr.SETSOCKOPT: _other_ways(),
    }


def _other_ways() -> _Block:
    """Options that lead elsewhere are refused; nobody but routing tools sets them."""
    block: _Block = []
    for level, options in _OTHER_WAYS.items():
        refused = _unless_equal(2, dict.fromkeys(options, _ERRNO | errno.EPERM))
        block += [(_LD_W_ABS, 0, 0, _ARGS + 8), (_JEQ, 0, len(refused), level), *refused]
    return [*block, (_RET, 0, 0, _ALLOW)]


def _answer(what: int) -> _Block:
    return [(_RET, 0, 0, what)]


def _fail(error: int) -> _Block:
    return _answer(_ERRNO | error)


def _unless_any(argument: int, answers: dict[int, int]) -> _Block:
    """Return where one of these bits is set in the low half of the argument, else go on."""
    block: _Block = [(_LD_W_ABS, 0, 0, _ARGS + 8 * argument)]
    for bits, answer in answers.items():
        block += [(_JSET, 0, 1, bits), (_RET, 0, 0, answer)]
    return block


def _unless_equal(argument: int, answers: dict[int, int]) -> _Block:
    """Return where the low half of the argument is one of these, else go on."""
    block: _Block = [(_LD_W_ABS, 0, 0, _ARGS + 8 * argument)]
    for value, answer in answers.items():
        block += [(_JEQ, 0, 1, value), (_RET, 0, 0, answer)]
    return block


def _when_any(argument: int, bits: int, answer: int) -> _Block:
    return [*_unless_any(argument, {bits: answer}), (_RET, 0, 0, _ALLOW)]


def _when_equal(argument: int, values: tuple[int, ...], answer: int) -> _Block:
    """Only the low 32 bits of the argument count in the kernel, so only they are compared."""
    return [*_unless_equal(argument, dict.fromkeys(values, answer)), (_RET, 0, 0, _ALLOW)]


def _netlink() -> _Block:
    """AF_NETLINK with protocol 0 (routes) passes, every other protocol of it does not."""
    return [
        (_LD_W_ABS, 0, 0, _ARGS),
        (_JEQ, 0, 4, 16),
        (_LD_W_ABS, 0, 0, _ARGS + 16),
        (_JEQ, 1, 0, 0),
        (_RET, 0, 0, _ERRNO | errno.EACCES),
        (_RET, 0, 0, _ALLOW),
    ]
