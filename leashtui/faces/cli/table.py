"""The commands of leash: one row each, from which dispatch, help, completions and documentation come.

Knows names, modules and one-line helps. Refuses to import any of the modules: `leash --help` must be fast. Invariant: a
word that is not in this table is the name of a program to run.
"""

from typing import NamedTuple


class Row(NamedTuple):
    """One command. module: below leashtui.faces.cli. verbatim: after its options everything is a command line."""

    name: str
    module: str
    group: str
    help: str
    verbatim: bool = False


COMMANDS = (
    Row("run", "run", "Run", "run a program under leash (the long form of `leash PROGRAM`)", True),
    Row("demo", "demo", "Run", "meet the first approval within a minute: no account, no network"),
    Row("status", "status", "Answer", "list the live sessions"),
    Row("approvals", "approvals", "Answer", "list what waits for an answer"),
    Row("approve", "answer", "Answer", "let a waiting act happen"),
    Row("deny", "answer", "Answer", "refuse a waiting act, and tell the agent why"),
    Row("attach", "attach", "Answer", "open another panel on a session"),
    Row("web", "web", "Answer", "show the panel of a session on a page of this machine, for a second screen"),
    Row("sudo", "sudo", "Answer", "type your password for a sudo command that runs outside the guard"),
    Row("freeze", "brake", "Brake", "stop every process of the agent where it stands"),
    Row("resume", "brake", "Brake", "let a frozen session go on"),
    Row("kill", "brake", "Brake", "end a session and everything it started"),
    Row("mode", "mode", "Brake", "let a running session refuse, hold or only record what would be asked"),
    Row("review", "review", "Answer", "answer what waits on the machines of your team, signed with your SSH key"),
    Row("invite", "invite", "Answer", "let somebody review what waits here"),
    Row("log", "log", "Look back", "read what happened"),
    Row("replay", "replay", "Look back", "see a recorded session again, terminal and decisions together"),
    Row("undo", "undo", "Look back", "bring back what a session removed or overwrote"),
    Row("audit", "audit", "Look back", "prove that the log was not changed"),
    Row("report", "report", "Look back", "what the agents did over a while, as a page to forward"),
    Row("export", "export", "Look back", "send the log to other systems: OCSF, CEF, OTLP, Splunk, Parquet, JSON lines"),
    Row("sync", "sync", "Look back", "send the log to the team store"),
    Row("explain", "explain", "Rules", "say what a command would do and what the policies answer"),
    Row("policy", "policy", "Rules", "check, test, explain, simulate, reload and trust policies; import others"),
    Row("learn", "learn", "Rules", "propose a policy from an observed session, and say what it would still ask"),
    Row("grants", "grants", "Rules", "list what was allowed for longer, how wide it is; keep it, or end it"),
    Row("blast", "blast", "Set up", "say what an agent started here could reach, and what leash would stop"),
    Row(
        "inventory",
        "inventory",
        "Set up",
        "list this machine's agents, how leash sees each, and what is weak",
    ),
    Row("hooks", "hooks", "Set up", "put leash's hooks into an agent's own settings, or take them out"),
    Row("mcp", "mcp", "Set up", "list MCP servers, show what changed in their tools, accept them"),
    Row("config", "config", "Set up", "show the configuration and where it comes from"),
    Row("doctor", "doctor", "Set up", "check this machine and say what to do"),
    Row("team", "team", "Set up", "keep a team store on PostgreSQL, or join one"),
    Row("completions", "completions", "Set up", "print the completion script of a shell"),
)

CHANGING = frozenset({"config", "grants", "hooks", "invite", "inventory", "learn", "mcp", "policy", "review", "team"})
"""Commands that may change leash's own settings."""

BY_NAME = {row.name: row for row in COMMANDS}


def overview() -> str:
    """The help of leash itself."""
    width = max(len(row.name) for row in COMMANDS) + 2
    lines = [
        "usage: leash [options] PROGRAM [--] [arguments of the program]",
        "       leash COMMAND [options]",
        "",
        "Runs a coding agent, or any program, and holds what is risky until you answer.",
        "",
        "  leash claude              run Claude Code with a panel beside it",
        "  leash --guard exec bash   refuse to start where execs cannot be held",
        "  leash demo                meet the first approval within a minute",
        "  leash run -- status       run a program whose name is a command of leash",
    ]
    for group in dict.fromkeys(row.group for row in COMMANDS):
        lines += ["", f"{group}:"]
        lines += [f"  {row.name:<{width}}{row.help}" for row in COMMANDS if row.group == group]
    lines += ["", "`leash COMMAND --help` says more; the options before PROGRAM are those of `leash run`."]
    return "\n".join(lines)
