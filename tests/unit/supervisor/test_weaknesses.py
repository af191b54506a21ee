"""Which settings are found weak, however a person wrote them, and which are not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from leashtui.agents.registry import adapter_of
from leashtui.supervisor.weaknesses import in_settings


def findings(kind: str, name: str, text: str, home: Path) -> list[str]:
    path = home / name.removeprefix("~/")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.replace("HOME", str(home)))
    found = list(in_settings(adapter_of(kind), lambda p: (home if p[0] == "~" else home / "proj") / p[2:], home))
    assert all(one.remedy for one in found)
    return [one.text.partition(": ")[2] for one in found if one.level == "weak"]


@pytest.mark.parametrize("folder", ["~", "~/", "HOME", "HOME/", "~/."])
def test_the_home_is_known_however_it_is_written(folder: str, tmp_path: Path) -> None:
    text = json.dumps({"permissions": {"additionalDirectories": ["../docs", folder]}})
    (found,) = findings("claude", ".claude/settings.json", text, tmp_path)
    assert "the whole home" in found
    assert not findings("claude", ".claude/settings.json", text.replace(folder, f"{folder}/docs"), tmp_path)


CODEX = """
[sandbox_workspace_write]
network_access = true
writable_roots = ["/", "HOME"]
[projects."HOME"]
trust_level = "trusted"
[projects."HOME/x.y"]
trust_level = "trusted"
"""


def test_holes_in_codex_own_sandbox_are_found(tmp_path: Path) -> None:
    found = findings("codex", ".codex/config.toml", CODEX, tmp_path)
    words = ("trusts the whole home", "leaves the network open", "every file be written", "whole home be written")
    assert len(found) == len(words)
    assert all(any(word in one for one in found) for word in words)
    assert not findings("codex", ".codex/config.toml", CODEX.replace("true", "false").replace('"/", "HOME"', '"/srv"')
                        .replace('trust_level = "trusted"', 'trust_level = "untrusted"'), tmp_path)  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "name", "weak", "fine"),
    [
        ("cline", ".cline/data/settings/cline_mcp_settings.json",
         {"mcpServers": {"c": {"autoApprove": ["a"]}}}, {"mcpServers": {"c": {"autoApprove": []}}}),
        ("cursor", ".cursor/cli-config.json", {"approvalMode": "unrestricted"}, {"approvalMode": "allowlist"}),
        ("cursor", ".cursor/cli-config.json",
         {"permissions": {"allow": ["Shell(*)"]}}, {"permissions": {"allow": ["Shell(ls)"]}}),
        ("qwen", ".qwen/settings.json",
         {"tools": {"allowed": ["run_shell_command"]}}, {"tools": {"allowed": ["run_shell_command(git)"]}}),
    ],
)  # fmt: skip
def test_lists_of_what_is_approved_beforehand(kind: str, name: str, weak: object, fine: object, tmp_path: Path) -> None:
    assert len(findings(kind, name, json.dumps(weak), tmp_path)) == 1
    assert not findings(kind, name, json.dumps(fine), tmp_path)
