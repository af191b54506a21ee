"""Whether git works where the session began: the same remotes, the same repository, a branch that others build on.

Knows what was pinned when the session began, and what the repository says now. Refuses to judge. Invariant: where
nothing was pinned nothing is called changed.
"""

from __future__ import annotations

from leashtui.classify.call import Call
from leashtui.classify.patterns import lazy
from leashtui.classify.places import is_within
from leashtui.classify.values import UNKNOWN, Word, bare, show
from leashtui.model.facts import Place, Severity, Verb

_PROTECTED = lazy(
    r"^\+?(?:[^:]*:)?(?:refs/heads/)?(main|master|trunk|production|prod|release(?:[/-].*)?|stable|develop)$"
)
_HEAD = lazy(r"ref: refs/heads/(\S+)")
_ADDRESS = lazy(r"://|^[\w.-]+@[\w.-]+:|^[./~]")


def is_protected(call: Call, ref: str) -> bool:
    """Whether a refspec names a branch that others build on."""
    pins = call.machine.setting.workspace.pins
    name = ref.lstrip("+").rpartition(":")[2].removeprefix("refs/heads/")
    return _PROTECTED.match(ref) is not None or (pins is not None and name in pins.protected)


def current_branch(call: Call) -> str:
    """The branch that is checked out, '' when not known."""
    setting = call.machine.setting
    text = setting.probe.read_text(f"{setting.workspace.root}/.git/HEAD")
    found = _HEAD.match(text) if text else None
    if found is not None:
        return found.group(1)
    return setting.workspace.pins.branch if setting.workspace.pins is not None else ""


def renamed(call: Call, name: str, url: str) -> None:
    """A command of this very line lets a remote's name mean another address ('' none)."""
    call.state.assign(f"git remote {name}", Word(url))


def leads_elsewhere(call: Call, remote: str) -> str:
    """In words, how what is pushed to differs from what the remote was when the session began; '' when it does not."""
    pins = call.machine.setting.workspace.pins
    changed = call.state.vars.get(f"git remote {remote}")
    if changed is not None:
        return f"speaks to the remote {show(remote)}, which this very command changed"
    if pins is None or UNKNOWN in remote:
        return ""
    known = dict(pins.remotes)
    probe = call.machine.setting.probe
    now = probe.remote_address(remote)
    if _ADDRESS.search(remote):
        same = remote in known.values() if now is None else now in known.values()
        return "" if same else f"speaks to {show(remote)[:80]}, which is no remote of this session"
    if remote not in known:  # a remote that is not there now either is git's to refuse
        return f"speaks to the remote {show(remote)}, which was not there when the session began" if now else ""
    if now is not None and now != known[remote]:
        return f"speaks to the remote {show(remote)}, which led elsewhere when the session began ({known[remote][:80]})"
    return ""


def judge_checkout(call: Call, sub: str, folder: str) -> None:
    """Commits in a repository that is not the workspace's: somebody else's work."""
    workspace = call.machine.setting.workspace
    if not folder or any(is_within(folder, own) for own in (workspace.root, *workspace.also)):
        return
    where = call.place(Word(folder))
    call.sign("other_checkout")
    grade = Severity.LOW if where in (Place.TEMP, Place.GENERATED) else Severity.MEDIUM
    sentence = f"records a git {sub} in {call.say(Word(bare(folder)))}, which is not the workspace"
    call.add(Verb.WRITE, folder, sentence, grade, place=where)
