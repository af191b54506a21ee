"""Answers from other machines: what a reviewer signed counts once, for one act; everything else is refused and said."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest
from log_samples import SESSION, START, asked, facts, request

from leashtui.audit.approval import KIND, LIFE, Statement, digest_of
from leashtui.audit.signers import NAMESPACE, parse
from leashtui.model import codec
from leashtui.model.card import Choice
from leashtui.model.event import Answered, Asked, ControlRefused, Event, Record, Voted
from leashtui.model.verdict import By, Decision, Outcome, Ruling, Verdict
from leashtui.model.wire import Vote
from leashtui.supervisor.council import Council, Reviewers
from leashtui.supervisor.desk import Desk, Waiting

BUNDLE = "abcdef123456"


@dataclass
class Room:
    """A desk with a council, as a session has them, and reviewers with real keys."""

    place: Path
    now: int = START
    log: list[Record] = field(default_factory=list)
    settled: list[tuple[Verdict, Choice | None, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.keys = {name: self._key(name) for name in ("ann@example.org", "bob", "owner@example.org", "eve")}
        self.file = self.place / "allowed_signers"
        self.allow("ann@example.org", "bob", "owner@example.org")
        self.desk = Desk(SESSION, "bash", lambda: self.now, lambda message: None, owner="owner")
        self.reviewers = Reviewers(self.file)
        self.council = Council(
            session=SESSION,
            owner="owner",
            bundle=BUNDLE,
            desk=self.desk,
            stream=self,
            reviewers=self.reviewers.now,
            clock=lambda: self.now,
        )

    def _key(self, name: str) -> Path:
        path = self.place / name
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(path)], check=True)
        return path

    def allow(self, *names: str) -> None:
        lines = [f"{name} {Path(f'{self.keys[name]}.pub').read_text()}" for name in names]
        self.file.write_text("".join(lines))

    def append(self, event: Event, parent: str = "", durable: bool = False, *, rides: bool = False) -> Record:
        record = Record(1, f"01R{len(self.log)}", self.now, SESSION, event, parent)
        self.log.append(record)
        self.council.recorded(len(self.log), record, "")
        return record

    def after(self, done: Callable[[str], None]) -> None:
        done("")

    def ask(self, command: str = "git push --force", *obligations: str) -> Statement:
        """Something waits; the statement that would allow it."""
        decision = msgspec.structs.replace(asked().decision, obligations=obligations)

        def settle(waiting: Waiting, verdict: Verdict, choice: Choice | None, face: str) -> None:
            self.settled.append((verdict, choice, face))
            assert waiting.card is not None
            self.append(Answered(waiting.card.id, verdict))

        waiting = Waiting(f"act-{command}", request(*command.split()), facts(command), decision, self.now, settle)
        record = self.append(Asked(self.desk.ask(waiting)))
        assert waiting.card is not None
        body = codec.encode(record)
        until = self.now + LIFE // 4
        return Statement(
            KIND, SESSION, waiting.card.id, len(self.log), digest_of(body), BUNDLE, "allow", "once", "bob", until
        )

    def sign(self, statement: Statement | bytes, by: str, namespace: str = NAMESPACE) -> Vote:
        text = statement if isinstance(statement, bytes) else codec.encode(statement)
        name = statement.ask if isinstance(statement, Statement) else "L-1"
        done = subprocess.run(
            ["ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", str(self.keys[by])],
            input=text, capture_output=True, check=True,
        )  # fmt: skip
        return Vote(name, text.decode(), done.stdout.decode())

    def vote(self, statement: Statement, by: str = "bob", **changes: object) -> str:
        return self.council.vote(self.sign(msgspec.structs.replace(statement, **{"approver": by} | changes), by))


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def test_a_signed_answer_counts_and_is_recorded_before_the_verdict(room: Room) -> None:
    assert room.vote(room.ask()) == ""
    ((verdict, choice, face),) = room.settled
    assert (verdict.ruling, verdict.by, verdict.who, choice, face) == (
        Ruling.ALLOW,
        By.PERSON,
        "bob",
        Choice.ONCE,
        "team",
    )
    kinds = [type(record.event) for record in room.log]
    assert kinds == [Asked, Voted, Answered]
    voted = room.log[1].event
    assert isinstance(voted, Voted)
    checked = room.place / "sig"
    checked.write_text(voted.signature)
    subprocess.run(
        ["ssh-keygen", "-Y", "verify", "-f", str(room.file), "-I", "bob", "-n", NAMESPACE, "-s", str(checked)],
        input=voted.statement, text=True, check=True, capture_output=True,
    )  # fmt: skip


def test_a_denial_carries_the_reviewers_words(room: Room) -> None:
    assert room.vote(room.ask(), verdict="deny", because="use a branch") == ""
    verdict = room.settled[0][0]
    assert verdict.ruling is Ruling.DENY
    assert 'bob said: "use a branch"' in verdict.feedback


@pytest.mark.parametrize(
    ("changes", "by", "reason"),
    [
        ({}, "eve", "its key is no reviewer's here"),
        ({"approver": "ann@example.org"}, "bob", "bob signed it in the name of 'ann@example.org'"),
        ({"session": "20261121-000000-0000"}, "bob", "it answers session"),
        ({"digest": "0" * 64}, "bob", "it answers another act"),
        ({"seq": 7}, "bob", "it answers another act"),
        ({"bundle": "ffff"}, "bob", "it was given under other policies"),
        ({"expires": START - 1}, "bob", "it has expired"),
        ({"expires": START + 2 * LIFE}, "bob", "it wants to count for too long"),
        ({"scope": "session"}, "bob", "it is a statement of another kind"),
        ({"verdict": "perhaps"}, "bob", "it is a statement of another kind"),
        ({"kind": "leash-approval/v2"}, "bob", "it is a statement of another kind"),
    ],
)
def test_each_forgery_is_refused_with_its_own_reason(
    room: Room, changes: dict[str, object], by: str, reason: str
) -> None:
    refused = room.vote(room.ask(), by, **changes)
    assert reason in refused
    assert room.settled == []
    last = room.log[-1].event
    assert isinstance(last, ControlRefused)
    assert last.reason == refused


def test_a_changed_text_or_purpose_is_refused(room: Room) -> None:
    statement = msgspec.structs.replace(room.ask(), verdict="deny")
    vote = room.sign(statement, "bob")
    changed = msgspec.structs.replace(vote, statement=vote.statement.replace("deny", "allow"))
    assert "does not match: the text or the signature was changed" in room.council.vote(changed)
    assert "it was made for 'git'" in room.council.vote(room.sign(statement, "bob", "git"))
    assert "it is no statement" in room.council.vote(room.sign(b"{}", "bob"))
    extra = codec.encode(msgspec.to_builtins(statement) | {"more": 1})
    assert "it is no statement" in room.council.vote(room.sign(extra, "bob"))
    junk = base64.b64encode(b"junk").decode()
    assert "does not count" in room.council.vote(msgspec.structs.replace(vote, signature=junk))
    assert room.settled == []


def test_an_answer_cannot_be_used_twice_or_for_the_same_command_again(room: Room) -> None:
    first = room.ask()
    vote = room.sign(first, "bob")
    assert room.council.vote(vote) == ""
    assert "is not waiting" in room.council.vote(vote)
    second = room.ask()
    assert second.ask != first.ask
    assert "is not waiting" in room.council.vote(vote)
    assert "is not waiting" in room.council.vote(msgspec.structs.replace(vote, ask=second.ask))
    moved = msgspec.structs.replace(first, ask=second.ask)
    assert "it answers another act" in room.vote(moved)
    assert len(room.settled) == 1


def test_two_reviewers_where_two_are_needed(room: Room) -> None:
    statement = room.ask("git push", "approvers:2")
    assert "needs 2 people: bob agreed, 1 more to come" in room.vote(statement)
    assert "bob answered it already" in room.vote(statement, expires=START + LIFE // 3)
    assert room.settled == []
    assert room.vote(statement, "ann@example.org") == ""
    assert room.settled[0][0].who == "bob, ann@example.org"


def test_the_person_at_the_machine_counts_as_one_of_two(room: Room) -> None:
    statement = room.ask("git push", "approvers:2")
    assert "1 more to come" in room.desk.answer(statement.ask, Choice.ONCE, who="owner", face="tui")
    assert "owner agreed, 1 more to come" in room.vote(statement, "owner@example.org")
    assert room.settled == []
    assert room.vote(statement) == ""


def test_four_eyes_are_not_the_persons_own_two(room: Room) -> None:
    statement = room.ask("git push", "approver:other")
    assert "somebody else than owner" in room.desk.answer(statement.ask, Choice.ONCE, who="owner", face="tui")
    assert "somebody else than owner" in room.vote(statement, "owner@example.org")
    assert room.settled == []
    assert room.vote(statement) == ""
    assert room.desk.answer(room.ask("ls", "approver:other").ask, Choice.DENY, who="owner", face="tui") == ""


def test_a_reviewer_is_revoked_while_the_session_runs_and_none_is_added(room: Room) -> None:
    statement = room.ask()
    room.allow("ann@example.org", "eve")
    assert "its key is no reviewer's here" in room.vote(statement)
    assert "its key is no reviewer's here" in room.vote(statement, "eve")
    room.file.unlink()
    assert "its key is no reviewer's here" in room.vote(statement, "ann@example.org")
    room.file.write_text("rubbish\n")
    assert "its key is no reviewer's here" in room.vote(statement, "ann@example.org")
    room.allow("ann@example.org")
    assert room.vote(statement, "ann@example.org") == ""


def test_a_broken_file_means_nobody_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "allowed_signers").write_text("rubbish\n")
    found = Reviewers(tmp_path / "allowed_signers")
    assert "line 1: it has no key" in found.problem
    assert found.now().signers == ()
    assert Reviewers(tmp_path / "none").problem == ""
    assert parse("").signers == ()


def test_decisions_without_obligations_need_one(room: Room) -> None:
    assert Decision(Outcome.ASK, BUNDLE).obligations == ()
    assert room.desk.answer(room.ask().ask, Choice.ONCE, who="owner", face="tui") == ""
