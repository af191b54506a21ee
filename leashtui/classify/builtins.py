"""What the shell does itself: cd, export, eval, source, trap, read, echo, printf and the rest.

Each builtin changes the world it runs in and reports what a person would want to know. Refuses to know programs.
Invariant: a builtin that runs text evaluates it with the same engine (`sourcing`).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from leashtui.classify.call import Call
from leashtui.classify.environment import judge_set, judge_unset
from leashtui.classify.formats import echo_text, printf_text
from leashtui.classify.machine import Machine
from leashtui.classify.patterns import lazy
from leashtui.classify.places import is_installed, resolve
from leashtui.classify.secrets import is_secret_variable
from leashtui.classify.sourcing import alias, command, eval_text, exec_words, source, trap
from leashtui.classify.state import State
from leashtui.classify.values import NOTHING, UNKNOWN, Stream, Taint, Word, is_pattern, show, taint_of
from leashtui.model.facts import Place, Severity, Verb

Builtin = Callable[[Call], Stream | None]

_INDEX = lazy(r"\[.*?(?:\$\(|`)(.*?)(?:\)|`)", re.S)


def _quiet(call: Call) -> Stream:
    return NOTHING


def _cd(call: Call) -> Stream:
    args = [w for w in call.words[1:] if not (w.startswith("-") and len(w) > 1)]
    state = call.state
    home = call.machine.setting.home
    target = args[0] if args else Word(home)
    new = state.old if target == "-" else resolve(target, state.cwd, home)
    state.old = state.cwd
    state.cwd = "" if UNKNOWN in new or is_pattern(new) else new
    call.ledger.simple.append(tuple(call.words))
    return Stream(0, state.cwd + "\n") if target == "-" or call.name == "pushd" else NOTHING


def _pwd(call: Call) -> Stream:
    return Stream(0, (call.state.cwd or UNKNOWN) + "\n")


def _echo(call: Call) -> Stream:
    words = call.words[1:]
    text = echo_text(words)
    taint = taint_of(words)
    if taint & Taint.SECRET:
        _shows(call, words)
    return Stream(taint, text)


def _shows(call: Call, words: list[Word]) -> None:
    for word in words:
        if word.taint & Taint.SECRET:
            call.add(Verb.SECRET_READ, "", "shows the value of a secret variable", place=Place.SECRET)
            return


def _printf(call: Call) -> Stream:
    words = call.words[1:]
    if words[:1] == ["-v"] and len(words) > 2:
        name = str(words[1])
        _index_trick(call, name)
        call.state.assign(name.partition("[")[0], Word(printf_text(words[2:]), taint_of(words[2:])))
        return NOTHING
    if words[:1] == ["--"]:
        words = words[1:]
    taint = taint_of(words)
    if taint & Taint.SECRET:
        _shows(call, words)
    text = printf_text(words)
    escaped = bool(words) and re.search(r"\\(?:x[0-9a-fA-F]|[0-7]{2})", words[0]) is not None
    return Stream(taint | (Taint.DECODED if escaped else 0), text)


def is_name(text: str) -> bool:
    """Whether a text is the name of a variable."""
    return text.isidentifier() and text.isascii()


def _index_trick(call: Call, text: str) -> None:
    """`test -v 'a[$(cmd)]'` and `printf -v` run what stands in the index."""
    found = _INDEX.search(text)
    if found is not None:
        call.sign("obfuscated")
        call.shell(Word(found.group(1)))


def _test(call: Call) -> Stream:
    for word in call.words[1:]:
        if "[" in word:
            _index_trick(call, word)
    return NOTHING


def own(machine: Machine, state: State, words: list[Word], name: str) -> None:
    """A declaration inside a function: the variable is the function's own, and what it hid comes back afterwards."""
    if not machine.calls or not words or words[0] not in ("local", "declare", "typeset"):
        return
    if name not in state.hidden and not any(w.startswith("-") and "g" in w for w in words[1:]):
        state.hidden = {**state.hidden, name: state.vars.get(name)}


def _export(call: Call) -> Stream:
    flags = {c for w in call.words[1:] if w.startswith("-") for c in w[1:]}
    names = [w for w in call.words[1:] if not w.startswith("-")]
    for word in names:
        _index_trick(call, word.partition("=")[0] if "i" not in flags else word)
    if "f" in flags and names:
        return NOTHING
    if not names or "p" in flags:
        if not names or any(is_secret_variable(n) for n in names):
            if flags & set("fF") or (call.name == "readonly" and not names) or (call.name == "local"):
                return NOTHING
            if not names and call.machine.sieved:
                return Stream(0, None)
            return call.show_variables("lists all variables, secret ones too")
        return Stream(0, None)
    for word in names:
        name, sign, value = word.partition("=")
        own(call.machine, call.state, call.words, name)
        if not sign and name in call.state.vars:
            current = call.state.vars[name]
            judge_set(call.machine, name, current[0] if current else Word(""), call.span, exported=True)
        elif sign:
            judge_set(call.machine, name, Word(value, word.taint), call.span, exported=call.name != "local")
            if name not in call.state.vars:
                call.state.assign(name, Word(value, word.taint))
        if "n" in flags and sign and call.name != "export":
            known = is_name(value)
            call.state.refs = {**call.state.refs, name: value if known else name}
            if not known:
                call.state.assign(name, Word(UNKNOWN, 0, many=True))
        if call.name == "readonly" or "r" in flags:
            held = call.state.vars.get(name)
            if held is None or (call.machine.calls and call.name != "readonly"):  # a function's own is so only in it
                secret = Taint.SECRET if is_secret_variable(name) else Taint.NONE
                held = (Word(UNKNOWN, taint_of(held or ()) | secret, many=True),)
            call.state.fixed = {**call.state.fixed, name: held}
    return NOTHING


def _unset(call: Call) -> Stream:
    for word in call.words[1:]:
        if not word.startswith("-"):
            _index_trick(call, word)
            judge_unset(call, word)
            call.state.forget(str(word))
            call.state.functions = {k: v for k, v in call.state.functions.items() if k != word}
    return NOTHING


def _read_lines(call: Call) -> Stream:
    valued = "dinNptua" if call.name == "read" else "dnOsucC"
    names: list[str] = []
    words = call.words[1:]
    at = 0
    array = ""
    while at < len(words):
        if words[at].startswith("-") and len(words[at]) > 1:
            if words[at][-1:] == "a" and call.name == "read" and at + 1 < len(words):
                array = str(words[at + 1])
            if words[at][-1:] == "C" and call.name != "read" and at + 1 < len(words):
                call.shell(words[at + 1])  # is called with every line
            at += 2 if words[at][-1] in valued else 1
            continue
        _index_trick(call, words[at])
        names.append(str(words[at]))
        at += 1
    stream = call.stdin
    text = (stream.text or "").partition("\n")[0] if call.name == "read" else stream.text
    if stream.text is None:
        text = UNKNOWN
    taint = stream.taint | Taint.LOCAL
    if call.name != "read":
        lines = [Word(x, taint, UNKNOWN in x) for x in (text or "").splitlines()] or [Word("")]
        call.state.assign(names[-1] if names else "MAPFILE", *lines)
        return NOTHING
    if array:
        call.state.assign(array, *[Word(x, taint, UNKNOWN in x) for x in (text or "").split()])
        return NOTHING
    pieces = (text or "").split(None, len(names) - 1) if len(names) > 1 else [(text or "").strip()]
    for index, name in enumerate(names or ["REPLY"]):
        value = pieces[index] if index < len(pieces) else (UNKNOWN if text and UNKNOWN in text else "")
        call.state.assign(name, Word(value, taint, UNKNOWN in value))
    return NOTHING


def _set(call: Call) -> Stream:
    words = call.words[1:]
    if not words:
        if call.machine.sieved:
            return Stream(0, None)
        return call.show_variables("lists all variables, secret ones too")
    if "--" in words:
        call.state.params = tuple(words[words.index(Word("--")) + 1 :])
    elif not words[0].startswith(("-", "+")):
        call.state.params = tuple(words)
    if list(words[:2]) == ["+o", "history"]:
        call.sign("hides_tracks")
    return NOTHING


def _shift(call: Call) -> Stream:
    count = int(call.words[1]) if len(call.words) > 1 and call.words[1].isdigit() else 1
    call.state.params = call.state.params[count:]
    return NOTHING


def _history(call: Call) -> Stream:
    if any(w.startswith(("-c", "-d", "-w")) for w in call.words[1:]):
        call.sign("hides_tracks")
        call.add(
            Verb.DELETE,
            call.machine.setting.home + "/.bash_history",
            "clears the shell's history",
            Severity.MEDIUM,
            place=Place.HOME,
        )
        return NOTHING
    if not any(w.startswith(("-n", "-r")) for w in call.words[1:]):
        return Stream(0, None)  # a shell that nobody types into has read no history
    call.add(Verb.SECRET_READ, "", "shows the shell's history, which may hold secrets", place=Place.SECRET)
    return Stream(Taint.SECRET, None)


def _let(call: Call) -> Stream:
    for word in call.words[1:]:
        _index_trick(call, word)
        name, sign, _ = word.partition("=")
        if sign and name.isidentifier():
            call.state.assign(name, Word(UNKNOWN))
    return NOTHING


def _enable(call: Call) -> Stream:
    if "-f" in call.words and len(call.words) > 2:
        library = call.words[call.words.index(Word("-f")) + 1]
        path, setting = call.path(library), call.machine.setting
        call.run_file(library, "loads")
        installed = call.place(library) is Place.SYSTEM or is_installed(path, setting.workspace, setting.home)
        inside = path.startswith(setting.workspace.root + "/")
        absent = not inside and setting.probe.exists(path) is False  # pyenv tries it; what is put there is asked about
        if not installed or (setting.probe.made(path) and not absent):
            call.sign("obfuscated")
    return NOTHING


def _complete(call: Call) -> Stream:
    for index, word in enumerate(call.words[:-1]):
        if word == "-C":
            call.shell(call.words[index + 1])
    return NOTHING


def _bind(call: Call) -> Stream:
    if "-x" in call.words:
        call.sign("obfuscated")
        call.opaque("binds a key to a command")
    return NOTHING


def _umask(call: Call) -> Stream:
    return NOTHING


def _hash(call: Call) -> Stream:
    if "-p" in call.words:
        call.sign("obfuscated")
        call.add(Verb.EXEC, show(" ".join(call.words[1:])), "lets a name stand for another program", Severity.HIGH)
    return NOTHING


def _ulimit(call: Call) -> Stream:
    return Stream(0, None)


BUILTINS: dict[str, Builtin] = {
    "cd": _cd, "pushd": _cd, "popd": _quiet, "chdir": _cd, "pwd": _pwd, "dirs": _quiet,
    "echo": _echo, "printf": _printf, "test": _test, "[": _test,
    "export": _export, "declare": _export, "typeset": _export, "local": _export, "readonly": _export,
    "unset": _unset, "read": _read_lines, "mapfile": _read_lines, "readarray": _read_lines,
    "eval": eval_text, "source": source, ".": source, "trap": trap, "exec": exec_words,
    "command": command, "builtin": command, "alias": alias, "unalias": _quiet, "set": _set, "shift": _shift,
    "history": _history, "fc": _quiet, "let": _let, "enable": _enable, "complete": _complete, "compopt": _quiet,
    "compgen": _complete, "bind": _bind, "umask": _umask, "hash": _hash, "ulimit": _ulimit,
    **dict.fromkeys((":", "true", "false", "exit", "return", "break", "continue", "wait", "jobs", "bg", "fg", "type",
                     "getopts", "times", "disown", "suspend", "caller", "help", "logout", "shopt", "setopt", "unsetopt",
                     "autoload", "emulate", "zmodload", "whence", "where", "rehash", "deactivate"), _quiet),
}  # fmt: skip
