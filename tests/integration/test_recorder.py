"""What the agent's terminal showed, kept by a real pump's side: whole, timed, masked, and nobody's size changed."""

from __future__ import annotations

import asyncio
import os
import re
import stat
from pathlib import Path

import pytest

from leashtui.audit.mask import Masker
from leashtui.guards.pty import control, frames
from leashtui.model.errors import StoreError
from leashtui.stores import recording as store
from leashtui.stores.recording import Header, Moment, Recording, read_recording
from leashtui.supervisor.recorder import Recorder
from tests.tmux_rig import DeskServer, bash_env

SECRET = "hunter2-correct-horse-battery"


def test_what_is_written_is_read_and_a_torn_line_is_the_end(tmp_path: Path) -> None:
    path = tmp_path / "a.cast"
    made = Recording(path, Header(80, 24, 1.5, "demo"))
    made.add(Moment(0.25, "o", "x\x1b[1m\u65e5\n"))
    made.add(Moment(1, "r", "100x30"))
    made.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with path.open("ab") as file:
        file.write(b'[2.0,"o","torn')
    header, moments = read_recording(path)
    assert header == Header(80, 24, 1.5, "demo")
    assert list(moments) == [Moment(0.25, "o", "x\x1b[1m\u65e5\n"), Moment(1, "r", "100x30")]
    with pytest.raises(StoreError):
        Recording(path, Header(80, 24, 1.5, "demo"))
    with pytest.raises(StoreError):
        read_recording(tmp_path / "none.cast")


def test_a_recording_has_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "LIMIT", 1000)
    made = Recording(tmp_path / "a.cast", Header(80, 24, 0, ""))
    for _ in range(100):
        made.add(Moment(0, "o", "x" * 100))
    assert made.full
    made.close()
    assert (tmp_path / "a.cast").stat().st_size < 1400
    assert list(read_recording(tmp_path / "a.cast")[1])[-1].kind == "m"


async def test_a_terminal_is_recorded_without_its_secrets(tmp_path: Path) -> None:
    script = f"printf 'one %s' {SECRET[:9]}; printf '%s\\n' {SECRET[9:]}; sleep 0.5; stty size; printf last"
    env = bash_env(tmp_path)
    with DeskServer(tmp_path, ["/bin/sh", "-c", script], env) as desk:
        made = Recording(tmp_path / "a.cast", Header(80, 24, 0, "sh"))
        failed: list[str] = []
        recorder = Recorder(
            made,
            Masker.from_environment({"API_TOKEN": SECRET}),
            lambda connection: control.hand_over(desk._line, connection, 0, 0),
            asyncio.get_running_loop().time,
            failed.append,
        )
        running = asyncio.create_task(recorder.run())
        os.set_blocking(desk.master, False)
        await asyncio.wait_for(running, 20)
    _, moments = read_recording(tmp_path / "a.cast")
    kept = list(moments)
    shown = "".join(m.data for m in kept if m.kind == "o")
    assert failed == []
    assert SECRET not in shown
    assert "one [secret:API_TOKEN]" in shown
    assert "24 80" in shown
    assert shown.endswith("last")
    assert [m.data for m in kept if m.kind == "r"] == ["80x24"]
    assert [m.t for m in kept] == sorted(m.t for m in kept)


class _Kept:
    """A recording in memory."""

    full = False

    def __init__(self) -> None:
        self.shown = ""

    def add(self, moment: Moment) -> None:
        self.shown += moment.data if moment.kind == "o" else ""


KEY = "".join(f"{n:02}{'aB3dE5gH' * 7}\n" for n in range(30))


@pytest.mark.parametrize("rests", [False, True])
@pytest.mark.parametrize("size", [1, 7, 64, 300, 5000])
def test_no_cut_shows_a_part_of_a_secret(size: int, rests: bool) -> None:
    frame = "-----{} RSA PRIVATE KEY-----\n"
    text = f"first {SECRET[:11]}\r\n{SECRET[11:]} then\n{frame.format('BEGIN')}{KEY}{frame.format('END')}last\n"
    kept = _Kept()
    masker = Masker({"API_TOKEN": SECRET})
    recorder = Recorder(kept, masker, lambda connection: None, lambda: 0.0, lambda why: None)  # type: ignore[arg-type]
    for at in range(0, len(text), size):
        recorder._take(frames.OUTPUT, text[at : at + size].encode())
        if rests and at > text.index("-----BEGIN") + 40:
            recorder._flush()  # the terminal rested in the middle of the key
    recorder._flush()
    assert not any(line in kept.shown for line in KEY.splitlines())
    assert SECRET[12:] not in kept.shown
    assert kept.shown.startswith("first [secret:API_TOKEN] then\n-----BEGIN")
    assert kept.shown.endswith("-----END RSA PRIVATE KEY-----\nlast\n")


TOKEN = "ghp_A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8"
HALVES = TOKEN[:15], TOKEN[15:]


@pytest.mark.parametrize(
    "shown",
    [
        [f"\x1b[10;1H{HALVES[0]}\x1b[10;16H{HALVES[1]}\n"],
        [f"\x1b[10;1H{HALVES[0]}", f"\x1b[10;16H{HALVES[1]}\n"],
        [f"in {HALVES[0]}\x1b[31m{HALVES[1][:9]}\x1b[0m{HALVES[1][9:]} red\n"],
        [f"$ curl {HALVES[0]} \r{HALVES[1]} wrapped\n"],
        ["$ ", *TOKEN, " typed\r\n"],
        [*(f"\x1b[5;3H\x1b[K> {TOKEN[:length]}\x1b[7m \x1b[0m" for length in range(1, 41)), "\n"],
        [f"\x1b]2;in {HALVES[0]}", f"{HALVES[1]}\x07\n"],
        [f"\x1b]8;;https://e.example/?t={TOKEN}\x07link\x1b]8;;\x07\n"],
    ],
    ids=["moved", "moved-later", "coloured", "wrapped", "typed", "redrawn", "title", "link"],
)
@pytest.mark.parametrize("slowly", [False, True])
def test_a_secret_that_is_shown_in_pieces_is_not_kept(shown: list[str], slowly: bool) -> None:
    kept, now = _Kept(), 0.0
    recorder = Recorder(kept, Masker({}), lambda connection: None, lambda: now, lambda why: None)  # type: ignore[arg-type]
    for piece in shown:
        recorder._take(frames.OUTPUT, piece.encode())
        now += 0.5
        if slowly and not piece.startswith("\x1b"):
            recorder._rest()
    recorder._flush()
    assert not any(TOKEN[at : at + 9] in kept.shown for at in range(len(TOKEN) - 8))
    assert "[secret:github-token]" in kept.shown
    assert kept.shown.endswith("\n")
    silent = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
    assert silent.findall(kept.shown) == silent.findall("".join(shown))


def test_what_is_shown_is_kept_as_it_was_and_when() -> None:
    moments: list[Moment] = []
    now = 0.0
    kept = _Kept()
    kept.add = moments.append  # type: ignore[method-assign]
    recorder = Recorder(kept, Masker({}), lambda connection: None, lambda: now, lambda why: None)  # type: ignore[arg-type]
    for number in range(400):
        recorder._take(frames.OUTPUT, f"{number} \x1b[1mword\x1b[0m ".encode() * 20)
        now += 0.1
    recorder._rest()
    assert "".join(m.data for m in moments) == "".join(f"{n} \x1b[1mword\x1b[0m " * 20 for n in range(400))
    assert len({m.t for m in moments}) == 400
    recorder._take(frames.OUTPUT, b"half")
    recorder._rest()
    assert "half" not in moments[-1].data
    recorder._flush()
    assert moments[-1] == Moment(now, "o", "half")
