"""From an approval to a grant: the session's own, and those that a person kept for this repository.

Knows how long a session's grant lives. Refuses to judge whether one may be given: `policy.grants` does. Invariant: a
kept grant that cannot stand under the policies in force is left out, and what it answered is asked again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence

from leashtui.model.errors import PolicyError
from leashtui.model.event import GrantAdded
from leashtui.model.facts import Facts
from leashtui.model.verdict import Decision
from leashtui.policy import grants
from leashtui.policy.grants import Grant
from leashtui.policy.pdp import PDP
from leashtui.stores.kept import Kept
from leashtui.supervisor.session import microseconds
from leashtui.supervisor.standing import Standing

GRANT_LIFE = 12 * 3600 * 1_000_000
"""A session grant ends with the session, and after this many microseconds at the latest."""


def with_kept(pdp: PDP, kept: Sequence[Kept]) -> PDP:
    """With the repository's grants that can stand under these policies and are for this kind of agent."""
    for one in kept:
        with contextlib.suppress(PolicyError):  # what it answered is asked differently now, and is asked again
            pdp.add_grant(grant_of(one))
    return pdp


def grant_of(kept: Kept) -> Grant:
    """The grant that was kept. Raises PolicyError when none may be given any more."""
    return grants.from_ask(
        kept.facts,
        kept.decision,
        grant_id=kept.id,
        session="",
        expires=kept.expires,
        exact=kept.exact,
        kind=kept.kind,
    )


def granter(standing: Standing, session: str) -> Callable[[Facts, Decision], GrantAdded]:
    """Makes a grant of the session from an approval, and puts it in force (mediator.Granter)."""
    number = 0

    def grant(facts: Facts, decision: Decision) -> GrantAdded:
        nonlocal number
        number += 1
        expires = microseconds() + GRANT_LIFE
        made = grants.from_ask(facts, decision, grant_id=f"g{number}", session=session, expires=expires)
        standing.add_grant(made)
        return GrantAdded(
            grant=made.id,
            policy=made.text,
            asks=tuple(sorted(made.grants)),
            prefix=made.prefix,
            expires=expires,
            exact=made.exact,
        )

    return grant
