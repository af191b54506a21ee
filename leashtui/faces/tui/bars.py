"""The lines above and below everything: which session, which guard, which keys work, who has the keyboard.

Knows what to say in one line of any width. Refuses to hide a weak guard: a session that is only watched says so in
its own line. Invariant: the header never leaves out the tier, the footer never leaves out how to switch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text

from leashtui.faces.tui import text as say
from leashtui.faces.tui.editor import LineEditor
from leashtui.faces.tui.keys import DEFAULT as DEFAULT_KEYS
from leashtui.faces.tui.keys import Key, Keymap
from leashtui.faces.tui.look import Look
from leashtui.faces.tui.spelled import clip, cut, fold
from leashtui.faces.tui.timeline import Timeline
from leashtui.model.wire import Welcome
from leashtui.words.plain import count, one_line, visible


def header(
    welcome: Welcome, timeline: Timeline, look: Look, width: int, *, home: str, frozen: bool, cost: str = ""
) -> list[Text]:
    """One line, or two where the guard only watches."""
    place = welcome.workspace
    if home and (place == home or place.startswith(home + "/")):
        place = "~" + place[len(home) :]
    watch = welcome.tier == "watch"
    left = Text(end="").append(" leash ", look.key).append(" ")
    left.append(one_line(welcome.agent, 20), look.strong)
    guard = Text(end="").append("  guard: ", look.muted)
    tier = f" {welcome.tier} ".upper() if watch else welcome.tier or say.BEING_SET_UP
    guard.append(tier, look.alarm if watch else look.strong)
    if frozen:
        guard.append("  ").append(f" {say.FROZEN} ", look.alarm)
    rests = (
        []
        if not welcome.tier
        else [
            f"{count(timeline.acts, 'act')} · {timeline.asked} asked · {timeline.refused} denied",
            *([cost] if cost else []),
            coverage(timeline),
            f"chain {timeline.head[:8] or '-'}",
            one_line(welcome.session, 30),
        ]
    )
    fixed = cell_len(left.plain) + cell_len(guard.plain) + 3
    short = f"…/{place.rpartition('/')[2]}" if place.count("/") > 1 else place
    first = len(rests[0]) if rests else 0
    shown = next((p for p in (place, short) if fixed + cell_len(visible(p)) + first + 4 <= width), "")
    shown = shown or next((p for p in (place, short) if fixed + cell_len(visible(p)) <= width), "")
    line = left.append(" · ", look.muted).append(visible(shown), look.muted) if shown else left
    line.append_text(guard)
    right = ""
    for rest in rests:
        longer = f"{right}  {rest}" if right else rest
        if cell_len(line.plain) + cell_len(longer) + 3 > width:
            break
        right = longer
    gap = width - cell_len(line.plain) - cell_len(right) - 1
    lines = [line.append(" " * max(0, gap)).append(right, look.muted)]
    if watch:
        lost = f": {'; '.join(welcome.lost)}" if welcome.lost else ""
        lines.append(Text(end="").append(f" {one_line(say.WATCH + lost, width - 2):<{width - 1}}", look.alarm))
    return lines


def coverage(timeline: Timeline) -> str:
    """Which guards saw how many acts, the busiest first: a layer that is silent where it should not be is seen here."""
    return "seen by " + (" · ".join(f"{layer} {n}" for layer, n in timeline.seen.most_common()) or "nobody yet")


def stands_still(by: str, look: Look, width: int, leader: str, key: str) -> Text:
    """In place of the footer while the agent has the keys and cannot use them. by: who or what froze it."""
    words = say.STANDS_STILL.format(by=f" by {one_line(by, 60)}" if by else "", leader=leader, key=key)
    return Text(end="").append(f" {cut(words, width - 2):<{width - 1}}"[:width], look.alarm)


def banner(waiting: int, look: Look, width: int, leader: str, command: str = "", *, watches: bool = False) -> Text:
    """In place of the footer while the agent has the keys and a card cannot be seen. command: the first that waits."""
    verb = "waits" if waiting == 1 else "wait"
    end = f" — {(say.TO_SEE if watches else say.TO_ANSWER).format(leader=leader)}"
    words = f" {count(waiting, 'act')} {verb}"
    room = width - len(words) - len(end) - 2
    if command and room >= 12:
        words += f": {cut(visible(command), room)}"
    words += end
    return Text(end="").append(f"{words:<{width}}"[:width], look.banner)


@dataclass(frozen=True)
class Line:
    """What the footer may have to say besides keys, strongest first: editor, asked, hint. leader: its name."""

    leader: str
    editor: LineEditor | None = None
    asked: str = ""
    hint: str = ""


def footer(
    keys: Sequence[Key], look: Look, width: int, *, focused: bool, line: Line, title: str = "", types: bool = True
) -> Text:
    """The last line of the screen. focused: the panel has the keys. title: the agent's words for its window.

    types: whether what is typed reaches the agent.
    """
    if line.editor is not None:
        return _edited(line.editor, look, width)
    if line.asked:
        return Text(end="").append(f" {line.asked:<{width}}"[:width], look.alarm)
    if not focused:
        out = Text(end="").append(f" {line.leader} ", look.key).append(" panel", look.text)
        out.append("   every other key goes to the agent" if types else f"   {say.NOT_YOURS}", look.muted)
        words = line.hint or title
        room = width - cell_len(out.plain) - 2
        if words and room > 12:
            shown = one_line(words, room - 1)
            out.append(" " * (room - cell_len(shown) + 1)).append(shown, look.asked if line.hint else look.muted)
        return clip(out, width)
    out = Text(end="").append(" ")
    if line.hint:
        return out.append(one_line(line.hint, width - 2), look.asked)
    last = ((line.leader, "agent"),)
    shown_keys = [(k.shown, k.effect) for k in keys]
    while shown_keys and _length((*shown_keys, *last)) > width - 1:
        shown_keys.pop(_expendable(shown_keys))
    for key, effect in (*shown_keys, *last):
        out.append(f" {key} ", look.key).append(f" {effect}  ", look.text)
    return clip(out, width)


def gazing(keys: Sequence[tuple[str, str]], look: Look, width: int, line: Line) -> Text:
    """The last line while the agent's terminal is looked back in."""
    if line.editor is not None:
        return _edited(line.editor, look, width)
    out = Text(end="").append(" looking back ", look.banner)
    for key, effect in keys:
        out.append(f" {key} ", look.key).append(f" {effect} ", look.text)
    if line.hint:
        out.append(f" {one_line(line.hint, 80)}", look.asked)
    return clip(out, width)


def _length(keys: Sequence[tuple[str, str]]) -> int:
    return sum(len(k) + len(e) + 5 for k, e in keys)


def _expendable(keys: Sequence[tuple[str, str]]) -> int:
    """Which key a narrow footer leaves out first: the card repeats its own, the help page has all."""
    for shown in ("T", "j/k ↑↓", "t", "v", "d", "/", "tab", "a", "[", "j/k", "enter", "q", "K", "s"):
        for at, (key, _) in enumerate(keys):
            if key == shown:
                return at
    return len(keys) - 1


def _edited(editor: LineEditor, look: Look, width: int) -> Text:
    room = max(4, width - len(editor.prompt) - 3)
    start = max(0, editor.at - room + 1)
    shown = visible(editor.text[start : start + room]) + " "
    at = editor.at - start
    out = Text(end="").append(" " + editor.prompt, look.asked).append(shown[:at], look.strong)
    return out.append(shown[at : at + 1], Style(reverse=True)).append(shown[at + 1 :], look.strong)


def help_page(welcome: Welcome, look: Look, width: int, leader: str, keymap: Keymap = DEFAULT_KEYS) -> list[Text]:
    """Every key, and what the guard of this session does not stop."""
    lines = [_line("keys", look.title)]
    rows = [(key.shown, key.help) for key in keymap.rows if key.help and (welcome.team or key.id != "offer")]
    rows.append((leader, "panel or agent: who gets the keys"))
    column = max(len(shown) for shown, _ in rows)
    for shown, words in rows:
        lines += _item(f"{shown:<{column}}", words, look, width)
    lines += [_line(""), _line(f"guard {welcome.tier}", look.title)]
    for sentence in welcome.lost or ("nothing known is lost in this tier",):
        lines += _item("-", sentence, look, width)
    lines += [_line(""), _line("elsewhere", look.title)]
    lines += _item("log", welcome.log, look, width)
    return lines + _item("another panel", f"leash attach {welcome.session}", look, width)


def _line(words: str, style: Style | None = None) -> Text:
    return Text(end="").append(words, style)


def _item(label: str, words: str, look: Look, width: int) -> list[Text]:
    """A label and a sentence that hangs behind it."""
    indent = len(label) + 2
    first, *rest = fold(words, max(8, width - indent), look.text)
    head = Text(end="").append(f" {label} ", look.strong).append_text(first)
    return [head, *(_line(" " * indent).append_text(line) for line in rest)]
