"""Acts that a command's own words tell: policies about a folder, a file or a host hold for the command, too.

Reads are not seen one by one, where no guard sees file acts (tiers exec and watch) nothing else would ask these
policies, and a socket knows no names. Knows which places policies name. Refuses to match: it says which acts are to be
asked about. Invariant: what no policy names costs nothing; such policies tighten what is answered about the command,
never widen it.
What lies under a cover is closed anyway: who looks through all that is above it finds it closed, and goes on.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from ipaddress import ip_address

from leashtui.model.facts import Effect, Facts, Verb
from leashtui.model.request import Action, Tier
from leashtui.policy.names import HOSTS, split_host, type_of
from leashtui.policy.policy import Policy
from leashtui.policy.reads import actions_of, named_in, names_action, reads_of

_READS = {Verb.READ: Action.FILE_READ, Verb.SECRET_READ: Action.FILE_READ, Verb.KEY_USE: Action.FILE_READ}
_CHANGES = {Verb.WRITE: Action.FILE_WRITE, Verb.TRUNCATE: Action.FILE_WRITE, Verb.DELETE: Action.FILE_DELETE}
_BLIND = frozenset({Tier.EXEC, Tier.WATCH})
"""Where commands are all that is seen of file acts."""
_REACHES = frozenset({Verb.NET_GET, Verb.NET_SEND, Verb.REMOTE_SESSION, Verb.REMOTE_CHANGE})
_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443, "ssh": 22, "git+ssh": 22, "ftp": 21, "git": 9418}
INSIDE = "file"
"""Any file of a folder, by the name of one."""
_HOST = re.compile(r"[\w-]+(?:\.[\w-]+)+(?::\d+)?")


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
        about = [p for p in policies if not p.permits and names_action(p.node, Action.NET_CONNECT)]
        self.reaching = frozenset(policy.name for policy in about)
        named = {uid.id for policy in about for uid in named_in(policy.node) if type_of(uid) in HOSTS}
        reads = reads_of([policy.node for policy in about])
        self.by_name = reads.every_fact or "hostname" in reads.facts or any(map(_is_name, named))
        """Whether some policy speaks of connecting by a host's name, which no socket tells."""
        self._ports = {(host, int(port)) for host, port in map(split_host, named) if port.isdecimal()}
        self._verbs = {verb: action for verb, action in verbs.items() if action in self._places}
        self.covered: frozenset[str] = frozenset()  # of the places, by what policies call them

    def __bool__(self) -> bool:
        return bool(self._verbs or self.reaching)

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
            if (path := _meets(effect, place, above=action is not Action.FILE_READ or place[1] not in self.covered))
        ]
        return iter(dict.fromkeys(found))

    def hosts(self, facts: Facts) -> Iterator[tuple[str, int]]:
        """(host, port) of what the words reach, where some policy speaks of connecting. A port that they do not tell is
        every one that policies name of that host, and 0."""
        if not self.reaching:
            return
        targets = [e.target.partition("/")[0] for e in facts.effects if e.verb in _REACHES and "://" not in e.target]
        spoken = dict.fromkeys([*facts.hosts, *(name for name in targets if _HOST.fullmatch(name))])
        for host, port in map(split_host, spoken):
            told = int(port) if port.isdecimal() else _port_of(facts.normalised or facts.command, host)
            yield host, told
            if not told:
                yield from ((name, number) for name, number in sorted(self._ports) if name == host)


def _is_name(host: str) -> bool:
    try:
        return ip_address(split_host(host)[0]) is None
    except ValueError:
        return not host.startswith("/") and host != "*"


def _port_of(words: str, host: str) -> int:
    """The port by which an address in the words names this host, 0 where none does or several differ."""
    found = re.findall(rf"(?i)\b([a-z+]+)://(?:[^/@\s]*@)?\[?{re.escape(host)}\]?(?::(\d{{1,5}}))?(?![\w.-])", words)
    ports = {int(port) if port else _PORTS.get(scheme.lower(), 0) for scheme, port in found}
    return ports.pop() if len(ports) == 1 else 0


def _meets(effect: Effect, place: tuple[str, str], *, above: bool) -> str:
    """The path by which the effect meets the place, '' where it does not."""
    target, bare = effect.target.rstrip("/"), place[1].rstrip("/")
    if target == bare:
        return sample(place)
    if place[0] == "Dir" and target.startswith(bare + "/"):
        return target
    return sample(place) if above and effect.recursive and (bare + "/").startswith(target + "/") else ""
