"""Copilot CLI. Runs `/bin/bash --norc --noprofile -c CMD` with an environment of its own making.

It tells its model that a command still runs after 30 s. Its hooks need a file of the user's, so that a session has none
of them; its execs are seen. It keeps its own state in the file of its settings.
"""

from collections.abc import Mapping

from leashtui.agents.adapter import Adapter, Footprint

_SNAPSHOT = (
    r"/bin/bash\0-l\0-c\0printf %s '__copilot_login_env_snapshot_\w+__'; if ! command env -0 2>/dev/null; then"
    r" for __copilot_k in \$\(compgen -e\); do printf '%s=%s\\0' \"\$__copilot_k\" \"\$\{!__copilot_k\}\"; done; fi"
)
"""Its reading of a login shell's environment."""
_KEYS = ("COPILOT_GITHUB_TOKEN", "GH_TOKEN", "GITHUB_TOKEN")
"""In the order in which it looks for them."""


class Copilot(Adapter, frozen=True):
    """Copilot CLI with the one token it would use."""

    def keys_in(self, env: Mapping[str, str]) -> tuple[str, ...]:
        """See Adapter."""
        return (*super().keys_in(env), *tuple(name for name in _KEYS if env.get(name))[:1])


AGENT = Copilot(
    kind="copilot",
    names=("copilot",),
    patience=30,
    yields=True,
    quiet=("--allow-all-tools",),
    tried="1.0.102",
    habits=(_SNAPSHOT,),
    state=(".copilot/", ".copilot/config.json"),
    keys=("COPILOT_PROVIDER_API_KEY", "COPILOT_PROVIDER_BEARER_TOKEN"),
    footprint=Footprint(
        settings=("~/.copilot/config.json", "~/.copilot/hooks"),
        mcp=(("~/.copilot/mcp-config.json", "mcpServers"),),
        instructions=("./AGENTS.md", "./.github/copilot-instructions.md"),
        transcripts="~/.copilot/session-state/*/events.jsonl",
        bypasses=("--allow-all", "--allow-all-tools", "--yolo"),
        package="@github/copilot",
        weak=(
            ("trusted_folders", '"/"', "it trusts every folder of the machine"),
            ("trusted_folders", '"~"', "it trusts the whole home"),
        ),
    ),
)
