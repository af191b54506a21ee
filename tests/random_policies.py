"""Random policies, facts and layers for property tests: plain Cedar text, so that the engine can be the oracle."""

from __future__ import annotations

from dataclasses import dataclass

import cedarpy
import msgspec
from hypothesis import strategies as st

from leashtui.model.facts import Effect, Facts, Parse, Place, Verb
from leashtui.model.request import Action, Layer, Mode, Request, Tier
from leashtui.policy import bundle
from leashtui.policy.cases import ordinary
from leashtui.policy.entities import Context, Principal, ancestry, resource
from leashtui.policy.policy import LAYERS

SCHEMA = bundle.load_schema()
WHO = Principal("s-1", "mini", "mini", "dev")
SIGNS = ("destructive", "recursive", "network", "privileged", "git_force")
HOSTS = ("a.example", "b.example", "c.example")
VERBS = (Verb.READ, Verb.WRITE, Verb.DELETE, Verb.PUBLISH)
PLACES = (Place.SOURCE, Place.HOME, Place.SECRET)
BROKEN = "9223372036854775807 + 1 > 0"

signs = st.sampled_from(SIGNS)
atoms = st.one_of(
    signs.map(lambda s: f"context.{s}"),
    signs.map(lambda s: f"!context.{s}"),
    st.sampled_from(HOSTS).map(lambda h: f'context.hosts.contains("{h}")'),
    st.sampled_from(VERBS).map(lambda v: f'context.verbs.contains("{v}")'),
    st.tuples(st.sampled_from(VERBS), st.sampled_from(PLACES)).map(
        lambda p: f'context.touches.containsAny(["{p[0]}:{p[1]}", "read:git"])'
    ),
    st.sampled_from(list(Parse)).map(lambda p: f'context.parse == "{p}"'),
    st.sampled_from(["*rm*", "git *", "*\\**", "*", "ls", "**", "*i*s*", "g*t", "*o*o*", "git*status"]).map(
        lambda p: f'context.command like "{p}"'
    ),
    st.sampled_from(["*s*", "git*", "*x"]).map(lambda p: f'!(context.command like "{p}")'),
    st.just('context.tier == "exec"'),
    st.just('context.parse != "full"'),
    st.just('(context.network || context.verbs.contains("write") || !context.hosts.isEmpty())'),
    st.just('(resource in File::"/usr/bin/git" || context.recursive)'),
    st.just('!(resource in Dir::"/usr/bin" && context.recursive)'),
    st.just('["full", "partial"].contains(context.parse)'),
    st.just('["read", "write", "delete"].containsAll(context.verbs)'),
    st.just('context.verbs.containsAll(["read", "write"])'),
    st.just("context.destructive == false"),
    st.just('context.verbs == ["read"]'),
    st.just("resource is Command"),
    st.just('(if context.network then context.hosts.contains("a.example") else context.in_workspace)'),
    st.just('resource in Dir::"/usr"'),
    st.just('principal in AgentKind::"mini"'),
    st.just('principal in User::"somebody"'),
)
further = st.one_of(
    st.just("resource is File"),
    st.just('resource == File::"/usr/bin/x"'),
    st.just('resource in [Dir::"/usr/bin", Dir::"/home/"]'),
    st.just("context.network == context.recursive"),
    st.just("context.hosts == context.programs"),
    st.just('context.hosts != ["b.example", "a.example"]'),
    st.just('["git push origin", context.normalised].contains(context.command)'),
    st.just("[context.hosts, context.verbs].contains(context.programs)"),
    st.just("[true, context.network].containsAll([context.recursive])"),
    st.just("context.hosts.containsAny([context.command, context.parse])"),
    st.just('(if resource is Command then resource in Dir::"/usr/bin" else !context.network)'),
    st.just('(if context.network then true else !(context.command like "g*"))'),
    st.just('context has path && context.path like "/usr*"'),
    st.just('"/home/dev/a" == context.path'),
    st.just('ip("10.0.0.1").isIpv4()'),
    st.just("1 == 1"),
)
"""What the index must read as the engine does, and the analysis by formulas leaves open."""


def conditions(parts):
    """Up to three clauses of up to three of these."""
    return st.lists(st.lists(parts, min_size=1, max_size=3), max_size=3).map(
        lambda clauses: " ".join(f"{'unless' if len(c) == 3 else 'when'} {{ {' && '.join(c)} }}" for c in clauses)
    )


scopes = st.tuples(
    st.sampled_from(["principal", "principal is Session", 'principal in User::"dev"', 'principal == Session::"s-1"']),
    st.sampled_from(
        [
            "action",
            'action == Action::"ProcessExec"',
            'action in [Action::"FileOpen", Action::"FileDelete"]',
            'action in Action::"FileOpen"',
        ]
    ),
    st.sampled_from(["resource", 'resource in Dir::"/usr/bin/"', 'resource in Dir::"/home"']),
).map(", ".join)


@dataclass(frozen=True)
class Written:
    """One random policy: layer, id, effect and annotations beside its body."""

    layer: str
    id: str
    effect: str
    outcome: str
    locked: bool
    scope: str
    body: str

    @property
    def name(self) -> str:
        return f"{self.layer}/{self.id}"

    @property
    def text(self) -> str:
        notes = f'@id("{self.id}")'
        if self.effect == "forbid":
            notes += f' @outcome("{self.outcome}")' + (' @locked("true")' if self.locked else "")
            notes += ' @oblige("record:full")' if self.outcome == "oblige" else ""
        return f"{notes}\n{self.effect} ({self.scope}) {self.body};\n"

    def matches(self, request: Request, facts: Facts, plain: dict) -> tuple[bool, bool]:
        """(matched, errored), asked of the engine alone, without any of leash's rewriting."""
        answer = cedarpy.is_authorized(plain, f"permit ({self.scope}) {self.body};", entities(request, facts))
        return answer.allowed, bool(answer.diagnostics.errors)


def policies(
    layers=LAYERS[:5],
    outcomes=("deny", "ask", "oblige"),
    effects=("permit", "forbid"),
    errors=False,
    parts=st.one_of(atoms, further),  # noqa: B008 - a strategy
):
    """Lists of random policies with unique ids."""
    bodies = conditions(parts)
    bodies = bodies if not errors else st.one_of(bodies, st.just(f"when {{ {BROKEN} }}"))
    one = st.builds(
        Written,
        layer=st.sampled_from(layers),
        id=st.just("p"),
        effect=st.sampled_from(effects),
        outcome=st.sampled_from(outcomes),
        locked=st.booleans(),
        scope=scopes,
        body=bodies,
    )
    return st.lists(one, min_size=1, max_size=8).map(
        lambda found: [Written(**{**vars(w), "id": f"p{n}"}) for n, w in enumerate(found)]
    )


@st.composite
def situations(draw) -> tuple[Request, Facts]:
    """A random request and random facts."""
    request, facts = ordinary(draw(st.sampled_from(["git push origin", "rm -rf *", "ls", "\udc80 rm"])))
    action = draw(st.sampled_from([Action.PROCESS_EXEC, Action.FILE_WRITE, Action.FILE_DELETE]))
    request = Request(
        action,
        Layer.EXPLAIN,
        "/home/dev/proj",
        request.argv,
        draw(st.sampled_from(["/usr/bin/git", "/opt/x", ""])),
        path="" if action is Action.PROCESS_EXEC else draw(st.sampled_from(["/home/dev/a", "/usr/bin/x", "/usrx"])),
    )
    effects = st.builds(Effect, verb=st.sampled_from(VERBS), place=st.sampled_from(PLACES))
    changes = {sign: draw(st.booleans()) for sign in SIGNS}
    return request, msgspec.structs.replace(
        facts,
        **changes,
        effects=tuple(draw(st.lists(effects, max_size=3))),
        hosts=tuple(sorted(draw(st.sets(st.sampled_from(HOSTS))))),
        parse=draw(st.sampled_from(list(Parse))),
        mode=draw(st.sampled_from(list(Mode))),
    )


def entities(request: Request, facts: Facts) -> list[dict]:
    """Everything the schema's hierarchy knows about this request."""
    actions = msgspec.json.decode(str(SCHEMA.entities([])))
    return [*actions, *WHO.chain(), *ancestry(request, resource(request, facts))]


def plain_request(request: Request, facts: Facts) -> dict:
    """The request as plain Cedar gets it, with the whole context."""
    context = Context(Tier.EXEC)
    names = sorted(context.names())
    values = context.clean(names, context.values(names, request, facts))
    return {
        "principal": WHO.uid(),
        "action": {"type": "Action", "id": str(request.action)},
        "resource": resource(request, facts),
        "context": msgspec.json.encode(values).decode(),
    }


def build(written: list[Written]) -> bundle.Bundle:
    """A bundle of random policies, every project permit trusted."""
    found = [
        bundle.sources.source(layer, f"{layer}.cedar", "".join(w.text for w in written if w.layer == layer).encode())
        for layer in LAYERS
    ]
    return bundle.build(found, SCHEMA, trusted=frozenset(s.digest for s in found))
