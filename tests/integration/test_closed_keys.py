"""Covered secrets, opened for one act: asked before, open while it runs, closed when it has ended."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import World, eventually

from leashtui.guards.kernel.probe import probe

pytestmark = pytest.mark.skipif(not probe().covers, reason="this host gives no covers")
KUBECTL = """#!{python} -IS
import os, sys, time
print(open(os.path.expanduser("~/.kube/config")).read(), flush=True)
while not os.path.exists("done"):
    time.sleep(0.05)
"""
PEEP = """#!{python} -IS
import os, sys
try:
    open(os.path.expanduser({{"kube": "~/.kube/config", "git": "~/.git-credentials"}}[sys.argv[1]]))
    print("open")
except OSError as error:
    print(error.strerror)
"""

SHUT = "No such file or directory" if os.geteuid() == 0 else "Permission denied"
"""What a covered folder answers: root may look into it, and finds it empty."""
SHUT_FILE = "Permission denied"


@pytest.fixture
def keys(world: World) -> World:
    """A home with a key file and a key folder, and a cloud tool on PATH that works with one of them."""
    home = world.root / "home"
    (home / ".kube").mkdir()
    (home / ".kube" / "config").write_text("token: KUBE-TOKEN")
    (home / ".git-credentials").write_text("https://me:GIT-TOKEN@example.com")
    (home / "bin").mkdir()
    for name, text in (("kubectl", KUBECTL), ("peep", PEEP)):
        (home / "bin" / name).write_text(text.format(python=sys.executable))
        (home / "bin" / name).chmod(0o755)
    world.env["PATH"] = f"{home / 'bin'}:{world.env['PATH']}"
    return world


def leashed(world: World, script: str, *options: str) -> subprocess.Popen[bytes]:
    """A shell script in a session whose secrets are covered."""
    path = world.script("agent.sh", script)
    return world.start(
        "run", "--headless", "--guard", "strict", *(options or ("--on-ask", "wait")), "--", "sh", str(path)
    )


def test_a_key_is_open_for_the_act_that_was_allowed_and_closed_again(keys: World) -> None:
    script = "peep kube\nkubectl get pods &\nwhile [ ! -e looked ]; do sleep 0.1; done\n"
    script += "peep kube\ntouch done\nwait\nsleep 0.5\npeep kube\n"
    process = leashed(keys, script)
    card = keys.one_card(30)
    assert card["command"].endswith("kubectl get pods")
    shown = keys.leash("approvals", "--json").stdout
    assert ".kube" in shown
    assert keys.leash("approve", card["id"]).returncode == 0
    eventually(lambda: "is open" in str(keys.events("notice")))
    time.sleep(0.3)
    (keys.workspace / "looked").touch()
    out, err = process.communicate(timeout=60)
    lines = out.decode().split("\n")
    assert [line for line in lines if line] == [SHUT, "token: KUBE-TOKEN", "open", SHUT], err
    notices = [event["text"] for event in keys.events("notice")]
    assert [text for text in notices if ".kube" in text] == ["~/.kube is open", "~/.kube is closed again"]


def test_a_refused_act_leaves_it_closed(keys: World) -> None:
    process = leashed(keys, "kubectl get pods\necho $?\npeep kube\n")
    card = keys.one_card(30)
    assert keys.leash("deny", card["id"]).returncode == 0
    out, err = process.communicate(timeout=60)
    assert out.decode().split() == ["126", *SHUT.split()]
    assert b"works with ~/.kube" in err


def test_with_nobody_to_ask_the_program_is_told_instead_of_failing_on_its_own(keys: World) -> None:
    process = leashed(keys, "kubectl get pods\necho $?\nkubectl version --client | head -1\n", "--on-ask", "deny")
    out, err = process.communicate(timeout=60)
    assert out.decode().split()[0] == "126"
    assert b"builtin/closed-key" in err


def test_a_covered_file_that_a_command_names_can_be_read_once_allowed(keys: World) -> None:
    home = keys.root / "home"
    process = leashed(keys, f"cat {home}/.git-credentials\nsleep 0.5\npeep git\n")
    card = keys.one_card(30)
    assert keys.leash("approve", card["id"]).returncode == 0
    out, err = process.communicate(timeout=60)
    assert out.decode().split("\n") == ["https://me:GIT-TOKEN@example.com" + SHUT_FILE, ""], err


def test_a_second_act_keeps_it_open_until_it_ends_too(keys: World) -> None:
    script = "kubectl get pods & one=$!\nkubectl get nodes & two=$!\nwhile [ -e both ]; do sleep 0.1; done\n"
    (keys.workspace / "both").touch()
    process = leashed(keys, script + "kill $one\nsleep 0.5\npeep kube\ntouch done\nwait $two\n")
    eventually(lambda: len(keys.approvals()) == 2, 30)
    for card in keys.approvals():
        assert keys.leash("approve", card["id"]).returncode == 0
    time.sleep(1)
    (keys.workspace / "both").unlink()
    out, err = process.communicate(timeout=60)
    assert out.decode().count("KUBE-TOKEN") == 2, err
    assert "\nopen\n" in out.decode()
    notices = [event["text"] for event in keys.events("notice") if ".kube" in event["text"]]
    assert notices == ["~/.kube is open", "~/.kube is closed again"]


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user's session has covers only where it asks for strict")
def test_root_gets_its_keys_too(keys: World) -> None:
    assert Path("/proc/self/ns/mnt").exists()
    process = leashed(keys, "kubectl get pods\n")
    (keys.workspace / "done").touch()
    card = keys.one_card(30)
    assert keys.leash("approve", card["id"]).returncode == 0
    assert b"KUBE-TOKEN" in process.communicate(timeout=60)[0]
