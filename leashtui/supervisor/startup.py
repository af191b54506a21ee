"""Starts one session: tier, rooms, agent under guard, terminal, watcher, door; and only then lets the agent exec.

Knows the order, and what belongs to which tier. Refuses to judge. Invariant: until the last line of `start_session`
the agent is a launcher that waits for one word; any error before it ends the launcher and reaches the keeper.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec.structs import replace

from leashtui.agents.adapter import Adapter
from leashtui.agents.registry import adapter_of
from leashtui.classify.patterns import compile_some
from leashtui.guards.kernel.execguard import ExecGuard, Rest
from leashtui.guards.kernel.floor import BARE, KEYS, Floor
from leashtui.guards.kernel.listener import Listener
from leashtui.guards.kernel.probe import Support
from leashtui.guards.kernel.reads import watched_in
from leashtui.guards.kernel.spawn import Begun, Launched, launch
from leashtui.guards.shim import LOST, ShimGuard
from leashtui.model.errors import LeashError
from leashtui.model.event import Notice, OutsideRead
from leashtui.model.request import Action, Layer, Posture, Request, Tier
from leashtui.model.verdict import Ruling, Verdict
from leashtui.policy.entities import Outside
from leashtui.stores.accepted import Accepted
from leashtui.stores.digests import Digest
from leashtui.stores.directories import config_dir, state_dir, undo_dir
from leashtui.stores.recording import Header, Recording, path_of
from leashtui.stores.settings import UNANSWERED
from leashtui.stores.undo import Keeping
from leashtui.supervisor.assembly import Parts, build
from leashtui.supervisor.channel import Channel, Start
from leashtui.supervisor.closings import Closing, announced, beneath, closings, coverable, misnamed, told_of_names
from leashtui.supervisor.config import load as load_config
from leashtui.supervisor.door import open_door
from leashtui.supervisor.instructions import around, compare, trusted
from leashtui.supervisor.inventory import Places
from leashtui.supervisor.modes import starting
from leashtui.supervisor.outside import Readings
from leashtui.supervisor.recorder import Recorder
from leashtui.supervisor.session import Session, microseconds, reference
from leashtui.supervisor.strictness import effects, floor_of, histories, sealed_places
from leashtui.supervisor.terminal import Terminal
from leashtui.supervisor.tiers import choose_tier
from leashtui.supervisor.watching import watch
from leashtui.words.guarding import shortfall
from leashtui.words.variables import how, outset

_SOME = 4
_PORTS = 32


def _own_keys(agent: Adapter) -> tuple[str, ...]:
    """What the agent itself logs in with."""
    return tuple(name for name in KEYS if name.startswith(agent.state))


async def _prepare() -> None:
    """What the first judgements need is made while the agent starts."""
    while compile_some(_SOME):
        await asyncio.sleep(0.002)


async def start_session(start: Start, channel: Channel, support: Support) -> Session:
    """A session whose agent was let go. support: what this host gives.

    Raises LeashError before anything of the agent ran.
    """
    digest = Digest(state_dir(), start.exe)
    tier = choose_tier(support.tier, start.guard, support.fixes, adapter_of(start.agent).tier)
    lost = tuple(LOST) if tier is Tier.WATCH else support.lost_in(tier)
    begun = Begun(start.stdio, None if start.face == "headless" else (start.rows, start.cols))
    parts = build(start, channel, tier, lost, digest)
    session = parts.session
    usual = choose_tier(Tier.STRICT, "", (), adapter_of(start.agent).tier)
    if not start.guard and tier is not usual:
        parts.modes.lowered(tier, usual, lost)
    if tier is Tier.WATCH:
        session.notice("warn", "tier watch: the kernel enforces nothing in this session", _advice(support))
    if start.face == "headless":
        _say_what_is_missing(start, channel, (tier, usual), support)
    _say_what_is_obeyed(start, parts, channel)
    _say_what_is_withheld(parts, channel)
    env = start.env | {"LEASH_SESSION": parts.id}
    shim = None
    if tier is Tier.WATCH:
        shim = ShimGuard(
            parts.directory / "shim",
            parts.mediator.submit,
            os.getuid(),
            asyncio.get_running_loop(),
            login_shell=start.env.get("SHELL", ""),
        )
        session.shim = shim
        env = shim.environment(env)
    where = (start.cwd, start.workspace)
    armed = parts.arming.arm(start.argv, env, parts.mediator, parts.stream, parts.acts, session, parts.house, where)
    await _read_facts(start, parts)
    floor = BARE
    closed = () if start.posture is Posture.OBSERVE else closings(parts.standing.pdp, parts.mediator.consult)
    if tier in (Tier.STRICT, Tier.COMPAT):
        watched = start.watched if tier is Tier.STRICT else ()
        floor = floor_of(
            start.workspace,
            start.home,
            parts.directory,
            tier=tier,
            covers=support.covers,
            free=(*start.opened, *parts.arming.adapter.places_in(start.env), *_own_keys(parts.arming.adapter)),
            more=(
                *start.closed,
                *watched_in(start.workspace, watched),
                *coverable(closed, (start.home, start.workspace, start.exe)),
            ),
            window=parts.arming.window,
        )
        floor = replace(floor, reads=bool(watched))
        mine = sealed_places(start.workspace)
        shut = {c.path: c.words for c in closed if not c.asks}
        parts.keys.cover([place for place in floor.covered if place not in mine], floor.linked, shut)
    _keep_closed(parts, closed, floor.covered)
    if start.posture is not Posture.OBSERVE:
        told_of_names(misnamed(parts.standing.pdp), session.notice)
    launched = launch(
        armed.argv,
        exe=start.exe,
        env=parts.variables.without(armed.env),
        cwd=start.cwd,
        guarded=tier is not Tier.WATCH,
        floor=floor,
        begun=begun,
    )
    try:
        if floor.covered:
            parts.covers.stand(launched.pid)
        await _surround(start, parts, launched, shim, armed.argv, floor, tier)
    except BaseException:
        os.kill(launched.pid, signal.SIGKILL)
        raise
    session.spawn(_prepare())
    if session.budgets is not None and session.budgets.any:
        session.spawn(session.budgets.watch())
    code = parts.code.text if parts.code is not None else ""
    channel.tell(ready=str(parts.directory), session=parts.id, code=code)
    _may_start(start, parts, launched, tier)
    return session


def _say_what_is_obeyed(start: Start, parts: Parts, channel: Channel) -> None:
    """Instruction files, skills and plugins that are new or changed are told of before the agent can obey them."""
    if not start.home:
        return
    try:
        places = Places(start.home, start.workspace, start.env.get("PATH", ""), start.env)
        agent, accepted = parts.arming.adapter, Accepted(state_dir())
        notices = [*compare(agent, places, accepted), *around(agent, places, accepted)]
        parts.arming.trust(trusted(agent, places, accepted))
    except LeashError as error:
        notices = [
            Notice(level="warn", text=f"what the agent obeys was not compared: {error.message}", hint=error.hint)
        ]
    for notice in notices:
        parts.session.notice(notice.level, notice.text, notice.hint)
        if notice.level == "warn":
            channel.tell(say=f"{notice.text}; {notice.hint}")


def _keep_closed(parts: Parts, closed: Sequence[Closing], covered: Sequence[str]) -> None:
    """Say what policies close to readers, now and when others hold, and let these know what a cover lies over."""
    told = announced(closed, covered, parts.session.notice)
    under = frozenset(one.place for one in beneath(closed, covered))

    def look() -> None:
        parts.standing.pdp.spoken.covered = under
        told(closings(parts.standing.pdp, parts.mediator.consult))

    parts.standing.pdp.spoken.covered = under
    parts.lanes.changed.append(look)


def _say_what_is_missing(start: Start, channel: Channel, tiers: tuple[Tier, Tier], support: Support) -> None:
    """One line where nobody sees the tier and it is less than was to be expected. tiers: (this one, the usual one)."""
    tier, usual = tiers
    covers = support.covers or tier not in (Tier.STRICT, Tier.COMPAT)
    if sentence := shortfall(tier, tier if start.guard else usual, covers=covers):
        channel.tell(say=sentence)


def _say_what_is_withheld(parts: Parts, channel: Channel) -> None:
    """One line about secret variables, names only."""
    variables = parts.variables
    if sentence := outset(variables.withheld, variables.own, variables.given):
        parts.session.notice("info", sentence, how(variables.withheld) if variables.withheld else "")
        channel.tell(say=sentence)


def _advice(support: Support) -> str:
    return support.fixes[0] if support.fixes else "it was asked for with --guard watch; leave that out for more"


async def _surround(
    start: Start, parts: Parts, launched: Launched, shim: ShimGuard | None, argv: list[str], floor: Floor, tier: Tier
) -> None:
    """Guards, terminal, watcher and door around a launcher that waits."""
    session = parts.session
    agent = reference(launched.pid)
    session.adopt(agent)
    session.anchor = launched.anchor
    parts.acts.adopt_agent(agent, tuple(argv), reaches=parts.arming.adapter.asks_a_model)
    if shim is not None:
        shim.started(launched.pid)
    if launched.listener >= 0:
        session.guard = guard = ExecGuard(
            launched.listener,
            parts.mediator.submit,
            start.env,
            lambda why: session.guard_lost("kernel", why),
            lambda sentence: session.notice("alarm", sentence, "nothing of it was run"),
            None if floor.tier is Tier.EXEC else _effects(start, parts, launched.pid, floor),
        )
        guard.beat = parts.arming.adapter.beats
        guard.instead = parts.arming.instead
    if launched.master >= 0:
        session.screen = Terminal(launched.master, lambda back: _pump_died(session, back))
        if start.record:
            _record(start, parts)
    await watch(start, parts, tier, launched.pid)
    await open_door(parts, start, os.getpid(), session.welcome())


def _record(start: Start, parts: Parts) -> None:
    """Keep what the agent's terminal shows; a recording that cannot be is a notice, not a failure."""
    session = parts.session
    welcome, screen = session.welcome(), session.screen
    assert screen is not None
    header = Header(start.cols, start.rows, welcome.started / 1e6, start.agent)
    try:
        recording = Recording(path_of(Path(welcome.log)), header)
    except LeashError as error:
        session.notice("warn", error.message, error.hint)
        return
    recorder = Recorder(
        recording,
        parts.masker,
        lambda connection: screen.hand(connection, 0, 0),
        lambda: (microseconds() - welcome.started) / 1e6,
        lambda why: session.notice("warn", why, "the log goes on"),
    )
    session.spawn(recorder.run())


def _effects(start: Start, parts: Parts, agent: int, floor: Floor) -> Callable[[Listener], Rest]:
    """The guard of files and doors, for tier strict; in tier compat it looks on."""
    looks_on = floor.tier is Tier.COMPAT

    def touched(path: str, tid: int) -> None:
        name = path.encode("utf-8", "backslashreplace").decode()
        if path == os.path.realpath(state_dir() / UNANSWERED):
            parts.session.notice(
                "warning", f"process {tid}, a hook, got no answer", "it refused what it was asked about"
            )
            return
        parts.session.notice("alarm", f"process {tid} tried to change leash's own {name}", "it was refused")

    lanes, added = parts.lanes, {os.path.realpath(path) for path in histories(start.home)}
    keeping = Keeping(
        undo_dir() / parts.id,
        lambda path: not lanes.is_work(path),
        parts.acts.owners.of,
        bulk=lanes.is_bulk,
        later=asyncio.get_running_loop().call_later,
    )
    parts.session.at_end(keeping.close)
    parts.made.kept = keeping.has
    return effects(
        parts.lanes,
        workspace=start.workspace,
        closed=tuple(p for p in floor.covered if p not in added and not p.startswith(start.workspace + "/")),
        watched=start.watched,
        opened=parts.lending.is_open,
        agent=agent,
        touched=touched,
        keeper=keeping,
        doors=parts.arming.sockets,
        made=parts.made,
        looks_on=looks_on,
        shown=parts.arming.shown(start.home, start.env),
        runs_agent=parts.acts.runs_agent,
        asks=parts.mediator.asks,
        stays=_teller(parts) if start.listen == "here" else None,
        asked=parts.arming.calls_past,
    )


def _teller(parts: Parts) -> Callable[[int], None]:
    """Says once of each port that it is kept to this machine."""
    told: set[int] = set()

    def stays(port: int) -> None:
        if port not in told and len(told) < _PORTS:
            told.add(port)
            hint = 'leash config says listen = "here"'
            parts.session.notice("info", f"port {port} is open to this machine only", hint)

    return stays


def _pump_died(session: Session, back: bool) -> None:
    if back:
        session.notice("warn", "the terminal's pump died and was started again", "what it had buffered is lost")
    else:
        session.guard_lost("terminal", "the pump keeps dying")


async def _read_facts(start: Start, parts: Parts) -> None:
    """What policies may know from outside, before the first request and as often as each fact says."""

    def changed(values: Outside, event: OutsideRead) -> None:
        parts.standing.learn(())
        parts.stream.append(event)
        parts.standing.learn(values)

    facts = load_config(config_dir()).config.facts
    readings = Readings(facts, start.workspace, start.home, parts.session.aside, changed)
    await readings.first()
    parts.session.spawn(readings.keep())


def _may_start(start: Start, parts: Parts, launched: Launched, tier: Tier) -> None:
    """Starting a session is itself an act: who, which agent, where, guarded how. Only then is the agent's exec one."""

    def settle(verdict: Verdict) -> None:
        if verdict.ruling is Ruling.ALLOW:
            _let_go(start, parts, launched, tier)
        else:
            parts.session.refuse_first(launched.pid, verdict.feedback)

    parts.mediator.submit(starting(start, tier, parts.variables.granted), settle)


def _let_go(start: Start, parts: Parts, launched: Launched, tier: Tier) -> None:
    """Let the launcher exec. The kernel guard judges that exec itself; without one it is judged here."""
    if tier is not Tier.WATCH:
        launched.go()
        return

    def settle(verdict: Verdict) -> None:
        if verdict.ruling is Ruling.ALLOW:
            launched.go()
        else:
            parts.session.refuse_first(launched.pid, verdict.feedback)

    request = Request(
        action=Action.PROCESS_EXEC,
        layer=Layer.SHIM,
        cwd=start.cwd,
        argv=start.argv,
        exe=start.exe,
        process=reference(launched.pid),
        chosen=True,
    )
    parts.mediator.submit(request, settle)
