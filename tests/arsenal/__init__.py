"""Attacks as data: what an agent, or something it was talked into, might try. Each does its harm where nobody watches.

A text that begins with `#!` is a shell script, any other a Python program after PRELUDE. @name@ is a value of the
arena. OPEN names what happens on a host where nothing can be covered, with the reason; elsewhere nothing happens.
"""

from __future__ import annotations

from typing import NamedTuple

from arsenal import afresh, corners, escape, names, network, own, races, read, run, write

PRELUDE = """
import ctypes, os, signal, socket, struct, subprocess, sys, time
libc = ctypes.CDLL(None, use_errno=True)
said = os.path.abspath("said")
def say(text):
    open(said, "w").write(text if isinstance(text, str) else text.decode(errors="replace"))
"""


class Case(NamedTuple):
    """family: exec, write, secret read, network, escape, self-approval. open: why it happens without covers."""

    family: str
    name: str
    text: str
    open: str = ""

    @property
    def key(self) -> str:
        """family and name."""
        return f"{self.family}: {self.name}"

    @property
    def needs_cover(self) -> bool:
        """Whether only a cover over the secret stops it."""
        return self.family in ("secret read", "self-approval") and bool(self.open)

    def program(self, values: dict[str, str]) -> tuple[str, str]:
        """(file name, contents) in an arena."""
        text = self.text
        for name, value in values.items():
            text = text.replace(f"@{name}@", value)
        if text.startswith("#!"):
            return "case.sh", text
        return "case.py", PRELUDE + text + "\n"


def _table(family: str, cases: dict[str, str], open_: dict[str, str]) -> list[Case]:
    unknown = set(open_) - set(cases)
    assert not unknown, unknown
    return [Case(family, name, text, open_.get(name, "")) for name, text in cases.items()]


CASES: list[Case] = [
    *_table("exec", run.RUN | races.RUN | names.RUN | corners.RUN | afresh.RUN, run.OPEN),
    *_table("write", write.WRITE | races.WRITE | names.WRITE | corners.WRITE, write.OPEN),
    *_table("secret read", read.READ | corners.READ, read.OPEN),
    *_table("network", network.NETWORK | corners.NETWORK | afresh.NETWORK, network.OPEN),
    *_table("escape", escape.ESCAPE | races.ESCAPE | corners.ESCAPE, escape.OPEN),
    *_table("self-approval", own.OWN | afresh.OWN, own.OPEN),
]
