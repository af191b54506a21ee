"""The terminal leash was started in: how it was, and how to bring it back whatever a face left behind.

Knows termios and the reset sequences. Refuses to draw anything. Standard library only. Invariant: nothing is written
to a terminal that no face has painted on, and nothing is changed while another job has the terminal.
"""

from __future__ import annotations

import os
import signal
import termios
from typing import Any

_SOFT = (
    b"\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?1015l\x1b[?1016l"  # mouse
    b"\x1b[?1004l\x1b[?2004l\x1b[?2026l\x1b[?2048l"  # focus, bracketed paste, synchronised output, in-band resize
    b"\x1b[?1l\x1b>\x1b[>4m"  # cursor keys, keypad, modified keys
    b"\x1b[?7h\x1b[?25h\x1b[0m\x1b(B\x0f"  # autowrap, cursor, colours, character set
)
_LEAVE = b"\x1b[<u\x1b[?1049l\x1b[<u"
"""Kitty keyboard off on the alternate screen, back to the primary screen, off there too."""


class OuterTerminal:
    """The first of fds 0-2 that is a terminal, if any, with its settings as they are now."""

    def __init__(self) -> None:
        self._fd = next((fd for fd in (0, 1, 2) if _is_terminal(fd)), -1)
        self._out = next((fd for fd in (1, 2) if _is_terminal(fd)), -1)
        self._settings: list[Any] | None = termios.tcgetattr(self._fd) if self._fd >= 0 else None

    def restore(self, *, painted: bool, died: bool) -> None:
        """Bring the settings back; painted: a face drew on it; died: without leaving its screen, so leave it now.

        Keys typed at a face that died are dropped, because a shell would run them.
        """
        if self._settings is None or not self._is_ours():
            return
        before = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        try:
            if painted and self._out >= 0:
                os.write(self._out, (_LEAVE if died else b"") + _SOFT)
            if died:
                termios.tcflush(self._fd, termios.TCIFLUSH)
            termios.tcsetattr(self._fd, termios.TCSANOW, self._settings)
        except (OSError, termios.error):
            self._settings = None  # the terminal is gone: there is nothing left to bring back
        finally:
            signal.signal(signal.SIGTTOU, before)

    def _is_ours(self) -> bool:
        """Whether our job has the terminal, or it is not the one that controls us."""
        try:
            return os.tcgetpgrp(self._fd) == os.getpgrp()
        except OSError:
            return True


def _is_terminal(fd: int) -> bool:
    try:
        return os.isatty(fd)
    except OSError:
        return False
