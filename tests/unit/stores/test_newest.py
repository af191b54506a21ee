"""Which session is the newest: of several that began in one second, the one that began last."""

from __future__ import annotations

from pathlib import Path

from leashtui.model import codec
from leashtui.model.event import Record, SessionStarted
from leashtui.stores.journal import Journal
from leashtui.stores.sessions import newest


def log(directory: Path, name: str, at: int) -> None:
    started = SessionStarted(
        agent="bash", argv=("bash",), workspace="/w", tier="strict", bundle="", on_ask="wait", leash="0.1.0"
    )
    journal = Journal.create(directory / f"{name}.db", name)
    journal.append(codec.encode(Record(1, "01", at, name, started)), durable=False)
    journal.close()


def test_within_one_second_the_first_records_decide(tmp_path: Path) -> None:
    assert newest(tmp_path) is None
    log(tmp_path, "20261121-093014-ffff", 1)
    log(tmp_path, "20261121-093015-bbbb", 5)
    log(tmp_path, "20261121-093015-ffff", 3)
    log(tmp_path, "20261121-093015-aaaa", 4)
    found = newest(tmp_path)
    assert found is not None
    assert found.id == "20261121-093015-bbbb"
