"""JSON-RPC 2.0 as MCP uses it: one message from its bytes, strictly; answers of our own.

Knows the envelope, and where two readers of the same bytes could disagree: keys that are there twice, keys that differ
from a known one only in their case, a carriage return that some servers take for the end of a line. Refuses to know
servers and policies. Invariant: a message from a client that two readers could read in two ways is refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct

LIMIT = 64 << 20
"""Longest message, bytes."""
_ENVELOPE = frozenset({"jsonrpc", "id", "method", "params", "result", "error"})
_CALL = frozenset({"name", "arguments", "uri"})
_PARSE_ERROR, _INVALID, _REFUSED = -32700, -32600, -32001

Id = str | int | float | None


class Unclear(ValueError):
    """Not one message with one meaning; the text says why."""


class Message(Struct, frozen=True):
    """One message of a client. method: '' for a response. id: None for a notification. params: {} when it has none."""

    method: str
    id: Id
    params: dict[str, Any]
    expects: bool  # whether an answer is due


class Envelope(Struct, frozen=True):
    """What a server's message is, without reading what it holds."""

    id: Id = None
    method: str = ""
    params: msgspec.Raw = msgspec.Raw()
    result: msgspec.Raw = msgspec.Raw()
    error: msgspec.Raw = msgspec.Raw()


def read(line: bytes) -> list[Message]:
    """The message of a client's line, or the several of a batch; [] for an empty line. Raises Unclear."""
    if not line.strip():
        return []
    if b"\r" in line.rstrip(b"\r\n"):
        raise Unclear("it holds a carriage return, at which some servers part lines")
    try:
        document = json.loads(line.decode(), object_pairs_hook=_once, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise Unclear(str(error) or type(error).__name__) from error
    parts = document if isinstance(document, list) else [document]
    return [_message(part) for part in parts]


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise Unclear("a key is there twice")
    return made


def _refuse_constant(word: str) -> Any:
    raise Unclear(f"{word} is no JSON")


def _message(part: Any) -> Message:
    if not isinstance(part, dict):
        raise Unclear("it is no object")
    _check_keys(part, _ENVELOPE)
    method, params, number = part.get("method", ""), part.get("params"), part.get("id")
    if not isinstance(method, str) or (number is not None and not isinstance(number, (str, int, float))):
        raise Unclear("its method or id makes no sense")
    if params is not None and not isinstance(params, dict):
        raise Unclear("its params are no object")
    _check_keys(params or {}, _CALL)
    return Message(method, number, params or {}, bool(method) and "id" in part)


def _check_keys(part: dict[str, Any], known: Iterable[str]) -> None:
    """Some readers take `Method` for `method`."""
    for key in part:
        if key not in known and key.lower() in known:
            raise Unclear(f"{key!r} could be read as {key.lower()!r}")


def envelope(line: bytes) -> Envelope | None:
    """The envelope of a server's message, None for what is none (logging on stdout, a batch)."""
    try:
        return msgspec.json.decode(line, type=Envelope)
    except (msgspec.DecodeError, RecursionError):
        return None


def key_of(number: Id) -> str:
    """An id as a key: 1 and "1" are two."""
    return json.dumps(number)


def text_of(arguments: Any) -> str:
    """Arguments as the one text that is judged, recorded and compared: keys sorted."""
    return json.dumps({} if arguments is None else arguments, ensure_ascii=False, sort_keys=True)


def result(number: Id, value: dict[str, Any]) -> bytes:
    """An answer of ours, one line."""
    return _line({"jsonrpc": "2.0", "id": number, "result": value})


def refused(message: Message, sentence: str) -> bytes:
    """A refusal that the model reads: a tool's result that says it failed, an error for any other method."""
    if message.method == "tools/call":
        content = [{"type": "text", "text": sentence}]
        return result(message.id, {"content": content, "isError": True, "resultType": "complete"})
    return error(message.id, sentence)


def error(number: Id, sentence: str, code: int = _REFUSED) -> bytes:
    """An error of ours, one line."""
    return _line({"jsonrpc": "2.0", "id": number, "error": {"code": code, "message": sentence}})


def unclear(why: str) -> bytes:
    """The answer to what could not be read."""
    return error(
        None, f"leash: REFUSED: this message could not be read with certainty ({why}). Nothing was run.", _PARSE_ERROR
    )


def unknown_method(number: Id) -> bytes:
    """The answer to a method that leash's own server does not have."""
    return error(number, "Method not found", -32601)


def _line(document: dict[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"
