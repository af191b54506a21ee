"""Finds the leader key in what a person types, however the terminal was asked to send it.

Pure. Refuses to look into pastes. Invariant: all bytes but the leader's own come out again, in order.
"""

from __future__ import annotations

import re

_START, _END = b"\x1b[200~", b"\x1b[201~"


class LeaderFinder:
    """leader: the control character."""

    def __init__(self, leader: str) -> None:
        code = ord(leader)
        key = (code | 0x60 if 1 <= code <= 26 else code | 0x40) & 0x7F
        forms = (re.escape(bytes([code])), rb"\x1b\[%d;5(?::1)?u" % key, rb"\x1b\[27;5;%d~" % key)
        self._leader = re.compile(b"|".join(forms))
        self._pasting = False
        self._tail = b""

    def feed(self, data: bytes) -> list[bytes | None]:
        """What was typed, cut at the leader: bytes for the agent, None for each leader."""
        found: list[bytes | None] = []
        while data:
            if self._pasting:
                self._tail = (self._tail + data)[-256:]
                end = data.find(_END)
                if end < 0:
                    if _END in self._tail:
                        self._pasting = False
                    found.append(data)
                    break
                cut = end + len(_END)
                found.append(data[:cut])
                data, self._pasting, self._tail = data[cut:], False, b""
                continue
            start, leader = data.find(_START), self._leader.search(data)
            if start >= 0 and (leader is None or start < leader.start()):
                cut = start + len(_START)
                found.append(data[:cut])
                data, self._pasting, self._tail = data[cut:], True, b""
            elif leader is not None:
                if leader.start():
                    found.append(data[: leader.start()])
                found.append(None)
                data = data[leader.end() :]
            else:
                found.append(data)
                break
        return found
