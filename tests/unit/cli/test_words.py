"""Where leash's words end and the program's begin; what help, version and errors say; what start-up imports."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from conftest import World

from leashtui import __version__
from leashtui.faces.cli.options import split
from leashtui.faces.cli.table import BY_NAME, COMMANDS, overview

HEAVY = ("textual", "rich", "bittty", "cedarpy", "tree_sitter", "asyncio", "msgspec", "watchdog")


@pytest.mark.parametrize(
    ("words", "ours", "rest", "literal"),
    [
        (["bash"], [], ["bash"], False),
        (["bash", "--guard", "exec"], [], ["bash", "--guard", "exec"], False),
        (["--guard", "exec", "bash", "-c", "x"], ["--guard", "exec"], ["bash", "-c", "x"], False),
        (["--guard=exec", "--plain", "a"], ["--guard=exec", "--plain"], ["a"], False),
        (["--plain", "--", "--odd", "--"], ["--plain"], ["--odd", "--"], True),
        (["--on-ask", "--", "x"], ["--on-ask", "--"], ["x"], False),
        (["--workspace", "status", "status"], ["--workspace", "status"], ["status"], False),
        (["-", "x"], [], ["-", "x"], False),
        ([], [], [], False),
    ],
)
def test_split(words: list[str], ours: list[str], rest: list[str], literal: bool) -> None:
    assert split(words) == (ours, rest, literal)


def test_the_programs_words_reach_it_verbatim(world: World) -> None:
    script = world.script(
        "echo.py", "import json, os, sys\nprint(json.dumps([os.fsencode(a).hex() for a in sys.argv[1:]]))\n"
    )
    odd = ["--guard", "exec", "--", "-x", "", "a b", "\udcff\udcfe", "--json"]
    for words in ([sys.executable, str(script)], ["--headless", sys.executable, str(script)]):
        done = world.leash(*words, *odd)
        assert done.returncode == 0, done.stderr
        assert [bytes.fromhex(x) for x in json.loads(done.stdout)] == [
            a.encode("utf-8", "surrogateescape") for a in odd
        ]


def test_one_dash_dash_after_the_name_is_leashs(world: World) -> None:
    assert world.leash("echo", "--", "--", "x").stdout == "-- x\n"


def test_a_program_named_like_a_command(world: World) -> None:
    (world.root / "bin").mkdir()
    program = world.root / "bin" / "status"
    program.write_text("#!/bin/sh\necho mine $1\n")
    program.chmod(0o755)
    world.env["PATH"] = f"{program.parent}:{world.env['PATH']}"
    assert world.leash("run", "--", "status", "x").stdout == "mine x\n"
    assert world.leash("--", "status", "x").stdout == "mine x\n"
    assert world.leash("status").stdout == "no session is running\n"
    confused = world.leash("--headless", "status")
    assert confused.returncode == 2
    assert "leash --headless -- status" in confused.stderr


def test_help_names_every_command(world: World) -> None:
    done = world.leash("--help")
    assert done.returncode == 0
    assert done.stdout == overview() + "\n"
    assert all(row.name in done.stdout and row.help in done.stdout for row in COMMANDS)
    assert world.leash("help").stdout == done.stdout
    bare = world.leash()
    assert (bare.returncode, bare.stdout, bare.stderr) == (2, "", done.stdout)
    assert world.leash("--version").stdout == f"leash {__version__}\n"


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_every_command_has_help(world: World, name: str) -> None:
    done = world.leash(name, "--help")
    assert done.returncode == 0, done.stderr
    assert f"usage: leash {name}" in done.stdout
    assert world.leash("help", name).stdout == done.stdout


def test_an_unknown_program_gets_the_nearest_name(world: World) -> None:
    world.env["PATH"] = "/usr/bin:/bin"
    for word, remedy in (("cladue", "leash claude"), ("claude", "install claude"), ("stauts", "leash status")):
        done = world.leash(word)
        assert done.returncode == 127
        assert word in done.stderr
        assert remedy in done.stderr
        assert done.stderr.count("\n") == 2
        assert "Traceback" not in done.stderr


def imported(world: World, *words: str) -> set[str]:
    code = (
        "import sys\nfrom leashtui.faces.cli.main import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        "print(chr(10).join(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", code, *words], cwd=world.workspace, env=world.env, capture_output=True, text=True
    )
    return {name.partition(".")[0] for name in done.stderr.splitlines()}


def test_help_and_version_import_nothing_heavy(world: World) -> None:
    for words in (["--help"], ["--version"], []):
        assert imported(world, *words).isdisjoint(HEAVY)


@pytest.mark.parametrize(
    "words", [["status"], ["approvals", "--json"], ["log", "--json"], ["config", "show"], ["run", "--help"]]
)
def test_commands_import_no_screen_no_engine(world: World, words: list[str]) -> None:
    found = imported(world, *words)
    assert "leashtui" in found
    assert found.isdisjoint({"textual", "rich", "bittty", "cedarpy", "tree_sitter"})
