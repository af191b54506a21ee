"""Who asks: what the kernel says of the process at the other end of the socket, never what it says of itself.

Knows /proc. Refuses to know requests and verdicts. Invariant: a process that cannot be read is no process to answer.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from leashtui.model.request import ProcessRef

_FAR = 64  # generations looked at

# fmt: off
_CODE = frozenset(
    {
        "BASH_ENV", "ENV", "LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT", "GCONV_PATH", "PROMPT_COMMAND",
        "PS4", "SHELLOPTS", "BASHOPTS", "IFS", "PAGER", "EDITOR", "VISUAL", "BROWSER", "MANPAGER",
        "LESSOPEN", "LESSCLOSE", "PYTHONPATH", "PYTHONSTARTUP", "PYTHONHOME", "PERL5LIB", "PERL5OPT",
        "RUBYOPT", "RUBYLIB", "NODE_OPTIONS", "NODE_PATH", "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS",
        "RSYNC_RSH", "MAKEFLAGS", "CC", "CXX", "RUSTC_WRAPPER", "SUDO_ASKPASS", "SSH_ASKPASS",
        "TAR_OPTIONS", "GIT_SSH", "GIT_SSH_COMMAND", "GIT_EXTERNAL_DIFF", "GIT_PAGER", "GIT_EDITOR",
        "GIT_ASKPASS", "GIT_SEQUENCE_EDITOR", "GIT_PROXY_COMMAND", "GIT_EXEC_PATH", "GIT_TEMPLATE_DIR",
        "GIT_DIR", "GIT_WORK_TREE",
    }
)
# fmt: on


def carries_code(name: str) -> bool:
    """Whether a variable of this name can make a program run something else."""
    return name in _CODE or name.startswith(("GIT_CONFIG", "BASH_FUNC_", "npm_config_"))


def reference(pid: int) -> ProcessRef:
    """The process `pid` as it is now. Raises OSError when there is none."""
    return ProcessRef(pid, int(_stat(pid)[19]))


def parent(pid: int) -> int:
    """Its parent's pid. Raises OSError."""
    return int(_stat(pid)[1])


def ancestors(pid: int, above: int) -> tuple[ProcessRef, ...]:
    """Living ancestors, nearest first, below `above` (the supervisor). Raises OSError when `pid` is gone."""
    found: list[ProcessRef] = []
    up = parent(pid)
    while up > 1 and up != above and len(found) < _FAR:
        try:
            found.append(reference(up))
            up = parent(up)
        except OSError:
            break
    return tuple(found)


def directory(pid: int) -> str:
    """Its working directory. Raises OSError."""
    return os.readlink(f"/proc/{pid}/cwd")


def code_variables(pid: int, known: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Variables of its environment that can carry code, in order, but for the `known` ones. Raises OSError."""
    with open(f"/proc/{pid}/environ", "rb") as file:
        raw = file.read(4 << 20)
    pairs = (os.fsdecode(entry).partition("=") for entry in raw.split(b"\0") if entry)
    return tuple((name, value) for name, _, value in pairs if carries_code(name) and known.get(name) != value)


def _stat(pid: int) -> list[bytes]:
    """Fields of /proc/PID/stat from the third on (the name before them may hold anything)."""
    with open(f"/proc/{pid}/stat", "rb") as file:
        return file.read().rpartition(b")")[2].split()
