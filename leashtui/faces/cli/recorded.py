"""Recorded sessions, for the tools that judge them again: their acts in order, and a decider as each session had one.

Knows logs and what a session's first record says of it. Refuses to print and to change anything. Invariant: an act is
judged for who did it, in the role, tier and workspace of its session, and with the facts from outside that held then.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from leashtui.model.codec import decode_record
from leashtui.model.event import ModeChanged, OutsideRead, Record, SessionStarted
from leashtui.model.request import Tier
from leashtui.policy.bundle import Bundle
from leashtui.policy.entities import Principal, Surroundings
from leashtui.policy.pdp import PDP
from leashtui.stores.directories import config_dir
from leashtui.stores.journal import read
from leashtui.supervisor import layers
from leashtui.supervisor.policyload import with_stack


def records(log: Path) -> Iterator[tuple[int, Record | None]]:
    """(number, record) of a log in order; None for one that cannot be read. Raises StoreError."""
    for number, row in enumerate(read(log), 1):
        try:
            yield number, decode_record(row.body if isinstance(row.body, bytes) else b"")
        except msgspec.DecodeError:
            yield number, None


class Deciders:
    """Deciders over one set of policies, one for each kind of session."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self._known: dict[tuple[Principal, Tier, Surroundings], PDP] = {}
        self.now = self._of(Principal("replay", "replay", "replay", "replay"), Tier.EXEC, Surroundings())
        self.now.self_test()

    def follow(self, record: Record) -> None:
        """Take note of what a record says of its session; `now` then decides as that session did."""
        event = record.event
        if isinstance(event, SessionStarted):
            who = Principal(record.session, event.agent, event.agent, event.user, event.role)
            tier = Tier(event.tier) if event.tier in set(Tier) else Tier.EXEC
            self.now = self._of(who, tier, Surroundings(event.workspace, posture=event.posture))
            self.now.learn(())
            self.now.stand(event.posture)
        elif isinstance(event, ModeChanged):
            self.now.stand(event.mode)
        elif isinstance(event, OutsideRead):
            self.now.learn(event.values)

    def fresh(self, kind: str, clock: Callable[[], int]) -> PDP:
        """A decider of its own, for an agent of this kind, to which grants may be added."""
        who = Principal("replay", kind, kind, "replay")
        return PDP(self.bundle, who, tier=Tier.EXEC, clock=clock)

    def _of(self, who: Principal, tier: Tier, around: Surroundings) -> PDP:
        key = (msgspec.structs.replace(who, session=""), tier, around)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = PDP(self.bundle, who, tier=tier, around=around)
        return found


def in_force(own: Path | None = None, workspace: str = "") -> Bundle:
    """The policies of a session here, with `own` in place of the person's. Raises PolicyError."""
    return with_stack(lambda: layers.load(config_dir(), workspace or os.getcwd(), own=own).bundle)
