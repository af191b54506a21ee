"""Reads a Makefile as far as it takes to say which commands a target runs, and on which line each stands.

Knows rules, prerequisites, pattern rules and plain variables. Refuses functions, includes and conditions: what they
decide is left open, all branches count. Invariant: what is not known becomes a shell variable that nobody sets, so that
it is unknown to the evaluation too and never an empty text.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

from msgspec import Struct

from leashtui.classify.patterns import lazy

NAMES = ("GNUmakefile", "makefile", "Makefile")
_UNREAD = "${LEFT_OPEN_BY_MAKE}"
_TARGETS = 64
"""How many targets one run may come to."""
_ASSIGN = lazy(r"^(?:(?:export|override|private)\s+)*([\w.-]+)\s*(\?=|:{0,3}=|\+=|!=)\s*(.*)$", re.S)
_RULE = lazy(r"^([^:=#\t][^:=#]*?)\s*(::?|&:)(?!=)\s*(.*)$", re.S)
_DIRECTIVE = lazy(r"^\s*(?:-?include|sinclude|ifeq|ifneq|ifdef|ifndef|else|endif|vpath|unexport|undefine)\b")
_REFERENCE = lazy(r"\$(?:(\$)|\(([^()]*(?:\([^()]*\)[^()]*)*)\)|\{([^{}]*)\}|(.))", re.S)
_PLAIN = {"RM": "rm -f", "MAKE": "make", "CURDIR": ".", "SHELL": "/bin/sh", "CC": "cc", "CXX": "c++", "AR": "ar"}


class Rule(Struct):
    """needs: prerequisites. lines: (line from 1, recipe text), continued lines joined."""

    needs: list[str]
    lines: list[tuple[int, str]]


class Makefile:
    """A Makefile's rules and variables. given: variables set on the command line, which win."""

    def __init__(self, text: str, given: dict[str, str]) -> None:
        self.rules: dict[str, Rule] = {}
        self.first = ""
        self._values: dict[str, str] = dict(_PLAIN)
        self._given = given
        self._read(text)
        self._values.update(given)

    def recipes(self, targets: list[str]) -> list[tuple[int, str]]:
        """The commands that building `targets` ([]: the first one) may run, each with its line."""
        found: list[tuple[int, str]] = []
        waiting = list(targets) or ([self.first] if self.first else [])
        done: set[str] = set()
        while waiting and len(done) < _TARGETS:
            target = waiting.pop(0)
            rule, stem = self._rule(target)
            if target in done or rule is None:
                continue
            done.add(target)
            needs = [n.replace("%", stem) for n in self.expanded(" ".join(rule.needs), {}).split() if n != "|"]
            waiting[:0] = needs
            own = {"@": target, "<": needs[0] if needs else "", "^": " ".join(needs), "*": stem, "?": " ".join(needs)}
            for line, text in rule.lines:
                found.append((line, self.expanded(text.lstrip(" \t").lstrip("@-+").lstrip(), own)))
        return found

    def expanded(self, text: str, own: dict[str, str], depth: int = 0) -> str:
        """`text` with variables put in; what cannot be known is left open."""

        def one(match: re.Match[str]) -> str:
            dollar, round_, curly, char = match.groups()
            if dollar:
                return "$"
            name = (round_ or curly or char or "").strip()
            if name in own:
                return own[name]
            if depth > 8 or name not in self._values:
                return "$HOME" if name == "HOME" else _UNREAD
            return self.expanded(self._values[name], own, depth + 1)

        return _REFERENCE.sub(one, text) if "$" in text else text

    def _rule(self, target: str) -> tuple[Rule | None, str]:
        rule = self.rules.get(target)
        if rule is not None:
            return rule, ""
        for pattern, candidate in self.rules.items():
            if "%" in pattern and fnmatchcase(target, pattern.replace("[", "[[]").replace("%", "*")):
                head, _, tail = pattern.partition("%")
                return candidate, target[len(head) : len(target) - len(tail)]
        return None, ""

    def _read(self, text: str) -> None:
        current: list[Rule] = []
        defining = False
        for number, line in _logical(text):
            if defining or re.match(r"\s*define\b", line):
                defining = not re.match(r"\s*endef\b", line)
                continue
            if line.startswith("\t"):
                if current and line.strip() and not line.strip().startswith("#"):
                    for rule in current:
                        rule.lines.append((number, line))
                continue
            line = re.sub(r"(?<!\\)#.*", "", line)
            if not line.strip() or _DIRECTIVE.match(line):
                continue
            assign = _ASSIGN.match(line.strip())
            if assign is not None:
                self._assign(*assign.groups())
                continue
            found = _RULE.match(line)
            current = self._begin(number, found) if found is not None else []

    def _begin(self, number: int, found: re.Match[str]) -> list[Rule]:
        needs, _, inline = found.group(3).partition(";")
        if _ASSIGN.match(needs):  # a variable of this target only
            return []
        made = []
        for target in self.expanded(found.group(1), {}).split():
            rule = self.rules.setdefault(target, Rule([], []))
            rule.needs.extend(needs.split())
            if inline.strip():
                rule.lines.append((number, inline))
            made.append(rule)
            if not self.first and not target.startswith(".") and "%" not in target:
                self.first = target
        return made

    def _assign(self, name: str, op: str, value: str) -> None:
        if op == "?=" and (name in self._values and name not in _PLAIN):
            return
        if op == "!=":
            value = _UNREAD
        elif op == "+=":
            value = f"{self._values.get(name, '')} {value}".strip()
        if op == "?=" and not value.strip():
            value = _UNREAD
        self._values[name] = value.strip()


def _logical(text: str) -> list[tuple[int, str]]:
    """Lines with those that a backslash continues joined, each with the number of its first."""
    found: list[tuple[int, str]] = []
    open_ = False
    for number, line in enumerate(text.splitlines(), 1):
        if open_:
            first, before = found[-1]
            found[-1] = (first, before[:-1] + " " + line.lstrip())
        else:
            found.append((number, line))
        open_ = line.endswith("\\") and not line.endswith("\\\\")
    return found
