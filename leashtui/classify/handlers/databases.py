"""Clients of databases by their words and input: SQL clients, Redis and its kin, the mongo shell.

Knows how each is given statements. Refuses to know SQL (`sql` does). Invariant: an order that leash does not recognise
as reading is reported as a change.
"""

from __future__ import annotations

from leashtui.classify.call import Call
from leashtui.classify.handlers.dbserver import is_own_server, leads_on
from leashtui.classify.indirection import indirect
from leashtui.classify.marks import judge_marks
from leashtui.classify.options import Options
from leashtui.classify.patterns import lazy
from leashtui.classify.spec import Spec
from leashtui.classify.sql import judge, leaves, opens_another, own_file
from leashtui.classify.values import FED, TERMINAL, Stream, Taint, Word, bare, is_fixed, show
from leashtui.model.facts import Place, Verb

_LONG = 256 * 1024
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
        if own_file(call, database) and not any(map(opens_another, statements)):
            statements = [s for s in statements if leaves(s)]
            for statement in statements:
                judge(call, statement)
            return Stream(call.reads, None)
    _judge_server(call, options, statements)
    for file in options.all("-f", "--file", "-i", "--init"):
        stream = call.stdin if file == "-" else call.read(file)
        text = stream.text if file == "-" else _text(call, stream)
        if text is not None:
            judge(call, Word(text))
        if (stream.text is None or stream.origin == FED) and options.has(
            "-f", "--file"
        ):  # a file can be another one once it is read
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


def _judge_server(call: Call, options: Options, words: list[Word]) -> None:
    """At a server of the session's own nothing is lost, unless the statements are not known or lead on to another."""
    files = options.all("-f", "--file", "-i", "--init") if call.name not in ("redis-cli", "valkey-cli") else []
    texts = [call.stdin.text if file == "-" else _text(call, call.read(file)) for file in files]
    if not words and not files:
        texts.append(_input(call))
    known = [text for text in texts if text is not None]
    stays = len(known) == len(texts) and not any(map(leads_on, [*words, *known]))
    if stays and is_own_server(call, options, ahead=bool(words or files)):
        call.harmless = frozenset({Verb.DATA_CHANGE})


def _text(call: Call, stream: Stream) -> str | None:
    """What a file holds that statements are read from, None where that is not known or more than leash reads."""
    if stream.text is not None or stream.taint != Taint.LOCAL or not is_fixed(stream.origin):
        return stream.text
    text = call.machine.setting.probe.read_text(stream.origin) if stream.origin.startswith("/") else None
    return text if text is not None and len(text) <= _LONG else None


def _input(call: Call) -> str | None:
    """What comes by the input: of a file, only where it is that file itself (`< x.sql`)."""
    return _text(call, call.stdin) if call.made.changed else call.stdin.text


def _piped(call: Call) -> None:
    text = _input(call)
    if text is not None and text.strip():
        judge(call, Word(text, call.stdin.taint & ~Taint.LOCAL))
    _unseen(call)


def redis(call: Call, spec: Spec, options: Options) -> Stream | None:
    """redis-cli and its kin."""
    if options.has("--scan", "--stat", "--latency", "--bigkeys", "--memkeys", "--hotkeys", "--raw-x"):
        return None
    _judge_server(call, options, options.args)
    words = [bare(w).lower() for w in options.args]
    if not words:
        _redis_input(call)
        return None
    _redis_command(call, words)
    return Stream(Taint.LOCAL, None)


def _redis_input(call: Call) -> None:
    text = _input(call)
    for line in (text or "").splitlines():
        if line.split():
            _redis_command(call, [w.lower() for w in line.split()])
    _unseen(call)


def _unseen(call: Call) -> None:
    """Statements come by the input, and nobody knows which; a file's may be others once they are read, which is nothing
    at a server of the session's own."""
    stream = call.stdin
    known = (stream.text is not None and stream.origin != FED) or Verb.DATA_CHANGE in call.harmless
    if not known and (call.made.changed or stream is not TERMINAL):
        call.machine.partial()
        call.add(Verb.DATA_CHANGE, "", "runs the statements it is given")


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
    elif not options.has("--eval", "-e") and not options.args[1:]:
        _unseen(call)
    return Stream(Taint.LOCAL, None)


HANDLERS = {"sql": client, "redis": redis, "mongo": mongo}
"""See handlers/__init__.py."""
