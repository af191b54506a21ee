"""A program that is about to start: judged by its table, as a file of the workspace, or as an unknown one.

Knows where installed programs stand. Refuses to know what any of them does. Invariant: a program that no table lists is
never taken for understood.
"""

from __future__ import annotations

from leashtui.classify.apply import apply
from leashtui.classify.call import Call
from leashtui.classify.code import read_script, run_own, run_twin
from leashtui.classify.lists import run_lists
from leashtui.classify.loads import judge_loads
from leashtui.classify.patterns import lazy
from leashtui.classify.places import is_installed
from leashtui.classify.standing import place
from leashtui.classify.tamper import judge_reach
from leashtui.classify.values import UNKNOWN, Stream, Taint, Word, taint_of
from leashtui.model.facts import Place, Severity, Verb

_BINS = ("/bin", "/.bin", "/exe", "/script")
"""Folders in which a project keeps its own way to start an installed program."""
_REACHES = lazy(r"(?<![a-z])leash")
_LEASH = frozenset(("leash", "leashtui"))
_BUILDERS = frozenset(
    "cargo go npm pnpm yarn bun pip pip3 uv poetry bundle composer mix dotnet cmake ninja gradle mvn rake tox nox"
    " pytest python python3 node deno ruby php docker docker-compose".split()
)
_PROJECT = frozenset(("make", "tasks"))
"""Handlers of tools that run what a project's own files say."""
SHELLS = frozenset(["sh", "bash", "dash", "zsh", "ksh", "ash", "fish", "rbash", "mksh", "csh", "tcsh", "busybox"])


def external(call: Call) -> Stream:
    """A program: by its table, as a file of the workspace, or unknown."""
    machine, word = call.machine, call.words[0]
    name = call.name
    tools = machine.setting.tools
    # git's own programs may be started without git
    dashed = name.startswith("git-") and tools.find(name) is None and _is_programs_place(call, word)
    machine.ledger.programs["git" if dashed else name] = None
    if "/" not in word and (own := _first_on_path(call, name)):
        return call.words_run([Word(own, word.taint), *call.words[1:]])
    if "/" in word:
        path = call.path(word)
        known = call.state.files.get(path)
        if (known is not None and known.taint & (Taint.FETCHED | Taint.SOCKET)) or not is_installed(
            path, machine.setting.workspace, machine.setting.home
        ):
            copied = _copied(call, path)
            if copied is not None:
                return copied
            return _own_file(call, path) if (out := run_twin(call, path, call.words[1:])) is None else out
        call.run_file(word) if not path.startswith(("/bin", "/sbin", "/usr", "/opt", "/nix", "/snap")) else None
    if dashed:
        return call.words_run([Word("git", word.taint), Word(name[4:]), *call.words[1:]])
    spec = tools.find(name)
    if spec is None:
        return _unknown(call)
    if call.made.socket_in or call.made.socket_out or call.stdin.taint & Taint.SOCKET:
        _on_socket(call, name)
    if word.taint & Taint.FETCHED:
        call.sign("pipe_to_shell")
    judge_reach(call)
    judge_loads(call, spec)
    cwd = call.state.cwd
    out = apply(call, spec)
    run_lists(call)
    if name in _BUILDERS or spec.handler in _PROJECT:
        _foreign(call)
    call.state.cwd = cwd  # `git -C`, `make -C`: no program changes the shell's own folder
    if call.outward or ((call.stdin.taint | taint_of(call.words)) & Taint.SECRET and call.direct and call.names_host()):
        call.carries()
    if call.direct:
        machine.ledger.simple.append(tuple(call.words))
    return out


def _is_programs_place(call: Call, word: Word) -> bool:
    """Whether a word finds its program by PATH, or names one that was installed."""
    setting = call.machine.setting
    return "/" not in word or is_installed(call.path(word), setting.workspace, setting.home)


def _first_on_path(call: Call, name: str) -> str:
    """The file a name without a slash starts where this very command put folders on PATH; '' for an installed one."""
    setting = call.machine.setting
    value = next((v for n, v in reversed(call.env) if n == "PATH"), None)
    values = (value,) if value is not None else call.state.vars.get("PATH", ())
    for folder in ":".join(values).split(":") if values else ():
        path = call.path(Word(f"{folder or '.'}/{name}")) if UNKNOWN not in folder else ""
        if not path or is_installed(path, setting.workspace, setting.home):
            continue
        if path in call.state.files or setting.probe.exists(path):
            return path
    return ""


def _copied(call: Call, path: str) -> Stream | None:
    """A program that this very command copied or linked to another name is judged as that program. None: it is none."""
    machine = call.machine
    known = call.state.files.get(path)
    if known is None or known.text is not None or not known.origin.startswith("/"):
        return None
    name = known.origin.rpartition("/")[2]
    if (
        not is_installed(known.origin, machine.setting.workspace, machine.setting.home)
        or machine.setting.tools.find(name) is None
    ):
        return None
    call.run_file(call.words[0])
    return call.words_run([Word(name), *call.words[1:]])


def _own_file(call: Call, path: str) -> Stream:
    """A program by its path that is no installed one."""
    call.machine.ledger.simple.append(tuple(call.words))
    where = call.run_file(call.words[0])
    own = call.name if call.name in _LEASH else "./" + call.name
    tools = call.machine.setting.tools
    spec = tools.find(own) or (tools.find(call.name) if path.rpartition("/")[0].endswith(_BINS) else None)
    if spec is not None:
        out = apply(call, spec)
        run_lists(call)
        return out
    if where in (Place.HOME, Place.OUTSIDE, Place.SYSTEM, Place.UNKNOWN, Place.ROOT):
        call.machine.partial()
    known = call.state.files.get(path)
    if known is not None and known.text is not None:
        read_script(call, known, path)
    else:
        run_own(call, path)
    call.ledger.inner.append(path)
    return call.out()


def _unknown(call: Call) -> Stream:
    """A program that leash has no table for."""
    machine = call.machine
    machine.ledger.simple.append(tuple(call.words))
    if any(w in ("--help", "--version") for w in call.words[1:]) and len(call.words) < 4:
        return Stream(0, None)
    machine.partial()
    call.add(Verb.EXEC, call.name, f"runs {call.name}, which leash does not know")
    if _REACHES.search(call.name):
        call.sign("guard_tamper")
    tail(call)
    if (call.stdin.taint | taint_of(call.words)) & Taint.SECRET and call.names_host():
        call.carries()
    for word in call.words[1:]:
        _value = word.partition("=")[2] if word.startswith("-") else word
        if _value and place(machine, call.path(_value)) is Place.SECRET and not word.startswith("-"):
            call.read(_value)
    return call.out()


def _foreign(call: Call) -> None:
    """A build in a folder that this very command fetched runs what nobody has seen."""
    cwd = call.state.cwd
    for path, known in call.state.files.items():
        if known.taint & Taint.FETCHED and cwd and (cwd == path or cwd.startswith(path + "/")):
            call.sign("pipe_to_shell")
            call.add(Verb.RUN_FETCHED, path, f"builds {call.say(path)}, which came from the network")
            return


def tail(call: Call) -> None:
    """When an unknown program's words name a known one, that command is judged too."""
    tools = call.machine.setting.tools
    words = call.words
    for index in range(1, min(len(words), 8)):
        word = words[index]
        base = word.rpartition("/")[2]
        if base in SHELLS or base in ("sudo", "rm", "dd", "env", "eval", "curl", "wget", "git", "nc", "xargs", "find"):
            if tools.find(base) is not None:
                call.words_run(words[index:])
            return


def _on_socket(call: Call, name: str) -> None:
    """A shell or interpreter whose input or output is a connection."""
    interpreters = ("python", "python3", "perl", "ruby", "php", "node", "lua", "awk", "expect")
    if name in SHELLS or name in interpreters:
        call.sign("reverse_shell")
        call.add(Verb.REMOTE_SESSION, "", "gives another machine a shell here", Severity.CRITICAL, lost=True)
