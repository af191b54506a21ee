"""git's everyday subcommands: which of them lose work, rewrite history, show secrets or change what a remote means.

Knows what git keeps (commits, the index) and what it throws away (edits, untracked files). Refuses to know settings and
pushes (`git` does). Invariant: whatever git could not give back is discarded work, however the subcommand is spelled.
"""

from __future__ import annotations

import re

from leashtui.classify.call import Call, host_of
from leashtui.classify.handlers.git import VALUED, clone, run_text, subcommand
from leashtui.classify.handlers.gitown import (
    are_own_commits,
    are_own_edits,
    commits,
    is_all_own,
    is_own_address,
    is_own_commit,
    is_own_name,
    is_own_remote_name,
    makes_tree,
    names,
    stashes,
)
from leashtui.classify.handlers.pinned import judge_checkout, renamed
from leashtui.classify.indirection import indirect
from leashtui.classify.options import Options
from leashtui.classify.patterns import lazy
from leashtui.classify.places import is_within
from leashtui.classify.plumbing import is_local
from leashtui.classify.spec import Spec
from leashtui.classify.touch import judge_path
from leashtui.classify.values import UNKNOWN, Stream, Taint, Word, bare, is_pattern, show
from leashtui.model.facts import Place, Severity, Verb

_NAMED_FILE = lazy(r"[\w.*?\[\]-]*[\w*]\.[A-Za-z]\w{0,5}$|.*/$|.*[*?\[]")
_BLOB = lazy(r"^[^:\s]*:(?!/{2})(?:\./|/)?(.+)$")
_HOOKED = frozenset(("commit", "merge", "push", "am", "rebase", "cherry-pick", "revert"))


def work(call: Call, spec: Spec, options: Options) -> Stream | None:
    """Subcommands that change the work tree, the index or local refs."""
    sub, words = subcommand(call)
    if options.has("--abort", "--continue", "--skip", "--quit", "--edit-todo", "--show-current-patch"):
        return None
    judge = _JUDGES.get(sub)
    if judge is not None:
        judge(call, options, words)
    if sub in _RECORDS:
        folder = next((v for n, v in reversed(_before(call)) if n == "--git-dir"), None)
        judge_checkout(call, sub, call.state.cwd if folder is None else call.path(folder))
    run_text(call, spec, options)
    if sub in _HOOKED and options.has("--no-verify") or sub == "commit" and "-n" in options.given:
        call.add(Verb.EXEC, sub, f"skips the project's hooks at git {sub}")
    return None


_RECORDS = frozenset("commit merge cherry-pick revert am rebase reset".split())


def _before(call: Call) -> list[tuple[str, Word]]:
    """Options before the subcommand, with their values."""
    found: list[tuple[str, Word]] = []
    former = ""
    for word in call.words[1:]:
        name, sign, value = word.partition("=")
        if former:
            found.append((former, word))
            former = ""
        elif not word.startswith("-"):
            break
        elif sign:
            found.append((name, Word(value, word.taint)))
        elif word in VALUED:
            former = str(word)
    return found


def _discards(call: Call, what: str) -> None:
    call.sign("destructive")
    call.add(Verb.DISCARD_WORK, what, f"throws away {what}", Severity.HIGH, lost=True)


def _rewrites(call: Call, what: str) -> None:
    call.add(Verb.HISTORY_REWRITE, what, what, Severity.HIGH)


_FORCED = lazy(r"-(?![a-zA-Z]*[bB][a-zA-Z]*f)[a-zA-Z]*f[a-zA-Z]*")


def _checkout(call: Call, options: Options, words: list[Word]) -> None:
    paths = _paths_after(words)
    for path in paths:
        judge_path(call.machine, call.state, path, call.span)
    _makes_branch(call, options.all("-B"))
    for name in options.all("-b"):
        names(call, f"refs/heads/{name}")
    forced = any(_FORCED.fullmatch(w) for w in words if w not in paths)  # -tf: -t takes a value elsewhere
    if forced or options.has("-f", "--force", "--discard-changes"):
        at = bool(paths) and _are_own_at(call, options.args, paths)
        if not at and (paths or len(options.args) != 1 or not is_all_own(call, str(options.args[0]))):
            _discards(call, "uncommitted edits")
    elif options.has("--pathspec-from-file"):
        _discards(call, "uncommitted edits of listed files")
    elif options.has("-b", "-B", "--orphan", "--detach", "--ours", "--theirs", "-p", "--patch"):
        return
    elif paths or any(_is_path(call, w) for w in options.args):
        named = paths or [w for w in options.args if _is_path(call, w)]
        for path in named:
            _changes(call, path)
        if not are_own_edits(call, named) and not _are_own_at(call, options.args, paths):
            _discards(call, f"uncommitted edits of {show(' '.join(paths or options.args))[:80]}")


def _are_own_at(call: Call, args: list[Word], paths: list[Word]) -> bool:
    """Whether nobody else's edit is lost where `git checkout` has the files of a revision, if one is named, at paths.

    paths: those after `--`; without it the first of several words that is no file's name may be a revision.
    """
    if paths:
        others = args[: len(args) - len(paths)]
        return len(others) < 2 and is_all_own(call, str(others[0]) if others else "HEAD", *paths)
    if len(args) > 1 and not call.machine.setting.probe.exists(call.path(args[0])):
        return is_all_own(call, str(args[0]), *args[1:])
    return bool(args) and is_all_own(call, "HEAD", *args)


def _changes(call: Call, path: Word) -> None:
    """What git changes in the work tree, and can give back."""
    where = call.path(path)
    if where and call.place(path) is Place.SOURCE:
        call.add(Verb.WRITE, where, f"changes {show(path)}", Severity.LOW, place=Place.SOURCE)


def _paths_after(words: list[Word]) -> list[Word]:
    return words[words.index(Word("--")) + 1 :] if "--" in words else []


def _is_path(call: Call, word: Word) -> bool:
    """Whether an argument of checkout is a path rather than a branch."""
    if word in (".", "./", "..", ":/", "*") or is_pattern(word):
        return True
    if _NAMED_FILE.fullmatch(bare(word).rpartition("/")[2] or "/") and not re.fullmatch(r"v?\d+(\.\d+)*", word):
        return True
    path = call.path(word)
    return bool(path) and UNKNOWN not in path and call.machine.setting.probe.tracked(path) is True


def _makes_branch(call: Call, names: list[Word]) -> None:
    """A branch that is made by force: one of that name already is moved."""
    for name in names:
        if _is_branch(call, name):
            _rewrites(call, f"moves the branch {show(name)}")


def _switch(call: Call, options: Options, words: list[Word]) -> None:
    for name in options.all("-c", "--create"):
        names(call, f"refs/heads/{name}")
    _makes_branch(call, options.all("-C", "--force-create"))
    if options.has("-f", "--force", "--discard-changes"):
        _discards(call, "uncommitted edits")


def _restore(call: Call, options: Options, words: list[Word]) -> None:
    for path in options.args:
        judge_path(call.machine, call.state, path, call.span)
    both = any(re.fullmatch(r"-[a-zA-Z]*W[a-zA-Z]*", w) for w in words)  # -S takes a value elsewhere: -SW
    if (
        options.has("--staged", "-S")
        and not options.has("--worktree", "-W")
        and not both
        or options.has("-p", "--patch")
    ):
        return
    for path in options.args:
        _changes(call, path)
    sources = options.all("-s", "--source") or [Word("HEAD")]
    plain = len(sources) == 1 and bool(options.args) and is_all_own(call, str(sources[0]), *options.args)
    if not (plain or (not both and are_own_edits(call, options.args))):
        _discards(call, f"uncommitted edits of {show(' '.join(options.args))[:80] or 'files'}")


def _reset(call: Call, options: Options, words: list[Word]) -> None:
    target = str(options.args[0]) if options.args else "HEAD"
    own = len(options.args) < 2 and "--" not in words and is_all_own(call, target) and are_own_commits(call, target)
    if options.has("--hard", "--merge") and not own:
        moves = target not in ("HEAD", "@")
        _discards(call, f"uncommitted edits{', and commits the branch then no longer holds' if moves else ''}")


def _rm(call: Call, options: Options, words: list[Word]) -> None:
    for path in options.args:
        judge_path(call.machine, call.state, path, call.span)
        if not options.has("--cached"):
            _changes(call, path)
    if options.has("-f", "--force") and not options.has("--cached"):
        if not options.args or not is_all_own(call, "HEAD", *options.args):
            _discards(call, f"uncommitted edits of {show(' '.join(options.args))[:80]}")
    elif (
        options.has("-r")
        and any(w in (".", "./", "*", ":/") or is_pattern(w) and w.strip("*./\x00") == "" for w in options.args)
        and not options.has("--cached")
    ):
        _discards(call, "every tracked file")


def _branch(call: Call, options: Options, words: list[Word]) -> None:
    if options.has("-D") or options.has("-d", "--delete") and options.has("-f", "--force"):
        if options.args and all(is_own_name(call, f"refs/heads/{name}") for name in options.args):
            return
        _rewrites(call, f"drops the branch {show(' '.join(options.args))[:60]} even when it was not merged")
    elif options.has("-f", "--force", "-C") and options.args:
        name = options.args[-1] if options.has("-C") else options.args[0]
        if _is_branch(call, name) or not _knows_branches(call):  # `git worktree add -B` makes a new one so
            _rewrites(call, f"moves the branch {show(name)}")
    elif options.has("-M") and options.args and _is_branch(call, options.args[-1]):
        _rewrites(call, f"puts another branch in the place of {show(options.args[-1])}")
    elif options.args and not options.given:
        names(call, f"refs/heads/{options.args[0]}")


def _is_branch(call: Call, name: str) -> bool:
    """Whether there is a branch of that name already."""
    setting = call.machine.setting
    folder = f"{setting.workspace.root}/.git"
    packed = setting.probe.read_text(f"{folder}/packed-refs") or ""
    return bool(setting.probe.exists(f"{folder}/refs/heads/{name}")) or f" refs/heads/{name}\n" in packed


def _knows_branches(call: Call) -> bool:
    """Whether the branches that are meant are those of the workspace, and are kept as files."""
    setting, root = call.machine.setting, call.machine.setting.workspace.root
    meant = ("-C", "--git-dir", "--work-tree", "--namespace")
    here = is_within(call.state.cwd, root) and not any(word.startswith(meant) for word in call.words)
    kept = setting.probe.exists(f"{root}/.git/HEAD") and not setting.probe.exists(f"{root}/.git/reftable")
    return here and bool(kept) and not any(name.startswith("GIT_") and "CONFIG" not in name for name, _ in call.env)


def _symbolic(call: Call, options: Options, words: list[Word]) -> None:
    name = str(options.args[0]) if options.args else ""
    if name != "HEAD" and (len(options.args) > 1 or options.has("-d", "--delete")):
        _rewrites(call, f"makes {show(name)} another name for something else")


def _tag(call: Call, options: Options, words: list[Word]) -> None:
    if options.has("-d", "--delete"):
        if options.args and all(is_own_name(call, f"refs/tags/{name}") for name in options.args):
            return
        _rewrites(call, f"drops the tag {show(' '.join(options.args))[:60]}")
    elif options.has("-f", "--force"):
        _rewrites(call, f"moves the tag {show(' '.join(options.args))[:60]}")
    elif options.args and not options.has("-l", "--list", "-v", "--verify"):
        names(call, f"refs/tags/{options.args[0]}")


def _rebase(call: Call, options: Options, words: list[Word]) -> None:
    runs = any(word.startswith(("-x", "--e")) for word in words)  # what a rebase that stops may still run later
    if options.args and not runs and not options.has("--root") and len(options.args) < 3:
        tip = str(options.args[1]) if len(options.args) > 1 else "HEAD"
        if are_own_commits(call, str(options.args[0]), tip):
            return
    _rewrites(call, "rewrites the commits of this branch")


def _commit(call: Call, options: Options, words: list[Word]) -> None:
    if options.has("--dry-run", "--short", "--porcelain"):
        return
    if not options.has("--amend"):
        commits(call)
    elif not is_own_commit(call):
        _rewrites(call, "rewrites the last commit")
    for file in options.all("-F", "--file", "-t", "--template"):
        if file != "-":
            call.read(file)


def _gc(call: Call, options: Options, words: list[Word]) -> None:
    if any(re.match(r"--p[rune]*=(now|all|\d)", w) for w in words):
        what = "drops commits that no branch holds, which no one can bring back"
        call.add(Verb.HISTORY_REWRITE, what, what, Severity.HIGH, lost=True)


def _fetch(call: Call, options: Options, words: list[Word]) -> None:
    for word in options.args[:1]:
        if "://" in word or word.startswith("ext::") or re.match(r"[\w.-]+@[\w.-]+:", word):
            _from_address(call, options, word)
    for value in options.all("--upload-pack"):
        if value != "git-upload-pack":
            indirect(call, value)
    forced = options.has("-f", "--force")
    if any(":" in w and "://" not in w and (forced or w.startswith("+")) for w in options.args[1:]):
        _rewrites(call, "moves local branches to what a remote holds")
    if options.has("--force") and "pull" in call.words:
        _discards(call, "local commits that the remote does not have")


def _from_address(call: Call, options: Options, word: Word) -> None:
    clone(call, Spec(), options)
    if "pull" in call.words and not is_local(host_of(word)):
        call.add(
            Verb.REMOTE_CHANGE, show(word), f"merges from {show(word)[:80]}, a remote the project does not declare"
        )


def _stash(call: Call, options: Options, words: list[Word]) -> None:
    """Stashing keeps work; `drop` and `clear` have a table of their own."""
    if not words or words[0] in ("push", "save") or words[0].startswith("-"):
        stashes(call)
    elif words[0] == "apply":
        call.machine.does.add("unstash")
    elif words[0] == "store" and "stash" not in call.machine.does:
        call.machine.does |= {"stash", "unstash"}  # of what lies in the work tree


def _worktree(call: Call, options: Options, words: list[Word]) -> None:
    if words[:1] == ["add"] and options.args:
        call.write(options.args[0], Stream(0, None), append=True, how="checks out a worktree in")
        makes_tree(call, options.args[0])


def _init(call: Call, options: Options, words: list[Word]) -> None:
    for value in options.all("--template"):
        call.run_file(value, "takes hooks from")
    if options.args:
        call.write(options.args[0], Stream(0, None), append=True, how="makes a repository in")


def _add(call: Call, options: Options, words: list[Word]) -> None:
    for word in options.args:
        if call.place(word) is Place.SECRET:
            call.add(
                Verb.SECRET_READ,
                call.path(word),
                f"puts {call.say(word)}, which holds secrets, into git",
                place=Place.SECRET,
            )


def _move(call: Call, options: Options, words: list[Word]) -> None:
    for path in options.args:
        judge_path(call.machine, call.state, path, call.span)
        _changes(call, path)
    if options.has("-f", "--force"):
        _discards(call, "the file that is overwritten")


def _submodule(call: Call, options: Options, words: list[Word]) -> None:
    if words[:1] in (["deinit"], ["update"]) and options.has("-f", "--force"):
        _discards(call, "edits in submodules")


def _patch(call: Call, options: Options, words: list[Word]) -> None:
    for path in options.args:
        call.read(path)
    if any(w.startswith("--unsafe") for w in words):
        call.add(Verb.WRITE, "", "may write outside the work tree", Severity.MEDIUM, place=Place.OUTSIDE)
    if call.stdin.taint & Taint.FETCHED:
        call.add(Verb.RUN_FETCHED, "patch", "applies a patch that came from the network, unseen")


def _replace(call: Call, options: Options, words: list[Word]) -> None:
    _rewrites(call, "makes git see other objects in place of the real ones")


_JUDGES = {
    "checkout": _checkout, "switch": _switch, "restore": _restore, "reset": _reset, "rm": _rm, "branch": _branch,
    "tag": _tag, "rebase": _rebase, "commit": _commit, "gc": _gc, "fetch": _fetch, "pull": _fetch, "stash": _stash,
    "worktree": _worktree, "init": _init, "add": _add, "stage": _add, "mv": _move, "submodule": _submodule,
    "apply": _patch, "am": _patch, "replace": _replace, "fast-import": _replace, "symbolic-ref": _symbolic,
}  # fmt: skip


_NAMES_ONLY = frozenset("ls-files check-ignore check-attr status rev-list name-rev".split())
"""They print names of files, never what is in them."""


def view(call: Call, spec: Spec, options: Options) -> Stream | None:
    """Subcommands that only show: unless what they show is a secret, or they start a program, or they are sent."""
    sub, words = subcommand(call)
    run_text(call, spec, options)
    for word in options.args:
        found = _BLOB.match(bare(word))
        name = Word(found.group(1), word.taint) if found is not None and "://" not in word else word
        if call.place(name) is Place.SECRET and sub not in _NAMES_ONLY:
            call.reads |= Taint.SECRET
            call.add(
                Verb.SECRET_READ, call.path(name), f"shows {call.say(name)}, which holds secrets", place=Place.SECRET
            )
    if sub == "diff" and "--no-index" in call.words:
        for word in options.args:
            call.read(word)
    if sub in ("ls-remote", "archive"):
        clone(call, spec, options)
    named = options.has("--name-only", "-l", "--files-with-matches", "--files-without-match")
    names = sub == "ls-files" or named and sub in ("diff", "grep", "show", "diff-tree")
    here = is_within(call.state.cwd, call.machine.setting.workspace.root) and not call.reads & Taint.SECRET
    if names and here and call.machine.piped_out:
        return Stream(0, f"./{UNKNOWN}\n")  # names of files below
    if sub == "rev-parse":
        return _folder_asked(call)
    if sub == "hash-object":
        for word in options.args:
            call.read(word)
    return Stream(call.taint() | Taint.LOCAL, None)


def _folder_asked(call: Call) -> Stream:
    """`git rev-parse --show-toplevel` and its kin: inside the workspace the answer is known."""
    root = call.machine.setting.workspace.root
    flags = {"--show-toplevel": root, "--git-dir": f"{root}/.git", "--git-common-dir": f"{root}/.git",
             "--absolute-git-dir": f"{root}/.git"}  # fmt: skip
    asked = [flags[w] for w in call.words if w in flags]
    if len(asked) == 1 and is_within(call.state.cwd, root) and not any(w.startswith("-C") for w in call.words):
        return Stream(Taint.LOCAL, asked[0] + "\n")
    return Stream(call.taint() | Taint.LOCAL, None)


def remote(call: Call, spec: Spec, options: Options) -> Stream | None:
    """git remote add, set-url, rename, remove: which remote a name means."""
    words = subcommand(call)[1]
    act = bare(words[0]) if words else ""
    if act in ("update", "prune", "set-head", "set-branches", "show", "get-url"):
        return None
    url = bare(options.args[1]) if len(options.args) > 1 else ""
    if url.startswith("ext::"):
        call.sign("obfuscated")
        call.shell(Word(url[5:].replace("% ", " ")))
    host = host_of(url) if "://" in url or "@" in url else ""
    if host and not is_local(host):
        call.ledger.hosts[host] = None
    name = show(options.args[0]) if options.args else ""
    if act in ("add", "set-url", "rename") and options.args:
        renamed(call, name=bare(options.args[1 if act == "rename" else 0]) if len(options.args) > 1 else "", url=url)
    if (act == "add" and is_own_address(call, url)) or (act in ("remove", "rm") and is_own_remote_name(call, name)):
        return None
    verbs = {"add": "adds the remote", "set-url": "changes where the remote", "rename": "renames the remote"}
    tail = f" leads: {show(url)}" if act == "set-url" else f", {show(url)}" if url else ""
    call.add(Verb.REMOTE_CHANGE, url or name, f"{verbs.get(act, 'removes the remote')} {name}{tail}")
    return None


HANDLERS = {"git_work": work, "git_show": view, "git_remote": remote}
"""See handlers/__init__.py."""
