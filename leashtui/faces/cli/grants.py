"""`leash grants`: the standing permissions that are in force, how to end one, and how wide open they leave the door.

Knows what the logs of live sessions say was granted and revoked, and which permits a person's own layers hold. Refuses
to end anything by itself: it asks the supervisor. Invariant: what it lists is what the log says, expired ones left out.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from leashtui.faces.cli import keeping
from leashtui.faces.cli.call import Call, ask_code
from leashtui.faces.cli.columns import json_line
from leashtui.faces.cli.sessions import Live, choose, live_sessions
from leashtui.faces.cli.simulate import span
from leashtui.model.codec import decode_record
from leashtui.model.errors import Exit, LeashError
from leashtui.model.event import GrantAdded, GrantRevoked
from leashtui.model.wire import Recorded, Refused, Revoke
from leashtui.policy.entities import line
from leashtui.policy.grants import is_exact
from leashtui.policy.policy import Policy
from leashtui.stores.directories import config_dir, sessions_dir
from leashtui.stores.journal import read
from leashtui.stores.kept import Kept, KeptGrants
from leashtui.stores.sessions import find_session, newest
from leashtui.supervisor import layers
from leashtui.words.plain import count, one_line

OPEN = {1: 16, 2: 4, 3: 2}
"""How wide a grant is by the number of words that are fixed; more words, or an exact command, count 1."""
PERMIT = 8
"""How wide a permit of the person's own layers is, and ten times that when it has no condition at all."""


DAYS = 2
"""A grant that outlives its session counts this much more, and as much again when it is for every agent."""


class Listed(Struct, frozen=True):
    """One standing permission, as `grants --json` prints it. prefix: () where `exact` is it. expires: us, or 0."""

    session: str
    grant: str
    prefix: tuple[str, ...]
    asks: tuple[str, ...]
    expires: int
    breadth: int
    policy: str = ""
    exact: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--breadth", action="store_true", help="score how far the permissions have drifted open")
    parser.add_argument("--revoke", metavar="GRANT", default="", help="end this grant: what it released is asked again")
    parser.add_argument("--keep", metavar="GRANT", default="", help="let a session's grant hold on in its repository")
    parser.add_argument("--for", dest="life", default=keeping.LIFE, metavar="TIME", help="how long: 12h, 7d (30d)")
    parser.add_argument(
        "--any-agent", action="store_true", help="with --keep: for every kind of agent, not that one only"
    )
    parser.add_argument("--session", default="", metavar="SESSION", help="only this session's (default: all that live)")
    parser.add_argument("--code", default="", help="the code shown where the session was started (tier watch)")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")


def run(args: argparse.Namespace) -> int:
    """List, score or revoke. Raises LeashError."""
    sessions = live_sessions()
    if args.keep:
        log = log_of(args.session)
        keeping.keep(keeping.from_session(log, args.keep, span(args.life), args.any_agent))
        return Exit.OK
    if args.revoke and keeping.drop(args.revoke):
        return Exit.OK
    if args.revoke:
        return _revoke(choose(sessions, args.session), args.revoke, args.code)
    chosen = [choose(sessions, args.session)] if args.session else sessions
    now = time.time_ns() // 1000
    found = [one for live in chosen for one in standing(live.session, Path(live.log), now)]
    found += [_kept(one) for one in KeptGrants(config_dir()).all() if one.expires > now and not args.session]
    if args.breadth:
        found += permits(layers.load(config_dir(), os.getcwd()).bundle.policies)
    if args.json:
        for one in found:
            print(json_line(one))
        return Exit.OK
    _show(found, args.breadth)
    return Exit.OK


def standing(session: str, log: Path, now: int) -> list[Listed]:
    """The grants of a session that are in force at `now` (us), oldest first. Raises StoreError."""
    found: dict[str, GrantAdded] = {}
    for row in read(log):
        try:
            event = decode_record(row.body if isinstance(row.body, bytes) else b"").event
        except msgspec.DecodeError:
            continue  # a kind of a newer leash, or no record at all
        if isinstance(event, GrantAdded):
            found[event.grant] = event
        elif isinstance(event, GrantRevoked):
            found.pop(event.grant, None)
    return [
        Listed(
            session,
            grant.grant,
            grant.prefix,
            grant.asks,
            grant.expires,
            _width(grant.prefix),
            grant.policy,
            grant.exact,
        )
        for grant in found.values()
        if not grant.expires or grant.expires > now
    ]


def _kept(kept: Kept) -> Listed:
    exact = line(kept.facts) if kept.exact or is_exact(kept.facts) else ""
    prefix = () if exact else kept.facts.grant_prefix
    asks = tuple(sorted(policy.id for policy in kept.decision.policies))
    wide = _width(prefix) * DAYS * (1 if kept.kind else 2)
    return Listed(
        "", kept.id, prefix, asks, kept.expires, wide, f"{kept.workspace}, {kept.kind or 'every agent'}", exact
    )


def log_of(session: str) -> Path:
    """The log of a session, living or ended; the newest when none is named."""
    directory = sessions_dir()
    last = None if session else newest(directory)
    found = find_session(directory, session) if session else last.path if last is not None else None
    if found is None:
        raise LeashError(f"there is no session {session}".rstrip(), "leash log --sessions lists them", Exit.USAGE)
    return found


def permits(policies: Sequence[Policy]) -> Iterator[Listed]:
    """The permits that people wrote, as standing permissions without an end."""
    for policy in policies:
        if policy.permits and policy.layer != "builtin":
            wide = PERMIT * 10 if policy.unconditional else PERMIT
            yield Listed("", policy.name, (), (), 0, wide, f"{policy.file}:{policy.line}")


def _width(prefix: tuple[str, ...]) -> int:
    return OPEN.get(len(prefix), 1)


def _show(found: Sequence[Listed], breadth: bool) -> None:
    for one in found:
        what = f"{one_line(' '.join(one.prefix))} …" if one.prefix else one_line(one.exact) or "one exact command"
        where = f"session {one.session}" if one.session else one_line(one.policy)
        form = "until %H:%M" if one.session else "until %Y-%m-%d %H:%M"
        until = datetime.fromtimestamp(one.expires / 1e6).strftime(form) if one.expires else "no end"
        wide = f"{one.breadth:>4}  " if breadth else ""
        what = what if one.asks else "a permit"
        print(
            f"{wide}{one.grant}  {what}  ({where}, {until})" + (f"  releases {', '.join(one.asks)}" if one.asks else "")
        )
    if breadth:
        total = sum(one.breadth for one in found)
        print(f"breadth {total:,}: {count(len(found), 'standing permission')}; 0 is where everything is asked")
    else:
        print(f"{count(len(found), 'grant')} in force")


def _revoke(live: Live, grant: str, code: str) -> int:
    with Call(live, code=code or ask_code(live)) as call:
        call.send(Revoke(grant=grant))
        while True:
            message = call.receive()
            if isinstance(message, Refused):
                raise LeashError(f"session {live.session}: {message.reason}", "leash grants lists them", Exit.FINDINGS)
            event = message.record.event if isinstance(message, Recorded) else None
            if isinstance(event, GrantRevoked) and event.grant == grant:
                print(f"{grant} revoked: what it released is asked again")
                return Exit.OK
