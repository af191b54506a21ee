"""The decider of a running session, which can be replaced as a whole while requests come in.

Knows how a new set is built, tested and compared with the one in force, and what becomes of grants. Refuses to decide.
Invariant: a request is decided by exactly one set; a new one is in force only after it passed its self-test on the
thread that decides, and whatever goes wrong before leaves the last good one in force, and says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from leashtui.model.errors import LeashError, PolicyError
from leashtui.model.event import Event, PolicyReloaded
from leashtui.model.facts import Facts
from leashtui.model.request import Request
from leashtui.model.verdict import Decision
from leashtui.model.wire import Offered
from leashtui.policy.bundle import Bundle
from leashtui.policy.entities import Outside
from leashtui.policy.grants import Grant
from leashtui.policy.pdp import PDP
from leashtui.supervisor.policyload import with_stack


class Standing:
    """A PDP (model.ports.Decider) that can be exchanged. load: reads and builds the set as it lies there now, on a
    stack of its own. make: a PDP of a set. record: writes an event. changed: called after an exchange."""

    def __init__(
        self,
        first: Bundle,
        load: Callable[[], Bundle],
        make: Callable[[Bundle], PDP],
        record: Callable[[Event], object],
        changed: Callable[[], None],
    ) -> None:
        self._load = load
        self._make = make
        self._record = record
        self._changed = changed
        self._outside: Outside = ()
        self._posture = ""
        self._busy = asyncio.Lock()
        self.pdp = with_stack(lambda: make(first))
        self.pdp.self_test()

    @property
    def digest(self) -> str:
        """Of the set in force."""
        return self.pdp.bundle.digest

    def decide(self, request: Request, facts: Facts) -> Decision:
        """See PDP."""
        return self.pdp.decide(request, facts)

    def add_grant(self, grant: Grant) -> None:
        """See PDP."""
        self.pdp.add_grant(grant)

    def revoke(self, grant: str) -> bool:
        """See PDP."""
        return self.pdp.revoke(grant)

    def learn(self, outside: Outside) -> None:
        """See PDP."""
        self._outside = outside
        self.pdp.learn(outside)
        self._changed()

    def stand(self, posture: str) -> None:
        """See PDP."""
        self._posture = posture
        self.pdp.stand(posture)

    async def reload(self, wanted: str, who: str) -> Offered:
        """Build what lies there now; put it in force when its digest is `wanted`. Never raises for a bad set."""
        async with self._busy:
            try:
                made, pdp, offer = await asyncio.to_thread(with_stack, self._prepared)
                pdp.self_test()  # where it will decide
            except LeashError as error:
                self._record(PolicyReloaded(self.digest, self.digest, who=who, problem=error.message))
                return Offered(self.digest, self.digest, problem=error.message, hint=error.hint)
            if not wanted:
                return offer
            if wanted != made.digest:
                return Offered(made.digest, self.digest, problem="the policies changed after they were shown")
            return self._exchange(pdp, offer, who)

    def _prepared(self) -> tuple[Bundle, PDP, Offered]:
        """What lies there now, a decider of it, and what differs from the set in force."""
        made = self._load()
        return made, self._make(made), _compare(self.pdp.bundle, made)

    def _exchange(self, pdp: PDP, offer: Offered, who: str) -> Offered:
        pdp.learn(self._outside)
        if self._posture:
            pdp.stand(self._posture)
        ended = []
        for grant in self.pdp.grants():
            if not grant.session:
                continue  # the repository's, which `make` brought along where it still can stand
            try:
                if grant.grants & {*offer.changed, *offer.removed}:
                    raise PolicyError("what it answered is asked differently now", "approve it again")
                pdp.add_grant(grant)
            except PolicyError:
                ended.append(grant.id)
        event = PolicyReloaded(
            bundle=offer.bundle,
            was=offer.was,
            added=offer.added,
            removed=offer.removed,
            changed=offer.changed,
            revoked=tuple(ended),
            who=who,
        )
        try:
            self._record(event)  # first: what cannot be recorded does not happen
        except LeashError as error:
            return Offered(offer.bundle, offer.was, problem=error.message, hint=error.hint)
        self.pdp = pdp
        self._changed()
        return Offered(offer.bundle, offer.was, offer.added, offer.removed, offer.changed, offer.permits, applied=True)


def _compare(old: Bundle, new: Bundle) -> Offered:
    """What differs between two sets, by name."""
    before = {policy.name: policy for policy in old.policies}
    after = {policy.name: policy for policy in new.policies}
    added = sorted(after.keys() - before.keys())
    changed = sorted(
        name
        for name in after.keys() & before.keys()
        if (before[name].node, before[name].meta, before[name].permits)
        != (after[name].node, after[name].meta, after[name].permits)
    )
    return Offered(
        bundle=new.digest,
        was=old.digest,
        added=tuple(added),
        removed=tuple(sorted(before.keys() - after.keys())),
        changed=tuple(changed),
        permits=tuple(name for name in sorted((*added, *changed)) if after[name].permits),
    )
