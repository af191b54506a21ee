"""Where a path stands: resolved against what is known, followed through links, placed, and said in words.

Refuses to report effects. Invariant: a path that is not wholly known is never resolved to a guess.
"""

from __future__ import annotations

from leashtui.classify.machine import Machine
from leashtui.classify.places import parent_of, place_of, resolve
from leashtui.classify.state import State
from leashtui.classify.values import is_fixed, show
from leashtui.model.facts import Place


def target(machine: Machine, state: State, word: str) -> str:
    """The absolute path of a word, '' when unknown."""
    return resolve(word, state.cwd, machine.setting.home)


def place(machine: Machine, path: str) -> Place:
    """The class of an absolute path."""
    return place_of(path, machine.setting.workspace, machine.setting.home)


def really(machine: Machine, path: str, *, follow: bool) -> str:
    """Where a path leads once links are followed (the last one only when `follow`).

    Not for what the watcher saw: its paths are real, and a link that lies there now may be the very change.
    """
    if not path or not is_fixed(path) or machine.afterwards:
        return path
    if follow:
        return machine.setting.probe.real(path)
    folder = parent_of(path)
    real = machine.setting.probe.real(folder)
    return path if real == folder else real.rstrip("/") + "/" + path.rpartition("/")[2]


def short(machine: Machine, path: str) -> str:
    """A path as a person would say it: relative in the workspace, ~ in the home."""
    if not path:
        return "a path known only at run time"
    root, home = machine.setting.workspace.root, machine.setting.home
    if path == root:
        return "the whole workspace"
    if path.startswith(root + "/"):
        return show(path[len(root) + 1 :])
    if path == home:
        return "the home folder"
    return show("~" + path[len(home) :] if path.startswith(home + "/") else path)
