"""Which server a database's client is meant to reach, and whether the session started it on data of its own making.

Knows how clients are told a host, a port, a socket. Refuses to look at the server: the probe does. Invariant: what is
not said in plain words is not known, and the server is then the person's.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlsplit

from leashtui.classify.call import Call
from leashtui.classify.options import Options
from leashtui.classify.patterns import lazy
from leashtui.classify.spec import Spec
from leashtui.classify.values import UNKNOWN, Stream, Word, is_fixed
from leashtui.model.facts import Verb

_HERE = frozenset({"localhost", "127.0.0.1", "::1"})
_NAMED = lazy(r"\s*(\w+)\s*=\s*([^\s'\\]*)")
_REACHES = lazy(
    r"(?i)\\c(?:onnect)?\b|\\i|\bdblink|\b(?:foreign|subscription|server|connection|migrate)\b|\b(?:replica|slave)of\b"
)
"""In statements: what leads to another server, or to statements in a file."""
_CHANGES = frozenset({Verb.DATA_CHANGE})
_VARIABLES = {
    "PGHOST": "host", "PGPORT": "port", "PGHOSTADDR": "hostaddr", "PGSERVICE": "service", "PGSERVICEFILE": "service"
}  # fmt: skip
_REDIS = lazy(r"(?:redis|valkey)://([\w.]+|\[::1\])(?::(\d+))?(?:/\d*)?")
_SOCKET = "/.s.PGSQL."


def is_own_server(call: Call, options: Options, *, ahead: bool) -> bool:
    """Whether the server that a client's words name is the session's own. ahead: also where nobody serves there yet,
    in a text whose programs are judged with these very words as they start."""
    told = (w for w in call.words if w.startswith("-") or w in options.args)
    if not all(map(is_fixed, told)) or any(name.startswith("MYSQL") for name, _ in call.env):
        return False
    reader = _READERS.get(call.name)
    address = reader(call, options) if reader is not None else ""
    if not address:
        return False
    serves = call.machine.setting.probe.serves(address)
    return serves is True or (serves is None and ahead and call.machine.is_ahead)


def is_own_address(call: Call, url: str) -> bool:
    """Whether an address of PostgreSQL, as settings hold it, is that of such a server."""
    told = _told(url) if is_fixed(url) and re.match(r"postgres(?:ql)?://", url) else None
    if told is None or told.keys() - {"host", "port"}:
        return False
    return is_own_place(call, told.get("host", ""), told.get("port", ""))


def is_own_place(call: Call, host: str, port: str) -> bool:
    """Whether a PostgreSQL that settings name by host, or folder of its socket, and port is such a server."""
    if _variables(call).keys() & {"hostaddr", "service"}:
        return False  # the library would go there instead
    if host.startswith("/"):
        address = _unix(call, f"{host}{_SOCKET}{port or 5432}") if is_fixed(host) else ""
    else:
        address = _tcp(host, port)
    serves = call.machine.setting.probe.serves(address) if address else False
    return serves is True or (serves is None and call.machine.is_ahead)


def leads_on(text: str) -> bool:
    """Whether statements may reach another server than the one they are given to."""
    return _REACHES.search(text) is not None


def _postgres(call: Call, options: Options) -> str:
    named = [*options.all("-d", "--dbname", "--maintenance-db"), *options.args[:1]]
    told = [f for f in map(_told, named) if f is not None]
    words: dict[str, str] = {}
    if host := options.last("-h", "--host"):
        words["host"] = str(host)
    if port := options.last("-p", "--port"):
        words["port"] = str(port)
    if len(told) > 1 or (told and words):
        return ""
    found = _variables(call) | (told[0] if told else words)
    host_name, number = found.get("host", ""), found.get("port", "")
    if "hostaddr" in found or "service" in found:
        return ""
    if host_name.startswith("/"):
        return _unix(call, f"{host_name}{_SOCKET}{number or 5432}")
    return _tcp(host_name, number)


def _variables(call: Call) -> dict[str, str]:
    """What the variables say that this session set; others are the person's, and not known."""
    given = dict(call.env)
    for name, values in call.state.vars.items():
        if name.startswith("PG") and name not in given:
            given[name] = values[0] if len(values) == 1 else Word(UNKNOWN)
    found = {key: str(given[name]) for name, key in _VARIABLES.items() if given.get(name)}
    return found if all(map(is_fixed, found.values())) else {"service": ""}


def _told(word: str) -> dict[str, str] | None:
    """What an address, or names with values, say of the server; None where it is only a database's name."""
    if re.match(r"postgres(?:ql)?://", word):
        try:
            parts = urlsplit(word)
            more = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
            found = {"host": parts.hostname or "", "port": str(parts.port or "")}
        except ValueError:
            return {"service": ""}
        if "host" in more and parts.hostname:
            return {"service": ""}
        return found | more
    if "=" not in word:
        return None
    found = dict(_NAMED.findall(word))
    return found if "'" not in word and "\\" not in word else {"service": ""}


def _redis(call: Call, options: Options) -> str:
    if options.has("--cluster", "-c"):
        return ""
    if (url := options.last("-u")) is not None:
        found = _REDIS.fullmatch(url)
        return _tcp(found[1], found[2] or "6379") if found is not None and not options.has("-h", "-p", "-s") else ""
    if socket := options.last("-s"):
        return _unix(call, socket) if not options.has("-h", "-p") else ""
    host, port = options.last("-h"), options.last("-p")
    return _tcp(str(host or "127.0.0.1"), str(port or "6379"))


def _mysql(call: Call, options: Options) -> str:
    if any(word.startswith(("--def", "--login")) for word in call.words):
        return ""
    host, port = options.last("-h", "--host"), options.last("-P", "--port")
    if socket := options.last("-S", "--socket"):
        return _unix(call, socket) if host is None or host == "localhost" else ""
    return _tcp(str(host or ""), str(port or "")) if host != "localhost" else ""


def _tcp(host: str, port: str) -> str:
    return f"tcp:{port}" if host in _HERE and port.isascii() and port.isdigit() else ""


def _unix(call: Call, path: str) -> str:
    found = call.path(path)
    return f"unix:{call.machine.setting.probe.real(found)}" if found and is_fixed(found) else ""


_READERS = {
    **dict.fromkeys(
        "psql createdb createuser dropdb dropuser pg_restore vacuumdb reindexdb clusterdb pgbench".split(), _postgres
    ),
    **dict.fromkeys(("redis-cli", "valkey-cli"), _redis),
    **dict.fromkeys(("mysql", "mariadb"), _mysql),
}


def own_database(call: Call, spec: Spec, options: Options) -> Stream | None:
    """createdb, dropdb, pg_restore and their like."""
    call.harmless = _CHANGES if is_own_server(call, options, ahead=True) else call.harmless
    return None


HANDLERS = {"own_database": own_database}
"""See handlers/__init__.py."""
