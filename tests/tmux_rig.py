"""A real terminal (tmux), a real PTY with a real pump, and a small desk that speaks the wire: the panel end to end."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import shlex
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tui_desk import welcome

from leashtui.guards.pty import control
from leashtui.model import codec
from leashtui.model.wire import DeskMessage, Done, FaceMessage, Hello, Terminal


def until(look: Callable[[], Any], what: str = "", timeout: float = 60) -> Any:
    """Poll until `look` answers something true."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.03)
    raise AssertionError(f"never: {what or look}")


class DeskServer:
    """One session: an agent in a PTY, its pump, and a desk that says what the test tells it to say."""

    def __init__(self, root: Path, agent: Sequence[str], env: dict[str, str] | None = None, **changes: Any) -> None:
        self.directory = root / "session"
        self.directory.mkdir(mode=0o700)
        self.received: list[FaceMessage] = []
        self.roles: list[str] = []
        self._faces: list[socket.socket] = []
        self._first: list[DeskMessage] = []
        self._welcome = welcome(**({"started": time.time_ns() // 1000} | changes))
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.master = master
        self.agent = subprocess.Popen(
            agent, stdin=slave, stdout=slave, stderr=slave, start_new_session=True, env=env, cwd=root,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )  # fmt: skip
        os.close(slave)
        self._line, theirs = control.pair()
        self.pump = subprocess.Popen(
            control.command(sys.executable, master, theirs.fileno()), pass_fds=(master, theirs.fileno())
        )
        theirs.close()
        name = f"leash-test-{uuid.uuid4().hex}"
        (self.directory / "session.json").write_text(json.dumps({"socket": name, "session": "01K5Q8"}))
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind("\0" + name)
        self._listener.listen()
        self._door = threading.Thread(target=self._accept, daemon=True)
        self._door.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        lines = connection.makefile("rb", buffering=0)
        if not (said := lines.readline()):  # who only looks whether somebody is there
            return
        first = codec.decode_face(said)
        if isinstance(first, Terminal):
            control.hand_over(self._line, connection, first.cols, first.rows)
            connection.close()
            return
        assert isinstance(first, Hello)
        self.roles.append(first.role)
        for message in (self._welcome, *self._first):
            connection.sendall(codec.encode(message) + b"\n")
        self._faces.append(connection)
        with contextlib.suppress(OSError):
            while line := lines.readline():
                self.received.append(codec.decode_face(line))
        if connection in self._faces:
            self._faces.remove(connection)

    def say(self, message: DeskMessage) -> None:
        """To every face, and to those that come later."""
        self._first.append(message)
        for face in list(self._faces):
            face.sendall(codec.encode(message) + b"\n")

    def faces(self) -> int:
        return len(self._faces)

    def done(self) -> None:
        self.say(Done(0, "log", 1, "head"))

    def shut(self) -> None:
        """Accept nobody any more: a thread left in accept() would answer for the next desk, by a number used again."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._door.join(10)
        self._listener.close()

    def vanish(self) -> None:
        """Die as a killed supervisor dies: every connection breaks."""
        self.shut()
        for face in list(self._faces):
            face.shutdown(socket.SHUT_RDWR)
            face.close()

    def close(self) -> None:
        self.shut()
        for face in list(self._faces):
            face.close()
        for process in (self.agent, self.pump):
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.wait(10)
        self._line.close()
        os.close(self.master)

    def __enter__(self) -> DeskServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Tmux:
    """One tmux server with one window of `columns` by `rows` cells, running `command`."""

    def __init__(self, root: Path, command: Sequence[str], columns: int = 80, rows: int = 24, **env: str) -> None:
        self._env = {
            "PATH": os.environ["PATH"], "HOME": str(root), "TMUX_TMPDIR": str(root), "LANG": "C.UTF-8",
            "SHELL": "/bin/sh", "TERM": "xterm-256color",
        } | env  # fmt: skip
        (root / "tmux.conf").write_text(
            "set -g status off\nset -s escape-time 0\nset -g default-terminal tmux-256color\nset -g remain-on-exit on\n"
        )
        self._name = f"t{uuid.uuid4().hex[:8]}"
        self._status = root / "status"  # tmux itself now and then forgets how a command ended
        line = f"{shlex.join(command)}; echo $? > {shlex.quote(str(self._status))}"
        self._run("-f", str(root / "tmux.conf"), "new-session", "-d", "-x", str(columns), "-y", str(rows), line)

    def _run(self, *args: str, **more: Any) -> str:
        done = subprocess.run(
            ["tmux", "-u", "-L", self._name, *args], env=self._env, capture_output=True, text=True, check=True, **more
        )
        return done.stdout

    def keys(self, *names: str) -> None:
        self._run("send-keys", *names)

    def type(self, text: str) -> None:
        self._run("send-keys", "-l", text)

    def raw(self, data: bytes) -> None:
        self._run("send-keys", "-H", *(f"{b:02x}" for b in data))

    def paste(self, text: str, *, bracketed: bool = True) -> None:
        self._run("load-buffer", "-", input=text)
        self._run("paste-buffer", *(["-p"] if bracketed else []))

    def resize(self, columns: int, rows: int) -> None:
        self._run("resize-window", "-x", str(columns), "-y", str(rows))

    def screen(self, colours: bool = False) -> str:
        return self._run("capture-pane", "-p", *(["-e"] if colours else []))

    def shows(self, *texts: str, timeout: float = 60) -> str:
        """Wait until the screen has all of `texts` at once: a program may paint them one by one. Returns the screen."""
        try:
            found: str = until(lambda: s if (s := self.screen()) and all(t in s for t in texts) else "", "", timeout)
            return found
        except AssertionError as error:
            raise AssertionError(f"{texts!r} never appeared on\n{self.screen()}") from error

    def value(self, form: str) -> str:
        return self._run("display-message", "-p", form).strip()

    def pid(self) -> int:
        """The command's process, below the shell that notes how it ends."""
        shell = self.value("#{pane_pid}")
        return int(Path(f"/proc/{shell}/task/{shell}/children").read_text().split()[0])

    def ended(self, timeout: float = 60) -> int:
        """The exit status of the command, once it ended."""
        until(lambda: self._status.exists() and self._status.read_text().strip(), "the end", timeout)
        return int(self._status.read_text())

    def close(self) -> None:
        with contextlib.suppress(subprocess.CalledProcessError):
            self._run("kill-server")

    def __enter__(self) -> Tmux:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def face_of(desk: DeskServer, *options: str) -> list[str]:
    """The command line of the real panel."""
    return [sys.executable, "-I", "-m", "leashtui.faces.tui", *options, str(desk.directory)]


def bash_env(root: Path) -> dict[str, str]:
    """What the agent gets for an environment."""
    return {"PATH": os.environ["PATH"], "HOME": str(root), "TERM": "xterm-256color", "LANG": "C.UTF-8",
            "COLORTERM": "truecolor", "PS1": "$ "}  # fmt: skip


def stop(pid: int) -> None:
    os.kill(pid, signal.SIGTSTP)
