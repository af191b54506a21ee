"""OpenCode. Runs `$SHELL -c CMD` and kills it after 120 s; its prompts are a setting, not an argument.

Its hooks are a plugin in its own process. For one session the plugin comes by OPENCODE_CONFIG_CONTENT, joined with
whatever that variable held; the plugin only carries bytes to the hook client and throws when the client refuses.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from leashtui.agents import dialect, servers, spending
from leashtui.agents.adapter import (
    HOOK_DIRECTORY,
    MODEL_KEYS,
    Adapter,
    Armed,
    Armory,
    Footprint,
    Form,
    Named,
    Run,
    Settings,
    Tally,
    refuse,
)
from leashtui.model.errors import LeashError
from leashtui.model.hook import GATES, Answer, Happening, Kind, Moment, Reply

CONTENT = "OPENCODE_CONFIG_CONTENT"
_EVENTS = {
    "start": Moment.SESSION_START,
    "prompt": Moment.PROMPT,
    "before": Moment.TOOL,
    "after": Moment.TOOL_DONE,
    "idle": Moment.STOP,
}
_TOOLS = {
    "bash": dialect.shell("command", "workdir"),
    "read": dialect.files(Kind.READ, "filePath"),
    "grep": dialect.searched("path", "include"),
    "write": dialect.files(Kind.WRITE, "filePath", "content"),
    "edit": dialect.files(Kind.WRITE, "filePath", "newString", "oldString"),
    "multiedit": dialect.edits("filePath", "edits", "newString", "oldString"),
    "patch": dialect.patch("patchText"),
    "apply_patch": dialect.patch("patchText"),
    "task": dialect.plain(Kind.SUBAGENT),
    "webfetch": dialect.plain(Kind.FETCH),
    "websearch": dialect.plain(Kind.FETCH),
}
_OWN = frozenset(
    "bash read write edit multiedit patch apply_patch task webfetch websearch glob grep list todowrite todoread"
    " question skill lsp batch codesearch invalid plan_enter plan_exit".split()
)
_NAMES = ("opencode.json", "opencode.jsonc")
_MANAGED = tuple(Path("/etc/opencode", name) for name in _NAMES)
_SETTINGS = frozenset({"opencode.json", "opencode.jsonc", "config.json"})
_CHANGERS = frozenset({"mcp", "plugin", "plug", "auth", "providers", "agent"})
_CLEANUP = (
    r"(?:/usr/bin/)?git(?:\0-c\0core\.(?:longpaths|symlinks|autocrlf|quotepath)=(?:true|false))*"
    r"\0--git-dir\0/[^\0]*/opencode/snapshot/[\w/-]+\0--work-tree\0/[^\0]*\0gc\0--prune=\d+\.days"
)
"""Its own snapshots that are older than a week, once an hour."""
_PLUGIN = """\
// leash: carries bytes to the hook client and back; whatever fails is a refusal. Without a session it does nothing.
import { spawn } from "node:child_process"
const WORDS = %s
const waiting = new Map()  // clients that ask before a tool, and whose session they ask for
const call = (event, body) => new Promise((done) => {
  const words = WORDS[event]
  const child = spawn(words[0], words.slice(1), { stdio: ["pipe", "pipe", "pipe"] })
  if (event === "before") waiting.set(child, body.session_id)
  const out = [], err = []
  child.stdout.on("data", (piece) => out.push(piece))
  child.stderr.on("data", (piece) => err.push(piece))
  child.stdin.on("error", () => {})
  child.on("error", (error) => done({ code: 2, out: "", err: "leash: REFUSED: " + error.message }))
  child.on("close", (code) => {
    waiting.delete(child)
    done({ code: code === null ? 2 : code, out: Buffer.concat(out).toString(), err: Buffer.concat(err).toString() })
  })
  child.stdin.end(JSON.stringify(body))
})
export const Leash = async ({ client, directory }) => {
  if (!(%s)) return {}
  const approved = new Set()
  const helpers = new Map()  // sessions of sub-agents, and which they are
  const who = (id) => ({ session_id: id, ...(helpers.has(id) && { agent_id: id, agent_type: helpers.get(id) }) })
  await call("start", { cwd: directory })
  return {
    "chat.message": async (input, output) => {
      const prompt = output.parts.filter((part) => part.type === "text").map((part) => part.text).join("\\n")
      if (helpers.has(input.sessionID)) helpers.set(input.sessionID, input.agent || "")
      const said = await call("prompt", { cwd: directory, ...who(input.sessionID), prompt })
      if (said.code !== 0) throw new Error(said.err.trim() || "leash: REFUSED.")
      const text = output.parts.find((part) => part.type === "text")
      if (said.out && text) text.text += "\\n\\n" + said.out
    },
    "tool.execute.before": async (input, output) => {
      const said = await call("before", { cwd: directory, ...who(input.sessionID), tool_use_id: input.callID,
        tool_name: input.tool, tool_input: output.args })
      if (said.code !== 0) throw new Error(said.err.trim() || "leash: REFUSED.")
      if (said.out === "approved") approved.add(input.callID)
    },
    "tool.execute.after": async (input, output) => {
      approved.delete(input.callID)
      const said = await call("after", { cwd: directory, ...who(input.sessionID), tool_use_id: input.callID,
        tool_name: input.tool, tool_input: input.args || {} })
      if (said.out && typeof output.output === "string") output.output += "\\n\\n" + said.out
    },
    event: async ({ event }) => {
      const said = event.properties
      if (event.type === "session.created" && said.info && said.info.parentID) helpers.set(said.info.id, "")
      if (event.type === "session.idle")  // its turn is over: what still asks was interrupted
        for (const [child, session] of waiting) if (session === said.sessionID) child.kill("SIGKILL")
      if (event.type === "session.idle") await call("idle", { cwd: directory, ...who(said.sessionID) })
      if (event.type === "permission.asked" && said.tool && approved.has(said.tool.callID))
        await client.postSessionIdPermissionsPermissionId({
          path: { id: said.sessionID, permissionID: said.id }, body: { response: "once" } })
    },
  }
}
"""


def _server(name: str) -> str:
    """`server_tool`, for any tool that is not one of its own."""
    return name.partition("_")[0] if "_" in name and name not in _OWN else ""


class OpenCode(Adapter, frozen=True):
    """OpenCode with a plugin of the session."""

    def keys_in(self, env: Mapping[str, str]) -> tuple[str, ...]:
        """Besides the usual ones, those that the person's settings name for a provider."""
        tables = [servers.table_of(file, "provider") for file in _own_files(env)]
        named = (name for table in tables for name in servers.variables_in(table, r"\{env:NAME\}"))
        return (*super().keys_in(env), *named)

    def arm(self, argv: Sequence[str], env: Mapping[str, str], armory: Armory) -> Armed:
        """The plugin, beside what the variable held before."""
        try:
            document = json.loads(env.get(CONTENT) or "{}")
        except ValueError as error:
            raise LeashError(f"{CONTENT} is not JSON: {error}", f"unset {CONTENT}, or mend it") from error
        words = {
            event: armory.words(event, self.hold if moment in GATES else 30.0, moment in GATES)
            for event, moment in _EVENTS.items()
        }
        path = armory.write("leash-opencode.js", (_PLUGIN % (json.dumps(words), "true")).encode())
        before = document.get("plugin")
        document["plugin"] = [*(before if isinstance(before, list) else ()), f"file://{path}"]
        mine = {**_served(env, armory), **servers.led(_table(document), CONTENT, armory.relay, env)}
        if armory.own and servers.OWN not in mine:
            mine[servers.OWN] = {"type": "local", "command": list(armory.own)}
        if mine:
            document["mcp"] = {**_table(document), **mine}
        notes = ("opencode --pure loads no plugins: leash sees its execs only",) if "--pure" in argv else ()
        return Armed(list(argv), {**env, CONTENT: json.dumps(document)}, notes)

    def settings(self, command: dialect.Command) -> Settings:
        """A plugin in the person's own directory: a file of ours, for programs that start OpenCode themselves."""
        words = {
            event: shlex.split(command(event, self.hold if moment in GATES else 30.0, moment in GATES))[1:]
            for event, moment in _EVENTS.items()
        }
        whole = _PLUGIN % (json.dumps(words), f"process.env.{HOOK_DIRECTORY}")
        return Settings("~/.config/opencode/plugins/leash.js", "./.opencode/plugins/leash.js", whole=whole)

    def hear(self, event: str, data: bytes) -> Happening | None:
        """See Adapter."""
        return dialect.hear(event, data, _EVENTS, _TOOLS, _server)

    def forgoes(self, argv: Sequence[str], path: str, text: bytes) -> bool:
        """It adds `$schema` where it reads settings without, unless it was started to change them."""
        if os.path.basename(path) not in _SETTINGS or not _CHANGERS.isdisjoint(argv[1:2]):
            return False
        try:
            document = servers.parsed(text)
        except ValueError:
            return False
        return isinstance(document, dict) and "$schema" not in document

    def files(self, argv: Sequence[str], folder: str, env: Mapping[str, str]) -> tuple[Named, ...]:
        """Every layer of its settings that lies in a file."""
        near = [place for inner in (Path(folder), *Path(folder).parents) for place in _in_project(inner)]
        return tuple((str(path), ("mcp",)) for path in (*_own_files(env), *near, *_MANAGED))

    def tally(self, run: Run) -> Tally:
        """See Adapter."""
        return spending.OpenCode(run.since)

    def written(self, run: Run) -> tuple[str, ...]:
        """Its database."""
        data = run.env.get("XDG_DATA_HOME") or os.path.join(run.env.get("HOME") or "/", ".local/share")
        return (os.path.join(data, "opencode/opencode.db"),)

    def answer(self, happening: Happening, answer: Answer) -> Reply:
        """The plugin throws what stands on stderr, and adds what stands on stdout to what the model reads.

        What a person approved before a tool runs it answers itself where OpenCode asks once more.
        """
        if answer.refused:
            return refuse(answer.feedback)
        if happening.moment is Moment.TOOL:
            return Reply(stdout=b"approved" if answer.approved else b"")
        return Reply(stdout=answer.context.encode("utf-8", "backslashreplace"))


def _table(document: Mapping[str, Any]) -> Mapping[str, Any]:
    found = document.get("mcp")
    return found if isinstance(found, dict) else {}


def _own_files(env: Mapping[str, str]) -> list[Path]:
    """The person's own settings."""
    home = Path(env.get("XDG_CONFIG_HOME") or Path(env.get("HOME", "/"), ".config"), "opencode")
    files = [home / "config.json", home / "opencode.json", home / "opencode.jsonc"]
    files += [Path(env["OPENCODE_CONFIG"])] if env.get("OPENCODE_CONFIG") else []
    folders = [Path(env.get("HOME", "/"), ".opencode")]
    folders += [Path(env["OPENCODE_CONFIG_DIR"])] if env.get("OPENCODE_CONFIG_DIR") else []
    return files + [place / name for place in folders for name in _NAMES]


def _in_project(place: Path) -> list[Path]:
    return [folder / name for folder in (place, place / ".opencode") for name in _NAMES]


def _served(env: Mapping[str, str], armory: Armory) -> dict[str, Any]:
    """Every server of its files led through leash; a nearer file counts before a farther one, as it does there."""
    files = _own_files(env)
    for place in servers.above(armory.cwd, armory.top):
        files += _in_project(place)
    made: dict[str, Any] = {}
    for file in files:
        made |= servers.led(servers.table_of(file, "mcp"), str(file), armory.relay, env)
    return made


AGENT = OpenCode(
    kind="opencode",
    names=("opencode",),
    patience=120,
    hold=3600,
    deaf=(Moment.SESSION_START, Moment.STOP),
    tried="1.18.33",
    habits=(_CLEANUP,),
    state=(
        ".local/share/opencode/",
        ".local/share/opentui/",
        ".local/state/opencode/",
        ".config/opencode/",
        ".cache/opencode/",
    ),
    kept=(".config/opencode/opencode.json", ".config/opencode/plugin", ".config/opencode/command"),
    keys=("OPENCODE_API_KEY", CONTENT, *MODEL_KEYS),
    form=Form.DATABASE,
    moved=tuple(
        (f"XDG_{name}_HOME", f"~/{folder}/opencode/", "opencode/")
        for name, folder in (("CONFIG", ".config"), ("DATA", ".local/share"), ("STATE", ".local/state"))
    ),
    footprint=Footprint(
        settings=(
            "~/.config/opencode/opencode.json",
            "~/.config/opencode/opencode.jsonc",
            "./opencode.json",
            "./opencode.jsonc",
        ),
        mcp=(("~/.config/opencode/opencode.json", "mcp"), ("./opencode.json", "mcp")),
        skills=("~/.config/opencode/plugins", "~/.config/opencode/skills", "./.opencode/plugins", "./.opencode/skills"),
        instructions=("~/.config/opencode/AGENTS.md", "./AGENTS.md"),
        transcripts="~/.local/share/opencode/opencode.db",
        bypasses=("--auto", "--pure"),
        package="opencode-ai",
        weak=(
            ("permission", '"allow"', "it approves everything itself"),
            ("permission.*", '"allow"', "it approves everything itself"),
            ("permission.bash", '"allow"', "it approves every shell command itself"),
            ("permission.bash.*", '"allow"', "it approves every shell command itself"),
            ("agent.?.permission", '"allow"', "this agent approves everything itself"),
            ("agent.?.permission.bash", '"allow"', "this agent approves every shell command itself"),
            ("agent.?.permission.bash.*", '"allow"', "this agent approves every shell command itself"),
        ),
    ),
)
