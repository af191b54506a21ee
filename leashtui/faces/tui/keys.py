"""Every key of the panel, one row each: footer, help and dispatch are all made from this table.

Knows names and when a key works. Refuses to act: the panel maps ids to methods. Invariant: a key is shown in the footer
exactly when pressing it would do something.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Situation:
    """What decides which keys work now.

    card, cards: what y, n and j/k are about; waiting: all that wait. listed: the timeline is to be seen. chosen: one of
    its rows is under the keys; reading: and open. files: changed files are listed in place of acts.
    granted: the chosen row gave a grant that still holds. team: the card can still be offered to people elsewhere.
    watches: nothing is answered or changed from this face. done: the card is about a change that has happened.
    """

    card: bool = False
    cards: int = 0
    ready: bool = False
    once: bool = False
    session: bool = False
    whole: bool = False
    help: bool = False
    frozen: bool = False
    filtered: bool = False
    waiting: int = 0
    listed: bool = True
    chosen: bool = False
    reading: bool = False
    files: bool = False
    granted: bool = False
    team: bool = False
    watches: bool = False
    done: bool = False


@dataclass(frozen=True)
class Key:
    """One row. id: the action. names: Textual's names of the keys. shown: label of the key, effect, help sentence."""

    id: str
    names: tuple[str, ...]
    shown: str
    effect: str
    help: str
    works: Callable[[Situation], bool] = lambda s: True


def _row(s: Situation) -> bool:
    return s.chosen or s.reading


def _granted(s: Situation) -> bool:
    return s.granted and _row(s) and not s.watches


def _answers(s: Situation) -> bool:
    return s.card and not s.watches


def _words(s: Situation) -> bool:
    return _answers(s) and not s.done


def _may(s: Situation) -> bool:
    return not s.watches


def _freezes(s: Situation) -> bool:
    return not s.frozen and not s.watches


def _lasting(s: Situation) -> bool:
    return s.ready and s.session and not s.reading


def _undoes(s: Situation) -> bool:
    return not (s.granted and _row(s)) and s.listed and not s.watches


def _several(s: Situation) -> bool:
    return s.waiting > 1 and s.listed and not s.reading


KEYS = (
    Key("once", ("y",), "y", "once", "allow the act under the keys, once", lambda s: s.ready and s.once),
    Key("session", ("s",), "s", "session", "allow its like until the session ends", lambda s: s.ready and s.session),
    Key("always", ("a",), "a", "always", "allow its like here for 30 days; shown before it is kept", _lasting),
    Key("deny", ("n",), "n", "deny", "deny it; works at once", _answers),
    Key("because", ("d",), "d", "deny, say why", "deny it and tell the agent why", _answers),
    Key("edit", ("e",), "e", "edit", "deny it, and have the agent run your wording of it", _words),
    Key(
        "offer",
        ("o",),
        "o",
        "ask the team",
        "let those who review here answer it too",
        lambda s: _answers(s) and s.team,
    ),
    Key("view", ("v",), "v", "more", "show the whole command and all that is known", lambda s: s.card),
    Key("next", ("j", "down"), "j/k", "choose", "the next or the previous waiting act", lambda s: s.cards > 1),
    Key("previous", ("k", "up"), "", "", "", lambda s: s.cards > 1),
    Key(
        "row_next", ("j", "down"), "j/k ↑↓", "rows", "the next or the previous row of the timeline", lambda s: s.listed
    ),
    Key("row_previous", ("k", "up"), "", "", "", lambda s: s.listed),
    Key("open", ("enter",), "enter", "details", "all about the chosen row: who decided, what it did, diffs", _row),
    Key("undo", ("u",), "u", "undo", "bring back what this file, or all, was before; shown first", _undoes),
    Key("revoke", ("u",), "u", "take back", "take back what the chosen row allowed for the session", _granted),
    Key("pane", ("tab",), "tab", "timeline", "j and k move in the timeline, or among waiting acts", _several),
    Key("files", ("t",), "t", "files", "files changed in this session, or the timeline again", lambda s: s.listed),
    Key("trace", ("T", "shift+t", "upper_t"), "T", "trace", "one view of the session: asked, used, changed, refused"),
    Key("freeze", ("f",), "f", "freeze", "stop every process where it is; again: let all go on", _freezes),
    Key("resume", ("f",), "f", "resume", "", lambda s: s.frozen and not s.watches),
    Key("kill", ("K", "shift+k", "upper_k"), "K", "kill", "end the session and all it started; asks once more", _may),
    Key("filter", ("slash", "/"), "/", "filter", "show only matching rows of the timeline"),
    Key("older", ("pageup",), "PgUp/PgDn", "", "scroll the timeline, or the whole view of an act"),
    Key("newer", ("pagedown",), "", "", ""),
    Key("scroll", ("left_square_bracket", "["), "[", "look back", "scroll, search and copy in the agent's terminal"),
    Key("palette", ("ctrl+p",), "ctrl+p", "", "every action by its name"),
    Key("help", ("question_mark", "?"), "?", "help", "this page"),
    Key("detach", ("q", "ctrl+q"), "q", "detach", "close the panel; the agent goes on"),
    Key("literal", ("right_square_bracket", "]"), "]", "", "send the leader key itself to the agent"),
    Key("back", ("escape",), "esc", "", "close what is open, else back to the agent"),
)


DO_IT = Key("", (), "!", "do it", "")
CHOOSES = Key("", (), "enter", "do it", "")
CLOSES = Key("", (), "esc", "close", "")
"""What works while a report is read, or the palette is open."""
IDS = frozenset(key.id for key in KEYS)
_NAMED = {"/": "slash", "?": "question_mark", "[": "left_square_bracket", "]": "right_square_bracket"}


_OF_A_CHANGE = {"once": "keep it", "deny": "put it back", "because": "put back, say why"}
_FIXED = {"!": "exclamation_mark", "enter": "enter", "esc": "escape"}


class Keymap:
    """The table with a person's own keys in it. own: id of an action to the key it shall have.

    A key that is given to something else is taken from whoever had it.
    """

    def __init__(self, own: Mapping[str, str] | None = None) -> None:
        own = dict(own or {})
        taken = set(own.values())
        self.rows = tuple(_remapped(key, own.get(key.id, ""), taken) for key in KEYS)

    def find(self, name: str, situation: Situation) -> Key | None:
        """The row a key means now, or None when it does nothing."""
        return next((k for k in self.rows if name in k.names and k.works(situation)), None)

    def known(self, name: str) -> bool:
        """Whether the key belongs to the panel at all, working now or not."""
        return any(name in k.names for k in self.rows)

    def ids(self, name: str) -> frozenset[str]:
        """All actions of a key."""
        return frozenset(k.id for k in self.rows if name in k.names)

    def working(self, situation: Situation) -> list[Key]:
        """Rows for the footer, in order."""
        rows = [k for k in self.rows if k.effect and k.works(situation)]
        return [replace(k, effect=_OF_A_CHANGE.get(k.id, k.effect)) for k in rows] if situation.done else rows

    def named(self, shown: str) -> str:
        """The name of the key behind a label, '' for one that is no label of ours."""
        if shown in _FIXED:
            return _FIXED[shown]
        return next((k.names[0] for k in self.rows if k.names and shown and k.shown == shown), "")

    def shown(self, action: str) -> str:
        """What a person presses for an action."""
        return next((k.shown for k in self.rows if k.id == action), "")


def _remapped(key: Key, own: str, taken: set[str]) -> Key:
    if own:
        name = _NAMED.get(own, f"upper_{own.lower()}" if len(own) == 1 and own.isupper() else own)
        return replace(key, names=(name, own), shown=own)
    names = tuple(name for name in key.names if name not in taken and _short(name) not in taken)
    return key if names == key.names else replace(key, names=names, shown=_short(names[0]) if names else "-")


def _short(name: str) -> str:
    return next((short for short, long in _NAMED.items() if long == name), name)


DEFAULT = Keymap()
