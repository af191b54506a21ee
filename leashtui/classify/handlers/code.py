"""Interpreters and shells by their words: code on the command line, script files, modules, standard input; make.

Knows each interpreter's options for code. Invariant: an interpreter that is given code by any way has that code judged,
or says that it could not be.
"""

from __future__ import annotations

import re

from leashtui.classify.call import Call
from leashtui.classify.code import judge_code, judge_stream, run_script, run_tool
from leashtui.classify.dialects import as_bash, read_zsh
from leashtui.classify.foresee import recipe
from leashtui.classify.indirection import indirect
from leashtui.classify.makefile import Makefile
from leashtui.classify.options import Options
from leashtui.classify.patterns import lazy
from leashtui.classify.project import run_targets
from leashtui.classify.spec import Spec
from leashtui.classify.values import NOTHING, TERMINAL, UNKNOWN, Stream, Taint, Word, bare, show
from leashtui.model.facts import Place, Severity, Verb

_LANGUAGE = {
    "python": "python", "pypy": "python", "ipython": "python", "bpython": "python", "perl": "perl", "ruby": "ruby",
    "node": "node", "nodejs": "node", "deno": "node", "bun": "node", "tsx": "node", "ts-node": "node", "php": "php",
    "lua": "lua", "luajit": "lua", "Rscript": "r", "R": "r", "julia": "julia", "elixir": "elixir", "groovy": "groovy",
    "osascript": "osascript", "pwsh": "powershell", "powershell": "powershell", "tclsh": "tcl", "expect": "tcl",
    "guile": "scheme", "swift": "swift", "scala": "scala", "erl": "erlang", "irb": "ruby", "jruby": "ruby",
    "gawk": "awk", "raku": "perl", "coffee": "node", "kotlin": "kotlin", "jshell": "java", "ghc": "haskell",
    "ghci": "haskell", "runghc": "haskell", "sage": "python",
}  # fmt: skip
_HERE = re.compile(r"127\.|localhost\b|\[?::1\b")
_MODULES = {"webbrowser": "xdg-open", "venv": "python-venv", "ensurepip": "python-venv"}
"""Modules that stand for a program of another name."""
_LOADS = frozenset(("-m", "--require", "--import", "--loader", "--experimental-loader"))
"""Options that take a module, not code."""
_SERVERS = frozenset(
    ("http.server", "SimpleHTTPServer", "pyftpdlib", "smtpd", "flask", "uvicorn", "gunicorn", "hypercorn", "waitress")
)


def shell(call: Call, spec: Spec, options: Options) -> Stream | None:
    """sh, bash, dash, zsh, ksh, ash: -c TEXT, a script, or standard input."""
    words = call.words[1:]
    call.direct = False
    texts: list[Word] = []
    at = 0
    command = stdin = rehearsed = False
    while at < len(words):
        word = words[at]
        if word in ("--", "-"):
            at += 1
            break
        if word in ("--rcfile", "--init-file", "-O", "+O", "-o", "+o"):
            if word in ("--rcfile", "--init-file") and at + 1 < len(words):
                call.run_file(words[at + 1], "loads")
                call.sign("obfuscated")
            at += 2
            continue
        if len(word) > 1 and word[0] in "-+" and not word.startswith("--"):
            command = command or "c" in word
            stdin = stdin or "s" in word
            rehearsed = rehearsed or (word[0] == "-" and "n" in word)
            at += 1
            if "o" in word[1:] or "O" in word[1:]:
                at += 1
            continue
        if word.startswith("--"):
            at += 1
            continue
        break
    rest = words[at:]
    texts = rest[:1] if command else []
    state = call.state
    if rehearsed and not any("i" in w for w in words[:at]):  # only its grammar is looked at
        for file in rest if not command else ():
            call.read(file)
        return Stream(0, None)
    if command and texts:
        return _text(call, texts[0], rest[1:])
    if rest and not stdin:
        out = run_tool(call, rest[0], rest[1:])
        if out is not None:
            return out
        former, state.params = state.params, tuple(rest[1:])
        if call.place(rest[0]).value == "" and not rest[0].startswith("/dev/"):
            return None
        run_script(call, "shell", rest[0])
        state.params = former
        return Stream(call.stdin.taint, None)
    if call.stdin is TERMINAL and not call.made.changed:
        return Stream(Taint.SHELL, None)
    return judge_stream(call, "shell", call.stdin)


def _text(call: Call, text: Word, params: list[Word]) -> Stream:
    """`sh -c TEXT NAME ARGS...`: a shell of its own."""
    if call.name == "zsh":
        text = _of_zsh(call, text)
    call.judge_source(text, text.taint)
    if not text.strip(UNKNOWN + " \t\n"):
        if UNKNOWN in text and not text.taint & (Taint.FETCHED | Taint.SOCKET):
            call.opaque("runs a text that is known only when it runs")
        return Stream(text.taint, None)
    state = call.state.copy()
    state.functions, state.aliases = {}, {}
    state.params = tuple(params[1:])
    if params:
        state.assign("0", params[0])
    worlds = [state]
    out = call.machine.text(str(text), worlds, call.stdin, call.span)
    if worlds[0].files is not call.state.files:
        call.state.files = worlds[0].files
    return out


def _of_zsh(call: Call, text: Word) -> Word:
    """A text of zsh, as bash would write it; what bash would not write is said."""
    reading = read_zsh(str(text))
    if reading.strange:
        call.opaque(f"runs a zsh text with {reading.strange}, which leash does not read")
    for command in reading.commands:  # all the same, what it can see of it counts
        call.shell(Word(as_bash(command), text.taint))
    return Word(as_bash(text), text.taint)


def language_of(name: str) -> str:
    """The language an interpreter of this name runs."""
    return _LANGUAGE.get(name) or _LANGUAGE.get(re.sub(r"[-.\d]+(\.exe)?$", "", name), "unknown")


def interpreter(call: Call, spec: Spec, options: Options) -> Stream | None:
    """python, perl, ruby, node, php, lua and others."""
    language = language_of(call.name)
    codes = options.all(
        *spec.enders.split(),
        *(o for o, r in spec.roles.items() if r == "text" and o not in _LOADS and (o != "-r" or language == "php")),
    )
    for name, value in options.values:
        loads = name in ("-r", "--require", "--import", "--loader") and language in ("node", "ruby", "perl")
        if loads and value.startswith((".", "/")):
            call.run_file(value, "loads")
    if language == "ruby" and "-run" in call.words and any("httpd" in w for w in call.words):
        named = re.search(r"--bind-address[= ]?(\S+)", " ".join(call.words))
        if not (named and _HERE.match(named[1])):
            call.listen(named[1] if named else "", "serves files to everybody who can reach this machine")
        return Stream(0, None)
    if language == "python" and options.has("-m"):
        return _module(call, options)
    if codes:
        out = NOTHING
        for code in codes:
            out = out.joined(judge_code(call, language, Word(_typed(call, code), code.taint)))
        _in_place(call, language, options, codes)
        return Stream(out.taint, None)
    if options.args and options.args[0] != "-":
        known = run_tool(call, options.args[0], call.words[call.words.index(options.args[0]) + 1 :])
        if known is not None:
            return known
        run_script(call, language, options.args[0])
        return Stream(call.stdin.taint | call.reads, None)
    if call.stdin is TERMINAL and not call.made.changed:
        return Stream(Taint.SHELL, None)
    return judge_stream(call, language, call.stdin)


def _typed(call: Call, code: Word) -> str:
    """The code, with the modules that options load put before it."""
    loads = [w[2:] for w in call.words[1:] if re.match(r"-[rM][a-z/:A-Z]", w)]
    return (
        "".join(f"require '{m}';\n" for m in loads) + code
        if loads and language_of(call.name) in ("ruby", "perl")
        else str(code)
    )


def _in_place(call: Call, language: str, options: Options, codes: list[Word]) -> None:
    edits = language in ("perl", "ruby") and any(
        re.match(r"-[a-zA-Z0]*i", w) and "-e" not in w[:2] for w in call.words[1:]
    )
    silent = (
        edits and any(re.match(r"-[a-zA-Z0]*n", w) for w in call.words[1:]) and not any("print" in c for c in codes)
    )
    reads = edits or any(re.match(r"-[a-zA-Z0]*[np]", w) for w in call.words[1:])
    for file in options.args:
        if reads:
            call.read(file)
        if edits:
            call.write(file, Stream(0, None), append=not silent, empties=silent)


def _module(call: Call, options: Options) -> Stream | None:
    """python -m MODULE ARGS: the module stands for a program of that name."""
    module = bare(options.last("-m") or "")
    tail = list(options.args)
    if module in _SERVERS or module == "http.server":
        named = re.search(r"(?:-b|--bind)[= ]?(\S+)", " ".join(tail))
        if module in ("http.server", "SimpleHTTPServer") and not (named and _HERE.match(named[1])):
            call.listen(named[1] if named else "", "serves files to everybody who can reach this machine")
            return Stream(0, None)
    program = _MODULES.get(module, module.partition(".")[0] if module.startswith("coverage") else module)
    if call.machine.setting.tools.find(program) is not None and program not in (
        "test",
        "time",
        "timeit",
        "sh",
        "select",
    ):
        call.direct = False
        return call.words_run([Word(program), *tail])
    call.add(Verb.EXEC, module, f"runs the Python module {module}")
    if UNKNOWN in module:
        call.opaque("runs a module whose name is known only when it runs")
    return call.out()


def make(call: Call, spec: Spec, options: Options) -> Stream | None:
    """make: variables that are programs, --eval, makefiles elsewhere, targets that clean or deploy."""
    for text in options.all("--eval", "-E"):
        for found in re.finditer(r"\$\(shell\s+(.*)\)|\$\{shell\s+(.*)\}", bare(text)):
            call.shell(Word(found.group(1) or found.group(2)))
        if "$(shell" not in text:
            call.opaque("runs rules given on the command line")
        call.sign("obfuscated")
    for file in options.all("-f", "--file", "--makefile"):
        if file in ("-", "/dev/stdin"):
            call.opaque("runs rules from its standard input") if call.stdin.text is None else _rules(
                call, call.stdin.text
            )
        else:
            call.run_file(file)
    for name in ("GNUmakefile", "makefile", "Makefile") if not options.has("-f", "--file", "--makefile") else ():
        written = call.state.files.get(call.path(Word(name)))
        if written is not None and written.taint & Taint.FETCHED:
            call.run_file(Word(name), "runs the rules of")
        elif written is not None and written.text:
            call.shell(Word(recipe(name, written.text)))
    for word in options.args:
        name, sign, value = word.partition("=")
        if sign:
            _make_variable(call, name.rstrip(":?+"), Word(value, word.taint))
    targets = [bare(w) for w in options.args if "=" not in w]
    judge_targets(call, [t.lower() for t in targets])
    given = {n.rstrip(":?+"): v for n, s, v in (bare(w).partition("=") for w in options.args) if s}
    files = [f for f in options.all("-f", "--file", "--makefile") if f != "-"]
    run_targets(call, files, options.all("-C", "--directory"), targets, given)
    return call.out()


def _rules(call: Call, text: str) -> None:
    made = Makefile(text, {})
    for _, recipe_text in made.recipes(list(made.rules)):
        call.shell(Word(recipe_text))


def _make_variable(call: Call, name: str, value: Word) -> None:
    if name in ("SHELL", "CC", "CXX", "LD", "AR", "RM", "MAKE", "PYTHON", "INSTALL", "AS", "CPP", "FC"):
        first = value.split()[0] if value.split() else ""
        if "/" in first and not first.startswith(("/bin/", "/usr/bin/", "/usr/local/bin/")):
            call.run_file(first, f"uses, as {name},")
        elif name == "SHELL" and first.rpartition("/")[2] not in ("sh", "bash", "dash", "zsh"):
            indirect(call, value)
    for found in re.finditer(r"\$\(shell\s+(.*)\)|`(.*)`", value):
        call.sign("obfuscated")
        call.shell(Word(found.group(1) or found.group(2)))


_OUTWARD = lazy(
    r"^(?:\w+[:_-])?(deploy|publish(?:signed|tosonatype\w*|tomavencentral\w*|allpublications\w*|plugins?)?|release|upload|ship|rollback|promote)(?:$|[:_-](?!.*(?:dry|check|test|plan|notes"
    r"|build|docs?$)))|^(?:push|push-images?|docker-push)$"
)
_REMOVES = lazy(
    r"^(?:db[:_-](?:drop|reset|wipe|purge|nuke|truncate)|(?:drop|reset|wipe|nuke|destroy|purge)[:_-]?(?:db|database"
    r"|data|all|prod\w*)|nuke|destroy|teardown|uninstall)$"
)


def judge_targets(call: Call, targets: list[str]) -> None:
    """Names of build targets and package scripts say what they do when they reach outside."""
    for target in targets:
        if _OUTWARD.match(target):
            call.sign("network")
            call.add(
                Verb.PUBLISH,
                target,
                f"runs the target {show(target)}, which by its name reaches outside",
                Severity.MEDIUM,
            )
        elif target == "uninstall" and call.machine.setting.bounds.files:
            continue  # what it removes is judged by name
        elif _REMOVES.match(target):
            call.sign("destructive")
            call.add(
                Verb.DATA_CHANGE, target, f"runs the target {show(target)}, which by its name removes data", lost=True
            )
        elif target == "install" and call.name in ("make", "gmake", "ninja", "cmake", "just", "task"):
            if call.machine.setting.bounds.files or _is_staged(call):
                continue
            call.add(Verb.WRITE, "", "installs the project outside the workspace", Severity.MEDIUM, place=Place.OUTSIDE)


def _is_staged(call: Call) -> bool:
    """Whether what is installed goes below a folder where anything may be put."""
    given = [w for n, w in call.env if n == "DESTDIR"]
    given += [Word(w.partition("=")[2], w.taint) for w in call.words[1:] if w.startswith("DESTDIR=")]
    return bool(given) and bool(given[-1]) and call.place(given[-1]) in (Place.TEMP, Place.SOURCE, Place.GENERATED)


HANDLERS = {"shell": shell, "interpreter": interpreter, "make": make}
"""See handlers/__init__.py."""
