"""`leash inventory`: the agents of this machine, how leash sees each, what they run beforehand, and what is weak.

Knows how to show it and to remember what was shown. Refuses to look by itself: supervisor.inventory does. Invariant:
instruction files, skills and MCP servers that are new or changed since the person last accepted them are marked so.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping
from pathlib import Path

from msgspec import json as codec

from leashtui.faces.cli.nesting import outer_session
from leashtui.model.errors import Exit, LeashError
from leashtui.stores.accepted import Accepted
from leashtui.stores.directories import state_dir
from leashtui.supervisor.instructions import difference, tree_text
from leashtui.supervisor.inventory import Found, Places, Stray, strays, take
from leashtui.words.plain import one_line, visible


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--json", action="store_true", help="one object a line")
    parser.add_argument("--diff", action="store_true", help="show what of them is not as it was accepted")
    parser.add_argument("--accept", action="store_true", help="remember instructions, skills and servers as they are")


def run(args: argparse.Namespace) -> int:
    """Show it. Returns 1 when something is weak, new or unsupervised."""
    home = os.environ.get("HOME") or os.path.expanduser("~")
    found = take(Places(home, os.getcwd(), os.environ.get("PATH", os.defpath), os.environ))
    accepted = Accepted(state_dir())
    known = accepted.known()
    now = {key: value for agent in found for key, value in pins(agent).items()}
    changed = {key: "changed" if key in known else "new" for key, value in now.items() if known.get(key) != value}
    loose = strays()
    if args.accept and outer_session(os.environ):
        raise LeashError(
            "accepting is a person's to do, not from inside a session", "use another terminal", Exit.DENIED
        )
    if args.accept:
        accepted.add(now)
        accepted.keep({t.digest: tree_text(Path(t.path)) for a in found for t in (*a.instructions, *a.skills)})
        changed = {}
    if args.diff:
        return _diff(accepted, known, changed)
    for agent in found:
        if args.json:
            marks = {key: word for key, word in changed.items() if key in pins(agent)}
            print(json.dumps({**json.loads(codec.encode(agent)), "changed": marks}))
        else:
            _show(agent, changed)
    for stray in loose:
        _show_stray(stray, as_json=args.json)
    if not found and not args.json:
        print("no agent that leash knows is on PATH")
    weak = any(finding.level == "weak" for agent in found for finding in agent.findings)
    return Exit.FINDINGS if weak or changed or loose else Exit.OK


def _diff(accepted: Accepted, known: Mapping[str, str], changed: Mapping[str, str]) -> int:
    """The texts that are new or changed. Returns FINDINGS when there are any."""
    paths = [path for path in sorted(changed) if path.startswith("/")]
    for path in paths:
        for line in difference(path, accepted.text(known.get(path, "")), tree_text(Path(path))):
            print(visible(line))
    return Exit.FINDINGS if paths else Exit.OK


def pins(agent: Found) -> dict[str, str]:
    """What an agent's model obeys or uses, by name: digest, or the command of a server."""
    made = {thing.path: thing.digest for thing in (*agent.instructions, *agent.skills)}
    return made | {f"mcp {server.name} of {server.source}": server.command for server in agent.servers}


def _show(agent: Found, changed: Mapping[str, str]) -> None:
    print(f"{agent.agent} {agent.version or '(version not known)'}  {agent.path}")
    print(f"  sha256 {agent.digest[:16]}  {agent.sees}")
    for model in agent.models:
        print(f"  {one_line(model, 160)}")
    for server in agent.servers:
        mark = changed.get(f"mcp {server.name} of {server.source}", "")
        print(f"  mcp {one_line(server.name, 40)}: {one_line(server.command, 100)}{_mark(mark)}")
    for word, things in (("obeys", agent.instructions), ("skill", agent.skills)):
        for thing in things:
            print(f"  {word} {one_line(thing.path, 120)} {thing.digest}{_mark(changed.get(thing.path, ''))}")
    for finding in agent.findings:
        print(f"  {'!' if finding.level == 'weak' else '-'} {one_line(finding.text, 200)}\n      {finding.remedy}")


def _mark(word: str) -> str:
    return f"  [{word} since you accepted it: read it, then leash inventory --accept]" if word else ""


def _show_stray(stray: Stray, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"v": 1, "unsupervised": stray.agent, "pid": stray.pid, "command": stray.command}))
    else:
        print(f"! {stray.agent} runs without leash: pid {stray.pid}, {one_line(stray.command, 120)}")
