"""Code of other languages: one-liners, scripts by file, scripts on standard input.

Python is read through `python_code`, shells through the machine itself, all others by the marks of `marks`. Refuses to
run or import anything. Invariant: code that came from the network is never read as if it were the person's own.
"""

from __future__ import annotations

from leashtui.classify.call import Call
from leashtui.classify.dialects import as_bash, read_zsh
from leashtui.classify.machine import parsed
from leashtui.classify.marks import judge_marks
from leashtui.classify.normalise import cleaned
from leashtui.classify.patterns import lazy
from leashtui.classify.phrases import is_command
from leashtui.classify.places import is_installed
from leashtui.classify.python_code import judge_python
from leashtui.classify.reader import Unparsable
from leashtui.classify.scripts import LENGTH, Passage, is_readable, recite, run_code, text_of, unread
from leashtui.classify.values import TERMINAL, UNKNOWN, Stream, Taint, Word, bare, is_fixed
from leashtui.model.facts import Place

SHELL_LIKE = frozenset(("shell", "sh", "bash"))
_SHELLS = frozenset(("sh", "bash", "dash", "ash", "ksh", "zsh"))
_DEADLY = frozenset("rm git dd find shred chmod chown mkfs wipefs truncate".split())
_SYSTEM = lazy(r"/(?:usr/)?(?:s?bin|lib(?:exec|64)?|share|games)/")
_PACKAGED = lazy(r"/(?:node_modules|site-packages|dist-packages|vendor/bundle)/")
_PIP = lazy(r"(.*)/lib(?:64)?/python[\d.]+/(?:site|dist)-packages/pip/__pip-runner__\.py")
"""What pip starts itself by, for what a build needs."""
_LIMIT = 64 * 1024
_BY_SUFFIX = {
    "sh": "shell", "bash": "shell", "zsh": "shell", "py": "python", "pl": "perl", "rb": "ruby", "js": "node",
    "mjs": "node", "cjs": "node", "php": "php", "lua": "lua",
}  # fmt: skip


def judge_code(call: Call, language: str, text: Word | str, stdin: Stream | None = None) -> Stream:
    """Report what a text of code would do."""
    word = text if isinstance(text, Word) else Word(text)
    if language in SHELL_LIKE:
        call.direct = False
        return call.shell(word, stdin)
    call.judge_source(word, word.taint)
    if len(word) > _LIMIT:
        call.opaque(f"runs more {language} code than leash reads")
        return call.out()
    if language == "python":
        return judge_python(call, bare(word))
    first = word.split(" ", 1)[0].rpartition("/")[2]
    if first in _DEADLY and is_command(call, [bare(word)]):
        call.shell(word)  # no code at all: what its writer meant
    return judge_marks(call, language, bare(word))


def judge_stream(call: Call, language: str, stdin: Stream) -> Stream:
    """Code that comes on standard input."""
    if stdin.taint & (Taint.FETCHED | Taint.SOCKET):
        call.judge_source(UNKNOWN, stdin.taint)
        if stdin.text is None:
            return Stream(Taint.SHELL | stdin.taint, None)
    if stdin.text is not None:
        return judge_code(call, language, Word(stdin.text, stdin.taint & ~Taint.LOCAL), Stream(0, ""))
    if stdin.taint or stdin is not TERMINAL or call.made.changed:
        if stdin.taint & Taint.DECODED:
            call.sign("obfuscated")
        if stdin.taint & Taint.LOCAL or call.made.changed:
            _from_file(call, language, stdin)
        elif stdin is not TERMINAL and stdin.text is None and not stdin.taint & (Taint.FETCHED | Taint.SOCKET):
            call.opaque("runs a text that is known only when it runs")
    return Stream(Taint.SHELL, None)


def _from_file(call: Call, language: str, stdin: Stream) -> None:
    """`sh < script` and `cat script | sh`: the origin is the script."""
    where = call.place(stdin.origin) if stdin.origin.startswith("/") else Place.UNKNOWN
    if where is Place.UNKNOWN or not call.made.changed and not stdin.origin.startswith("/"):
        call.opaque("runs a text that is known only when it runs")
        return
    run_script(call, language, Word(stdin.origin))


_CONSOLES = frozenset(
    ("artisan", "manage.py", "rails", "rake", "console", "wp", "wp-cli.phar", "spark", "craft", "setup.py")
)
CONSOLE = "console script"
"""The state's name for the script that a framework's console was started as."""
_LEASH = frozenset(("leash", "leashtui"))
_SUFFIX = lazy(r"(?:-cli)?\.(?:[cm]?js|py|pyz?|rb|pl|phar)$")


def run_tool(call: Call, script: Word, rest: list[Word]) -> Stream | None:
    """An interpreter starts a program that was installed, or a framework's console: judged by its own table.

    That is how every program with a `#!` line arrives from the exec guard. None where the script is no such program.
    """
    name = script.rpartition("/")[2]
    setting = call.machine.setting
    if _is_pip(call, call.path(script)):
        name, path = "pip", call.path(script) if setting.probe.made(call.path(script)) else ""
    elif name not in _CONSOLES:
        phar = name.endswith(".phar") and call.place(script) is not Place.TEMP
        name = _SUFFIX.sub("", name)
        path = call.path(script)
        if name not in _LEASH and not phar and not is_installed(path, setting.workspace, setting.home):
            if not _is_in_environment(call, path):
                return run_twin(call, path, rest)
        elif not setting.probe.made(path):
            path = ""
    else:
        path = ""
    if setting.tools.find(name) is None:
        return None
    if name in _CONSOLES:
        call.run_file(script)
        call.state.assign(CONSOLE, Word(call.path(script)))
    call.direct = False
    out = call.words_run([Word(name), *rest])
    return None if path else out  # what the session wrote itself may be anything else besides


def _is_pip(call: Call, path: str) -> bool:
    """Whether a file is what the pip of an environment, or the system's, starts itself by."""
    found = _PIP.fullmatch(path)
    setting = call.machine.setting
    kept = found is not None and setting.probe.exists(f"{found[1]}/pyvenv.cfg") is True
    return kept or (found is not None and is_installed(path, setting.workspace, setting.home))


def _is_in_environment(call: Call, path: str) -> bool:
    """Whether a file lies where a Python environment, whatever its name, keeps its programs."""
    folder, _, last = path.rpartition("/")[0].rpartition("/")
    return last in ("bin", "Scripts") and call.machine.setting.probe.exists(f"{folder}/pyvenv.cfg") is True


def run_twin(call: Call, path: str, rest: list[Word]) -> Stream | None:
    """A file that is an installed program under another name is judged by that one's table. None: it is none."""
    if not call.machine.curious or not is_fixed(path):
        return None
    name = call.machine.setting.probe.twin(path).rpartition("/")[2]
    if not name or call.machine.setting.tools.find(name) is None:
        return None
    call.direct = False
    return call.words_run([Word(name), *rest])


def run_script(call: Call, language: str, word: Word) -> None:
    """An interpreter runs a file."""
    path = call.path(word)
    if path.startswith(("/dev/fd/", "/dev/stdin", "/proc/self/fd/")):
        judge_stream(call, language, call.open_file(path) or call.state.files.get(path, call.stdin))
        return
    where = call.run_file(word)
    known_file = call.state.files.get(path)
    if where is Place.UNKNOWN:
        if UNKNOWN in word:
            call.opaque("runs a script whose name is known only when it runs")
        return
    if where in (Place.HOME, Place.OUTSIDE, Place.SHELL_RC):
        call.machine.partial()
    if known_file is not None and known_file.text is not None:
        judge_code(call, language, Word(known_file.text, known_file.taint & ~Taint.LOCAL))
    else:
        run_own(call, path, language)


def run_own(call: Call, path: str, language: str = "") -> None:
    """A file that was there before is started: what is written in it is what runs. language: '' when its text says.

    A script of the system is a program like any other where each thing it comes to is judged: most of it may never run.
    """
    if call.machine.sees_files and _is_systems(call, path):
        return
    text = text_of(call, path)
    if text is None:
        known = call.state.files.get(path)
        if known is not None and language in SHELL_LIKE and known.origin in ("", path):
            call.opaque("runs a text that is known only when it runs")
        return
    language = language or _language(text, path)
    if language in SHELL_LIKE and is_readable(call, path, text):
        shell = call.words[0].rpartition("/")[2] in _SHELLS
        if _is_zsh(call, text, path) and isinstance(parsed(cleaned(as_bash(text))), Unparsable):
            unread(call, path)  # but what its own grammar shows of it counts
            text = "\n".join(read_zsh(text).commands)
        recite(call, (Passage(text, path),), call.state.cwd, call.state.params if shell else tuple(call.words[1:]))
    elif len(text) > LENGTH and _PACKAGED.search(path):
        return  # a package that the project declares: its size says nothing
    elif is_readable(call, path, text):
        run_code(call, path, text, language)


def _is_systems(call: Call, path: str) -> bool:
    """Whether a file came with the system, and nobody of this session wrote it."""
    if not is_fixed(path) or path in call.state.files:
        return False
    real = call.machine.setting.probe.real(path)
    return _SYSTEM.match(real) is not None and not call.machine.setting.probe.made(real)


def _is_zsh(call: Call, text: str, path: str) -> bool:
    """Whether zsh is what will read a script."""
    first = text.partition("\n")[0] if text.startswith("#!") else ""
    return "zsh" in first or call.name == "zsh" or path.endswith(".zsh")


def read_script(call: Call, known: Stream, path: str) -> None:
    """A file written by this very command is started: what was written is what runs."""
    language = _language(known.text or "", path)
    word = Word(known.text or "", known.taint & ~Taint.LOCAL)
    judge_code(call, "shell" if language == "other" else language, word)


def _language(text: str, path: str) -> str:
    """What a text is written in, by its first line or the name of its file; 'other' for what leash does not know."""
    first = text.partition("\n")[0] if text.startswith("#!") else ""
    program = first.rpartition("/")[2].split()
    name = (program[-1] if program[:1] == ["env"] else program[0] if program else "").rstrip("0123456789.")
    language = {"python": "python", "perl": "perl", "ruby": "ruby", "node": "node", "php": "php"}.get(name)
    suffix = _BY_SUFFIX.get(path.rpartition(".")[2], "shell")
    return language or ("shell" if name in _SHELLS else "other" if first else suffix)
