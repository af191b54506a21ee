"""The right column as lines: the card, then the timeline; or the whole view of an act; or the help page.

Knows how the pieces share the height. Refuses to hide a waiting card behind anything but help. Invariant: returns at
most `height` lines of at most `width` columns.
"""

from __future__ import annotations

from collections.abc import Callable

from rich.cells import cell_len
from rich.text import Text

from leashtui.faces.tui import text as say
from leashtui.faces.tui.bars import help_page
from leashtui.faces.tui.card import draw, draw_whole
from leashtui.faces.tui.details import draw_details
from leashtui.faces.tui.look import Look
from leashtui.faces.tui.offers import Setting
from leashtui.faces.tui.panel import Panel
from leashtui.faces.tui.rows import draw_rows
from leashtui.faces.tui.spelled import clip, cut, fold
from leashtui.words.plain import count


def side(
    panel: Panel,
    look: Look,
    width: int,
    height: int,
    *,
    now: float,
    wall: int,
    home: str,
    stamp: Callable[[int], str],
    rule: bool,
) -> list[Text]:
    """rule: whether the first column divides us from the agent's terminal. now: seconds; wall: microseconds."""
    inner = width - 2 if rule else width
    panel.reading.drawn = (0, ())
    if panel.help:
        page = help_page(panel.welcome, look, inner, panel.leader.shown, panel.keymap)
        lines = _read(page, panel, look, inner, height, "? or esc closes")
    elif panel.palette is not None:
        lines = _palette(panel, look, inner, height)
    elif panel.deeds.report is not None:
        lines = _report(panel, look, inner, height)
    elif panel.reading.open and panel.reading.row is not None:
        lines = _details(panel, look, inner, height, stamp)
    elif panel.whole and panel.queue.card is not None:
        page = draw_whole(panel.queue.card, look, Setting(width=inner))
        lines = _read(page, panel, look, inner, height, "v back to the card")
    else:
        lines = _card(panel, look, inner, height, now, wall, home)
        lines += _timeline(panel, look, inner, height, len(lines), stamp)
    if not rule:
        return lines[:height]
    lines += [Text(end="") for _ in range(height - len(lines))]
    return [Text(end="").append("│ ", look.edge).append_text(line) for line in lines[:height]]


def _card(panel: Panel, look: Look, width: int, height: int, now: float, wall: int, home: str) -> list[Text]:
    card = panel.queue.card
    if card is None:
        return []
    setting = Setting(
        width=width,
        height=height,
        waited=(wall - card.since) / 1e6,
        position=panel.queue.position,
        total=panel.waiting,
        focused=panel.focused,
        ready=panel.queue.ready(now),
        confirming=panel.queue.confirming,
        typing=panel.editor is not None and panel.editor.subject == card.id,
        home=home,
        leader=panel.leader.shown,
        keymap=panel.keymap,
        lasting=panel.answering.lasting,
        left=(card.deadline - wall) / 1e6 if card.deadline else None,
        watches=panel.watches,
        barred=panel.barred(card),
        told=None if panel.told is None else panel.told.get(card.id, "nobody"),
    )
    return draw(card, look, setting)


def _details(panel: Panel, look: Look, width: int, height: int, stamp: Callable[[int], str]) -> list[Text]:
    row = panel.reading.row
    assert row is not None
    top = _waiting(panel, look, width)
    page = draw_details(row, look, width, stamp)
    return [*top, *_read(page, panel, look, width, height - len(top), "esc closes  j/k next")]


def _waiting(panel: Panel, look: Look, width: int) -> list[Text]:
    """That acts wait, where no card can be seen."""
    if not panel.waiting:
        return []
    return [
        Text(cut(f" {count(panel.waiting, 'act waits', 'acts wait')}: esc, then answer", width), look.banner, end="")
    ]


def _report(panel: Panel, look: Look, width: int, height: int) -> list[Text]:
    report = panel.deeds.report
    assert report is not None
    top = [*_waiting(panel, look, width), *fold(report.title, width, look.title)]
    styles = {"+": look.allowed, "-": look.refused, "@": look.noted}
    body = [line for text in report.lines for line in fold(text, width, styles.get(text.strip()[:1], look.text))]
    keys = "! do it  " if report.deed else ""
    page = _read(body, panel, look, width, height - len(top), f"{keys}esc closes", alert=bool(keys))
    return [*top, *page]


def _palette(panel: Panel, look: Look, width: int, height: int) -> list[Text]:
    palette = panel.palette
    assert palette is not None
    lines = [*_waiting(panel, look, width), Text(cut(f"do: {palette.text}▏", width), look.strong, end="")]
    rows = palette.rows()
    first = max(0, palette.at - (height - len(lines) - 2))
    for at, key in enumerate(rows[first : first + height - len(lines) - 1], first):
        line = Text(end="").append("> " if at == palette.at else "  ", look.asked)
        line.append(f"{key.shown:<9}", look.key if at == palette.at else look.strong).append(f" {key.help}", look.text)
        lines.append(clip(line, width))
    if not rows:
        lines.append(Text(cut("no action is called that", width), look.muted, end=""))
    return [*lines, Text(cut("enter does it  esc closes", width), look.muted, end="")]


def _timeline(panel: Panel, look: Look, width: int, height: int, top: int, stamp: Callable[[int], str]) -> list[Text]:
    """What has room below line `top`."""
    room = height - top - 1
    if room < 1:
        return []
    reading = panel.reading
    rows = reading.rows()
    name = f"files changed ({len(panel.timeline.files)})" if reading.files else "timeline"
    title = Text(end="").append(name, look.title if panel.focused else look.muted)
    if panel.query is not None:
        title.append(f"  /{panel.query.text}", look.asked)
    first, end = reading.window(rows, room)
    if end < len(rows):
        title.append(f"  {len(rows) - end} more below", look.muted)
    if not rows:
        none = say.NO_MATCH if panel.query is not None else say.NO_FILES if reading.files else say.NOTHING_YET
        return [clip(title, width), Text(cut(none, width), look.muted, end="")]
    chosen = reading.row if panel.focused else None
    reading.drawn = (top + 1, rows[first:end])
    return [clip(title, width), *draw_rows(rows[first:end], look, width, stamp, chosen)]


def _read(
    lines: list[Text], panel: Panel, look: Look, width: int, height: int, keys: str, *, alert: bool = False
) -> list[Text]:
    """`height` lines from the panel's page position, the last of which says what keys do and how much is below."""
    room = max(0, height - 1)
    panel.page = max(0, min(panel.page, len(lines) - room))
    page, below = lines[panel.page : panel.page + room], len(lines) - panel.page - room
    if len(lines) > room:
        long, short = (f"  {count(below, 'more line')} below", f"  {below} more") if below > 0 else ("", "")
        full = f"{keys}  PgUp/PgDn scroll{long}"
        keys = full if cell_len(full) <= width else f"{keys}  PgUp/PgDn{short}"
    end = Text(cut(keys, width), look.asked if alert else look.muted, end="")
    return [*page, *[Text(end="")] * (room - len(page)), end]
