"""What a session's model used, out of the transcript that the agent itself writes.

Knows the lines of Claude Code (2.1.329), Codex (0.169.0) and Gemini CLI (0.61.0). Refuses to guess prices. Invariant: a
line that is not understood counts nothing, and a message that is written twice counts once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from leashtui.agents.adapter import Spent


def claude(lines: Iterable[bytes]) -> Spent:
    """Each assistant message has its model and its use; the agent's own sum of costs comes last."""
    models: dict[str, None] = {}
    used: dict[str, dict[str, Any]] = {}
    cost = 0.0
    for line in _objects(lines):
        message = line.get("message")
        if line.get("type") == "assistant" and isinstance(message, dict) and isinstance(message.get("usage"), dict):
            models[str(message.get("model"))] = None
            used[str(message.get("id"))] = message["usage"]
        elif line.get("type") == "cost-state":
            cost = _number(line, "totalCostUSD")
    given = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    return Spent(
        tuple(models),
        int(sum(_number(use, key) for use in used.values() for key in given)),
        int(sum(_number(use, "output_tokens") for use in used.values())),
        cost,
    )


def codex(lines: Iterable[bytes]) -> Spent:
    """Every count is the sum so far."""
    models: dict[str, None] = {}
    total: dict[str, Any] = {}
    for line in _objects(lines):
        body = line.get("payload")
        if not isinstance(body, dict):
            continue
        if isinstance(body.get("model"), str):
            models[body["model"]] = None
        info = body.get("info")
        if body.get("type") == "token_count" and isinstance(info, dict):
            found = info.get("total_token_usage")
            total = found if isinstance(found, dict) else total
    return Spent(tuple(models), int(_number(total, "input_tokens")), int(_number(total, "output_tokens")))


def gemini(lines: Iterable[bytes]) -> Spent:
    """Each answer has its tokens; a later line with the same id is the same answer."""
    models: dict[str, None] = {}
    used: dict[str, dict[str, Any]] = {}
    for line in _objects(lines):
        if line.get("type") == "gemini" and isinstance(line.get("tokens"), dict):
            models[str(line.get("model"))] = None
            used[str(line.get("id"))] = line["tokens"]
    given = int(sum(_number(use, "input") for use in used.values()))
    made = int(sum(_number(use, key) for use in used.values() for key in ("output", "thoughts")))
    return Spent(tuple(models), given, made)


def _objects(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    for line in lines:
        try:
            document = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(document, dict):
            yield document


def _number(table: dict[str, Any], key: str) -> float:
    value = table.get(key)
    return value if isinstance(value, (int, float)) and value >= 0 else 0
