"""`leash audit verify`: whether logs prove themselves, and the first record of each that does not.

Knows which logs a name means and how to print results. Refuses to judge: the proofs are stores.proof's. Invariant:
exit 0 means every log named was read to its end and every record in it was proved.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from leashtui.faces.cli.columns import Paper
from leashtui.model.errors import Exit, LeashError
from leashtui.stores.directories import sessions_dir, state_dir
from leashtui.stores.machine import FILE
from leashtui.stores.proof import Proof, prove
from leashtui.stores.sessions import find_session, paths
from leashtui.words.plain import count, one_line

FORMAT = 1
"""Version of the JSON lines."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommands of `leash audit`."""
    commands = parser.add_subparsers(dest="audit_command", required=True, metavar="COMMAND")
    verify = commands.add_parser("verify", help="prove that no record was changed, taken out, added or moved")
    verify.add_argument(
        "targets", nargs="*", metavar="FILE|DIR|SESSION", help="what to prove (default: every log on this machine)"
    )
    verify.add_argument("--json", action="store_true", help="print one JSON object a log")


def run(args: argparse.Namespace) -> int:
    """Run the subcommand. Returns OK, or FINDINGS when a log does not prove itself. Raises LeashError."""
    paper = Paper(sys.stdout, os.environ)
    good = bad = 0
    for proof in _proofs(args.targets):
        good, bad = good + proof.ok, bad + (not proof.ok)
        if args.json:
            print(msgspec.json.encode({"v": FORMAT, **msgspec.to_builtins(proof)}).decode())
        else:
            _print(proof, paper)
    if not args.json:
        if good + bad == 0:
            print("leash: no session is recorded here yet. Make one: leash demo, or leash AGENT", file=sys.stderr)
        else:
            print(f"{count(good, 'log')} proved, {bad} broken")
    return Exit.FINDINGS if bad else Exit.OK


def _proofs(targets: Sequence[str]) -> Iterator[Proof]:
    if targets:
        for target in targets:
            yield from prove(_locate(target))
    elif paths(sessions_dir()) or (state_dir() / FILE).exists():
        yield from prove(state_dir())


def _locate(target: str) -> Path:
    """The file or directory a word names: a path, or a session of this machine."""
    path = Path(target)
    found = path if path.exists() else find_session(sessions_dir(), target)
    if found is None:
        what = "there is no log" if "/" in target or target.endswith(".db") else "there is no session"
        raise LeashError(f"{what} {target}", "see what is there: leash log --sessions", Exit.USAGE)
    return found


def _print(proof: Proof, paper: Paper) -> None:
    name = one_line(proof.session or Path(proof.log).stem)
    if proof.ok:
        note = f"  ({proof.note})" if proof.note else ""
        text = f"{name:<22} {count(proof.records, 'record'):>14}  head {proof.head[:16]}{note}"
        print(f"{paper.paint('ok ', 'green')} {text}")
        return
    print(f"{paper.paint('BAD', 'alarm')} {name:<22} {one_line(proof.message, 400)}")
    if proof.seq > 1:
        print(f"    {count(proof.seq - 1, 'record')} before it proved")
    if proof.hint:
        print(f"    {one_line(proof.hint, 400)}")
    print(f"    {one_line(proof.log, 400)}")
