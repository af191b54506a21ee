"""Facts from outside leash, as a policy may read them: declared with a type, absent when they could not be had.

Knows the types and how a text becomes a value of one. Refuses to read anything itself. Invariant: `context.outside`
holds exactly the declared names that were read; a policy that needs another errs, and an error denies.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from leashtui.policy.entities import MEMBERS, cap

LARGEST = 2**63 - 1


class Kind(StrEnum):
    """What a fact from outside is."""

    BOOL = "bool"
    STRING = "string"
    NUMBER = "number"
    SET = "set"  # one member a line


_TYPES = {Kind.BOOL: "Bool", Kind.STRING: "String", Kind.NUMBER: "Long", Kind.SET: "Set<String>"}
_EMPTY = "  outside: {},\n"


def declare(schema: str, kinds: Mapping[str, Kind]) -> str:
    """The schema's text with these facts in `context.outside`."""
    fields = "".join(f"    {name}: {_TYPES[kind]},\n" for name, kind in sorted(kinds.items()))
    return schema.replace(_EMPTY, f"  outside: {{\n{fields}  }},\n") if fields else schema


def typed(kind: Kind, text: str) -> bool | int | str | tuple[str, ...] | None:
    """What a command printed or a file holds, as a value; None when it is no such value."""
    said = text.strip()
    if kind is Kind.BOOL:
        return {"true": True, "false": False}.get(said)
    if kind is Kind.NUMBER:
        digits = said.removeprefix("-")
        fits = digits.isascii() and digits.isdigit() and len(digits) < 20
        return int(said) if fits and abs(int(said)) <= LARGEST else None
    if kind is Kind.STRING:
        return cap(said)
    lines = sorted({cap(line.strip()) for line in said.splitlines() if line.strip()})
    return tuple(lines) if len(lines) <= MEMBERS else None
