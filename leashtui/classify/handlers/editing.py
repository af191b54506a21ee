"""sed: its scripts, which run programs, write files and change others in place.

Knows substitution, insertion and the letters that reach outside. Refuses the rest of the language. Invariant: a script
that starts a program or names a file says so, wherever it stands in the script.
"""

from __future__ import annotations

import re

from leashtui.classify.call import Call
from leashtui.classify.options import Options
from leashtui.classify.patterns import lazy
from leashtui.classify.spec import Spec
from leashtui.classify.values import NOTHING, STAR, UNKNOWN, Stream, Taint, Word, bare, put_in
from leashtui.model.facts import Place

_LONGEST = 64 * 1024
_PICKS = lazy(
    r"(?:(?:\A|[;\n])\s*(?:(?:\d+|\$|/[^/\\\n]*/)(?:,(?:\d+|\$))?\s*!?)?\s*(?:d|s([/|,#])\^?(?:pick|p)( ?)\1"
    r"(?:p|pick|r|reword|e|edit|s|squash|f|fixup|d|drop)\2\1g?)\s*)+"
)
"""What is done to the steps of a rebase without putting one in: a commit is dropped, or taken otherwise."""
_SED_RUN = lazy(
    r"(?:^|[;{}\n]|(?:^|[;{}\n\s])(?:\d+|\$|/(?:[^/\\\n]|\\.)*/|\d+,(?:\d+|\$))[IM]?\s*!?)\s*e(?:\s+([^\n;}]*))?(?=$"
    r"|[;\n}])"
)
_SED_SUBSTITUTE = lazy(r"s(.)((?:(?!\1)[^\\\n]|\\.)*)\1((?:(?!\1)[^\\]|\\.)*)\1([a-zA-Z0-9]*)(?:\s+([^\s;}]+))?", re.S)
_SED_TEXT = lazy(
    r"(?:\A|(?<=[^\\]\n)|(?<=\A\n))[ \t]*"
    r"(?:#[^\n]*|(?:\d+|\$|/(?:[^/\\\n]|\\.)*/)?[ \t]*[aic]\\\n(?:[^\n]*\\\n)*[^\n]*)"
)
"""Lines that are no commands: notes, and text that is put in. One behind a backslash may be the end of a command."""
_SED_FILE = lazy(r"(?:^|[;{}\n]|\d|/|\$)\s*[wW]\s+([^\n;}]+)")
_SED_READ = lazy(r"(?:^|[;{}\n]|\d|/|\$)\s*[rR]\s+([^\n;}]+)")


def sed(call: Call, spec: Spec, options: Options) -> Stream | None:
    """sed."""
    scripts = options.all("-e", "--expression")
    files = list(options.args)
    loads = options.all("-f", "--file")
    for file in loads:
        loaded = call.stdin if file == "-" else call.read(file)
        call.judge_source("", loaded.taint & ~Taint.LOCAL)
        if loaded.text is not None:
            _sed_script(call, Word(loaded.text, loaded.taint & ~Taint.LOCAL))
    if not scripts and not options.has("-f", "--file") and files:
        scripts = [files.pop(0)]
    for script in scripts:
        _sed_script(call, script)
    in_place = any(re.match(r"-[nErsuz]*i|--in-place", w) for w in call.words[1:])
    out = NOTHING if files else call.stdin
    empties = (
        in_place
        and any(bare(s).strip() in ("d", "1,$d", "c\\", "Q", "q0") for s in scripts)
        or in_place
        and options.has("-n")
        and not any("p" in s for s in scripts)
    )
    for file in files:
        out = out.joined(call.read(file))
        if in_place:
            content, whole = _left(call, file, scripts)
            picks = not loads and all(_PICKS.fullmatch(bare(script)) for script in scripts)
            call.write(file, Stream(0, content), append=not empties, empties=empties, by_git=picks)
            if whole:
                call.state.wrote(call.path(file), Stream(0, content), append=False)
    return NOTHING if in_place else Stream(out.taint, None if out.text is None else _through(out.text, scripts))


def _through(text: str, scripts: list[Word]) -> str | None:
    """The text after one plain s///, else unknown (an untouched text when it holds patterns)."""
    if STAR in text:
        return text
    if len(scripts) == 1:
        found = _SED_SUBSTITUTE.fullmatch(bare(scripts[0]))
        if found is not None and not re.search(r"[\\.*\[\]^$()+?{}|&]", found.group(2) + found.group(3)):
            many = -1 if "g" in found.group(4) else 1
            if put_in(text, found.group(2), found.group(3)) == UNKNOWN:
                return None
            return "\n".join(line.replace(found.group(2), found.group(3), many) for line in text.split("\n"))
    return None


def _sed_script(call: Call, script: Word) -> None:
    rest = text = _SED_TEXT.sub("", bare(script))
    for found in _SED_SUBSTITUTE.finditer(text):
        flags, file = found.group(4), found.group(5)
        if "e" in flags:
            call.sign("obfuscated")
            call.shell(Word(found.group(3) or "\U0010fff0", script.taint))
        if "w" in flags and file:
            call.write(Word(file))
        rest = rest.replace(found.group(), "", 1)
    for run in _SED_RUN.finditer(rest):
        call.sign("obfuscated")
        call.shell(Word(run.group(1) or "\U0010fff0", script.taint | Taint.LOCAL))
    for file_found in _SED_FILE.finditer(rest):
        call.write(Word(file_found.group(1).strip()))
    for read_found in _SED_READ.finditer(rest):
        call.read(Word(read_found.group(1).strip()))


_INSERTS = lazy(
    r"^\s*(?:(?:\d+|\$|/(?:[^/\\]|\\.)*/)(?:,(?:\d+|\$|/(?:[^/\\]|\\.)*/))?)?\s*!?\s*[aic](?:\s+|\s*\\\s*\n?)(\S.*)",
    re.M,
)
_JUDGED = (Place.SOURCE, Place.CI, Place.LOCKFILE, Place.GENERATED)


def _left(call: Call, file: Word, scripts: list[Word]) -> tuple[str | None, bool]:
    """What an edited file says afterwards, or the text that the edit puts in (None where its place says enough), and
    whether it is the whole."""
    if call.place(file) not in _JUDGED or any(UNKNOWN in s for s in scripts):
        return None, False
    put: list[str] = []
    for text in map(bare, scripts):
        inserts = [m.group(1) for m in _INSERTS.finditer(text)]
        put += map(_plain, inserts or [m.group(3) for m in _SED_SUBSTITUTE.finditer(text)])
    before = call.machine.setting.probe.read_text(call.path(file))
    if before is not None and len(before) <= _LONGEST:
        made: str | None = before
        for script in scripts:
            made = _replaced(made, bare(script)) if made is not None else None
        if made is not None:
            return made, True
    return "\n".join(put) + "\n" if put else None, False


def _replaced(text: str, script: str) -> str | None:
    """A text after one plain s///; None when the pattern or the replacement is more than plain."""
    found = _SED_SUBSTITUTE.fullmatch(script.strip())
    if (
        found is None
        or re.search(r"[\\*\[\]+?(){}|]", found.group(2).strip("^$"))
        or re.search(r"[\\&]", found.group(3))
        or len(text) * len(found.group(3)) > _LONGEST * 64
    ):
        return None
    pattern = re.escape(found.group(2)).replace(r"\.", ".").replace(r"\^", "^").replace(r"\$", "$")
    many = 0 if "g" in found.group(4) else 1
    return "\n".join(re.sub(pattern, lambda _: found.group(3), line, count=many) for line in text.split("\n"))


def _plain(text: str) -> str:
    """A replacement as it will stand in the file."""
    return text.replace("\\n", "\n").replace("\\t", "\t").replace("\\", "")


HANDLERS = {"sed": sed}
"""See handlers/__init__.py."""
