"""The README says what the program does: commands, options, keys and sizes do not drift apart."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import msgspec
import pytest

from leashtui import __version__
from leashtui.faces.cli.main import parser_of
from leashtui.faces.cli.table import BY_NAME, COMMANDS
from leashtui.supervisor.config import load

TOP = Path(__file__).parents[2]
README = (TOP / "README.md").read_text()


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) < 150


def test_the_first_two_commands_are_two() -> None:
    (block,) = blocks("sh readme")
    demo, tests = block.splitlines()
    assert demo.endswith("leash demo")
    assert tests.endswith("pytest")


def test_the_command_table_is_the_command_table() -> None:
    wanted = "".join(f"| `leash {row.name}` | {row.help} |\n" for row in COMMANDS)
    found = re.search(r"<!-- commands -->\n(.*?)<!-- /commands -->", README, re.DOTALL)
    assert found is not None
    assert found[1] == wanted


@pytest.mark.parametrize("line", [line for block in blocks("sh") for line in block.splitlines()])
def test_every_example_is_a_command_that_parses(line: str) -> None:
    words = line.partition("#")[0].split()
    assert words[0] == "leash"
    name = words[1]
    if name in BY_NAME and name != "run":
        for word in words[2:]:
            option = word.partition("=")[0]
            if option == "--":
                break
            if option.startswith("--"):
                assert option in parser_of(BY_NAME[name]).format_help()


def test_every_option_the_readme_names_exists() -> None:
    helps = "\n".join(parser_of(row).format_help() for row in COMMANDS)
    for option in set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", README)):
        assert option in helps, option


def test_the_configuration_example_is_valid_and_shows_every_key(tmp_path: Path) -> None:
    (block,) = blocks("toml")
    (tmp_path / "config.toml").write_text(block)
    loaded = load(tmp_path)
    assert {value.key for value in loaded.values() if value.source == "default"} == set()
    assert msgspec.to_builtins(loaded.config)


def test_the_policy_example_is_a_policy(tmp_path: Path) -> None:
    (block,) = blocks("cedar")
    (tmp_path / "mine.cedar").write_text(block)
    done = subprocess.run(
        [sys.executable, "-I", "-m", "leashtui", "policy", "check", str(tmp_path)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (cases,) = blocks("ini")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "mine.toml").write_text(cases)
    done = subprocess.run(
        [sys.executable, "-I", "-m", "leashtui", "policy", "test", str(tmp_path)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 of 3 policies met" in done.stdout or "3 cases passed" in done.stdout


@pytest.mark.parametrize("name", ["README.md", "AGENTS.md", "SECURITY.md", "CHANGELOG.md", "docs/policy.md"])
def test_links_lead_somewhere(name: str) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", (TOP / name).read_text()):
        if not target.startswith("http"):
            assert (TOP / name).parent.joinpath(target).exists(), f"{name}: {target}"


def test_the_map_names_every_room() -> None:
    text = (TOP / "AGENTS.md").read_text()
    rooms = [path.parent for path in (TOP / "leashtui").glob("*/__init__.py")]
    rooms += [path.parent for floor in ("faces", "guards") for path in (TOP / "leashtui" / floor).glob("*/__init__.py")]
    for room in rooms:
        assert f"`{room.relative_to(TOP / 'leashtui')}/`" in text, room


def test_versions_agree() -> None:
    project = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]
    assert project["version"] == __version__
    assert f"## {__version__}" in (TOP / "CHANGELOG.md").read_text()


def test_decisions_are_numbered_without_a_gap() -> None:
    files = sorted((TOP / "docs" / "adr").glob("*.md"))
    numbers = [int(file.name[:4]) for file in files]
    assert numbers == list(range(1, len(numbers) + 1))
    for file in files:
        assert file.read_text().startswith(f"# {int(file.name[:4])}. ")
