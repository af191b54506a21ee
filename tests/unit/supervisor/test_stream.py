"""The stream: nothing is told before it is committed, no view can stop it, and no secret passes it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from log_samples import SESSION, Clock, allowed, story

from leashtui.audit.mask import Masker
from leashtui.audit.verify import verify
from leashtui.model import codec
from leashtui.model.errors import StoreError
from leashtui.model.event import ActEnded, Event, FileChanged, Notice, Record
from leashtui.stores.journal import Journal, read
from leashtui.supervisor.stream import Stream
from leashtui.supervisor.ulid import Ulids


class Later:
    """A loop's call_later by hand."""

    def __init__(self) -> None:
        self.due: list[Callable[[], None]] = []

    def __call__(self, function: Callable[[], None]) -> None:
        self.due.append(function)

    def run(self) -> None:
        while self.due:
            self.due.pop(0)()


def stream_at(path: Path, later: Later | None = None, **secret: str) -> Stream:
    return Stream(Journal.create(path, SESSION), Masker(secret), SESSION, Clock(), later=later)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "s" / f"{SESSION}.db"


def stored(path: Path) -> list[Record]:
    return [codec.decode_record(bytes(row.body)) for row in read(path)]  # type: ignore[arg-type]


def test_what_is_appended_is_stored_told_and_returned_the_same(path: Path) -> None:
    stream = stream_at(path)
    told: list[tuple[int, Record, str]] = []
    stream.subscribe(lambda *item: told.append(item))
    returned = [stream.append(event, durable=durable) for event, durable in story()]
    assert stored(path) == returned == [record for _, record, _ in told]
    assert [seq for seq, _, _ in told] == list(range(1, len(returned) + 1))
    state = verify(read(path), session=SESSION)
    assert (stream.count, stream.head, told[-1][2]) == (state.count, state.head.hex(), state.head.hex())
    assert [r.id for r in returned] == sorted({r.id for r in returned})


def test_a_record_answers_to_its_parent(path: Path) -> None:
    stream = stream_at(path)
    act = stream.append(allowed("git", "status"))
    assert stream.append(ActEnded(0), act.id).parent == act.id


def test_every_record_says_what_guarded_the_session(path: Path) -> None:
    stream = Stream(Journal.create(path, SESSION), Masker({}), SESSION, Clock(), tier="strict")
    for event, durable in story():
        stream.append(event, durable=durable)
    assert {record.tier for record in stored(path)} == {"strict"}


def test_nothing_is_told_before_it_is_on_the_disk(path: Path) -> None:
    later = Later()
    stream = stream_at(path, later)
    seen: list[int] = []

    def look(seq: int, record: Record, head: str) -> None:
        assert len(stored(path)) >= seq
        seen.append(seq)

    stream.subscribe(look)
    stream.append(allowed("ls"))
    stream.append(ActEnded(0))
    stream.append(FileChanged("x", "created", "source", False))
    assert (seen, stream.count) == ([1], 1)
    stream.append(allowed("ls"))
    assert seen == [1, 2, 3, 4]
    stream.append(Notice("info", "x"))
    assert seen == [1, 2, 3, 4]
    later.run()
    assert seen == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("event", [Notice("alarm", "x"), FileChanged("x", "created", "source", True)])
def test_what_must_be_durable_does_not_ride(path: Path, event: Event) -> None:
    stream = stream_at(path, Later())
    stream.append(event, durable=True)
    assert stream.count == 1


def test_a_view_that_raises_is_dropped_and_named(path: Path) -> None:
    stream = stream_at(path)
    told: list[int] = []

    def broken(seq: int, record: Record, head: str) -> None:
        raise RuntimeError("no more room on the screen")

    stream.subscribe(broken)
    stream.subscribe(lambda seq, record, head: told.append(seq))
    stream.append(allowed("ls"))
    stream.append(allowed("ls"))
    events = [r.event for r in stored(path)]
    assert told == [1, 2, 3]
    assert isinstance(events[1], Notice)
    assert "RuntimeError: no more room on the screen" in events[1].text


def test_a_view_may_append_and_leave_while_it_is_told(path: Path) -> None:
    stream = stream_at(path)
    told: list[int] = []

    def view(seq: int, record: Record, head: str) -> None:
        told.append(seq)
        if seq == 1:
            stream.append(Notice("info", "seen"))
        if seq == 2:
            leave()

    leave = stream.subscribe(view)
    stream.append(allowed("ls"))
    stream.append(allowed("ls"))
    assert told == [1, 2]
    assert verify(read(path)).count == 3


def test_secrets_are_masked_before_the_hash_and_counted(path: Path) -> None:
    stream = stream_at(path, API_TOKEN="hunter2hunter2")
    told: list[Record] = []
    stream.subscribe(lambda seq, record, head: told.append(record))
    record = stream.append(allowed("curl", "-H", "X: hunter2hunter2", "https://ann:pw1234@example.org/"))
    assert record.masked >= 4
    assert told == stored(path) == [record]
    stream.close()
    for file in path.parent.iterdir():
        content = file.read_bytes()
        assert b"hunter2" not in content
        assert b"pw1234" not in content


def test_no_secret_in_any_file_while_the_session_lives_or_after_a_crash(path: Path) -> None:
    stream = stream_at(path, API_TOKEN="hunter2hunter2")
    for number in range(50):
        stream.append(
            FileChanged(f"x{number}", "modified", "source", False, "+API=hunter2hunter2\n" * 30), durable=True
        )
    files = list(path.parent.iterdir())
    assert {f.name.partition(".db")[2] for f in files} == {"", "-wal", "-shm"}
    assert not any(b"hunter2" in file.read_bytes() for file in files)
    stream.close()


def test_names_that_are_not_utf8_are_recorded(path: Path) -> None:
    stream = stream_at(path)
    stream.append(allowed("rm", "bad\udcff\udcfename"))
    (record,) = stored(path)
    assert record.event.request.argv[1] == "bad\\udcff\\udcfename"  # type: ignore[union-attr]


def test_while_the_log_fails_everything_raises_and_the_gap_is_told_afterwards(path: Path) -> None:
    journal = Journal.create(path, SESSION)
    now = [1_000_000]
    stream = Stream(journal, Masker({}), SESSION, lambda: now[0], later=Later())
    stream.append(allowed("ls"))
    stream.append(ActEnded(0))
    connection = journal._connection  # noqa: SLF001 - the disk's part is played from inside
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count={pages}")
    told: list[Record] = []
    stream.subscribe(lambda seq, record, head: told.append(record))
    for number in range(3):
        now[0] += 1_000_000 * (number == 0)
        with pytest.raises(StoreError, match="the disk is full"):
            stream.append(allowed("echo", "x" * 20_000))
    assert told == []
    now[0] += 7_000_000
    connection.execute("PRAGMA max_page_count=1000000")
    stream.append(allowed("ls", "again"))
    events = [type(r.event).__name__ for r in stored(path)]
    assert events == ["Decided", "ActEnded", "Notice", "Decided"]
    notice = told[-2].event
    assert isinstance(notice, Notice)
    assert notice.text == "the log could not be written for 7 s: 3 records of that time are missing in it"
    assert [type(r.event).__name__ for r in told] == events[1:]
    assert verify(read(path)).count == 4


def test_ulids_sort_by_the_order_they_were_made() -> None:
    times = iter([5_000, 5_000, 7_000, 6_000, 9_000, 9_999])
    ids = Ulids(lambda: next(times), lambda bits: (1 << bits) - 1)
    made = [ids() for _ in range(6)]
    assert made == sorted(set(made))
    assert all(len(i) == 26 for i in made)
    assert made[0].startswith("0000000005")
