"""What `leash team` does, subcommand by subcommand, and what it says to do next.

Knows the team store's rooms. Refuses to know SQL. Invariant: a password is shown once, in the one line that its owner
is meant to paste, and never again.
"""

from __future__ import annotations

import argparse
import getpass
import os
import secrets
import sys
from shlex import quote

import msgspec

from leashtui.faces.cli.columns import Paper, json_line
from leashtui.model.errors import Exit, LeashError
from leashtui.stores import enrolment
from leashtui.stores.directories import config_dir, state_dir
from leashtui.stores.keys import Device
from leashtui.stores.team import link, members, trial
from leashtui.stores.team.chains import Chain, TeamStore
from leashtui.stores.team.migrate import migrate
from leashtui.words.plain import count, one_line

FORMAT = 1
"""Version of the JSON lines."""


def joined() -> enrolment.Enrolment:
    """The team store of this machine. Raises LeashError when there is none."""
    found = enrolment.enrolled(config_dir())
    if found is None:
        raise LeashError("this machine belongs to no team store", "join one: leash team join ADDRESS", Exit.USAGE)
    return found


def init(args: argparse.Namespace) -> int:
    """Migrate, and make the first team."""
    with link.connect(args.dsn) as connection:
        done = migrate(connection, args.dsn)
        members.make_team(connection, args.dsn, args.team)
    steps = f"steps applied: {', '.join(map(str, done))}" if done else "it was up to date"
    print(f"the team store is ready ({steps}); team: {args.team}")
    print(f"let a machine in:  leash team invite LOGIN {quote(link.safe(args.dsn))} --team {args.team}")
    return Exit.OK


def attempt(args: argparse.Namespace) -> int:
    """A store of one's own to try: started, migrated, joined; or stopped."""
    state, here = state_dir(), enrolment.enrolled(config_dir())
    if args.stop or args.remove:
        was = trial.known(state)
        there = trial.stop(state, remove=args.remove)
        if args.remove and was is not None and here is not None and trial.holds(was, here.dsn):
            enrolment.leave(config_dir())
        print(("it is gone" if args.remove else "it is stopped") if there else "no team store is tried here")
        return Exit.OK
    made = trial.start(state)
    dsn, login = made.dsn(), "this_machine"
    with link.connect(dsn) as connection:
        migrate(connection, dsn)
        members.make_team(connection, dsn, args.team)
        if here is None:
            password = secrets.token_urlsafe(24)
            members.enrol(connection, dsn, args.team, login, "device", password)
            here = enrolment.Enrolment(link.address_for(dsn, login, password))
            enrolment.enrol(config_dir(), here)
    print(f"a team store to try runs in {made.root}; it listens on no network")
    joined_it = trial.holds(made, here.dsn)
    print("this machine joined it" if joined_it else "this machine stays in the team store it joined before")
    print("\nsend what is here:     leash sync")
    print(f"see it there:          leash team status {quote(dsn)}")
    print(f"let yourself review:   leash invite YOU@example.org ~/.ssh/id_ed25519.pub {quote(dsn)}")
    print("stop it:               leash team try --stop, or --remove with all that is in it")
    return Exit.OK


def invite(args: argparse.Namespace) -> int:
    """A login with its rights and a new password."""
    password = secrets.token_urlsafe(24)
    with link.connect(args.dsn) as connection:
        members.enrol(connection, args.dsn, args.team, args.login, args.what, password)
    line = link.address_for(args.dsn, args.login, password)
    verb = "join" if args.what == "device" else "status"
    print(f"paste this there; it is shown once:\n\n  leash team {verb} {quote(line)}\n")
    return Exit.OK


def invite_reviewer(args: argparse.Namespace) -> None:
    """A reviewer's login, and the line they paste."""
    password = secrets.token_urlsafe(24)
    login = "".join(c if c.isalnum() else "_" for c in args.name.lower())[:60]
    with link.connect(args.dsn) as connection:
        members.enrol(connection, args.dsn, args.team, login, "reviewer", password)
    line = quote(link.address_for(args.dsn, login, password))
    print(
        f"paste this there; it is shown once:\n\n  leash review join {line} --as {args.name} --key ~/.ssh/id_ed25519\n"
    )


def expel(args: argparse.Namespace) -> int:
    """Take a login's rights."""
    with link.connect(args.dsn) as connection:
        members.expel(connection, args.dsn, args.login)
    print(f"{one_line(args.login)} may neither write nor read any more; its records stay")
    return Exit.OK


def join(args: argparse.Namespace) -> int:
    """Check that the address lets this machine write, and note it."""
    dsn = getpass.getpass("address: ") if args.dsn == "-" else args.dsn
    device = Device(state_dir())
    store = TeamStore(dsn)
    try:
        store.my_chains(device.id)
    finally:
        store.close()
    path = enrolment.enrol(config_dir(), enrolment.Enrolment(link.address(dsn)))
    print(f"this machine (device {device.id}) joined {link.safe(dsn)}")
    print(f"its public key, for those who verify:  {device.key.text()}")
    print(f"noted in {path}; send now: leash sync    keep sending: leash sync --follow")
    return Exit.OK


def status(args: argparse.Namespace) -> int:
    """Every chain this login may see; a device sees its own."""
    dsn = args.dsn or joined().dsn
    store = TeamStore(dsn)
    try:
        every = store.chains()
    except link.TeamError as error:
        if error.state != "42501":
            raise
        return _own(store)
    finally:
        store.close()
    paper = Paper(sys.stdout, os.environ)
    for chain in every:
        print(_json(chain) if args.json else paper.fit(_line(chain)))
    if not every and not args.json:
        print("no machine has sent anything yet")
    return Exit.OK


def _own(store: TeamStore) -> int:
    mine = store.my_chains(Device(state_dir()).id)
    records = sum(number for number, _ in mine.values())
    print(f"{link.safe(store.dsn)}: {count(len(mine), 'chain')} of this machine, {count(records, 'record')}")
    print("this login writes and cannot read the team: ask for a reader's (leash team invite --as reader)")
    return Exit.OK


def _json(chain: Chain) -> str:
    line = {"v": FORMAT, **msgspec.to_builtins(chain), "head": chain.head.hex()}
    return json_line(line)


def _line(chain: Chain) -> str:
    when = chain.changed.astimezone().strftime("%Y-%m-%d %H:%M")
    number = count(chain.count, "record")
    return f"{chain.device}  {one_line(chain.login):<16} {one_line(chain.session):<22} {number:>14}  {when}"
