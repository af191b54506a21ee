"""A card as lines of text: everything it knows, in the order a person needs it, and what to type.

Knows the card. Refuses to shorten the command it shows and to offer what the card does not. Pure. Invariant: every line
is printable, whatever the agent put into its command.
"""

from __future__ import annotations

from leashtui.model.card import Card, Choice
from leashtui.model.facts import Severity
from leashtui.words.consequence import OTHER_EYES, names
from leashtui.words.inner import inner
from leashtui.words.plain import count, mixed, visible

SEVERE = frozenset({Severity.HIGH, Severity.CRITICAL})


def number_of(ask: str) -> int:
    """The number of an ask's id ('L-12' -> 12), -1 for another shape."""
    digits = ask.rpartition("-")[2]
    return int(digits) if digits.isascii() and digits.isdigit() else -1


def ask(card: Card) -> list[str]:
    """The lines of a question."""
    number = number_of(card.id)
    lines = [f"question {number}, severity {card.severity.value}: {visible(card.consequence)}"]
    unwrapped = inner(card.command)
    lines.append(f"  command: {visible(unwrapped.text)}")
    if unwrapped.shells:
        lines.append(f"  handed to: {unwrapped.shells}")
    if card.normalised and card.normalised != card.command:
        lines.append(f"  which comes to: {visible(card.normalised)}")
    if card.hidden:
        lines.append(f"  hidden characters: {visible(', '.join(card.hidden))}")
    if alike := mixed(card.command):
        lines.append(f"  {alike}")
    many = f", {count(card.count, 'act')} like this" if card.count > 1 else ""
    where = f"in: {visible(card.cwd)}, by {visible(card.agent)}, process {card.pid}"
    lines.append(f"  {'seen after it happened' if card.done else where}{many}")
    for effect in card.evidence:
        words = effect.sentence or effect.verb.value
        if effect.sentence and (card.consequence + ",").startswith(effect.sentence + ","):
            continue  # said first
        target = "" if names(words, effect.target) else f": {effect.target}"
        place = f" ({effect.place.value})" if effect.place else ""
        lines.append(f"  would: {visible(words + target + place)}")
    if card.said:
        lines.append(f"  {visible(card.agent)} says (its words): {visible(card.said)}")
    for policy in card.why:
        source = f" ({policy.file}:{policy.line})" if policy.file else ""
        lines.append(
            f"  asked by: {visible(policy.id)}: {visible(policy.reason or 'no reason given')}{visible(source)}"
        )
    lines.append(f"  undo: {visible(card.undo or 'cannot be undone')}")
    if card.deadline:
        seconds = max(0, (card.deadline - card.since) // 1_000_000)
        lines.append(f"  the agent waits {count(seconds, 'second')}, then it is told to come back for the answer")
    lines += [f"  | {visible(line.expandtabs(4))}" for line in card.diff.splitlines()]
    if card.other:
        lines.append(f"  {OTHER_EYES}")
    lines.extend(_answers(card, number))
    return lines


def _answers(card: Card, number: int) -> list[str]:
    keys = {Choice.ONCE: "y", Choice.SESSION: "s", Choice.DENY: "n"}
    lines = [f"  type !{number} {keys[o.choice]} : {visible(o.label)}" for o in card.options]
    if any(o.choice is Choice.SESSION for o in card.options):
        lines.append(f"  type !{number} a : the same, and in this repository for 30 days")
    if not card.done:
        lines.append(f"  type !{number} e COMMAND : deny, and have the agent run that instead")
    lines.append(f"  type !{number} n because WORDS : deny and tell the agent why")
    if card.severity in SEVERE:
        lines.append(f"  an approval needs a second line: !{number} yes")
    if card.no_wider:
        lines.append(f"  no 'this session': {visible(card.no_wider)}")
    return lines
