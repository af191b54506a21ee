"""Other ways to write the same command: what a policy about one spelling should hold for too.

Knows shells, wrappers, git's own options and the many names of a path or a branch. Refuses to run or to judge anything.
Invariant: every spelling does what the command does, when it is run in the same folder.
"""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Iterator

_SIMPLE = frozenset("|&;<>()$`\\\"'*?[]#~!{}\n")


def spellings(command: str) -> Iterator[str]:
    """The command in other words, the plainest first. None is `command` itself."""
    for wrapped in (
        "bash -c {q}",
        "sh -c {q}",
        "eval {q}",
        "({c})",
        "true && {c}",
        "cd . && {c}",
        "echo ok; {c}",
    ):
        yield wrapped.format(c=command, q=shlex.quote(command))
    if _SIMPLE.intersection(command):
        return
    words = command.split()
    for prefix in ("env", "command", "nohup", "nice", "timeout 60", "X=1", "time", "exec"):
        yield f"{prefix} {command}"
    yield f"'{words[0]}' {' '.join(words[1:])}".rstrip()
    yield f"\\{command}"
    if "/" not in words[0]:
        yield f"/usr/bin/{command}"
    yield from _renamed(words)
    if words[0] == "git" and len(words) > 1:
        yield " ".join(["git", "-C", ".", *words[1:]])
        yield " ".join(["git", "-c", "color.ui=never", *words[1:]])
        yield from _pushes(words)


def _renamed(words: list[str]) -> Iterator[str]:
    """Each path in its other spellings."""
    for number, word in enumerate(words):
        if not number or word.startswith(("-", "/")) or "/" not in word or ":" in word:
            continue
        plain = posixpath.normpath(word)
        slash = "/" if word.endswith("/") else ""
        for other in (f"./{plain}{slash}", f"x/../{plain}{slash}", f"{plain.replace('/', '//', 1)}{slash}"):
            yield " ".join([*words[:number], other, *words[number + 1 :]])


def _pushes(words: list[str]) -> Iterator[str]:
    """A push of one branch, by its other refspecs."""
    plain = [word for word in words[1:] if not word.startswith("-")]
    if len(plain) != 3 or plain[0] != "push" or ":" in plain[2] or plain[2].startswith("+"):
        return
    at = words.index(plain[2], 2)
    branch = plain[2].removeprefix("refs/heads/")
    for refspec in (f"refs/heads/{branch}", f"HEAD:{branch}", f"HEAD:refs/heads/{branch}", f"{branch}:{branch}"):
        yield " ".join([*words[:at], refspec, *words[at + 1 :]])
