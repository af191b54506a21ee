"""Whether a text that will run later (a startup file, a timer, a hook) would talk to strangers or run foreign code.

Evaluates the text with the same engine into a ledger of its own. Refuses to report effects: they do not happen now.
Invariant: what cannot be read is not called foreign; the write itself is asked anyway.
"""

from __future__ import annotations

import json
import re

from leashtui.classify.ledger import Ledger
from leashtui.classify.machine import Machine
from leashtui.classify.state import State
from leashtui.classify.values import NOTHING
from leashtui.model.facts import Place, Verb

_SCHEDULE = re.compile(
    r"^\s*(?:@\w+|(?:[\d*,/\w-]+\s+){5})\s*(?:root\s+|[a-z_][\w-]*\s+(?=/|curl |wget |sh |bash |nc ))?", re.M
)
_STARTS = re.compile(r"^\s*(?:Exec(?:Start|Stop|Reload)(?:Pre|Post)?|Program|Command)\s*=\s*[-@+!]*", re.M)
_BAD = frozenset(("sends_secret", "reverse_shell", "pipe_to_shell", "catastrophic", "guard_tamper", "backdoor"))


_WORST = frozenset(("sends_secret", "reverse_shell", "pipe_to_shell", "catastrophic", "guard_tamper"))


def recipe(path: str, text: str) -> str:
    """The shell commands in a file that tools run: a script, the rules of a Makefile, the scripts of package.json."""
    name = path.rpartition("/")[2].lower()
    if name in ("makefile", "gnumakefile") or name.endswith(".mk"):
        rules = [line.strip().lstrip("@-+") for line in text.splitlines() if line.startswith("\t")]
        return re.sub(r"\$\((\w+)\)", r"${\1}", "\n".join(rules)).replace("$$", "$")
    if name == "package.json":
        try:
            scripts = json.loads(text).get("scripts", {})
        except (ValueError, AttributeError):
            return ""
        return "\n".join(str(v) for v in scripts.values()) if isinstance(scripts, dict) else ""
    return (
        text if name.endswith((".sh", ".bash", ".envrc")) or text.startswith(("#!/bin/", "#!/usr/bin/env bash")) else ""
    )


def harms(machine: Machine, text: str) -> bool:
    """Whether running `text` would do the worst: destroy, leak, obey strangers, reach for leash."""
    if not text or machine.depth > 6 or len(text) > 16384:
        return False
    ledger = Ledger()
    inner = Machine(machine.setting, ledger)
    inner.depth = machine.depth + 2
    inner.text(text, [State(machine.setting.workspace.root)], NOTHING, (0, 0))
    return bool(ledger.signs & _WORST)


def foresee(machine: Machine, text: str) -> bool:
    """Whether running `text` later would be a back door."""
    if machine.depth > 6 or len(text) > 16384:
        return False
    lines = _SCHEDULE.sub("", _STARTS.sub("", text))
    for candidate in {text, lines}:
        ledger = Ledger()
        inner = Machine(machine.setting, ledger)
        inner.depth = machine.depth + 2
        inner.text(candidate, [State(machine.setting.home)], NOTHING, (0, 0))
        if ledger.signs & _BAD or ledger.has(Verb.NET_SEND, Verb.RUN_FETCHED, Verb.LISTEN, Verb.REMOTE_SESSION):
            return True
        if any(v in (Verb.EXEC, Verb.READ) and p is Place.TEMP for v, _, p in ledger.effects):
            return True
    return False
