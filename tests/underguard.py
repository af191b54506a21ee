"""Runs something under tests/guarded.py and hands back its report and the finished process."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

GUARDED = str(Path(__file__).with_name("guarded.py"))


def under_guard(
    *argv: str,
    cwd: Path,
    timeout: float = 60,
    env: dict[str, str] | None = None,
    **rules: Any,
) -> tuple[dict[str, Any], subprocess.CompletedProcess[str]]:
    """Run argv guarded by `rules` until its end."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place, "report")
        done = subprocess.run(
            [sys.executable, GUARDED, str(path), json.dumps(rules), *argv],
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            env=env,
            errors="replace",
        )
        assert path.exists(), done.stderr
        return json.loads(path.read_text()), done


def python(place: Path, text: str, name: str = "case.py") -> list[str]:
    """The command line that runs `text` as a Python script kept in `place`."""
    script = place / name
    script.write_text(text)
    return [sys.executable, "-S", str(script)]
