"""The outer terminal: Textual's Linux driver reading through our parser.

Knows the person's terminal only. Refuses to enable keyboard protocols that would change the bytes of keys: what the
person types must reach the agent as typed. Invariant: bytes that are not UTF-8 neither end the input nor get lost.
"""

from __future__ import annotations

import os
import select
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

    def start_application_mode(self) -> None:
        """Take the terminal, and ask it for its background."""
        super().start_application_mode()  # type: ignore[no-untyped-call]
        if self._writer_thread is not None:
            self.write("\x1b]11;?\x1b\\")
            self.flush()

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
