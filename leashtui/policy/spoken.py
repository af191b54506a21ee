"""File acts that a command's own words tell: policies about a folder or a file hold for the command, too.

Reads are not seen one by one, and where no guard sees file acts (tiers exec and watch) nothing else would ask these
policies. Knows which places policies name. Refuses to match: it says which file acts are to be asked about. Invariant:
a place that no policy names costs nothing; such policies tighten what is answered about the command, never widen it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from leashtui.model.facts import Effect, Facts, Verb
from leashtui.model.request import Action, Tier
from leashtui.policy.names import type_of
from leashtui.policy.policy import Policy
from leashtui.policy.reads import actions_of, named_in

_READS = {Verb.READ: Action.FILE_READ, Verb.SECRET_READ: Action.FILE_READ, Verb.KEY_USE: Action.FILE_READ}
_CHANGES = {Verb.WRITE: Action.FILE_WRITE, Verb.TRUNCATE: Action.FILE_WRITE, Verb.DELETE: Action.FILE_DELETE}
_BLIND = frozenset({Tier.EXEC, Tier.WATCH})
"""Where commands are all that is seen of file acts."""
INSIDE = "file"
"""Any file of a folder, by the name of one."""


def sample(place: tuple[str, str]) -> str:
    """A path that lies at (kind, place): of a folder any file in it."""
    kind, path = place
    return path if kind == "File" else f"{path.rstrip('/')}/{INSIDE}"


def named_places(
    policies: Sequence[Policy], members: Mapping[str, frozenset[str]], actions: Collection[Action]
) -> tuple[dict[Action, tuple[tuple[str, str], ...]], frozenset[str]]:
    """What policies that deny or ask about these actions name, ("Dir" or "File", absolute path), and whose names those
    are. members: see actions_of."""
    places: dict[Action, dict[tuple[str, str], None]] = {}
    names: set[str] = set()
    for policy in policies:
        if policy.permits:
            continue
        about = actions_of(policy.node, members).intersection(actions)
        named = [(type_of(uid), uid.id) for uid in named_in(policy.node)] if about else []
        absolute = [place for place in named if place[0] in ("Dir", "File") and _is_absolute(place[1])]
        for action in about if absolute else ():
            places.setdefault(Action(action), {}).update(dict.fromkeys(absolute))
            names.add(policy.name)
    return {action: tuple(found) for action, found in places.items()}, frozenset(names)


def _is_absolute(path: str) -> bool:
    """Whether a file can be there: no name holds a zero byte."""
    return path.startswith("/") and "\0" not in path


class Spoken:
    """policies: of the bundle. members: see actions_of."""

    def __init__(self, policies: Sequence[Policy], members: Mapping[str, frozenset[str]], tier: Tier) -> None:
        verbs = _READS | _CHANGES if tier in _BLIND else _READS
        self._places, self.names = named_places(policies, members, set(verbs.values()))
        self._verbs = {verb: action for verb, action in verbs.items() if action in self._places}

    def __bool__(self) -> bool:
        return bool(self._verbs)

    def places(self, action: Action) -> tuple[tuple[str, str], ...]:
        """What policies that deny or ask about this action name: ("Dir" or "File", path)."""
        return self._places.get(action, ())

    def acts(self, facts: Facts) -> Iterator[tuple[Action, str]]:
        """The file acts that policies name the places of: (action, path)."""
        found = [
            (action, path)
            for effect in facts.effects
            if (action := self._verbs.get(effect.verb)) is not None and effect.target.startswith("/")
            for place in self._places[action]
            if (path := _meets(effect, place))
        ]
        return iter(dict.fromkeys(found))


def _meets(effect: Effect, place: tuple[str, str]) -> str:
    """The path by which the effect meets the place, '' where it does not."""
    target, bare = effect.target.rstrip("/"), place[1].rstrip("/")
    if target == bare:
        return sample(place)
    if place[0] == "Dir" and target.startswith(bare + "/"):
        return target
    return sample(place) if effect.recursive and (bare + "/").startswith(target + "/") else ""
