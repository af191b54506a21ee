"""Draws `docs/panel.svg`, the README's picture: `PYTHONPATH=tests python docs/picture.py [--check]`.

Knows the desk that the panel's tests play on, so that the picture is what the tests compare. `--check` writes nothing
and exits 1 when the picture is not the one that would be drawn now.
"""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

from tui_desk import NOON, SCREEN, FakeDesk, StillClock, a_morning, app_of, force_push

from leashtui.model.wire import CardShown

PICTURE = Path(__file__).with_name("panel.svg")
SIZE = (110, 30)


async def draw() -> str:
    """The panel with one card, as SVG whose names do not change from run to run."""
    clock = StillClock()
    told = [*a_morning("strict")[:-1], CardShown(force_push(since=NOON - 7_000_000))]
    app = app_of(FakeDesk(told, [SCREEN], tier="strict", lost=()), clock)
    async with app.run_test(size=SIZE) as pilot:
        for _ in range(400):
            await pilot.pause(0.01)
            if app.panel.timeline.records == 14 and app.mirror.intake.empty and app._engine.cursor() != (0, 0):
                break
        clock.at += 1
        await pilot.press("ctrl+right_square_bracket")
        clock.at += 1
        app._show()
        await pilot.pause()
        picture = app.export_screenshot(title="leash claude")
    picture = re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)  # no picture of ours calls a server
    return re.sub(r"terminal-\d+", "panel", picture).replace("Fira Code", "ui-monospace").rstrip() + "\n"


def main() -> int:
    """Draw, or compare."""
    picture = asyncio.run(draw())
    if sys.argv[1:] == ["--check"]:
        if PICTURE.is_file() and PICTURE.read_text(encoding="utf-8") == picture:
            return 0
        print("docs/panel.svg is out of date: PYTHONPATH=tests python docs/picture.py", file=sys.stderr)
        return 1
    PICTURE.write_text(picture, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
