"""What leash knows about one kind of coding agent: its names, its environment, its own prompts.

An adapter is data and two small rules; it refuses to judge acts and to guess what it was not shown. Invariant: an
adapter never removes an argument the person typed, and adds one only where its field says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from leashtui.model.request import Tier


class Adapter(Struct, frozen=True):
    """One kind of agent.

    kind: the word policies use. names: program names it starts as. tier: the best tier it is known to run in.
    patience: seconds until it gives up on a held command, by its own defaults (0: not known).
    surroundings: variables it is started with, so that its shell can be seen where only shims guard.
    state: where it keeps its own files, below the home (beginnings of paths). kept: what there is the person's, since
    it tells the agent what to run.
    quiet: arguments that switch its own permission prompts off. extra: arguments it always needs under leash.
    """

    kind: str
    names: tuple[str, ...]
    tier: Tier = Tier.STRICT
    patience: int = 0
    surroundings: tuple[tuple[str, str], ...] = ()
    state: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    quiet: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()

    def environment(self, base: Mapping[str, str]) -> dict[str, str]:
        """The environment it is started with: `base`, where the person's own values win."""
        return dict(self.surroundings) | dict(base)

    def command(self, argv: Sequence[str], *, quiet: bool = False) -> list[str]:
        """The command line that starts it. argv: as typed, program first. quiet: without its own prompts."""
        added = [word for word in (*self.extra, *(self.quiet if quiet else ())) if word not in argv]
        return [*argv[:1], *added, *argv[1:]]
