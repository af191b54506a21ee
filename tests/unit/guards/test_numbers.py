"""The tables of system calls, of both machines: against the kernel's headers, and what a filter makes of them."""

from __future__ import annotations

import json
import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from leashtui.guards.kernel.numbers import _BOTH, _SAME, ARCHITECTURES

HEADERS = ("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "/usr/include/asm-generic/unistd.h")
ALLOW, NOTIFY, KILL, FAILS = 0x7FFF0000, 0x7FC00000, 0x80000000, 0x00050000
DUMP = """
import json, platform, sys
platform.machine = lambda: sys.argv[1]
from leashtui.guards.kernel.filter import program
from leashtui.model.request import Tier
print(json.dumps([program(Tier.STRICT).hex(), program(Tier.COMPAT).hex(), program(Tier.EXEC).hex()]))
"""


@pytest.mark.skipif(not Path(HEADERS[0]).exists(), reason="the kernel's headers of x86-64 are not here (CI has them)")
@pytest.mark.parametrize("column", [0, 1])
def test_the_numbers_are_those_of_the_kernels_headers(column: int) -> None:
    text = Path(HEADERS[column]).read_text()
    known = {name: int(number) for name, number in re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)\b", text)}
    for name, both in _BOTH.items():
        assert known.get(name) == both[column], name
    for name, number in _SAME.items():
        assert known.get(name, number) == number, name


def filters(machine: str) -> list[bytes]:
    """Those of tiers strict, compat and exec as a machine would load them."""
    done = subprocess.run([sys.executable, "-c", DUMP, machine], capture_output=True, text=True, check=True)
    return [bytes.fromhex(text) for text in json.loads(done.stdout)]


def answer(code: bytes, machine: str, number: int, *args: int) -> int:
    """What the kernel would do: the few instructions of classic BPF that a filter is made of."""
    data = struct.pack("=iIQ6Q", number, ARCHITECTURES[machine], 0, *(*args, 0, 0, 0, 0, 0, 0)[:6])
    steps = list(struct.iter_unpack("HBBI", code))
    at, held = 0, 0
    while True:
        kind, yes, no, value = steps[at]
        at += 1
        if kind == 0x20:
            held = struct.unpack_from("=I", data, value)[0]
        elif kind == 0x54:
            held &= value
        elif kind == 0x06:
            return int(value)
        else:
            true = {0x15: held == value, 0x35: held >= value, 0x45: bool(held & value)}[kind]
            at += yes if true else no


@pytest.mark.parametrize(("column", "machine"), enumerate(ARCHITECTURES))
def test_every_tier_asks_refuses_and_lets_through_the_same_on_both_machines(column: int, machine: str) -> None:
    numbers = _SAME | {name: both[column] for name, both in _BOTH.items() if both[column] is not None}
    strict, compat, execs = filters(machine)
    for name in ("execve", "execveat"):
        assert {answer(code, machine, numbers[name]) for code in (strict, compat, execs)} == {NOTIFY}
    for (
        name
    ) in "unlinkat renameat2 mkdirat linkat symlinkat mknodat fchmodat fchownat truncate setxattr connect".split():
        assert answer(strict, machine, numbers[name]) == answer(compat, machine, numbers[name]) == NOTIFY, name
        assert answer(execs, machine, numbers[name]) == ALLOW, name
    assert answer(strict, machine, numbers["openat"], 0, 0, 0o2) == NOTIFY
    assert answer(strict, machine, numbers["openat"], 0, 0, 0) == ALLOW
    for name in "io_uring_setup openat2 clone3".split():
        assert answer(strict, machine, numbers[name]) & FAILS == FAILS, name
    for name in "bpf keyctl setns mount chroot".split():
        assert answer(strict, machine, numbers[name]) & FAILS == FAILS, name
    assert answer(strict, machine, numbers["clone"], 0x10000000) & FAILS == FAILS  # a user namespace
    assert answer(strict, machine, numbers["socket"], 16, 0, 16) & FAILS == FAILS  # netlink, uevents
    assert answer(strict, machine, numbers["socket"], 2, 1, 0) == ALLOW
    other = next(name for name in ARCHITECTURES if name != machine)
    assert answer(strict, other, numbers["socket"]) == KILL


def test_a_call_that_a_machine_does_not_have_is_asked_about_by_no_number() -> None:
    strict, _, _ = filters("aarch64")
    absent = [both for both in _BOTH.values() if both[1] is None]
    assert len(absent) == 12
    asked = sum(step[3] == NOTIFY for step in struct.iter_unpack("HBBI", strict) if step[0] == 0x06)
    here = sum(step[3] == NOTIFY for step in struct.iter_unpack("HBBI", filters("x86_64")[0]) if step[0] == 0x06)
    assert here - asked == len(absent)
