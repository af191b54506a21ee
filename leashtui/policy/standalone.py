"""Policies alone, asked about requests that name everything themselves: no machine, no classifier, no shipped policy.

Knows how a request is written and which of its names imply others (`names`). Refuses to read files. Invariant: what
cannot be read or evaluated is a deny that says why; no schema is needed, but the limits and annotations of every other
policy file hold here too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import cedarpy
import msgspec
from cedarpy import PolicySet, pst
from msgspec import Struct

from leashtui.model.codec import escape
from leashtui.model.verdict import Decision, Outcome
from leashtui.policy import names
from leashtui.policy.bundle import read_statements
from leashtui.policy.combine import combine
from leashtui.policy.entities import Entity, Uid, cap
from leashtui.policy.policy import Policy
from leashtui.policy.sources import Source
from leashtui.policy.syntax import Flaw

NESTING = 32
"""Deepest nesting of a request's context."""


class Question(Struct, frozen=True):
    """One request. principal, action, resource: `Type::"id"`; an action may be its bare word. entities: Cedar JSON."""

    id: str | int
    action: str
    resource: str
    principal: str = ""
    context: dict[str, Any] = {}
    entities: list[dict[str, Any]] = []


class Answer(Struct, frozen=True):
    """What the policies say. policies: the ids of those that caused it, sorted."""

    id: str | int | None
    decision: Outcome
    policies: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()


def read_policies(found: Sequence[Source]) -> list[Policy]:
    """The policies of plain Cedar files; one without an @id is called policyN by its number over all files.

    Raises Flaw for the first thing that is wrong.
    """
    policies: dict[str, Policy] = {}
    for one in found:
        for policy, column in read_statements(one, partial(_number, len(policies))):
            name = policy.meta.id
            earlier = policies.get(name)
            if earlier is not None:
                what = f'@id("{name}") is already used at {earlier.file}:{earlier.line}'
                raise Flaw(policy.file, policy.line, column, what, "give this policy an id of its own")
            policies[name] = replace_name(policy, name)
    return list(policies.values())


def _number(before: int, at: int) -> str:
    return f"policy{before + at}"


def replace_name(policy: Policy, name: str) -> Policy:
    """The same policy under another name."""
    return msgspec.structs.replace(policy, name=name, node=replace(policy.node, id=name))


class Standalone:
    """A set of policies that answers questions. unmatched: what holds where no policy matches, by bare action.

    Raises ValueError when the engine refuses the set.
    """

    def __init__(self, policies: Sequence[Policy], unmatched: Outcome, otherwise: Mapping[str, Outcome]) -> None:
        self._policies = {policy.name: policy for policy in policies}
        nodes = {name: policy.node for name, policy in self._policies.items()}
        self._set = PolicySet.from_pst(pst.PolicySet(pst.FrozenMap(), pst.FrozenMap(nodes), ()))
        self._unmatched = unmatched
        self._otherwise = otherwise

    def ask(self, question: Question) -> Answer:
        """The answer to one question. Never raises for what the question holds; an error is a deny."""
        name = escape(question.id) if isinstance(question.id, str) else question.id
        question = msgspec.structs.replace(question, id=name)
        try:
            principal, action, resource = self.read(question)
            shown = [*names.entities(principal, resource), _action(action), *question.entities]
            return self.judge(question, principal, action, resource, shown, question.context)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # noqa: BLE001 - panics of the engine are no Exception, and must deny
            return Answer(question.id, Outcome.DENY, (), (escape(str(error))[:500] or type(error).__name__,))

    def read(self, question: Question) -> tuple[Uid, Uid, Uid]:
        """(principal, action, resource). Raises ValueError."""
        principal = names.read_name(question.principal) if question.principal else _uid("Session", "anybody")
        bare = question.action.isidentifier()
        action = _uid("Action", question.action) if bare else names.read_name(question.action)
        return principal, action, names.read_name(question.resource)

    def judge(
        self,
        question: Question,
        principal: Uid,
        action: Uid,
        resource: Uid,
        shown: Sequence[Entity],
        context: Mapping[str, Any],
    ) -> Answer:
        """Evaluate and combine. Raises ValueError when the engine cannot take the request."""
        asked = {
            "principal": principal,
            "action": action,
            "resource": resource,
            "context": msgspec.json.encode(_clean(context, 0)).decode(),
        }
        document = msgspec.json.encode(_clean(_merged(shown), 0)).decode()
        result = cedarpy.is_authorized(asked, self._set, cedarpy.Entities.from_json_str(document))
        matched = [self._policies[name] for name in result.diagnostics.reasons]
        errors = tuple(sorted(result.diagnostics.errors))
        decision = combine(matched, errors, "")
        outcome = decision.outcome
        if not errors and not _decides(matched):
            outcome = self._otherwise.get(action["id"], self._unmatched)
        return Answer(question.id, outcome, _causes(decision), errors)


def _decides(matched: Sequence[Policy]) -> bool:
    return any(policy.answer != "oblige" for policy in matched)


def _causes(decision: Decision) -> tuple[str, ...]:
    return tuple(sorted(policy.id for policy in decision.policies))


def _merged(shown: Sequence[Entity]) -> list[Entity]:
    """Entities named twice once: their parents together, the attributes of the last."""
    found: dict[str, dict[str, Any]] = {}
    for entity in shown:
        given: dict[str, Any] = {"attrs": {}, "parents": [], **entity}
        key = msgspec.json.encode(given.get("uid"), order="sorted").decode()
        earlier = found.get(key)
        if earlier is not None:
            given["attrs"] = {**earlier["attrs"], **given["attrs"]}
            given["parents"] = [*earlier["parents"], *(p for p in given["parents"] if p not in earlier["parents"])]
        found[key] = given
    return list(found.values())


def _action(action: Uid) -> Entity:
    group = names.MODES.get(action["id"])
    parents = [_uid("Action", group)] if group and action["type"] == "Action" else []
    return {"uid": action, "attrs": {}, "parents": parents}


def _uid(kind: str, name: str) -> Uid:
    return {"type": kind, "id": cap(name)}


def _clean(value: Any, depth: int) -> Any:
    """JSON without lone surrogates. Raises ValueError when it nests too deep."""
    if depth > NESTING:
        raise ValueError(f"nested deeper than {NESTING} levels")
    if isinstance(value, str):
        return escape(value)
    if isinstance(value, dict):
        return {escape(str(key)): _clean(inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(inner, depth + 1) for inner in value]
    return value
