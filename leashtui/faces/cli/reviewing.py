"""What `leash review` does for a reviewer: show what waits elsewhere, and sign an answer to exactly what was shown.

Knows cards, ssh-keygen and the team store. Refuses to sign what it did not show. Invariant: the digest that is signed
is computed here, from the bytes the card was read from, never taken from the store.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from leashtui.audit.approval import KIND, Statement, digest_of
from leashtui.audit.signers import NAMESPACE
from leashtui.model import codec
from leashtui.model.card import Card
from leashtui.model.errors import Exit, LeashError
from leashtui.model.event import Asked
from leashtui.stores import enrolment
from leashtui.stores.directories import config_dir
from leashtui.stores.team import link
from leashtui.stores.team.asks import Asks, Offered
from leashtui.words.plain import duration, one_line, visible

FORMAT = 1
"""Version of the JSON lines."""

GOOD_FOR = 15 * 60 * 1_000_000
"""Microseconds an answer counts after it was signed."""

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
    """Print what waits; with follow also what comes."""
    asks = Asks(_me().dsn)
    shown: set[int] = set()
    try:
        if args.follow:
            asks.listen("leash_ask", "leash_answer")
        while True:
            found = asks.waiting()
            for one in found:
                if one.id not in shown:
                    shown.add(one.id)
                    print(_json(one) if args.json else "\n".join(_lines(one)), flush=True)
            if not args.follow:
                if not found and not args.json:
                    print("nothing waits")
                return Exit.OK
            asks.woken(1.0)
    finally:
        asks.close()


def card_of(one: Offered) -> Card:
    """The card in an offered record. Raises LeashError when it is none."""
    try:
        event = codec.decode_record(one.body).event
    except msgspec.DecodeError as error:
        raise LeashError(f"ask {one.id} cannot be read: {error}", "look at its machine: leash approvals") from error
    if not isinstance(event, Asked) or event.card.id != one.name or event.card.session != one.session:
        raise LeashError(f"ask {one.id} is not what it says it is", "tell who runs the team store", Exit.FINDINGS)
    return event.card


def _json(one: Offered) -> str:
    line = {"v": FORMAT, "ask": one.id, "device": one.device, "login": one.login, "session": one.session}
    line |= {"needed": one.needed, "allows": one.allows, "digest": digest_of(one.body), "card": card_of(one)}
    return codec.encode(line).decode()


def _lines(one: Offered) -> list[str]:
    card = card_of(one)
    age = duration(max(0.0, time.time() - one.asked.timestamp()))
    lines = [f"{one.id}  {card.severity.value}  {age}  {visible(card.consequence)}"]
    lines.append(f"    command: {visible(card.command)}")
    if card.normalised and card.normalised != card.command:
        lines.append(f"    which comes to: {visible(card.normalised)}")
    if card.hidden:
        lines.append(f"    hidden characters: {visible(', '.join(card.hidden))}")
    lines.append(f"    in: {visible(card.cwd)}, by {visible(card.agent)} of {one_line(one.login)} ({one.device})")
    lines += [f"    would: {visible(e.sentence or f'{e.verb.value} {e.target}')}" for e in card.evidence]
    lines += [f"    asked by: {visible(p.id)}: {visible(p.reason or 'no reason given')}" for p in card.why]
    lines.append(f"    undo: {visible(card.undo or 'cannot be undone')}")
    if one.needed > 1:
        lines.append(f"    needs {one.needed} people, {one.allows} agreed")
    lines.append(f"    leash review approve {one.id}    leash review deny {one.id} --because '...'")
    return lines


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
        one = next((one for one in asks.waiting() if one.id == args.id), None)
        if one is None:
            how = asks.outcome(args.id)
            raise LeashError(f"ask {args.id} is not waiting{f': {how}' if how else ''}", "leash review", Exit.FINDINGS)
        print("\n".join(_lines(one)[:-1]))
        statement = Statement(
            KIND,
            one.session,
            card_of(one).id,
            one.seq,
            digest_of(one.body),
            one.bundle,
            verdict,
            "once",
            me.name,
            time.time_ns() // 1000 + GOOD_FOR,
            args.because,
        )
        text = codec.encode(statement)
        asks.listen("leash_ask")
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


def sign(text: bytes, key: str) -> bytes:
    """An SSH signature over `text` by the key in that file, by an agent or a token if need be. Raises LeashError."""
    with tempfile.TemporaryDirectory(prefix="leash-sign-") as folder:
        file = Path(folder) / "statement"
        file.write_bytes(text)
        command = ["ssh-keygen", "-Y", "sign", "-n", NAMESPACE, "-f", key, str(file)]
        try:
            done = subprocess.run(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, check=False)
        except OSError as error:
            raise LeashError(f"ssh-keygen: {error.strerror}", "install OpenSSH's client") from error
        made = file.with_name("statement.sig")
        if done.returncode or not made.is_file():
            raise LeashError(f"ssh-keygen did not sign: {one_line(done.stderr, 300)}", f"check the key {key}")
        return made.read_bytes()
