"""What is said of MCP tools that are not what was accepted, and what a model is told that asks before it tries.

Knows the nouns. Refuses to know the protocol. Invariant: a sentence for the model says what it can do next, never that
it could get past the person.
"""

from __future__ import annotations

from collections.abc import Sequence

from leashtui.model.facts import Facts
from leashtui.model.request import Pin
from leashtui.model.verdict import Decision, Outcome
from leashtui.words.consequence import consequence
from leashtui.words.plain import one_line

_ODD = {
    Pin.NEW: "came after this server's other tools were accepted",
    Pin.CHANGED: "was changed by its server since it was accepted",
    Pin.SHADOWED: "has a name that another server's tool had first",
}
_VERDICTS = {
    Outcome.ALLOW: "ALLOWED: it would run without a question.",
    Outcome.ASK: "ASK: it would wait for the person's answer.",
    Outcome.DENY: "DENIED: it would be refused.",
}
_NEXT = {
    Outcome.ALLOW: "",
    Outcome.ASK: "Do it when it is needed, and the person will be asked; prefer what needs no answer.",
    Outcome.DENY: "Choose another way, or tell the person what you need.",
}


def withheld(pin: Pin) -> str:
    """What stands in place of a tool's own description until a person accepted it."""
    return (
        f"leash withholds this tool's description: it {_ODD[pin]}. Calling it waits for the person, who can accept it"
        " with `leash mcp pin`."
    )


def met_first(server: str, names: Sequence[str]) -> str:
    """A server whose tools are accepted as they are, because nothing was known of it."""
    return (
        f"MCP server {one_line(server, 60)} is met for the first time; its tools are pinned as they are: {_some(names)}"
    )


def not_as_accepted(server: str, pin: Pin, names: Sequence[str]) -> str:
    """Tools that ask from now on."""
    return f"MCP server {one_line(server, 60)}: {_some(names)} {_ODD[pin]}; the model was not shown it, calls are asked"


def other_command(server: str, before: str, now: str) -> str:
    """A server that is started in another way than when it was accepted."""
    what = f"was {one_line(before, 200)!r} when it was accepted and is {one_line(now, 200)!r} now"
    return f"MCP server {one_line(server, 60)} {what}; its calls are asked"


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(one_line(name, 60) for name in names[:12])
    return shown + (f" and {len(names) - 12} more" if len(names) > 12 else "")


def forecast(facts: Facts, decision: Decision) -> str:
    """The answer to a model that asks what would be said to an act."""
    lines = [_VERDICTS[decision.outcome]]
    if decision.outcome is not Outcome.ALLOW:
        lines.append(f"What it would do: {one_line(consequence(facts, decision.policies), 300)}")
        lines += [f"[{p.id}] {one_line(p.reason, 400)}" for p in decision.policies[:5]]
        lines.append(_NEXT[decision.outcome])
    if facts.parse != "full":
        lines.append(f"leash understood this {facts.parse}ly; what it starts is judged again when it runs.")
    return "\n".join(line for line in lines if line)
