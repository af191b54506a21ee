"""One policy as leash keeps it: its layered name, what it says about itself, where to read it, and its syntax tree.

Knows the order of the layers. Refuses to know other policies. Invariant: `node` is a permit named `layer/id` whatever
the policy's own effect is, because one call of the engine on such nodes tells *all* matches, forbids included.
"""

from __future__ import annotations

from cedarpy import pst
from msgspec import Struct

from leashtui.model.facts import Severity
from leashtui.model.verdict import PolicyRef
from leashtui.policy.annotations import Answer, Meta

LAYERS = ("org", "builtin", "team", "project", "user", "repo", "session")
"""Strongest first. Every layer's denies and asks count; `project` permits count only when trusted (bundle.build)."""

_RANK = {severity: rank for rank, severity in enumerate(Severity)}


class Policy(Struct, frozen=True):
    """A loaded policy. permits: whether its own effect is permit. grants: asks it releases (session layer only).

    expires: microseconds since the epoch, 0 = with the session. file and line are '' and 0 for a grant.
    """

    name: str  # layer/id
    layer: str
    permits: bool
    meta: Meta
    node: pst.Template
    file: str = ""
    line: int = 0
    grants: frozenset[str] = frozenset()
    expires: int = 0

    @property
    def answer(self) -> str:
        """What a match means: permit, deny, ask or oblige."""
        return "permit" if self.permits else str(self.meta.outcome)

    @property
    def unconditional(self) -> bool:
        """Whether it speaks of every resource, whatever the facts."""
        return not self.node.clauses and isinstance(self.node.resource, pst.ScopeAny)

    @property
    def releasable(self) -> bool:
        """Whether a grant may stand in for a person's answer to this ask."""
        meta = self.meta
        return not (meta.locked or meta.other or meta.approvers > 1) and meta.outcome is Answer.ASK

    def ref(self) -> PolicyRef:
        """The policy as records and cards name it."""
        return PolicyRef(
            id=self.name,
            reason=self.meta.reason,
            severity=self.meta.severity,
            file=self.file,
            line=self.line,
        )

    def strength(self) -> tuple[int, int, int, str]:
        """Sort key, strongest first: severity, locked, layer, name."""
        return (-_RANK[self.meta.severity], -int(self.meta.locked), LAYERS.index(self.layer), self.name)
