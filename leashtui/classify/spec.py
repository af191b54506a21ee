"""The shape of a tool table: what a TOML file under `tools/` may say about a program, checked when it is read.

Nouns and their small look-ups. Refuses to evaluate. Invariant: an unknown key or verb in a table is an error when the
table is first used and in the tests, never a rule that silently does nothing.
"""

from __future__ import annotations

from functools import cached_property

from msgspec import Struct

from leashtui.classify.ledger import SIGNS
from leashtui.model.facts import Place, Verb


class SpecError(ValueError):
    """A table says something that has no meaning."""


class Deed(Struct, frozen=True):
    """One entry of `do`: a verb with how bad it is, or a warning sign."""

    verb: Verb | None
    sign: str
    place: Place
    lost: bool  # cannot be undone
    fatal: bool  # destroys the machine


_DEEDS: dict[str, Deed] = {}


def deed(text: str) -> Deed:
    """Reads `verb`, `verb!` (cannot be undone), `verb!!` (fatal), `verb:place` or `+sign`. Raises SpecError."""
    found = _DEEDS.get(text)
    if found is None:
        found = _DEEDS[text] = _read_deed(text)
    return found


def _read_deed(text: str) -> Deed:
    if text.startswith("+"):
        if text[1:] not in SIGNS:
            raise SpecError(f"there is no sign {text!r}")
        return Deed(None, text[1:], Place.NONE, lost=False, fatal=False)
    name = text.rstrip("!")
    marks = len(text) - len(name)
    verb, _, place = name.partition(":")
    try:
        return Deed(Verb(verb), "", Place(place), lost=marks > 0, fatal=marks > 1)
    except ValueError as error:
        raise SpecError(f"{text!r}: {error}") from error


class Rule(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Something more that holds in a certain case.

    when: any of these options; every: all of them; unless: none of them. arg: some positional matches one of these
    globs (case does not count); first: the first one does. least, most: how many positionals. stop: nothing else of
    the table counts.
    """

    when: str = ""
    every: str = ""
    unless: str = ""
    arg: str = ""
    first: str = ""
    value: str = ""
    least: int = 0
    most: int = 99
    piped: bool | None = None
    do: tuple[str, ...] = ()
    say: str = ""
    args: str = ""
    stop: bool = False


class Spec(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, dict=True):
    """A program or one subcommand of it; see tools/README.md for every key."""

    names: tuple[str, ...] = ()
    of: str = ""
    about: str = ""
    values: str = ""
    flags: str = ""
    roles: dict[str, str] = {}
    args: str = ""
    do: tuple[str, ...] = ()
    say: str = ""
    target: str = ""
    rules: tuple[Rule, ...] = ()
    commands: tuple[Spec, ...] = ()
    unknown: str = ""
    bare: tuple[str, ...] = ()
    handler: str = ""
    output: str = ""
    reaches: bool = False
    stops: str = ""
    dry: str = ""
    inert: str = ""
    recursive: str = ""
    style: str = ""
    posix: bool = False
    enders: str = ""
    hit: tuple[tuple[str, str], ...] = ()
    miss: tuple[str, ...] = ()

    @cached_property
    def takes(self) -> frozenset[str]:
        """Options that take a value."""
        return frozenset(self.values.split()) | frozenset(k for k in self.roles if k.startswith("-"))

    @cached_property
    def changes_clouds(self) -> bool:
        """Whether some subcommand changes what others run."""
        return any(d.startswith("cloud_change") for c in self.commands for d in c.do)

    @cached_property
    def every_takes(self) -> frozenset[str]:
        """Options that take a value, those of all subcommands too."""
        return self.takes.union(*(c.takes for c in self.commands))

    @cached_property
    def longs(self) -> tuple[str, ...]:
        """Known long options, for abbreviations."""
        known = {*self.takes, *self.flags.split(), *self.dry.split(), *self.recursive.split(), *self.inert.split()}
        for rule in self.rules:
            known.update(rule.when.split(), rule.every.split(), rule.unless.split())
        return tuple(sorted(k for k in known if k.startswith("--")))

    @cached_property
    def ends(self) -> frozenset[str]:
        """Options after whose value only arguments follow."""
        return frozenset(self.enders.split())

    @cached_property
    def patterns(self) -> tuple[tuple[tuple[str, ...], Spec], ...]:
        """Subcommand patterns, longest first within the order of the table."""
        found = [(tuple(p.split()), c) for c in self.commands for p in c.of.split(",")]
        return tuple(sorted(found, key=lambda pair: (-len(pair[0]), any("*" in w for w in pair[0]))))

    @cached_property
    def by_first(self) -> dict[str, tuple[tuple[tuple[str, ...], Spec], ...]]:
        """The same patterns by the first word they fit, in their order; '*' for a first word that none names."""
        firsts = {p[0] for p, _ in self.patterns if "*" not in p[0]}
        return {
            first: tuple((p, c) for p, c in self.patterns if p[0] == first or "*" in p[0]) for first in (*firsts, "*")
        }

    @cached_property
    def positions(self) -> tuple[tuple[str, ...], str, tuple[str, ...]]:
        """Roles of positionals: those at the start, the one that repeats, those at the end."""
        return positions(self.args)

    @cached_property
    def dries(self) -> frozenset[str]:
        """Options that turn the command into a rehearsal."""
        return frozenset(self.dry.split())

    @cached_property
    def deep(self) -> frozenset[str]:
        """Options that make it work on whole folders."""
        return frozenset(self.recursive.split())


def positions(args: str) -> tuple[tuple[str, ...], str, tuple[str, ...]]:
    """`'text read... write'` as (('text',), 'read', ('write',))."""
    head: list[str] = []
    tail: list[str] = []
    repeat = ""
    for token in args.split():
        if token.endswith("..."):
            repeat = token[:-3]
        elif repeat:
            tail.append(token)
        else:
            head.append(token)
    return tuple(head), repeat, tuple(tail)


class Table(Struct, frozen=True, forbid_unknown_fields=True):
    """One TOML file."""

    tool: tuple[Spec, ...]
