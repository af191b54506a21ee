"""The proofs of a team store, for `leash audit verify`: opens it and hands out one result a chain."""

from __future__ import annotations

from collections.abc import Iterator

from leashtui.faces.cli.teamwork import joined
from leashtui.stores.attest import prove_store
from leashtui.stores.directories import state_dir
from leashtui.stores.keys import public_key
from leashtui.stores.proof import Proof, Trust
from leashtui.stores.team.chains import TeamStore


def proofs(target: str, trust: Trust | None) -> Iterator[Proof]:
    """The proofs of every chain in the store at `target`; 'team' is the one this machine joined. Raises LeashError."""
    own = public_key(state_dir())
    store = TeamStore(joined().dsn if target == "team" else target)
    try:
        yield from prove_store(store, trust or Trust((own,) if own else ()))
    finally:
        store.close()
