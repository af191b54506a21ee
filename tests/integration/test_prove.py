"""`leash doctor --prove`: a session that tries what none may do, and a verdict that rests on the log."""

from __future__ import annotations

import json
from typing import Any

import pytest
from conftest import World

from leashtui.faces.cli.checks import BAD, NOTE, OK
from leashtui.faces.cli.prove import _finding


def proved(world: World, *more: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """(exit code, findings by name)."""
    done = world.leash("doctor", "--prove", *more, "--json", timeout=120)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    return done.returncode, {row["name"]: row for row in found}


def test_the_default_tier_refuses_every_try_and_names_who_saw_it(world: World) -> None:
    code, found = proved(world)
    assert code == 0, found
    assert "tier strict" in found["session"]["detail"]
    assert {row["state"] for row in found.values()} == {OK}
    assert len(found) == 17
    assert found["reading leash's logs"]["detail"].startswith("refused by the floor"), found
    for name in ("a program by its path", "a command by /bin/sh -c", "a command by $SHELL -c", "a program of a daemon"):
        assert "kernel guard: builtin/guard-tamper" in found[name]["detail"]
    assert "builtin/git-hook" in found["a git hook"]["detail"]
    assert "builtin/first-contact" in found["a connection to a stranger"]["detail"]
    assert found["calls by io_uring"]["detail"] == "refused by the floor (ENOSYS)"
    assert not (world.root / "state" / "canary").exists()


@pytest.mark.parametrize(
    ("tier", "held", "open_"),
    [("exec", "a program of a daemon", "a git hook"), ("watch", "a command by sh -c", "a program by its path")],
)
def test_a_lesser_tier_says_what_went_through(world: World, tier: str, held: str, open_: str) -> None:
    (world.root / "home" / ".netrc").write_text("machine example.com password x")
    code, found = proved(world, "--guard", tier)
    assert code == 0, found
    assert found["reading .netrc"]["detail"] == "went through (it was read): this tier does not stop it"
    assert found[held]["state"] == OK
    assert found[open_]["state"] == NOTE
    assert "went through" in found[open_]["detail"]
    assert not (world.root / "home" / ".leash-canary").exists()


@pytest.mark.parametrize(("tier", "last"), [("exec", "this tier keeps what it promises"), ("strict", "all is well")])
def test_the_last_line_is_well_only_where_nothing_went_through(world: World, tier: str, last: str) -> None:
    done = world.leash("doctor", "--prove", "--guard", tier, timeout=120)
    through = done.stdout.count(": went through (") + done.stdout.count("  went through (")
    assert done.stdout.splitlines()[-1].startswith(last), done.stdout
    assert (f"{through} tries went through" in done.stdout.splitlines()[-1]) == (tier == "exec"), done.stdout


def test_a_program_that_ran_is_said_to_have_run() -> None:
    """The canary is leash itself: its own complaint stood there as what went through."""
    told = _finding("x", (False, "leash: session s: a code is needed"), False, "", []).detail
    assert told == "went through (it ran): this tier does not stop it"


def test_an_agent_is_tried_in_its_own_tier_and_its_hooks_are_told(world: World) -> None:
    code, found = proved(world, "claude")
    assert code == 0, found
    assert found["session"]["detail"].split(": ")[1].startswith("claude, tier strict")
    assert found["its hooks"]["state"] == NOTE
    assert found["a connection to a stranger"]["state"] == NOTE, "an agent reaches its model itself"
    assert "silent in its last 1 session" in found["its hooks"]["detail"]


def test_an_unknown_agent_is_named_with_the_nearest(world: World) -> None:
    done = world.leash("doctor", "--prove", "cluade")
    assert done.returncode == 2
    assert "no agent is called cluade" in done.stderr
    assert "claude" in done.stderr


def test_what_goes_through_against_a_promise_is_broken() -> None:
    assert _finding("x", (False, "it was done"), True, "", []).state == BAD
    assert _finding("x", (False, "it was done"), False, "", []).state == NOTE
    assert _finding("x", (True, "leash: REFUSED"), True, "mark", []).state == BAD, "the log must know"
    assert _finding("x", None, False, "", []).state == BAD
