"""`python -I -m leashtui.faces.plain SESSION_DIR`: one session in lines, on the same desk as the panel.

Knows the event loop, the person's terminal and its signals. Refuses to know what lines mean. Exit codes: 0 the session
is over, 10 the person left, 4 the supervisor is gone, 128+n a signal. Invariant: the terminal stays in the line mode it
was in, so that there is nothing to restore.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ctypes
import os
import secrets
import signal
import sys
import time
from pathlib import Path

from leashtui.faces import bell
from leashtui.faces.command import told_by
from leashtui.faces.link import Link, TerminalStream, Typing
from leashtui.faces.plain.commands import ToAgent, parse
from leashtui.faces.plain.conversation import Conversation
from leashtui.faces.plain.paper import Paper, draw_tag, is_styled
from leashtui.faces.plain.wash import Echo, Wash
from leashtui.guards.pty import frames
from leashtui.model.errors import Exit, LeashError, Unreachable
from leashtui.model.wire import Done, FaceMessage

_PR_SET_DUMPABLE = 4
_DETACHED = 10
_REOPEN = 0.2
_LAST_WORDS = 3.0
_SIZE = (80, 24)


class LineFace:
    """One connected face. Its stdin and stdout may be a terminal or not."""

    def __init__(
        self, link: Link, paper: Paper, rings: tuple[bell.Bell | None, bell.Messengers | None] = (None, None)
    ) -> None:
        self._link = link
        self._paper = paper
        self._conversation = Conversation(paper, self, time.monotonic)
        self._wash = Wash(is_styled(1))
        self._echo = Echo()
        self._echoes = os.isatty(0)
        self._stream: TerminalStream | None = None
        self._beside: set[asyncio.Future[None]] = set()
        self._typing = Typing()
        self._buffer = b""
        loop = asyncio.get_running_loop()
        self._end: asyncio.Future[int] = loop.create_future()
        self._caller = bell.Caller(
            rings,
            cards=lambda: self._conversation.waiting(),
            write=paper.ring,
            later=loop.call_later,
            clock=loop.time,
        )

    async def run(self) -> int:
        """Until the session is over, or the person leaves. Returns the exit code."""
        loop = asyncio.get_running_loop()
        for number, byte in ((signal.SIGINT, b"\x03"), (signal.SIGQUIT, b"\x1c")):
            loop.add_signal_handler(number, self.type, byte)
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._leave, 128 + number)
        loop.add_signal_handler(signal.SIGWINCH, self._resized)
        self._conversation.begin(self._link.welcome)
        reading = asyncio.ensure_future(self._read_agent())
        desk = asyncio.ensure_future(self._read_desk(reading))
        try:
            loop.add_reader(0, self._read_person)
        except PermissionError:  # a file or /dev/null, which is always ready
            while self._read_person():
                pass
        try:
            return await self._end
        finally:
            loop.remove_reader(0)
            for task in (reading, desk):
                task.cancel()
            self._link.close()

    def _leave(self, code: int) -> None:
        if not self._end.done():
            self._end.set_result(code)

    # towards the session --------------------------------------------------------------------------------------------
    def send(self, message: FaceMessage) -> None:
        """To the desk."""
        self._link.send(message)

    def type(self, data: bytes) -> None:
        """To the agent's terminal, as soon as it is there."""
        self._typing.send(data)

    def ring(self) -> None:
        """Tell somebody who looks elsewhere what waits."""
        self._caller.ring()

    def call(self, words: str) -> None:
        """Tell it now."""
        self._caller.call(words)

    def run_leash(self, words: tuple[str, ...]) -> None:
        """A command of leash beside the session; its lines are printed."""

        async def work() -> None:
            _, lines = await told_by(words)
            self._paper.say(*(lines or ["there is nothing of it"]))

        task = asyncio.ensure_future(work())
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)

    def _resized(self) -> None:
        if self._stream is not None:
            self._stream.resize(*_window())

    def _read_person(self) -> bool:
        """Obey what was typed; returns whether there can be more."""
        try:
            data = os.read(0, 65536)
        except OSError:
            data = b""
        if not data:
            if os.isatty(0):
                self.type(b"\x04")
                return True
            asyncio.get_running_loop().remove_reader(0)
            return False
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            typed = parse(line)
            if self._echoes:
                self._paper.typed()
                if isinstance(typed, ToAgent):
                    self._echo.expect(typed.line.decode(errors="replace"))
            self._conversation.obey(typed)
        if self._conversation.detached:
            self._leave(_DETACHED)
        return True

    # from the session -----------------------------------------------------------------------------------------------
    async def _read_desk(self, reading: asyncio.Future[None]) -> None:
        try:
            async for message in self._link:
                if isinstance(message, Done):
                    await asyncio.wait([reading], timeout=_LAST_WORDS)
                    self._leave(0)
                    return
                self._conversation.hear(message)
        except Unreachable as error:
            self._paper.say(error.message, *([error.hint] if error.hint else []))
            self._leave(int(error.code))

    async def _read_agent(self) -> None:
        """Print the agent's output until its terminal is closed; a pump that died is found again."""
        closed = False
        while not closed:
            try:
                stream = await self._link.open_terminal(*_window())
            except Unreachable:
                return  # the desk's own line says what happened
            try:
                closed = await self._print(stream)
            except frames.FrameError as error:
                self._paper.say(f"the agent's output cannot be read: {error}")
            finally:
                self._stream = None
                self._typing.part()
                stream.close()
            await asyncio.sleep(0 if closed else _REOPEN)

    async def _print(self, stream: TerminalStream) -> bool:
        """Print what comes; returns whether it ended because the agent's terminal is closed."""
        async for kind, payload in stream.frames():
            if kind == frames.HELLO:
                self._stream = stream
                self._typing.meet(stream)
            elif kind == frames.OUTPUT:
                self._paper.pass_on(self._echo.drop(self._wash.feed(payload)))
            elif kind == frames.GAP:
                self._paper.say("some of the agent's output was too much for this terminal and is left out here")
            elif kind == frames.CLOSED:
                return True
        return False


def _window() -> tuple[int, int]:
    """Columns and rows of the person's terminal, 80x24 without one."""
    for fd in (1, 0, 2):
        with contextlib.suppress(OSError):
            columns, rows = os.get_terminal_size(fd)
            if columns and rows:
                return columns, rows
    return _SIZE


async def _face(arguments: argparse.Namespace, code: str) -> int:
    link = await Link.connect(arguments.directory, face="plain", role=arguments.role, code=code)
    columns = (lambda: _window()[0]) if os.isatty(1) else None
    paper = Paper(1, draw_tag(secrets.choice), columns)
    if not is_styled(1):
        arguments.notify = "off"  # it would be printed
    return await LineFace(link, paper, bell.chosen(arguments, os.environ)).run()


def main() -> int:
    """Run one face to its end. Returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m leashtui.faces.plain", allow_abbrev=False)
    parser.add_argument("directory", type=Path, help="the session's directory")
    parser.add_argument("--role", choices=("owner", "reviewer", "observer"), default="owner")
    parser.add_argument("--code-fd", type=int, default=-1, help="descriptor to read the approval code from")
    bell.add_arguments(parser)
    arguments = parser.parse_args()
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
    except BrokenPipeError:
        return int(Exit.OK)


if __name__ == "__main__":
    sys.exit(main())
