"""sudo: refused with the next step where nobody allowed it, run outside after a second question where somebody did.

The real sudo needs a user of its own, who is made for these tests by root and removed again.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pexpect
import pytest
from conftest import World, eventually

from leashtui.guards.kernel.probe import probe
from leashtui.model.request import Tier
from leashtui.supervisor.outsiders import has_command

PASSWORD = "correct horse"
REAL = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can let a user use sudo"),
    pytest.mark.skipif(shutil.which("sudo") is None, reason="this machine has no sudo"),
]


@dataclass
class Member(World):
    """The machine of a user who may use sudo."""

    name: str = ""

    def argv(self, *args: str) -> list[str]:
        """See World."""
        return ["runuser", "-u", self.name, "--", *super().argv(*args)]

    def approve(self, number: int, choice: str = "approve") -> dict[str, Any]:
        """Answer the card of this number."""
        card = eventually(lambda: next((c for c in self.approvals() if c["id"] == f"L-{number}"), None), 30)
        assert self.leash(choice, card["id"]).returncode == 0
        return dict(card)


@pytest.fixture
def member() -> Iterator[Member]:
    """A user, allowed two programs without a password and one with it."""
    name = f"leash{secrets.token_hex(3)}"
    root = Path(tempfile.mkdtemp(prefix="leash-sudo-", dir="/tmp"))
    rules = Path("/etc/sudoers.d") / name
    subprocess.run(["useradd", "-M", "-d", str(root / "home"), "-s", "/bin/sh", name], check=True)
    made = None
    try:
        subprocess.run(["chpasswd"], input=f"{name}:{PASSWORD}", text=True, check=True)
        free = f"/usr/bin/id, /usr/bin/tee {root}/owned, /bin/sh"
        rules.write_text(f"{name} ALL=(ALL) NOPASSWD: {free}, PASSWD: /usr/bin/whoami\n")
        rules.chmod(0o440)
        workspace = root / "home" / "proj"
        workspace.mkdir(parents=True)
        (root / "run").mkdir(mode=0o700)
        env = {
            "PATH": os.environ["PATH"], "HOME": str(root / "home"), "USER": name, "LOGNAME": name, "TERM": "xterm",
            "LEASH_RUNTIME_DIR": str(root / "run"), "LEASH_STATE_DIR": str(root / "state"),
            "LEASH_CONFIG_DIR": str(root / "config"), "LANG": "C.UTF-8",
        }  # fmt: skip
        made = Member(root, workspace, env, name=name)
        made.config('sudo = "outside"\n')
        subprocess.run(["chown", "-R", name, str(root)], check=True)
        yield made
    finally:
        for process in made.running if made is not None else ():
            if process.poll() is None:
                process.kill()
                process.communicate()
        rules.unlink(missing_ok=True)
        subprocess.run(["userdel", "-f", name], check=False, capture_output=True)
        shutil.rmtree(root, ignore_errors=True)


def session(member: Member, script: str) -> subprocess.Popen[bytes]:
    return member.start("run", "--headless", "--on-ask", "wait", "--", "sh", str(member.script("agent.sh", script)))


class TestTheRealOne:
    """With the machine's sudo and a user of the test's."""

    pytestmark = REAL

    def test_it_runs_outside_after_a_second_question_and_its_output_comes_back(self, member: Member) -> None:
        process = session(
            member, "echo got $(sudo id -u)\necho code $?\nsudo sh -c 'echo oh >&2; exit 7'\necho code $?\n"
        )
        first = member.approve(1)
        assert "OUTSIDE" not in first["consequence"]
        second = member.approve(2)
        assert "runs OUTSIDE the guard, as root: sudo id -u" in second["consequence"]
        assert second["severity"] == "critical" and "s" not in [o["key"] for o in second["options"]]
        member.approve(3)
        member.approve(4)
        out, err = process.communicate(timeout=60)
        assert out.decode().splitlines() == ["got 0", "code 0", "code 7"], err
        assert b"oh\n" in err
        assert [e["text"] for e in member.events("notice") if "outside the guard" in e["text"]] == [
            "outside the guard, as root: sudo id -u",
            "outside the guard, as root: sudo sh -c 'echo oh >&2; exit 7'",
        ]
        assert member.leash("audit", "verify").returncode == 0

    def test_it_may_have_as_much_open_as_who_called_it(self, member: Member) -> None:
        """The session itself may have more, once it guards files."""
        process = session(member, "ulimit -Sn 900\nsudo sh -c 'ulimit -Sn'\n")
        member.approve(1)
        member.approve(2)
        out, err = process.communicate(timeout=60)
        assert out.decode().split() == ["900"], err

    def test_either_no_is_a_no(self, member: Member) -> None:
        process = session(member, "sudo id -u\necho code $?\nsudo id -u\necho code $?\n")
        member.approve(1, "deny")
        member.approve(2)
        member.approve(3, "deny")
        out, _ = process.communicate(timeout=60)
        assert out.decode().splitlines() == ["code 126", "code 126"]

    def test_what_is_piped_in_is_shown_and_is_what_it_gets(self, member: Member) -> None:
        owned = member.root / "owned"
        process = session(member, f"echo hello | sudo tee {owned} > /dev/null\n")
        member.approve(1)
        assert "with this piped in: hello" in member.approve(2)["consequence"]
        process.communicate(timeout=60)
        assert (owned.read_text(), owned.stat().st_uid) == ("hello\n", 0)

    def test_a_loop_that_reads_a_list_reads_all_of_it(self, member: Member) -> None:
        (member.workspace / "list").write_text("a\nb\n")
        process = session(member, "while read word; do sudo id -u; echo $word; done < list\n")
        for number in (1, 2, 3, 4):
            member.approve(number)
        out, err = process.communicate(timeout=60)
        assert out.decode().split() == ["0", "a", "0", "b"], err

    def test_more_than_a_person_reads_is_refused(self, member: Member) -> None:
        process = session(member, f"yes | head -5000 | sudo tee {member.root}/owned > /dev/null\necho code $?\n")
        member.approve(1)
        out, _ = process.communicate(timeout=60)
        assert out == b"code 126\n"
        assert ["than a person can read" in e.get("hint", "") for e in member.events("notice")][-1]
        assert not (member.root / "owned").exists()

    def test_the_agents_variables_do_not_come_along(self, member: Member) -> None:
        process = session(member, "EVIL=yes sudo sh -c 'env; pwd; ls /proc/self/fd | wc -l'\n")
        member.approve(1)
        member.approve(2)
        out, err = process.communicate(timeout=60)
        assert b"EVIL" not in out and b"LEASH" not in out
        assert str(member.workspace).encode() in out, err

    def test_the_password_is_typed_in_the_persons_terminal(self, member: Member) -> None:
        process = session(member, "sudo whoami\necho code $?\n")
        member.approve(1)
        member.approve(2)
        eventually(lambda: any("waits for your password" in e["text"] for e in member.events("notice")), 30)
        terminal = pexpect.spawn(member.argv("sudo")[0], member.argv("sudo")[1:], env=member.env, encoding="utf-8")
        terminal.expect("password, for session")
        terminal.sendline(PASSWORD)
        terminal.expect("typed")
        out, err = process.communicate(timeout=60)
        assert out.decode().splitlines() == ["root", "code 0"], err
        assert PASSWORD not in member.leash("log", "--json").stdout + (terminal.before or "")
        again = member.leash("sudo")
        assert again.returncode != 0

    def test_who_sees_the_prompt_is_told_that_it_takes_nothing(self, member: Member) -> None:
        """It stands in the agent's terminal: a password typed there was shown, and became the shell's next command."""
        words = member.argv("run", "--plain", "--", "sh", "-c", "sudo whoami; echo code $?")
        shown = pexpect.spawn(words[0], words[1:], env=member.env, cwd=str(member.workspace), encoding="utf-8")
        member.approve(1)
        member.approve(2)
        shown.expect("password for", timeout=30)
        shown.expect("do not type it here, where the agent reads too: run `leash sudo` in another terminal", timeout=30)
        terminal = pexpect.spawn(member.argv("sudo")[0], member.argv("sudo")[1:], env=member.env, encoding="utf-8")
        terminal.expect("password, for session")
        terminal.sendline(PASSWORD)
        terminal.expect("typed")
        shown.expect("code 0", timeout=30)
        shown.expect(pexpect.EOF, timeout=30)

    def test_when_nobody_waits_any_more_it_is_hung_up(self, member: Member) -> None:
        process = session(member, "timeout 8 sudo sh -c 'echo $$ > /tmp/leash-hung; sleep 600'\necho code $?\n")
        member.approve(1)
        member.approve(2)
        place = Path("/tmp/leash-hung")
        try:
            pid = int(eventually(lambda: place.exists() and place.read_text().strip(), 20))
            process.communicate(timeout=60)
            eventually(lambda: not Path(f"/proc/{pid}").exists(), 20)
        finally:
            place.unlink(missing_ok=True)


@pytest.mark.skipif(os.geteuid() == 0 or probe().tier is Tier.WATCH, reason="root needs no sudo to raise its rights")
def test_off_it_is_refused_with_the_next_step(world: World) -> None:
    fake_sudo(world)
    done = world.leash("run", "--headless", "--on-ask", "wait", "--", "sh", "-c", "sudo id; echo code $?")
    assert 'sudo = "outside"' in done.stderr
    assert "RAN" not in done.stdout


@pytest.mark.skipif(os.geteuid() == 0 or probe().tier is Tier.WATCH, reason="root needs no sudo to raise its rights")
def test_another_program_of_that_name_is_not_run_outside(world: World) -> None:
    place = fake_sudo(world)
    shutil.copy("/bin/echo", place)
    world.config('sudo = "outside"\n')
    process = world.start("run", "--headless", "--on-ask", "wait", "--", "sh", "-c", "sudo id; echo code $?")
    card = world.one_card(30)
    assert world.leash("approve", card["id"]).returncode == 0
    for _ in range(2):
        if rest := world.approvals():
            world.leash("approve", rest[0]["id"])
    out, err = process.communicate(timeout=60)
    assert out.decode().splitlines() == ["code 126"], err
    assert b"not the machine's own sudo" in err


def fake_sudo(world: World) -> Path:
    """A program called sudo, first on PATH."""
    place = world.root / "home" / "bin"
    place.mkdir()
    (place / "sudo").write_text("#!/bin/sh\necho RAN\n")
    (place / "sudo").chmod(0o755)
    world.env["PATH"] = f"{place}:{world.env['PATH']}"
    return place / "sudo"


@pytest.mark.parametrize(
    ("line", "whole"),
    [
        ("sudo id", True),
        ("sudo -n -u www-data id -u", True),
        ("sudo A=b -- id", True),
        ("sudo", False),
        ("sudo -i", False),
        ("sudo -s ls", False),
        ("sudo -e /etc/hosts", False),
        ("sudo -u root", False),
        ("sudo -v", False),
    ],
)
def test_what_a_whole_command_is(line: str, whole: bool) -> None:
    assert has_command(tuple(line.split())) is whole
