"""Codex. Runs `/bin/bash -lc CMD`; hands a slow command back to its model after 10 s.

Its terminal interface starts a daemon that runs the commands and outlives the session: `--no-daemon` keeps them below
us. Its own sandbox (bwrap) does not run under a Landlock file domain, so compat is its best tier.
"""

from collections.abc import Sequence

from leashtui.agents.adapter import Adapter
from leashtui.model.request import Tier

_HEADLESS = frozenset({"exec", "e", "login", "logout", "mcp", "apply", "help", "--help", "--version", "-V"})


class Codex(Adapter, frozen=True):
    """Codex adds `--no-daemon` to its terminal interface only."""

    def command(self, argv: Sequence[str], *, quiet: bool = False) -> list[str]:
        """As typed, with `--no-daemon` unless a subcommand runs without the daemon."""
        words = super().command(argv, quiet=quiet)
        if _HEADLESS.isdisjoint(argv[1:]) and "--no-daemon" not in words:
            words.insert(1, "--no-daemon")
        return words


AGENT = Codex(
    kind="codex",
    names=("codex",),
    tier=Tier.COMPAT,
    patience=10,
    quiet=("--dangerously-bypass-approvals-and-sandbox",),
    state=(".codex/",),
    kept=(".codex/config.toml", ".codex/AGENTS.md", ".codex/prompts", ".codex/rules", ".codex/skills"),
)
