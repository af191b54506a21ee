"""What is put into a settings text comes out again, and whatever it held is there in between."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leashtui.agents.splice import add, parse, without

OURS = {name: [{"matcher": "*", "hooks": [{"command": f"MARK {name}", "timeout": 5}]}] for name in ("A", "B")}
SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=8)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=4), inner), max_leaves=8
)
TABLES = st.dictionaries(st.sampled_from(["A", "B", "Z"]), st.lists(VALUES, max_size=2), max_size=3)


def _is_ours(entry: str) -> bool:
    return "MARK" in entry


@given(st.dictionaries(st.text(max_size=4), VALUES), TABLES, st.sampled_from([None, 2, "\t"]), st.booleans())
def test_any_document_comes_back(document: dict[str, object], hooks: dict[str, list[object]], indent: object,
                                 windows: bool) -> None:  # fmt: skip
    document = {**document, "hooks": hooks} if hooks else {k: v for k, v in document.items() if k != "hooks"}
    text = json.dumps(document, indent=indent)  # type: ignore[arg-type]
    text = text.replace("\n", "\r\n") if windows else text
    made = add(text, OURS)
    found = json.loads(made)
    assert {k: v for k, v in found.items() if k != "hooks"} == {k: v for k, v in document.items() if k != "hooks"}
    for event in ("A", "B"):
        assert found["hooks"][event] == [*hooks.get(event, []), *OURS[event]]
    back = without(made, _is_ours)
    left = {event: entries for event, entries in hooks.items() if entries or event == "Z"}
    assert json.loads(back) == ({**document, "hooks": left} if left else {k: v for k, v in document.items()
                                                                         if k != "hooks"})  # fmt: skip
    if left == hooks and ("{}" not in text and "[]" not in text):
        assert back == text
    assert without(made, _is_ours, text) == text


@pytest.mark.parametrize("hooks", ["{}", "{ }", "null", '{"A": []}', '{\n  "Z": [ ],\n  "A": [\n  ]\n}', '{"B": [1]}'])
def test_what_was_empty_stays_so_where_the_person_changed_the_rest(hooks: str) -> None:
    text = f'{{"a": 1, "hooks": {hooks}, "b": [] }}\n'
    made = add(text, OURS)
    assert add(without(made, _is_ours, text), OURS) == made
    changed = made.replace('"a": 1', '"a": 2, "c": {}')
    assert without(changed, _is_ours, text) == text.replace('"a": 1', '"a": 2, "c": {}')


def test_of_a_key_that_stands_twice_the_one_that_held_ours_is_taken_out() -> None:
    text = '{"hooks": {"Z": [1]}, "a": 1, "hooks": {"A": ["MARK"]}}'
    assert without(text, _is_ours) == '{"hooks": {"Z": [1]}, "a": 1}'


@pytest.mark.parametrize("text", ['{"a": 1,, }', "{a: 1}", '{"a": 1} x', '{"a": "x\ny"}', "", "[" * 5000, '{"a": 01x}'])
def test_what_is_not_json_is_said(text: str) -> None:
    with pytest.raises(ValueError, match=r"line|deep"):
        parse(text)


@pytest.mark.parametrize(
    "text",
    [
        '{"hooks": {"Other": [1], // mine\n}}',
        '{"hooks": {"Other": [1] /* a *//* b */}}',
        '{"hooks": {\n  "Other": [1], // mine\n}, "a": 1, // too\n}',
        '{"a": 1, // too\n}',
    ],
)
def test_what_is_taken_out_behind_a_comment_leaves_what_follows(text: str) -> None:
    """One after the other, as where the person changed the file since."""
    made = add(text, {"PreToolUse": [{"mark": "ours"}], "Stop": [{"mark": "ours"}]})
    parse(made)
    assert without(made, lambda entry: "ours" in entry, text) == text
