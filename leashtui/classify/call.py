"""One program about to run, with everything a rule may ask about it and every way it may report what it found.

Knows words, directory, input and output of this one call. Refuses to know tables. Invariant: whatever a rule reports
goes into the ledger with the span of the command that caused it.
"""

from __future__ import annotations

from leashtui.classify import runs, standing, touch
from leashtui.classify.aims import AIMED, aim_of
from leashtui.classify.ledger import Ledger, Span
from leashtui.classify.machine import WITHIN, Machine
from leashtui.classify.options import Options
from leashtui.classify.patterns import lazy
from leashtui.classify.plumbing import Plumbing, is_local
from leashtui.classify.state import State
from leashtui.classify.values import UNKNOWN, Stream, Taint, Word, bare, is_fixed, show, taint_of
from leashtui.model.facts import Place, Severity, Verb
from leashtui.model.request import Mode

IN_ADDRESS, IN_HEADER, BY_INPUT = " in an address", " in a header", " by its input"
"""How the sentences end about what a request tells that looks like any other when it is made."""

_OWN_KEY = lazy(
    r"(?i)--?[\w-]*(?:token|pass(?:word|phrase)?|auth\w*|api-?key|secret|otp|credentials?|user(?:name)?|key)(?:=|$)|-[upak]$"
)
"""Options that show a program's own credential to the service it belongs to."""
_HOSTS = frozenset(("-h", "-H", "--host", "--hostname", "--server", "-S", "--address", "--url"))
_OPEN_FILE = lazy(r"/(?:dev|proc/self)/fd/(\d+)")
_OUTWARD = frozenset(
    (Verb.NET_SEND, Verb.NET_GET, Verb.REMOTE_SESSION, Verb.REMOTE_CHANGE, Verb.PUBLISH, Verb.PACKAGE_ADD)
)


class Call:
    """name: base name; words: argv; stdin: what flows in; made: redirections; env: assignments before the command."""

    __slots__ = (
        "direct",
        "env",
        "ledger",
        "machine",
        "made",
        "name",
        "outward",
        "parts",
        "reads",
        "harmless",
        "spared",
        "span",
        "state",
        "stdin",
        "stops",
        "words",
    )

    def __init__(
        self,
        machine: Machine,
        state: State,
        words: list[Word],
        stdin: Stream,
        span: Span,
        made: Plumbing,
        env: tuple[tuple[str, Word], ...] = (),
    ) -> None:
        self.machine = machine
        self.ledger: Ledger = machine.ledger
        self.state = state
        self.words = words
        self.name = words[0].rpartition("/")[2] if words else ""
        self.stdin = stdin
        self.span = span
        self.made = made
        self.env = env
        self.reads = 0
        self.direct = False
        self.outward = False
        self.parts: tuple[str, Options] | None = None
        """Its subcommand and its options, as its table tells them apart."""
        self.stops = ""
        self.spared = False
        """Whether what git would forget is the session's own."""
        self.harmless: frozenset[Verb] = frozenset()
        """What it does to nothing but what is the session's own: a database, a folder of keys."""

    # ---- reporting

    def add(
        self, verb: Verb, target: str = "", sentence: str = "", severity: Severity | None = None, *,
        place: Place = Place.NONE, lost: bool = False, recursive: bool = False,
    ) -> None:  # fmt: skip
        """Note an effect of this call."""
        self.outward = self.outward or verb in _OUTWARD
        if self.spared and verb in (Verb.DISCARD_WORK, Verb.HISTORY_REWRITE):
            return
        if verb in self.harmless:
            return
        if verb is Verb.PROCESS_KILL and self.is_bound:
            verb, sentence = Verb.READ, f"{sentence}, if they are of this session: others are out of its reach"
        self.ledger.add(
            verb, show(target), place, show(sentence), self.span, severity, reversible=not lost, recursive=recursive,
            aim=self._aim(verb) if verb in AIMED else "",
        )  # fmt: skip

    def _aim(self, verb: Verb) -> str:
        if self.parts is None:
            return ""
        return aim_of(self.name, *self.parts, self.state, self.env, self.machine.setting, verb)

    def sign(self, *names: str) -> None:
        """Raise warning signs."""
        self.outward = self.outward or "network" in names
        if self.spared or self.harmless:
            names = tuple(name for name in names if name != "destructive")
        self.ledger.sign(*names)

    def opaque(self, sentence: str) -> None:
        """Something runs that is not understood; where inner programs are judged again, that is only partial."""
        if self.shim:
            self.ledger.opaque(sentence, self.span)
        else:
            self.machine.partial()

    @property
    def is_bound(self) -> bool:
        """Whether what this program ends processes by reaches none but those of the session."""
        bounds = self.machine.setting.bounds
        held = bounds.signals if self.stops == "signals" else bounds.sockets and self.stops == "sockets"
        return held and "privileged" not in self.ledger.signs

    @property
    def reaches_own_only(self) -> bool:
        """Whether signals of this program reach no process but those of the session."""
        return self.machine.setting.bounds.signals and "privileged" not in self.ledger.signs

    def listen(self, target: str, sentence: str) -> None:
        """A port is opened by sockets of this program's own. target: the address its words name, if they do."""
        bounds = self.machine.setting.bounds
        if bounds.ports or (bounds.sockets and not target):  # which address a program takes by itself is seen then
            self.add(Verb.READ, target, "listens for connections of this machine; others are asked about as it opens")
        else:
            self.add(Verb.LISTEN, target, sentence)

    def show_variables(self, sentence: str) -> Stream:
        """All variables are printed."""
        held = any(word.taint & Taint.SECRET for words in self.state.vars.values() for word in words)
        if self.machine.setting.bounds.variables and not held:
            return Stream(Taint.LOCAL, None)
        self.add(Verb.SECRET_READ, "", sentence, place=Place.SECRET)
        return Stream(Taint.SECRET, None)

    def says(self, name: str) -> bool:
        """Whether this very text says what a variable holds, in plain words that come from nowhere else."""
        given = [value for key, value in self.env if key == name] or list(self.state.vars.get(name, ()))
        plain = all(is_fixed(value) and not value.taint for value in given)
        return bool(given) and plain and name not in self.state.fixed

    @property
    def shim(self) -> bool:
        """Whether this is the only look at what runs."""
        return self.machine.setting.mode is Mode.SHIM

    # ---- paths

    def read(self, path: str, *, recursive: bool = False, look: bool = False) -> Stream:
        """A file is read."""
        found = self.open_file(path)
        if found is None:
            found = touch.read(self.machine, self.state, path, self.span, recursive=recursive, look=look)
        self.reads |= found.taint
        return found

    def open_file(self, path: str) -> Stream | None:
        """What is read through `/dev/fd/N`: what N was opened for, which was judged then. None: no such name."""
        found = _OPEN_FILE.fullmatch(path)
        if found is None or path in self.state.files:
            return None
        if found[1] == "0":
            return self.stdin
        return self.made.fds.get(found[1]) or self.state.fds.get(found[1]) or Stream(Taint.LOCAL, None)

    def write(
        self,
        path: str,
        content: Stream | None = None,
        *,
        append: bool = False,
        empties: bool = False,
        how: str = "",
        by_git: bool = False,
    ) -> None:
        """A file is written. how: in words, '' for the usual ones. by_git: as git itself would."""
        stream = Stream(self.reads | self.stdin.taint, None) if content is None else content
        touch.write(
            self.machine, self.state, path, stream, self.span, append=append, empties=empties, how=how, by_git=by_git
        )

    def delete(self, path: str, *, recursive: bool = False, how: str = "removes") -> None:
        """A file is removed."""
        touch.delete(self.machine, self.state, path, self.span, recursive=recursive, how=how)

    def delete_unseen(self) -> None:
        """Code removes files that it finds when it runs; where each is judged then, there is nothing to say yet."""
        if not self.machine.sees_files:
            self.sign("destructive")
            sentence = "removes files whose names are known only when it runs"
            self.add(Verb.DELETE, "", sentence, Severity.HIGH, place=Place.UNKNOWN, lost=True)

    def run_file(self, path: str, what: str = "runs") -> Place:
        """A file is executed; `-` is the standard input."""
        if path in ("-", "/dev/stdin"):
            self.judge_source("", self.stdin.taint & ~Taint.LOCAL)
            return Place.NONE
        return runs.run_file(self.machine, self.state, path, self.span, what)

    def path(self, word: str) -> str:
        """The absolute path of a word, '' when unknown."""
        return standing.target(self.machine, self.state, word)

    def place(self, word: str) -> Place:
        """The class of a path."""
        return standing.place(self.machine, self.path(word))

    def say(self, word: str) -> str:
        """A path in words."""
        return standing.short(self.machine, self.path(word))

    # ---- the network

    def carries(self) -> None:
        """A call that leaves the machine takes its words along: a file's or command's secret among them goes too."""
        former = ""
        logs_in = any("token" in w or "password" in w for w in self.words)
        if self.stdin.taint & Taint.SECRET and not self.outward and not logs_in:
            self.send("", self.stdin)
            return
        for word in self.words[1:]:
            own = _OWN_KEY.match(former if not word.startswith("-") else word)
            if word.taint & Taint.SECRET and word.taint & Taint.LOCAL and own is None:
                self.send("", Stream(Taint.SECRET))
                return
            former = word

    def names_host(self) -> bool:
        """Whether its words name another machine, by an address or by an option for one."""
        former = ""
        for word in self.words[1:]:
            text = bare(word)
            value = text.partition("=")[2] if text.startswith("--") and "=" in text else text
            named = "://" in value or former in _HOSTS or text.partition("=")[0] in ("--host", "--server")
            if named and not value.startswith(("-", "/", "file:")) and not is_local(host_of(value)):
                return True
            former = text
        return False

    def fetch(self, url: str, say: str = "", header: int = 0) -> Stream:
        """Something is requested from an address; what the address carries leaves the machine, and what a header does.
        header: where that came from, as Taint."""
        host = host_of(url)
        taint = getattr(url, "taint", 0)
        if is_local(host):  # nothing leaves the machine; what comes is unread all the same
            return Stream(Taint.FETCHED, None, show(host))
        self.ledger.hosts[bare(host)] = None
        self.sign("network")
        if taint & Taint.SECRET:
            self.sign("sends_secret")
        asks = taint & Taint.SLIGHT and "?" in url.partition(UNKNOWN)[0]
        if taint & (Taint.SECRET | Taint.LOCAL) or asks or header & Taint.LOCAL:
            where = IN_ADDRESS if taint & (Taint.SECRET | Taint.LOCAL) or asks else IN_HEADER
            self.add(Verb.NET_SEND, host, f"sends local data to {host}{where}", Severity.MEDIUM)
        else:
            self.add(Verb.NET_GET, host, say or f"downloads from {host}")
        return Stream(Taint.FETCHED, None, show(host))

    def send(self, host: str, content: Stream, what: str = "data", how: str = "") -> None:
        """Data leaves the machine for a host ('' when not known). how: IN_ADDRESS and its like, '' when it shows."""
        if host and is_local(host):
            return
        if host:
            self.ledger.hosts[bare(host)] = None
        self.sign("network")
        if content.taint & Taint.SHELL and content.taint & (Taint.FETCHED | Taint.SOCKET):
            self.sign("reverse_shell")  # orders come in, answers go out
        to = f" to {host}" if host and UNKNOWN not in host else ""
        if touch.leaks(content):
            self.sign("sends_secret")
            self.add(Verb.NET_SEND, host, f"sends a secret{to}", Severity.CRITICAL, lost=True)
        else:
            self.add(Verb.NET_SEND, host, f"sends {what}{to}{how}")

    # ---- code

    def shell(self, text: str, stdin: Stream | None = None, *, same: bool = False) -> Stream:
        """A shell text runs: in this very shell when `same`, else in one of its own."""
        taint = getattr(text, "taint", 0)
        self.judge_source(text, taint)
        if not text.strip(UNKNOWN + " \t\n"):
            return Stream(taint, None)
        state = self.state if same else self.state.copy()
        if not same:
            state.functions, state.aliases = {}, {}
        worlds = [state]
        out = self.machine.text(str(text), worlds, self.stdin if stdin is None else stdin, self.span)
        if same:
            adopt(self.state, worlds[0])
        elif worlds[0].files is not self.state.files:
            self.state.files = worlds[0].files
        return out

    def judge_source(self, text: str, taint: int) -> None:
        """Code of this origin runs: from the network, from a decoder, or not known at all."""
        if taint & (Taint.FETCHED | Taint.SOCKET):
            self.sign("pipe_to_shell")
            self.add(Verb.RUN_FETCHED, "", "runs what comes from the network, unseen")
            if taint & Taint.SOCKET:
                self.sign("reverse_shell")
        elif UNKNOWN in text and (not text.strip(UNKNOWN + " \t\n") or taint & Taint.LOCAL):
            self.opaque("runs a text that is known only when it runs")
        if taint & Taint.DECODED:
            self.sign("obfuscated")

    def words_run(self, words: list[Word], stdin: Stream | None = None) -> Stream:
        """Another program is started with these words."""
        machine = self.machine
        if machine.within >= WITHIN:
            machine.ledger.lost("starts programs by programs further than leash follows", self.span)
            return Stream(self.taint(), None)
        machine.within += 1
        out = machine.setting.rooms.invoke(
            machine, self.state.copy(), words, self.stdin if stdin is None else stdin, self.span, self.made
        )
        machine.within -= 1
        return out

    def taint(self) -> int:
        """What flows through: input, words and files read."""
        return self.stdin.taint | taint_of(self.words) | self.reads

    def out(self, text: str | None = None) -> Stream:
        """What this call prints, when it passes on what it got."""
        return Stream(self.taint(), text)


def adopt(state: State, other: State) -> None:
    """`state` becomes what `other` knows."""
    if other is not state:
        for name in type(state).__slots__:
            setattr(state, name, getattr(other, name))


def host_of(url: str) -> str:
    """The host of an address, or of user@host:path."""
    url = bare(url)
    rest = url.partition("://")[2] or url
    rest = rest.partition("/")[0].partition("?")[0].partition("#")[0]
    rest = rest.rpartition("@")[2]
    if rest.startswith("["):
        return bare(rest.partition("]")[0].lstrip("["))
    return bare(rest.partition(":")[0])
