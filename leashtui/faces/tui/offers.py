"""The keys below a card, and the moment they are drawn for: each says exactly what it would do.

Knows what a card offers and the columns it has. Refuses to offer anything else. Invariant: what is drawn bright works
now; the same keys stand in the same lines before and after they do.
"""

from __future__ import annotations

from dataclasses import dataclass

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text

from leashtui.faces.tui import text as say
from leashtui.faces.tui.keys import DEFAULT as DEFAULT_KEYS
from leashtui.faces.tui.keys import Keymap
from leashtui.faces.tui.leader import DEFAULT
from leashtui.faces.tui.look import Look
from leashtui.faces.tui.spelled import cut, fold
from leashtui.model.card import Card, Choice
from leashtui.words.plain import visible

MAX_LINES = 16
_SAVED = 8
"""Most lines of what is about to hold on."""
_ROOMY = 47
"""Columns in which the keys that refuse have their full names on one line."""


@dataclass(frozen=True)
class Setting:
    """All that drawing depends on besides the card. waited: seconds. home: shown as ~.

    told: in a replay, what it was answered; no key answers it then. lasting: what is confirmed is to hold on. left:
    seconds until the agent's own limit, None where it waits. watches: nothing is answered here. barred: why it cannot
    be allowed here, '' where it can.
    """

    width: int
    height: int = MAX_LINES
    waited: float = 0.0
    position: int = 1
    total: int = 1
    focused: bool = True
    ready: bool = True
    confirming: Choice | None = None
    typing: bool = False
    home: str = ""
    leader: str = DEFAULT.shown
    keymap: Keymap = DEFAULT_KEYS
    lasting: bool = False
    left: float | None = None
    told: str | None = None
    watches: bool = False
    barred: str = ""


def draw_keys(card: Card, look: Look, setting: Setting, width: int, *, second: bool) -> list[Text]:
    """The last lines of a card: what each key would do. second: whether an approval takes a second key."""
    lines: list[Text] = []
    if setting.told is not None:
        return _wrapped(say.TOLD.format(what=setting.told), look.strong, width)
    if setting.focused and setting.confirming is not None:
        label = next((visible(o.label) for o in card.options if o.choice is Choice.SESSION), "")
        once = say.KEEP_SO if card.done else say.CONFIRMED["once"]
        what = once if setting.confirming is Choice.ONCE else label or say.CONFIRMED["session"]
        what = label.replace(say.SESSION, say.LASTING, 1) if setting.lasting else what
        first, *rest = _wrapped(what, look.strong, width - 4, _SAVED)  # what will pass unasked is read before it does
        lines.append(Text(end="").append(" ! ", look.key).append(" ").append_text(first))
        lines += [one("    " + line.plain, look.strong) for line in rest]
        return [*lines, one("any other key takes it back", look.muted)]
    if setting.typing:
        enter = Text(end="").append(" enter ", look.key).append(" deny, with these words", look.strong)
        return [enter, Text(end="").append(" esc ", look.key).append(" take it back", look.text)]
    offered = {} if setting.barred else {o.choice: o for o in card.options}
    live, approving = setting.focused, setting.focused and setting.ready
    shown = setting.keymap.shown
    keys: list[Text] = []
    if setting.barred:
        lines += _wrapped(setting.barred, look.strong, width)
    elif card.approvers > 1:
        lines.append(one(cut(say.HOW_MANY.format(count=card.approvers), width), look.strong))
    if Choice.ONCE in offered:
        keys.append(
            _key(shown("once"), (say.KEEP if card.done else say.ONCE) + (", then !" if second else ""), approving, look)
        )
    if Choice.SESSION in offered:
        label = visible(offered[Choice.SESSION].label) or say.SESSION
        first, *rest = _wrapped(label, look.text, width - 4)  # what will pass unasked is not cut at its first words
        keys.append(_key(shown("session"), first.plain, approving, look))
        if rest:
            lines = [*_flowed(keys, width), *(one("    " + line.plain, look.text) for line in rest)]
            keys = []
        keys.append(_key(shown("always"), say.ALWAYS, approving, look))
    lines += _flowed(keys, width)
    keys = []
    because = say.DENY_BECAUSE if width >= _ROOMY and not card.done else say.BECAUSE
    no = say.PUT_BACK if card.done else say.DENY
    for action, words in (("deny", no), ("because", because), ("edit", say.EDIT_KEY), ("view", "more")):
        if (setting.watches and action != "view") or (card.done and action == "edit"):
            continue
        keys.append(_key(shown(action), words, live, look))
    lines += _flowed(keys, width)
    if not setting.focused:
        to = say.TO_SEE if setting.watches else say.TO_ANSWER
        lines.append(one(to.format(leader=setting.leader), look.asked))
    elif setting.barred:
        lines.append(Text(end=""))
    elif not setting.ready:
        lines.append(one(cut(say.REST, width), look.muted))
    elif Choice.SESSION not in offered and card.no_wider:
        lines.append(one(_no_wider(card.no_wider, width), look.muted))
    else:
        lines.append(Text(end=""))
    return lines


def _no_wider(because: str, width: int) -> str:
    """Why nothing wider is offered, in the fullest words that fit."""
    short = because.partition(":")[0]
    for words in (say.NO_WIDER + because, because, say.NO_WIDER + short, short):
        if cell_len(words) <= width:
            return words
    return cut(short, width)


def _flowed(keys: list[Text], width: int) -> list[Text]:
    """Keys side by side, in as many lines as they need."""
    lines: list[Text] = []
    gap = "  " if width >= _ROOMY else " "
    for key in keys:
        if lines and cell_len(lines[-1].plain + gap + key.plain) <= width:
            lines[-1].append(gap).append_text(key)
        else:
            lines.append(Text(end="").append_text(key))
    return lines


def _key(key: str, label: str, live: bool, look: Look) -> Text:
    if live:
        return Text(end="").append(f" {key} ", look.key).append(f" {label}", look.text)
    return Text(end="").append(f"({key})", look.key_off).append(f" {label}", look.muted)


def _wrapped(words: str, style: Style, width: int, most: int = 2) -> list[Text]:
    """At most `most` lines."""
    lines = fold(words, width, style)
    left = "".join(line.plain for line in lines[most - 1 :])
    return lines if len(lines) <= most else [*lines[: most - 1], one(cut(left, width), style)]


def one(words: str, style: Style) -> Text:
    """A line of one style."""
    return Text(end="").append(words, style)
