"""The one key that never reaches the agent by itself: it moves the keyboard between agent and panel.

Knows its name and its byte. Refuses to check the name: the configuration does. Invariant: a leader is one control
character, so that it arrives whole and no paste of text contains it by accident.
"""

from __future__ import annotations

from typing import NamedTuple


class Leader(NamedTuple):
    """raw: what the terminal sends. shown: what a person reads, e.g. 'ctrl+]'."""

    raw: str
    shown: str


def leader_of(name: str) -> Leader:
    """The leader called 'ctrl+X', X one character."""
    return Leader(chr(ord(name[-1].upper()) & 0x1F), name)


DEFAULT = leader_of("ctrl+]")
