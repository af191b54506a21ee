"""The outer terminal: Textual's Linux driver reading through our parser.

Knows the person's terminal only. Refuses to enable keyboard protocols that would change the bytes of keys: what the
person types must reach the agent as typed. Hazard: a signal's handler may run in the middle of a write, whose lock it
would wait for itself, and a shell and the keeper may both continue us. Invariants: bytes that are not UTF-8 neither end
the input nor get lost; leaving and taking the terminal again happen between two events, and one thread reads keys.
"""

from __future__ import annotations

import os
import select
import signal
import termios
from codecs import getincrementaldecoder
from typing import Any

from textual._parser import ParseError
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

from leashtui.faces.tui.parser import HOLD, RawParser

_READ = 16 << 10


class Hangup(Message):
    """The person's terminal is gone."""


class PanelDriver(LinuxDriver):
    """Reads keys with their bytes; posts Hangup when the terminal closes."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._woken = os.eventfd(0, os.EFD_CLOEXEC)
        self._drawing = False
        self._resting = False

    def write(self, data: str) -> None:
        """Write, unless the terminal is not ours: what is drawn is drawn anew when it is."""
        if self._writer_thread is not None and self._writer_thread.is_alive():
            super().write(data)

    def start_application_mode(self) -> None:
        """Take the terminal, and ask it for its background; in the background of a shell there is none to take."""
        before = self._key_thread
        super().start_application_mode()  # type: ignore[no-untyped-call]
        self._drawing = self._key_thread is not before
        if self._drawing:
            self.write("\x1b]11;?\x1b\\")
            self.flush()

    def stop_application_mode(self) -> None:
        """Give the terminal back."""
        super().stop_application_mode()
        self._drawing = False

    def _sigtstp_application(self, *_: object) -> None:
        if not self._resting:  # a whole job that is stopped hears it from its keeper as well
            self._resting = True
            self._loop.call_soon_threadsafe(self._rest)

    def _sigcont_application(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._go_on)

    def _rest(self) -> None:
        """Stop, once the terminal was given back; take it again when somebody continues us."""
        if self._drawing:
            self.suspend_application_mode()
        os.kill(os.getpid(), signal.SIGSTOP)
        self._resting = False
        self._go_on()

    def _go_on(self) -> None:
        """Take the terminal again, unless it is still as we left it: who continued us may not have been the first."""
        if self._drawing and self._is_ours():
            return
        if self._drawing:  # we were stopped without a word, and somebody else has used the terminal
            self.suspend_application_mode()
        self._must_signal_resume = True
        self.resume_application_mode()

    def _is_ours(self) -> bool:
        try:
            return not termios.tcgetattr(self.fileno)[3] & termios.ICANON
        except termios.error:
            return True

    def disable_input(self) -> None:
        """Read no more: the thread that waits for keys is woken, and ends."""
        os.eventfd_write(self._woken, 1)
        super().disable_input()
        os.eventfd_read(self._woken)

    def run_input_thread(self) -> None:
        """Read until asked to stop; runs in its own thread."""
        parser = RawParser(self._debug)
        decode = getincrementaldecoder("utf-8")("surrogateescape").decode
        poll = select.poll()
        poll.register(self.fileno, select.POLLIN)
        poll.register(self._woken, select.POLLIN)
        while not self.exit_event.is_set():
            ready = [fd for fd, _ in poll.poll(HOLD * 1000 if parser.waiting else None)]
            if self.fileno in ready:
                try:
                    data = os.read(self.fileno, _READ)
                except OSError:
                    data = b""
                if not data:
                    self.send_message(Hangup())
                    break
                for message in parser.feed(decode(data)):
                    self.process_message(message)
            for message in parser.tick():
                self.process_message(message)
        try:
            list(parser.feed(""))
        except (EOFError, ParseError):
            return
