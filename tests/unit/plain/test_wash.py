"""What is left of the agent's output cannot touch another line, however it was cut on the way."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leashtui.faces.plain.wash import Echo, Wash

CASES = [
    ("plain\ttext\r\n", "plain\ttext\r\n", "plain\ttext\r\n"),
    ("\x1b[1;31mred\x1b[0m", "\x1b[1;31mred\x1b[0m", "red"),
    ("a\x1b[2Jb\x1b[3Ac\x1b[10;1Hd", "abcd", "abcd"),
    ("a\x1b[Kb\bc", "a\x1b[Kb\bc", "abc"),
    ("\x1b[?1049h\x1b[?2004hx\x1b[>4;2m\x1b[>1u", "x", "x"),
    ("\x1b]0;title\x07a\x1b]52;c;aGk=\x1b\\b\x1bP+q\x1b\\c", "abc", "abc"),
    ("\x1b(B\x1b=\x1b7a\x1b8\x1bMb\x1bc", "ab", "ab"),
    ("\x07\x0b\x0c\x0e\x7f\x85\x9b2Jx", "2Jx", "2Jx"),
    ("a\u202eb\u2066c", "abc", "abc"),
    ("größe 日本 👩‍💻", "größe 日本 👩‍💻", "größe 日本 👩‍💻"),
    ("\x1b[3\nnext", "\nnext", "\nnext"),
]


@pytest.mark.parametrize(("output", "styled", "dumb"), CASES)
def test_what_stays(output: str, styled: str, dumb: str) -> None:
    assert Wash(True).feed(output.encode()) == styled
    assert Wash(False).feed(output.encode()) == dumb


@pytest.mark.parametrize(("output", "styled", "dumb"), CASES)
def test_cut_anywhere_the_same_stays(output: str, styled: str, dumb: str) -> None:
    data = output.encode() + b"."
    for wanted, keep in ((styled, True), (dumb, False)):
        for step in (1, 2, 3, 5):
            wash = Wash(keep)
            assert "".join(wash.feed(data[at : at + step]) for at in range(0, len(data), step)) == wanted + ".", step


_PIECES = st.lists(
    st.sampled_from([b"\x1b", b"[", b"]", b"P", b"2", b"J", b"A", b";", b"\x07", b"\\", b"m", b"\x9b", b"x"])
)


@given(_PIECES, st.integers(1, 9))
def test_nothing_kept_moves_to_another_line(pieces: list[bytes], step: int) -> None:
    data, wash = b"".join(pieces), Wash(True)
    kept = "".join(wash.feed(data[at : at + step]) for at in range(0, len(data), step))
    for sequence in kept.split("\x1b")[1:]:
        head = sequence.lstrip("[0123456789;:")
        assert sequence[:1] == "[", kept
        assert head[:1] in {"m", "K"}, kept


def test_an_endless_sequence_is_not_kept_in_memory() -> None:
    wash = Wash(True)
    for _ in range(100):
        wash.feed(b"\x1b]52;" + b"A" * 65536)
    assert wash.feed(b"\x07after") == "after"
    for _ in range(100):
        wash.feed(b"\x1b[" + b"1;" * 1000)
    assert wash.feed(b"\x1b[31mred").endswith("\x1b[31mred")


def test_an_echo_is_dropped_once() -> None:
    echo = Echo()
    echo.expect("ls")
    assert echo.drop("l") + echo.drop("s\r") + echo.drop("\nls\r\nfile\r\n") == "ls\r\nfile\r\n"


def test_what_is_no_echo_is_not_lost() -> None:
    echo = Echo()
    echo.expect("exit")
    assert echo.drop("ex") + echo.drop("cuse me\r\n") + echo.drop("exit\r\n") == "excuse me\r\nexit\r\n"
