"""Lines of leash on a narrow terminal: broken between words, every row marked, nothing left out."""

from __future__ import annotations

import os
import re

from leashtui.faces.plain.paper import Paper, folded


def said(columns: int | None, *lines: str) -> list[str]:
    reading, writing = os.pipe()
    Paper(writing, "bix", None if columns is None else lambda: columns).say(*lines)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        return pipe.read().decode().splitlines()


def test_a_long_sentence_is_broken_between_words_and_every_row_is_marked() -> None:
    sentence = "  would: removes 1,204 files below /srv/data, three of which are not in git and cannot be brought back"
    rows = said(50, sentence)
    assert len(rows) > 2
    assert all(row.startswith("leash bix: ") and len(row) <= 50 for row in rows)
    bare = [row.removeprefix("leash bix: ") for row in rows]
    assert bare[0] + "".join(row.removeprefix("    ") for row in bare[1:]) == sentence
    assert all(word in sentence.split() for row in bare for word in row.split())


def test_a_word_without_end_and_wide_characters_are_cut_to_the_width() -> None:
    for line in ("x" * 200, "文" * 100, "  " + "a" * 39 + " b"):
        rows = list(folded(line, 39))
        assert re.sub(" ", "", "".join(rows)) == re.sub(" ", "", line)
        assert all(len(row) + row.count("文") <= 39 for row in rows)


def test_a_space_at_the_edge_gets_no_row_of_its_own() -> None:
    assert list(folded("0123456789 abc", 10)) == ["0123456789", "  abc"]
    assert list(folded("0123456789 ", 10)) == ["0123456789"]
    assert all(len(row) <= 10 for row in folded("01234 " * 9 + " " * 30 + "x", 10))


def test_a_file_and_a_terminal_of_a_few_columns_get_lines_as_they_are() -> None:
    assert said(None, "word " * 60) == ["leash bix: " + "word " * 60]
    assert said(24, "word " * 9) == ["leash bix: " + "word " * 9]
