"""Review across machines: an act waits here, a reviewer elsewhere signs, and it happens, or not, through cut lines."""

from __future__ import annotations

import json
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import pytest
from conftest import World, eventually
from postgres import Cluster

from leashtui.model.errors import Exit

AGENT = "import subprocess, sys\nfor c in sys.argv[1:]: print(subprocess.run(c, shell=True).returncode, flush=True)\n"


@dataclass
class Two:
    """A machine where an agent asks, and another one where a reviewer sits; one store between them."""

    here: World
    there: World
    cluster: Cluster
    admin: str
    key: Path

    def ask(self, *commands: str) -> subprocess.Popen[bytes]:
        """An agent that runs these commands and waits where it must."""
        for command in commands:
            (self.here.workspace / command.split()[-1]).mkdir()
        agent = self.here.script("asking.py", AGENT)
        return self.here.start("run", "--headless", "--on-ask", "wait", "--", sys.executable, str(agent), *commands)

    def waiting(self, number: int = 1) -> list[dict[str, object]]:
        """What the reviewer sees, once it is that many."""

        def look() -> tuple[list[dict[str, object]]] | None:
            done = self.there.leash("review", "list", "--json")
            assert done.returncode == 0, done.stderr
            found = [json.loads(line) for line in done.stdout.splitlines()]
            return (found,) if len(found) == number else None

        (found,) = eventually(look)
        return found  # type: ignore[no-any-return]

    def exists(self, name: str) -> bool:
        return (self.here.workspace / name).exists()

    def cut(self) -> None:
        """End every connection to the store, as a network does."""
        with psycopg.connect(self.cluster.dsn("postgres"), autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = %s",
                (psycopg.conninfo.conninfo_to_dict(self.admin)["dbname"],),
            )


@pytest.fixture
def two(world: World, postgres: Cluster) -> Iterator[Two]:
    name = postgres.database()
    admin = postgres.dsn(name)
    assert world.leash("team", "init", admin).returncode == 0
    device = f"dev_{secrets.token_hex(3)}"
    world.leash("team", "invite", device, admin)
    assert world.leash("team", "join", postgres.dsn(name, device)).returncode == 0
    key = world.root / "reviewer_key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    reviewer = f"rev{secrets.token_hex(3)}@example.org"
    done = world.leash("invite", reviewer, f"{key}.pub", admin)
    assert done.returncode == 0, done.stderr
    pasted = re.search(r"leash review join '(.*)' --as (\S+)", done.stdout)
    assert pasted is not None, done.stdout
    root = world.root / "there"
    env = world.env | {
        "LEASH_RUNTIME_DIR": str(root / "run"),
        "LEASH_STATE_DIR": str(root / "state"),
        "LEASH_CONFIG_DIR": str(root / "config"),
    }
    there = replace(world, root=root, env=env, running=[])
    done = there.leash("review", "join", pasted[1], "--as", pasted[2], "--key", str(key))
    assert done.returncode == 0, done.stderr
    yield Two(world, there, postgres, admin, key)
    for process in there.running:
        process.kill()


def test_an_act_is_approved_and_another_denied_from_elsewhere(two: Two) -> None:
    two.here.start("review", "offer")
    two.ask("rm -rf notes", "rm -rf drafts")
    (one,) = two.waiting()
    shown = two.there.leash("review", "--team").stdout
    assert "comes to: rm -rf notes" in shown
    done = two.there.leash("review", "approve", str(one["ask"]))
    assert done.returncode == 0, done.stderr
    assert "the machine says: allowed by rev" in done.stdout
    eventually(lambda: not two.exists("notes"))
    (other,) = two.waiting()
    done = two.there.leash("review", "deny", str(other["ask"]), "--because", "keep them")
    assert "the machine says: denied by rev" in done.stdout
    eventually(lambda: not two.here.leash("status", "--json").stdout)
    assert two.exists("drafts")
    voted = two.here.events("ask.voted")
    assert [v["verdict"] for v in voted] == ["allow", "deny"]
    answers = two.here.events("act.answered")
    assert [a["verdict"]["by"] for a in answers] == ["person", "person"]
    assert 'said: "keep them"' in answers[1]["verdict"]["feedback"]
    late = two.there.leash("review", "approve", str(other["ask"]))
    assert late.returncode == Exit.FINDINGS
    assert "is not waiting: denied by rev" in late.stderr


def test_nothing_is_missed_while_lines_are_cut_and_the_courier_is_killed(two: Two) -> None:
    courier = two.here.start("review", "offer")
    names = [f"dir{n}" for n in range(3)]
    two.ask(*(f"rm -rf {name}" for name in names))
    for number, name in enumerate(names):
        if number % 2:
            courier.kill()
            courier.wait()
        (one,) = [*two.here.approvals()] or [eventually(two.here.one_card)]
        assert name in one["command"]
        if number % 2:
            courier = two.here.start("review", "offer")
        (offered,) = eventually(lambda name=name: [w for w in two.waiting() if name in str(w["card"])])
        two.cut()
        assert two.there.leash("review", "approve", str(offered["ask"])).returncode == 0
        two.cut()
        eventually(lambda name=name: not two.exists(name))


def test_an_answer_here_closes_it_there_and_an_end_too(two: Two) -> None:
    two.here.start("review", "offer")
    two.ask("rm -rf notes", "rm -rf drafts")
    (one,) = two.waiting()
    assert two.here.leash("approve", "L-1").returncode == 0
    (other,) = eventually(lambda: [w for w in two.waiting() if w["ask"] != one["ask"]])
    late = two.there.leash("review", "approve", str(one["ask"]))
    assert "is not waiting: allowed by" in late.stderr
    two.here.leash("kill", "--all")
    two.waiting(0)
    assert "is not waiting" in two.there.leash("review", "approve", str(other["ask"])).stderr
    assert two.exists("drafts")


def test_a_reviewer_who_is_not_allowed_here_changes_nothing(two: Two) -> None:
    two.here.start("review", "offer")
    (Path(two.here.env["LEASH_CONFIG_DIR"]) / "allowed_signers").write_text("")
    two.ask("rm -rf notes")
    (one,) = two.waiting()
    two.there.start("review", "approve", str(one["ask"]))
    eventually(lambda: two.here.events("control.refused"))
    assert "its key is no reviewer's here" in two.here.events("control.refused")[0]["reason"]
    assert two.exists("notes")
    assert len(two.here.approvals()) == 1


def test_what_the_store_shows_is_not_what_is_signed_when_it_lies(two: Two) -> None:
    """Whoever owns the store shows the reviewer a harmless act: the signature then fits nothing that waits."""
    two.here.start("review", "offer")
    two.ask("rm -rf notes")
    (one,) = two.waiting()
    with psycopg.connect(two.admin, autocommit=True) as connection:
        connection.execute(
            "UPDATE leash.ask SET body = convert_to(replace(convert_from(body, 'UTF8'), 'rm -rf', 'ls'), 'UTF8')"
        )
    assert "comes to: ls notes" in two.there.leash("review").stdout
    two.there.start("review", "approve", str(one["ask"]))
    eventually(lambda: two.here.events("control.refused"))
    assert "it answers another act" in two.here.events("control.refused")[0]["reason"]
    assert two.exists("notes")


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO leash.answer VALUES (1, 'bob', now(), 'allow', 'x', 'y')",
        "UPDATE leash.ask SET closed = now()",
        "SELECT leash.decide(1, 'allow', 'x', 'y')",
        "SELECT * FROM leash.ask",
    ],
)
def test_a_device_can_ask_and_never_answer(postgres: Cluster, world: World, statement: str) -> None:
    name = postgres.database()
    admin = postgres.dsn(name)
    world.leash("team", "init", admin)
    device = f"dev_{secrets.token_hex(3)}"
    world.leash("team", "invite", device, admin)
    with psycopg.connect(postgres.dsn(name, device), autocommit=True) as connection:
        connection.execute("SELECT leash.offer('00112233aabbccdd', 's', 'L-1', 1, 'x', 'b', 1, 60)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement.encode())


def test_the_first_decision_wins_and_the_second_is_told(postgres: Cluster, world: World) -> None:
    name = postgres.database()
    admin = postgres.dsn(name)
    world.leash("team", "init", admin)
    device, ann, bob = (f"u_{secrets.token_hex(3)}" for _ in range(3))
    world.leash("team", "invite", device, admin)
    from leashtui.stores.team.asks import Asks
    from leashtui.stores.team.link import TeamError, connect
    from leashtui.stores.team.members import enrol

    with connect(admin) as connection:
        for login in (ann, bob):
            enrol(connection, admin, "team", login, "reviewer")
    asks = Asks(postgres.dsn(name, device))
    number = asks.offer("00112233aabbccdd", "s", "L-1", seq=1, body=b"x", bundle="b", needed=1)
    assert asks.offer("00112233aabbccdd", "s", "L-1", seq=1, body=b"x", bundle="b", needed=1) == number
    assert Asks(postgres.dsn(name, ann)).decide(number, "deny", b"no", b"sig") == 1
    assert Asks(postgres.dsn(name, ann)).decide(number, "deny", b"no", b"sig") == 0
    with pytest.raises(TeamError, match=f"was denied by {ann} first"):
        Asks(postgres.dsn(name, bob)).decide(number, "allow", b"yes", b"sig")
    assert [(r.ask, r.login, r.statement) for r in asks.answers("00112233aabbccdd")] == [(number, ann, b"no")]
    with connect(admin) as connection, pytest.raises(psycopg.Error, match="only grows"):
        connection.execute("UPDATE leash.answer SET verdict = 'allow'")


POLICY = """
@id("only-with-the-store")
@reason("pushes are looked at afterwards, by others")
@severity("high")
@outcome("ask")
@approvers("1")
@oblige("team-store")
forbid (principal, action, resource)
when { context.programs.contains("rm") };
"""


def test_an_act_that_needs_the_team_store_is_refused_without_it(two: Two) -> None:
    policies = Path(two.here.env["LEASH_CONFIG_DIR"]) / "policies"
    policies.mkdir()
    (policies / "team.cedar").write_text(POLICY)
    assert two.here.leash("policy", "check", str(policies)).returncode == 0
    two.ask("rm -rf notes")
    eventually(lambda: two.here.events("session.ended"))
    (refused,) = [e for e in two.here.events("act.decided") if e["verdict"]["ruling"] == "deny"]
    assert "only while the team store can be reached" in refused["verdict"]["feedback"]
    assert two.exists("notes")
    two.here.start("review", "offer")
    agent = two.here.script("asking.py", "import time\ntime.sleep(8)\n" + AGENT)
    two.here.start("run", "--headless", "--on-ask", "wait", "--", sys.executable, str(agent), "rm -rf notes")
    (one,) = two.waiting()
    assert two.there.leash("review", "approve", str(one["ask"])).returncode == 0
    eventually(lambda: not two.exists("notes"))
