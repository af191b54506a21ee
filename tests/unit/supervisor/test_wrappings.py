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
    ("exe", "folder", "own", "cwd"),
    [
        ("/opt/codex/codex", "/home/dev/proj/sub/", True, "/home/dev/proj/sub"),
        ("/opt/codex/codex", "", True, "/home/dev/proj"),
        ("/opt/codex/codex", "/home/dev/proj/sub", False, "/home/dev/proj"),
        ("/home/dev/proj/evil", "/home/dev/proj/sub", True, "/home/dev/proj"),
    ],
)
def test_a_command_is_judged_in_the_folder_that_its_wrapping_goes_to(
    tmp_path: Path, exe: str, folder: str, own: bool, cwd: str
) -> None:
    """`find . -delete` of a tool call in a folder of its own was a card for the whole workspace, and a second one."""
    argv = (*SETUP[:6], folder, *SETUP[7:])

    async def judge() -> Request:
        limits = Arming(["codex"], tmp_path, hooks=False, patience=0).limits(lambda: "", lambda: 0)
        return limits.placed(Request(Action.PROCESS_EXEC, Layer.KERNEL, "/home/dev/proj", argv, exe=exe), own)

    assert asyncio.run(judge()).cwd == cwd


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
