"""Everything found out about one command: effects in order, programs, hosts, warning signs, how much was understood.

Knows how effects merge. Refuses to evaluate anything. Invariant: it only grows; nothing that was found is ever taken
back, and understanding only sinks (full -> partial -> opaque).
"""

from __future__ import annotations

from leashtui.model.facts import Content, Effect, Parse, Place, Severity, Verb

Span = tuple[int, int]

RANK = {Severity.LOW: 0, Severity.MEDIUM: 1, Severity.HIGH: 2, Severity.CRITICAL: 3}
_PARSE_RANK = {Parse.FULL: 0, Parse.PARTIAL: 1, Parse.OPAQUE: 2}
_MOST = 512

SEVERITY = {
    Verb.NET_SEND: Severity.MEDIUM,
    Verb.LISTEN: Severity.MEDIUM,
    Verb.REMOTE_SESSION: Severity.HIGH,
    Verb.REMOTE_CHANGE: Severity.MEDIUM,
    Verb.PUBLISH: Severity.HIGH,
    Verb.DISCARD_WORK: Severity.HIGH,
    Verb.HISTORY_REWRITE: Severity.HIGH,
    Verb.PRIVILEGE: Severity.HIGH,
    Verb.PERSIST: Severity.HIGH,
    Verb.PROCESS_KILL: Severity.MEDIUM,
    Verb.SECRET_READ: Severity.HIGH,
    Verb.PACKAGE_ADD: Severity.MEDIUM,
    Verb.RUN_FETCHED: Severity.HIGH,
    Verb.CLOUD_CHANGE: Severity.HIGH,
    Verb.DATA_CHANGE: Severity.HIGH,
    Verb.CONTAINER_CHANGE: Severity.MEDIUM,
    Verb.SYSTEM_CHANGE: Severity.HIGH,
    Verb.NET_CONNECT: Severity.MEDIUM,
    Verb.SERVICE: Severity.HIGH,
    Verb.GUARD_TOUCH: Severity.CRITICAL,
    Verb.OPAQUE: Severity.MEDIUM,
}
"""How bad an effect is when nobody says otherwise; verbs left out are low."""

_TOLD = frozenset(
    {
        Verb.CLOUD_CHANGE, Verb.PUBLISH, Verb.CONTAINER_CHANGE, Verb.DATA_CHANGE, Verb.SYSTEM_CHANGE,
        Verb.REMOTE_CHANGE, Verb.REMOTE_SESSION, Verb.DISCARD_WORK, Verb.PRIVILEGE,
    }
)  # fmt: skip
"""What is told apart by its sentence where it names no target: `kubectl apply` and `terraform destroy` are two."""

SIGNS = frozenset(
    "destructive catastrophic sends_secret pipe_to_shell reverse_shell backdoor obfuscated privileged guard_tamper"
    " git_force git_protected dry_run network outside hides_tracks remote_changed other_checkout".split()
)
"""Warning signs that evaluation may raise."""


class Ledger:
    """One command's findings. Several evaluations of the same command (possible worlds) write into one ledger."""

    def __init__(self) -> None:
        self.effects: dict[tuple[Verb, str, Place], Effect] = {}
        self.programs: dict[str, None] = {}
        self.hosts: dict[str, None] = {}
        self.remotes: dict[str, None] = {}
        self.packages: dict[str, None] = {}
        self.signs: set[str] = set()
        self.contents: set[Content] = set()
        self.parse = Parse.FULL
        self.full = False
        self._least = 0  # rank below which no effect is left to give way
        self.whole = True
        """Whether all that runs was followed to its end."""
        self.simple: list[tuple[str, ...]] = []
        self.inner: list[str] = []
        self.decorated = False
        self.containers: set[str] = set()
        """Names of the containers that this very command started."""

    def add(
        self,
        verb: Verb,
        target: str = "",
        place: Place = Place.NONE,
        sentence: str = "",
        span: Span = (0, 0),
        severity: Severity | None = None,
        *,
        reversible: bool = True,
        recursive: bool = False,
        aim: str = "",
    ) -> None:
        """Note an effect; the worse of two equal ones stays."""
        key = _key(verb, target, place, sentence, aim)
        grade = severity or SEVERITY.get(verb, Severity.LOW)
        known = self.effects.get(key)
        if known is not None:
            if RANK[known.severity] >= RANK[grade] and (known.recursive or not recursive):
                return
            recursive = recursive or known.recursive
            reversible = reversible and known.reversible
            if RANK[known.severity] > RANK[grade]:
                grade, sentence = known.severity, known.sentence
        elif len(self.effects) >= _MOST:
            self.full = True
            self.lower(Parse.OPAQUE)
            if not self._gives_way(grade):
                return
        self.effects[key] = Effect(verb, target, place, sentence, span, grade, reversible, recursive, aim=aim)

    def adopt(self, effect: Effect) -> None:
        """Note an effect that was found and worded elsewhere; the worse of two equal ones stays."""
        key = _key(effect.verb, effect.target, effect.place, effect.sentence, effect.aim)
        known = self.effects.get(key)
        if known is None and len(self.effects) >= _MOST:
            self.lower(Parse.OPAQUE)
            if self._gives_way(effect.severity):
                self.effects[key] = effect
        elif known is None or RANK[known.severity] < RANK[effect.severity]:
            self.effects[key] = effect

    def _gives_way(self, grade: Severity) -> bool:
        """Whether a lesser effect was dropped to make room for one of this grade: the worst of very many are told."""
        rank = RANK[grade]
        if rank <= self._least:
            return False
        for key, effect in self.effects.items():
            if RANK[effect.severity] < rank:
                del self.effects[key]
                return True
        self._least = rank
        return False

    def sign(self, *names: str) -> None:
        """Raise warning signs."""
        self.signs.update(names)

    def lower(self, parse: Parse) -> None:
        """Say that no more than `parse` was understood."""
        if _PARSE_RANK[parse] > _PARSE_RANK[self.parse]:
            self.parse = parse

    def opaque(self, sentence: str, span: Span) -> None:
        """Something runs that could not be understood."""
        self.lower(Parse.OPAQUE)
        self.add(Verb.OPAQUE, "", Place.NONE, sentence, span)

    def lost(self, sentence: str, span: Span) -> None:
        """Something runs that is longer, deeper or stranger than leash follows: it may do anything, in a script too."""
        self.whole = False
        self.opaque(sentence, span)

    def has(self, *verbs: Verb) -> bool:
        """Whether an effect with one of these verbs was found."""
        return any(verb in verbs for verb, _, _ in self.effects)


def _key(verb: Verb, target: str, place: Place, sentence: str, aim: str) -> tuple[Verb, str, Place]:
    """What makes two effects one."""
    named = target or (sentence if verb in _TOLD else "")
    return (verb, f"{named}\0{aim}" if aim else named, place)
