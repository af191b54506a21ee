"""The MCP servers that Claude Code would start, and how its arguments name them again.

Knows its scopes and who counts before whom. Refuses to know hooks. Invariant: a server that Claude Code would not start
by itself is not started because of leash.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from leashtui.agents import servers
from leashtui.agents.adapter import Armory
from leashtui.model.errors import LeashError

MANAGED = "/etc/claude-code/managed-mcp.json"
_PLUGIN = (".mcp.json", ".claude-plugin/plugin.json")
_NOT_HERE = ("${CLAUDE_PLUGIN", "${user_config")
"""Variables that only a plugin's own entries may hold."""


def served(
    argv: list[str], env: Mapping[str, str], armory: Armory, settings: Mapping[str, Any]
) -> tuple[list[str], dict[str, Any]]:
    """(words without --mcp-config, every server led through leash); one it will ask about is known where it starts.

    A server of this name given on the command line counts before those of the files, so that each file stays as it is.
    """
    if not armory.own:
        return argv, {}
    if servers.table_of(Path(MANAGED)):  # with it, Claude Code takes no other servers, and none from the command line
        return argv, {}
    words, given, strict = _without_servers(argv)
    folder = Path(env.get("CLAUDE_CONFIG_DIR") or env.get("HOME", "/"))
    made: dict[str, Any] = {}
    if not strict:
        made |= _far(Path(env.get("CLAUDE_CONFIG_DIR") or folder / ".claude"), settings, armory, env)
        user = folder / ".claude.json"
        made |= servers.led(servers.table_of(user, "mcpServers"), str(user), armory.relay, env)
        asked = _approved(folder, words, settings, armory)
        for place in servers.above(armory.cwd, armory.top):
            file = place / ".mcp.json"
            table = servers.table_of(file, "mcpServers")
            table = {name: entry for name, entry in table.items() if asked(name)}
            made |= servers.led(table, str(file), armory.relay, env)
        for root in dict.fromkeys((armory.top, armory.cwd)):
            local = servers.table_of(user, "projects", root, "mcpServers")
            made |= servers.led(local, f"{user} for {root}", armory.relay, env)
            for name in servers.table_of(user, "projects", root).get("disabledMcpServers") or ():
                made.pop(name, None)
    for word in given:
        inline = word.lstrip().startswith("{")
        path = Path(armory.cwd, word)
        theirs = servers.below(settings_in(word), "mcpServers") if inline else servers.table_of(path, "mcpServers")
        led = servers.led(theirs, "the command line" if inline else str(path), armory.relay, env)
        made |= {name: led.get(name, entry) for name, entry in theirs.items()}
    if servers.OWN not in made:
        made[servers.OWN] = servers.own_entry(armory.own)
    if strict:
        words[1:1] = ["--strict-mcp-config"]
    return words, made


def _without_servers(argv: list[str]) -> tuple[list[str], list[str], bool]:
    """(the words without --mcp-config and its values, those values, whether only they count)."""
    words, given, at = list(argv[:1]), [], 1
    while at < len(argv) and argv[at] != "--":
        word = argv[at]
        at += 1
        if word.startswith("--mcp-config="):
            given.append(word.partition("=")[2])
        elif word == "--mcp-config":
            while at < len(argv) and not argv[at].startswith("-"):
                given.append(argv[at])
                at += 1
        elif word != "--strict-mcp-config":
            words.append(word)
    return [*words, *argv[at:]], given, "--strict-mcp-config" in argv


def _approved(folder: Path, words: Sequence[str], settings: Mapping[str, Any], armory: Armory) -> Callable[[str], bool]:
    """Whether Claude Code would start a server of .mcp.json without asking the person: headless it always does."""
    headless = not {"-p", "--print"}.isdisjoint(words)
    tables: list[Mapping[str, Any]] = [settings, *(servers.table_of(folder / ".claude.json", "projects", root)
              for root in (armory.top, armory.cwd))]  # fmt: skip
    tables += [servers.table_of(place) for place in (
        folder / "settings.json", folder / ".claude/settings.json", Path(armory.cwd, ".claude/settings.json"),
        Path(armory.cwd, ".claude/settings.local.json"))]  # fmt: skip
    every = any(table.get("enableAllProjectMcpServers") is True for table in tables)
    yes = {name for table in tables for name in table.get("enabledMcpjsonServers") or ()}
    no = {name for table in tables for name in table.get("disabledMcpjsonServers") or ()}
    return lambda name: name not in no and (headless or every or name in yes)


def settings_in(word: str) -> dict[str, Any]:
    """What `--settings WORD` holds: a JSON text or a file. Raises LeashError."""
    try:
        text = word if word.lstrip().startswith("{") else Path(word).read_text(encoding="utf-8")
        document = json.loads(text)
    except (OSError, ValueError) as error:
        raise LeashError(
            f"claude --settings {word[:60]}: {error}", "mend that file, or leave the option out"
        ) from error
    if not isinstance(document, dict):
        raise LeashError(f"claude --settings {word[:60]}: not a JSON object", "mend that file, or leave the option out")
    return document


def roots(words: Sequence[str], find: Callable[[str], list[Path]]) -> Iterator[Path]:
    """Where plugins are that do not lie in its cache: named by its arguments, or used where they are made."""
    for at, word in enumerate(words):
        if word == "--plugin-dir" and at + 1 < len(words):
            yield Path(words[at + 1])
        elif word.startswith("--plugin-dir="):
            yield Path(word.partition("=")[2])
    for file in find("~/.claude/plugins/known_marketplaces.json"):
        for market in servers.table_of(file).values():
            source = market.get("source") if isinstance(market, dict) else None
            place = source.get("path") if isinstance(source, dict) and source.get("source") == "directory" else None
            yield from servers.plugins_of(Path(place)) if isinstance(place, str) else ()


def files_of(root: Path) -> tuple[Path, ...]:
    """Where a plugin may name its servers."""
    return tuple(root / name for name in _PLUGIN)


def called(name: str, path: Path) -> str:
    """`plugin:PLUGIN:NAME`."""
    root = path.parent.parent if path.parent.name == ".claude-plugin" else path.parent
    said = servers.table_of(root / ".claude-plugin/plugin.json").get("name")
    return f"plugin:{said if isinstance(said, str) else root.parent.name}:{name}"


def is_off(name: str, env: Mapping[str, str], cwd: str) -> bool:
    """Whether a server is switched off by its name, or by its plugin's."""
    folder = Path(env.get("CLAUDE_CONFIG_DIR") or env.get("HOME", "/"))
    if name in (servers.table_of(folder / ".claude.json", "projects", cwd).get("disabledMcpServers") or ()):
        return True
    home = Path(env.get("CLAUDE_CONFIG_DIR") or Path(env.get("HOME", "/"), ".claude"))
    plugin = name.split(":")[1] if name.startswith("plugin:") and name.count(":") > 1 else ""
    known = {key: value for key, value in _switched(home, cwd).items() if key.partition("@")[0] == plugin}
    return bool(known) and True not in known.values()


def _switched(folder: Path, cwd: str) -> dict[str, Any]:
    """Which plugins are switched on or off, by `NAME@MARKETPLACE`."""
    local = [Path(cwd, ".claude", name) for name in ("settings.json", "settings.local.json")]
    on: dict[str, Any] = {}
    for path in (folder / "settings.json", *local):
        on |= servers.table_of(path, "enabledPlugins")
    return on


def _far(folder: Path, settings: Mapping[str, Any], armory: Armory, env: Mapping[str, str]) -> dict[str, Any]:
    """Servers behind an address that plugins bring along which are switched on. Their programs are known where they
    start: what they are is only said in variables that are the plugin's own."""
    on = {**_switched(folder, armory.cwd), **servers.below(settings, "enabledPlugins")}
    made: dict[str, Any] = {}
    for plugin, places in servers.table_of(folder / "plugins/installed_plugins.json", "plugins").items():
        for place in places if on.get(plugin) is True and isinstance(places, list) else ():
            root = place.get("installPath") if isinstance(place, dict) else None
            for path in files_of(Path(root)) if isinstance(root, str) else ():
                whole = servers.table_of(path)
                table = servers.below(whole, "mcpServers") or (whole if path.name == ".mcp.json" else {})
                far = {
                    called(name, path): entry
                    for name, entry in table.items()
                    if isinstance(entry, dict) and "url" in entry and not any(v in json.dumps(entry) for v in _NOT_HERE)
                }
                made |= servers.led(far, str(path), armory.relay, env)
    return made
