"""find and fd: where they look, what they filter, what they do with what they found; and xargs, parallel.

Knows that a filter limits what goes. Invariant: an action on a whole tree without a filter is an action on that tree.
"""

from __future__ import annotations

import re

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


class _Hunt:
    """A parsed find command."""

    def __init__(self, words: list[Word]) -> None:
        self.starts: list[Word] = []
        self.names: list[Word] = []
        self.filtered = False
        self.negated = False
        self.actions: list[tuple[str, list[Word]]] = []
        at = 0
        while at < len(words) and words[at] in ("-H", "-L", "-P", "-O1", "-O2", "-O3"):
            at += 1
        while at < len(words) and not words[at].startswith(("-", "(", "!", ")")):
            self.starts.append(words[at])
            at += 1
        self._expression(words, at)
        if not self.starts:
            self.starts = [Word(".")]

    def _expression(self, words: list[Word], at: int) -> None:
        no = False
        while at < len(words):
            word = words[at]
            at += 1
            if word in ("!", "-not"):
                no = True
                continue
            if word in _EXECS:
                end = at
                while end < len(words) and words[end] not in (";", "+", "\\;"):
                    end += 1
                self.actions.append((str(word), words[at:end]))
                at = end + 1
            elif word in ("-delete", "-ls", "-print", "-print0"):
                self.actions.append((str(word), []))
            elif word in ("-fprint", "-fprint0", "-fls", "-fprintf"):
                self.actions.append(("-fprint", words[at : at + 1]))
                at += 2 if word == "-fprintf" else 1
            elif word in _VALUED:
                if word in _NAMING and at < len(words):
                    if no:
                        self.negated = True
                    elif words[at] == "*.*":
                        self.filtered = True  # names nothing: what a search finds is not what somebody asked for
                    else:
                        self.names.append(words[at])
                if word in _FILTERS and word != "-type":
                    self.filtered = True
                if word == "-type" and at < len(words) and words[at] not in ("f", "d", "f,d"):
                    self.filtered = True
                at += 1
            elif word in _FILTERS:
                self.filtered = True
            no = False

    def found(self, start: Word) -> list[Word]:
        """What it may find below `start`, as words with live globs."""
        base = start.rstrip("/") or "/"
        if not self.names:
            if self.filtered:
                return [Word(f"{base}/{UNKNOWN}{STAR}", start.taint)]
            return [Word(base, start.taint)]
        made = []
        for name in self.names:
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
    acts = [a for a in hunt.actions if a[0] not in ("-print", "-print0", "-ls")]
    for start in hunt.starts:
        found = hunt.found(start)
        if not acts:
            call.read(start, look=True)
        for word in found:
            printed.append(word if hunt.names or hunt.filtered else f"{word.rstrip('/')}/{STAR}")
            _act(call, hunt, start, word)
    for name, words in acts:
        if name == "-fprint" and words:
            call.write(words[0])
    return Stream(Taint.NONE, "\n".join(printed) + "\n")


def _act(call: Call, hunt: _Hunt, start: Word, word: Word) -> None:
    for name, words in hunt.actions:
        if name == "-delete":
            if hunt.filtered and not hunt.names:
                _filtered(call, start)
            else:
                call.delete(word, recursive=not hunt.names, how="removes")
        elif name in _EXECS and words:
            call.direct = False
            here = word
            if hunt.filtered and not hunt.names:
                here = Word(f"{start.rstrip('/')}/{UNKNOWN}", start.taint) if _deadly(call, start) is False else start
            elif not hunt.names:
                here = Word(word, word.taint)
            argv = [Word(put_in(w, "{}", here), w.taint | here.taint) if "{}" in w else w for w in words]
            if (
                not hunt.names
                and not hunt.filtered
                and argv
                and argv[0].rpartition("/")[2] in ("rm", "shred", "unlink")
            ):
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
