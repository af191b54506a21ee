"""Whether the chains in a team store prove themselves: the same proof as for files, over what the store hands out.

Knows how chains of the store become sources, grouped by device. Refuses to trust the store: its own count and head are
one more witness, no proof. Invariant: every chain the reader may see gets one result.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import groupby

from leashtui.stores import machine
from leashtui.stores.proof import Proof, Source, Trust, prove_machine
from leashtui.stores.team.chains import Chain, TeamStore


def prove_store(store: TeamStore, trust: Trust) -> Iterator[Proof]:
    """The proofs of every chain the reader of `store` may see, device by device. Raises TeamError."""
    every = sorted(store.chains(), key=lambda c: (c.device, c.chain))
    for _, group in groupby(every, key=lambda c: c.device):
        chains = list(group)
        own = next((chain for chain in chains if chain.session == machine.NAME), None)
        logs = [_source(store, chain, beside=own is not None) for chain in chains if chain is not own]
        source = _source(store, own, beside=False) if own is not None else None
        yield from prove_machine(source, logs, trust, partial(_gone, chains[0].device))


def _gone(device: str, session: str) -> str:
    return f"{device}/{session}"


def _source(store: TeamStore, chain: Chain, *, beside: bool) -> Source:
    return Source(
        name=f"{chain.device}/{chain.session}",
        session=chain.session,
        rows=partial(store.rows, chain.chain),
        notes=partial(store.checkpoints, chain.chain),
        beside=beside,
        count=chain.count,
        head=chain.head,
    )
