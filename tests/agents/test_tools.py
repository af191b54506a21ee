"""The less usual tools of real agents: patches, moves, a shell typed into, plans, worktrees, paths in the home."""

from __future__ import annotations

import json
from typing import Any

import pytest
from agents import conftest
from agents.conftest import Rig, make_rig
from conftest import World
from model_server import Step


def _tool(tool: str, find: dict[str, str] | None = None, **arguments: Any) -> Step:
    return {"tool": tool, "arguments": arguments, **({"find": find} if find else {})}


def _patch(rig: Rig, body: str) -> Step:
    name = "patchText" if rig.kind == "opencode" else "input"
    return _tool("apply_patch", **{name: f"*** Begin Patch\n{body}*** End Patch"})


def _refused(rig: Rig) -> list[str]:
    found = [e["request"] for e in rig.decided() if e["verdict"]["ruling"] == "deny" and e["verdict"]["by"] != "habit"]
    return [r.get("path") or r.get("script") or " ".join(r["argv"]) for r in found]


@pytest.mark.parametrize("kind", ["codex", "opencode"])
def test_a_file_that_a_patch_moves_is_not_removed(kind: str, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Control: a patch that removes it."""
    usual = conftest.SETUPS[kind]

    def patching(rig: Rig, url: str) -> list[str]:
        argv, config = usual(rig, url), rig.home / ".config/opencode/opencode.json"
        if kind == "opencode":  # which offers the tool to models of this name
            config.write_text(config.read_text().replace('"m": {}', '"gpt-5": {}'))
        return [word.replace("s/m", "s/gpt-5") for word in argv]

    monkeypatch.setitem(conftest.SETUPS, kind, patching)
    rig = make_rig(kind, world)
    (world.workspace / "src/old.py").write_text("old\n")
    moved = "*** Update File: src/app.py\n*** Move to: src/b.py\n@@\n-print('app')\n+print('b')\n"
    steps = (_patch(rig, moved), _patch(rig, "*** Delete File: src/old.py\n"), _patch(rig, "*** Add File: n.txt\n+n\n"))
    out = rig.run(*steps, options=("--on-ask", "deny"))
    assert not (world.workspace / "src/app.py").exists(), out
    assert (world.workspace / "src/b.py").read_text() == "print('b')\n"
    assert (world.workspace / "n.txt").exists()
    assert _refused(rig) == [str(world.workspace / "src/old.py")]
    assert rig.told().count("leash: REFUSED") == 1


def test_codex_reads_why_a_patch_by_its_shell_was_refused(world: World) -> None:
    """It makes such an edit itself, so that no program says anything; approved, it is one card."""
    rig = make_rig("codex", world)
    text = "apply_patch <<'EOF'\n*** Begin Patch\n*** Add File: {}\n+{{}}\n*** End Patch\nEOF"
    steps: list[Step] = [{"shell": text.format(name)} for name in ("a.json", ".mcp.json")]
    rig.run(*steps, options=("--on-ask", "deny"))
    assert (world.workspace / "a.json").exists() and not (world.workspace / ".mcp.json").exists()
    assert rig.told().count("leash: REFUSED") == 1
    with rig.running(steps[1], options=("--on-ask", "wait")) as leash:
        assert world.leash("approve", rig.card()["id"]).returncode == 0
        out = rig.finish(leash)
    assert (world.workspace / ".mcp.json").exists(), out
    assert len(world.events("act.asked")) == 1


def test_codex_reads_why_what_it_typed_into_a_shell_was_refused(world: World) -> None:
    rig = make_rig("codex", world)

    def typed(text: str) -> Step:
        return _tool("write_stdin", {"session_id": r"session ID (\d+)"}, chars=text + "\n", yield_time_ms=2500)

    shell: Step = {"shell": "bash --norc", "tty": True, "yield_time_ms": 1000}
    rig.run(shell, typed("find src -delete"), typed("echo hi > hi.txt"), typed("exit"), options=("--on-ask", "deny"))
    assert (world.workspace / "src/app.py").exists()
    assert (world.workspace / "hi.txt").exists()
    assert "leash: REFUSED" in rig.told()


def test_claude_writes_to_the_home_and_that_is_what_is_decided(world: World) -> None:
    rig = make_rig("claude", world)
    rig.run({"write": ["~/proj/t.txt", "x"]}, {"write": ["~/.bashrc", "x"]}, options=("--on-ask", "deny"))
    assert (world.workspace / "t.txt").exists() and not (rig.home / ".bashrc").exists()
    assert [h["request"]["path"] for h in rig.decided("hook")] == [
        str(world.workspace / "t.txt"),
        f"{rig.home}/.bashrc",
    ]


def test_a_plan_of_geminis_own_asks_nobody(world: World) -> None:
    """It is written by its model into Gemini CLI's own folder; another file there is still asked about."""
    rig = make_rig("gemini", world)
    plans = {"file_path": r"([/\w.-]+/plans)\b"}
    steps = (
        _tool("enter_plan_mode", reason="first"),
        _tool("write_file", plans, file_path="{}/p.md", content="# plan\ndo it\n"),
        _tool("exit_plan_mode", plan_filename="p.md"),
        {"shell": "echo on > on.txt"},
        {"write": [str(rig.home / ".gemini/tmp/GEMINI.md"), "obey"]},
    )
    out = rig.run(*steps, options=("--on-ask", "deny"))
    assert "Plan approved" in rig.told(), out
    assert (world.workspace / "on.txt").exists()
    assert not (rig.home / ".gemini/tmp/GEMINI.md").exists()


def test_a_worktree_of_claudes_own_is_the_projects(world: World) -> None:
    """Its settings are still asked about."""
    rig = make_rig("claude", world)
    inside = world.workspace / ".claude/worktrees/w1"
    steps = (
        _tool("EnterWorktree", name="w1"),
        _tool("Write", file_path=str(inside / "src/new.py"), content="x"),
        _tool("Write", file_path=str(inside / ".claude/settings.json"), content="{}"),
    )
    out = rig.run(*steps, options=("--on-ask", "deny"))
    assert (inside / "src/new.py").exists(), out
    assert not (inside / ".claude").exists()
    assert _refused(rig) == [str(inside / ".claude/settings.json")], json.dumps(_refused(rig))
