"""What to do on this very host so that the kernel guard gets what it lacks: the setting that is in the way, by name.

Knows the switches of kernels, distributions and containers. Refuses to try anything. Invariant: a setting is named only
where it has the value that is in the way, or where nothing else explains what failed.
"""

from __future__ import annotations

from pathlib import Path

_SWITCHES = (
    ("kernel/apparmor_restrict_unprivileged_userns", "1", "0"),
    ("kernel/unprivileged_userns_clone", "0", "1"),
    ("user/max_user_namespaces", "0", "15000"),
)
_UNCONFINED = "docker run --security-opt seccomp=unconfined --security-opt apparmor=unconfined"
_MARKS = (".dockerenv", "run/.containerenv")
OUTER = "run leash outside the other sandbox; under WSL2 set networkingMode=nat"


def for_namespaces(root: Path = Path("/")) -> str:
    """So that secrets can be covered: a user namespace with mounts. root: of the file system that is looked at."""
    sysctls = root / "proc" / "sys"
    wrong = [f"{name.replace('/', '.')}={to}" for name, bad, to in _SWITCHES if _value(sysctls / name) == bad]
    if wrong:
        return f"allow user namespaces: sudo sysctl {' '.join(wrong)}"
    if is_container(root):
        return f"let the container make user namespaces: {_UNCONFINED}"
    return "allow user namespaces: sudo sysctl user.max_user_namespaces=15000, and ask whoever confines this shell"


def for_tracing(root: Path = Path("/")) -> str:
    """So that a child can be traced."""
    scope = _value(root / "proc" / "sys" / "kernel" / "yama" / "ptrace_scope")
    if scope == "3":
        return "ptrace is off until the next boot: remove kernel.yama.ptrace_scope=3 from /etc/sysctl.d and restart"
    if scope == "2":
        return "sudo sysctl kernel.yama.ptrace_scope=1"
    if is_container(root):
        tracing = "let the container trace its own processes: docker run --cap-add SYS_PTRACE"
        return f"{tracing}; for all that leash can do: {_UNCONFINED}"
    return "allow ptrace in the profile that confines this shell"


def for_listening(root: Path = Path("/")) -> str:
    """So that a filter with a listener can be installed."""
    how = ": docker run --security-opt seccomp=unconfined" if is_container(root) else ""
    return f"the seccomp profile here forbids it: allow seccomp and ptrace{how}"


def is_container(root: Path = Path("/")) -> bool:
    """Whether Docker or Podman says that this is one."""
    return any((root / mark).exists() for mark in _MARKS)


def _value(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
