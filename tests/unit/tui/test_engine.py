"""The engine draws what an agent writes and gives it no way to speak through us."""

from __future__ import annotations

import random
import time
import unicodedata
from base64 import b64decode
from collections.abc import Callable

import pytest
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from leashtui.faces.tui.bittty_engine import BitttyEngine
from leashtui.faces.tui.engine import Engine, MouseAct
from leashtui.faces.tui.engines import make_engine
from leashtui.faces.tui.gaze import Gaze
from leashtui.faces.tui.lookback import Lookback, clipboard
from leashtui.faces.tui.terminal import _with_cursor

Make = Callable[[int, int], Engine]


@pytest.fixture(params=["auto", "python"])
def make(request: pytest.FixtureRequest) -> Make:
    """Both engines: the native one where this machine has it."""
    return lambda cols, rows: make_engine(cols, rows, request.param)


def row(engine: Engine, y: int = 0) -> str:
    return engine.strip(y).text.rstrip()


def test_text_is_never_markup(make: Make) -> None:
    engine = make(40, 3)
    engine.feed(b"[bold]x[/bold] [red]\\[y] [link=http://x]z")
    assert row(engine) == "[bold]x[/bold] [red]\\[y] [link=http://x]z"[:40]
    assert all(not (s.style and s.style.link) for s in engine.strip(0))


def test_utf8_cut_anywhere(make: Make) -> None:
    text = "größe 日本 👩‍💻 e\u0301!"
    whole = make(40, 3)
    whole.feed(text.encode())
    bytewise = make(40, 3)
    for byte in text.encode():
        bytewise.feed(bytes([byte]))
    assert row(bytewise) == row(whole) == text


@pytest.mark.parametrize("text", ["日本語", "👨‍👩‍👧x", "e\u0301z", "❤️q", "🇩🇪w", "한x", "☺️", "a\u0300\u0301b", "1️⃣2"])
def test_wide_and_combining_characters_keep_their_columns(make: Make, text: str) -> None:
    engine = make(30, 2)
    engine.feed(text.encode() + b"|")
    strip = engine.strip(0)
    assert strip.cell_length == cell_len(strip.text) == 30
    cursor = engine.cursor()
    assert cursor is not None
    assert cell_len(strip.text[: strip.text.index("|") + 1]) == cursor[0]


def test_characters_that_reorder_or_hide_are_not_passed_on(make: Make) -> None:
    engine = make(30, 2)
    engine.feed("a\u202eb\u2066c\u200bd\x85e\u2028f".encode())
    assert not set(engine.strip(0).text) & set("\u202e\u2066\u200b\x85\u2028")


def test_colours_and_attributes_reach_the_screen(make: Make) -> None:
    engine = make(20, 2)
    engine.feed(b"\x1b[1;31;4mA\x1b[0;48;5;200mB\x1b[0;38;2;1;2;3mC")
    styles = [s.style for s in engine.strip(0)]
    assert styles[0] and styles[0].bold and styles[0].underline and styles[0].color
    assert styles[0].color.number == 1
    assert styles[1] and styles[1].bgcolor and styles[1].bgcolor.number == 200
    assert styles[2] and styles[2].color and styles[2].color.triplet == (1, 2, 3)


def test_only_changed_rows_are_named(make: Make) -> None:
    engine = make(20, 10)
    assert engine.changed() == list(range(10))
    assert engine.changed() == []
    engine.feed(b"\x1b[5;1Hx")
    assert set(engine.changed()) in ({4}, {0, 4})  # the native one names the row that the cursor left, too
    engine.feed(b"\x1b[?1049h")
    assert engine.changed() == list(range(10))
    assert engine.modes().alternate_screen


def test_modes_are_told(make: Make) -> None:
    engine = make(20, 10)
    engine.feed(b"\x1b[?1h\x1b[?2004h\x1b[?1002h\x1b[?1006h\x1b[?2026h\x1b[?25l")
    modes = engine.modes()
    assert modes.application_cursor and modes.bracketed_paste and modes.synchronized
    assert modes.mouse == "button"
    assert engine.cursor() is None
    engine.reset()
    assert engine.modes() == make(20, 10).modes()


QUESTIONS = {
    b"\x1b[c": b"\x1b[?62;22c",
    b"\x1b[5n": b"\x1b[0n",
    b"\x1b[3;4H\x1b[6n": b"\x1b[3;4R",
    b"\x1b[18t": b"\x1b[8;10;20t",
    b"\x1b[?2026$p": b"\x1b[?2026;2$y",
    b"\x1b[?u": b"",  # no kitty keyboard: keys arrive as the person's terminal sends them
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_questions_are_answered(make: Make, question: bytes) -> None:
    engine = make(20, 10)
    engine.feed(question)
    assert engine.replies() == QUESTIONS[question]
    assert engine.replies() == b""


@pytest.mark.parametrize(
    "words",
    [
        b"\x1b]0;\nrm -rf /\n\x07\x1b[20t\x1b[21t",
        b"\x1b]52;c;cm0gLXJmIC8K\x07\x1b]52;c;?\x07",
        b"\x1bP$q\nrm -rf /\n\x1b\\",
        b"\x1b]50;\nrm\n\x07\x1b]50;?\x07",
        b"\x1b[?1;2;3$p\x05",
    ],
)
def test_an_agent_cannot_type_through_its_terminal(make: Make, words: bytes) -> None:
    engine = make(20, 10)
    engine.feed(words)
    answer = engine.replies()
    assert b"rm" not in answer
    assert b"\n" not in answer


def test_the_background_of_the_person_is_told(make: Make) -> None:
    engine = make(20, 10)
    engine.background = (255, 255, 255)
    engine.reset()
    engine.feed(b"\x1b]11;?\x07")
    assert engine.replies() == b"\x1b]11;rgb:ffff/ffff/ffff\x07"


def test_an_agent_cannot_change_our_size(make: Make) -> None:
    engine = make(20, 10)
    engine.feed(b"\x1b[8;500;500t\x1b[?40h\x1b[?3h\x1b[500*|\x1b[500$|")
    assert len(engine.changed()) == 10
    assert engine.strip(0).cell_length == 20


@pytest.mark.parametrize("start", [b"\x1b]0;", b"\x1bP", b"\x1b_", b"\x1b[", b"\x1b^"])
def test_a_sequence_without_an_end_does_not_grow(make: Make, start: bytes) -> None:
    engine = make(20, 3)
    engine.feed(start)
    began = time.monotonic()
    for _ in range(200):
        engine.feed(b"1" * 4096)
    assert not isinstance(engine, BitttyEngine) or len(engine._board.parser.buffer) <= 70_000
    assert time.monotonic() - began < 30
    engine.feed(b"\x1b\\\x18\x1b[2J\x1b[Hback")
    assert row(engine) == "back"


def test_titles_are_spelled_out_and_short(make: Make) -> None:
    engine = make(20, 3)
    assert engine.title() == ""
    engine.feed("\x1b]0;[red]a\u202eb\x9c".encode() + b"c" * 200 + b"\x07")
    assert "\u202e" not in engine.title()
    assert len(engine.title()) <= 60


def test_the_mouse_speaks_as_the_agent_asked(make: Make) -> None:
    engine = make(20, 10)
    engine.mouse(MouseAct(2, 3, 0, "press"))
    assert engine.replies() == b""
    engine.feed(b"\x1b[?1000h\x1b[?1006h")
    engine.mouse(MouseAct(2, 3, 0, "press"))
    engine.mouse(MouseAct(2, 3, 0, "release", frozenset({"ctrl"})))
    assert engine.replies() == b"\x1b[<0;3;4M\x1b[<16;3;4m"


def test_garbage_and_resizes_never_break_a_row(make: Make) -> None:
    chance = random.Random(7)
    engine = make(40, 12)
    parts = [
        b"\x1b[",
        b"\x1b]",
        b"\x1bP",
        b"\x1b",
        b";",
        b"m",
        b"H",
        b"J",
        b"h",
        b"?1049",
        "日".encode(),
        "👩‍💻".encode(),
    ]
    for step in range(400):
        data = b"".join(chance.choice(parts) if chance.random() < 0.5 else chance.randbytes(3) for _ in range(20))
        engine.feed(data)
        if step % 25 == 0:
            engine.resize(chance.randrange(1, 90), chance.randrange(1, 30))
        for y in engine.changed():
            strip = engine.strip(y)
            assert strip.cell_length == engine.cols == cell_len(strip.text), (step, y, strip.text)
            assert not {unicodedata.category(c) for c in strip.text} & {"Cc", "Cs", "Zl", "Zp"}


def native(cols: int, rows: int) -> Engine:
    engine = make_engine(cols, rows)
    assert not isinstance(engine, BitttyEngine), "the native engine must be there where its wheel is"
    return engine


def test_what_scrolled_away_can_be_seen_searched_and_copied(make: Make) -> None:
    engine = make(30, 4)
    engine.feed(b"\r\n".join(b"line %d" % n for n in range(500)))
    look = Lookback(engine, lambda: None)
    look.scroll(-10)
    assert look.open
    assert engine.below() == 10
    assert look.row(0).rstrip() == "line 486"
    assert look.find("LINE 77")
    assert look.text() == "line 77"
    assert not look.find("nowhere at all")
    look.close()
    assert look.row(3).rstrip() == "line 499"


def test_looking_back_stands_still_while_the_agent_goes_on_and_follows_a_new_width(make: Make) -> None:
    engine = make(30, 4)
    engine.feed(b"\r\n".join(b"line %d" % n for n in range(100)))
    engine.scroll(-10)
    assert (row(engine), engine.cursor()) == ("line 86", None)
    engine.changed()
    engine.feed(b"\r\nmore\r\nand more")
    assert row(engine) == "line 86"
    engine.scroll(0)
    assert engine.changed() == [0, 1, 2, 3]
    assert (row(engine, 3), engine.below()) == ("and more", 0)
    engine.feed(b"\r\n" + b"w" * 40 + b"\r\n1\r\n2\r\n3\r\n4\r\n5")
    engine.scroll(-4)
    assert [row(engine, y) for y in (0, 1)] == ["and more", "w" * 30] or row(engine, 0) == "w" * 30
    engine.scroll(0)
    engine.resize(50, 4)
    engine.scroll(-2)
    assert "w" * 40 in [row(engine, y) for y in range(4)]
    engine.scroll(0)
    engine.feed(b"\x1b[?1049h\x1b[2Jfull screen")
    assert (engine.above(), engine.scroll(-3)) == (0, 0)


def test_the_keyboard_alone_selects_and_copies_across_pages(make: Make) -> None:
    engine = make(30, 4)
    engine.feed(b"\r\n".join(b"line %d" % n for n in range(50)))
    copied: list[str] = []
    look = Lookback(engine, lambda: None)
    gaze = Gaze(engine, look, copy=copied.append, say=lambda words: None, moved=lambda: None)
    gaze.begin()

    def press(*names: str) -> None:
        for name in names:
            gaze.key(name, name if len(name) == 1 else None)

    press("v", "k", "w", "v", "end", "c")  # the last line is 49: one up, its second word
    assert copied.pop() == "48"
    press("v", "v", *["up"] * 9, "home", "y")  # from where it was to far above the view
    assert copied.pop() == "\n".join(f"line {n}" for n in range(39, 48)) + "\nline 4"
    press("v", "escape", "c")  # without a selection, the page
    assert "line" in copied.pop()
    gaze.end()
    assert engine.below() == 0


def test_a_selection_is_text_and_a_link_its_target(make: Make) -> None:
    engine = make(60, 4)
    engine.feed("日本語 wide\r\n\x1b]8;;https://a.example/x\x07here\x1b]8;;\x07 https://b.example/y.".encode())
    look = Lookback(engine, lambda: None)
    look.press(7, 0)
    look.drag(3, 1)
    assert look.release(3, 1) == "wide\nhere"
    look.press(1, 1)
    assert look.release(1, 1) == "https://a.example/x"
    look.press(10, 1)
    assert look.release(10, 1) == "https://b.example/y"
    look.press(50, 1)
    assert look.release(50, 1) == ""
    assert b64decode(clipboard("a\x1b]b", multiplexed=False)[7:-1]) == b"a]b"


def test_a_row_that_was_looked_at_is_still_told_as_changed(make: Make) -> None:
    engine = make(20, 4)
    engine.changed()
    engine.feed(b"\x1b[3;1Hx")
    assert row(engine, 2) == "x"
    engine.feed(b"y")
    assert row(engine, 2) == "xy"
    assert 2 in engine.changed()


def test_lines_are_wrapped_anew_when_the_width_changes() -> None:
    engine = native(20, 4)
    engine.feed(b"x" * 30)
    engine.resize(40, 4)
    engine.changed()
    assert row(engine) == "x" * 30


@pytest.mark.parametrize(
    ("x", "marked"), [(0, "a"), (1, "b"), (2, "日"), (3, "日"), (4, "本"), (6, "x"), (8, "d"), (9, " ")]
)
def test_the_cursor_marks_its_cell_and_a_wide_character_whole(x: int, marked: str) -> None:
    row = Strip([Segment("ab"), Segment("日本x", Style(bold=True)), Segment("cd ")])
    drawn = _with_cursor(row, x, Style(reverse=True))
    assert drawn.text == row.text
    assert "".join(s.text for s in drawn if s.style is not None and s.style.reverse) == marked


def test_a_row_is_the_same_whether_it_is_plain_or_not(make: Make) -> None:
    """The native engine reads rows of nothing but ASCII a quicker way."""
    line = b"\x1b[31mred\x1b[0m \x1b[1;44mon blue\x1b[0m  plain\x1b[7m rev\x1b[0m"
    plain, other = make(60, 2), make(60, 2)
    plain.feed(line)
    other.feed(line + "\x1b[1;59H日".encode())
    cut = other.strip(0).crop(0, 58)
    assert cut.text.startswith("red on blue  plain rev ")
    assert list(plain.strip(0).crop(0, 58).simplify()) == list(cut.simplify())


def test_rows_read_as_a_whole_are_those_read_cell_by_cell(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(6)
    words = [
        "plain ",
        "~",
        "x" * 61,
        "\x1b[1;31m",
        "\x1b[0m",
        "\x1b[48;5;20m",
        "\x1b[K",
        "\x1b[7m",
        "\t",
        "é",
        "日",
        "\x1b[4G",
    ]
    streams = ["".join(chance.choices(words, k=9)).encode() for _ in range(400)]
    quick, slow = make(60, 1), make(60, 1)
    seen = []
    for stream in streams:
        quick.feed(b"\x1bc" + stream)
        seen.append(list(quick.strip(0)))
    monkeypatch.setattr("leashtui.faces.tui.ghostty_engine.plain_row", lambda raw: None)
    for stream, row in zip(streams, seen, strict=True):
        slow.feed(b"\x1bc" + stream)
        assert list(slow.strip(0).simplify()) == list(Strip(row).simplify()), stream


def test_a_row_that_did_not_fit_goes_on_in_the_next(make: Make) -> None:
    engine = make(10, 4)
    engine.feed(b"abcdefghijklm\r\nshort\r\nexactly 10")
    assert [engine.wraps(y) for y in (-1, 0, 1, 2, 3, 4)] == [False, True, False, False, False, False]


def test_what_was_wrapped_is_copied_and_found_as_the_line_it_was(make: Make) -> None:
    engine = make(20, 5)
    engine.feed(b"go to https://a.example/login?code=abcdefghijk now\r\nnext")
    look = Lookback(engine, lambda: None)
    for x, y in ((8, 0), (3, 1), (2, 2)):
        look.press(x, y)
        assert look.release(x, y) == "https://a.example/login?code=abcdefghijk"
    look.press(0, 0)
    look.drag(3, 3)
    assert look.release(3, 3) == "go to https://a.example/login?code=abcdefghijk now\nnext"
    look.close()
    assert look.find("login?code")
    assert look.text() == "login?code"


def test_a_line_that_was_laid_out_anew_is_still_one_line() -> None:
    engine = native(20, 5)
    engine.feed(b"go to https://a.example/login?code=abcdefghijk now\r\nnext")
    look = Lookback(engine, lambda: None)
    engine.feed("\r\n日本語日本語日本語日本語".encode())  # the tenth does not fit: a cell stays free
    engine.resize(21, 6)
    assert look.find("日本語日本語日本語日")
    look.mark((0, 4), (20, 5))
    assert look.text() == "日本語日本語日本語日本語"


def test_two_clicks_take_a_word_and_three_the_line() -> None:
    engine = native(20, 5)
    engine.feed(b"run ./tool-a --out=/tmp/some/place.txt\r\n(one) two")
    copied: list[str] = []
    now = [0.0]
    look = Lookback(engine, lambda: None)
    gaze = Gaze(engine, look, copy=copied.append, say=lambda words: None, moved=lambda: None, clock=lambda: now[0])

    def click(x: int, y: int, times: int) -> None:
        now[0] += 5
        for _ in range(times):
            for kind in ("press", "release"):
                gaze.mouse(MouseAct(x, y, 0, kind))
            now[0] += 0.1

    click(6, 0, 2)
    assert copied == ["./tool-a"]
    click(16, 0, 2)  # the word goes on in the next row
    assert copied[1:] == ["--out=/tmp/some/place.txt"]
    click(2, 2, 2)
    assert copied[2:] == ["one"]
    copied.clear()
    click(6, 1, 3)
    assert copied[-1] == "run ./tool-a --out=/tmp/some/place.txt"
    copied.clear()
    click(6, 0, 1)
    click(6, 0, 1)  # too late to belong together
    assert copied == []


@pytest.mark.parametrize(
    "before",
    ["", "\x1b[41m", "\x1b[3;6r", "\x1b[5;1Hx", "\x1b[4h", "\x1b[?7l", "\x1b(0", "\x1b#6", "\x1b[?69h\x1b[3;9s"],
)
def test_lines_that_no_one_will_see_are_left_out_and_the_screen_is_the_same(before: str) -> None:
    chance = random.Random(7)
    words = ["one", "two words", "日本語", "e\u0301", "\x1b[31mred\x1b[0m", "\x1b[44m", "\t", "x" * 70, "", "q\x1b[1m"]
    lines = "\r\n".join("".join(chance.choices(words, k=3)) for _ in range(300)) + chance.choice(["", "\r\n", "tail"])
    whole, slow = BitttyEngine(30, 8), BitttyEngine(30, 8)
    for engine in (whole, slow):
        engine.feed(f"first\r\n{before}".encode())
    whole.feed(lines.encode())
    for at in range(0, len(lines), 40):
        slow.feed(lines[at : at + 40].encode())
    assert [list(whole.strip(y)) for y in range(8)] == [list(slow.strip(y)) for y in range(8)]
    assert whole.cursor() == slow.cursor()
    assert [whole.wraps(y) for y in range(8)] == [slow.wraps(y) for y in range(8)]
    for engine in (whole, slow):
        engine.feed(b" and on\r\nend")
    assert [whole.strip(y).text for y in range(8)] == [slow.strip(y).text for y in range(8)]
