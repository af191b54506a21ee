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
    return world.start("run", "--headless", *(options or ("--on-ask", "wait")), "--", "sh", str(path))


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
    assert [text for text in notices if text.startswith("~/.kube")] == ["~/.kube is open", "~/.kube is closed again"]


def test_a_refused_act_leaves_it_closed(keys: World) -> None:
    process = leashed(keys, "kubectl get pods\necho $?\npeep kube\n")
    card = keys.one_card(30)
    assert keys.leash("deny", card["id"]).returncode == 0
    out, err = process.communicate(timeout=60)
    assert out.decode().split() == ["126", *SHUT.split()]
    assert b"opens ~/.kube, closed here" in err


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
    notices = [event["text"] for event in keys.events("notice") if event["text"].startswith("~/.kube")]
    assert notices == ["~/.kube is open", "~/.kube is closed again"]


def test_allowed_for_the_session_it_is_opened_and_closed_each_time(keys: World) -> None:
    (keys.workspace / "done").touch()
    process = leashed(keys, "kubectl get pods\nsleep 0.5\npeep kube\nkubectl get pods\nsleep 0.5\npeep kube\n")
    card = keys.one_card(30)
    assert keys.leash("approve", "--for-session", card["id"]).returncode == 0
    out, err = process.communicate(timeout=60)
    assert out.decode().splitlines() == ["token: KUBE-TOKEN", SHUT] * 2, err
    assert len(keys.events("act.asked")) == 1
    notices = [event["text"] for event in keys.events("notice") if event["text"].startswith("~/.kube")]
    assert notices == ["~/.kube is open", "~/.kube is closed again"] * 2


def test_a_program_that_names_a_covered_path_is_asked_whatever_it_is(keys: World) -> None:
    (keys.root / "home" / ".ssh").mkdir()
    (keys.root / "home" / ".ssh" / "config").write_text("Host x\n")
    home = keys.root / "home"
    done = keys.leash("run", "--headless", "--", "sh", "-c", f"wc -l {home}/.ssh/config; ls {home}/proj")
    assert "opens ~/.ssh" in done.stderr or "closed-key" in done.stderr
    assert "src" in done.stdout


def test_leashs_own_files_are_opened_for_nobody(keys: World) -> None:
    """A cover over leash's own state is no key: naming it, and a yes, open nothing."""
    log = f"{keys.env['LEASH_STATE_DIR']}/sessions"
    process = leashed(keys, f"ls {log}; peep kube\n")
    card = eventually(lambda: keys.approvals() or process.poll() is not None, 30)
    if card is not True:
        keys.leash("approve", card[0]["id"])
    out, err = process.communicate(timeout=60)
    assert b".db" not in out, err
    assert not [event for event in keys.events("notice") if "is open" in event["text"]]


def test_a_tool_may_keep_its_own_state_beside_an_open_key(keys: World) -> None:
    """Locks and caches there are written without a second question; what others would run or trust is not."""
    tool = keys.root / "home" / "bin" / "kubectl"
    tool.write_text(
        f"#!{sys.executable} -IS\nimport os\nhome = os.path.expanduser('~/.kube')\nos.makedirs(home + '/cache')\n"
        "open(home + '/cache/x', 'w').write('x')\nprint('cached', flush=True)\n"
        "try: open(home + '/config', 'a').write('x')\nexcept OSError as error: print(error.strerror)\n"
    )
    process = leashed(keys, "kubectl get pods\n")
    first = keys.one_card(30)
    assert keys.leash("approve", first["id"]).returncode == 0
    second = eventually(lambda: next((c for c in keys.approvals() if c["id"] != first["id"]), None), 30)
    assert "config" in second["command"]
    assert keys.leash("deny", second["id"]).returncode == 0
    out, err = process.communicate(timeout=60)
    assert out.decode().splitlines() == ["cached", "Permission denied"], err


def test_netrc_is_asked_for_where_it_has_a_line_for_the_host(keys: World) -> None:
    (keys.root / "home" / ".netrc").write_text("machine forge.example login me password NETRC-WORD\n")
    tool = keys.root / "home" / "bin" / "wget"
    tool.write_text(
        f"#!{sys.executable} -IS\nimport os\nprint(open(os.path.expanduser('~/.netrc')).read().split()[-1])\n"
    )
    tool.chmod(0o755)
    process = leashed(keys, "wget -q https://forge.example/x; echo code $?\n")
    card = keys.one_card(30)
    assert "~/.netrc" in str(card["evidence"])
    assert keys.leash("approve", card["id"]).returncode == 0
    out, err = process.communicate(timeout=60)
    assert out.decode().splitlines() == ["NETRC-WORD", "code 0"], err
    other = keys.leash("run", "--headless", "--", "sh", "-c", "wget -q https://other.example/x; echo code $?")
    assert "closed-key" not in other.stderr and "NETRC-WORD" not in other.stdout


def test_settings_without_a_secret_stay_readable(keys: World) -> None:
    home = keys.root / "home"
    read = keys.script("read.py", "import sys\nprint(open(sys.argv[1]).read())\n")
    (home / ".npmrc").write_text("fund=false\n")
    assert keys.leash("run", "--headless", "--", "python3", str(read), str(home / ".npmrc")).stdout == "fund=false\n\n"
    (home / ".npmrc").write_text("//x/:_authToken=abc\n")
    held = keys.leash("run", "--headless", "--", "python3", str(read), str(home / ".npmrc"))
    assert "abc" not in held.stdout and "closed-key" in held.stderr


def test_the_list_is_the_persons_to_change(keys: World) -> None:
    home = keys.root / "home"
    (home / ".vaulted").mkdir()
    (home / ".vaulted" / "x").write_text("V")
    see = keys.script("see.sh", "peep kube\nls .. -A\nwc -c < ../.vaulted/x\n")
    keys.config('[secrets]\nopen = [".kube"]\nclose = [".vaulted"]\n')
    (home / ".kube" / "config").write_text("K")
    done = keys.leash("run", "--headless", "--mode", "observe", "--", "sh", str(see))
    assert done.stdout.splitlines()[0] == "open"
    assert "1" not in done.stdout.splitlines()


@pytest.mark.skipif(os.geteuid() == 0, reason="root needs no user namespace, so nothing of root's looks like nobody's")
def test_ssh_takes_the_included_settings_of_the_machine(keys: World) -> None:
    """An ordinary user's covers make root's files look like nobody's, which ssh refuses to include."""
    (keys.root / "home" / ".ssh").mkdir(mode=0o700)
    listed = sorted(Path("/etc/ssh/ssh_config.d").glob("*.conf"))
    script = (
        "for f in /etc/ssh/ssh_config.d/*.conf; do [ -e $f ] && stat -c %U $f; done; ssh -G -F /etc/ssh/ssh_config x"
    )
    done = keys.leash("run", "--headless", "--mode", "observe", "--", "sh", "-c", script)
    assert "hostname x" in done.stdout, done.stderr
    assert "Bad owner" not in done.stderr
    assert done.stdout.count("nobody") == 0
    assert done.stdout.splitlines()[: len(listed)] == [os.environ.get("USER", "dev")] * len(listed)


@pytest.mark.skipif(os.geteuid() != 0, reason="root's namespaces are entered in another way")
def test_root_gets_its_keys_too(keys: World) -> None:
    assert Path("/proc/self/ns/mnt").exists()
    process = leashed(keys, "kubectl get pods\n")
    (keys.workspace / "done").touch()
    card = keys.one_card(30)
    assert keys.leash("approve", card["id"]).returncode == 0
    assert b"KUBE-TOKEN" in process.communicate(timeout=60)[0]


def test_a_program_that_nobody_knows_is_told_once_and_its_remedy_works(keys: World) -> None:
    script = "peep kube\npeep kube\necho free\n$(cat remedy)\n"
    (keys.workspace / "remedy").write_text(f"env WITH_KEY={keys.root / 'home' / '.kube'} peep kube")
    process = leashed(keys, script)
    card = keys.one_card(30)
    assert keys.leash("approve", card["id"]).returncode == 0
    out, err = process.communicate(timeout=60)
    assert out.decode().split("\n")[:4] == [SHUT, SHUT, "free", "open"], (out, err)
    told = [line for line in err.decode().splitlines() if "closed in this session" in line]
    assert len(told) == 1 and "~/.kube" in told[0], err
    assert f"have the person asked: env WITH_KEY={keys.root / 'home' / '.kube'}" in told[0], told


def test_code_on_a_command_line_that_names_a_key_is_told_of_it(keys: World) -> None:
    """`netrc.netrc` opens it by itself, so that nobody is asked: it met `Permission denied` without a word of ours."""
    (keys.root / "home" / ".netrc").write_text("machine example.com login a password b\n")
    code = "import netrc, os; print(netrc.netrc(os.path.expanduser('~/.netrc')).hosts)"
    words = ("run", "--headless", "--on-ask", "deny", "--", "sh", "-c", '/usr/bin/python3 -c "$0"; echo $?')
    done = keys.leash(*words, code)
    assert "PermissionError" in done.stderr, done.stderr
    told = [line for line in done.stderr.splitlines() if "closed in this session" in line]
    assert len(told) == 1 and "names ~/.netrc" in told[0], done.stderr
    assert f"env WITH_KEY={keys.root / 'home' / '.netrc'} /usr/bin/python3 -c" in told[0], told
    free = keys.leash(*words, "print('netrc')")
    assert free.stdout == "netrc\n0\n"
    assert "closed in this session" not in free.stderr
