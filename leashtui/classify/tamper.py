"""Ways to leash that lead through other programs: its processes, its sockets, its own program, its package.

Knows what touches a process, a socket or an installed program. Refuses to judge leash's own commands (handlers/guard
does) and files by their place (touch does). Invariant: looking at leash is free, reaching into it is always said.
"""

from __future__ import annotations

from leashtui.classify.call import Call
from leashtui.classify.patterns import lazy
from leashtui.classify.values import Taint, bare
from leashtui.model.facts import Place, Severity, Verb

_REACHES = frozenset(
    "strace ltrace gdb lldb cgdb perf rr reptyr nsenter renice snice taskset chrt ionice prlimit cpulimit choom"
    " cgclassify cgset criu gcore pstack py-spy bpftrace frida uftrace xkill setpriv".split()
)
"""Programs that hold, slow down, enter or read a process they are given the number of."""
_UNDOES = frozenset("umount fusermount fusermount3 mount chattr setfacl setfattr chcon attrib chflags".split())
"""Programs that take a folder away or lock it without removing it."""
_TALKS = frozenset("socat nc ncat netcat websocat curl wget python python3 busctl".split())
_REMOVAL = frozenset(
    "uninstall remove rm purge erase unlink uninject autoremove unpin zap -R -Rs -Rns -e --remove --purge".split()
)
_SELF = lazy(r"(?:\./)?leash(?:d|tui|-tui)?(?:[=<>~!@\[].*)?")
_SOCKET = lazy(r"/(?:var/)?run/(?:user/\d+/)?leash(?:tui)?(?:/|$)|leash[\w.-]*\.sock")


def judge_reach(call: Call) -> None:
    """Whether this call reaches into leash by a way that its own table does not know."""
    words = call.words[1:]
    name = call.name
    if name in _REACHES and any(w.taint & Taint.GUARD for w in words):
        _say(call, f"reaches into leash's process with {name}")
    elif name in _UNDOES and any(call.place(w) is Place.GUARD for w in words if not w.startswith("-")):
        _say(call, f"takes leash's folder away with {name}")
    elif name in _TALKS and any(_SOCKET.search(w) or w.taint & Taint.GUARD for w in words):
        _say(call, f"speaks to leash's own socket with {name}")
    elif not _REMOVAL.isdisjoint(words) and any(_SELF.fullmatch(bare(w)) for w in words):
        _say(call, f"takes leash off this machine with {name}")


def _say(call: Call, sentence: str) -> None:
    call.sign("guard_tamper")
    call.add(Verb.GUARD_TOUCH, "leash", sentence, Severity.CRITICAL)
