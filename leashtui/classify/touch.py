"""Turns 'this command reads, writes, deletes that path' into effects: resolved, placed, graded, in plain words.

Knows what places mean for people. Refuses to know which command did it. Invariant: a path is judged where it really
leads as far as the probe can tell, and an unknown path never counts as a harmless one.
"""

from __future__ import annotations

from leashtui.classify.content import judge_content
from leashtui.classify.lasting import judge_lasting
from leashtui.classify.ledger import Span
from leashtui.classify.machine import Machine
from leashtui.classify.owning import (
    is_in_own_folder,
    is_missing,
    is_new_dotenv,
    is_ours,
    is_own,
    is_own_secret,
    means_own,
    regenerable,
    wrote_out,
)
from leashtui.classify.patterns import lazy
from leashtui.classify.places import (
    START_UP,
    SYSTEM_DIRS,
    VITAL_FILES,
    covered_folder,
    is_disk,
    is_git_data,
    is_within,
    matches_top,
)
from leashtui.classify.secrets import has_secret_value
from leashtui.classify.standing import place, really, short, target
from leashtui.classify.state import State
from leashtui.classify.values import NOTHING, STAR, UNKNOWN, Stream, Taint, is_fixed, is_pattern, show
from leashtui.model.facts import Place, Severity, Verb
from leashtui.model.request import Mode

_WIDE = {Place.ROOT, Place.HOME}
_ANYWHERE = {Place.AGENT_CONFIG, Place.SECRET, Place.GUARD, Place.HOOK}
_ABOVE_GUARD = ("/.config", "/.local", "/.local/state", "/.local/share")
"""Folders of the home in which leash keeps its policy and its log."""
PICKED = ".picked"
"""Ends the pattern that stands for some of a folder's files, picked by something else than names."""
_OWN_PROC = lazy(
    r"/proc/(?:self|thread-self|4194305)/(?:task/\d+/)?(?:comm|oom_score_adj|oom_adj|coredump_filter|timerslack_ns)"
)
"""What each process may set of itself; a shell's own number is not known before it runs."""
_TODO = "/rebase-merge/git-rebase-todo"
_FOLDERS_WITH_SECRETS = ("/.config", "/.local/share", "/etc", "/root", "/var/lib", "/home")


def read(
    machine: Machine, state: State, word: str, span: Span, *, recursive: bool = False, look: bool = False
) -> Stream:
    """A file is read; gives what it holds. look: only names and sizes are read, never contents."""
    if not word or word == "-":
        return NOTHING
    path = target(machine, state, word)
    taint = getattr(word, "taint", 0) & ~Taint.LOCAL
    known = state.files.get(path) if path else None
    if known is not None:
        if known.taint & Taint.SECRET:
            machine.ledger.add(
                Verb.SECRET_READ, show(path), Place.SECRET, f"reads {short(machine, path)}, a copy of a secret", span
            )
        return known
    real = really(machine, path, follow=True)
    where = place(machine, path)
    if real != path and place(machine, real) is Place.SECRET:
        path, where = real, Place.SECRET
    if where is Place.NONE:
        name = path.rpartition("/")[2]
        return Stream(Taint.RANDOM if name.endswith("random") else 0, "" if name == "null" else None)
    _outside(machine, where, real)
    if look:
        machine.ledger.add(
            Verb.READ,
            show(path),
            Place.HOME if where is Place.SECRET else where,
            f"looks at {short(machine, path)}",
            span,
        )
        return Stream(Taint.LOCAL, None, show(path))
    if where is Place.SECRET and wrote_out(machine, path):
        where = Place.SOURCE
    secret = where is Place.SECRET or (recursive and word[:1] != UNKNOWN and _holds_secrets(path, machine))
    if secret:
        machine.ledger.add(
            Verb.SECRET_READ, show(path), Place.SECRET, f"reads {short(machine, path)}, which holds secrets", span
        )
        return Stream(Taint.SECRET | Taint.LOCAL, None, show(path))
    machine.ledger.add(Verb.READ, show(path), where, f"reads {short(machine, path)}", span, recursive=recursive)
    local = Taint.NONE if where is Place.PROC else Taint.LOCAL
    if where is Place.GUARD:
        local |= Taint.GUARD
    return Stream(taint | local, None, show(path))


def _holds_secrets(path: str, machine: Machine) -> bool:
    """Whether a whole folder is likely to hold secrets."""
    folder = covered_folder(path)
    home = machine.setting.home
    if folder in ("/", home, "/etc", "/root") or is_within(home, folder):
        return True
    return any(folder == home + tail for tail in ("/.config", "/.local/share", "/.local", "/Library"))


def _outside(machine: Machine, where: Place, path: str) -> None:
    """Say that a path lies outside the workspace, as its place tells, or itself where the place may be anywhere."""
    workspace = machine.setting.workspace
    if where in _ANYWHERE and is_fixed(path) and path.startswith("/"):
        if not any(is_within(path, folder) for folder in (workspace.root, *workspace.also)):
            machine.ledger.sign("outside")
    elif where in (
        Place.HOME,
        Place.SHELL_RC,
        Place.OUTSIDE,
        Place.SYSTEM,
        Place.ROOT,
        Place.DEVICE,
        Place.PROC,
        Place.TEMP,
    ):
        machine.ledger.sign("outside")


def write(
    machine: Machine,
    state: State,
    word: str,
    content: Stream,
    span: Span,
    *,
    append: bool = False,
    empties: bool = False,
    follow: bool = True,
    by_git: bool = False,
    how: str = "",
) -> None:
    """A file is created or overwritten with `content`. empties: its former content is replaced by nothing useful.

    how: in words, '' for the usual ones.
    """
    path = target(machine, state, word)
    if not path and not word:
        return
    if _OWN_PROC.fullmatch(path):
        machine.ledger.add(Verb.READ, show(path), Place.PROC, f"sets {path} of its own process", span)
        return
    if is_own(word, path):
        _own_program(machine, path, "overwrites", span)
    if path in machine.expander.later:
        machine.expander.feed(path, content)
        return
    if path in machine.channels and content.taint & Taint.SECRET and "network" in machine.ledger.signs:
        machine.ledger.sign("sends_secret")
    real = really(machine, path, follow=follow)
    where = place(machine, real) if real != path else place(machine, path)
    if where is Place.HOOK and by_git and not machine.afterwards and real.endswith(_TODO):
        where = Place.GIT  # what a rebase will do, written by git, whose words were judged; not by an editor
    elif where is Place.HOOK and real.endswith(_TODO):
        how = "rewrites what a rebase will run (`sed -i` with s/pick/squash/ or d is no question):"
    ledger = machine.ledger
    if where is Place.NONE:
        return
    if path and is_fixed(path):
        state.wrote(path, content, append=append)
        if where in (Place.TEMP, Place.SECRET) and not machine.afterwards:
            machine.setting.handiwork.wrote(path, state.files[path])
    _outside(machine, where, real)
    shown = short(machine, real)
    if is_disk(real) or real in ("/proc/sysrq-trigger", "/proc/sys/kernel/sysrq"):
        ledger.sign("catastrophic", "destructive")
        ledger.add(
            Verb.WRITE,
            show(real),
            Place.DEVICE,
            f"overwrites {real}, a device",
            span,
            Severity.CRITICAL,
            reversible=False,
        )
        return
    if not append and VITAL_FILES.fullmatch(real):
        ledger.sign("catastrophic", "destructive")
    if where is Place.GUARD:
        ledger.sign("guard_tamper")
    if where is Place.GIT and not by_git and is_git_data(real):
        ledger.sign("destructive")
    judge_lasting(machine, real, content, span)
    judge_content(machine, real, where, content, span)
    fresh = where is Place.SECRET and not content.taint & Taint.SECRET and real.rpartition("/")[2] not in START_UP
    if fresh and (is_new_dotenv(machine, real) or is_in_own_folder(machine, real)):
        ledger.add(Verb.WRITE, show(real), Place.SOURCE, f"makes {shown}, which was not there", span)
        return
    grade = Severity.LOW
    if where in (Place.HOME, Place.OUTSIDE, Place.UNKNOWN, Place.ROOT):
        grade = Severity.MEDIUM
    elif where not in (Place.SOURCE, Place.GENERATED, Place.TEMP, Place.WORKSPACE, Place.GIT, Place.LOCKFILE, Place.CI):
        grade = Severity.HIGH
    kept = where in (Place.SOURCE, Place.CI, Place.LOCKFILE, Place.HOOK, Place.AGENT_CONFIG, Place.SECRET)
    if empties and kept and not is_ours(machine, real, where):
        ledger.sign("destructive")
        ledger.add(Verb.TRUNCATE, show(real), where, f"empties {shown}", span, Severity.HIGH, reversible=False)
        return
    what = how or ("adds to" if append else "writes")
    if where is Place.UNKNOWN and machine.setting.mode is Mode.KERNEL and not word:
        return
    ledger.add(Verb.WRITE, show(real), where, f"{what} {shown}", span, grade)


def _own_program(machine: Machine, path: str, how: str, span: Span) -> None:
    machine.ledger.sign("guard_tamper")
    sentence = f"{how} what leash needs: {short(machine, path)}"
    machine.ledger.add(Verb.GUARD_TOUCH, show(path), Place.GUARD, sentence, span, Severity.CRITICAL)


def delete(
    machine: Machine,
    state: State,
    word: str,
    span: Span,
    *,
    recursive: bool = False,
    how: str = "removes",
    certain: bool = True,
) -> None:
    """A file or folder is removed. certain: false when only some of what it names goes (a filter)."""
    path = target(machine, state, word)
    if not path and not word:
        return
    ledger = machine.ledger
    if is_own(word, path):
        _own_program(machine, path, how, span)
    real = really(machine, path, follow=False)
    folder = covered_folder(real)
    whole = recursive or folder != real
    where = place(machine, folder if folder != real else real)
    shown = short(machine, real).removesuffix("/*" + PICKED)
    if where is Place.NONE:
        return
    _outside(machine, where, folder if folder != real else real)
    if (where is Place.ROOT or folder in SYSTEM_DIRS or (recursive and matches_top(real))) and whole | recursive:
        ledger.sign("catastrophic", "destructive")
        what = f"{how} {short(machine, folder)} with everything in it"
        ledger.add(
            Verb.DELETE,
            show(real),
            Place.ROOT if where is Place.ROOT else where,
            what,
            span,
            Severity.CRITICAL,
            reversible=False,
            recursive=True,
        )
        return
    if whole and folder in {machine.setting.home + f for f in _ABOVE_GUARD}:
        _own_program(machine, folder, how, span)
    if VITAL_FILES.fullmatch(real) or is_disk(real):
        ledger.sign("catastrophic", "destructive")
    if where is Place.GUARD:
        ledger.sign("guard_tamper")
    if where is Place.UNKNOWN and whole and machine.hollow and word.startswith(UNKNOWN + "/"):
        ledger.sign("catastrophic", "destructive")
        what = f"{how} everything in / when the variable is empty, and nothing here sets it"
        ledger.add(Verb.DELETE, show(real), where, what, span, Severity.CRITICAL, reversible=False, recursive=recursive)
        return
    if where is Place.UNKNOWN and machine.sees_files:
        return  # its program is judged by the names it is given, and what it removes by name
    if where is Place.UNKNOWN:
        tail = folder[folder.index(UNKNOWN) :].strip("/" + UNKNOWN + STAR) if UNKNOWN in folder else ""
        grade = Severity.HIGH
        ledger.sign("destructive")
        ledger.add(
            Verb.DELETE,
            show(real),
            where,
            f"{how} {shown if tail or real else 'something whose name is known only when it runs'}",
            span,
            grade,
            reversible=False,
            recursive=recursive,
        )
        return
    if is_ours(machine, real, where) or (where is Place.SECRET and is_own_secret(machine, real)):
        # a write, not a removal: what else may lie there when it comes to that is judged name by name
        where = Place.SOURCE if where is Place.SECRET else where
        whose = "which is not there" if machine.setting.probe.exists(real) is False else "which this session made"
        ledger.add(Verb.WRITE, show(real), where, f"{how} {shown}, {whose}", span)
        return
    if machine.is_ahead and (UNKNOWN in real or is_missing(machine, real)):
        return  # what lies there when its program starts is judged then
    if is_pattern(real) and means_own(machine, real, where):
        return  # its program is judged by the names that the pattern comes to
    if regenerable(machine, real, where):
        ledger.add(
            Verb.DELETE,
            show(real),
            where,
            f"{how} {shown}, which can be made again",
            span,
            Severity.LOW,
            recursive=recursive,
        )
        return
    if where is Place.TEMP and certain:
        ledger.add(Verb.DELETE, show(real), where, f"{how} {shown}", span, Severity.LOW, recursive=recursive)
        return
    ledger.sign("destructive")
    if where is Place.WORKSPACE and not whole:
        where = Place.SOURCE
    grade = Severity.CRITICAL if where in (Place.WORKSPACE, Place.GIT, Place.ROOT) and whole else Severity.HIGH
    inside = " with everything in it" if recursive and not is_pattern(real) else ""
    ledger.add(
        Verb.DELETE, show(real), where, f"{how} {shown}{inside}", span, grade, reversible=False, recursive=recursive
    )


def judge_path(machine: Machine, state: State, word: str, span: Span) -> None:
    """A tool that keeps versions puts another one in place: a write all the same, where it steers programs."""
    path = target(machine, state, word)
    where = place(machine, path)
    if where is Place.GUARD:
        machine.ledger.sign("guard_tamper")
    if where in (Place.GUARD, Place.HOOK, Place.AGENT_CONFIG):
        machine.ledger.add(Verb.WRITE, show(path), where, f"replaces {short(machine, path)}", span, Severity.HIGH)


def leaks(content: Stream) -> bool:
    """Whether data that leaves the machine holds a secret."""
    return bool(content.taint & Taint.SECRET) or has_secret_value(content.text or "")
