"""How many rows a statement would take away or change, in a database that is a file, where that can be counted.

Knows SQL only as far as one table and one condition, and SQLite's files. A hostile file is read by a process of its own
that can open nothing else and is given up after PATIENCE. Refuses to guess: what cannot be counted is said to be
unknown. Invariant: a number is never said of rows that another statement or an unfinished write may change first.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from leashtui.model.facts import Facts, Verb
from leashtui.words.plain import count

PATIENCE = 0.5
LARGEST = 64 << 20
_COUNTER = Path(__file__).parents[1] / "stores" / "rowcounter.py"
_CUT = 80
"""Characters of a statement that facts hold; a longer one is not known to its end."""
_NAME = r'(?:"[^"]+"|\[[^\]]+\]|`[^`]+`|\w+)'
_DELETE = re.compile(rf"(?is)^\s*delete\s+from\s+({_NAME})\s*(?:\bwhere\b(.+))?$")
_UPDATE = re.compile(rf"(?is)^\s*update\s+({_NAME})\s+set\s+(.+)$")
_DROP = re.compile(rf"(?is)^\s*(?:drop\s+table|truncate(?:\s+table)?)\s+(?:if\s+exists\s+)?({_NAME})\b")
_TELLING = re.compile(r"[\w\s.,'=<>!%+-]*")
"""A condition that a person may be shown to count with: it calls nothing."""
_WHERE = re.compile(r"(?is)\bwhere\b(.+)$")
_CLIENTS = frozenset({"sqlite3", "sqlite"})
_VALUED = frozenset("-cmd -init -separator -nullvalue -newline -mmap -maxsize -vfs -heap -pagecache -A".split())

Counts = Callable[[str, str, str], int | None]
"""How many rows of a table in a file meet a condition ('' for all); None: cannot be known."""


def rows(facts: Facts, counts: Counts | None = None) -> list[str]:
    """One sentence for each table that loses or changes rows."""
    statements = [e.target for e in facts.effects if e.verb is Verb.DATA_CHANGE and e.target]
    file, exact = _call(facts)
    if len(statements) == 1 and exact and (parts := _parts(exact)) is not None:
        number = (counts or counted_in)(file, parts[1], parts[2])
        if number is not None:
            what, table, _ = parts
            return [f"{what} {count(number, 'row')} of {_bare(table)} as of now"]
    found = []
    for statement in dict.fromkeys(statements):
        if (parts := _parts(statement)) is None:
            continue
        what, table, condition = parts
        some = condition or len(statement) >= _CUT
        how_many = "number unknown"
        if len(statement) < _CUT and _TELLING.fullmatch(condition):
            how_many = (
                f"not counted; this counts them: SELECT count(*) FROM {table}{' WHERE ' if some else ''}{condition}"
            )
        found.append(f"{what} {'rows' if some else 'every row'} of {_bare(table)}; {how_many}")
    return found


def _bare(table: str) -> str:
    return table.strip('"[]`')


def _parts(statement: str) -> tuple[str, str, str] | None:
    """(what happens, table, condition) of a statement that takes rows away or changes them."""
    text = statement.strip().rstrip(";")
    if found := _DELETE.match(text):
        return "removes", found[1], (found[2] or "").strip()
    if found := _DROP.match(text):
        return "removes", found[1], ""
    if found := _UPDATE.match(text):
        where = _WHERE.search(found[2])
        return "changes", found[1], where[1].strip() if where else ""
    return None


def _call(facts: Facts) -> tuple[str, str]:
    """(file, statement) of a single plain call of SQLite's client with one statement, else ('', '')."""
    try:
        words = shlex.split(facts.normalised or facts.command)
    except ValueError:
        return "", ""
    plain = words and os.path.basename(words[0]) in _CLIENTS and not {"|", ";", "&&", "||", "&", "<"} & set(words)
    given: list[str] = []
    skip = False
    for word in words[1:] if plain else ():
        if skip or (word.startswith("-") and not given):
            skip = not skip and word in _VALUED
        else:
            given.append(word)
    if len(given) != 2 or ";" in given[1].rstrip("; \n") or "-init" in words or "-cmd" in words:
        return "", ""
    read = [e.target for e in facts.effects if e.verb is Verb.READ and e.target.startswith("/")]
    file = next((path for path in read if os.path.basename(path) == os.path.basename(given[0])), "")
    return (file, given[1]) if file else ("", "")


def counted_in(file: str, table: str, condition: str) -> int | None:
    """See Counts. The file is looked at in a process of its own."""
    try:
        if (
            not os.path.isfile(file)
            or os.path.getsize(file) > LARGEST
            or any(os.path.exists(file + end) and os.path.getsize(file + end) for end in ("-wal", "-journal"))
        ):
            return None  # what lies beside it belongs to it and may not be read
        with open(file, "rb") as source:
            done = subprocess.run(
                [sys.executable, "-I", "-S", str(_COUNTER), table, condition],
                stdin=source,
                capture_output=True,
                timeout=PATIENCE,
                check=False,
                env={"PATH": os.defpath},
            )
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    text = done.stdout.decode(errors="replace").strip()
    return int(text) if done.returncode == 0 and text.isdigit() else None
