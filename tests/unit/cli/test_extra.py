"""Without a database driver everything but the team store works, and that says what to install."""

from __future__ import annotations

import subprocess
import sys

import pytest
from conftest import World

from leashtui.model.errors import Exit

CODE = (
    "import sys; sys.modules['psycopg'] = None; from leashtui.faces.cli.main import main; sys.exit(main(sys.argv[1:]))"
)


@pytest.mark.parametrize(
    "words", [("sync",), ("team", "status"), ("review",), ("review", "offer"), ("audit", "verify", "team")]
)
def test_what_needs_it_names_the_extra(world: World, words: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE, *words], env=world.env, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == Exit.USAGE
    assert "pip install 'leashtui[team]'" in done.stderr


def test_the_solver_is_an_extra_too(world: World) -> None:
    code = CODE.replace("psycopg", "z3")
    done = subprocess.run(
        [sys.executable, "-c", code, "policy", "analyse"], env=world.env, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == Exit.USAGE and "pip install 'leashtui[analysis]'" in done.stderr


@pytest.mark.parametrize(
    "words", [("log",), ("audit", "verify"), ("audit", "key"), ("export",), ("report",), ("team", "leave")]
)
def test_what_does_not_need_it_works(world: World, words: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE, *words], env=world.env, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, done.stderr
