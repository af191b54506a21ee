"""Installs the agents that tests/agents drives, from npm, into one directory of the user's cache: 1.2 GB, once.

`python tests/agents/install.py` does it. Versions are pinned, because an agent's hooks are part of what is tested.
`LEASH_TEST_AGENTS=DIR python tests/agents/install.py --older` installs an older version of each; the tests of that
folder run with them under the same variable. What OpenCode would fetch for each new home is among them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

PACKAGES = {
    "@anthropic-ai/claude-code": "2.1.330",
    "@openai/codex": "0.169.0",
    "@google/gemini-cli": "0.61.0",
    "opencode-ai": "1.18.33",
    "@opencode-ai/plugin": "1.18.33",
}
OLDER = {
    "@anthropic-ai/claude-code": "2.1.197",
    "@openai/codex": "0.162.0",
    "@google/gemini-cli": "0.55.1",
    "opencode-ai": "1.17.11",
    "@opencode-ai/plugin": "1.17.11",
}

OLDER_MINI = ("mini-swe-agent==2.2.8", "mcp")


def place() -> Path:
    """Where they are or will be."""
    named = os.environ.get("LEASH_TEST_AGENTS")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(named) if named else cache / "leashtui" / "agents"


def mini_place() -> Path:
    """Where mini-swe-agent is: the older one below the others, the newest with the tests' own requirements."""
    older = place() / "mini" / "bin"
    return older if older.exists() else Path(sys.executable).parent


def main() -> int:
    """Install what is not there yet. Returns npm's exit code."""
    target = place()
    target.mkdir(parents=True, exist_ok=True)
    older = "--older" in sys.argv[1:]
    wanted = {"private": True, "dependencies": OLDER if older else PACKAGES}
    manifest = target / "package.json"
    if manifest.exists() and json.loads(manifest.read_text()) == wanted and (target / "node_modules").exists():
        return 0
    manifest.write_text(json.dumps(wanted))
    done = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=target, check=False)
    # the two install scripts that are needed put a binary where its launcher looks for it
    for package, script in (("opencode-ai", "postinstall.mjs"), ("@anthropic-ai/claude-code", "install.cjs")):
        folder = target / "node_modules" / package
        if done.returncode == 0 and (folder / script).exists():
            done = subprocess.run(["node", script], cwd=folder, check=False)
    if older and done.returncode == 0 and not (target / "mini").exists():
        venv.create(target / "mini", with_pip=True)
        pip = [target / "mini/bin/pip", "install", "-q", *OLDER_MINI]
        done = subprocess.run(pip, check=False)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
