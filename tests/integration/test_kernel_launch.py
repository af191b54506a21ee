"""What the launcher makes of itself before it becomes the agent, and what is said when it cannot."""

from __future__ import annotations

import errno
import os
import signal
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import World, eventually
from underguard import GUARDED, python, under_guard

from leashtui.guards.kernel import filter as rules
from leashtui.guards.kernel.floor import CHANGES, Floor
from leashtui.guards.kernel.numbers import of
from leashtui.guards.kernel.probe import probe
from leashtui.guards.kernel.spawn import Begun, launch
from leashtui.model.errors import GuardError
from leashtui.model.request import Tier

KEPT = 0b11001011  # CHOWN, DAC_OVERRIDE, FOWNER, SETGID, SETUID


def status_under_guard(tmp_path: Path) -> dict[str, str]:
    _, done = under_guard("cat", "/proc/self/status", cwd=tmp_path)
    return dict(line.split(":\t", 1) for line in done.stdout.splitlines() if ":\t" in line)


def test_the_agent_has_no_new_privileges_and_no_more_capabilities_than_root_needs(tmp_path: Path) -> None:
    status = status_under_guard(tmp_path)
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"
    held = {name: int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")}
    assert held["CapInh"] == held["CapAmb"] == 0
    if os.geteuid() == 0:
        assert held["CapPrm"] & ~KEPT == held["CapEff"] & ~KEPT == int(status["CapBnd"], 16) & ~KEPT == 0
        assert held["CapEff"] != 0
    else:
        assert held["CapPrm"] == held["CapEff"] == 0


def test_where_memory_runs_out_the_agent_goes_before_who_guards_it(tmp_path: Path) -> None:
    here = int(Path("/proc/self/oom_score_adj").read_text())
    _, done = under_guard("cat", "/proc/self/oom_score_adj", cwd=tmp_path)
    assert int(done.stdout) == min(1000, here + 200)


def test_the_interpreter_leaves_no_signal_ignored_and_no_descriptor_open(tmp_path: Path) -> None:
    script = "grep SigIgn /proc/self/status; ls /proc/self/fd | wc -l; yes | head -1; echo ${PIPESTATUS[0]}"
    _, done = under_guard("/bin/bash", "-c", script, cwd=tmp_path)
    ignored, descriptors, _, status = done.stdout.split("\n")[:4]
    assert int(ignored.split()[1], 16) & (1 << (signal.SIGPIPE - 1) | 1 << (signal.SIGXFSZ - 1)) == 0
    assert int(descriptors) == 4  # 0, 1, 2 and the directory ls reads
    assert status == "141"


def test_standard_streams_pass_through_in_any_order(tmp_path: Path) -> None:
    _, done = under_guard("/bin/sh", "-c", "echo out; echo err >&2", cwd=tmp_path)
    assert (done.stdout, done.stderr) == ("out\n", "err\n")
    given, out, err = tmp_path / "in", tmp_path / "out", tmp_path / "err"
    given.write_text("given")
    with given.open("rb") as one, out.open("wb") as two, err.open("wb") as three:
        stdio = (one.fileno(), two.fileno(), three.fileno())
        launched = launch(
            ["sh", "-c", "cat; echo err >&2"], exe="/bin/sh", env=dict(os.environ), cwd="/", guarded=False, stdio=stdio
        )
        launched.go()
        assert os.waitpid(launched.pid, 0)[1] == 0
    assert (out.read_text(), err.read_text()) == ("given", "err\n")


def test_a_terminal_session_owns_its_terminal(tmp_path: Path) -> None:
    report, _ = under_guard(
        "/bin/sh", "-c", "tty; ps -o pgid=,sid=,tpgid= -p $$; stty size", cwd=tmp_path, pty=True, linger=0.2
    )
    tty, groups, size = report["screen"].split("\r\n")[:3]
    assert tty.startswith("/dev/pts/")
    assert len(set(groups.split())) == 1
    assert size == "24 80"


@pytest.mark.parametrize(
    ("make", "code", "words"),
    [
        (lambda p: None, 127, "No such file"),
        (lambda p: p.write_text("x"), 126, "Permission denied"),
        (lambda p: p.mkdir(), 126, "Permission denied"),
        (lambda p: (p.write_text("#!/nowhere/x\n"), p.chmod(0o755)), 127, "No such file"),
    ],
    ids=["missing", "not executable", "directory", "no interpreter"],
)
def test_a_first_program_that_cannot_run_is_told_apart(tmp_path: Path, make, code: int, words: str) -> None:  # type: ignore[no-untyped-def]
    make(tmp_path / "p")
    report, done = under_guard(str(tmp_path / "p"), cwd=tmp_path)
    assert report["status"] == code
    assert words in done.stderr
    assert report["met"] == 0, "nothing ran, and the supervisor can tell"


def test_a_text_file_without_a_first_line_is_a_shell_script(tmp_path: Path) -> None:
    script = tmp_path / "p"
    script.write_text("echo ran $1\n")
    script.chmod(0o755)
    report, done = under_guard(str(script), "it", cwd=tmp_path)
    assert done.stdout == "ran it\n"
    assert report["requests"][0]["argv"] == ["sh", str(script), "it"]


def test_what_cannot_be_locked_up_is_not_started_and_says_why(tmp_path: Path) -> None:
    with pytest.raises(GuardError, match="could not be put under guard.*gone"):
        launch(["true"], exe="/bin/true", env={}, cwd=str(tmp_path / "gone"), guarded=True, stdio=(0, 1, 2))


@pytest.mark.parametrize("lets", ["ABSENT", "REFUSED"])
def test_a_guard_that_lets_an_attack_through_starts_nothing(
    lets: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, lets, [])
    with pytest.raises(GuardError, match="self-test: .* was not refused"):
        launch(["touch", "ran"], exe="/bin/touch", env={}, cwd=str(tmp_path), guarded=True, stdio=(0, 1, 2))
    assert not (tmp_path / "ran").exists()


@pytest.mark.skipif(probe().tier is not Tier.STRICT, reason="this host does not give tier strict")
def test_a_floor_that_is_not_there_starts_nothing(tmp_path: Path) -> None:
    given = Floor(Tier.STRICT, CHANGES, ((str(tmp_path), CHANGES), ("/tmp", CHANGES)))
    with pytest.raises(GuardError, match="self-test: a folder could be made past the guard"):
        launch(["true"], exe="/bin/true", env={}, cwd=str(tmp_path), guarded=True, stdio=(0, 1, 2), floor=given)


def test_a_launcher_that_was_begun_goes_without_a_word_when_there_is_no_session(tmp_path: Path) -> None:
    with (tmp_path / "said").open("wb") as said:
        begun = Begun((0, said.fileno(), said.fileno()))
        begun.line.close()
        assert os.waitstatus_to_exitcode(os.waitpid(begun.pid, 0)[1]) == 125
    assert (tmp_path / "said").read_text() == ""


def test_the_agent_dies_with_its_supervisor(tmp_path: Path) -> None:
    argv = python(
        tmp_path,
        "import os, time\nopen('up.part', 'w').write(str(os.getpid()))\nos.rename('up.part', 'up')\ntime.sleep(60)\n",
    )
    leash = subprocess.Popen([sys.executable, GUARDED, str(tmp_path / "report"), "{}", *argv], cwd=tmp_path)
    pid = int(eventually(lambda: (tmp_path / "up").exists() and (tmp_path / "up").read_text()))
    leash.send_signal(signal.SIGKILL)
    leash.wait()
    eventually(lambda: not Path(f"/proc/{pid}/exe").exists() or _is_dead(pid), 5)


def _is_dead(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


@pytest.mark.skipif(probe().tier is not Tier.STRICT, reason="this host does not give tier strict")
@pytest.mark.parametrize(
    ("call", "error", "agent", "tier"),
    [
        ("landlock_create_ruleset", errno.ENOSYS, "sh", "compat"),
        ("landlock_create_ruleset", errno.ENOSYS, "codex", "compat"),
        ("pidfd_getfd", errno.EPERM, "sh", "exec"),
        ("pidfd_getfd", errno.EPERM, "codex", "exec"),
    ],
)
def test_what_a_host_lacks_lowers_the_tier_to_one_that_works(
    world: World, call: str, error: int, agent: str, tier: str
) -> None:
    """A filter makes the host such a one."""
    code = [(0x20, 0, 0, 0), (0x15, 0, 1, of(call)[0]), (6, 0, 0, 0x50000 | error), (6, 0, 0, 0x7FFF0000)]
    raw = b"".join(struct.pack("HBBI", *line) for line in code)
    lack = (
        "import ctypes, os, struct, sys\n"
        f"code = ctypes.create_string_buffer({raw!r})\n"
        f"rules = ctypes.create_string_buffer(struct.pack('HxxxxxxQ', {len(code)}, ctypes.addressof(code)))\n"
        "libc = ctypes.CDLL(None)\nassert libc.prctl(38, 1, 0, 0, 0) == 0\n"
        "assert libc.prctl(22, 2, ctypes.byref(rules), 0, 0) == 0\nos.execv(sys.argv[1], sys.argv[1:])\n"
    )
    program = world.root / "home" / "bin" / agent
    program.parent.mkdir(exist_ok=True)
    program.write_text("#!/bin/sh\necho ran; kubectl delete ns prod; echo $?\n")
    program.chmod(0o755)
    argv = world.argv("run", "--headless", "--", str(program))
    done = subprocess.run(
        [sys.executable, "-I", "-c", lack, *argv],
        cwd=world.workspace,
        env=world.env,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == "ran\n126\n", done
    assert [event["tier"] for event in world.events("session.started")] == [tier]
