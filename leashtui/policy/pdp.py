"""The decider: a bundle, a principal and this session's grants in; allow, ask or deny out, in microseconds.

Knows which shard answers for an action and which grants still live. Refuses to read a clock (it is handed one), to ask
anybody, and to raise. Invariant: whatever breaks while deciding is a deny that says what broke.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from msgspec.structs import replace

from leashtui.model.errors import PolicyError
from leashtui.model.facts import Effect, Facts, Place, Verb
from leashtui.model.request import Action, Request, Tier
from leashtui.model.verdict import Decision, Outcome
from leashtui.policy.bundle import Bundle, build
from leashtui.policy.cases import ordinary
from leashtui.policy.combine import combine
from leashtui.policy.derived import Inner, inner_acts
from leashtui.policy.entities import Context, Outside, Principal, Surroundings
from leashtui.policy.grants import SIGNS, Grant
from leashtui.policy.home import HomeNames
from leashtui.policy.policy import Policy
from leashtui.policy.reads import actions_of, names_action, place_of, reads_of
from leashtui.policy.shard import Matched, Shard, Singly, Stack, here
from leashtui.policy.sources import source
from leashtui.policy.spoken import Spoken, named_places

_NAMES = frozenset(
    {"command", "normalised", "targets", "changes", "prefixes", "cwd", "exe", "undo", "programs", "flags", "taint"}
    | {"path", "hostname", "port", "granted", "aims"}
)
"""Facts of a file act that differ from name to name."""
_PROGRAM = frozenset({"exe", "programs", "command", "normalised", "prefixes", "flags", "cwd"})
_WORDS = frozenset({"flags"})
"""Facts of a network act that differ between two runs of one program."""
_CHANGES = frozenset({Action.FILE_WRITE, Action.FILE_DELETE})
_SPEAKING = frozenset({Action.PROCESS_EXEC, Action.TOOL_USE, Action.NET_CONNECT})
"""What tells of other acts in words."""
_GRANTED = frozenset({Action.PROCESS_EXEC, Action.FILE_READ})
"""What a grant can speak of."""

Clock = Callable[[], int]

_PROBE = """
@id("true") permit (principal, action, resource) when { context.verbs.contains("read") && !context.destructive };
@id("false") permit (principal, action, resource) when { context.destructive };
@id("broken") permit (principal, action, resource) when { 9223372036854775807 + 1 > 0 };
"""


class PDP:
    """Decides requests of one session. tier: what the host enforces. clock: microseconds since the epoch.

    Without a clock a grant that can expire never releases anything. stack: where the engine is called while deciding;
    it is built on the caller's own. Raises PolicyError when the engine refuses the bundle.
    """

    def __init__(
        self,
        bundle: Bundle,
        principal: Principal,
        *,
        tier: Tier = Tier.WATCH,
        clock: Clock | None = None,
        around: Surroundings = Surroundings(),  # noqa: B008 - frozen
        stack: Stack = here,
    ) -> None:
        self._stack = stack
        self.bundle = bundle
        self.principal = principal
        self._clock = clock
        self._context = Context(tier, around)
        self._grants: dict[str, Grant] = {}
        singly = Singly()
        self._shards = {action: self._shard(action, bundle.policies, singly) for action in Action}
        self._granted: dict[Action, Shard] = {}
        named = {inner: tuple(p for p in bundle.policies if names_action(p.node, inner)) for inner in Inner}
        self._inner = {
            inner: self._shard(inner, tuple(p for p in of if not p.permits), singly)
            for inner, of in named.items()
            if of
        }
        self.spoken = Spoken(bundle.policies, bundle.schema.members, tier)
        self._home = HomeNames(bundle.policies, bundle.schema.members)
        self._tightening = (self.spoken.names | self.spoken.reaching).union(
            p.name for shard in self._inner.values() for p in shard.policies.values()
        )

    def _shard(self, action: Action | Inner, policies: tuple[Policy, ...], singly: Singly | None = None) -> Shard:
        members = self.bundle.schema.members
        chosen = [p for p in policies if action in actions_of(p.node, members)]
        try:
            schema, digest = self.bundle.schema, self.bundle.digest
            return Shard(action, chosen, self._context, self.principal, schema, digest, singly, self._stack)
        except ValueError as error:
            raise PolicyError(f"the policy engine refuses this set: {error}", "run `leash policy check`") from error

    def decide(self, request: Request, facts: Facts) -> Decision:
        """Allow, ask or deny, with the policies that caused it. Never raises; an error is a deny."""
        try:
            found = self._shards[request.action].match(request, facts)
            if request.action in _SPEAKING and (self._inner or self.spoken):
                found = self._with_inner(found, request, facts)
            if self._home:
                found = self._with_home(found, request, facts)
            if found.decision.outcome is Outcome.ASK and self._grants and request.action in _GRANTED:
                return self._released(found, request, facts)
            return found.decision
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # noqa: BLE001 - panics of the engine are no Exception, and must deny
            broken = f"{type(error).__name__}: {error}"
            return Decision(Outcome.DENY, self.bundle.digest, errors=(broken[:500],), standing=False)

    def _with_inner(self, found: Matched, request: Request, facts: Facts) -> Matched:
        """With what is denied, asked and obliged to for the acts that the command holds, and its words tell."""
        held = inner_acts(facts) if request.action is Action.PROCESS_EXEC else ()
        more = [self._inner[inner].match(request, facts) for inner in held if inner in self._inner]
        for told in self._told(request, facts) if self.spoken else ():
            more.append(self._shards[told.action].match(told, facts))
        inner = [p for one in more for p in one.policies if p.name in self._tightening]
        return self._with(found, inner, [error for one in more for error in one.errors])

    def _with_home(self, found: Matched, request: Request, facts: Facts) -> Matched:
        """With what policies say of the same port by another name of this machine."""
        more: list[Policy] = []
        errors: list[str] = []
        for host, names in self._home.others(request):
            one = self._shards[request.action].match(replace(request, host=host), facts)
            more += [policy for policy in one.policies if policy.name in names]
            errors += one.errors
        return self._with(found, more, errors)

    def _with(self, found: Matched, more: Sequence[Policy], errors: Sequence[str]) -> Matched:
        """With policies that tighten it."""
        if not more and not errors:
            return found
        policies = tuple({policy.name: policy for policy in (*found.policies, *more)}.values())
        failed = tuple(dict.fromkeys((*found.errors, *errors)))
        return Matched(policies, failed, combine(policies, failed, self.bundle.digest))

    def _told(self, request: Request, facts: Facts) -> Iterator[Request]:
        """What it says it does to files and which hosts it says it reaches, as requests; a socket, by a known name."""
        if request.action is Action.NET_CONNECT:
            if request.named and self.spoken.reaching:
                yield replace(request, host=request.named)
            return
        for action, path in self.spoken.acts(facts):
            yield replace(request, action=action, path=path)
        for host, port in self.spoken.hosts(facts):
            yield replace(request, action=Action.NET_CONNECT, path="", host=host, port=port)

    def _released(self, found: Matched, request: Request, facts: Facts) -> Decision:
        """The decision with those grants that match and have not expired."""
        if request.action not in self._granted:
            grants = tuple(self._grants.values())
            self._granted[request.action] = self._stack(lambda: self._shard(request.action, grants))
        granted = self._granted[request.action].match(request, facts)
        now = self._clock() if self._clock else None
        live = [p for p in granted.policies if not p.expires or (now is not None and now < p.expires)]
        if not live and not granted.errors:
            return found.decision
        return combine([*found.policies, *live], granted.errors, self.bundle.digest)

    def about(self, action: Action) -> tuple[Policy, ...]:
        """The policies that can speak of this action, in load order; for a command, of what it holds too."""
        shards = [self._shards[action], *(self._inner.values() if action is Action.PROCESS_EXEC else ())]
        return tuple({name: policy for shard in shards for name, policy in shard.policies.items()}.values())

    def ask(self, request: Request, facts: Facts, policies: Sequence[Policy]) -> tuple[frozenset[str], tuple[str, ...]]:
        """(names of those that match, errors) of any policies, whatever else holds. Raises PolicyError."""
        found = self._stack(lambda: self._shard(request.action, tuple(policies))).whole(request, facts)
        return frozenset(policy.name for policy in found.policies), found.errors

    def learn(self, outside: Outside) -> None:
        """What is known from outside leash from now on: (name, value), sorted; what is missing is absent."""
        self._context.outside = outside

    def stand(self, posture: str) -> None:
        """The session's posture from now on, as policies read it."""
        self._context.posture = posture

    def by_class(self) -> dict[Action, tuple[str, ...]]:
        """The actions whose policies look at kinds of places only, never at a name, a folder or a program, but for what
        lies at these places or below them."""
        found = {action: self._told_apart(shard.policies.values()) for action, shard in self._shards.items()}
        return {action: places for action, places in found.items() if places is not None}

    @staticmethod
    def _told_apart(policies: Iterable[Policy]) -> tuple[str, ...] | None:
        """Where alone these policies can answer by name; None for anywhere."""
        places: dict[str, None] = {}
        for policy in policies:
            place = place_of(policy.node)
            if place is not None:
                if place.id.startswith("/"):
                    places[place.id.rstrip("/")] = None
                continue
            reads = reads_of([policy.node])
            if reads.resource or reads.every_fact or _NAMES.intersection(reads.facts):
                return None
        return tuple(places)

    def named(self) -> dict[Action, tuple[tuple[str, str], ...]]:
        """Which places policies about changes of files name: ("Dir" or "File", absolute path)."""
        return named_places(self.bundle.policies, self.bundle.schema.members, _CHANGES)[0]

    def by_program(self) -> frozenset[Action]:
        """The actions that some policy judges by the program which does it."""
        return frozenset(action for action, shard in self._shards.items() if _PROGRAM.intersection(shard.facts))

    def by_host(self) -> bool:
        """Whether some policy judges a connect by a host's name, which no socket tells."""
        return self.spoken.by_name

    def by_words(self) -> frozenset[Action]:
        """The actions that some policy judges by what the program that does it was told."""
        return frozenset(action for action, shard in self._shards.items() if _WORDS.intersection(shard.facts))

    def forget(self) -> None:
        """Drop every remembered match, so that the next decision is made afresh."""
        for shard in (*self._shards.values(), *self._inner.values()):
            shard.forget()

    def add_grant(self, grant: Grant) -> None:
        """Let this grant release the asks it names from now on.

        Raises PolicyError: another session's, a name that is taken, or an ask that no grant may release.
        """
        if grant.session not in ("", self.principal.session):
            raise PolicyError(f"grant {grant.id} belongs to session {grant.session}", "approve it in this session")
        if grant.id in self._grants:
            raise PolicyError(f"grant {grant.id} exists already", "revoke it first")
        for name in grant.grants:
            asked = self.bundle.find(name)
            if asked is None or not asked.releasable:
                raise PolicyError(f"no grant may release {name}", "approve it once instead")
        self._grants[grant.id] = grant
        self._granted.clear()

    def revoke(self, grant: str) -> bool:
        """Forget a grant by its id; False when there is none."""
        self._granted.clear()
        return self._grants.pop(grant, None) is not None

    def grants(self) -> tuple[Grant, ...]:
        """The grants of this session, oldest first, expired ones included."""
        return tuple(self._grants.values())

    def self_test(self) -> None:
        """Evaluate a permit that must match, one that must not and one that must fail, on the thread that will decide.

        Raises PolicyError when the engine answers anything else (on a stack that is too small every policy errors).
        """
        self._stack(self._test)  # in one go: each change of threads is a wait on a busy machine

    def _test(self) -> None:
        probe = build([source("builtin", "self-test", _PROBE.encode())], self.bundle.schema)
        request, facts = ordinary("true")
        for action in Action:
            shard = self._shard(action, probe.policies)
            for found in (shard.whole(request, facts), shard.match(request, facts)):
                names = [p.name for p in found.policies]
                if names != ["builtin/true"] or len(found.errors) != 1:
                    raise PolicyError(
                        f"the policy engine fails its self-test: {names}, {list(found.errors)}",
                        "leash needs an engine it can trust: give it more stack (ulimit -s 8192), or reinstall cedarpy",
                    )
        self._compare()

    def _compare(self) -> None:
        """Ask index and engine about the same situations. Raises PolicyError when they differ."""
        request, facts = ordinary("git push origin")
        for number, verb in enumerate(Verb):
            signs = {sign: number % len(SIGNS) == at or number > len(SIGNS) + at for at, sign in enumerate(SIGNS)}
            place = list(Place)[number % len(Place)]
            here = replace(facts, effects=(Effect(verb, "a", place),), grant_prefix=("git", "push"), **signs)
            shard = self._shards[Action.PROCESS_EXEC]
            found, whole = shard.match(request, here), shard.whole(request, here)
            if (found.policies, len(found.errors)) != (whole.policies, len(whole.errors)):
                names = sorted({p.name for p in found.policies} ^ {p.name for p in whole.policies})
                raise PolicyError(
                    f"index and engine disagree on {', '.join(names) or 'an error'}",
                    "leash does not start with an index it cannot trust; take that policy out and report it",
                )
