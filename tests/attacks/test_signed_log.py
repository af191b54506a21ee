"""What a session signed cannot be rewritten: not by who owns the disk, not by who owns the team store."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import World

from leashtui.audit.chain import GENESIS, link
from leashtui.audit.note import Signer
from leashtui.audit.verify import Broken, Fault
from leashtui.model.errors import Exit
from leashtui.stores.inclusion import check_record, prove_record
from leashtui.stores.journal import notes, read
from leashtui.stores.keys import Device
from leashtui.stores.proof import Proof, Trust, prove

SCRIPT = "for n in 1 2 3; do /bin/true $n; done; ls; exit 0"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state directory of one real, finished session."""
    import os
    import subprocess
    import sys

    root = tmp_path_factory.mktemp("signed")
    (root / "work").mkdir()
    (root / "run").mkdir(mode=0o700)
    env = os.environ | {
        "HOME": str(root),
        "LEASH_RUNTIME_DIR": str(root / "run"),
        "LEASH_STATE_DIR": str(root / "state"),
        "LEASH_CONFIG_DIR": str(root / "config"),
    }
    done = subprocess.run(
        [sys.executable, "-I", "-m", "leashtui", "run", "--headless", "--workspace", ".", "--", "sh", "-c", SCRIPT],
        cwd=root / "work", env=env, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return root / "state"


@pytest.fixture
def state(recorded: Path, tmp_path: Path) -> Path:
    shutil.copytree(recorded, tmp_path / "state")
    (tmp_path / "state").chmod(0o700)
    return tmp_path / "state"


def log_of(state: Path) -> Path:
    (path,) = (state / "sessions").glob("*.db")
    return path


def the_proof(state: Path, trust: Trust | None = None) -> Proof:
    return next(p for p in prove(state, trust) if p.session == log_of(state).stem or p.log == str(log_of(state)))


def rewrite(state: Path, change: Callable[[int, bytes], bytes], keep: int = 10**6) -> None:
    """Change records and mend every hash after them, and the machine chain too, as an attacker with time would."""
    connection = sqlite3.connect(log_of(state))
    rows = connection.execute("SELECT seq, body FROM event ORDER BY seq").fetchall()
    head = GENESIS
    for seq, body in rows:
        if seq > keep:
            connection.execute("DELETE FROM event WHERE seq = ?", (seq,))
            continue
        body = change(seq, body)
        head = link(head, body)
        connection.execute("UPDATE event SET body = ?, hash = ? WHERE seq = ?", (body, head, seq))
    connection.commit()
    connection.close()
    connection = sqlite3.connect(state / "machine.db")
    chain = GENESIS
    for seq, body in connection.execute("SELECT seq, body FROM event ORDER BY seq").fetchall():
        value = json.loads(body)
        if value["event"]["kind"] == "chain.closed":
            value["event"] |= {"head": head.hex(), "count": min(len(rows), keep)}
            body = json.dumps(value, separators=(",", ":")).encode()
        chain = link(chain, body)
        connection.execute("UPDATE event SET body = ?, hash = ? WHERE seq = ?", (body, chain, seq))
    connection.commit()
    connection.close()


def test_a_finished_session_is_signed_to_its_end(state: Path) -> None:
    proof = the_proof(state)
    assert (proof.ok, proof.note) == (True, "")
    assert proof.signed == proof.records > 4
    device = Device(state)
    assert proof.by == device.id
    assert the_proof(state, Trust((device.key,), demanded=True)).ok
    assert 1 <= len(notes(log_of(state))) <= proof.records


@pytest.mark.parametrize(
    ("change", "keep", "fault", "text"),
    [
        (
            lambda seq, body: body.replace(b"/bin/true", b"/bin/trUe"),
            10**6,
            Fault.FORKED,
            "not what the session signed",
        ),
        (lambda seq, body: body, 4, Fault.CUT, "the end of the log is missing: the session signed"),
    ],
)
def test_a_rewritten_log_with_a_mended_chain_is_found(
    state: Path, change: Callable[[int, bytes], bytes], keep: int, fault: Fault, text: str
) -> None:
    rewrite(state, change, keep)
    proof = the_proof(state)
    assert (proof.ok, proof.fault) == (False, fault)
    assert text in proof.message


def test_checkpoints_that_were_taken_out_are_missed(state: Path) -> None:
    connection = sqlite3.connect(log_of(state))
    connection.execute("DELETE FROM checkpoint")
    connection.commit()
    connection.close()
    proof = the_proof(state)
    assert (proof.ok, proof.fault) == (False, Fault.UNSIGNED)
    assert "the session ended, and its last signature is gone" in proof.message


def test_a_forged_checkpoint_is_found(state: Path) -> None:
    path = log_of(state)
    count, note = notes(path)[-1]
    assert isinstance(note, bytes)
    connection = sqlite3.connect(path)
    for forged, text in (
        (note.replace(b"time 1", b"time 2"), "does not match: it was changed or forged"),
        (Signer(note.split(b"\n")[0].decode(), bytes(32)).sign("x\n"), "nobody whose key is known signed it"),
        (b"nothing", "it bears no signature"),
    ):
        connection.execute("UPDATE checkpoint SET note = ? WHERE count = ?", (forged, count))
        connection.commit()
        proof = the_proof(state)
        assert (proof.ok, proof.fault) == (False, Fault.FORGED)
        assert text in proof.message
    connection.execute("PRAGMA ignore_check_constraints=ON")
    connection.execute("UPDATE checkpoint SET note = 'text' WHERE count = ?", (count,))
    connection.commit()
    connection.close()
    proof = the_proof(state)
    assert (proof.fault, proof.message) == (Fault.TYPE, "a checkpoint has a wrong type")


def test_who_demands_a_key_gets_no_other(state: Path, tmp_path: Path) -> None:
    stranger = Device(tmp_path / "stranger")
    proof = the_proof(state, Trust((stranger.key,), demanded=True))
    assert (proof.ok, proof.fault) == (False, Fault.UNSIGNED)
    assert "its key is not among those you named" in proof.message

    def strip(seq: int, body: bytes) -> bytes:
        value = json.loads(body)
        value["event"].pop("certificate", None)
        return json.dumps(value, separators=(",", ":")).encode()

    rewrite(state, strip)
    proof = the_proof(state, Trust((Device(state).key,), demanded=True))
    assert (proof.ok, proof.fault) == (False, Fault.UNSIGNED)
    assert "nobody whose key you named signed this log" in proof.message


def test_a_certificate_of_another_session_or_device_does_not_count(state: Path, tmp_path: Path) -> None:
    stranger = Device(tmp_path / "stranger")

    def resign(seq: int, body: bytes) -> bytes:
        value = json.loads(body)
        if seq == 1:
            text = value["event"]["certificate"].rpartition("\n\n")[0] + "\n"
            value["event"]["certificate"] = stranger.sign(text.replace("bundle", "bundle")).decode()
        return json.dumps(value, separators=(",", ":")).encode()

    rewrite(state, resign)
    proof = the_proof(state)
    assert (proof.ok, proof.fault) == (False, Fault.FORGED)
    assert "certificate of this session's key does not hold" in proof.message


def test_one_record_is_proved_and_every_changed_bit_of_it_is_found(state: Path) -> None:
    key = Device(state).key
    session = log_of(state).stem
    for row in read(log_of(state)):
        text = prove_record(state, f"{session}:{row.seq}")
        assert check_record(text, [key]).body == row.body
    value = json.loads(text)
    assert check_record(prove_record(state, json.loads(bytes(row.body))["id"]), [key]).index == row.seq - 1  # type: ignore[operator,arg-type]
    for name, changed in (
        ("body", "AAAA"),
        ("index", 0),
        ("size", value["size"] - 1),
        ("path", value["path"][:-1]),
        ("session", "another"),
        ("checkpoint", value["checkpoint"].replace("time", "tame")),
        ("certificate", value["certificate"].replace("agent", "agent x")),
    ):
        with pytest.raises(Broken):
            check_record(json.dumps(value | {name: changed}).encode(), [key])
    with pytest.raises(Broken, match="not among those you named"):
        check_record(text, [])


def test_the_commands_say_so(world: World) -> None:
    assert world.leash("run", "--headless", "--", "sh", "-c", "ls").returncode == 0
    done = world.leash("audit", "verify")
    assert "(signed)" in done.stdout, done.stdout
    keys = world.root / "keys"
    keys.write_text(world.leash("audit", "key").stdout)
    assert world.leash("audit", "verify", "--pub", str(keys)).returncode == 0
    record = world.records()[1]["record"]["id"]
    proof = world.root / "proof.json"
    proof.write_text(world.leash("audit", "prove", record).stdout)
    done = world.leash("audit", "check", str(proof), "--pub", str(keys))
    assert (done.returncode, done.stdout[:12]) == (0, "ok  record 2")
    proof.write_text(proof.read_text().replace('"index":1', '"index":2'))
    done = world.leash("audit", "check", str(proof))
    assert done.returncode == Exit.FINDINGS
    assert "record 3 is not in what the session signed" in done.stderr
    keys.write_text("nonsense")
    assert world.leash("audit", "verify", "--pub", str(keys)).returncode == Exit.USAGE
