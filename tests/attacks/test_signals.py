"""Signals that reach the guard in the middle of an answer: they once ended a session.

A program whose orphans end all the time signals the supervisor at every moment, also while it hands over a descriptor.
"""

from __future__ import annotations

import pytest
from conftest import World

from leashtui.guards.kernel.probe import probe
from leashtui.model.request import Tier

ORPHANS = """
import os
keeper = os.fork()
while not keeper:
    one = os.fork()
    if not one:
        os.fork()
        os._exit(0)
    os.waitpid(one, 0)
bad = 0
for number in range(3000):
    fd = os.open("f", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    bad += not os.readlink(f"/proc/self/fd/{fd}").endswith("/f")
    os.close(fd)
os.kill(keeper, 9)
print("good", 3000 - bad)
"""


@pytest.mark.skipif(probe().tier is not Tier.STRICT, reason="this host does not give tier strict")
def test_every_descriptor_is_handed_over_however_many_children_end(world: World) -> None:
    (world.workspace / "orphans.py").write_text(ORPHANS)
    done = world.leash("run", "--headless", "--guard", "strict", "--", "python3", "orphans.py", timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "good 3000\n"
    assert world.events("guard.lost") == []
