"""Which adapters exist. The one list to extend: a new agent is a module with `AGENT` and a line here."""

from __future__ import annotations

import os
from collections.abc import Mapping
from difflib import get_close_matches

from leashtui.agents import aider, claude, cline, codex, copilot, cursor, gemini, generic, goose, mini, opencode, qwen
from leashtui.agents.adapter import Adapter

AGENTS: tuple[Adapter, ...] = (
    claude.AGENT,
    codex.AGENT,
    gemini.AGENT,
    opencode.AGENT,
    qwen.AGENT,
    copilot.AGENT,
    cline.AGENT,
    cursor.AGENT,
    goose.AGENT,
    mini.AGENT,
    aider.AGENT,
)


def placed(pattern: str, env: Mapping[str, str]) -> str:
    """'~/x' as the absolute path that it is where the person's environment moves an agent's files; else as it is."""
    for variable, start, below in (entry for agent in AGENTS for entry in agent.moved):
        folder = env.get(variable, "")
        if pattern.startswith(start) and folder.startswith("/"):
            return os.path.join(folder, below + pattern[len(start) :])
    return pattern


def adapter_for(program: str) -> Adapter:
    """The adapter of a program by its file name; the generic one for anything unknown."""
    name = os.path.basename(program)
    return next((agent for agent in AGENTS if name in agent.names), generic.AGENT)


def adapter_of(kind: str) -> Adapter:
    """The adapter of a kind; the generic one for anything unknown."""
    return next((agent for agent in AGENTS if agent.kind == kind), generic.AGENT)


def names() -> tuple[str, ...]:
    """The program names of all known agents, sorted."""
    return tuple(sorted(name for agent in AGENTS for name in agent.names))


def nearest(word: str) -> tuple[str, ...]:
    """Known agent names that look like `word`, best first."""
    return tuple(get_close_matches(word, names(), 3, 0.6))
