"""Sentences: one line, printable, bounded, whatever they are made of."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from leashtui.model.verdict import By, PolicyRef
from leashtui.words.plain import count, duration, one_line, visible, visible_json
from leashtui.words.refusal import LIMIT, approved_late, refusal


@given(st.text(), st.text(), st.text(), st.sampled_from(list(By)))
def test_a_refusal_is_one_printable_line_of_bounded_size(what: str, why: str, because: str, by: By) -> None:
    line = refusal(by=by, what=what, why=why, because=because, policies=(PolicyRef("builtin/x", why),))
    assert len(line.encode()) <= LIMIT
    assert "\n" not in line
    assert "\x1b" not in line
    assert line.startswith("leash: REFUSED:")


@given(st.text(alphabet=st.characters()))
def test_visible_leaves_nothing_hidden(text: str) -> None:
    shown = visible(text)
    assert all(c.isprintable() or c == "\u00a0" or not c.isascii() for c in shown)
    for hidden in "\x1b\n\r\x00\u202e\u200b\ud800":
        assert hidden not in shown


def test_small_words() -> None:
    assert count(1, "act") == "1 act"
    assert count(1204, "file") == "1,204 files"
    assert duration(7) == "0:07"
    assert duration(11000) == "3:03:20"
    assert one_line("x" * 300, 10) == "x" * 9 + "…"


def test_a_refusal_does_not_say_the_same_twice() -> None:
    line = refusal(
        by=By.POLICY, what="This hides what runs", policies=(PolicyRef("builtin/x", "This hides what runs."),)
    )
    assert line.count("hides what runs") == 1
    assert "[builtin/x]" in line


def test_json_for_a_terminal_says_the_same_without_what_that_obeys() -> None:
    value = "a\x9b31m\x90$q\x7f\u202e\u2028\U000e0041 ü \U0001f600"
    line = json.dumps({"x": value}, ensure_ascii=False)
    shown = visible_json(line)
    assert json.loads(shown) == {"x": value}
    assert visible(shown) == shown
    assert "ü \U0001f600" in shown


def test_a_late_approval_says_what_to_do_again() -> None:
    """A path is no command."""
    assert approved_late("L-1", "rm x").endswith("run the very same command once more: rm x")
    assert approved_late("L-1", "/w/x", "make the very same change once more:").endswith("change once more: /w/x")
