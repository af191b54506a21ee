"""The file watcher end to end: its own process, real inotify, a real directory."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from leashtui.guards.watcher import WatchGuard
from leashtui.guards.watcher.guard import spawn_watcher
from leashtui.guards.watcher.snapshot import digest_of
from leashtui.model.event import FileChanged, Notice

QUEUE = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())


def state_of(pid: int) -> str:
    """Its letter in /proc, Z when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


@dataclass
class Seen:
    """What the watcher said so far."""

    root: Path
    guard: WatchGuard = field(init=False)
    changes: list[FileChanged] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    async def until(self, **wanted: Any) -> FileChanged:
        """The first change with these fields, waiting for it."""
        for _ in range(1500):
            for change in self.changes:
                if all(getattr(change, name) == value for name, value in wanted.items()):
                    return change
            await asyncio.sleep(0.01)
        told = [(c.path, c.change, c.to) for c in self.changes]
        raise AssertionError(f"no {wanted} in {told[:40]}, {self.notices[:9]}, {self.lost}")

    async def settle(self) -> str:
        """Have all told; the digest of what the watcher knows."""
        settled = await self.guard.settled(30)
        assert settled is not None
        return settled.digest

    def told(self) -> set[tuple[str, str]]:
        return {(c.path, c.change) for c in self.changes}


@asynccontextmanager
async def watching(root: Path, **more: Any) -> AsyncIterator[Seen]:
    """A watcher whose first snapshot stands."""
    seen = Seen(root)
    seen.guard = WatchGuard(
        asyncio.get_running_loop(), seen.changes.append, seen.notices.append, seen.lost.append, root=root, **more
    )
    try:
        assert await asyncio.wait_for(seen.guard.ready, 30) is not None
        yield seen
    finally:
        seen.guard.close()
        await asyncio.to_thread(os.waitpid, seen.guard.pid, 0)


def disk(root: Path) -> str:
    """The digest the watcher should come to, computed from the disk alone (no git, nothing skipped, no links)."""
    whole = hashlib.sha256()
    found = [os.path.join(folder, name) for folder, _, names in os.walk(root) for name in names]
    for path in sorted(found):
        whole.update(os.fsencode(path) + b"\0" + digest_of(Path(path).read_bytes()) + b"\0")
    return whole.hexdigest()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "proj"
    (made / "src").mkdir(parents=True)
    (made / "src" / "app.py").write_text("one\ntwo\nthree\n")
    (made / "src" / "gone.py").write_text("x\n")
    (made / ".env").write_text("TOKEN=old\n")
    return made


async def test_creates_writes_and_deletes_become_changes_with_diffs(root: Path) -> None:
    async with watching(root) as seen:
        (root / "src" / "app.py").write_text("one\n2\nthree\n")
        (root / "src" / "new.py").write_text("hello\n")
        (root / "src" / "gone.py").unlink()
        changed = await seen.until(path="src/app.py", change="modified")
        assert changed.diff == "--- a/src/app.py\n+++ b/src/app.py\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n"
        assert (changed.plus, changed.minus, changed.place, changed.protected) == (1, 1, "source", False)
        created = await seen.until(path="src/new.py", change="created")
        assert created.diff == "--- /dev/null\n+++ b/src/new.py\n@@ -0,0 +1 @@\n+hello\n"
        deleted = await seen.until(path="src/gone.py", change="deleted")
        assert deleted.diff.endswith("+++ /dev/null\n@@ -1 +0,0 @@\n-x\n")
        assert seen.notices == []


async def test_a_move_is_one_change_and_a_directory_s_files_move_with_it(root: Path) -> None:
    async with watching(root) as seen:
        (root / "src" / "app.py").rename(root / "src" / "main.py")
        await seen.until(path="src/app.py", change="moved", to="src/main.py")
        (root / "src").rename(root / "lib")
        await seen.until(path="src/main.py", change="moved", to="lib/main.py")
        (root / "lib" / "main.py").write_text("changed\n")
        assert (await seen.until(path="lib/main.py", change="modified")).minus == 3
        (root / "src").mkdir()
        (root / "src" / "again.py").write_text("a\n")
        await seen.until(path="src/again.py", change="created")
        assert len(seen.changes) == 5  # two renames, gone.py's, one write, one new file


async def test_new_directories_are_watched_all_the_way_down(root: Path) -> None:
    async with watching(root) as seen:
        (root / "a" / "b" / "c").mkdir(parents=True)
        (root / "a" / "b" / "c" / "deep.txt").write_text("1\n")
        await seen.until(path="a/b/c/deep.txt", change="created")
        (root / "a" / "b" / "c" / "deep.txt").write_text("2\n")
        await seen.until(path="a/b/c/deep.txt", change="modified")
        shutil.rmtree(root / "a")
        await seen.until(path="a/b/c/deep.txt", change="deleted")


async def test_an_editor_s_save_by_rename_is_a_modification(root: Path) -> None:
    async with watching(root) as seen:
        draft = root / "src" / "app.py.tmp.123"
        draft.write_text("one\nTWO\nthree\n")
        draft.rename(root / "src" / "app.py")
        assert "+TWO" in (await seen.until(path="src/app.py", change="modified")).diff


async def test_touching_and_rewriting_the_same_bytes_is_no_change(root: Path) -> None:
    async with watching(root) as seen:
        os.utime(root / "src" / "app.py")
        (root / "src" / "gone.py").write_text("x\n")
        (root / "src" / "app.py").read_text()
        await seen.settle()
        assert seen.changes == []


async def test_changes_of_protected_files_are_told_as_such(root: Path) -> None:
    (root / ".git" / "hooks").mkdir(parents=True)
    (root / ".github" / "workflows").mkdir(parents=True)
    async with watching(root) as seen:
        hook = root / ".git" / "hooks" / "pre-commit"
        expected = {
            ".git/hooks/pre-commit": "hook",
            ".git/config": "git",
            ".github/workflows/ci.yml": "ci",
            "CLAUDE.md": "agent_config",
            ".mcp.json": "agent_config",
            "uv.lock": "lockfile",
            ".bashrc": "shell_rc",
            ".leash/policy.cedar": "guard",
        }
        for name in expected:
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a") as file:
                file.write("[x]\n")
        for name in expected:
            await seen.until(path=name, protected=True)
        await seen.settle()
        assert {c.path: str(c.place) for c in seen.changes} == expected
        assert all(c.protected for c in seen.changes)
        assert seen.notices == []  # whether somebody answered for them is not the watcher's to know
        hook.chmod(0o755)
        assert "new mode 100755" in (await seen.until(path=".git/hooks/pre-commit", change="modified")).diff


async def test_git_at_work_is_quiet(root: Path) -> None:
    env = {"PATH": os.environ["PATH"], "HOME": str(root), "GIT_CONFIG_GLOBAL": "/dev/null"}
    who = ["-c", "user.name=t", "-c", "user.email=t@example.invalid"]

    def git(*args: str) -> None:
        subprocess.run(["git", *who, *args], cwd=root, env=env, check=True, capture_output=True)

    git("init", "-q")
    async with watching(root) as seen:
        git("add", ".")
        git("commit", "-qm", "first")
        git("checkout", "-qb", "other")
        (root / "node_modules" / "x").mkdir(parents=True)
        (root / "node_modules" / "x" / "index.js").write_text("1")
        (root / "__pycache__").mkdir()
        (root / "__pycache__" / "a.pyc").write_text("1")
        await seen.settle()
        assert seen.told() == set()


async def test_a_secret_s_contents_never_leave_the_watcher(root: Path) -> None:
    async with watching(root) as seen:
        (root / ".env").write_text("TOKEN=sw0rdfish\nB=2\n")
        (root / "src" / "id_rsa").write_text("PRIVATE sw0rdfish\n")
        changed = await seen.until(path=".env", change="modified")
        assert (changed.diff, changed.plus, changed.minus, changed.place) == ("", 2, 1, "secret")
        assert (await seen.until(path="src/id_rsa")).diff == ""
        await seen.settle()
        assert "sw0rdfish" not in repr((seen.changes, seen.notices))


async def test_binary_large_and_badly_named_files(root: Path) -> None:
    async with watching(root) as seen:
        (root / "pic.bin").write_bytes(b"\x89\0\1" * 100)
        (root / "big.txt").write_text("line\n" * 50_000)
        (root / "wide.txt").write_text("".join(f"{n}\n" for n in range(300)))
        (root / os.fsdecode(b"caf\xe9.txt")).write_bytes(b"caf\xe9\n")
        (root / "dangling").symlink_to("nowhere")
        os.mkfifo(root / "pipe")
        assert (await seen.until(path="pic.bin")).diff == ""
        assert (await seen.until(path="big.txt")).diff == ""
        wide = await seen.until(path="wide.txt")
        assert (wide.diff, wide.plus) == ("", 300)
        odd = await seen.until(path="caf\\udce9.txt")
        assert "+caf\\udce9" in odd.diff
        await seen.until(path="dangling", change="created")
        await seen.settle()
        assert not [c for c in seen.changes if c.path == "pipe"]


async def test_the_home_directory_s_rc_files_count_and_nothing_else_there(tmp_path: Path, root: Path) -> None:
    async with watching(root, home=tmp_path) as seen:
        (tmp_path / "private.txt").write_text("mine\n")
        (tmp_path / "other").mkdir()
        (tmp_path / "other" / "x").write_text("mine\n")
        (tmp_path / ".bashrc").write_text("alias ls='evil'\n")
        changed = await seen.until(path=str(tmp_path / ".bashrc"))
        assert changed.protected and changed.place == "shell_rc"
        await seen.settle()
        assert len(seen.changes) == 1


async def test_a_worktree_s_git_directory_outside_the_workspace(tmp_path: Path, root: Path) -> None:
    outside = tmp_path / "main" / ".git"
    (outside / "hooks").mkdir(parents=True)
    (outside / "objects").mkdir()
    async with watching(root, also=[outside]) as seen:
        (outside / "objects" / "x").write_text("1")
        (outside / "HEAD").write_text("1")
        (outside / "hooks" / "post-checkout").write_text("evil\n")
        assert (await seen.until(path=str(outside / "hooks" / "post-checkout"))).protected
        await seen.settle()
        assert len(seen.changes) == 1


async def test_ten_thousand_files_at_once_end_in_the_true_state(root: Path) -> None:
    program = """
import os, sys
os.chdir(sys.argv[1])
for n in range(10000):
    d = f"gen/{n % 50}"
    if n < 50: os.makedirs(d)
    with open(f"{d}/{n}.txt", "w") as f: f.write(f"{n}\\n")
for n in range(0, 10000, 3):
    with open(f"gen/{n % 50}/{n}.txt", "a") as f: f.write("more\\n")
for n in range(1, 10000, 7): os.unlink(f"gen/{n % 50}/{n}.txt")
for n in range(2, 10000, 11):
    try: os.rename(f"gen/{n % 50}/{n}.txt", f"gen/{n % 50}/r{n}.txt")
    except FileNotFoundError: pass
"""
    async with watching(root) as seen:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, str(root))
        assert await process.wait() == 0
        assert await seen.settle() == disk(root)
        created = sum(c.count for c in seen.changes if c.change == "created")
        deleted = sum(c.count for c in seen.changes if c.change == "deleted")
        assert created - deleted == sum(len(names) for _, _, names in os.walk(root / "gen"))
        assert len(seen.changes) < 2000
        shutil.rmtree(root / "gen")
        (root / "src" / "app.py").write_text("after the burst\n")
        assert await seen.settle() == disk(root)
        assert "+after the burst" in (await seen.until(path="src/app.py", change="modified")).diff
        assert max((c.count for c in seen.changes if c.change == "deleted"), default=0) > 200


async def test_a_protected_file_is_named_even_inside_a_burst(root: Path) -> None:
    async with watching(root) as seen:
        os.kill(seen.guard.pid, signal.SIGSTOP)
        for n in range(1000):
            (root / "src" / f"{n}.txt").write_text("x\n")
        (root / "AGENTS.md").write_text("obey\n")
        os.kill(seen.guard.pid, signal.SIGCONT)
        named = await seen.until(path="AGENTS.md", change="created")
        assert named.protected and "+obey" in named.diff
        total = await seen.until(path="src/", change="created")
        assert total.count == 1000


async def test_an_overflown_queue_is_said_and_repaired(root: Path) -> None:
    if QUEUE > 100_000:
        pytest.skip("this host's queue is too long to overflow quickly")
    async with watching(root) as seen:
        os.kill(seen.guard.pid, signal.SIGSTOP)
        one, two = root / "one", root / "two"
        for _ in range(QUEUE // 4 + 100):  # four events a round, none equal to its neighbour
            one.touch()
            one.rename(two)
            two.unlink()
        (root / "fresh").mkdir()
        (root / "fresh" / "file.txt").write_text("x\n")
        os.kill(seen.guard.pid, signal.SIGCONT)
        await seen.until(path="fresh/file.txt", change="created")
        assert await seen.settle() == disk(root)
        assert any("max_queued_events" in n.hint for n in seen.notices)
        (root / "fresh" / "file.txt").write_text("y\n")
        await seen.until(path="fresh/file.txt", change="modified")


async def test_a_second_session_says_that_it_shares(tmp_path: Path, root: Path) -> None:
    lock = tmp_path / "lock"
    async with watching(root, lock=lock) as first, watching(root, lock=lock) as second:
        (root / "x.txt").write_text("x\n")
        for seen in (first, second):
            await seen.until(path="x.txt")
        assert [n.level for n in first.notices] == [] and [n.level for n in second.notices] == ["info"]
    async with watching(root, lock=lock) as third:
        assert third.notices == []


async def test_a_dead_watcher_is_said_once_and_a_closed_one_is_not(root: Path) -> None:
    async with watching(root) as seen:
        os.kill(seen.guard.pid, signal.SIGKILL)
        for _ in range(500):
            if seen.lost:
                break
            await asyncio.sleep(0.01)
        assert seen.lost == ["the file watcher ended"]
        assert await seen.guard.settled(1) is None
    async with watching(root) as closed:
        pass
    await asyncio.sleep(0)
    assert closed.lost == []


async def test_the_watcher_ends_with_its_supervisor(root: Path) -> None:
    program = f"""
import asyncio, pathlib
from leashtui.guards.watcher import WatchGuard
from leashtui.guards.watcher.guard import spawn_watcher
async def main():
    guard = WatchGuard(asyncio.get_running_loop(), print, print, print, root=pathlib.Path({str(root)!r}))
    await guard.ready
    print(guard.pid, flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""
    supervisor = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=subprocess.PIPE)
    assert supervisor.stdout is not None
    pid = int(await asyncio.wait_for(supervisor.stdout.readline(), 30))
    supervisor.kill()
    await supervisor.wait()
    for _ in range(1000):
        if state_of(pid) == "Z":
            return
        await asyncio.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    raise AssertionError("the watcher outlived its supervisor")


async def test_a_workspace_that_vanishes_is_an_alarm(root: Path) -> None:
    async with watching(root) as seen:
        shutil.rmtree(root)
        await seen.until(path="src/app.py", change="deleted")
        await seen.settle()
        assert "alarm" in [n.level for n in seen.notices]


UNSHARE = shutil.which("unshare")
CAN_LIMIT = (
    UNSHARE is not None
    and subprocess.run(
        [UNSHARE, "-Ur", "sh", "-c", "echo 9 > /proc/sys/user/max_inotify_watches"], capture_output=True, check=False
    ).returncode
    == 0
)


@pytest.mark.skipif(not CAN_LIMIT, reason="this host gives no user namespaces to set limits in")
@pytest.mark.parametrize("limit", ["max_inotify_watches", "max_inotify_instances"])
async def test_without_watches_it_says_so_and_reads_instead(root: Path, limit: str) -> None:
    (root / "deep" / "er").mkdir(parents=True)

    def spawn(argv: list[str], fd: int) -> int:
        few = 2 if limit == "max_inotify_watches" else 0
        program = f'echo {few} > /proc/sys/user/{limit} && exec "$@"'
        return spawn_watcher([str(UNSHARE), "-Ur", "sh", "-c", program, "sh", *argv], fd)

    async with watching(root, spawn=spawn) as seen:
        assert [n.level for n in seen.notices] == ["warn"]
        assert "fs.inotify.max_user_" + limit.removeprefix("max_inotify_") in seen.notices[0].hint
        (root / "deep" / "er" / "x.txt").write_text("x\n")
        if limit == "max_inotify_watches":
            await seen.until(path="deep/er/x.txt", change="created")  # by the reading every five seconds
        assert await seen.settle() == disk(root)
        await seen.until(path="deep/er/x.txt", change="created")
        assert len(seen.notices) == 1


async def test_what_changed_before_the_first_look_is_told_all_the_same(root: Path) -> None:
    old = time.time() - 3600
    for path in (root / "src" / "app.py", root / "src" / "gone.py", root / ".env"):
        os.utime(path, (old, old))

    def late(argv: list[str], fd: int) -> int:
        time.sleep(0.05)  # the times of files run a tick behind the clock
        with (root / "src" / "app.py").open("a") as file:
            file.write("four\n")
        (root / "src" / "new.py").write_text("hello\n")
        os.utime(root / "src" / "new.py", (old, old))  # as what was copied with its times
        (root / "src" / "gone.py").chmod(0o600)
        return spawn_watcher(argv, fd)

    async with watching(root, spawn=late) as seen:
        created = await seen.until(path="src/new.py", change="created")
        assert created.plus == 1
        changed = await seen.until(path="src/app.py", change="modified")
        assert (changed.plus, changed.minus, changed.diff) == (0, 0, "")  # what it was, nobody looked at
        (root / "src" / "app.py").write_text("five\n")
        await seen.until(path="src/app.py", change="modified", minus=4)
        assert len(seen.changes) == 3
