"""The one line a refused program prints, written for the model and the person who will read it.

Shape: `leash: REFUSED: <what> — <why> [<policy>]. <next step>`. At most 900 bytes, so that one write to a pipe is
atomic, and free of control characters, so that no command line can paint over the terminal through its own refusal.
"""

from __future__ import annotations

from collections.abc import Sequence

from leashtui.model.verdict import By, PolicyRef
from leashtui.words.plain import one_line

LIMIT = 900

_NEXT = {
    By.POLICY: "Do not retry it in other words; choose another way, or ask the person to change the policy.",
    By.PERSON: "Do not retry it in other words; ask the person what they want instead.",
    By.NOBODY: "Nobody can be asked in this session. Start leash in a terminal, or with --on-ask wait, to be asked.",
    By.LOCK: "Stop, and ask the person what they want instead.",
    By.TIMEOUT: "Nobody answered in time. Silence is not consent; ask the person, then run it again.",
    By.ERROR: "leash could not judge it and refuses what it cannot judge. Run `leash doctor`, then try again.",
    By.TICKET: "Silence is not consent. Do not do it in other words; run the very same command once it is approved.",
    By.WITHDRAWN: "The program that asked was stopped while it waited; nothing was run.",
}


WAITS = "leash: a person has to answer first; nothing of this has run yet."
"""What a held program says now and then, where its caller counts the time from the last output."""
REFUSED_BEFORE = "the same act was refused before in other words"
"""Why nobody is asked about an act that was refused twice."""
INSTEAD = "run this instead: "
"""How a person's words begin who edited the command."""
_INSTEAD = "Run exactly what the person wrote; it is judged like any other command."


def ticket(ask: str, what: str) -> str:
    """The line a program gets whose agent would not wait any longer. ask: the card's id."""
    text = (
        f"leash: NOT EXECUTED. Waiting for approval {ask}: {one_line(what, 240).rstrip('.')}. Nobody refused it,"
        " nobody approved it yet: silence is not consent. Do not do it another way. Go on with other work, or end your"
        f" turn and say that {ask} waits; re-run the very same command once it is approved, and it will run."
    )
    return text.encode("utf-8", "backslashreplace")[:LIMIT].decode("utf-8", "ignore")


def approved_late(ask: str, what: str, again: str = "") -> str:
    """What a model is told after a late approval. again: what it is to do, where that is not to run a command."""
    again = again or "run the very same command once more:"
    return f"leash: {ask} is approved now. It has not run yet: {again} {one_line(what, 300)}"


def woken(ask: str) -> str:
    """What is typed into an idle agent's prompt after a late approval, where the person agreed to that."""
    return f"leash: {ask} is approved now, run the very same command once more"


def refusal(
    *,
    by: By,
    what: str,
    why: str = "",
    policies: Sequence[PolicyRef] = (),
    who: str = "",
    because: str = "",
) -> str:
    """One line without a newline. what: consequence or command; why: defaults to the first policy's reason."""
    head = f"leash: REFUSED: {one_line(what, 240)}"
    reason = because and f'{who or "the person"} said: "{one_line(because, 400)}"'
    if not reason and by is By.PERSON:
        reason = f"{who or 'the person'} said no"
    if not reason:
        reason = why or (policies[0].reason if policies else "")
    instead = by is By.PERSON and because.startswith(INSTEAD)
    parts = [head]
    if reason and reason.rstrip(".") != what.rstrip("."):
        parts.append(f" — {one_line(reason, 440).rstrip('.')}")
    if policies:
        parts.append(f" [{policies[0].id}]")
    text = "".join(parts).rstrip(".") + ". " + (_INSTEAD if instead else _NEXT.get(by, ""))
    raw = text.strip().encode("utf-8", "backslashreplace")[:LIMIT]
    return raw.decode("utf-8", "ignore")
