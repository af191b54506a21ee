"""The MCP relay: what an agent starts instead of a stdio server; it starts the server and shows each line to leash.

Knows lines, frames and one child. Refuses to judge: the session's supervisor says of each line whether it passes, and
what is said instead. It runs under `python -IS` once a server, so that, unlike the hook, it may know JSON, which it
needs to answer when the supervisor is gone.

Invariant: no line reaches the server before the supervisor let it pass; without the supervisor every request is
answered with an error that says what to do, and the server is ended.
"""

import contextlib
import json
import os
import queue
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

VERSION = "leash-mcp/1"
LIMIT = 64 << 20  # bytes of one line
GONE = (
    "leash: REFUSED: leash's supervisor of this session is gone, so nothing can be judged and nothing was run."
    " End this session and start it again with leash."
)
_PIECE = 1 << 16
_AT_ONCE = 4096  # bytes for which a pipe or socket that is said to be writable has room


class Line:
    """The socket to the supervisor; frames are length (4), kind (1), number (4), bytes."""

    def __init__(self, directory: str) -> None:
        path = directory + "/mcp.sock"
        if len(os.fsencode(path)) > 100:
            path = f"/proc/self/fd/{os.open(directory, os.O_PATH | os.O_DIRECTORY)}/mcp.sock"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.connect(path)
        peer = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        if int.from_bytes(peer[4:8], sys.byteorder) != os.getuid():
            raise OSError("the socket belongs to another user")
        self._file = self._socket.makefile("rb")
        self._lock = threading.Lock()

    def send(self, kind: bytes, number: int, data: bytes) -> bool:
        """False when the supervisor is gone."""
        try:
            with self._lock:
                self._socket.sendall((len(data) + 5).to_bytes(4, "big") + kind + number.to_bytes(4, "big") + data)
        except OSError:
            return False
        return True

    def take(self) -> "tuple[bytes, int, bytes] | None":
        """The next frame, None when the supervisor is gone."""
        try:
            size = int.from_bytes(self._file.read(4), "big")
            frame = self._file.read(size)
        except OSError:
            return None
        if size < 5 or len(frame) < size:
            return None
        return frame[:1], int.from_bytes(frame[1:5], "big"), frame[5:]


class Outlet:
    """Where lines go, in order. What has room is written at once; a thread writes the rest and waits for its reader."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._room = select.poll()
        self._room.register(handle, select.POLLOUT)
        self._lock = threading.Lock()
        self._waiting = 0
        self._ended = False
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def put(self, line: bytes) -> None:
        """One more line."""
        with self._lock:
            if self._ended:
                return
            if not self._waiting and len(line) <= _AT_ONCE and [e for _, e in self._room.poll(0)] == [select.POLLOUT]:
                try:
                    line = line[os.write(self._handle, line) :]
                except OSError:
                    return
            if line:
                self._waiting += 1
                self._lines.put(line)

    def end(self, seconds: float = 0) -> None:
        """No more lines: close it once they are written. seconds: how long to wait for that."""
        with self._lock:
            self._ended = True
            self._lines.put(None)
        if seconds:
            self._thread.join(seconds)

    def _work(self) -> None:
        while (line := self._lines.get()) is not None:
            try:
                while line:
                    line = line[os.write(self._handle, line) :]
            except OSError:
                break
            with self._lock:
                self._waiting -= 1
        with contextlib.suppress(OSError):
            os.close(self._handle)


class Relay:
    """One server and the agent that started it."""

    def __init__(self, line: "Line | None") -> None:
        self._line = line
        self._child: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._number = 0
        self._lines: dict[int, bytes] = {}  # the agent's: held, or passed and not answered yet
        self._shown: dict[int, bytes] = {}  # the server's
        self._hung_up = threading.Event()
        self._to_server: Outlet | None = None
        self._to_client = Outlet(1)

    def run(self, key: str, words: "list[str]") -> int:
        """Until the agent closes its end, the server ends, or the supervisor is gone. Returns an exit code."""
        why = self._begin(key, words)
        if why:
            self._line = None
            sys.stderr.write(why + "\n")
        if self._child is not None:
            assert self._child.stdin is not None
            self._to_server = Outlet(self._child.stdin.fileno())
            threading.Thread(target=self._from_server, args=(self._child,), daemon=True).start()
        threading.Thread(target=self._from_client, daemon=True).start()
        while self._line is not None:
            frame = self._line.take()
            if frame is None:
                self._orphaned()
                break
            if not self._obey(*frame):
                break
        code = self._end()
        self._to_client.end(2)
        return code

    def stop(self, number: int, frame: object) -> None:
        """The agent ends its server: pass the signal on; when the server has ended, so does the relay."""
        if self._child is None or self._line is None:
            os._exit(128 + number)
        self._child.send_signal(number)

    def _begin(self, key: str, words: "list[str]") -> str:
        """Ask for the server, start it. Returns why not."""
        if self._line is None:
            return GONE
        self._line.send(b"H", 0, json.dumps({"v": VERSION, "key": key, "words": words}).encode())
        frame = self._line.take()
        if frame is None:
            return GONE
        if frame[0] != b"G":
            return frame[2].decode("utf-8", "replace")
        if words:
            try:
                self._child = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
            except OSError as error:
                return f"leash: the MCP server {words[0]} cannot be started: {error.strerror}"
        return ""

    def _keep(self, line: bytes, into: "dict[int, bytes]") -> int:
        with self._lock:
            self._number = (self._number + 1) & 0xFFFFFFFF
            into[self._number] = line
            return self._number

    def _from_client(self) -> None:
        for line in _lines(0):
            number = self._keep(line, self._lines)
            if self._line is None or not self._line.send(b"c", number, line):
                self._answer(number)
        if self._line is not None:
            self._line.send(b"x", 0, b"")
        if self._to_server is not None:
            self._to_server.end()
        self._hung_up.set()

    def _from_server(self, child: "subprocess.Popen[bytes]") -> None:
        assert child.stdout is not None
        for line in _lines(child.stdout.fileno()):
            if self._line is None or not self._line.send(b"s", self._keep(line, self._shown), line):
                return
        if self._line is not None:
            self._line.send(b"e", 0, b"")

    def _obey(self, kind: bytes, number: int, data: bytes) -> bool:
        """One order: pass a line to the server (S) or the agent (A), forget it (F), say something (C), end (Q)."""
        if kind == b"S":
            if self._to_server is not None:
                self._to_server.put(self._lines.get(number, b""))
        elif kind == b"A":
            self._to_client.put(self._shown.pop(number, b""))
        elif kind == b"F":
            self._lines.pop(number, None)
            self._shown.pop(number, None)
        elif kind == b"C":
            self._to_client.put(data)
        return kind != b"Q"

    def _orphaned(self) -> None:
        """The supervisor is gone: answer what waits, and whatever comes, until the agent hangs up."""
        self._line = None
        self._kill()
        for number in sorted(self._lines):
            self._answer(number)

    def _answer(self, number: int) -> None:
        """The error for one request of the agent that nobody will answer any more."""
        try:
            document = json.loads(self._lines.pop(number, b""))
        except (ValueError, RecursionError):
            return
        for part in document if isinstance(document, list) else [document]:
            if isinstance(part, dict) and part.get("method") and part.get("id") is not None:
                said = {"jsonrpc": "2.0", "id": part["id"], "error": {"code": -32001, "message": GONE}}
                self._to_client.put(json.dumps(said).encode() + b"\n")

    def _kill(self) -> None:
        if self._child is not None and self._child.poll() is None:
            self._child.kill()

    def _end(self) -> int:
        """Without a supervisor, stay until the agent hangs up, so that each request gets its answer."""
        if self._line is None:
            self._hung_up.wait()
            return 1
        child = self._child
        if child is None:
            return 0
        try:
            return child.wait(5)
        except subprocess.TimeoutExpired:
            child.terminate()
        try:
            return child.wait(5)
        except subprocess.TimeoutExpired:
            child.kill()
            return child.wait()


def _lines(handle: int) -> Iterator[bytes]:
    """Lines with their ends, as they come; what is longer than LIMIT ends the stream."""
    rest = bytearray()
    while True:
        try:
            piece = os.read(handle, _PIECE)
        except OSError:
            return
        if not piece:
            if rest:
                yield bytes(rest)
            return
        rest += piece
        at = rest.rfind(b"\n", len(rest) - len(piece))
        if at < 0:
            if len(rest) > LIMIT:
                return
            continue
        whole = bytes(rest[: at + 1])
        del rest[: at + 1]
        yield from (line + b"\n" for line in whole[:-1].split(b"\n"))


def main(args: "list[str]") -> None:
    """Run as `relay.py DIRECTORY KEY [-- WORDS...]`; ends the process."""
    directory, key, words = args[0], args[1], args[3:]
    try:
        line: Line | None = Line(directory)
    except OSError:
        line = None
    relay = Relay(line)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, relay.stop)
    os._exit(relay.run(key, words))


if __name__ == "__main__":
    main(sys.argv[1:])
