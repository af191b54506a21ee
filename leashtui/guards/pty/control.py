"""What the supervisor and the pump tell each other, over a private SOCK_SEQPACKET pair: one packet, one message.

Supervisor to pump: a face (its connected socket by SCM_RIGHTS, its size), a line for an idle prompt, or quit. Pump to
supervisor: CLOSED when the agent's terminal has no other end any more, DRAINED when besides every attached face was
sent all of it. Invariant: the pump learns of faces here only, so a connection reaches it after its peer was checked, or
never.
"""

from __future__ import annotations

import os
import socket
from typing import NamedTuple

QUIT = b"quit"
CLOSED = b"closed"
DRAINED = b"drained"
_FACE = b"face"
_LINE = b"line"
_LIMIT = 256


class Seat(NamedTuple):
    """A face that wants to see the agent's terminal: its connection and the size of its window in cells."""

    connection: socket.socket
    cols: int
    rows: int


class Line(NamedTuple):
    """A line to be typed for the person, unless they typed since this moment of the monotonic clock (seconds)."""

    since: float
    text: bytes


def pair() -> tuple[socket.socket, socket.socket]:
    """(supervisor's end, pump's end)."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def command(python: str, master: int, control: int) -> list[str]:
    """The command line of a pump; both descriptors must be inherited under these numbers."""
    return [python, "-I", "-m", "leashtui.guards.pty.pump", str(master), str(control)]


def hand_over(control: socket.socket, connection: socket.socket, cols: int, rows: int) -> None:
    """Give a face to the pump. The caller closes its own copy. Raises OSError when the pump is gone."""
    socket.send_fds(control, [b"%s %d %d" % (_FACE, cols, rows)], [connection.fileno()])


def type_line(control: socket.socket, line: Line) -> None:
    """Have a short line typed. Raises OSError when the pump is gone."""
    control.send(b"%s %f %s" % (_LINE, line.since, line.text))


def receive(control: socket.socket) -> Seat | Line | bytes | None:
    """The next message to the pump: a Seat, a Line, QUIT, b'' for one not understood, None without a supervisor."""
    try:
        packet, fds, _, _ = socket.recv_fds(control, _LIMIT, 4)
    except BlockingIOError:
        return b""
    except OSError:
        return None
    words = packet.split()
    if len(fds) == 1 and len(words) == 3 and words[0] == _FACE and words[1].isdigit() and words[2].isdigit():
        return Seat(socket.socket(fileno=fds[0]), int(words[1]), int(words[2]))
    for fd in fds:
        os.close(fd)
    if not packet:
        return None
    if words[:1] == [_LINE] and len(words) > 2:
        return Line(float(words[1]), packet.split(b" ", 2)[2])
    return QUIT if packet == QUIT else b""
