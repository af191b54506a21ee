"""The user's configuration: one TOML file, every key optional, every mistake named with its place and its remedy.

Knows the keys, their types and defaults, and which file each value came from. Refuses to read anything a project could
have written: only the user's own file counts. Invariant: a file that is wrong anywhere is used nowhere, so that a
misspelt key can never mean a weaker session than its author wanted.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Struct

from leashtui.model.errors import ConfigError
from leashtui.policy.outside import Kind
from leashtui.supervisor.budget import Budget

FILE = "config.toml"
"""Its name below `stores.directories.config_dir()`."""

_LIMIT = 1 << 20


Leader = Annotated[str, msgspec.Meta(pattern=r"^ctrl\+[abefgklnopqrstuvwxy\]\\^_]$")]
"""Not those that terminals and shells cannot do without: c, d, z, and h, i, j, m, which are other keys."""


PanelKey = Annotated[str, msgspec.Meta(pattern=r"^([!-~]|f[0-9]{1,2}|tab|enter|space|ctrl\+[a-z])$")]
"""One printable character, or a key's name."""


PanelAction = Literal[
    "once",
    "session",
    "always",
    "deny",
    "because",
    "edit",
    "offer",
    "view",
    "next",
    "previous",
    "row_next",
    "row_previous",
    "open",
    "undo",
    "revoke",
    "pane",
    "files",
    "trace",
    "freeze",
    "resume",
    "kill",
    "filter",
    "older",
    "newer",
    "scroll",
    "palette",
    "help",
    "detach",
    "literal",
    "back",
]
"""What keys of the panel do, by name; faces.tui.keys has the table."""


class Panel(Struct, frozen=True, forbid_unknown_fields=True):
    """How the panel looks and speaks. leader: the key that switches between agent and panel, e.g. 'ctrl+]'.

    theme: auto is dark or light, as the terminal's own background is. layout: full gives the agent the whole terminal.
    notify: the sequence that tells the terminal of a waiting act; desktop: notify-send as well, where it is installed.
    command: a program of yours that is told too, its last word the sentence. motion: false shows no clocks ticking.
    keys: by the name of an action, the key it shall have, for example { deny = "x" }.
    """

    leader: Leader = "ctrl+]"
    bell: bool = True
    theme: Literal["auto", "dark", "light", "contrast"] = "auto"
    layout: Literal["side", "full"] = "side"
    notify: Literal["auto", "osc9", "osc99", "osc777", "off"] = "auto"
    desktop: bool = True
    command: tuple[str, ...] = ()
    motion: bool = True
    keys: dict[PanelAction, PanelKey] = {}


class Watch(Struct, frozen=True, forbid_unknown_fields=True):
    """What the file watcher leaves out. ignore: directory names, besides the ones it always skips."""

    ignore: tuple[str, ...] = ()


Variable = Annotated[str, msgspec.Meta(pattern=r"^[^=\x00-\x20]{1,200}$")]


class Environment(Struct, frozen=True, forbid_unknown_fields=True):
    """Which secret-looking variables agents get. grant: names of those they do get; `*` stands for anything.

    withhold: names of others that count as secret too.
    """

    grant: tuple[Variable, ...] = ()
    withhold: tuple[Variable, ...] = ()


Below = Annotated[str, msgspec.Meta(pattern=r"^[^/~\x00-\x1f][^\x00-\x1f]{0,200}$")]


class Secrets(Struct, frozen=True, forbid_unknown_fields=True):
    """Secret places below the home, as paths from there. open: known ones that agents may read. close: further ones
    that they may not. watch: names of files in the workspace, such as ".env*", whose reads are asked in tier strict;
    every file that is opened in the session then takes longer. scan: a maintained scanner (the extra `secrets`) helps
    to find what must not be recorded; it takes a second of a processor and 45 MB a session."""

    open: tuple[Below, ...] = ()
    close: tuple[Below, ...] = ()
    watch: tuple[Annotated[str, msgspec.Meta(pattern=r"^[^/\x00-\x1f]{1,100}$")], ...] = ()
    scan: bool = False


class Retention(Struct, frozen=True, forbid_unknown_fields=True):
    """How long finished sessions are kept here. days: after their end, 0 keeps them. size: the oldest go until the rest
    fits, like "2G"; '' keeps them. What a team store does not have yet, or does not prove itself, always stays."""

    days: Annotated[int, msgspec.Meta(ge=0, le=36500)] = 0
    size: Annotated[str, msgspec.Meta(pattern=r"^([0-9]{1,12}[KMGkmg]?[Bb]?)?$")] = ""


class Fact(Struct, frozen=True, forbid_unknown_fields=True):
    """A fact from outside, for policies: what a command prints, or what a file holds; one of the two.

    type: what it is. timeout: seconds until it counts as absent. every: seconds between readings.
    """

    command: tuple[str, ...] = ()
    file: str = ""
    type: Literal["bool", "string", "number", "set"] = "bool"
    timeout: Annotated[float, msgspec.Meta(gt=0, le=30)] = 2
    every: Annotated[int, msgspec.Meta(ge=1, le=86400)] = 60

    def __post_init__(self) -> None:
        path = self.command[0] if self.command else self.file
        if bool(self.command) == bool(self.file) or not path.startswith("/"):
            raise ValueError("give either command = ['/absolute/program', ...] or file = '/absolute/path'")

    @property
    def kind(self) -> Kind:
        """Its type, as policies know it."""
        return Kind(self.type)


Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,40}$")]


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    """All of it. guard: the least tier, '' for the best there is. on_ask: '' is wait, or deny where nobody can answer.

    record: whether what the agent's terminal shows is kept beside the log, secrets masked.
    mode: record only, hold what asks, or refuse what asks. profile: how much of the shipped policies holds; team adds
    to solo, strict to team. sudo: whether an allowed sudo is run by leash outside the guard, after a second question.

    listen: whether a TCP port that is opened at every address is kept to this machine, or asked about.

    own_prompts: by agent kind, whether the agent's own permission prompts stay; quiet needs tier exec or better.
    hooks: whether agents are started with leash's hooks. mcp: whether their MCP servers are led through leash.
    patience: by agent kind, seconds until a held act becomes a ticket, for an agent whose own time-outs were changed.
    late: seconds for which an act that was approved late may still be run once.
    wake: after a late approval a line is typed into the prompt of an agent that stands idle, unless you typed there.
    facts: what policies may read from outside leash. retention: how long logs are kept here.
    budget: what a session may use before it stands still.
    """

    guard: Literal["", "strict", "compat", "exec", "watch"] = ""
    on_ask: Literal["", "wait", "deny"] = ""
    mode: Literal["observe", "guard", "lockdown"] = "guard"
    profile: Literal["solo", "team", "strict"] = "solo"
    sudo: Literal["refuse", "outside"] = "refuse"
    listen: Literal["ask", "here"] = "ask"
    plain: bool = False
    record: bool = True
    panel: Panel = Panel()
    watch: Watch = Watch()
    environment: Environment = Environment()
    secrets: Secrets = Secrets()
    own_prompts: dict[str, Literal["keep", "quiet"]] = {}
    hooks: bool = True
    mcp: bool = True
    patience: dict[str, Annotated[int, msgspec.Meta(ge=1, le=86400)]] = {}
    late: Annotated[int, msgspec.Meta(ge=1, le=86400)] = 3600
    wake: bool = False
    facts: dict[Name, Fact] = {}
    retention: Retention = Retention()
    budget: Budget = Budget()


class Value(Struct, frozen=True):
    """One value in force. source: the file it came from, 'default' when no file sets it."""

    key: str
    value: Any
    source: str


class Loaded(Struct, frozen=True):
    """A configuration and where it came from. path: the file looked for; present: whether it exists."""

    config: Config
    path: Path
    present: bool
    set: frozenset[str]

    def values(self) -> Iterator[Value]:
        """Every key in the order of the definition, dotted."""
        for key, value in _flatten(msgspec.to_builtins(self.config)):
            fact = key.rpartition(".")[0] + "." if key.startswith("facts.") else key + "."
            given = any(key == name or name.startswith((key + ".", fact)) for name in self.set)
            yield Value(key, value, str(self.path) if given else "default")


def load(directory: Path) -> Loaded:
    """The configuration in `directory`/config.toml; defaults when there is none.

    Raises ConfigError naming file, line, key and the nearest valid key.
    """
    path = directory / FILE
    try:
        with path.open("rb") as file:
            raw = file.read(_LIMIT + 1)
    except FileNotFoundError:
        return Loaded(Config(), path, False, frozenset())
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}", "make it readable, or remove it: leash works without") from error
    if len(raw) > _LIMIT:
        raise ConfigError(f"{path}: larger than 1 MiB", "keep only leash's own keys in it: leash config show")
    try:
        text = raw.decode()
        document = tomllib.loads(text)
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ConfigError(f"{path}:{line}: not UTF-8", "save the file as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not TOML: {error}", "mend that line; see https://toml.io") from error
    return Loaded(_checked(document, path, text), path, True, frozenset(_leaves(document)))


def _checked(document: Mapping[str, Any], path: Path, text: str) -> Config:
    unknown = next(_unknown(document, Config), None)
    if unknown is not None:
        key, near = unknown
        remedy = f"did you mean {near!r}?" if near else "valid keys: " + ", ".join(sorted(keys()))
        raise ConfigError(f"{_place(path, text, key)}: there is no key {key!r}", remedy)
    try:
        return msgspec.convert(document, Config)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$")
        key = re.sub(r"\[[^]]*\]", "", where.strip("`").lstrip(".")) or "(top level)"
        raise ConfigError(f"{_place(path, text, key)}: {key}: {what}", _remedy(key)) from error


def keys() -> tuple[str, ...]:
    """Every valid key, dotted; `own_prompts` stands for a table of agent kinds."""
    return tuple(key for key, _ in _flatten(msgspec.to_builtins(Config())))


def _flatten(document: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in document.items():
        if isinstance(value, dict) and value:
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _leaves(document: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in document.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield prefix + key


def _unknown(document: Mapping[str, Any], shape: type[Struct], prefix: str = "") -> Iterator[tuple[str, str]]:
    """(unknown key, nearest valid key or ''), in the order of the file."""
    fields = {field.name: field.type for field in msgspec.structs.fields(shape)}
    for key, value in document.items():
        if key not in fields:
            dotted = prefix + key
            tables = {name.partition(".")[0] for name in keys()}
            near = get_close_matches(dotted, sorted({*keys(), *tables}), 1, 0.6)
            near = near or [name for name in keys() if name.rpartition(".")[2] == key][:1]
            yield dotted, near[0] if near else ""
        elif isinstance(value, dict) and isinstance(fields[key], type) and issubclass(fields[key], Struct):
            yield from _unknown(value, fields[key], f"{prefix}{key}.")


def _remedy(key: str) -> str:
    """What is allowed at `key`, in words."""
    shape: Any = Config
    for part in key.split("."):
        found = {field.name: field.type for field in msgspec.structs.fields(shape)} if _is_struct(shape) else {}
        if part not in found:
            break
        shape = found[part]
    if key == "panel.leader":
        return "ctrl+ and one of a b e f g k l n o p q r s t u v w x y ] \\ ^ _, for example 'ctrl+g'"
    allowed = getattr(shape, "__args__", ())
    if allowed and all(isinstance(choice, str) for choice in allowed):
        return "one of: " + ", ".join(repr(choice) for choice in allowed)
    return "see `leash config show` for every key and its default"


def _is_struct(shape: Any) -> bool:
    return isinstance(shape, type) and issubclass(shape, Struct)


def _place(path: Path, text: str, key: str) -> str:
    """FILE:LINE of `key`, or FILE when its line cannot be told."""
    *tables, last = key.split(".")
    table, wanted = "", ".".join(tables)
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*\[\s*([^\[\]]+?)\s*\]", line)
        if header:
            table = header[1].replace('"', "").replace(" ", "")
            if table == key:
                return f"{path}:{number}"
            continue
        name = line.partition("=")[0].strip().replace('"', "").replace(" ", "")
        if "=" in line and (f"{table}.{name}" if table else name) in {key, wanted and f"{wanted}.{last}"}:
            return f"{path}:{number}"
    return str(path)
