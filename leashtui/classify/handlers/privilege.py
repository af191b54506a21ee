"""Becoming somebody else, and env: whose tail is a command, whose words are variables, whose text is split again.

Knows sudo, su and their kin, and env. Invariant: a command behind them is judged as the command it is, and the raised
privilege besides.
"""

from __future__ import annotations

import shlex

from leashtui.classify.call import Call
from leashtui.classify.code import judge_stream
from leashtui.classify.environment import judge_unset
from leashtui.classify.handlers.streams import variables
from leashtui.classify.options import Options
from leashtui.classify.spec import Spec
from leashtui.classify.values import Stream, Word, bare
from leashtui.classify.wrappers import run_tail


def sudo(call: Call, spec: Spec, options: Options) -> Stream | None:
    """sudo: its tail was judged; -e edits files as root."""
    if options.has("-e", "--edit") and call.name == "sudo":
        for word in options.args:
            call.write(word, Stream(0, None), append=True)
    elif not options.args and options.has("-i", "-s", "--login", "--shell"):
        return judge_stream(call, "shell", call.stdin)
    return Stream(call.taint(), None)


def su(call: Call, spec: Spec, options: Options) -> Stream | None:
    """runuser -u USER CMD, sg GROUP CMD, machinectl shell USER@ CMD: commands that no option announces."""
    words = call.words[1:]
    if call.name == "runuser" and "-u" in words:
        tail = words[words.index(Word("-u")) + 2 :]
        run_tail(call, spec, options, tail[1:] if tail[:1] == ["--"] else tail)
    elif call.name == "sg" and len(options.args) > 1:
        call.shell(options.args[1])
    elif call.name == "machinectl" and len(options.args) > 2:
        call.words_run(options.args[2:])
    return Stream(call.taint(), None)


def env(call: Call, spec: Spec, options: Options) -> Stream | None:
    """env: alone it prints every variable; -S splits a text into words."""
    for name in options.all("-u", "--unset"):
        judge_unset(call, name)
    texts = options.all("-S", "--split-string")
    for text in texts:
        try:
            words = [Word(w, text.taint) for w in shlex.split(text)]
        except ValueError:
            call.opaque("splits a text that cannot be split")
            continue
        run_tail(call, spec, options, [*words, *options.args])
    alone = all("=" in w for w in options.args)
    if texts or not alone:
        return Stream(call.reads | call.stdin.taint, None)
    if options.has("-i", "--ignore-environment") or any(w == "-" for w in call.words[1:]):
        return Stream(0, None)
    nothing = Options()
    return variables(call, spec, nothing)


def change_root(call: Call, spec: Spec, options: Options) -> Stream | None:
    """chroot: the command's absolute paths lie below the folder that it takes for /."""
    if len(options.args) < 2:
        call.opaque("opens a shell that takes another folder for /")
        return None
    root, program, *rest = options.args
    below = bare(root).rstrip("/")
    moved = [Word(f"{below}{w}", w.taint) if w.startswith("/") else w for w in rest]
    if program.rpartition("/")[2] in ("sh", "bash", "dash", "zsh") and "-c" in rest:
        moved = list(rest)
    call.direct = False
    return call.words_run([Word(program.rpartition("/")[2], program.taint), *moved])


HANDLERS = {"chroot": change_root, "sudo": sudo, "su": su, "env": env}
"""See handlers/__init__.py."""
