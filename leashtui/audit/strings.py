"""Every free string inside a frozen Struct: gathered for a look, or rebuilt through a function.

Knows the types of the nouns, read once from their annotations. Refuses to know what the strings mean. Invariants:
what `gather` shows is exactly what `rebuild` changes, so nothing can be seen and not masked; closed sets (enums, the
kind of an event), numbers and booleans are left alone, so a rebuilt Struct has the same shape.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any

import msgspec
from msgspec import inspect

Change = Callable[[str], str]
Gather = Callable[[Any, list[str]], None]
Rebuild = Callable[[Any, Change], Any]


class Strings:
    """The strings of Structs. One instance keeps what it learned about the types it met."""

    def __init__(self) -> None:
        self._plans: dict[type, tuple[Gather, Rebuild]] = {}

    def gather(self, value: msgspec.Struct) -> list[str]:
        """All free strings of `value`, in the order of its fields."""
        found: list[str] = []
        self._plan(type(value))[0](value, found)
        return found

    def rebuild(self, value: Any, change: Change) -> Any:
        """A copy of `value` with every free string passed through `change`."""
        return self._plan(type(value))[1](value, change)

    def _plan(self, cls: type) -> tuple[Gather, Rebuild]:
        found = self._plans.get(cls)
        if found is None:
            found = self._plans[cls] = self._learn(cls)
        return found

    def _learn(self, cls: type) -> tuple[Gather, Rebuild]:
        info = inspect.type_info(cls)
        if not isinstance(info, inspect.StructType):
            return _nothing, _same
        plain = [f.name for f in info.fields if isinstance(f.type, inspect.StrType)]
        nested = [(f.name, f.type) for f in info.fields if not isinstance(f.type, inspect.StrType) and _holds(f.type)]
        parts = [(attrgetter(name), self._gatherer(kind)) for name, kind in nested]
        every = attrgetter(*plain) if len(plain) > 1 else None
        single = attrgetter(plain[0]) if len(plain) == 1 else None

        def gather(value: Any, found: list[str]) -> None:
            if every is not None:
                found.extend(every(value))
            elif single is not None:
                found.append(single(value))
            for get, inner in parts:
                part = get(value)
                if part:
                    inner(part, found)

        def rebuild(value: Any, change: Change) -> Any:
            changed: dict[str, Any] = {name: change(getattr(value, name)) for name in plain}
            for name, _ in nested:
                changed[name] = self._any(getattr(value, name), change)
            return msgspec.structs.replace(value, **changed)

        return gather, rebuild

    def _gatherer(self, kind: inspect.Type) -> Gather:
        """How to gather from a truthy value of this type."""
        if isinstance(kind, inspect.VarTupleType | inspect.ListType):
            if isinstance(kind.item_type, inspect.StrType):
                return _extend
            inner = self._gatherer(kind.item_type)

            def each(value: Any, found: list[str]) -> None:
                for item in value:
                    inner(item, found)

            return each
        if isinstance(kind, inspect.StructType):

            def struct(value: Any, found: list[str]) -> None:
                self._plan(type(value))[0](value, found)

            return struct
        return self._look

    def _look(self, value: Any, found: list[str]) -> None:
        """Gather from a value whose type does not say enough (unions, pairs, maps)."""
        if type(value) is str:
            found.append(value)
        elif isinstance(value, msgspec.Struct):
            self._plan(type(value))[0](value, found)
        elif isinstance(value, tuple | list):
            for item in value:
                self._look(item, found)
        elif isinstance(value, dict):
            for key, item in value.items():
                self._look(key, found)
                self._look(item, found)

    def _any(self, value: Any, change: Change) -> Any:
        if type(value) is str:
            return change(value)
        if isinstance(value, msgspec.Struct):
            return self.rebuild(value, change)
        if isinstance(value, tuple):
            return tuple(self._any(item, change) for item in value)
        if isinstance(value, list):
            return [self._any(item, change) for item in value]
        if isinstance(value, dict):
            return {self._any(k, change): self._any(v, change) for k, v in value.items()}
        return value


def _extend(value: Any, found: list[str]) -> None:
    found.extend(value)


def _nothing(value: Any, found: list[str]) -> None:
    return None


def _same(value: Any, change: Change) -> Any:
    return value


def _holds(kind: inspect.Type) -> bool:
    """Whether values of this type may hold free strings."""
    scalar = inspect.EnumType | inspect.IntType | inspect.BoolType | inspect.FloatType | inspect.NoneType
    if isinstance(kind, inspect.UnionType):
        return any(_holds(k) for k in kind.types)
    if isinstance(kind, inspect.VarTupleType | inspect.ListType):
        return _holds(kind.item_type)
    return not isinstance(kind, scalar)
