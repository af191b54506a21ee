"""Whether a new text of an agent's settings says nothing new but what the agent finds out and keeps by itself.

Knows TOML and JSON as tables of keys. Refuses to know any agent's keys and to read files. Invariant: a text that cannot
be read, or that differs in one key that is not named, is never taken for harmless.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from typing import Any

from leashtui.agents.servers import parsed


def only_settles(name: str, before: str, after: str, pattern: str) -> bool:
    """Whether the two texts of the file `name` differ in lines `dotted.key=JSON` alone that match the pattern whole."""
    try:
        old, new = (set(_lines(_read(name, text))) for text in (before, after))
    except (ValueError, RecursionError):
        return False
    return all(re.fullmatch(pattern, line, re.S) for line in old ^ new)


def _read(name: str, text: str) -> Any:
    if name.endswith(".toml"):
        return tomllib.loads(text)
    return parsed(text.encode()) if text.strip() else {}


def _lines(document: Any, above: str = "") -> Iterator[str]:
    """Every key with its value; a list is one value."""
    if not isinstance(document, dict):
        yield f"{above}={json.dumps(document, default=str)}"
        return
    for key, value in document.items():
        yield from _lines(value, f"{above}.{key}" if above else str(key))
