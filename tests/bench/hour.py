"""An hour of a busy agent through the real panel, as fast as it takes it: does its memory grow?

What is typical of an hour: 36,000 redraws of a screen (ten a second), 200,000 lines that scroll away, titles and links,
3,000 acts and 1,000 changed files in the timeline, 200 cards that come and go. The panel is a process of its own in a
terminal; its memory is read after each tenth of all that. The first tenths fill what is kept on purpose (lines that
scrolled away, rows of the timeline); what counts is the second half.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

AGENT = """
import sys, time
out = sys.stdout
parts = int(sys.argv[1])
for part in range(10):
    for n in range(parts):
        rows = "".join(f"\\x1b[{y};1H\\x1b[38;2;{(n + y) % 256};{y};99m{n:06d} \\u6f22\\u5b57 " + "word " * 10 for y in range(2, 30))
        out.write(f"\\x1b]2;step {n}\\x07\\x1b[?2026h{rows}\\x1b[?2026l")
        if n % 9 == 0:
            out.write("\\x1b[40;1H" + "".join(f"\\x1b]8;;https://e.example/{n}-{k}\\x07line {n} {k}\\x1b]8;;\\x07 told \\x1b[3{k % 8}mnews\\x1b[0m\\r\\n" for k in range(50)))
        out.flush()
    open(sys.argv[2], "a").write(f"{part}\\n")
    while len(open(sys.argv[3]).read().splitlines()) <= part:
        time.sleep(0.05)
time.sleep(600)
"""  # noqa: E501
REDRAWS, ACTS = 36_000, 3_000


def hour(scale: float) -> list[int]:
    """RSS of the panel in kB after each tenth. scale: 1 for a whole hour."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from bench_terminal import Terminal
    from tmux_rig import DeskServer, bash_env, face_of
    from tui_desk import NOON, decided, install

    from leashtui.model.event import FileChanged, Record
    from leashtui.model.facts import Place
    from leashtui.model.wire import CardGone, CardShown, Recorded

    found: list[int] = []
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        script, marks, seen = root / "agent.py", root / "marks", root / "seen"
        script.write_text(AGENT)
        marks.touch()
        seen.touch()
        frames = max(1, int(REDRAWS * scale / 10))
        agent = [sys.executable, str(script), str(frames), str(marks), str(seen)]
        env = bash_env(root)
        with DeskServer(root, agent, env) as desk:
            face = Terminal(face_of(desk), env)
            ended = threading.Event()
            reader = threading.Thread(target=_drain, args=(face, ended), daemon=True)
            reader.start()
            seq = 0

            def tell(event: Any) -> None:
                nonlocal seq
                seq += 1
                desk.say(Recorded(seq, Record(1, f"R{seq:06d}", NOON + seq, "01K5Q8", event), f"{seq:064x}"))
                desk._first.clear()

            while not desk.faces():
                time.sleep(0.05)
            for part in range(10):
                for n in range(max(1, int(ACTS * scale / 10))):
                    tell(decided(f"pytest -q tests/test_{part}_{n}.py"))
                    if n % 3 == 0:
                        diff = "".join(f"-old line {k}\n+new line {k}\n" for k in range(20))
                        tell(
                            FileChanged(
                                f"src/part{n % 90}.py", "modified", Place.SOURCE, False, diff, plus=20, minus=20
                            )
                        )
                    if n % 15 == 0:
                        desk.say(CardShown(install(f"L-{part}-{n}")))
                        desk.say(CardGone(f"L-{part}-{n}", "allowed", "ada"))
                        desk._first.clear()
                while len(marks.read_text().splitlines()) <= part:
                    time.sleep(0.05)
                time.sleep(0.7)
                found.append(int(Path(f"/proc/{face.pid}/statm").read_text().split()[1]) * 4)
                with seen.open("a") as file:
                    file.write("seen\n")
            ended.set()
            face.close()
    return found


def _drain(face: Any, ended: threading.Event) -> None:
    while not ended.is_set():
        try:
            face.read(0.2)
        except OSError:
            return


def report(scale: float) -> None:
    """Print the ten figures and what the second half added."""
    began = time.monotonic()
    found = hour(scale)
    print("panel after each tenth, MB: " + " ".join(f"{kb / 1024:.1f}" for kb in found))
    grown = (found[-1] - found[4]) / 1024
    print(f"second half: {grown:+.1f} MB ({100 * grown * 1024 / found[4]:+.1f} %), in {time.monotonic() - began:.0f} s")
