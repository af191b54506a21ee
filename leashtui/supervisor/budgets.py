"""How much a session may do before a person looks: acts, minutes, files, bytes sent, cost. Beyond it, it stands still.

Knows what the records and the kernel tell: bytes are those acknowledged on TCP connections that were seen (once a
second), cost is what the agent's own transcript says. Refuses to end anything: it freezes, and a person's resume gives
as much again. Invariant: a budget that is spent freezes once, and says which.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

from leashtui.model.errors import StoreError
from leashtui.model.event import AgentTold, Decided, FileChanged, Record
from leashtui.model.request import UNCOUNTED
from leashtui.supervisor.budget import Budget
from leashtui.supervisor.freezing import Freezer
from leashtui.supervisor.ledger import Ledger
from leashtui.supervisor.sent import bytes_sent

REASON = "budget"
EVERY = 1.0
_COST_EVERY = 5


_WORDS = {"acts": "act", "minutes": "minute", "files": "changed file"}


def _said(name: str, room: float) -> str:
    """What was used up, in words: '12 acts', '1.5 minutes', '$20'."""
    number = f"{room:,.2f}".rstrip("0").rstrip(".")
    if word := _WORDS.get(name):
        return f"{number} {word}{'' if number == '1' else 's'}"
    return f"${number}" if name == "cost" else f"{number} MB sent"


class Budgets:
    """freezer: stands the session still. told: said to the person and recorded. pids: what runs in the session.

    ledger: what the agent's model used, by its own account.
    """

    def __init__(
        self,
        budget: Budget,
        *,
        freezer: Freezer,
        told: Callable[[str], None],
        pids: Callable[[], Iterable[int]],
        ledger: Ledger,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits = {name: float(getattr(budget, name)) for name in budget.__struct_fields__}
        self._rooms = dict(self._limits)
        self._freezer = freezer
        self._told = told
        self._pids = pids
        self._ledger = ledger
        self._cost = 0.0
        self._clock = clock
        self._began = clock()
        self._acts = 0
        self._files: set[str] = set()
        self._sent: dict[int, int] = {}

    @property
    def any(self) -> bool:
        """Whether anything is limited."""
        return any(self._limits.values())

    def heard(self, seq: int, record: Record, head: str) -> None:
        """A record of the session (a stream's subscriber)."""
        match record.event:
            case Decided(request=request, covered_by=""):
                self._acts += request.action not in UNCOUNTED
            case FileChanged(path=path, to=to):
                self._files.add(to or path)
            case AgentTold(transcript=transcript, agent_session=name):
                self._ledger.hear(transcript, name)
            case _:
                return
        self.check()

    def used(self) -> dict[str, float]:
        """What was used so far, by the names of the limits."""
        return {
            "acts": self._acts,
            "minutes": (self._clock() - self._began) / 60,
            "files": len(self._files),
            "megabytes_out": sum(self._sent.values()) / 1e6,
            "cost": self._cost,
        }

    def check(self) -> None:
        """Freeze when something is spent."""
        used = self.used()
        over = [name for name, room in self._rooms.items() if room and used[name] >= room]
        if over and not self._freezer.has(REASON):
            self._freezer.hold(REASON)
            self._told(", ".join(_said(name, self._rooms[name]) for name in over))

    def more(self) -> bool:
        """A person lets it go on: what was spent is given once more. Whether it stood still for a budget."""
        if not self._freezer.has(REASON):
            return False
        used = self.used()
        for name, limit in self._limits.items():
            if limit and used[name] >= self._rooms[name]:
                self._rooms[name] = used[name] + limit
        self._freezer.release(REASON)
        return True

    async def watch(self) -> None:
        """Look at what no record tells, until cancelled."""
        turn = 0
        while True:
            await asyncio.sleep(EVERY)
            turn += 1
            if self._limits["megabytes_out"]:
                self._sent |= {
                    inode: max(sent, self._sent.get(inode, 0)) for inode, sent in bytes_sent(self._pids()).items()
                }
            if self._limits["cost"] and turn % _COST_EVERY == 0:
                self._cost = await asyncio.to_thread(self._read_cost)
            with suppress(StoreError):
                self.check()

    def _read_cost(self) -> float:
        """What is known now; what was known before never becomes less, whatever the agent does to its files."""
        return max(self._cost, self._ledger.read().cost)
