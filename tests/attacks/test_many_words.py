"""What a command would do worst stands in its facts, however many harmless things it would do besides."""

from __future__ import annotations

import subprocess

import pytest
from conftest import World

from leashtui.classify.engine import Engine
from leashtui.classify.probe import NoProbe
from leashtui.classify.workspace import Workspace
from leashtui.model.facts import Facts, Severity
from leashtui.model.request import Action, Layer, Mode, Request

MANY = 2500
ROOT = "/home/dev/proj"


def judged(*argv: str) -> Facts:
    engine = Engine(Workspace(ROOT), "/home/dev", "dev", Mode.KERNEL, NoProbe())
    return engine(Request(Action.PROCESS_EXEC, Layer.KERNEL, ROOT, argv=argv))


@pytest.mark.parametrize(
    ("before", "each", "after", "worst"),
    [
        (("cat",), "n{}", ("/home/dev/.ssh/id_rsa",), "/home/dev/.ssh/id_rsa"),
        (("rm",), "build/{}.o", ("src/main.c",), f"{ROOT}/src/main.c"),
        (("rm", "-rf"), "build/{}.o", ("/home/dev",), "/home/dev"),
        (("rm", "-rf"), "src/{}.c", ("/home/dev",), "/home/dev"),
        (("cp",), "n{}", ("/home/dev/.ssh/id_rsa", "x/"), "/home/dev/.ssh/id_rsa"),
    ],
)
def test_the_worst_of_very_many_is_told(before: tuple[str, ...], each: str, after: tuple[str, ...], worst: str) -> None:
    facts = judged(*before, *(each.format(n) for n in range(MANY)), *after)
    told = {effect.target: effect.severity for effect in facts.effects}
    assert told[worst] in (Severity.HIGH, Severity.CRITICAL)


@pytest.mark.parametrize("guarded", [False, True])
def test_a_file_behind_many_is_not_removed(world: World, guarded: bool) -> None:
    """In tier exec, which sees no file acts."""
    mine = world.workspace / "mine.txt"
    mine.write_text("work")
    words = ["rm", "-f", *(f"build/{n}.o" for n in range(MANY)), "mine.txt"]
    script = world.script("agent.sh", " ".join(words) + "\ntrue\n")
    if guarded:
        world.leash("run", "--headless", "--guard", "exec", "--", "bash", str(script))
    else:
        subprocess.run(["bash", str(script)], cwd=world.workspace, env=world.env, check=True)
    assert mine.exists() is guarded
