"""Splits a program's words into options, their values and positionals, by what its table says. Pure.

Knows GNU, single-dash and POSIX styles, clusters and unambiguous abbreviations. Invariant: every word after the
program ends up in exactly one place, in order.
"""

from __future__ import annotations

from leashtui.classify.spec import Spec
from leashtui.classify.values import Word


class Options:
    """given: option names; values: (option, value) in order; args: positionals; rest: index where the tail begins."""

    __slots__ = ("args", "given", "order", "rest", "values")

    def __init__(self) -> None:
        self.given: set[str] = set()
        self.values: list[tuple[str, Word]] = []
        self.args: list[Word] = []
        self.order: list[str] = []
        self.rest = 0

    def has(self, *names: str) -> bool:
        """Whether any of these options was given."""
        return any(n in self.given for n in names)

    def all(self, *names: str) -> list[Word]:
        """The values of these options, in order."""
        return [v for n, v in self.values if n in names]

    def last(self, *names: str) -> Word | None:
        """The last value of these options."""
        found = self.all(*names)
        return found[-1] if found else None


def split(words: list[Word], spec: Spec, command: Spec | None = None, limit: int = 99) -> Options:
    """The options of `words` (without the program). command: the subcommand whose options count too.

    limit: after so many positionals of a `posix` table everything is positional.
    """
    found = Options()
    takes = spec.takes if command is None else spec.takes | command.takes
    ends = spec.ends if command is None else spec.ends | command.ends
    posix = spec.posix if command is None else command.posix
    style = spec.style
    at, size = 0, len(words)
    while at < size:
        word = words[at]
        at += 1
        if word == "--":
            found.order.append("--")
            found.args.extend(words[at:])
            break
        if len(word) < 2 or word[0] != "-":
            if style == "plus" and word[:1] == "+" and len(word) > 1:
                found.given.add(str(word))
                continue
            found.args.append(word)
            if posix and len(found.args) >= limit:
                found.args.extend(words[at:])
                break
            continue
        if word[1] == "-" or style == "single":
            name, sign, value = word.partition("=")
            name = _whole(name, spec, command)
            found.given.add(name)
            found.order.append(name)
            if sign:
                found.values.append((name, Word(value, word.taint)))
            elif name in takes and at < size:
                found.values.append((name, words[at]))
                at += 1
            if name in ends:
                found.args.extend(words[at:])
                break
            continue
        at, ended = _cluster(word, words, at, takes, ends, found, 2 if style == "joined" else len(word))
        if ended:
            found.args.extend(words[at:])
            break
    return found


def _cluster(
    word: Word, words: list[Word], at: int, takes: frozenset[str], ends: frozenset[str], found: Options, letters: int
) -> tuple[int, bool]:
    """`-rf`, `-ofile`, `-o file`; also `-name` where a table knows it whole. letters: how many may be options, the dash
    counted. Gives where to go on."""
    whole = word.partition("=")[0]
    if whole in takes and len(whole) > 2:
        found.given.add(whole)
        found.order.append(whole)
        if whole != word:
            found.values.append((whole, Word(word[len(whole) + 1 :], word.taint)))
        elif at < len(words):
            found.values.append((whole, words[at]))
            at += 1
        return at, whole in ends
    found.given.add(str(word))
    ended = False
    for index in range(1, min(letters, len(word))):
        name = "-" + word[index]
        found.given.add(name)
        found.order.append(name)
        ended = ended or name in ends
        if name in takes:
            rest = word[index + 1 :]
            if rest:
                found.values.append((name, Word(rest.removeprefix("="), word.taint)))
            elif at < len(words):
                found.values.append((name, words[at]))
                at += 1
            break
    return at, ended


def _whole(name: str, spec: Spec, command: Spec | None) -> str:
    """The full name of an abbreviated long option, when it can mean only one."""
    longs = spec.longs if command is None else (*spec.longs, *command.longs)
    if name in longs or len(name) < 4 or spec.style == "single":
        return str(name)
    fitting = sorted((n for n in longs if n.startswith(name)), key=len)
    if fitting and all(n.startswith(fitting[0]) for n in fitting):
        return fitting[0]  # tables list more than one subcommand has: --force and --force-with-lease
    return str(name)
