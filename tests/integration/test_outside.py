"""What the panel writes to the person's terminal besides its screen, read there as bytes: its own words, never the
agent's."""

from __future__ import annotations

import contextlib
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pexpect
import pytest
from tmux_rig import DeskServer, bash_env, face_of, until
from tui_desk import force_push, install

from leashtui.model.wire import CardShown

HOSTILE = r"""
import os, sys, termios, time, tty
tty.setraw(0)
for asked in (
    "\x1b]2;rm -rf / #\r y\x07\x1b[21t", "\x1bP$q\x1b]0;x\x07\r\x1b\\", "\x1b]52;c;?\x07", "\x1b]52;c;aGFjaw==\x07",
    "\x1b]9;fake\x07", "\x1b]99;;fake\x1b\\", "\x1b]777;notify;leash;fake\x07", "\x1bPtmux;\x1b\x1b]9;fake\x07\x1b\\",
    "\x1b]8;;file:///etc/passwd\x07x\x1b]8;;\x07", "\x1b]1337;File=inline=1:aGk=\x07", "\x1b[2t", "\x1b[3;0;0t",
    "\x1bP0;1|17/72\x1b\\", "\x1b[1;1;1;1;5;5*y", "\x05", "\x1b]2;" + "T" * 3_000_000 + "\x07",
    "\x1bc\x1b[?1049h\x1b[?1003h", "\x1b[?2026h" + "x" * 4_000_000, "\x1b[99999;99999HNEEDS YOU", "\x1b]2;never ended",
):
    sys.stdout.write(asked)
    sys.stdout.flush()
    time.sleep(0.05)
sys.stdout.write("\x1b\\\x1b[c")  # one question that has an answer: whatever was answered came before it
sys.stdout.flush()
heard = b""
while not heard.endswith(b"c"):
    heard += os.read(0, 65536)
open("heard", "wb").write(heard)
os.rename("heard", "answers")
time.sleep(60)
"""


class Outside:
    """The panel in a terminal whose every byte is kept."""

    def __init__(self, desk: DeskServer, root: Path, **env: str) -> None:
        command, *words = face_of(desk)
        self.child = pexpect.spawn(command, words, env=bash_env(root) | env, dimensions=(40, 120), timeout=20)
        self.seen = b""

    def until(self, look: Callable[[bytes], object], what: str) -> bytes:
        def read() -> object:
            with contextlib.suppress(pexpect.TIMEOUT):
                self.seen += self.child.read_nonblocking(1 << 16, 0.05)
            return look(self.seen)

        until(read, what, 30)
        return self.seen

    def close(self) -> None:
        self.child.close(force=True)


NOTE = {
    "osc9": (rb"\x1b\]9;(leash: [^\x07]*)\x07", {}),
    "osc99": (rb"\x1b\]99;i=leash:d=1:p=body;(leash: [^\x07\x1b]*)\x1b\\", {"TERM_PROGRAM": "kitty"}),
    "osc777": (rb"\x1b\]777;notify;leash;(leash: [^\x07]*)\x07", {"TERM": "foot"}),
    "tmux": (rb"\x07\x1bPtmux;\x1b\x1b\]9;(leash: [^\x07]*)\x07\x1b\\", {"TMUX": "/tmp/x,1,0"}),
}


@pytest.mark.parametrize("form", NOTE)
def test_a_waiting_act_is_told_once_by_its_name_and_without_its_control_characters(tmp_path: Path, form: str) -> None:
    pattern, env = NOTE[form]
    with DeskServer(tmp_path, ["cat"], bash_env(tmp_path)) as desk:
        outside = Outside(desk, tmp_path, **env)
        outside.until(lambda seen: b"every other key" in seen, "the panel")
        desk.say(CardShown(force_push(command="push \x1b]52;c;aGk=\x07\x1b]9;x\x07 now")))
        desk.say(CardShown(install()))
        outside.until(lambda seen: re.search(pattern, seen) and b"1 of 2" in seen, "the notification")
        (told,) = re.findall(pattern, outside.seen)
        assert told.startswith(b"leash: 1 act waits: push ")
        assert re.search(rb"[\x00-\x1f]", told) is None
        assert b"\x1b]52" not in outside.seen
        outside.close()


def test_nothing_of_the_agent_leaves_its_area_or_keeps_a_card_away(tmp_path: Path) -> None:
    script = tmp_path / "hostile.py"
    script.write_text(HOSTILE)
    with DeskServer(tmp_path, [sys.executable, str(script)], bash_env(tmp_path)) as desk:
        outside = Outside(desk, tmp_path, NO_COLOR="1")
        until(lambda: (tmp_path / "answers").exists(), "the agent's last word", 40)
        desk.say(CardShown(install()))
        began = time.monotonic()
        outside.until(lambda seen: b"npm install left-pad" in seen, "the card")
        assert time.monotonic() - began < 10
        outside.child.send(b"\x1dn")
        until(lambda: desk.received, "the answer", 20)
        for sign in (
            b"]52;",
            b"]9;fake",
            b"]99;;",
            b"]777;",
            b"Ptmux",
            b"]8;",
            b"]1337",
            b"]2;rm",
            b"TTTTTTTT",
            b"[21t",
        ):
            assert b"\x1b" + sign not in outside.seen
        assert re.fullmatch(rb"\x1b\[\?[0-9;]+c", (tmp_path / "answers").read_bytes())
        outside.close()
