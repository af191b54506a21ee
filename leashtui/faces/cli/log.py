"""`leash log`: what was recorded, as a timeline for people or as one JSON object a line; `-f` follows a live session.

Knows how to find a session, print its records and wait for more. Refuses to verify (`leash audit verify` does) and
to interpret: sentences come from words. Invariant: whatever lies in a log can be shown; a record that cannot be read
is a line that says so.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from leashtui.audit.chain import Row
from leashtui.audit.query import Query, parse
from leashtui.faces.cli.columns import Paper, fit, json_line, width
from leashtui.faces.cli.extra import load
from leashtui.faces.cli.trace import Account, Telling, Trace, lines_of
from leashtui.model import codec
from leashtui.model.errors import Exit, LeashError, StoreError
from leashtui.stores.directories import runtime_dir, sessions_dir, state_dir
from leashtui.stores.index import Told, search, shelf_of, value_of
from leashtui.stores.journal import read
from leashtui.stores.sessions import EMPTY, SessionInfo, describe, find_session, list_sessions, newest
from leashtui.words.plain import count, one_line
from leashtui.words.timeline import MARKS, Line, Tone, tell, tell_unknown

FORMAT = 1
"""Version of the JSON lines: {v, seq, hash, record}."""

_NEGATED = re.compile(r"-(?=[A-Za-z]{2,}:)")
_TAKEN = len("12:00:00 x allow_ ")
_LEAST = 12
_POLL = 0.2
_LONG = 100_000
_PATIENCE = 2.0
_COLOURS = {
    Tone.ALLOW: "green",
    Tone.ASK: "yellow",
    Tone.DENY: "red",
    Tone.GONE: "dim",
    Tone.FILE: "blue",
    Tone.ALARM: "alarm",
    Tone.QUIET: "dim",
    Tone.FRAME: "bold",
}
_EPILOG = """\
query: words and key:value, all must hold; a comma means or, a leading - negates, quotes hold
  verdict:deny,ask  agent:claude  by:person  who:ann  path:infra/  path:*.tf  kind:act  policy:git  verb:delete
  since:7d  until:2026-11-20  session:7f3a  act:L-12  text:"force push"
examples: leash log -f    leash log --all verdict:deny since:7d    leash log 7f3a path:src/ -by:policy
"""


Printer = Callable[[SessionInfo, Row, dict[str, Any]], None]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `leash log`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument("query", nargs="*", metavar="[SESSION] QUERY", help="session id (or its end), then a query")
    parser.add_argument("-f", "--follow", action="store_true", help="go on with what is recorded from now on")
    parser.add_argument("-a", "--all", action="store_true", help="look in every session, not only the newest")
    parser.add_argument("--team", action="store_true", help="look in the team store: every machine you may read")
    parser.add_argument("--store", default="", metavar="ADDRESS", help="another team store than your own")
    parser.add_argument("-v", "--verbose", action="store_true", help="show also what went without saying")
    parser.add_argument("--trace", action="store_true", help="one view a session: asked, used, changed, refused")
    parser.add_argument("--sessions", action="store_true", help="list the recorded sessions")
    parser.add_argument("--json", action="store_true", help="one JSON object a record: v, seq, hash, record")
    parser.set_defaults(parse=partial(_parse, parser))


def _parse(parser: argparse.ArgumentParser, words: Sequence[str]) -> argparse.Namespace:
    """Options and query terms in any order; `-key:value` is a negated term and no bundle of options."""
    return parser.parse_intermixed_args([_NEGATED.sub("!", word, count=1) for word in words])


def run(args: argparse.Namespace) -> int:
    """Print the log. Returns an Exit code. Raises LeashError (a wrong query, no such session, an unreadable log)."""
    words: list[str] = list(args.query)
    printer: Printer = _print_json if args.json else _Timeline(Paper(sys.stdout, os.environ), verbose=args.verbose).show
    if args.team or args.store:
        code: int = load("leashtui.faces.cli.teamlog").print_all(args.store, _query(words), printer)
        return code
    path = _named(words)
    query = _query(words)
    if args.sessions:
        return _print_sessions(query, as_json=args.json)
    if args.follow and args.all:
        raise LeashError("-f follows one session", "leave out --all, or name the session", Exit.USAGE)
    chosen = [describe(path)] if path is not None else _chosen(args.all or query.mentions("session"))
    if not chosen:
        print("leash: no session is recorded here yet. Make one: leash demo, or leash AGENT", file=sys.stderr)
        return Exit.OK
    if args.trace:
        return _print_traces(chosen, as_json=args.json)
    unread = 0
    for session in chosen:
        try:
            _print_session(session, query, printer, follow=args.follow)
        except StoreError as error:
            if len(chosen) == 1:
                raise
            unread += 1
            print(f"leash: {one_line(error.message, 400)}", file=sys.stderr)
    return Exit.STORE if unread else Exit.OK


def _query(words: Sequence[str]) -> Query:
    return parse(" ".join(words), now=time.time_ns() // 1000, zone=datetime.now().astimezone().tzinfo or UTC)


def _print_traces(chosen: Sequence[SessionInfo], *, as_json: bool) -> int:
    """One view a session. Raises LeashError."""
    for session in chosen:
        trace, account = Trace(session=session.id), Account(os.environ)
        telling = Telling(trace)
        for row in _rows(session, follow=False):
            with contextlib.suppress(msgspec.DecodeError):  # a kind that a newer leash wrote
                record = codec.decode_record(row.body if isinstance(row.body, bytes) else b"")
                telling.add(record)
                account.add(record)
        account.settle(trace)
        if as_json:
            print(json_line(trace))
            continue
        for line in lines_of(trace):
            print(line)
    return Exit.OK


def _print_session(session: SessionInfo, query: Query, printer: Printer, *, follow: bool) -> None:
    if session.problem == EMPTY:
        print(f"leash: session {session.id} has no records", file=sys.stderr)
    if not follow:
        for row, value in search(state_dir(), shelf_of(session.path, session.agent), query, said(session.id)):
            printer(session, row, value)
        return
    for row in _rows(session, follow=True):
        value = value_of(row)
        if query.match(value, session.agent):
            printer(session, row, value)
        sys.stdout.flush()


def said(name: str) -> Told:
    """Says on a terminal that a log is being indexed, when that takes long."""

    def tell(number: int) -> None:
        if number >= _LONG and sys.stderr.isatty():
            print(f"leash: indexing {count(number, 'record')} of {one_line(name)}, this once", file=sys.stderr)

    return tell


def _named(words: list[str]) -> Path | None:
    """The log the first word names, taken off the words; None when it is part of the query."""
    if not words:
        return None
    first = words[0]
    path = Path(first) if first.endswith(".db") and os.path.exists(first) else find_session(sessions_dir(), first)
    if path is not None:
        del words[0]
    elif _looks_like_id(first):
        raise LeashError(f"there is no session {first}", "see what is there: leash log --sessions", Exit.USAGE)
    return path


def _looks_like_id(word: str) -> bool:
    date, _, rest = word.partition("-")
    return len(date) == 8 and date.isdigit() and rest.partition("-")[0].isdigit()


def _chosen(every: bool) -> list[SessionInfo]:
    if every:
        return list_sessions(sessions_dir())
    last = newest(sessions_dir())
    return [last] if last is not None else []


def _rows(session: SessionInfo, *, follow: bool) -> Iterator[Row]:
    """The rows of a log; with follow also those to come, until the session ends or nobody runs it any more."""
    after = 0
    silent_since = time.monotonic()
    while True:
        ended = False
        for row in read(session.path, after):
            yield row
            if not isinstance(row.seq, int):
                raise StoreError(f"{session.path} is damaged after record {after}", "see: leash audit verify")
            after = row.seq
            ended = isinstance(row.body, bytes) and b'"kind":"session.ended"' in row.body
        if not follow or ended:
            return
        if _is_running(session.id):
            silent_since = time.monotonic()
        elif time.monotonic() - silent_since > _PATIENCE:
            print(f"leash: session {session.id} is not running any more", file=sys.stderr)
            return
        time.sleep(_POLL)


def _is_running(session: str) -> bool:
    """Whether the supervisor of a session lives, as far as its runtime directory tells."""
    try:
        published = msgspec.json.decode((runtime_dir() / session / "session.json").read_bytes())
        os.kill(int(published["pid"]), 0)
    except PermissionError:
        return True
    except (OSError, msgspec.DecodeError, KeyError, TypeError, ValueError):
        return False
    return True


def _print_json(session: SessionInfo, row: Row, value: dict[str, Any]) -> None:
    digest = row.hash.hex() if isinstance(row.hash, bytes) else None
    body: Any = msgspec.Raw(row.body) if value and isinstance(row.body, bytes) else None
    line = {"v": FORMAT, "seq": row.seq, "hash": digest, "record": body}
    if not value:
        line |= {"session": session.id, "bad": "this record cannot be read: leash audit verify"}
    print(json_line(line))


class _Timeline:
    """Prints records as lines, a heading before each session and each new day."""

    def __init__(self, paper: Paper, *, verbose: bool) -> None:
        self._paper = paper
        self._verbose = verbose
        self._session = ""
        self._day = ""

    def show(self, session: SessionInfo, row: Row, value: dict[str, Any]) -> None:
        """Print one record, unless it goes without saying."""
        line = _line(row, value)
        if line.quiet and not self._verbose:
            return
        when = datetime.fromtimestamp(_seconds(value)).astimezone()
        self._head(session, when)
        paper = self._paper
        mark = MARKS[line.tone][0 if paper.utf8 else 1]
        colour = _COLOURS[line.tone]
        dash = "—" if paper.utf8 else "-"
        text = paper.fit(line.text, _TAKEN)
        why = f" {dash} {line.why}" if line.why else ""
        if paper.cells:
            room = paper.cells - _TAKEN - width(text)
            why = fit(why, room) if room >= _LEAST else ""
        stamp = paper.paint(when.strftime("%H:%M:%S"), "dim")
        print(f"{stamp} {paper.paint(f'{mark} {line.word:<6}', colour)} {text}{paper.paint(why, 'dim')}")

    def _head(self, session: SessionInfo, when: datetime) -> None:
        day = when.strftime("%Y-%m-%d")
        if session.id != self._session:
            parts = (
                f"session {session.id}",
                session.agent,
                session.workspace,
                session.tier and f"guard {session.tier}",
            )
            text = " · ".join(one_line(part) for part in (*parts, day) if part)
            print(self._paper.paint(self._paper.fit(text), "bold"))
        elif day != self._day:
            print(self._paper.paint(day, "bold"))
        self._session, self._day = session.id, day


def _seconds(value: dict[str, Any]) -> float:
    time_us = value.get("t")
    return min(time_us, 4_102_444_800_000_000) / 1e6 if isinstance(time_us, int) and time_us > 0 else 0.0


def _line(row: Row, value: dict[str, Any]) -> Line:
    """What to say of a record: of a known kind, of an unknown one, or of what is no record."""
    if not value or not isinstance(row.body, bytes):
        return Line(Tone.ALARM, "BAD", f"record {row.seq} cannot be read; prove the log: leash audit verify")
    try:
        return tell(codec.decode_record(row.body))
    except msgspec.DecodeError:
        event = value.get("event")
        kind = str(event.get("kind", "?")) if isinstance(event, dict) else "?"
        shown = {k: v for k, v in event.items() if k != "kind"} if isinstance(event, dict) else event
        return tell_unknown(kind, msgspec.json.encode(shown).decode())


def _print_sessions(query: Query, *, as_json: bool) -> int:
    """One line a session; the query is matched with its id, agent and workspace as text."""
    found = [s for s in list_sessions(sessions_dir()) if query.match(_summary(s), s.agent)]
    show: Callable[[SessionInfo], None] = _print_session_json if as_json else _session_printer()
    for session in found:
        show(session)
    if not found:
        print("leash: no session is recorded here yet. Make one: leash demo, or leash AGENT", file=sys.stderr)
    return Exit.OK


def _summary(session: SessionInfo) -> dict[str, Any]:
    event = {"agent": session.agent, "argv": session.argv, "workspace": session.workspace, "tier": session.tier}
    return {"session": session.id, "t": session.started, "event": event}


def _print_session_json(session: SessionInfo) -> None:
    print(json_line({"v": FORMAT, **msgspec.to_builtins(session, enc_hook=str)}))


def _session_printer() -> Callable[[SessionInfo], None]:
    paper = Paper(sys.stdout, os.environ)

    def show(session: SessionInfo) -> None:
        if session.problem:
            print(paper.fit(f"{session.id:<22} cannot be read: {one_line(session.problem)}"))
            return
        began = datetime.fromtimestamp(session.started / 1e6).strftime("%Y-%m-%d %H:%M")
        end = f"exit {session.code}" if session.ended else "running" if _is_running(session.id) else "cut off"
        rest = f"{session.agent}  {session.workspace}"
        print(paper.fit(f"{session.id:<22} {began}  {end:<8} {count(session.records, 'record'):>14}  {one_line(rest)}"))

    return show
