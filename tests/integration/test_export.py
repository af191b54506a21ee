"""`leash export` into real files and real servers, killed in the middle: nothing lost, and in a file nothing twice."""

from __future__ import annotations

import contextlib
import json
import random
import socket
import socketserver
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pyarrow.parquet as parquet
import pytest
from certificates import certify
from conftest import World, eventually
from log_samples import write_log

from leashtui.model.errors import Exit
from leashtui.stores.journal import read


def record(world: World, session: str, extra: int = 0, values: dict[str, str] | None = None) -> Path:
    path = Path(world.env["LEASH_STATE_DIR"]) / "sessions" / f"{session}.db"
    write_log(path, session, extra=extra, values=values)
    return path


def numbers(text: bytes) -> list[tuple[str, int]]:
    events = [json.loads(line) for line in text.splitlines()]
    return [(event["metadata"]["log_name"], event["metadata"]["sequence"]) for event in events]


def test_standard_output_has_every_record_in_every_format(world: World) -> None:
    path = record(world, "s-1")
    lines = [json.loads(line) for line in world.leash("export", "--format", "jsonl").stdout.splitlines()]
    assert [(line["seq"], line["hash"]) for line in lines] == [(r.seq, bytes(r.hash).hex()) for r in read(path)]  # type: ignore[arg-type]
    events = [json.loads(line) for line in world.leash("export").stdout.splitlines()]
    assert [event["raw_data"].encode() for event in events] == [row.body for row in read(path)]
    assert len(events) == 9
    assert {event["metadata"]["version"] for event in events} == {"1.8.0"}
    assert [e["class_uid"] for e in map(json.loads, world.leash("export", "verdict:deny").stdout.splitlines())] == [
        3003
    ]
    assert world.leash("export", "--format", "cef").stdout.count("CEF:0|") == 9
    assert world.leash("export", "--follow").returncode == Exit.USAGE


def test_a_file_gets_every_record_once_however_often_it_is_killed(world: World) -> None:
    for number in range(3):
        record(world, f"s-{number}", extra=900)
    target = world.root / "out.jsonl"
    chance = random.Random(3)
    code = "from leashtui.stores import export; export.BATCH = 10; from leashtui.faces.cli.main import main; main()"
    for _ in range(6):
        process = subprocess.Popen(
            [sys.executable, "-c", code, "export", "--to", str(target)], env=world.env, cwd=world.workspace
        )
        want = (target.stat().st_size if target.exists() else 0) + chance.randrange(20_000, 200_000)
        eventually(lambda p=process, w=want: p.poll() is not None or target.exists() and target.stat().st_size > w)
        process.kill()
        process.wait()
    with target.open("ab") as file:
        file.write(b'{"half":')
    done = world.leash("export", "--to", str(target))
    assert done.returncode == 0, done.stderr
    assert numbers(target.read_bytes()) == [(f"s-{s}", n) for s in range(3) for n in range(1, 910)]
    assert "exported 0 records" in world.leash("export", "--to", str(target)).stderr
    target.write_bytes(b"")
    assert "shorter than what was exported" in world.leash("export", "--to", str(target)).stderr


@contextmanager
def collector(answers: Iterator[int]) -> Iterator[tuple[str, list[tuple[dict[str, str], bytes]]]]:
    """An HTTP server that answers with these statuses and remembers what it accepted."""
    accepted: list[tuple[dict[str, str], bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = next(answers, 200)
            if status == 200:
                accepted.append((dict(self.headers), body))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/collect", accepted
    finally:
        server.shutdown()
        server.server_close()


def test_collectors_get_batches_and_a_refusal_is_said(world: World) -> None:
    record(world, "s-1", extra=600)
    world.env["LEASH_EXPORT_TOKEN"] = "t0ken"
    with collector(iter([503, 200, 200])) as (url, accepted):
        follower = world.start("export", "--format", "hec", "--to", url, "--follow")
        assert follower.stderr is not None
        assert b"answered 503; trying again in 2 s" in follower.stderr.readline()
        eventually(lambda: len(accepted) == 2)
        record(world, "s-2")
        eventually(lambda: len(accepted) == 3)
        follower.kill()
    events = [json.loads(line) for _, body in accepted for line in body.splitlines()]
    assert [event["event"]["metadata"]["sequence"] for event in events] == [*range(1, 610), *range(1, 10)]
    assert accepted[0][0]["Authorization"] == "Splunk t0ken"
    with collector(iter([200])) as (url, accepted):
        assert world.leash("export", "--format", "otlp", "--to", url, "verdict:deny").returncode == 0
        assert json.loads(accepted[0][1])["resourceLogs"]
        assert accepted[0][0]["Authorization"] == "Bearer t0ken"
    with collector(iter([403])) as (url, accepted):
        done = world.leash("export", "--to", url)
        assert (done.returncode, accepted) == (Exit.STORE, [])
        assert "refused the events: 403" in done.stderr
    assert "clear text" in world.leash("export", "--to", "http://logs.example.org/x").stderr


def test_syslog_over_tcp_is_framed(world: World) -> None:
    record(world, "s-1", extra=40)
    got = bytearray()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            while data := self.request.recv(65536):
                got.extend(data)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_address[1]
        assert world.leash("export", "--format", "cef", "--to", f"tcp://127.0.0.1:{port}").returncode == 0
        eventually(lambda: got.count(b"CEF:0|") == 49)
        server.shutdown()
    rest, count = bytes(got), 0
    while rest:
        length, _, rest = rest.partition(b" ")
        message, rest = rest[: int(length)], rest[int(length) :]
        assert message.startswith(b"<")
        count += 1
    assert count == 49


def test_syslog_over_tls_needs_a_certificate_it_can_trust(world: World) -> None:
    record(world, "s-1", extra=40)
    issuer, key = certify(world.root, "ca", None, None)
    certify(world.root, "server", issuer, key)
    certify(world.root, "stranger", None, None)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(world.root / "server.crt", world.root / "server.key")
    got = bytearray()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError), context.wrap_socket(self.request, server_side=True) as line:
                while data := line.recv(65536):
                    got.extend(data)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        words = ("export", "--format", "cef", "--to", f"tls://127.0.0.1:{server.server_address[1]}", "--ca")
        done = world.leash(*words, str(world.root / "stranger.crt"))
        assert done.returncode == Exit.STORE, done.stderr
        assert not got
        assert world.leash(*words, str(world.root / "ca.crt")).returncode == 0
        eventually(lambda: got.count(b"CEF:0|") == 49)
        server.shutdown()


def test_a_receiver_that_is_away_is_an_error_with_a_remedy(world: World) -> None:
    record(world, "s-1")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    done = world.leash("export", "--format", "cef", "--to", f"tcp://127.0.0.1:{port}")
    assert done.returncode == Exit.STORE
    assert "cannot be reached" in done.stderr
    assert world.leash("export", "--to", "tls://nohost").returncode == Exit.USAGE


def test_a_directory_of_parquet_files_has_every_record_once_however_often_it_is_killed(world: World) -> None:
    paths = [record(world, f"s-{number}", extra=150) for number in range(2)]
    target = world.root / "tables"
    chance = random.Random(4)
    code = "from leashtui.stores import export; export._ROWS = 10; from leashtui.faces.cli.main import main; main()"
    words = ["export", "--format", "parquet", "--to", str(target)]
    for _ in range(4):
        process = subprocess.Popen([sys.executable, "-c", code, *words], env=world.env, cwd=world.workspace)
        wanted = len(list(target.glob("*.parquet"))) + chance.randrange(1, 6)
        eventually(lambda n=wanted, p=process: len(list(target.glob("*.parquet"))) >= n or p.poll() is not None)
        process.kill()
        process.wait()
    assert world.leash(*words).returncode == 0
    record(world, "s-9")
    assert "exported 9 records" in world.leash(*words).stderr
    found = [row for file in sorted(target.glob("*.parquet")) for row in parquet.read_table(file).to_pylist()]
    assert sorted((row["session"], row["sequence"]) for row in found) == sorted(
        (path.stem, r.seq) for path in [*paths, *Path(world.env["LEASH_STATE_DIR"]).glob("sessions/s-9.db")]
        for r in read(path)
    )  # fmt: skip
    kept = {row["raw_data"].encode() for row in found}
    assert kept == {r.body for path in Path(world.env["LEASH_STATE_DIR"]).glob("sessions/*.db") for r in read(path)}
    (denied,) = {row["decided_by"] for row in found if row["action"] == "Denied"}
    assert denied == "person"
    assert {tuple(row["policies"]) for row in found if row["event_code"] == "act.decided"} >= {("builtin/git.force",)}
    assert world.leash("export", "--format", "parquet").returncode == Exit.USAGE


@pytest.mark.parametrize("form", ["jsonl", "ocsf", "cef", "hec", "otlp"])
def test_no_planted_secret_leaves_in_any_format(world: World, form: str) -> None:
    secrets = {f"SERVICE_{n}_TOKEN": f"pl4nted-{n}-of/a+token={n * 7919}" for n in range(40)}
    script = world.script("leak.sh", "#!/bin/sh\n" + "".join(f'/bin/echo "${name}"\n' for name in secrets))
    world.env |= secrets
    done = world.leash("run", "--headless", "--", str(script))
    assert done.returncode == 0, done.stderr
    for name in secrets:
        world.env.pop(name)
    text = world.leash("export", "--format", form).stdout
    assert text.count("/bin/echo") >= 40
    assert not [value for value in secrets.values() if value in text or json.dumps(value)[1:-1] in text]
