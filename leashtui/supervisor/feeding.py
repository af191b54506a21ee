"""Whether a client of databases is told by its input what to do, by a program whose own text leash could not follow.

Knows which programs take statements so, and what a process's input is. Refuses to read it: it is another's to write
until the client has. Invariant: what a shell's text says of the same client was judged there, and is not told twice.
"""

from __future__ import annotations

import os
import re

from leashtui.model.facts import Facts
from leashtui.model.request import Action, Layer, Request

_CLIENTS = frozenset(
    "psql pgcli usql mysql mariadb mycli mysqlsh clickhouse-client sqlcmd sqlplus snowsql cqlsh isql tsql sqlite3"
    " duckdb redis-cli valkey-cli keydb-cli mongosh mongo cypher-shell influx trino presto hive beeline".split()
)
_PROGRAMS = re.compile(r"(?:python|pypy|node|perl|ruby|php|lua|deno|bun|java|go|tclsh|Rscript|julia)[\d.]*")
"""What starts programs by itself, by a text that is followed in part at most."""
_QUIET = ("/dev/null", "/dev/pts/", "/dev/tty", "/dev/console")


def is_fed(request: Request, starter: Facts | None) -> bool:
    """Whether this exec is such a client. starter: of the program that starts it, None where none was judged."""
    if request.action is not Action.PROCESS_EXEC or request.layer is not Layer.KERNEL or request.process is None:
        return False
    names = {os.path.basename(word) for word in (request.exe, *request.argv[:2])} & _CLIENTS
    if not names or request.chosen:
        return False
    told = starter is not None and not names.isdisjoint(starter.programs)
    if told and starter is not None and not any(map(_PROGRAMS.fullmatch, starter.programs)):
        return False
    try:
        fed = os.readlink(f"/proc/{request.process.pid}/fd/0")
    except OSError:
        return False
    return not fed.startswith(_QUIET)
