"""Where each key of the query language looks in a record, whatever its kind.

Knows the JSON shape of records. Refuses to fail: a field that is missing, or is not what it should be (a newer leash,
a tampered log), simply holds nothing. Invariant: every string is compared in lower case.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any


class View:
    """One record as the query sees it. agent: of its session. time: microseconds since the epoch."""

    def __init__(self, record: Mapping[str, Any], agent: str) -> None:
        self.record = record
        self.agent = agent
        time = record.get("t")
        self.time = time if isinstance(time, int) else 0
        event = record.get("event")
        self.event: Mapping[str, Any] = event if isinstance(event, dict) else {}
        self._text: str | None = None

    def inner(self, *names: str) -> Any:
        """event[name][name]..., None when the way ends."""
        found: Any = self.event
        for name in names:
            if not isinstance(found, dict):
                return None
            found = found.get(name)
        return found

    def text(self) -> str:
        """Every string of the record in lower case, a line each."""
        if self._text is None:
            self._text = "\n".join(_strings(self.record)).lower()
        return self._text

    def lines(self) -> set[str]:
        """Every string of the record in lower case, each once."""
        found: set[str] = set()
        values: list[Any] = [self.record]
        for value in values:  # it grows while it is walked
            if type(value) is str:
                found.add(value)
            elif type(value) is dict:
                values += value.values()
            elif type(value) is list:
                values += value
        return {text.lower() for text in found}


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _strings(inner)


def _lower(*values: Any) -> list[str]:
    """The strings among `values`, and inside the lists among them, in lower case."""
    found: list[str] = []
    for value in values:
        if isinstance(value, str) and value:
            found.append(value.lower())
        elif isinstance(value, list | tuple):
            found += [v.lower() for v in value if isinstance(v, str)]
    return found


def _each(items: Any, name: str) -> list[str]:
    """items[...][name] in lower case."""
    if not isinstance(items, list | tuple):
        return []
    return _lower([item.get(name) for item in items if isinstance(item, dict)])


def _verdict(view: View) -> list[str]:
    """allow, ask or deny; a withdrawn ask is none of them."""
    ruling = view.inner("verdict", "ruling")
    if view.event.get("kind") == "act.asked":
        return ["ask"]
    if view.inner("verdict", "by") == "withdrawn":
        return []
    return _lower(ruling or view.inner("decision", "outcome"))


def _path(view: View) -> list[str]:
    return [
        *_lower(view.inner("path"), view.inner("to"), view.inner("request", "path")),
        *_each(view.inner("facts", "effects"), "target"),
        *_each(view.inner("card", "evidence"), "target"),
    ]


def _policy(view: View) -> list[str]:
    return [
        *_each(view.inner("decision", "policies"), "id"),
        *_each(view.inner("card", "why"), "id"),
        *_lower(view.inner("verdict", "policies"), view.inner("decision", "released")),
    ]


def _verb(view: View) -> list[str]:
    return [*_each(view.inner("facts", "effects"), "verb"), *_each(view.inner("card", "evidence"), "verb")]


def _act(view: View) -> list[str]:
    """The record itself, what it answers to, and the card it speaks of."""
    return _lower(
        view.record.get("id"),
        view.record.get("parent"),
        view.inner("ask"),
        view.inner("card", "id"),
        view.inner("card", "act"),
        view.inner("verdict", "act"),
        view.inner("covered_by"),
    )


FIELDS: dict[str, Callable[[View], Iterable[str]]] = {
    "agent": lambda v: _lower(v.inner("agent") or v.inner("card", "agent") or v.agent),
    "verdict": _verdict,
    "by": lambda v: _lower(v.inner("verdict", "by")),
    "who": lambda v: _lower(v.inner("verdict", "who"), v.inner("who"), v.inner("user")),
    "path": _path,
    "kind": lambda v: _lower(v.inner("kind")),
    "policy": _policy,
    "verb": _verb,
    "session": lambda v: _lower(v.record.get("session"), v.inner("session")),
    "act": _act,
    "text": lambda v: (v.text(),),
}
"""key -> the strings it is compared with."""
