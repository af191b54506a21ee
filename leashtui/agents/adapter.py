"""What leash knows about one kind of coding agent: its names, its environment, its own prompts, its hooks, its shell.

An adapter is data and small rules; it refuses to judge acts and to guess what it was not shown. Invariant: an adapter
never removes an argument the person typed, adds one only where its field or `arm` says so, and touches no file of
theirs: what a session needs is written into the session's own directory.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from enum import Enum, auto
from pathlib import Path
from typing import Any

from msgspec import Struct

from leashtui.model.hook import Answer, Happening, Moment, Reply
from leashtui.model.mcp import Served
from leashtui.model.request import Tier

Named = tuple[str, tuple[str, ...]]
"""Where MCP servers are named: a file, by a footprint's pattern, and the keys of its table of them."""


class Armory(Struct, frozen=True):
    """What an adapter arms an agent with. command: (event, seconds, gate) -> a shell command line that runs the hook.

    words: the same as argv. write: (name, bytes) -> path of a new file in the session's directory. installed: whether
    `leash hooks install` was run for this agent. relay: a configured MCP server -> how it is started or called through
    leash, None when it has to stay as it is. own: leash's own MCP server as argv, () for none. cwd, top: where
    it starts, and the workspace's root. version: the installed agent's, '' where it does not say.
    """

    command: Callable[[str, float, bool], str]
    words: Callable[[str, float, bool], list[str]]
    write: Callable[[str, bytes], str]
    directory: str = ""
    installed: bool = False
    relay: Callable[[Served], Served | None] = lambda served: None
    own: tuple[str, ...] = ()
    cwd: str = "/"
    top: str = "/"
    version: str = ""


class Armed(Struct, frozen=True):
    """How it is started then. notes: what a person should know of it, one sentence each."""

    argv: list[str]
    env: dict[str, str]
    notes: tuple[str, ...] = ()


class Footprint(Struct, frozen=True):
    """Where an agent keeps things, '~/' for the home and './' for the project; for the inventory, read only.

    settings: files with hooks, providers and permissions. mcp: (file, dotted key of its table of servers).
    bundled: the same for what plugins and extensions bring along, `*` for any name.
    skills: directories of skills, plugins, extensions. unpacked: what of them is a part of its own program, which it
    writes there itself. instructions: files its model obeys. transcripts: a glob.
    bypasses: arguments that switch its own prompts off, a value behind a space. package: its name on npm or PyPI.
    weak: (dotted key, value as JSON or '*' for any, what it means) of settings under which it asks nobody; `?` is any
    key, `~` the home.
    """

    settings: tuple[str, ...] = ()
    mcp: tuple[tuple[str, str], ...] = ()
    bundled: tuple[tuple[str, str], ...] = ()
    skills: tuple[str, ...] = ()
    unpacked: tuple[str, ...] = ()
    instructions: tuple[str, ...] = ()
    transcripts: str = ""
    bypasses: tuple[str, ...] = ()
    package: str = ""
    weak: tuple[tuple[str, str, str], ...] = ()


class Spent(Struct, frozen=True):
    """What an agent's own transcript says was used. given, made: tokens. cost: US dollars, 0 when it does not say."""

    models: tuple[str, ...] = ()
    given: int = 0
    made: int = 0
    cost: float = 0.0


class Run(Struct, frozen=True):
    """One session, for finding what its agent wrote. since, until: Unix seconds; 0 where it still runs.

    env: the person's own. argv: as typed, program first.
    """

    workspace: str
    env: Mapping[str, str]
    argv: tuple[str, ...] = ()
    since: float = 0
    until: float = 0

    def covers(self, at: float) -> bool:
        """Whether something that began then, to the second, began in this session."""
        return self.since - 1 <= at and (not self.until or at <= self.until + 1)

    def option(self, *names: str) -> str:
        """The value of an option of the agent, as a path; '' where it is not given."""
        words = iter(self.argv[1:])
        for word in words:
            name, equals, value = word.partition("=")
            if name in names:
                return os.path.join(self.workspace, value if equals else next(words, ""))
        return ""


class Form(Enum):
    """How an agent writes down what its model used: not, line by line, one whole document, or in a database."""

    NONE = auto()
    LINES = auto()
    WHOLE = auto()
    DATABASE = auto()


class Tally:
    """Adds up what was used."""

    def add(self, piece: bytes, key: str = "") -> None:
        """A line, a document or a message of what the agent writes; key: what the message is called."""

    @property
    def spent(self) -> Spent:
        """The sum so far."""
        return Spent()


class Settings(Struct, frozen=True):
    """What an installation changes. user, project: the JSON file, '~/' for the home and './' for the project.

    hooks: event -> its entries, added behind what is there. whole: the text of a file of our own instead.
    """

    user: str
    project: str
    hooks: dict[str, Any] = {}
    whole: str = ""


MODEL_KEYS = tuple(
    f"{provider}_API_KEY"
    for provider in (
        "ANTHROPIC OPENAI GEMINI GOOGLE GOOGLE_GENERATIVE_AI OPENROUTER DEEPSEEK GROQ MISTRAL XAI AZURE AZURE_OPENAI"
        " COHERE TOGETHER TOGETHERAI FIREWORKS FIREWORKS_AI CEREBRAS PERPLEXITY DASHSCOPE MOONSHOT ZAI MINIMAX NVIDIA"
        " LITELLM OLLAMA"
    ).split()
)
"""The keys of the providers that agents for any model read."""
HOOK_DIRECTORY = "LEASH_HOOK_DIRECTORY"
"""Where an installed hook finds the session it belongs to."""


class Adapter(Struct, frozen=True):
    """One kind of agent.

    kind: the word policies use. names: program names it starts as. tier: the best tier it is known to run in.
    patience: seconds until it gives up on a held command, by its own defaults (0: not known). yields: it does not end
    the command then, it only tells its model that it still runs. beats: seconds after which a held command says that it
    waits, for an agent that counts from the last output (0: it does not). hold: seconds its hook
    may wait for a person (0: it has no hooks leash uses). surroundings: variables it is started with, so that its shell
    can be seen where only shims guard. state: where it keeps its own files, below the home (beginnings of paths).
    kept: what there is the person's, since it tells the agent what to run, besides what its footprint names. shared:
    beginnings of names that what the agent starts may give to new files there, too.
    quiet: arguments that switch its own permission prompts off. answered: what a person approved in leash it does not
    ask about once more. extra: arguments it
    always needs under leash. tried: version that was run under leash, '' for none.
    by_install: an ordinary user's sessions have its hooks only after `leash hooks install`.
    deaf: moments at which it reads nothing that a hook says.
    habits: regular expressions of whole command lines, words parted by NUL, that the agent program itself runs.
    needless: the same of what it tries by itself and goes on without: refused where a person would be asked.
    settings_of_git: values it hands to its own git calls that look like programs and are known to be harmless.
    settled: (file of its settings, regular expression of `key=value` in it) that it finds out and keeps itself, values
    as JSON; nothing of it says whom it obeys, asks or starts.
    files_of_git: regular expressions of the files of settings that it writes for its own git calls.
    keys: names of the variables that hold its provider's key, `*` for anything. keys_when: (variable, further names)
    where the variable is set. places: (variable, secret places below the home that it reads itself where that is set).
    form: how it writes down what its model used. moved: (variable, beginning of paths in the home, what stands for it
    below the variable's folder), where a person keeps its files elsewhere.
    """

    kind: str
    names: tuple[str, ...]
    tier: Tier = Tier.STRICT
    patience: int = 0
    yields: bool = False
    beats: float = 0
    by_install: bool = False
    deaf: tuple[Moment, ...] = ()
    hold: int = 0
    surroundings: tuple[tuple[str, str], ...] = ()
    state: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    quiet: tuple[str, ...] = ()
    answered: bool = False
    extra: tuple[str, ...] = ()
    tried: str = ""
    habits: tuple[str, ...] = ()
    needless: tuple[str, ...] = ()
    settings_of_git: tuple[str, ...] = ()
    files_of_git: tuple[str, ...] = ()
    settled: tuple[tuple[str, str], ...] = ()
    footprint: Footprint = Footprint()
    keys: tuple[str, ...] = ()
    keys_when: tuple[tuple[str, tuple[str, ...]], ...] = ()
    places: tuple[tuple[str, tuple[str, ...]], ...] = ()
    form: Form = Form.NONE
    moved: tuple[tuple[str, str, str], ...] = ()

    @property
    def asks_a_model(self) -> bool:
        """Whether it is known to be an agent, which reaches out to its model."""
        return bool(self.names)

    def keys_in(self, env: Mapping[str, str]) -> tuple[str, ...]:
        """The names of its own provider's keys, `*` for anything, in this environment."""
        more = (name for flag, names in self.keys_when if env.get(flag) for name in names)
        return (*self.keys, *more)

    def places_in(self, env: Mapping[str, str]) -> tuple[str, ...]:
        """The secret places below the home that hold its own provider's key, in this environment."""
        return tuple(place for flag, places in self.places if env.get(flag) for place in places)

    def environment(self, base: Mapping[str, str]) -> dict[str, str]:
        """The environment it is started with: `base`, where the person's own values win."""
        return dict(self.surroundings) | dict(base)

    def command(self, argv: Sequence[str], *, quiet: bool = False, version: str = "") -> list[str]:
        """The command line that starts it. argv: as typed, program first. quiet: without its own prompts."""
        added = [word for word in (*self.extra, *(self.quiet if quiet else ())) if word not in argv]
        return [*argv[:1], *added, *argv[1:]]

    def arm(self, argv: Sequence[str], env: Mapping[str, str], armory: Armory) -> Armed:
        """How to start it with leash's hooks for this session only. Raises LeashError, OSError. Default: without."""
        return Armed(list(argv), dict(env))

    def unarmed(self, argv: Sequence[str], env: Mapping[str, str], armory: Armory) -> Armed:
        """As typed, for an agent whose hooks have to be installed: those find the session by a variable."""
        note = (
            f"{self.kind} asks through its hooks only after `leash hooks install {self.kind}`:"
            " the programs it starts are guarded, its own edits are not"
        )
        return Armed(list(argv), {**env, HOOK_DIRECTORY: armory.directory}, () if armory.installed else (note,))

    def settings(self, command: Callable[[str, float, bool], str]) -> Settings | None:
        """The hooks that `leash hooks install` adds to a settings file; None when it has none to add."""
        return None

    def hear(self, event: str, data: bytes) -> Happening | None:
        """What a hook's input says; None for an event nobody knows. Raises ValueError, which is a refusal."""
        return None

    def answer(self, happening: Happening, answer: Answer) -> Reply:
        """The answer in its dialect: exit 2 with the reason on stderr, which most agents take for a refusal."""
        return refuse(answer.feedback) if answer.refused else Reply()

    def forgoes(self, argv: Sequence[str], path: str, text: bytes) -> bool:
        """Whether its program, started so, would only add a trifle to this file of its settings, which holds `text`,
        and goes on where it cannot."""
        return False

    def files(self, argv: Sequence[str], folder: str, env: Mapping[str, str]) -> tuple[Named, ...]:
        """Further files of settings that name MCP servers where it is started so, there."""
        return ()

    def typed(self, argv: Sequence[str]) -> Mapping[str, Any]:
        """The entries of MCP servers that its arguments hold, by name."""
        return {}

    def brought(self, argv: Sequence[str], find: Callable[[str], list[Path]]) -> tuple[Path, ...]:
        """Further files of plugins and extensions that name MCP servers. find: the files of a pattern."""
        return ()

    def called(self, name: str, path: Path) -> str:
        """How it calls the MCP server of this name that a plugin's or extension's file brings along."""
        return name

    def is_off(self, name: str, argv: Sequence[str], env: Mapping[str, str], folder: str, source: str) -> bool:
        """Whether the person switched this MCP server off, or its plugin, or all by an argument. source: the file that
        names it."""
        return False

    def tally(self, run: Run) -> Tally:
        """Adds up what it writes of its model's use; nothing where its form is not known."""
        return Tally()

    def written(self, run: Run) -> tuple[str, ...]:
        """Files with it that no hook names."""
        return ()

    def plain(self, argv: Sequence[str]) -> tuple[str, ...]:
        """The command line without what the agent wraps around it and what only concerns itself."""
        return tuple(argv)

    def folder(self, argv: Sequence[str]) -> str:
        """Where the agent's own wrapping goes before it runs the command; '' where it stays."""
        return ""

    def does_without(self, argv: Sequence[str]) -> bool:
        """Whether the agent program tries this by itself and goes on where it cannot."""
        line = "\0".join(argv)
        return any(re.fullmatch(needless, line, re.S) for needless in self.needless)

    def is_habit(self, argv: Sequence[str]) -> bool:
        """Whether the agent program runs this by itself."""
        line = "\0".join(argv)
        return any(re.fullmatch(habit, line, re.S) for habit in self.habits)

    def command_of(self, argv: Sequence[str]) -> str:
        """The command its model asked for, out of the words of the shell that runs it; '' when it is none."""
        return shell_text(argv)


def before(version: str, other: str) -> bool:
    """Whether a version is known to be older than another one: 0.9.1 than 0.10."""
    one, two = (tuple(int(part) for part in re.findall(r"\d+", text.partition("-")[0])) for text in (version, other))
    return bool(one) and one < two


def refuse(feedback: str) -> Reply:
    """The refusal that needs no JSON."""
    return Reply(code=2, stderr=feedback.encode("utf-8", "backslashreplace") + b"\n")


def shell_text(argv: Sequence[str]) -> str:
    """TEXT of `sh -c TEXT`, `bash -lc TEXT`, `bash -c -l TEXT` and their like; '' for anything else."""
    if not argv or os.path.basename(argv[0]).lstrip("-") not in {"sh", "bash", "dash", "zsh", "ksh"}:
        return ""
    command = False
    for at, word in enumerate(argv[1:], 1):
        if not word.startswith("-") or word == "--":
            return (argv[at] if word != "--" else argv[at + 1] if at + 1 < len(argv) else "") if command else ""
        if not word.startswith("--"):
            command = command or "c" in word
            if "o" in word:
                return ""
    return ""
