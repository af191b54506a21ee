"""The query language: what matches, what does not, and what a wrong query is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from log_samples import SESSION, START, allowed, asked, card

from leashtui.audit.query import KEYS, QueryError, parse
from leashtui.model.event import Answered, Asked, FileChanged, Record
from leashtui.model.facts import Effect, Place, Verb
from leashtui.model.verdict import By, Ruling, Verdict

NOW = START + 3_600_000_000
PUSH = Record(1, "01PUSHXXXXXXXXXXXXXXXXXXXX", START, SESSION, asked())
SHOWN = Record(1, "01SHOWN", START, SESSION, Asked(card(PUSH.id)), PUSH.id)
NO = Record(1, "01NO", START, SESSION, Answered("L-1", Verdict(Ruling.DENY, By.PERSON, "no", "ann", PUSH.id)), PUSH.id)
GONE = Record(1, "01GONE", START, SESSION, Answered("L-2", Verdict(Ruling.DENY, By.WITHDRAWN)))
READ = Record(
    1,
    "01READ",
    START,
    SESSION,
    allowed("cat", "Infra/main.tf", effects=(Effect(Verb.READ, "/w/Infra/main.tf", Place.SOURCE),)),
)
FILE = Record(1, "01FILE", START, SESSION, FileChanged("infra/x.py", "modified", "source", False))
EVERY = {"push": PUSH, "shown": SHOWN, "no": NO, "gone": GONE, "read": READ, "file": FILE}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {"push", "shown", "no", "gone", "read", "file"}),
        ("verdict:deny", {"no"}),
        ("verdict:deny,ask", {"no", "push", "shown"}),
        ("VERDICT:Allow", {"read"}),
        ("by:withdrawn", {"gone"}),
        ("who:ann", {"no"}),
        ("kind:act", {"push", "shown", "no", "gone", "read"}),
        ("kind:act.answered", {"no", "gone"}),
        ("-kind:act", {"file"}),
        ("path:infra/", {"read", "file"}),
        ("path:infra/*.py", {"file"}),
        ("path:*.tf", {"read"}),
        ("path:/w/*", {"read"}),
        ("policy:git", {"push", "shown"}),
        ("verb:history_rewrite,read", {"push", "shown", "read"}),
        ("act:L-1", {"shown", "no"}),
        (f"act:{PUSH.id.lower()}", {"push", "shown", "no"}),
        ("act:L", set()),
        ('"push --force"', {"push", "shown"}),
        ("push force", {"push", "shown"}),
        ("force push -kind:act.asked", {"push"}),
        ("--force", {"push", "shown"}),
        ("text:STATUS,main.tf", {"read"}),
        ("session:7f3a", {"push", "shown", "no", "gone", "read", "file"}),
        ("session:20261121 -session:7f3a", set()),
        ("agent:claude", {"push", "no", "gone", "read", "file"}),
        ("agent:bash", {"shown"}),
        ("since:1h", {"push", "shown", "no", "gone", "read", "file"}),
        ("since:59m", set()),
        ("until:59m -agent:claude", {"shown"}),
        ("until:2h", set()),
    ],
)
def test_a_query_finds_what_it_says(query: str, expected: set[str]) -> None:
    parsed = parse(query, now=NOW)
    assert {name for name, record in EVERY.items() if parsed.match(record, agent="claude")} == expected
    as_json = {name: msgspec.to_builtins(record) for name, record in EVERY.items()}
    assert {name for name, record in as_json.items() if parsed.match(record, agent="claude")} == expected


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2026-11-20", datetime(2026, 11, 20, tzinfo=UTC)),
        ("2026-11-20T10:00", datetime(2026, 11, 20, 10, tzinfo=UTC)),
        ("2026-11-20T10:00+02:00", datetime(2026, 11, 20, 8, tzinfo=UTC)),
        ("today", datetime(2026, 11, 21, tzinfo=UTC)),
        ("yesterday", datetime(2026, 11, 20, tzinfo=UTC)),
        ("09:15", datetime(2026, 11, 21, 9, 15, tzinfo=UTC)),
    ],
)
def test_times(value: str, moment: datetime) -> None:
    now = int(datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp() * 1e6)
    at = int(moment.timestamp() * 1e6)
    query = parse(f"since:{value}", now=now)
    assert query.match({"t": at})
    assert not query.match({"t": at - 1})


def test_a_day_as_until_includes_the_day_in_the_zone_of_the_reader() -> None:
    zone = timezone(timedelta(hours=2))
    query = parse("until:2026-11-20", now=NOW, zone=zone)
    end = int(datetime(2026, 11, 21, tzinfo=zone).timestamp() * 1e6)
    assert query.match({"t": end - 1})
    assert not query.match({"t": end})


@pytest.mark.parametrize(
    ("query", "position", "words"),
    [
        ("x verdct:deny", 2, "did you mean verdict:?"),
        ("verdict:denny", 8, "did you mean verdict:deny?"),
        ("a by:nobdy", 5, "did you mean by:nobody?"),
        ("verb:remove", 5, "It may be read, write"),
        ("kind:act.decidid", 5, "did you mean kind:act.decided?"),
        ("since:soon", 6, "since:7d"),
        ("until:2026-02-30", 6, "until:1h"),
        ("since:1d,2d", 0, "since:7d"),
        ("agent:", 6, "like agent:claude"),
        ('a "b c', 2, 'end it with "'),
        ("nonsense:x", 0, "The keys are agent, verdict"),
    ],
)
def test_a_wrong_query_names_the_place_and_the_remedy(query: str, position: int, words: str) -> None:
    with pytest.raises(QueryError) as found:
        parse(query, now=NOW)
    assert found.value.position == position
    assert f"at character {position + 1} of: {query}" in found.value.message
    assert words in found.value.hint


def test_text_with_a_colon_can_be_looked_for() -> None:
    record = {"event": {"text": "see https://example.org and a:b"}}
    assert parse("https://example.org", now=NOW).match(record)
    assert parse('"a:b"', now=NOW).match(record)


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_text_parses_or_is_explained(text: str) -> None:
    try:
        query = parse(text, now=NOW)
    except QueryError as error:
        assert 0 <= error.position <= len(text)
        assert error.hint
    else:
        query.match(PUSH)


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)
SHAPE = st.dictionaries(
    st.sampled_from(["kind", "verdict", "card", "facts", "decision", "path", "request", "effects", "ask", "agent"]),
    JSON,
)


@settings(deadline=None)
@given(st.sampled_from(KEYS), SHAPE, JSON)
def test_no_shape_of_a_record_breaks_a_query(key: str, event: dict[str, Any], other: Any) -> None:
    value = {"since": "1d", "until": "1d", "verdict": "deny", "by": "policy", "verb": "read"}.get(key, "x")
    query = parse(f"{key}:{value}", now=NOW)
    query.match({"t": other, "session": other, "id": other, "event": event})
    query.match({"event": other})
