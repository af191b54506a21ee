"""find and fd: where they look, what they filter, what they do with what they found; and xargs, parallel.

Knows that a filter limits what goes. Invariant: an action on a whole tree without a filter is an action on that tree.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from leashtui.classify.call import Call
from leashtui.classify.options import Options
from leashtui.classify.patterns import lazy
from leashtui.classify.places import covered_folder
from leashtui.classify.spec import Spec
from leashtui.classify.touch import PICKED
from leashtui.classify.values import NOTHING, STAR, UNKNOWN, Stream, Taint, Word, bare, live, put_in
from leashtui.classify.wrappers import input_items, run_for_input
from leashtui.model.facts import Place

_NAMING = ("-name", "-iname", "-path", "-ipath", "-wholename", "-regex", "-iregex", "-lname")
_FILTERS = frozenset(
    "-mtime -atime -ctime -mmin -amin -cmin -newer -size -empty -user -group -perm -links -inum -samefile -nouser"
    " -nogroup -type -newermt".split()
)
_VALUED = frozenset((
    *_NAMING, "-type", "-mtime", "-atime", "-ctime", "-mmin", "-amin", "-cmin", "-newer", "-newermt", "-size", "-user",
    "-group", "-perm", "-links", "-inum", "-samefile", "-maxdepth", "-mindepth", "-printf", "-fstype", "-xtype", "-uid",
    "-gid", "-used", "-context", "-files0-from", "-D", "-regextype", "-anewer", "-cnewer",
))  # fmt: skip
_PLACE = lazy(r"\{[./]*\}")
_EXECS = ("-exec", "-execdir", "-ok", "-okdir")
_DEPTH = 32


class _Doing(NamedTuple):
    """Something that find does, and to what: names None stands for everything."""

    action: str
    words: list[Word]
    names: list[Word] | None
    filtered: bool


class _Hunt:
    """A parsed find command: what stands on another side of an `-o` says nothing of what is done here."""

    def __init__(self, words: list[Word]) -> None:
        self.starts: list[Word] = []
        self.doings: list[_Doing] = []
        at = 0
        while at < len(words) and words[at] in ("-H", "-L", "-P", "-O1", "-O2", "-O3"):
            at += 1
        while at < len(words) and not words[at].startswith(("-", "(", "!", ")")):
            self.starts.append(words[at])
            at += 1
        self._words, self._at = words, at
        names, filtered = self._sides(None, False, 0)
        while self._at < len(words):  # a bracket that nothing opens: find refuses it
            self._at += 1
            names, filtered = self._sides(None, False, 0)
        if not any(doing.action != "-fprint" for doing in self.doings):
            self.doings.append(_Doing("-print", [], names, filtered))
        if not self.starts:
            self.starts = [Word(".")]

    def _sides(self, names: list[Word] | None, filtered: bool, depth: int) -> tuple[list[Word] | None, bool]:
        """Alternatives up to a closing bracket: which names they find in all (None: any), and whether all filter.

        names, filtered: what those before them in the same breath found.
        """
        found: list[tuple[list[Word] | None, bool]] = []
        more = True
        while more:
            found.append(self._side(names, filtered, depth))
            more = self._at < len(self._words) and self._words[self._at] != ")"
            self._at += more
        named = [names for names, _ in found if names is not None]
        whole = [name for some in named for name in some] if len(named) == len(found) else None
        return whole, all(filtered or names is not None for names, filtered in found)

    def _side(self, names: list[Word] | None, filtered: bool, depth: int) -> tuple[list[Word] | None, bool]:
        """One of them, up to what ends it."""
        words, no = self._words, False
        while self._at < len(words) and words[self._at] not in ("-o", "-or", ",", ")"):
            word = words[self._at]
            self._at += 1
            if word in ("!", "-not"):
                no = not no
                continue
            if word == "(":
                if depth > _DEPTH:
                    self._at = len(words)
                    return None, False
                inside = self._sides(names, filtered, depth + 1)
                self._at += 1
                if not no:
                    names, filtered = inside[0] if inside[0] is not None else names, filtered or inside[1]
            elif word in _EXECS:
                end = self._at
                while end < len(words) and words[end] not in (";", "+", "\\;"):
                    end += 1
                self.doings.append(_Doing(str(word), words[self._at : end], names, filtered))
                self._at = end + 1
            elif word in ("-delete", "-ls", "-print", "-print0"):
                self.doings.append(_Doing(str(word), [], names, filtered))
            elif word in ("-fprint", "-fprint0", "-fls", "-fprintf"):
                self.doings.append(_Doing("-fprint", words[self._at : self._at + 1], names, filtered))
                self._at += 2 if word == "-fprintf" else 1
            elif word in _VALUED:
                value = words[self._at] if self._at < len(words) else Word("")
                if word in _NAMING and not no:
                    if value == "*.*":
                        filtered = True  # names nothing: what a search finds is not what somebody asked for
                    else:
                        names = [*(names or ()), value]
                filtered = filtered or (word in _FILTERS and (word != "-type" or value not in ("f", "d", "f,d")))
                self._at += 1
            elif word in _FILTERS:
                filtered = True
            no = False
        return names, filtered


def _found(start: Word, names: list[Word] | None, *, filtered: bool) -> list[Word]:
    """What find may come to below `start`, as words with live globs."""
    base = start.rstrip("/") or "/"
    if not names:
        return [Word(f"{base}/{UNKNOWN}{STAR}" if filtered else base, start.taint)]
    made = []
    for name in names:
        text = bare(name)
        if text.startswith(("./", "*/", "/")) or "/" in text:
            text = text.removeprefix("./").removeprefix("*/")
            full = text if text.startswith("/") else f"{base}/{text}"
            made.append(Word(live(full), start.taint))
        else:
            made.append(Word(f"{base}/{live(text)}", start.taint))
    return made


def find(call: Call, spec: Spec, options: Options) -> Stream | None:
    """find."""
    hunt = _Hunt(call.words[1:])
    call.direct = True
    printed: list[str] = []
    looks = all(doing.action in ("-print", "-print0", "-ls") for doing in hunt.doings)
    for start in hunt.starts:
        if looks:
            call.read(start, look=True)
        for doing in hunt.doings:
            for word in _found(start, doing.names, filtered=doing.filtered):
                if doing.action in ("-print", "-print0", "-ls"):
                    printed.append(word if doing.names or doing.filtered else f"{word.rstrip('/')}/{STAR}")
                else:
                    _act(call, doing, start, word)
    for doing in hunt.doings:
        if doing.action == "-fprint" and doing.words:
            call.write(doing.words[0])
    return Stream(Taint.NONE, "\n".join(printed) + "\n")


def _act(call: Call, doing: _Doing, start: Word, word: Word) -> None:
    picked = doing.filtered and not doing.names
    if doing.action == "-delete":
        if picked:
            _filtered(call, start)
        else:
            call.delete(word, recursive=not doing.names, how="removes")
    elif doing.action in _EXECS and doing.words:
        call.direct = False
        here = word
        if picked:
            here = Word(f"{start.rstrip('/')}/{UNKNOWN}", start.taint) if _deadly(call, start) is False else start
        argv = [Word(put_in(w, "{}", here), w.taint | here.taint) if "{}" in w else w for w in doing.words]
        removes = argv[0].rpartition("/")[2] in ("rm", "shred", "unlink")
        if removes and not doing.names and not doing.filtered:
            call.delete(here, recursive=True)
        out = call.words_run(argv, Stream(0, None))
        call.reads |= out.taint


def _deadly(call: Call, start: Word) -> bool:
    """Whether even a part of what lies below `start` is too much to lose."""
    return call.place(covered_folder(call.path(start))) is Place.ROOT


def _filtered(call: Call, start: Word) -> None:
    """Some of a tree goes, picked by age or size."""
    where = call.place(start)
    if where in (Place.TEMP, Place.GENERATED):
        call.delete(start, recursive=False, how="removes some of")
    else:
        call.delete(Word(f"{start.rstrip('/')}/{STAR}{PICKED}"), how="removes some of what is in")


def input_runner(call: Call, spec: Spec, options: Options) -> Stream | None:
    """xargs."""
    words = list(options.args)
    place = options.last("-I", "-i", "--replace", "-J")
    if place is None and (options.has("-i", "--replace") or any(w.startswith("-i") for w in options.given)):
        place = Word("{}")
    source = options.last("-a", "--arg-file")
    stdin = call.read(source) if source is not None else call.stdin
    if options.has("-d") and stdin.text is not None and (mark := options.last("-d")) is not None:
        stdin = Stream(stdin.taint, stdin.text.replace(bare(mark), "\n"), stdin.origin)
    call.direct = False
    if not words:
        words = [Word("echo")]
    return run_for_input(call, words, str(place) if place is not None else "", stdin)


def parallel(call: Call, spec: Spec, options: Options) -> Stream | None:
    """GNU parallel: a command template, then ::: and its items."""
    words = list(options.args)
    items: list[Word] = []
    for index, word in enumerate(words):
        if word in (":::", "::::", ":::+"):
            items = [w for w in words[index + 1 :] if not w.startswith("::")]
            if word == "::::":
                items = [i for w in items for chunk in input_items(call.read(w), lines=True) for i in chunk]
            words = words[:index]
            break
    if not items:
        items = [i for chunk in input_items(call.stdin, lines=True) for i in chunk][:16]
    call.direct = False
    text = " ".join(words)
    taint = 0
    for word in words:
        taint |= word.taint
    if not text:
        for item in items[:16]:
            call.shell(item)
        return call.out()
    for item in items[:16]:
        pieces = re.split(r"\{[./]*\}", text)
        line = str(item).join(pieces) if len(pieces) > 1 else f"{text} {item}"
        call.shell(Word(line, taint | item.taint))
        if len(pieces) > 1 or not words:
            continue
        call.words_run([*words, item])
    for item in items[:4] if len(words) > 1 else ():  # how words are quoted for its shell differs between versions
        call.words_run([Word(_PLACE.sub(str(item).replace("\\", r"\\"), w), w.taint | item.taint) for w in words])
    return call.out()


_FD_VALUES = frozenset(
    "-e --extension -t --type -d --max-depth -E --exclude -S --size -c --color -j --threads -o --owner".split()
)


def fd_find(call: Call, spec: Spec, options: Options) -> Stream | None:
    """fd: -x and -X run a command."""
    words = call.words[1:]
    for index, word in enumerate(words):
        if word in ("-x", "-X", "--exec", "--exec-batch"):
            tail = [w for w in words[index + 1 :] if w != ";"]
            out = NOTHING
            for item in _fd_items(words[:index]):
                argv = [Word(put_in(w, "{}", item), w.taint) if "{}" in w else w for w in tail]
                if not any("{" in w for w in tail):
                    argv.append(item)
                call.direct = False
                out = out.joined(call.words_run(argv, Stream(0, None)))
            return out
    return Stream(0, f"./{UNKNOWN}\n")


def _fd_items(words: list[Word]) -> list[Word]:
    """What fd may find: below each folder that is named, or here; of an ending, where there is one."""
    plain = [w for former, w in zip([Word(""), *words], words, strict=False) if former not in _FD_VALUES]
    plain = [w for w in plain if not w.startswith("-")]
    ending = next((w for former, w in zip(words, words[1:], strict=False) if former in ("-e", "--extension")), "")
    name = plain[0].lstrip(".^").rstrip("$") if plain else ""
    last = f".{ending}" if ending else name
    return [Word(f"{folder.rstrip('/')}/{STAR}{last}", folder.taint) for folder in plain[1:] or [Word(".")]]


HANDLERS = {"find": find, "xargs": input_runner, "parallel": parallel, "fd": fd_find}
"""See handlers/__init__.py."""
