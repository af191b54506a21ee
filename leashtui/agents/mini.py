"""mini-swe-agent. Runs `/bin/sh -c CMD` by absolute path and kills it after 30 s: no shim ever sees it."""

from leashtui.agents.adapter import Adapter

AGENT = Adapter(
    kind="mini",
    names=("mini", "mini-swe-agent"),
    patience=30,
    quiet=("--yolo",),
    state=(".config/mini-swe-agent/", ".local/share/mini-swe-agent/"),
)
