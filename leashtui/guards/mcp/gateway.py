"""The process behind the HTTP endpoint: MCP over HTTP between an agent and a server, each message shown to leash.

Knows the streamable transport and the older one with its own event stream. Refuses to judge: the supervisor's orders
are those of the relay. Runs in a bare interpreter. Invariants: a request goes on only after an order for it; it never
goes to another host than the configured one, whatever a server answers; without the supervisor nothing goes on.
"""

import http.client
import json
import os
import select
import socket
import ssl
import sys
import threading
import time
import urllib.parse
import urllib.request
from _thread import start_new_thread
from collections import deque
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import BinaryIO

VERSION = "leash-mcp/1"
LIMIT = 64 << 20
GONE = (
    "leash: REFUSED: leash's supervisor of this session is gone, so nothing can be judged and nothing was run."
    " End this session and start it again with leash."
)
_HOP = frozenset(
    "connection keep-alive proxy-authenticate proxy-authorization te trailer transfer-encoding upgrade host"
    " content-length accept-encoding".split()
)
_REDIRECTS = 3
_IDLE = 8  # connections that wait to be used again, to the supervisor and to a server each; threads that wait for one
_PIECE = 1 << 16
_PAUSE = 0.05
_PLAIN = 1 << 16  # bytes of a message that is looked at here
_HEADERS = 200
_LINE = 1 << 16
_OVER = b"\x00\x00\x00\x05F"  # how the frame begins that forgets a request; its number follows
_END = 9
_STREAMED = "stream"  # the one scope of a server that answers on its event stream


class Gone(Exception):
    """The supervisor is gone, or does not want this."""


class Exchange:
    """One HTTP request, shown to the supervisor over a connection that is nobody else's meanwhile.

    A connection is used again once its request ended well: the next one says who it is anew, unless it is of the same
    session of the same server. Numbers are never used
    twice on it, so that an order for an earlier request is not taken for one for this. Whether it is welcome shows with
    the first answer.
    """

    def __init__(
        self, idle: "deque[tuple[socket.socket, int, tuple[str, str]]]", directory: str, key: str, scope: str
    ) -> None:
        try:
            self._line, last, met = idle.pop()
        except IndexError:
            self._line, last, met = _connected(directory), 0, ("", "")
        self._idle = idle
        self._data = b""
        self._who = (key, scope)
        self._hello = self._number = last + 1
        self._unsent, self._welcome = b"", True
        if not scope or met != self._who:
            hello = json.dumps({"v": VERSION, "key": key, "words": [], "scope": scope}).encode()
            self._unsent, self._welcome = _frame(b"H", self._hello, hello), False

    def _take(self) -> "tuple[bytes, int, bytes]":
        """The next frame; what came with it is kept for the next time."""
        while (size := int.from_bytes(self._data[:4], "big")) + 4 > len(self._data) or len(self._data) < 4:
            self._read()
        if size < 5:
            raise Gone
        frame, self._data = self._data[4 : size + 4], self._data[size + 4 :]
        return frame[:1], int.from_bytes(frame[1:5], "big"), frame[5:]

    def _read(self) -> None:
        try:
            piece = self._line.recv(_PIECE)
        except OSError as error:
            raise Gone from error
        if not piece:
            raise Gone
        self._data += piece

    def ask(self, kind: bytes, data: bytes, caller: "socket.socket | None" = None) -> "tuple[bool, list[bytes]]":
        """(whether it may go on, what is said instead). caller: hanging up there takes it back."""
        self.show(kind, data)
        return self.hear(caller)

    def show(self, kind: bytes, data: bytes) -> None:
        """Show a message; what becomes of it is to be heard before the next one."""
        self._number += 1
        try:
            self._line.sendall(self._unsent + _frame(kind, self._number, data))
        except OSError as error:
            raise Gone from error
        self._unsent = b""

    def hear(self, caller: "socket.socket | None" = None) -> "tuple[bool, list[bytes]]":
        """What becomes of the message that was shown last, as `ask` says it."""
        number = self._number
        said: list[bytes] = []
        while True:
            while caller is not None and not self._data:
                ready = select.select([self._line, caller], [], [])[0]
                if self._line in ready:
                    break
                if not caller.recv(1, socket.MSG_PEEK):
                    raise ConnectionResetError
                caller = None  # it sends the next request already; that can wait
            order, about, words = self._take()
            if order in (b"N", b"Q"):
                raise Gone
            if not self._welcome:
                self._welcome = order == b"G" and about == self._hello
            elif order == b"C":
                said.append(words)
            elif about == number and order in (b"S", b"A", b"F"):
                return order != b"F", said

    def done(self) -> None:
        """It ended well: another one may use the connection."""
        open_still = self._line.fileno() >= 0 and self._has_only_ends()
        if open_still and (self._welcome or self._unsent) and len(self._idle) < _IDLE:
            self._idle.append((self._line, self._number, self._who if self._welcome else ("", "")))
        else:
            self.close()

    def _has_only_ends(self) -> bool:
        """Whether nothing came behind the last order but words that requests are over, which are dropped."""
        while self._data:
            if len(self._data) < _END or self._data[:5] != _OVER:
                return False
            self._data = self._data[_END:]
        return True

    def close(self) -> None:
        """Hang up."""
        self._line.close()


def _frame(kind: bytes, number: int, data: bytes) -> bytes:
    return (len(data) + 5).to_bytes(4, "big") + kind + number.to_bytes(4, "big") + data


def _connected(directory: str) -> socket.socket:
    """A new connection to the supervisor. Raises Gone."""
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    path = directory + "/mcp.sock"
    try:
        if len(os.fsencode(path)) <= 100:
            line.connect(path)
        else:
            handle = os.open(directory, os.O_PATH | os.O_DIRECTORY)
            try:
                line.connect(f"/proc/self/fd/{handle}/mcp.sock")
            finally:
                os.close(handle)
    except OSError as error:
        line.close()
        raise Gone from error
    return line


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
            if _is_open(found):
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
        if connection.sock is not None and len(self._idle) < _IDLE:
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


def _is_open(connection: http.client.HTTPConnection) -> bool:
    """Whether its server did not hang up, and says nothing that nobody asked for."""
    return connection.sock is not None and not select.select([connection.sock], [], [], 0)[0]


class Handler(BaseHTTPRequestHandler):
    """One agent's connection."""

    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # an answer in one piece: two would wait for each other's acknowledgement, 40 ms
    disable_nagle_algorithm = True
    server: "Gateway"

    def setup(self) -> None:
        """One connection begins."""
        super().setup()
        self._speaking = threading.Lock()
        self._called: object = None  # the id of the tool call that was let go on

    def log_message(self, *args: object) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        """A message of the agent."""
        self._meet(self._body())

    def do_GET(self) -> None:
        """A stream of the server's own messages."""
        self._meet(b"")

    do_DELETE = do_GET

    def _body(self) -> bytes:
        if "chunked" in (self.headers.get("transfer-encoding") or "").lower():
            whole = bytearray()
            while size := int(self.rfile.readline(64).split(b";")[0], 16):
                whole += self.rfile.read(size)
                self.rfile.readline(8)
                if len(whole) > LIMIT:
                    raise ValueError("too long")
            self.rfile.readline(8)
            return bytes(whole)
        size = int(self.headers.get("content-length") or 0)
        if size > LIMIT:
            raise ValueError("too long")
        return self.rfile.read(size)

    def _meet(self, body: bytes) -> None:
        path, _, query = self.path.partition("?")
        parts = path.split("/", 3)
        route = self.server.routes.get(parts[2]) if len(parts) > 2 and parts[1] == self.server.token else None
        rest = "/" + parts[3][2:] if len(parts) > 3 and parts[3].startswith("~/") else ""
        if route is None or (len(parts) > 3 and not rest):
            self._reply(404, b"")
            return
        scope = self.headers.get("mcp-session-id") or (_STREAMED if rest else "")
        try:
            exchange = Exchange(self.server.idle, self.server.directory, parts[2], scope)
        except Gone:
            self._gone(body)
            return
        self._called = None
        try:
            if body:
                exchange.show(b"c", body)
            path = route.path(rest, query)
            ready = self._ready(route, path, body)  # while the supervisor thinks about it
            self._called = _called(body)
            passes, said = exchange.hear(self.connection) if body else (True, [])
            if passes:
                if ready.sock is not None and not _is_open(ready):  # it waited longer for a person than the server does
                    ready.close()
                    ready = self._ready(route, path, body)
                self._forward(route, path, body, exchange, parts[2], ready)
            else:
                ready.close()
                self._say(b"".join(said), self.server.streams.get(self.path))
            exchange.done()
        except Gone:
            exchange.close()
            self._gone(body)
        except (OSError, http.client.HTTPException) as error:
            exchange.close()
            self._fail(f"leash: the MCP server cannot be reached: {error or type(error).__name__}")

    def _ready(self, route: Route, path: str, body: bytes) -> http.client.HTTPConnection:
        """A connection to the server with the head of this request written down, of which nothing was sent yet."""
        connection = route.connection()
        connection.putrequest(self.command, path)
        for name, value in self.headers.items():
            if name.lower() not in _HOP:
                connection.putheader(name, value)
        if body or self.command == "POST":
            connection.putheader("Content-Length", str(len(body)))
        return connection

    def _forward(
        self, route: Route, path: str, body: bytes, exchange: Exchange, key: str, connection: http.client.HTTPConnection
    ) -> None:
        """To the server and back, through redirects on the same host. connection: as it was made ready."""
        for _ in range(_REDIRECTS):
            connection.endheaders(body or None)
            answer = connection.getresponse()
            if answer.status not in (301, 302, 307, 308):
                self._pass(answer, exchange, key, route)
                if answer.isclosed():
                    route.give_back(connection)
                return
            answer.read()
            route.give_back(connection)
            found = route.within(answer.headers.get("location") or "", path)
            if found is None:
                self._fail("leash: REFUSED: the MCP server redirects to another host; configure that address itself.")
                return
            path = found
            connection = self._ready(route, path, body)
        self._fail("leash: the MCP server redirects in a circle")

    def _pass(self, answer: http.client.HTTPResponse, exchange: Exchange, key: str, route: Route) -> None:
        kind = (answer.headers.get("content-type") or "").lower()
        if "text/event-stream" in kind and self.command != "DELETE":
            self._stream(answer, exchange, key, route)
            return
        body = answer.read()
        if body and "json" in kind and self._is_result(body):
            exchange.show(b"s", body)
            self._reply(answer.status, body, answer)
            self._settle(exchange)
            return
        if body and "json" in kind:
            passes, said = exchange.ask(b"s", body)
            body = body if passes else b"".join(said)
        self._reply(answer.status, body, answer)

    def _settle(self, exchange: Exchange) -> None:
        """The supervisor's word for what is on its way already; without it nothing more goes over these connections."""
        try:
            exchange.hear()
        except Gone:
            exchange.close()
            self.close_connection = True

    def _is_result(self, data: bytes) -> bool:
        """Whether this answers the tool call that was let go on: it is shown to the supervisor, which never keeps one
        back, and need not wait for its word."""
        if self._called is None or len(data) > _PLAIN:
            return False
        try:
            message = json.loads(data)
        except (ValueError, RecursionError):
            return False
        return isinstance(message, dict) and "method" not in message and _is_same(message.get("id"), self._called)

    def _stream(self, answer: http.client.HTTPResponse, exchange: Exchange, key: str, route: Route) -> None:
        self._head(answer.status, answer, {"transfer-encoding": "chunked"})
        self.wfile.flush()
        for event in _events(answer):
            data = b"\n".join(line[5:].removeprefix(b" ") for line in event if line.startswith(b"data:"))
            named = next((line[6:].strip() for line in event if line.startswith(b"event:")), b"message")
            if named == b"endpoint":
                exchange = Exchange(self.server.idle, self.server.directory, key, _STREAMED)
                local = self._local(route, data.decode(), key)
                self.server.streams[local] = self
                event = [b"event: endpoint", b"data: " + local.encode()]
            elif data and named == b"message" and self._is_result(data):
                exchange.show(b"s", data)
                self._chunk(b"\n".join(event) + b"\n\n")
                self._settle(exchange)
                continue
            elif data and named == b"message":
                passes, said = exchange.ask(b"s", data)
                if not passes:
                    kept = [line for line in event if not line.startswith(b"data:")]
                    event = kept + [b"data: " + line.rstrip(b"\n") for line in said]
            self._chunk(b"\n".join(event) + b"\n\n")
        self._chunk(b"")

    def _say(self, said: bytes, stream: "Handler | None") -> None:
        """leash's own answer: here, or on the event stream where the older transport's client waits for it."""
        if stream is None or not said:
            self._reply(200 if said else 202, said)
            return
        stream._chunk(b"event: message\ndata: " + said.rstrip(b"\n") + b"\n\n")
        self._reply(202, b"")

    def _local(self, route: Route, address: str, key: str) -> str:
        """Where the older transport posts to: the server's own word for it, behind this endpoint."""
        path = route.within(address, route.path("", ""))
        if path is None:
            raise Gone
        return f"/{self.server.token}/{key}/~{path}"

    def _chunk(self, data: bytes) -> None:
        with self._speaking:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.wfile.flush()

    def _head(self, status: int, answer: "http.client.HTTPResponse | None", more: "dict[str, str]") -> None:
        self.send_response_only(status)
        for name, value in answer.headers.items() if answer is not None else ():
            if name.lower() not in _HOP:
                self.send_header(name, value)
        for name, value in more.items():
            self.send_header(name, value)
        self.end_headers()

    def _reply(self, status: int, body: bytes, answer: "http.client.HTTPResponse | None" = None) -> None:
        more = {"content-length": str(len(body))}
        if body and answer is None:
            more["content-type"] = "application/json"
        self._head(status, answer, more)
        self.wfile.write(body)
        self.wfile.flush()

    def _fail(self, sentence: str) -> None:
        self._reply(502, json.dumps({"error": sentence}).encode())
        self.close_connection = True

    def _gone(self, body: bytes) -> None:
        """Without the supervisor: an error that the model reads."""
        try:
            number = json.loads(body).get("id")
        except (ValueError, AttributeError, RecursionError):
            number = None
        if number is None:
            self._reply(503, b"")
        else:
            said = {"jsonrpc": "2.0", "id": number, "error": {"code": -32001, "message": GONE}}
            self._reply(200, json.dumps(said).encode())


class Gateway(ThreadingHTTPServer):
    """Serves `routes` on a socket that is listening already. streams: who answers posts to this path."""

    daemon_threads = True

    def __init__(self, listener: socket.socket, directory: str, token: str, routes: "dict[str, str]") -> None:
        super().__init__(("127.0.0.1", 0), Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.directory = directory
        self.token = token
        self.streams: dict[str, Handler] = {}
        self.idle: deque[tuple[socket.socket, int, tuple[str, str]]] = deque()
        self.routes = {key: Route(url) for key, url in routes.items()}
        self._lock = threading.Lock()
        self._waiting = 1

    def serve(self) -> None:
        """Take connections, one at a time, for ever: in as many threads as there are connections, and one that waits.

        Some agents make a connection for each call; a thread made for it, or woken for it by another, came too late.
        """
        while True:
            try:
                connection, address = self.socket.accept()
            except OSError:
                time.sleep(_PAUSE)  # no descriptor left, as a rule
                continue
            with self._lock:
                self._waiting -= 1
                if not self._waiting and self._has_another():
                    self._waiting = 1
            self.process_request_thread(connection, address)
            with self._lock:
                if self._waiting >= _IDLE:
                    return
                self._waiting += 1

    def _has_another(self) -> bool:
        """Start a thread that waits; where there is none to be had, callers wait until this one is free again."""
        try:
            start_new_thread(self.serve, ())
        except RuntimeError:
            return False
        return True

    def handle_error(self, request: object, client_address: object) -> None:
        """An agent that hung up is no news."""


def _called(body: bytes) -> object:
    """The id of the tool call that a message is; None for anything else."""
    if len(body) > _PLAIN or b"tools/call" not in body:
        return None
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        return None
    called = isinstance(message, dict) and message.get("method") == "tools/call"
    return message.get("id") if called else None


def _is_same(one: object, other: object) -> bool:
    """Whether two ids are one: 1 and true are not."""
    return type(one) is type(other) and one == other


def _events(answer: http.client.HTTPResponse) -> "Iterator[list[bytes]]":
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


def _headers(file: BinaryIO, _class: object = None, **_more: object) -> http.client.HTTPMessage:
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


def main() -> None:
    """Routes on stdin, the listening socket as descriptor 3; ends with the supervisor."""
    told = json.loads(sys.stdin.buffer.read())
    gateway = Gateway(socket.socket(fileno=3), told["directory"], told["token"], told["routes"])
    http.client.parse_headers = _headers  # type: ignore[assignment]  # for both sides
    start_new_thread(gateway.serve, ())
    while os.getppid() == told["parent"]:
        select.select([], [], [], 1)
    os._exit(0)


if __name__ == "__main__":
    main()
