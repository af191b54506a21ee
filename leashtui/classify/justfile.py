"""Reads a justfile as far as it takes to say which commands a recipe runs, and on which line each stands.

Knows recipes, dependencies, aliases, plain variables and backticks. Refuses settings that choose another shell, imports
and modules. Invariant: what is not known becomes a shell variable that nobody sets, and what is not read is said.
"""

from __future__ import annotations

import re

from msgspec import Struct

from leashtui.classify.patterns import lazy

NAMES = ("justfile", "Justfile", ".justfile")
_OPEN = "${LEFT_OPEN_BY_JUST}"
_MOST = 64
_RECIPE = lazy(r"^@?([A-Za-z_][\w-]*)((?:\s+[^:=]*)?(?:=[^:]*)?)\s*:(?!=)\s*(.*)$")
_ASSIGN = lazy(r"^(?:export\s+)?([A-Za-z_][\w-]*)\s*:=\s*(.*)$")
_ALIAS = lazy(r"^alias\s+([\w-]+)\s*:=\s*([\w-]+)")
_TEXT = lazy(r"^(?:\"([^\"]*)\"|'([^']*)')$")
_HOLE = lazy(r"\{\{\s*(.*?)\s*\}\}")
_FOREIGN = lazy(
    r"^(?:import|mod)\??\s|^set\s+(?:shell|windows-shell)\s*:=\s*\[\s*[\"'](?!(?:/bin/|/usr/bin/)?(?:ba|da|z)?sh[\"'])"
)
_ELSEWHERE = lazy(r"^set\s+(?:working-directory)\b")


class Recipe(Struct):
    """needs: other recipes. lines: (line from 1, text). script: the interpreter of a `#!` line, '' for the shell."""

    needs: list[str]
    lines: list[tuple[int, str]]
    script: str = ""


class Justfile:
    """The recipes of a justfile. foreign: whether it takes in other files or another shell."""

    def __init__(self, text: str) -> None:
        self.recipes: dict[str, Recipe] = {}
        self.first = ""
        self.foreign = False
        self.backticks: list[tuple[int, str]] = []
        self._values: dict[str, str] = {}
        self._aliases: dict[str, str] = {}
        self._read(text)

    def known(self) -> set[str]:
        """Names that can be asked for."""
        return {*self.recipes, *self._aliases}

    def commands(self, names: list[str]) -> tuple[list[tuple[int, str]], bool]:
        """What `just NAMES` ([]: the first recipe) runs, each with its line, and whether all of it was found."""
        found = list(self.backticks)
        waiting = list(names) or ([self.first] if self.first else [])
        done: set[str] = set()
        whole = not self.foreign
        while waiting and len(done) < _MOST:
            name = self._aliases.get(waiting[0], waiting[0])
            waiting.pop(0)
            recipe = self.recipes.get(name)
            if name in done or recipe is None:
                continue
            done.add(name)
            waiting[:0] = recipe.needs
            if recipe.script and not re.search(r"(?:^|/|\s)(?:ba|da|k|z)?sh\b", recipe.script):
                whole = False
            elif recipe.script:
                found.append((recipe.lines[0][0], "\n".join(self._filled(t) for _, t in recipe.lines)))
            else:
                found.extend((n, self._filled(t.lstrip("@-+ \t"))) for n, t in recipe.lines)
        return found, whole

    def _filled(self, text: str) -> str:
        return _HOLE.sub(lambda m: self._values.get(m[1], _OPEN), text) if "{{" in text else text

    def _read(self, text: str) -> None:
        current: Recipe | None = None
        for number, line in _joined(text):
            if line[:1] in (" ", "\t") and current is not None:
                self._line(current, number, line)
                continue
            if not line.strip() or line.startswith("#"):
                continue
            current = self._top(number, line)

    @staticmethod
    def _line(recipe: Recipe, number: int, line: str) -> None:
        text = line.strip()
        if not recipe.lines and text.startswith("#!"):
            recipe.script = text
            recipe.lines.append((number + 1, ""))
        elif recipe.script:
            recipe.lines.append((number, line))
        elif text and not text.startswith("#"):
            recipe.lines.append((number, text))

    def _top(self, number: int, line: str) -> Recipe | None:
        if _FOREIGN.match(line) or _ELSEWHERE.match(line):
            self.foreign = True
            return None
        alias = _ALIAS.match(line)
        if alias is not None:
            self._aliases[alias[1]] = alias[2]
            return None
        assign = _ASSIGN.match(line)
        if assign is not None:
            self._assign(number, assign[1], assign[2].strip())
            return None
        found = _RECIPE.match(line)
        if found is None or line.startswith("["):
            return None
        recipe = self.recipes[found[1]] = Recipe(re.findall(r"(?<![\w\"'=])[A-Za-z_][\w-]*", _bare(found[3])), [])
        self.first = self.first or (found[1] if not found[1].startswith("_") else "")
        return recipe

    def _assign(self, number: int, name: str, value: str) -> None:
        plain = _TEXT.match(value)
        if plain is not None:
            self._values[name] = plain[1] if plain[1] is not None else plain[2]
        for command in re.findall(r"`([^`]+)`", value):
            self.backticks.append((number, command))


def _bare(text: str) -> str:
    """Dependencies without the arguments they are given."""
    return re.sub(r"\"[^\"]*\"|'[^']*'|#.*", "", text)


def _joined(text: str) -> list[tuple[int, str]]:
    """Lines with those that a backslash continues joined, each with the number of its first."""
    found: list[tuple[int, str]] = []
    goes_on = False
    for number, line in enumerate(text.splitlines(), 1):
        if goes_on:
            found[-1] = (found[-1][0], found[-1][1][:-1] + " " + line.lstrip())
        else:
            found.append((number, line))
        goes_on = line.endswith("\\")
    return found
