"""Hosts whose own seccomp profile forbids what the guard needs, made for real: each is named, what is left works."""

from __future__ import annotations

import subprocess
import sys

import pytest
from conftest import World

from leashtui.guards.kernel.probe import probe
from leashtui.model.request import Tier

pytestmark = pytest.mark.skipif(probe().tier is not Tier.STRICT, reason="this host does not give tier strict")
CONFINED = """
import ctypes, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
code = [(0x20, 0, 0, 0)]
for number in sys.argv[1].split(","):
    code += [(0x15, 0, 1, int(number)), (0x06, 0, 0, 0x50001)]
raw = b"".join(struct.pack("HBBI", *one) for one in [*code, (0x06, 0, 0, 0x7FFF0000)])
class Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))
buffer = ctypes.create_string_buffer(raw, len(raw))
program = Program(len(raw) // 8, ctypes.addressof(buffer))
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, ctypes.byref(program), 0, 0) == 0
os.execvp(sys.argv[2], sys.argv[2:])
"""
WORK = """
import socket
server = socket.create_server(("127.0.0.1", 0))
socket.create_connection(server.getsockname())
open("made.txt", "w").write("x")
print("worked")
"""
SECCOMP, PTRACE, UNSHARE = 317, 101, 272
PIDFD_GETFD, PROCESS_VM_READV, LANDLOCK = 438, 310, "444,445,446"


def confined(world: World, numbers: object, *words: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-c", CONFINED, str(numbers), sys.executable, "-I", "-m", "leashtui", *words]
    return subprocess.run(
        argv, cwd=world.workspace, env=world.env, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    ("numbers", "tier", "named"),
    [
        (PIDFD_GETFD, "exec", "pidfd_getfd"),
        (PROCESS_VM_READV, "exec", "process_vm_readv"),
        (LANDLOCK, "compat", "not in this kernel"),
        (UNSHARE, "strict", "secrets covered"),
        (SECCOMP, "watch", "seccomp notification"),
        (PTRACE, "watch", "ptrace"),
    ],
)
def test_what_is_forbidden_is_named_and_the_rest_works(world: World, numbers: object, tier: str, named: str) -> None:
    told = confined(world, numbers, "doctor").stdout
    assert f"{tier}: " in next(line for line in told.splitlines() if "guard tier" in line), told
    assert any(line.startswith("!") and named in line for line in told.splitlines()), told
    agent = world.script("agent.py", WORK)
    done = confined(world, numbers, "run", "--headless", "--", sys.executable, str(agent))
    assert done.stdout.endswith("worked\n"), done
    strict = confined(world, numbers, "run", "--headless", "--guard", "strict", "--", sys.executable, str(agent))
    assert (strict.returncode == 125) is (tier != "strict"), strict


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        (PIDFD_GETFD, "guard exec, where strict is usual"),
        (LANDLOCK, "guard compat, where strict is usual"),
        (UNSHARE, "guard strict, but secret files are not hidden"),
        (PTRACE, "guard watch, where strict is usual"),
        (999, ""),
    ],
)
def test_who_sees_no_tier_is_told_of_less_than_usual(world: World, numbers: object, said: str) -> None:
    told = confined(world, numbers, "run", "--headless", "--", "true").stderr
    lines = [line for line in told.splitlines() if "leash doctor" in line]
    assert [line.startswith(f"leash: {said}") for line in lines] == ([True] if said else []), told
    if said and "not hidden" not in said:  # who names the tier knows it
        tier = said.split()[1].strip(",")
        assert "is usual" not in confined(world, numbers, "run", "--headless", "--guard", tier, "--", "true").stderr


LISTENED = """
import ctypes, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
code = [(0x20, 0, 0, 0), (0x15, 0, 1, 0x7FFFFFF), (0x06, 0, 0, 0x7FC00000), (0x06, 0, 0, 0x7FFF0000)]
raw = b"".join(struct.pack("HBBI", *one) for one in code)
class Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))
buffer = ctypes.create_string_buffer(raw, len(raw))
program = Program(len(raw) // 8, ctypes.addressof(buffer))
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.syscall(317, 1, 8, ctypes.byref(program)) >= 0, ctypes.get_errno()
child = os.fork()
if child == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


SCRUBBED = """
import os
words = {words}
os.execve(words[0], words, {{name: value for name, value in os.environ.items() if name != "LEASH_SESSION"}})
"""


def below(world: World, *words: str) -> subprocess.CompletedProcess[str]:
    """leash in a sandbox of somebody else's, which listens to a call that nobody makes."""
    argv = [sys.executable, "-c", LISTENED, sys.executable, "-I", "-m", "leashtui", *words]
    return subprocess.run(
        argv, cwd=world.workspace, env=world.env, capture_output=True, text=True, timeout=60, check=False
    )


def test_a_listener_of_somebody_else_is_not_taken_for_a_leash(world: World) -> None:
    told = below(world, "doctor").stdout
    assert "another listener is above us" in told and "session" not in told.split("guard tier")[0], told
    assert "run leash outside the other sandbox; under WSL2 set networkingMode=nat" in told
    done = below(world, "run", "--headless", "--", "echo", "worked")
    assert done.stdout == "worked\n" and "guard watch, where strict is usual" in done.stderr, done
    demanded = below(world, "run", "--headless", "--guard", "exec", "--", "echo", "worked")
    assert demanded.returncode == 125 and "run leash outside the other sandbox" in demanded.stderr, demanded


@pytest.mark.parametrize("tier", ["exec", "compat", "strict"])
def test_a_leash_whose_name_was_scrubbed_is_known(world: World, tier: str) -> None:
    inner = world.script("inner.py", SCRUBBED.format(words=[sys.executable, "-I", "-m", "leashtui", "run", "--", "id"]))
    argv = [
        sys.executable,
        "-I",
        "-m",
        "leashtui",
        "run",
        "--headless",
        "--guard",
        tier,
        "--",
        sys.executable,
        str(inner),
    ]
    done = subprocess.run(
        argv, cwd=world.workspace, env=world.env, capture_output=True, text=True, timeout=60, check=False
    )
    assert "this is already inside a leash session" in done.stderr and "uid=" not in done.stdout, done
    log = subprocess.run(
        [sys.executable, "-I", "-m", "leashtui", "log"], env=world.env, capture_output=True, text=True, check=False
    )
    assert "alarm" not in log.stdout.lower() and log.returncode == 0, log


def test_without_landlock_keys_stay_covered(world: World) -> None:
    home = world.root / "home"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh" / "id_ed25519").write_text("KEY MATERIAL")
    world.env["HOME"] = str(home)
    told = confined(world, LANDLOCK, "doctor").stdout
    assert any(line.startswith("✓") and "secrets covered" in line for line in told.splitlines()), told
    reading = world.script("read.py", f"print(open({str(home / '.ssh' / 'id_ed25519')!r}).read())")
    for tier in ("compat", "exec"):  # the control leg: tier exec covers nothing
        done = confined(world, LANDLOCK, "run", "--headless", "--guard", tier, "--", sys.executable, str(reading))
        assert ("KEY MATERIAL" in done.stdout) is (tier == "exec"), (tier, done)
