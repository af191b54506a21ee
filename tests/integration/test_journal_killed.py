"""kill -9 of a writer at any moment: what it acknowledged is there, in order, and the chain holds."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

from leashtui.audit.verify import verify
from leashtui.stores.journal import read

WRITER = """
import os, sys
from itertools import count
from pathlib import Path
from leashtui.audit.mask import Masker
from leashtui.model.event import ActEnded, Notice
from leashtui.stores.journal import Journal
from leashtui.supervisor.stream import Stream

name = sys.argv[1]
stream = Stream(Journal.create(Path(name), "s"), Masker({}), "s", lambda: 1, later=lambda f: None)
stream.subscribe(lambda seq, record, head: os.write(1, b"%d %s\\n" % (seq, head.encode())))
for n in count():
    stream.append(ActEnded(n))
    stream.append(Notice("info", "x" * (n * 37 % 3000)), durable=True) if n % 5 == 0 else None
    stream.append(ActEnded(n)) if n % 3 else stream.flush()
"""


def test_no_acknowledged_record_is_lost(tmp_path: Path) -> None:
    chance = random.Random(7)
    total = 0
    for round_number in range(20):
        path = tmp_path / str(round_number) / "s.db"
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE)
        assert writer.stdout is not None
        told = b""
        wanted = chance.randrange(1, 20_000)
        while len(told) < wanted:
            told += os.read(writer.stdout.fileno(), 4096)
        writer.send_signal(signal.SIGKILL)
        told += writer.stdout.read()
        writer.wait(10)
        writer.stdout.close()
        acknowledged = [line.split() for line in told.split(b"\n")[:-1]]
        rows = list(read(path))
        assert verify(rows, session="s").count == len(rows) >= len(acknowledged)
        for (seq, head), row in zip(acknowledged, rows, strict=False):
            assert (int(seq), head.decode()) == (row.seq, bytes(row.hash).hex())  # type: ignore[arg-type]
        total += len(acknowledged)
    assert total > 1000
