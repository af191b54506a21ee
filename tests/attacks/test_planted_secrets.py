"""Forty secrets in every shape an agent may say them in: none is in a log, its index, the recording, the team store, an
export.

The session is a real one with a terminal: programs carry the secrets in their words, in file names and in text piped to
a shell, and print them to the terminal.
"""

from __future__ import annotations

import base64
import secrets as chance
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pexpect
import psycopg
from conftest import World
from postgres import Cluster

ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"
PREFIXES = (
    "ghp_", "github_pat_", "glpat-", "xoxb-1234567890-", "sk_live_", "sk-proj-1", "sk-ant-api03-", "npm_", "hf_",
    "gsk_", "dckr_pat_", "lin_api_", "pplx-", "figd_", "tskey-auth-", "sntrys_", "nfp_", "hvs.", "ya29.", "GOCSPX-",
)  # fmt: skip


def text(length: int = 36) -> str:
    return "".join(chance.choice(ALPHABET) for _ in range(length))


SHAPES: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("argument", lambda v: f"/bin/echo {v} >/dev/null"),
    ("header", lambda v: f"/bin/echo -H 'Authorization: Bearer {v}' >/dev/null"),
    ("address", lambda v: f"/bin/echo 'https://ann:{v}@example.org/x' >/dev/null"),
    ("percent", lambda v: f"/bin/echo 'https://example.org/?t={quote('<' + v + '>', safe='')}' >/dev/null"),
    ("base64", lambda v: f"/bin/echo {base64.b64encode(f'user:{v}'.encode()).decode()} >/dev/null"),
    ("hex", lambda v: f"/bin/echo {v.encode().hex()} >/dev/null"),
    ("file name", lambda v: f"/bin/true > 'notes-{v}.txt'; /bin/ls notes* >/dev/null; /bin/rm -f notes*"),
    ("piped code", lambda v: f"/bin/echo 'echo {v} >/dev/null' | /bin/sh"),
    ("terminal", lambda v: f"/bin/echo 'the value is {v}.'"),
    ("terminal, base64", lambda v: f"/bin/echo {v} | /usr/bin/base64"),
    ("terminal, two parts", lambda v: f"printf %s {v[:9]}; sleep 0.02; printf '%s\\n' {v[9:]}"),
    ("in a file that is read", lambda v: f'/bin/cat <<E\n{{"key": "{v}"}}\nE'),
)


def planted() -> dict[str, str]:
    """Forty: of known forms, and of no form but in the session's environment."""
    tokens = {f"form{n}": prefix + text() for n, prefix in enumerate(PREFIXES)}
    return tokens | {f"SERVICE_{n}_TOKEN": f"{text(9)}+{text(12)}/{n}" for n in range(40 - len(tokens))}


def spellings(value: str) -> set[str]:
    """What must not be found: the value, and what somebody could decode it from."""
    raw = value.encode()
    return {value, quote(value, safe=""), raw.hex(), base64.b64encode(f"user:{value}".encode()).decode()[8:-4],
            base64.b64encode(raw).decode()[:-4], value[9:]}  # fmt: skip


def test_forty_secrets_are_nowhere(world: World, postgres: Cluster) -> None:
    values = planted()
    lines = [
        shape(value)
        for number, value in enumerate(values.values())
        for name, shape in (SHAPES[number % len(SHAPES)], SHAPES[(number + 7) % len(SHAPES)])
        if not (name == "file name" and "/" in value)
    ]
    agent = world.script("agent.sh", "#!/bin/bash\n" + "\n".join(lines) + "\necho all-said\n")
    world.config('on_ask = "deny"\n')
    world.env |= {name: value for name, value in values.items() if name.startswith("SERVICE")}
    argv = world.argv("--guard", "exec", "--plain", "bash", str(agent))
    with pexpect.spawn(
        argv[0], argv[1:], cwd=str(world.workspace), env=world.env, timeout=120, encoding="utf-8"
    ) as shown:
        shown.expect("all-said")
        shown.expect(pexpect.EOF)
    for name in values:
        world.env.pop(name, None)
    state = Path(world.env["LEASH_STATE_DIR"])
    (cast,) = state.glob("sessions/*.cast")
    assert "all-said" in cast.read_text()
    assert "the value is [secret:" in cast.read_text()  # the control leg: it was said, and recorded so
    name = postgres.database()
    admin = postgres.dsn(name)
    login = f"dev_{chance.token_hex(4)}"
    assert world.leash("team", "init", admin).returncode == 0
    assert world.leash("team", "invite", login, admin).returncode == 0
    assert world.leash("team", "join", postgres.dsn(name, login)).returncode == 0
    assert world.leash("sync").returncode == 0
    with psycopg.connect(admin) as connection:
        stored = b"\n".join(bytes(row[0]) for row in connection.execute("SELECT body FROM leash.event"))
    assert stored.count(b"[secret:") > len(lines) // 2
    assert world.leash("log", "--all", "echo").returncode == 0  # makes the index
    places = {"store": stored}
    places |= {str(path): path.read_bytes() for path in state.rglob("*") if path.is_file() and "undo" not in path.parts}
    for form in ("jsonl", "ocsf", "cef", "hec", "otlp"):
        places[form] = world.leash("export", "--format", form).stdout.encode()
        assert b"[secret:" in places[form]
    found = [
        (place, name)
        for place, data in places.items()
        for name, value in values.items()
        if any(spelling.encode() in data for spelling in spellings(value))
    ]
    assert not found, found
