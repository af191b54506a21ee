"""`leash blast`: what an agent started here could reach now, and how much of it leash would stop in which tier.

Knows how to show it on one screen. Refuses to look by itself (supervisor.reach) and to read any secret. Invariant: what
is not stopped is said as plainly as what is.
"""

from __future__ import annotations

import argparse
import os
from collections import Counter

import msgspec

from leashtui.agents.registry import adapter_for
from leashtui.faces.cli import workspace
from leashtui.faces.cli.columns import json_line
from leashtui.guards.kernel.probe import probe
from leashtui.model.errors import Exit
from leashtui.model.request import Tier
from leashtui.stores.directories import config_dir, runtime_dir, state_dir
from leashtui.supervisor.config import load
from leashtui.supervisor.reach import Held, Reach, reach
from leashtui.supervisor.repository import RepositoryProbe
from leashtui.supervisor.tiers import choose_tier
from leashtui.supervisor.variables import sort
from leashtui.words.plain import one_line

_SAYS = {
    Held.CLOSED: "closed",
    Held.ASKED: "asked",
    Held.COMMANDS: "commands asked",
    Held.SHELL: "shell commands asked",
    Held.FREE: "not stopped",
}
_MEANS = """\
closed: not to be had. asked: held until you answer. commands asked: commands that
are known to reach for it are held, a program that does so by itself is not seen.
shell commands asked: the same, for what a shell runs by its name.
Closed variables are withheld; --grant-env NAME hands one over.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("agent", nargs="?", default="", metavar="AGENT", help="which agent (default: any program)")
    parser.add_argument("--json", action="store_true", help="print one JSON object a kind")


def run(args: argparse.Namespace) -> int:
    """Look and show. Raises LeashError."""
    support = probe()
    agent = adapter_for(args.agent or "sh")
    tier = choose_tier(support.tier, "", support.fixes, agent.tier)
    home = os.environ.get("HOME") or os.path.expanduser("~")
    place = workspace.find(os.getcwd(), None, (runtime_dir(), state_dir(), config_dir()))
    pins = RepositoryProbe(place.root).pinned()
    remotes = pins.remotes if pins is not None else ()
    given = load(config_dir()).config.environment
    variables = sort(os.environ, agent, given.grant, given.withhold)
    every = reach(
        home,
        place.root,
        os.environ,
        remotes,
        covers=support.covers,
        agent=agent.asks_a_model,
        variables=variables,
    )
    found = [one for one in every if one.names]
    if args.json:
        for one in found:
            print(json_line({"v": 1, "tier": str(tier), **msgspec.to_builtins(one)}))
        return Exit.OK
    _show(found, args.agent or "a program", tier, support.tier)
    return Exit.OK


def _show(found: list[Reach], agent: str, tier: Tier, best: Tier) -> None:
    print(f"{one_line(agent, 40)}, started here without leash, could reach; with leash, in tier {tier}:")
    print()
    for one in found:
        names = ", ".join(one_line(name, 60) for name in one.names[:4])
        more = f" and {len(one.names) - 4} more" if len(one.names) > 4 else ""
        print(f"  {one.kind:<22}  {_SAYS[one.held[str(tier)]]:<20}  {names}{more}")
    print()
    for word in _tiers(best, tier):
        counts = Counter(one.held[word] for one in found)
        said = ", ".join(f"{counts[held]} {_SAYS[held]}" for held in Held if counts[held])
        name = f"tier {word}"
        print(f"  {name:<15} {said}{'  (this session)' if word == tier else ''}")
    print()
    print(_MEANS, end="")


def _tiers(best: Tier, here: Tier) -> list[str]:
    """The tiers this host can give; compat only where it is this session's."""
    first = {Tier.STRICT: 0, Tier.COMPAT: 1, Tier.EXEC: 1, Tier.WATCH: 2}[best]
    every = [str(Tier.STRICT), str(Tier.EXEC), str(Tier.WATCH)][first:]
    return every if here is not Tier.COMPAT else [*every[:-2], str(here), *every[-2:]]
