"""One error tree: what happened, what leash did about it, the next command.

Every error a person can meet is a `LeashError`; the CLI prints it in three lines and exits with its code.
"""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of leash's own commands (ux.md). A wrapped agent's own code passes through unchanged."""

    OK = 0
    """Done."""
    FINDINGS = 1
    """Something was found: a broken chain, a failing policy test, a bad line in a batch."""
    USAGE = 2
    """The command line or a configuration file is wrong."""
    DENIED = 3
    """Denied by policy."""
    UNREACHABLE = 4
    """The supervisor cannot be reached."""
    STORE = 5
    """The store cannot be read or written."""
    FAILED = 125
    """leash itself could not start or keep the session (as env and timeout use it)."""
    REFUSED = 126
    """The first program was refused."""
    NOT_FOUND = 127
    """The program does not exist."""
    INTERRUPTED = 130
    """Ctrl-C."""


class LeashError(Exception):
    """message: what happened; hint: the next command or remedy; code: the exit code."""

    code: Exit = Exit.FAILED

    def __init__(self, message: str, hint: str = "", code: Exit | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if code is not None:
            self.code = code


class ConfigError(LeashError):
    """A configuration file is wrong: names file, key and the nearest valid key."""

    code = Exit.USAGE


class PolicyError(LeashError):
    """A policy file is wrong: names file, line, column and the remedy."""

    code = Exit.USAGE


class StoreError(LeashError):
    """The journal cannot be written or read."""

    code = Exit.STORE


class GuardError(LeashError):
    """A guard cannot be had on this host or was lost."""

    code = Exit.FAILED


class Unreachable(LeashError):
    """No supervisor answers."""

    code = Exit.UNREACHABLE
