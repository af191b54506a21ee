"""Names of entities as people write them, `Type::"id"`, and what each of them is inside of by its very name.

A file is in its directories, a host in its wildcards, a tool in its server: that hierarchy needs no machine, only the
name. Knows spelling. Refuses to know policies. Invariant: a name that does not parse is an error, never a guess; paths
are made plain first, so that `/work/../etc` is not inside `/work`.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from cedarpy import pst

from leashtui.model.codec import escape
from leashtui.policy.entities import ANCESTORS, Entity, Uid, cap

_NAME = re.compile(r'((?:[A-Za-z_]\w*::)*[A-Za-z_]\w*)::"((?:[^"\\]|\\.)*)"', re.ASCII | re.DOTALL)
_ESCAPE = re.compile(r"\\(?:([nrt0\\\"'])|x([0-7][0-9a-fA-F])|u\{([0-9a-fA-F]{1,6})\}|(.))", re.DOTALL)
_SHORT = {"n": "\n", "r": "\r", "t": "\t", "0": "\0", "\\": "\\", '"': '"', "'": "'"}
HOSTS = frozenset({"Host", "Net::Host", "Net::Hostname"})
"""Types that mean a host."""
MODES = {"FileOpenReadOnly": "FileOpen", "FileOpenReadWrite": "FileOpen"}
"""Actions that are in another."""


def read_name(text: str) -> Uid:
    """`Type::"id"` as the engine takes it. Raises ValueError when it is not one."""
    match = _NAME.fullmatch(text.strip())
    if match is None:
        raise ValueError(f'{escape(text)[:80]!r} is not a name such as File::"/etc/hosts"')
    return {"type": match[1], "id": cap(_ESCAPE.sub(_unescape, match[2]))}


def _unescape(match: re.Match[str]) -> str:
    short, byte, code, bad = match.groups()
    if bad is not None:
        raise ValueError(f"\\{escape(bad)} is no escape of Cedar")
    if short is not None:
        return _SHORT[short]
    number = int(byte or code, 16)
    if number > 0x10FFFF or 0xD800 <= number < 0xE000:
        raise ValueError(f"U+{number:X} is no character")
    return chr(number)


def type_of(uid: pst.EntityUid) -> str:
    """The type of an entity in a syntax tree, with its namespaces."""
    return "::".join((*uid.type.namespace, uid.type.basename))


def plain_path(path: str) -> str:
    """An absolute path without `.`, `..` and doubled slashes."""
    return posixpath.normpath("/" + path.lstrip("/"))


def split_host(name: str) -> tuple[str, str]:
    """(host, port) in lower case, without scheme, path and final dot; port '' when none is named."""
    text = name.lower().partition("://")[2] or name.lower()
    text = text.partition("/")[0]
    if text.startswith("["):
        host, _, port = text[1:].partition("]")
        return host, port.lstrip(":")
    host, colon, port = text.rpartition(":")
    if not colon or ":" in host:
        return text.rstrip("."), ""
    return host.rstrip("."), port


def join_host(host: str, port: str) -> str:
    """The one spelling of a host with or without a port."""
    return (f"[{host}]:{port}" if ":" in host else f"{host}:{port}") if port else host


def above(uid: Uid) -> Iterator[Uid]:
    """What an entity is inside of, nearest last or first, itself never twice."""
    kind, name = uid["type"], uid["id"]
    if kind in ("File", "Dir") and name.startswith("/"):
        yield from _folders(kind, name)
    elif kind in HOSTS:
        yield from ({"type": "Host", "id": host} for host in _hosts(name))
    elif kind == "MCP::Tool":
        server, slash, tool = name.lower().rpartition("/")
        yield {"type": "MCP::Tool", "id": name.lower()}
        if slash:
            yield {"type": "MCP::Tool", "id": tool}
            yield {"type": "MCP::Server", "id": server}
            yield {"type": "MCP::Server", "id": join_host(*split_host(server))}
            yield {"type": "MCP::Server", "id": split_host(server)[0]}
    elif kind == "MCP::Server":
        yield {"type": "MCP::Server", "id": join_host(*split_host(name))}
        yield {"type": "MCP::Server", "id": split_host(name)[0]}


def _folders(kind: str, name: str) -> Iterator[Uid]:
    path = plain_path(name)
    if kind == "File":
        yield {"type": "File", "id": path}
        path = posixpath.dirname(path)
    yield {"type": "Dir", "id": "/"}
    place = ""
    for number, part in enumerate(path.strip("/").split("/")):
        if part and number * 2 < ANCESTORS:
            place += "/" + part
            yield {"type": "Dir", "id": place}
            yield {"type": "Dir", "id": place + "/"}


def _hosts(name: str) -> Iterator[str]:
    host, port = split_host(name)
    labels = host.split(".")
    address = ":" in host or host.replace(".", "").isdigit()
    wild = [] if address else ["*." + ".".join(labels[n:]) for n in range(1, min(len(labels), ANCESTORS))]
    for one in (host, *wild, "*"):
        yield one
        if port:
            yield join_host(one, port)


def entities(*uids: Uid) -> list[Entity]:
    """These entities with what they are inside of, once each."""
    found: dict[tuple[str, str], Entity] = {}
    for uid in uids:
        parents = {(p["type"], p["id"]): p for p in above(uid)}
        parents.pop((uid["type"], uid["id"]), None)
        found[uid["type"], uid["id"]] = {"uid": uid, "attrs": {}, "parents": list(parents.values())}
    return list(found.values())
