"""Programs that start other programs: the tail of their words is judged as the command it is.

Knows how a tail is cut and what a wrapper adds (privilege, placeholders). Refuses to know which programs wrap (tables
do). Invariant: a wrapped command is never judged more leniently than the same command alone.
"""

from __future__ import annotations

import shlex

from leashtui.classify.call import Call
from leashtui.classify.environment import judge_variables
from leashtui.classify.options import Options
from leashtui.classify.spec import Spec
from leashtui.classify.values import STAR, UNKNOWN, Stream, Taint, Word, put_in

_SHARED = 12
"""A table of more programs than this knows their options only roughly: an option's value may be the command."""


def run_tail(call: Call, spec: Spec, options: Options, tail: list[Word]) -> None:
    """The words from here on are a command."""
    call.direct = False
    words = list(tail)
    env: list[tuple[str, Word]] = []
    while words and _is_assignment(words[0]) and spec.style == "env":
        name, _, value = words.pop(0).partition("=")
        env.append((name, Word(value, tail[len(env)].taint)))
    if env:
        judge_variables(call, env)
    for _, value in options.values if len(spec.names) > _SHARED else ():
        if value and call.machine.setting.tools.find(value.rpartition("/")[2]) is not None:
            call.words_run([value, *words])
    if not words:
        return
    former = call.state
    if env:
        call.state = former.copy()
        for name, value in env:
            call.state.assign(name, value)
    out = call.shell(words[1]) if words[0] == "-c" and len(words) > 1 else call.words_run(words)
    call.state = former
    call.reads |= out.taint


def _is_assignment(word: Word) -> bool:
    name, sign, _ = word.partition("=")
    return bool(sign) and name.replace("_", "a").isalnum() and not name[:1].isdigit()


_SHELLS = frozenset(("sh", "bash", "dash", "zsh", "ksh"))


def run_for_input(call: Call, words: list[Word], place: str, stdin: Stream) -> Stream:
    """xargs and parallel: a command once for every item of the input. place: the placeholder, '' to append."""
    items = input_items(stdin, lines=bool(place))
    out: Stream | None = None
    if words[-1] in ("-c", "-lc", "-ic") and words[0].rpartition("/")[2] in _SHELLS:
        for item in [i for chunk in input_items(stdin, lines=True) for i in chunk][:16]:
            call.words_run([*words, item], Stream(0, ""))  # as it is meant, whatever xargs makes of the blanks
    if place and all(w.startswith("-") for w in words[1:]) and len(words) > 1:
        words = [*words, Word(place)]  # its writer forgot where
    for chunk in items:
        if not place:
            one = call.words_run([*words, *chunk], Stream(0, ""))
            out = one if out is None else out.joined(one)
            continue
        for item in chunk[:32]:
            argv = [Word(put_in(w, place, item), w.taint | _carried(w, place, item), w.many) for w in words]
            one = call.words_run(argv, Stream(0, ""))
            out = one if out is None else out.joined(one)
    return Stream(stdin.taint | (out.taint if out is not None else 0), out.text if out is not None else None)


def _carried(word: Word, place: str, item: Word) -> int:
    """What an item brings into a word: the name of a file inside a longer text does not make that text unknown."""
    if place not in word:
        return 0
    inside = " " in word and not word.lstrip().startswith(place)
    return item.taint & ~Taint.LOCAL if inside else item.taint


def _split(text: str) -> list[str]:
    """Items as xargs reads them: quotes keep blanks together."""
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def input_items(stdin: Stream, *, lines: bool = False) -> list[list[Word]]:
    """The items of an input as lists of words: known ones one by one, else one unknown item. lines: a line is one."""
    text = stdin.text
    if text is not None and UNKNOWN not in text and len(text) < 8192:
        rows = text.replace("\0", "\n").splitlines()
        pieces = [r.strip() for r in rows] if lines else _split(" ".join(rows))
        items = [Word(p, stdin.taint) for p in pieces if p]
        return [items] if items else [[Word(STAR, stdin.taint)]]
    if text is not None and text.strip(UNKNOWN + " \n\0"):
        return [[Word(w, stdin.taint, UNKNOWN in w) for w in text.replace("\0", "\n").splitlines() if w][:32]]
    return [[Word(UNKNOWN, stdin.taint | Taint.LOCAL, many=True)]]
