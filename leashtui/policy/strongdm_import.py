"""What a StrongDM Leash file comes to: each statement, their reading, ours, and a warning where the two differ.

Knows the warnings their own linter gives and those it should. Refuses to print and to read files. Invariant: a
statement that cannot be carried over exactly is imported stricter, never wider, and says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

import msgspec
from cedarpy import PolicySet, pst
from msgspec import Struct

from leashtui.model.facts import Severity
from leashtui.model.verdict import Outcome
from leashtui.policy import names
from leashtui.policy.annotations import Answer as Effect
from leashtui.policy.annotations import Meta
from leashtui.policy.bundle import read_nodes
from leashtui.policy.entities import FACTS, Entity, Uid
from leashtui.policy.names import type_of
from leashtui.policy.policy import Policy
from leashtui.policy.schema import Schema
from leashtui.policy.sources import Source
from leashtui.policy.standalone import Answer, Question, Standalone
from leashtui.policy.strongdm import (
    ACTIONS,
    LONGEST,
    Mode,
    Rewrite,
    actions,
    canonical,
    places,
    strange_facts,
    walk,
    whole_servers,
)
from leashtui.policy.syntax import Flaw

_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,50}")
_FITS = {
    **dict.fromkeys(("FileOpen", "FileOpenReadOnly", "FileOpenReadWrite", "ProcessExec"), ("File", "Dir")),
    **dict.fromkeys(("NetworkConnect", "HttpRewrite"), (*names.HOSTS, "Net::DnsZone")),
    "McpCall": ("MCP::Server", "MCP::Tool"),
}
_KINDS = frozenset({"File", "Command", "Host", "MCP::Tool", "MCP::Server"})
"""What a resource here can be by itself; a Dir only holds some."""
_WORDS = {
    "FileOpen": "file.open",
    "FileOpenReadOnly": "file.open:ro",
    "FileOpenReadWrite": "file.open:rw",
    "ProcessExec": "proc.exec",
    "NetworkConnect": "net.send",
    "HttpRewrite": "http.rewrite",
    "McpCall": "mcp.call",
}
SAYS = {
    "unsupported_principal": "Leash ignores who asks; here a permit is for that agent kind, a forbid for all",
    "missing_action": "no action is named: Leash refuses this; here it holds for every action",
    "unsupported_action_id": "Leash knows no such action; here it matches only an action of that name",
    "no_resources": "no resource is named: Leash refuses this; here it holds for every resource of the action",
    "resource_mismatch": "this action never has such a resource, so the statement never matches",
    "unsupported_wildcard": "Leash supports a leading '*.' only; here a forbid matches the pattern, a permit nothing",
    "mcp_allow_noop": "MCP calls are allowed unless forbidden, so this permit changes nothing",
    "dnszone_apex_excluded": "a zone means its subdomains; plain Cedar would include the zone itself",
    "fileopen_implies_write": "FileOpen means any mode, writing too; name FileOpenReadOnly where reading is meant",
    "suffix_without_boundary": "Leash also matches hosts that merely end so (evilexample.com); here only subdomains",
    "prefix_without_boundary": "Leash matches every path that begins so (/bin/rmdir for /bin/rm); here this file only",
    "narrower_permit": "Leash lets a narrower permit win over this forbid; here, as in its document, the forbid wins",
    "unless_as_when": "Leash's linter refuses `unless` and its transpiler reads it as `when`; here it means unless",
    "long_path": f"Leash skips rules with paths over {LONGEST} bytes; here they hold",
    "unknown_fact": "there is no such fact here: a forbid holds whatever it says, a permit never by it",
    "nothing_of_it": "leash has no such act: no policy comes of it",
    "whole_server": "Leash also closes the server's host to connections; a policy of its own says so here",
}
"""What each warning means."""
LINTER = frozenset(list(SAYS)[:8])
"""Those that concern what is written; the others say where the two engines differ."""


class Statement(Struct, frozen=True):
    """One statement of their file. ours: Cedar text. warnings: keys of SAYS. rewrites: (host, header, value)."""

    file: str
    line: int
    text: str
    theirs: str
    ours: str
    warnings: tuple[str, ...]
    rewrites: tuple[tuple[str, str, str], ...]
    policies: tuple[Policy, ...]


def read(found: Sequence[Source], mode: Mode = Mode.CEDAR, schema: Schema | None = None) -> list[Statement]:
    """Every statement of these files. schema: what the policies must fit, None for any facts and actions.

    Raises Flaw when one is no Cedar or breaks a limit.
    """
    statements: list[Statement] = []
    taken: set[str] = set()
    for one in found:
        text, parts, nodes = read_nodes(one)
        rewrite = Rewrite(mode, nodes, None if schema is None else frozenset(FACTS))
        for number, (part, node) in enumerate(zip(parts, nodes, strict=True)):
            line, _ = text.place(part.start)
            name = _name(one.file, node, number, taken)
            reason = f"imported from {one.file.rpartition('/')[2][:80]}, statement {number + 1}"
            trees = rewrite.statement(replace(node, id=name))
            warnings = list(_warnings(node, nodes))
            rewrites = tuple(_rewrites(node))
            if schema is not None and not rewrites:
                warnings += ["unknown_fact"] if strange_facts(node.clauses, frozenset(FACTS)) else []
                trees = tuple(fit for tree in trees if (fit := _fitting(tree, schema)) is not None)
                warnings += [] if trees else ["nothing_of_it"]
            made = [_policy(tree, one.file, line, reason) for tree in trees]
            taken.update(policy.name for policy in made)
            statements.append(
                Statement(
                    file=one.file,
                    line=line,
                    text=text.text[part.start : part.end],
                    theirs=_theirs(node),
                    ours="\n".join(_shown(policy, node.effect) for policy in made),
                    warnings=tuple(warnings),
                    rewrites=rewrites,
                    policies=tuple(made),
                )
            )
    return statements


def _fitting(tree: pst.Template, schema: Schema) -> pst.Template | None:
    """The policy with those of its actions that there are and that can have its resource; None when none is left."""
    scope, kind = tree.action, getattr(tree.resource, "entity_type", None)
    if isinstance(kind, pst.EntityType) and type_of(pst.EntityUid(type=kind, id="")) not in _KINDS:
        return None
    if isinstance(scope, pst.ActionEq):
        return tree if scope.entity.id in schema.members else None
    if isinstance(scope, pst.ActionIn):
        known = tuple(uid for uid in scope.entities if uid.id in schema.members)
        return replace(tree, action=pst.ActionIn(entities=known)) if known else None
    return tree


class Dialect(Standalone):
    """Their policies, asked as their engine is: MCP calls pass unless forbidden, all else is refused unless permitted.

    Raises ValueError when the engine refuses the set.
    """

    def __init__(self, statements: Sequence[Statement]) -> None:
        policies = [policy for statement in statements for policy in statement.policies]
        super().__init__(policies, Outcome.DENY, {"McpCall": Outcome.ALLOW})
        named = [getattr(policy.node.principal, "entity", None) for policy in policies]
        self._kinds = sorted({kind.id for kind in named if isinstance(kind, pst.EntityUid)})

    def ask(self, question: Question) -> Answer:
        """See Standalone; who asks is ignored, as there, unless a user, agent or agent kind is named."""
        action = question.action
        if action.isidentifier() or action.startswith('Action::"'):
            bare = action.removeprefix('Action::"').removesuffix('"')
            question = msgspec.structs.replace(question, action=canonical(bare) if bare.isidentifier() else action)
        return super().ask(question)

    def judge(
        self,
        question: Question,
        principal: Uid,
        action: Uid,
        resource: Uid,
        shown: Sequence[Entity],
        context: dict[str, object],  # type: ignore[override]
    ) -> Answer:
        """Evaluate with what their engine derives from the resource: host name, port and path."""
        named = principal["type"].rpartition("::")[2] in ("User", "Agent", "AgentKind")
        kinds = [principal["id"]] if named else self._kinds
        parents = [{"type": "AgentKind", "id": kind} for kind in kinds]
        parents = [parent for parent in parents if parent != principal]
        asker: Entity = {"uid": principal, "attrs": {}, "parents": parents}
        derived = {"hostname": "", "port": "", "path": ""}
        if resource["type"] in names.HOSTS:
            derived["hostname"], derived["port"] = names.split_host(resource["id"])
        elif resource["type"] in ("File", "Dir"):
            derived["path"] = names.plain_path(resource["id"])
        facts = derived | context
        return super().judge(question, principal, action, resource, [*shown, asker], facts)


def _name(file: str, node: pst.Template, number: int, taken: set[str]) -> str:
    stem = re.sub(r"[^a-z0-9._-]+", "-", file.rpartition("/")[2].removesuffix(".cedar").lower()).strip("-._")[:40]
    given = dict(node.annotations).get("id", "")
    name = given if _ID.fullmatch(given) else f"{stem or 'leash'}-{number + 1}"
    while name in taken:
        name += "x"
    return name


def _policy(node: pst.Template, file: str, line: int, reason: str) -> Policy:
    permits = node.effect == "permit"
    meta = Meta(node.id, reason, Severity.LOW if permits else Severity.MEDIUM, Effect.DENY)
    tree = replace(node, effect="permit", annotations=pst.FrozenMap())
    return Policy(node.id, "user", permits, meta, tree, file, line)


def _shown(policy: Policy, effect: pst.Effect) -> str:
    notes = pst.FrozenMap(id=policy.meta.id, reason=policy.meta.reason)
    node = replace(policy.node, effect=effect, annotations=notes)
    return str(PolicySet.from_pst(pst.PolicySet(pst.FrozenMap(), pst.FrozenMap({node.id: node}), ()))).strip()


def _theirs(node: pst.Template) -> str:
    """Their intermediate form, in a line."""
    what = " ".join(_WORDS.get(action, action) for action in actions(node)) or "(any action)"
    where = " ".join(uid.id for uid in places(node)) or " ".join(_patterns(node)) or "(any resource)"
    return f"{'allow' if node.effect == 'permit' else 'deny'} {what} {where}"


def _patterns(node: pst.Template) -> Iterator[str]:
    for one in walk(node.clauses):
        if isinstance(one, pst.Like) and isinstance(one.base, pst.GetAttr) and one.base.attr == "hostname":
            yield "".join("*" if isinstance(part, pst.Wildcard) else part.value for part in one.pattern)
        if isinstance(one, pst.BinaryOp) and one.op == "eq" and getattr(one.left, "attr", "") == "hostname":
            yield str(getattr(one.right, "value", ""))


def _warnings(node: pst.Template, everything: Sequence[pst.Template]) -> Iterator[str]:
    uids, acts, permits = places(node), actions(node), node.effect == "permit"
    hosts = [uid.id for uid in uids if type_of(uid) in names.HOSTS] + list(_patterns(node))
    paths = [uid.id for uid in uids if type_of(uid) in ("File", "Dir")]
    if not isinstance(node.principal, pst.ScopeAny):
        yield "unsupported_principal"
    if not acts:
        yield "missing_action"
    if any(action not in ACTIONS for action in acts):
        yield "unsupported_action_id"
    if acts and not uids and not hosts:
        yield "no_resources"
    fitting = {kind for action in acts for kind in _FITS.get(action, ())}
    if fitting and any(type_of(uid) not in fitting for uid in uids):
        yield "resource_mismatch"
    wild = [host.removeprefix("*.") for host in hosts if host.partition(":")[0] != "*"]
    if any("*" in name for name in (*wild, *paths)):
        yield "unsupported_wildcard"
    if permits and "McpCall" in acts:
        yield "mcp_allow_noop"
    if any(type_of(uid) == "Net::DnsZone" for uid in uids):
        yield "dnszone_apex_excluded"
    yield from _differences(node, everything, hosts, paths)


def _differences(
    node: pst.Template, everything: Sequence[pst.Template], hosts: Sequence[str], paths: Sequence[str]
) -> Iterator[str]:
    permits = node.effect == "permit"
    if permits and "FileOpen" in actions(node):
        yield "fileopen_implies_write"
    if any(host.startswith("*.") for host in hosts):
        yield "suffix_without_boundary"
    if any(type_of(uid) == "File" for uid in places(node)):
        yield "prefix_without_boundary"
    if not permits and next(iter(Rewrite(Mode.COMPAT, everything).narrower(node)), None) is not None:
        yield "narrower_permit"
    if any(isinstance(clause, pst.Unless) for clause in node.clauses):
        yield "unless_as_when"
    if any(len(path.encode()) > LONGEST for path in paths):
        yield "long_path"
    if not permits and whole_servers(node):
        yield "whole_server"


def _rewrites(node: pst.Template) -> Iterator[tuple[str, str, str]]:
    """The headers an HttpRewrite permit sets."""
    if node.effect != "permit" or "HttpRewrite" not in actions(node):
        return
    said = {"header": "", "value": ""}
    for one in walk(node.clauses):
        if isinstance(one, pst.BinaryOp) and one.op == "eq" and isinstance(one.right, pst.StringLit):
            fact = getattr(one.left, "attr", "")
            if fact in said:
                said[fact] = one.right.value
    for uid in places(node):
        yield uid.id, said["header"], said["value"]


def plain_flaw(found: Sequence[Source], error: ValueError) -> Flaw:
    """The flaw of a set that the engine refuses as a whole."""
    return Flaw(found[0].file if found else "", 0, 0, str(error), "split the file to find the statement that is meant")
