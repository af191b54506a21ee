"""mini-swe-agent. Runs `/bin/sh -c CMD` by absolute path and kills it after 30 s: no shim sees it, it has no hooks.

What is held too long for it becomes a ticket before that: its model is told to run the command again once approved.
"""

from leashtui.agents.adapter import MODEL_KEYS, Adapter, Footprint

AGENT = Adapter(
    kind="mini",
    names=("mini", "mini-swe-agent"),
    patience=30,
    quiet=("--yolo",),
    tried="2.4.6",
    state=(".config/mini-swe-agent/", ".local/share/mini-swe-agent/"),
    keys=("MSWEA_*KEY", *MODEL_KEYS),
    footprint=Footprint(
        settings=("~/.config/mini-swe-agent/.env",),
        transcripts="~/.config/mini-swe-agent/last_mini_run.traj.json",
        bypasses=("-y", "--yolo"),
        package="mini-swe-agent",
    ),
)
