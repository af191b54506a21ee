"""`leash web [SESSION]`: the same panel as a page for a second screen, on this machine only.

Knows how to find a session and to start its page in a process of its own. Refuses to listen anywhere but on loopback.
Invariant: read-only unless `--approve` was said.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
from importlib.util import find_spec

from leashtui.faces.cli.sessions import choose, directory_of, live_sessions
from leashtui.model.errors import Exit, LeashError
from leashtui.stores.directories import config_dir
from leashtui.supervisor.config import load


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("session", nargs="?", default="", metavar="SESSION", help="default: the only one")
    parser.add_argument("--port", type=int, default=0, metavar="PORT", help="on 127.0.0.1 (default: a free one)")
    parser.add_argument("--approve", action="store_true", help="cards can be answered on the page (default: only read)")


def run(args: argparse.Namespace) -> int:
    """Print the page's address and serve it until Ctrl-C."""
    if find_spec("textual_serve") is None:
        raise LeashError(
            "this needs textual-serve, which is not installed",
            "install it beside leash: pip install 'leashtui[web]'",
            Exit.USAGE,
        )
    live = choose(live_sessions(), args.session)
    if live.code:
        raise LeashError(
            f"session {live.session} is in tier watch, where a page could not be told from the agent",
            "use another terminal: leash attach",
            Exit.USAGE,
        )
    command = [sys.executable, "-I", "-m", "leashtui.faces.tui.serve", "--port", str(args.port)]
    command += ["--role", "reviewer" if args.approve else "observer", "--theme", load(config_dir()).config.panel.theme]
    what = "cards can be answered there" if args.approve else "read-only; with --approve cards can be answered there"
    print(f"leash: whoever has this address sees session {live.session} ({what}). Ctrl-C ends it.", file=sys.stderr)
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        code = subprocess.run([*command, str(directory_of(live))], check=False).returncode
    finally:
        signal.signal(signal.SIGINT, before)
    return Exit.OK if code in {0, -signal.SIGINT, 128 + signal.SIGINT} else Exit.FAILED
