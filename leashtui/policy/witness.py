"""A situation out of a solver's model: a request and facts that the engine can be asked about.

Knows how facts come from effects. Refuses to believe: whoever uses a witness asks the engine whether it shows what it
should. Invariant: it is made of the model alone, so the same model gives the same situation.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import z3
from msgspec import Struct
from msgspec.structs import replace

from leashtui.model.facts import Effect, Facts, Parse, Place, Verb
from leashtui.model.request import TOLD, Action, Layer, Mode, Request, Tier
from leashtui.policy.cases import WORKSPACE, ordinary
from leashtui.policy.entities import TEXT, Principal, Surroundings
from leashtui.policy.formula import OTHER, REACH, Formulas
from leashtui.policy.reach import CHANGING

_ESCAPE = re.compile(r"\\u\{([0-9a-fA-F]+)\}")
_NAME = "elsewhere"
"""A name that no policy is likely to know."""
_FILES = (Action.FILE_READ, Action.FILE_WRITE, Action.FILE_DELETE)


class Witness(Struct, frozen=True):
    """One situation: who asks, where, and what."""

    request: Request
    facts: Facts
    principal: Principal
    tier: Tier
    around: Surroundings

    def told(self) -> tuple[str, ...]:
        """What is notable about it: everything in which it differs from an ordinary command."""
        _, plain = ordinary("x")
        said = [f"{self.request.action}"]
        said += [
            f"{name} = {_short(getattr(self.facts, name))}"
            for name in Facts.__struct_fields__
            if name not in ("effects", "command", "programs") and getattr(self.facts, name) != getattr(plain, name)
        ]
        effects = [f"{e.verb}:{e.place}" if e.place else str(e.verb) for e in self.facts.effects]
        said.append(f"effects = {sorted(set(effects))}")
        if self.facts.command != "x":
            said.append(f"command = {self.facts.command[:80]!r}")
        said += [f"{word} = {_short(value)}" for word, value in _around(self)]
        return tuple(said)


def _around(one: Witness) -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = [("tier", str(one.tier)), ("layer", str(one.request.layer))]
    who, at = one.principal, one.around
    found += [
        ("taint", ", ".join(one.request.taint)),
        ("granted", ", ".join(one.request.grants)),
        ("role", who.role),
        ("agent kind", who.kind),
        ("user", who.user),
        ("path", one.request.path),
    ]
    found += [("exe", one.request.exe), ("host", one.request.host), ("workspace", at.workspace)]
    plain = ("", "exec", "explain", "any", "/usr/bin/env", WORKSPACE, f"/{_NAME}/{_NAME}")
    return [(word, value) for word, value in found if value not in plain]


def _short(value: object) -> str:
    return str(list(value) if isinstance(value, tuple) else value)[:120]


def witness(model: Any, formulas: Formulas, action: Action) -> Witness:
    """The situation of this model."""

    def holds(atom: Any) -> bool:
        return bool(z3.is_true(model.eval(atom, model_completion=False)))

    def text(name: str, plain: str) -> str:
        value = model.eval(formulas.text(name), model_completion=False)
        return _ESCAPE.sub(lambda m: chr(int(m[1], 16)), value.as_string()) if z3.is_string_value(value) else plain

    sets = {
        name: tuple(sorted(word for word in words if holds(formulas.member(name, word))))
        + (("other",) if holds(formulas.member(name, OTHER)) else ())
        for name, words in formulas.members.items()
    }
    within = {uid for uid in formulas.uids if holds(formulas.inside(*uid))}
    request, facts = _made(formulas, action, sets, text, holds)
    tier, layer = Tier(text("tier", "exec")), Layer(text("layer", "explain"))
    named = {kind: sorted(name for k, name in within if k == kind) for kind in {kind for kind, _ in within}}
    first = {kind: listed[0] for kind, listed in named.items()}
    name = {kind: first.get(kind) or _unnamed(kind, formulas) for kind in ("Session", "Agent", "AgentKind", "User")}
    principal = Principal(
        name["Session"],
        name["Agent"],
        name["AgentKind"],
        name["User"],
        first.get("Role", ""),
        tuple(named.get("Team", ())),
        first.get("Org", ""),
    )
    around = Surroundings(
        text("workspace", WORKSPACE) or WORKSPACE,
        text("repository", ""),
        text("version", ""),
        text("posture", "guard"),
        text("sudo", "inside"),
    )
    reach = {uid for uid in within if uid[0] in REACH[action]}
    request = _placed(replace(request, layer=layer, cwd=text("cwd", WORKSPACE)), action, reach)
    if "exe" in text("exe", ""):
        request = replace(request, exe=text("exe", request.exe))
    if path := text("path", ""):
        request = replace(request, **{"exe" if action is Action.PROCESS_EXEC else "path": path})
    port = text("port", "")
    request = replace(
        request, host=text("hostname", "") or request.host, port=int(port) if port.isascii() and port.isdigit() else 0
    )
    return Witness(request, facts, principal, tier, around)


def _unnamed(kind: str, formulas: Formulas) -> str:
    """A name of this kind that no policy speaks of."""
    name = "any"
    while (kind, name) in formulas.uids:
        name += "one"
    return name


def _made(
    formulas: Formulas,
    action: Action,
    sets: dict[str, tuple[str, ...]],
    text: Callable[[str, str], str],
    holds: Callable[[Any], bool],
) -> tuple[Request, Facts]:
    command = text("command", "x")
    request, facts = ordinary("x")
    flags = {
        name: holds(formulas.flag(name))
        for name, kind in formulas.fields.items()
        if kind == "Bool" and name in Facts.__struct_fields__
    }
    if holds(formulas.flag("capped")):
        command += " " + "x" * TEXT
    words = max(sets["prefixes"], key=len, default="").split() or ()
    facts = replace(
        facts,
        command=command,
        normalised=text("normalised", ""),
        parse=Parse(text("parse", "full")),
        mode=Mode(text("mode", "kernel")),
        effects=tuple(_effects(formulas, sets)),
        grant_prefix=tuple(words),
        undo=text("undo", ""),
        **flags,
        **{name: sets[name] for name in ("programs", "hosts", "remotes", "packages", "hidden", "contents")},
    )
    argv = ("x", *sets["flags"]) if sets.get("flags") else request.argv
    return replace(request, action=action, argv=tuple(argv), taint=sets["taint"], grants=sets["granted"]), facts


def _effects(formulas: Formulas, sets: dict[str, tuple[str, ...]]) -> list[Effect]:
    pairs = [pair for pair in sets["touches"] if pair != "other"]
    found = [Effect(Verb(pair.partition(":")[0]), place=Place(pair.partition(":")[2])) for pair in pairs]
    known = formulas.members["verbs"]
    free = [verb for verb in Verb if verb not in known]
    found += [
        Effect(free[0] if verb == "other" and free else Verb(verb)) for verb in sets["verbs"] if verb in known or free
    ]
    targets = [target for target in (*sets["targets"], *sets["changes"]) if target != "other"]
    doing = next((effect for effect in found if effect.verb in CHANGING), found[0] if found else Effect(Verb.READ))
    return found + [replace(doing, place=Place.NONE, target=target) for target in targets]


def _placed(request: Request, action: Action, reach: set[tuple[str, str]]) -> Request:
    """With a path, a program or a host that is in all of these."""
    files = [name for kind, name in reach if kind == "File"]
    folders = sorted((name.rstrip("/") for kind, name in reach if kind == "Dir"), key=len)
    place = files[0] if files else f"{folders[-1]}/{_NAME}" if folders else ""
    if action is Action.PROCESS_EXEC:
        return replace(request, exe=place)
    if action in _FILES:
        return replace(request, path=place or f"/{_NAME}/{_NAME}")
    if action is Action.SESSION_START:
        return replace(request, path=place or f"/{_NAME}/{_NAME}")
    if action in TOLD:
        return replace(request, argv=(next((name for kind, name in reach if kind == "AgentTool"), "tool"),))
    hosts = sorted((name for kind, name in reach if kind == "Host"), key=len)
    if hosts:
        host = hosts[-1]
        return replace(request, host=f"x{host[1:]}" if host.startswith("*.") else "x" if host == "*" else host)
    tools = [name for kind, name in reach if kind.startswith("MCP::")]
    argv = tuple(tools[0].split("/", 1)) if tools else ("server", "tool")
    return replace(request, host="host.example", argv=argv if action is Action.TOOL_CALL else request.argv)
