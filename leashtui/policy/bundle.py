"""A whole set of policies: read, guarded, parsed, checked against the schema, and named `layer/id`.

Knows every layer's policies and the digest of their text. Refuses to decide. cedarpy recurses as deep as policy text
nests; the limits of `syntax` are checked before it sees any text, and callers that hold the listener load through
`supervisor.policyload`, which gives the parser a stack of its own (this floor starts no threads). Invariant: a bundle
exists only when every file of it is good; there is no half-loaded set.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from cedarpy import PolicySet, pst
from msgspec import Struct

from leashtui.model.errors import PolicyError
from leashtui.policy import sources
from leashtui.policy.annotations import Refused, understand
from leashtui.policy.entities import FACTS
from leashtui.policy.locate import locate_complaint, locate_parse_error
from leashtui.policy.outside import Kind, declare
from leashtui.policy.policy import Policy
from leashtui.policy.schema import FILE as SCHEMA_FILE
from leashtui.policy.schema import Schema
from leashtui.policy.sources import Source
from leashtui.policy.syntax import Flaw, Statement, Text, read_text, statements, tokenise
from leashtui.policy.vocabulary import strange_words

POLICIES = 4096
"""Most policies of a set: each costs every session's start."""


class Bundle(Struct, frozen=True):
    """All loaded policies, in load order. digest: sha256 over layers and bytes of all files, 12 hex digits."""

    policies: tuple[Policy, ...]
    digest: str
    schema: Schema

    def find(self, name: str) -> Policy | None:
        """The policy called `layer/id`."""
        return next((p for p in self.policies if p.name == name), None)


def builtin_dir() -> Path:
    """The shipped policies: `leashtui/policies` in an installed package, `policies` beside it in a source checkout.

    Raises PolicyError when neither is there.
    """
    package = Path(__file__).resolve().parent.parent
    for place in (package / "policies", package.parent / "policies"):
        if (place / SCHEMA_FILE).is_file():
            return place
    raise PolicyError(f"leash's own policies are missing beside {package}", "reinstall leashtui")


def load_schema(outside: Mapping[str, Kind] | None = None) -> Schema:
    """The shipped schema. outside: the facts that are declared beside it. Raises Flaw when it does not parse."""
    path = builtin_dir() / SCHEMA_FILE
    return Schema(declare(sources.read_file(path).decode(), outside or {}), str(path))


def load(layers: Sequence[tuple[str, Path]], *, trusted: frozenset[str] = frozenset()) -> Bundle:
    """Read and build (layer, directory or file) pairs; a path that does not exist holds no policies.

    trusted: sha256 hex digests of the project files whose permits count. Raises Flaw (a PolicyError) for the first
    thing that is wrong, with file, line, column and remedy.
    """
    return build(sources.read(layers), load_schema(), trusted=trusted)


def build(found: Sequence[Source], schema: Schema, *, trusted: frozenset[str] = frozenset()) -> Bundle:
    """A bundle of sources that were already read. Raises Flaw as `load` does."""
    policies: list[Policy] = []
    flaws = check(found, schema, policies, trusted)
    if flaws:
        first, more = flaws[0], len(flaws) - 1
        if more:
            hint = f"{first.hint} ({more} more: run `leash policy check`)"
            raise Flaw(first.file, first.line, first.column, first.what, hint)
        raise first
    total = hashlib.sha256()
    for one in found:
        total.update(f"{one.layer}\0{len(one.raw)}\0".encode() + one.raw)
    return Bundle(tuple(policies), total.hexdigest()[:12], schema)


def check(
    found: Sequence[Source],
    schema: Schema,
    policies: list[Policy] | None = None,
    trusted: frozenset[str] = frozenset(),
) -> list[Flaw]:
    """Everything that is wrong in these sources, in order. Good policies are appended to `policies`."""
    good: list[Policy] = [] if policies is None else policies
    flaws: list[Flaw] = []
    seen: dict[str, Policy] = {}
    for one in found:
        try:
            loaded, wrong = _parse(one, schema)
        except Flaw as flaw:
            flaws.append(flaw)
            continue
        if len(seen) + len(loaded) > POLICIES:
            flaws.append(Flaw(one.file, 0, 0, f"more than {POLICIES:,} policies together", "take some of them out"))
            return flaws
        flaws.extend(wrong)
        for policy, column in loaded:
            earlier = seen.setdefault(policy.name, policy)
            if earlier is not policy:
                where = f"{earlier.file}:{earlier.line}"
                flaws.append(
                    Flaw(
                        policy.file,
                        policy.line,
                        column,
                        f'@id("{policy.meta.id}") is already used at {where}',
                        "give this policy an id of its own",
                    )
                )
            elif not policy.permits or one.layer != "project" or one.digest in trusted:
                good.append(policy)
    return flaws


def _parse(one: Source, schema: Schema) -> tuple[list[tuple[Policy, int]], list[Flaw]]:
    """One file's policies with their columns, and what is wrong with single ones. Raises Flaw for the whole file."""
    text, parts, nodes = read_nodes(one)
    flaws: list[Flaw] = []
    loaded: list[tuple[Policy, int]] = []
    for part, node in zip(parts, nodes, strict=True):
        try:
            loaded.append(_policy(one, text, part, node))
        except Flaw as flaw:
            flaws.append(flaw)
    if not flaws and parts:
        for index, what in schema.complaints(text.text):
            flaws.append(locate_complaint(text, parts[index], what, FACTS))
    return loaded, flaws


def read_statements(one: Source, name: Callable[[int], str]) -> list[tuple[Policy, int]]:
    """One file's policies with their columns, without any schema. name: what the policy at a place is called that has
    no @id.

    Raises Flaw for the first thing that is wrong.
    """
    text, parts, nodes = read_nodes(one)
    return [
        _policy(one, text, part, node, name(number))
        for number, (part, node) in enumerate(zip(parts, nodes, strict=True))
    ]


def read_nodes(one: Source) -> tuple[Text, list[Statement], list[pst.Template]]:
    """A file's text, its statements and the engine's reading of each. Raises Flaw: a limit, or it does not parse."""
    text = read_text(one.file, one.raw)
    parts = statements(text, tokenise(text))
    for part in parts:
        _refuse_repeated(text, part)
    return text, parts, _nodes(text, parts)


def _refuse_repeated(text: Text, part: Statement) -> None:
    seen: set[str] = set()
    for name, token in part.annotations():
        if name in seen:
            raise text.flaw(token.start, f"@{name} is given twice", "remove one of them")
        seen.add(name)


def _nodes(text: Text, parts: Sequence[Statement]) -> list[pst.Template]:
    """The engine's reading of a file, one node a statement, in order."""
    try:
        read = PolicySet.from_str(text.text).to_pst()
    except ValueError as error:
        raise locate_parse_error(text, parts, str(error)) from error
    if read.templates:
        number = min(int(name.removeprefix("policy")) for name in read.templates)
        slot = next(t for t in parts[number].tokens if t.text == "?")
        raise text.flaw(slot.start, "templates are not supported", "name the principal or resource itself")
    nodes = [read.static_policies.get(f"policy{n}") for n in range(len(parts))]
    found = [node for node in nodes if node is not None]
    if len(found) != len(parts) or len(read.static_policies) != len(parts):
        raise Flaw(text.file, 0, 0, "leash and Cedar disagree on where policies end", "simplify the comments")
    return found


def _policy(one: Source, text: Text, part: Statement, node: pst.Template, unnamed: str = "") -> tuple[Policy, int]:
    line, column = text.place(part.start)
    try:
        meta = understand(node.effect, ({"id": unnamed} if unnamed else {}) | dict(node.annotations))
    except Refused as refused:
        at = next((token for name, token in part.annotations() if name == refused.name), part.tokens[0])
        raise text.flaw(at.start, refused.what, refused.hint) from refused
    for fact, word, near in () if unnamed else strange_words(node):
        said = next((t for t in part.tokens if t.kind == "string" and t.text[1:-1] == word), part.tokens[0])
        hint = f"did you mean {near}?" if near else "see leash.cedarschema for the words of this fact"
        raise text.flaw(said.start, f'context.{fact} is never "{word}", so this could never match', hint)
    name = f"{one.layer}/{meta.id}"
    as_permit = replace(node, id=name, effect="permit", annotations=pst.FrozenMap())
    permits = node.effect == "permit"
    return Policy(name, one.layer, permits, meta, as_permit, one.file, line), column
