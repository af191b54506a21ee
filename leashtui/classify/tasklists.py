"""Reads lists of tasks: Taskfiles, the scripts of composer.json, the tasks of deno.json.

Knows their shape and which of their entries are command lines. Refuses includes. Invariant: a name that is not found,
where something else may hold it, is said to be unread; a file that is no such list has no tasks.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any

from leashtui.classify.patterns import lazy

TASKFILES = (
    "Taskfile.yml", "taskfile.yml", "Taskfile.yaml", "taskfile.yaml", "Taskfile.dist.yml", "taskfile.dist.yml",
    "Taskfile.dist.yaml", "taskfile.dist.yaml",
)  # fmt: skip
_OPEN = "${LEFT_OPEN_BY_TASK}"
_MOST = 64
_DEEP = lazy(r"(?:[-?:][ \t]+){12}|^[ \t]{120}", re.M)
_HOLE = lazy(r"\{\{\s*(.*?)\s*\}\}")
_COMMENTS = lazy(r"\"(?:[^\"\\]|\\.)*\"|//[^\n]*|/\*.*?\*/|,(?=\s*[}\]])", re.S)
_CALLBACK = lazy(r"^[\w\\]+(?:::\w+)?$")
Found = tuple[list[str], bool]
"""Command lines in order, and whether every part of what runs was found."""


@lru_cache(maxsize=32)
def yaml_of(text: str) -> Any:
    """A YAML document, not to be changed. None: none that is read."""
    if text.count("[") + text.count("{") > 2000 or _DEEP.search(text):
        return None  # the library's fast reader trusts the stack with any depth
    if max(text.count("["), text.count("{") - 2 * text.count("{{")) > 200:
        return None
    import yaml  # only a Taskfile needs it

    try:
        return yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both loaders are safe
    except (yaml.YAMLError, ValueError, RecursionError):
        return None


def taskfile(text: str, names: list[str]) -> Found:
    """What `task NAMES` ([]: default) runs."""
    document = yaml_of(text)
    if not isinstance(document, dict):
        return [], False
    tasks = document.get("tasks")
    tasks = tasks if isinstance(tasks, dict) else {}
    shared = document.get("vars")
    known = _variables(shared)
    found: list[str] = _programs(shared)
    waiting: list[str] = list(names) or ["default"]
    done: set[str] = set()
    whole = True
    while waiting and len(done) < _MOST:
        name = waiting.pop(0)
        if name in done:
            continue
        done.add(name)
        if name not in tasks:
            whole = whole and not document.get("includes")
            continue
        lines, needs = _task(tasks[name])
        own = tasks[name].get("vars") if isinstance(tasks[name], dict) else None
        values = {**known, **_variables(own)}
        found.extend(_filled(line, values) for line in [*_programs(own), *lines])
        waiting[:0] = needs
    return found, whole


def _task(task: Any) -> tuple[list[str], list[str]]:
    """The command lines of a task and the tasks it calls."""
    if isinstance(task, str):
        return [task], []
    if isinstance(task, list):
        return _commands(task)
    if not isinstance(task, dict):
        return [], []
    lines, calls = _commands(task.get("cmds") or ([task["cmd"]] if "cmd" in task else []))
    _, needs = _commands([{"task": d} if isinstance(d, str) else d for d in task.get("deps") or []])
    checks = [*(task.get("preconditions") or []), *(task.get("status") or [])]
    lines[:0] = [c if isinstance(c, str) else str(c.get("sh", "")) for c in checks if isinstance(c, str | dict)]
    return lines, [*needs, *calls]


def _commands(entries: Any) -> tuple[list[str], list[str]]:
    lines: list[str] = []
    calls: list[str] = []
    for entry in entries if isinstance(entries, list) else [entries]:
        if isinstance(entry, str):
            lines.append(entry)
        elif isinstance(entry, dict):
            inner = entry.get("defer")
            if inner is not None:
                more, called = _commands([inner])
                lines.extend(more)
                calls.extend(called)
            if isinstance(entry.get("task"), str):
                calls.append(entry["task"])
            if isinstance(entry.get("cmd"), str):
                lines.append(entry["cmd"])
    return lines, calls


def _variables(values: Any) -> dict[str, str]:
    return {str(k): str(v) for k, v in values.items() if isinstance(v, str | int)} if isinstance(values, dict) else {}


def _programs(values: Any) -> list[str]:
    """Variables that are what a command prints."""
    found = values.values() if isinstance(values, dict) else ()
    return [v["sh"] for v in found if isinstance(v, dict) and isinstance(v.get("sh"), str)]


def _filled(text: str, values: dict[str, str]) -> str:
    def one(match: re.Match[str]) -> str:
        value = values.get(match[1].lstrip("."))
        return value if value is not None and "{{" not in value else _OPEN

    return _HOLE.sub(one, text) if "{{" in text else text


def composer(text: str, names: list[str]) -> Found:
    """What composer runs for these scripts or events, the last of which may take arguments."""
    document = json_of(text)
    if document is None:
        return [], False
    scripts = document.get("scripts")
    scripts = scripts if isinstance(scripts, dict) else {}
    found: list[str] = []
    waiting, done = list(names), set[str]()
    while waiting and len(done) < _MOST:
        name = waiting.pop(0)
        if name in done or name not in scripts:
            continue
        done.add(name)
        entries = scripts[name] if isinstance(scripts[name], list) else [scripts[name]]
        for entry in entries:
            if not isinstance(entry, str) or _CALLBACK.match(entry) and "::" in entry:
                continue
            head, _, rest = entry.partition(" ")
            if head == "@putenv":
                found.append(f"export {rest}")
            elif head in ("@php", "@composer"):
                found.append(f"{head[1:]} {rest}")
            elif head.startswith("@"):
                waiting.append(head[1:])
            else:
                found.append(entry)
    return found, len(done) < _MOST


def deno(text: str, names: list[str]) -> Found:
    """What `deno task NAMES` runs."""
    document = json_of(text)
    if document is None:
        return [], False
    tasks = document.get("tasks")
    tasks = tasks if isinstance(tasks, dict) else {}
    found: list[str] = []
    waiting, done = list(names), set[str]()
    while waiting and len(done) < _MOST:
        name = waiting.pop(0)
        task = tasks.get(name)
        if name in done or task is None:
            continue
        done.add(name)
        if isinstance(task, dict):
            waiting.extend(n for n in task.get("dependencies") or [] if isinstance(n, str))
            task = task.get("command")
        if isinstance(task, str):
            found.append(task)
    return found, len(done) < _MOST


def json_of(text: str) -> dict[str, Any] | None:
    """A document as the tools that run its scripts read it: some allow comments and a last comma. None: none can."""
    for shape in (text, _COMMENTS.sub(lambda m: m[0] if m[0][0] == '"' else "", text)):
        try:
            found = json.loads(shape)
        except (ValueError, RecursionError):
            continue
        return found if isinstance(found, dict) else None
    return None
