"""Secret variables: what the agent really gets, what is recorded, what is said, and what policies forbid."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from conftest import World

SECRET = "s3cr3t-value-of-mine"
SHOW = "import os; print(sorted(n for n in os.environ if n in {'GITHUB_TOKEN','ANTHROPIC_API_KEY','GIT_AUTHOR_NAME'}))"


def show(world: World) -> list[str]:
    """A program that tells which of some names it was handed."""
    return ["python3", str(world.script("show.py", SHOW))]


@pytest.fixture
def keyed(world: World) -> World:
    """A person with a key of a provider and a token of a forge."""
    world.env |= {"GITHUB_TOKEN": SECRET, "ANTHROPIC_API_KEY": "sk-ant-0123456789abcdef"}
    return world


@pytest.mark.parametrize("guard", ["", "exec", "watch"])
def test_they_are_withheld_and_said_by_name(keyed: World, guard: str) -> None:
    options = ("--guard", guard) if guard else ()
    done = keyed.leash("run", "--headless", *options, "--", *show(keyed))
    assert done.stdout == "['GIT_AUTHOR_NAME']\n", done.stderr
    (line,) = [one for one in done.stderr.splitlines() if "secret variables" in one]
    assert "ANTHROPIC_API_KEY, GITHUB_TOKEN" in line
    (started,) = keyed.events("session.started")
    assert (started["withheld"], started.get("granted")) == (["ANTHROPIC_API_KEY", "GITHUB_TOKEN"], None)
    assert SECRET not in done.stderr + keyed.leash("log", "--json").stdout


def test_by_name_they_are_granted(keyed: World) -> None:
    done = keyed.leash("run", "--headless", "--grant-env", "GITHUB_TOKEN", "--", *show(keyed))
    assert done.stdout == "['GITHUB_TOKEN', 'GIT_AUTHOR_NAME']\n", done.stderr
    assert "granted by you: GITHUB_TOKEN" in done.stderr
    (started,) = keyed.events("session.started")
    assert started["granted"] == ["GITHUB_TOKEN"]
    keyed.config('[environment]\ngrant = ["ANTHROPIC_*"]\nwithhold = ["GIT_AUTHOR_NAME"]\n')
    assert keyed.leash("run", "--headless", "--", *show(keyed)).stdout == "['ANTHROPIC_API_KEY']\n"


def test_an_agent_gets_its_own(keyed: World) -> None:
    keyed.script("claude", f"#!{sys.executable} -IS\n{SHOW}\n")
    done = keyed.leash("run", "--headless", "--", str(keyed.root / "claude"))
    assert done.stdout == "['ANTHROPIC_API_KEY', 'GIT_AUTHOR_NAME']\n", done.stderr
    assert "granted as its own key: ANTHROPIC_API_KEY" in done.stderr


def test_without_secrets_nothing_is_said(world: World) -> None:
    assert "secret variables" not in world.leash("run", "--headless", "--", "true").stderr


def test_other_processes_of_the_person_do_not_tell(keyed: World) -> None:
    """The keeper's own environment still holds them; the kernel keeps the agent from reading it."""
    look = "import os,sys\ntry: print(len(open(sys.argv[1],'rb').read()))\nexcept OSError as e: print(e.strerror)\n"
    path = f"/proc/{os.getpid()}/environ"
    assert Path(path).exists()
    script = keyed.script("look.py", look)
    done = keyed.leash("run", "--headless", "--on-ask", "wait", "--mode", "observe", "--", "python3", str(script), path)
    assert done.stdout == "Permission denied\n", done.stderr


def test_a_masked_value_stays_masked(keyed: World) -> None:
    keyed.leash("run", "--headless", "--", "echo", SECRET)
    records = keyed.leash("log", "--json").stdout
    assert SECRET not in records
    assert "[secret:GITHUB_TOKEN]" in records


def test_a_program_that_wants_one_is_told_the_next_step(keyed: World) -> None:
    place = keyed.root / "home" / "bin"
    place.mkdir()
    (place / "gh").write_text("#!/bin/sh\necho ran\n")
    (place / "gh").chmod(0o755)
    keyed.env["PATH"] = f"{place}:{keyed.env['PATH']}"
    done = keyed.leash("run", "--headless", "--", "sh", "-c", "gh --version; true")
    assert "ran" in done.stdout
    assert "--grant-env GITHUB_TOKEN" in done.stderr
    granted = keyed.leash("run", "--headless", "--grant-env", "GITHUB_TOKEN", "--", "sh", "-c", "gh --version; true")
    assert "ran" in granted.stdout and "may want" not in granted.stderr


def test_a_policy_may_forbid_a_grant(keyed: World) -> None:
    place = Path(keyed.env["LEASH_CONFIG_DIR"]) / "policies"
    place.mkdir(parents=True)
    (place / "mine.cedar").write_text(
        '@id("no-forge") @reason("Agents work without the forge here.")\n'
        'forbid (principal, action == Action::"SessionStart", resource)\n'
        'when { context.granted.contains("GITHUB_TOKEN") };\n'
    )
    refused = keyed.leash("run", "--headless", "--grant-env", "GITHUB_TOKEN", "--", "echo", "hi")
    assert refused.returncode == 126 and "hi" not in refused.stdout
    assert "Agents work without the forge here" in refused.stderr
    assert keyed.leash("run", "--headless", "--", "echo", "hi").stdout == "hi\n"


def test_doctor_says_the_same(keyed: World) -> None:
    out = keyed.leash("doctor").stdout
    assert "ANTHROPIC_API_KEY, GITHUB_TOKEN" in out
    assert "claude would get its own key: ANTHROPIC_API_KEY" in out
    assert SECRET not in out


def test_what_is_left_may_be_shown_unless_it_holds_a_secret(keyed: World) -> None:
    shows = keyed.script("shows.py", "import subprocess; print(subprocess.run(['bash', '-c', 'env']).returncode)")
    codes = []
    for options, more in (((), {}), (("--grant-env", "GITHUB_TOKEN"), {}), ((), {"http_proxy": "http://u:pw@h:1"})):
        keyed.env |= more
        done = keyed.leash("run", "--headless", *options, "--", "python3", str(shows))
        codes.append(done.stdout.splitlines()[-1])
        assert SECRET not in done.stdout
    assert codes == ["0", "126", "126"]


def test_names_alone_may_be_shown_though_one_holds_a_secret(keyed: World) -> None:
    """What the shell's whole text says is judged, not `env` in it once more; what hides in it is."""
    (keyed.workspace / "words").write_text("env")
    hidden = "python3 -c 'import os; os.system(open(\"words\").read())'"
    texts = ("env | grep PATH", "(env | cut -d= -f1) | sort", "$(cat words); env | wc -l", f"{hidden}; env | wc -l")
    run = f"import subprocess\nfor t in {texts!r}:\n  print(subprocess.run(['bash', '-c', t], capture_output=True))"
    asks = keyed.script("asks.py", run)
    done = keyed.leash("run", "--headless", "--grant-env", "GITHUB_TOKEN", "--", "python3", str(asks))
    said = done.stdout.splitlines()[-4:]
    assert ["leash: REFUSED" in line for line in said] == [False, False, True, True], done.stdout
    assert SECRET not in done.stdout
