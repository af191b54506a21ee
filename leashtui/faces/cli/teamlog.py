"""`leash log --team`: the same query over every chain of the team store that this login may read.

Knows chains and their first records. Refuses to verify (`leash audit verify` does). Invariant: what is found is read
from the store; the index kept here only tells where to look.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from leashtui.audit.query import Query
from leashtui.faces.cli.log import Printer, said
from leashtui.model import codec
from leashtui.model.errors import Exit, LeashError
from leashtui.model.event import SessionStarted
from leashtui.stores import enrolment
from leashtui.stores.directories import config_dir, state_dir
from leashtui.stores.index import Shelf, search
from leashtui.stores.sessions import SessionInfo
from leashtui.stores.team.chains import Chain, TeamStore


def print_all(address: str, query: Query, printer: Printer) -> int:
    """Print what the query finds, chain by chain. Raises LeashError."""
    dsn = address or _own()
    store = TeamStore(dsn)
    place = sha256(dsn.encode()).hexdigest()[:8]
    try:
        for chain in store.chains():
            session = _about(store, chain)
            shelf = _shelf(store, chain, f"team-{place}-{chain.chain}", session.agent)
            for row, value in search(state_dir(), shelf, query, said(chain.session)):
                printer(session, row, value)
    finally:
        store.close()
    return Exit.OK


def _own() -> str:
    """The store of this person: as a reviewer, who may read, or as a device."""
    reviewer, device = enrolment.reviewer(config_dir()), enrolment.enrolled(config_dir())
    if reviewer is not None:
        return reviewer.dsn
    if device is not None:
        return device.dsn
    raise LeashError("this machine knows no team store", "name one you may read: --store ADDRESS", Exit.USAGE)


def _about(store: TeamStore, chain: Chain) -> SessionInfo:
    first = next(store.pick(chain.chain, [1]), None)
    begun = None
    if first is not None and isinstance(first.body, bytes):
        try:
            begun = codec.decode_record(first.body)
        except ValueError:  # a kind of a newer leash
            begun = None
    start = begun.event if begun is not None and isinstance(begun.event, SessionStarted) else None
    name = f"{chain.session} of {chain.login} ({chain.device})"
    if begun is None or start is None:
        return SessionInfo(name, Path(chain.session))
    return SessionInfo(
        name, Path(chain.session), begun.t, 0, start.agent, start.argv, start.workspace, start.tier, 0, chain.count
    )


def _shelf(store: TeamStore, chain: Chain, name: str, agent: str) -> Shelf:
    return Shelf(
        name,
        agent,
        lambda after: store.rows(chain.chain, after),
        lambda numbers: store.pick(chain.chain, numbers),
        lambda: (chain.count, chain.head) if chain.count else None,
    )
