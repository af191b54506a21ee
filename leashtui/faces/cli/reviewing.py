"""What `leash review` does for a reviewer: become one, show what waits elsewhere, answer one act.

Knows the team store. Refuses to believe an answer counted before the asking machine says so. Invariant: one act that
cannot be read hides no other.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from leashtui.audit.signers import NAMESPACE
from leashtui.faces.cli.signing import as_json, lines_of, sign, statement_of
from leashtui.faces.cli.watching import follow
from leashtui.model.errors import Exit, LeashError
from leashtui.stores import enrolment
from leashtui.stores.directories import config_dir
from leashtui.stores.team import link
from leashtui.stores.team.asks import Asks
from leashtui.words.plain import one_line

_WAIT = 20.0


def join(args: argparse.Namespace) -> int:
    """Check address and key, and note them."""
    key = Path(args.key).expanduser()
    public = key if key.suffix == ".pub" else key.with_name(key.name + ".pub")
    if not public.is_file():
        raise LeashError(f"there is no public key {public}", "make one: ssh-keygen -t ed25519", Exit.USAGE)
    asks = Asks(args.dsn)
    try:
        number = len(asks.waiting())
    finally:
        asks.close()
    made = enrolment.Reviewer(link.address(args.dsn), args.name, str(key.resolve()))
    enrolment.become_reviewer(config_dir(), made)
    words = " ".join(public.read_text("utf-8").split()[:2])
    print(f"you review as {one_line(args.name)}; {number} waiting now: leash review")
    print(f'machines that let you answer have this line:  {args.name} namespaces="{NAMESPACE}" {words}')
    return Exit.OK


def _me() -> enrolment.Reviewer:
    found = enrolment.reviewer(config_dir())
    if found is None:
        raise LeashError("you review for no team", "ask for an invitation: leash invite NAME KEY ADDRESS", Exit.USAGE)
    return found


def waiting(args: argparse.Namespace) -> int:
    """Print what waits; with follow also what comes, and take answers to it."""
    if args.follow:
        return follow(_me(), plain=not args.json)
    asks = Asks(_me().dsn)
    try:
        found = asks.waiting()
    finally:
        asks.close()
    for one in found:
        try:
            print(as_json(one) if args.json else "\n".join(lines_of(one)), flush=True)
        except LeashError as error:
            print(f"leash: {error.message}; {error.hint}", file=sys.stderr, flush=True)
    if not found and not args.json:
        print("nothing waits")
    return Exit.OK


def approve(args: argparse.Namespace) -> int:
    """Sign a yes."""
    return _answer(args, "allow")


def deny(args: argparse.Namespace) -> int:
    """Sign a no."""
    return _answer(args, "deny")


def _answer(args: argparse.Namespace, verdict: str) -> int:
    me = _me()
    asks = Asks(me.dsn)
    try:
        one = next((one for one in asks.waiting("leash_ask") if one.id == args.id), None)
        if one is None:
            how = asks.outcome(args.id)
            raise LeashError(f"ask {args.id} is not waiting{f': {how}' if how else ''}", "leash review", Exit.FINDINGS)
        print("\n".join(lines_of(one)[:-1]))
        text = statement_of(one, verdict, me.name, args.because)
        missing = asks.decide(one.id, verdict, text, sign(text, me.key))
        if verdict == "allow" and missing:
            print(f"signed; {missing} more must agree")
            return Exit.OK
        return _report(asks, one.id, verdict)
    finally:
        asks.close()


def _report(asks: Asks, ask: int, verdict: str) -> int:
    """Wait for the machine's own word: it alone decides whether the answer counted."""
    deadline = time.monotonic() + _WAIT
    while time.monotonic() < deadline:
        how = asks.outcome(ask)
        if how is not None:
            print(f"the machine says: {one_line(how)}")
            return Exit.OK if how.startswith("allowed" if verdict == "allow" else "denied") else Exit.FINDINGS
        asks.woken(1.0)
    print("signed and sent; its machine has not said anything yet (it may be offline)", file=sys.stderr)
    return Exit.OK
