"""What a stream carries by sendmsg, written by us where another thread could put another socket in its place meanwhile.

A stream needs no judgement: whom it reaches was judged when it was connected. But a call that goes on by itself looks
its descriptor up again, and a datagram socket there would send to whatever address the caller wrote beside it. Knows
how a stream is written to in its owner's stead. Refuses to judge. Invariant: the socket that was looked at is the one
that is written to, unless the caller is the only one who knows it by that number.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import socket
import threading
from collections.abc import Callable

from leashtui.guards.kernel.letters import Letter, post, read_part
from leashtui.guards.kernel.listener import Listener, Notice
from leashtui.guards.kernel.numbers import SENDMSG

_LOOK = 0.2
_MOST = 400
_ALONE = 3
"""Links of /proc/TID/task: two, and one for each thread."""


def is_alone(tid: int) -> bool:
    """Whether the caller is the only thread of its process; the filter lets none but threads share descriptors."""
    try:
        return os.stat(f"/proc/{tid}/task").st_nlink == _ALONE
    except OSError:
        return False


def is_nonblocking(ours: socket.socket) -> bool:
    return not os.get_blocking(ours.fileno())


def wait_beside(wait: Callable[[], None]) -> None:
    """Do what waits for somebody else in a thread of its own. Raises OSError (EAGAIN) where too many wait already: each
    holds a descriptor, and leash needs some for the person."""
    if threading.active_count() > _MOST:
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
    threading.Thread(target=wait, daemon=True).start()


def pour(listener: Listener, notice: Notice, ours: socket.socket) -> None:
    """Answers the call: at once, or from a thread where the caller waits for room. Raises OSError."""
    letter = read_part(notice, 0)
    letter.to = b""
    waits = not letter.flags & socket.MSG_DONTWAIT and not is_nonblocking(ours)
    count = 0
    try:
        count = post(notice, ours, letter)
    except BlockingIOError:
        if not waits:
            raise
    except BrokenPipeError:
        _break(notice, letter)
        raise
    if count == letter.size or not waits:
        letter.report(notice.tid, count)
        _answer(listener, notice, count)
        return
    own = ours.dup()
    try:
        wait_beside(lambda: _rest(listener, notice, own, letter, count))
    except BaseException:
        own.close()
        raise


def _rest(listener: Listener, notice: Notice, own: socket.socket, letter: Letter, sent: int) -> None:
    """Write what is left, as long as somebody waits for it. Control data goes with the first byte."""
    left = letter.data[sent:]
    with own:
        try:
            while sent < letter.size and listener.waits(notice.id):
                left = left or read_part(notice, sent).data
                if select.select([], [own], [], _LOOK)[1]:
                    letter.data, letter.control = left, letter.control if not sent else b""
                    with contextlib.suppress(BlockingIOError):
                        gone = post(notice, own, letter)
                        sent, left = sent + gone, left[gone:]
        except OSError as error:
            if not sent:
                if error.errno == errno.EPIPE:
                    _break(notice, letter)
                listener.refuse(notice.id, error.errno or errno.EIO)
                return
    with contextlib.suppress(OSError):
        letter.report(notice.tid, sent)
    _answer(listener, notice, sent)


def _answer(listener: Listener, notice: Notice, count: int) -> None:
    many = notice.number != SENDMSG
    listener.answer(notice.id, 1 if many else count)


def _break(notice: Notice, letter: Letter) -> None:
    """The signal that comes with a broken pipe."""
    if not letter.flags & socket.MSG_NOSIGNAL:
        with contextlib.suppress(OSError):
            os.kill(notice.tid, signal.SIGPIPE)
