"""Colours and styles of the panel: three themes with colour, and one without any.

Knows Rich styles only; the colours are those of the 256-colour palette, so that they look the same everywhere. Refuses
to carry meaning: every style accompanies a word or a mark that says the same. Invariant: each foreground here has a
contrast of at least 4.5:1 on the backgrounds it is used on (a test measures it).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from rich.style import Style

from leashtui.model.facts import Severity

_COLOURLESS = re.compile(r"vt\d+.*|.+-m(ono)?")


@dataclass(frozen=True)
class Palette:
    """Colours of a theme. signs: what banner and alarm stand on, with their ink."""

    ground: str
    raised: str
    text: str
    strong: str
    muted: str
    amber: str
    red: str
    green: str
    blue: str
    yellow: str
    edge: str
    ink: str
    banner: str
    alarm: str


DARK = Palette(
    ground="#121212", raised="#262626", text="#e4e4e4", strong="#ffffff", muted="#a8a8a8", amber="#ffaf5f",
    red="#ff8787", green="#87d787", blue="#87afff", yellow="#ffd75f", edge="#6c6c6c", ink="#121212",
    banner="#ffaf5f", alarm="#ff8787",
)  # fmt: skip
LIGHT = Palette(
    ground="#ffffff", raised="#e4e4e4", text="#1c1c1c", strong="#000000", muted="#4e4e4e", amber="#5f5f00",
    red="#870000", green="#005f00", blue="#00005f", yellow="#5f5f00", edge="#8a8a8a", ink="#ffffff",
    banner="#5f5f00", alarm="#870000",
)  # fmt: skip
CONTRAST = Palette(
    ground="#000000", raised="#000000", text="#ffffff", strong="#ffffff", muted="#ffffff", amber="#ffff00",
    red="#ffafaf", green="#afffaf", blue="#afffff", yellow="#ffff00", edge="#ffffff", ink="#000000",
    banner="#ffff00", alarm="#ffafaf",
)  # fmt: skip
THEMES = {"dark": DARK, "light": LIGHT, "contrast": CONTRAST}


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


def coloured(theme: Palette = DARK) -> Look:
    """The look on terminals with colour."""
    return Look(
        ground=Style(color=theme.text, bgcolor=theme.ground),
        raised=Style(color=theme.text, bgcolor=theme.raised),
        text=Style(color=theme.text),
        strong=Style(color=theme.strong, bold=True),
        muted=Style(color=theme.muted),
        edge=Style(color=theme.edge),
        edge_live=Style(color=theme.amber, bold=True),
        title=Style(color=theme.amber, bold=True),
        key=Style(color=theme.ink, bgcolor=theme.text, bold=True),
        key_off=Style(color=theme.muted),
        danger=Style(color=theme.strong, bold=True, underline=True),
        hidden=Style(color=theme.ink, bgcolor=theme.yellow, bold=True),
        banner=Style(color=theme.ink, bgcolor=theme.banner, bold=True),
        alarm=Style(color=theme.ink, bgcolor=theme.alarm, bold=True),
        allowed=Style(color=theme.green),
        refused=Style(color=theme.red, bold=True),
        asked=Style(color=theme.amber, bold=True),
        noted=Style(color=theme.blue),
        severities={
            Severity.LOW: Style(color=theme.green, bold=True),
            Severity.MEDIUM: Style(color=theme.yellow, bold=True),
            Severity.HIGH: Style(color=theme.red, bold=True),
            Severity.CRITICAL: Style(color=theme.ink, bgcolor=theme.alarm, bold=True),
        },
    )


def theme_for(background: tuple[int, int, int]) -> str:
    """dark or light, after the terminal's own background (0..255 each)."""
    red, green, blue = background
    return "light" if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else "dark"


def colourless(term: str) -> bool:
    """Whether terminals of this name show no colours: the VT family, and what terminfo calls `-m` or `-mono`."""
    return bool(_COLOURLESS.fullmatch(term))


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
