"""The watcher's pure parts: where it looks, what a difference is, what it knows of a file."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leashtui.guards.watcher.difference import compare
from leashtui.guards.watcher.messages import LIMIT, Ready, frame, read_frames
from leashtui.guards.watcher.places import place_in
from leashtui.guards.watcher.snapshot import Snapshot
from leashtui.guards.watcher.territory import Territory
from leashtui.model.event import FileChanged
from leashtui.model.facts import Place

ROOT = "/home/dev/proj"
TERRITORY = Territory(ROOT, place_in(ROOT), also=("/home/dev/main/.git",), home="/home/dev", ignore=("vendor",))


@pytest.mark.parametrize(
    ("path", "place", "protected"),
    [
        ("src/app.py", Place.SOURCE, False),
        ("dist/app.js", Place.GENERATED, False),
        (".git/hooks/pre-commit", Place.HOOK, True),
        (".git/config", Place.GIT, True),
        (".git/modules/lib/hooks/post-merge", Place.HOOK, True),
        ("sub/.git/config", Place.GIT, True),
        (".git/info/attributes", Place.GIT, True),
        ("/home/dev/main/.git/hooks/pre-push", Place.HOOK, True),
        (".husky/pre-commit", Place.HOOK, True),
        (".github/workflows/ci.yml", Place.CI, True),
        (".gitlab-ci.yml", Place.CI, True),
        (".claude/settings.json", Place.AGENT_CONFIG, True),
        (".codex/config.toml", Place.AGENT_CONFIG, True),
        (".gemini/settings.json", Place.AGENT_CONFIG, True),
        (".cursor/rules/x.mdc", Place.AGENT_CONFIG, True),
        (".mcp.json", Place.AGENT_CONFIG, True),
        ("CLAUDE.md", Place.AGENT_CONFIG, True),
        ("pkg/AGENTS.md", Place.AGENT_CONFIG, True),
        ("opencode.json", Place.AGENT_CONFIG, True),
        (".vscode/tasks.json", Place.AGENT_CONFIG, True),
        (".leash/policy.cedar", Place.GUARD, True),
        (".env", Place.SECRET, True),
        ("deploy/.env.production", Place.SECRET, True),
        (".env.example", Place.SOURCE, False),
        ("certs/server.key", Place.SECRET, True),
        ("package-lock.json", Place.LOCKFILE, True),
        ("/home/dev/.bashrc", Place.SHELL_RC, True),
        ("/home/dev/.gdbinit", Place.SHELL_RC, True),
        (".vimrc", Place.SHELL_RC, True),
        (".envrc", Place.SHELL_RC, True),
        (".hg/hgrc", Place.SHELL_RC, True),
        (".cirrus.yml", Place.CI, True),
        (".simple-git-hooks.json", Place.HOOK, True),
        (".zed/tasks.json", Place.AGENT_CONFIG, True),
        (".claude", Place.AGENT_CONFIG, True),  # a link in the folder's place
        (".github", Place.CI, True),
        (".idea/workspace.xml", Place.SOURCE, False),
        ("tokens.json", Place.SECRET, True),
    ],
)
def test_what_is_protected(path: str, place: Place, protected: bool) -> None:
    whole = os.path.join(ROOT, path)
    assert TERRITORY.reports(whole)
    assert TERRITORY.place(whole) is place
    assert TERRITORY.protected(whole, place) is protected


@pytest.mark.parametrize(
    "path",
    [".git/index", ".git/HEAD", ".git/hooks/pre-commit.sample", ".git/logs/HEAD", "/home/dev/notes.txt"],
)
def test_what_is_not_told(path: str) -> None:
    assert not TERRITORY.reports(os.path.join(ROOT, path))


@pytest.mark.parametrize(
    ("directory", "enters"),
    [
        ("", True),
        ("src", True),
        (".git", True),
        (".git/hooks", True),
        (".git/objects", False),
        (".git/objects/aa", False),
        (".git/refs", False),
        (".git/modules/lib", True),
        (".git/modules/lib/objects", False),
        ("node_modules", False),
        ("pkg/node_modules", False),
        (".venv", False),
        ("vendor", False),
        ("/home/dev/main/.git", True),
        ("/home/dev/main/.git/objects", False),
        ("/home/dev", False),
        ("/home/dev/private", False),
        ("/home/dev/projother", False),
    ],
)
def test_where_it_looks(directory: str, enters: bool) -> None:
    assert TERRITORY.enters(os.path.join(ROOT, directory).rstrip("/")) is enters


def test_paths_are_shown_relative_inside_and_absolute_outside() -> None:
    assert TERRITORY.shown(f"{ROOT}/a/b") == "a/b"
    assert TERRITORY.shown("/home/dev/.bashrc") == "/home/dev/.bashrc"


text = st.lists(st.sampled_from(["a", "b", "c", "", "- x", "+ y", "@@ z @@", "\r"]), max_size=30).map("\n".join)


@given(text, text)
@settings(max_examples=60, deadline=None)
def test_a_diff_rebuilds_the_file(before: str, after: str) -> None:
    found = compare(before.encode(), after.encode(), "f")
    lines = found.diff.split("\n")[2:-1] if found.diff else []
    assert sum(line.startswith("+") for line in lines) == found.plus
    assert sum(line.startswith("-") for line in lines) == found.minus
    assert bool(found.diff) == (before != after)


def test_patch_agrees(tmp_path: Path) -> None:
    """The diffs are real ones: git applies them, in the middle of long files too."""
    before = "".join(f"line {n}\n" for n in range(500)) + "last"
    after = before.replace("line 250\n", "changed\nadded\n").replace("last", "last\n")
    (tmp_path / "f").write_text(before)
    found = compare(before.encode(), after.encode(), "f")
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GIT_CEILING_DIRECTORIES": str(tmp_path.parent)}
    small = compare(before.encode(), before.replace("line 250\n", "changed\nadded\n").encode(), "f")
    assert (small.plus, small.minus) == (2, 1)
    subprocess.run(["git", "apply", "-"], input=small.diff.encode(), cwd=tmp_path, env=env, check=True)
    assert (tmp_path / "f").read_text() == before.replace("line 250\n", "changed\nadded\n")
    assert (found.plus, found.minus) == (3, 2)


def test_long_and_binary_differences_are_only_counted() -> None:
    many = "".join(f"{n}\n" for n in range(3000)).encode()
    assert compare(None, many, "f").diff == "" and compare(None, many, "f").plus == 3000
    assert compare(b"a\0", b"b\n", "f").plus == 0
    assert compare(b"old secret\n", b"new secret\n", "f", secret=True).diff == ""


def test_the_snapshot_is_bounded(tmp_path: Path) -> None:
    snapshot = Snapshot(lambda: 1 << 62, most=3, budget=100)
    for n in range(5):
        path = tmp_path / str(n)
        path.write_bytes(os.urandom(60))
        snapshot.keep(str(path), snapshot.look(str(path), None))
    assert len(snapshot.known) == 3 and snapshot.full
    assert sum(k.packed is not None for k in snapshot.known.values()) == 1
    snapshot.keep(str(tmp_path / "0"), None)
    path = str(tmp_path / "4")
    snapshot.keep(path, snapshot.look(path, None))
    assert snapshot.known[path].content() == (tmp_path / "4").read_bytes()  # the room came back


def test_a_file_changed_again_within_one_tick_is_noticed(tmp_path: Path) -> None:
    """Same size, same time stamp: only a file read long after its last change may be trusted by its stamp."""
    path = tmp_path / "f"
    path.write_bytes(b"one")
    fresh = Snapshot(lambda: path.stat().st_mtime_ns + 1)
    before = fresh.look(str(path), None)
    assert before is not None and before.racy
    stamp = path.stat()
    path.write_bytes(b"two")
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    before.sign = (*before.sign[:4], path.stat().st_ctime_ns, before.sign[5])
    now = fresh.look(str(path), before)
    assert now is not before and now is not None and now.content() == b"two"


def test_frames_come_whole_or_not_yet() -> None:
    data = bytearray()
    whole = frame(Ready(files=1, directories=2, us=3)) + frame(FileChanged("a\udcff", "created", "source", False))
    got = []
    for byte in whole:
        data.append(byte)
        got += read_frames(data)
    assert [type(m).__name__ for m in got] == ["Ready", "FileChanged"] and not data
    for bad in (b"\0\0\0\2{}", (LIMIT + 1).to_bytes(4, "big"), b"\0\0\0\1x"):
        with pytest.raises(ValueError):
            read_frames(bytearray(bad))
