"""Expands shell words in one possible world: braces, tildes, variables, substitutions, splitting, live globs.

Knows the order of bash's expansions. Refuses to look at the disk: a glob stays a pattern. Invariant: a word whose
value is not certain says so (unknown piece, `many`), and keeps the taint of all that went into it.
"""

from __future__ import annotations

import re
from typing import Protocol

from leashtui.classify.arith import compute
from leashtui.classify.parser import parse
from leashtui.classify.patterns import lazy
from leashtui.classify.reader import Unparsable
from leashtui.classify.secrets import is_secret_variable
from leashtui.classify.slight import is_slight, is_time, passes_on
from leashtui.classify.state import State
from leashtui.classify.syntax import Arith, Lit, Param, Part, Proc, Sequence, Sub, Words
from leashtui.classify.transform import transform
from leashtui.classify.values import UNKNOWN, Stream, Taint, Word, live


class Runner(Protocol):
    """Runs the commands of a substitution and gives what they print."""

    def __call__(self, body: Sequence, state: State, stdin: Stream | None = None, *, foreign: bool = False) -> Stream:
        """stdin: what they read, else what the shell itself reads. foreign: the text is no part of the whole."""
        ...


_SPLIT = lazy(r"[ \t\n]+")
_HOLE = 0x100000
_COUNTED = lazy(r"[\d\s.-]*")
"""What a counter prints: holds nothing of the machine."""
_NAMES = lazy(r"[A-Za-z_]\w*")
_BRACE_LIMIT = 256
_SEQUENCE = lazy(r"(-?\d{1,6})\.\.(-?\d{1,6})(?:\.\.(-?\d{1,6}))?|([A-Za-z])\.\.([A-Za-z])")
_MANY = 512
_VALUES = 4096
_TEXT = 4 << 20
"""Characters that the values of one text may come to together. What comes after them is not known."""


def _told(body: Sequence, stream: Stream) -> int:
    """Where what a substitution prints comes from. stream: what its commands print."""
    taint = stream.taint
    if is_time(body) and not taint:
        return taint
    if is_slight(body) and not taint & Taint.SECRET:
        return taint & ~Taint.LOCAL | Taint.SLIGHT
    if passes_on(body):
        return taint | (Taint.SLIGHT if stream.text is None else 0)
    return taint | Taint.LOCAL


def _and(pieces: list[str] | None, more: str) -> list[str]:
    if pieces is None:
        return [more]
    pieces.append(more)
    return pieces


class Expander:
    """run: evaluates substitutions. later: each `>(...)` that nothing was written to yet. home, user: of the person."""

    def __init__(self, run: Runner, home: str, user: str) -> None:
        self._run = run
        self.later: dict[str, tuple[Sequence, State]] = {}
        self._fixed = {
            "HOME": home, "USER": user, "LOGNAME": user, "SHELL": "/bin/bash", "TMPDIR": "/tmp", "UID": "1000",
            "EUID": "1000", "!": "4194243", "HOSTNAME": "localhost", "IFS": " \t\n", "OSTYPE": "linux-gnu",
            "BASH": "/bin/bash", "0": "bash", "$": "4194305", "?": "0", "-": "hB", "RANDOM": "4711", "SECONDS": "1",
            "SHLVL": "1", "LINENO": "1", "PPID": "4194306", "BASHPID": "4194305", "HISTFILE": home + "/.bash_history",
            "_": "bash", "XDG_RUNTIME_DIR": "/run/user/1000", "XDG_CONFIG_HOME": home + "/.config",
            "XDG_CACHE_HOME": home + "/.cache", "XDG_DATA_HOME": home + "/.local/share",
            "XDG_STATE_HOME": home + "/.local/state",
        }  # fmt: skip
        self.home = home
        self._left = _TEXT
        self.lenient = False
        """Whether a missing parameter is taken for one that is not known: a script says what it does without it."""

    # ---- words

    def words(self, word: Words, state: State) -> list[Word]:
        """The words that one shell word becomes."""
        parts = word.parts
        if len(parts) == 1:
            part = parts[0]
            if type(part) is Lit:
                if part.quoted:
                    return [Word(part.text)]
                if "{" not in part.text and part.text[:1] != "~":
                    return [Word(live(part.text))]
        found: list[Word] = []
        for option in self._braces(parts):
            found.extend(self._fields(option, state))
            if len(found) > _MANY:
                break
        return found

    def one(self, word: Words | None, state: State, *, tilde: bool = True) -> Word:
        """The single text of a word where nothing is split (assignments, targets, here-documents)."""
        if word is None:
            return Word("")
        texts: list[str] = []
        taint = 0
        for index, part in enumerate(word.parts):
            if type(part) is Lit:
                text = part.text
                if not part.quoted and tilde and text[:1] == "~" and (index == 0):
                    text = self._tilde(text)
                texts.append(text)
                continue
            values = self.value(part, state)
            taint |= _taint(values)
            texts.append(" ".join(values))
        return Word("".join(texts), taint)

    def pattern(self, word: Words, state: State) -> Word:
        """Like `one`, but unquoted globs are live (redirection targets, case patterns)."""
        if len(word.parts) == 1 and type(word.parts[0]) is Lit and not word.parts[0].quoted:
            return Word(live(self._tilde(word.parts[0].text)))
        return self.one(word, state)

    def _tilde(self, text: str) -> str:
        if not text.startswith("~"):
            return text
        head, slash, rest = text.partition("/")
        return (self.home if head == "~" else "/root" if head == "~root" else "/home/" + head[1:]) + slash + rest

    def _fields(self, parts: tuple[Part, ...], state: State) -> list[Word]:
        """Expand and split one brace alternative."""
        fields: list[tuple[list[str], int, bool]] = []
        current: list[str] | None = None
        taint, many = 0, False

        def close() -> None:
            nonlocal current, taint, many
            if current is not None:
                fields.append((current, taint, many))
            current, taint, many = None, 0, False

        for index, part in enumerate(parts):
            if type(part) is Lit:
                text = part.text
                if not part.quoted:
                    text = live(self._tilde(text) if index == 0 else text)
                current = _and(current, text)
                continue
            values = self.value(part, state)
            if getattr(part, "quoted", True):
                for number, value in enumerate(values):
                    if number:
                        close()
                    current = _and(current, value)
                    taint |= value.taint
                if not values and not (type(part) is Param and part.name in "@*"):
                    current = _and(current, "")
                continue
            for number, value in enumerate(values):
                if number:
                    close()
                pieces = self._split(value, state)
                for place, piece in enumerate(pieces):
                    if place:
                        close()
                    if piece or place or current is not None:
                        current = _and(current, live(piece))
                        taint |= value.taint
                        many = many or UNKNOWN in piece
                if pieces and pieces[-1] == "" and len(pieces) > 1:
                    current = None
        close()
        return [Word("".join(texts), marks, several) for texts, marks, several in fields]

    def _split(self, value: Word, state: State) -> list[str]:
        """Field splitting by IFS."""
        ifs = state.vars.get("IFS")
        if ifs is None or str(ifs[0] if ifs else "") in (" \t\n", UNKNOWN):
            if not value or not _SPLIT.search(value):
                return [value] if value else []
            return _SPLIT.split(value)  # an empty first or last piece parts it from what stands beside it
        marks = str(ifs[0]) if ifs else ""
        return re.split("[" + re.escape(marks) + "]", value) if marks and value else [value] if value else []

    # ---- braces

    def _braces(self, parts: tuple[Part, ...]) -> list[tuple[Part, ...]]:
        """All brace alternatives; the parts themselves when there are none."""
        if not any(type(p) is Lit and not p.quoted and "{" in p.text for p in parts):
            return [parts]
        text = "".join(
            p.text if type(p) is Lit and not p.quoted else chr(_HOLE + index) for index, p in enumerate(parts)
        )
        if "}" not in text:
            return [parts]
        options = _alternatives(text)
        if len(options) == 1 and options[0] == text:
            return [parts]
        return [_filled(option, parts) for option in options[:_BRACE_LIMIT]]

    # ---- single parts

    def value(self, part: Part, state: State) -> list[Word]:
        """The value of one part; several words for arrays and "$@". Nothing is known of one when they grow too long."""
        values = self._value(part, state)
        self._left -= sum(map(len, values)) + len(values)
        if self._left > 0 and len(values) <= _VALUES:
            return values
        return [Word(UNKNOWN, _taint(values), many=True)]

    def _value(self, part: Part, state: State) -> list[Word]:
        kind = type(part)
        if kind is Param:
            assert isinstance(part, Param)
            return self._param(part, state)
        if isinstance(part, Sub):
            stream = self._run(part.body, state)
            taint = _told(part.body, stream)
            if stream.text is None:
                return [Word(UNKNOWN, taint, many=True)]
            clean = stream.text.rstrip("\n").replace("\0", "")
            counted = stream.taint == 0 and _COUNTED.fullmatch(clean)
            return [Word(clean, 0 if counted else taint if stream.taint or clean else 0)]
        if isinstance(part, Arith):
            inside = self.one(part.inside, state)
            self.computed(inside, state)
            return [Word(compute(inside, lambda n: self._number(n, state)), inside.taint & ~Taint.LOCAL)]
        if isinstance(part, Proc):
            if part.direction == ">":
                name = f"/dev/fd/{62 - len(self.later)}"
                self.later[name] = (part.body, state.copy())
                return [Word(name)]
            stream = self._run(part.body, state)
            state.files = {**state.files, "/dev/fd/63": stream}
            return [Word("/dev/fd/63", stream.taint)]
        assert isinstance(part, Lit)
        return [Word(part.text)]

    def feed(self, path: str, stream: Stream) -> None:
        """Something is written to a `>(...)`: that runs with it."""
        body, state = self.later.pop(path)
        self._run(body, state, stream)

    def _number(self, name: str, state: State) -> str:
        return " ".join(self.variable(name, state))

    def computed(self, text: str, state: State) -> None:
        """Arithmetic reads values once more, and runs the `$(...)` in an index that stands in one."""
        for value in (text, *(v for n in _NAMES.findall(text)[:16] for v in state.vars.get(n, ()))):
            if "[" in value and ("$(" in value or "`" in value):
                self.again(value, state)

    def again(self, text: str, state: State) -> Word:
        """What a text comes to that is expanded once more, as a prompt or an index is."""
        if "$" not in text and "`" not in text:
            return Word(text)
        try:
            tree = parse(f"cat <<leash_again\n{text}\nleash_again\n")
        except (Unparsable, RecursionError):
            return Word(UNKNOWN, Taint.DECODED, many=True)
        stream = self._run(tree, state, foreign=True)
        return Word(UNKNOWN if stream.text is None else stream.text.rstrip("\n"), stream.taint)

    def variable(self, name: str, state: State) -> tuple[Word, ...]:
        """The value of a variable or parameter; unknown for what the session's environment may hold."""
        name = state.refs.get(name, name)
        found = state.vars.get(name)
        if found is not None:
            return found
        if name in ("@", "*"):
            return state.params
        if name.isdigit() and name != "0":
            index = int(name) - 1
            missing = (Word(UNKNOWN, 0, many=True),) if self.lenient else ()
            return (state.params[index],) if index < len(state.params) else missing
        if name == "#":
            return (Word(str(len(state.params))),)
        if name == "PWD":
            return (Word(state.cwd or UNKNOWN),)
        if name == "OLDPWD":
            return (Word(state.old or UNKNOWN),)
        fixed = self._fixed.get(name)
        if fixed is not None:
            return (Word(fixed),)
        taint = Taint.SECRET if is_secret_variable(name) else Taint.GUARD if name.startswith("LEASH_") else 0
        return (Word(UNKNOWN, taint, many=True),)

    def is_set(self, name: str, state: State) -> bool | None:
        """Whether a variable is set; None when the environment decides."""
        name = state.refs.get(name, name)
        if name in state.vars:
            return bool(state.vars[name])
        if name in self._fixed or name in ("PWD", "OLDPWD", "#"):
            return True
        if name in ("@", "*") or name.isdigit():
            return bool(self.variable(name, state))
        return None

    def _param(self, part: Param, state: State) -> list[Word]:
        if not part.op and not part.prefix and not part.index:
            values = self.variable(part.name, state)
            if part.name == "*" and part.quoted:
                return [Word(" ".join(values), _taint(values))]
            if len(values) > 1 and part.name not in "@*":
                return [values[0]]
            return list(values)
        return transform(self, part, state)


def _taint(values: list[Word] | tuple[Word, ...]) -> int:
    found = 0
    for value in values:
        found |= value.taint
    return found


def _filled(option: str, parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """Parts again, from text in which holes stand for parts."""
    made: list[Part] = []
    run = ""
    for char in option:
        index = ord(char) - _HOLE
        if 0 <= index < len(parts):
            if run:
                made.append(Lit(run, quoted=False))
                run = ""
            made.append(parts[index])
        else:
            run += char
    if run or not made:
        made.append(Lit(run, quoted=False))
    return tuple(made)


def _alternatives(text: str) -> list[str]:
    """Brace expansion of plain text."""
    start = text.find("{")
    while start >= 0:
        level, commas, at = 0, [], start
        while at < len(text):
            char = text[at]
            if char == "{":
                level += 1
            elif char == "}":
                level -= 1
                if level == 0:
                    break
            elif char == "," and level == 1:
                commas.append(at)
            at += 1
        if level == 0 and at < len(text):
            options = _options(text[start + 1 : at], [c - start - 1 for c in commas])
            if options is not None:
                head = text[:start]
                tails = _alternatives(text[at + 1 :])
                return [head + o + t for option in options for o in _alternatives(option) for t in tails][:_BRACE_LIMIT]
        start = text.find("{", start + 1)
    return [text]


def _options(inside: str, commas: list[int]) -> list[str] | None:
    """What stands between two braces, or None when it is no expansion."""
    if commas:
        edges = [-1, *commas, len(inside)]
        return [inside[a + 1 : b] for a, b in zip(edges, edges[1:], strict=False)]
    found = _SEQUENCE.fullmatch(inside)
    if found is None:
        return None
    first, last, step, low, high = found.groups()
    if low:
        codes = range(ord(low), ord(high) + 1) if low <= high else range(ord(low), ord(high) - 1, -1)
        return [chr(c) for c in codes]
    begin, end, by = int(first), int(last), abs(int(step or 1)) or 1
    numbers = range(begin, end + 1, by) if begin <= end else range(begin, end - 1, -by)
    return [str(n) for n in numbers[:_BRACE_LIMIT]]
