"""What an agent wraps around a command is taken off only where the agent's own program, or a shell, wraps it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from leashtui.model.request import Action, Layer, Request
from leashtui.supervisor.arming import Arming

SETUP = ("/proc/self/exe", "--codex-run-as-process-setup", "1", "2", "3", "4", "5", "6", "/bin/ls")


@pytest.mark.parametrize(
    ("exe", "argv", "plain"),
    [
        ("/opt/codex/codex", SETUP, ("/bin/ls",)),
        ("/home/dev/proj/evil", SETUP, SETUP),
        ("/home/dev/proj/evil", ("codex-linux-sandbox", "--", "ls"), ("codex-linux-sandbox", "--", "ls")),
        ("/opt/codex/codex", ("codex-linux-sandbox", "--", "ls"), ("ls",)),
        ("/home/dev/proj/bash", ("bash", "-c", "ls"), ("bash", "-c", "ls")),
    ],
)
def test_a_wrapping_counts_from_the_agents_own_program_only(
    tmp_path: Path, exe: str, argv: tuple[str, ...], plain: tuple[str, ...]
) -> None:
    async def judge() -> Request:
        limits = Arming(["codex"], tmp_path, hooks=False, patience=0).limits(lambda: "", lambda: 0)
        return limits.plain(Request(Action.PROCESS_EXEC, Layer.KERNEL, "/home/dev/proj", argv, exe=exe), True)

    assert asyncio.run(judge()).argv == plain


@pytest.mark.parametrize(
    ("folder", "taken"),
    [
        ("/srv/codex", True),
        ("/home/dev/.claude", True),
        ("/home/dev/.codex", False),
        ("/tmp/.claude", False),
        ("/home/dev/proj", False),
        ("/home/dev/proj/x/codex", False),
    ],
)
def test_a_snapshot_of_the_shell_counts_where_the_agent_keeps_it_only(tmp_path: Path, folder: str, taken: bool) -> None:
    """A model may choose the shell and its options, and write a file of such a name into the workspace."""
    argv = ("/bin/bash", "-c", f'set -e; . "{folder}/shell_snapshots/0190a0c0.1.sh"')

    async def judge() -> Request:
        env = {"CODEX_HOME": "/srv/codex", "HOME": "/home/dev"}
        limits = Arming(["codex"], tmp_path, hooks=False, patience=0, env=env).limits(lambda: "", lambda: 0)
        return limits.plain(Request(Action.PROCESS_EXEC, Layer.KERNEL, "/home/dev/proj", argv, exe="/bin/bash"), True)

    assert asyncio.run(judge()).argv == (("true",) if taken else argv)
