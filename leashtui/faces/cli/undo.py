"""`leash undo`: bring back what a session removed, overwrote, moved or made, in the workspace.

Knows what the session kept. Refuses to overwrite what the person changed since, unless told to. Invariant: `--dry-run`
changes nothing, and every step that could not be taken is said with its reason.
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import os
import re
import stat
from pathlib import Path

from leashtui.faces.cli.recorded import records
from leashtui.faces.progress import Progress, watched
from leashtui.model.errors import Exit, LeashError, StoreError
from leashtui.model.event import ActEnded, Asked, Decided
from leashtui.stores.directories import sessions_dir, undo_dir
from leashtui.stores.sessions import find_session, list_sessions
from leashtui.stores.undo import MOST_LEFT, Step
from leashtui.stores.undoing import Kept
from leashtui.words.plain import one_line

_TEXT = 200_000
_WORDS = {
    "gone": "bring back",
    "changed": "restore",
    "made": "remove",
    "moved": "move back",
    "swapped": "change places again",
}
_SESSION, _ACT = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}"), re.compile(r"L-\d+|[0-9A-HJKMNP-TV-Z]{26}")
_NAMED = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--session", default="", metavar="SESSION", help="of this session (default: the newest)")
    parser.add_argument("--dry-run", action="store_true", help="only show what would be done, with a diff")
    parser.add_argument("--force", action="store_true", help="also where you changed the file since")
    parser.add_argument("--act", default="", metavar="ID", help="only what this act did (L-12, or an id of leash log)")
    parser.add_argument(
        "paths",
        nargs="*",
        metavar="SESSION|ACT|PATH",
        help="a session, an act, and then only these files or what lies below",
    )


_OPEN = "the session has these open or wrote them a moment ago, so what you changed there meanwhile cannot be told"


def run(args: argparse.Namespace) -> int:
    """Undo, newest step first. 1 when something could not be brought back."""
    session, wanted, paths = _sorted(args.session, args.act, args.paths)
    if not session and not wanted:
        session = _here(os.path.realpath(os.path.dirname(os.path.abspath(paths[0])) if paths else os.getcwd()))
    directory, act, ended = _find(session, wanted)
    kept = Kept(directory)
    steps = kept.chosen(_names(paths), act)
    for path in paths:
        if not os.path.lexists(path) and not kept.chosen(_names([path]), act):
            raise LeashError(
                f"{one_line(path, 200)} is no session, no act and no file that session {kept.directory.name} changed",
                "nothing was undone; see leash sessions, leash log, and leash undo --dry-run",
                Exit.USAGE,
            )
    if kept.left and not act:
        print(_left_out(kept.left))
    if not steps:
        print(f"{kept.directory.name}: nothing to undo")
        return Exit.OK
    changed = kept.touched_later(steps, ended) if act else kept.changed_since(steps)
    if args.dry_run:
        if (busy := kept.unsettled(steps)) and not act:
            print(f"{_OPEN}: {_some(busy)}")
        _show(kept, steps)
    if changed and not args.force:
        raise LeashError(
            f"changed since the {'act' if act else 'session wrote it'}: {_some(changed)}",
            f"{'' if args.dry_run else 'look with leash undo --dry-run; '}name other PATHs, or overwrite with --force",
            Exit.FINDINGS,
        )
    if args.dry_run:
        return Exit.OK
    modes, overtaken = _modes(steps), _overtaken(steps)
    taken = list(watched(kept.take(steps), Progress("undoing", len(steps), "steps")))
    inner = _within(tuple(step for step, why in taken if not why))
    for at, (step, why) in enumerate(taken):
        if why or (at not in overtaken and (step.path not in inner or step.what != "made")):
            print(f"{'NOT ' if why else ''}{_line(step, why, inner)}{'' if why else modes.get(at, '')}")
    return Exit.FINDINGS if any(why for _, why in taken) else Exit.OK


def _line(step: Step, why: str, inner: dict[str, str]) -> str:
    below = 0 if why or step.what != "made" else sum(folder == step.path for folder in inner.values())
    more = f" and what the session made in it ({below})" if below else ""
    return f"{_WORDS[step.what]}: {one_line(step.path, 200)}{more}{f' ({why})' if why else ''}"


def _overtaken(steps: tuple[Step, ...]) -> set[int]:
    """Which steps an older one of the same file comes after: what it becomes on the way there is nobody's concern."""
    last: dict[str, int] = {}
    found: set[int] = set()
    for at, step in enumerate(steps):
        if step.what == "changed" and not step.why:
            if step.path in last:
                found.add(last[step.path])
            last[step.path] = at
        else:
            last.pop(step.path, None)
            last.pop(step.to, None)
    return found


def _modes(steps: tuple[Step, ...]) -> dict[int, str]:
    """What the steps change of permissions, of files that have the name now."""
    found = {}
    for at, step in enumerate(steps):
        with contextlib.suppress(OSError):
            now = os.lstat(step.path).st_mode
            same = stat.S_ISLNK(now) or stat.S_IFMT(now) != stat.S_IFMT(step.mode)
            if step.what == "changed" and not same and stat.S_IMODE(now) != stat.S_IMODE(step.mode):
                found[at] = f" (its mode from {stat.S_IMODE(now):o} to {stat.S_IMODE(step.mode):o})"
    return found


def _within(steps: tuple[Step, ...]) -> dict[str, str]:
    """What goes together with a folder that the session made: path, and the outermost such folder."""
    made = {step.path for step in steps if step.what == "made"}
    found: dict[str, str] = {}
    folder = ""
    for path in sorted(made, key=lambda path: path.split("/")):
        if folder and path.startswith(folder + "/"):
            found[path] = folder
        else:
            folder = path
    return found


def _sorted(session: str, act: str, words: list[str]) -> tuple[str, str, list[str]]:
    """(session, act, paths): what stands first may name a session, then an act; a file of that name comes before."""
    paths = list(words)
    if paths and not session and _SESSION.fullmatch(paths[0]) and not os.path.lexists(paths[0]):
        session = paths.pop(0)
    if paths and not act and _ACT.fullmatch(paths[0]) and not os.path.lexists(paths[0]):
        act = paths.pop(0)
    return session, act, paths


def _here(folder: str) -> str:
    """The session that last worked where `folder` lies; '' when none is recorded at all. Raises LeashError: it kept
    nothing, or none worked there: then nobody meant an older one, or one of another project."""
    kept = {place.name for place in undo_dir().glob("*") if place.is_dir()}
    sessions = [s for s in list_sessions(sessions_dir()) if s.workspace]
    here = [s for s in sessions if (folder + "/").startswith(s.workspace.rstrip("/") + "/")]
    if here and here[-1].id in kept:
        return here[-1].id
    others = [s for s in here or sessions if s.id in kept]
    if not others:
        return ""
    why = f"session {here[-1].id} changed nothing here" if here else "no session worked here"
    hint = f"the last that changed something: leash undo {others[-1].id} (in {one_line(others[-1].workspace, 200)})"
    raise LeashError(f"{why}: nothing was undone", hint, Exit.USAGE)


def _find(session: str, wanted: str) -> tuple[Path, str, int]:
    """(what a session kept, the act in it or '', when that ended in ns or 0). Raises LeashError."""
    places = sorted((p for p in undo_dir().glob("*") if p.is_dir()), key=lambda p: (p.name[:15], p.stat().st_mtime_ns))
    found = [p for p in places if p.name.endswith(session)] if session else places
    if not found:
        which = f"session {session} kept nothing" if session else "no session kept anything"
        raise StoreError(f"{which} that could be undone", "only tier strict keeps it; see leash log")
    if not wanted:
        return found[-1], "", 0
    everywhere = not session and not wanted.startswith("L-")  # the ids of cards begin anew in each session
    for place in reversed(found) if everywhere else found[-1:]:
        act, ended = _act(place.name, wanted)
        if act:
            return place, act, ended
    raise LeashError(
        f"session {found[-1].name} has no act {wanted}", "see leash log, or the rows of the panel", Exit.USAGE
    )


def _names(paths: list[str]) -> tuple[str, ...]:
    return tuple({name for path in paths for name in (os.path.abspath(path), _real(path))})


def _real(path: str) -> str:
    """The path with links on its way followed, not one in the last place."""
    folder, name = os.path.split(os.path.abspath(path))
    return os.path.join(os.path.realpath(folder), name)


def _left_out(paths: tuple[str, ...]) -> str:
    """What was lost and not kept, in one line."""
    shown, more = ", ".join(one_line(path, 300) for path in paths[:_NAMED]), len(paths) - _NAMED
    rest = " and many more" if len(paths) >= MOST_LEFT else f" and {more} more" if more > 0 else ""
    return f"not kept, because git ignores it or it is made again: {shown}{rest}"


def _some(paths: list[str]) -> str:
    return ", ".join(one_line(path, 100) for path in paths[:_NAMED]) + (" …" if len(paths) > _NAMED else "")


def _act(session: str, wanted: str) -> tuple[str, int]:
    """(id of the outermost act of an ask or record of that session, '' for none, when it ended in ns or 0)."""
    act, ends = "", dict[str, int]()
    path = find_session(sessions_dir(), session)
    for _, record in records(path) if path is not None else ():
        if record is None:
            continue
        event = record.event
        if isinstance(event, Decided) and record.id == wanted:
            act = event.covered_by or record.id
        elif isinstance(event, Asked) and wanted in (event.card.id, record.id):
            act = record.parent
        elif isinstance(event, ActEnded):
            ends[record.parent] = record.t * 1000
            act = record.parent if record.id == wanted else act
    return act, ends.get(act, 0)


def _show(kept: Kept, steps: tuple[Step, ...]) -> None:
    inner = _within(tuple(step for step in steps if not step.why))
    modes, overtaken = _modes(steps), _overtaken(steps)
    for at, step in enumerate(steps):
        if at in overtaken:
            continue
        if step.path not in inner or step.what != "made":
            print(f"{_line(step, step.why, inner)}{modes.get(at, '')}")
        if step.blob:
            old, new = _lines(Path(step.path)), _lines(kept.directory / step.blob)
            if old is not None and new is not None:
                for line in difflib.unified_diff(old, new, "now", "before", lineterm=""):
                    print("    " + one_line(line, 400))


def _lines(path: Path) -> list[str] | None:
    try:
        if path.stat().st_size > _TEXT:
            return None
        return path.read_text().splitlines()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError):
        return None
