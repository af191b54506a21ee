"""What the panel has other commands of leash do for the person: undo shown first, a grant kept for the repository.

Knows which words a deed needs and what it answered. Refuses to do any of it itself: the commands do, with their own
rules about who may. Invariant: nothing is changed before it was shown and a second key was pressed.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field

from leashtui.faces.tui.keys import Key, Keymap, Situation
from leashtui.faces.tui.row import Row
from leashtui.model.event import Answered, Asked, Decided, FileChanged, Record

Run = Callable[[tuple[str, ...], Callable[[int, list[str]], None]], None]
"""Starts a command of leash in the background: its words, and who hears exit code and lines."""
_MOST_PATHS = 500
_CONFLICT = "changed since the "
_OTHERWISE = (
    "Nothing is undone, so that no later work is lost. u on another file undoes that one (t lists them). To lose"
    " the later work too, in a terminal: leash {words} --force"
)


@dataclass
class Report:
    """Lines to be read. deed: the command that `!` runs, () for none. done: what is said once it was."""

    title: str
    lines: list[str] = field(default_factory=list)
    deed: tuple[str, ...] = ()


class Deeds:
    """say: a sentence for the footer. session: its id. workspace: where relative paths lie."""

    def __init__(self, run: Run, say: Callable[[str], None], session: str, workspace: str) -> None:
        self._run = run
        self._say = say
        self._session = session
        self._workspace = workspace
        self._lasting: set[str] = set()
        self.report: Report | None = None

    def of(self, session: str, workspace: str) -> None:
        """Which session it is about from here on."""
        self._session, self._workspace = session, workspace

    def keep_when_granted(self, ask: str) -> None:
        """This ask was allowed for the session, and its grant shall hold on."""
        self._lasting.add(ask)

    def heard(self, record: Record) -> None:
        """A record: the answer to an ask whose grant shall hold on."""
        event = record.event
        if isinstance(event, Answered) and event.ask in self._lasting:
            self._lasting.discard(event.ask)
            if event.grant:
                words = ("grants", "--keep", event.grant, "--session", self._session)
                self._run(words, self._kept)

    def _kept(self, code: int, lines: list[str]) -> None:
        """Say in one line that a grant holds on, or why it does not."""
        said = lines[-1] if lines else f"not kept ({code})"
        self._say(f"{said.split()[0]} holds here for 30 days: leash grants lists it" if code == 0 and lines else said)

    def undo(self, row: Row | None) -> None:
        """Show what undoing a row, or the whole session, would do."""
        act, paths = act_of(row), paths_of(row, self._workspace) if row is not None else ()
        if row is None:
            self._offer("undo the whole session", ())
        elif act:
            self._offer(f"undo what this act did: {row.text.strip()}", ("--act", act), otherwise=paths)
        elif paths:
            self._offer(f"undo all changes of {row.text.strip()}", paths)
        else:
            self._say("this row changed no file; u without a chosen row is about the whole session")

    def _offer(self, title: str, about: tuple[str, ...], otherwise: tuple[str, ...] = ()) -> None:
        """Show what undoing would do. otherwise: the files to offer where an act's own changes were not kept."""
        words = ("undo", "--session", self._session, *about)
        report = self.report = Report(title, ["looking what was kept …"])

        def shown(code: int, lines: list[str]) -> None:
            if lines and lines[-1].endswith("nothing to undo"):
                if otherwise and self.report is report:
                    self._offer(
                        "nothing was kept of this act itself; undo ALL changes of the files it names", otherwise
                    )
                    return
                lines = ["nothing to undo: it changed no file of the workspace, or nothing was kept of it"]
                report.lines = lines
                return
            report.lines = lines or ["nothing was kept"]
            if code and any(line.startswith(_CONFLICT) for line in lines):
                report.lines = [*lines, "", _OTHERWISE.format(words=shlex.join(words))]
            report.deed = words if code == 0 and any(not line.startswith(" ") for line in lines) else ()

        self._run(("undo", "--dry-run", *words[1:]), shown)

    def trace(self) -> None:
        """Show what was asked of the agent, what it used and what came of it, as `leash log --trace` does."""
        report = self.report = Report("trace of the session", ["reading the log …"])

        def shown(code: int, lines: list[str]) -> None:
            report.lines = lines or ["nothing was recorded yet"]

        self._run(("log", self._session, "--trace"), shown)

    def confirm(self) -> None:
        """Do what the report showed."""
        report = self.report
        if report is None or not report.deed:
            return
        deed, report.deed = report.deed, ()
        self._say("undoing …")

        def done(code: int, lines: list[str]) -> None:
            report.title, report.lines = ("undone" if code == 0 else "not all of it was undone"), lines
            self._say(report.title)

        self._run(deed, done)


def act_of(row: Row | None) -> str:
    """The id of the act that a row is, '' for a row that is none."""
    for record in row.records if row is not None else ():
        if isinstance(record.event, Decided):
            return record.event.covered_by or record.id
        if isinstance(record.event, Asked):
            return record.parent
    return ""


def paths_of(row: Row, workspace: str) -> tuple[str, ...]:
    """The files that a row is about: the changed one, or what an act was to change."""
    found: dict[str, None] = {}
    for record in (*row.records, *row.inside):
        event = record.event
        if isinstance(event, FileChanged):
            named = [event.path, event.to]
        elif isinstance(event, Decided):
            named = [e.target for e in event.facts.effects] + [event.request.path]
        elif isinstance(event, Asked):
            named = [e.target for e in event.card.evidence]
        else:
            continue
        for path in named:
            if path and "\x00" not in path and (path.startswith("/") or isinstance(event, FileChanged)):
                found[os.path.normpath(os.path.join(workspace, path))] = None
    return tuple(found)[:_MOST_PATHS]


class Palette:
    """Every action that works now, by its words. Typing narrows, enter chooses."""

    def __init__(self, keymap: Keymap, situation: Situation) -> None:
        self._rows = [key for key in keymap.rows if key.help and key.id not in _NOT_HERE and key.works(situation)]
        self.text = ""
        self.at = 0

    def rows(self) -> list[Key]:
        """Those whose id, effect or help has every typed word."""
        words = self.text.lower().split()
        return [k for k in self._rows if all(w in f"{k.id} {k.effect} {k.help}".lower() for w in words)]

    def key(self, name: str, character: str | None) -> Key | None:
        """One key. Returns the chosen row."""
        rows = self.rows()
        if name == "enter":
            return rows[self.at] if rows else None
        if name in {"down", "ctrl+n", "tab"}:
            self.at = min(self.at + 1, max(0, len(rows) - 1))
        elif name in {"up", "shift+tab"}:
            self.at = max(0, self.at - 1)
        elif name == "backspace":
            self.text, self.at = self.text[:-1], 0
        elif character and character.isprintable():
            self.text, self.at = (self.text + character)[:60], 0
        return None


_NOT_HERE = frozenset({"palette", "older", "newer", "once", "session", "always", "literal"})
"""Scrolling is no action, and what approves has its own keys, so that no word typed here can approve."""
