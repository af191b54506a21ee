"""Reads code of perl, ruby, node, php, lua and others by its marks: calls that start programs, delete, send, hide.

Knows how these languages spell dangerous things and how they quote text. Refuses to be a parser: what it reports errs
to the dangerous side. Invariant: a program started with a text that is not a plain constant is reported as opaque.
"""

from __future__ import annotations

import re

from leashtui.classify.call import Call
from leashtui.classify.indirection import looks_like_url
from leashtui.classify.phrases import computes_names, decoded, folded, judge_phrases
from leashtui.classify.plumbing import is_local
from leashtui.classify.reader import decode_ansi
from leashtui.classify.secrets import is_secret_path, is_secret_variable
from leashtui.classify.spellings import (
    DECODES,
    DEEP,
    DELETES,
    ESCAPES,
    EVALS,
    FORKS,
    GLOBBED,
    HANDS_ON_ENV,
    HOME,
    HOME_BEHIND,
    HOME_ELSEWHERE,
    HOME_INTO,
    HOST,
    INNER,
    INSTALLS,
    JOINED,
    KILLS,
    LISP,
    LISTENS,
    LITERAL,
    LOADS,
    NATIVE,
    NETWORK,
    OBEYS,
    OF_FILE,
    ONE_ENV,
    OPENS,
    OPTIONS,
    PIPES,
    PROMPTS,
    QUOTED,
    READS,
    SENDS,
    SHELL_WORD,
    SPAWNS,
    STARTER,
    STARTS,
    TAKES,
    TEMPLATE,
    TOOLS,
    WHOLE_ENV,
    WRITES,
)
from leashtui.classify.values import UNKNOWN, Stream, Taint, Word, live
from leashtui.model.facts import Place, Severity, Verb


def _plain(literal: str) -> str:
    """The text of a string literal."""
    if literal.startswith("[["):
        return literal[2:-2]
    inside = literal[1:-1]
    return decode_ansi(inside) if literal[0] == '"' else inside.replace("\\'", "'")


def _argument(code: str, at: int, call: Call) -> list[str] | None:
    """The constant texts that stand as arguments at `at`; None when the first one is no constant."""
    rest = OPTIONS.sub("", code[at : at + 2000].lstrip("([ "))
    found: list[str] = []
    position = 0
    while True:
        home = HOME.match(rest, position)
        if home is not None:
            tail = re.compile(r"\s*[+.,]\s*").match(rest, home.end())
            match = LITERAL.match(rest, tail.end()) if tail is not None else None
            glued = match is not None and (_plain(match.group())[:1] == "/" or "," not in (tail or home)[0])
            found.append(call.machine.setting.home + (_plain(match.group()) if match is not None and glued else ""))
            position = match.end() if match is not None and glued else home.end()
        else:
            match = LITERAL.match(rest, position)
            if match is None:
                break
            found.append(_plain(match.group()))
            position = match.end()
        following = re.match(r"\s*[,\[\]][,\[\]\s]*", rest[position:])
        if following is None:
            if re.match(r"\s*[+.]\s*[\w$'\"]", rest[position:]) and not rest[position:].lstrip().startswith(".then"):
                return None
            break
        position += following.end()
    return found or None


def judge_marks(call: Call, language: str, code: str) -> Stream:
    """Report what a text of code would do; gives what it may print."""
    code = folded(_homed(decoded(code), call.machine.setting.home))
    taint = call.stdin.taint & Taint.SECRET
    secrets = _secrets_read(call)
    literals = [_plain(m.group()) for m in LITERAL.finditer(code)]
    started = _programs(call, code, language)
    told = judge_phrases(call, code)
    if computes_names(code) or NATIVE.search(code) or (not started and not told and STARTER.search(code)):
        call.opaque(f"runs {language} code that may start a program in a way leash does not read")
    for found in INNER.finditer(code):
        if len(found.group(1)) < len(code) - 4:
            judge_marks(call, language, _plain(found.group(1)))
    for found in GLOBBED.finditer(code):
        call.delete(live(found.group(1) or found.group(2) or found.group(3)))
    for found in OPENS.finditer(code):
        call.write(_plain(found.group(1)), Stream(taint, None), append=True)
    for found in LOADS.finditer(code):
        call.run_file(Word(_plain(found.group(1))), "loads")
    for found in OF_FILE.finditer(code):
        call.delete(_plain(found.group(1)), recursive="recurs" in found.group().lower() or "Dir" in found.group())
    for verb, pattern in ((Verb.DELETE, DELETES), (Verb.WRITE, WRITES)):
        for found in pattern.finditer(code):
            _files(call, verb, code, found)
    taint |= _secrets(call, code, literals)
    if _secrets_read(call) > secrets:  # by a program that it starts
        taint |= Taint.SECRET
    if language == "perl" and re.search(r"-i|\bopen\b.*['\"]\s*[+>]", code):
        for text in literals:
            if text[:1] == ">" and text.strip("> "):
                call.write(text.strip("> "))
    _network(call, code, taint)
    if EVALS.search(code) and DECODES.search(code):
        call.sign("obfuscated")
        call.opaque(f"runs {language} code that it decodes first")
    for found in INSTALLS.finditer(code):
        named = LITERAL.match(code[found.end() :].lstrip("(c [")) or re.match(r"[\w:]+", code[found.end() :])
        package = named.group().strip("'\"") if named is not None else ""
        call.add(Verb.PACKAGE_ADD, package, f"adds the package {package or '…'} from {language}")
    if KILLS.search(code) and not call.reaches_own_only:
        call.add(Verb.PROCESS_KILL, "", f"stops a process from {language}")
    if FORKS.search(code):
        call.sign("catastrophic")
        call.add(Verb.SYSTEM_CHANGE, "", "starts processes without end", Severity.CRITICAL)
    return Stream(taint | call.reads, None)


def _homed(code: str, home: str) -> str:
    """Code in which the home folder, where it is put behind a text or into one, is part of that text."""
    if HOME.search(code) is None:
        return code
    code = HOME_ELSEWHERE.sub(f'"{home}"', code)
    code = HOME_BEHIND.sub(lambda m: f"{m[1]}{m[2]}{home}{m[1]}", code)
    return str(HOME_INTO.sub(home, code))


def _secrets_read(call: Call) -> int:
    return sum(verb is Verb.SECRET_READ for verb, _, _ in call.ledger.effects)


def judge_starts(call: Call, language: str, code: str) -> None:
    """Report only the programs that known functions start with constant words."""
    _programs(call, folded(code), language)


def _programs(call: Call, code: str, language: str) -> bool:
    """Report the programs that known functions start. Gives whether there were any."""
    started = [m.end() for m in STARTS.finditer(code)]
    for at in started:
        if (
            language == "node"
            and re.search(r"(?:/|\w)\.exec\s*\($", code[:at])
            and "child_process" not in code
            and "cp." not in code
        ):
            continue
        texts = _argument(code, at, call)
        if texts is None:
            if re.match(r"\s*[\w$@`(]", code[at:]) and not code[at:].startswith((")", "}")):
                call.opaque(f"starts a program from {language} whose name is known only when it runs")
            continue
        if len(texts) == 1:
            call.shell(Word(texts[0]))
        else:
            call.words_run([Word(t) for t in texts])
    for found in LISP.finditer(code):
        call.words_run([Word(_plain(m.group())) for m in LITERAL.finditer(found.group(1))])
    for found in SPAWNS.finditer(code) if language == "tcl" else ():
        call.shell(Word(found.group(1)))
    for found in PIPES.finditer(code) if language == "perl" else ():
        call.shell(Word(found.group(1).strip().strip("|")))
    for found in TEMPLATE.finditer(code) if language == "node" else ():
        call.shell(Word(re.sub(r"\$\{[^}]*\}", UNKNOWN, found.group(1))))
    for found in ESCAPES.finditer(code) if language in PROMPTS else ():
        call.shell(Word(found.group(1)))
    if language in ("perl", "ruby", "php", "julia"):
        for found in QUOTED.finditer(code):
            call.shell(Word(next(g for g in found.groups() if g is not None)))
    return bool(started)


def _files(call: Call, verb: Verb, code: str, found: re.Match[str]) -> None:
    texts = _argument(code, found.end(), call)
    recursive = DEEP.search(code) is not None
    if texts is None:
        if verb is Verb.DELETE and re.match(r"\s*[\w$@]", code[found.end() :]):
            call.delete_unseen()
        return
    if verb is Verb.DELETE:
        call.delete(texts[0], recursive=recursive)
    elif len(texts[0]) < 4096:
        name = found.group().rstrip("( ").removeprefix("os.").removeprefix("file.")
        tool = next((t for start, t in TOOLS.items() if name.startswith(start)), "")
        if tool and len(texts) > 1:
            call.words_run([*map(Word, tool.split()), Word(texts[0]), Word(texts[1])])
        elif name.startswith(("chmod", "chown")):
            call.write(texts[0], Stream(0, None), append=True)
        elif not name.startswith("rename"):
            call.write(texts[0], Stream(0, texts[1] if len(texts) > 1 else None))


def _secrets(call: Call, code: str, literals: list[str]) -> int:
    taint = 0
    reads = READS.search(code) is not None
    for text in literals:
        if "\n" in text or len(text) > 300 or " " in text.strip():
            continue
        path = call.path(text.lstrip("<> "))
        if reads and path and is_secret_path(path, call.machine.setting.home):
            call.read(text.lstrip("<> "))
            taint |= Taint.SECRET
    if HOME.search(code):
        for text in literals:
            path = call.machine.setting.home + "/" + text.lstrip("/")
            if is_secret_path(path, call.machine.setting.home):
                call.read(path)
                taint |= Taint.SECRET
    if WHOLE_ENV.search(HANDS_ON_ENV.sub("", code)):
        call.add(Verb.SECRET_READ, "", "reads all environment variables, secret ones too", place=Place.SECRET)
        taint |= Taint.SECRET
    for found in ONE_ENV.finditer(code):
        if is_secret_variable(found.group(1)) and not call.says(found.group(1)):
            call.add(
                Verb.SECRET_READ, found.group(1), f"reads the secret variable {found.group(1)}", place=Place.SECRET
            )
            taint |= Taint.SECRET
    return taint


def _network(call: Call, code: str, taint: int) -> None:
    if LISTENS.search(code) and "127.0.0.1" not in code and "localhost" not in code:
        call.listen("", "listens for connections")
    if not NETWORK.search(code):
        return
    hosts = [a or b for a, b in HOST.findall(code)]
    if hosts and all(is_local(h) for h in hosts):
        return
    host = next((h for h in hosts if not is_local(h)), "")
    if SHELL_WORD.search(code) and re.search(r"(?i)socket|fsockopen|\bnet\b|tcp", code):
        call.sign("reverse_shell")
        call.add(Verb.REMOTE_SESSION, host, "gives another machine a shell here", Severity.CRITICAL, lost=True)
    if OBEYS.search(code) and re.search(r"(?i)socket|fsockopen|\bnet\b|tcp|inet", code):
        call.sign("reverse_shell")
    known = hosts or not call.machine.setting.bounds.sockets  # else whom it reaches is judged when it does
    if taint & Taint.SECRET or (known and (not hosts or SENDS.search(code))):
        call.send(host, Stream(taint))
    elif known:
        tells = JOINED.search(code) is not None and TAKES.search(code) is not None
        call.fetch(Word("https://" + host, Taint.LOCAL if tells else Taint.NONE))
    if EVALS.search(code) and not looks_like_url(code):
        call.judge_source("", Taint.FETCHED)
