"""A recorded session as one row of moments: what the terminal showed and what was decided, in the order it happened.

Pure: takes rows and moments, gives moments. Knows how long silence may last in a replay. Refuses to invent: a session
without a recording of its terminal is its decisions alone. Invariant: moments are in order of time, and play time never
runs ahead of real time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from leashtui.model.event import Answered, Asked, Decided, GuardLost, Record, SessionStarted
from leashtui.model.verdict import By, Ruling
from leashtui.model.wire import CardGone, CardShown, Recorded, Welcome
from leashtui.stores.recording import Moment

SILENCE = 2.0
"""Seconds that a pause lasts at most."""


@dataclass(frozen=True)
class Beat:
    """One moment of the tape. at: seconds of play time; wall: microseconds since the epoch. Exactly one of the rest."""

    at: float
    wall: int
    output: bytes = b""
    size: tuple[int, int] | None = None
    recorded: Recorded | None = None


class Tape:
    """beats in order. stops: indexes of the beats a person seeks by: every act, ask and alarm."""

    def __init__(self, beats: Sequence[Beat]) -> None:
        self.beats = beats
        self.stops = [
            at for at, beat in enumerate(beats) if beat.recorded is not None and _weighs(beat.recorded.record)
        ]

    @property
    def length(self) -> float:
        """Seconds it plays at normal speed."""
        return self.beats[-1].at if self.beats else 0.0

    def stop_after(self, index: int) -> int:
        """The first stop behind `index` beats, or the end."""
        return next((at + 1 for at in self.stops if at + 1 > index), len(self.beats))

    def stop_before(self, index: int) -> int:
        """The last stop before the one that `index` beats end with, or the beginning."""
        return next((at + 1 for at in reversed(self.stops) if at + 1 < index), 0)

    def index_of(self, word: str) -> int | None:
        """How many beats lead up to an act: L-12, a record's id or its number."""
        for at, beat in enumerate(self.beats):
            if beat.recorded is None:
                continue
            record = beat.recorded.record
            asked = record.event.card.id if isinstance(record.event, Asked) else ""
            if word in {asked, record.id, str(beat.recorded.seq)}:
                return at + 1
        return None


def make_tape(records: Iterable[Recorded], moments: Iterable[Moment], started: int, silence: float = SILENCE) -> Tape:
    """started: microseconds since the epoch at which the moments' clock is 0."""
    real: list[tuple[int, int, Moment | Recorded]] = [(r.record.t, 0, r) for r in records]
    real += [(started + int(m.t * 1e6), 1, m) for m in moments]
    real.sort(key=lambda item: item[:2])
    beats: list[Beat] = []
    at, before = 0.0, real[0][0] if real else 0
    for wall, _, what in real:
        at += min(max(0.0, (wall - before) / 1e6), silence)
        before = wall
        if isinstance(what, Recorded):
            beats.append(Beat(at, wall, recorded=what))
        elif what.kind == "o":
            beats.append(Beat(at, wall, output=what.data.encode("utf-8", "replace")))
        elif what.kind == "r" and (size := _size(what.data)) is not None:
            beats.append(Beat(at, wall, size=size))
    return Tape(beats)


def messages(recorded: Recorded) -> Iterator[Recorded | CardShown | CardGone]:
    """What the desk had said to a panel when this was recorded."""
    yield recorded
    event = recorded.record.event
    if isinstance(event, Asked):
        yield CardShown(event.card)
    elif isinstance(event, Answered):
        verdict = event.verdict
        why = "withdrawn" if verdict.by is By.WITHDRAWN else "allowed" if verdict.ruling is Ruling.ALLOW else "denied"
        yield CardGone(event.ask, why, verdict.who)


def welcome_of(tape: Tape, session: str, log: str) -> Welcome:
    """The greeting a panel of that session got."""
    first = next((b.recorded.record for b in tape.beats if b.recorded is not None), None)
    event = first.event if first is not None else None
    known = event if isinstance(event, SessionStarted) else SessionStarted(session, (), "", "?", "", "", "")
    return Welcome(
        session=session, agent=known.agent, argv=known.argv, workspace=known.workspace, tier=known.tier,
        lost=known.lost, bundle=known.bundle, started=first.t if first else 0, user=known.user, log=log,
    )  # fmt: skip


def answers(tape: Tape) -> dict[str, str]:
    """What each ask was answered in the end, as a card's last line says it."""
    found: dict[str, str] = {}
    for beat in tape.beats:
        for message in messages(beat.recorded) if beat.recorded is not None else ():
            if isinstance(message, CardGone):
                found[message.ask] = f"{message.why}{' by ' + message.who if message.who else ''}"
    return found


def _weighs(record: Record) -> bool:
    event = record.event
    if isinstance(event, Decided):
        return event.verdict is not None and not event.covered_by and not event.request.chosen
    return isinstance(event, Asked | Answered | GuardLost)


def _size(text: str) -> tuple[int, int] | None:
    cols, _, rows = text.partition("x")
    if not (cols.isascii() and rows.isascii() and cols.isdigit() and rows.isdigit()):
        return None
    return min(max(int(cols), 1), 1000), min(max(int(rows), 1), 1000)
