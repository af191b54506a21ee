"""Turns a ledger into Facts: sorts, decides what follows from what, and names what a grant may name.

Knows the fields of Facts. Refuses to look at commands again. Invariant: every field follows from the ledger alone.
"""

from __future__ import annotations

import shlex

from leashtui.classify.ledger import Ledger
from leashtui.classify.values import bare, is_fixed, show
from leashtui.model.facts import COMMITTED, Facts, Parse, Place, Verb
from leashtui.model.request import Mode

_OUTSIDE = frozenset(
    (
        Place.TEMP,
        Place.HOME,
        Place.SHELL_RC,
        Place.OUTSIDE,
        Place.SYSTEM,
        Place.ROOT,
        Place.DEVICE,
        Place.PROC,
        Place.UNKNOWN,
    )
)
_PREFIX = 4


def facts_of(ledger: Ledger, command: str, mode: Mode, hidden: tuple[str, ...], argv: tuple[str, ...] = ()) -> Facts:
    """The facts of one command. argv: its words, where `command` is made of them."""
    signs = ledger.signs
    effects = tuple(ledger.effects.values())
    if "hides_tracks" in signs and ("pipe_to_shell" in signs or ledger.has(Verb.RUN_FETCHED, Verb.NET_SEND)):
        signs.add("backdoor")
    reversible = all(e.reversible for e in effects)
    within = "outside" not in signs and not any(e.place in _OUTSIDE for e in effects)
    one = _one(ledger)
    return Facts(
        command=command,
        normalised="" if one == argv else _normalised(one, command),
        parse=ledger.parse,
        mode=mode,
        effects=effects,
        programs=tuple(sorted(show(p) for p in ledger.programs)),
        hosts=tuple(sorted(show(h) for h in ledger.hosts)),
        remotes=tuple(sorted(show(r) for r in ledger.remotes)),
        packages=tuple(sorted(show(p) for p in ledger.packages)),
        hidden=hidden,
        in_workspace=within,
        destructive="destructive" in signs or "catastrophic" in signs,
        recursive=any(e.recursive for e in effects),
        reversible=reversible,
        catastrophic="catastrophic" in signs,
        reads_secret=ledger.has(Verb.SECRET_READ),
        sends_secret="sends_secret" in signs,
        pipe_to_shell="pipe_to_shell" in signs,
        reverse_shell="reverse_shell" in signs,
        backdoor="backdoor" in signs,
        obfuscated="obfuscated" in signs,
        network="network" in signs or bool(ledger.hosts),
        privileged="privileged" in signs,
        guard_tamper="guard_tamper" in signs,
        git_force="git_force" in signs,
        git_protected="git_protected" in signs,
        dry_run="dry_run" in signs,
        grant_prefix=_prefix(ledger, one),
        undo=_undo(ledger, reversible=reversible, within=within),
        contents=tuple(sorted(ledger.contents)),
        remote_changed="remote_changed" in signs,
        other_checkout="other_checkout" in signs,
    )


def _one(ledger: Ledger) -> tuple[str, ...]:
    """The words of the only simple command, () when there are several or something hangs on it."""
    found = list(dict.fromkeys(ledger.simple))
    return found[0] if len(found) == 1 and not ledger.decorated else ()


def _normalised(words: tuple[str, ...], command: str) -> str:
    """What the command comes to, '' when that is the same."""
    if not words or not all(is_fixed(w) for w in words):
        return ""
    text = shlex.join(bare(w) for w in words)
    return "" if text == command else text


def _prefix(ledger: Ledger, words: tuple[str, ...]) -> tuple[str, ...]:
    """The words a grant may name: those before the first option, or all when that is the program alone.

    All as well where rights are raised or history is lost: what else such a program could be told is another matter
    each time.
    """
    if (
        not words
        or ledger.parse is not Parse.FULL
        or not ledger.signs.isdisjoint(("destructive", "wide"))
        or not all(is_fixed(w) for w in words)
    ):
        return ()
    if "privileged" in ledger.signs or ledger.has(Verb.PRIVILEGE, Verb.HISTORY_REWRITE):
        return tuple(str(word) for word in words)
    leading: list[str] = []
    for word in words:
        if word.startswith("-") or len(leading) == _PREFIX:
            break
        leading.append(str(word))
    return tuple(leading) if len(leading) > 1 else tuple(str(w) for w in words)


def _undo(ledger: Ledger, *, reversible: bool, within: bool) -> str:
    """What would make it good again, in words."""
    if not reversible:
        return "cannot be undone"
    if ledger.has(Verb.PACKAGE_ADD):
        return "remove the package again"
    if ledger.has(Verb.WRITE, Verb.TRUNCATE):
        written = {e.place for e in ledger.effects.values() if e.verb in (Verb.WRITE, Verb.TRUNCATE)}
        return COMMITTED if within and written.isdisjoint((Place.GIT, Place.HOOK)) else ""
    if ledger.has(Verb.DELETE):
        return "build it again"
    return ""
