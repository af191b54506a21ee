"""One waiting act, drawn so that a newcomer answers it right: consequence, command, reason, undo, keys.

Knows the card and the columns it has. Refuses to decide and to shorten silently: what does not fit is announced.
Invariant: at most 58 columns and 16 lines, and the keys are always among them.
"""

from __future__ import annotations

from itertools import chain

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text

from leashtui.faces.tui import text as say
from leashtui.faces.tui.look import Look, plain
from leashtui.faces.tui.offers import MAX_LINES, Setting, draw_keys, one
from leashtui.faces.tui.queue import SEVERE
from leashtui.faces.tui.spelled import clip, cut, fold, spell, wrap
from leashtui.model.card import Card, Choice
from leashtui.words.consequence import names
from leashtui.words.inner import inner, spans_in
from leashtui.words.plain import count, duration, mixed, one_line, visible

MAX_COLUMNS = 58
_COMMAND_LINES = 3
_LABEL = 6
_LONG = 2000
_PLAIN = plain()


def needs_second_key(card: Card, width: int) -> bool:
    """Whether an approval takes two keys: a severe act, or one whose command does not fit the card."""
    return (
        card.severity in SEVERE
        or len(card.command) > _LONG
        or len(_lines(card, _PLAIN, _inner(width))) > _COMMAND_LINES
    )


def draw(card: Card, look: Look, setting: Setting) -> list[Text]:
    """The card in its frame."""
    width = _inner(setting.width)
    head = [*_command(card, look, width), *_where(card, look, width, setting.home)]
    keys = draw_keys(card, look, setting, width, second=needs_second_key(card, setting.width))
    room = min(setting.height, MAX_LINES) - 2
    most = {"verdict": 1, "why": 1, "undo": 1, "evidence": 1}
    for sentence, lines in (("", 1), *((name, lines) for lines in (2, 3, 4) for name in most)):
        tried = most | ({sentence: lines} if sentence else {})
        parts = (
            _severity(card, look, width, tried["verdict"]),
            _evidence(card, look, width, tried["evidence"], setting.home),
            *_why(card, look, width, tried["why"]),
            _labelled("Undo", card.undo or "cannot be undone", look, width, tried["undo"]),
        )
        longer = len(head) + len(parts[0]) + min(3, len(parts[1])) + len(parts[2]) + len(parts[4]) + len(keys)
        if not sentence or longer <= room:  # sentences get as many lines as there is room for, in turn
            most, (verdict, evidence, reason, name, undo) = tried, parts
    gaps = ([Text(end="")] for _ in range(3))
    blocks = [verdict, evidence, next(gaps), head, next(gaps), reason, name, undo, next(gaps), keys]
    return _framed(_fit(blocks, room, width), look, setting)


def draw_whole(card: Card, look: Look, setting: Setting) -> list[Text]:
    """Everything known about the act, unshortened and without a frame."""
    width = max(10, setting.width - 2)
    lines = [_heading("what it would do", look), *_severity(card, look, width, 99)]
    for effect in card.evidence:
        place = f" ({effect.place})" if effect.place else ""
        target = "" if names(effect.sentence, effect.target) else f": {effect.target}"
        lines += _listed(f"{effect.sentence or effect.verb}{target}{place}", look, width)
    if alike := mixed(card.command):
        lines += _listed(alike, look, width)
    for hidden in card.hidden:
        lines += _listed(f"hidden character {hidden}", look, width)
    lines += [_heading("exactly this", look), *wrap(spell(card.command, _spans(card), look), width)]
    if card.normalised and card.normalised != card.command:
        lines += [_heading("which comes to", look), *wrap(spell(card.normalised, (), look), width)]
    seen = say.SEEN_AFTER.format(who=card.agent) if card.done else f"in {card.cwd}, by {card.agent}, pid {card.pid}"
    lines += [_heading("where", look), *fold(seen, width, look.text)]
    if card.said:
        lines += [_heading(f"{one_line(card.agent, 16)} says (its words, not leash's)", look)]
        lines += fold(visible(card.said), width, look.text)
    lines += [_heading("why it asked", look)]
    for policy in card.why:
        source = f" ({policy.file}:{policy.line})" if policy.file else ""
        lines += _listed(f"{policy.id}: {policy.reason or 'no reason given'}{source}", look, width)
    session = next((o.label for o in card.options if o.choice is Choice.SESSION), "")
    lines += (
        fold(visible(session) or say.NO_WIDER + card.no_wider, width, look.text) if session or card.no_wider else []
    )
    lines += [_heading("undo", look), *fold(card.undo or "cannot be undone", width, look.text)]
    if card.diff:
        lines.append(_heading(f"what it would change ({_sum(card.diff)})", look))
        for text in card.diff.splitlines():
            if not text.startswith(("--- ", "+++ ")):
                style = {"+": look.allowed, "-": look.refused, "@": look.noted}.get(text[:1], look.text)
                lines += fold(visible(text.expandtabs(4)) or " ", width, style)
    return lines


def _sum(diff: str) -> str:
    """How many lines a diff adds and removes: '+3 -1'."""
    lines = [line for line in diff.splitlines() if not line.startswith(("--- ", "+++ "))]
    return f"+{sum(line.startswith('+') for line in lines)} -{sum(line.startswith('-') for line in lines)}"


def _inner(width: int) -> int:
    return max(10, min(width, MAX_COLUMNS) - 4)


def _spans(card: Card) -> list[tuple[int, int]]:
    return [e.span for e in card.evidence if e.span[1] > e.span[0]]


def _lines(card: Card, look: Look, width: int) -> list[Text]:
    """The command a shell was handed, or the whole of it; `_where` names the shell, the whole view has both."""
    unwrapped = inner(card.command)
    return wrap(spell(unwrapped.text[:_LONG], spans_in(unwrapped, _spans(card)), look), width)


def _command(card: Card, look: Look, width: int) -> list[Text]:
    lines = _lines(card, look, width)
    if len(lines) <= _COMMAND_LINES and len(card.command) <= _LONG:
        return lines
    kept = lines[: _COMMAND_LINES - 1]
    left = len(visible(inner(card.command).text)) - sum(len(line.plain) for line in kept)
    return [*kept, one(cut(say.CUT.format(count=f"{left:,}"), width), look.asked)]


def _where(card: Card, look: Look, width: int, home: str) -> list[Text]:
    if card.done:
        return [one(cut(say.SEEN_AFTER.format(who=one_line(card.agent, 16)), width), look.muted)]
    cwd = card.cwd
    if home and (cwd == home or cwd.startswith(home + "/")):
        cwd = "~" + cwd[len(home) :]
    who = one_line(card.agent, 16)
    times = f"  x{card.count}" if card.count > 1 else ""
    if (shells := inner(card.command).shells) and width > 40 + len(who) + len(shells):
        who += f", {shells}"
    room = width - len(f"in   by {who}{times}")
    place = visible(cwd)
    if len(place) > room:
        place = "…" + place[len(place) - max(4, room - 1) :]
    line = Text(end="").append("in ", look.muted).append(place, look.text)
    line.append("  by ", look.muted).append(who, look.text).append(times, look.asked)
    return [line]


def _severity(card: Card, look: Look, width: int, most: int) -> list[Text]:
    word = say.SEVERITIES[card.severity]
    indent = len(word) + 2
    first, *rest = _few(card.consequence, width - indent, look.text, most)
    head = Text(end="").append(word, look.severities[card.severity]).append("  ").append_text(first)
    return [head, *(Text(" " * indent, end="").append_text(line) for line in rest)]


def _few(words: str, width: int, style: Style, most: int) -> list[Text]:
    """A sentence in at most `most` lines, the last one with an ellipsis where something is missing."""
    lines = fold(words, width, style)
    left = "".join(line.plain for line in lines[most - 1 :])
    return lines if len(lines) <= most else [*lines[: most - 1], one(cut(left, width), style)]


def _evidence(card: Card, look: Look, width: int, most: int, home: str) -> list[Text]:
    lines: list[Text] = []
    if card.diff:
        lines.append(one(cut(f"  {_sum(card.diff)} lines: v shows the diff", width), look.text))
    if card.hidden:
        lines.append(one(cut(f"  hidden characters: {visible(', '.join(card.hidden))}", width), look.refused))
    if alike := mixed(card.command):
        lines.append(one(cut(f"  {alike}", width), look.refused))
    for effect in card.evidence:
        said = effect.sentence and (card.consequence + ",").startswith(effect.sentence + ",")
        if said or not (effect.sentence or effect.target):
            continue
        words = effect.sentence or str(effect.verb)
        if effect.target and not _names(effect.sentence, effect.target, card.cwd, home):
            words += f": {effect.target}"
        lines += [Text("  ", end="").append_text(line) for line in _few(words, width - 2, look.text, most)]
    if card.said:
        says = f"  {one_line(card.agent, 16)} says: “{one_line(card.said, 300)}"
        lines.append(one(cut(says, width - 1) + "”", look.muted))
    return lines


def _names(sentence: str, target: str, cwd: str, home: str) -> bool:
    """Whether a sentence names its target: in full, as it is called from where the act happens, or from the home."""
    near = target.removeprefix(cwd.rstrip("/") + "/")
    short = f"~{target[len(home) :]}" if home and target.startswith(home + "/") else target
    words = [word.rstrip(",") for word in sentence.split()]
    return names(sentence, target) or near in words or short in words


def _why(card: Card, look: Look, width: int, most: int) -> tuple[list[Text], list[Text]]:
    """The reason in words, then the policy that asked: the words are for everybody, the name for who wants to read."""
    if not card.why:
        return [], []
    first = card.why[0]
    more = f" and {count(len(card.why) - 1, 'more', 'more')}" if len(card.why) > 1 else ""
    name = one(" " * _LABEL + cut(visible(first.id), width - _LABEL - len(more)) + more, look.muted)
    if not first.reason or first.reason == card.consequence:
        return [Text(end="").append(f"{'Why':<{_LABEL}}", look.muted).append(name.plain[_LABEL:], look.text)], []
    return _labelled("Why", first.reason, look, width, most), [name]


def _labelled(label: str, words: str, look: Look, width: int, most: int) -> list[Text]:
    """At most `most` lines behind a label."""
    first, *rest = _few(words, width - _LABEL, look.text, most)
    head = Text(end="").append(f"{label:<{_LABEL}}", look.muted).append_text(first)
    return [head, *(Text(" " * _LABEL, end="").append_text(line) for line in rest)]


def _fit(blocks: list[list[Text]], room: int, width: int) -> list[Text]:
    """Cut the least telling lines until all fits: evidence, blanks, second lines; the keys stay.

    What is cut short ends in an ellipsis: v shows all of it.
    """
    verdict, evidence, first, head, second, why, name, undo, third, keys = blocks
    for block, least in (
        (evidence, 3),
        (second, 0),
        (third, 0),
        (first, 0),
        (name, 0),
        (evidence, 1),
        (why, 1),
        (verdict, 1),
        (undo, 1),
        (evidence, 0),
        (undo, 0),
        (why, 0),
        (head, 1),
    ):
        missing: list[Text] = []
        while len(block) > least and sum(map(len, blocks)) > room:
            missing.append(block.pop())
        where = block is head and len(missing) == 1
        if block and missing and not where and not block[-1].plain.endswith("…"):
            block[-1] = clip(block[-1].append(" …"), width)
    lines = list(chain.from_iterable(blocks))
    if len(lines) <= room:
        return lines
    left = max(0, room - len(keys))  # for one line it is the command
    return [*([*verdict, *head] if left > 1 else head)[:left], *keys[: max(0, room)]]


def _framed(lines: list[Text], look: Look, setting: Setting) -> list[Text]:
    """A heavy frame while keys come here, a light one otherwise."""
    width = min(setting.width, MAX_COLUMNS)
    edge = look.edge_live if setting.focused else look.edge
    corners, bar, side = ("┏┓┗┛", "━", "┃") if setting.focused else ("╭╮╰╯", "─", "│")
    place = f" {setting.position} of {setting.total} " if setting.total > 1 else ""
    waited = f" waiting {duration(setting.waited)} "
    if setting.left is not None:
        left = f"{duration(setting.left)} left" if setting.left > 0 else "agent told to come back"
        waited = f" {duration(setting.waited)}, {left} "
    title = f" {say.NEEDS_YOU} "
    fill = width - 4 - len(title) - len(place) - len(waited) - (1 if place else 0)
    if fill < 0:
        waited, fill = "", fill + len(waited)
    if fill < 0:
        place, fill = "", fill + len(place) + 1
    top = Text(end="").append(corners[0] + bar, edge).append(title, look.title)
    if place:
        top.append(bar, edge).append(place, look.text)
    top.append(bar * max(0, fill), edge).append(waited, look.text).append(bar + corners[1], edge)
    framed = [top]
    for line in lines:
        if cell_len(line.plain) > width - 4:
            line = clip(line, width - 4)
        pad = width - 4 - cell_len(line.plain)
        framed.append(Text(end="").append(side + " ", edge).append_text(line).append(" " * pad + " " + side, edge))
    return [*framed, Text(end="").append(corners[2] + bar * (width - 2) + corners[3], edge)]


def _heading(words: str, look: Look) -> Text:
    return one(words, look.muted)


def _listed(words: str, look: Look, width: int) -> list[Text]:
    first, *rest = fold(words, width - 2, look.text)
    return [Text(end="").append("- ", look.muted).append_text(first), *(one("  ", look.text) + r for r in rest)]
