"""Leash's entries put into the text of a settings file, and taken out again, with every other byte left as it is.

Knows JSON with what agents allow around it: comments, last commas, a byte order mark, any line ends. Refuses to know
what the entries mean. Invariant: outside of what is added or taken out the text is the same, character by character.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

_BLANK = re.compile(r"(?:[ \t\r\n]+|//[^\n]*|/\*.*?\*/)*", re.S)
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_WORD = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null")
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.S)
_NEW_LINE = re.compile(r"[ \t\r]*\n")
_INDENT = re.compile(r"\n([ \t]+)\S")
_DEPTH = 200


class Span(NamedTuple):
    """A value in the text. items: (key, where the item begins, value) of an object, keys '' in an array.

    kind: '{', '[' or '' for anything else.
    """

    start: int
    end: int
    kind: str = ""
    items: tuple[tuple[str, int, Span], ...] = ()

    def of(self, key: str) -> Span | None:
        """The value of a key; the last one counts, as it does for the agents."""
        return next((value for name, _, value in reversed(self.items) if name == key), None)


def parse(text: str) -> Span:
    """The outermost value. Raises ValueError, with the line."""
    start = _skip(text, 1 if text.startswith("\ufeff") else 0)
    found = _value(text, start, 0)
    if _skip(text, found.end) != len(text):
        raise _wrong(text, _skip(text, found.end))
    return found


def add(text: str, entries: Mapping[str, Any]) -> str:
    """The text with `entries` (event -> list) behind what `hooks` holds. Raises ValueError where that cannot be."""
    if not text.removeprefix("\ufeff").strip():
        made = json.dumps({"hooks": entries}, indent=2, ensure_ascii=False) + "\n"
        return text[: text.startswith("\ufeff")] + made
    root = parse(text)
    if root.kind != "{":
        raise ValueError("not a JSON object")
    hooks = root.of("hooks")
    if hooks is None:
        return _insert(text, root, 1, "hooks", dict(entries))
    if hooks.kind != "{":
        if text[hooks.start : hooks.end] != "null":
            raise ValueError("its hooks are not a JSON object")
        return text[: hooks.start] + _shaped(text, dict(entries), 1) + text[hooks.end :]
    for event, added in entries.items():
        text = _extended(text, event, added)
    return text


def _extended(text: str, event: str, added: Sequence[Any]) -> str:
    """With these entries behind those of one event."""
    table = parse(text).of("hooks")
    there = table.of(event) if table is not None else None
    if table is None or there is None:
        return _insert(text, table or parse(text), 2, event, list(added))
    if there.kind != "[":
        raise ValueError(f"its hooks of {event} are not a list")
    return _extended(_insert(text, there, 3, "", added[0]), event, added[1:]) if added else text


def without(text: str, is_ours: Callable[[str], bool], before: str = "") -> str:
    """The text without those entries of `hooks` that `is_ours` knows by their text, and without what is empty then.

    before: the text that ours were added to, where it is known: what was empty there is left so.
    """
    if not text.removeprefix("\ufeff").strip():
        return text
    empty = _empty(before)
    while True:
        root = parse(text)
        hooks = root.of("hooks")
        found = None if hooks is None else _ours(text, hooks, is_ours)
        if hooks is None or found is None:
            return text
        event, entry = found
        table = hooks.items[event][2]
        if len(table.items) > 1:
            text = _without_item(text, table, entry)
        elif (name := hooks.items[event][0]) in empty:
            text = text[: table.start] + empty[name] + text[table.end :]
        elif len(hooks.items) > 1:
            text = _without_item(text, hooks, event)
        elif "" in empty:
            text = text[: hooks.start] + empty[""] + text[hooks.end :]
        else:
            text = _without_item(text, root, max(at for at, item in enumerate(root.items) if item[0] == "hooks"))


def _empty(text: str) -> dict[str, str]:
    """What holds nothing: the lists of `hooks` by event, and `hooks` itself as ''; how each is written."""
    try:
        hooks = parse(text).of("hooks")
    except ValueError:
        return {}
    if hooks is None or not hooks.items:
        return {} if hooks is None else {"": text[hooks.start : hooks.end]}
    return {name: text[value.start : value.end] for name, _, value in hooks.items if not value.items}


def _ours(text: str, hooks: Span, is_ours: Callable[[str], bool]) -> tuple[int, int] | None:
    """(which event, which of its entries)."""
    for event, (_, _, table) in enumerate(hooks.items):
        for at, (_, start, value) in enumerate(table.items if table.kind == "[" else ()):
            if is_ours(text[start : value.end]):
                return event, at
    return None


def _without_item(text: str, outer: Span, at: int) -> str:
    """Take out one item, and the comma that parted it from its neighbour."""
    _, start, value = outer.items[at]
    behind = _skip(text, value.end)
    followed = text[behind] == ","
    if at:
        before = outer.items[at - 1][2].end
        gap, rest = text[before:start], text[behind + 1 if followed else value.end :]
        bare = gap.rstrip()
        last = max(_COMMENT.finditer(bare), key=re.Match.end, default=None)
        if (
            last and last[0][1] == "/" and last.end() == len(bare) and not _NEW_LINE.match(rest)
        ):  # it would swallow that
            bare = gap[: gap.index("\n", len(bare)) + 1]
        return text[:before] + (bare if followed else _uncommaed(bare)) + rest
    if followed and len(outer.items) > 1:
        return text[:start] + text[outer.items[1][1] :]
    left, right = text[outer.start + 1 : start], text[behind + 1 if followed else value.end : outer.end - 1]
    return text[: outer.start + 1] + left.rstrip(" \t") + right.lstrip() + text[outer.end - 1 :]


def _uncommaed(gap: str) -> str:
    """What stands between two items without its comma, which is the first thing outside of comments."""
    at = _skip(gap, 0)
    return gap[:at] + gap[at + 1 :] if gap[at : at + 1] == "," else gap


def _insert(text: str, outer: Span, depth: int, key: str, value: Any) -> str:
    """One more item, the last one. depth: how deep it stands."""
    named = f"{json.dumps(key, ensure_ascii=False)}: " if key else ""
    made = named + _shaped(text, value, depth)
    newline, indent = _style(text)
    close = outer.end - 1
    if outer.items:
        end = outer.items[-1][2].end
        place = _skip(text, end)
        last = text[place] == ","  # some allow one behind the last item: ours then has it too
        tail = text[end:close] if last else "," + text[end:close]
        blank = tail[len(tail.rstrip()) :]
        between = f"{newline}{indent * depth}" if _is_broken(text, outer) or "//" in tail else " "
        return text[:end] + tail.rstrip() + between + made + ("," if last else "") + blank + text[close:]
    inside = text[outer.start + 1 : close]
    if not indent:
        return text[: outer.start + 1] + inside + made + text[close:]
    broken = f"{inside.rstrip()}{newline}{indent * depth}{made}{newline}{indent * (depth - 1)}"
    return text[: outer.start + 1] + broken + text[close:]


def _is_broken(text: str, outer: Span) -> bool:
    """Whether its items stand on lines of their own."""
    return "\n" in text[outer.start : outer.items[0][1]]


def _shaped(text: str, value: Any, depth: int) -> str:
    """A value in the style of the text around it."""
    newline, indent = _style(text)
    if not indent:
        return json.dumps(value, ensure_ascii=False)
    lines = json.dumps(value, indent=indent, ensure_ascii=False).split("\n")
    return (newline + indent * depth).join(lines)


def _style(text: str) -> tuple[str, str]:
    """(line end, one step of indentation); no step for a text on one line."""
    newline = "\r\n" if "\r\n" in text else "\n"
    found = _INDENT.search(text)
    return newline, found[1] if found else "  " if "\n" in text.strip() else ""


def _skip(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return found.end() if found else at


def _value(text: str, at: int, depth: int) -> Span:
    if depth > _DEPTH:
        raise ValueError("nested too deeply")
    if text[at : at + 1] in {"{", "["}:
        return _table(text, at, depth)
    found = (_STRING if text[at : at + 1] == '"' else _WORD).match(text, at)
    if found is None:
        raise _wrong(text, at)
    return Span(at, found.end())


def _table(text: str, start: int, depth: int) -> Span:
    kind, close = text[start], "}" if text[start] == "{" else "]"
    items: list[tuple[str, int, Span]] = []
    at = _skip(text, start + 1)
    while text[at : at + 1] != close:
        begin, key = at, ""
        if kind == "{":
            found = _STRING.match(text, at)
            if found is None:
                raise _wrong(text, at)
            key, at = json.loads(found[0]), _skip(text, found.end())
            if text[at : at + 1] != ":":
                raise _wrong(text, at)
            at = _skip(text, at + 1)
        value = _value(text, at, depth + 1)
        items.append((key, begin, value))
        at = _skip(text, value.end)
        if text[at : at + 1] == ",":
            at = _skip(text, at + 1)
        elif text[at : at + 1] != close:
            raise _wrong(text, at)
    return Span(start, at + 1, kind, tuple(items))


def _wrong(text: str, at: int) -> ValueError:
    line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
    what = f"{text[at]!r} does not belong there" if at < len(text) else "it ends too early"
    return ValueError(f"line {line}, column {column}: {what}")
