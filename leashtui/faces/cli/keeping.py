"""Grants beyond a session: keep one for a repository and a kind of agent, list them, end them.

Knows the record of kept grants and the machine's log. Refuses to do so from inside a session. Invariant: nothing is
kept before it was printed and entered in the machine's log, nothing without an end, nothing that no grant may release.
"""

from __future__ import annotations

import getpass
import os
import secrets
import time
from pathlib import Path

from msgspec.structs import replace

from leashtui.faces.cli.nesting import outer_session
from leashtui.faces.cli.recorded import records
from leashtui.model.errors import Exit, LeashError, PolicyError
from leashtui.model.event import Decided, GrantAdded, GrantKept, SessionStarted
from leashtui.policy.grants import Grant
from leashtui.stores.directories import config_dir, state_dir
from leashtui.stores.kept import Kept, KeptGrants
from leashtui.stores.machine import FILE, Machine
from leashtui.supervisor.granting import grant_of
from leashtui.supervisor.ulid import Ulids
from leashtui.words.plain import one_line

LIFE = "30d"
"""How long a grant is kept unless something else is said."""


def now() -> int:
    """Microseconds since the epoch."""
    return time.time_ns() // 1000


def from_session(log: Path, grant: str, seconds: int, any_agent: bool) -> Kept:
    """What a session's grant becomes when it is kept. Raises LeashError when that log gave no such grant."""
    started, acts = SessionStarted("", (), "", "", "", "", ""), {}  # type: tuple[SessionStarted, dict[str, Decided]]
    for _, record in records(log):
        if record is None:
            continue
        if isinstance(record.event, SessionStarted):
            started = record.event
        elif isinstance(record.event, Decided):
            acts[record.id] = record.event
        elif isinstance(record.event, GrantAdded) and record.event.grant == grant and record.parent in acts:
            act, kind = acts[record.parent], "" if any_agent else started.agent
            expires = now() + seconds * 1_000_000
            return Kept("", started.workspace, kind, expires, act.facts, act.decision, not record.event.prefix)
    raise LeashError(f"that session gave no grant {grant!r}", "leash grants lists them", Exit.USAGE)


def keep(kept: Kept) -> Grant:
    """Print it, enter it in the machine's log, and keep it. Raises LeashError; nothing is kept then."""
    _refuse_inside()
    store = KeptGrants(config_dir())
    named = replace(kept, id=store.next_id())
    grant = grant_of(named)
    print(grant.text.strip())
    _note(named, grant.text, dropped=False)
    store.keep(named)
    whose = f"{named.kind} agents" if named.kind else "every agent"
    until = time.strftime("%Y-%m-%d %H:%M", time.localtime(named.expires / 1e6))
    print(
        f"{named.id} holds in {one_line(named.workspace)} for {whose}, until {until}, in sessions that begin from now"
    )
    return grant


def drop(name: str) -> bool:
    """End a kept grant; False when there is none. Raises LeashError."""
    store = KeptGrants(config_dir())
    found = next((one for one in store.all() if one.id == name), None)
    if found is None:
        return False
    _refuse_inside()
    try:
        text = grant_of(found).text
    except PolicyError:  # it could not be given any more; it can be ended all the same
        text = ""
    _note(found, text, dropped=True)
    store.drop(name)
    print(f"{name} ended: what it released is asked again, in sessions that begin from now")
    return True


def _refuse_inside() -> None:
    if outer_session(os.environ):
        raise LeashError(
            "grants are a person's to keep, not from inside a session", "use another terminal", Exit.DENIED
        )


def _note(kept: Kept, policy: str, *, dropped: bool) -> None:
    machine = Machine(state_dir() / FILE, now, Ulids(now, secrets.randbits))
    machine.trusted(
        GrantKept(
            grant=kept.id,
            workspace=kept.workspace,
            policy=policy,
            asks=tuple(policy.id for policy in kept.decision.policies),
            expires=kept.expires,
            agent=kept.kind,
            who=getpass.getuser(),
            dropped=dropped,
        )
    )
