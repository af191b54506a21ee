"""Builtins that run a text or other words in this very shell: eval, source, trap, exec, command, alias.

Knows which texts are a shell's own start-up and not the agent's. Refuses to know programs. Invariant: what they run is
evaluated with the same engine, and changes the world that they run in.
"""

from __future__ import annotations

import re

from leashtui.classify.call import Call
from leashtui.classify.patterns import lazy
from leashtui.classify.scripts import Passage, is_readable, load, text_of
from leashtui.classify.values import NOTHING, UNKNOWN, Stream, Taint, Word, taint_of
from leashtui.model.facts import Place, Verb

_SNAPSHOT = lazy(
    r".*/(?:\.claude|\.codex|\.gemini|\.qwen)/(?:shell[-_]snapshots?|tmp)/[\w.-]+\.(?:sh|zsh|bash)$"
    r"|.*/shell-snapshots?/snapshot-[\w.-]+\.sh$|.*/shell_snapshots/[0-9a-f-]{36}\.\d+\.sh$"
)
_ACTIVATE = lazy(r".*/(?:bin|Scripts)/activate(?:\.\w+)?$")

_FREELY_WRITTEN = frozenset({Place.SOURCE, Place.GENERATED, Place.TEMP, Place.WORKSPACE})


def eval_text(call: Call) -> Stream:
    """eval: its words are one text."""
    words = call.words[1:]
    text = " ".join(words)
    taint = taint_of(words)
    if text == UNKNOWN and _prepares_a_shell(call) and not taint & Taint.FETCHED:
        return NOTHING
    return call.shell(Word(text, taint), same=True)


_HOOKS = (
    "direnv", "starship", "zoxide", "pyenv", "rbenv", "nodenv", "conda", "mamba", "ssh-agent", "brew", "dircolors",
    "lesspipe", "mise", "fnm", "opam", "thefuck", "atuin", "docker-machine", "minikube", "luarocks", "keychain",
    "go",
)  # fmt: skip
_SHELLS = ("bash", "zsh", "fish", "sh")


def _prepares_a_shell(call: Call) -> bool:
    """Whether the program that ran last prints, by its trade, what a shell starts with: `kubectl completion bash`."""
    made = call.ledger.simple[-1:]
    if not made or made[0][0].rpartition("/")[2] in _HOOKS:
        return bool(made)
    name, *rest = made[0]
    completes = len(rest) in (2, 3) and rest[0].lstrip("-") in ("completion", "completions") and rest[-1] in _SHELLS
    return completes and "/" not in name


def source(call: Call) -> Stream:
    """source, `.`: a file is read into this very shell."""
    if len(call.words) < 2:
        return NOTHING
    word = call.words[1]
    path = call.path(word)
    known = call.state.files.get(path) if path else None
    if (_SNAPSHOT.match(path) or _ACTIVATE.match(path)) and not known and not _anybody_writes(call, word, path):
        return NOTHING
    own = bool(call.machine.reading) and call.place(word) is Place.SECRET
    stream = Stream(0, None) if own else call.read(word)  # a script that loads its settings shows them to nobody
    if word == "/dev/stdin":
        stream, known = call.stdin, call.stdin
    former = call.state.params
    if len(call.words) > 2:
        call.state.params = tuple(call.words[2:])
    if known is not None and known.text is not None:
        call.shell(Word(known.text, known.taint & ~Taint.LOCAL), same=True)
    elif stream.taint & (Taint.FETCHED | Taint.SOCKET):
        call.judge_source(UNKNOWN, stream.taint)
    elif call.place(word) is not Place.SECRET:
        _run_source(call, word, path)
    call.state.params = former
    return NOTHING


def _anybody_writes(call: Call, word: Word, path: str) -> bool:
    """Whether what bears such a name lies where the session itself may have put it, and can be read."""
    return call.place(word) in _FREELY_WRITTEN and text_of(call, path) is not None


def _run_source(call: Call, word: Word, path: str) -> None:
    if path.startswith("/dev/fd/") and _prepares_a_shell(call) and not word.taint & Taint.FETCHED:
        return
    if path.startswith("/dev/fd/") or path == "/dev/stdin":
        call.opaque("runs a text that is known only when it runs")
        return
    where = call.run_file(word, "loads")
    if where is Place.SHELL_RC:
        return  # the person's own, as every login shell loads it; writing it was asked
    text = text_of(call, path)
    if text is not None and is_readable(call, path, text):
        load(call, Passage(text, path))
    elif text is None and where in (Place.OUTSIDE, Place.UNKNOWN):
        call.opaque(f"loads {call.say(word)}, which leash has not read")


def trap(call: Call) -> Stream:
    """trap: a text that runs at the end, or at a signal."""
    words = [w for w in call.words[1:] if w != "--"]
    if words and not words[0].startswith("-") and words[0] not in ("", "-") and len(words) > 1:
        if {"EXIT", "0"} & set(words[1:]) and len(words) == 2:
            call.machine.farewells.append(words[0])
        else:
            call.shell(words[0])
    return NOTHING


def exec_words(call: Call) -> Stream:
    """exec: the shell becomes the program, or keeps redirections."""
    words = call.words[1:]
    at = 0
    while at < len(words) and words[at].startswith("-") and len(words[at]) > 1:
        at += 2 if words[at][-1] == "a" else 1
    if at >= len(words):
        own = {"0": call.made.stdin} if call.made.changed else {}
        call.state.fds = {**call.state.fds, **call.made.fds, **own}
        call.state.sinks = {**call.state.sinks, **call.made.sinks}
        if call.made.socket_out:
            call.made.silent = False
        return NOTHING
    return call.words_run(words[at:])


def command(call: Call) -> Stream:
    """command, builtin: no function and no alias."""
    words = call.words[1:]
    while words and words[0] in ("-p", "--"):
        words = words[1:]
    if not words or words[0] in ("-v", "-V"):
        names = words[1:]
        plain = names if all(re.fullmatch(r"[\w.+-]+", n) and n not in call.state.functions for n in names) else []
        text = "".join(f"/usr/bin/{n}\n" for n in plain) or None
        return Stream(Taint.GUARD if any(n in ("leash", "leashtui") for n in names) else 0, text)
    state = call.state
    functions, state.functions = state.functions, {}
    aliases, state.aliases = state.aliases, {}
    out = call.machine.setting.rooms.invoke(call.machine, state, words, call.stdin, call.span, call.made, call.env)
    state.functions, state.aliases = functions, aliases
    return out


def alias(call: Call) -> Stream:
    """alias: a name for a text."""
    for word in call.words[1:]:
        name, sign, value = word.partition("=")
        if not sign:
            continue
        if name == "leash" or re.search(r"\bleash\b", value):
            call.sign("guard_tamper")
            call.add(Verb.GUARD_TOUCH, name, "replaces leash by an alias")
        call.state.aliases = {**call.state.aliases, name: value}
    return NOTHING
