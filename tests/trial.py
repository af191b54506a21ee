"""Legs of attacks: all cases one after the other, free or leashed, each in an arena as it was before the case."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from arena import SECRET, Arena, Leashed, Leg, arena
from arsenal import Case

import leashtui

LEGS: dict[str, tuple[str, ...] | None] = {"free": None, "strict": (), "compat": ("--guard", "compat"), "unread": ()}
"""Options of the session, None for none. unread: in tier strict, by the agent's own process, unread."""


class Outcome(NamedTuple):
    """What a case changed, and what it said."""

    changes: dict[str, Any]
    done: dict[str, Any]


def attempt(place: Arena, leg: Leg, case: Case, *, unread: bool = False) -> Outcome:
    """Run one case; what it changed is to be repaired. unread: see Leg.run."""
    if case.family == "self-approval" and place.persons is None:
        _have_a_card(place)
    name, text = case.program(place.values)
    (place.proj / name).write_text(text)
    how = [text[2 : text.index("\n")]] if text.startswith("#!") else [sys.executable, "-S"]
    done = leg.run([*how, name], unread=unread)
    changes, patience = place.changes(), time.monotonic() + (0 if leg.guarded else 15)
    while not changes and time.monotonic() < patience:  # free, it comes, however busy the machine is
        time.sleep(0.1)
        changes = place.changes()
    answered = bool(changes) and case.family == "self-approval"  # whose work may be half done: it has no card any more
    if (answered or "persons" in changes) and place.persons is not None:
        place.persons.close()
        place.persons = None
        place.baseline.pop("persons")
    return Outcome(changes, done)


def _have_a_card(place: Arena) -> None:
    place.persons = Leashed(place)
    told = place.persons.told
    place.values |= {"session": told["session"], "socket": told["socket"], "super": str(told["pid"])}
    place.values["card"] = place.persons.ask
    place.baseline["persons"] = place.persons.state()


def run_all(options: tuple[str, ...] | None, cases: list[Case], *, unread: bool = False) -> dict[str, Outcome]:
    """A leg: the outcome of each case by its name. unread: of those that are Python code, see Leg.run."""
    with arena() as place:
        place.values |= {"secret": SECRET, "package": str(Path(leashtui.__file__).parents[1])}
        leg = Leg(place, options)
        found: dict[str, Outcome] = {}
        try:
            for case in cases if not unread else [case for case in cases if not case.text.startswith("#!")]:
                outcome = attempt(place, leg, case, unread=unread)
                for _ in range(0 if leg.guarded else 4):  # what must win a race first may lose one
                    outcome = outcome if outcome.changes else attempt(place, leg, case)
                found[case.key] = outcome
                if options and any(place.proj.glob("*/.git")):  # its session would put back what is removed here
                    leg.close()
                    place.repair(place.changes())
                    leg = Leg(place, options)
                    continue
                try:
                    place.repair(outcome.changes)
                except OSError:  # the session's watcher put back what was being repaired: again, without it
                    leg.close()
                    place.repair(place.changes())
                    leg = Leg(place, options)
        finally:
            leg.close()
        return found
