"""What policies close to readers: places that they name and would not let this agent read are covered when it starts.

Reads are not seen one by one; a policy about them would hold for commands that say what they read, and for no other
program. Knows the policies in force and what lies where they point. Refuses to decide: each place is asked about as the
read of a file there. Invariant: what a policy denies outright is never opened again in the session, whoever asks.
"""

from __future__ import annotations

import os
import posixpath
import stat
import sys
import sysconfig
from collections.abc import Callable, Iterable, Mapping, Sequence
from glob import glob

from msgspec import Struct

from leashtui.model.facts import Facts
from leashtui.model.request import Action, Layer, Request
from leashtui.model.verdict import Decision, Outcome, PolicyRef
from leashtui.policy.pdp import PDP
from leashtui.policy.spoken import sample

_MOST = 8
"""Places that are told one by one."""
_RUNTIME = (sys.base_prefix, sysconfig.get_path("stdlib"), *glob("/lib/*-linux-gnu"), "/lib64")
"""Where the programs and libraries lie that leash itself, and nearly everything else, is run by."""
_NEEDED = ("/usr", "/etc", "/tmp", "/var", "/run", "/dev", "/proc", "/sys", "/lib", "/bin", "/opt", sys.prefix)
Consult = Callable[[Request], tuple[Facts, Decision]]


class Closing(Struct, frozen=True):
    """place: as policies call it. path: real. policy: the one that closes it. asks: whether a person may open it for
    one act."""

    place: str
    path: str
    policy: PolicyRef
    asks: bool

    @property
    def words(self) -> str:
        """Which policy, and why."""
        return f"{self.policy.id}: {self.policy.reason}" if self.policy.reason else self.policy.id


def closings(pdp: PDP, consult: Consult) -> tuple[Closing, ...]:
    """The places that exist and may not be read as they please by what this agent starts."""
    found: dict[str, Closing] = {}
    for place in pdp.spoken.places(Action.FILE_READ):
        real = os.path.realpath(place[1])
        if not _lies_there(place[0], real):
            continue
        _, decision = consult(Request(Action.FILE_READ, Layer.HOOK, os.path.dirname(real), path=sample(place)))
        refs = [ref for ref in decision.policies if ref.id in pdp.spoken.names]
        if refs and decision.outcome in (Outcome.DENY, Outcome.ASK):
            found[real] = Closing(place[1], real, refs[0], decision.outcome is Outcome.ASK)
    return tuple(found.values())


def _lies_there(kind: str, path: str) -> bool:
    """Whether a folder, or a file that is no device, is there."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    if kind == "Dir":
        return stat.S_ISDIR(mode)
    return stat.S_ISREG(mode) or stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def misnamed(pdp: PDP) -> dict[str, str]:
    """Places that policies name as no act on a file does, each with the name that those have ('' for none): acts are
    judged by real paths."""
    places = [*pdp.spoken.places(Action.FILE_READ), *(place for found in pdp.named().values() for place in found)]
    found: dict[str, str] = {}
    for kind, path in places:
        bare, real = path.rstrip("/") or "/", os.path.realpath(path)
        if real != bare and (posixpath.normpath(bare) != bare or os.path.lexists(bare)):
            found[path] = real
        elif os.path.lexists(real) and os.path.isdir(real) is not (kind == "Dir"):
            found[path] = ""
    return found


def coverable(closed: Iterable[Closing], needed: Sequence[str]) -> list[str]:
    """The paths of those that can be covered: not what holds the system, or one of these, nor what leash runs by."""
    held = [os.path.realpath(path) + "/" for path in (*_NEEDED, *_RUNTIME, *needed) if path]
    own = os.path.realpath(sys.prefix) + "/"
    return [
        c.path
        for c in closed
        if not any(path.startswith(c.path.rstrip("/") + "/") for path in held) and not c.path.startswith(own)
    ]


def beneath(closed: Iterable[Closing], covered: Sequence[str]) -> list[Closing]:
    """Those over which a cover lies."""
    return [one for one in closed if any((one.path + "/").startswith(cover + "/") for cover in covered)]


def announced(
    closed: Sequence[Closing], covered: Sequence[str], notice: Callable[[str, str, str], None]
) -> Callable[[Iterable[Closing]], None]:
    """Say what is closed, and what of it to commands only; what is returned says what is closed from then on.

    notice: level, text and hint."""
    known = {one.path for one in closed}
    shut = beneath(closed, covered)
    for one in shut[: _MOST if len(shut) > _MOST + 1 else None]:
        hint = f"{one.words}; a person opens it for one act" if one.asks else one.words
        notice("info", f"{one.path} is closed in this session", hint)
    if len(shut) > _MOST + 1:
        notice("info", f"{len(shut) - _MOST} more places are closed in this session", "by policies that name them")
    for one in closed:
        if one not in shut:
            notice("warn", f"{one.path} is closed to commands that name it, not to all code", one.words)

    def later(now: Iterable[Closing]) -> None:
        for one in now:
            if one.path not in known:
                known.add(one.path)
                hint = "all code is kept from it in the next session"
                notice("info", f"{one.path} is closed to commands that name it: {one.words}", hint)

    return later


def told_of_names(names: Mapping[str, str], notice: Callable[[str, str, str], None]) -> None:
    """Say which places no act is judged by. names: see misnamed. notice: level, text and hint."""
    for path, real in list(names.items())[:_MOST]:
        if real:
            notice(
                "warn",
                f"a policy names {path}, which is {real}: what is done there is judged by that name",
                f"write {real}",
            )
        else:
            hint = 'a folder is Dir::"...", and a file is File::"..."'
            notice("warn", f"a policy names {path} as what it is not: it holds for nothing there", hint)
