"""Under which settings and by which start lines an agent asks nobody: what stands in its files, shells and scripts.

Knows the keys and arguments that adapters name, and where people write start lines. Refuses to change anything and to
say what a setting is worth. Invariant: a settings file that is there and cannot be read or parsed is a finding.
"""

from __future__ import annotations

import json
import os
import re
import stat
import tomllib
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from msgspec import Struct

from leashtui.agents.adapter import Adapter
from leashtui.agents.servers import content_of, parsed

_SHELLS = (
    ".bashrc", ".bash_aliases", ".bash_profile", ".bash_login", ".profile", ".aliases", ".zshrc", ".zshenv",
    ".zprofile", ".zlogin", ".kshrc", ".bashrc.local", ".zshrc.local", ".config/fish/config.fish",
    ".config/zsh/.zshrc", ".config/zsh/.zshenv",
)  # fmt: skip
_FOLDERS = (
    ".config/fish/functions", ".config/fish/conf.d", ".bashrc.d", ".zsh", ".zshrc.d", ".config/zsh",
    ".oh-my-zsh/custom", "bin", ".local/bin",
)  # fmt: skip
_PROJECT = (
    "package.json", "Makefile", "makefile", "GNUmakefile", "justfile", "Justfile", ".justfile", "Taskfile.yml",
    ".vscode/tasks.json", ".envrc",
)  # fmt: skip
_LIMIT = 16 << 20
_SCRIPT = 1 << 16
_ENTRIES = 500
_READ = frozenset((".json", ".jsonc", ".toml", ".yml", ".yaml"))
_FLAT = re.compile(r"([\w-]+)[ \t]*:[ \t]+(\S.*?)[ \t]*(?:#.*)?")


class Finding(Struct, frozen=True):
    """Something a person should know. level: note|weak. remedy: what to do."""

    level: str
    text: str
    remedy: str


def document(path: Path) -> Any:
    """A settings file as agents read it; None when there is none. Raises ValueError, also where it cannot be read.

    Of YAML only the keys at the left margin that have their value beside them.
    """
    try:
        raw = content_of(path, _LIMIT + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ValueError(error.strerror or "it cannot be opened") from error
    if len(raw) > _LIMIT:
        raise ValueError(f"it is longer than {_LIMIT >> 20} MiB")
    try:
        if path.suffix == ".toml":
            return tomllib.loads(raw.decode("utf-8", "replace"))
        if path.suffix in {".yml", ".yaml"}:
            return _flat(raw.decode("utf-8", "replace"))
        return parsed(raw) if raw.strip() else {}
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _flat(text: str) -> dict[str, Any]:
    found = (_FLAT.fullmatch(line) for line in text.splitlines())
    words: dict[str, Any] = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
    return {m[1]: words.get(m[2].lower(), m[2].strip("'\"")) for m in found if m is not None}


def at(found: Any, dotted: str) -> Any:
    """What stands at `a.b.c` of a document, None for nothing."""
    for key in dotted.split("."):
        found = found.get(key) if isinstance(found, dict) else None
    return found


def every(found: Any, keys: tuple[str, ...], above: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted key, value) of every place that the keys mean; `?` is any key."""
    if not keys:
        yield above, found
    elif isinstance(found, dict):
        for key in found if keys[0] == "?" else [keys[0]] if keys[0] in found else ():
            yield from every(found[key], keys[1:], f"{above}.{key}" if above else str(key))


def in_settings(agent: Adapter, place: Callable[[str], Path], home: Path) -> Iterator[Finding]:
    """What its settings say. place: where a footprint's pattern is."""
    named = (*agent.footprint.settings, *(pattern for pattern, _ in agent.footprint.mcp))
    for path in (place(pattern) for pattern in dict.fromkeys(named)):
        if path.suffix not in _READ or not path.is_file():
            continue
        try:
            found = document(path)
        except ValueError as error:
            yield Finding("note", f"{path} cannot be read: {error}", "mend it")
            continue
        for dotted, wanted, meaning in agent.footprint.weak:
            keys = tuple(str(home) if key == "~" else key for key in dotted.split("."))
            for where, value in every(found, keys):
                if is_meant(value, wanted, home):
                    one = isinstance(value, list) and wanted != "*"
                    what = f"{wanted} out of {where} in" if one else f"{where} out of"
                    shown = json.dumps(value, default=str)[:80] if wanted == "*" else wanted
                    yield Finding("weak", f"{path}: {where} = {shown}: {meaning}", f"take {what} {path}")
        hooks = found.get("hooks") if isinstance(found, dict) else None
        for event, entries in hooks.items() if isinstance(hooks, dict) else ():
            for command in re.findall(r'"command": "((?:[^"\\]|\\.)*)"', json.dumps(entries)):
                if "leashtui/client/hook.py" not in command:
                    yield Finding("note", f"{path}: runs at {event}: {command[:120]}", "know what it does")


def is_meant(value: Any, wanted: str, home: Path) -> bool:
    """Whether a setting has this value, as JSON, or holds it; `*` is any but nothing, `"~"` the home."""
    if wanted == "*":
        return value not in (None, [], {}, "")
    meant = str(home) if wanted == '"~"' else json.loads(wanted)
    values = value if isinstance(value, list) else [value]
    if wanted in {'"~"', '"/"'}:  # a folder, however it is written
        values = [_folder(each, home) for each in values if isinstance(each, str)]
    return any(type(each) is type(meant) and each == meant for each in values)


def _folder(name: str, home: Path) -> str:
    where = f"{home}{name[1:]}" if name == "~" or name.startswith("~/") else name
    return os.path.normpath(where)


def in_start_lines(agent: Adapter, home: Path, project: Path) -> Iterator[Finding]:
    """Lines of the person's shells, scripts and tasks that start it with its own prompts off."""
    if not agent.names or not agent.footprint.bypasses:
        return
    named = "|".join(map(re.escape, agent.names))
    flags = {re.compile(_spelled(flag)): flag for flag in agent.footprint.bypasses}
    starts = re.compile(rf"(?<![\w.-])(?:{named})(?![\w-])(.*)", re.S)
    for path in _written(home, project):
        text = _text(path)
        number = 1
        for line in re.split(r"(?<!\\)\n", text):
            found = None if line.lstrip().startswith("#") else starts.search(line)
            flag = next((f for form, f in flags.items() if found is not None and form.search(found[1])), "")
            if flag:
                said = f"{path}:{number}: starts {agent.kind} with {flag}, which switches its own prompts off"
                yield Finding("weak", said, f"take {flag} out, or start it with leash")
            number += line.count("\n") + 1


def _spelled(flag: str) -> str:
    """An argument however it is written: with its value beside it or behind `=`, in quotes or not."""
    words = [re.escape(word) for word in flag.split(" ")]
    return r"(?<![\w-])" + r"""(?:=|[\s\\]+)['"]?""".join(words) + r"(?![\w-])"


def _written(home: Path, project: Path) -> Iterator[Path]:
    """Where start lines are: every file once."""
    yield from (home / name for name in _SHELLS)
    for folder in (home / name for name in _FOLDERS):
        try:
            with os.scandir(folder) as entries:
                names = sorted(entry.name for entry in islice(entries, _ENTRIES))
        except OSError:
            continue
        yield from (folder / name for name in names if str((folder / name).relative_to(home)) not in _SHELLS)
    yield from (project / name for name in _PROJECT)


def _text(path: Path) -> str:
    """A text that is no program of the machine's, '' for anything else."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError:
        return ""
    try:
        raw = os.read(handle, _SCRIPT) if stat.S_ISREG(os.fstat(handle).st_mode) else b""
    except OSError:
        return ""
    finally:
        os.close(handle)
    return "" if b"\0" in raw else raw.decode("utf-8", "replace")
