"""One question of a shim: bytes in, a typed question or a refusal to read it out; and the answer's bytes.

Knows the frames that client/shim.py speaks (four bytes of big-endian length, then NUL-separated fields; the last one
is the script and may hold anything). Refuses to know sockets and processes. Invariant: a question that does not
account for every one of its fields is not a question.
"""

from __future__ import annotations

import os

from msgspec import Struct

VERSION = b"leash-shim/1"
LIMIT = 1 << 20

_MODES = {"command", "file", "stdin", "interactive", "nothing", "env-command", "env-file", "env-stdin", "env-nothing"}


class Malformed(Exception):
    """Not a question of ours; str() says why."""


class Question(Struct, frozen=True):
    """What a shell would run. mode: client/shim.py, Invocation; `bash_env`: asked through BASH_ENV by a child of it.

    shell: the real shell's path. file: the script file as found. operand: index in args of text or file, -1: none.
    script: the bytes of a script file or of standard input, None where the shim could not see them.
    """

    nonce: bytes
    mode: str
    bash_env: bool
    shell: str
    file: str
    operand: int
    args: tuple[str, ...]
    script: bytes | None

    def argv(self) -> tuple[str, ...]:
        """The words of the program as it will run; a script from standard input is spelled as `-c TEXT`."""
        if self.mode == "stdin" and self.script is not None:
            return (self.shell, "-c", self.text())
        return (self.shell, *self.args)

    def text(self) -> str:
        """The script, '' where there is none or it was not seen."""
        return "" if self.script is None else os.fsdecode(self.script)


def read_question(payload: bytes) -> Question:
    """The question in one frame's payload. Raises Malformed."""
    try:
        version, nonce, mode, seen, shell, file, operand, count, rest = payload.split(b"\0", 8)
        if version != VERSION:
            raise Malformed(f"it speaks {version[:40]!r}, not {VERSION!r}")
        *args, script = rest.split(b"\0", int(count))
        at = int(operand)
    except ValueError as error:
        raise Malformed("its fields do not add up") from error
    name = mode.decode("ascii", "replace")
    if name not in _MODES or seen not in (b"seen", b"unseen") or len(args) != int(count) or not nonce:
        raise Malformed("its fields do not add up")
    if not -1 <= at < max(len(args), 1) or not shell.startswith(b"/") or (seen == b"unseen" and script):
        raise Malformed("its fields contradict each other")
    return Question(
        nonce=nonce,
        mode=name.removeprefix("env-"),
        bash_env=name.startswith("env-"),
        shell=os.fsdecode(shell),
        file=os.fsdecode(file),
        operand=at,
        args=tuple(os.fsdecode(word) for word in args),
        script=script if seen == b"seen" else None,
    )


def write_allow(nonce: bytes, *, keep: bool, edits: list[bytes]) -> bytes:
    """The frame that lets a shim run its shell. keep: leave the shims in the environment."""
    return _frame([VERSION, nonce, b"allow", b"", b"keep" if keep else b"strip", *([] if keep else edits)])


def write_deny(nonce: bytes, sentence: str) -> bytes:
    """The frame that refuses, with the line the shim prints (cut at 4 KiB)."""
    line = sentence.replace("\0", " ").encode("utf-8", "backslashreplace")[:4096]
    return _frame([VERSION, nonce, b"deny", line, b"strip"])


def _frame(fields: list[bytes]) -> bytes:
    payload = b"\0".join(fields)
    return len(payload).to_bytes(4, "big") + payload
