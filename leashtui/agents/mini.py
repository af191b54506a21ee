"""mini-swe-agent. Runs `/bin/sh -c CMD` by absolute path and kills it after 30 s: no shim sees it, it has no hooks.

What is held too long for it becomes a ticket before that: its model is told to run the command again once approved. Its
trajectory is one file that each run writes anew, so that of two at a time only the one that wrote last is counted.
"""

import os

from leashtui.agents import spending
from leashtui.agents.adapter import MODEL_KEYS, Adapter, Footprint, Form, Run, Tally


class Mini(Adapter, frozen=True):
    """mini-swe-agent, which keeps the last run's trajectory."""

    def tally(self, run: Run) -> Tally:
        """See Adapter."""
        return spending.Mini(run)

    def written(self, run: Run) -> tuple[str, ...]:
        """Where it was told to, else in its own folder."""
        settings = run.env.get("XDG_CONFIG_HOME") or os.path.join(run.env.get("HOME") or "/", ".config")
        folder = run.env.get("MSWEA_GLOBAL_CONFIG_DIR") or os.path.join(settings, "mini-swe-agent")
        return (run.option("-o", "--output") or os.path.join(folder, "last_mini_run.traj.json"),)


AGENT = Mini(
    kind="mini",
    names=("mini", "mini-swe-agent"),
    patience=30,
    quiet=("--yolo",),
    tried="2.4.6",
    state=(".config/mini-swe-agent/", ".local/share/mini-swe-agent/"),
    keys=("MSWEA_*KEY", *MODEL_KEYS),
    form=Form.WHOLE,
    moved=(
        ("MSWEA_GLOBAL_CONFIG_DIR", "~/.config/mini-swe-agent/", ""),
        ("XDG_CONFIG_HOME", "~/.config/mini-swe-agent/", "mini-swe-agent/"),
    ),
    footprint=Footprint(
        settings=("~/.config/mini-swe-agent/.env",),
        transcripts="~/.config/mini-swe-agent/last_mini_run.traj.json",
        bypasses=("-y", "--yolo"),
        package="mini-swe-agent",
    ),
)
