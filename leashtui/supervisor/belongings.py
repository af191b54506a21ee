"""Whether what git would throw away, put aside or write anew is the session's own, all of it.

Knows where git keeps commits and settings, and asks git about its references and names, never about what files hold: a
repository could make it start programs then; such a file is read here. Refuses to judge. Invariant: what is not known,
or too much to look at, is somebody else's.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Callable, Sequence
from itertools import islice

Git = Callable[[Sequence[str]], str | None]
"""Runs one harmless command of git in the workspace: its words; what it printed, None when it failed."""
_REVISION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/@~^{}-]{0,200}")
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_ELSEWHERE = re.compile(r"(?im)worktree|denycurrentbranch|^\s*\[\s*include")
_WORKTREE = re.compile(rb"(?m)^\tworktree = ([^\n]*)$")
_ENTRY = re.compile(r"\d{6} ([0-9a-f]+) \d\t(.*)", re.S)
_TOLD = re.compile(r"  ctime: .*\n  mtime: (\d+):(\d+)\n  dev: \d+\tino: (\d+)\n.*\n  size: (\d+)\tflags: .*\n")
_OTHERWISE = ("info/grafts", "shallow", "refs/replace")
"""In a git directory: what makes git tell another history than its commits do."""
_COMMITS = 200
_STASHES = 10
_FILES = 5_000
_NAMES = 20_000
_SETTINGS = 64 * 1024
_LOOKED, _LARGE = 200, 4 << 20
"""Files that are compared with what git has, and the bytes of each; more count as edited."""


class Belongings:
    """root: the workspace. made, edited: see classify.probe.Probe."""

    def __init__(self, root: str, git: Git, made: Callable[[str], bool], edited: Callable[[str], bool]) -> None:
        self._root = root
        self._git = git
        self._made = made
        self._edited = edited

    def are_own(self, question: str) -> bool:
        """See classify.probe.Probe.are_own."""
        kind, *words = question.split("\0")
        if kind == "repository":
            return self._repository(words[0], os.path.join(words[0], ".git"))
        if kind == "bare":
            return self._repository(words[0], words[0])
        if not self._is_usual():
            return False
        if kind == "commits":
            return all(word == "--not" or _REVISION.fullmatch(word) for word in words) and self._commits(words)
        if kind == "branch":
            name = f"refs/heads/{words[0]}"
            return (
                self._commits((name, "--not", f"--exclude={name}", "--all")) if _REVISION.fullmatch(words[0]) else False
            )
        if kind in ("untracked", "left"):
            return self._untracked(words, ignored=kind == "left")
        if kind == "stash":
            return self._stashes(words[0])
        if kind == "stashed":
            return self._is_stashed()
        return kind == "edits" and self._edits(*words)

    def _repository(self, folder: str, kept: str) -> bool:
        """A folder with its repository, all made by the session, that keeps nothing elsewhere. kept: git's own."""
        try:
            if stat.S_ISREG(os.lstat(kept).st_mode):
                kept = self._module(kept)
            if not stat.S_ISDIR(os.lstat(kept).st_mode) or os.path.realpath(kept) != kept:
                return False
            with open(os.path.join(kept, "config"), "rb") as file:
                settings = file.read(_SETTINGS + 1)
        except (OSError, ValueError):
            return False
        if kept not in (folder, os.path.join(folder, ".git")):
            settings = _WORKTREE.sub(lambda m: b"" if _leads(kept, m[1], folder) else m[0], settings, count=1)
        alone = not any(
            os.path.lexists(os.path.join(kept, name)) for name in ("commondir", "gitdir", "config.worktree")
        )
        if not alone or len(settings) > _SETTINGS or _ELSEWHERE.search(settings.decode("latin-1")):
            return False
        if not self._made(folder) or not self._made(kept):
            return False
        paths = (os.path.join(place, name) for place, below, names in os.walk(kept) for name in (*below, *names))
        found = list(islice(paths, _NAMES))
        return len(found) < _NAMES and not any(map(os.path.islink, found))  # a link would lead to somebody else's

    def _module(self, link: str) -> str:
        """Where git keeps a submodule of the workspace, told by the file in its place. Raises OSError, ValueError."""
        with open(link, encoding="utf-8") as file:
            told = file.read(_SETTINGS).removeprefix("gitdir: ").rstrip("\n")
        kept = os.path.realpath(os.path.join(os.path.dirname(link), told))
        if not kept.startswith(os.path.join(self._root, ".git", "modules", "")):
            raise ValueError("kept elsewhere")
        return kept

    def _is_usual(self) -> bool:
        """Whether the workspace is a repository whose objects lie in it as files, with the history that they tell."""
        kept = os.path.join(self._root, ".git")
        objects = os.path.join(kept, "objects")
        if not os.path.isdir(objects) or os.path.realpath(objects) != objects:
            return False
        return not any(os.path.lexists(os.path.join(kept, name)) for name in _OTHERWISE) and not self._replaces()

    def _replaces(self) -> bool:
        """Whether one commit is shown in another's place; yes where git does not say."""
        return self._git(("for-each-ref", "--count=1", "refs/replace")) != ""

    def _commits(self, revisions: Sequence[str]) -> bool:
        said = self._git(("rev-list", f"--max-count={_COMMITS + 1}", *revisions, "--"))
        found = None if said is None else said.split()
        return found is not None and len(found) <= _COMMITS and all(map(self._is_own_commit, found))

    def _is_own_commit(self, name: str) -> bool:
        place = os.path.join(self._root, ".git", "objects", name[:2], name[2:])
        return _COMMIT.fullmatch(name) is not None and os.path.lexists(place) and self._made(place)

    def _untracked(self, paths: Sequence[str], *, ignored: bool) -> bool:
        """ignored: what git ignores too. The paths are absolute."""
        below = [os.path.relpath(path, self._root) for path in paths]
        if any(path.startswith("..") for path in below):
            return False
        standard = () if ignored else ("--exclude-standard",)
        said = self._git(("ls-files", "-z", "--others", *standard, "--", *(f":(literal){path}" for path in below)))
        found = None if said is None else [name for name in said.split("\0") if name]
        return found is not None and len(found) <= _FILES and all(self._is_own_file(name.rstrip("/")) for name in found)

    def _is_own_file(self, name: str) -> bool:
        return self._made(os.path.join(self._root, name))

    def _edits(self, target: str, *paths: str) -> bool:
        """Whatever is not as HEAD has it, or would be in the way of `target`: made or changed by this session, or held
        by the newest stash.

        paths: absolute, then only what lies there and below.
        """
        if not _REVISION.fullmatch(target):
            return False
        index, head, other = self._index(), self._tree("HEAD"), self._tree(target)
        if index is None or head is None or other is None or len(index) > _FILES:
            return False
        changed = {name for name in index.keys() | head.keys() if index.get(name, ("",))[0] != head.get(name)}
        changed |= {name for name, (_, stamp) in index.items() if stamp != self._stamp(name)}
        changed |= {name for name in other.keys() - index.keys() if os.path.lexists(os.path.join(self._root, name))}
        tops = [os.path.relpath(path, self._root) for path in paths]
        if any(top.startswith("..") for top in tops):
            return False
        meant = [name for name in changed if not tops or _is_below(name, tops)]
        left = [name for name in meant if not self._is_own_edit(name)]
        return not left or self._are_put_aside(left, index, head, other)

    def _stashes(self, which: str) -> bool:
        """Whether stashes of the session's hold nothing that is lost with them. which: one's number, '' for all."""
        if not which:
            if self._git(("for-each-ref", "--count=1", "refs/stash")) == "":
                return True
            said = self._git(("rev-list", "-g", f"--max-count={_STASHES + 1}", "refs/stash", "--"))
        else:
            said = self._git(("rev-parse", "--verify", "--quiet", f"refs/stash@{{{int(which)}}}^{{commit}}"))
        found = (said or "").split()
        return 0 < len(found) <= _STASHES and all(self._is_own_commit(name) and self._is_out(name) for name in found)

    def _are_put_aside(
        self, names: Sequence[str], index: dict[str, tuple[str, str]], head: dict[str, str], target: dict[str, str]
    ) -> bool:
        """Whether the newest stash holds what these files hold, and of the index what neither commit has."""
        files, staged = self._tree("refs/stash"), self._tree("refs/stash^2")
        if files is None or staged is None or len(names) > _LOOKED:
            return False
        for name in names:
            blob = index.get(name, ("",))[0]
            if blob and blob not in (files.get(name), staged.get(name), head.get(name), target.get(name)):
                return False
            there = os.path.lexists(os.path.join(self._root, name))
            if there and (name not in files or self._differs(name, files[name])):
                return False
        return True

    def _is_stashed(self) -> bool:
        """Whether the newest stash holds every untracked file byte for byte, but what git ignores."""
        kept = self._tree("refs/stash^3")
        said = self._git(("ls-files", "-z", "--others", "--exclude-standard"))
        found = None if said is None else [name for name in said.split("\0") if name]
        if kept is None or found is None or len(found) > _LOOKED:
            return False
        return all(name in kept and not self._differs(name, kept[name]) for name in found)

    def _is_out(self, stash: str) -> bool:
        """Whether each file that a stash holds otherwise than the commit it began from lies as it is there in the work
        tree, in the index or in HEAD, or the session wrote another in its place since."""
        said = self._git(("rev-list", "--parents", "--max-count=1", stash, "--"))
        _, base, *others = (said or "").split() or ("", "")
        trees = [self._tree(name) for name in (base, stash, *others)]
        index, head = self._index(), self._tree("HEAD")
        if not 2 <= len(trees) - 1 <= 3 or index is None or head is None:
            return False
        before = trees[0]
        held = {item for tree in trees[1:] for item in (tree or {}).items()}
        if before is None or None in trees:
            return False
        held -= set(before.items())
        return len(held) <= _LOOKED and all(
            head.get(name) == blob
            or index.get(name, ("",))[0] == blob
            or self._is_superseded(name, blob, before.get(name))
            for name, blob in held
        )

    def _is_superseded(self, name: str, blob: str, before: str | None) -> bool:
        """Whether a file holds `blob`, or what the session put there instead, which is not what was there `before`."""
        if not os.path.lexists(os.path.join(self._root, name)):
            return False
        if not self._differs(name, blob):
            return True
        return self._is_own_edit(name) and (before is None or self._differs(name, before))

    def edits(self, paths: Sequence[str], *, staged: bool) -> tuple[int, bool] | None:
        """How many files hold what git would throw away, and whether it may be fewer. None: not known.

        paths: absolute, then only what lies there and below. staged: what the index holds as well.
        """
        index, head = self._index(), self._tree("HEAD") if staged else {}
        tops = [os.path.relpath(os.path.realpath(path), os.path.realpath(self._root)) for path in paths]
        if index is None or head is None or len(index) > _FILES or any(top.startswith("..") for top in tops):
            return None
        attributes = os.path.join(self._root, ".gitattributes")
        unsure = os.path.lexists(attributes) or self._git(("config", "--get", "core.autocrlf")) not in (None, "")
        number = looked = 0
        for name, (blob, stamp) in index.items():
            if tops and not _is_below(name, tops):
                continue
            if staged and blob != head.get(name):
                number += 1
            elif stamp != self._stamp(name):
                looked += 1
                number += looked > _LOOKED or self._differs(name, blob)
        return number, unsure or looked > _LOOKED

    def _differs(self, name: str, blob: str) -> bool:
        """Whether a file holds something else than git's index says; one that is gone holds nothing."""
        path = os.path.join(self._root, name)
        try:
            if os.path.islink(path):
                content = os.fsencode(os.readlink(path))
            elif os.lstat(path).st_size > _LARGE:
                return True
            else:
                with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
                    content = file.read(_LARGE + 1)
        except OSError:
            return False
        kind = hashlib.sha1 if len(blob) == 40 else hashlib.sha256
        return kind(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest() != blob

    def _is_own_edit(self, name: str) -> bool:
        path = os.path.join(self._root, name)
        return self._made(path) or self._edited(path)

    def _tree(self, revision: str) -> dict[str, str] | None:
        """Of each file that a commit holds its content's name."""
        said = self._git(("ls-tree", "-z", "-r", "--full-tree", revision))
        entries = [entry.partition("\t") for entry in said.split("\0")] if said is not None else []
        return None if said is None else {name: before.split()[2] for before, _, name in entries if name}

    def _index(self) -> dict[str, tuple[str, str]] | None:
        """Of each file in the index its content's name, and how it looked on the disk then; '' where not sure."""
        try:
            written = os.stat(os.path.join(self._root, ".git", "index")).st_mtime_ns
        except OSError:
            return None
        said = self._git(("ls-files", "-z", "-s", "--debug"))
        if said is None:
            return None
        entries = said.split("\0")
        found: dict[str, tuple[str, str]] = {}
        for entry, after in zip(entries, entries[1:], strict=False):  # what is told of a file stands behind its name
            this, told = _ENTRY.search(entry), _TOLD.match(after)
            if this is None or told is None:
                return None
            seconds, rest, number, size = told.groups()
            early = int(seconds) * 10**9 + int(rest) < written  # else it may have changed within the moment
            found[this[2]] = (this[1], f"{seconds}:{rest} {number} {size}" if early else "")
        return found

    def _stamp(self, name: str) -> str:
        try:
            found = os.lstat(os.path.join(self._root, name))
        except OSError:
            return "gone"
        seconds, rest = divmod(found.st_mtime_ns, 10**9)
        return f"{seconds}:{rest} {found.st_ino & 0xFFFFFFFF} {found.st_size}"


def _is_below(name: str, tops: Sequence[str]) -> bool:
    return any(top == "." or name == top or name.startswith(f"{top}/") for top in tops)


def _leads(kept: str, way: bytes, folder: str) -> bool:
    return os.path.realpath(os.path.join(kept, os.fsdecode(way))) == folder
