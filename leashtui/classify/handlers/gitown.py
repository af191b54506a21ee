"""Which edits, names and commits that git would throw away or put another in place of are the session's own.

Knows where git keeps branches and commits, and what this very command did before. Refuses to judge. Invariant: what a
command only says it makes counts where each program is judged again as it starts; else what lies there decides.
"""

from __future__ import annotations

import re

from leashtui.classify.call import Call
from leashtui.classify.patterns import lazy
from leashtui.classify.places import is_within
from leashtui.classify.values import Word, is_fixed
from leashtui.model.facts import Place

_ELSEWHERE = ("--git-dir", "--work-tree", "--namespace", "--config-env", "--bare")
_HARMLESS = lazy(
    r"GIT_(?:(?:AUTHOR|COMMITTER)_\w+|(?:SEQUENCE_)?EDITOR|PAGER|MERGE_AUTOEDIT|TERMINAL_PROMPT|OPTIONAL_LOCKS"
    r"|EXEC_PATH|REFLOG_ACTION|ASKPASS|SSH(?:_COMMAND)?|SSL_\w+|TRACE\w*|CONFIG_NOSYSTEM)"
)
"""Variables that change neither which repository is meant nor what belongs to it."""
_OFF = lazy(
    r"(?i)credential\.helper|core\.(?:fsmonitor|hookspath|sshcommand|pager|editor)|sequence\.editor|diff\.external"
)
"""Settings that an agent switches off by variables for the commands it runs."""
_NOTHING = ("", "cat", "true", "false")
_MOST = 16
"""Settings by variables that are looked at."""
_SETTING = lazy(
    r"(?i)(?:user|commit|tag|advice|color|init|protocol)\.|(?:core\.(?:pager|editor)|sequence\.editor)="
    r"|(?:submodule\.recurse|core\.quotepath)=(?:false|0|off|no)$"
)
_PARAMETERS = lazy(
    r"(?:'(?:(?:user|commit|tag|advice|color|init|protocol)\.[\w.-]+|(?:core|sequence)\.editor)'='[^']*' ?)+"
)
_ASIDE = lazy(r"-[pP]|--(?:no-pager|paginate|no-optional-locks|literal-pathspecs|no-advice|exec-path=.*)")
"""Options before the subcommand that change nothing of that; a path may mean others by what is not among them."""
_STASH = lazy(r"(?:(?:refs/)?stash@\{(\d{1,3})\}|(\d{1,3}))")
_MEANS_MORE = lazy(r"[*?\[\\]")
"""In a path that git is given: it stands for others."""
_DEPTH = 32


def _is_plain(call: Call) -> bool:
    """Whether git finds its repository, and what belongs to it, by where it is started and by its own settings."""
    given = [*call.env, *((name, word) for name, words in call.state.vars.items() for word in words)]
    given = [(name, value) for name, value in given if name.startswith("GIT_")]
    off = _switched_off(given)
    if any(name not in off and not _says_the_same(call, name, value) for name, value in given):
        return False
    former = ""
    for word in call.words[1:]:
        if former == "-c" and _SETTING.match(word) is None:
            return False
        if word.startswith(_ELSEWHERE) or (word.startswith("-c") and word != "-c" and not former):
            return False
        if not word.startswith("-") and former not in ("-c", "-C"):
            break
        if former not in ("-c", "-C") and word not in ("-c", "-C") and _ASIDE.fullmatch(word) is None:
            return False
        former = str(word) if former not in ("-c", "-C") else ""
    return not any(word.startswith(_ELSEWHERE) for word in call.words[1:])


def _says_the_same(call: Call, name: str, value: Word) -> bool:
    """Whether a variable changes nothing of that: git tells its own children where they are."""
    if name == "GIT_DIR":
        return call.path(value) == f"{call.state.cwd}/.git"
    if name == "GIT_CONFIG_PARAMETERS":  # what `-c` said to the git that starts this one
        return _PARAMETERS.fullmatch(value) is not None
    return _HARMLESS.fullmatch(name) is not None


def _switched_off(given: list[tuple[str, Word]]) -> set[str]:
    """The names of variables that set nothing but switch settings off; none where others are among them."""
    counts = {str(value) for name, value in given if name == "GIT_CONFIG_COUNT"}
    count = counts.pop() if len(counts) == 1 else ""
    if not count.isascii() or not count.isdigit() or int(count) > _MOST:
        return set()
    keys = {f"GIT_CONFIG_KEY_{at}" for at in range(int(count))}
    values = {f"GIT_CONFIG_VALUE_{at}" for at in range(int(count))}
    known = all(_OFF.fullmatch(value) for name, value in given if name in keys)
    nothing = all(is_fixed(value) and value in _NOTHING for name, value in given if name in values)
    whole = keys | values <= {name for name, _ in given}
    return {"GIT_CONFIG_COUNT", *keys, *values} if known and nothing and whole else set()


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


def is_own_repository(call: Call) -> bool:
    """Whether a command is about a repository that is the session's as a whole, or that this very text makes yet."""
    machine, folder = call.machine, call.state.cwd
    if not _is_plain(call) or not machine.setting.bounds.files:
        return False
    if not is_fixed(folder) or machine.setting.probe.exists(folder) is False:
        return machine.is_ahead
    for _ in range(_DEPTH):
        if machine.setting.probe.exists(f"{folder}/.git"):
            return _are_own(call, "repository", machine.setting.probe.real(folder))
        folder = folder.rpartition("/")[0]
        if not folder:
            break
    return False


def _are_own(call: Call, kind: str, *words: str) -> bool:
    return all(map(is_fixed, words)) and call.machine.setting.probe.are_own("\0".join((kind, *words)))


def _is_here(call: Call) -> bool:
    """Whether a command is about the workspace's repository."""
    return _repository(call) == f"{call.machine.setting.workspace.root}/.git"


def are_own_commits(call: Call, upstream: str, tip: str = "HEAD") -> bool:
    """Whether the session made all commits that one revision has and the other has not."""
    if call.machine.is_ahead and "commit" in call.machine.does:
        return True
    return _is_here(call) and _are_own(call, "commits", tip, "--not", upstream)


def is_all_own(call: Call, target: str, *paths: Word) -> bool:
    """Whether files become as a revision has them without an edit of anybody else's being lost. paths: only those."""
    if any(word.startswith(("--rec", "--pathspec-")) for word in call.words):
        return False  # submodules, whose files nobody looked at, or paths that are listed elsewhere
    if not _is_here(call):
        return False
    paths = () if paths == (":/",) else paths  # all of it
    if any(_means_more(path) or not call.path(path) for path in paths):
        return False
    if call.machine.is_ahead and "stash" in call.machine.does:
        return True
    return _are_own(call, "edits", target, *map(call.path, paths))


def _means_more(path: Word) -> bool:
    return path.startswith(":") or _MEANS_MORE.search(path) is not None


def are_own_leftovers(call: Call, words: list[Word]) -> bool:
    """Whether the session made all that `git clean` with these words would remove, in no repository of its own, or the
    newest stash holds it."""
    flags = [word for word in words if word.startswith("-") and word != "--"]
    short = "".join(word[1:] for word in flags if not word.startswith("--"))
    if "e" in short or short.count("f") + flags.count(Word("--force")) > 1 or any(f.startswith("--e") for f in flags):
        return False
    paths = [word for word in words if word not in flags and word != "--"]
    whole = paths == [":/"]  # as `git stash -u` cleans up behind itself
    if not whole and any(map(_means_more, paths)):
        return False
    places = [call.path(path) for path in paths] or [call.state.cwd]
    if whole:
        places = [call.machine.setting.workspace.root]
    kind = "left" if "x" in short or "X" in short else "untracked"
    if not _is_here(call) or not all(places):
        return False
    return _are_own(call, kind, *places) or (kind == "untracked" and _are_own(call, "stashed"))


def are_own_stashes(call: Call, words: list[Word]) -> bool:
    """Whether what `git stash drop` or `clear` forgets was put aside by the session and is in the work tree again, or
    was written anew there. words: those after `stash`."""
    named = [word for word in words[1:] if word not in ("-q", "--quiet")]
    found = _STASH.fullmatch(named[0]) if named else None
    if len(named) > 1 or (named and (found is None or words[0] != "drop")) or not _is_here(call):
        return False
    if call.machine.is_ahead and "stash" in call.machine.does:
        return "unstash" in call.machine.does  # else what is put aside only then is nowhere else
    number = (found[1] or found[2]) if found is not None else "0"
    return _are_own(call, "stash", number if words[0] == "drop" else "")


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
        branch = ref.partition("refs/heads/")[2]  # it may have had another name, with others' commits
        return probe.made(place) and (not branch or (_is_here(call) and _are_own(call, "branch", branch)))
    told = setting.bounds.files and call.state.vars.get(f"git ref {ref}") is not None
    return (told or call.machine.is_ahead) and probe.exists(place) is False


_PLAIN_WAY = lazy(r"[^:\s][^:\n]*")
"""An address that is a folder's path."""
_REMOTE = lazy(r'(?m)^\[remote "origin"\]\n(?:\t(?:fetch|tagopt) = [^\n]*\n)*?\turl = (/[^\n"\\]*)\n')


def is_own_remote(call: Call, remote: str) -> bool:
    """Whether what git pushes to is a repository in a folder that this session made, with nothing else of anybody's."""
    if not _is_plain(call):
        return False
    if not is_fixed(call.state.cwd) or call.machine.setting.probe.exists(call.state.cwd) is False:
        return call.machine.is_ahead
    address = _address(call, remote)
    if not address:
        return False
    return _is_own_bare(call, address)


def is_own_address(call: Call, address: str) -> bool:
    """Whether a remote's address is such a folder."""
    return is_fixed(address) and _PLAIN_WAY.fullmatch(address) is not None and _is_own_bare(call, call.path(address))


def is_own_source(call: Call, address: Word) -> bool:
    """Whether `git submodule add` takes over a repository of the session's making.

    Its way must be told in full: `./x` begins where the remote of the repository lies.
    """
    path = call.path(address) if address.startswith("/") and _PLAIN_WAY.fullmatch(address) else ""
    if not path or not is_fixed(path) or not is_within(path, call.machine.setting.workspace.root):
        return False
    if call.machine.setting.probe.exists(path) is False:
        return call.machine.is_ahead
    real = call.machine.setting.probe.real(path)
    return _are_own(call, "repository", real) or _are_own(call, "bare", real)


def _is_own_bare(call: Call, path: str) -> bool:
    """Whether a path is a bare repository of the session's making, or one that a text makes yet."""
    probe = call.machine.setting.probe
    real = probe.real(path) if path else ""
    if not real or probe.exists(real) is False:
        return bool(real) and call.machine.is_ahead
    return _are_own(call, "bare", real)


def _address(call: Call, remote: str) -> str:
    """The folder that a push goes to, '' where it is none or not known."""
    setting, root = call.machine.setting, call.machine.setting.workspace.root
    changed = call.state.vars.get(f"git remote {remote}")
    if changed is not None:
        told = str(changed[0]) if len(changed) == 1 else ""
    elif _is_here(call):
        told = setting.probe.remote_address(remote) or ""
    elif is_own_repository(call) and remote == "origin":
        config = setting.probe.read_text(f"{call.state.cwd}/.git/config") or ""
        found = _REMOTE.search(config) if config.count("url") == 1 and "nclude" not in config else None
        told = found[1] if found is not None else ""
    else:
        return ""
    if not is_fixed(told) or _PLAIN_WAY.fullmatch(told) is None:
        return ""
    return told if told.startswith("/") else call.path(Word(f"{root if _is_here(call) else call.state.cwd}/{told}"))


def is_own_tree(call: Call, words: list[Word]) -> bool:
    """Whether the work tree that `git worktree remove` is given was made in this session, with all that is in it."""
    paths = [word for word in words if not word.startswith("-")]
    if len(paths) != 1 or not _is_here(call):
        return False
    setting, path = call.machine.setting, call.path(paths[0])
    if not is_fixed(path) or not is_within(path, setting.workspace.root):
        return False
    told = call.state.vars.get(f"git worktree {path}") is not None
    if call.machine.is_ahead and told and setting.probe.exists(path) is False:
        return True
    kept = (setting.probe.read_text(f"{path}/.git") or "").partition("gitdir: ")[2].strip()
    below = kept.rpartition("/")[0] == f"{setting.workspace.root}/.git/worktrees"  # else another is meant by that name
    known = below and (setting.probe.read_text(f"{kept}/gitdir") or "").strip() == f"{path}/.git"
    return known and setting.probe.made(setting.probe.real(path))


def is_own_remote_name(call: Call, name: str) -> bool:
    """Whether a remote was not there when the session began."""
    pins = call.machine.setting.workspace.pins
    return _is_here(call) and pins is not None and is_fixed(name) and name not in dict(pins.remotes)


def makes_tree(call: Call, path: Word) -> None:
    """A work tree is made by this command."""
    call.state.assign(f"git worktree {call.path(path)}", path)


def stashes(call: Call) -> None:
    """Edits are put aside by this command: what is left then, git will be asked about when it starts."""
    call.state.assign("git stash", Word("made"))
    call.machine.does.add("stash")
    call.machine.does.discard("unstash")


def names(call: Call, ref: str) -> None:
    """A branch or tag is made by this command."""
    call.state.assign(f"git ref {ref}", Word(ref))


def commits(call: Call) -> None:
    """A commit is made by this command."""
    call.state.assign("git commit", Word("made"))
    call.machine.does.add("commit")


def is_own_commit(call: Call) -> bool:
    """Whether the commit that is checked out was made in this session."""
    probe, folder = call.machine.setting.probe, _repository(call)
    if not folder:
        return False
    told = call.machine.is_ahead and "commit" in call.machine.does
    if told or (call.machine.setting.bounds.files and call.state.vars.get("git commit") is not None):
        return True
    head = (probe.read_text(f"{folder}/HEAD") or "").strip()
    if head.startswith("ref: "):
        head = (probe.read_text(f"{folder}/{head[5:]}") or "").strip()
    place = f"{folder}/objects/{head[:2]}/{head[2:]}"
    return re.fullmatch(r"[0-9a-f]{40,64}", head) is not None and probe.exists(place) is True and probe.made(place)
