"""Statements of databases: which only read, which change, which cannot be undone, and the ways out to a shell.

Knows the verbs of SQL. Refuses to know schemas, and clients (handlers/databases does). Invariant: text that leash does
not recognise as reading is reported as a change.
"""

from __future__ import annotations

import re

from leashtui.classify.call import Call
from leashtui.classify.patterns import lazy
from leashtui.classify.standing import place
from leashtui.classify.values import UNKNOWN, Stream, Word, bare, is_fixed, show
from leashtui.model.facts import Place, Verb

_LONG = 32 * 1024
"""Characters of statements that are read."""
_COMMENT = lazy(r"--[^\n]*|/\*.*?\*/", re.S)
_ORDERS = lazy(r"(?m)^([^\S\n]*[\\.][^\n]*)$")
"""What a client itself is told ends with its line, or before `\\\\`: statements follow."""
_TEXTS = lazy(r"'(?:[^']|'')*'")
_READS = lazy(
    r"(?i)^\s*(?:select|show|describe|desc|explain(?!\s+analy[sz]e\s+(?:insert|update|delete))|with"
    r"|pragma\s+[\w.]+\s*(?:\(.*\))?\s*$|use|values|table|help|begin|commit|rollback|start|set"
    r"|\\[dlczhtx?aeifnopqrsuvw]\w*|\.\w+|check\s+table|analyze|checksum|fetch|declare|print|go|exit|quit|status|copy\s*\([^;]*\)\s*to\s+stdout|copy\s+[\w.]+(?:\s*\([^)]*\))?\s+to\s+stdout)\b"
    r"|^\s*(?:\\[dlczhtx?]|\.\w)"
)
_LOST = lazy(r"(?i)\b(drop|truncate|delete|flushall|flushdb|purge|shutdown)\b")
_CHANGES = lazy(
    r"(?i)\b(insert|update|delete|drop|truncate|alter|create|grant|revoke|replace|merge|rename|copy\s+\w+.{0,4000}\bfrom"
    r"|vacuum|reindex|lock|call|exec(?:ute)?|do|load\s+data|attach|detach|kill|reset|comment\s+on|cluster|refresh"
    r"|optimize|repair|into\s+(?:outfile|dumpfile))\b"
)
_RUNS = lazy(r"(?im)^[^\S\n]*(?:\\!|!|\.shell|\.system|system|\\system)\s*(.+?)\s*$|\bprogram\s+'((?:[^']|'')*)'")
_WRITES = lazy(
    r"(?im)^[^\S\n]*(?:\\o|\.output|\.once|\.backup|\.save|\.dump\s+>|\\copy\b.{0,4000}\bto|tee)\s+'?([^\s'|;]+)"
    r"|\binto\s+(?:outfile|dumpfile)\s+'([^']+)'|\bcopy\b.{0,4000}\bto\s+'([^']+)'|vacuum\s+into\s+'([^']+)'"
)
_ADDRESS = lazy(r"[A-Za-z][\w+.-]*:")
_OPENS = lazy(r"(?i)\battach\b|(?:^|\n)\s*\.(?:open|restore|clone|connection)\b")
_READS_FILE = lazy(
    r"(?im)\b(?:pg_read_file|pg_read_binary_file|load_file|readfile)\s*\(\s*'([^']+)'|\bcopy\b.{0,4000}\bfrom\s+'([^']+)'"
    r"|^[^\S\n]*\\i\s+(\S+)|^[^\S\n]*\.(?:read|import)\s+(\S+)"
)
_SECRET_TABLES = lazy(
    r"(?i)\b(moz_cookies|cookies|logins|pg_shadow|pg_authid|mysql\.user|credit_cards|api_?keys|secrets?|tokens?"
    r"|credentials)\b"
)


def judge(call: Call, word: Word) -> None:
    """Report what SQL statements would do. Text in quotes and comments does not count."""
    text = bare(word)
    if len(text) > _LONG:
        call.machine.ledger.lost("runs more statements than leash reads", call.span)
        text = text[:_LONG]
    for found in _RUNS.finditer(text):
        call.sign("obfuscated")
        call.shell(Word((found.group(1) or found.group(2)).replace("''", "'"), word.taint))
    for found in _WRITES.finditer(text):
        call.write(Word(next(g for g in found.groups() if g)), Stream(0, None))
    for found in _READS_FILE.finditer(text):
        call.read(Word(next(g for g in found.groups() if g)))
    clean = _TEXTS.sub("''", _COMMENT.sub(" ", text))
    if UNKNOWN in clean and not clean.strip(UNKNOWN + " ;\n"):
        call.opaque("runs statements that are known only when it runs")
        return
    for statement in _ORDERS.sub(r"\1;", clean.replace("\\\\", ";")).split(";"):
        if statement.strip():
            _statement(call, statement)


def _statement(call: Call, statement: str) -> None:
    start = statement.strip()
    if _RUNS.match(statement):
        return
    reads = _READS.match(statement) is not None and not re.match(r"(?i)^\s*set\s+global", statement)
    changed = _CHANGES.search(re.sub(r'"[^"]*"', "x", statement)) if not start.startswith(("\\", ".")) else None
    if changed is not None and reads and re.match(r"(?i)\s*(show|describe|desc|explain|help|pragma)\b", statement):
        changed = None
    if reads and changed is None:
        if (
            _SECRET_TABLES.search(statement)
            and re.match(r"(?i)\s*select", statement)
            and not re.search(r"(?i)count\s*\(", statement)
        ):
            call.machine.ledger.add(Verb.READ, "", Place.NONE, "reads a table that may hold secrets", call.span)
        return
    if (
        changed is not None
        and reads
        and re.match(r"(?i)\s*(select|with|values)\b", statement)
        and not re.search(
            r"(?i)\b(insert\s+into|update\s+\w+\s+set|delete\s+from|into\s+(?:outfile|dumpfile))", statement
        )
        and not re.search(
            r"(?i)\b(pg_terminate_backend|pg_cancel_backend|lo_import|dblink|setval|pg_reload_conf|pg_switch_wal)\b",
            statement,
        )
    ):
        return
    lost = (
        _LOST.search(statement) is not None
        or re.search(r"(?i)^\s*update\b(?!.*\bwhere\b)", statement, re.S) is not None
    )
    if lost:
        call.sign("destructive")
    call.add(Verb.DATA_CHANGE, show(start)[:80], f"changes data: {show(start)[:70]}", lost=lost)


def own_file(call: Call, name: str) -> bool:
    """Whether a database is a scratch file: in memory, in a temporary folder, or of this session's own making."""
    if name in ("", ":memory:"):
        return True
    path = call.path(name)
    if _ADDRESS.match(name) or not is_fixed(path):  # it names the file in its own way, or a service
        return False
    path = call.machine.setting.probe.real(path)
    where = place(call.machine, path)
    if where in (Place.TEMP, Place.GENERATED):
        return True
    return where is Place.SOURCE and call.machine.setting.probe.made(path)


def opens_another(statement: str) -> bool:
    """Whether a statement names a further database."""
    return _OPENS.search(statement) is not None


def leaves(statement: str) -> bool:
    """Whether a statement starts a program or writes a file."""
    return _RUNS.search(statement) is not None or _WRITES.search(statement) is not None
