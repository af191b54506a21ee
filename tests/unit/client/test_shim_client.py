"""The shim client alone: how it reads a shell's command line, and what it may import."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from leashtui.client import shim


@pytest.mark.parametrize(
    ("line", "mode", "operand"),
    [
        ("-c TEXT", "command", 1),
        ("-lc TEXT", "command", 1),
        ("-c -l TEXT", "command", 2),
        ("-ic TEXT", "command", 1),
        ("-c -- TEXT arg", "command", 2),
        ("-c - TEXT", "command", 2),
        ("-o errexit -c TEXT", "command", 3),
        ("-eo pipefail -c TEXT", "command", 3),
        ("-co pipefail TEXT", "command", 2),
        ("-O extglob +O nullglob -c TEXT", "command", 5),
        ("--norc --noprofile -c TEXT", "command", 3),
        ("--rcfile FILE -c TEXT", "command", 3),
        ("-rcfile FILE -c TEXT", "command", 3),
        ("--init-file=FILE -c TEXT", "command", 2),
        ("+e -c TEXT", "command", 2),
        ("-c", "nothing", -1),
        ("--version", "nothing", -1),
        ("x.sh -c not-an-option", "file", 0),
        ("-x ./x.sh a", "file", 1),
        ("-- -odd-name", "file", 1),
        ("-s a b", "stdin", -1),
        ("-l -s", "stdin", -1),
        ("", "stdin", -1),
        ("-", "stdin", -1),
        ("-i", "stdin", -1),
    ],
)
def test_reading_a_command_line(line: str, mode: str, operand: int) -> None:
    found = shim.parse([w.encode() for w in line.split()], terminal=False)
    assert (found.mode, found.operand) == (mode, operand)


@pytest.mark.parametrize("line", ["", "-i", "-l", "--norc", "-o vi"])
def test_without_operands_on_a_terminal_it_is_interactive(line: str) -> None:
    assert shim.parse([w.encode() for w in line.split()], terminal=True).mode == "interactive"


@pytest.mark.parametrize("line", ["+c TEXT", "+s", "-e +ec TEXT"])
def test_what_shells_read_differently_is_refused(line: str) -> None:
    with pytest.raises(shim.Refusal):
        shim.parse([w.encode() for w in line.split()], terminal=False)


# Differential: what the real bash runs is what `parse` says it runs. $M in the text tells -c from a file from stdin.
@pytest.mark.parametrize(
    "args",
    [
        ["-c", "echo command"],
        ["-c", "-e", "echo command"],
        ["-o", "pipefail", "-c", "echo command"],
        ["-O", "extglob", "-c", "echo command"],
        ["-ec", "echo command", "file.sh"],
        ["file.sh", "-c", "echo command"],
        ["-e", "file.sh"],
        ["--norc", "file.sh"],
        ["-norc", "file.sh"],
        ["--rcfile", "file.sh"],
        ["-s", "file.sh"],
        ["-", "file.sh"],
        ["--", "file.sh"],
        ["-o", "errexit"],
        ["-eo", "pipefail", "file.sh"],
        ["+e", "file.sh"],
        [],
    ],
)
def test_bash_agrees(tmp_path: Path, args: list[str]) -> None:
    (tmp_path / "file.sh").write_text("echo file\n")
    done = subprocess.run(
        ["/bin/bash", *args], cwd=tmp_path, input="echo stdin\n", capture_output=True, text=True, env={}, check=False
    )
    assert done.stdout.split() == [shim.parse([a.encode() for a in args], terminal=False).mode], done.stderr


def test_path_loses_the_shims_however_they_are_spelled(tmp_path: Path) -> None:
    own, other = tmp_path / "shim", tmp_path / "bin"
    own.mkdir()
    other.mkdir()
    (tmp_path / "link").symlink_to(own)
    path = f"{own}:{other}:{own}/:{tmp_path}/link:{tmp_path}/bin/../shim::relative"
    assert shim.without_shims(path, str(own)) == f"{other}::relative"


def test_it_imports_four_c_modules_and_nothing_heavy() -> None:
    source = str(Path(shim.__file__))
    program = f"import sys; before = set(sys.modules); exec(compile(open({source!r}).read(), 'shim', 'exec'));"
    program += "print(sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-IS", "-c", program], capture_output=True, text=True, check=True)
    heavy = {
        "json",
        "typing",
        "re",
        "argparse",
        "asyncio",
        "logging",
        "subprocess",
        "enum",
        "socket",
        "signal",
        "leashtui",
    }
    assert not heavy & set(eval(done.stdout)), done.stdout
