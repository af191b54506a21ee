"""The one query language of the log, the panel and the team store: words and `key:value`, `-` negates, quotes hold.

    verdict:deny,ask agent:claude path:infra/ since:7d -by:policy "force push"

Every term must hold. Commas mean or. Knows the shape of stored records (as plain JSON values, so that kinds of a newer
leash can be searched too). Refuses to know clocks: now and the time zone are handed in. Invariant: a query either
parses or names the position that is wrong and the nearest word that would be right.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from difflib import get_close_matches
from fnmatch import translate
from typing import Any, get_args

import msgspec
from msgspec import Struct

from leashtui.audit.fields import FIELDS, View
from leashtui.model.errors import Exit, LeashError
from leashtui.model.event import Event, Record
from leashtui.model.facts import Verb
from leashtui.model.verdict import By, Outcome

KEYS = ("agent", "verdict", "by", "who", "path", "kind", "policy", "verb", "since", "until", "session", "act", "text")
"""Every key, in the order help shows them."""

KINDS = tuple(sorted(str(cls.__struct_config__.tag) for cls in get_args(Event)))

_CLOSED = {
    "verdict": tuple(str(o) for o in Outcome),
    "by": tuple(str(b) for b in By),
    "verb": tuple(str(v) for v in Verb),
}
_TERM = re.compile(r'(?P<sign>[-!](?!-|\s|$))?(?:(?P<key>[A-Za-z_]+):(?!//))?(?P<value>(?:"(?:[^"\\]|\\.)*"|[^\s"])*)')
_SPAN = re.compile(r"(\d{1,6})([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}

Test = Callable[[View], bool]
Look = Callable[[str], bool]


class QueryError(LeashError):
    """A query that cannot be read. position: index of the first wrong character in `text`."""

    code = Exit.USAGE

    def __init__(self, message: str, text: str, position: int, hint: str = "") -> None:
        super().__init__(f"{message} (at character {position + 1} of: {text})", hint)
        self.position = position


class Term(Struct, frozen=True):
    """One condition. key: '' for a bare word. values: any of them may hold. position: where it stands in the text."""

    key: str
    values: tuple[str, ...]
    negated: bool
    position: int


class Query:
    """A parsed query; `match` tells whether a record satisfies every term."""

    def __init__(self, text: str, terms: tuple[Term, ...], now: int, zone: tzinfo) -> None:
        self.text = text
        self.terms = terms
        self._now = now
        self._zone = zone
        self._tests = tuple(_compile(term, text, now, zone) for term in terms)

    def match(self, record: Record | Mapping[str, Any], agent: str = "") -> bool:
        """Whether a record (a Struct, or the JSON value of one of any kind) satisfies the query.

        agent: the agent of its session, for records that do not name one.
        """
        if not self._tests:
            return True
        value = msgspec.to_builtins(record) if isinstance(record, Record) else record
        view = View(value, agent)
        return all(test(view) for test in self._tests)

    def mentions(self, key: str) -> bool:
        """Whether any term uses this key."""
        return any(term.key == key for term in self.terms)

    def limit(self, term: Term) -> int:
        """The time a since or until names, microseconds since the epoch."""
        return _moment(term, self.text, self._now, self._zone)

    def needles(self, term: Term) -> list[tuple[str, Look | None]]:
        """(text, look) for each alternative of a term: a field that satisfies it holds the text, and the look decides.

        look: None where holding the text is enough.
        """
        if term.key in _CLOSED:
            return [(value.lower(), value.lower().__eq__) for value in term.values]
        return [(_surely(term, value), _look(term, self.text, value)) for value in term.values]


def parse(text: str, *, now: int, zone: tzinfo = UTC) -> Query:
    """The query in `text`. now: microseconds since the epoch, for since and until. Raises QueryError."""
    return Query(text, tuple(_terms(text)), now, zone)


def _terms(text: str) -> Iterable[Term]:
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        match = _TERM.match(text, at)
        end = match.end() if match else at
        if match is None or (end < len(text) and not text[end].isspace()):
            raise QueryError("a quote is opened and never closed", text, text.find('"', end), 'end it with "')
        key, value = (match["key"] or "").lower(), match["value"]
        if match["key"] and key not in KEYS:
            raise QueryError(f"there is no key {match['key']!r}", text, match.start("key"), _nearest_key(key))
        if match["key"] and not value:
            raise QueryError(f"{key}: needs a value", text, match.end(), f"like {_EXAMPLE[key]}")
        values = tuple(v for v in _split(value) if v)
        if values:
            yield Term(key, values, bool(match["sign"]), at)
        at = end


def _split(value: str) -> list[str]:
    """The alternatives of a value: commas outside quotes part them, quotes and backslashes inside quotes go."""
    parts = [""]
    quoted = escaped = False
    for char in value:
        if escaped:
            parts[-1] += char
            escaped = False
        elif quoted and char == "\\":
            escaped = True
        elif char == '"':
            quoted = not quoted
        elif char == "," and not quoted:
            parts.append("")
        else:
            parts[-1] += char
    return parts


_EXAMPLE = {
    "agent": "agent:claude",
    "verdict": "verdict:deny",
    "by": "by:person",
    "who": "who:ann",
    "path": "path:infra/ or path:*.tf",
    "kind": "kind:act or kind:file.changed",
    "policy": "policy:git",
    "verb": "verb:delete",
    "since": "since:7d, since:2h, since:2026-11-20 or since:09:30",
    "until": "until:1h or until:2026-11-20",
    "session": "session:20261121-093015-7f3a",
    "act": "act:L-12",
    "text": 'text:"force push"',
}


def _nearest_key(key: str) -> str:
    near = get_close_matches(key, KEYS, 1, 0.5)
    guess = f"did you mean {near[0]}:? " if near else ""
    return f'{guess}The keys are {", ".join(KEYS)}; to look for text with a colon, quote it: "{key}:..."'


def _compile(term: Term, text: str, now: int, zone: tzinfo) -> Test:
    if term.key in ("since", "until"):
        test = _time_test(term, text, now, zone)
    elif term.key in _CLOSED:
        wanted = frozenset(_closed(term, text, v) for v in term.values)
        fields = FIELDS[term.key]
        test = lambda view: not wanted.isdisjoint(fields(view))  # noqa: E731
    else:
        fields = FIELDS[term.key or "text"]
        matchers = [_matcher(term, text, v) for v in term.values]
        test = lambda view: any(m(f) for f in fields(view) for m in matchers)  # noqa: E731
    return (lambda view: not test(view)) if term.negated else test


def _closed(term: Term, text: str, value: str) -> str:
    lowered = value.lower()
    allowed = _CLOSED[term.key]
    if lowered in allowed:
        return lowered
    near = get_close_matches(lowered, allowed, 1, 0.5)
    guess = f"did you mean {term.key}:{near[0]}? " if near else ""
    raise QueryError(
        f"there is no {term.key} {value!r}", text, _where(term, text, value), f"{guess}It may be {', '.join(allowed)}"
    )


def _where(term: Term, text: str, value: str) -> int:
    return max(text.find(value, term.position), term.position)


def _matcher(term: Term, text: str, value: str) -> Look:
    """How one value of an open key is compared with one field, both in lower case."""
    wanted = value.lower()
    if term.key == "kind":
        near = get_close_matches(wanted, KINDS, 1, 0.8)
        if near and not any(k == wanted or k.startswith(wanted + ".") for k in KINDS):
            hint = f"did you mean kind:{near[0]}? The kinds are {', '.join(KINDS)}"
            raise QueryError(f"there is no kind {value!r}", text, _where(term, text, value), hint)
        return lambda field: field == wanted or field.startswith(wanted + ".")
    if term.key == "session":
        return lambda field: field.startswith(wanted) or field.endswith(wanted)
    if term.key == "act":
        return lambda field: field == wanted or (len(wanted) >= 10 and field.startswith(wanted))
    if term.key == "path" and _is_glob(wanted):
        return _glob(wanted)
    return lambda field: wanted in field


def _look(term: Term, text: str, value: str) -> Look | None:
    """How a field that holds `_surely` is compared further."""
    plain = term.key not in ("kind", "session", "act", "path") or (term.key == "path" and not _is_glob(value.lower()))
    return None if plain else _matcher(term, text, value)


def _surely(term: Term, value: str) -> str:
    """Text that every field which satisfies the value holds: the longest piece without a wildcard, the first line."""
    wanted = value.lower()
    if term.key == "path" and _is_glob(wanted):
        return max(re.split(r"\[.*|[*?]", wanted), key=len)
    return max(wanted.split("\n"), key=len) if term.key in ("", "text") else wanted


def _is_glob(value: str) -> bool:
    return any(c in value for c in "*?[")


def _glob(pattern: str) -> Look:
    """`*` and `?` and `[...]`; a pattern that does not begin with / may begin at any folder."""
    begin = "" if pattern.startswith(("/", "*")) else r"(?:.*/)?"
    compiled = re.compile(begin + translate(pattern))
    return lambda field: compiled.match(field) is not None


def _time_test(term: Term, text: str, now: int, zone: tzinfo) -> Test:
    if len(term.values) > 1:
        raise QueryError(f"{term.key}: takes one time", text, term.position, f"like {_EXAMPLE[term.key]}")
    limit = _moment(term, text, now, zone)
    if term.key == "since":
        return lambda view: view.time >= limit
    return lambda view: view.time < limit


def _moment(term: Term, text: str, now: int, zone: tzinfo) -> int:
    """The time a value names, in microseconds since the epoch. A date alone is its first moment, for until its last."""
    value = term.values[0]
    span = _SPAN.fullmatch(value.lower())
    if span:
        return now - int(span[1]) * _SECONDS[span[2]] * 1_000_000
    today = datetime.fromtimestamp(now / 1_000_000, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    whole_day = timedelta(days=1 if term.key == "until" else 0)
    try:
        if value.lower() in ("today", "yesterday"):
            moment = today - timedelta(days=value.lower() == "yesterday") + whole_day
        elif re.fullmatch(r"\d{1,2}:\d{2}", value):
            hours, minutes = value.split(":")
            moment = today.replace(hour=int(hours), minute=int(minutes))
        elif re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
            moment = datetime.fromisoformat(value).replace(tzinfo=zone) + whole_day
        else:
            moment = datetime.fromisoformat(value)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=zone)
        return int(moment.timestamp() * 1_000_000)
    except (ValueError, OverflowError) as error:
        where = _where(term, text, value)
        raise QueryError(f"{value!r} is no time", text, where, f"write {_EXAMPLE[term.key]}") from error
