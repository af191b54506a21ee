"""What is in the way on a host is named, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from leashtui.guards.kernel import remedies


def host(root: Path, values: dict[str, str]) -> Path:
    for name, value in values.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(value)
    return root


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"proc/sys/kernel/apparmor_restrict_unprivileged_userns": "1\n"}, "apparmor_restrict_unprivileged_userns=0"),
        ({"proc/sys/user/max_user_namespaces": "0\n"}, "sudo sysctl user.max_user_namespaces=15000"),
        ({"proc/sys/kernel/unprivileged_userns_clone": "0\n"}, "kernel.unprivileged_userns_clone=1"),
        ({".dockerenv": ""}, "docker run --security-opt seccomp=unconfined"),
        ({"proc/sys/kernel/apparmor_restrict_unprivileged_userns": "0\n"}, "whoever confines this shell"),
    ],
)
def test_namespaces(tmp_path: Path, values: dict[str, str], says: str) -> None:
    said = remedies.for_namespaces(host(tmp_path, values))
    assert says in said
    assert ("docker" in said) is (".dockerenv" in values)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"proc/sys/kernel/yama/ptrace_scope": "2\n"}, "kernel.yama.ptrace_scope=1"),
        ({"proc/sys/kernel/yama/ptrace_scope": "3\n"}, "restart"),
        ({"proc/sys/kernel/yama/ptrace_scope": "1\n", "run/.containerenv": ""}, "--cap-add SYS_PTRACE"),
        ({}, "confines this shell"),
    ],
)
def test_tracing(tmp_path: Path, values: dict[str, str], says: str) -> None:
    assert says in remedies.for_tracing(host(tmp_path, values))


def test_who_is_in_a_container_reads_the_whole_remedy_at_once(tmp_path: Path) -> None:
    said = remedies.for_tracing(host(tmp_path, {".dockerenv": ""}))
    assert "--cap-add SYS_PTRACE" in said
    assert remedies.for_namespaces(tmp_path).partition("docker run ")[2] in said


def test_listening(tmp_path: Path) -> None:
    assert "docker" not in remedies.for_listening(tmp_path)
    assert "docker run" in remedies.for_listening(host(tmp_path, {".dockerenv": ""}))
