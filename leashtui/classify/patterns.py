"""Regular expressions that are compiled when first used, so that importing the classifier costs little.

Knows nothing of what they say. Invariant: a pattern from here behaves as `re.compile` would give it, and `compile_all`
leaves nothing to be compiled while a command waits.
"""

from __future__ import annotations

import re
from typing import Any, cast

_METHODS = ("match", "search", "fullmatch", "sub", "subn", "findall", "finditer", "split", "pattern")
_waiting: list[_Lazy] = []


class _Lazy:
    """Stands for a pattern; its methods are those of the compiled one from their first use on."""

    def __init__(self, text: str, flags: int) -> None:
        self._text = text
        self._flags = flags
        _waiting.append(self)

    def __getattr__(self, name: str) -> Any:
        compiled = re.compile(self._text, self._flags)
        for method in _METHODS:
            setattr(self, method, getattr(compiled, method))
        return getattr(compiled, name)


def lazy(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """What `re.compile` gives, compiled when it is first used. Raises re.error then."""
    return cast("re.Pattern[str]", _Lazy(pattern, flags))


def compile_all() -> None:
    """Compile every pattern that is still waiting."""
    while compile_some(len(_waiting)):
        pass


def compile_some(most: int) -> bool:
    """Compile up to `most` of the patterns that are still waiting; returns whether more wait."""
    for _ in range(min(most, len(_waiting))):
        _waiting.pop().match  # noqa: B018 - looking at it compiles it
    return bool(_waiting)
