"""Task runners, frameworks and debuggers of a project: names of tasks that reach outside, code on the command line.

Knows how they name tasks and take code. Refuses to read the project's files. Invariant: a task is judged by its name
only where the name says that it leaves the machine or removes data.
"""

from __future__ import annotations

import re

from leashtui.classify.call import Call
from leashtui.classify.code import judge_code
from leashtui.classify.handlers.code import interpreter, judge_targets
from leashtui.classify.options import Options
from leashtui.classify.patterns import lazy
from leashtui.classify.project import run_recipes, run_tasks
from leashtui.classify.spec import Spec
from leashtui.classify.touch import leaks
from leashtui.classify.values import Stream, Word, bare, is_fixed, show
from leashtui.model.facts import Place, Verb

_MAVENS = frozenset(("mvn", "mvnw", "./mvnw", "mvnd"))
_PLUGIN = lazy(r"([\w.-]+):[\w.-]+:\d[\w.-]*(?::[\w.-]+)?$")
"""A Maven plugin by its coordinates and a version: the project need not declare it."""
_USUAL = ("org.apache.maven.", "org.codehaus.mojo", "org.springframework.boot", "io.quarkus")
_OPEN_HOSTS = frozenset(("0.0.0.0", "::", "[::]", "*", "true", ""))
_CMAKE = {
    "rm": "rm", "remove": "rm", "remove_directory": "rm -r", "copy": "cp", "copy_directory": "cp -r", "rename": "mv",
    "touch": "touch", "make_directory": "mkdir -p", "env": "env", "time": "time", "cat": "cat", "chdir": "env -C",
    "create_symlink": "ln -s", "tar": "tar",
}  # fmt: skip


def tasks(call: Call, spec: Spec, options: Options) -> Stream | None:
    """just, task, gradle, mvn, rake, bazel, cmake: task names; cmake -E is a tool box of its own."""
    if call.name == "cmake":
        _cmake(call, options)
        return None
    if call.name == "just":
        words = call.words[1:]
        at = next((i for i, w in enumerate(words) if w in ("-c", "--command")), -1)
        if at >= 0 and words[at + 1 :]:
            return call.words_run(words[at + 1 :])
    for word in options.args if call.name in _MAVENS else ():
        found = _PLUGIN.match(bare(word))
        if found is not None and not found.group(1).startswith(_USUAL):
            call.sign("network")
            call.add(Verb.RUN_FETCHED, bare(word), f"downloads and runs the Maven plugin {show(found.group())}")
    if call.name == "just" and not options.has("--command", "-c", "--list", "-l", "--summary", "--show", "--evaluate"):
        run_recipes(call, options.all("-f", "--justfile"), options.all("-d", "--working-directory"), _named(options))
    elif call.name in ("task", "go-task"):
        run_tasks(call, options.all("-t", "--taskfile"), options.all("-d", "--dir"), _named(options))
    names = [bare(w).lower().strip(":") for w in options.args if "=" not in w]
    judge_targets(call, [*names, *(n.rpartition(":")[2] for n in names if ":" in n)])
    for file in options.all("-f", "--file", "-G", "--justfile"):
        if "/" in file and call.place(file) is Place.TEMP:
            call.run_file(file)
    return None


def _named(options: Options) -> list[str]:
    """Names of tasks among the words."""
    return [bare(w) for w in options.args if "=" not in w]


def _cmake(call: Call, options: Options) -> None:
    words = call.words[1:]
    if "-E" in words:
        tail = words[words.index(Word("-E")) + 1 :]
        known = _CMAKE.get(bare(tail[0])) if tail else None
        if known is not None:
            call.words_run([*(Word(w) for w in known.split()), *tail[1:]])
        return
    if "-P" in words:
        call.run_file(words[words.index(Word("-P")) + 1] if words.index(Word("-P")) + 1 < len(words) else Word(""))
    held = call.machine.sees_files  # each file is judged where it is put
    if "--install" in words and not held and not any("--prefix" in w for w in words):
        call.add(Verb.WRITE, "", "installs the project outside the workspace", place=Place.OUTSIDE)


def listening(call: Call, spec: Spec, options: Options) -> Stream | None:
    """Development servers: loopback by default, everybody when a host is given."""
    words = call.words[1:]
    for index, word in enumerate(words):
        name, sign, value = word.partition("=")
        if name not in ("--host", "-H", "--hostname", "--bind", "-b", "--ip", "--address", "--listen"):
            continue
        given = value if sign else words[index + 1] if index + 1 < len(words) else ""
        if given.startswith("-"):
            given = ""
        if (
            given in _OPEN_HOSTS and (sign or name in ("--host", "--bind", "-b", "--ip", "-H", "--hostname"))
        ) or given.startswith("0.0.0.0"):
            call.listen(show(given) or "0.0.0.0", f"lets others reach {call.name} on this machine")
    for word in options.args:
        if re.match(r"(?:0\.0\.0\.0|\[::\])(?::\d+)?$", word):
            call.listen(show(word), f"lets others reach {call.name} on this machine")
    return None


def javascript(call: Call, spec: Spec, options: Options) -> Stream | None:
    """Test runners, bundlers, linters of JavaScript."""
    for file in options.all("-o", "--out", "--outputFile"):
        call.write(file)
    first = bare(options.args[0]) if options.args else ""
    if first in ("deploy", "publish", "release"):
        judge_targets(call, [first])
    return listening(call, spec, options)


def php(call: Call, spec: Spec, options: Options) -> Stream | None:
    """php: -S serves, a framework's console is judged by its own table."""
    for value in options.all("-S"):
        if value.startswith(("0.0.0.0", "[::]")):
            call.listen(show(value), "serves files to everybody who can reach this machine")
    return interpreter(call, spec, options)


def mailing(call: Call, spec: Spec, options: Options) -> Stream | None:
    """mail, sendmail: the text that is sent comes on standard input."""
    if leaks(Stream(call.stdin.taint | call.reads, call.stdin.text)):
        call.send("", Stream(call.stdin.taint | call.reads, call.stdin.text))
    return Stream(0, "")


def framework_code(call: Call, spec: Spec, options: Options) -> Stream | None:
    """rails runner, manage.py shell -c, artisan tinker --execute: code on the command line or standard input."""
    language = {
        "rails": "ruby",
        "bin/rails": "ruby",
        "rake": "ruby",
        "manage.py": "python",
        "django-admin": "python",
        "flask": "python",
    }.get(call.name, "php")
    texts = options.all("-c", "--command", "--execute")
    if "runner" in call.words or "eval" in call.words or "r" in call.words:
        texts = [*texts, *options.args[:1]]
    for text in texts:
        if re.fullmatch(r"[\w./-]+\.(rb|py|php)", text):
            call.run_file(text)
        else:
            judge_code(call, language, text)
    if not texts and call.stdin.text is not None:
        judge_code(call, language, Word(call.stdin.text, call.stdin.taint))
    return None


def own_target(call: Call, spec: Spec, options: Options) -> Stream | None:
    """cargo: where it is told to put what it builds."""
    told = dict(call.env)
    for name in ("CARGO_TARGET_DIR", "CARGO_BUILD_TARGET_DIR"):
        told.update((name, value) for value in call.state.vars.get(name, ()) if name not in told)
    for folder in (*options.all("--target-dir"), *map(told.get, ("CARGO_TARGET_DIR", "CARGO_BUILD_TARGET_DIR"))):
        path = call.path(folder) if folder else ""
        if folder and is_fixed(path) and call.place(folder) is Place.TEMP:
            call.machine.setting.handiwork.fills(path)
    return None


HANDLERS = {
    "own_target": own_target,
    "tasks": tasks,
    "js": javascript,
    "php": php,
    "mailing": mailing,
    "framework_code": framework_code,
}
"""See handlers/__init__.py."""
