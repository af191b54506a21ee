"""Text tools that can do more than filter: sed, awk, grep, less, man, vim, sort; and what they let through.

Knows the commands of sed and vim that write or run, and awk's ways out. Invariant: a script that holds none of them is
a filter, and what merely mentions a command is not one.
"""

from __future__ import annotations

import re
from itertools import pairwise

from leashtui.classify.call import Call
from leashtui.classify.handlers.processes import is_leash
from leashtui.classify.indirection import indirect
from leashtui.classify.options import Options
from leashtui.classify.patterns import lazy
from leashtui.classify.reader import decode_ansi
from leashtui.classify.secrets import is_secret_variable
from leashtui.classify.spec import Spec
from leashtui.classify.values import NOTHING, STAR, UNKNOWN, Stream, Taint, Word, bare
from leashtui.model.facts import Place, Verb

_AWK_LONG = 8192
"""Longest program of awk that is read, characters."""
_AWK_RUN = lazy(r"system\s*\(((?:[^()\"]|\"(?:[^\"\\]|\\.)*\"|\([^)]*\))*)\)")
_AWK_PIPE = lazy(
    r"(\"(?:[^\"\\]|\\.)*\"|\b\w+)\s*\|&?\s*getline|(?:print|printf)[^;{}\n|]*\|&?\s*(\"(?:[^\"\\]|\\.)*\"|\b\w+)"
)
_AWK_FILE = lazy(r"(?:print|printf)[^;{}\n>|]*(>>?)\s*(\"(?:[^\"\\]|\\.)*\"|[A-Za-z_$]\w*)")
_AWK_SAID = lazy(r'print\s*\(?\s*"((?:[^"\\]|\\.)*)"\s*\)?\s*\|')
_AWK_PRINTS = lazy(r"\bprint\b|^\s*1\s*;?$|[};]\s*1\s*;?$|^(?!\s*0\s*$)[^{]*$")
_AWK_READ = lazy(r"getline\s*\w*\s*<\s*(\"(?:[^\"\\]|\\.)*\")")
_AWK_NET = lazy(r"/inet[46]?/(?:tcp|udp)/\d*/([^/\"]+)/")
_VIM_RUN = lazy(
    r"^:?\s*(?:silent\s*!?\s*)?(?:(?:%|\d+(?:,\d+)?|\.)?\s*!|r(?:ead)?\s*!|w(?:rite)?\s+!|term(?:inal)?\s+)\s*(.+)$|system(?:list)?\(['\"](.*?)['\"]\)",
    re.S,
)
_VIM_CODE = lazy(r"^:?\s*(py(?:thon)?3?x?|lua|perl|ruby|tcl)\s+(.+)$", re.S)
_VIM_EMPTIES = lazy(r":?(?:%|1,\$)d(?:elete)?\b")


def awk(call: Call, spec: Spec, options: Options) -> Stream | None:
    """awk, gawk, mawk."""
    files = list(options.args)
    programs = options.all("-e", "--source")
    loads = options.all("-f", "--file")
    for file in loads:
        call.run_file(file, "runs")
    if not programs and not loads and files:
        programs = [files.pop(0)]
    taint = call.stdin.taint if not files else 0
    for file in files:
        if "=" not in file or file.startswith(("/", ".")):
            taint |= call.read(file).taint
    for program in programs:
        call.judge_source(program, program.taint & (Taint.FETCHED | Taint.SOCKET))
        taint |= _awk_program(call, program, taint)
    in_place = any(v.startswith("inplace") for v in options.all("-i", "--include"))
    if in_place:
        silent = not any(
            re.search(r"\bprint\b|^\s*1\s*;?$|[};]\s*1\s*;?$|^(?!\s*0\s*$)[^{]*$", bare(p)) for p in programs
        )
        for file in files:
            call.write(file, Stream(0, None), append=not silent, empties=silent)
    for value in options.all("-l", "--load"):
        call.run_file(value, "loads")
    return Stream(taint | call.reads, None)


def _unquoted(text: str) -> Word:
    return Word(decode_ansi(text[1:-1])) if text.startswith('"') else Word("\U0010fff0", Taint.LOCAL)


def _awk_program(call: Call, program: Word, taint: int) -> int:
    text = bare(program)
    if len(text) > _AWK_LONG:
        call.machine.ledger.lost("is a longer program than leash reads", call.span)
        return taint
    for found in _AWK_RUN.finditer(text):
        inside = found.group(1).strip()
        literal = re.match(r'"(?:[^"\\]|\\.)*"', inside)
        whole = _unquoted(literal.group()) if literal else Word("\U0010fff0", Taint.LOCAL)
        if literal and literal.group() != inside:
            whole = Word(whole + "\U0010fff0")
        call.shell(whole)
    for found in _AWK_PIPE.finditer(text):
        command = _unquoted(found.group(1) or found.group(2))
        said = _AWK_SAID.match(found.group())
        call.shell(command, Stream(taint, decode_ansi(said[1]) + "\n" if said is not None else None))
    for found in _AWK_FILE.finditer(text):
        target = _unquoted(found.group(2))
        if target not in ("/dev/stderr", "/dev/stdout") and (
            found.group(2).startswith('"') or found.group(2)[:1] in "$"
        ):
            call.write(target, Stream(taint, None), append=found.group(1) == ">>")
    for found in _AWK_READ.finditer(text):
        taint |= call.read(_unquoted(found.group(1))).taint
    for found in _AWK_NET.finditer(text):
        call.send(found.group(1), Stream(taint))
        if "getline" in text and ("system" in text or "| getline" in text or "|&" in text and "while" in text):
            call.sign("reverse_shell")
    named = re.findall(r'ENVIRON\["(\w+)"\]', text)
    if any(is_secret_variable(n) for n in named) or text.count("ENVIRON") > len(named):
        call.add(Verb.SECRET_READ, "", "reads all variables, secret ones too", place=Place.SECRET)
        taint |= Taint.SECRET
    return taint


_FOUND = Taint.LOCAL | Taint.FETCHED


def grep(call: Call, spec: Spec, options: Options) -> Stream | None:
    """grep, rg, ag: a pattern, then files; what passes keeps its nature."""
    files = list(options.args)
    if not options.has("-e", "-f", "--regexp", "--file", "--files", "--type-list") and files:
        files.pop(0)
    for value in options.all("--pre"):
        indirect(call, value)
    for value in options.all("-f", "--file"):
        call.read(value)
    deep = options.has("-r", "-R", "--recursive", "--dereference-recursive") or call.name in (
        "rg",
        "ag",
        "ack",
        "ugrep",
    )
    quiet = options.has(
        "-l", "-L", "-c", "-q", "--count", "--quiet", "--files-with-matches", "--files-without-match", "--files"
    )
    out = call.stdin if not files else NOTHING
    if not files and any(is_leash(w) for w in options.args[:1]):
        out = out.joined(Stream(Taint.GUARD))
    for file in files:
        out = out.joined(call.read(file, recursive=deep))
    named = options.has("-l", "-L", "--files-with-matches", "--files-without-match", "--files")
    if named and not out.taint & ~_FOUND and call.machine.piped_out and (files or deep):
        folders = [w.rstrip("/") + "/" for w in files] if files else ["./"]
        return Stream(0, "".join(f"{f}{UNKNOWN}\n" if deep else f"{f[:-1]}\n" for f in folders))
    if quiet:
        return Stream(out.taint & ~Taint.LOCAL, None)
    return Stream(out.taint, out.text if out.text is not None and STAR in out.text else None, out.origin)


def through(call: Call, spec: Spec, options: Options) -> Stream | None:
    """head, tail, sort, uniq, cut, fold: some of the lines, some of their text."""
    files = list(options.args)
    files.extend(v for _, v in options.values if call.place(v) is Place.SECRET)  # a flag taken for a valued option
    out = call.stdin if not files else NOTHING
    for file in files:
        out = out.joined(call.read(file))
    for target in options.all("-o", "--output"):
        call.write(target, Stream(out.taint, None))
    for value in options.all("--compress-program"):
        indirect(call, value)
    if out.text is not None and (
        call.name in ("head", "tail", "sort", "uniq", "fold", "tac", "cat", "nl", "column", "unexpand", "expand")
        or STAR in out.text
    ):
        return Stream(
            out.taint,
            out.text if out.text.count("\n") < 2 or STAR in out.text or call.name == "sort" else None,
            out.origin,
        )
    return Stream(out.taint, None, out.origin)


def pager(call: Call, spec: Spec, options: Options) -> Stream | None:
    """less, more, most: `+!command` runs it."""
    out = call.stdin
    for word in call.words[1:]:
        if word.startswith("+"):
            found = re.search(r"[!|]\s*(.+)", word)
            if found is not None:
                call.sign("obfuscated")
                call.shell(Word(found.group(1), word.taint))
    for file in options.args:
        out = out.joined(call.read(file))
    for target in options.all("-o", "-O", "--log-file"):
        call.write(target)
    return out


def line_editor(call: Call, spec: Spec, options: Options) -> Stream | None:
    """ed: its orders come on standard input; `!` runs, `w` writes."""
    for line in (call.stdin.text or "").splitlines()[:256]:
        text = line.strip().lstrip("0123456789,$.%")
        if text.startswith(("!", "r !", "r!", "w !", "w!", "e !")):
            call.shell(Word(text.partition("!")[2]))
        elif text.startswith(("w ", "W ")):
            call.write(Word(text[2:].strip()), Stream(call.reads, None))
    return Stream(call.reads, None)


def vim(call: Call, spec: Spec, options: Options) -> Stream | None:
    """vim, nvim, ex, emacs --eval: editor commands on the command line."""
    commands = [
        *options.all("-c", "--cmd", "--eval", "-eval", "--execute"),
        *(options.all("-e") if call.name.startswith("emacs") else ()),
        *(Word(w[1:], w.taint) for w in call.words[1:] if w.startswith("+")),
        *(b for a, b in pairwise(call.words) if re.fullmatch(r"-[eEsnNRVbdZmM]+c", a)),  # ex -sc: -s is no script there
    ]
    shown = Stream(0, "")
    for file in options.args:
        shown = shown.joined(call.read(file))
    for command in commands:
        text = bare(command)
        found = _VIM_RUN.search(text)
        code = _VIM_CODE.match(text)
        if found is not None:
            call.shell(Word(found.group(1) or found.group(2) or "", command.taint), shown)
        elif code is not None:
            from leashtui.classify.code import judge_code

            judge_code(
                call,
                "lua" if code.group(1) == "lua" else "python" if code.group(1).startswith("py") else code.group(1),
                code.group(2),
            )
        elif re.search(r"shell-command|call-process|start-process|delete-file|delete-directory", text):
            _lisp(call, text)
        elif re.match(r":?\s*(?:w|wq|write|saveas|sav)!?\s+([^!].*)", text) and (target := text.split(None, 1)[1:]):
            call.write(Word(target[0]))
        elif re.match(r":?\s*(so(urce)?|luafile)\s+(.+)", text):
            call.run_file(Word(text.split(None, 1)[1]), "loads")
    for file in options.all("-S", "-u", "-s", "--script", "-l", "--load"):
        if file not in ("NONE", "NORC", "DEFAULTS"):
            call.run_file(file, "loads")
    looks = not commands and (options.has("-R", "-M") or call.name == "view")  # a command may write all the same
    for file in options.args:
        if not looks:
            call.write(file, Stream(0, None), append=True)
    silent = any(re.fullmatch(r"-[a-zA-Z]*[eE][a-zA-Z]*s?|-s|-", w) for w in call.words[1:])
    typed = (call.stdin.text or "").splitlines() if silent else []
    if any(_VIM_EMPTIES.match(bare(c).strip()) for c in (*commands, *typed)):
        for file in options.args:
            call.write(file, Stream(0, ""), empties=True)
    if call.stdin.taint & Taint.FETCHED and silent:
        call.judge_source("", call.stdin.taint)
    if silent and call.stdin.text:
        for line in call.stdin.text.splitlines():
            run = _VIM_RUN.match(line)
            if run is not None:
                call.shell(Word(run.group(1) or run.group(2) or ""))
    return Stream(call.reads, None)


def _lisp(call: Call, text: str) -> None:
    for found in re.finditer(r"\((?:async-)?shell-command(?:-to-string)?\s+\"((?:[^\"\\]|\\.)*)\"", text):
        call.shell(Word(found.group(1)))
    for found in re.finditer(r"\((?:call-process|start-process)\s+(.*)\)", text):
        words = re.findall(r"\"((?:[^\"\\]|\\.)*)\"", found.group(1))
        if words:
            call.words_run([Word(w) for w in words])
    for found in re.finditer(r"\(delete-(?:file|directory)\s+\"((?:[^\"\\]|\\.)*)\"", text):
        call.delete(Word(found.group(1)), recursive=True)


def manual(call: Call, spec: Spec, options: Options) -> Stream | None:
    """man: the pager is a command line."""
    for value in options.all("-P", "--pager", "-H", "--html"):
        indirect(call, value)
    for value in options.all("-l", "--local-file"):
        call.read(value)
    return Stream(0, None)


HANDLERS = {
    "awk": awk,
    "line_editor": line_editor,
    "grep": grep,
    "through": through,
    "pager": pager,
    "vim": vim,
    "manual": manual,
}
"""See handlers/__init__.py."""
