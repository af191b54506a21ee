"""Where leash keeps things, and whether those places are safe to use.

runtime: sockets of live sessions, gone at reboot. state: journals. config: the user's policy and configuration.
All three are 0700 and owned by us, or leash refuses: a directory somebody else owns could answer approvals.
LEASH_RUNTIME_DIR, LEASH_STATE_DIR and LEASH_CONFIG_DIR override them (tests, unusual hosts).
"""

from __future__ import annotations

import os
import stat
import warnings
from collections.abc import Callable
from pathlib import Path

import platformdirs

from leashtui.model.errors import Exit, LeashError

APP = "leashtui"

UNDO, DENIED = "undo", "denied"
"""Below the state directory, see undo_dir and denied_dir."""


def _place(variable: str, fallback: Callable[[str], str]) -> Path:
    chosen = os.environ.get(variable)
    if chosen:
        return Path(chosen)
    with warnings.catch_warnings():  # a fallback below /tmp is fine: ensure_private checks its owner and mode
        warnings.simplefilter("ignore")
        try:
            return Path(fallback(APP))
        except (OSError, RuntimeError) as error:  # somebody was first to make the folder in /tmp; there is no home
            what = f"there is no place for leash's sockets and logs: {error}"
            raise LeashError(what, f"set {variable} to a directory of your own", Exit.STORE) from error


def runtime_dir() -> Path:
    """Parent of the live sessions' directories (not created)."""
    return _place("LEASH_RUNTIME_DIR", platformdirs.user_runtime_dir)


def state_dir() -> Path:
    """Parent of `sessions/` (journals) (not created)."""
    return _place("LEASH_STATE_DIR", platformdirs.user_state_dir)


def config_dir() -> Path:
    """Holds config.toml and policies/ (not created)."""
    return _place("LEASH_CONFIG_DIR", platformdirs.user_config_dir)


def sessions_dir() -> Path:
    """Where session databases live: one SESSION.db each."""
    return state_dir() / "sessions"


def undo_dir() -> Path:
    """Where sessions keep what they were about to destroy: one directory each."""
    return state_dir() / UNDO


def denied_dir() -> Path:
    """Where sessions keep what they put back: one directory each, holding the files as they were when denied."""
    return state_dir() / DENIED


def why_closed(path: str) -> LeashError | None:
    """What to say when leash's own place at `path` cannot be used because this runs inside a session; None when not."""
    session = os.environ.get("LEASH_SESSION", "")
    if not session or not path.startswith((str(state_dir()), str(runtime_dir()), str(config_dir()))):
        return None
    what = f"this runs inside leash session {session}, where {path} is closed"
    return LeashError(what, "ask the person to run it in a terminal of their own", Exit.STORE)


def ensure_private(path: Path) -> Path:
    """Create `path` 0700, or check that it is a real directory of ours that nobody else can enter.

    Raises LeashError naming the path and the remedy. Source: architecture.md, Sockets.
    """
    if closed := _is_covered(path) and why_closed(str(path)):  # a try would be an attack, by what the log says
        raise closed
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.lstat()
    except OSError as error:
        raise why_closed(str(path)) or LeashError(
            f"cannot use {path}: {error.strerror}",
            "make it writable, or point LEASH_RUNTIME_DIR / LEASH_STATE_DIR at a directory that is",
            Exit.STORE,
        ) from error
    if not stat.S_ISDIR(found.st_mode):
        raise LeashError(f"{path} is not a directory", "remove it or choose another place", Exit.STORE)
    if found.st_uid != os.getuid():
        raise LeashError(
            f"{path} belongs to uid {found.st_uid}, not to you: leash does not trust it",
            "remove it, or set XDG_RUNTIME_DIR (or LEASH_RUNTIME_DIR) to a directory of your own",
        )
    if found.st_mode & 0o077:
        try:
            path.chmod(0o700)
        except OSError as error:
            open_to_others = LeashError(f"{path} is open to others", f"run: chmod 700 {path}")
            raise why_closed(str(path)) or open_to_others from error
    return path


def _is_covered(path: Path) -> bool:
    """Whether `path`, or where it would be made, cannot be entered, as leash's own places cannot inside a session."""
    there = next((place for place in (path, *path.parents) if os.path.lexists(place)), path)
    return not os.access(there, os.R_OK | os.W_OK | os.X_OK)
