"""`leash policy trust`: let a project's own policies permit, for exactly the bytes that are there now.

Knows how to show what would count. Refuses to trust files that do not load, and to run inside a session. Invariant:
nothing is pinned that was not printed first, and every pin and its end is an entry in the machine's log.
"""

from __future__ import annotations

import argparse
import getpass
import os
import secrets
import time
from pathlib import Path

from leashtui.faces.cli import workspace
from leashtui.faces.cli.nesting import outer_session
from leashtui.model.errors import Exit, LeashError
from leashtui.model.event import PolicyTrusted
from leashtui.policy import bundle
from leashtui.policy.sources import Source
from leashtui.stores.directories import config_dir, runtime_dir, state_dir
from leashtui.stores.machine import FILE, Machine
from leashtui.stores.trust import Trust
from leashtui.supervisor import layers
from leashtui.supervisor.policyload import with_stack
from leashtui.supervisor.ulid import Ulids
from leashtui.words.plain import count, one_line


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("project", nargs="?", default=".", metavar="DIR", help="the project (default: the one here)")
    wish = parser.add_mutually_exclusive_group()
    wish.add_argument("--revoke", action="store_true", help="let its permits count no longer")
    wish.add_argument("--list", action="store_true", help="list what is trusted, and what has changed since")


def run(args: argparse.Namespace) -> int:
    """Pin, end or list trust. Raises LeashError."""
    trust = Trust(config_dir())
    if args.list:
        return _list(trust)
    if outer_session(os.environ):
        raise LeashError("trust is a person's to give, not from inside a session", "use another terminal", Exit.DENIED)
    root = workspace.find(os.path.abspath(args.project), None, (runtime_dir(), state_dir(), config_dir())).root
    if args.revoke:
        files = dict(trust.pinned(root))
        _note(root, files, dropped=True)
        trust.pin(root, {})
        print(f"{count(len(files), 'file')} of {one_line(root)} no longer trusted")
        return Exit.OK
    found = with_stack(lambda: _look(root))
    if not found:
        place = Path(root) / layers.PROJECT
        raise LeashError(f"there are no policies in {place}", "write them there: NAME.cedar", Exit.USAGE)
    files = {one.file: one.digest for one in found}
    _note(root, files, dropped=False)  # first: without a record there is no trust
    trust.pin(root, files)
    print(f"trusted: {count(len(files), 'file')} of {one_line(root)}, until they change")
    return Exit.OK


def _look(root: str) -> list[Source]:
    """The project's files, after printing every policy in them that permits. Raises Flaw."""
    found = layers.project_files(root)
    made = bundle.build(found, bundle.load_schema(), trusted=frozenset(one.digest for one in found))
    permits = [policy for policy in made.policies if policy.permits]
    for policy in permits:
        print(
            f"permits  {policy.meta.id}  {one_line(policy.meta.reason, 160)}  ({one_line(policy.file)}:{policy.line})"
        )
    others = len(made.policies) - len(permits)
    print(f"{count(others, 'policy', 'policies')} that deny or ask hold already, trusted or not")
    return found


def _note(root: str, files: dict[str, str], *, dropped: bool) -> None:
    """Enter it in the machine's log. Raises LeashError when that cannot be written."""
    clock = lambda: time.time_ns() // 1000  # noqa: E731
    machine = Machine(state_dir() / FILE, clock, Ulids(clock, secrets.randbits))
    pins = tuple(sorted(files.items()))
    machine.trusted(PolicyTrusted(workspace=root, files=pins, who=getpass.getuser(), dropped=dropped))


def _list(trust: Trust) -> int:
    for root, files in sorted(trust.workspaces().items()):
        now = {one.file: one.digest for one in layers.project_files(root)}
        for file, digest in sorted(files.items()):
            state = "trusted" if now.get(file) == digest else "changed since" if file in now else "gone"
            print(f"{state:<13}  {one_line(file)}  {digest[:12]}")
        for file in sorted(now.keys() - files.keys()):
            print(f"{'new':<13}  {one_line(file)}  {now[file][:12]}")
    return Exit.OK
