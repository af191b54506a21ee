"""Servers behind the HTTP endpoint: connections to them, and how what comes over these is read.

Knows HTTP. Refuses to know the supervisor. Standard library only: its process is a bare interpreter. Invariant: nothing
goes to another host than the configured one, whatever a server answers.
"""

import http.client
import json
import select
import ssl
import urllib.parse
import urllib.request
from collections import deque
from collections.abc import Iterator
from typing import BinaryIO

from leashtui.guards.mcp.exchange import IDLE

LIMIT = 64 << 20
_PIECE = 1 << 16
PLAIN = 1 << 16  # bytes of a message that is looked at here
_HEADERS = 200
_LINE = 1 << 16


class Route:
    """One configured server, and connections to it that can be used again."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.parts = urllib.parse.urlsplit(url)
        self._idle: deque[http.client.HTTPConnection] = deque()

    def connection(self) -> http.client.HTTPConnection:
        """One that is open, or a new one."""
        while self._idle:
            found = self._idle.pop()
            if is_open(found):
                return found
            found.close()
        host, port = self.parts.hostname or "", self.parts.port
        if self.parts.scheme == "http":
            return http.client.HTTPConnection(host, port)
        proxy = urllib.request.getproxies().get("https")
        if proxy and not urllib.request.proxy_bypass(host):
            at = urllib.parse.urlsplit(proxy if "://" in proxy else f"http://{proxy}")
            made = http.client.HTTPSConnection(at.hostname or "", at.port or 80, context=ssl.create_default_context())
            made.set_tunnel(host, port or 443)
            return made
        return http.client.HTTPSConnection(host, port, context=ssl.create_default_context())

    def give_back(self, connection: http.client.HTTPConnection) -> None:
        """Its answer was read to the end."""
        if connection.sock is not None and len(self._idle) < IDLE:
            self._idle.append(connection)
        else:
            connection.close()

    def path(self, rest: str, query: str) -> str:
        """What to ask for: the configured address, or another path of the same host that the server itself named."""
        if rest:
            return rest + (f"?{query}" if query else "")
        path = self.parts.path or "/"
        return path + (f"?{self.parts.query}" if self.parts.query else "")

    def within(self, location: str, path: str) -> "str | None":
        """A redirect's path, None when it leads to another host."""
        at = urllib.parse.urlsplit(urllib.parse.urljoin(urllib.parse.urljoin(self.url, path), location))
        if (at.scheme, at.netloc) != (self.parts.scheme, self.parts.netloc):
            return None
        return at.path + (f"?{at.query}" if at.query else "")


def is_open(connection: http.client.HTTPConnection) -> bool:
    """Whether its server did not hang up, and says nothing that nobody asked for."""
    return connection.sock is not None and not select.select([connection.sock], [], [], 0)[0]


def called(body: bytes) -> object:
    """The id of the tool call that a message is; None for anything else."""
    if len(body) > PLAIN or b"tools/call" not in body:
        return None
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        return None
    called = isinstance(message, dict) and message.get("method") == "tools/call"
    return message.get("id") if called else None


def is_same(one: object, other: object) -> bool:
    """Whether two ids are one: 1 and true are not."""
    return type(one) is type(other) and one == other


def events(answer: http.client.HTTPResponse) -> "Iterator[list[bytes]]":
    """The events of a stream, as their lines."""
    event: list[bytes] = []
    begun: list[bytes] = []  # of a line
    size = 0
    while piece := answer.read1(_PIECE):  # a whole chunk: line by line the library looks at each four times
        size += len(piece)
        if size > LIMIT:
            return
        first, *others = piece.split(b"\n")
        begun.append(first)
        for next_one in others:
            line, begun = b"".join(begun).rstrip(b"\r"), [next_one]
            if line:
                event.append(line)
            elif event:
                yield event
                event, size = [], len(piece)


def headers(file: BinaryIO, _class: object = None, **_more: object) -> http.client.HTTPMessage:
    """The lines of a head, one header each: the library's parser for mail takes 28 us, this 5."""
    message = http.client.HTTPMessage()
    for _ in range(_HEADERS):
        line = file.readline(_LINE)
        if line in (b"\r\n", b"\n", b""):
            return message
        name, colon, value = line.decode("iso-8859-1").removesuffix("\n").removesuffix("\r").partition(":")
        if not colon or not name or name != name.strip() or "\r" in value or len(line) == _LINE:
            raise http.client.HTTPException("a header that can be read in two ways")
        message.set_raw(name, value.strip())
    raise http.client.HTTPException("too many headers")
