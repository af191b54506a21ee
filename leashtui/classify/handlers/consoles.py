"""Consoles and macro languages whose orders start programs: debuggers, calculators, interactive shells of other tools.

Knows how each escapes to a shell (`!`, `:!`, `shell`, `syscmd`). Refuses to know what else an order does. Invariant: an
order that escapes is judged as if it were typed; orders that cannot be seen leave the call as its table has it.
"""

from __future__ import annotations

import re

from leashtui.classify.call import Call
from leashtui.classify.code import judge_code
from leashtui.classify.options import Options
from leashtui.classify.patterns import lazy
from leashtui.classify.spec import Spec
from leashtui.classify.values import Stream, Word

_SHELLS = lazy(
    r"^\s*(?::?!+|shell\s+|platform shell\s+|make\s+|system\s+(?=[^\"'])|\.(?:shell|system)\s+|~!)\s*(.+)$", re.S
)
_CALLS = lazy(r"(?:call|print|p|expr)\b.*\bsystem\s*\(\s*\"((?:[^\"\\]|\\.)*)\"")
_MACRO = lazy(r"\be?syscmd\s*\(\s*[`\"']*(.*?)['\"]*\s*\)", re.S)
_PYTHON = lazy(r"\s*(?:python|py|script|pi)\s+(?=\S)")
_MOST = 64


def _order(call: Call, text: Word) -> None:
    """One order."""
    found = _SHELLS.match(text) or _CALLS.search(text)
    if found is not None:
        call.sign("obfuscated")
        call.shell(Word(found.group(1), text.taint))
        return
    python = _PYTHON.match(text)
    if python is not None:
        judge_code(call, "python", Word(text[python.end() :], text.taint))


def _orders(call: Call, stream: Stream) -> None:
    """The orders that come on standard input, one a line."""
    if stream.text is not None:
        for line in stream.text.splitlines()[:_MOST]:
            _order(call, Word(line, stream.taint))
    else:
        call.judge_source("", stream.taint)


def debugger(call: Call, spec: Spec, options: Options) -> Stream | None:
    """gdb, lldb, dc, gnuplot: orders given with -ex or on standard input run shells and code."""
    for text in options.all("-ex", "--eval-command", "-iex", "-o", "--one-line", "-e", "--expression", "--eval"):
        _order(call, text)
    for file in options.all("-x", "--command", "-s", "--source", "-S"):
        call.run_file(file)
    if not options.args or call.name in ("gdb", "lldb"):
        _orders(call, call.stdin)
    return None


def console(call: Call, spec: Spec, options: Options) -> Stream | None:
    """Programs with a prompt of their own: what they read there may escape to a shell."""
    _orders(call, call.stdin)
    return None


def macros(call: Call, spec: Spec, options: Options) -> Stream | None:
    """m4: syscmd and esyscmd start programs; what a file of the workspace holds is the project's own."""
    streams = [call.stdin] if not options.args or "-" in options.args else []
    for stream in [*streams, *(call.read(w) for w in options.args if w != "-")]:
        if stream.text is None:
            call.judge_source("", stream.taint)
            continue
        for found in _MACRO.finditer(stream.text):
            call.sign("obfuscated")
            call.shell(Word(found.group(1), stream.taint))
    return None


HANDLERS = {"debugger": debugger, "console": console, "macros": macros}
"""See handlers/__init__.py."""
