"""Real agents from their packages, in a private world each, with a model that follows a script.

`python tests/agents/install.py` puts them into one directory (LEASH_TEST_AGENTS, by default in the user's cache); a
test whose agent is not there fails and says so, because a skipped guard is no guard.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from agents.install import mini_place, place
from conftest import World, eventually
from model_server import Model, Step
from tmux_rig import Tmux

from leashtui.agents.adapter import before
from leashtui.agents.registry import AGENTS
from leashtui.model.request import TOLD

PLUGIN = "@opencode-ai/plugin"
"""What OpenCode fetches at its first start where a plugin is configured, 63 MB of it."""
PACKAGE_OF = {agent.kind: agent.footprint.package for agent in AGENTS}
Setup = Callable[["Rig", str], list[str]]


@dataclass
class Rig:
    """One agent in one world."""

    kind: str
    world: World
    model: Model | None = None

    @property
    def home(self) -> Path:
        """The person's home."""
        return Path(self.world.env["HOME"])

    def is_before(self, version: str) -> bool:
        """Whether the installed agent is older than this."""
        package = json.loads((place() / "node_modules" / PACKAGE_OF[self.kind] / "package.json").read_text())
        return before(package["version"], version)

    def write(self, name: str, content: str) -> Path:
        """A file in the home."""
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        return path

    @contextmanager
    def running(
        self, *steps: Step, options: tuple[str, ...] = (), parts: dict[str, list[Step]] | None = None
    ) -> Iterator[subprocess.Popen[bytes]]:
        """The agent under leash, working through the script; its model is `self.model`."""
        with Model(list(steps), parts) as self.model:
            argv = SETUPS[self.kind](self, self.model.url)
            yield self.world.start("run", "--headless", *options, "--", *argv)

    @contextmanager
    def panel(
        self, *steps: Step, parts: dict[str, list[Step]] | None = None, shell: tuple[str, ...] = ()
    ) -> Iterator[Tmux]:
        """The agent's own screen inside leash's panel, in a real terminal wide enough for both.

        shell: an interactive shell in which the panel is started by typing, as a person does; () for none.
        """
        with Model(list(steps), parts) as self.model:
            argv = PANELS[self.kind](self, self.model.url)
            words = ["env", "-C", str(self.world.workspace), *self.world.argv("run", "--", *argv)]
            with Tmux(self.world.root, shell or words, 170, 48, **self.world.env) as tmux:
                if shell:
                    tmux.type(shlex.join(words))
                    tmux.keys("Enter")
                yield tmux

    def finish(self, leash: subprocess.Popen[bytes], timeout: float = 90) -> str:
        """Everything it printed; the session has ended."""
        out, err = leash.communicate(timeout=timeout)
        return (out + err).decode("utf-8", "replace")

    def run(
        self,
        *steps: Step,
        options: tuple[str, ...] = (),
        timeout: float = 90,
        parts: dict[str, list[Step]] | None = None,
    ) -> str:
        """The script from its beginning to its end; what the agent printed."""
        with self.running(*steps, options=options, parts=parts) as leash:
            return self.finish(leash, timeout)

    def told(self) -> str:
        """What the model was told by tools."""
        assert self.model is not None
        return self.model.told()

    def model_saw(self) -> str:
        """Everything that was sent to the model, unescaped once."""
        assert self.model is not None
        return self.model.sent()

    def processes(self) -> list[int]:
        """Living processes of this world, but for leash's own."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                environ = (entry / "environ").read_bytes()
            except OSError:
                continue
            if f"HOME={self.home}\0".encode() in environ and b"LEASH_SESSION=" in environ:
                found.append(int(entry.name))
        return found

    def words(self, pid: int) -> str:
        """The command line of a process, '' when it is gone."""
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            return ""

    def hooks(self) -> list[int]:
        """Living hook clients: programs of ours, never an agent that has their path among its own words."""
        split = {pid: self.words(pid).split() for pid in self.processes()}
        return [pid for pid, words in split.items() if words[1:2] == ["-IS"] and Path(words[2]).name.startswith("hook")]

    def decided(self, layer: str = "") -> list[dict[str, Any]]:
        """The decisions about acts of the session, of one layer or all; prompts and the agent's own tools are none."""
        found = [e for e in self.world.events("act.decided") if e["request"]["action"] not in set(TOLD)]
        return [e for e in found if not layer or e["request"]["layer"] == layer]

    def card(self, nth: int = 1, timeout: float = 60) -> dict[str, Any]:
        """The card of this number, once it waits."""
        found = eventually(lambda: next((c for c in self.world.approvals() if c["id"] == f"L-{nth}"), None), timeout)
        assert isinstance(found, dict)
        return found


def _claude(rig: Rig, url: str) -> list[str]:
    key = "sk-ant-" + "x" * 40
    rig.world.env |= {
        "ANTHROPIC_BASE_URL": url,
        "ANTHROPIC_API_KEY": key,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
        "IS_SANDBOX": "1",
    }
    seed = {
        "hasCompletedOnboarding": True,
        "customApiKeyResponses": {"approved": [key[-20:]], "rejected": []},
        "projects": {str(rig.world.workspace): {"hasTrustDialogAccepted": True}},
    }
    if not (rig.home / ".claude.json").exists():
        rig.write(".claude.json", json.dumps(seed))
    return ["claude", "-p", "do the work", "--dangerously-skip-permissions"]


def _codex(rig: Rig, url: str) -> list[str]:
    rig.world.env["MODEL_KEY"] = "k"
    rig.write(
        ".codex/config.toml",
        f'model_provider = "s"\nmodel = "gpt-5.5"\n[model_providers.s]\nname = "s"\nbase_url = "{url}/v1"\n'
        f'env_key = "MODEL_KEY"\nwire_api = "responses"\n[projects."{rig.world.workspace}"]\ntrust_level = "trusted"\n'
        "[features]\nmulti_agent_v2 = true\n",
    )
    flags = ["--dangerously-bypass-approvals-and-sandbox", "--skip-git-repo-check"]
    return ["codex", "exec", *flags, "do the work"]


def _gemini(rig: Rig, url: str) -> list[str]:
    rig.world.env |= {"GEMINI_API_KEY": "k", "GOOGLE_GEMINI_BASE_URL": url, "GEMINI_CLI_TRUST_WORKSPACE": "true"}
    rig.write(".gemini/settings.json", json.dumps({"security": {"auth": {"selectedType": "gemini-api-key"}}}))
    if rig.world.leash("hooks", "install", "gemini").returncode:
        raise AssertionError("leash hooks install gemini")
    return ["gemini", "--yolo", "-m", "gemini-2.5-pro", "-p", "do the work"]


def _opencode(rig: Rig, url: str) -> list[str]:
    rig.world.env |= {f"OPENCODE_DISABLE_{name}": "1" for name in ("AUTOUPDATE", "MODELS_FETCH", "LSP_DOWNLOAD")}
    provider = {"npm": "@ai-sdk/openai-compatible", "options": {"baseURL": f"{url}/v1", "apiKey": "k"}}
    config = {"provider": {"s": {**provider, "models": {"m": {}}}}}
    there = json.loads((place() / "package.json").read_text())["dependencies"]
    assert PLUGIN in there, f"{PLUGIN} is not installed: python tests/agents/install.py"
    needs = {"dependencies": {PLUGIN: there[PLUGIN]}}
    rig.write(".config/opencode/package.json", json.dumps(needs))
    lock = {"name": "opencode", "lockfileVersion": 3, "requires": True, "packages": {"": needs}}
    rig.write(".config/opencode/package-lock.json", json.dumps(lock))
    (rig.home / ".config/opencode/node_modules").symlink_to(place() / "node_modules")
    rig.write(".config/opencode/opencode.json", json.dumps(config))  # it would like to add a schema
    return ["opencode", "run", "-m", "s/m", "do the work"]


def _mini(rig: Rig, url: str) -> list[str]:
    rig.world.env |= {"MSWEA_CONFIGURED": "true", "MSWEA_SILENT_STARTUP": "1", "MSWEA_COST_TRACKING": "ignore_errors"}
    rig.world.env |= {"OPENAI_API_BASE": f"{url}/v1", "OPENAI_API_KEY": "k", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    return ["mini", "-m", "openai/m", "-t", "do the work", "-y", "--exit-immediately"]


def _codex_screen(rig: Rig, url: str) -> list[str]:
    """As after the person was told of a newer model; what its screen finds out at a first start it keeps by itself."""
    _codex(rig, url)
    config = rig.home / ".codex/config.toml"
    seen = '[notice.model_migrations]\n"gpt-5.5" = "gpt-6-sol"\n'
    config.write_text(config.read_text() + seen)
    return ["codex", "--dangerously-bypass-approvals-and-sandbox", "do the work"]


def _claude_screen(rig: Rig, url: str) -> list[str]:
    """With what it does not ask about: older versions ask before they edit, and before `echo hi > x.txt`."""
    _claude(rig, url)
    allowed = {"defaultMode": "acceptEdits", "allow": ["Bash(echo:*)", "mcp__peer"]}
    rig.write(".claude/settings.json", json.dumps({"permissions": allowed, "enableAllProjectMcpServers": True}))
    return ["claude", "do the work"]


def screen_of(setup: Setup, *argv: str) -> Setup:
    """The same agent with a screen of its own."""

    def made(rig: Rig, url: str) -> list[str]:
        setup(rig, url)
        return list(argv)

    return made


PANELS: dict[str, Setup] = {
    "claude": _claude_screen,
    "codex": _codex_screen,
    "gemini": screen_of(_gemini, "gemini", "--yolo", "-m", "gemini-2.5-pro", "-i", "do the work"),
    "opencode": screen_of(_opencode, "opencode", "-m", "s/m", "--prompt", "do the work"),
    "mini": _mini,
}
SETUPS: dict[str, Setup] = {"claude": _claude, "codex": _codex, "gemini": _gemini, "opencode": _opencode}


@pytest.fixture(params=sorted(SETUPS))
def rig(request: pytest.FixtureRequest, world: World) -> Rig:
    """Each agent in turn."""
    return make_rig(request.param, world)


def make_rig(kind: str, world: World) -> Rig:
    """This agent. Fails where it is not installed."""
    bin_dir = mini_place() if kind == "mini" else place() / "node_modules" / ".bin"
    assert (bin_dir / kind).exists(), f"{kind} is not installed: python tests/agents/install.py"
    world.env["PATH"] = f"{bin_dir}:{world.env['PATH']}"
    world.env["SHELL"] = "/bin/bash"
    scratch = world.root / "scratch"
    scratch.mkdir()
    world.env["TMPDIR"] = str(scratch)
    return Rig(kind, world)


def settle(seconds: float = 1.0) -> None:
    """Give something that must not happen the time to happen."""
    time.sleep(seconds)


__all__ = ["Rig", "make_rig", "settle"]


def waits(name: str) -> str:
    """A command that ends when this file is there; without a substitution, which Gemini CLI refuses by itself."""
    return f"for i in {' '.join(map(str, range(50)))}; do test -e {name} && break; sleep 0.5; done"
