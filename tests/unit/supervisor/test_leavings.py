"""Directories of dead sessions go, everything else stays."""

from __future__ import annotations

import json
import os
from pathlib import Path

from leashtui.supervisor.leavings import sweep
from leashtui.supervisor.session import reference


def _session(runtime: Path, name: str, pid: int, born: int) -> Path:
    place = runtime / name
    for guard in ("shim", "hook"):
        (place / guard).mkdir(parents=True)
        (place / guard / "sh").write_text("")
        (place / guard).chmod(0o500)
    (place / "session.json").write_text(json.dumps({"pid": pid, "born": born}))
    return place


def test_only_dead_sessions_are_swept(tmp_path: Path) -> None:
    own = reference(os.getpid())
    living = _session(tmp_path, "living", own.pid, own.start)
    reused = _session(tmp_path, "reused", own.pid, own.start - 1)
    dead = _session(tmp_path, "dead", 2**22 - 1, 5)
    strange = tmp_path / "strange"
    strange.mkdir()
    (tmp_path / "link").symlink_to(living)
    (tmp_path / "watch-1.lock").write_text("")
    assert sweep(tmp_path) == 2
    assert not reused.exists()
    assert not dead.exists()
    assert living.exists()
    assert strange.exists()
    assert (tmp_path / "link").is_symlink()
    for guard in ("shim", "hook"):
        (living / guard).chmod(0o700)
