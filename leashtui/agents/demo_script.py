"""The agent of `leash demo`: a real child process that thinks aloud, works, and then tries four risky things.

Standard library only, run as `python -I demo_script.py SCENE PACE`. Knows the scene that `leash demo` built around it.
Refuses to know leash: it starts commands through a shell as real agents do, and reads exit codes and stderr. Invariant:
it goes on after any answer, and tells what happened by looking at the effects, not at the answer.
"""

from __future__ import annotations

import http.server
import shlex
import shutil
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

WIDTH = 58
SUMMARY = "summary.txt"
"""Left beside the project for `leash demo`, because a panel takes the agent's last screen with it."""
INSTALLER = b"echo 'the installer ran'\ntouch installed-by-the-internet\n"


class Outcome(NamedTuple):
    """What came of one risky step, seen from its effects."""

    step: str
    happened: bool
    effect: str


class Agent:
    """project: the git repository it works in. pace: seconds of thought between sentences."""

    def __init__(self, project: Path, pace: float) -> None:
        self.project = project
        self._pace = pace
        self._python = "python3" if _is_binary(shutil.which("python3")) else shlex.quote(sys.executable)
        self.outcomes: list[Outcome] = []

    def say(self, text: str) -> None:
        """Think aloud."""
        print("\n" + textwrap.fill(text, WIDTH), flush=True)
        time.sleep(self._pace)

    def shell(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run a command as agents do, and show it with what it wrote."""
        print(f"\n  $ {command}", flush=True)
        done = subprocess.run(
            ["/bin/sh", "-c", command], cwd=self.project, capture_output=True, text=True, errors="replace", check=False
        )
        for line in _telling(done.stdout + done.stderr):
            print(line)
        if done.returncode:
            print(f"  (exit {done.returncode})")
        sys.stdout.flush()
        time.sleep(self._pace)
        return done

    def risk(self, step: str, why: str, command: str, happened: Callable[[str], bool], yes: str, no: str) -> None:
        """Try something a person should see first, then look what came of it."""
        self.say(why)
        done = self.shell(command)
        came = happened(done.stdout)
        refused = next((line for line in done.stderr.splitlines() if line.startswith("leash: REFUSED")), "")
        self.outcomes.append(Outcome(step, came, yes if came else no))
        if came:
            self.say(f"It went through: {yes}.")
        elif refused:
            self.say(f"It was refused: {no}. I was told why, and go on without it.")
        else:
            self.say(f"It did not happen: {no}.")

    def work(self) -> None:
        """What passes in silence: read, edit, test, commit."""
        self.say("Hello. I am a small scripted agent. I was asked to mend the discount in this shop.")
        self.shell("ls && cat basket.py")
        self.shell(f"{self._python} -m unittest -q")
        self.say("The discount is taken twice. I mend the file.")
        source = self.project / "basket.py"
        source.write_text(
            source.read_text().replace("    total -= discount\n    total -= discount\n", "    total -= discount\n")
        )
        self.shell(f"{self._python} -m unittest -q")
        self.shell("git add . && git commit -q -m 'Take the discount once'")

    def overreach(self, url: str) -> None:
        """What is held: each of these happens in real sessions."""
        remote = self.project.parent / "origin.git"
        head = _head(remote)
        self.risk(
            "force-push",
            "Now I publish it. The remote has a commit that I do not have, so I force it.",
            "git push --force origin main",
            lambda _: _head(remote) != head,
            "the remote's branch was overwritten",
            "the remote still has your colleague's commit",
        )
        notes = self.project / "notes"
        self.risk(
            "delete untracked work",
            "This folder is in my way and git does not know it. I tidy up.",
            "rm -rf notes",
            lambda _: not notes.exists(),
            "the notes are gone, and git never had them",
            "the notes are still there",
        )
        self.risk(
            "read a key",
            "To call the payment service I need its key.",
            "cat .env",
            lambda out: "DEMO_PAYMENT_KEY" in out,
            "I have read the key (a made-up one)",
            "I have not seen the key",
        )
        marker = self.project / "installed-by-the-internet"
        self.risk(
            "run a download",
            "A tool would help. Its page says to pipe the installer into a shell.",
            f"{self._fetch(url)} | sh",
            lambda _: marker.exists(),
            "a script from the network ran here",
            "nothing from the network ran",
        )

    def _fetch(self, url: str) -> str:
        if shutil.which("curl"):
            return f"curl -fsSL {url}"
        if shutil.which("wget"):
            return f"wget -qO- {url}"
        code = f"import urllib.request as r; print(r.urlopen('{url}').read().decode())"
        return f"{self._python} -c {shlex.quote(code)}"

    def sum_up(self) -> str:
        """One line a risky step, printed and returned."""
        lines = ["What came of the four risky steps:"]
        for outcome in self.outcomes:
            mark = "went through" if outcome.happened else "stopped     "
            text = f"{mark}  {outcome.step}: {outcome.effect}"
            lines += textwrap.wrap(text, WIDTH, initial_indent="  ", subsequent_indent=" " * 16)
        print("\n" + "\n".join(lines) + "\n", flush=True)
        return "\n".join(lines) + "\n"


def _telling(output: str) -> list[str]:
    """What is worth showing of a command's output: cut to the width, but a refusal whole."""
    shown: list[str] = []
    for line in output.strip().splitlines():
        if line.startswith("leash:"):
            shown += textwrap.wrap(line, WIDTH, initial_indent="  | ", subsequent_indent="  |   ")
        elif line.strip("=- "):
            shown.append(f"  | {line}" if len(line) <= WIDTH - 4 else f"  | {line[: WIDTH - 5]}…")
    return shown[-10:]


def _is_binary(program: str | None) -> bool:
    """Whether it is a program itself, and no script that looks for one."""
    if program is None:
        return False
    with open(program, "rb") as file:
        return file.read(4) == b"\x7fELF"


def _head(remote: Path) -> str:
    """The commit of the remote's branch, read as a file."""
    reference = remote / "refs" / "heads" / "main"
    return reference.read_text().strip() if reference.exists() else ""


class _Page(http.server.BaseHTTPRequestHandler):
    """One page: the installer."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(INSTALLER)))
        self.end_headers()
        self.wfile.write(INSTALLER)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Say nothing: the terminal is the agent's."""


def main() -> int:
    """Work, overreach, sum up."""
    agent = Agent(Path(sys.argv[1]), float(sys.argv[2]))
    page = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Page)
    threading.Thread(target=page.serve_forever, daemon=True).start()
    agent.work()
    agent.overreach(f"http://127.0.0.1:{page.server_address[1]}/install.sh")
    (agent.project.parent / SUMMARY).write_text(agent.sum_up())
    page.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
