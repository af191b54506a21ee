"""The watcher process: `python -I -m leashtui.guards.watcher ROOT FD [name to ignore...]`.

FD is one end of a socket pair whose other end the supervisor holds; when that closes, this process ends. Nobody may
read its memory (it holds what protected files contained): it is not dumpable before it reads the first of them.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import fcntl
import logging
import os
import signal
import socket
import time
import warnings

from leashtui.guards.watcher.custody import Custody
from leashtui.guards.watcher.eyes import Eyes, Pending
from leashtui.guards.watcher.messages import Message, frame
from leashtui.guards.watcher.notices import failed, shared
from leashtui.guards.watcher.places import place_in
from leashtui.guards.watcher.snapshot import Snapshot
from leashtui.guards.watcher.territory import Territory
from leashtui.guards.watcher.watch import Watch

_PR_SET_DUMPABLE = 4


def main() -> None:
    """Watch until the supervisor goes."""
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.getLogger("watchdog").addHandler(logging.NullHandler())
    warnings.simplefilter("ignore", RuntimeWarning)  # watchdog's, on watching a renamed directory again
    with contextlib.suppress(OSError):
        os.nice(5)
    args = _arguments()
    line = socket.socket(fileno=args.fd)
    os.set_inheritable(args.fd, False)

    def send(message: Message) -> None:
        line.sendall(frame(message))

    territory = Territory(args.root, place_in(args.root, args.home), also=args.also, home=args.home, ignore=args.ignore)
    pending = Pending()
    custody = Custody(territory, args.aside) if args.ask else None
    eyes = Eyes(pending, patient=not args.ask)
    watch = Watch(territory, eyes, pending, Snapshot(time.time_ns), send, args.fd, custody, args.since)
    with contextlib.suppress(ConnectionError):  # the supervisor is gone: so are we
        if args.lock and not _lock(args.lock):
            send(shared(args.root))
        try:
            watch.start()
            if not args.ask:  # nobody waits for it: the processor is the guarded program's
                with contextlib.suppress(OSError):
                    os.nice(5)
            watch.run()
        except ConnectionError:
            raise
        except Exception as error:  # nobody reads our stderr
            send(failed(error))
            raise


def _lock(path: str) -> bool:
    """Hold `path` until this process ends; False when another session's watcher holds it."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # no lock can be had there: nothing to say about others
        return True
    return True


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="leash-watcher")
    parser.add_argument("--also", action="append", default=[], help="a git directory outside ROOT")
    parser.add_argument("--home", default="", help="whose rc files are watched too")
    parser.add_argument("--lock", default="", help="file that says a watcher is at work here")
    parser.add_argument("--ask", action="store_true", help="changes of protected files are asked about")
    parser.add_argument("--aside", default="", help="directory for what is put back")
    parser.add_argument("--since", type=int, default=1 << 63, help="ns: what changed later is told at the first look")
    parser.add_argument("root")
    parser.add_argument("fd", type=int)
    parser.add_argument("ignore", nargs="*")
    return parser.parse_args()


if __name__ == "__main__":
    main()
