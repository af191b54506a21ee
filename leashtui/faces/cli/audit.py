"""`leash audit`: whether logs prove themselves, and the first record of each that does not; proofs of one record.

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

from leashtui.faces.cli import prune, seal
from leashtui.faces.cli.columns import Paper, json_line
from leashtui.faces.cli.extra import load
from leashtui.faces.progress import Progress, watched
from leashtui.model.errors import Exit, LeashError
from leashtui.stores.directories import sessions_dir, state_dir
from leashtui.stores.inclusion import check_record, prove_record
from leashtui.stores.keys import Device, public_key
from leashtui.stores.machine import FILE
from leashtui.stores.proof import Proof, Trust, prove, read_keys
from leashtui.stores.segments import MANIFEST, SUFFIX, prove_segments
from leashtui.stores.sessions import find_session, paths
from leashtui.words.plain import count, one_line

FORMAT = 1
"""Version of the JSON lines."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommands of `leash audit`."""
    commands = parser.add_subparsers(dest="audit_command", required=True, metavar="COMMAND")
    verify = commands.add_parser("verify", help="prove that no record was changed, taken out, added or moved")
    verify.add_argument(
        "targets",
        nargs="*",
        metavar="FILE|DIR|SESSION|ADDRESS",
        help="what to prove; `team` is the team store (default: every log on this machine)",
    )
    _add_keys(verify)
    verify.add_argument("--json", action="store_true", help="print one JSON object a log")
    one = commands.add_parser("prove", help="prove one record to somebody who has nothing else of the log")
    one.add_argument("record", metavar="RECORD", help="id of a record, or SESSION:NUMBER")
    check = commands.add_parser("check", help="check such a proof")
    check.add_argument("file", metavar="FILE", help="what `leash audit prove` printed; `-` reads it from stdin")
    _add_keys(check)
    prune.add_arguments(commands.add_parser("prune", help="take old sessions away; what is left still proves itself"))
    seal.add_arguments(commands.add_parser("seal", help="finished sessions as single files that prove themselves"))
    commands.add_parser("key", help="print this device's public key, for those who verify")


def _add_keys(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--pub", metavar="KEYS", type=Path, help="believe only the devices whose keys this file lists")


def run(args: argparse.Namespace) -> int:
    """Run the subcommand. Returns OK, or FINDINGS when a log does not prove itself. Raises LeashError."""
    if args.audit_command == "key":
        print(Device(state_dir()).key.text())
        return Exit.OK
    if args.audit_command == "prune":
        return prune.run(args)
    if args.audit_command == "seal":
        return seal.run(args)
    if args.audit_command == "prove":
        print(prove_record(state_dir(), args.record).decode())
        return Exit.OK
    trust = Trust(read_keys(args.pub), demanded=True) if args.pub else None
    if args.audit_command == "check":
        return _check(args.file, trust)
    return _verify(args, trust)


def _check(file: str, trust: Trust | None) -> int:
    try:
        text = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise LeashError(f"{file}: {error.strerror}", "", Exit.USAGE) from error
    own = public_key(state_dir())
    found = check_record(text, trust.keys if trust else (own,) if own else ())
    print(f"ok  record {found.index + 1} of session {one_line(found.session)}, signed by device {found.device}")
    return Exit.OK


def _verify(args: argparse.Namespace, trust: Trust | None) -> int:
    paper = Paper(sys.stdout, os.environ)
    good = bad = 0
    many = len(args.targets) or len(paths(sessions_dir()))
    for proof in watched(_proofs(args.targets, trust), Progress("proving", many, "logs")):
        good, bad = good + proof.ok, bad + (not proof.ok)
        if args.json:
            print(json_line({"v": FORMAT, **msgspec.to_builtins(proof)}))
        else:
            _print(proof, paper)
    if not args.json:
        if good + bad == 0:
            print("leash: no session is recorded here yet. Make one: leash demo, or leash AGENT", file=sys.stderr)
        else:
            print(f"{count(good, 'log')} proved, {bad} broken")
    return Exit.FINDINGS if bad else Exit.OK


def _proofs(targets: Sequence[str], trust: Trust | None) -> Iterator[Proof]:
    if targets:
        for target in targets:
            if target == "team" or "://" in target or "dbname=" in target or target.startswith("service="):
                yield from load("leashtui.faces.cli.teamproof").proofs(target, trust)
            else:
                found = _locate(target)
                sealed = found.name.endswith(SUFFIX) or (found / MANIFEST).exists()
                yield from prove_segments(found, trust) if sealed else prove(found, trust)
    elif paths(sessions_dir()) or (state_dir() / FILE).exists():
        yield from prove(state_dir(), trust)


def _locate(target: str) -> Path:
    """The file or directory a word names: a path, or a session of this machine."""
    path = Path(target)
    found = path if path.exists() else find_session(sessions_dir(), target)
    if found is None:
        what = "there is no log" if "/" in target or target.endswith(".db") else "there is no session"
        raise LeashError(f"{what} {target}", "see what is there: leash log --sessions", Exit.USAGE)
    return found


def _print(proof: Proof, paper: Paper) -> None:
    name = one_line(proof.session or Path(proof.log).name.partition(".")[0])
    if proof.ok:
        signed = f"signed to {proof.signed}" if 0 < proof.signed < proof.records else "signed" if proof.signed else ""
        said = "; ".join(part for part in (signed, proof.note) if part)
        note = f"  ({said})" if said else ""
        text = f"{name:<22} {count(proof.records, 'record'):>14}  head {proof.head[:16]}{note}"
        print(f"{paper.paint('ok ', 'green')} {text}")
        return
    print(f"{paper.paint('BAD', 'alarm')} {name:<22} {one_line(proof.message, 400)}")
    if proof.seq > 1:
        print(f"    {count(proof.seq - 1, 'record')} before it proved")
    if proof.hint:
        print(f"    {one_line(proof.hint, 400)}")
    print(f"    {one_line(proof.log, 400)}")
