"""Which edits, names and commits that git would throw away or put another in place of are the session's own.

Knows where git keeps branches and commits, and what this very command did before. Refuses to judge. Invariant: what a
command only says it makes counts where each program is judged again as it starts; else what lies there decides.
"""

from __future__ import annotations

import re

from leashtui.classify.call import Call
from leashtui.classify.places import is_within
from leashtui.classify.values import Word, is_fixed
from leashtui.model.facts import Place

_ELSEWHERE = ("--git-dir", "--work-tree", "--namespace", "--config-env", "--bare")
_VARIABLES = frozenset(("GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_NAMESPACE", "GIT_OBJECT_DIRECTORY"))
_DEPTH = 32


def _is_plain(call: Call) -> bool:
    """Whether git finds its repository by where it is started."""
    given = {name for name, _ in call.env} | {name for name in _VARIABLES if name in call.state.vars}
    return not given & _VARIABLES and not any(word.startswith(_ELSEWHERE) for word in call.words[1:])


def _repository(call: Call) -> str:
    """The folder that git keeps for the repository a command is about, '' where that is not in the workspace."""
    root, folder = call.machine.setting.workspace.root, call.state.cwd
    for _ in range(_DEPTH if _is_plain(call) and is_fixed(folder) else 0):
        if not is_within(folder, root):
            break
        if call.machine.setting.probe.exists(f"{folder}/.git"):
            return f"{folder}/.git"
        folder = folder.rpartition("/")[0]
    return ""


def are_own_edits(call: Call, paths: list[Word]) -> bool:
    """Whether each is a file that this session changed, so that undo has what it held before and holds now."""
    setting = call.machine.setting
    for word in paths if _is_plain(call) else ():
        path = call.path(word)
        if not is_fixed(path) or call.place(word) not in (Place.SOURCE, Place.GENERATED):
            return False
        here = path in call.state.files and setting.bounds.files and setting.probe.tracked(path) is True
        if not (here or setting.probe.edited(path)):
            return False
    return bool(paths) and _is_plain(call)


def is_own_name(call: Call, ref: str) -> bool:
    """Whether a branch or tag (`refs/heads/x`) was made in this session, by this very command or before."""
    setting, probe, folder = call.machine.setting, call.machine.setting.probe, _repository(call)
    place = f"{folder}/{ref}"
    if not folder or not is_fixed(place) or "/../" in place:
        return False
    if f" {ref}\n" in (probe.read_text(f"{folder}/packed-refs") or ""):
        return False
    if probe.exists(place):
        return probe.made(place)
    here = setting.bounds.files and call.state.vars.get(f"git ref {ref}") is not None
    return here and probe.exists(place) is False


def names(call: Call, ref: str) -> None:
    """A branch or tag is made by this command."""
    call.state.assign(f"git ref {ref}", Word(ref))


def commits(call: Call) -> None:
    """A commit is made by this command."""
    call.state.assign("git commit", Word("made"))


def is_own_commit(call: Call) -> bool:
    """Whether the commit that is checked out was made in this session."""
    probe, folder = call.machine.setting.probe, _repository(call)
    if not folder:
        return False
    if call.machine.setting.bounds.files and call.state.vars.get("git commit") is not None:
        return True
    head = (probe.read_text(f"{folder}/HEAD") or "").strip()
    if head.startswith("ref: "):
        head = (probe.read_text(f"{folder}/{head[5:]}") or "").strip()
    place = f"{folder}/objects/{head[:2]}/{head[2:]}"
    return re.fullmatch(r"[0-9a-f]{40,64}", head) is not None and probe.exists(place) is True and probe.made(place)
