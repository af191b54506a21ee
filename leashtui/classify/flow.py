"""What may be assumed about the flow of control: which commands succeed, which end the shell, what a loop reads.

Knows the few commands whose success is the rule. Refuses to evaluate. Invariant: an assumption only ever leaves out a
world that would be judged the same or milder.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

from leashtui.classify.expand import Expander
from leashtui.classify.state import State
from leashtui.classify.syntax import Case, Group, Node, Sequence, Simple, Words
from leashtui.classify.values import UNKNOWN, Stream, bare

LOOP = 64
"""How often a loop over known values is followed."""
_SUCCEEDS = frozenset("cd pushd popd true : mkdir export set echo printf source . umask".split())
_LEAVES = frozenset("exit return break continue false".split())


def lines_of(stdin: Stream) -> list[Stream]:
    """What `read` gets, time after time."""
    if stdin.text and UNKNOWN not in stdin.text and stdin.text.count("\n") <= LOOP:
        return [Stream(stdin.taint, line + "\n", stdin.origin) for line in stdin.text.splitlines()]
    return [stdin]


def _first(node: Node) -> str:
    """The plain first word of a simple command, or ''."""
    if isinstance(node, Simple) and node.words and isinstance(node.words[0], Words):
        return node.words[0].plain() or ""
    return ""


def succeeds(node: Node) -> bool:
    """Whether leash assumes that a command succeeds: changing directory, making things, doing nothing."""
    if isinstance(node, Simple) and not node.words:
        return True
    return _first(node) in _SUCCEEDS


def leaves(node: Node) -> bool:
    """Whether a command ends the shell or the loop."""
    if isinstance(node, Group):
        return bool(node.body.items) and leaves(node.body.items[-1][0])
    return _first(node) in _LEAVES


def chosen_case(expander: Expander, node: Case, state: State) -> Sequence | None:
    """The branch of a `case` that is taken, None where that is not certain."""
    lenient, expander.lenient = expander.lenient, False
    subject = expander.one(node.subject, state)
    expander.lenient = lenient
    if not subject.known:
        return None
    for patterns, body in node.items:
        for pattern in patterns:
            text = expander.pattern(pattern, state)
            if not text.known:
                return None
            if fnmatchcase(subject, bare(text)):
                return body
    return Sequence(())
