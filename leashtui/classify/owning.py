"""Whose a path is: the session's own work, nobody's yet, or somebody's.

Knows what the guard of files remembers and what lies there now. Refuses to say what touching it would mean.
"""

from __future__ import annotations

from leashtui.classify.machine import Machine
from leashtui.classify.patterns import lazy
from leashtui.classify.places import TEMPS, is_within
from leashtui.classify.values import UNKNOWN, Taint, bare, is_fixed
from leashtui.model.facts import Place

_DOTENV = lazy(r"\.env(?:\.[\w.-]+)?$")


def is_ours(machine: Machine, path: str, where: Place) -> bool:
    """Whether what lies there is the session's own work, as far as the guard of its files knows."""
    own = where in (Place.SOURCE, Place.GENERATED, Place.CI, Place.LOCKFILE)
    return own and is_fixed(path) and machine.setting.probe.made(path)


def is_new_dotenv(machine: Machine, path: str) -> bool:
    """Whether a project's `.env` is made where there is none, or is of the session's making: nobody's secret."""
    name = path.rpartition("/")[2]
    if not is_fixed(path) or not _DOTENV.match(name) or not is_within(path, machine.setting.workspace.root):
        return False
    return machine.setting.probe.exists(path) is False or machine.setting.probe.made(path)


def is_own(word: str, path: str) -> bool:
    """Whether a word came out of looking for leash's program, or is where programs of that name stand."""
    folder, _, name = path.rpartition("/")
    found = getattr(word, "taint", 0) & Taint.GUARD
    return bool(found) or (folder.endswith("/bin") and name in ("leash", "leashtui", "leashd"))


def is_in_own_folder(machine: Machine, path: str) -> bool:
    """Whether a file that looks like a key would lie in a folder that the session made, with all that is in it."""
    folder, probe = path.rpartition("/")[0], machine.setting.probe
    tops = (machine.setting.workspace.root, *TEMPS, *machine.setting.workspace.temps)
    inside = is_fixed(path) and any(is_within(folder, top) and folder != top for top in tops)
    return inside and bool(probe.exists(folder)) and probe.made(folder)


def is_missing(machine: Machine, path: str) -> bool:
    """Whether nothing lies at a path outside the workspace; inside it that is the session's to make and remove."""
    within = is_within(path, machine.setting.workspace.root)
    return not within and is_fixed(path) and machine.setting.probe.exists(path) is False


def means_own(machine: Machine, path: str, where: Place) -> bool:
    """Whether a pattern stands for nothing yet, or for what the session made, in a text whose programs are judged."""
    folder, _, last = path.rpartition("/")
    if not machine.is_ahead or not is_fixed(folder) or UNKNOWN in last:
        return False
    names = machine.setting.probe.names(f"{folder}/{bare(last)}")
    return names is not None and all(is_ours(machine, name, where) for name in names)


def wrote_out(machine: Machine, path: str) -> bool:
    """Whether a file of the project holds what this session wrote out in a command: it tells it nothing new."""
    return is_within(path, machine.setting.workspace.root) and machine.setting.handiwork.is_known(
        path, machine.setting.probe
    )


def is_own_secret(machine: Machine, path: str) -> bool:
    """Whether a key or `.env` of the project was made by the session: to remove it takes nothing from anybody."""
    return is_fixed(path) and is_within(path, machine.setting.workspace.root) and machine.setting.probe.made(path)


def regenerable(machine: Machine, path: str, where: Place) -> bool:
    """Whether what is removed can be made again: its name says so, and git does not track it."""
    if where is not Place.GENERATED:
        return where is Place.HOME and path.startswith(machine.setting.workspace.settled)
    return not (is_fixed(path) and machine.setting.probe.tracked(path) is True)
