"""A program that crashes has the kernel write its core where it stands, past every call that is judged."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import World

from leashtui.guards.kernel.probe import probe
from leashtui.model.request import Tier

PATTERN = Path("/proc/sys/kernel/core_pattern").read_text().strip()
pytestmark = [
    pytest.mark.skipif(probe().tier is not Tier.STRICT, reason="this host does not give tier strict"),
    pytest.mark.skipif(
        PATTERN.startswith(("|", "/")) or resource.getrlimit(resource.RLIMIT_CORE)[1] == 0,
        reason=f"no core is written where a program stands here: {PATTERN}",
    ),
]
CRASH = """
import os, resource, sys
if os.fork() == 0:
    os.chdir(sys.argv[1])
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2)
    finally:
        os.abort()
print(os.wait())
"""


@pytest.mark.parametrize("guard", ["free", "strict", "compat"])
def test_a_crash_leaves_no_core_where_it_happens(world: World, guard: str) -> None:
    place = Path(world.env["HOME"], "folder")
    place.mkdir(parents=True)
    argv = [sys.executable, str(world.script("crash.py", CRASH)), str(place)]
    if guard == "free":
        subprocess.run(argv, cwd=world.workspace, env=world.env, check=True)
    else:
        world.leash("run", "--headless", "--guard", guard, "--", *argv)
    assert bool(list(place.iterdir())) is (guard == "free")
