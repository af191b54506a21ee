"""A command of leash, run beside the panel.

Knows how to start one and to read what it prints. Refuses to give it the terminal. Invariant: at most `MOST` bytes of
what it prints are kept.
"""

from __future__ import annotations

import asyncio
import os
import sys

from leashtui.words.plain import visible

MOST = 1 << 20


async def told_by(words: tuple[str, ...]) -> tuple[int, list[str]]:
    """Exit code and printable lines of `leash WORDS`. Raises OSError."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        "-m",
        "leashtui",
        *words,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=os.environ | {"NO_COLOR": "1"},
    )
    out, _ = await process.communicate()
    text = out[:MOST].decode("utf-8", "replace").rstrip("\n")
    lines = [visible(line.removeprefix("leash: ").expandtabs(4)) for line in text.split("\n")] if text else []
    return process.returncode or 0, lines
