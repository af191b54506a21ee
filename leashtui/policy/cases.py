"""Test cases of policies: facts that differ from an ordinary command in a few points, and the answer they must get.

Knows the TOML shape of `policies/tests/*.toml` (already decoded) and what an ordinary command's facts are. Refuses to
read files. Invariant: a case with a name leash does not know is an error, never a test that passes by accident.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

import msgspec
from msgspec import Struct

from leashtui.model.errors import PolicyError
from leashtui.model.facts import Effect, Facts, Parse, Place, Severity, Verb
from leashtui.model.request import Action, Claim, Layer, Mode, Pin, Posture, Request, Tier
from leashtui.model.verdict import Outcome
from leashtui.policy.entities import Surroundings

WORKSPACE = "/home/dev/proj"
"""Where cases happen."""


class Case(Struct, frozen=True, forbid_unknown_fields=True):
    """One case. effects: 'verb', 'verb:place' or 'verb:place target'. facts: fields of Facts that differ.

    argv, pin, effect, taint, granted: of the request. times: how often the command's text is repeated. role, tier,
    posture, version, repository: of the session. by: the policies that must have caused the outcome, all of them; not
    checked when absent. obliges: likewise, what it must oblige to. run: instead of facts, a command that the
    classifier reads, in a repository on `branch`; what must be held is then tried in other spellings too, unless
    spellings is false. outside: facts from outside.
    """

    name: str
    expect: Outcome
    command: str = "true"
    effects: tuple[str, ...] = ()
    facts: dict[str, Any] = {}
    action: Action = Action.PROCESS_EXEC
    layer: Layer = Layer.EXPLAIN
    path: str = ""
    role: str = ""
    argv: tuple[str, ...] = ()
    pin: Pin = Pin.UNKNOWN
    effect: Claim = Claim.UNKNOWN
    taint: tuple[str, ...] = ()
    granted: tuple[str, ...] = ()
    times: int = 1
    by: tuple[str, ...] | None = None
    obliges: tuple[str, ...] | None = None
    run: str = ""
    branch: str = "main"
    spellings: bool = True
    outside: dict[str, bool | int | str | tuple[str, ...]] = {}
    tier: Tier = Tier.EXEC
    posture: Posture = Posture.GUARD
    version: str = ""
    repository: str = ""
    sudo: str = "inside"

    def setting(self) -> tuple[str, Tier, Surroundings]:
        """What it says of the session: role, tier and surroundings."""
        return (
            self.role,
            self.tier,
            Surroundings(WORKSPACE, self.repository, self.version, self.posture.value, self.sudo),
        )


class Suite(Struct, frozen=True, forbid_unknown_fields=True):
    """The cases of one file."""

    case: tuple[Case, ...]


def ordinary(command: str) -> tuple[Request, Facts]:
    """A request and facts of a harmless, fully understood command."""
    request = Request(Action.PROCESS_EXEC, Layer.EXPLAIN, WORKSPACE, tuple(command.split()), "/usr/bin/env")
    facts = Facts(
        command=command,
        normalised="",
        parse=Parse.FULL,
        mode=Mode.KERNEL,
        effects=(Effect(Verb.READ, place=Place.SOURCE),),
        programs=tuple(command.split()[:1]),
        hosts=(),
        remotes=(),
        packages=(),
        hidden=(),
        in_workspace=True,
        destructive=False,
        recursive=False,
        reversible=True,
        catastrophic=False,
        reads_secret=False,
        sends_secret=False,
        pipe_to_shell=False,
        reverse_shell=False,
        backdoor=False,
        obfuscated=False,
        network=False,
        privileged=False,
        guard_tamper=False,
        git_force=False,
        git_protected=False,
        dry_run=False,
        grant_prefix=(),
        undo="",
    )
    return request, facts


def read_suite(file: str, document: Mapping[str, Any]) -> tuple[Case, ...]:
    """The cases in a decoded TOML document. Raises PolicyError naming the file and what does not fit."""
    try:
        return msgspec.convert(document, Suite).case
    except msgspec.ValidationError as error:
        raise PolicyError(f"{file}: {error}", "see policies/tests for the shape of a case") from error


def situation(case: Case) -> tuple[Request, Facts]:
    """The request and facts that a case describes. Raises PolicyError for an unknown fact, verb or place."""
    request, facts = ordinary(case.command * case.times)
    changes = dict(case.facts)
    for name in changes:
        if name not in Facts.__struct_fields__ or name == "effects":
            near = get_close_matches(name, Facts.__struct_fields__, 1)
            hint = f"did you mean {near[0]}?" if near else "effects are given as effects = [...]"
            raise PolicyError(f"case '{case.name}': there is no fact {name}", hint)
    if case.effects:
        changes["effects"] = tuple(_effect(case, text) for text in case.effects)
    merged = {name: getattr(facts, name) for name in Facts.__struct_fields__} | changes
    try:
        found = msgspec.convert(msgspec.to_builtins(merged), Facts)
    except msgspec.ValidationError as error:
        raise PolicyError(f"case '{case.name}': {error}", "give the fact a value of its type") from error
    path = case.path or (WORKSPACE if case.action is Action.SESSION_START else "")
    shaped = Request(
        case.action,
        case.layer,
        request.cwd,
        case.argv or request.argv,
        request.exe,
        path=path,
        pin=case.pin,
        effect=case.effect,
        taint=case.taint,
        grants=case.granted,
    )
    return shaped, found


def _effect(case: Case, text: str) -> Effect:
    what, _, target = text.partition(" ")
    verb, _, place = what.partition(":")
    try:
        return Effect(Verb(verb), target, Place(place), severity=Severity.MEDIUM)
    except ValueError as error:
        known: Sequence[str] = [*Verb, *Place]
        near = get_close_matches(str(error).split("'")[1], known, 1)
        hint = f"did you mean {near[0]}?" if near else "see leash.cedarschema for verbs and places"
        raise PolicyError(f"case '{case.name}': {error}", hint) from error
