"""What an agent's model used, out of what real agents wrote (a turn of each, shortened), while they still write it."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from leashtui.agents.adapter import Run, Spent
from leashtui.agents.registry import adapter_of
from leashtui.supervisor.ledger import Ledger

NAME = "ses_dfe183b49ffeGp11OUi2AKQoL4"
BEGAN = 1795328290.0
"""Unix seconds, before the messages below."""
OPENCODE = [
    '{"role":"user","time":{"created":1795328296198},"agent":"build","model":{"providerID":"s","modelID":"m"}}',
    '{"parentID":"msg_1","role":"assistant","mode":"build","agent":"build","cost":0.000138,"tokens":{"total":18,'
    '"input":11,"output":7,"reasoning":0,"cache":{"write":0,"read":0}},"modelID":"m","providerID":"s",'
    '"time":{"created":1795328297255,"completed":1795328298085},"finish":"tool-calls"}',
    '{"parentID":"msg_1","role":"assistant","mode":"build","agent":"build","cost":0.000138,"tokens":{"total":18,'
    '"input":11,"output":7,"reasoning":0,"cache":{"write":0,"read":0}},"modelID":"m","providerID":"s",'
    '"time":{"created":1795328298095,"completed":1795328298445},"finish":"stop"}',
]
QWEN = [
    '{"uuid":"a0c740c7","type":"system","version":"0.24.4","subtype":"ui_telemetry","systemPayload":{"uiEvent":'
    '{"event.name":"qwen-code.api_response","model":"m","input_token_count":11,"output_token_count":7}}}',
    '{"uuid":"bb46a316","type":"assistant","version":"0.24.4","model":"m","message":{"role":"model","parts":[]},'
    '"usageMetadata":{"promptTokenCount":11,"candidatesTokenCount":7,"thoughtsTokenCount":0,"totalTokenCount":18}}',
    '{"uuid":"f63067e9","type":"assistant","version":"0.24.4","model":"m","message":{"role":"model","parts":[]},'
    '"usageMetadata":{"promptTokenCount":11,"candidatesTokenCount":7,"thoughtsTokenCount":0,"totalTokenCount":18}}',
]
ANSWER = {"id": "c0", "model": "m", "usage": {"completion_tokens": 7, "prompt_tokens": 11, "total_tokens": 18}}
MINI: dict[str, Any] = {
    "info": {
        "model_stats": {"instance_cost": 0.25, "api_calls": 2},
        "config": {"model": {"model_name": "openai/m"}},
        "mini_version": "2.4.6",
        "exit_status": "RepeatedFormatError",
    },
    "messages": [
        {"role": "system", "content": "You are a helpful assistant"},
        {"role": "assistant", "extra": {"response": ANSWER, "cost": 0.0, "timestamp": BEGAN + 22}},
        {"role": "tool", "extra": {"raw_output": "hi\n", "returncode": 0, "timestamp": BEGAN + 22.1}},
        {"role": "user", "extra": {"interrupt_type": "FormatError", "cost": 0.0, "response": ANSWER}},
        {"role": "exit", "extra": {"exit_status": "RepeatedFormatError", "submission": ""}},
    ],
    "trajectory_format": "mini-swe-agent-1.1",
}
AIDER = """
# aider chat started at {}

> Aider v0.86.2
> Model: openai/m with whole edit format
> Git repo: .git with 0 files

#### do the work

ok

> Tokens: 594 sent, 1 received.
> Tokens: 1.2k sent, 2.5k cache write, 3.4k cache hit, 12k received.
> Cost: $0.0150 message, $0.03 session.
"""


def ledger(kind: str, home: Path, since: float = BEGAN, **run: Any) -> Ledger:
    return Ledger(adapter_of(kind), Run(str(home), {"HOME": str(home)}, since=since, **run))


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


class Writer:
    """OpenCode's part: another process, which keeps its database open."""

    CODE = """if True:
        import json, sqlite3, sys
        database = sqlite3.connect(sys.argv[1], isolation_level=None)
        for line in sys.stdin:
            database.execute(*json.loads(line)).fetchall()
            print(flush=True)
    """

    def __init__(self, path: Path) -> None:
        words = [sys.executable, "-IS", "-c", self.CODE, str(path)]
        self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def do(self, statement: str, *values: object) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps([statement, values]) + "\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "\n"

    def say(self, number: int, data: str, session: str = NAME) -> None:
        self.do("insert into message values (?, ?, ?, ?)", f"msg_{number}", session, 1795328298000 + number, data)

    def close(self) -> None:
        self._process.communicate(timeout=30)


@contextmanager
def opencode(home: Path) -> Iterator[Writer]:
    """OpenCode's database with what a session wrote: all of it still stands in the log beside it."""
    path = home / ".local/share/opencode/opencode.db"
    path.parent.mkdir(parents=True)
    with closing(Writer(path)) as writer:
        writer.do("pragma journal_mode = wal")
        writer.do("create table session (id text primary key, parent_id text)")
        writer.do("create table message (id text primary key, session_id text, time_updated integer, data text)")
        for name, parent in ((NAME, None), ("ses_part", NAME), ("ses_other", None)):
            writer.do("insert into session values (?, ?)", name, parent)
        for number, data in enumerate(OPENCODE):
            writer.say(number, data)
        yield writer


def test_opencode_is_read_while_it_writes_and_only_this_session(tmp_path: Path) -> None:
    used = ledger("opencode", tmp_path)
    assert used.any and used.read() == Spent()  # no file yet, which is no failure
    with opencode(tmp_path) as writer:
        assert used.read() == Spent()  # and no hook named a session
        used.hear("", NAME)
        before = {path: path.read_bytes() for path in (tmp_path / ".local/share/opencode").iterdir()}
        assert used.read() == Spent(("m",), 22, 14, 0.000276)
        assert {path: path.read_bytes() for path in (tmp_path / ".local/share/opencode").iterdir()} == before
        writer.say(3, OPENCODE[1], "ses_other")
        assert used.read().given == 22
        writer.say(4, OPENCODE[1].replace('"read":0', '"read":100'), "ses_part")
        assert used.read().given == 133  # its sub-agent's, with what a cache held
        writer.do("update message set data = ?, time_updated = time_updated + 9 where id = 'msg_2'", "{")
        assert used.read().given == 133
    assert not list(tmp_path.rglob("*-wal")) and ledger("opencode", tmp_path).read() == Spent()
    later = ledger("opencode", tmp_path, since=BEGAN + 60)
    later.hear("", NAME)
    assert later.read() == Spent() and not later.unread  # messages of an earlier session, taken up again
    again = ledger("opencode", tmp_path)
    again.hear("", NAME)
    assert again.read().given == 122 and not list(tmp_path.rglob("*-shm"))


def test_a_database_that_is_none_or_a_trap_says_so(tmp_path: Path) -> None:
    path = put(tmp_path / ".local/share/opencode/opencode.db", "no database, " * 400)
    used = ledger("opencode", tmp_path)
    used.hear("", NAME)
    assert used.read() == Spent()
    assert used.unread == (f"{path}: file is not a database",)
    path.unlink()
    with closing(sqlite3.connect(path)) as database:
        endless = "with recursive n(id) as (select 1 union all select id + 1 from n) select id, '' parent_id from n"
        database.execute(f"create view session as {endless}")
        database.execute("create table message (id, session_id, time_updated, data)")
    began = time.monotonic()
    assert used.read() == Spent()
    assert used.unread == (f"{path}: interrupted",) and time.monotonic() - began < 60
    path.unlink()
    path.symlink_to("/dev/zero")
    assert used.read() == Spent() and used.unread == (f"{path}: opencode.db is no plain file",)


def test_qwen_counts_an_answer_once_and_only_what_was_added_is_read(tmp_path: Path) -> None:
    path = put(tmp_path / ".qwen/projects/-w/chats/e2cb.jsonl", "\n".join(QWEN[:2]) + "\n" + QWEN[2][:50])
    used = ledger("qwen", tmp_path)
    assert not used.any
    used.hear(str(path), "e2cb")
    assert used.any and used.read() == Spent(("m",), 11, 7)
    with path.open("r+") as file:
        file.write("X" * len(QWEN[0]))  # what was read already is not read again
        file.seek(0, os.SEEK_END)
        file.write(QWEN[2][50:] + "\n" + QWEN[2])
    assert used.read() == used.read(last=True) == Spent(("m",), 22, 14)
    path.write_text(QWEN[1])  # shorter: from its beginning
    assert used.read() == Spent()
    assert used.read(last=True) == Spent(("m",), 11, 7)


def test_mini_counts_the_run_of_this_session_alone(tmp_path: Path) -> None:
    path = put(tmp_path / ".config/mini-swe-agent/last_mini_run.traj.json", json.dumps(MINI))
    expected = Spent(("openai/m",), 22, 14, 0.25)
    used = ledger("mini", tmp_path)
    assert used.any and used.read() == expected
    assert ledger("mini", tmp_path, since=BEGAN + 60).read() == Spent()  # an earlier run's file lies there
    assert ledger("mini", tmp_path, since=0, until=BEGAN).read() == Spent()  # a later one's
    put(tmp_path / "out.json", path.read_text())
    path.unlink()
    assert used.read() == expected  # what was known stays
    assert ledger("mini", tmp_path).read() == Spent()
    assert ledger("mini", tmp_path, argv=("mini", "-o", "out.json")).read() == expected


def test_aiders_words_count_in_chats_of_this_session(tmp_path: Path) -> None:
    ours, earlier = (time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(BEGAN + at)) for at in (5, -5000))
    path = put(tmp_path / ".aider.chat.history.md", AIDER.format(earlier) + AIDER.format(ours))
    expected = Spent(("openai/m",), 594 + 1200, 1 + 12000, 0.015)
    assert ledger("aider", tmp_path).read() == expected
    path.write_text(AIDER.format(earlier))
    assert ledger("aider", tmp_path).read() == Spent()
    path.rename(tmp_path / "other.md")
    (tmp_path / ".aider.chat.history.md").symlink_to("other.md")
    linked = ledger("aider", tmp_path, since=BEGAN - 9000)
    assert linked.read() == Spent() and "symbolic links" in linked.unread[0]


def test_what_is_no_file_never_waits_and_what_is_no_number_counts_nothing(tmp_path: Path) -> None:
    pipe = tmp_path / ".qwen/projects/-w/chats/pipe.jsonl"
    pipe.parent.mkdir(parents=True)
    os.mkfifo(pipe)
    used = ledger("qwen", tmp_path)
    used.hear(str(pipe))
    assert used.read() == Spent() and used.unread == (f"{pipe}: it is no plain file",)
    odd = ["Infinity", "NaN", "-5", "true", "1e300", '"9"', "9" * 400, "[1]", "null"]
    lines = [QWEN[1].replace('Count":11', f'Count":{value}').replace("bb46", str(n)) for n, value in enumerate(odd)]
    path = put(pipe.with_name("odd.jsonl"), "\n".join([*lines, "{" * 9000, "\0", QWEN[2]]) + "\n")
    strange = ledger("qwen", tmp_path)
    strange.hear(str(path))
    assert strange.read() == Spent(("m",), 11, 7 * (len(odd) + 1))


@pytest.mark.parametrize("kind", ["goose", "cursor", "copilot", "cline", "generic"])
def test_an_agent_whose_form_is_not_known_is_not_read(kind: str, tmp_path: Path) -> None:
    used = ledger(kind, tmp_path)
    used.hear(str(put(tmp_path / "t.jsonl", "\n".join(QWEN))))
    assert not used.any and used.read(last=True) == Spent() and not used.unread
