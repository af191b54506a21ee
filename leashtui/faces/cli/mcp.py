"""`leash mcp`: the MCP servers leash stood before, what their tools were when they were accepted, and are now.

Knows the pins and how to show a difference. Refuses to ask a server anything: what it shows is what a session last saw.
Invariant: nothing is accepted that was not printed first, and never from inside a session; each acceptance is an entry
in the machine's log.
"""

from __future__ import annotations

import argparse
import difflib
import getpass
import json
import os
import secrets
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from leashtui.faces.cli.nesting import outer_session
from leashtui.model.errors import Exit, LeashError
from leashtui.model.event import ToolsPinned
from leashtui.model.mcp import PinnedServer, PinnedTool
from leashtui.stores.directories import state_dir
from leashtui.stores.machine import FILE, Machine
from leashtui.stores.pins import Pins
from leashtui.supervisor.mcparming import DIRECTORY, relay_words
from leashtui.supervisor.ulid import Ulids
from leashtui.words.plain import count, one_line, visible

EPILOG = (
    "`leash mcp run NAME -- COMMAND` in an agent's configuration leads a server through leash where leash cannot do so"
    " by itself; without a session it is just COMMAND."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="list|diff|pin|forget|run")
    listing = actions.add_parser("list", help="list servers and tools, and what is not as it was accepted")
    listing.add_argument("--json", action="store_true", help="print one JSON object a line")
    showing = actions.add_parser("diff", help="show what changed since it was accepted")
    pinning = actions.add_parser("pin", help="accept servers as they were last seen")
    for one in (showing, pinning):
        one.add_argument(
            "servers", nargs="*", metavar="SERVER", help="by name, or FILE#NAME (default: all that changed)"
        )
    dropping = actions.add_parser("forget", help="meet a server for the first time again")
    dropping.add_argument("servers", nargs="+", metavar="SERVER", help="by name, or FILE#NAME")
    running = actions.add_parser("run", help="start a server; inside a session, with leash before it")
    running.add_argument("name", metavar="NAME", help="what the server is called")
    running.add_argument("words", nargs=argparse.REMAINDER, metavar="-- COMMAND", help="its command line")


def run(args: argparse.Namespace) -> int:
    """List, show, accept, forget or start. Returns FINDINGS when something is not as accepted. Raises LeashError."""
    if args.action == "run":
        return _run(args.name, args.words)
    pins = Pins(state_dir())
    if args.action == "list":
        return _list(pins, as_json=args.json)
    if args.action == "diff":
        return _diff(_chosen(pins, args.servers, odd=True))
    if outer_session(os.environ):
        raise LeashError(
            "accepting is a person's to do, not from inside a session", "use another terminal", Exit.DENIED
        )
    if args.action == "forget":
        for key in _chosen(pins, args.servers, odd=False):
            pins.forget(key)
            print(f"forgotten: {one_line(key)}")
        return Exit.OK
    return _pin(pins, _chosen(pins, args.servers, odd=True))


def _chosen(pins: Pins, names: Sequence[str], *, odd: bool) -> dict[str, PinnedServer]:
    """The servers of these names; without names those that are not as accepted. Raises LeashError."""
    known = pins.all()
    if not names:
        return {key: one for key, one in known.items() if not odd or changes(one)}
    found = {key: one for key, one in known.items() if key in names or one.name in names}
    missing = [name for name in names if not any(name in (key, one.name) for key, one in found.items())]
    if missing:
        raise LeashError(f"no MCP server is called {missing[0]!r}", "leash mcp list", Exit.USAGE)
    return found


def changes(server: PinnedServer) -> dict[str, str]:
    """Tool -> 'new' or 'changed'; '' stands for the server's own command."""
    made = {
        n: "new" if n not in server.tools else "changed" for n, t in server.seen.items() if server.tools.get(n) != t
    }
    return made | ({"": "changed"} if server.seen_target not in ("", server.target) else {})


def _list(pins: Pins, *, as_json: bool) -> int:
    known = pins.all()
    for key, server in sorted(known.items()):
        odd = changes(server)
        if as_json:
            tools = {name: odd.get(name, "pinned") for name in sorted({*server.tools, *server.seen})}
            row = {"v": 1, "name": server.name, "source": server.source, "target": server.target, "tools": tools}
            print(json.dumps({**row, "key": key, "changed": "" in odd}))
            continue
        mark = "  [started in another way than accepted]" if "" in odd else ""
        print(f"{one_line(server.name, 60)}  {one_line(server.target, 120)}  ({one_line(server.source)}){mark}")
        for name in sorted({*server.tools, *server.seen}):
            word = odd.get(name, "")
            print(f"  {one_line(name, 80)}{f'  [{word}]' if word else ''}")
    if not known and not as_json:
        print("no session has met an MCP server yet")
    odd_ones = [key for key, server in known.items() if changes(server)]
    if odd_ones and not as_json:
        print("read `leash mcp diff`; `leash mcp pin` accepts what is new or changed")
    return Exit.FINDINGS if odd_ones else Exit.OK


def _diff(servers: dict[str, PinnedServer]) -> int:
    found = False
    for key, server in sorted(servers.items()):
        for line in difference(key, server):
            found = True
            print(visible(line))
    if not found:
        print("every tool is what was accepted", file=sys.stderr)
    return Exit.FINDINGS if found else Exit.OK


def difference(key: str, server: PinnedServer) -> Iterator[str]:
    """What is not as accepted, as unified diffs."""
    for name, word in sorted(changes(server).items()):
        if name:
            before, after = _lines(server.tools.get(name)), _lines(server.seen.get(name))
            title = f"{key} {name} ({word})"
        else:
            before, after, title = [server.target], [server.seen_target], f"{key} (how it is started)"
        yield from difflib.unified_diff(before, after, f"accepted: {title}", f"now: {title}", lineterm="", n=99)


def _lines(tool: PinnedTool | None) -> list[str]:
    """A definition in lines a person can read: what a description says stands as its own lines."""
    return [] if tool is None else list(_told(json.loads(tool.definition), ""))


def _told(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, dict) and value:
        for key, part in value.items():
            yield from _told(part, f"{path}.{key}" if path else key)
    elif isinstance(value, str):
        for line in value.split("\n"):
            yield f"{path}: {line}"
    else:
        yield f"{path}: {json.dumps(value, ensure_ascii=False)}"


def _pin(pins: Pins, servers: dict[str, PinnedServer]) -> int:
    if not servers:
        print("every tool is what was accepted", file=sys.stderr)
        return Exit.OK
    _diff(servers)
    clock = lambda: time.time_ns() // 1000  # noqa: E731
    machine = Machine(state_dir() / FILE, clock, Ulids(clock, secrets.randbits))
    for key, server in servers.items():
        odd = tuple(sorted(changes(server)))
        machine.trusted(ToolsPinned(server=server.name, source=server.source, tools=odd, who=getpass.getuser()))
        made = pins.accept(key)
        print(f"accepted: {one_line(key)}, {count(len(made.tools), 'tool')}, until they change")
    return Exit.OK


def _run(name: str, words: Sequence[str]) -> int:
    """Become the relay, or the server itself where there is no session. Raises LeashError."""
    rest = list(words[1:] if words[:1] == ["--"] else words)
    if not rest:
        raise LeashError("which server?", "leash mcp run NAME -- COMMAND", Exit.USAGE)
    directory = _directory()
    argv = [*relay_words(directory, name), "--", *rest] if directory else rest
    try:
        os.execvp(argv[0], argv)
    except OSError as error:
        raise LeashError(f"{argv[0]}: {error.strerror}", "check the command", Exit.NOT_FOUND) from error


def _directory() -> str:
    """The session's, '' for none: by our own environment, or that of what started us: servers get few variables."""
    found = os.environ.get(DIRECTORY, "")
    pid = os.getpid()
    mark = f"{DIRECTORY}=".encode()
    while not found and pid > 1:
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[1])
            lines = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        except (OSError, ValueError, IndexError):
            return ""
        found = next((os.fsdecode(line[len(mark) :]) for line in lines if line.startswith(mark)), "")
    return found


__all__ = ["add_arguments", "changes", "difference", "run"]
