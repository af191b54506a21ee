"""Colours and styles of the panel, in two versions: with colour and without.

Knows Rich styles only; the colours are those of the 256-colour palette, so that they look the same everywhere. Refuses
to carry meaning: every style accompanies a word or a mark that says the same. Invariant: each foreground here has a
contrast of at least 4.5:1 on the backgrounds it is used on (a test measures it).
"""

from __future__ import annotations

from dataclasses import dataclass

from rich.style import Style

from leashtui.model.facts import Severity

GROUND = "#121212"
RAISED = "#262626"
TEXT = "#e4e4e4"
MUTED = "#a8a8a8"
AMBER = "#ffaf5f"
RED = "#ff8787"
GREEN = "#87d787"
BLUE = "#87afff"
YELLOW = "#ffd75f"
EDGE = "#6c6c6c"
INK = "#121212"


@dataclass(frozen=True)
class Look:
    """Named styles. ground and raised carry the background, the others go on top of either."""

    ground: Style
    raised: Style
    text: Style
    strong: Style
    muted: Style
    edge: Style
    edge_live: Style
    title: Style
    key: Style
    key_off: Style
    danger: Style
    hidden: Style
    banner: Style
    alarm: Style
    allowed: Style
    refused: Style
    asked: Style
    noted: Style
    severities: dict[Severity, Style]


def coloured() -> Look:
    """The look on terminals with colour."""
    return Look(
        ground=Style(color=TEXT, bgcolor=GROUND),
        raised=Style(color=TEXT, bgcolor=RAISED),
        text=Style(color=TEXT),
        strong=Style(color="#ffffff", bold=True),
        muted=Style(color=MUTED),
        edge=Style(color=EDGE),
        edge_live=Style(color=AMBER, bold=True),
        title=Style(color=AMBER, bold=True),
        key=Style(color=INK, bgcolor=TEXT, bold=True),
        key_off=Style(color=MUTED),
        danger=Style(color="#ffffff", bold=True, underline=True),
        hidden=Style(color=INK, bgcolor=YELLOW, bold=True),
        banner=Style(color=INK, bgcolor=AMBER, bold=True),
        alarm=Style(color=INK, bgcolor=RED, bold=True),
        allowed=Style(color=GREEN),
        refused=Style(color=RED, bold=True),
        asked=Style(color=AMBER, bold=True),
        noted=Style(color=BLUE),
        severities={
            Severity.LOW: Style(color=GREEN, bold=True),
            Severity.MEDIUM: Style(color=YELLOW, bold=True),
            Severity.HIGH: Style(color=RED, bold=True),
            Severity.CRITICAL: Style(color=INK, bgcolor=RED, bold=True),
        },
    )


def plain() -> Look:
    """The look under NO_COLOR: weight, underline and reverse only."""
    none, bold, reverse = Style(), Style(bold=True), Style(reverse=True, bold=True)
    return Look(
        ground=none,
        raised=none,
        text=none,
        strong=bold,
        muted=none,
        edge=none,
        edge_live=bold,
        title=bold,
        key=reverse,
        key_off=none,
        danger=Style(bold=True, underline=True),
        hidden=reverse,
        banner=reverse,
        alarm=reverse,
        allowed=none,
        refused=bold,
        asked=bold,
        noted=none,
        severities={
            Severity.LOW: none,
            Severity.MEDIUM: bold,
            Severity.HIGH: bold,
            Severity.CRITICAL: reverse,
        },
    )
