"""Statements of databases: which only read, which change, which cannot be undone, and the ways out to a shell.

Knows the verbs of SQL, Redis and the mongo shell. Refuses to know schemas. Invariant: text that leash does not
recognise as reading is reported as a change.
"""

from __future__ import annotations

import re

from leashtui.classify.call import Call
from leashtui.classify.indirection import indirect
from leashtui.classify.marks import judge_marks
from leashtui.classify.options import Options
from leashtui.classify.patterns import lazy
from leashtui.classify.spec import Spec
from leashtui.classify.values import UNKNOWN, Stream, Taint, Word, bare, show
from leashtui.model.facts import Place, Verb

_COMMENT = lazy(r"--[^\n]*|/\*.*?\*/", re.S)
_TEXTS = lazy(r"'(?:[^']|'')*'")
_READS = lazy(
    r"(?i)^\s*(?:select|show|describe|desc|explain(?!\s+analy[sz]e\s+(?:insert|update|delete))|with"
    r"|pragma\s+[\w.]+\s*(?:\(.*\))?\s*$|use|values|table|help|begin|commit|rollback|start|set"
    r"|\\[dlczhtx?aeifnopqrsuvw]\w*|\.\w+|check\s+table|analyze|checksum|fetch|declare|print|go|exit|quit|status)\b"
    r"|^\s*(?:\\[dlczhtx?]|\.\w)"
)
_LOST = lazy(r"(?i)\b(drop|truncate|delete|flushall|flushdb|purge|shutdown)\b")
_CHANGES = lazy(
    r"(?i)\b(insert|update|delete|drop|truncate|alter|create|grant|revoke|replace|merge|rename|copy\s+\w+.*\bfrom"
    r"|vacuum|reindex|lock|call|exec(?:ute)?|do|load\s+data|attach|detach|kill|reset|comment\s+on|cluster|refresh"
    r"|optimize|repair|into\s+(?:outfile|dumpfile))\b"
)
_RUNS = lazy(r"(?im)^\s*(?:\\!|!|\.shell|\.system|system|\\system)\s*(.+?)\s*$|\bprogram\s+'((?:[^']|'')*)'")
_WRITES = lazy(
    r"(?im)^\s*(?:\\o|\.output|\.once|\.backup|\.save|\.dump\s+>|\\copy\b.*\bto|tee)\s+'?([^\s'|;]+)"
    r"|\binto\s+(?:outfile|dumpfile)\s+'([^']+)'|\bcopy\b.*\bto\s+'([^']+)'|vacuum\s+into\s+'([^']+)'"
)
_READS_FILE = lazy(
    r"(?im)\b(?:pg_read_file|pg_read_binary_file|load_file|readfile)\s*\(\s*'([^']+)'|\bcopy\b.*\bfrom\s+'([^']+)'"
    r"|^\s*\\i\s+(\S+)|^\s*\.(?:read|import)\s+(\S+)"
)
_SECRET_TABLES = lazy(
    r"(?i)\b(moz_cookies|cookies|logins|pg_shadow|pg_authid|mysql\.user|credit_cards|api_?keys|secrets?|tokens?"
    r"|credentials)\b"
)
_REDIS_READS = frozenset(
    "get mget keys scan exists type ttl pttl strlen llen lrange lindex hget hgetall hkeys hvals hlen hmget hscan"
    " smembers scard sismember srandmember sscan zrange zcard zscore zrangebyscore zrank zscan info ping dbsize time"
    " monitor-x memory object dump echo client-list command randomkey getrange bitcount xlen xrange xinfo slowlog"
    " latency role lastsave geopos geodist pfcount json.get ft.search exists help".split()
)
_MONGO_CHANGES = lazy(
    r"(?i)\.(drop\w*|delete\w*|remove|insert\w*|update\w*|replace\w*|rename\w*|create\w*|bulkWrite|findOneAnd\w+"
    r"|findAndModify|save|shutdownServer|adminCommand|runCommand)\s*\("
)


def judge(call: Call, word: Word) -> None:
    """Report what SQL statements would do. Text in quotes and comments does not count."""
    text = bare(word)
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
    for statement in clean.split(";"):
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


def _own_file(call: Call, name: str) -> bool:
    """Whether a database is a scratch file: in memory or in a temporary folder."""
    return name in ("", ":memory:") or call.place(name) in (Place.TEMP, Place.GENERATED)


def client(call: Call, spec: Spec, options: Options) -> Stream | None:
    """psql, mysql, sqlite3, duckdb and other SQL clients."""
    statements = options.all("-c", "--command", "-e", "--execute", "-q", "-Q", "--query", "--eval", "-cmd", "--sql")
    statements.extend(w for w in options.args if " " in w and "=" not in w.partition(" ")[0])
    if call.name in ("sqlite3", "duckdb", "sqlite"):
        statements = [*options.all("-cmd", "-c", "-s"), *options.args[1:]]
        database = options.args[0] if options.args else Word("")
        if database and database != ":memory:":
            call.read(database)
        if call.place(database) is Place.GUARD:
            call.write(database, Stream(0, None), append=True)
        if _own_file(call, database):
            statements = [s for s in statements if _RUNS.search(s) or _WRITES.search(s)]
            for statement in statements:
                judge(call, statement)
            return Stream(call.reads, None)
    for file in options.all("-f", "--file", "-i", "--init"):
        stream = call.read(file)
        if stream.text is None and options.has("-f", "--file"):
            call.add(Verb.DATA_CHANGE, show(file), f"runs the statements of {call.say(file)}")
    for name, value in options.values:
        if name in ("-o", "--output", "-L", "--log-file", "--tee"):
            call.write(value, Stream(0, None))
        if name == "--pager" and value:
            indirect(call, value)
    for statement in statements:
        judge(call, statement)
    if not statements and not options.has("-f", "--file", "-l", "--list"):
        _piped(call)
    return Stream(Taint.LOCAL | call.reads, None)


def _piped(call: Call) -> None:
    stream = call.stdin
    if stream.text is not None and stream.text.strip():
        judge(call, Word(stream.text, stream.taint & ~Taint.LOCAL))
    elif call.made.changed or stream.taint & (Taint.LOCAL | Taint.FETCHED):
        call.add(Verb.DATA_CHANGE, "", "runs the statements it is given")


def redis(call: Call, spec: Spec, options: Options) -> Stream | None:
    """redis-cli and its kin."""
    if options.has("--scan", "--stat", "--latency", "--bigkeys", "--memkeys", "--hotkeys", "--raw-x"):
        return None
    words = [bare(w).lower() for w in options.args]
    if not words:
        _redis_input(call)
        return None
    _redis_command(call, words)
    return Stream(Taint.LOCAL, None)


def _redis_input(call: Call) -> None:
    for line in (call.stdin.text or "").splitlines():
        if line.split():
            _redis_command(call, [w.lower() for w in line.split()])


def _redis_command(call: Call, words: list[str]) -> None:
    name = words[0]
    reads = name in _REDIS_READS or (
        name in ("config", "acl", "client", "cluster", "script", "xgroup")
        and words[1:2]
        and words[1] in ("get", "list", "info", "whoami", "nodes", "getname", "exists", "cat")
    )
    if reads:
        return
    lost = name in (
        "flushall",
        "flushdb",
        "del",
        "unlink",
        "shutdown",
        "eval",
        "debug",
        "ltrim",
        "getdel",
        "swapdb",
        "migrate",
    )
    if lost:
        call.sign("destructive")
    call.add(Verb.DATA_CHANGE, " ".join(words)[:80], f"changes data: {show(' '.join(words))[:70]}", lost=lost)


def mongo(call: Call, spec: Spec, options: Options) -> Stream | None:
    """mongosh, mongo."""
    for text in options.all("--eval", "-e"):
        judge_marks(call, "node", text)
        found = _MONGO_CHANGES.search(text)
        if found is not None:
            lost = found.group(1).lower().startswith(("drop", "delete", "remove"))
            if lost:
                call.sign("destructive")
            call.add(Verb.DATA_CHANGE, show(text)[:80], f"changes data: {show(text)[:70]}", lost=lost)
    for file in options.args[1:]:
        call.run_file(file)
        call.add(Verb.DATA_CHANGE, show(file), f"runs the statements of {show(file)}")
    if not options.has("--eval", "-e") and call.stdin.text:
        found = _MONGO_CHANGES.search(call.stdin.text)
        if found is not None:
            call.add(Verb.DATA_CHANGE, "", "changes data")
    return Stream(Taint.LOCAL, None)


HANDLERS = {"sql": client, "redis": redis, "mongo": mongo}
"""See handlers/__init__.py."""
