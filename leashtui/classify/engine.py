"""The classifier's door: a request or a shell text in, Facts out. Every guard and `leash explain` come through here.

Knows how evaluation starts (argv of an exec, text of a shell line, a file act) and how findings become Facts. Refuses
to judge. Invariant: an internal error never becomes harmless facts; it is raised, and the mediator denies.
"""

from __future__ import annotations

import shlex

from msgspec.structs import replace

from leashtui.classify import commands, redirects
from leashtui.classify.call import Call
from leashtui.classify.commands import invoke
from leashtui.classify.doors import meet_door
from leashtui.classify.environment import judge_variables, matters
from leashtui.classify.handiwork import Handiwork
from leashtui.classify.ledger import Ledger
from leashtui.classify.machine import TEXT, Bounds, Machine, Setting, parsed
from leashtui.classify.normalise import cleaned, hidden
from leashtui.classify.patterns import compile_all, lazy
from leashtui.classify.places import is_git, is_within, package_of
from leashtui.classify.plumbing import Plumbing
from leashtui.classify.probe import Probe
from leashtui.classify.reader import Unparsable
from leashtui.classify.secrets import is_secret_variable
from leashtui.classify.state import State
from leashtui.classify.summary import facts_of
from leashtui.classify.tool_calls import judge_told, judge_tool_call
from leashtui.classify.toolbox import Toolbox
from leashtui.classify.touch import delete, read, write
from leashtui.classify.values import FED, TERMINAL, Stream, Taint, Word, show
from leashtui.classify.workspace import Workspace
from leashtui.model.errors import LeashError
from leashtui.model.facts import PUSHED, Facts, Parse, Place, Verb
from leashtui.model.request import TOLD, Action, Layer, Mode, Request
from leashtui.model.variables import chooses

_SHELLS = frozenset(["bash", "sh", "dash", "rbash"])
_ANY: frozenset[str] = frozenset()
_MULTI = {
    **dict.fromkeys(("busybox", "toybox", "coreutils", "uutils", "git"), _ANY),
    **dict.fromkeys(("bash", "sh", "dash"), _SHELLS),
    "pgrep": frozenset({"pkill", "pidwait"}),
    "at": frozenset({"atq", "atrm", "batch"}),
    "systemctl": frozenset("halt poweroff reboot shutdown runlevel telinit init".split()),
    "kmod": frozenset("insmod rmmod modprobe lsmod modinfo depmod".split()),
}
"""Programs that are another one under another name; these decide by the word they are called by."""
_VERSION = lazy(r"[-.]?\d[\d.]*(?:-\w+-linux-\w+)?$")
_FAMILIES = tuple(
    frozenset(names.split())
    for names in (
        "awk mawk gawk nawk original-awk", "nc netcat ncat nc.openbsd nc.traditional", "sh bash dash ash ksh mksh zsh",
        "vi vim nvim ex view vimdiff rvim rview editor vim.basic vim.tiny vim.nox vim.gtk vim.athena",
        "pager less more most", "editor nano pico joe", "cc gcc clang c89 c89-gcc c99 c99-gcc", "c++ g++ clang++",
        "node nodejs", "pip pip3",
    )
)  # fmt: skip
_TOO_DEEP = (
    "this nests deeper than leash follows, so it cannot be judged", "do it in steps, or from a file that leash can read"
)  # fmt: skip
_TRACES = "LD_TRACE_LOADED_OBJECTS"
_LOADER = lazy(r"(?:/usr)?/lib(?:32|64|x32)?/(?:[\w-]+/)?ld-linux[\w-]*\.so\.\d")
_FILTERS = frozenset("sed tr grep".split())
_RETURN = "U+000D CONTROL CHARACTER"
"""What configure scripts have these take out of lines, written as it is; where it is shown it is spelt out."""
_LAUNCHERS = 4
_ACTS_ITSELF = lazy(r"/dev/(?:tcp|udp)/|\bleash|(?<![<>&\d=-])>{1,2}\|?\s*(?!/dev/null|&|\()[\w~/$.\"']")
"""What a shell does by itself in a text that leash cannot read."""
"""How many words an interpreter, `env` and a shim may put before the agent's own name."""
_SYSTEM = ("/usr/", "/bin/", "/sbin/", "/lib", "/opt/", "/nix/", "/snap/")


class _Rooms:
    """The rooms that evaluation calls back into."""

    simple = staticmethod(commands.simple)
    define = staticmethod(commands.define)
    invoke = staticmethod(commands.invoke)
    around = staticmethod(redirects.around)


class Engine:
    """Classifies requests of one session. home: absolute; user, uid: the account's; mode: how deep the guard sees.

    prepared: what its first answers need is made now; else when they need it, or by whoever has the time for it
    (patterns.compile_some). own: (name, value) of the session's variables, which choose nothing new.
    """

    def __init__(
        self,
        workspace: Workspace,
        home: str,
        user: str,
        mode: Mode,
        probe: Probe,
        tools: Toolbox | None = None,
        uid: int = -1,
        prepared: bool = True,
        bounds: Bounds = Bounds(),  # noqa: B008
        own: frozenset[tuple[str, str]] = frozenset(),
    ) -> None:
        if prepared:
            compile_all()
        self.workspace = workspace
        self.mode = mode
        self._setting = Setting(
            workspace, home, user, mode, probe, tools or Toolbox(), _Rooms(), uid=uid, bounds=bounds, own=own
        )
        self._started: set[tuple[str, tuple[str, ...]]] = set()

    def __call__(self, request: Request) -> Facts:
        """Facts about an exec or a file act. Raises LeashError for what nests deeper than leash follows."""
        try:
            return self._facts(request)
        except RecursionError:
            raise LeashError(*_TOO_DEEP) from None

    def _facts(self, request: Request) -> Facts:
        if request.action is not Action.PROCESS_EXEC:
            return self._file(request)
        if not request.argv and request.script:
            return self._text(request.script, request.cwd)
        facts = self._exec(request)
        if request.under_git and facts.programs == ("git",):
            if request.argv[1:2] == ("reset",) and "--no-recurse-submodules" in request.argv:
                # how `stash` and `worktree add`, which were judged, end: what is reset is kept, or new
                facts = replace(self._exec(replace(request, argv=(*request.argv[:2], "-q"))), command=facts.command)
            facts = replace(facts, effects=tuple(e for e in facts.effects if e.target != PUSHED))
            if request.argv[1:3] == ("update-ref", "HEAD") and len(request.argv) == 4:  # of a new work tree
                effects = tuple(e for e in facts.effects if e.verb is not Verb.HISTORY_REWRITE)
                facts = replace(facts, effects=effects, destructive=False, reversible=True)
        return _of_choice(facts) if request.chosen else facts

    def forget(self) -> None:
        """What comes next is judged as if nothing had been before."""
        self._setting.handiwork = Handiwork()

    def text(self, command: str, cwd: str) -> Facts:
        """Facts about a shell command line that would be run in `cwd` (absolute). Raises LeashError, see above."""
        try:
            return self._text(command, cwd)
        except RecursionError:
            raise LeashError(*_TOO_DEEP) from None

    def _text(self, command: str, cwd: str) -> Facts:
        ledger = Ledger()
        machine = Machine(self._setting, ledger)
        machine.told = True
        found = hidden(command)
        clean = cleaned(command)
        if len(clean) > TEXT:
            ledger.opaque("is longer than leash reads", (0, 0))
        else:
            self._line(machine, clean, State(cwd))
        return facts_of(ledger, command, self.mode, found)

    @staticmethod
    def _line(machine: Machine, text: str, state: State) -> None:
        """Evaluate the outermost text: its own positions are the spans."""
        tree = parsed(text)
        if isinstance(tree, Unparsable):
            machine.ledger.opaque(f"cannot be read as a shell command: {tree}", (0, len(text)))
            if _ACTS_ITSELF.search(text):  # what a shell does without starting anything, no inner judgement sees
                sentence = "would write or connect in a way that leash cannot read"
                machine.ledger.add(Verb.WRITE, "", Place.OUTSIDE, sentence, (0, len(text)))
            return
        machine.begin(tree, [state])

    def _exec(self, request: Request) -> Facts:
        """A program with its final words."""
        ledger = Ledger()
        machine = Machine(self._setting, ledger)
        machine.curious = not request.chosen
        words = [Word(cleaned(w)) for w in request.argv]
        words[0] = Word(_program(request))
        if _TRACES in {name for name, value in request.env if value} and _LOADER.fullmatch(request.exe):
            words.insert(1, Word("--list"))  # as `ldd` calls it: it prints what would be loaded, and runs nothing
        command = shlex.join(request.argv)
        found = hidden(" ".join(request.argv)) if not command.isascii() or not command.isprintable() else ()
        if words[0] in _FILTERS and request.exe.startswith("/usr/bin/"):
            found = tuple(name for name in found if name != _RETURN)
        state = State(request.cwd)
        stdin = Stream(0, request.script) if request.script else TERMINAL
        if request.fed:
            stdin = Stream(Taint.LOCAL, request.script or None, FED)
        made = Plumbing(stdin)
        machine.stdin = stdin
        span = (0, len(command))
        for name, value in request.env:
            if name.startswith("GIT_") or chooses(name):  # which repository, server or keys are meant
                own = not is_secret_variable(name) or self._setting.handiwork.said(name, value)
                state.assign(name, Word(cleaned(value), Taint.NONE if own else Taint.LOCAL))
        env = [(n, Word(cleaned(v))) for n, v in request.env if matters(n)]
        if env:
            judge_variables(Call(machine, state, words, stdin, span, made, tuple(env)), env)
        if request.chosen and not self._setting.package:
            real = (package_of(self._setting.probe.real(word)) for word in words[:_LAUNCHERS] if word.startswith("/"))
            self._setting.package = next((package for package in real if package), "")
        agent = self._agent(request, words)
        if agent:
            ledger.programs[agent] = None
            ledger.add(Verb.EXEC, agent, sentence=f"starts {show(agent)}, the agent that was named", span=span)
        else:
            invoke(machine, state, words, stdin, span, made)
        return facts_of(ledger, command, self.mode, found, request.argv)

    def _agent(self, request: Request, words: list[Word]) -> str:
        """The agent a person started, in exactly their words: by leash, or by its own launcher. '' for all else."""
        for index, word in enumerate(words[:_LAUNCHERS]):
            name = str(word.rpartition("/")[2]).removeprefix(".")
            spec = self._setting.tools.find(name)
            if spec is not None and spec.handler == "agent":
                started = (name, request.argv[index + 1 :])
                if request.chosen:
                    self._started.add(started)
                return name if started in self._started else ""
        return ""

    def _how(self, path: str) -> str:
        """What writing to a path is called. Outside of the workspace it tells nobody whether something is there."""
        if not is_within(path, self.workspace.root):
            return "makes or changes"
        return "makes" if self._setting.probe.exists(path) is False else "changes"

    def _file(self, request: Request) -> Facts:
        """A file act that a guard saw, or an order to leash."""
        ledger = Ledger()
        machine = Machine(self._setting, ledger)
        state = State(request.cwd or "/")
        command, path = request.path or " ".join(request.argv), request.like or request.path
        if request.action is Action.TOOL_CALL:
            command = f"{'/'.join(request.argv)} {request.script}".strip()
        span = (0, len(command))
        machine.afterwards = request.layer is Layer.WATCHER
        if request.action in TOLD:
            command = judge_told(machine, request)
        elif request.action is Action.TOOL_CALL:
            judge_tool_call(machine, request, span)
        elif request.action is Action.FILE_DELETE:
            delete(machine, state, Word(path), span, certain=True)
        elif request.action is Action.FILE_READ:
            read(machine, state, Word(path), span)
        elif request.action is Action.FILE_WRITE:
            if request.was:
                moved = [Word("mv"), Word("--"), Word(request.was), Word(request.path)]
                invoke(machine, state, moved, TERMINAL, span, Plumbing(TERMINAL))
            write(
                machine,
                state,
                Word(path),
                Stream(0, request.script or None),
                span,
                append=True,
                how="changes" if machine.afterwards else self._how(request.path),
                follow=request.layer is not Layer.WATCHER,
                by_git=request.layer is Layer.WATCHER or is_git(request.exe, self.workspace, self._setting.home),
            )
        elif request.action in (Action.NET_CONNECT, Action.NET_BIND):
            command = meet_door(machine, request, span)
        elif request.action is Action.SESSION_START:
            command = shlex.join(request.argv)
            ledger.add(Verb.EXEC, request.argv[0], sentence=f"starts a session of {show(request.argv[0])}")
        else:
            ledger.add(Verb.GUARD_TOUCH, command, sentence=f"gives leash the order {command}")
        facts = facts_of(ledger, command, self.mode, hidden(command) if request.action not in TOLD else ())
        if request.like:
            facts = _called(facts, request)
        return _done_already(facts) if machine.afterwards else facts


def _called(facts: Facts, request: Request) -> Facts:
    """Facts about a file that was judged by the kind of another path, with its own name."""
    effects = [replace(e, target=request.path) if e.target == request.like else e for e in facts.effects]
    return replace(facts, effects=tuple(effects))


def _done_already(facts: Facts) -> Facts:
    """Facts about a change that the watcher saw: it has happened, and nobody knows by whom."""
    effects = [replace(e, sentence=f"{e.sentence}, done already by the agent or somebody else") for e in facts.effects]
    return replace(facts, effects=tuple(effects), undo="a no puts it back as it was, unless it is changed once more")


def _of_choice(facts: Facts) -> Facts:
    """Facts about the program a person named on leash's own command line: where it lies and that leash has no table
    for it are their choice; what it would do is not."""
    effects = tuple(e for e in facts.effects if not (e.verb is Verb.EXEC and e.place in (Place.TEMP, Place.UNKNOWN)))
    parse = Parse.FULL if facts.parse is Parse.PARTIAL else facts.parse
    return replace(facts, effects=effects, parse=parse)


def _program(request: Request) -> str:
    """The name to judge a program by: the file that really runs, unless that file serves many names."""
    called = request.argv[0].lstrip("-") or "unknown"
    real = request.exe
    if not real:
        return called
    name, alias = real.rpartition("/")[2], called.rpartition("/")[2]
    if name == alias or (name in _MULTI and _is_applet(name, alias)):
        return alias if real.startswith(_SYSTEM) else real
    if real.startswith(_SYSTEM):
        return alias if _kin(name, alias) else real
    return real


def _is_applet(name: str, alias: str) -> bool:
    """Whether a program that serves many names is called by one of its own; the words may claim anything."""
    if name == "git":
        return alias.startswith("git-")
    names = _MULTI[name]
    return alias in names if names else True


def _kin(name: str, alias: str) -> bool:
    """Whether two names are one program under a version or an alternative: python3.11 and python, mawk and awk.

    A mere beginning of the name is none: whoever starts a program may call it what they like."""
    bare, meant = _VERSION.sub("", name), _VERSION.sub("", alias)
    if bare == meant or bare.endswith(f"-{meant}"):
        return True
    last = bare.rpartition("-")[2]
    return any((bare in family or last in family) and meant in family for family in _FAMILIES)
