"""Bytes in and out of the nouns: canonical JSON, surrogates escaped, wrong types refused.

A file name that is not UTF-8 reaches Python as lone surrogates (PEP 383). JSON cannot carry them, so each becomes
U+FFFD's readable cousin `\\udcXX` in plain text before it is encoded: visible, reversible by eye, never a crash.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from leashtui.model.event import Record
from leashtui.model.wire import DeskMessage, FaceMessage

T = TypeVar("T")

_encoder = msgspec.json.Encoder(order="deterministic")
_record: msgspec.json.Decoder[Record] = msgspec.json.Decoder(Record)
_face: msgspec.json.Decoder[FaceMessage] = msgspec.json.Decoder(FaceMessage)
_desk: msgspec.json.Decoder[DeskMessage] = msgspec.json.Decoder(DeskMessage)


def escape(text: str) -> str:
    """`text` with every lone surrogate spelled out as \\udcXX, so that UTF-8 can carry it."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode()
    return text


def _clean(value: Any) -> Any:
    """`value` (builtins only) with every string escaped."""
    if isinstance(value, str):
        return escape(value)
    if isinstance(value, dict):
        return {escape(k): _clean(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(v) for v in value]
    return value


def encode(value: Any) -> bytes:
    """Deterministic UTF-8 JSON of a Struct or builtin; never fails on lone surrogates."""
    try:
        return _encoder.encode(value)
    except UnicodeEncodeError:
        return _encoder.encode(_clean(msgspec.to_builtins(value)))


def decode_record(body: bytes) -> Record:
    """The record in `body`. Raises msgspec.DecodeError (a ValidationError on any wrong type)."""
    return _record.decode(body)


def decode_face(line: bytes) -> FaceMessage:
    """A face's message. Raises msgspec.DecodeError."""
    return _face.decode(line)


def decode_desk(line: bytes) -> DeskMessage:
    """A desk's message. Raises msgspec.DecodeError."""
    return _desk.decode(line)
