"""A name is told only where it leads to the very address for us too, and nobody waits long for it."""

from __future__ import annotations

import threading
import time

import pytest

from leashtui.guards.kernel.lookups import Lookups, question_in

KNOWN = {"pypi.example.org": frozenset({"203.0.113.7"}), "evil.example.org": frozenset({"198.51.100.9"})}


def query(name: str) -> bytes:
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    return b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00" + labels + b"\0\0\x01\0\x01"


def told(lookups: Lookups, group: int, host: str) -> str:
    """What is told in the end, as the guard's poll sees it."""
    said: list[str] = []
    lookups.name_for(group, host, said.append)
    deadline = time.monotonic() + 20
    while not said and time.monotonic() < deadline:
        lookups.poll()
        time.sleep(0.005)
    return said[0]


def test_the_name_that_was_asked_for_is_told_of_the_address_it_leads_to() -> None:
    lookups = Lookups(lambda name: KNOWN.get(name, frozenset()))
    for name in ("pypi.example.org", "evil.example.org"):
        lookups.noted(7, query(name))
    assert told(lookups, 7, "203.0.113.7") == "pypi.example.org"
    assert told(lookups, 7, "198.51.100.9") == "evil.example.org"
    assert told(lookups, 8, "203.0.113.7") == ""


def test_a_flood_of_questions_is_not_a_flood_of_threads() -> None:
    lookups, before, said = Lookups(lambda name: time.sleep(0.5) or frozenset()), threading.active_count(), []
    lookups.noted(7, query("pypi.example.org"))
    for number in range(500):
        lookups.name_for(7, f"203.0.113.{number}", said.append)
    assert threading.active_count() - before <= 16
    assert len(said) >= 484


def test_a_name_that_leads_elsewhere_is_not_told() -> None:
    lookups = Lookups(lambda name: KNOWN.get(name, frozenset()))
    lookups.noted(7, query("pypi.example.org"))
    assert told(lookups, 7, "198.51.100.9") == ""


def test_nobody_waits_for_a_name_server_that_is_silent() -> None:
    silent, clock = threading.Event(), [0.0]

    def resolve(name: str) -> frozenset[str]:
        silent.wait(30)
        return frozenset()

    lookups, said = Lookups(resolve, lambda: clock[0]), list[str]()
    lookups.noted(7, query("pypi.example.org"))
    lookups.name_for(7, "203.0.113.7", said.append)
    lookups.poll()
    assert not said
    clock[0] = 3.0
    lookups.poll()
    silent.set()
    assert said == [""]


@pytest.mark.parametrize(
    "message",
    [b"", b"x" * 11, query("a\nb.example"), query("no-dots"), query("x" * 63 + "." + "\x1b[31m"), b"\0" * 40],
)
def test_what_is_no_question_has_no_name(message: bytes) -> None:
    assert question_in(message) == ""
    assert question_in(query("Files.Example.ORG")) == "files.example.org"
