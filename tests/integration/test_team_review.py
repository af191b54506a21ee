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
from slow_line import SlowLine

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
    name: str

    def policies(self, text: str) -> None:
        """The person's own policies."""
        folder = Path(self.here.env["LEASH_CONFIG_DIR"]) / "policies"
        folder.mkdir()
        (folder / "team.cedar").write_text(text)
        assert self.here.leash("policy", "check", str(folder)).returncode == 0

    def reviewer(self) -> World:
        """One more of the team, on a machine of their own."""
        key = self.here.root / f"key_{secrets.token_hex(3)}"
        there, _ = become_reviewer(self.here, self.admin, key)
        return there

    def through(self, port: int) -> None:
        """Reach the store over this port from here on, on both machines, with passwords."""
        for path, login in (
            (Path(self.here.env["LEASH_CONFIG_DIR"]) / "team.json", ""),
            (Path(self.there.env["LEASH_CONFIG_DIR"]) / "reviewer.json", ""),
        ):
            known = json.loads(path.read_text())
            parts = psycopg.conninfo.conninfo_to_dict(known["dsn"])
            login = str(parts["user"])
            with psycopg.connect(self.admin, autocommit=True) as connection:
                connection.execute(f"ALTER ROLE \"{login}\" PASSWORD 'line'".encode())
            known["dsn"] = psycopg.conninfo.make_conninfo(
                **(parts | {"host": "127.0.0.1", "port": port, "password": "line"})
            )
            path.write_text(json.dumps(known))

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


def become_reviewer(here: World, admin: str, key: Path) -> tuple[World, str]:
    """Somebody with a key of their own, invited here, who joined on a machine of their own; and their name."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    reviewer = f"rev{secrets.token_hex(3)}@example.org"
    done = here.leash("invite", reviewer, f"{key}.pub", admin)
    assert done.returncode == 0, done.stderr
    pasted = re.search(r"leash review join '(.*)' --as (\S+)", done.stdout)
    assert pasted is not None, done.stdout
    root = here.root / f"there-{key.name}"
    env = here.env | {
        "LEASH_RUNTIME_DIR": str(root / "run"),
        "LEASH_STATE_DIR": str(root / "state"),
        "LEASH_CONFIG_DIR": str(root / "config"),
    }
    there = replace(here, root=root, env=env, running=here.running)
    done = there.leash("review", "join", pasted[1], "--as", pasted[2], "--key", str(key))
    assert done.returncode == 0, done.stderr
    return there, reviewer


@pytest.fixture
def two(world: World, postgres: Cluster) -> Iterator[Two]:
    name = postgres.database()
    admin = postgres.dsn(name)
    assert world.leash("team", "init", admin).returncode == 0
    device = f"dev_{secrets.token_hex(3)}"
    world.leash("team", "invite", device, admin)
    assert world.leash("team", "join", postgres.dsn(name, device)).returncode == 0
    key = world.root / "reviewer_key"
    there, reviewer = become_reviewer(world, admin, key)
    yield Two(world, there, postgres, admin, key, reviewer)
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
    two.policies(POLICY)
    enrolment = Path(two.here.env["LEASH_CONFIG_DIR"]) / "team.json"
    joined = enrolment.read_text()
    enrolment.write_text(json.dumps({"dsn": "host=127.0.0.1 port=1 user=nobody"}))
    two.ask("rm -rf notes")
    eventually(lambda: two.here.events("session.ended"))
    (refused,) = [e for e in two.here.events("act.decided") if e["verdict"]["ruling"] == "deny"]
    assert "only while the team store can be reached" in refused["verdict"]["feedback"]
    assert two.exists("notes")
    enrolment.write_text(joined)
    two.here.start("review", "offer")
    agent = two.here.script("asking.py", "import time\ntime.sleep(5)\n" + AGENT)
    two.here.start("run", "--headless", "--on-ask", "wait", "--", sys.executable, str(agent), "rm -rf notes")
    (one,) = two.waiting()
    assert two.there.leash("review", "approve", str(one["ask"])).returncode == 0
    eventually(lambda: not two.exists("notes"))


OFFERED = """
@id("by-policy") @reason("looked at by the team") @outcome("ask") @offer("team")
forbid (principal, action, resource) when { context.programs.contains("rm") };
"""
TWO_PAIRS_OF_EYES = """
@id("two") @reason("two of the team look at it") @outcome("ask") @approvers("2") @approver("other")
forbid (principal, action, resource) when { context.programs.contains("rm") };
"""


def test_a_policy_offers_an_act_by_itself_and_a_person_any_other(two: Two) -> None:
    """Nobody started a courier: it comes with the session, and carries what was offered, nothing else."""
    two.policies(OFFERED)
    (two.here.workspace / "drafts").mkdir()
    (two.here.workspace / "drafts" / "a").write_text("a")
    agent = two.here.script("asking.py", AGENT)
    commands = ("rm -rf notes", "find drafts -delete")
    (two.here.workspace / "notes").mkdir()
    two.here.start("run", "--headless", "--on-ask", "wait", "--", sys.executable, str(agent), *commands)
    (one,) = two.waiting()
    assert two.there.leash("review", "approve", str(one["ask"])).returncode == 0
    eventually(lambda: not two.exists("notes"))
    card = two.here.one_card()
    assert "find" in card["command"]
    assert two.waiting(0) == []
    done = two.here.leash("review", "offer", card["id"])
    assert "offered to the team: " in done.stdout, done.stderr
    (other,) = two.waiting()
    assert two.there.leash("review", "approve", str(other["ask"])).returncode == 0
    eventually(lambda: not two.exists("drafts"))
    assert any("offered L-" in e["text"] for e in two.here.events("notice"))
    late = two.here.leash("review", "offer", card["id"])
    assert late.returncode != 0


def test_two_of_the_team_must_agree_and_the_persons_own_word_is_none(two: Two) -> None:
    two.policies(TWO_PAIRS_OF_EYES)
    second = two.reviewer()
    two.ask("rm -rf notes")
    (one,) = two.waiting()
    mine = two.here.leash("approve", "L-1")
    assert "needs somebody else" in mine.stderr
    done = two.there.leash("review", "approve", str(one["ask"]))
    assert "signed; 1 more must agree" in done.stdout, done.stderr
    again = two.there.leash("review", "approve", str(one["ask"]))
    assert "you answered ask" in again.stderr
    assert two.exists("notes")
    done = second.leash("review", "approve", str(one["ask"]))
    assert "the machine says: allowed by " in done.stdout, done.stderr
    eventually(lambda: not two.exists("notes"))
    assert len({vote["approver"] for vote in two.here.events("ask.voted")}) == 2


def test_what_was_revoked_or_has_expired_answers_nothing(two: Two) -> None:
    two.policies(OFFERED)
    second = two.reviewer()
    two.ask("rm -rf notes")
    (one,) = two.waiting()
    number = str(one["ask"])
    done = two.here.leash("invite", two.name, f"{two.key}.pub", "--revoke")
    assert "running sessions included" in done.stdout
    two.there.start("review", "approve", number)
    eventually(lambda: two.here.events("control.refused"))
    assert "its key is no reviewer's here" in two.here.events("control.refused")[0]["reason"]
    assert two.exists("notes")
    late = eventually(lambda: (done := second.leash("review", "list", "--json")).stdout and done)
    assert json.loads(late.stdout)["ask"] == one["ask"], "what was not believed has settled nothing"
    with psycopg.connect(two.admin, autocommit=True) as connection:
        connection.execute("UPDATE leash.ask SET expires = now() - interval '1 s'")
    late = second.leash("review", "approve", number)
    assert late.returncode == Exit.FINDINGS
    assert f"ask {number} is not waiting: it has expired" in late.stderr
    assert two.exists("notes")
    with psycopg.connect(two.admin, autocommit=True) as connection:
        connection.execute("UPDATE leash.ask SET expires = now() + interval '1 h'")
    done = second.leash("review", "approve", number)
    assert "the machine says: allowed by " in done.stdout, done.stderr
    eventually(lambda: not two.exists("notes"))


def test_answers_find_their_way_through_a_bad_line_that_is_cut_and_falls_silent(two: Two) -> None:
    """A reviewer's `leash review -f` and the courier, both through a line that loses, breaks and hangs."""
    two.policies(OFFERED)
    line = SlowLine(two.cluster.port, rtt=0.02, loss=0.02)
    try:
        two.through(line.port)
        watching = two.there.start("review", "-f", "--json", stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert watching.stdin is not None
        assert watching.stdout is not None
        names = [f"dir{n}" for n in range(4)]
        two.ask(*(f"rm -rf {name}" for name in names))
        for number, name in enumerate(names):
            while "card" not in (shown := json.loads(watching.stdout.readline())):
                pass
            assert name in shown["card"]["command"] or name in shown["card"]["normalised"]
            if number == 1:
                line.cut()
            if number == 2:
                line.hush(on=True)
            watching.stdin.write(f"y {shown['ask']}\n".encode())
            watching.stdin.flush()
            if number == 1:
                line.cut()
            if number == 2:
                line.hush(on=False)
            eventually(lambda name=name: not two.exists(name))
        assert line.cuts >= 2
        votes = two.here.events("ask.voted")
        assert len(votes) == len({vote["ask"] for vote in votes}) == len(names)
    finally:
        line.stop()
