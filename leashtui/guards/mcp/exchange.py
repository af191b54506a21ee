"""What the HTTP endpoint shows to the session's supervisor, one request at a time over a connection, and its orders.

Knows the frames. Refuses to know HTTP and what a message means. Standard library only: its process is a bare
interpreter. Invariant: an order is taken for exactly the message that was shown last.
"""

import json
import os
import select
import socket
from collections import deque

VERSION = "leash-mcp/1"
IDLE = 8
"""Connections that wait to be used again, to the supervisor and to a server each; threads that wait for one."""
_PIECE = 1 << 16
_OVER = b"\x00\x00\x00\x05F"  # how the frame begins that forgets a request; its number follows
_END = 9


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
        if open_still and (self._welcome or self._unsent) and len(self._idle) < IDLE:
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
