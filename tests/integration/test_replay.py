"""`leash replay` on a real session: recorded in tmux, played in tmux, printed as JSON."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tui_desk import a_morning

from leashtui.faces.tui.bittty_engine import BitttyEngine
from leashtui.faces.tui.export import make_page
from leashtui.faces.tui.tape import make_tape
from leashtui.model.wire import Recorded
from leashtui.stores.recording import Moment
from tests.tmux_rig import Tmux, until

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
LEASH = [sys.executable, "-m", "leashtui"]


def told(*words: str) -> list[str]:
    """The command line of leash behind a shell that says how it ended and stays."""
    return ["/bin/sh", "-c", '"$@"; code=$?; echo; echo code=$code; sleep 1000', "sh", *LEASH, *words]


@pytest.fixture
def places(tmp_path: Path) -> dict[str, str]:
    found = {
        name: str(tmp_path / name.lower()) for name in ("LEASH_RUNTIME_DIR", "LEASH_STATE_DIR", "LEASH_CONFIG_DIR")
    }
    for place in found.values():
        Path(place).mkdir(mode=0o700)
    (tmp_path / "work").mkdir()
    return found


def casts(places: dict[str, str]) -> list[Path]:
    return sorted(Path(places["LEASH_STATE_DIR"]).glob("sessions/*.cast"))


def test_a_session_is_recorded_and_played(tmp_path: Path, places: dict[str, str]) -> None:
    work = ["--workspace", str(tmp_path / "work"), "--guard", "watch"]
    script = "echo seen$((40+2)); cat /etc/hostname > /dev/null; sleep 0.3; echo b''ye"
    with Tmux(tmp_path, told(*work, "sh", "-c", script), 120, 30, **places) as tmux:
        tmux.shows("code=0")
    (cast,) = until(lambda: casts(places), "a recording")
    assert cast.stat().st_mode & 0o777 == 0o600
    assert "seen42" in cast.read_text()
    with Tmux(tmp_path, told("replay", "--speed", "16"), 120, 30, **places) as tmux:
        tmux.shows("bye", "end ", "seen42", "timeline")
        tmux.keys("q")
        tmux.shows("code=0")
    page = tmp_path / "page.html"
    for code in (0, 5):
        made = subprocess.run([*LEASH, "replay", "--html", str(page)], env=os.environ | places, capture_output=True)
        assert made.returncode == code
    assert "seen42" in page.read_text()
    assert page.stat().st_mode & 0o777 == 0o600
    done = subprocess.run(
        [*LEASH, "replay", "--json"], env=os.environ | places, capture_output=True, text=True, check=True
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert {"record", "output", "size"} <= {key for line in lines for key in line}
    assert [line["t"] for line in lines] == sorted(line["t"] for line in lines)


@pytest.mark.skipif(BROWSER is None, reason="needs Chromium")
def test_the_page_runs_by_itself_and_opens_where_somebody_was_asked(tmp_path: Path) -> None:
    records = [m for m in a_morning() if isinstance(m, Recorded)]
    start, asked = records[0].record.t, records[-2].record.t  # decided to be asked, before the card is made
    shown = [Moment((asked - start) / 1e6 - 1, "o", "be<b>fore"), Moment((asked - start) / 1e6 + 30, "o", "\r\nafter")]
    file = tmp_path / "page.html"
    file.write_text(make_page(make_tape(records, shown, start), BitttyEngine(60, 5), "title"))
    command = [str(BROWSER), "--headless=new", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", file.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    screen = done.stdout.partition('id="screen"')[2].partition("</pre>")[0]
    acts = done.stdout.partition('id="acts"')[2].partition("</ol>")[0]
    assert "be&lt;b&gt;fore" in screen and "after" not in screen
    current = acts.partition("aria-current")[2].partition("</li>")[0]
    assert "git push --force origin main" in current
    assert "cat /home/ada/.aws/credentials" in acts


def test_record_false_records_nothing_and_the_decisions_still_replay(tmp_path: Path, places: dict[str, str]) -> None:
    (Path(places["LEASH_CONFIG_DIR"]) / "config.toml").write_text("record = false\n")
    work = ["--workspace", str(tmp_path / "work"), "--guard", "watch"]
    with Tmux(tmp_path, told(*work, "sh", "-c", "echo once"), 120, 30, **places) as tmux:
        tmux.shows("code=0")
    assert casts(places) == []
    with Tmux(tmp_path, told("replay"), 80, 24, **places) as tmux:
        tmux.shows("end ")
        tmux.keys("C-]")
        tmux.shows("timeline")
        tmux.keys("q")
        tmux.shows("code=0")


@pytest.mark.parametrize("words", [["replay"], ["replay", "nosuch"], ["replay", "--json", "nosuch"]])
def test_nothing_to_replay_is_said(words: list[str], places: dict[str, str]) -> None:
    done = subprocess.run([*LEASH, *words], env=os.environ | places, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("leash: ")
