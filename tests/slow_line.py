"""A bad line to a port of this machine, as a relay: delay, loss, cuts and silence, for kernels that have no netem.

Each direction carries what arrives half a round trip later, in pieces of a segment's size. What is lost comes late by
what TCP takes to notice and send again (200 ms and a round trip), and what follows waits behind it, as in TCP.
Connecting takes a round trip.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
from collections.abc import Callable

SEGMENT = 1400
AGAIN = 0.2


class SlowLine:
    """A relay in a thread of its own. rtt: seconds. loss: 0 to 1. seed: of what is lost."""

    def __init__(self, port: int, rtt: float = 0.0, loss: float = 0.0, seed: int = 7) -> None:
        self._to, self.rtt, self.loss = port, rtt, loss
        self._chance = random.Random(seed)
        self._writers: set[asyncio.StreamWriter] = set()
        self._hushed = False
        self.port = self.pieces = self.lost = self.cuts = 0
        ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        ready.wait()

    def _run(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._join, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        self._loop.run_forever()

    def cut(self) -> int:
        """End every connection at once, whatever is on its way; how many."""
        return self._do(self._cut)

    def hush(self, *, on: bool) -> None:
        """Swallow all that comes, without a word; new connections as well. Off: what was open is cut."""
        self._do(lambda: self._hush(on=on))

    def stop(self) -> None:
        """Carry nothing any more."""
        self.cut()
        self._loop.call_soon_threadsafe(self._end)
        self._thread.join(5)

    def _end(self) -> None:
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        gone = asyncio.gather(*tasks, return_exceptions=True)
        gone.add_done_callback(lambda done: self._loop.stop())

    def _do(self, work: Callable[[], int]) -> int:
        done = threading.Event()
        found: list[int] = []

        def there() -> None:
            found.append(work())
            done.set()

        self._loop.call_soon_threadsafe(there)
        assert done.wait(5)
        return found[0]

    def _cut(self) -> int:
        number = len(self._writers)
        for writer in list(self._writers):
            writer.transport.abort()
        self.cuts += number // 2
        return number // 2

    def _hush(self, *, on: bool) -> int:
        self._hushed = on
        return 0 if on else self._cut()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        await asyncio.sleep(self.rtt)
        there: asyncio.StreamWriter | None = None
        try:
            back, there = await asyncio.open_connection("127.0.0.1", self._to)
            self._writers.add(there)
            await asyncio.gather(self._carry(reader, there), self._carry(back, writer))
        except OSError:
            writer.transport.abort()
        finally:
            self._writers -= {writer, there}  # type: ignore[arg-type]

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop, last = asyncio.get_running_loop(), 0.0
        with contextlib.suppress(OSError):
            while data := await reader.read(SEGMENT):
                if self._hushed:
                    continue
                self.pieces += 1
                late = 0.0
                if self._chance.random() < self.loss:
                    self.lost += 1
                    late = AGAIN + self.rtt
                last = max(last + 1e-6, loop.time() + self.rtt / 2 + late)  # the loop keeps no order among equals
                loop.call_at(last, self._hand, writer, data)
        loop.call_at(max(last, loop.time()) + 0.001, writer.close)

    @staticmethod
    def _hand(writer: asyncio.StreamWriter, data: bytes) -> None:
        if not writer.is_closing():
            writer.write(data)
