"""A real PostgreSQL for tests: its own cluster in a directory of its own, run by an ordinary user, killed at will."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg
import pytest

ADMIN = "leash_admin"


def binaries() -> Path | None:
    """Where the newest server's programs are."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[4].split(".")[0]))
    if found:
        return found[-1].parent
    where = shutil.which("initdb")
    return Path(where).resolve().parent if where else None


class Cluster:
    """One server on a unix socket and on a loopback port. Every login must show its password over TCP (SCRAM)."""

    def __init__(self) -> None:
        bin_dir = binaries()
        if bin_dir is None:
            if os.environ.get("CI"):
                raise AssertionError("no PostgreSQL here: .ci/run installs it")
            pytest.skip("no PostgreSQL here: apt install postgresql")
        self.bin = bin_dir
        self.root = Path(tempfile.mkdtemp(prefix="leashpg-", dir="/tmp"))
        self.root.chmod(0o755)
        self.user = next((u for u in ("postgres", "nobody") if _uid(u)), "") if os.getuid() == 0 else ""
        self.data = self.root / "data"
        self.data.mkdir(mode=0o700)
        if self.user:
            shutil.chown(self.root, self.user)
            shutil.chown(self.data, self.user)
        self.port = _free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self._run("initdb", "-D", str(self.data), "-U", ADMIN, "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C")
        (self.data / "pg_hba.conf").write_text("local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
        self.start()

    def _as(self) -> list[str]:
        if not self.user:
            return []
        return ["setpriv", f"--reuid={self.user}", f"--regid={pwd.getpwnam(self.user).pw_gid}", "--clear-groups"]

    def _run(self, name: str, *args: str) -> None:
        command = [*self._as(), str(self.bin / name), *args]
        subprocess.run(command, check=True, cwd="/", stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)

    def start(self, *options: str) -> None:
        """Start the server and wait until it answers."""
        settings = (
            "fsync=off",
            "max_connections=60",
            "shared_buffers=32MB",
            "jit=off",
            "listen_addresses=127.0.0.1",
            f"unix_socket_directories={self.root}",
            f"port={self.port}",
            "max_wal_size=2GB",
            *options,
        )
        more = [word for setting in settings for word in ("-c", setting)]
        with (self.root / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*self._as(), str(self.bin / "postgres"), "-D", str(self.data), *more],
                cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        deadline = time.monotonic() + 30
        while True:
            try:
                psycopg.connect(self.dsn("postgres")).close()
                return
            except psycopg.OperationalError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise AssertionError((self.root / "log").read_text()[-2000:]) from None
                time.sleep(0.05)

    def kill(self) -> None:
        """kill -9 of the postmaster and all its children, as a crash would."""
        assert self.process is not None
        children = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self.process.pid)], capture_output=True, text=True, check=False
        ).stdout.split()
        self.process.send_signal(signal.SIGKILL)
        for pid in children:
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.process.wait()
        self._gone(children)

    @staticmethod
    def _gone(children: list[str]) -> None:
        deadline = time.monotonic() + 10
        while any(Path(f"/proc/{pid}/stat").exists() for pid in children) and time.monotonic() < deadline:
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop at once and leave nothing behind."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()
        shutil.rmtree(self.root, ignore_errors=True)

    def dsn(self, database: str, user: str = ADMIN) -> str:
        """The address over the unix socket, where every login is trusted."""
        return f"host={self.root} port={self.port} dbname={database} user={user}"

    def tcp(self, database: str, user: str, password: str) -> str:
        """The address over loopback, which needs a password."""
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def database(self) -> str:
        """A new empty database; its name."""
        name = f"t_{secrets.token_hex(4)}"
        with psycopg.connect(self.dsn("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return name


def _uid(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
