"""`leash invite`: let somebody review: one command here, one line to paste there, no certificates.

Knows the allowed-signers file and the words of the line. Invariant: the reviewer's key is written down here, by the
person who trusts it; nothing that comes over the store can add one.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from leashtui.audit.signers import NAMESPACE, BadSigners, parse
from leashtui.faces.cli.extra import load
from leashtui.model.errors import Exit, LeashError
from leashtui.stores.directories import config_dir, ensure_private

FILE = "allowed_signers"
"""Of reviewers, below the configuration directory."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("name", metavar="NAME", help="the reviewer's name, like ann@example.org")
    parser.add_argument("key", metavar="KEY", help="their SSH public key: the text, or a .pub file")
    parser.add_argument("dsn", nargs="?", default="", metavar="ADDRESS", help="the team store, as its owner")
    parser.add_argument("--team", default="team", help="name of the team (default: team)")
    parser.add_argument("--until", default="", metavar="YYYYMMDD", help="the last day the key counts")
    parser.add_argument("--revoke", action="store_true", help="take this reviewer away again, running sessions too")


def run(args: argparse.Namespace) -> int:
    """Write the reviewer down; with an address also let them into the store. Raises LeashError."""
    path = ensure_private(config_dir()) / FILE
    line = _line(args)
    before = path.read_text("utf-8").splitlines() if path.exists() else []
    words = line.split()[-2:]
    kept = [old for old in before if words[1] not in old.split()]
    path.write_text("".join(f"{one}\n" for one in (kept if args.revoke else [*kept, line])), "utf-8")
    path.chmod(0o600)
    if args.revoke:
        print(f"{args.name} reviews nothing on this machine any more, running sessions included")
        return Exit.OK
    print(f"{args.name} may answer what waits in sessions that begin from now on ({path})")
    if args.dsn:
        load("leashtui.faces.cli.teamwork").invite_reviewer(args)
    return Exit.OK


def _line(args: argparse.Namespace) -> str:
    file = Path(args.key)
    text = file.read_text("utf-8") if args.key.endswith(".pub") and file.is_file() else args.key
    words = text.split()[:2]
    until = f',valid-before="{args.until}"' if args.until else ""
    line = f'{args.name} namespaces="{NAMESPACE}"{until} {" ".join(words)}'
    try:
        if len(parse(line).signers) != 1:
            raise BadSigners("it is no SSH public key")
    except BadSigners as error:
        hint = "like: leash invite ann@example.org ~/.ssh/ann.pub"
        raise LeashError(f"that reviewer cannot be used: {error}", hint, Exit.USAGE) from error
    return line
