"""What agents this machine holds: where, which version, which bytes, what they are told and allowed beforehand.

Knows the adapters' footprints and reads what they name. Refuses to run any of it, and to change anything. Invariant: a
file that cannot be read or parsed is a finding, never silence.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path

from msgspec import Struct

from leashtui.agents.adapter import Adapter, Form
from leashtui.agents.registry import AGENTS, placed
from leashtui.agents.servers import Table, content_of
from leashtui.supervisor.providers import named
from leashtui.supervisor.weaknesses import Finding, document, every, in_settings, in_start_lines

_LIMIT = 4 << 20
_PIECE = 1 << 20
_FOLDERS = 5000
_FILES = 2000
_DEPENDENCIES = frozenset(
    ".git node_modules .venv venv site-packages __pycache__ target dist build vendor .tox .nox .cache".split()
)

_BROUGHT = "mcpServers"
_EDITS = "are seen in tier strict alone"


class Server(Struct, frozen=True):
    """One MCP server. command: its words or its URL. source: the file that names it."""

    name: str
    command: str
    source: str


class Thing(Struct, frozen=True):
    """An instruction file or a skill. digest: sha256 (hex, 16), of all its files' names and bytes for a directory."""

    path: str
    digest: str


class Found(Struct, frozen=True):
    """One installed agent. sees: how leash sees it, in one sentence. tried: the version it was tried with. models:
    models and providers that its settings name."""

    v: int
    agent: str
    path: str
    version: str
    digest: str
    sees: str
    tried: str
    settings: tuple[str, ...]
    servers: tuple[Server, ...]
    skills: tuple[Thing, ...]
    instructions: tuple[Thing, ...]
    findings: tuple[Finding, ...]
    models: tuple[str, ...] = ()


class Stray(Struct, frozen=True):
    """An agent that runs on this machine without leash."""

    agent: str
    pid: int
    command: str


class Places:
    """home, project: absolute. path: where programs are looked up, in order. env: the person's own, which may move
    agents' files."""

    def __init__(self, home: str, project: str, path: str, env: Mapping[str, str] | None = None) -> None:
        self.env = env or {}
        self.home = Path(home)
        self.project = Path(project)
        self.path = tuple(folder for folder in path.split(os.pathsep) if folder.startswith("/"))

    def at(self, pattern: str) -> Path:
        """Where '~/x', './x' and '/x' are."""
        pattern = placed(pattern, self.env)
        if pattern.startswith("~/"):
            return self.home / pattern[2:]
        return self.project / pattern[2:] if pattern.startswith("./") else Path(pattern)

    def every(self, pattern: str) -> list[Path]:
        """The files that a pattern of `at` with `*` in it names, the first 2,000."""
        folder, _, rest = pattern.partition("/*")
        return sorted(islice(self.at(folder).glob("*" + rest), _FILES))

    def program(self, name: str) -> Path | None:
        """The first program of this name."""
        for folder in self.path:
            found = Path(folder, name)
            if os.access(found, os.X_OK) and found.is_file():
                return found
        return None


def take(places: Places) -> list[Found]:
    """Every installed agent that leash knows, in the order of the registry."""
    return [found for agent in AGENTS if (found := look(agent, places)) is not None]


def look(agent: Adapter, places: Places) -> Found | None:
    """What there is of one agent, None when it is not installed."""
    program = next((p for name in agent.names if (p := places.program(name)) is not None), None)
    if program is None:
        return None
    real = Path(os.path.realpath(program))
    version = version_of(real, agent.footprint.package)
    findings = [*in_settings(agent, places.at, places.home), *in_start_lines(agent, places.home, places.project)]
    findings += _unread(agent, places)
    if agent.tried and version and version != agent.tried:
        findings.append(Finding("note", f"version {version}; leash was tried with {agent.tried}", "leash doctor"))
    if not agent.tried:
        findings.append(Finding("note", "leash was not tried with it; its programs are guarded", "report what you see"))
    return Found(
        v=1,
        agent=agent.kind,
        path=str(program),
        version=version,
        digest=_digest(real),
        sees=sees(agent),
        tried=agent.tried,
        settings=tuple(str(p) for s in agent.footprint.settings if (p := places.at(s)).exists()),
        servers=tuple(dict.fromkeys(_servers(agent, places))),
        skills=tuple(_things(places, agent.footprint.skills, inside=True, digest=tree_digest)),
        instructions=(
            *_things(places, agent.footprint.instructions, inside=False, digest=tree_digest),
            *(Thing(str(path), tree_digest(path)) for path in nested(agent, places)),
        ),
        findings=tuple(dict.fromkeys(findings)),
        models=tuple(dict.fromkeys(_models(agent, places))),
    )


def setup(agent: Adapter, places: Places) -> dict[str, str]:
    """What an agent starts with: its program, its servers, its hooks; by name, without reading the whole program."""
    program = next((p for name in agent.names if (p := places.program(name)) is not None), None)
    if program is None:
        return {}
    real = Path(os.path.realpath(program))
    version = version_of(real, agent.footprint.package) or f"of {real.stat().st_size} bytes"
    made = {f"{agent.kind} itself": f"{version} at {program}"}
    made |= {f"{agent.kind}'s MCP server {one.name} of {one.source}": one.command for one in _servers(agent, places)}
    found = list(in_settings(agent, places.at, places.home))
    hooks = [finding.text for finding in found if ": runs at " in finding.text]
    loose = [finding.text for finding in found if finding.level == "weak"]
    for path in (str(place) for pattern in agent.footprint.settings if (place := places.at(pattern)).is_file()):
        mine = [text.removeprefix(f"{path}: runs ") for text in hooks if text.startswith(f"{path}:")]
        made[f"{agent.kind}'s hooks of {path}"] = "; ".join(mine) or "none"
        weak = [text for text in loose if text.startswith(f"{path}:")]
        made[f"{agent.kind}'s weak settings of {path}"] = "; ".join(weak).replace(f"{path}: ", "") or "none"
    return made


def sees(agent: Adapter) -> str:
    """How leash sees this agent, in one sentence."""
    if agent.hold and agent.by_install:
        return f"after `leash hooks install {agent.kind}` its tools ask before they run; its programs are guarded"
    if agent.hold:
        return f"its tools ask before they run, held up to {agent.hold // 60} min; its programs are guarded"
    if agent.patience and not agent.yields:
        held = f", held up to {agent.patience} s, then a ticket"
        return f"its programs are guarded{held}; its own edits {_EDITS}{_account(agent)}"
    return f"its programs are guarded; its own edits {_EDITS}{_account(agent)}"


def _account(agent: Adapter) -> str:
    return "; no tokens: leash knows no account of its own" if agent.form is Form.NONE else ""


def strays(environ: Mapping[int, tuple[str, ...]] | None = None) -> list[Stray]:
    """Agents that run without leash now. environ: for tests."""
    found = []
    kinds = {name: agent.kind for agent in AGENTS for name in agent.names}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")[:-1]
            variables = (entry / "environ").read_bytes()
        except OSError:
            continue
        names = [os.path.basename(os.fsdecode(word)) for word in words[:2]]
        kind = next((kinds[name] for name in names if name in kinds), "")
        if kind and b"LEASH_SESSION=" not in variables:
            found.append(Stray(kind, int(entry.name), b" ".join(words).decode("utf-8", "replace")[:200]))
    return sorted(found, key=lambda stray: stray.pid)


def version_of(program: Path, package: str) -> str:
    """From the package that holds the program: package.json above it, or its metadata; '' when neither is there."""
    for folder in list(program.parents)[:8]:
        manifest = folder / "package.json"
        if manifest.is_file():
            with contextlib.suppress(ValueError):
                said = document(manifest)
                if isinstance(said, dict) and (said.get("name") == package or said.get("bin")):
                    return str(said.get("version") or "")
    name = package.replace("-", "_")
    for info in program.parent.parent.glob(f"lib/python*/site-packages/{name}-*.dist-info"):
        return info.name.removeprefix(f"{name}-").removesuffix(".dist-info")
    return ""


def _digest(path: Path) -> str:
    whole = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                whole.update(piece)
    except OSError:
        return ""
    return whole.hexdigest()


def configured(agent: Adapter, places: Places, argv: tuple[str, ...] = ()) -> Iterator[tuple[str, Table, str]]:
    """(name as the agent says it, entry, file) of every MCP server that is named to the agent. argv: as started."""
    mine = [(places.at(pattern), tuple(key.split("."))) for pattern, key in agent.footprint.mcp]
    mine += [(places.at(pattern), keys) for pattern, keys in agent.files(argv, str(places.project), places.env)]
    for path, keys in dict.fromkeys(mine):
        for name, entry in _entries(path, keys):
            yield name, entry, str(path)
    bundled = [path for pattern, _ in agent.footprint.bundled for path in places.every(pattern)]
    for path in dict.fromkeys((*bundled, *agent.brought(argv, places.every))):
        for name, entry in _entries(path, (_BROUGHT,)):
            yield agent.called(name, path), entry, str(path)
    for name, entry in agent.typed(argv).items():
        if isinstance(entry, dict):
            yield name, entry, "the command line"


def _entries(path: Path, keys: tuple[str, ...]) -> Iterator[tuple[str, Table]]:
    """The servers of one file; of a plugin's manifest also those of the files that it names."""
    try:
        whole = document(path)
    except ValueError:
        return  # said by in_settings where it is a settings file, and among the findings where it came along
    tables = [table for _, table in every(whole, keys)]
    if path.name == ".mcp.json" and not tables:
        tables = [whole]  # a plugin's may hold its servers and nothing else
    root = path.parent.parent if path.parent.name.endswith("-plugin") else path.parent
    for table in tables:
        for name in [table] if isinstance(table, str) else table if isinstance(table, list) else ():
            if isinstance(name, str) and name.endswith(".json") and root / name != path:
                with contextlib.suppress(ValueError):
                    said = document(root / name)
                    inner = said.get(_BROUGHT, said) if isinstance(said, dict) else {}
                    yield from ((n, e) for n, e in inner.items() if isinstance(e, dict))
        if isinstance(table, dict):
            yield from ((name, entry) for name, entry in table.items() if isinstance(entry, dict))


def _servers(agent: Adapter, places: Places) -> Iterator[Server]:
    for name, entry, path in configured(agent, places):
        command = entry.get("command")
        args = entry.get("args")
        words = [*command] if isinstance(command, list) else [command, *(args if isinstance(args, list) else ())]
        shown = " ".join(str(w) for w in words if w) or str(entry.get("url") or entry.get("httpUrl") or "")
        yield Server(name, shown, path)


def _unread(agent: Adapter, places: Places) -> Iterator[Finding]:
    """What plugins and extensions bring along and nobody can read."""
    for path in (path for pattern, _ in agent.footprint.bundled for path in places.every(pattern)):
        try:
            document(path)
        except ValueError as error:
            yield Finding("note", f"{path} cannot be read: {error}", "mend it")


def _models(agent: Adapter, places: Places) -> Iterator[str]:
    for pattern in agent.footprint.settings:
        path = places.at(pattern)
        if path.suffix in {".json", ".jsonc", ".toml"}:
            with contextlib.suppress(ValueError):  # said by in_settings
                yield from (f"{text} ({path})" for text in named(document(path)))


def obeyed(agent: Adapter, places: Places, digest: Callable[[Path], str]) -> Iterator[Thing]:
    """Instruction files, skills, plugins: whatever tells the agent's model what to do."""
    yield from _things(places, agent.footprint.instructions, inside=False, digest=digest)
    yield from _things(places, agent.footprint.skills, inside=True, digest=digest)
    for path in nested(agent, places):
        yield Thing(str(path), digest(path))


def nested(agent: Adapter, places: Places) -> Iterator[Path]:
    """Instruction files and skills deeper in the project, which agents read when they work there.

    Dependencies and build output are left out, and whatever lies behind the first 5,000 folders.
    """
    local = [pattern[2:] for pattern in agent.footprint.instructions if pattern.startswith("./")]
    names = {name for name in local if "/" not in name}
    for number, (folder, folders, files) in enumerate(os.walk(places.project) if names else ()):
        if number >= _FOLDERS:
            return
        folders[:] = sorted(name for name in folders if name not in _DEPENDENCIES)
        if number:
            yield from (Path(folder, name) for name in sorted(names.intersection(files)))
        if "SKILL.md" in files and os.path.basename(os.path.dirname(folder)) == "skills":
            outer = os.path.dirname(os.path.dirname(os.path.dirname(folder)))
            if outer != str(places.project):  # those at the top are skills of the footprint already
                yield Path(folder)


def _things(
    places: Places, patterns: tuple[str, ...], *, inside: bool, digest: Callable[[Path], str]
) -> Iterator[Thing]:
    for pattern in patterns:
        path = places.at(pattern)
        if inside and path.is_dir():
            with contextlib.suppress(OSError):  # a folder that may not be looked into holds nothing to the agent either
                for child in sorted(path.iterdir()):
                    yield Thing(str(child), digest(child))
        elif path.exists():
            yield Thing(str(path), digest(path))


def below(folder: Path) -> Iterator[Path]:
    """Every regular file below a directory, in an order of its own; a link to a directory is not entered."""
    for place, folders, files in os.walk(folder):
        folders.sort()
        yield from (found for name in sorted(files) if (found := Path(place, name)).is_file())


def tree_digest(path: Path) -> str:
    """sha256 over the names and bytes of a file or of every file below a directory (hex, 16)."""
    files = [path] if path.is_file() else sorted(islice(below(path), _FILES))
    whole = hashlib.sha256()
    for file in files:
        whole.update(os.fsencode(file.relative_to(path.parent)) + b"\0")
        try:
            whole.update(hashlib.sha256(content_of(file, _LIMIT)).digest())
        except OSError:
            whole.update(b"unreadable")
    return whole.hexdigest()[:16]
