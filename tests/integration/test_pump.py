"""The pump between real programs in a real PTY and faces over real sockets: every byte, whatever the weather."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import time
from pathlib import Path

import pytest
from pump_rig import Rig

from leashtui.guards.pty import control, frames

BASH = ("bash", "--norc", "--noprofile", "-i")
EVERY_BYTE = bytes(range(256)) * 40
ALT_SCREEN = "\x1b[?1049h\x1b[2J\x1b[H\x1b[?2004h\x1b[?1000;1006hgrüße 👩‍💻\x1b[?1049l".encode()


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-I", "-c", code)


def test_output_is_the_agents_byte_for_byte(tmp_path: Path) -> None:
    said = tmp_path / "said"
    said.write_bytes(EVERY_BYTE + ALT_SCREEN + b"\x1b]52;c;aGk=\x07\x1bP+q544e\x1b\\" + EVERY_BYTE)
    with Rig("cat", str(said), raw=True) as rig:
        face = rig.attach()
        face.until(lambda: frames.CLOSED in face.kinds())
        assert face.output == said.read_bytes()
        rig.told(control.DRAINED)


def test_input_is_the_persons_byte_for_byte(tmp_path: Path) -> None:
    heard = tmp_path / "heard"
    wanted = EVERY_BYTE + b"\x1b[200~p\xc3\xa4ste\x1b[201~\x1b[<0;5;5M\x1bOA\x1b\r\x1b\x7f"
    with Rig("dd", f"of={heard}", "bs=1", f"count={len(wanted)}", "status=none", raw=True) as rig:
        face = rig.attach()
        for at in range(0, len(wanted), 7):
            face.type(wanted[at : at + 7])
        rig.agent.wait(30)
        assert heard.read_bytes() == wanted


def test_utf8_cut_anywhere_arrives_whole() -> None:
    text = "größe 日本語 👩‍💻\n" * 50
    code = f"import os\nfor b in {text.encode()!r}: os.write(1, bytes([b]))"
    with Rig(*python(code), raw=True) as rig:
        face = rig.attach()
        face.until(lambda: frames.CLOSED in face.kinds())
        assert face.output.decode() == text


def test_bash_in_a_terminal_of_ours() -> None:
    with Rig(*BASH) as rig:
        face = rig.attach(101, 37)
        face.type(b"stty size; PS1='ready> '\r")
        face.until(b"37 101")
        face.type(b"sh -c 'echo fir''st; exec sleep 600'\r")
        face.until(b"first")
        face.type(b"\x03")
        face.type(b"echo after=$?\r")
        face.until(b"after=130")
        face.type(b"sh -c 'echo sec''ond; exec cat'\r")
        face.until(b"second")
        cat = rig.in_front()
        face.type(b"\x1a")
        face.until(b"Stopped")
        face.type(b"fg\r")
        face.until(lambda: rig.in_front() == cat and rig.cooked())
        face.type(b"hello cat\n")
        face.until(b"hello cat\r\nhello cat\r\n")
        face.type(b"\x04")
        face.type(b"echo back=$?\r")
        face.until(b"back=0")
        face.resize(133, 41)
        face.type(b"stty size\r")
        face.until(b"41 133")
        face.type(b"exit 3\r")
        face.until(lambda: frames.CLOSED in face.kinds())
        assert rig.agent.wait(10) == 3
        rig.told(control.CLOSED)


def test_a_line_is_typed_for_a_person_who_did_not_type() -> None:
    with Rig("cat") as rig:
        face = rig.attach()
        face.hello()
        control.type_line(rig.control, control.Line(time.monotonic(), b"wake up"))
        face.until(b"wake up\r\nwake up\r\n")
        before = time.monotonic()
        face.type(b"half")
        face.until(b"half")
        control.type_line(rig.control, control.Line(before, b"never"))
        face.type(b" a line\n")
        face.until(b"half a line\r\nhalf a line\r\n")
        assert b"never" not in face.output
        since = time.monotonic()
        face.type(b"\x1b[I")  # the terminal came to the front: nobody typed
        control.type_line(rig.control, control.Line(since, b"once more"))
        face.until(b"once more\r\n")


def test_a_resize_is_signalled_to_the_program() -> None:
    code = (
        "import os, signal, sys, time\n"
        "signal.signal(signal.SIGWINCH, lambda *_: print(os.get_terminal_size(), flush=True))\n"
        "print('up', flush=True)\n"
        "while True: time.sleep(1)"
    )
    with Rig(*python(code)) as rig:
        face = rig.attach()
        face.until(b"up")
        face.resize(99, 33)
        face.until(b"columns=99, lines=33")


def test_the_size_of_the_face_used_last_wins() -> None:
    with Rig(*BASH) as rig:
        first = rig.attach(100, 30)
        hello = first.hello()
        assert (hello["start"], hello["cols"], hello["rows"]) == (0, 100, 30)
        second = rig.attach(90, 25)
        assert second.hello()["cols"] == 100
        second.type(b"stty size\n")
        second.until(b"25 90")
        first.until(lambda: (frames.SIZED, frames.pack_size(90, 25)) in first.frames)
        first.type(b"stty size\r")
        first.until(b"30 100")
        first.connection.close()
        second.until(lambda: [k for k in second.frames if k[0] == frames.SIZED][-1][1] == frames.pack_size(90, 25))
        second.type(b"echo; stty size\r")
        second.until(b"\r\n25 90\r\n")


def test_the_first_face_fits_the_terminal_also_behind_the_recorder() -> None:
    """Which has a seat and no size: what is started draws for the panel before anybody types."""
    with Rig(*BASH) as rig:
        recorder = rig.attach(0, 0)
        recorder.hello()
        face = rig.attach(90, 25)
        assert face.hello()["cols"] == 90
        recorder.until(lambda: (frames.SIZED, frames.pack_size(90, 25)) in recorder.frames)


def test_a_late_face_sees_what_happened_before() -> None:
    with Rig(*BASH) as rig:
        first = rig.attach()
        first.type(b"echo wh''at happened\r")
        first.until(b"what happened")
        first.connection.close()
        second = rig.attach()
        second.until(b"what happened")
        assert second.output.startswith(first.output[:20])


def test_thirty_megabytes_with_flat_memory_and_nothing_lost() -> None:
    code = "import os\nline = bytes(range(32, 127)) * 10 + b'\\n'\nfor _ in range(33000): os.write(1, line)"
    with Rig(*python(code), raw=True) as rig:
        face = rig.attach()
        face.until(lambda: len(face.output) > 1 << 20)
        early, began, total, top = rig.memory(), time.monotonic(), 0, 0
        while frames.CLOSED not in face.kinds():
            assert time.monotonic() - began < 60
            face.pull()
            total += len(face.output)
            face.output.clear()
            top = max(top, rig.memory())
        assert total == 33000 * 951
        assert frames.GAP not in face.kinds()
        assert top - early < 12 << 20, f"grew by {(top - early) >> 20} MB"


def test_a_face_that_does_not_read_stops_nobody_and_gets_a_gap() -> None:
    code = "import os\nfor n in range(20000): os.write(1, b'%08d %s\\n' % (n, b'x' * 990))\nos.write(1, b'the end\\n')"
    with Rig(*python("import sys; sys.stdin.readline()\n" + code), raw=True) as rig:
        asleep, awake = rig.attach(), rig.attach()
        asleep.hello()
        awake.type(b"go\n")
        awake.until(b"the end\n", 60)
        assert len(awake.output) == 20000 * 1000 + 8
        assert frames.GAP not in awake.kinds()
        asleep.until(lambda: frames.CLOSED in asleep.kinds(), 60)
        assert frames.GAP in asleep.kinds()
        assert len(asleep.output) < 10 << 20
        assert asleep.output.endswith(b"the end\n")
        assert rig.memory() < 80 << 20


def test_a_gap_leaves_frames_whole_and_restores_the_modes() -> None:
    code = (
        "import os, sys\nos.write(1, b'\\x1b[?1049h\\x1b[?2004h')\nsys.stdin.readline()\n"
        "for n in range(12000): os.write(1, b'%08d %s\\n' % (n, b'x' * 990))\nos.write(1, b'the end\\n')"
    )
    with Rig(*python(code), raw=True) as rig:
        asleep = rig.attach()
        asleep.until(b"\x1b[?2004h")
        asleep.type(b"go\n")
        rig.told(control.CLOSED, 60)
        late = rig.attach()
        for face in (asleep, late):
            face.until(lambda: frames.CLOSED in face.kinds())  # noqa: B023
            assert face.output.endswith(b"the end\n")
        assert late.hello()["start"] > 0
        assert late.output.startswith(b"\x1b[?1049h\x1b[?2004h0")
        assert frames.GAP in asleep.kinds()
        assert b"\n\x1b[?1049h\x1b[?2004h0" in asleep.output or b"x\x1b[?1049h\x1b[?2004h0" in asleep.output


def test_a_stuck_only_face_does_not_hold_the_agent() -> None:
    code = "import os\nfor n in range(12000): os.write(1, b'x' * 1000)"
    with Rig(*python("import sys; sys.stdin.readline()\n" + code), raw=True) as rig:
        face = rig.attach()
        face.type(b"go\n")
        rig.told(control.CLOSED, 15)


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "cooked"])
def test_a_megabyte_pasted_does_not_lock_up(raw: bool, tmp_path: Path) -> None:
    heard = tmp_path / "heard"
    paste = (b"y" * 99 + b"\n") * 10000
    with Rig("sh", "-c", f"head -c {len(paste)} | tee {heard}", raw=raw) as rig:
        face = rig.attach()
        pasted = bytearray(
            b"".join(frames.encode(frames.INPUT, paste[at : at + 50000]) for at in range(0, len(paste), 50000))
        )
        face.connection.setblocking(False)
        deadline = time.monotonic() + 60
        while frames.CLOSED not in face.kinds():
            assert time.monotonic() < deadline
            if pasted:
                with contextlib.suppress(BlockingIOError):
                    del pasted[: face.connection.send(pasted[:65536])]
            face.pull(0 if pasted else 0.1)
        assert heard.read_bytes() == paste


def test_a_paste_nobody_reads_waits_with_the_face() -> None:
    with Rig("sleep", "600", raw=True) as rig:
        face, other = rig.attach(), rig.attach()
        other.hello()
        face.connection.settimeout(0.5)
        before = rig.memory()
        with pytest.raises(TimeoutError):
            for _ in range(100):
                face.connection.sendall(frames.encode(frames.INPUT, bytes(65536)))
        assert rig.memory() - before < 4 << 20
        assert not other.over


def test_rubbish_costs_a_face_its_own_seat_only() -> None:
    with Rig(*BASH) as rig:
        good = rig.attach()
        for rubbish in (b"I\xff\xff\xff\xff", frames.encode(frames.RESIZE, b"\0\0\0\0"), os.urandom(4096)):
            bad = rig.attach()
            bad.hello()
            bad.connection.sendall(rubbish)
        bad = rig.attach()
        bad.connection.sendall(b"I\x00\x20\x00\x00")
        bad.until(lambda: bad.over or not bad.pull())
        good.type(b"echo st''ill here\r")
        good.until(b"still here")


def test_what_a_face_wrote_before_it_left_arrives(tmp_path: Path) -> None:
    heard = tmp_path / "heard"
    with Rig("head", "-c", "5000", raw=True) as rig:
        face = rig.attach()
        face.hello()
        face.type(b"z" * 5000)
        face.connection.close()
        assert rig.agent.wait(20) == 0
    assert not heard.exists()


def test_the_rest_is_delivered_after_quit() -> None:
    with Rig("sh", "-c", "head -c 3000000 /dev/zero; echo done", raw=True) as rig:
        rig.told(control.CLOSED, 30)
        face = rig.attach()
        rig.control.send(control.QUIT)
        face.until(lambda: frames.CLOSED in face.kinds())
        assert len(face.output) == 3000005
        assert rig.pump.wait(10) == 0


def test_quit_does_not_wait_for_a_face_that_does_not_read() -> None:
    with Rig("head", "-c", "3000000", "/dev/zero", raw=True) as rig:
        rig.told(control.CLOSED, 30)
        rig.attach()
        rig.control.send(control.QUIT)
        assert rig.pump.wait(10) == 0


def test_without_a_supervisor_there_is_no_pump() -> None:
    with Rig(*BASH) as rig:
        face = rig.attach()
        face.hello()
        rig.control.close()
        assert rig.pump.wait(10) == 0
        rig.control = socket.socket()


def test_signals_of_the_persons_terminal_do_not_end_it() -> None:
    with Rig(*BASH) as rig:
        rig.attach().hello()
        for number in (signal.SIGINT, signal.SIGHUP):
            rig.pump.send_signal(number)
        face = rig.attach()
        face.type(b"echo al''ive\r")
        face.until(b"alive")
        status = Path(f"/proc/{rig.pump.pid}")
        assert (status / "mem").stat().st_uid == 0, "dumpable processes belong to their user"


def test_an_idle_pump_costs_nothing() -> None:
    with Rig("sleep", "600") as rig:
        rig.attach().hello()
        stat = Path(f"/proc/{rig.pump.pid}/stat")
        before = stat.read_text().split()[13:15]
        time.sleep(1)
        assert stat.read_text().split()[13:15] == before
