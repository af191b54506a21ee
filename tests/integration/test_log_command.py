"""`leash log` and `leash audit verify`, run as a person would run them, on logs written by the real stream."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import pexpect
import pytest
from conftest import World, eventually
from log_samples import SESSION, Clock, allowed, started, tamper, write_log

from leashtui.audit.mask import Masker
from leashtui.audit.verify import verify
from leashtui.model.event import Notice, SessionEnded
from leashtui.stores.journal import Journal, read
from leashtui.supervisor.stream import Stream

OLDER = "20261120-080000-0b0b"


@pytest.fixture
def logs(world: World) -> Path:
    """Two recorded sessions; returns their directory."""
    directory = Path(world.env["LEASH_STATE_DIR"]) / "sessions"
    write_log(directory / f"{OLDER}.db", OLDER, extra=3)
    write_log(directory / f"{SESSION}.db")
    return directory


def texts(output: str) -> list[str]:
    return [line[9:] for line in output.splitlines() if re.match(r"\d\d:\d\d:\d\d ", line)]


def test_without_sessions_it_says_how_to_make_one(world: World) -> None:
    for command in (("log",), ("log", "--json"), ("log", "--sessions"), ("log", "-f"), ("audit", "verify")):
        done = world.leash(*command)
        assert (done.returncode, done.stdout) == (0, "")
        assert "leash demo" in done.stderr
    assert not (world.root / "state").exists()


def test_the_newest_session_is_told_in_order_with_marks(world: World, logs: Path) -> None:
    done = world.leash("log")
    assert done.returncode == 0
    assert done.stderr == ""
    assert done.stdout.startswith(f"session {SESSION} · bash · /home/ann/proj · guard exec")
    assert [line.split()[1] for line in texts(done.stdout)] == [
        "begin",
        "allow",
        "ASK",
        "card",
        "DENY",
        "file",
        "note",
        "end",
    ]
    assert "✗ DENY   L-1 refused by ann" in done.stdout
    assert "\x1b" not in done.stdout
    assert "exit 0" in world.leash("log", "-v", "kind:act.ended").stdout


def test_json_gives_every_record_with_seq_and_hash(world: World, logs: Path) -> None:
    done = world.leash("log", "--json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    rows = list(read(logs / f"{SESSION}.db"))
    assert [(x["v"], x["seq"], x["hash"]) for x in lines] == [(1, r.seq, bytes(r.hash).hex()) for r in rows]  # type: ignore[arg-type]
    assert [x["record"] for x in lines] == [json.loads(bytes(r.body)) for r in rows]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["verdict:deny"], 1),
        (["kind:act"], 5),
        (["-kind:act", "-kind:session"], 2),
        (["-f", "verdict:deny,ask", "--json", "path:nowhere"], 0),
        ([SESSION, "-v", "kind:act.decided"], 2),
        (["0b0b", "kind:act.decided"], 5),
        (["--all", "kind:act.decided"], 7),
        (["session:0b0b", "echo"], 3),
        (["force push", "-kind:act.asked"], 1),
        (["until:2020-01-01"], 0),
    ],
)
def test_queries(world: World, logs: Path, words: list[str], expected: int) -> None:
    done = world.leash("log", "--json", *words)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == expected


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["verdct:deny"], 2, "there is no key 'verdct' (at character 1"),
        (["20990101-000000-ffff"], 2, "there is no session 20990101-000000-ffff"),
        (["--all", "-f"], 2, "-f follows one session"),
        (["--nonsense"], 2, "unrecognized arguments"),
    ],
)
def test_a_wrong_question_gets_one_clear_answer(
    world: World, logs: Path, words: list[str], code: int, message: str
) -> None:
    done = world.leash("log", *words)
    assert (done.returncode, done.stdout) == (code, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_sessions_are_listed_broken_ones_too(world: World, logs: Path) -> None:
    (logs / "junk.db").write_bytes(b"junk" * 99)
    done = world.leash("log", "--sessions")
    assert done.returncode == 0
    assert re.search(rf"{OLDER} .*exit 0 .*12 records .*bash", done.stdout)
    assert "junk" in done.stdout
    assert "cannot be read" in done.stdout
    listed = [json.loads(line) for line in world.leash("log", "--sessions", "--json").stdout.splitlines()]
    assert {x["id"]: x["records"] for x in listed} == {OLDER: 12, SESSION: 9, "junk": 0}


def test_a_kind_of_a_newer_leash_is_shown_as_it_is(world: World, logs: Path) -> None:
    journal = Journal.create(logs / "20261122-000000-aaaa.db", "x")
    event = {"kind": "act.dreamt", "of": ["sheep", 7], "esc": "\x1b[2J"}
    record = {"v": 2, "id": "01", "t": 1_795_253_415_000_000, "session": "20261122-000000-aaaa", "event": event}
    journal.append(msgspec.json.encode(record), durable=False)
    journal.append(b"no json at all \xff", durable=False)
    journal.close()
    done = world.leash("log")
    assert done.returncode == 0
    assert 'other  act.dreamt {"of":["sheep",7],"esc":"\\u001b[2J"}' in done.stdout
    assert "BAD    record 2 cannot be read" in done.stdout
    first, second = [json.loads(line) for line in world.leash("log", "--json").stdout.splitlines()]
    assert first["record"]["event"] == event
    assert (second["record"], "cannot be read" in second["bad"]) == (None, True)
    assert len(world.leash("log", "--json", "dreamt").stdout.splitlines()) == 1


def test_one_unreadable_log_does_not_hide_the_others(world: World, logs: Path) -> None:
    (logs / "20261121-000000-0000.db").write_bytes(b"junk" * 99)
    done = world.leash("log", "--all", "--json", "kind:session.started")
    assert done.returncode == 5
    assert len(done.stdout.splitlines()) == 2
    assert "no SQLite database" in done.stderr


def test_follow_tells_what_comes_and_ends_with_the_session(world: World, logs: Path) -> None:
    live = "20261123-000000-aaaa"
    stream = Stream(Journal.create(logs / f"{live}.db", live), Masker({}), live, Clock())
    stream.append(started())
    runtime = Path(world.env["LEASH_RUNTIME_DIR"]) / live
    runtime.mkdir()
    (runtime / "session.json").write_text(json.dumps({"session": live, "pid": os.getpid()}))
    follower = world.start("log", "-f", "--json", stderr=subprocess.DEVNULL)
    assert follower.stdout is not None
    got: list[int] = []
    reader = threading.Thread(target=lambda: got.extend(json.loads(x)["seq"] for x in follower.stdout or ()))
    reader.start()
    eventually(lambda: got == [1])
    stream.append(allowed("git", "status"))
    eventually(lambda: got == [1, 2])
    stream.append(Notice("info", "x"))
    stream.append(SessionEnded(0, "done"), durable=True)
    stream.close()
    assert follower.wait(20) == 0
    reader.join(20)
    assert got == [1, 2, 3, 4]


def test_follow_of_a_dead_session_ends(world: World, logs: Path) -> None:
    tamper(logs / f"{SESSION}.db", "DELETE FROM event WHERE seq > 5")
    done = world.leash("log", "-f", timeout=30)
    assert done.returncode == 0
    assert "is not running any more" in done.stderr


def test_the_reader_of_a_pipe_may_leave(world: World, logs: Path) -> None:
    write_log(logs / "20261125-000000-aaaa.db", "20261125-000000-aaaa", extra=3000)
    leash = " ".join(map(repr, world.argv("log", "--json")))
    done = subprocess.run(
        ["sh", "-c", f"{leash} | head -n 1"], env=world.env, capture_output=True, text=True, timeout=60
    )
    assert json.loads(done.stdout)["seq"] == 1
    assert done.stderr == ""


@pytest.mark.parametrize(("columns", "colour"), [(40, True), (80, False)])
def test_lines_fit_the_terminal(world: World, logs: Path, columns: int, colour: bool) -> None:
    stream = Stream(Journal.create(logs / "20261126-000000-aaaa.db", "x"), Masker({}), "20261126-000000-aaaa", Clock())
    stream.append(started())
    stream.append(allowed("echo", "日本語" * 40))
    stream.append(Notice("warn", "a long text " * 10, "a long hint " * 10))
    stream.close()
    env = world.env | ({} if colour else {"NO_COLOR": "1"})
    child = pexpect.spawn(
        world.argv("log")[0], world.argv("log")[1:], env=env, dimensions=(24, columns), encoding="utf-8"
    )
    child.expect(pexpect.EOF, timeout=20)
    output = (child.before or "").replace("\r\n", "\n")
    assert ("\x1b[" in output) is colour
    lines = re.sub(r"\x1b\[[\d;]*m", "", output).splitlines()
    assert len(lines) == 4
    wide = [sum(2 if ord(c) > 0x2FFF else 1 for c in line) for line in lines]
    assert max(wide) <= columns
    assert max(wide) > columns - 3
    assert child.wait() == 0


def test_log_json_gives_a_terminal_nothing_that_it_obeys(world: World) -> None:
    words = ("echo", "\x9b21t\x90$q\u202e")
    directory = Path(world.env["LEASH_STATE_DIR"]) / "sessions"
    stream = Stream(Journal.create(directory / f"{SESSION}.db", SESSION), Masker({}), SESSION, Clock())
    stream.append(started())
    stream.append(allowed(*words), durable=True)
    stream.close()
    argv = world.argv("log", "--json")
    child = pexpect.spawn(argv[0], argv[1:], env=world.env, dimensions=(24, 80), encoding="utf-8")
    child.expect(pexpect.EOF, timeout=20)
    shown = (child.before or "").replace("\r\n", "\n")
    assert child.wait() == 0
    piped = world.leash("log", "--json").stdout
    assert words[1] in piped  # a program gets the very record
    assert not [c for c in shown if c != "\n" and not c.isprintable()]
    assert [json.loads(line) for line in shown.splitlines()] == [json.loads(line) for line in piped.splitlines()]


def test_log_json_loads_nothing_heavy(world: World, logs: Path) -> None:
    code = (
        "import sys; from leashtui.faces.cli.main import main; main(['log', '--json']); "
        "print([m for m in sys.modules if m.partition('.')[0] in "
        "('textual', 'rich', 'psycopg', 'cedarpy', 'asyncio', 'tree_sitter', 'watchdog', 'bittty')], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], env=world.env, capture_output=True, text=True, timeout=30)
    assert len(done.stdout.splitlines()) == 9
    assert done.stderr.strip() == "[]"


def test_verify_says_ok_and_names_the_head(world: World, logs: Path) -> None:
    done = world.leash("audit", "verify")
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("ok ") == 2
    assert "2 logs proved, 0 broken" in done.stdout
    (proof,) = [json.loads(line) for line in world.leash("audit", "verify", "--json", SESSION).stdout.splitlines()]
    assert proof["head"] == verify(read(logs / f"{SESSION}.db")).head.hex()
    assert (proof["ok"], proof["records"]) == (True, 9)


@pytest.mark.parametrize(
    "target", [lambda d: str(d), lambda d: str(d / f"{SESSION}.db"), lambda d: SESSION, lambda d: "7f3a"]
)
def test_verify_names_the_first_bad_record_and_fails(world: World, logs: Path, target: Callable[[Path], str]) -> None:
    tamper(logs / f"{SESSION}.db", "UPDATE event SET body = CAST(body || ' ' AS BLOB) WHERE seq = 4")
    done = world.leash("audit", "verify", target(logs))
    assert done.returncode == 1
    assert f"BAD {SESSION}" in done.stdout
    assert "record 4 does not match its hash" in done.stdout
    assert "3 records before it proved" in done.stdout


def test_verify_of_nothing_is_a_usage_error(world: World, logs: Path) -> None:
    for name, words in (("nobody", "there is no session nobody"), ("./none.db", "there is no log ./none.db")):
        done = world.leash("audit", "verify", name)
        assert (done.returncode, words in done.stderr) == (2, True)
