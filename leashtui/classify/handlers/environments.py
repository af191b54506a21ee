"""Programs started inside a project's environment: uv run, poetry run, bundle exec, nix develop -c, corepack.

Knows how each names the command it starts. Refuses to install. Invariant: the command that starts is judged as if it
had been typed.
"""

from __future__ import annotations

import re

from leashtui.classify.call import Call
from leashtui.classify.handlers.code import judge_targets
from leashtui.classify.handlers.packages import index, is_own_package
from leashtui.classify.options import Options
from leashtui.classify.patterns import lazy
from leashtui.classify.spec import Spec
from leashtui.classify.values import Stream, Word, bare, show
from leashtui.model.facts import Verb

_VERSION = lazy(r"^(?:v?\d[\w.]*|lts(?:/.*)?|node|stable|system|default|current)$")


def relay(call: Call, spec: Spec, options: Options) -> Stream | None:
    """yarn workspace X CMD, yarn workspaces foreach CMD, corepack pnpm CMD: the same tool, or the one named, again."""
    words = list(options.args)
    if call.name == "corepack":
        words = [w for w in call.words[1:] if w not in ("--",)]
        while words and words[0].startswith("-"):
            words.pop(0)
        if words:
            words[0] = Word(re.sub(r"@.*$", "", words[0]), words[0].taint)
    elif words:
        words.insert(0, Word(call.name))
    if not words:
        return None
    call.direct = False
    return call.words_run(words)


def inside(call: Call, spec: Spec, options: Options) -> Stream | None:
    """nix develop -c CMD, guix shell X -- CMD: a command inside an environment."""
    words = call.words[1:]
    for at, word in enumerate(words):
        if word in ("-c", "--command", "--"):
            if words[at + 1 :]:
                call.direct = False
                again = [Word("guix")] if "time-machine" in words[:at] else []
                return call.words_run([*again, *words[at + 1 :]])
            break
    return None


def served(call: Call, spec: Spec, options: Options) -> Stream | None:
    """A server that takes its address from a variable: OLLAMA_HOST=0.0.0.0 ollama serve."""
    for name, value in call.env:
        if name.endswith(("HOST", "ADDRESS", "BIND")) and value.startswith(("0.0.0.0", "[::]", "::")):
            call.listen(show(value), f"lets others reach {call.name} on this machine")
    return None


def project_run(call: Call, spec: Spec, options: Options) -> Stream | None:
    """uv run, poetry run, bundle exec, mise exec: a program of the project's own environment."""
    words = list(options.args)
    if options.has("-m", "--module"):
        words = [Word("python"), Word("-m"), *options.all("-m", "--module"), *words]
    if call.name == "nvm" and words and _VERSION.match(words[0]):
        words.pop(0)
    if not words:
        return None
    first = bare(words[0])
    call.direct = False
    index(call, spec, options)
    if first == "-" and call.name in ("uv", "poetry", "pdm"):
        return call.words_run([Word("python"), *words])
    if " " in first and len(words) == 1:
        return call.shell(words[0])  # yarn exec gives one word to a shell
    for value in options.all("--with", "--with-editable"):
        if not is_own_package(bare(value), "pip"):
            call.ledger.packages[f"pip:{bare(value)}"] = None
            call.add(Verb.PACKAGE_ADD, f"pip:{bare(value)}", f"adds the package {show(value)}")
    if "://" in first:
        call.fetch(words[0])
        call.add(Verb.RUN_FETCHED, first, f"downloads and runs {show(first)}")
        return None
    if first.endswith(".py"):
        return call.words_run([Word("python"), *words])
    if "/" in first or call.machine.setting.tools.find(first) is not None:
        return call.words_run(words)
    judge_targets(call, [first.lower()])
    call.add(Verb.EXEC, first, f"runs {show(first)} from the project's environment")
    return None


HANDLERS = {"relay": relay, "inside": inside, "served": served, "project_run": project_run}
"""See handlers/__init__.py."""
