"""What is on the screen beside the agent: the lines above, beside and below it, made of what the panel knows.

Knows which of them are to be seen and what each says. Refuses to know widgets, keys and clocks of its own. Invariant:
a card counts as seen only while it is drawn whole where a person can see it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from rich.text import Text

from leashtui.faces.tui import text as say
from leashtui.faces.tui.bars import Line, banner, footer, gazing, header, stands_still
from leashtui.faces.tui.gaze import Gaze
from leashtui.faces.tui.keys import Keymap
from leashtui.faces.tui.layout import Layout
from leashtui.faces.tui.look import Look
from leashtui.faces.tui.panel import Panel
from leashtui.faces.tui.side import side
from leashtui.words.inner import brief


@dataclass
class Scene:
    """keymap: the person's own keys. home: what `~` stands for. stamp: microseconds as clock time. types: whether
    what is typed reaches the agent. title: of the agent's terminal. watches: nothing is answered from here.
    """

    gaze: Gaze
    keymap: Keymap
    home: str
    stamp: Callable[[int], str]
    title: Callable[[], str]
    types: bool = True
    watches: bool = False
    hinted: bool = field(default=False, init=False)
    """Whether the last footer says something that goes away by itself."""

    def small(self, panel: Panel) -> list[Text]:
        """What stands in for everything on a tiny terminal."""
        last = say.SMALL_WAITS if panel.waiting else say.SMALL_FROZEN if panel.frozen else say.SMALL_GOES_ON
        return [Text(line, end="") for line in (*say.TOO_SMALL, last)]

    def header(self, panel: Panel, look: Look, layout: Layout, cost: str) -> list[Text]:
        """The lines above."""
        return header(panel.welcome, panel.timeline, look, layout.width, home=self.home, frozen=panel.frozen, cost=cost)

    def side(self, panel: Panel, look: Look, layout: Layout, now: float, wall: int) -> list[Text]:
        """The right column. now: clock in seconds, wall: microseconds since the epoch."""
        return side(
            panel,
            look,
            layout.side,
            layout.rows,
            now=now,
            wall=wall,
            home=self.home,
            stamp=self.stamp,
            rule=not layout.narrow,
        )

    def footer(self, panel: Panel, look: Look, layout: Layout, now: float) -> Text:
        """The line below."""
        width, leader = layout.width, panel.leader.shown
        if self.gaze.keys:
            self.hinted = True
            hint = panel.hint(now) or self.gaze.state()
            return gazing(self.gaze.works(), look, width, Line(leader, self.gaze.editor, "", hint))
        if layout.narrow and not panel.focused and panel.waiting:
            first = brief(panel.queue.cards()[0].command)
            return banner(panel.waiting, look, width, leader, first, watches=self.watches)
        if panel.frozen and not panel.focused and not self.watches:
            return stands_still(panel.frozen_by, look, width, leader, self.keymap.shown("resume"))
        hint = panel.hint(now)
        self.hinted = bool(hint)
        if not panel.focused:  # who turned the wheel sees the past
            hint = hint or self.gaze.state()
        line = Line(leader, panel.editor, panel.asked_twice(), hint)
        return footer(
            panel.working(now), look, width, focused=panel.focused, line=line, title=self.title(), types=self.types
        )
