"""Real paths in few system calls: what the kernel says is what Python's own way would find."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from leashtui.supervisor.repository import RepositoryProbe


@pytest.mark.parametrize(
    "name",
    ["a", "a/b", "link", "link/b", "link/../a", "loop", "dangling", "dangling/x", "a/b/no", "no/such", "a/./b", "a//b",
     "a/b/", "up", "a/../link/b", "", "ünï", "a\\nb", "x (deleted)", "far"],
)  # fmt: skip
def test_as_python_finds_it(tmp_path: Path, name: str) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/b").write_text("")
    (tmp_path / "ünï").write_text("")
    (tmp_path / "x (deleted)").write_text("")
    for link, to in (
        ("link", "a"),
        ("loop", "loop"),
        ("dangling", "nowhere/at/all"),
        ("up", ".."),
        ("far", "/proc/self/cwd"),
    ):
        (tmp_path / link).symlink_to(to)
    probe = RepositoryProbe(str(tmp_path))
    path = f"{tmp_path}/{name}"
    assert probe.real(path) == os.path.realpath(path)


@pytest.mark.parametrize("path", ["/dev/null", "/proc/self/exe", "/", "relative", "//tmp", "/tmp/\0"])
def test_elsewhere_too(tmp_path: Path, path: str) -> None:
    expected = path if "\0" in path else os.path.realpath(path)
    assert RepositoryProbe(str(tmp_path)).real(path) == expected


def test_a_folder_nobody_may_enter(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    try:
        assert RepositoryProbe(str(tmp_path)).real(f"{closed}/x/../y") == os.path.realpath(f"{closed}/x/../y")
    finally:
        closed.chmod(0o700)


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/dev/stderr", "/dev/stderr"), ("/dev/fd/2", "/dev/fd/2"), ("/proc/self/fd/1", "/dev/fd/1")],
)
def test_a_descriptor_is_the_callers_not_ours(tmp_path: Path, path: str, expected: str) -> None:
    assert RepositoryProbe(str(tmp_path)).real(path) == expected
