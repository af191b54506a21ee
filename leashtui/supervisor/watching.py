"""Starts the file watcher of one session, and in tiers without file acts lets it ask about protected files.

Knows what belongs to which tier. Refuses to judge. Invariant: where changes are asked about, a watcher that cannot be
had or is lost ends the session, because nobody else would see them.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path

from leashtui.guards.kernel.voice import say
from leashtui.guards.watcher import WatchGuard
from leashtui.guards.watcher.messages import Keep, Restore
from leashtui.model.errors import GuardError
from leashtui.model.event import Braked, FileChanged, Notice
from leashtui.model.request import Tier
from leashtui.stores.directories import denied_dir, runtime_dir
from leashtui.supervisor.alibis import Alibis
from leashtui.supervisor.assembly import Parts
from leashtui.supervisor.changes import Changes
from leashtui.supervisor.channel import Start
from leashtui.supervisor.endings import Endings
from leashtui.supervisor.repository import RepositoryProbe
from leashtui.supervisor.session import microseconds
from leashtui.supervisor.unjudged import Unjudged

_ARMED = 60.0


async def watch(start: Start, parts: Parts, tier: Tier, agent: int) -> WatchGuard | None:
    """The watcher of the session; None where it is only told and cannot be had. agent: pid of the waiting launcher.

    Raises GuardError where changes are to be asked about and cannot be.
    """
    session = parts.session
    asks = tier is not Tier.STRICT
    if asks:
        session.changes = _changes(start, parts, agent)

    def notice(told: Notice) -> None:
        session.notice(told.level, told.text, told.hint)

    unjudged = Unjudged(start.workspace, notice, asyncio.get_running_loop().call_soon)
    if not asks:
        parts.stream.subscribe(unjudged.heard)

    def changed(event: FileChanged) -> None:
        session.changed(event)
        if not asks:
            unjudged.changed(event)

    def lost(why: str) -> None:
        if session.changes is None:
            session.notice("warn", f"file changes are no longer seen: {why}", "acts are still guarded")
            return
        session.changes.give_up()
        session.guard_lost("watcher", why)

    try:
        guard = WatchGuard(
            asyncio.get_running_loop(),
            changed,
            notice,
            lost,
            session.changes.hear if session.changes is not None else None,
            root=Path(start.workspace),
            also=[Path(p) for p in start.also],
            home=Path(start.home) if start.home else None,
            ignore=start.ignore,
            aside=denied_dir() / parts.id,
            lock=runtime_dir() / f"watch-{hashlib.sha256(os.fsencode(start.workspace)).hexdigest()[:16]}.lock",
        )
    except GuardError as error:
        if asks:
            raise
        session.notice("warn", error.message, error.hint)
        return None
    session.watcher = guard
    if asks:  # what the agent changes before the first look would count as having been so
        try:
            known = await asyncio.wait_for(guard.armed, _ARMED)
        except TimeoutError:
            known = None
        if known is None:
            raise GuardError(
                f"protected files could not be read within {_ARMED:.0f} s, so nobody would see them change",
                "choose a smaller --workspace, or --guard strict, which needs no look beforehand",
            )
    return guard


def _changes(start: Start, parts: Parts, agent: int) -> Changes:
    session = parts.session
    endings = Endings(asyncio.get_running_loop(), microseconds)
    session.at_end(endings.close)
    alibis = Alibis(endings.watch, microseconds, RepositoryProbe(start.workspace).blob, parts.made.has_gone)
    parts.stream.subscribe(alibis.heard)

    def order(what: Keep | Restore) -> None:
        if isinstance(session.watcher, WatchGuard):
            session.watcher.order(what)

    def tell(line: str) -> None:
        say(agent, line)
        parts.arming.tell(line)

    return Changes(
        parts.mediator,
        session.freezer,
        alibis,
        order,
        notice=session.notice,
        tell=tell,
        braked=lambda what: session.record(Braked(what=what, who="leash")),
        spawn=session.spawn,
    )
