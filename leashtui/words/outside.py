"""What is said about sudo, which cannot raise rights inside a session: refusals, the second question, and who waits.

Knows the sentences. Invariant: every refusal says what to do next.
"""

from __future__ import annotations

from leashtui.words.plain import one_line

_SHOWN = 300
NOBODY = "it runs outside the guard only after a second confirmation, and nobody can be asked in this session"
STRANGE = "this is not the machine's own sudo, so leash does not run it outside the guard"
NO_COMMAND = "leash runs one whole command by sudo, no shell, login or editor: name the command"
TOO_MUCH = "more is piped into it than a person can read on a card: write it to a file, and have the command name that"
UNFINISHED = "what is piped into it does not end: write it to a file, and have the command name that"
CHANGED = "the script was changed after the question was asked"
TYPED = "typed a line at sudo's prompt"
BUSY = "another sudo command of this session runs outside the guard: wait for it"
REASON = "It runs with other rights, outside the guard: nothing that it does is held, recorded or undone."


def confirmation(command: str, user: str, piped: bytes) -> str:
    """The consequence on the second card. piped: what the program hands it, all of it."""
    text = f"runs OUTSIDE the guard, as {one_line(user, 40)}: {one_line(command, _SHOWN)}"
    return text + (
        f"; with this piped in: {one_line(piped.decode('utf-8', 'backslashreplace'), 4096)}" if piped else ""
    )


NOT_HERE = "leash: do not type it here, where the agent reads too: run `leash sudo` in another terminal of yours"
"""Written below sudo's prompt, which a session's terminal shows and takes nothing from."""


def prompt(command: str) -> tuple[str, str]:
    """(that it waits for the person's password, first how to type it, and why)."""
    return (
        f"`leash sudo` in another terminal: sudo waits for your password, to run {one_line(command, _SHOWN)}",
        "what is typed in the session's own terminal goes to the agent, and is shown",
    )
