"""`leash export`: the log in the formats other systems read, once or for ever, resuming where it was.

Knows targets and pauses. Refuses to know formats (audit) and how far an export came (stores.export). Invariant: without
--to everything goes to standard output once, and no cursor is kept.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from leashtui.audit.query import Query, parse
from leashtui.faces.cli.extra import load
from leashtui.faces.progress import Progress
from leashtui.model.errors import Exit, LeashError
from leashtui.stores.directories import state_dir
from leashtui.stores.export import FORMATS, Exporter, alone
from leashtui.stores.sinks import Away, Sink, open_sink
from leashtui.words.plain import visible_json

PAUSE = 1.0
"""Seconds between two looks at the logs."""

LONGEST = 60.0
"""Seconds between two tries at most while the receiver is away."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `leash export`."""
    parser.add_argument("query", nargs="*", metavar="QUERY", help="only what matches, as in `leash log`")
    parser.add_argument(
        "--format", choices=FORMATS, default="ocsf", help="ocsf (1.8), cef, hec, otlp, parquet or jsonl"
    )
    parser.add_argument(
        "--to",
        default="",
        metavar="TARGET",
        help="a file, a directory for Parquet, tcp://HOST:PORT, tls://HOST:PORT or https://URL",
    )
    parser.add_argument("-f", "--follow", action="store_true", help="go on with what is recorded from now on")
    parser.add_argument("--name", default="", help="name of the cursor (default: made from target, format and query)")
    parser.add_argument("--ca", default="", metavar="FILE", help="the CA that signed the receiver's certificate")
    parser.epilog = "A token for an HTTP collector is read from LEASH_EXPORT_TOKEN."


def run(args: argparse.Namespace) -> int:
    """Export. Raises LeashError."""
    words = " ".join(args.query)
    query = parse(words, now=time.time_ns() // 1000, zone=datetime.now().astimezone().tzinfo or UTC) if words else None
    if not args.to:
        return _print(args, query)
    token = os.environ.get("LEASH_EXPORT_TOKEN", "")
    scheme = "Splunk" if args.format == "hec" else "Bearer"
    if args.format == "parquet":
        sink: Sink = load("leashtui.stores.parquet").DirectorySink(Path(args.to))
    else:
        sink = open_sink(args.to, {"Authorization": f"{scheme} {token}"} if token else {}, args.ca)
    name = args.name or sha256(f"{args.to}\n{args.format}\n{words}".encode()).hexdigest()[:12]
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,60}", name):
        raise LeashError(f"{name!r} cannot be a name", "use letters, digits, _ and -", Exit.USAGE)
    with alone(state_dir(), name):
        progress = Progress("exporting", 0, "records")
        exporter = Exporter(state_dir(), name, args.format, _Counted(sink, progress), query)
        try:
            return _follow(exporter, follow=args.follow)
        finally:
            progress.close()
            sink.close()


def _follow(exporter: Exporter, *, follow: bool) -> int:
    pause, total = PAUSE, 0
    while True:
        try:
            total += exporter.run()
            pause = PAUSE
        except Away as error:
            if not follow:
                raise
            pause = min(pause * 2, LONGEST)
            print(f"leash: {error.message}; trying again in {pause:.0f} s", file=sys.stderr, flush=True)
        if not follow:
            print(f"exported {total:,} records", file=sys.stderr)
            return Exit.OK
        time.sleep(pause)


class _Counted:
    """A sink, with what it took counted for a person who waits."""

    def __init__(self, sink: Sink, progress: Progress) -> None:
        self._sink = sink
        self._progress = progress

    def resume(self, mark: int) -> None:
        """Go on from there."""
        self._sink.resume(mark)

    def send(self, messages: Sequence[bytes], name: str = "") -> int:
        """Pass them on."""
        taken = self._sink.send(messages, name)
        self._progress.step(len(messages))
        return taken

    def close(self) -> None:
        """Close the sink."""
        self._sink.close()


class _Screen:
    """Standard output as a sink."""

    def resume(self, mark: int) -> None:
        """Nothing to go on from."""

    def send(self, messages: list[bytes], name: str = "") -> int:
        """Print lines."""
        lines = b"".join(message + b"\n" for message in messages)
        if sys.stdout.isatty():
            lines = visible_json(lines.decode()).encode()
        sys.stdout.buffer.write(lines)
        sys.stdout.buffer.flush()
        return 0

    def close(self) -> None:
        """It stays open."""


def _print(args: argparse.Namespace, query: Query | None) -> int:
    if args.format == "parquet":
        raise LeashError("Parquet goes into a directory", "name it: --to DIRECTORY", Exit.USAGE)
    if args.follow:
        raise LeashError("--follow needs somewhere to go on", "name it: --to FILE", Exit.USAGE)
    Exporter(state_dir(), "", args.format, _Screen(), query).run()  # type: ignore[arg-type]
    return Exit.OK
