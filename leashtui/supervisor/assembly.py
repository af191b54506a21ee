"""Builds one session out of its rooms, in the only order that is safe: judge and log first, then the agent.

Knows every constructor. Refuses to run anything itself. Invariant: when any part cannot be had, the agent was not
started yet, and the error says what is missing and how to get it.
"""

from __future__ import annotations

import asyncio
import getpass
import os
import secrets
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from leashtui.agents.adapter import Run
from leashtui.agents.registry import adapter_of
from leashtui.audit.mask import Masker
from leashtui.classify.engine import Engine
from leashtui.classify.witness import Witness
from leashtui.classify.workspace import Workspace
from leashtui.guards.kernel.covers import Covers
from leashtui.guards.kernel.made import Made
from leashtui.guards.kernel.probe import landlock_abi
from leashtui.guards.kernel.voice import say
from leashtui.model.facts import Facts
from leashtui.model.request import Mode, Tier
from leashtui.model.verdict import By, PolicyRef
from leashtui.model.wire import Welcome
from leashtui.policy import grants
from leashtui.policy.entities import Principal, Surroundings
from leashtui.policy.pdp import PDP
from leashtui.stores import settings
from leashtui.stores.digests import Digest
from leashtui.stores.directories import config_dir, ensure_private, runtime_dir, sessions_dir, state_dir, undo_dir
from leashtui.stores.journal import Journal
from leashtui.stores.kept import KeptGrants
from leashtui.stores.machine import FILE, Machine
from leashtui.stores.undo import Keeping
from leashtui.supervisor import layers, leavings, scanner
from leashtui.supervisor.acts import Acts
from leashtui.supervisor.adviser import Adviser
from leashtui.supervisor.arming import Arming
from leashtui.supervisor.bookends import close, started, untrusted, unusable
from leashtui.supervisor.breaker import Breaker
from leashtui.supervisor.budgets import Budgets
from leashtui.supervisor.channel import Channel, Start
from leashtui.supervisor.code import Code
from leashtui.supervisor.control import Control
from leashtui.supervisor.council import FILE as SIGNERS
from leashtui.supervisor.council import Council, Reviewers
from leashtui.supervisor.counting import counted, shown
from leashtui.supervisor.deciding import DecisionThread
from leashtui.supervisor.desk import Desk
from leashtui.supervisor.duties import Duties
from leashtui.supervisor.endings import Endings
from leashtui.supervisor.granting import granter, with_kept
from leashtui.supervisor.inventory import version_of
from leashtui.supervisor.keys import Keys
from leashtui.supervisor.lacking import Lacking
from leashtui.supervisor.lanes import Lanes
from leashtui.supervisor.ledger import Ledger
from leashtui.supervisor.lending import Lending
from leashtui.supervisor.mcp import Servers
from leashtui.supervisor.mcparming import Housing, Relays
from leashtui.supervisor.mediator import Mediator
from leashtui.supervisor.mending import kept_too, mended
from leashtui.supervisor.modes import Modes, starting
from leashtui.supervisor.notary import engage
from leashtui.supervisor.notices import Notices
from leashtui.supervisor.outsiders import Outsiders
from leashtui.supervisor.outsiders import Parts as OutsideParts
from leashtui.supervisor.peers import sandbox_of
from leashtui.supervisor.recall import Recall
from leashtui.supervisor.repository import RepositoryProbe
from leashtui.supervisor.scripts import digest_of_scripts
from leashtui.supervisor.services import Services
from leashtui.supervisor.session import Session, microseconds
from leashtui.supervisor.standing import Standing
from leashtui.supervisor.stream import Stream
from leashtui.supervisor.strictness import account_home, caches, histories, own_state
from leashtui.supervisor.taint import Taint
from leashtui.supervisor.temporary import temps_of
from leashtui.supervisor.tiers import bounds_of
from leashtui.supervisor.tree import alive, descendants, left_by
from leashtui.supervisor.ulid import Ulids
from leashtui.supervisor.variables import Variables, Wants, sort, with_passwords
from leashtui.supervisor.waysback import way_back
from leashtui.words.consequence import telling
from leashtui.words.undoing import outlook

_STARTED = 1.0
"""Seconds until the agent has started, and what can wait for that is done."""
_RIDE = 0.05
"""Seconds a record that explains no verdict may wait for a commit."""


@dataclass(frozen=True)
class Parts:
    """What every guard and face of a session needs from it."""

    id: str
    directory: Path
    session: Session
    mediator: Mediator
    lanes: Lanes
    acts: Acts
    control: Control
    stream: Stream
    code: Code | None
    arming: Arming
    taint: Taint
    standing: Standing
    modes: Modes
    keys: Keys
    lending: Lending
    covers: Covers
    variables: Variables
    masker: Masker
    made: Made
    house: Callable[[Relays], Servers]


def new_id() -> str:
    """A session id that sorts by time and can be typed: 20261121-093015-7f3a."""
    return time.strftime("%Y%m%d-%H%M%S-") + secrets.token_hex(2)


def build(start: Start, channel: Channel, tier: Tier, lost: tuple[str, ...], digest: Digest) -> Parts:
    """Everything but the agent and its guards. digest: of its program. Raises LeashError; nothing was started then."""
    user = getpass.getuser()
    session_id = new_id()
    policies = layers.load(config_dir(), start.workspace)
    bundle = policies.bundle
    layers.check_role(bundle, start.role)
    bins, made = _bins(start.env), Made()
    services = Services(made.is_whole, lambda: descendants(os.getpid()))
    probe = RepositoryProbe(start.workspace, bins, made.is_whole, lambda path: made.kept(path), services.serves)
    people, around = layers.people(), _around(start, probe, tier)
    who = Principal(session_id, start.agent, start.agent, user, start.role, people.of(user), people.org)
    lasting = KeptGrants(config_dir()).living(start.workspace, microseconds())
    late: list[Callable[[], None]] = []
    deep = DecisionThread()
    standing = Standing(
        bundle,
        lambda: layers.load(config_dir(), start.workspace).bundle,
        lambda made: with_kept(PDP(made, who, tier=tier, clock=microseconds, around=around, stack=deep), lasting),
        lambda event: stream.append(event, durable=True),
        lambda: _each(late),
    )
    leavings.sweep(ensure_private(runtime_dir()))
    directory = ensure_private(runtime_dir() / session_id)
    journal = Journal.create(sessions_dir() / f"{session_id}.db", session_id)
    loop = asyncio.get_running_loop()
    exe_digest = digest.get()
    notary, unsigned = engage(
        state_dir(), journal, session_id, user=user, agent=start.agent, exe_digest=exe_digest, bundle=bundle.digest
    )
    variables = sort(start.env, adapter_of(start.agent), start.grants, start.withhold)
    masker = Masker.from_environment(start.env, variables.values(start.env))
    stream = Stream(
        journal,
        masker,
        session_id,
        microseconds,
        later=lambda work: loop.call_later(_RIDE, work),
        notary=notary,
        tier=tier.value,
    )
    machine = Machine(state_dir() / FILE, microseconds, Ulids(microseconds, secrets.randbits))
    temps = temps_of(start.env, start.home, start.workspace)
    own = own_state(adapter_of(start.agent), start.home, start.env)
    kept = (*own.agents, *own.kept)
    pins, steers = probe.pinned(), probe.steers()
    settled = tuple(place for place, _ in own.settled)
    workspace = Workspace(start.workspace, start.also, bins, pins, temps, caches(start.home), kept, steers, settled)
    mode = Mode.SHIM if tier is Tier.WATCH else Mode.KERNEL
    witness = Witness(probe)
    engine = Engine(
        workspace,
        start.home,
        user,
        mode,
        witness,
        uid=os.getuid(),
        prepared=False,
        bounds=bounds_of(tier, landlock_abi(), (*variables.granted, *with_passwords(start.env)), start.listen),
        own=frozenset(start.env.items()),
    )
    classify = Recall(engine, witness)
    room: dict[str, Control] = {}
    desk = Desk(
        session_id,
        start.agent,
        microseconds,
        lambda message: room["control"].show(message),
        grants.refusal,
        user,
        lambda facts, cwd: shown(facts, counted(facts, cwd, probe), telling(facts)),
        lambda ask, who: council.offer(ask, who),
        stream.together,
        loop.call_soon,
        lambda facts, cwd: way_back(facts, cwd, probe, outlook(cards_undo(facts))),
    )
    notices = Notices(stream, channel)

    def wake(text: str, since: float) -> None:
        session.wake(text, since)

    typing = wake if start.wake else None
    arming = Arming(
        start.argv,
        directory,
        hooks=start.hooks,
        patience=start.patience,
        late=start.late,
        mcp=start.mcp,
        wake=typing,
        env=start.env,
    )
    endings = Endings(loop, microseconds)
    acts = Acts(
        alive,
        arming.adapter.command_of,
        made.maker,
        arming.is_kin,
        start.workspace,
        watch=endings.watch,
        left=left_by,
    )
    reviewers = Reviewers(config_dir() / SIGNERS)
    council = Council(
        session=session_id,
        owner=user,
        bundle=bundle.digest,
        desk=desk,
        stream=stream,
        reviewers=reviewers.now,
        clock=microseconds,
    )
    stream.subscribe(council.recorded)
    covers = Covers()
    lending = Lending(
        covers.move,
        endings.watch,
        lambda text, hint: session.notice("info", text, hint),
        lambda places: lanes.lend(keys.states(places)),
        loop.call_later,
    )
    stream.subscribe(lending.heard)
    keys = Keys(start.home, lending, lambda remote: _address(probe, remote), account_home())
    wants = Wants(variables, say, lambda text, hint: session.notice("info", text, hint))
    lacking = Lacking(
        start.home,
        lambda: keys.places,
        lending.is_open,
        say,
        lambda text, hint: session.notice("info", text, hint),
        lambda: keys.shut,
    )

    def cards_undo(facts: Facts) -> Facts:
        return kept_too(facts, lambda path: lanes.is_work(path)) if tier is Tier.STRICT else facts

    def undone(facts: Facts) -> Facts:
        return facts if tier is not Tier.STRICT or facts.reversible else mended(facts, lambda path: lanes.is_work(path))

    outsiders = Outsiders(
        OutsideParts(
            desk,
            stream,
            start.env,
            bundle=lambda: standing.digest,
            ask=lambda: start.on_ask == "wait",
            clock=microseconds,
            scripts=digest_of_scripts,
            alive=alive,
            aside=lambda: session.aside,
            notice=lambda level, text, hint: session.notice(level, text, hint),
            say=lambda text: channel.tell(say=text),
            spawn=lambda work: session.spawn(work),
        ),
        on=around.sudo == "outside",
    )
    keeping = Keeping(undo_dir() / session_id, lambda path: False)
    taint = Taint(stream.append, lambda: lanes.change())
    mediator = Mediator(
        classify=lambda request: undone(keys.judged(request, classify(request))),
        decider=standing,
        desk=desk,
        stream=stream,
        acts=acts,
        breaker=Breaker(),
        grant=granter(standing, session_id),
        can_ask=lambda: start.on_ask == "wait",
        clock=microseconds,
        timer=lambda: time.perf_counter_ns() // 1000,
        broken=notices.broken,
        posture=start.posture,
        reachable=council.reachable,
        limits=arming.limits(lambda: standing.digest, microseconds),
        follow=endings.follow,
        scripts=digest_of_scripts,
        opening=lambda request, facts, reply: outsiders.opening(
            request,
            facts,
            reply,
            keys.opening(request, facts, wants.opening(request, facts, lacking.opening(request, facts, reply))),
        ),
        taint=taint,
        duties=Duties(keeping.copy if tier is not Tier.STRICT else None),
    )
    modes = Modes(
        session_id,
        start.posture,
        starting(start, tier, variables.granted),
        consult=mediator.consult,
        stand=standing.stand,
        enforce=mediator.enforce,
        record=lambda event: stream.append(event, durable=True),
        note=machine.trusted,
        drop=lambda why: desk.deny_all(By.POLICY, why),
    )
    lanes = Lanes(mediator.submit, workspace, start.home, own=own, added=histories(start.home))
    lanes.judge_by(standing.pdp)
    late.append(lambda: lanes.judge_by(standing.pdp))
    welcome = Welcome(
        session=session_id,
        agent=start.agent,
        argv=start.argv,
        workspace=start.workspace,
        tier=tier.value,
        lost=lost,
        bundle=bundle.digest,
        started=microseconds(),
        user=user,
        log=str(journal.path),
        team=bool(reviewers.now().signers),
    )
    session = Session(
        channel=channel,
        welcome=welcome,
        desk=desk,
        mediator=mediator,
        stream=stream,
        counted=lambda: (stream.count, stream.head),
        close_log=lambda: close(stream, machine, session_id, directory, notary),
        revoke=standing.revoke,
        reload=standing.reload,
        shift=modes.shift,
        linger=start.linger,
        typed=outsiders.type,
    )
    code = Code(lambda: secrets.randbelow(10**6), notices.code_changed) if tier is Tier.WATCH else None
    control = Control(
        desk=desk,
        powers=session,
        record=stream.append,
        own=sandbox_of("self"),
        uid=os.getuid(),
        code=code,
        vote=council.vote,
        reached=council.reached,
    )
    room["control"] = control
    session.at_end(endings.close)
    session.at_end(covers.close)
    session.at_end(keeping.close)
    session.control = control
    stream.subscribe(control.recorded)
    session.budgets = Budgets(
        start.budget,
        freezer=session.freezer,
        told=lambda what: _soon(loop, lambda: session.spent(what)),
        pids=session.running,
        ledger=Ledger(arming.adapter, Run(start.workspace, start.env, start.argv, time.time()), anywhere=True),
    )
    if session.budgets.any:
        stream.subscribe(session.budgets.heard)
    found = (
        settings.note(config_dir(), state_dir(), machine, command="", who=user),
        settings.gather(state_dir(), machine),
    )
    entry = machine.opened(session_id, agent=start.agent, log=journal.path.name)
    loop.call_later(_STARTED, machine.rest)
    stream.append(started(start, welcome, entry.mark, exe_digest, notary, variables, around.version), durable=True)
    scanning = None
    if start.scan:
        scanning = scanner.engage(state_dir(), masker, lambda said: loop.call_soon_threadsafe(stream.append, said))
    for notice in (entry.notice, unsigned, unusable(reviewers), scanning, *found):
        if notice is not None:
            stream.append(notice)
    if policies.untrusted:
        stream.append(untrusted(policies.untrusted))

    def about() -> str:
        return f"Session of {start.agent} in {start.workspace}, guard {tier}, posture {modes.posture}."

    def rules() -> list[tuple[str, PolicyRef]]:
        return [(policy.answer, policy.ref()) for policy in standing.pdp.bundle.policies]

    adviser = Adviser(mediator.consult, rules, start.cwd, about)
    house = Housing(mediator.submit, stream, session.notice, taint, adviser, masker.mask, microseconds, start.cwd)
    return Parts(
        id=session_id,
        directory=directory,
        session=session,
        mediator=mediator,
        lanes=lanes,
        acts=acts,
        control=control,
        stream=stream,
        code=code,
        arming=arming,
        taint=taint,
        standing=standing,
        modes=modes,
        keys=keys,
        lending=lending,
        covers=covers,
        variables=variables,
        masker=masker,
        made=made,
        house=house.build,
    )


def _soon(loop: asyncio.AbstractEventLoop, work: Callable[[], None]) -> None:
    """Not within the record that caused it."""
    loop.call_soon(work)


def _each(works: Sequence[Callable[[], None]]) -> None:
    for work in works:
        work()


def _around(start: Start, probe: RepositoryProbe, tier: Tier) -> Surroundings:
    """What holds for the whole session, as policies read it."""
    pins = probe.pinned()
    remotes = dict(pins.remotes) if pins is not None else {}
    repository = remotes.get("origin") or next(iter(remotes.values()), "")
    version = version_of(Path(os.path.realpath(start.exe)), adapter_of(start.agent).footprint.package)
    sudo = "inside" if tier is Tier.WATCH or not os.geteuid() else start.sudo  # root needs no rights but its own
    return Surroundings(start.workspace, repository, version, start.posture.value, sudo)


def _address(probe: RepositoryProbe, remote: str) -> str:
    """Where a remote led when the session began, '' for a name that was none then."""
    pins = probe.pinned()
    return dict(pins.remotes).get(remote, "") if pins is not None else ""


def _bins(env: Mapping[str, str]) -> tuple[str, ...]:
    """The folders a person takes programs from: those on PATH, and the one leash itself was started from."""
    places = [*env.get("PATH", "").split(os.pathsep), os.path.dirname(sys.executable)]
    return tuple(dict.fromkeys(os.path.realpath(p) for p in places if os.path.isabs(p)))
