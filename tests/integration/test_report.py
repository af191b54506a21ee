"""`leash report`: the figures are those of the log, and nothing an agent wrote can become markup."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from conftest import World
from log_samples import SESSION, tamper, write_log

from leashtui.model.errors import Exit

EVIL = "<script>alert(1)</script>|`x`\x1b[31m"


@pytest.fixture
def logged(world: World) -> World:
    sessions = Path(world.env["LEASH_STATE_DIR"]) / "sessions"
    write_log(sessions / f"{SESSION}.db", SESSION, extra=40)
    write_log(sessions / "20261121-100000-bbbb.db", "20261121-100000-bbbb", extra=8)
    return world


def test_the_figures_are_those_of_the_log(logged: World) -> None:
    done = logged.leash("report", "since:2000-01-01")
    assert done.returncode == 0, done.stderr
    figures = dict(re.findall(r"^\| ([a-z0-9 ]+) \| (\S+) \|$", done.stdout, re.MULTILINE))
    assert figures["acts"] == "52"
    assert figures["sessions"] == "2"
    assert figures["allowed"] == "50"
    assert figures["asks in 100 acts"] == "3.8"
    assert figures["half of the answers within"] == "0:05"
    assert "| ann | 2 |" in done.stdout
    assert "| infra/main.tf | 2 |" in done.stdout
    assert "| builtin/git.force | 2 |" in done.stdout
    assert "| 2026-11-21 | 50 | 2 | 0 | " in done.stdout
    assert "2 logs read; all of them prove themselves." in done.stdout
    one = logged.leash("report", "since:2000-01-01", f"session:{SESSION}").stdout
    assert "| acts | 42 |" in one


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.add(tag)


def test_the_page_stands_alone_and_runs_nothing(logged: World) -> None:
    target = logged.root / "report.html"
    script = logged.script("evil.sh", f"#!/bin/sh\n/bin/echo '{EVIL}'\n/bin/rm -rf / '{EVIL}'\n")
    logged.leash("run", "--headless", "--", str(script))
    assert logged.leash("report", "since:2000-01-01", "-o", str(target)).returncode == 0
    page = target.read_text()
    tags = Tags()
    tags.feed(page)
    assert not tags.seen & {"script", "img", "link", "iframe", "a"}
    assert "http" not in page.replace("http-equiv", "")
    assert "\x1b" not in page
    assert "&lt;script&gt;" in page
    assert "<svg" in page
    assert "`x`" not in logged.leash("report", "since:2000-01-01").stdout


def test_a_log_that_does_not_prove_itself_is_named(logged: World) -> None:
    tamper(Path(logged.env["LEASH_STATE_DIR"]) / "sessions" / f"{SESSION}.db", "DELETE FROM event WHERE seq = 3")
    done = logged.leash("report", "since:2000-01-01")
    assert done.returncode == Exit.FINDINGS
    assert f"do not prove themselves: {SESSION}" in done.stdout


def test_nothing_is_a_report_too(world: World) -> None:
    done = world.leash("report")
    assert done.returncode == 0
    assert "nothing was recorded" in done.stdout
