"""What the real agents draw in a terminal, recorded here and now: a prompt, a command they run, an answer; no account.

The model is a script on loopback (tests/model_server.py), the home a private one, the terminal the panel's own engine,
which answers what an agent asks of its terminal. `python tests/agents/install.py` installs the agents.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import select
import signal
import struct
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from agents.install import place  # noqa: E402
from model_server import Model, Step  # noqa: E402

from leashtui.faces.tui.engines import make_engine  # noqa: E402

STEPS: list[Step] = [
    {"shell": "ls -la --color=always; printf 'w\\303\\266rld \\346\\274\\242\\345\\255\\227\\n'; seq 40"}
]
_START, _QUIET = 4.0, 1.5
"""Seconds of silence after which a screen is taken as done: the first one, and the others."""


def _home(root: Path, url: str) -> tuple[Path, dict[str, str]]:
    """A workspace in a private home where every agent finds its model, and the environment for it."""
    home, work = root / "home", root / "home" / "project"
    work.mkdir(parents=True)
    (work / "notes.txt").write_text("nothing yet\n")
    key = "sk-ant-" + "x" * 40

    def write(name: str, text: str) -> None:
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    seen = {"hasTrustDialogAccepted": True, "hasCompletedProjectOnboarding": True}
    claude = {
        "hasCompletedOnboarding": True,
        "theme": "dark",
        "bypassPermissionsModeAccepted": True,
        "customApiKeyResponses": {"approved": [key[-20:]], "rejected": []},
        "projects": {str(work): seen},
    }
    write(".claude.json", json.dumps(claude))
    write(
        ".codex/config.toml",
        f'model_provider = "s"\nmodel = "gpt-5.5"\n[model_providers.s]\nname = "s"\nbase_url = "{url}/v1"\n'
        f'env_key = "MODEL_KEY"\nwire_api = "responses"\n[projects."{work}"]\ntrust_level = "trusted"\n',
    )
    write(".gemini/settings.json", json.dumps({"security": {"auth": {"selectedType": "gemini-api-key"}}}))
    provider = {"npm": "@ai-sdk/openai-compatible", "options": {"baseURL": f"{url}/v1", "apiKey": "k"}}
    opencode = {"$schema": "https://opencode.ai/config.json", "provider": {"s": {**provider, "models": {"m": {}}}}}
    write(".config/opencode/opencode.json", json.dumps(opencode))
    kept = {name: os.environ[name] for name in ("LANG", "USER", "LOGNAME") if name in os.environ}
    return work, kept | {
        "PATH": f"{place() / 'node_modules' / '.bin'}:{os.environ['PATH']}",
        "HOME": str(home),
        "SHELL": "/bin/bash",
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "ANTHROPIC_BASE_URL": url,
        "ANTHROPIC_API_KEY": key,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
        "IS_SANDBOX": "1",
        "MODEL_KEY": "k",
        "GEMINI_API_KEY": "k",
        "GOOGLE_GEMINI_BASE_URL": url,
        **{f"OPENCODE_DISABLE_{name}": "1" for name in ("AUTOUPDATE", "MODELS_FETCH", "LSP_DOWNLOAD")},
    }


COMMANDS = {
    "claude": ["claude", "--dangerously-skip-permissions"],
    "codex": ["codex", "--dangerously-bypass-approvals-and-sandbox"],
    "gemini": ["gemini", "--skip-trust", "--yolo", "-m", "gemini-2.5-pro"],
    "opencode": ["opencode", "-m", "s/m"],
}
TYPED = (b"", b"do the work", b"\r", b"\x1b[5~", b"/help", b"\r")


def recorded(cols: int, rows: int, only: str = "") -> Iterator[tuple[str, list[bytes]]]:
    """(agent, what it wrote, cut after each thing that was typed) for every agent that is installed."""
    for name, command in COMMANDS.items():
        if only not in ("", name) or not (place() / "node_modules" / ".bin" / command[0]).exists():
            continue
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as root, Model(STEPS) as model:
            work, env = _home(Path(root), model.url)
            try:
                yield name, _record(command, work, env, cols, rows)
            finally:
                _end(f"HOME={env['HOME']}".encode())


def _end(mark: bytes) -> None:
    """End what an agent left running: whoever has this home in its environment is of this recording."""
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ProcessLookupError):
            if entry.name.isdigit() and mark in (entry / "environ").read_bytes().split(b"\0"):
                os.kill(int(entry.name), signal.SIGKILL)


def _record(command: list[str], work: Path, env: dict[str, str], cols: int, rows: int) -> list[bytes]:
    engine = make_engine(cols, rows)
    pid, master = pty.fork()
    if pid == 0:
        os.chdir(work)
        os.execvpe(command[0], command, env)
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    def until_quiet(longest: float, quiet: float = _QUIET) -> bytes:
        out, end = b"", time.monotonic() + longest
        while time.monotonic() < end and select.select([master], [], [], quiet)[0]:
            try:
                data = os.read(master, 65536)
            except OSError:
                break
            out += data
            engine.feed(data)
            if answer := engine.replies():
                os.write(master, answer)
        return out

    try:
        parts = [until_quiet(15, _START)]
        for keys in TYPED:
            if keys:
                os.write(master, keys)
            parts.append(until_quiet(6 if keys == b"\r" else 2.5))
    finally:
        os.kill(pid, signal.SIGKILL)
        os.close(master)
        os.waitpid(pid, 0)
    return [part for part in parts if part]
