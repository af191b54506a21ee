"""What a person types: a line for the agent, or a command that begins with `!`.

Knows the little grammar and its help. Refuses to know which questions wait. Pure. Invariant: a line is leash's only
when its first character is `!`; `!!x` sends the agent a literal `!x`.
"""

from __future__ import annotations

from msgspec import Struct

from leashtui.model.card import Choice
from leashtui.words.refusal import INSTEAD

HELP = (
    "!1 y             allow question 1 once (of high severity: then !1 yes)",
    "!1 s             allow what question 1 offers for this session",
    "!1 a             the same, and in this repository for 30 days",
    "!1 e COMMAND     deny it, and have the agent run your wording of it",
    "!1 n             deny it; !1 n because WORDS tells the agent why",
    "!1 o             offer question 1 to the team as well",
    "!undo            show what undoing this session would do; then !undo yes",
    "!undo WHAT       the same for a file or an act (L-3); then !undo WHAT yes",
    "!log QUERY       what happened, or only what matches: !log verdict:deny",
    "!files           the files that changed in this session",
    "!trace           one view of the session: asked, used, changed, refused, spent",
    "!grants          what was allowed for longer; !revoke GRANT takes it back",
    "!list            ask all waiting questions again",
    "!freeze  !resume stop everything the agent runs, and let it go on",
    "!kill            end the session",
    "!detach          leave; the agent goes on and what it asks waits",
    "!!text           send the agent a line that begins with !",
    "anything else    goes to the agent as you typed it",
)

_WORDS = {"list", "freeze", "resume", "kill", "detach", "help"}
_LOOKS = {"log", "files", "trace", "grants"}
_CHOICES = {"y": Choice.ONCE, "s": Choice.SESSION, "n": Choice.DENY}


class ToAgent(Struct, frozen=True):
    """The line without its newline."""

    line: bytes


class Reply(Struct, frozen=True):
    """An answer to a question. because: the person's words for the agent."""

    number: int
    choice: Choice
    because: str = ""


class Keep(Struct, frozen=True):
    """Allow the like of a question for the session, and beyond it."""

    number: int


class Offer(Struct, frozen=True):
    """Let the team answer a question too."""

    number: int


class Undo(Struct, frozen=True):
    """Undo the session, or a file or an act of it. really: do it, instead of showing it."""

    really: bool
    what: str = ""


class Look(Struct, frozen=True):
    """Show one of log, files, trace, grants. query: what of the log."""

    what: str
    query: str = ""


class Revoke(Struct, frozen=True):
    """Take back what was allowed for the session."""

    grant: str


class Confirm(Struct, frozen=True):
    """The second word on a severe question."""

    number: int


class Order(Struct, frozen=True):
    """One of list, freeze, resume, kill, detach, help."""

    what: str


class Unknown(Struct, frozen=True):
    """Begins with `!` and is none of these. problem: one sentence."""

    problem: str


Typed = ToAgent | Reply | Keep | Offer | Undo | Look | Revoke | Confirm | Order | Unknown


def parse(line: bytes) -> Typed:
    """What a line means. line: without its newline."""
    if not line.startswith(b"!"):
        return ToAgent(line)
    if line.startswith(b"!!"):
        return ToAgent(line[1:])
    words = line[1:].decode(errors="replace").split(maxsplit=2)
    first = words[0].lower() if words else ""
    if first == "undo":
        return _undo(words[1:])
    if first in _LOOKS:
        query = " ".join(words[1:])
        return Unknown(f"!{first} stands alone") if query and first != "log" else Look(first, query)
    if first == "revoke":
        return Revoke(words[1]) if len(words) == 2 else Unknown("say which: !revoke GRANT; !grants lists them")
    if first in _WORDS:
        return Order(first) if len(words) == 1 else Unknown(f"!{first} stands alone")
    number = first.removeprefix("l-")
    if not (number.isascii() and number.isdigit()) or len(number) > 9:
        return Unknown(f"there is no command {line[:60].decode(errors='replace')!r}")
    return _reply(int(number), words[1].lower() if len(words) > 1 else "", words[2] if len(words) > 2 else "")


def _undo(rest: list[str]) -> Typed:
    *what, last = rest or [""]
    really = last.lower() == "yes"
    named = what if really else rest
    if len(named) > 1:
        return Unknown("it is !undo or !undo WHAT, and then the same with yes")
    return Undo(really, *named)


def _reply(number: int, choice: str, rest: str) -> Typed:
    if choice == "yes" and not rest:
        return Confirm(number)
    if choice == "a" and not rest:
        return Keep(number)
    if choice == "o" and not rest:
        return Offer(number)
    if choice == "e":
        return Reply(number, Choice.DENY, INSTEAD + rest) if rest else Unknown(f"say what to run: !{number} e COMMAND")
    if choice not in _CHOICES:
        return Unknown(f"answer question {number} with y, s, a, e or n")
    if choice == "n":
        return Reply(number, Choice.DENY, rest.removeprefix("because ").strip())
    if rest:
        return Unknown(f"!{number} {choice} stands alone; only a denial can have words")
    return Reply(number, _CHOICES[choice])
