"""The shipped schema: what requests and facts look like to a policy author, and which names a policy may use.

Knows `policies/leash.cedarschema` as text and as the engine's handle. Refuses to know any policy. Invariant: the
context it declares is exactly what `entities` builds; a test compares the two, so that neither drifts.
"""

from __future__ import annotations

import json
import re
from functools import cached_property

import cedarpy

from leashtui.policy.syntax import Flaw

FILE = "leash.cedarschema"
_FOR_ACTION = re.compile(r' (?:in context )?for Action::"\w+" ')
_GENERAL = "unable to find an applicable action"


class Schema:
    """A parsed schema. text: Cedar schema syntax. Raises Flaw when it does not parse."""

    def __init__(self, text: str, file: str = FILE) -> None:
        self.text = text
        try:
            self.handle = cedarpy.Schema.from_str(text)
        except ValueError as error:
            raise Flaw(file, 0, 0, str(error), "reinstall leashtui; this file belongs to it") from error

    @cached_property
    def fields(self) -> dict[str, str]:
        """Fact -> its type: Bool, String or Set<String>."""
        body = self.text.split("type Facts = {")[1].split("};")[0]
        return dict(re.findall(r"(?m)^ {2}(\w+): (Bool|String|Set<String>)", body))

    @cached_property
    def members(self) -> dict[str, frozenset[str]]:
        """Action id -> that action and every action that is in it, directly or not."""
        actions = json.loads(str(self.entities([])))
        parents = {a["uid"]["id"]: {p["id"] for p in a["parents"]} for a in actions}
        members = {name: {name} for name in parents}
        for _ in parents:
            for name, groups in parents.items():
                for group in groups:
                    members[group] |= members[name]
        return {name: frozenset(inside) for name, inside in members.items()}

    def complaints(self, policies: str) -> list[tuple[int, str]]:
        """(index of the policy in the text, what the engine says) for everything that does not fit the schema.

        The same complaint for several actions counts once, and the general one only where no other was made.
        """
        found: dict[tuple[int, str], None] = {}
        for error in cedarpy.validate_policies(policies, self.handle).errors:
            index = int(error.policy_id.removeprefix("policy") or 0)
            what = error.error.removeprefix(f"for policy `{error.policy_id}`, ")
            found[index, _FOR_ACTION.sub(" ", what)] = None
        special = {index for index, what in found if _GENERAL not in what}
        return sorted((index, what) for index, what in found if index not in special or _GENERAL not in what)

    def entities(self, document: list[dict[str, object]]) -> cedarpy.Entities:
        """An entity set with the schema's actions added. Raises ValueError when an entity does not fit."""
        return cedarpy.Entities.from_json_str(json.dumps(document), self.handle)
