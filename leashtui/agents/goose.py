"""Goose. Not on a registry that could be tried: its execs are guarded like any program's, nothing else is known."""

from leashtui.agents.adapter import Adapter, Footprint

AGENT = Adapter(
    kind="goose",
    names=("goose",),
    state=(".config/goose/", ".local/share/goose/", ".local/state/goose/"),
    footprint=Footprint(settings=("~/.config/goose/config.yaml",), instructions=("./.goosehints", "./AGENTS.md")),
)
