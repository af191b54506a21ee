"""Policies that name a folder hold for what the session made itself, for moves out of it and of what holds it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from conftest import World

from leashtui.guards.kernel.probe import probe
from leashtui.model.request import Tier

pytestmark = pytest.mark.skipif(probe().tier is not Tier.STRICT, reason="this host does not give tier strict")
TRIED = """
import os, sys
def tried(act, *words):
    try:
        act(*words); return "done"
    except OSError as error:
        return error.strerror
for n in range(60): open(f"target/w{n}.o", "w").close()
for n in range(60): os.unlink(f"target/w{n}.o")
put = lambda path: open(path, "w").close()
"""
OWN = """
for folder in ("keep", "target/keep"):
    for n in range(3):
        print(tried(put, f"{folder}/f.o"), tried(os.unlink, f"{folder}/f.o"))
    print(tried(put, f"{folder}/g.o"), tried(os.rename, f"{folder}/g.o", "g.o"))
    print(tried(os.mkdir, f"{folder}/in"), tried(put, f"{folder}/in/f"))
    print(tried(os.rename, f"{folder}/in", "in" + folder[0]))
    print(tried(os.rename, folder, folder + "2"))
"""
DENIED = "Permission denied"


def policy(world: World, text: str) -> None:
    place = Path(world.env["LEASH_CONFIG_DIR"]) / "policies"
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    (place / "mine.cedar").write_text(
        f'@id("mine") @reason("Those stay.") @severity("high") @outcome("deny")\nforbid {text};\n'
    )


def run(world: World, tier: str, text: str) -> list[str]:
    for name in ("keep", "target/keep"):
        (world.workspace / name).mkdir(parents=True, exist_ok=True)
    script = world.workspace / "agent.py"
    script.write_text(TRIED + text)
    done = world.leash("run", "--headless", "--guard", tier, "--", sys.executable, "agent.py")
    assert done.returncode == 0, done
    return done.stdout.splitlines()


@pytest.mark.parametrize("tier", ["strict", "compat"])
def test_what_the_session_made_stays_where_a_policy_forbids_removing(world: World, tier: str) -> None:
    assert run(world, tier, OWN) == (["done done"] * 5 + ["done"] * 2) * 2
    places = [f'resource in Dir::"{world.workspace}/{name}"' for name in ("keep", "target/keep")]
    action = 'principal, action == Action::"FileDelete"'
    policy(world, f"({action}, {places[0]});\n" + f'@id("more") @outcome("deny")\nforbid ({action}, {places[1]})')
    kept = run(world, tier, OWN)
    assert kept == ([f"done {DENIED}"] * 4 + ["done done", DENIED, DENIED]) * 2
    assert (world.workspace / "keep/in/f").exists()


def test_a_policy_about_one_folder_leaves_the_rest_as_quick_and_quiet_as_ever(world: World) -> None:
    text = 'for n in range(200): put(f"src{n}.py")\nprint(tried(put, "keep/f"))'
    policy(world, f'(principal, action == Action::"FileOpenReadWrite", resource in Dir::"{world.workspace}/keep")')
    assert run(world, "strict", text) == [DENIED]
    decided = [e for e in world.events("act.decided") if e["request"]["action"] == "FileOpenReadWrite"]
    assert [e["verdict"]["ruling"] for e in decided if "/keep" in e["request"]["path"]] == ["deny"]
    assert len(decided) < 10, [e["request"]["path"] for e in decided]


@pytest.mark.parametrize("tier", ["strict", "compat"])
def test_a_name_that_tells_elsewhere_does_not_hide_where_a_file_lies(world: World, tier: str) -> None:
    """In build output and temporary folders a name means nothing, and the file was asked about as another one."""
    place = world.workspace / "target/keep"
    (place / ".github/workflows").mkdir(parents=True)
    names = (".env", "package-lock.json", ".github/workflows/x.yml", "Makefile")
    text = (
        f'for name in {names!r}:\n    print(tried(put, "target/keep/" + name), tried(os.unlink, "target/keep/" + name))'
    )
    assert run(world, tier, text) == ["done done"] * 4
    for name in names:
        (place / name).write_text("x\n")
    policy(
        world,
        '(principal, action in [Action::"FileOpenReadWrite", Action::"FileDelete"], '
        f'resource in Dir::"{world.workspace}/target/keep")',
    )
    assert run(world, tier, text) == [f"{DENIED} {DENIED}"] * 4
    assert all((place / name).read_text() == "x\n" for name in names)


def test_no_link_is_put_where_a_policy_forbids_to_write(world: World) -> None:
    text = """
print(tried(os.symlink, "/tmp", "new"), tried(os.symlink, "/tmp", "other"), tried(os.rename, "other", "new"))
print(tried(os.rmdir, "empty"), tried(os.symlink, "/tmp", "empty"), tried(os.rmdir, "keep/empty"))
"""
    (world.workspace / "empty").mkdir()
    (world.workspace / "keep/empty").mkdir(parents=True)
    assert run(world, "strict", text) == ["done done done", "done done done"]
    for name in ("new", "empty"):
        (world.workspace / name).unlink()
    (world.workspace / "empty").mkdir()
    (world.workspace / "keep/empty").mkdir()
    where = [f'resource in Dir::"{world.workspace}/{name}"' for name in ("new", "empty", "keep")]
    write = 'principal, action == Action::"FileOpenReadWrite"'
    rest = f'@id("two") @outcome("deny")\nforbid ({write}, {where[1]});\n'
    rest += f'@id("three") @outcome("deny")\nforbid (principal, action == Action::"FileDelete", {where[2]})'
    policy(world, f"({write}, {where[0]});\n{rest}")
    assert run(world, "strict", text) == [f"{DENIED} done {DENIED}", f"done {DENIED} {DENIED}"]
