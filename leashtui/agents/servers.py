"""MCP servers as agents' configuration files name them, and the same entries led through leash.

Knows the two shapes of an entry: a program, or an address. Refuses to know where an agent keeps its files and to
start anything. Invariant: an entry that is led through leash keeps every other key of its own.
"""

from __future__ import annotations

import codecs
import errno
import json
import os
import re
import stat
import tomllib
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from leashtui.agents.adapter import Armory
from leashtui.model.mcp import Served

Relay = Callable[[Served], Served | None]
Table = Mapping[str, Any]

OWN = "leash"
"""The name of leash's own server in every agent."""
_VARIABLE = re.compile(r"\$\{(?:env:)?(\w+)(?::-([^}]*))?\}|\{env:(\w+)\}|\$(\w+)")
_COMMENT = re.compile(r'"(?:[^"\\]|\\.)*"|//[^\n]*|/\*.*?\*/', re.S)
_COMMA = re.compile(r'("(?:[^"\\]|\\.)*")|,\s*([}\]])')
_LIMIT = 8 << 20
_PLUGINS = 500


def content_of(path: Path, most: int = _LIMIT) -> bytes:
    """The beginning of a regular file. Raises OSError for all else: a pipe would keep whoever opens it waiting."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    with open(handle, "rb") as file:
        return file.read(most)


def table_of(path: Path, *keys: str) -> Table:
    """The table below `keys` of a JSON or TOML file; {} when there is none, or none that the agent could read."""
    try:
        raw = content_of(path)
        document = tomllib.loads(raw.decode()) if path.suffix == ".toml" else parsed(raw)
    except (OSError, ValueError, RecursionError):
        return {}
    return below(document, *keys)


def below(document: Any, *keys: str) -> Table:
    """The table below `keys`, {} when there is none."""
    for key in keys:
        document = document.get(key) if isinstance(document, dict) else None
    return document if isinstance(document, dict) else {}


def parsed(raw: bytes) -> Any:
    """JSON, with the comments, last commas and byte order marks that several agents allow. Raises ValueError."""
    raw = raw.removeprefix(codecs.BOM_UTF8)
    try:
        return json.loads(raw)
    except ValueError:
        text = _COMMENT.sub(lambda m: m[0] if m[0].startswith('"') else " ", raw.decode("utf-8", "replace"))
        return json.loads(_COMMA.sub(lambda m: m[1] or m[2], text))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def above(folder: str, top: str) -> Iterator[Path]:
    """`folder` and what is above it, up to `top`; nearest last."""
    places = [Path(folder), *Path(folder).parents]
    inside = [place for place in places if place == Path(top) or Path(top) in place.parents]
    yield from reversed(inside or places[:1])


def plugins_of(market: Path) -> list[Path]:
    """The folders of the plugins of a marketplace on this machine."""
    return sorted(islice((p.parent.parent for p in market.glob("**/.claude-plugin/plugin.json")), _PLUGINS))


def led(table: Table, source: str, relay: Relay, env: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """The entries of a table that leash can stand between, as they are to be started. source: the file."""
    made: dict[str, dict[str, Any]] = {}
    for name, entry in table.items():
        if not isinstance(entry, dict) or entry.get("disabled") is True or entry.get("enabled") is False:
            continue
        served = served_of(name, entry, source, env)
        through = relay(served) if served is not None else None
        if through is not None:
            made[name] = _changed(entry, through)
    return made


def served_of(name: str, entry: Table, source: str, env: Mapping[str, str]) -> Served | None:
    """What an entry starts or calls; None when it cannot be said."""
    command = entry.get("command")
    if isinstance(command, list) and command and all(isinstance(word, str) for word in command):
        return Served(name, source, tuple(command))
    args = entry.get("args", [])
    if isinstance(command, str) and command and isinstance(args, list):
        return Served(name, source, (command, *(str(word) for word in args)))
    url = entry.get("httpUrl") or entry.get("url")
    whole = expanded(url, env) if isinstance(url, str) else None
    known = whole is not None and whole.startswith(("http://", "https://"))
    return Served(name, source, url=whole or "") if known else None


def variables_in(table: Table, pattern: str) -> tuple[str, ...]:
    """The names of variables that a table of settings speaks of. pattern: around a name, as JSON shows the table."""
    return tuple(dict.fromkeys(re.findall(pattern.replace("NAME", r"([A-Za-z_]\w*)"), json.dumps(table))))


def expanded(text: str, env: Mapping[str, str]) -> str | None:
    """Text with its variables, as agents write them: ${X}, ${X:-y}, $X, {env:X}. None when one is not set."""
    missing: list[str] = []

    def value(found: re.Match[str]) -> str:
        name = found[1] or found[3] or found[4]
        if name not in env and found[2] is None:
            missing.append(name)
        return env.get(name, found[2] or "")

    whole = _VARIABLE.sub(value, text)
    return None if missing else whole


def _changed(entry: Table, through: Served) -> dict[str, Any]:
    if through.url:
        key = "httpUrl" if "httpUrl" in entry else "url"
        return {**entry, key: through.url}
    if isinstance(entry.get("command"), list):
        return {**entry, "command": list(through.words)}
    return {**entry, "command": through.words[0], "args": list(through.words[1:])}


def joined(
    document: Mapping[str, Any], source: str, files: tuple[Path, ...], armory: Armory, env: Mapping[str, str]
) -> dict[str, Any]:
    """A settings document that counts before `files`, with every server of it and of them led through leash."""
    table = document.get("mcpServers")
    mine = table if isinstance(table, dict) else {}
    made = led(mine, source, armory.relay, env)
    for file in files:
        others = {name: entry for name, entry in table_of(file, "mcpServers").items() if name not in mine}
        made |= led(others, str(file), armory.relay, env)
    if armory.own and OWN not in {**mine, **made}:
        made[OWN] = own_entry(armory.own)
    return {**document, "mcpServers": {**mine, **made}} if made else dict(document)


def own_entry(words: tuple[str, ...]) -> dict[str, Any]:
    """leash's own server, as most agents write it."""
    return {"command": words[0], "args": list(words[1:])}
