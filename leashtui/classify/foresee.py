"""Whether a text that will run later (a startup file, a timer, a hook) would talk to strangers or run foreign code.

Evaluates the text with the same engine into a ledger of its own. Refuses to report effects: they do not happen now.
Invariant: what cannot be read is not called foreign; the write itself is asked anyway.
"""

from __future__ import annotations

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
