"""Finds the table of a program. Tables are TOML text packaged beside this file; each is decoded when first needed.

Knows how the files are cut into tools. Refuses to know what tables say. Invariant: all text is read once, when a
toolbox is built; later use touches no disk.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path

import msgspec
from msgspec.structs import replace

from leashtui.classify.patterns import lazy
from leashtui.classify.spec import Spec, SpecError

_CUT = lazy(r"^\[\[tool\]\]\s*$", re.M)
_NAMES = lazy(r"^names\s*=\s*\[(.*?)\]", re.M | re.S)
_NAME = lazy(r'"([^"]+)"')
_VERSION = lazy(r"(?:[-.]?\d+(?:\.\d+)*)?(?:\.(?:exe|py|sh|cmd|bat))?$")


@cache
def _texts() -> tuple[tuple[str, str], ...]:
    """(file name, text) of every packaged table."""
    folder = Path(__file__).parent / "tools"
    found = [(f.name, f.read_text("utf-8")) for f in folder.iterdir() if f.name.endswith(".toml")]
    return tuple(sorted(found))


@cache
def arity() -> dict[str, dict[str, frozenset[str]]]:
    """Long options that take a value by program and subcommand ('' none), as the completion package says."""
    text = (Path(__file__).parent / "arity.toml").read_text("utf-8")
    found: dict[str, dict[str, frozenset[str]]] = {}
    for path, options in tomllib.loads(text).items():
        program, _, sub = path.partition(" ")
        found.setdefault(program, {})[sub] = frozenset(options.split())
    return found


def _with_arity(spec: Spec) -> Spec:
    """A table with the options that it does not list itself; what it lists as a switch stays one."""
    known: dict[str, frozenset[str]] = {}
    for program in [n for n in spec.names if n in arity()]:
        for sub, options in arity()[program].items():
            known[sub] = known.get(sub, frozenset()) | options
    if not known:
        return spec
    commands = []
    for command in spec.commands:
        more = [known[p] for p in command.of.split(",") if p in known]
        commands.append(_taking(command, spec, frozenset().union(*more)) if more else command)
    made = replace(spec, commands=tuple(commands))
    return _taking(made, made, known[""]) if "" in known else made


def _taking(spec: Spec, whole: Spec, more: frozenset[str]) -> Spec:
    listed = {*spec.longs, *whole.longs}
    return replace(spec, values=" ".join([spec.values, *sorted(more - listed)]))


class Toolbox:
    """All tool tables. texts: (file name, TOML text); by default the packaged ones."""

    def __init__(self, texts: tuple[tuple[str, str], ...] | None = None) -> None:
        self._chunks: dict[str, tuple[str, str]] = {}
        self._specs: dict[str, Spec | None] = {}
        for file, text in _texts() if texts is None else texts:
            for chunk in _CUT.split(text)[1:]:
                found = _NAMES.search(chunk)
                if found is None:
                    raise SpecError(f"{file}: a tool without names")
                for name in _NAME.findall(found.group(1)):
                    if name in self._chunks:
                        raise SpecError(f"{file}: {name} has a table already, in {self._chunks[name][0]}")
                    self._chunks[name] = (file, chunk)

    def decode_all(self) -> None:
        """Decode every table now, so that no later command pays for one. Raises SpecError."""
        for name in self._chunks:
            self.find(name)

    def names(self) -> tuple[str, ...]:
        """Every program that has a table."""
        return tuple(sorted(self._chunks))

    def find(self, name: str) -> Spec | None:
        """The table of a program by its base name; a version (python3.12) or .exe is the same. Raises SpecError."""
        if name in self._specs:
            return self._specs[name]
        chunk = self._chunks.get(name) or self._chunks.get(_VERSION.sub("", name))
        spec = None if chunk is None else decode(*chunk)
        if len(self._specs) > 4096:
            self._specs.clear()
        self._specs[name] = spec
        return spec


@cache
def decode(file: str, chunk: str) -> Spec:
    """One tool's table. Raises SpecError naming the file and what does not fit."""
    try:
        return _with_arity(msgspec.convert(tomllib.loads(chunk), Spec))
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise SpecError(f"{file}: {error} in {chunk.strip().splitlines()[0]}") from error
