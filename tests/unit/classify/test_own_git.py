"""What git may throw away, write anew or forget without a question, because it is the session's own."""

from __future__ import annotations

import pytest
from judge import CWD, HOME, Files, judged_with, verdict
from own_repository import LOSES, OBJECT, ROOT, SEEN, Repository

from leashtui.classify.engine import Engine
from leashtui.classify.machine import Bounds
from leashtui.classify.probe import NoProbe
from leashtui.classify.workspace import Workspace
from leashtui.model.facts import Place, Verb
from leashtui.model.request import Action, Layer, Mode, Request


@pytest.mark.parametrize(
    ("own", "command", "control"),
    [
        (OBJECT, "git commit --amend --no-edit", "git -C lib commit --amend --no-edit"),
        (OBJECT, "git commit -qa --amend -m x", "GIT_DIR=lib/.git git commit --amend -m x"),
        (OBJECT, "cd src && git commit --amend -m x", "cd lib && git commit --amend -m x"),
        (OBJECT, "git commit --amend", "git --git-dir=lib/.git commit --amend"),
        (f"{ROOT}/refs/heads/x", "git branch -D x", "git branch -D x main"),
        (f"{ROOT}/refs/heads/x", "git branch -D x", "git -C ../other branch -D x"),
        (f"{ROOT}/refs/heads/packed", "git branch -d packed", "git branch -D packed"),
        (f"{ROOT}/refs/tags/v", "git tag -d v", "git tag -d w"),
        ("", "git switch -c y && git switch main && git branch -D y", "git switch main && git branch -D main"),
        ("", "git tag v && git tag -d v", "git tag -f v && git tag -d v"),
        ("", "git add . && git commit -m x && git commit --amend -m y", "git add . && git commit --amend -m y"),
    ],
)
def test_git_may_forget_what_the_session_made(own: str, command: str, control: str) -> None:
    engine = Engine(Workspace(CWD), HOME, "dev", Mode.KERNEL, Repository(own), bounds=SEEN)
    assert not LOSES & {e.verb for e in engine.text(command, CWD).effects}
    assert LOSES & {e.verb for e in engine.text(control, CWD).effects}
    if "packed" not in command:
        engine = Engine(Workspace(CWD), HOME, "dev", Mode.KERNEL, Repository())
        assert LOSES & {e.verb for e in engine.text(command, CWD).effects}


def _set(*settings: str) -> str:
    each = (pair.partition("=") for pair in settings)
    told = [f"GIT_CONFIG_KEY_{n}={key} GIT_CONFIG_VALUE_{n}={value}" for n, (key, _, value) in enumerate(each)]
    return " ".join((f"GIT_CONFIG_COUNT={len(settings)}", *told))


@pytest.mark.parametrize(
    ("around", "control"),
    [
        ("GIT_PAGER=cat GIT_CONFIG_NOSYSTEM=1 GIT_ASKPASS=", "GIT_CONFIG_GLOBAL=/home/dev/x"),
        ("GIT_SSL_CAINFO=", "GIT_COMMON_DIR=lib/.git"),
        (_set("credential.helper=", "core.fsmonitor=", "core.hooksPath="), _set("core.hooksPath=", "core.worktree=..")),
        (_set("core.sshCommand=", "core.pager=cat", "diff.external="), _set("core.pager=cat") + " GIT_CONFIG_COUNT=2"),
        (_set("sequence.editor=", "core.editor="), _set("core.fsmonitor=./all-is-well")),
        (_set("core.pager=cat"), "GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=core.pager"),
    ],
)
def test_settings_that_an_agent_switches_off_say_of_no_other_repository(around: str, control: str) -> None:
    engine = Engine(Workspace(CWD), HOME, "dev", Mode.KERNEL, Repository(OBJECT), bounds=SEEN)
    command = "git commit --amend --no-edit"
    for text in (f"{around} {command}", f"export {around}; {command}"):
        assert not LOSES & {e.verb for e in engine.text(text, CWD).effects}
    assert LOSES & {e.verb for e in engine.text(f"{control} {command}", CWD).effects}


@pytest.mark.parametrize(
    ("command", "control"),
    [
        ("git checkout src/app.py", "git checkout src/other.py"),
        ("git checkout -q -- src/app.py", "git checkout -q -- src/app.py notes.md"),
        ("git restore src/app.py", "git restore src"),
        ("git checkout HEAD~1 -- src/app.py", "git checkout -f"),
        ("cd src && git restore app.py", "git checkout ."),
        ("git restore src/app.py", "git --work-tree=/home/dev/other restore src/app.py"),
        ("git restore src/app.py", "git restore -SW src/app.py"),
        ("git restore src/app.py", "git restore 'src/*.py'"),
    ],
)
def test_git_may_take_back_what_the_session_changed(command: str, control: str) -> None:
    engine = Engine(Workspace(CWD), HOME, "dev", Mode.KERNEL, Repository(edited="src/app.py"))
    assert not LOSES & {e.verb for e in engine.text(command, CWD).effects}
    assert LOSES & {e.verb for e in engine.text(control, CWD).effects}
    blind = Engine(Workspace(CWD), HOME, "dev", Mode.KERNEL, Repository())
    assert LOSES & {e.verb for e in blind.text(command, CWD).effects}
    for bounds in (SEEN, Bounds()):
        engine = Engine(Workspace(CWD), HOME, "dev", Mode.KERNEL, Repository(), bounds=bounds)
        found = {e.verb for e in engine.text("echo x >> src/app.py; git checkout src/app.py", CWD).effects}
        assert bool(LOSES & found) is (bounds is not SEEN)


def test_a_branch_that_is_not_there_yet_is_not_moved() -> None:
    """Where the branches cannot be looked up, one of any name may be there."""
    kept = Files({".git/HEAD": "ref: refs/heads/main\n", ".git/refs/heads/main": "1\n"})
    for command, said in (
        ("git branch --force new HEAD~1", "allow"),
        ("git branch -f main HEAD~1", "ask"),
        ("cd ../other && git branch -f new HEAD~1", "ask"),
        ("git --git-dir=/srv/x.git branch -f new HEAD~1", "ask"),
        ("GIT_DIR=/srv/x.git git branch -f new HEAD~1", "ask"),
    ):
        assert judged_with(command, kept).decision.outcome.value == said, command
    assert verdict("git branch -f new HEAD~1") == "ask"


class Answers(Repository):
    """Says which questions about what is the session's own it answers with yes, and notes all."""

    def __init__(self, *own: str) -> None:
        super().__init__()
        self.yes = own
        self.asked: list[str] = []

    def are_own(self, question: str) -> bool:
        """See Probe."""
        self.asked.append(question.replace("\0", " "))
        return self.asked[-1] in self.yes


@pytest.mark.parametrize(
    ("command", "own"),
    [
        ("git reset --hard", ("edits HEAD", "commits HEAD --not HEAD")),
        ("git reset -q --hard HEAD~2", ("edits HEAD~2", "commits HEAD --not HEAD~2")),
        ("git checkout -f main", ("edits main",)),
        ("git checkout .", (f"edits HEAD {CWD}",)),
        ("git restore .", (f"edits HEAD {CWD}",)),
        ("git checkout -q -- src", (f"edits HEAD {CWD}/src",)),
        ("git --no-pager checkout HEAD~1 -- src notes.md", (f"edits HEAD~1 {CWD}/src {CWD}/notes.md",)),
        ("git checkout HEAD~1 .", (f"edits HEAD~1 {CWD}",)),
        ("git checkout rel.a .", (f"edits rel.a {CWD}",)),
        ("git restore -SW src", (f"edits HEAD {CWD}/src",)),
        ("git restore --staged --worktree -s v1 src", (f"edits v1 {CWD}/src",)),
        ("git rebase main", ("commits HEAD --not main",)),
        ("git rebase -q --onto v1 main x", ("commits x --not main",)),
        ("git clean -fd", (f"untracked {CWD}",)),
        ("git clean -fdx tmp y", (f"left {CWD}/tmp {CWD}/y",)),
        ("git clean -qfX", (f"left {CWD}",)),
        ("cd lib && git reset --hard && git clean -fdx && git branch -D x", (f"repository {CWD}/lib",)),
        ("git -c user.name=x -C lib reset --hard HEAD~1", (f"repository {CWD}/lib",)),
        ("git -C lib gc --prune=now", (f"repository {CWD}/lib",)),
        (
            "export GIT_CONFIG_PARAMETERS=\"'protocol.file.allow'='always' 'tag.x'='y'\"; git -C lib gc --prune=now",
            (f"repository {CWD}/lib",),
        ),
        ("git -C lib stash drop", (f"repository {CWD}/lib",)),
        ("git -C lib update-ref -d refs/heads/x", (f"repository {CWD}/lib",)),
    ],
)
def test_git_may_throw_away_what_is_the_sessions_own(command: str, own: tuple[str, ...]) -> None:
    for left_out in ("", *own):
        probe = Answers(*(question for question in own if question != left_out))
        engine = Engine(Workspace(CWD), HOME, "dev", Mode.KERNEL, probe, bounds=SEEN)
        found = engine.text(command, CWD)
        assert bool(LOSES & {e.verb for e in found.effects}) is bool(left_out), probe.asked
        assert left_out or not found.destructive


@pytest.mark.parametrize(
    "command",
    [
        "git clean -fd :/src", "git clean -fd 'n*'", "cd src && git clean -fd ':(top)'",
        "git -c core.worktree=.. clean -fd",
        "git -ccore.worktree=.. reset --hard", "GIT_CONFIG_COUNT=1 git clean -fd", "GIT_INDEX_FILE=x git reset --hard",
        "export GIT_WORK_TREE=/home/dev/other; git clean -fd", "git -c include.path=x reset --hard",
        "git reset --hard --recurse-submodules", "git checkout -f --recurse-submodules main",
        "git reset --merge HEAD~1 HEAD~2", "git clean -ffdx", "git clean -fd -e '!notes.md'",
        "git rebase", "git rebase --root", "git rebase a b c", "GIT_DIR=lib/.git git reset --hard",
        "git --git-dir=lib/.git clean -fd", "git --work-tree=/home/dev/other reset --hard",
        "cd /home/dev/other && git clean -fd", "git checkout a b -- src", "git checkout -- :/src", "git restore '*.py'",
        "git --icase-pathspecs clean -fd src", "git --icase-pathspecs checkout -- notes.md",
        "git restore --pathspec-from-file=x",
        "git --glob-pathspecs restore src", "git checkout -- ':(icase)notes.md'", "git worktree remove -f src",
        "git worktree remove -f tree", "git checkout --recurse-submodules -- lib",
        "git reflog expire --expire=now --all",
        "export GIT_CONFIG_PARAMETERS=\"'user.name'='x' 'core.worktree'='..'\"; git reset --hard",
        "git -C lib push -f origin main", "git gc --prune=now", "git update-ref -d refs/heads/main",
    ],
)  # fmt: skip
def test_what_is_not_clear_is_nobodys_own(command: str) -> None:
    class All(Answers):
        def are_own(self, question: str) -> bool:
            return not question.startswith("repository")

    found = Engine(Workspace(CWD), HOME, "dev", Mode.KERNEL, All(), bounds=SEEN).text(command, CWD)
    assert {*LOSES, Verb.REMOTE_CHANGE} & {e.verb for e in found.effects}


@pytest.mark.parametrize(
    ("command", "control"),
    [
        ("git init -q n && cd n && git reset --hard && git clean -fdx", "git reset --hard"),
        ("d=$(mktemp -d) && cd $d && git init -q && git branch -D main", "cd src && git branch -D main"),
        ('cd "$X" && git reset --hard', "cd src && git reset --hard"),
        ("git worktree add -b w tree && git worktree remove -f tree", "git worktree remove -f tree"),
        ("git stash && git restore .", "git stash list && git restore ."),
        ("git stash -q; git checkout -- notes.md", "git stash pop; git checkout -- notes.md"),
        (
            "git branch old && git branch -m old new && git branch -D new",
            "git branch -m main new && git branch -D packed",
        ),
    ],
)
def test_what_a_line_makes_yet_is_judged_when_git_starts(command: str, control: str) -> None:
    def loses(line: str, *, started: bool = False) -> bool:
        engine = Engine(Workspace(CWD), HOME, "dev", Mode.KERNEL, Repository(), bounds=SEEN)
        argv = ("bash", "-c", line) if not started else tuple(line.split())
        cwd = f"{CWD}/gone" if started else CWD
        request = Request(Action.PROCESS_EXEC, Layer.KERNEL, cwd, argv, exe=f"/usr/bin/{argv[0]}")
        return bool(LOSES & {e.verb for e in engine(request).effects})

    assert not loses(command)
    assert loses(control)
    told = Engine(Workspace(CWD), HOME, "dev", Mode.KERNEL, Repository(), bounds=SEEN)
    assert not LOSES & {e.verb for e in told.text(command, CWD).effects}
    assert LOSES & {e.verb for e in told.text(control, CWD).effects}
    for part in command.split(" && "):
        if part.startswith(("git reset", "git clean", "git branch -D")):
            assert loses(part, started=True)


@pytest.mark.parametrize("spoilt", ["", "made", ".git", "gitdir", "elsewhere"])
def test_a_work_tree_of_the_sessions_own_may_be_removed_by_force(spoilt: str) -> None:
    """The last part of a work tree's path names it too: a folder that is none may stand for the person's elsewhere."""
    tree = f"{CWD}/tree"
    probe = Repository(*() if spoilt == "made" else (tree,))
    kept = f"{ROOT}/worktrees/tree" if spoilt != "elsewhere" else "/home/dev/other/.git/worktrees/tree"
    probe.texts |= {f"{tree}/.git": f"gitdir: {kept}\n", f"{kept}/gitdir": f"{tree}/.git\n"}
    if spoilt == ".git":
        del probe.texts[f"{tree}/.git"]
    if spoilt == "gitdir":
        probe.texts[f"{kept}/gitdir"] = "/home/dev/other/tree/.git\n"
    engine = Engine(Workspace(CWD), HOME, "dev", Mode.KERNEL, probe, bounds=SEEN)
    found = engine.text("git worktree remove --force tree", CWD)
    assert bool(LOSES & {e.verb for e in found.effects}) is bool(spoilt)


@pytest.mark.parametrize("exe", ["/usr/bin/git", "/usr/bin/sed"])
def test_only_git_writes_down_what_a_rebase_will_do(exe: str) -> None:
    engine = Engine(Workspace(CWD), HOME, "dev", Mode.KERNEL, Repository(), bounds=SEEN)
    for name in ("rebase-merge/git-rebase-todo", "hooks/pre-commit"):
        request = Request(Action.FILE_WRITE, Layer.KERNEL, CWD, (exe,), exe=exe, path=f"{ROOT}/{name}")
        hooked = Place.HOOK in {e.place for e in engine(request).effects}
        assert hooked is (exe != "/usr/bin/git" or name != "rebase-merge/git-rebase-todo")
        seen = Request(Action.FILE_WRITE, Layer.WATCHER, CWD, (), path=f"{ROOT}/{name}")
        assert Place.HOOK in {e.place for e in engine(seen).effects}


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("git push origin :main", "deletes main on origin"),
        ("git push origin --delete one two", "deletes one two on origin"),
        ("git push origin main :old", "pushes main to origin and deletes old there"),
        ("git push --prune origin", "pushes the current branch to origin and deletes branches there that are not here"),
        ("git push -f origin main", "force-pushes main to origin"),
    ],
)
def test_what_a_push_deletes_is_named_as_a_person_would(command: str, said: str) -> None:
    engine = Engine(Workspace("/home/dev/proj"), "/home/dev", "dev", Mode.KERNEL, NoProbe())
    found = [e.sentence for e in engine.text(command, "/home/dev/proj").effects if e.verb is Verb.REMOTE_CHANGE]
    assert found == [said]


class Stashes(Repository):
    """own: the stashes, by their numbers, that hold nothing of anybody else's; "" for all of them."""

    def are_own(self, question: str) -> bool:
        """See Probe."""
        kind, _, which = question.partition("\0")
        return kind == "stash" and which in self.own


@pytest.mark.parametrize(
    ("own", "command", "control"),
    [
        ("0", "git stash drop", "git stash drop 1"),
        ("0", "git -c submodule.recurse=false stash drop --quiet 0", "git -c core.worktree=/x stash drop --quiet 0"),
        ("2", "git stash drop -q stash@{2}", "git stash drop -q 'stash@{yesterday}'"),
        ("0", "git stash drop", "git stash clear"),
        ("", "git stash clear", "git -C ../other stash clear"),
        ("", "git stash clear", "GIT_DIR=lib/.git git stash clear"),
        ("0", "git stash drop", "git stash drop --no-such 0"),
        ("0", "git stash drop", "git stash drop 0 1"),
    ],
)
def test_a_stash_may_be_dropped_whose_files_are_out_again(own: str, command: str, control: str) -> None:
    engine = Engine(Workspace(CWD), HOME, "dev", Mode.KERNEL, Stashes(own), bounds=SEEN)
    assert not LOSES & {e.verb for e in engine.text(command, CWD).effects}
    assert LOSES & {e.verb for e in engine.text(control, CWD).effects}
    engine = Engine(Workspace(CWD), HOME, "dev", Mode.KERNEL, Repository(), bounds=SEEN)
    assert LOSES & {e.verb for e in engine.text(command, CWD).effects}


def test_what_a_text_stashes_is_judged_when_git_drops_it() -> None:
    engine = Engine(Workspace(CWD), HOME, "dev", Mode.KERNEL, Repository(), bounds=SEEN)
    assert not LOSES & {e.verb for e in engine.text("git stash && git stash apply && git stash drop", CWD).effects}
    for line in (
        "git stash && git stash drop",
        "git stash apply; git stash; git stash drop",
        "git stash; git stash store HEAD; git stash clear",
    ):
        engine = Engine(Workspace(CWD), HOME, "dev", Mode.KERNEL, Repository(), bounds=SEEN)
        assert LOSES & {e.verb for e in engine.text(line, CWD).effects}, line
    request = Request(Action.PROCESS_EXEC, Layer.KERNEL, CWD, ("git", "stash", "drop"), exe="/usr/bin/git")
    assert LOSES & {e.verb for e in engine(request).effects}


def test_what_git_cleans_behind_a_stash_is_looked_for_in_it() -> None:
    class Kept(Repository):
        def are_own(self, question: str) -> bool:
            return question == "stashed"

    def loses(probe: NoProbe, line: str) -> bool:
        request = Request(
            Action.PROCESS_EXEC, Layer.KERNEL, CWD, tuple(line.split()), exe="/usr/bin/git", under_git=True
        )
        found = Engine(Workspace(CWD), HOME, "dev", Mode.KERNEL, probe, bounds=SEEN)(request)
        return bool(LOSES & {e.verb for e in found.effects})

    assert not loses(Kept(), "git clean --force --quiet -d :/")
    assert loses(Repository(), "git clean --force --quiet -d :/")
    assert loses(Kept(), "git clean --force --quiet -d -x :/")
    assert loses(Kept(), "git -C ../other clean --force --quiet -d :/")
