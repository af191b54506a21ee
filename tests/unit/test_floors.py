"""The import contracts hold, and each of them breaks when it is violated: a contract that cannot break says nothing."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
TOOL = Path(sys.executable).with_name("lint-imports")

PLANTED = {
    "floors": [
        ("model/card.py", "import leashtui.words.plain"),
        ("classify/engine.py", "import leashtui.policy.pdp"),
        ("supervisor/desk.py", "import leashtui.faces.link"),
        ("utils/__init__.py", ""),
    ],
    "faces": [
        ("faces/cli/status.py", "import leashtui.faces.plain.wash"),
        ("faces/outer.py", "import leashtui.faces.keeper"),
    ],
    "guards": [("guards/pty/ring.py", "import leashtui.guards.kernel.abi")],
    "agents": [
        ("agents/claude.py", "import leashtui.agents.codex"),
        ("agents/newcomer.py", ""),
    ],
    "stores": [("stores/directories.py", "import leashtui.stores.database")],
    "pure": [(f"{floor}/__init__.py", "import time") for floor in ("classify", "policy", "audit", "words", "model")]
    + [
        ("classify/engine.py", "import subprocess"),
        ("policy/pdp.py", "import threading"),
        ("audit/chain.py", "import random"),
    ],
    "client": [("client/shim.py", "import json"), ("client/shim.py", "import leashtui.model.errors")],
    "relay": [("client/relay.py", "import msgspec"), ("client/relay.py", "import leashtui.model.errors")],
    "client_is_a_program": [("guards/shim/directory.py", "import leashtui.client.shim")],
    "bare": [
        ("guards/kernel/launcher.py", "import msgspec"),
        ("supervisor/warden.py", "import leashtui.model.errors"),
        ("guards/mcp/gateway.py", "import msgspec"),
    ],
    "cedar": [("supervisor/desk.py", "import cedarpy")],
    "textual": [("faces/cli/status.py", "import rich"), ("faces/link.py", "import textual")],
    "parser": [("supervisor/desk.py", "import tree_sitter")],
    "sqlite": [("faces/cli/status.py", "import sqlite3")],
    "psycopg": [("stores/sync.py", "import psycopg")],
    "decisions": [("supervisor/desk.py", "import leashtui.stores.sync")],
    "cycles": [("words/plain.py", "import leashtui.words.refusal")],
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package and its contracts, free to be spoiled."""
    place = tmp_path_factory.mktemp("floors")
    shutil.copytree(TOP / "leashtui", place / "leashtui", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(TOP / ".importlinter", place)
    return place


def lint(place: Path, *contracts: str) -> subprocess.CompletedProcess[str]:
    chosen = [word for contract in contracts for word in ("--contract", contract)]
    return subprocess.run(
        [str(TOOL), "--no-cache", "--no-logo", *chosen], cwd=place, capture_output=True, text=True, check=False
    )


@pytest.fixture
def plant(copy: Path) -> Iterator[object]:
    """Adds a line to a file, or makes the file; everything is as before afterwards."""
    before: list[tuple[Path, str | None]] = []

    def add(name: str, line: str) -> None:
        file = copy / "leashtui" / name
        before.append((file, file.read_text() if file.exists() else None))
        file.parent.mkdir(exist_ok=True)
        file.write_text((before[-1][1] or '"""Planted."""\n') + f"\n{line}\n")

    yield add
    for file, text in reversed(before):
        if text is not None:
            file.write_text(text)
        elif file.name == "__init__.py":
            shutil.rmtree(file.parent)
        else:
            file.unlink()


def test_the_contracts_hold() -> None:
    done = lint(TOP)
    assert done.returncode == 0, done.stdout[-4000:]


def test_every_contract_has_a_violation_here() -> None:
    parser = ConfigParser()
    parser.read(TOP / ".importlinter")
    contracts = {section.rpartition(":")[2] for section in parser.sections() if ":contract:" in section}
    assert contracts == set(PLANTED)


@pytest.mark.parametrize(
    ("contract", "name", "line"),
    [
        pytest.param(contract, name, line, id=f"{contract}-{number}")
        for contract, cases in PLANTED.items()
        for number, (name, line) in enumerate(cases)
    ],
)
def test_a_violation_breaks_it(copy: Path, plant: object, contract: str, name: str, line: str) -> None:
    assert callable(plant)
    plant(name, line)
    done = lint(copy, contract)
    assert done.returncode == 1, f"{contract} did not notice {line!r} in {name}:\n{done.stdout[-2000:]}"
    assert "BROKEN" in done.stdout or "exhaustive" in done.stdout.lower() or "missing" in done.stdout.lower()
