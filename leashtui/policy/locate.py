"""Where the engine's complaint belongs: cedarpy says what is wrong but not where.

Knows that Cedar's parser fails at the first token that cannot continue a policy, so the shortest failing prefix ends in
the culprit; and that its other messages quote the name they mean. Refuses to judge whether a policy is right.
Invariant: a place is always given, the start of the policy when nothing better is known.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches

from cedarpy import PolicySet

from leashtui.policy.syntax import Flaw, Statement, Text, Token

_UNFINISHED = "unexpected end of input"
_QUOTED = re.compile(r"`([^`]+)`|'([^']+)'|scope: (\S+)|variable: (\S+)|effect: (\S+)")
_PREFIXES = 600
"""Most prefixes tried before the start of the policy is named instead."""
_LENGTH = 20_000
"""Longest policy, characters, of which prefixes are tried."""
_VARIABLES = ("principal", "action", "resource", "context", "permit", "forbid", "when", "unless")
_CHECK = "compare it with the schema (leash.cedarschema)"
_ATTRIBUTE = re.compile(r"attribute `(\w+)`")


def locate_parse_error(text: Text, parts: Sequence[Statement], message: str) -> Flaw:
    """The flaw behind a failed parse of a whole file."""
    for part in parts:
        try:
            PolicySet.from_str(text.text[part.start : part.end]).to_pst()
        except ValueError as error:
            what = str(error).removeprefix("cedarpy: ")
            token = _culprit(text, part) or _quoted(part, what) or part.tokens[0]
            return text.flaw(token.start, what, _remedy(token, what))
    return Flaw(text.file, 0, 0, message, "split the file to find the policy that is meant")


def _culprit(text: Text, part: Statement) -> Token | None:
    """The token that ends the shortest prefix which nothing could complete."""
    if part.end - part.start > _LENGTH:
        return None
    for token in part.tokens[: min(len(part.tokens) - 1, _PREFIXES)]:
        try:
            PolicySet.from_str(text.text[part.start : token.start + len(token.text)])
        except ValueError as error:
            if str(error) != _UNFINISHED:
                return token
    return None


def _quoted(part: Statement, message: str) -> Token | None:
    """The first token that the message names."""
    for match in _QUOTED.finditer(message):
        words = re.findall(r'"(?:[^"\\]|\\.)*"|\w+|\S', next(g for g in match.groups() if g is not None))
        for word in reversed(words):
            token = next((t for t in part.tokens if t.text == word), None)
            if token is not None and (token.kind != "mark" or len(words) == 1):
                return token
    return None


def _remedy(token: Token, message: str) -> str:
    near = get_close_matches(token.text, _VARIABLES, 1) if token.kind == "word" else []
    if near and near[0] != token.text:
        return f"did you mean {near[0]}?"
    if "occurrences" in message:
        return "Cedar allows four in a row at most"
    if "depth" in message or "nest" in message or "levels" in message:
        return "split the condition into several policies"
    return "see https://docs.cedarpolicy.com/policies/syntax-policy.html"


def locate_complaint(text: Text, part: Statement, message: str, names: Sequence[str]) -> Flaw:
    """The flaw behind a complaint of the schema validation about one policy. names: the facts there are."""
    token = _quoted(part, message) or part.tokens[0]
    missing = _ATTRIBUTE.search(message)
    near = get_close_matches(missing.group(1), names, 1) if missing else []
    return text.flaw(token.start, message, f"did you mean {near[0]}?" if near else _CHECK)
