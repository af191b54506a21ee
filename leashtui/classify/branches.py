"""How a script forks and repeats: if, case, for, while, in all possible worlds at once.

Knows which branches may be taken. Refuses to know commands (the machine that extends it does). Invariant: a branch is
left out only where it is certain that it is not taken.
"""

from __future__ import annotations

from leashtui.classify.expand import Expander
from leashtui.classify.flow import LOOP, chosen_case, lines_of
from leashtui.classify.state import State, merged
from leashtui.classify.syntax import Case, For, If, Loop, Node, Sequence, Words
from leashtui.classify.values import NOTHING, UNKNOWN, Stream, Word

Worlds = list[State]


class Branches:
    """Evaluates compound commands; what stands inside them is `run`."""

    expander: Expander
    reading: tuple[bytes, ...]
    perhaps: int
    forked: int

    def run(self, node: Node, worlds: Worlds, stdin: Stream) -> Stream:
        """Evaluate a node; `worlds` become those after it. Gives what it prints."""
        raise NotImplementedError

    def read_words(self, words: tuple[Words, ...], worlds: Worlds, *, compute: bool = False) -> None:
        """Expand words only for the substitutions in them, and for those in what arithmetic reads."""
        raise NotImplementedError

    def if_(self, node: If, worlds: Worlds, stdin: Stream) -> Stream:
        """`if`: every branch, each from where its condition leaves off."""
        out = NOTHING
        self.perhaps += 1
        ends: Worlds = []
        for condition, body in node.branches:
            self.run(condition, worlds, stdin)
            branch = [w.copy() for w in worlds]
            out = out.joined(self.run(body, branch, stdin))
            ends.extend(branch)
        if node.otherwise is not None:
            out = out.joined(self.run(node.otherwise, worlds, stdin))
        self.perhaps -= 1
        worlds[:] = merged([*ends, *worlds])
        return out

    def case_(self, node: Case, worlds: Worlds, stdin: Stream) -> Stream:
        """`case`: every branch, or the one that is certain in a script."""
        self.read_words((node.subject,), worlds)
        if self.reading and len(worlds) == 1:
            chosen = chosen_case(self.expander, node, worlds[0])
            if chosen is not None:
                return self.run(chosen, worlds, stdin)
        out = NOTHING
        ends: Worlds = []
        self.perhaps += 1
        for patterns, body in node.items:
            self.read_words(patterns, worlds)
            branch = [w.copy() for w in worlds]
            out = out.joined(self.run(body, branch, stdin))
            ends.extend(branch)
        self.perhaps -= 1
        worlds[:] = merged([*worlds, *ends])
        return out

    def for_(self, node: For, worlds: Worlds, stdin: Stream) -> Stream:
        """`for`: the body for every value."""
        out = NOTHING
        ends: Worlds = []
        for world in worlds:
            values: list[Word] = []
            if node.words is None:
                values = list(world.params)
            else:
                for word in node.words:
                    values.extend(self.expander.words(word, world))
            if len(values) > LOOP:
                taint = 0
                for value in values:
                    taint |= value.taint
                values = [*values[:LOOP], Word(UNKNOWN, taint)]
            side = [world]
            for value in values:
                for one in side:
                    one.assign(node.name, Word(value, value.taint))
                out = out.joined(self.run(node.body, side, stdin))
            ends.extend(side)
        worlds[:] = merged(ends)
        return out

    def while_(self, node: Loop, worlds: Worlds, stdin: Stream) -> Stream:
        """`while`, `until`: the body any number of times."""
        lines = lines_of(stdin)
        out = NOTHING
        before = [w.copy() for w in worlds]
        for line in lines:
            self.run(node.condition, worlds, line)
            out = out.joined(self.repeated_(node.body, worlds, stdin))
        worlds[:] = merged([*worlds, *before])
        return out

    def repeated_(self, body: Sequence, worlds: Worlds, stdin: Stream) -> Stream:
        """A body that runs any number of times: once, and once more when it changed what is known."""
        before = [w.copy() for w in worlds]
        self.forked += 1
        out = self.run(body, worlds, stdin)
        changed = len(before) != len(worlds) or any(not a.same(b) for a, b in zip(before, worlds, strict=False))
        if changed:
            out = out.joined(self.run(body, worlds, stdin))
        self.forked -= 1
        worlds[:] = merged([*worlds, *before])
        return out
