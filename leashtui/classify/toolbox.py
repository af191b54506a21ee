"""Finds the table of a program. Tables are TOML text packaged beside this file; each is decoded when first needed.

Knows how the files are cut into tools. Refuses to know what tables say. Invariant: all text is read once, when a
toolbox is built; later use touches no disk.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib import resources

import msgspec

from leashtui.classify.spec import Spec, SpecError

_CUT = re.compile(r"^\[\[tool\]\]\s*$", re.M)
_NAMES = re.compile(r"^names\s*=\s*\[(.*?)\]", re.M | re.S)
_NAME = re.compile(r'"([^"]+)"')
_VERSION = re.compile(r"(?:[-.]?\d+(?:\.\d+)*)?(?:\.(?:exe|py|sh|cmd|bat))?$")


@cache
def _texts() -> tuple[tuple[str, str], ...]:
    """(file name, text) of every packaged table."""
    folder = resources.files("leashtui.classify") / "tools"
    found = [(f.name, f.read_text("utf-8")) for f in folder.iterdir() if f.name.endswith(".toml")]
    return tuple(sorted(found))


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
        return msgspec.convert(tomllib.loads(chunk), Spec)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise SpecError(f"{file}: {error} in {chunk.strip().splitlines()[0]}") from error
