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
import sys
import threading
import time
from _thread import start_new_thread
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

if not __package__:  # started by its path: what it needs of ours lies behind everything else
    sys.path.append(os.path.abspath(__file__ + "/../../../.."))

from leashtui.guards.mcp.exchange import IDLE, Exchange, Gone
from leashtui.guards.mcp.transport import LIMIT, PLAIN, Route, called, events, headers, is_open, is_same

GONE = (
    "leash: REFUSED: leash's supervisor of this session is gone, so nothing can be judged and nothing was run."
    " End this session and start it again with leash."
)
_HOP = frozenset(
    "connection keep-alive proxy-authenticate proxy-authorization te trailer transfer-encoding upgrade host"
    " content-length accept-encoding".split()
)
_REDIRECTS = 3
_PAUSE = 0.05
_STREAMED = "stream"  # the one scope of a server that answers on its event stream


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
            self._called = called(body)
            passes, said = exchange.hear(self.connection) if body else (True, [])
            if passes:
                if ready.sock is not None and not is_open(ready):  # it waited longer for a person than the server does
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
        if self._called is None or len(data) > PLAIN:
            return False
        try:
            message = json.loads(data)
        except (ValueError, RecursionError):
            return False
        return isinstance(message, dict) and "method" not in message and is_same(message.get("id"), self._called)

    def _stream(self, answer: http.client.HTTPResponse, exchange: Exchange, key: str, route: Route) -> None:
        self._head(answer.status, answer, {"transfer-encoding": "chunked"})
        self.wfile.flush()
        for event in events(answer):
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
                if self._waiting >= IDLE:
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


def main() -> None:
    """Routes on stdin, the listening socket as descriptor 3; ends with the supervisor."""
    told = json.loads(sys.stdin.buffer.read())
    gateway = Gateway(socket.socket(fileno=3), told["directory"], told["token"], told["routes"])
    http.client.parse_headers = headers  # type: ignore[assignment]  # for both sides
    start_new_thread(gateway.serve, ())
    while os.getppid() == told["parent"]:
        select.select([], [], [], 1)
    os._exit(0)


if __name__ == "__main__":
    main()
