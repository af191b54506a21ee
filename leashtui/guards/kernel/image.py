"""What a process is, read from /proc while it stands still: program, words, directory, variables, ancestors.

At the exec stop these are the new image's own and nobody but it could change them. Refuses to judge. Invariant: text
that is not UTF-8 is kept as lone surrogates, never dropped.
"""

from __future__ import annotations

import os

from leashtui.model.request import Action, Layer, ProcessRef, Request

_NAMES = """
    LD_PRELOAD LD_AUDIT LD_LIBRARY_PATH GCONV_PATH BASH_ENV ENV PROMPT_COMMAND PS4 SHELLOPTS BASHOPTS IFS
    PYTHONSTARTUP PYTHONPATH PYTHONHOME PYTHONBREAKPOINT PERL5OPT PERL5LIB PERL5DB RUBYOPT RUBYLIB NODE_OPTIONS
    NODE_PATH JAVA_TOOL_OPTIONS _JAVA_OPTIONS JDK_JAVA_OPTIONS LUA_INIT PAGER MANPAGER LESSOPEN LESSCLOSE EDITOR VISUAL
    BROWSER GIT_SSH GIT_SSH_COMMAND GIT_EXTERNAL_DIFF GIT_PAGER GIT_EDITOR GIT_SEQUENCE_EDITOR GIT_ASKPASS SSH_ASKPASS
    GIT_PROXY_COMMAND GIT_EXEC_PATH GIT_TEMPLATE_DIR GIT_CONFIG_COUNT GIT_CONFIG_PARAMETERS GIT_CONFIG GIT_DIR
    GIT_CONFIG_GLOBAL GIT_CONFIG_SYSTEM RSYNC_RSH CVS_RSH MAKEFLAGS MAKEFILES RUSTC_WRAPPER CARGO_HOME
    npm_config_script_shell DOCKER_HOST KUBECONFIG
"""
CODE_VARIABLES = frozenset(_NAMES.split())
"""Environment variables that make some program run code, or another program."""
_COMMAND_LIMIT = 2 << 20
_DEPTH = 64


def stat_of(pid: int) -> tuple[int, int] | None:
    """(parent pid, start time in ticks), None when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    return int(fields[1]), int(fields[19])


def words_of(pid: int) -> tuple[str, ...]:
    """The command line, a word an element. Raises OSError."""
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        raw = file.read(_COMMAND_LIMIT)
    return tuple(os.fsdecode(word) for word in raw.removesuffix(b"\0").split(b"\0"))


def variables_of(pid: int) -> tuple[tuple[str, str], ...]:
    """The variables that can carry code, in order. Raises OSError."""
    with open(f"/proc/{pid}/environ", "rb") as file:
        raw = file.read(_COMMAND_LIMIT)
    found = []
    for entry in raw.split(b"\0"):
        name, _, value = entry.partition(b"=")
        text = name.decode("latin-1")
        if text in CODE_VARIABLES or text.startswith(("GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_", "BASH_FUNC_")):
            found.append((text, os.fsdecode(value)))
    return tuple(found)


def ancestors_of(parent: int, top: int) -> tuple[ProcessRef, ...]:
    """Living ancestors from `parent` up to but without `top`, nearest first."""
    found: list[ProcessRef] = []
    pid = parent
    while pid not in (0, 1, top) and len(found) < _DEPTH:
        stat = stat_of(pid)
        if stat is None:
            break
        found.append(ProcessRef(pid, stat[1]))
        pid = stat[0]
    return tuple(found)


def request_of(pid: int, execs: int, top: int, base: frozenset[tuple[str, str]]) -> Request:
    """The request that the stopped new image of `pid` stands for. base: variables the session started with, which are
    the person's own. Raises OSError or ValueError when it cannot be read."""
    stat = stat_of(pid)
    if stat is None:
        raise ProcessLookupError(pid)
    return Request(
        action=Action.PROCESS_EXEC,
        layer=Layer.KERNEL,
        cwd=os.readlink(f"/proc/{pid}/cwd"),
        argv=words_of(pid),
        exe=os.readlink(f"/proc/{pid}/exe"),
        env=tuple(v for v in variables_of(pid) if v not in base),
        process=ProcessRef(pid, stat[1], execs),
        ancestry=ancestors_of(stat[0], top),
    )
