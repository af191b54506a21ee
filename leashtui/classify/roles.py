"""What a word means by its role in a table: a path that is read or removed, an address, a program, a text of code.

One function a role. Refuses to know programs. Invariant: every role that a table may name is here; an unknown one is an
error in the tests that read all tables.
"""

from __future__ import annotations

from collections.abc import Callable

from leashtui.classify.call import Call, host_of
from leashtui.classify.code import judge_code, run_script
from leashtui.classify.indirection import indirect, looks_like_url
from leashtui.classify.options import Options
from leashtui.classify.plumbing import is_local
from leashtui.classify.spec import Spec
from leashtui.classify.sql import judge
from leashtui.classify.values import UNKNOWN, Stream, Taint, Word, bare, show
from leashtui.classify.wrappers import run_tail
from leashtui.model.facts import Place, Severity, Verb

Role = Callable[[Call, Spec, Options, Word], None]


def play(call: Call, spec: Spec, options: Options, role: str, word: Word, tail: list[Word] | None = None) -> None:
    """Report what `word` means in `role`. tail: all words from there on, for roles that take the rest."""
    if role == "command":
        run_tail(call, spec, options, tail if tail is not None else [word])
        return
    if role == "shells":
        text = " ".join(tail or [word])
        taint = 0
        for each in tail or [word]:
            taint |= each.taint
        call.direct = False
        call.shell(Word(text, taint))
        if tail is not None and len(tail) > 1:  # some join their words for a shell, some start them as they stand
            call.words_run(tail)
        return
    name, _, kind = role.partition(":")
    if kind:
        _KINDS[name](call, word, kind)
    else:
        ROLES[name](call, spec, options, word)


def _deep(spec: Spec, options: Options) -> bool:
    return any(o in spec.deep for o in options.given)


def _read(call: Call, spec: Spec, options: Options, word: Word) -> None:
    call.read(word, recursive=_deep(spec, options))


def _tree(call: Call, spec: Spec, options: Options, word: Word) -> None:
    call.read(word, recursive=True)


def _look(call: Call, spec: Spec, options: Options, word: Word) -> None:
    call.read(word, look=True)


def _write(call: Call, spec: Spec, options: Options, word: Word) -> None:
    if word != "-":
        call.write(word)


def _binary(call: Call, spec: Spec, options: Options, word: Word) -> None:
    """Where a compiler puts what it builds."""
    _write(call, spec, options, word)
    if call.place(word) is Place.TEMP:
        call.machine.setting.handiwork.builds(call.path(word))


def _environment(call: Call, spec: Spec, options: Options, word: Word) -> None:
    """Where an environment of installed programs is made."""
    _write(call, spec, options, word)
    if call.place(word) is Place.TEMP and call.path(word):
        call.machine.setting.handiwork.furnishes(call.path(word))


def _make(call: Call, spec: Spec, options: Options, word: Word) -> None:
    """Something empty is made: where its name is not known, nothing is lost."""
    if not word.startswith(UNKNOWN) and (UNKNOWN not in word or word.startswith(("/", "~", ".."))):
        call.write(word, append=True)


def _folder(call: Call, spec: Spec, options: Options, word: Word) -> None:
    """A folder is made: where it is there already, nothing happens."""
    path = "" if call.machine.afterwards else call.path(word)
    if not path or call.machine.setting.probe.is_dir(path) is not True:
        _make(call, spec, options, word)


def _append(call: Call, spec: Spec, options: Options, word: Word) -> None:
    call.write(word, append=True)


def _edit(call: Call, spec: Spec, options: Options, word: Word) -> None:
    call.read(word)
    call.write(word, Stream(0, None), append=True)


def _delete(call: Call, spec: Spec, options: Options, word: Word) -> None:
    call.delete(word, recursive=_deep(spec, options))


def _delete_tree(call: Call, spec: Spec, options: Options, word: Word) -> None:
    call.delete(word, recursive=True)


def _truncate(call: Call, spec: Spec, options: Options, word: Word) -> None:
    call.write(word, Stream(0, ""), empties=True)


def _destroy(call: Call, spec: Spec, options: Options, word: Word) -> None:
    call.delete(word, how="destroys")
    call.sign("destructive")
    call.add(
        Verb.DELETE, call.path(word), f"destroys {call.say(word)}", Severity.HIGH, place=call.place(word), lost=True
    )


def _url(call: Call, spec: Spec, options: Options, word: Word) -> None:
    if looks_like_url(word) or "." in word or UNKNOWN in word:
        call.reads |= call.fetch(word).taint


def _query(call: Call, spec: Spec, options: Options, word: Word) -> None:
    """A host whose name or address is looked up: the name itself travels."""
    if not word.startswith(("+", "@", "-")):
        call.fetch(word, f"looks up {show(word)}")


def _host(call: Call, spec: Spec, options: Options, word: Word) -> None:

    host = host_of(word)
    if not is_local(host):
        call.ledger.hosts[bare(host)] = None
        call.sign("network")


def _upload(call: Call, spec: Spec, options: Options, word: Word) -> None:
    stream = call.stdin if word == "-" else call.read(word, recursive=True)
    call.send("", stream, f"{call.say(word)}" if word != "-" else "data")


def _shell(call: Call, spec: Spec, options: Options, word: Word) -> None:
    call.direct = False
    call.shell(word)


def _exec(call: Call, spec: Spec, options: Options, word: Word) -> None:
    call.run_file(word)


def _program(call: Call, spec: Spec, options: Options, word: Word) -> None:
    """A program named by an option or variable where nobody expects one: judged, and said to be hidden."""
    indirect(call, word)


def _setting(call: Call, spec: Spec, options: Options, word: Word) -> None:
    """`key = "program"`: a setting that may name a program."""
    key, sign, value = word.partition("=")
    if sign and any(mark in key for mark in ("wrapper", "runner", "linker", "provider", "command", "rustc", "rustdoc")):
        indirect(call, Word(value.strip(" \"'[]"), word.taint))


def _chdir(call: Call, spec: Spec, options: Options, word: Word) -> None:
    state = call.state
    path = call.path(word)
    state.cwd = path if UNKNOWN not in path else ""


def _secret(call: Call, spec: Spec, options: Options, word: Word) -> None:
    call.reads |= Taint.SECRET
    call.add(Verb.SECRET_READ, word, f"shows the secret {show(word)}", place=Place.SECRET)


def _silent(call: Call, spec: Spec, options: Options, word: Word) -> None:
    """A word that means nothing for effects."""


def _listen(call: Call, spec: Spec, options: Options, word: Word) -> None:
    """An address to listen at: loopback is nobody's business but ours."""

    host = word.rpartition(":")[0] if ":" in word else word
    if host and (host == "0.0.0.0" or not is_local(host)) and not host.isdigit() and "/" not in host:
        call.listen(word, f"listens at {show(word)}, where others can reach it")


def _sql(call: Call, spec: Spec, options: Options, word: Word) -> None:

    judge(call, word)


def _package(call: Call, word: Word, kind: str) -> None:
    """A package that is added by name; a path or an archive in the workspace is none."""
    text = bare(word)
    if text.startswith((".", "/")) and "://" not in text:
        call.read(word, look=True)
        return
    call.ledger.packages[f"{kind}:{text}"] = None
    call.sign("network")
    call.add(Verb.PACKAGE_ADD, f"{kind}:{text}", f"adds the package {text}")


def _code(call: Call, word: Word, kind: str) -> None:

    judge_code(call, kind, word)


def _script(call: Call, word: Word, kind: str) -> None:

    run_script(call, kind, word)


ROLES: dict[str, Role] = {
    "read": _read,
    "tree": _tree,
    "look": _look,
    "write": _write,
    "binary": _binary,
    "environment": _environment,
    "append": _append,
    "make": _make,
    "folder": _folder,
    "edit": _edit,
    "delete": _delete,
    "deltree": _delete_tree,
    "truncate": _truncate,
    "destroy": _destroy,
    "url": _url,
    "query": _query,
    "host": _host,
    "upload": _upload,
    "shell": _shell,
    "exec": _exec,
    "program": _program,
    "setting": _setting,
    "chdir": _chdir,
    "secret": _secret,
    "text": _silent,
    "listen": _listen,
    "sql": _sql,
}
_KINDS: dict[str, Callable[[Call, Word, str], None]] = {"package": _package, "code": _code, "script": _script}
NAMES = frozenset(ROLES) | {"command", "shells"}
"""Every role without a kind."""
KINDS = frozenset(_KINDS)
"""Roles that are written `role:kind`."""
