"""Cline. Runs `/bin/bash -c CMD` and kills it after 30 s; approves its own acts by default.

A refusal by its hook stops the whole run and tells the model nothing, so leash leaves its hooks alone: execs are seen.
It keeps its own state in the file of its settings. Its hub is a daemon that survives a group kill.
"""

from leashtui.agents.adapter import MODEL_KEYS, Adapter, Footprint

AGENT = Adapter(
    kind="cline",
    names=("cline",),
    patience=30,
    tried="3.0.65",
    habits=(r"git\0-C\0/[^\0]+\0update-ref\0refs/cline/checkpoints/[\w./-]+\0[0-9a-f]{40}",),
    state=(".cline/", ".cline/data/globalState.json"),
    keys=("CLINE_API_KEY", *MODEL_KEYS),
    footprint=Footprint(
        settings=("~/.cline/data/globalState.json", "~/.cline/hooks"),
        mcp=(("~/.cline/data/settings/cline_mcp_settings.json", "mcpServers"),),
        instructions=("./.clinerules", "./AGENTS.md"),
        transcripts="~/.cline/data/sessions/*/*.messages.json",
        bypasses=("--yolo", "-y"),
        package="cline",
        weak=(("mcpServers.?.autoApprove", "*", "tools of this server are approved beforehand"),),
    ),
)
