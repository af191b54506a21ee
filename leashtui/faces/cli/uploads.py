"""What `leash sync` does: one pass, or passes for ever with growing pauses while the store is away.

Knows the lock, the pauses and the progress file. Refuses to decide what is sent. Invariant: what the progress file
says was acknowledged, the server has committed.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from leashtui.faces.cli.columns import Paper, json_line
from leashtui.faces.cli.teamwork import joined
from leashtui.model.errors import Exit, LeashError
from leashtui.stores.directories import ensure_private, state_dir
from leashtui.stores.enrolment import Progress, note_progress, progress
from leashtui.stores.journal import ends
from leashtui.stores.keys import Device
from leashtui.stores.sync import Sent, Uploader, logs
from leashtui.stores.team.chains import TeamStore
from leashtui.stores.team.link import TeamError, safe
from leashtui.words.plain import count, one_line

FORMAT = 1
"""Version of the JSON lines."""

PAUSE = 1.0
"""Seconds between two looks at the logs."""

LONGEST = 60.0
"""Seconds between two tries at most while the store is away."""


def send(args: argparse.Namespace) -> int:
    """Send; with follow until interrupted. Returns FINDINGS when a log and the store disagree."""
    enrolment = joined()
    with _alone():
        pause, bad = PAUSE, False
        pass_ = _Pass(enrolment.dsn, quiet=args.quiet)
        while True:
            try:
                bad = pass_.run() or bad
                pause = PAUSE
            except TeamError as error:
                pass_.hang_up()
                _note(problem=error.message)
                if not (args.follow and error.away):
                    raise
                pause = min(pause * 2, LONGEST)
                print(f"leash: {error.message}; trying again in {pause:.0f} s", file=sys.stderr, flush=True)
            if not args.follow:
                return Exit.FINDINGS if bad else Exit.OK
            time.sleep(pause)


class _Pass:
    """Sends what is new each time, over a connection it keeps."""

    def __init__(self, dsn: str, *, quiet: bool) -> None:
        self._dsn = dsn
        self._quiet = quiet
        self._device = Device(state_dir()).id
        self._store: TeamStore | None = None
        self._uploader: Uploader | None = None
        self._said: set[str] = set()
        self._shown = 0.0

    def hang_up(self) -> None:
        """Forget the connection; the next pass makes a new one."""
        if self._store is not None:
            self._store.close()
        self._store = self._uploader = None

    def run(self) -> bool:
        """One pass; whether a log and the store disagree. Raises TeamError."""
        if self._uploader is None:
            self._store = TeamStore(self._dsn)
            self._uploader = Uploader(self._store, self._device, state_dir(), self._progress)
        acked: dict[str, int] = {}
        bad = False
        total = 0
        for result in self._uploader.send_all():
            acked[result.session] = result.count
            total += result.sent
            if not result.ok:
                bad = True
                self._complain(result)
        if total or acked:
            _note(acked)
        if total and not self._quiet:
            print(f"sent {count(total, 'record')} of {count(len(acked), 'log')} to {safe(self._dsn)}", flush=True)
        return bad

    def _complain(self, result: Sent) -> None:
        if result.message not in self._said:
            self._said.add(result.message)
            print(f"leash: {one_line(result.message, 400)}", file=sys.stderr, flush=True)

    def _progress(self, sent: Sent) -> None:
        now = time.monotonic()
        if not self._quiet and sys.stderr.isatty() and now - self._shown > 0.2:
            self._shown = now
            print(f"\r{sent.session}  {sent.count} sent\x1b[K\r", end="", file=sys.stderr, flush=True)


def _note(acked: dict[str, int] | None = None, problem: str = "") -> None:
    before = progress(state_dir())
    at = before.at if problem else time.time_ns() // 1000
    note_progress(state_dir(), Progress(at, before.acked | (acked or {}), problem))


@contextmanager
def _alone() -> Iterator[None]:
    """At most one uploader a machine. Raises LeashError when another one runs."""
    path = ensure_private(state_dir()) / "sync.lock"
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise LeashError("another leash sync is sending already", "see how far it is: leash sync status") from error
    finally:
        os.close(handle)


def status(args: argparse.Namespace) -> int:
    """What waits to be sent, log by log; asks nobody, so that it works without a network."""
    joined()
    known = progress(state_dir())
    paper = Paper(sys.stdout, os.environ)
    left = total = 0
    for session, path in logs(state_dir()):
        try:
            found = ends(path)
        except LeashError as error:
            print(f"leash: {one_line(error.message, 400)}", file=sys.stderr)
            continue
        have = found[1].seq if found is not None and isinstance(found[1].seq, int) else 0
        acked = known.acked.get(session, 0)
        total, left = total + have, left + max(have - acked, 0)
        if args.json:
            line = {"v": FORMAT, "session": session, "records": have, "acknowledged": acked}
            print(json_line(line))
        elif have > acked:
            print(paper.fit(f"{session:<22} {have - acked:>9,} of {count(have, 'record')} wait"))
    if not args.json:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(known.at / 1e6)) if known.at else "never"
        print(f"{total - left:,} of {count(total, 'record')} are in the team store; {left:,} wait; last sent: {when}")
        if known.problem:
            print(f"the last try failed: {one_line(known.problem, 400)}")
    return Exit.OK
