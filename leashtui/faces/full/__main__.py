"""`python -I -m leashtui.faces.full SESSION_DIR`: the agent's bytes on this terminal as they are, the panel on a key.

Knows file descriptors and when the panel is open. Refuses to show a card itself: the panel is a process of its own, on
the alternate screen. Exit codes as the panel's. Invariant: while the panel is open no key reaches the agent, and no
byte of the agent reaches the terminal.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import termios
import time
import tty
from pathlib import Path

from leashtui.faces.bell import Bell, Caller, Messengers, add_arguments, chosen
from leashtui.faces.full.keys import LeaderFinder
from leashtui.faces.full.screen import Screen
from leashtui.faces.full.voice import Voice
from leashtui.faces.link import Link, TerminalStream, Typing
from leashtui.guards.pty import frames
from leashtui.model.card import Card
from leashtui.model.errors import Exit, LeashError
from leashtui.model.event import Braked
from leashtui.model.wire import CardGone, CardShown, Done, Recorded

CLOSED = 11
"""Exit code of a panel that was closed to go back to the agent."""
DETACHED = 10
_RETRY = 0.3
_SAME = 0.3
"""Seconds after coming back in which another stop is the one that was obeyed."""
_PR_SET_DUMPABLE = 4


class FullFace:
    """link: to the desk. panel: command line of the panel. leader: its control character and its name.

    rings: what tells somebody who looks elsewhere.
    """

    def __init__(
        self,
        link: Link,
        panel: list[str],
        leader: tuple[str, str],
        code: str,
        rings: tuple[Bell | None, Messengers | None],
    ) -> None:
        self._link = link
        self._panel = panel
        self._code = code
        self._finder = LeaderFinder(leader[0])
        self._voice = Voice(leader[1], link.welcome.agent)
        self._screen = Screen()
        self._cards: dict[str, Card] = {}
        self._frozen_by = link.welcome.frozen_by
        self._stream: TerminalStream | None = None
        self._typing = Typing()
        self._open = False
        loop = asyncio.get_running_loop()
        self._end: asyncio.Future[int] = loop.create_future()
        self._caller = Caller(
            rings,
            cards=lambda: () if self._open else tuple(self._cards.values()),  # whoever has the panel open sees them
            write=self._write,
            later=loop.call_later,
            clock=loop.time,
        )
        self._before = termios.tcgetattr(0)
        self._here_since = float("-inf")

    async def run(self) -> int:
        """Until the session is over, the link is lost or the person leaves. Returns the exit code."""
        loop = asyncio.get_running_loop()
        tty.setraw(0, termios.TCSANOW)  # what was typed ahead stays
        self._write(self._voice.begins())
        self._write(self._told())
        loop.add_reader(0, self._typed)
        loop.add_signal_handler(signal.SIGWINCH, self._fit)
        loop.add_signal_handler(signal.SIGTSTP, self._stop)
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._leave, 128 + number)
        tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._follow())]
        try:
            return await self._end
        finally:
            for task in tasks:
                task.cancel()
            loop.remove_reader(0)
            self._write(self._voice.tell(()))
            termios.tcsetattr(0, termios.TCSANOW, self._before)

    def _leave(self, code: int) -> None:
        if not self._end.done():
            self._end.set_result(code)

    def _write(self, data: str | bytes) -> None:
        """To the person's terminal, all of it; the terminal's slowness is ours."""
        view = memoryview(data.encode() if isinstance(data, str) else data)
        try:
            while view:
                view = view[os.write(1, view) :]
        except OSError:
            self._leave(DETACHED)

    # the desk -------------------------------------------------------------------------------------------------------
    async def _listen(self) -> None:
        try:
            async for message in self._link:
                if isinstance(message, Done):
                    await asyncio.sleep(0.1)  # the agent's last words
                    self._leave(0)
                    return
                fresh = isinstance(message, CardShown) and message.card.id not in self._cards
                if isinstance(message, CardShown):
                    self._cards[message.card.id] = message.card
                elif isinstance(message, CardGone):
                    self._cards.pop(message.ask, None)
                elif isinstance(message, Recorded) and isinstance(message.record.event, Braked):
                    self._braked(message.record.event)
                else:
                    continue
                if not self._open:
                    self._write(self._told())
                    if fresh:
                        self._caller.ring()
        except LeashError:
            pass  # said by whoever started this face, from its exit code
        self._leave(int(Exit.UNREACHABLE))

    def _told(self) -> str:
        return self._voice.tell(tuple(self._cards.values()), self._frozen_by)

    def _braked(self, event: Braked) -> None:
        """It stands still, or goes on; who did it from the panel here knows that."""
        self._frozen_by = event.who if event.what == "freeze" else ""
        if self._frozen_by and not self._open:
            self._caller.call(f"frozen by {event.who}")

    # the agent ------------------------------------------------------------------------------------------------------
    async def _follow(self) -> None:
        while True:
            with contextlib.suppress(LeashError, frames.FrameError):
                self._stream = await self._link.open_terminal(*os.get_terminal_size(1))
                self._typing.meet(self._stream)
                if await self._pass_on(self._stream):
                    return
            self._typing.part()
            await asyncio.sleep(_RETRY)

    async def _pass_on(self, stream: TerminalStream) -> bool:
        """Copy the agent's output. Returns whether its terminal was closed."""
        past = 0
        async for kind, payload in stream.frames():
            if kind == frames.HELLO:
                hello = json.loads(payload)
                past = int(hello.get("end", 0)) if self._link.welcome.owned or int(hello.get("start", 0)) else 0
                past = max(0, past - int(hello.get("start", 0)))
                if past:
                    self._repaint()
            elif kind == frames.OUTPUT and past > 0:
                self._screen.past(payload)
                past -= len(payload)
                if past <= 0:
                    self._screen.cover()
                    self._write(self._screen.uncover()[0])
                    self._repaint()
            elif kind == frames.OUTPUT:
                self._voice.heard(payload)
                self._write(self._screen.feed(payload))
            elif kind == frames.GAP:
                self._repaint()
            elif kind == frames.CLOSED:
                return True
        return False

    def _repaint(self) -> None:
        """Have the agent paint anew: programs do when their terminal's size changes."""
        if self._stream is not None:
            columns, rows = os.get_terminal_size(1)
            self._stream.resize(max(1, columns - 1), rows)
            asyncio.get_running_loop().call_later(0.05, self._fit)

    def _fit(self) -> None:
        if self._stream is not None:
            self._stream.resize(*os.get_terminal_size(1))

    # the person -----------------------------------------------------------------------------------------------------
    def _typed(self) -> None:
        try:
            data = os.read(0, 65536)
        except OSError:
            data = b""
        if not data:
            self._leave(DETACHED)
            return
        for piece in self._finder.feed(data):
            if piece is None:
                self._show_panel()
                return  # what was typed behind the leader in one go is dropped, as buffered keys are
            self._typing.send(piece)

    def _show_panel(self) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(0)
        self._open = True
        self._screen.cover()
        task = loop.create_task(self._while_open())
        task.add_done_callback(self._panel_ended)

    def _panel_ended(self, done: asyncio.Task[None]) -> None:
        if not done.cancelled() and done.exception() is not None:
            self._leave(int(Exit.FAILED))

    async def _while_open(self) -> None:
        command, fds = list(self._panel), []
        if self._code:
            fds.append(os.memfd_create("code"))
            os.write(fds[0], self._code.encode() + b"\n")
            os.lseek(fds[0], 0, os.SEEK_SET)
            command += ["--code-fd", str(fds[0])]
        self._write(b"\x1b[<u\x1b[0m\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?1004l\x1b[>4m")
        process = await asyncio.create_subprocess_exec(*command, pass_fds=fds)
        for fd in fds:
            os.close(fd)
        code = await process.wait()
        tty.setraw(0)
        self._open = False
        held, repaint = self._screen.uncover()
        if code in {0, DETACHED}:
            self._leave(code)
            return
        self._write(b"\x1b[0m\x1b[?25h")
        self._write(held)
        if repaint:
            self._repaint()
        else:
            self._fit()
        self._write(self._told())
        asyncio.get_running_loop().add_reader(0, self._typed)

    def _stop(self) -> None:
        """Ctrl-Z of the agent: stand still with it, with the terminal as it was, and paint anew afterwards."""
        if time.monotonic() < self._here_since + _SAME:
            return
        ours = termios.tcgetattr(0)
        termios.tcsetattr(0, termios.TCSANOW, self._before)
        os.kill(os.getpid(), signal.SIGSTOP)
        self._here_since = time.monotonic()
        termios.tcsetattr(0, termios.TCSANOW, ours)
        self._repaint()


def main() -> int:
    """Run one face to its end. Returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m leashtui.faces.full", allow_abbrev=False)
    parser.add_argument("directory", type=Path, help="the session's directory")
    parser.add_argument("--role", choices=("owner", "reviewer", "observer"), default="owner")
    parser.add_argument("--code-fd", type=int, default=-1, help="descriptor to read the approval code from")
    parser.add_argument("--leader", default="ctrl+]", help="the key to the panel")
    add_arguments(parser)
    parser.add_argument("--panel", action="append", default=[], help="a word for the panel's own command line")
    arguments = parser.parse_args()
    if not (os.isatty(0) and os.isatty(1)):
        print("leash: this layout needs a terminal; use --plain", file=sys.stderr)
        return 2
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    code = ""
    if arguments.code_fd >= 0:
        with open(arguments.code_fd, encoding="ascii") as pipe:
            code = pipe.readline().strip()
    try:
        return asyncio.run(_face(arguments, code))
    except LeashError as error:
        print(f"leash: {error.message}" + (f"\nleash: {error.hint}" if error.hint else ""), file=sys.stderr)
        return int(error.code)


async def _face(arguments: argparse.Namespace, code: str) -> int:
    link = await Link.connect(arguments.directory, face="full", role=arguments.role, code=code)
    leader = arguments.leader
    panel = [sys.executable, "-I", "-m", "leashtui.faces.tui", "--alone", "--leader", leader, *arguments.panel]
    panel += ["--no-bell", "--role", arguments.role, str(arguments.directory)]
    key = chr(ord(leader[-1].upper()) & 0x1F)
    face = FullFace(link, panel, (key, leader), code, chosen(arguments, os.environ))
    try:
        return await face.run()
    finally:
        link.close()


if __name__ == "__main__":
    with contextlib.suppress(subprocess.SubprocessError):
        sys.exit(main())
