"""The agent's terminal against tmux: equal cells on real streams, bytes a second, and rubbish survived.

    python tests/bench/bench_terminal.py cells [--engine native|python]   # vim, htop, less, tmux, Textual, git, unicode
    python tests/bench/bench_terminal.py cells --agents [NAME]            # Claude Code, Codex, Gemini CLI, OpenCode
    python tests/bench/bench_terminal.py flood                            # 10 MB of plain lines, and of colours
    python tests/bench/bench_terminal.py live                             # echo, processor, memory of the whole panel
    python tests/bench/bench_terminal.py hour [--scale 0.1]               # memory of the panel over an hour's work
    python tests/bench/bench_terminal.py fuzz [--megabytes 50]            # each in a process that may die

Streams are recorded here and now from the programs themselves, and fed to the engine and to a tmux pane of the same
size; `capture-pane -e` is tmux's own screen. A cell counts as equal when text, colours and attributes are; of cells
that were only erased (past a line's last written one) tmux 3.3 prints no background, so their text alone counts.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import random
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agent_streams import recorded
from hour import report
from rich.style import Style

from leashtui.faces.tui.bittty_engine import BitttyEngine
from leashtui.faces.tui.engine import Engine
from leashtui.faces.tui.ghostty_abi import load
from leashtui.faces.tui.ghostty_engine import GhosttyEngine

HERE = Path(__file__).resolve()
ERASED = "erased"
UNICODE = (
    "printf 'wörld 漢字カナ e\\314\\201 \\033[1;4;38;2;200;100;50mtrue\\033[0m \\342\\224\\200\\342\\226\\210 ok\\n'"
)
APP = """
from textual.app import App
from textual.widgets import DataTable, Footer, Header, Input, Log, ProgressBar
class Demo(App):
    BINDINGS = [("q", "quit", "Quit"), ("d", "toggle_dark", "Dark")]
    def compose(self):
        yield Header(); yield Input(placeholder="type"); yield DataTable(); yield Log(); yield Footer()
    def on_mount(self):
        t = self.query_one(DataTable); t.add_columns("a", "b", "c")
        for i in range(50): t.add_row(str(i), "x" * (i % 9), "\\u6f22" * (i % 4))
        self.query_one(Log).write_lines(f"line {i}" for i in range(99))
Demo().run()
"""


def streams(folder: Path) -> dict[str, tuple[list[str], list[bytes]]]:
    """name -> (command, what is typed, a pause after each)."""
    code = str(HERE.parent.parent / "tui_desk.py")
    app = folder / "app.py"
    app.write_text(APP)
    inner = f"tmux -L leash-bench-inner-{os.getpid()} -f /dev/null new-session"
    return {
        "vim": (["vim", "-n", "-u", "NONE", "-N", "-c", "syntax on | set number hlsearch", code],
                [b"\x06\x06", b"/def\r", b":vsplit\r", b"ihello \xc3\xa4\x1b", b":set list\r", b"\x17\x17dd"]),
        "htop": (["htop"], [b"", b"\x1b[B\x1b[B", b"\x1b[15~", b""]),
        "less": (["less", "-R", code], [b" ", b"/import\r", b"n", b"G", b"bb"]),
        "tmux": (["sh", "-c", inner],
                 [b"ls -la --color=always /usr\r", b"\x02%", b"seq 300\r", b'\x02"', b"vim -u NONE\r", b"\x02o"]),
        "textual": ([sys.executable, str(app)], [b"hello", b"\t\x1b[B\x1b[B", b"\x1b[6~", b"\td"]),
        "git": (["git", "-C", str(HERE.parent), "--no-pager", "log", "--color=always", "--stat", "-n", "30"], [b""]),
        "unicode": (["sh", "-c", f"for i in 1 2 3 4 5 6 7; do {UNICODE}; done; ls --color=always /etc"],
                    [b""]),
    }  # fmt: skip


def record(command: list[str], typed: list[bytes], cols: int, rows: int) -> list[bytes]:
    """What a program wrote, cut after each thing that was typed."""
    pid, master = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm-256color", COLORTERM="truecolor")
        os.environ.pop("TMUX", None)
        os.execvp(command[0], command)
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))
    parts = [_until_quiet(master, 2.5)]
    for keys in typed:
        if keys:
            os.write(master, keys)
        parts.append(_until_quiet(master, 1.5))
    os.kill(pid, signal.SIGKILL)
    os.close(master)
    os.waitpid(pid, 0)
    return parts


def _until_quiet(master: int, longest: float) -> bytes:
    out, end = b"", time.monotonic() + longest
    while time.monotonic() < end and select.select([master], [], [], 0.6)[0]:
        try:
            out += os.read(master, 65536)
        except OSError:
            break
    return out


def tmux_screen(data: bytes, cols: int, rows: int, folder: Path) -> list[list[tuple[str, str]]]:
    """tmux's own screen after these bytes: rows of (text, style) cells."""
    (folder / "stream").write_bytes(data)
    tmux = ["tmux", "-L", f"leash-bench-{os.getpid()}", "-f", "/dev/null"]
    done = folder / "done"
    done.unlink(missing_ok=True)
    script = f"stty raw -echo; cat {folder}/stream; touch {done}; exec sleep 1000"
    size = ["-x", str(cols), "-y", str(rows)]
    subprocess.run([*tmux, "new-session", "-d", *size, "sh", "-c", script], check=True)
    subprocess.run([*tmux, "set", "-g", "status", "off"], check=True)
    try:
        while not done.exists():
            time.sleep(0.02)
        time.sleep(0.3)
        text = subprocess.run([*tmux, "capture-pane", "-p", "-e", "-N"], check=True, capture_output=True).stdout
    finally:
        subprocess.run([*tmux, "kill-server"], check=False)
    return [_cells_of(line, cols) for line in _lines(text.decode("utf-8", "replace"), rows)]


def _lines(text: str, rows: int) -> list[str]:
    """Rows of a capture, each with the style that was left on by the row before."""
    found, carried = [], ""
    for line in (text.split("\n") + [""] * rows)[:rows]:
        found.append(carried + line)
        carried = "".join(re.findall(r"\x1b\[[0-9;:]*m", carried + line))
    return found


def _cells_of(line: str, cols: int) -> list[tuple[str, str]]:
    engine = BitttyEngine(cols * 2, 1)
    engine.feed(line.replace("\x0e", "\x1b(0").replace("\x0f", "\x1b(B").encode())
    cursor = engine.cursor()
    return _cells(engine, 0)[: min(cols, cursor[0] if cursor else cols)]


def _cells(engine: Any, y: int) -> list[tuple[str, str]]:
    cells: list[tuple[str, str]] = []
    for segment in engine.strip(y):
        for char in segment.text:
            width = _width(char)
            if width == 0 and cells:
                cells[-1 if cells[-1][0] else -2] = (cells[-1 if cells[-1][0] else -2][0] + char, cells[-1][1])
                continue
            cells.append((char, _named(segment.style)))
            if width == 2:
                cells.append(("", _named(segment.style)))
    return cells


def _width(char: str) -> int:
    from rich.cells import cell_len

    return cell_len(char)


def _named(style: Style | None) -> str:
    if style is None:
        return ""
    colours = (style.color.name if style.color else "", style.bgcolor.name if style.bgcolor else "")
    marks = [n for n in ("bold", "dim", "italic", "underline", "reverse", "strike", "blink") if getattr(style, n)]
    return f"{colours} {marks}"


def make(kind: str, cols: int, rows: int) -> Engine:
    """The engine by its name."""
    library = load() if kind == "native" else None
    if kind == "native" and library is None:
        raise SystemExit("the native engine is not installed here")
    return GhosttyEngine(cols, rows, library) if library is not None else BitttyEngine(cols, rows)


def programs(folder: Path, cols: int, rows: int) -> Iterator[tuple[str, list[bytes]]]:
    """Each program of `streams`, recorded."""
    for program, (command, typed) in streams(folder).items():
        yield program, record(command, typed, cols, rows)
        tmux = ["tmux", "-L", f"leash-bench-inner-{os.getpid()}", "kill-server"]
        subprocess.run(tmux, check=False, capture_output=True)


def cells(kinds: list[str], show: bool, agents: str | None) -> None:
    """Print the share of equal cells, a program and a size at a time. agents: '' for all of them, None for none."""
    total: dict[str, list[int]] = {kind: [0, 0] for kind in kinds}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for cols, rows in ((80, 24), (120, 40), (200, 60)):
            source = programs(folder, cols, rows) if agents is None else recorded(cols, rows, agents)
            for program, parts in source:
                for end in range(1, len(parts) + 1):
                    data = b"".join(parts[:end])
                    theirs = tmux_screen(data, cols, rows, folder)
                    for kind in kinds:
                        engine = make(kind, cols, rows)
                        engine.feed(data)
                        engine.changed()
                        same = 0
                        for y in range(rows):
                            mine = _cells(engine, y)
                            padded = theirs[y] + [(" ", ERASED)] * (cols - len(theirs[y]))
                            equal = [_alike(a, b) for a, b in zip(mine, padded, strict=False)]
                            same += sum(equal)
                            if show and not all(equal):
                                x = equal.index(False)
                                print(f"   {program} {kind} cut {end} row {y} col {x}: {mine[x]} tmux {padded[x]}")
                        total[kind][0] += same
                        total[kind][1] += cols * rows
                        if same < cols * rows:
                            print(f"{program:8} {cols}x{rows} cut {end} {kind}: {cols * rows - same} cells differ")
    for kind, (same, of) in total.items():
        print(f"{kind}: {same} of {of} cells equal, {100 * same / of:.4f} %")


def _alike(mine: tuple[str, str], theirs: tuple[str, str]) -> bool:
    return (
        mine == theirs
        or (mine[0] == " " and theirs[1] == ERASED)
        or (mine[0] in " " and theirs[0] in " " and _blank(mine[1]) == _blank(theirs[1]))
    )


def _blank(style: str) -> str:
    """What shows of a style on a blank: the foreground does not."""
    back = re.sub(r"^\('[^']*', ", "", style)
    return style if "underline" in style or "reverse" in style or "strike" in style else re.sub(r" \[.*", "", back)


def flood() -> None:
    """Bytes a second: tmux reading a file, and the engine drawing at 60 frames a second as the panel does."""
    plain = b"".join(b"%d the quick brown fox jumps over the lazy dog\r\n" % n for n in range(200_000))
    colour = b"".join(
        b"\x1b[%d;1H\x1b[38;2;%d;%d;9m%s" % (n % 39 + 1, n % 250, n % 200, b"word " * 20) for n in range(80_000)
    )
    for name, data in (("plain lines", plain), ("colours", colour)):
        with tempfile.TemporaryDirectory() as folder:
            began = time.monotonic()
            tmux_screen(data, 120, 40, Path(folder))
            theirs = len(data) / (time.monotonic() - began - 0.3) / 1e6
        for kind in ("native", "python") if load() else ("python",):
            engine = make(kind, 120, 40)
            drawn, began = 0.0, time.monotonic()
            for at in range(0, len(data), 65536):
                engine.feed(data[at : at + 65536])
                if time.monotonic() - drawn > 1 / 60:
                    engine.changed()
                    drawn = time.monotonic()
                if time.monotonic() - began > 20:
                    data = data[:at]
                    break
            mine = len(data) / (time.monotonic() - began) / 1e6
            print(f"{name}: {kind} {mine:.1f} MB/s, tmux {theirs:.1f} MB/s, ratio {mine / theirs:.2f}")


def fuzz(megabytes: int, kind: str, resizes: bool, seed: int) -> None:
    """Rubbish, from noise to nearly valid sequences; a child process counts as dead when it dies."""
    pid = os.fork()
    if pid == 0:
        chance = random.Random(seed)
        engine = make(kind, 120, 40)
        words = [b"\x1b[", b"\x1b]", b"\x1bP", b"\x1b(0", b"\r\n", b"\x1b[?1049h", b"\x1b[?1049l", b"\x1b[2J"]
        words += [w.encode() for w in ("漢", "e\u0301", "👨\u200d👩\u200d👧", "\x1bM", "\x1bD", "\x1b[L", "\x1b[1;5r")]
        for _ in range(megabytes * 16):
            piece = bytearray()
            while len(piece) < 65536:
                turn = chance.random()
                if turn < 0.3:
                    piece += chance.randbytes(64)
                elif turn < 0.7:
                    final = chance.choice("ABCDEFGHJKLMPSTXZ@`abcdefghilmnpqrstux")
                    piece += b"\x1b[%d;%d%s" % (chance.randrange(300), chance.randrange(300), final.encode())
                else:
                    piece += chance.choice(words)
            engine.feed(bytes(piece))
            engine.changed()
            engine.cursor()
            engine.replies()
            if resizes:
                engine.resize(chance.randrange(1, 250), chance.randrange(1, 80))
        os._exit(0)
    status = os.waitpid(pid, 0)[1]
    code = os.waitstatus_to_exitcode(status)
    print(f"fuzz {kind} {megabytes} MB seed {seed} resizes {resizes}: {'lived' if code == 0 else f'died ({code})'}")


ECHO = "stty raw -echo; exec cat"
PAINT = """
import sys, time
n = 0
while True:
    n += 1
    rows = "".join(f"\\x1b[{y};1H\\x1b[38;5;{(n + y) % 200 + 16}m{n:06d} " + "word " * 12 for y in range(1, 36))
    sys.stdout.write(rows); sys.stdout.flush(); time.sleep(1 / 30)
"""


class Terminal:
    """A program in a PTY of 120x40, as a person's terminal sees it."""

    def __init__(self, command: list[str], env: dict[str, str]) -> None:
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            os.execvpe(command[0], command, env)
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))

    def read(self, seconds: float) -> bytes:
        """What comes in so long a time."""
        out, end = b"", time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and select.select([self.master], [], [], left)[0]:
            out += os.read(self.master, 1 << 16)
        return out

    def echo(self, key: bytes) -> float:
        """Seconds from a key to its picture."""
        began = time.perf_counter()
        os.write(self.master, key)
        out = b""
        while key not in re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", out):
            if not select.select([self.master], [], [], 5)[0]:
                return 5.0
            out += os.read(self.master, 1 << 16)
        return time.perf_counter() - began

    def close(self) -> None:
        """End it."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.master)


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def live() -> None:
    """The whole panel in a terminal: key to echo against tmux, processor time, memory."""
    sys.path.insert(0, str(HERE.parents[1]))
    from tmux_rig import DeskServer, bash_env, face_of

    with tempfile.TemporaryDirectory() as name:
        env = bash_env(Path(name))
        figures: dict[str, list[float]] = {}
        (Path(name) / "desk").mkdir()
        with DeskServer(Path(name) / "desk", ["sh", "-c", ECHO], env) as desk:
            tmux = ["tmux", "-L", f"leash-echo-{os.getpid()}", "-f", "/dev/null", "new-session", f"sh -c '{ECHO}'"]
            both = {"leash": Terminal(face_of(desk), env), "tmux": Terminal(tmux, env)}
            for one in both.values():
                one.read(3)
            for n in range(300):
                for who, one in both.items():
                    figures.setdefault(who, []).append(one.echo(b"QXZWVY"[n % 6 : n % 6 + 1]))
                    one.read(0.02)
            for who, found in figures.items():
                ordered = sorted(found)
                print(f"key to echo, {who}: median {1e3 * ordered[150]:.2f} ms, p99 {1e3 * ordered[297]:.2f} ms")
            face = both["leash"]
            before = _cpu(face.pid)
            face.read(10)
            print(f"idle: {100 * (_cpu(face.pid) - before) / 10:.2f} % of a core")
            subprocess.run([*tmux[:5], "kill-server"], check=False)
            for one in both.values():
                one.close()
        (Path(name) / "paint").mkdir()
        (Path(name) / "paint.py").write_text(PAINT)
        with DeskServer(Path(name) / "paint", [sys.executable, f"{name}/paint.py"], env) as desk:
            face = Terminal(face_of(desk), env)
            face.read(4)
            before, memory = _cpu(face.pid), []
            for _ in range(3):
                face.read(5)
                memory.append(int(Path(f"/proc/{face.pid}/statm").read_text().split()[1]) * 4 // 1024)
            print(
                f"30 redraws of 35 rows a second: {100 * (_cpu(face.pid) - before) / 15:.1f} % of a core, {memory} MB"
            )
            face.close()


def main() -> None:
    """Run one of the measures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("cells", "flood", "fuzz", "live", "hour"))
    parser.add_argument("--engine", choices=("native", "python"), action="append")
    parser.add_argument("--megabytes", type=int, default=50)
    parser.add_argument("--scale", type=float, default=1.0, help="share of an hour")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--resizes", action="store_true")
    parser.add_argument("--show", action="store_true")
    parser.add_argument("--agents", nargs="?", const="", default=None, help="real agents in place of programs")
    args = parser.parse_args()
    kinds = args.engine or (["native", "python"] if load() else ["python"])
    if args.what == "cells":
        cells(kinds, args.show, args.agents)
    elif args.what == "live":
        live()
    elif args.what == "hour":
        report(args.scale)
    elif args.what == "flood":
        flood()
    else:
        for kind in kinds:
            fuzz(args.megabytes, kind, args.resizes, args.seed)


if __name__ == "__main__":
    main()
