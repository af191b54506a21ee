"""A policy that closes a folder to readers holds for every program, not only for commands that say what they read."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from conftest import World

from leashtui.guards.kernel.probe import probe
from leashtui.model.request import Tier

pytestmark = pytest.mark.skipif(probe().tier is not Tier.STRICT, reason="this host does not give tier strict")
OPENED = "import os, sys, mmap, shutil\npath = sys.stdin.read().strip()\n"
WAYS = {
    "a command that names it": ["cat", "@/letter"],
    "its folder, by way of another": ["sh", "-c", "cd @ && cat letter"],
    "all that lies above it": ["grep", "-rs", "dear", "@/.."],
    "an archive": ["sh", "-c", "tar cf - -C @/.. letters | tr -d '\\0'"],
    "a program that says nothing": ["python3", "-c", OPENED + "print(open(path).read())"],
    "a copy": ["python3", "-c", OPENED + "shutil.copy(path, 'c'); print(open('c').read())"],
    "a link": ["python3", "-c", OPENED + "os.symlink(path, 'l'); print(open('l').read())"],
    "another name": ["python3", "-c", OPENED + "os.link(path, 'h'); print(open('h').read())"],
    "the root of a process": ["python3", "-c", OPENED + "print(open('/proc/self/root' + path).read())"],
    "a map": ["python3", "-c", OPENED + "print(mmap.mmap(os.open(path, 0), 0, prot=1)[:])"],
    "a rename of what holds it": ["python3", "-c", OPENED + "up = path[:-14]\nos.rename(up + 'letters', up + 'moved')\n"
                                  "print(open(up + 'moved/letter').read())"],
}  # fmt: skip
ASKED = {"another name", "a rename of what holds it"}
"""What nobody may do unasked, whatever a policy closes."""
AGENT = """
import json, subprocess, sys
told = json.load(open(sys.argv[1]))
for name, argv in told["ways"].items():
    done = subprocess.run(argv, input=told["path"], capture_output=True, text=True)
    print(name, "|", "dear" in done.stdout, "|", " ".join(done.stderr.split()), flush=True)
"""


@pytest.fixture
def letters(world: World) -> Path:
    """A folder of the person's, beside the workspace."""
    place = world.root / "mail" / "letters"
    place.mkdir(parents=True)
    (place / "letter").write_text("dear\n")
    return place


def policy(world: World, outcome: str, text: str) -> None:
    place = Path(world.env["LEASH_CONFIG_DIR"]) / "policies"
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    (place / "mine.cedar").write_text(
        f'@id("letters") @reason("Those are private.") @severity("high") @outcome("{outcome}")\nforbid {text};\n'
    )


def read(world: World, letters: Path, tier: str, ways: dict[str, list[str]] = WAYS) -> dict[str, tuple[bool, str]]:
    """Which way led to the letter, and what was said on its stderr."""
    asked = {name: [word.replace("@", str(letters)) for word in argv] for name, argv in ways.items()}
    (world.root / "ways.json").write_text(json.dumps({"ways": asked, "path": str(letters / "letter")}))
    agent = world.script("agent.py", AGENT)
    for left in ("c", "l", "h"):
        (world.workspace / left).unlink(missing_ok=True)
    words = (sys.executable, str(agent), str(world.root / "ways.json"))
    done = world.leash("run", "--headless", "--guard", tier, "--", *words)
    found = {}
    for line in done.stdout.splitlines():
        name, came, said = line.split(" | ", 2) if line.count(" | ") > 1 else (*line.rstrip(" |").split(" | "), "")
        found[name] = (came == "True", said)
    assert len(found) == len(asked), done
    if (moved := letters.with_name("moved")).exists():
        moved.rename(letters)
    return found


@pytest.mark.parametrize("tier", ["strict", "compat"])
def test_what_a_policy_closes_is_read_in_no_way(world: World, letters: Path, tier: str) -> None:
    free = read(world, letters, tier)
    assert {name for name, (came, _) in free.items() if not came} <= ASKED, free
    policy(world, "deny", f'(principal, action == Action::"FileOpenReadOnly", resource in Dir::"{letters}")')
    closed = read(world, letters, tier)
    assert not [name for name, (came, _) in closed.items() if came], closed
    assert "Those are private. [user/letters]" in closed["a command that names it"][1]
    assert "REFUSED" not in closed["all that lies above it"][1], "who looks through all of it finds it closed"


def test_a_script_that_names_it_is_told_which_policy_closes_it(world: World, letters: Path) -> None:
    policy(world, "deny", f'(principal, action == Action::"FileOpenReadOnly", resource in Dir::"{letters}")')
    (world.workspace / "reads.py").write_text(f"print(open('{letters}/letter').read())")
    found = read(world, letters, "strict", {"a script": ["python3", "reads.py"]})
    came, said = found["a script"]
    assert not came
    assert "closed in this session (Permission denied) by user/letters: Those are private." in said


def test_one_that_asks_opens_for_whom_the_person_says_yes(world: World, letters: Path) -> None:
    policy(world, "ask", f'(principal, action == Action::"FileOpenReadOnly", resource in Dir::"{letters}")')
    ways = {name: WAYS[name] for name in ("a command that names it", "a program that says nothing")}
    assert not any(came for came, _ in read(world, letters, "strict", ways).values())
    session = world.start("run", "--headless", "--on-ask", "wait", "--", "cat", str(letters / "letter"))
    card = world.one_card()
    decided = world.events("act.decided")[-1]
    assert "user/letters" in {policy["id"] for policy in decided["decision"]["policies"]}
    world.leash("approve", card["id"])
    out, _ = session.communicate(timeout=60)
    assert out == b"dear\n"


def test_it_holds_for_whom_it_is_meant_and_where_the_person_looks_on(world: World, letters: Path) -> None:
    text = 'action == Action::"FileOpenReadOnly", resource in Dir::'
    ways = {name: WAYS[name] for name in ("a command that names it", "a program that says nothing")}
    policy(world, "deny", f'(principal in Role::"review", {text}"{letters}")')
    assert all(came for came, _ in read(world, letters, "strict", ways).values())
    policy(world, "deny", f'(principal, {text}"{letters}") unless {{ principal in AgentKind::"python3" }}')
    inside = read(world, letters, "strict", ways)
    named = sys.executable.rpartition("/")[2]
    assert all(came is (named == "python3") for came, _ in inside.values()), (named, inside)


def test_what_the_system_needs_is_closed_to_commands_only_and_that_is_said(world: World) -> None:
    policy(world, "deny", '(principal, action == Action::"FileOpenReadOnly", resource in Dir::"/etc")')
    done = world.leash("run", "--headless", "--", "true")
    assert done.returncode == 0, done
    assert any("/etc is closed to commands that name it" in event["text"] for event in world.events("notice"))
    done = world.leash("run", "--headless", "--", "cat", "/etc/hostname")
    assert done.returncode == 126, done


def test_where_no_file_acts_are_seen_commands_are_asked_about_their_changes(world: World, letters: Path) -> None:
    ways = {"a change": ["tee", "@/new"], "a removal": ["rm", "-f", "@/new"], "elsewhere": ["tee", "new"]}
    action = '[Action::"FileOpenReadWrite", Action::"FileDelete"]'
    for tier in ("exec", "strict"):
        policy(world, "deny", f'(principal, action in {action}, resource in Dir::"{letters}")')
        (letters / "new").write_text("")
        said = {name: said for name, (_, said) in read(world, letters, tier, ways).items()}
        assert ["user/letters" in said[name] for name in ways] == [True, True, False], said
        assert (letters / "new").exists()
