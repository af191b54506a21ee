"""What the person's terminal shows of the agent, and how it comes back after the panel lay over it.

Knows which modes the agent switched and what it wrote meanwhile. Refuses to guess cells. Invariant: an agent that
stayed on the primary screen loses no byte; one on the alternate screen is asked to paint anew.
"""

from __future__ import annotations

from leashtui.guards.pty.modes import Modes

HELD = 8 << 20
"""Bytes kept while the panel is open; beyond that the agent is asked to paint anew."""
_SCREENS = (47, 1047, 1049)


class Screen:
    """Fed with everything the agent writes."""

    def __init__(self) -> None:
        self._modes = Modes()
        self._held = bytearray()
        self._lost = False
        self._covered = False
        self._was_alternate = False

    @property
    def alternate(self) -> bool:
        """Whether the agent is on the alternate screen."""
        return any(self._modes.has(number) for number in _SCREENS)

    def feed(self, data: bytes) -> bytes:
        """What of it is to be written now."""
        self._modes.feed(data)
        if not self._covered:
            return data
        self._was_alternate = self._was_alternate or self.alternate
        if len(self._held) + len(data) > HELD:
            self._held.clear()
            self._lost = True
        elif not self._lost:
            self._held += data
        return b""

    def past(self, data: bytes) -> None:
        """What the agent wrote before this face came; nothing of it is written."""
        self._modes.feed(data)

    def cover(self) -> None:
        """The panel lies over it from now on."""
        self._covered, self._lost = True, False
        self._was_alternate = self.alternate
        self._held.clear()

    def uncover(self) -> tuple[bytes, bool]:
        """(what to write now that the panel is gone, whether the agent must paint anew)."""
        self._covered = False
        held = bytes(self._held)
        self._held.clear()
        if self._was_alternate or self._lost:
            return b"\x1b[0m" + self._modes.restore() + b"\x1b[2J\x1b[H", True
        return held + self._modes.restore(), False
