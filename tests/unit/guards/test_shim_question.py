"""The frames of the ask socket, from the supervisor's end."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leashtui.guards.shim.question import Malformed, read_question, write_allow, write_deny


def payload(mode: bytes = b"command", seen: bytes = b"unseen", count: bytes = b"2", script: bytes = b"") -> bytes:
    return b"\0".join([b"leash-shim/1", b"n", mode, seen, b"/bin/sh", b"", b"1", count, b"-c", b"echo", script])


def test_a_question_is_read_to_its_last_field() -> None:
    question = read_question(payload(b"stdin", b"seen", script=b"a\0b\0"))
    assert question.args == ("-c", "echo") and question.script == b"a\0b\0"
    assert question.argv() == ("/bin/sh", "-c", "a\0b\0")
    assert read_question(payload(b"env-command")).bash_env
    assert read_question(payload()).argv() == ("/bin/sh", "-c", "echo")


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        payload(mode=b"exec"),
        payload(count=b"3"),
        payload(count=b"-1"),
        payload(count=b"999999999999"),
        payload(seen=b"perhaps"),
        payload(script=b"unseen but there"),
        payload().replace(b"shim/1", b"shim/9"),
        payload().replace(b"/bin/sh", b"sh"),
        payload().replace(b"\x001\x00", b"\x007\x00"),
    ],
)
def test_what_does_not_add_up_is_malformed(bad: bytes) -> None:
    with pytest.raises(Malformed):
        read_question(bad)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_question_or_malformed(data: bytes) -> None:
    for body in (data, b"leash-shim/1\0n\0command\0seen\0/bin/sh\0\0" + data):
        with contextlib.suppress(Malformed):
            read_question(body)


def test_answers_carry_the_nonce_and_cannot_be_split_by_their_text() -> None:
    assert write_allow(b"n", keep=False, edits=[b"A=1"])[4:] == b"leash-shim/1\0n\0allow\0\0strip\0A=1"
    assert write_allow(b"n", keep=True, edits=[b"A=1"])[4:] == b"leash-shim/1\0n\0allow\0\0keep"
    assert write_deny(b"n", "no\0allow")[4:] == b"leash-shim/1\0n\0deny\0no allow\0strip"
