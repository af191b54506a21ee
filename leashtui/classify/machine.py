"""The abstract evaluator: walks the tree in all possible worlds at once and lets every command report its effects.

Knows control flow, pipes, subshells, functions and budgets. Refuses to know programs (`commands` and the tool tables
do). Invariant: every simple command of the tree is evaluated in every world that can reach it, or the result says that
it is opaque; branches are never left out because they look unlikely.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Protocol

from msgspec import Struct

from leashtui.classify.branches import Branches, Worlds
from leashtui.classify.expand import Expander
from leashtui.classify.flow import leaves, succeeds
from leashtui.classify.handiwork import Handiwork
from leashtui.classify.ledger import Ledger, Span
from leashtui.classify.library import Library
from leashtui.classify.parser import parse
from leashtui.classify.plumbing import Plumbing
from leashtui.classify.probe import Probe
from leashtui.classify.reader import Unparsable
from leashtui.classify.sieve import sieves
from leashtui.classify.state import State, merged
from leashtui.classify.syntax import (
    Case,
    Chain,
    Compute,
    CountFor,
    For,
    Function,
    Group,
    If,
    Lit,
    Loop,
    Node,
    Pipeline,
    Prefixed,
    Redirected,
    Sequence,
    Simple,
    Test,
    Words,
)
from leashtui.classify.toolbox import Toolbox
from leashtui.classify.values import NOTHING, TERMINAL, Stream, Taint, Word
from leashtui.classify.workspace import Workspace
from leashtui.model.facts import Parse
from leashtui.model.request import Mode

DEPTH = 12
"""How deep texts may stand inside texts (sh -c, eval, functions)."""
NODES = 2000
"""How many simple commands one request may come to."""
STEPS = 20 * NODES
"""How many nodes of any kind it may come to."""
WITHIN = 40
"""How many programs may start one another in one command (`env nice timeout ...`)."""
TEXT = 64 * 1024
"""Longest text that is read, characters."""


def parsed(text: str) -> Sequence | Unparsable:
    """The tree of a text, or why there is none."""
    try:
        return _parsed(text)
    except RecursionError:  # not remembered: another caller has more room
        return Unparsable("nested too deeply", 0)


@lru_cache(maxsize=2048)
def _parsed(text: str) -> Sequence | Unparsable:
    try:
        return parse(text)
    except Unparsable as error:
        return error


class Rooms(Protocol):
    """What evaluation needs of the rooms that stand on it; `engine` puts them together."""

    def simple(self, machine: Machine, node: Simple, state: State, stdin: Stream) -> Stream:
        """A simple command in one world; gives what it prints."""
        ...

    def define(self, machine: Machine, node: Function, worlds: Worlds) -> None:
        """A function definition."""
        ...

    def around(self, machine: Machine, node: Redirected, worlds: Worlds, stdin: Stream) -> Stream:
        """A compound command with redirections."""
        ...

    def invoke(
        self,
        machine: Machine,
        state: State,
        words: list[Word],
        stdin: Stream,
        span: Span,
        made: Plumbing,
        env: tuple[tuple[str, Word], ...] = (),
    ) -> Stream:
        """A command with its final words; gives what it prints."""
        ...


class Bounds(Struct, frozen=True):
    """What a session is kept from whatever it runs: signals to processes of others; sockets of others and files, which
    are judged when they are reached for; secrets in variables, of which it was given none; ports that other machines
    could reach."""

    signals: bool = False
    sockets: bool = False
    files: bool = False
    variables: bool = False
    ports: bool = False


class Setting:
    """What stays the same for a session: workspace, home, user, mode, probe, tables, bounds.

    package: where the agent that a person named was installed, once it is known. own: variables as the person has them.
    """

    __slots__ = (
        "bounds",
        "handiwork",
        "home",
        "library",
        "mode",
        "own",
        "package",
        "probe",
        "rooms",
        "tools",
        "uid",
        "user",
        "workspace",
    )

    def __init__(
        self,
        workspace: Workspace,
        home: str,
        user: str,
        mode: Mode,
        probe: Probe,
        tools: Toolbox,
        rooms: Rooms,
        library: Library | None = None,
        uid: int = -1,
        bounds: Bounds = Bounds(),  # noqa: B008
        own: frozenset[tuple[str, str]] = frozenset(),
    ) -> None:
        self.package = ""
        self.own = own
        self.bounds = bounds
        self.handiwork = Handiwork()
        self.library = library or Library()
        self.uid = uid
        self.rooms = rooms
        self.workspace = workspace
        self.home = home
        self.user = user
        self.mode = mode
        self.probe = probe
        self.tools = tools

    def watched_by(self, probe: Probe) -> Setting:
        """The same setting, looked at through another probe."""
        seen = Setting(
            self.workspace, self.home, self.user, self.mode, probe, self.tools, self.rooms, self.library, self.uid,
            self.bounds,
        )  # fmt: skip
        seen.package = self.package
        seen.handiwork = self.handiwork
        return seen


class Machine(Branches):
    """Evaluates one request into one ledger."""

    def __init__(self, setting: Setting, ledger: Ledger) -> None:
        self.setting = setting
        self.ledger = ledger
        self.expander = Expander(self._substitute, setting.home, setting.user)
        self.depth = 0
        self.within = 0
        """How many programs the one at hand was started by."""
        self.nodes = 0
        self.steps = 0
        self.outer: Span | None = None
        self.here: Span = (0, 0)
        """The command at hand."""
        self.calls: list[tuple[int, int]] = []
        """The functions being called, outermost first, each with the conditions its call hangs on."""
        self.does: set[str] = set()
        """What git is told to do somewhere in the text, whether or not it comes to that."""
        self.told = False
        """Whether the request is a text that an agent tells of before it runs it."""
        self.forked = 0
        self.hollow = False
        """Whether a word of the command at hand names all of / when a variable is empty."""
        self.perhaps = 0
        """How many conditions this command hangs on."""
        self.stdin = TERMINAL
        self.piped_out = False
        self.sieved = False
        self.curious = True
        self.afterwards = False  # it has happened: what lies on the disk is not what was there before
        """Whether the files that run are read too."""
        self.reading: tuple[bytes, ...] = ()
        """The files being read, outermost first; () for what was typed."""
        self.farewells: list[Word] = []
        """What was told to run when the shell ends (`trap ... EXIT`), in which it knows what it knows then."""
        self.unread: list[str] = []
        """Files that run and are too long to be read, as people say them."""
        self.seen: set[bytes] = set()
        """Every file read for this request."""
        self.channels: set[str] = set()
        """Named pipes, and `coproc`: what is written to them reaches somebody who may have been started before."""

    # ---- texts

    def begin(self, tree: Node, worlds: Worlds) -> None:
        """Evaluate a whole text, and what it leaves to be done at its end. worlds: become those it ends in."""
        first = worlds[0]
        self.run(tree, worlds, TERMINAL)
        self._leave(0, worlds[0] if worlds else first)

    def _leave(self, since: int, state: State) -> None:
        """Run what a shell that ends was told to run then."""
        waiting, self.farewells[since:] = self.farewells[since:], []
        for text in waiting:
            self.text(str(text), [state], TERMINAL, self.here)

    def text(self, source: str, worlds: Worlds, stdin: Stream, span: Span) -> Stream:
        """Evaluate a text that stands inside another one, in `worlds`; its findings point at `span`."""
        if len(source) > TEXT or self.depth >= DEPTH:
            self.ledger.lost("nests or runs on further than leash follows", span)
            return Stream(stdin.taint, None)
        tree = parsed(source)
        if isinstance(tree, Unparsable):
            self.ledger.lost(f"starts a shell text that leash cannot read: {tree}", span)
            return Stream(stdin.taint, None)
        outer, self.outer = self.outer, self.outer or span
        self.depth += 1
        first, since = worlds[0], len(self.farewells)
        out = self.run(tree, worlds, stdin)
        if len(self.farewells) > since:
            self._leave(since, worlds[0] if worlds else first)
        self.depth -= 1
        self.outer = outer
        return out

    def span(self, start: int, end: int) -> Span:
        """The span to report for a node: its own, or that of the word it came out of."""
        return self.outer if self.outer is not None else (start, end)

    def _substitute(
        self, body: Sequence, state: State, stdin: Stream | None = None, *, foreign: bool = False
    ) -> Stream:
        outer = self.outer
        if foreign:
            self.outer = outer or self.here
        worlds = [state.copy()]
        piped, self.piped_out = self.piped_out, True
        out = self.run(body, worlds, self.stdin if stdin is None else stdin)
        self.piped_out = piped
        self.outer = outer
        if len(worlds) == 1 and worlds[0].files is not state.files:
            state.files = worlds[0].files
        return out

    # ---- control flow

    def run(self, node: Node, worlds: Worlds, stdin: Stream) -> Stream:
        """Evaluate a node; `worlds` become those after it. Gives what it prints."""
        kind = type(node)
        self.steps += 1
        if self.steps > STEPS and self.nodes <= NODES:
            self.nodes = NODES + 1
            self.ledger.lost("comes to more commands than leash follows", self.here)
        if kind is Simple:
            assert isinstance(node, Simple)
            self.nodes += 1
            if self.nodes > NODES:
                self.ledger.lost("comes to more commands than leash follows", self.span(node.start, node.end))
                return NOTHING
            out = NOTHING
            before, self.stdin = self.stdin, stdin
            self.here = (node.start, node.end)
            for index in range(len(worlds)):
                one = self.setting.rooms.simple(self, node, worlds[index], stdin)
                out = one if index == 0 else out.joined(one)
            self.stdin = before
            return out
        if self.nodes > NODES:
            return NOTHING
        if isinstance(node, Sequence):
            return self._sequence(node, worlds, stdin)
        if isinstance(node, Chain):
            return self._chain(node, worlds, stdin)
        if isinstance(node, Pipeline):
            return self._pipeline(node, worlds, stdin)
        return self._compound(node, worlds, stdin)

    def _sequence(self, node: Sequence, worlds: Worlds, stdin: Stream) -> Stream:
        out = NOTHING
        for item, background in node.items:
            if background:
                side = [w.copy() for w in worlds]
                self.forked += 1
                one = self.run(item, side, stdin)
                self.forked -= 1
                self._keep_files(worlds, side)
            else:
                one = self.run(item, worlds, stdin)
            out = one if out is NOTHING else out.joined(one)
        return out

    def _chain(self, node: Chain, worlds: Worlds, stdin: Stream) -> Stream:
        out = self.run(node.links[0][1], worlds, stdin)
        skipped: Worlds = []
        sure = succeeds(node.links[0][1])
        self.perhaps += 1
        for op, command in node.links[1:]:
            if not (op == "&&" and sure):
                skipped.extend(w.copy() for w in worlds)
            if op == "||" and leaves(command):
                self.run(command, [w.copy() for w in worlds], stdin)
                skipped = skipped[: -len(worlds)] if skipped else skipped
                continue
            out = out.joined(self.run(command, worlds, stdin))
            sure = sure and succeeds(command)
        self.perhaps -= 1
        if skipped:
            worlds[:] = merged([*worlds, *skipped])
        return out

    def _pipeline(self, node: Pipeline, worlds: Worlds, stdin: Stream) -> Stream:
        stream = stdin
        last = len(node.commands) - 1
        outer = self.piped_out
        self.ledger.decorated = True
        self.forked += 1
        for index, command in enumerate(node.commands):
            side = [w.copy() for w in worlds]
            self.piped_out = outer or index < last
            renamed = {name for w in worlds for name in (*w.functions, *w.aliases)}
            self.sieved = sieves(command, node.commands[index + 1 :], renamed)
            stream = self.run(command, side, stream)
            self._keep_files(worlds, side)
        self.forked -= 1
        self.piped_out = outer
        self.sieved = False
        return stream

    @staticmethod
    def _keep_files(worlds: Worlds, side: Worlds) -> None:
        """Files that a subshell wrote stay written."""
        for index, world in enumerate(worlds):
            for other in side[index : index + 1]:
                if other.files is not world.files:
                    world.files = {**world.files, **other.files}

    def _compound(self, node: Node, worlds: Worlds, stdin: Stream) -> Stream:
        if isinstance(node, Group):
            if not node.subshell:
                return self._sequence(node.body, worlds, stdin)
            side = [w.copy() for w in worlds]
            out = self._sequence(node.body, side, stdin)
            self._keep_files(worlds, side)
            return out
        if isinstance(node, Prefixed):
            if node.word == "coproc":
                self.channels.add("coproc")
            return self.run(node.node, worlds, stdin)
        if isinstance(node, Redirected):
            return self.setting.rooms.around(self, node, worlds, stdin)
        if isinstance(node, If):
            return self.if_(node, worlds, stdin)
        if isinstance(node, For):
            return self.for_(node, worlds, stdin)
        if isinstance(node, Loop):
            return self.while_(node, worlds, stdin)
        if isinstance(node, CountFor):
            self.read_words((node.head,), worlds, compute=True)
            return self.repeated_(node.body, worlds, stdin)
        if isinstance(node, Case):
            return self.case_(node, worlds, stdin)
        if isinstance(node, Function):
            self.setting.rooms.define(self, node, worlds)
            return NOTHING
        if isinstance(node, Test):
            self.read_words(node.words, worlds, compute=True)
            self._index_tricks(node.words, worlds, (node.start, node.end))
            return NOTHING
        assert isinstance(node, Compute)
        self.read_words((node.inside,), worlds, compute=True)
        return NOTHING

    def read_words(self, words: tuple[Words, ...], worlds: Worlds, *, compute: bool = False) -> None:
        """Expand words only for the substitutions in them, and for those in what arithmetic reads."""
        for word in words:
            if compute or any(type(part) is not Lit for part in word.parts):
                for world in worlds:
                    text = self.expander.one(word, world)
                    if compute:
                        self.expander.computed(text, world)

    def _index_tricks(self, words: tuple[Words, ...], worlds: Worlds, span: Span) -> None:
        """`[[ -v 'a[$(cmd)]' ]]` runs the command in the quoted index."""
        for word in words:
            for part in word.parts:
                text = getattr(part, "text", "")
                if "[" in text and ("$(" in text or "`" in text):
                    self.ledger.sign("obfuscated")
                    inside = text[text.find("$(") + 2 : text.rfind(")")] if "$(" in text else text.split("`")[1]
                    self.text(inside, [w.copy() for w in worlds], NOTHING, self.span(*span))

    @property
    def is_ahead(self) -> bool:
        """Whether a text is looked at whose programs are judged as they start, by what lies there then."""
        return self.sees_files and (self.told or self.depth > 0)

    @property
    def sees_files(self) -> bool:
        """Whether each change of a file is judged when it is made, so that what is not known yet need not be told."""
        return self.setting.bounds.files and "privileged" not in self.ledger.signs

    def partial(self) -> None:
        """Something was understood only in part."""
        self.ledger.lower(Parse.PARTIAL)


__all__ = ["NOTHING", "Machine", "Setting", "Taint", "Worlds", "parsed"]
