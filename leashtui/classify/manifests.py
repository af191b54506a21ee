"""Reads the tasks that projects keep in TOML and INI files: poe, pdm, hatch, rye, pixi, pipenv, tox, mise, cargo.

Knows how each tool writes a task and how one calls another. Refuses plug-ins and files named elsewhere. Invariant: a
file that is no valid TOML or INI, and a task that includes what lies elsewhere, are said not to have been read.
"""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from leashtui.classify.patterns import lazy
from leashtui.classify.tasklists import Found

_MOST = 64

_OPEN = "${LEFT_OPEN_BY_TASK}"
_BRACES = lazy(r"\{([^{}\s]*)\}")
_CALLED = lazy(r"^[\w.]+:\w+(?:\(.*\))?$")
"""A function of Python, which no shell runs."""
_LINES = ("cmd", "shell", "run", "script", "command")
_OTHERS = ("sequence", "composite", "chain", "depends", "depends-on", "depends_on", "deps", "dependencies", "run_task",
           "parallel", "uses")  # fmt: skip


@lru_cache(maxsize=32)
def _toml(text: str) -> dict[str, Any] | None:

    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return None


def _at(document: Any, *path: str) -> dict[str, Any]:
    for key in path:
        document = document.get(key) if isinstance(document, dict) else None
    return document if isinstance(document, dict) else {}


def named(words: list[str], *, after: tuple[str, ...] = ()) -> list[str]:
    """The task's name among a tool's words, [] for none. after: the words that come before a name."""
    rest = [w for w in words if not w.startswith("-")]
    if after:
        at = next((i for i, w in enumerate(rest) if w in after), -1)
        if at < 0:
            return []
        rest = rest[at + 1 :]
    return rest[:1]


def _follow(tasks: dict[str, Any], names: list[str]) -> Found:
    """The command lines of tasks and of all they call."""
    found: list[str] = []
    waiting, done, whole = list(names), set[str](), True
    while waiting and len(done) < _MOST:
        name = waiting.pop(0)
        if name in done or name not in tasks:
            continue
        done.add(name)
        for key in (f"pre_{name}", name, f"post_{name}"):
            lines, calls, known = _lines(tasks.get(key), tasks)
            found.extend(lines)
            waiting.extend(calls)
            whole = whole and known
    return found, whole and not waiting


def _lines(task: Any, tasks: dict[str, Any]) -> tuple[list[str], list[str], bool]:
    """The command lines of one task, the tasks it calls, and whether that is all."""
    if isinstance(task, str):
        head = task.split(" ", 1)[0]
        return ([], [task], True) if task in tasks else ([task], [head] if head in tasks else [], True)
    if isinstance(task, list):
        if task and all(isinstance(t, str) for t in task) and not any(" " in t or t in tasks for t in task[1:]):
            joined = shlex.join(task) if task[0] not in tasks and not any(" " in t for t in task) else ""
            return ([joined], [], True) if joined else (list(task), [t for t in task if t in tasks], True)
        parts = [_lines(t, tasks) for t in task]
        return [x for p in parts for x in p[0]], [x for p in parts for x in p[1]], all(p[2] for p in parts)
    if not isinstance(task, dict):
        return [], [], True
    lines: list[str] = []
    calls: list[str] = []
    whole = not any(k in task for k in ("include", "extend"))
    for key in _LINES:
        value = task.get(key)
        if isinstance(value, str) and key == "command" and isinstance(task.get("args"), list):
            lines.append(shlex.join([value, *map(str, task["args"])]))
        elif isinstance(value, str):
            lines.extend([] if key == "script" and _CALLED.match(value) else [value])
        elif isinstance(value, list) and value and all(isinstance(v, str) for v in value):
            lines.append(shlex.join(value) if key == "cmd" else "\n".join(value))
    for key in _OTHERS:
        for entry in task[key] if isinstance(task.get(key), list) else [task.get(key)]:
            if isinstance(entry, str):
                (calls if entry in tasks else lines).append(entry)
            elif isinstance(entry, dict):
                calls.extend(str(entry[k]) for k in ("ref", "task", "name") if isinstance(entry.get(k), str))
                more = _lines(entry, tasks)
                lines.extend(more[0])
                calls.extend(more[1])
    return lines, calls, whole


def _tool(*path: str, after: tuple[str, ...] = (), alone: bool = True) -> Callable[[str, list[str]], Found]:
    """A reader of the tasks under one table of a TOML file. alone: a name may stand without one of `after`."""

    def read(text: str, words: list[str]) -> Found:
        document = _toml(text)
        if document is None:
            return [], False
        names = named(words, after=after) or (named(words) if alone else [])
        return _follow(_at(document, *path), names)

    return read


poe = _tool("tool", "poe", "tasks")
taskipy = _tool("tool", "taskipy", "tasks")
pdm = _tool("tool", "pdm", "scripts", after=("run",))
rye = _tool("tool", "rye", "scripts", after=("run", "r"), alone=False)
pipenv = _tool("scripts", after=("run",), alone=False)


def pixi(text: str, words: list[str]) -> Found:
    """`pixi run NAME`: pixi.toml, or its part of pyproject.toml; every feature's tasks."""
    document = _toml(text)
    if document is None:
        return [], False
    own = _at(document, "tool", "pixi") or document
    tasks = dict(_at(own, "tasks"))
    for feature in _at(own, "feature").values():
        tasks.update(_at(feature, "tasks"))
    return _follow(tasks, named(words, after=("run", "r")))


def hatch(text: str, words: list[str]) -> Found:
    """`hatch run [ENV:]NAME`, `hatch fmt` and `hatch test` excepted: those are hatch's own."""
    document = _toml(text)
    if document is None:
        return [], False
    environments = _at(document, "tool", "hatch", "envs") or _at(document, "envs")
    names = named(words, after=("run",))
    env, sign, name = names[0].partition(":") if names else ("", "", "")
    found: list[str] = []
    for key, one in environments.items():
        if not sign or key == env:
            found.extend(_follow(_at(one, "scripts"), [name if sign else env])[0])
    return found, True


def mise(text: str, words: list[str]) -> Found:
    """`mise run NAME`, `mise NAME`."""
    document = _toml(text)
    if document is None:
        return [], False
    tasks = _at(document, "tasks")
    return _follow(tasks, named(words, after=("run", "r")) or named(words))


def cargo_make(text: str, words: list[str]) -> Found:
    """`cargo make NAME`, `makers NAME`: Makefile.toml."""
    names = [w for w in words if not w.startswith("-") and w != "make"][:1] or ["default"]
    document = _toml(text)
    if document is None:
        return [], False
    found, whole = _follow(_at(document, "tasks"), names)
    return found, whole and not document.get("extend")


def cargo_alias(text: str, words: list[str]) -> Found:
    """`cargo NAME` where .cargo/config.toml gives NAME a meaning, and the runner it names for `run` and `test`."""
    document = _toml(text)
    if document is None:
        return [], False
    names = [w for w in words if not w.startswith(("-", "+"))]
    aliases = _at(document, "alias")
    value = aliases.get(names[0]) if names else None
    meant = shlex.join(value) if isinstance(value, list) else value
    found = [f"cargo {meant}"] if isinstance(meant, str) and meant.split()[:1] != names[:1] else []
    if names[:1] and names[0] in ("run", "r", "test", "t", "bench"):
        for target in _at(document, "target").values():
            runner = target.get("runner") if isinstance(target, dict) else None
            found.extend([shlex.join(map(str, runner)) if isinstance(runner, list) else str(runner)] if runner else [])
    return found, True


def tox(text: str, words: list[str]) -> Found:
    """`tox [-e NAME]`: tox.ini, setup.cfg, or the text of it in pyproject.toml."""
    if "[tool.tox" in text:
        own = _at(_toml(text), "tool", "tox")
        legacy = own.get("legacy_tox_ini")
        if isinstance(legacy, str):
            return tox(legacy, words)
        parts = [_at(own, "env_run_base"), *_at(own, "env").values()]
        listed = [c for p in parts if isinstance(p, dict) for c in p.get("commands") or []]
        return [_open(shlex.join(map(str, c))) for c in listed if isinstance(c, list)], True
    import configparser  # only tox needs it

    parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
    try:
        parser.read_string(text)
    except (configparser.Error, AttributeError):  # the library stumbles over a line that goes on after a name alone
        return [], False
    at = next((i for i, w in enumerate(words) if w in ("-e", "--env", "-re")), -1)
    given = [n for n in words[at + 1].split(",") if n] if 0 <= at < len(words) - 1 else []
    given += [n for w in words if w.startswith("-e") and len(w) > 2 for n in w[2:].split(",")]
    wanted = {f"testenv:{n}" for n in given}
    sections = [s for s in parser.sections() if s.startswith("testenv") and (not wanted or s in wanted)]
    if wanted - set(sections):
        sections.append("testenv")
    found: list[str] = []
    for section in dict.fromkeys(s for s in sections if parser.has_section(s)):
        for key in ("commands_pre", "commands", "commands_post"):
            text_of = parser.get(section, key, fallback="") or ""
            found.extend(_open(line) for line in text_of.replace("\\\n", " ").splitlines() if line.strip())
    return found, True


def _open(line: str) -> str:
    """A command line of tox, its substitutions as the shell would write them."""
    line = re.sub(r"^\s*(?:[-!]\s*)?(?:[\w,!.-]+:\s+)?", "", line)
    line = re.sub(r"\{posargs:?([^{}]*)\}", r"\1", line)
    known = {"toxinidir": ".", "tox_root": ".", "/": "/", ":": ":"}
    return _BRACES.sub(lambda m: known.get(m[1]) or ("${HOME}" if m[1] == "env:HOME" else _OPEN), line)
