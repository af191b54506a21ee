"""An act that waits elsewhere: its card, its lines, what is signed to answer it, and the signature.

Knows cards and ssh-keygen. Refuses to sign what it did not show. Invariant: the digest that is signed is computed here,
from the bytes the card was read from, never taken from the store.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from pathlib import Path

import msgspec

from leashtui.audit.approval import KIND, Statement, digest_of
from leashtui.audit.signers import NAMESPACE
from leashtui.faces.cli.columns import json_line
from leashtui.model import codec
from leashtui.model.card import Card
from leashtui.model.errors import Exit, LeashError
from leashtui.model.event import Asked
from leashtui.stores.team.asks import Offered
from leashtui.words.plain import duration, one_line, visible

FORMAT = 1
"""Version of the JSON lines."""

GOOD_FOR = 15 * 60 * 1_000_000
"""Microseconds an answer counts after it was signed."""


def card_of(one: Offered) -> Card:
    """The card in an offered record. Raises LeashError when it is none."""
    try:
        event = codec.decode_record(one.body).event
    except msgspec.DecodeError as error:
        raise LeashError(f"ask {one.id} cannot be read: {error}", "look at its machine: leash approvals") from error
    if not isinstance(event, Asked) or event.card.id != one.name or event.card.session != one.session:
        raise LeashError(f"ask {one.id} is not what it says it is", "tell who runs the team store", Exit.FINDINGS)
    return event.card


def as_json(one: Offered) -> str:
    """For programs."""
    line = {"v": FORMAT, "ask": one.id, "device": one.device, "login": one.login, "session": one.session}
    line |= {"needed": one.needed, "allows": one.allows, "digest": digest_of(one.body), "card": card_of(one)}
    return json_line(msgspec.Raw(codec.encode(line)))


def lines_of(one: Offered) -> list[str]:
    """For people: all a card says, and how to answer."""
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


def statement_of(one: Offered, verdict: str, name: str, because: str) -> bytes:
    """What is signed: this answer to exactly the bytes the card was read from."""
    statement = Statement(
        KIND,
        one.session,
        card_of(one).id,
        one.seq,
        digest_of(one.body),
        one.bundle,
        verdict,
        "once",
        name,
        time.time_ns() // 1000 + GOOD_FOR,
        because,
    )
    return codec.encode(statement)


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
