"""The watcher's one loop: wait, look, compare, tell.

Knows when to look (150 ms after the last sign: a save is one change, a checkout is left alone) and how to say much in
few words (a burst becomes one line a directory and kind). Refuses to know inotify and sockets. Invariant: `run` looks
at everything that was signed before it waits again, and after anything was lost it reads the whole territory.
"""

from __future__ import annotations

import os
import stat
import time
from collections import Counter
from collections.abc import Callable, Iterable
from select import POLLHUP, POLLIN, poll

from leashtui.guards.watcher.custody import Custody
from leashtui.guards.watcher.difference import Difference, compare
from leashtui.guards.watcher.eyes import Eyes, Pending
from leashtui.guards.watcher.messages import Armed, Keep, Message, Order, Ready, Restore, Settle, Settled, read_orders
from leashtui.guards.watcher.notices import blindness, overflow, too_many, vanished
from leashtui.guards.watcher.snapshot import Known, Snapshot, born
from leashtui.guards.watcher.territory import Territory
from leashtui.model.event import FileChanged
from leashtui.model.facts import Place

QUIET_MS = 150
LATEST_MS = 2_000  # while files change all the time, this late: whoever changes them needs the processor now
SOON_MS = 40  # where changes are asked about: time for a save to be whole, and for little else
BURST = 200  # of more changes than this in two seconds, the kinds with more than FEW at once are told as sums
FEW = 20
POLL_MS = 5_000  # how often everything is read while some directory cannot be watched
GLANCE_MS = 1_000  # how often custody's files are looked at: memory maps and other names of a file make no event

_TURN = 200  # files read between two looks at the supervisor's orders

_Change = tuple[str, Known | None, Known | None]


class Watch:
    """send: says one message to the supervisor (may block). control: descriptor of the supervisor's orders.

    custody: protected files whose changes are asked about; None where they are only told. since: when the session
    began, in ns: files that changed later, before they were looked at first, are told as well.
    """

    def __init__(
        self,
        territory: Territory,
        eyes: Eyes,
        pending: Pending,
        snapshot: Snapshot,
        send: Callable[[Message], None],
        control: int,
        custody: Custody | None = None,
        since: int = 1 << 63,
    ) -> None:
        self._territory = territory
        self._eyes = eyes
        self._pending = pending
        self._snapshot = snapshot
        self._send = send
        self._control = control
        self._custody = custody
        self._since = since
        self._orders = bytearray()
        self._early: list[_Change] = []
        self._read = 0.0
        self._started = False
        self._later: list[Settle] = []
        self._credit, self._credited = float(BURST), 0.0
        self._told_blind = self._told_full = self._told_gone = False

    def start(self) -> None:
        """Watch, then read everything once, protected files first. What changes meanwhile is compared afterwards."""
        began = time.monotonic()
        paths = list(self._walk(self._territory.roots, self._territory.shallow))
        if self._custody is not None:
            for path in filter(self._custody.protects, paths):
                self._custody.remember(path)
            self._send(Armed(files=len(list(self._custody))))
        for index, path in enumerate(paths):
            if index % _TURN == 0:
                self._hear(0)
            now = self._snapshot.look(path, None)
            self._snapshot.keep(path, now)
            if now is not None and now.sign[4] > self._since:
                self._early += self._since_then(path, now)
        self._say_limits()
        took = int((time.monotonic() - began) * 1e6)
        self._send(Ready(files=len(self._snapshot.known), directories=len(self._eyes), us=took))

    def run(self) -> None:
        """Until the supervisor's end of the socket closes: then ConnectionError."""
        self._meet([], everything=True)
        self._tell(self._early)
        self._early = []
        self._started = True
        for order in self._later:
            self._obey(order)
        waiting = poll()
        waiting.register(self._control, POLLIN | POLLHUP)
        waiting.register(self._pending.wake, POLLIN)
        while True:
            often = GLANCE_MS if self._custody is not None else None
            ready = dict(waiting.poll(often if not self._eyes.blind else often or POLL_MS))
            if not ready:
                self._glance()
            if self._control in ready:
                self._hear(None)
            elif self._pending.wake in ready:
                self._rest()
                self.look()

    def _since_then(self, path: str, now: Known) -> list[_Change]:
        """That a file is new or was written since the session began; new names and permissions alone are no news."""
        if born(path) > self._since:
            return [(path, None, now)]
        return [(path, Known(now.sign, b"", None, racy=False), now)] if now.sign[3] > self._since else []

    def _hear(self, timeout: int | None) -> None:
        """Obey what the supervisor says within so many milliseconds. Raises ConnectionError when it is gone."""
        control = poll()
        control.register(self._control, POLLIN | POLLHUP)
        if not control.poll(timeout):
            return
        said = os.read(self._control, 1 << 16)
        if not said:
            raise ConnectionError
        self._orders += said
        for order in read_orders(self._orders):
            self._obey(order)

    def _glance(self) -> None:
        """Nothing was signed for a while: look at what need not be."""
        now = time.monotonic()
        if self._eyes.blind and now - self._read >= POLL_MS / 1000:
            self.look(everything=True)
        elif self._custody is not None:
            self._meet(self._compare(self._custody))

    def _rest(self) -> None:
        """Let a save finish, and where nothing waits for us a checkout or a build; but hear an order at once."""
        control = poll()
        control.register(self._control, POLLIN | POLLHUP)
        if self._custody is not None:
            control.poll(SOON_MS)
            return
        until, before = time.monotonic() + LATEST_MS / 1000, -1
        while before != self._pending.signs and time.monotonic() < until:
            before = self._pending.signs
            if control.poll(QUIET_MS):
                return

    def _obey(self, order: Order) -> None:
        if isinstance(order, Keep | Restore):
            if self._custody is None:
                return
            carry_out = self._custody.keep if isinstance(order, Keep) else self._custody.restore
            for number in order.numbers:
                path = self._custody.path_of(number)
                for message in carry_out(number):
                    self._send(message)
                if path and isinstance(order, Restore):  # our own change is nothing to tell
                    self._snapshot.keep(path, self._snapshot.look(path, None))
        elif not order.whole:
            self._look_at_custody()
            self._send(Settled(files=len(self._snapshot.known), digest="", number=order.number))
        elif not self._started:
            self._later.append(order)
        else:
            self.look(everything=True)
            digest = self._snapshot.digest()
            self._send(Settled(files=len(self._snapshot.known), digest=digest, number=order.number))

    def _look_at_custody(self) -> None:
        """Report what must be answered, and leave the rest for later: also while the first look is not over."""
        taken = self._pending.take()
        files, trees, everything, _ = taken
        self._pending.put_back(taken)
        if self._custody is None:
            return
        paths = set(files)
        paths.update(self._walk(self._territory.roots if everything else (t for t in trees if _is_folder(t))))
        for message in self._custody.weigh(paths, everything=True):
            self._send(message)

    # looking ------------------------------------------------------------------------------------------------------
    def look(self, *, everything: bool = False) -> None:
        """Compare what was signed (or everything) with the snapshot, and tell the difference."""
        files, trees, all_of_it, lost = self._pending.take()
        if lost:
            self._send(overflow())
        if everything or all_of_it:
            self._read = time.monotonic()
            paths = set(self._snapshot.known)
            paths.update(self._walk(self._territory.roots, self._territory.shallow))
        else:
            paths = {p for p in files if self._told_of(p)}
            trees = {t for t in trees if self._territory.enters(t)}
            if trees:
                paths |= {p for p in self._snapshot.known if not trees.isdisjoint(_parents(p))}
                paths.update(self._walk(filter(_is_folder, trees)))
        self._meet(self._compare(paths), everything=everything or all_of_it)
        self._say_limits()

    def _meet(self, changes: list[_Change], *, everything: bool = False) -> None:
        """What must be answered goes first: the agent goes on until it is heard."""
        if self._custody is not None:
            for message in self._custody.weigh((c[0] for c in changes), everything=everything):
                self._send(message)
        self._tell(changes)

    def _told_of(self, path: str) -> bool:
        return self._territory.reports(path) or path in self._snapshot.known

    def _walk(self, roots: Iterable[str], shallow: Iterable[str] = ()) -> Iterable[str]:
        """Every reported file below `roots`, each directory watched before it is read. Unreadable ones are passed."""
        flat = set(shallow)
        stack = [*flat, *roots]
        while stack:
            directory = stack.pop()
            self._eyes.watch(directory)
            try:
                with os.scandir(directory) as entries:
                    for entry in entries:
                        if entry.is_dir(follow_symlinks=False):
                            if directory not in flat and self._territory.enters(entry.path):
                                stack.append(entry.path)
                        elif self._territory.reports(entry.path):
                            yield entry.path
            except OSError:
                continue

    def _compare(self, paths: Iterable[str]) -> list[_Change]:
        changes: list[_Change] = []
        for path in sorted(paths):
            before = self._snapshot.known.get(path)
            now = self._snapshot.look(path, before)
            if now is before:
                continue
            if before is None and now is not None and self._snapshot.full:
                continue  # no room to know it: neither new nor changed can be said
            self._snapshot.keep(path, now)
            changes.append((path, before, now))
        return changes

    # telling ------------------------------------------------------------------------------------------------------
    def _tell(self, changes: list[_Change]) -> None:
        moved = _with_moves(changes)
        kinds = Counter(_kind(*change) for change in moved)
        calm = self._calm(len(moved))
        one_by_one: list[FileChanged] = []
        summed: dict[str, list[str]] = {}
        for path, before, now, to in moved:
            place, protected = self._class_of(path, to)
            kind = _kind(path, before, now, to)
            few = calm or kinds[kind] <= FEW
            if not (few or (protected and len(one_by_one) < BURST)):
                summed.setdefault(kind, []).append(to or path)
                continue
            shown = self._territory.shown(path)
            found = Difference() if to else self._difference(shown, before, now, secret=place is Place.SECRET)
            event = FileChanged(
                path=shown,
                change=kind,
                place=place,
                protected=protected,
                diff=found.diff,
                plus=found.plus,
                minus=found.minus,
                to=self._territory.shown(to) if to else "",
            )
            one_by_one.append(event)
        for event in (*one_by_one, *self._sums(summed)):
            self._send(event)

    def _calm(self, changes: int) -> bool:
        """Whether so many changes may be told one by one: a bucket of BURST that fills again in two seconds."""
        now = time.monotonic()
        self._credit = min(BURST, self._credit + (now - self._credited) * BURST / 2)
        self._credited = now
        if changes > self._credit:
            return False
        self._credit -= changes
        return True

    def _class_of(self, path: str, to: str) -> tuple[Place, bool]:
        """Place and protection of a change; what was protected stays so when it is moved to a harmless name."""
        for name in (to, path):
            if name:
                place = self._territory.place(name)
                if self._territory.protected(name, place):
                    return place, True
        return self._territory.place(to or path), False

    def _sums(self, summed: dict[str, list[str]]) -> Iterable[FileChanged]:
        """One event for each kind of change: their number, and the directory they have in common."""
        for change, paths in summed.items():
            common = os.path.commonpath([os.path.dirname(path) for path in paths])
            shown = "." if common == self._territory.root else self._territory.shown(common)
            place = self._territory.place(common)
            hit = any(self._territory.protected(path, self._territory.place(path)) for path in paths)
            yield FileChanged(path=f"{shown}/", change=change, place=place, protected=hit, count=len(paths))

    def _difference(self, name: str, before: Known | None, now: Known | None, *, secret: bool) -> Difference:
        old = None if before is None else before.content()
        new = None if now is None else now.content()
        if (before is not None and old is None) or (now is not None and new is None):
            return Difference()
        found = compare(old, new, name, secret=secret)
        if before is not None and now is not None and before.mode() != now.mode():
            modes = f"old mode {before.mode():o}\nnew mode {now.mode():o}\n"
            return Difference(modes + found.diff, found.plus, found.minus)
        return found

    def _say_limits(self) -> None:
        if not self._told_gone and not os.path.isdir(self._territory.root):
            self._told_gone = True
            self._send(vanished(self._territory.root))
        if self._eyes.blind and not self._told_blind:
            self._told_blind = True
            self._send(blindness(len(self._eyes.blind), self._eyes.why, POLL_MS // 1000))
        if self._snapshot.full and not self._told_full:
            self._told_full = True
            self._send(too_many(len(self._snapshot.known)))


def _is_folder(path: str) -> bool:
    return os.path.isdir(path) and not os.path.islink(path)


def _kind(path: str, before: Known | None, now: Known | None, to: str) -> str:
    return "moved" if to else "created" if before is None else "deleted" if now is None else "modified"


def _parents(path: str) -> Iterable[str]:
    while (path := os.path.dirname(path)) not in ("/", ""):
        yield path


def _with_moves(changes: list[_Change]) -> list[tuple[str, Known | None, Known | None, str]]:
    """The changes, a vanished and an appeared name of one file joined into a move (same file, content and time)."""
    gone = {b.sign[:4] + (b.digest,): path for path, b, now in changes if b is not None and now is None}
    moved = {}
    for path, before, now in changes:
        if before is None and now is not None and stat.S_ISREG(now.mode()):
            source = gone.pop((*now.sign[:4], now.digest), None)
            if source is not None:
                moved[path] = source
    sources = set(moved.values())
    return [
        (moved.get(path, path), before, now, path if path in moved else "")
        for path, before, now in changes
        if path not in sources
    ]
