"""What the watcher process and the supervisor say to each other: frames on one socket pair.

Both ways: four bytes of big-endian length, then one JSON object. Invariant: a path goes one way only, to be judged and
shown; orders name a change by its number, so no name has to survive the way there and back.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from leashtui.model import codec
from leashtui.model.event import FileChanged, Notice

LIMIT = 4 << 20


class Ready(Struct, frozen=True, tag_field="kind", tag="ready"):
    """The snapshot stands: from here on every change is compared with it. us: how long that took."""

    files: int
    directories: int
    us: int


class Armed(Struct, frozen=True, tag_field="kind", tag="armed"):
    """Protected files are known: from here on every change of theirs is reported. The rest is still being read."""

    files: int


class Settled(Struct, frozen=True, tag_field="kind", tag="settled"):
    """The disk was read again and everything reported. digest: of the known state, path by path (hex).

    number: of the order.
    """

    files: int
    digest: str
    number: int = 0


class Suspect(Struct, frozen=True, omit_defaults=True):
    """A change of a protected file that nobody was asked about. path: absolute; shown: as a person reads it.

    change: created, modified or deleted. at: us since the epoch, by the kernel's clock. content: the name git would
    give what is there now, '' when nothing is, `?` where it is not known. link: a symbolic link is there now. former:
    the number of an earlier report that this one replaces, because the file changed once more.
    """

    number: int
    path: str
    shown: str
    change: str
    place: str
    diff: str = ""
    at: int = 0
    content: str = ""
    link: bool = False
    former: int = 0


class Suspects(Struct, frozen=True, tag_field="kind", tag="suspects"):
    """Changes seen at once. more: the rest of them follows."""

    changes: tuple[Suspect, ...]
    more: bool = False


class Calm(Struct, frozen=True, tag_field="kind", tag="calm"):
    """The file is again what it was before the reported change: there is nothing to answer."""

    number: int


class Done(Struct, frozen=True, tag_field="kind", tag="done"):
    """An order was carried out. why: what kept it from being. restored: the file is what it was before.

    kept: where what lay there before that is kept, '' for nowhere.
    """

    number: int
    why: str
    restored: bool = False
    kept: str = ""


class Settle(Struct, frozen=True, tag_field="order", tag="settle"):
    """Compare the disk now, then say Settled: the whole, or only what is protected."""

    number: int
    whole: bool = True


class Keep(Struct, frozen=True, tag_field="order", tag="keep"):
    """Reported changes are right."""

    numbers: tuple[int, ...]


class Restore(Struct, frozen=True, tag_field="order", tag="restore"):
    """Reported changes are not: put each file back, if it still is what was reported."""

    numbers: tuple[int, ...]


Message = FileChanged | Notice | Armed | Ready | Settled | Suspects | Calm | Done
Order = Settle | Keep | Restore

_decoder: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)
_orders: msgspec.json.Decoder[Order] = msgspec.json.Decoder(Order)


def frame(message: Message | Order) -> bytes:
    """The bytes of one message."""
    body = codec.encode(message)
    return len(body).to_bytes(4, "big") + body


def read_frames(data: bytearray) -> list[Message]:
    """Take the whole frames off the front of `data`. Raises ValueError (msgspec's included) on anything else."""
    return [_decoder.decode(body) for body in _bodies(data)]


def read_orders(data: bytearray) -> list[Order]:
    """The same on the watcher's side."""
    return [_orders.decode(body) for body in _bodies(data)]


def _bodies(data: bytearray) -> list[bytes]:
    found: list[bytes] = []
    while len(data) >= 4:
        size = int.from_bytes(data[:4], "big")
        if size > LIMIT:
            raise ValueError(f"a frame of {size} bytes")
        if len(data) < 4 + size:
            break
        found.append(bytes(data[4 : 4 + size]))
        del data[: 4 + size]
    return found
