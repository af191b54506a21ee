"""Whether a client of databases is told by its input what to do, by a program whose own text leash could not follow.

Knows which programs take statements so, and what a process's input is. Refuses to read what comes by a pipe: it is
another's to write until the client has. Invariant: what a shell's text says of the same client was judged there, and is
not told twice.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import stat

from leashtui.model.facts import Facts
from leashtui.model.request import Action, Layer, Request

_CLIENTS = frozenset(
    "psql pgcli usql mysql mariadb mycli mysqlsh clickhouse-client sqlcmd sqlplus snowsql cqlsh isql tsql sqlite3"
    " duckdb redis-cli valkey-cli keydb-cli mongosh mongo cypher-shell influx trino presto hive beeline".split()
)
_FETCHERS = frozenset(("curl", "wget", "openssl"))
_TAKES = frozenset("s_client -K- - /dev/stdin /dev/fd/0 /proc/self/fd/0 --config=- --input-file=- -i-".split())
"""Words by which these take what they request, or send, from their input."""
_PROGRAMS = re.compile(r"(?:python|pypy|node|perl|ruby|php|lua|deno|bun|java|go|tclsh|Rscript|julia)[\d.]*")
"""What starts programs by itself, by a text that is followed in part at most."""
_LONG = 256 * 1024
_QUIET = ("/dev/null", "/dev/pts/", "/dev/tty", "/dev/console")


def is_fed(request: Request, starter: Facts | None) -> bool:
    """Whether this exec is such a client. starter: of the program that starts it, None where none was judged."""
    if request.action is not Action.PROCESS_EXEC or request.layer is not Layer.KERNEL or request.process is None:
        return False
    names = {os.path.basename(word) for word in (request.exe, *request.argv[:2])}
    names &= _CLIENTS if _TAKES.isdisjoint(request.argv) else _CLIENTS | _FETCHERS
    if not names or request.chosen:
        return False
    if starter is not None and _passes_on(starter.command, names):
        return False
    told = starter is not None and not names.isdisjoint(starter.programs)
    if told and starter is not None and not any(map(_PROGRAMS.fullmatch, starter.programs)):
        return False
    try:
        fed = os.readlink(f"/proc/{request.process.pid}/fd/0")
    except OSError:
        return False
    return not fed.startswith(_QUIET)


def _passes_on(command: str, names: set[str]) -> bool:
    """Whether the starter is Debian's own wrapper of such a client, which was judged as one and hands its input on."""
    with contextlib.suppress(ValueError):
        words = shlex.split(command)[:2]
        return words in [["/usr/bin/perl", f"/usr/bin/{name}"] for name in names]
    return False


def text_of_input(request: Request) -> str:
    """What the file holds that is a client's whole input; '' where it is none that bears its name here, or too long."""
    process = request.process
    if process is None:
        return ""
    place = f"/proc/{process.pid}"
    try:
        path = os.readlink(f"{place}/fd/0")
        with open(f"{place}/fdinfo/0", encoding="ascii") as told:
            facts = dict(line.split(":\t", 1) for line in told.read().splitlines() if ":\t" in line)
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY) if path[:1] == "/" else -1
    except (OSError, ValueError):
        return ""
    with open(file, "rb", closefd=True) if file >= 0 else contextlib.nullcontext() as content:
        found = os.fstat(file) if content is not None else None
        same = found is not None and stat.S_ISREG(found.st_mode) and facts.get("ino", "").strip() == str(found.st_ino)
        if content is None or not same or facts.get("pos", "").strip() != "0":
            return ""
        raw = content.read(_LONG + 1)
    return raw.decode("utf-8", "surrogateescape") if len(raw) <= _LONG else ""
