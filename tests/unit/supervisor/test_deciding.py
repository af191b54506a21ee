"""The decision thread: its stack is enough for the deepest policy that loads, however small the process's own is."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from leashtui.model.errors import PolicyError
from leashtui.policy import bundle
from leashtui.policy.entities import Principal
from leashtui.policy.pdp import PDP
from leashtui.policy.sources import source
from leashtui.supervisor.deciding import DecisionThread
from leashtui.supervisor.policyload import with_stack

WHO = Principal("s-1", "mini", "mini", "dev")
DEEP = f"""
import resource, sys
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
resource.setrlimit(resource.RLIMIT_STACK, (256 << 10, resource.getrlimit(resource.RLIMIT_STACK)[1]))
import random_policies
from leashtui.policy import bundle
from leashtui.policy.cases import ordinary
from leashtui.policy.pdp import PDP
from leashtui.policy.shard import here
from leashtui.policy.sources import source
from leashtui.supervisor.deciding import DecisionThread
from leashtui.supervisor.policyload import with_stack

def deepest():
    for wide in range(99, 0, -1):  # as deep as the engine takes it, so that the test goes on meaning that
        chain = " && ".join(['ip("::1").isIpv6()'] * wide)
        text = f'@id("a") permit (principal, action, resource) when {{{{ {{"(" * 20}}{{chain}}{{")" * 20}} }}}};'
        try:
            return bundle.build([source("user", "u", text.encode())], random_policies.SCHEMA), wide
        except Exception as error:
            assert "nesting" in str(error) or "operators" in str(error), error

loaded, wide = with_stack(deepest)
assert wide > 20
stack = DecisionThread() if sys.argv[1] == "thread" else here
pdp = with_stack(lambda: PDP(loaded, random_policies.WHO, stack=stack))
print(pdp.decide(*ordinary("ls")).outcome)
"""


def child(where: str) -> str:
    """What a process with a main stack of 256 KiB prints, which it had before it began."""
    words = ["sh", "-c", 'ulimit -s 256; exec "$0" "$@"', sys.executable, "-c", DEEP, where]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_deepest_policy_is_decided_in_a_process_with_a_small_stack() -> None:
    assert child("thread") == "allow"
    assert child("here") == "deny"  # the engine runs short there, errs, and an error denies


def test_the_self_test_refuses_a_stack_that_is_too_small() -> None:
    loaded = bundle.build(
        [source("user", "u", b'@id("a") permit (principal, action, resource);')], bundle.load_schema()
    )
    with_stack(lambda: PDP(loaded, WHO, stack=DecisionThread())).self_test()
    with pytest.raises(PolicyError, match="self-test") as caught:
        with_stack(lambda: PDP(loaded, WHO, stack=DecisionThread(128 << 10))).self_test()
    assert "stack" in caught.value.hint


def test_every_caller_gets_its_own_result_or_error() -> None:
    class Panic(BaseException):
        pass

    def fail() -> None:
        raise Panic("the engine panicked")

    deep = DecisionThread()
    with pytest.raises(Panic):
        deep(fail)
    with ThreadPoolExecutor(8) as many:
        assert list(many.map(lambda n: deep(lambda: n), range(500))) == list(range(500))
    assert len({deep(threading.get_ident), deep(threading.get_ident)} - {threading.get_ident()}) == 1
    assert deep(lambda: deep(lambda: 7)) == 7
