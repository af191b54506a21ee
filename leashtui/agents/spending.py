"""What a session's model used, out of what the agent itself writes: one tally for each form.

Knows the lines of Claude Code (2.1.330), Codex (0.169.0), Gemini CLI (0.61.0), Qwen Code (0.24.4), the messages of
OpenCode (1.18.33), the trajectory of mini-swe-agent (2.4.6) and the chat history of aider (0.86.2), which rounds.
Refuses to guess prices, and to take anything out of a file but names and numbers. Invariant: what is not understood
counts nothing, and a message that is written twice counts once.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Iterable
from typing import Any

from leashtui.agents.adapter import Run, Spent, Tally

_NAME = 100
_MODELS = 16
_MOST = 10**15
_GIVEN = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")


class _Objects(Tally):
    """JSON objects, one at a time."""

    def __init__(self) -> None:
        self._models: dict[str, None] = {}
        self._used: dict[str, tuple[int, int, float]] = {}
        self._cost = 0.0

    def add(self, piece: bytes, key: str = "") -> None:
        try:
            document = json.loads(piece)
        except (ValueError, RecursionError):
            return
        if isinstance(document, dict):
            self._object(document, key)

    def _object(self, document: dict[str, Any], key: str) -> None:
        raise NotImplementedError

    def _model(self, name: object) -> None:
        if isinstance(name, str) and name and len(self._models) < _MODELS:
            self._models[name[:_NAME]] = None

    @property
    def spent(self) -> Spent:
        given, made, cost = (
            (sum(column) for column in zip(*self._used.values(), strict=True)) if self._used else (0,) * 3
        )
        return Spent(tuple(self._models), int(given), int(made), self._cost or cost)


class Claude(_Objects):
    """Each assistant message has its model and its use; the agent's own sum of costs comes last."""

    def _object(self, document: dict[str, Any], key: str) -> None:
        message = document.get("message")
        if document.get("type") == "assistant" and isinstance(message, dict) and isinstance(message.get("usage"), dict):
            use = message["usage"]
            self._model(message.get("model"))
            self._used[str(message.get("id"))] = (_sum(use, *_GIVEN), _sum(use, "output_tokens"), 0)
        elif document.get("type") == "cost-state":
            self._cost = _number(document, "totalCostUSD")


class Codex(_Objects):
    """Every count is the sum so far."""

    def _object(self, document: dict[str, Any], key: str) -> None:
        body = _table(document, "payload")
        self._model(body.get("model"))
        total = _table(_table(body, "info"), "total_token_usage")
        if body.get("type") == "token_count" and total:
            self._used[""] = (_sum(total, "input_tokens"), _sum(total, "output_tokens"), 0)


class Gemini(_Objects):
    """Each answer has its tokens; a later line with the same id is the same answer."""

    def _object(self, document: dict[str, Any], key: str) -> None:
        if document.get("type") == "gemini" and isinstance(document.get("tokens"), dict):
            use = document["tokens"]
            self._model(document.get("model"))
            self._used[str(document.get("id"))] = (_sum(use, "input"), _sum(use, "output", "thoughts"), 0)


class Qwen(_Objects):
    """Each answer has what the provider counted, its thoughts among what was made."""

    def _object(self, document: dict[str, Any], key: str) -> None:
        use = _table(document, "usageMetadata")
        if document.get("type") == "assistant" and use:
            self._model(document.get("model"))
            made = _sum(use, "candidatesTokenCount")
            self._used[str(document.get("uuid"))] = (_sum(use, "promptTokenCount"), made, 0)


class OpenCode(_Objects):
    """Each answer of the model, by its id; what its cache held is counted beside the rest. since: Unix seconds."""

    def __init__(self, since: float = 0) -> None:
        super().__init__()
        self._since = since * 1000

    def _object(self, document: dict[str, Any], key: str) -> None:
        use, cost = _table(document, "tokens"), _number(document, "cost")
        if document.get("role") != "assistant" or _number(_table(document, "time"), "created") < self._since:
            return
        given = _sum(use, "input") + _sum(_table(use, "cache"), "read", "write")
        made = _sum(use, "output", "reasoning")
        if given or made or cost:
            self._model(document.get("modelID"))
            self._used[key or str(document.get("id"))] = (given, made, cost)


class Mini(_Objects):
    """A trajectory, whole: one answer of the provider each call. A run outside the session's time counts nothing."""

    def __init__(self, run: Run | None = None) -> None:
        super().__init__()
        self._run = run

    def _object(self, document: dict[str, Any], key: str) -> None:
        messages = document.get("messages")
        extras = [_table(m, "extra") for m in messages if isinstance(m, dict)] if isinstance(messages, list) else []
        first = next((at for extra in extras if (at := _number(extra, "timestamp"))), 0.0)
        if self._run is not None and not self._run.covers(first):
            return
        for number, extra in enumerate(extras):
            use = _table(_table(extra, "response"), "usage")
            if use:
                self._used[str(number)] = (_sum(use, "prompt_tokens"), _sum(use, "completion_tokens"), 0)
        info = _table(document, "info")
        if self._used:
            self._model(_table(_table(info, "config"), "model").get("model_name"))
        self._cost = _number(_table(info, "model_stats"), "instance_cost")


class Aider(Tally):
    """The lines of its chat history that say what a message took, in chats that began in the session's time.

    It rounds: 1.2k, 12k. A model's answer stands among these lines as it is, so that it can say something like them.
    """

    _BEGAN = re.compile(rb"# aider chat started at (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\s*")
    _MODEL = re.compile(rb"> (?:Main model|Model): (\S+) with .*")
    _TOKENS = re.compile(rb"> Tokens: ([\d.]+k?) sent,(?: [\d.]+k? cache (?:write|hit),){0,2} ([\d.]+k?) received\..*")
    _COST = re.compile(rb"> .*Cost: \$([\d.]{1,20}) message, .*")

    def __init__(self, run: Run | None = None) -> None:
        self._run = run
        self._counts = run is None
        self._models: dict[str, None] = {}
        self._sums = [0.0, 0.0, 0.0]

    def add(self, piece: bytes, key: str = "") -> None:
        piece = piece.rstrip()
        if (found := self._BEGAN.fullmatch(piece)) is not None and self._run is not None:
            self._counts = self._run.covers(_local(found[1].decode()))
        if not self._counts or not piece.startswith(b"> "):
            return
        if (found := self._MODEL.fullmatch(piece)) is not None and len(self._models) < _MODELS:
            self._models[found[1].decode("utf-8", "replace")[:_NAME]] = None
        if (found := self._TOKENS.fullmatch(piece)) is not None:
            self._sums[0] += _rounded(found[1])
            self._sums[1] += _rounded(found[2])
        if (found := self._COST.fullmatch(piece)) is not None:
            self._sums[2] += _rounded(found[1])

    @property
    def spent(self) -> Spent:
        given, made, cost = self._sums
        return Spent(tuple(self._models) if any(self._sums) else (), round(given), round(made), cost)


def counted(tally: Tally, pieces: Iterable[bytes]) -> Spent:
    """What all of them say."""
    for piece in pieces:
        tally.add(piece)
    return tally.spent


def _table(table: object, key: str) -> dict[str, Any]:
    found = table.get(key) if isinstance(table, dict) else None
    return found if isinstance(found, dict) else {}


def _number(table: dict[str, Any], key: str) -> float:
    """A number that can be a count, a price or a time; 0 for anything else."""
    value = table.get(key)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return 0
    return value if 0 <= value <= _MOST and math.isfinite(value) else 0


def _sum(table: dict[str, Any], *keys: str) -> int:
    return int(sum(_number(table, key) for key in keys))


def _rounded(text: bytes) -> float:
    """12, 1.2k."""
    try:
        value = float(text.removesuffix(b"k")) * (1000 if text.endswith(b"k") else 1)
    except ValueError:
        return 0
    return value if value <= _MOST else 0


def _local(text: str) -> float:
    """Unix seconds of a time that says no zone."""
    try:
        return time.mktime(time.strptime(text, "%Y-%m-%d %H:%M:%S"))
    except (ValueError, OverflowError):
        return 0
