"""What the watcher process and the supervisor say to each other: frames on one socket pair.

Watcher to supervisor: four bytes of big-endian length, then one JSON object. Supervisor to watcher: single bytes.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from leashtui.model import codec
from leashtui.model.event import FileChanged, Notice

SETTLE = b"s"  # compare the whole disk now, then say Settled
LIMIT = 4 << 20


class Ready(Struct, frozen=True, tag_field="kind", tag="ready"):
    """The snapshot stands: from here on every change is compared with it. us: how long that took."""

    files: int
    directories: int
    us: int


class Settled(Struct, frozen=True, tag_field="kind", tag="settled"):
    """The disk was read again and everything reported. digest: of the known state, path by path (hex)."""

    files: int
    digest: str


Message = FileChanged | Notice | Ready | Settled

_decoder: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)


def frame(message: Message) -> bytes:
    """The bytes of one message."""
    body = codec.encode(message)
    return len(body).to_bytes(4, "big") + body


def read_frames(data: bytearray) -> list[Message]:
    """Take the whole frames off the front of `data`. Raises ValueError (msgspec's included) on anything else."""
    found: list[Message] = []
    while len(data) >= 4:
        size = int.from_bytes(data[:4], "big")
        if size > LIMIT:
            raise ValueError(f"a frame of {size} bytes")
        if len(data) < 4 + size:
            break
        found.append(_decoder.decode(bytes(data[4 : 4 + size])))
        del data[: 4 + size]
    return found
