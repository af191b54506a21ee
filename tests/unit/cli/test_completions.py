"""The completion scripts are those the command table gives, and each shell can read its own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import World

from leashtui.faces.cli.completions import FILES
from leashtui.faces.cli.table import COMMANDS

TOP = Path(__file__).parents[3]


def test_the_scripts_are_those_of_the_table() -> None:
    done = subprocess.run(
        [sys.executable, str(TOP / "completions" / "generate.py"), "--check"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("shell", sorted(FILES))
def test_a_script_names_every_command_and_is_printed(world: World, shell: str) -> None:
    done = world.leash("completions", shell)
    assert done.returncode == 0
    assert done.stdout == (TOP / "completions" / FILES[shell]).read_text()
    assert all(row.name in done.stdout for row in COMMANDS)
    program = shutil.which(shell)
    if program is None and shell != "bash":
        pytest.skip(f"{shell} is not installed; .ci/run installs it")
    parsed = subprocess.run([program or "bash", "-n"], input=done.stdout, capture_output=True, text=True)
    assert (parsed.returncode, parsed.stderr) == (0, "")


def test_bash_completes_commands_and_options(tmp_path: Path) -> None:
    script = TOP / "completions" / FILES["bash"]
    ask = (
        f"source {script}; complete -p leash >/dev/null || exit 9\n"
        "name=$(complete -p leash | sed 's/.*-F \\([^ ]*\\).*/\\1/')\n"
        'complete_at() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE};'
        ' COMPREPLY=(); "$name" leash "${@: -1}" "${@: -2:1}"; printf \'%s\\n\' "${COMPREPLY[@]}"; }\n'
        "complete_at leash appr; echo --; complete_at leash deny --be; echo --; complete_at leash run --guard e\n"
    )
    done = subprocess.run(["bash", "--norc", "-c", ask], capture_output=True, text=True, cwd=tmp_path)
    first, second, third = (part.split() for part in done.stdout.split("--\n", 2)[:3])
    assert first == ["approvals", "approve"], done
    assert "--because" in second + third, done
