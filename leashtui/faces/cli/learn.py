"""`leash learn`: a policy proposed from an observed session, with what it would still have asked.

Knows a session's log, and how to try a proposal on it. Refuses to put anything in force: it prints. Invariant: what is
said to pass or to be asked was decided by the policies in force together with exactly the text that is printed.
"""

from __future__ import annotations

import argparse
from collections import Counter

from msgspec.structs import replace

from leashtui.faces.cli.grants import log_of
from leashtui.faces.cli.recorded import Deciders, in_force, records
from leashtui.model.errors import Exit, LeashError
from leashtui.model.event import Answered, Decided, Record, SessionStarted
from leashtui.model.request import UNCOUNTED
from leashtui.model.verdict import By, Decision, Outcome, Ruling
from leashtui.policy import bundle, sources
from leashtui.policy.bundle import Bundle
from leashtui.policy.learn import Scope, Seen, learn
from leashtui.stores.directories import config_dir
from leashtui.supervisor import layers
from leashtui.supervisor.policyload import with_stack
from leashtui.words.plain import count, one_line

EPILOG = "example: leash --mode observe claude; leash learn > ~/.config/leashtui/policies/learned.cedar"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("session", nargs="?", default="", metavar="SESSION", help="default: the newest")
    parser.add_argument(
        "--role",
        default="",
        metavar="ROLE",
        help="for sessions with this purpose (leash --as ROLE), instead of this kind of agent here",
    )


def run(args: argparse.Namespace) -> int:
    """Print the proposal. Raises LeashError."""
    log = log_of(args.session)
    told = [record for _, record in records(log) if record is not None]
    started = next((r.event for r in told if isinstance(r.event, SessionStarted)), None)
    if started is None:
        raise LeashError(f"{log} does not say what session it is of", "leash audit verify", Exit.STORE)
    now = Deciders(in_force(None, started.workspace))
    judged = _judge(now, told)
    done = _judge(now, told, without=_refused(told))
    seen = [Seen(act.request, act.facts, _is_free(decision)) for act, decision in done]
    scope = Scope(started.agent, started.workspace, args.role)
    text = with_stack(lambda: learn(seen, told[0].session, scope))
    with_it = Deciders(_with(text, started.workspace, args.role))
    for line in _head(started, told[0].session, judged):
        print(f"// {line}")
    print(f"\n{text}")
    for line in _tail(_judge(with_it, told, args.role), bool(text)):
        print(f"// {line}")
    return Exit.OK


def _refused(told: list[Record]) -> frozenset[str]:
    """The records of acts that did not happen: nothing is learned from them."""
    found: set[str] = set()
    for record in told:
        event = record.event
        if isinstance(event, Decided | Answered) and event.verdict and event.verdict.ruling is Ruling.DENY:
            found.add(record.id if isinstance(event, Decided) else record.parent)
    return frozenset(found)


def _judge(
    deciders: Deciders, told: list[Record], role: str = "", without: frozenset[str] = frozenset()
) -> list[tuple[Decided, Decision]]:
    """Every act that a model asked for, as these policies would answer. without: ids of records to leave out."""
    found = []
    for record in told:
        event = record.event
        if isinstance(event, SessionStarted) and role:
            deciders.follow(_in_role(record, event, role))
            continue
        deciders.follow(record)
        if not isinstance(event, Decided) or event.request.action in UNCOUNTED:
            continue
        if record.id not in without and (event.verdict is None or event.verdict.by not in (By.OWN, By.HABIT)):
            found.append((event, deciders.now.decide(event.request, event.facts)))
    return found


def _in_role(record: Record, event: SessionStarted, role: str) -> Record:
    return replace(record, event=replace(event, role=role))


def _is_free(decision: Decision) -> bool:
    """Whether nothing speaks of it: the one kind of ask that a permit answers."""
    return decision.outcome is Outcome.ASK and not decision.policies


def _with(text: str, workspace: str, role: str) -> Bundle:
    """The policies in force with the proposal beside the person's own."""

    def load() -> Bundle:
        places = layers.session_layers(config_dir(), workspace)
        found = [*sources.read(places), sources.source("user", "learned.cedar", text.encode())]
        trusted = layers.load(config_dir(), workspace).trusted
        return bundle.build(found, layers.schema(config_dir()), trusted=trusted)

    made = with_stack(load)
    if role:
        layers.check_role(made, role)
    return made


def _head(started: SessionStarted, session: str, judged: list[tuple[Decided, Decision]]) -> list[str]:
    free = sum(_is_free(decision) for _, decision in judged)
    seen = f"{count(len(judged), 'act')} seen, {free:,} of which nothing speaks of yet"
    lines = [f"learned from session {session} ({one_line(started.agent)}, {started.posture}): {seen}"]
    if started.posture != "observe":
        lines.append("that session was not an observed one: what was refused in it, and what came after, is not here")
    return lines


def _tail(judged: list[tuple[Decided, Decision]], proposed: bool) -> list[str]:
    left: Counter[tuple[str, str, str]] = Counter()
    for act, decision in judged:
        if decision.outcome is not Outcome.ALLOW:
            by = ", ".join(policy.id for policy in decision.policies) or "nothing speaks of it"
            left[str(decision.outcome), by, one_line(act.facts.command, 120)] += 1
    passes = sum(decision.outcome is Outcome.ALLOW for _, decision in judged)
    lines = [f"with this, {passes:,} of {count(len(judged), 'act')} would pass" if proposed else "nothing to permit"]
    lines += [f"still {outcome} x{times}: {command}  ({by})" for (outcome, by, command), times in left.most_common(40)]
    if len(left) > 40:
        lines.append(f"and {len(left) - 40:,} more")
    if any(outcome == "ask" for outcome, _, _ in left):
        lines.append("what is still asked can be kept as a grant once it was approved: leash grants --keep")
    return lines
