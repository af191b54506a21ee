"""Policy text in one layout: the engine's own formatter behind the same limits as every other reading.

Knows text in and text out. Refuses to write. Invariant: the result parses to the same policies, or it is an error.
"""

from __future__ import annotations

import cedarpy

from leashtui.policy.bundle import read_nodes
from leashtui.policy.sources import Source, source
from leashtui.policy.syntax import Flaw

WIDTH = 120
"""Longest line, where it can be had."""


def lay_out(one: Source) -> str:
    """The file in one layout. Raises Flaw when it does not parse, or cannot be laid out without changing it."""
    text, parts, before = read_nodes(one)
    if not parts:
        return text.text
    try:
        made = cedarpy.format_policies(text.text, line_width=WIDTH, indent_width=2).rstrip("\n") + "\n"
    except ValueError as error:
        raise Flaw(one.file, 0, 0, f"cannot be laid out: {error}", "leave it as it is, and report it") from error
    _, _, after = read_nodes(source(one.layer, one.file, made.encode()))
    if after != before:
        raise Flaw(one.file, 0, 0, "the layout would change what it says", "leave it as it is, and report it")
    return made
