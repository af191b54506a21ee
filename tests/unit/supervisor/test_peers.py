"""Who may speak for the person: told by what a process cannot take off."""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import sys

from leashtui.supervisor.code import Code
from leashtui.supervisor.peers import Sandbox, check, sandbox_of

CONNECT = """
import ctypes, socket, sys, time
if sys.argv[2] == "nnp":
    ctypes.CDLL(None).prctl(38, 1, 0, 0, 0)
s = socket.socket(socket.AF_UNIX); s.connect("\\0" + sys.argv[1]); s.recv(1)
"""


def _meet(name: str, how: str) -> str:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind("\0" + name)
    listener.listen()
    child = subprocess.Popen([sys.executable, "-I", "-S", "-c", CONNECT, name, how])
    connection, _ = listener.accept()
    try:
        return check(connection, sandbox_of("self"), os.getuid()).reason
    finally:
        connection.close()
        listener.close()
        child.wait()


def test_an_ordinary_process_of_ours_may_speak() -> None:
    assert _meet(f"leash-test-{os.getpid()}-a", "plain") == ""


def test_a_process_with_more_sandbox_than_ours_may_not() -> None:
    assert "inside the leash" in _meet(f"leash-test-{os.getpid()}-b", "nnp")


def test_another_uid_may_not() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert "not the owner" in check(ours, Sandbox(0, 0), os.getuid() + 1).reason


def test_our_own_sandbox_is_the_measure() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert check(ours, Sandbox(1, 99), os.getuid()).reason == ""
    assert ctypes.CDLL(None).prctl(39, 0, 0, 0, 0) == sandbox_of("self").no_new_privs


def test_guessing_the_code_changes_it() -> None:
    numbers = iter([111111, 222222])
    told: list[str] = []
    code = Code(lambda: next(numbers), told.append)
    assert not code.matches("1")
    assert not code.matches("2")
    assert code.matches("111111")
    assert [code.matches(g) for g in ("a", "b", "", " ", "")] == [False] * 5  # who only looks guesses nothing
    assert told == []
    assert not code.matches("c")
    assert told == ["222222"]
    assert not code.matches("111111")
    assert code.matches("222222")
