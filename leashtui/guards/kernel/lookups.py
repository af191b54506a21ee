"""By which name a program came by an address: what it asked the name servers, confirmed by asking them again.

A card that says `203.0.113.7:443` tells a person nothing. A program may ask for one name and connect to another's
address, so a name counts only when it leads to that very address for us too. Knows questions as they are sent. Refuses
to decide: a name is shown, and no policy reads it. Hazard: asking takes time, so it is done in a thread, and what is
not known in PATIENCE seconds is not known.
"""

from __future__ import annotations

import re
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable

PATIENCE = 2.0
_MOST = 256
_EACH = 8
_AT_ONCE = 16
"""Addresses whose name is looked for at a time; of a flood the others stay numbers."""
_HEADER = struct.Struct(">HHHHHH")
_NAME = re.compile(r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9])?)+")


def question_in(message: bytes) -> str:
    """The name that a DNS message asks about, '' when it is none."""
    if len(message) < _HEADER.size or not _HEADER.unpack_from(message)[2]:
        return ""
    labels, at = [], _HEADER.size
    while at < len(message) and 0 < message[at] < 64:
        labels.append(message[at + 1 : at + 1 + message[at]].decode("latin-1"))
        at += 1 + message[at]
    name = ".".join(labels).lower()
    return name if len(name) < 254 and _NAME.fullmatch(name) else ""


def addresses_of(name: str) -> frozenset[str]:
    """What a name leads to now."""
    try:
        return frozenset(str(found[4][0]) for found in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM))
    except (OSError, UnicodeError):
        return frozenset()


class Lookups:
    """resolve: addresses of a name; may take long. now: seconds."""

    def __init__(
        self, resolve: Callable[[str], frozenset[str]] = addresses_of, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._resolve = resolve
        self._now = now
        self._asked: dict[int, deque[str]] = {}
        self._waiting: list[tuple[float, list[str], Callable[[str], None]]] = []

    def noted(self, group: int, message: bytes) -> None:
        """A process asked a name server this."""
        name = question_in(message)
        if name:
            names = self._asked.pop(group, None) or deque(maxlen=_EACH)
            if len(self._asked) >= _MOST:
                del self._asked[next(iter(self._asked))]
            if name in names:
                names.remove(name)
            names.append(name)
            self._asked[group] = names

    def name_for(self, group: int, host: str, then: Callable[[str], None]) -> None:
        """Tell the name by which this process knows the address, '' for none: at once, or when `poll` is called."""
        names = tuple(reversed(self._asked.get(group, ())))
        if not names or len(self._waiting) >= _AT_ONCE:
            then("")
            return
        found: list[str] = []

        def look() -> None:
            found.append(next((name for name in names if host in self._resolve(name)), ""))

        threading.Thread(target=look, daemon=True).start()
        self._waiting.append((self._now() + PATIENCE, found, then))

    def poll(self) -> None:
        """Tell what is known by now, or will not be."""
        waiting, self._waiting = self._waiting, []
        for until, found, then in waiting:
            if found or self._now() >= until:
                then(found[0] if found else "")
            else:
                self._waiting.append((until, found, then))
