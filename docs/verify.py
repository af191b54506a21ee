"""Verify a leash log without leash: Python's standard library and `cryptography`, one file, made to be read.

    python verify.py SESSION.db [--pub KEYS] [--ledger]

Checks the hash chain over the exact stored bytes, the device's certificate and every checkpoint the session signed.
Prints one line, or the first thing that is wrong (exit 1). --pub: file of public keys (`leash audit key`), one a line;
without it the key that the log brings along is used, which proves that the log is whole, not whose it is. --ledger:
one JSON object an act: initiator, agent, tool, resource, result, policy, approver, layers.

The format. Table event(seq, body, hash): hash(n) = sha256(hash(n-1) || sha256(body(n))), hash(0) = 32 zero bytes. Table
checkpoint(count, note): signed notes (C2SP) by the session's key: origin leash/DEVICE/SESSION, count, RFC 6962 root
(leaf = sha256(0x00 || sha256(body))), `head HEX`, `time MICROSECONDS`. The first record's event has `certificate`, a
signed note by the device over the session's key, and `device`, the device's public key.
"""

import argparse
import base64
import json
import sqlite3
import sys
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class Wrong(Exception):
    """What is wrong, in words."""


def parse_key(line):
    """(name, mark, 32 raw bytes) of `name+mark+base64`."""
    name, mark, encoded = line.strip().split("+", 2)
    raw = base64.b64decode(encoded)
    if raw[:1] != b"\x01" or len(raw) != 33:
        raise Wrong(f"not an Ed25519 key: {line}")
    if sha256(name.encode() + b"\n" + raw).digest()[:4].hex() != mark:
        raise Wrong(f"the mark of key {name} does not match")
    return name, bytes.fromhex(mark), raw[1:]


def open_note(note, key):
    """The text of a signed note, checked with one key."""
    name, mark, raw = key
    text, _, lines = note.rpartition("\n\n")
    text += "\n"
    for line in lines.splitlines():
        dash, who, encoded = line.split(" ")
        signature = base64.b64decode(encoded)
        if dash == "—" and who == name and signature[:4] == mark:
            try:
                Ed25519PublicKey.from_public_bytes(raw).verify(signature[4:], text.encode())
            except InvalidSignature:
                raise Wrong(f"a signature of {name} does not match") from None
            return text
    raise Wrong(f"{name} did not sign this")


class Tree:
    """RFC 6962, kept as the roots of its perfect subtrees."""

    def __init__(self):
        self.edge, self.size = [], 0

    def add(self, digest):
        """One leaf."""
        top, size = sha256(b"\0" + digest).digest(), self.size
        while size & 1:
            top = sha256(b"\1" + self.edge.pop() + top).digest()
            size >>= 1
        self.edge.append(top)
        self.size += 1

    def root(self):
        """Over all leaves so far."""
        top = self.edge[-1]
        for left in reversed(self.edge[:-1]):
            top = sha256(b"\1" + left + top).digest()
        return top


def session_key(record, keys):
    """The key that may sign for this session, from its certificate."""
    event = record["event"]
    if not event.get("certificate"):
        raise Wrong("the first record has no certificate: nobody signed this log")
    brought = parse_key(event["device"])
    if keys is not None and brought[0] not in keys:
        raise Wrong(f"device {brought[0]} signed this log, and its key is not among those given")
    lines = open_note(event["certificate"], keys[brought[0]] if keys is not None else brought).splitlines()
    values = dict(line.split(" ", 1) for line in lines[1:])
    if lines[0] != "leash-session-certificate/v1" or values["session"] != record["session"]:
        raise Wrong("the certificate is not this session's")
    raw = base64.b64decode(values["key"])
    name = f"leash/{values['device']}/{values['session']}"
    mark = sha256(name.encode() + b"\n\x01" + raw).digest()[:4]
    return (name, mark, raw), int(values["begins"]), int(values["ends"])


def verify(path, keys):
    """Check everything; returns (records, how many of them are signed, device's log name, list of records)."""
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    kinds = dict(
        database.execute("SELECT name, type FROM sqlite_master WHERE name IN ('event', 'checkpoint')").fetchall()
    )
    if kinds != {"event": "table", "checkpoint": "table"}:
        raise Wrong("it has no tables event and checkpoint: this is no leash log, or its signatures were taken out")
    rows = database.execute("SELECT seq, body, hash FROM event ORDER BY seq").fetchall()
    notes = dict(database.execute("SELECT count, note FROM checkpoint").fetchall())
    if not rows:
        raise Wrong("the log is empty")
    if any(type(count) is not int or type(note) is not bytes for count, note in notes.items()):
        raise Wrong("a checkpoint has a wrong type")
    for due, row in enumerate(rows, 1):
        if tuple(map(type, row)) != (int, bytes, bytes):
            raise Wrong(f"record {due} has a wrong type")
        if row[0] != due:
            raise Wrong(f"record {due} is missing, or stands in the wrong place")
    key, begins, ends = session_key(json.loads(rows[0][1]), keys)
    head, tree, signed, records = bytes(32), Tree(), 0, []
    for seq, body, digest in rows:
        inner = sha256(body).digest()
        head = sha256(head + inner).digest()
        if head != digest:
            raise Wrong(f"record {seq} does not match its hash")
        tree.add(inner)
        records.append(json.loads(body))
        if records[-1]["session"] != records[0]["session"]:
            raise Wrong(f"record {seq} belongs to another session")
        if seq in notes:
            name, count, root, noted, time = open_note(notes.pop(seq).decode(), key).splitlines()
            if (name, count, root) != (key[0], str(seq), base64.b64encode(tree.root()).decode()):
                raise Wrong(f"the checkpoint of {seq} records is not of these records")
            if noted != f"head {head.hex()}" or not begins <= int(time.removeprefix("time ")) <= ends:
                raise Wrong(f"the checkpoint of {seq} records has another head, or a time that cannot be")
            signed = seq
    if notes:
        raise Wrong(f"the session signed {max(notes)} records, {len(rows)} are left")
    if records[-1]["event"]["kind"] == "session.ended" and signed < len(rows) and records[-1]["t"] <= ends:
        raise Wrong(f"the session ended, and nothing after record {signed} is signed")
    return len(rows), signed, key[0], records


def ledger(records):
    """Eight fields of every act, in order."""
    start = records[0]["event"]
    answers = {r["parent"]: r["event"] for r in records if r["event"]["kind"] == "act.answered"}
    seen = {}  # which guards saw an act: the one that recorded it, and those that met it again inside it
    for record in records:
        if record["event"]["kind"] == "act.decided":
            layer = record["event"]["request"]["layer"]
            seen.setdefault(record["id"], set()).add(layer)
            if record.get("parent") in seen:
                seen[record["parent"]].add(layer)
    for record in records:
        event = record["event"]
        if event["kind"] != "act.decided":
            continue
        answer = answers.get(record["id"], {})
        verdict = answer.get("verdict") or event.get("verdict") or {}
        request = event["request"]
        yield {
            "initiator": start.get("user", ""),
            "agent": start["agent"],
            "tool": request.get("exe") or (request.get("argv") or [""])[0],
            "resource": request.get("path") or event["facts"]["command"],
            "result": verdict.get("ruling", "none"),
            "policy": [policy["id"] for policy in event["decision"].get("policies", [])],
            "approver": verdict.get("who", "") if verdict.get("by") == "person" else "",
            "layers": sorted(seen[record["id"]]),
        }


def main():
    """Print the outcome; exit 1 when something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("log")
    parser.add_argument("--pub")
    parser.add_argument("--ledger", action="store_true")
    args = parser.parse_args()
    keys = None
    try:
        if args.pub:
            with open(args.pub, encoding="utf-8") as file:
                parsed = [parse_key(line) for line in file if line.strip() and not line.startswith("#")]
            keys = {key[0]: key for key in parsed}
        count, signed, name, records = verify(args.log, keys)
    except (Wrong, ValueError, LookupError, TypeError, AttributeError, sqlite3.Error) as error:
        print(f"WRONG: {error if isinstance(error, Wrong) else f'{type(error).__name__}: {error}'}")
        return 1
    if args.ledger:
        for line in ledger(records):
            print(json.dumps(line))
    else:
        said = "" if args.pub else " (whose key you did not name)"
        if records[-1]["event"]["kind"] != "session.ended":
            said += " (no end: it ran on, was killed, or its tail is missing)"
        print(f"ok: {count} records, {signed} signed, {name}{said}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
