"""The path: what is recorded before what is released, and that every failure is a denial."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from leashtui.audit.mask import Masker
from leashtui.model import codec
from leashtui.model.card import Choice
from leashtui.model.errors import LeashError, StoreError
from leashtui.model.event import Answered, Asked, Decided, Event, GrantAdded, Record
from leashtui.model.facts import Effect, Facts, Mode, Parse, Place, Severity, Verb
from leashtui.model.request import Action, Layer, Posture, ProcessRef, Request
from leashtui.model.verdict import By, Decision, Outcome, PolicyRef, Ruling, Verdict
from leashtui.model.wire import CardGone
from leashtui.stores import journal as logs
from leashtui.supervisor.acts import Acts
from leashtui.supervisor.breaker import Breaker
from leashtui.supervisor.desk import MAX_WAITING, Desk
from leashtui.supervisor.mediator import Mediator
from leashtui.supervisor.stream import Stream
from leashtui.words.consequence import consequence


def facts_of(command: str, *effects: Effect, **changes: object) -> Facts:
    base: dict[str, object] = {
        "command": command,
        "normalised": "",
        "parse": Parse.FULL,
        "mode": Mode.KERNEL,
        "effects": effects,
        "programs": (command.split()[0],),
        "hosts": (),
        "remotes": (),
        "packages": (),
        "hidden": (),
        "grant_prefix": tuple(command.split()),
        "undo": "",
        "in_workspace": True,
        "reversible": True,
    }
    flags = [f.name for f in msgspec.structs.fields(Facts) if f.type is bool]
    base = dict.fromkeys(flags, False) | base
    base.update(changes)
    return Facts(**base)  # type: ignore[arg-type]


def delete(target: str, *, recursive: bool = False) -> Effect:
    return Effect(Verb.DELETE, target, Place.SOURCE, f"removes {target}", severity=Severity.HIGH, recursive=recursive)


def request(command: str, pid: int, *ancestors: int) -> Request:
    return Request(
        Action.PROCESS_EXEC,
        Layer.KERNEL,
        "/w",
        tuple(command.split()),
        process=ProcessRef(pid, pid),
        ancestry=tuple(ProcessRef(a, a) for a in ancestors),
    )


@dataclass
class Journal:
    events: list[Event] = field(default_factory=list)
    durable: list[bool] = field(default_factory=list)
    broken: bool = False

    def append(self, event: Event, parent: str = "", durable: bool = False, *, rides: bool = False) -> Record:
        if self.broken:
            raise StoreError("the disk is full", "free some space")
        self.events.append(event)
        self.durable.append(durable)
        return Record(1, f"R{len(self.events)}", 0, "s", event, parent)

    def after(self, done: Callable[[str], None]) -> None:
        done("")


class World:
    """A mediator on hand-made facts: commands that start with `rm` ask, `evil` is denied, the rest is allowed."""

    def __init__(self, *, can_ask: bool = True, posture: Posture = Posture.GUARD) -> None:
        self.journal = Journal()
        self.shown: list[object] = []
        self.verdicts: list[Verdict] = []
        self.broken: list[str] = []
        self.facts: dict[str, Facts] = {}
        self.desk = Desk(
            "s", "agent", lambda: 0, self.shown.append, lambda f, d: "it destroys work" if f.destructive else ""
        )
        self.mediator = Mediator(
            classify=self.classify,
            decider=self,
            desk=self.desk,
            stream=self.journal,
            acts=Acts(lambda _: True),
            breaker=Breaker(),
            grant=lambda facts, decision: GrantAdded(
                grant="g1", policy="p", asks=("a",), prefix=facts.grant_prefix, expires=1
            ),
            can_ask=lambda: can_ask,
            clock=lambda: 0,
            timer=lambda: 0,
            broken=self.broken.append,
            posture=posture,
        )

    def classify(self, asked: Request) -> Facts:
        text = " ".join(asked.argv)
        if text == "crash":
            raise RuntimeError("the parser fell over")
        if text in self.facts:
            return self.facts[text]
        return facts_of(text, *([delete(text.split()[-1])] if text.startswith("rm") else []))

    def decide(self, asked: Request, facts: Facts) -> Decision:
        if facts.command.startswith("evil"):
            return Decision(Outcome.DENY, "b", (PolicyRef("builtin/evil", "evil is never needed"),))
        if any(e.severity is Severity.HIGH for e in facts.effects):
            return Decision(Outcome.ASK, "b", (PolicyRef("builtin/ask-delete", "it removes work"),))
        return Decision(Outcome.ALLOW, "b")

    def submit(self, command: str, pid: int = 1, *ancestors: int, reply: Callable[[Verdict], None] | None = None):  # type: ignore[no-untyped-def]
        return self.mediator.submit(request(command, pid, *ancestors), reply or self.verdicts.append)


def test_an_allowed_act_is_recorded_before_it_is_released() -> None:
    world = World()
    seen: list[int] = []
    world.submit("ls", reply=lambda v: seen.append(len(world.journal.events)))
    assert seen == [1]
    assert isinstance(world.journal.events[0], Decided)
    assert world.journal.durable == [False]


def test_a_denial_names_the_policy_and_survives_power_loss() -> None:
    world = World()
    world.submit("evil now")
    (verdict,) = world.verdicts
    assert verdict.ruling is Ruling.DENY
    assert "builtin/evil" in verdict.feedback
    assert "\n" not in verdict.feedback
    assert world.journal.durable == [True]


def test_observing_holds_nothing_and_records_what_policies_said() -> None:
    world = World(posture=Posture.OBSERVE)
    for command in ("evil now", "rm src", "ls"):
        world.submit(command)
    assert [(v.ruling, v.by) for v in world.verdicts] == [
        (Ruling.ALLOW, By.OBSERVED),
        (Ruling.ALLOW, By.OBSERVED),
        (Ruling.ALLOW, By.POLICY),
    ]
    assert [e.decision.outcome for e in world.journal.events if isinstance(e, Decided)] == ["deny", "ask", "allow"]
    assert world.shown == []


def test_observing_still_denies_what_cannot_be_recorded_or_judged() -> None:
    world = World(posture=Posture.OBSERVE)
    world.submit("crash")
    assert world.verdicts[0].ruling is Ruling.DENY and world.verdicts[0].by is By.ERROR


def test_lockdown_refuses_what_would_be_asked_and_says_so() -> None:
    world = World(posture=Posture.LOCKDOWN)
    world.submit("rm src")
    world.submit("ls")
    assert [v.ruling for v in world.verdicts] == [Ruling.DENY, Ruling.ALLOW]
    assert "lockdown" in world.verdicts[0].feedback and world.shown == []


@pytest.mark.parametrize(("choice", "ruling"), [(Choice.ONCE, Ruling.ALLOW), (Choice.DENY, Ruling.DENY)])
def test_an_ask_waits_for_a_person_and_records_the_answer_first(choice: Choice, ruling: Ruling) -> None:
    world = World()
    at: list[str] = []
    world.submit("rm src", reply=lambda v: at.append(f"{v.ruling} {type(world.journal.events[-1]).__name__}"))
    assert at == []
    (card,) = world.desk.cards()
    assert world.desk.answer(card.id, choice, who="anna", face="cli") == ""
    assert at == [f"{ruling} Answered"]
    assert [type(e) for e in world.journal.events] == [Decided, Asked, Answered]
    assert all(world.journal.durable)
    assert "not waiting" in world.desk.answer(card.id, Choice.ONCE, who="bob", face="cli")


def test_words_of_the_person_reach_the_refused_program() -> None:
    world = World()
    world.submit("rm src")
    world.desk.answer("L-1", Choice.DENY, who="anna", face="cli", feedback="keep it\x1b[2J")
    (verdict,) = world.verdicts
    assert "keep it" in verdict.feedback
    assert "\x1b" not in verdict.feedback


def test_nobody_to_ask_is_a_denial_that_says_so() -> None:
    world = World(can_ask=False)
    world.submit("rm src")
    assert world.verdicts[0].by is By.NOBODY
    assert "--on-ask wait" in world.verdicts[0].feedback


@pytest.mark.parametrize("command", ["crash"])
def test_a_component_that_raises_denies(command: str) -> None:
    world = World()
    world.submit(command)
    assert world.verdicts[0].ruling is Ruling.DENY
    assert world.verdicts[0].by is By.ERROR
    assert "the parser fell over" in world.broken[0]


def test_a_log_that_cannot_be_written_denies_even_what_policy_allows() -> None:
    world = World()
    world.journal.broken = True
    world.submit("ls")
    assert world.verdicts[0].by is By.ERROR
    assert "the disk is full" in world.verdicts[0].feedback


def test_a_log_that_breaks_before_the_answer_turns_an_approval_into_a_denial() -> None:
    world = World()
    world.submit("rm src")
    world.journal.broken = True
    world.desk.answer("L-1", Choice.ONCE, who="anna", face="cli")
    assert world.verdicts[0].ruling is Ruling.DENY


def test_an_ask_that_cannot_be_recorded_leaves_no_card() -> None:
    """Nobody may answer what was denied already."""
    world = World()
    world.submit("rm src")
    record = world.journal.append

    def fails_at_the_card(event: Event, parent: str = "", durable: bool = False, *, rides: bool = False) -> Record:
        world.journal.broken = isinstance(event, Asked)
        return record(event, parent, durable)

    world.journal.append = fails_at_the_card  # type: ignore[method-assign]
    world.submit("rm other", 2)
    assert [v.by for v in world.verdicts] == [By.ERROR]
    assert [c.command for c in world.desk.cards()] == ["rm src"]
    assert isinstance(world.shown[-1], CardGone)


def test_inner_execs_of_an_approved_act_need_no_second_card() -> None:
    world = World()
    outer = facts_of("sh -c x", delete("/w/src", recursive=True))
    world.facts["sh -c x"] = outer
    world.facts["rm a"] = facts_of("rm a", delete("/w/src/a"))
    world.facts["rm b"] = facts_of("rm b", delete("/w/other"))
    world.submit("sh -c x", 10)
    world.desk.answer("L-1", Choice.ONCE, who="anna", face="cli")
    world.submit("rm a", 11, 10)
    assert world.verdicts[-1].by is By.COVERED
    world.submit("rm b", 12, 10)
    assert [c.command for c in world.desk.cards()] == ["rm b"]
    world.submit("rm a", 13)
    assert len(world.desk.cards()) == 2, "an orphan belongs to no act"


def test_covering_is_not_inherited_by_the_agent_itself() -> None:
    world = World()
    world.mediator._acts.adopt_agent(ProcessRef(1, 1))
    world.submit("rm src", 10, 1)
    world.desk.answer("L-1", Choice.ONCE, who="anna", face="cli")
    world.submit("rm src", 11, 1)
    assert len(world.desk.cards()) == 1


def test_the_third_spelling_of_a_refused_act_is_refused_without_a_card() -> None:
    world = World()
    for number, spelling in enumerate(("rm src", "rm -r src", "rm -rf -- src")):
        world.facts[spelling] = facts_of(spelling, delete("/w/src"))
        world.submit(spelling, 20 + number)
        if number < 2:
            world.desk.answer(f"L-{number + 1}", Choice.DENY, who="anna", face="cli")
    assert world.verdicts[-1].by is By.LOCK
    assert "the same act was refused before in other words" in world.verdicts[-1].feedback
    assert not world.desk.cards()


def test_who_ends_a_session_says_nothing_of_other_words() -> None:
    world = World()
    world.submit("rm src")
    world.desk.deny_all(By.LOCK, "anna ended the session")
    assert "anna ended the session" in world.verdicts[-1].feedback
    assert "other words" not in world.verdicts[-1].feedback


def test_a_withdrawn_ask_is_not_a_denial_and_never_replied_to() -> None:
    world = World()
    ticket = world.submit("rm src")
    ticket.withdraw("SIGTERM")
    assert world.verdicts == []
    assert not world.desk.cards()
    answered = world.journal.events[-1]
    assert isinstance(answered, Answered)
    assert answered.verdict.by is By.WITHDRAWN
    assert not world.mediator._breaker.open(facts_of("rm src", delete("src")))
    ticket.withdraw("again")
    assert len([e for e in world.journal.events if isinstance(e, Answered)]) == 1


def test_same_shape_requests_share_a_card_and_all_are_answered() -> None:
    world = World()
    for pid in (31, 32, 33):
        world.submit("rm src", pid)
    (card,) = world.desk.cards()
    assert card.count == 3
    world.desk.answer(card.id, Choice.ONCE, who="anna", face="cli")
    assert [v.ruling for v in world.verdicts] == [Ruling.ALLOW] * 3


def test_a_flood_of_the_same_act_shares_its_commits_and_is_let_go_in_turns(tmp_path: Path) -> None:
    """On a real stream: nothing goes before the commit that its answer is part of."""
    world = World()
    journal = logs.Journal.create(tmp_path / "log" / "s.db", "s")
    commits: list[int] = []
    commit = journal._connection.execute  # noqa: SLF001

    class Counting:
        def __init__(self, inner: Any) -> None:
            self._inner = inner

        def execute(self, text: str, *more: Any) -> Any:
            commits.append(journal.count) if text.startswith(("INSERT", "COMMIT")) else None
            return commit(text, *more)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._inner, name)

    journal._connection = Counting(journal._connection)  # type: ignore[assignment]  # noqa: SLF001
    stream = Stream(journal, Masker({}), "s", lambda: 1, later=lambda work: None)
    turns: list[Callable[[], None]] = []
    world.mediator._stream = stream
    world.desk._together, world.desk._later = stream.together, turns.append
    heads: list[bool] = []
    for pid in range(1, 1001):
        world.submit("rm src", pid, reply=lambda v: heads.append(v.ruling is Ruling.ALLOW and not journal.riding))
    assert len(commits) < 50
    world.desk.answer("L-1", Choice.SESSION, who="anna", face="cli")
    assert 0 < len(heads) < 1000, "others have their turn"
    world.submit("rm other", 2000, reply=lambda v: heads.append(False))
    world.desk.answer("L-2", Choice.DENY, who="anna", face="cli")
    assert heads[-1] is False, "a later answer does not wait for all of the flood"
    while turns:
        turns.pop(0)()
    assert heads.count(True) == 1000
    assert len(commits) < 60
    stream.flush()
    events = [codec.decode_record(row.body).event for row in logs.read(journal.path)]
    assert sum(isinstance(e, GrantAdded) for e in events) == 1
    assert sum(isinstance(e, Answered) for e in events) == 1001
    stream.close()


def test_a_shared_commit_that_fails_denies_all_that_waited_for_it() -> None:
    world = World()

    @contextmanager
    def full_disk() -> Iterator[None]:
        waiting: list[Callable[[str], None]] = []
        world.journal.after = waiting.append  # type: ignore[method-assign]
        yield
        for done in waiting:
            done("the disk is full")

    world.desk._together = full_disk
    for pid in (1, 2, 3):
        world.submit("rm src", pid)
    world.desk.answer("L-1", Choice.ONCE, who="anna", face="cli")
    assert [(v.ruling, v.by) for v in world.verdicts] == [(Ruling.DENY, By.ERROR)] * 3


def test_what_was_not_let_go_yet_is_denied_when_the_session_ends() -> None:
    world = World()
    world.desk._later = lambda work: None
    for pid in range(1, 501):
        world.submit("rm src", pid)
    world.desk.answer("L-1", Choice.ONCE, who="anna", face="cli")
    let_go = len(world.verdicts)
    assert 0 < let_go < 500
    world.desk.deny_all(By.ERROR, "the session ended")
    assert len(world.verdicts) == 500
    assert {v.ruling for v in world.verdicts[let_go:]} == {Ruling.DENY}


def test_a_flood_of_different_asks_is_refused_not_shown() -> None:
    world = World()
    for number in range(MAX_WAITING + 5):
        world.submit(f"rm f{number}", 100 + number)
    assert len(world.desk.cards()) == MAX_WAITING
    assert len(world.verdicts) == 5


def test_a_destructive_act_offers_no_standing_grant_and_says_why() -> None:
    world = World()
    world.facts["rm x"] = facts_of("rm x", delete("/w/x"), destructive=True)
    world.submit("rm x")
    (card,) = world.desk.cards()
    assert Choice.SESSION not in {o.choice for o in card.options}
    assert card.no_wider
    assert "offers no" in world.desk.answer(card.id, Choice.SESSION, who="anna", face="cli")
    assert world.desk.cards(), "a refused answer leaves the card"


def test_ending_the_session_denies_what_waits() -> None:
    world = World()
    world.submit("rm src")
    world.desk.deny_all(By.ERROR, "the session ended")
    assert world.verdicts[0].ruling is Ruling.DENY


@pytest.mark.parametrize("error", [LeashError("no grant for that"), RuntimeError("the engine fell over")])
def test_a_grant_that_cannot_be_made_denies(error: Exception) -> None:
    world = World()

    def refuse(facts: Facts, decision: Decision) -> GrantAdded:
        raise error

    world.mediator._grant = refuse
    world.submit("rm src")
    world.desk.answer("L-1", Choice.SESSION, who="anna", face="cli")
    assert world.verdicts[0].ruling is Ruling.DENY


@pytest.mark.parametrize("command", ["ls", "rm -rf src"])
def test_what_needs_the_team_store_is_refused_without_it(command: str) -> None:
    world = World()
    before = world.decide
    world.decide = lambda asked, facts: msgspec.structs.replace(  # type: ignore[method-assign]
        before(asked, facts), obligations=("team-store",)
    )
    world.submit(command)
    assert world.verdicts[-1].ruling is Ruling.DENY
    assert "only while the team store can be reached" in world.verdicts[-1].feedback
    assert world.shown == []
    world.mediator._rules._reachable = lambda: True
    world.submit(command, 2)
    assert (world.verdicts[-1].ruling is Ruling.ALLOW) is (command == "ls")
    assert bool(world.shown) is (command != "ls")


def test_a_consequence_says_of_what_there_is_more() -> None:
    for names, end in (("a", ""), ("ab", ", and 1 more effect"), ("abc", ", and 2 more effects")):
        assert consequence(facts_of("rm", *map(delete, names)), ()) == f"removes a{end}"
