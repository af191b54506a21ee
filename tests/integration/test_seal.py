"""Sealed segments: finished sessions as files that prove themselves anywhere, and are found when they were touched."""

from __future__ import annotations

import json
import lzma
import runpy
import sqlite3
from pathlib import Path

from conftest import World

from leashtui.model.errors import Exit

VERIFIER = Path(__file__).parents[2] / "docs" / "verify.py"


def test_a_segment_proves_itself_elsewhere_and_each_harm_is_named(world: World, tmp_path: Path) -> None:
    for words in ("ls; ls; ls", "date"):
        assert world.leash("run", "--headless", "--", "sh", "-c", words).returncode == 0
    cold, state = tmp_path / "cold", Path(world.env["LEASH_STATE_DIR"])
    done = world.leash("audit", "seal", str(cold))
    assert done.returncode == 0, done.stderr
    assert "2 segments sealed" in done.stdout
    assert "0 segments sealed" in world.leash("audit", "seal", str(cold)).stdout
    lines = [json.loads(line) for line in (cold / "manifest.jsonl").read_text().splitlines()]
    files = [cold / line["name"] for line in lines]
    keys = tmp_path / "keys"
    keys.write_text(world.leash("audit", "key").stdout)
    world.env["LEASH_STATE_DIR"] = str(tmp_path / "another machine")
    done = world.leash("audit", "verify", str(cold), "--pub", str(keys))
    assert done.returncode == 0, done.stdout
    assert "2 logs proved, 0 broken" in done.stdout
    assert world.leash("audit", "verify", str(files[0])).returncode == 0
    plain = tmp_path / "plain.db"
    plain.write_bytes(lzma.decompress(files[0].read_bytes()))
    outside = runpy.run_path(str(VERIFIER))
    count, signed, _, _ = outside["verify"](str(plain), None)
    assert count == signed == lines[0]["records"]

    whole = files[0].read_bytes()
    files[0].write_bytes(whole[:-20])
    assert "is not the file that was listed" in world.leash("audit", "verify", str(cold)).stdout
    assert "is damaged" in world.leash("audit", "verify", str(files[0])).stdout
    with sqlite3.connect(plain) as connection:
        connection.execute("UPDATE event SET body = CAST(body || ' ' AS BLOB) WHERE seq = 2")
    connection.close()
    files[0].write_bytes(lzma.compress(plain.read_bytes()))
    assert "record 2 does not match its hash" in world.leash("audit", "verify", str(files[0])).stdout
    files[0].unlink()
    done = world.leash("audit", "verify", str(cold))
    assert done.returncode == Exit.FINDINGS
    assert "is gone: the manifest lists it" in done.stdout
    files[0].write_bytes(whole)
    assert world.leash("audit", "verify", str(cold)).returncode == 0
    world.env["LEASH_STATE_DIR"] = str(state)
    with sqlite3.connect(state / "sessions" / f"{lines[0]['session']}.db") as connection:
        connection.execute("DELETE FROM event WHERE seq = 2")
    connection.close()
    (cold / "manifest.jsonl").unlink()
    done = world.leash("audit", "seal", str(cold))
    assert "was not sealed: record 2 is missing" in done.stderr
    assert done.returncode == Exit.FINDINGS
