"""Goose. Not on a registry that could be tried: its execs are guarded like any program's, nothing else is known."""

from leashtui.agents.adapter import MODEL_KEYS, Adapter, Footprint

AGENT = Adapter(
    kind="goose",
    names=("goose",),
    state=(".config/goose/", ".local/share/goose/", ".local/state/goose/"),
    keys=("GOOSE_*KEY", "DATABRICKS_TOKEN", *MODEL_KEYS),
    footprint=Footprint(
        settings=("~/.config/goose/config.yaml",),
        instructions=("./.goosehints", "./AGENTS.md"),
        weak=(("GOOSE_MODE", '"auto"', "it approves everything itself"),),
    ),
)
