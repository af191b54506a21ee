"""Reads Python one-liners through `ast`: what they import, call, open, delete, send and start.

Knows the standard library's dangerous corners and follows constants through simple assignments. Refuses to execute.
Invariant: a program or path that is not constant is reported as unknown, never left out.
"""

from __future__ import annotations

import ast
import re
import sys

from leashtui.classify.call import Call, host_of
from leashtui.classify.marks import judge_marks
from leashtui.classify.patterns import lazy
from leashtui.classify.phrases import is_command, is_statement, only_shows
from leashtui.classify.plumbing import is_local
from leashtui.classify.python_environ import Uses
from leashtui.classify.python_names import (
    COREUTILS,
    DECODERS,
    DELETES,
    EXECS,
    GETS,
    LIBRARIES,
    PATH_DELETES,
    PATH_TOOLS,
    READS,
    RUNS,
    SENDS,
    SHELL_NAMES,
    SHELLS,
    STARTS,
    WRITES,
)
from leashtui.classify.python_values import Names
from leashtui.classify.secrets import is_secret_path, is_secret_variable
from leashtui.classify.sql import judge, leaves, opens_another, own_file
from leashtui.classify.values import UNKNOWN, Stream, Taint, Word, is_pattern
from leashtui.model.facts import Place, Severity, Verb

_CLOUDS = frozenset("boto3 botocore aiobotocore google azure kubernetes digitalocean hcloud linode_api4 docker".split())
_CHANGES = lazy(
    r"(?:delete|terminate|destroy|purge|put|create|update|stop|remove|drop|publish|send|invoke|modify|revoke|patch|prune"
    r"|attach|detach|scale|reboot|rotate|run_instances|upload|start)(?:_|$)"
)

_SHARED = lazy(r"(?:(?:multiprocessing\.)?shared_memory\.)?SharedMemory(?:\(\))?\.unlink")
"""Gives memory back that a program shares with its own children; it is no file of anybody's."""
_OPENS = ("sqlite3.connect", "sqlite3.dbapi2.connect", "sqlite3.Connection", "duckdb.connect")
_AT_HOME = sys.stdlib_module_names | {"duckdb", "numpy"}
"""Modules that bring statements to no database but those that are opened by the names above."""
_TOO_DEEP = (RecursionError, MemoryError, SystemError)
"""What Python's own parser raises at code that nests further than its stack reaches; which one, the thread decides."""


def _too_deep(call: Call) -> None:
    call.opaque("runs Python code that nests too deeply")
    call.machine.unread.append("Python code") if call.machine.reading else None


def judge_python(call: Call, code: str) -> Stream:
    """Report what a text of Python would do; gives what it may print."""
    try:
        tree = ast.parse(code.strip("\n") if code.startswith("\n") else code)
    except _TOO_DEEP:
        _too_deep(call)
        return judge_marks(call, "python", code)
    except (SyntaxError, ValueError):
        call.machine.unread.append("Python code of another version") if call.machine.reading else None
        if UNKNOWN in code:
            call.opaque("runs Python code that is known only in part")
        return judge_marks(call, "python", code)
    visitor = _Reader(call, tree)
    try:
        visitor.visit(tree)
    except _TOO_DEEP:
        _too_deep(call)
    visitor.close(code)
    return Stream(visitor.taint | call.reads, None)


class _Reader(Names):
    """Walks one module and reports what it calls."""

    def __init__(self, call: Call, tree: ast.Module) -> None:
        super().__init__(call)
        self._uses = Uses(tree, self.dotted)
        self.modules: set[str] = set()
        self.databases: list[str | None] = []
        self.statements: list[str] = []
        self.taint = call.stdin.taint & Taint.SECRET
        self.host = ""
        self.network = self.sends = self.socket = self.shell = self.dup = self.decodes = self.runs = self.fetches = (
            False
        )

    # ---- names

    def imported(self, module: str) -> None:
        """See Names."""
        self.modules.add(module.partition(".")[0])
        top = module.partition(".")[0]
        self.socket = self.socket or top == "socket"
        if top in ("antigravity", "turtle"):
            self.call.machine.partial()

    # ---- calls

    def visit_Subscript(self, node: ast.Subscript) -> None:  # noqa: N802 - named by ast
        if self.dotted(node.value) == "os.environ":
            self._environment(self.text(node.slice))
            return
        self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:  # noqa: N802 - named by ast
        if self.dotted(node) == "os.environ" and not self._uses.tells_nothing(node):
            self._environment(None)
        self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:  # noqa: N802 - named by ast
        if self.names.get(node.id) == "os.environ" and not self._uses.tells_nothing(node):
            self._environment(None)

    def _environment(self, name: str | None) -> None:
        if name is None:
            self.taint |= Taint.SECRET
            self.call.add(Verb.SECRET_READ, "", "reads all environment variables, secret ones too", place=Place.SECRET)
        elif is_secret_variable(name) and not self.call.says(name):
            self.taint |= Taint.SECRET
            self.call.add(Verb.SECRET_READ, name, f"reads the secret variable {name}", place=Place.SECRET)

    def visit_While(self, node: ast.While) -> None:  # noqa: N802 - named by ast
        if any(isinstance(n, ast.Call) and self.dotted(n.func) == "os.fork" for n in ast.walk(node)):
            self.call.sign("catastrophic")
            self.call.add(Verb.SYSTEM_CHANGE, "", "starts processes without end", Severity.CRITICAL)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:  # noqa: N802 - named by ast
        name = self.dotted(node.func)
        if isinstance(node.func, ast.Subscript):  # plumbum: local["rm"]("-rf", "src")
            program = self.text(node.func.slice)
            if program is not None and self.call.machine.setting.tools.find(program) is not None:
                words = [self.text(a) for a in node.args]
                self.call.words_run([Word(program), *(Word(UNKNOWN if w is None else w) for w in words)])
        handled = self._special(name, node)
        if not handled:
            self.visit(node.func)
        for argument in (*node.args, *(k.value for k in node.keywords)):
            self.visit(argument)

    def _special(self, name: str, node: ast.Call) -> bool:
        """Report a call that matters; True when its function needs no further look."""
        first = node.args[0] if node.args else None
        text = self.text(first)
        last = name.rpartition(".")[2]
        if name in ("os.environ.get", "os.getenv", "os.environ.pop", "os.environ.setdefault"):
            self._environment(text or "?")
            return True
        if name.startswith("os.environ."):
            shows = last in ("items", "copy", "values", "keys")
            if shows and isinstance(node.func, ast.Attribute) and self._uses.tells_nothing(node.func.value):
                return True
            self._environment(None if shows else "?")
            return True
        if name in _OPENS:
            self.databases.append(text)
        elif name in SHELLS:
            self._shell(text)
        elif name in STARTS or EXECS.match(name):
            self._start(name, node)
        elif _SHARED.fullmatch(name):
            return False
        elif name in DELETES or (last in PATH_DELETES and isinstance(node.func, ast.Attribute)):
            target = (
                text
                if name in DELETES or last == "rmtree"
                else self.text(node.func.value)
                if isinstance(node.func, ast.Attribute)
                else None
            )
            self._delete(target, recursive=last in ("rmtree", "removedirs"))
        elif name == "open().close" and isinstance(node.func, ast.Attribute):
            self._emptied(node.func.value)
        elif name in ("open", "io.open", "codecs.open", "builtins.open"):
            self._open(
                text,
                self.text(node.args[1])
                if len(node.args) > 1
                else next((self.text(k.value) for k in node.keywords if k.arg == "mode"), None),
            )
        elif last == "open" and isinstance(node.func, ast.Attribute) and self.text(node.func.value) is not None:
            mode = node.args[0] if node.args else next((k.value for k in node.keywords if k.arg == "mode"), None)
            self._open(self.text(node.func.value), self.text(mode))
        elif (last in WRITES or last in READS) and isinstance(node.func, ast.Attribute):
            self._path(last, self.text(node.func.value), text)
        elif name in COREUTILS:
            self._tool(COREUTILS[name], [self.argument(a) for a in node.args[:2]])
        elif last in PATH_TOOLS and isinstance(node.func, ast.Attribute) and self.text(node.func.value) is not None:
            self._tool(PATH_TOOLS[last], [self.text(node.func.value), *(self.argument(a) for a in node.args[:1])])
        elif name in ("keyring.get_password", "keyring.get_credential"):
            self.taint |= Taint.SECRET
            self.call.add(Verb.SECRET_READ, text or "", "reads a password from the keyring", place=Place.SECRET)
        elif name in ("os.kill", "os.killpg"):
            if not self.call.reaches_own_only:
                self.call.add(Verb.PROCESS_KILL, "", "stops a process from Python")
        elif name in ("os.setuid", "os.setgid", "os.chown", "os.seteuid"):
            self.call.add(Verb.PRIVILEGE, "", "changes who it runs as from Python")
        elif name in RUNS:
            file = self.file_text(first)
            if file is not None:
                self.call.run_file(file)
            named = text is not None and name in ("__import__", "importlib.import_module")
            self.runs = self.runs or (file is None and not named and not isinstance(first, ast.Constant))
            if isinstance(first, ast.Call) and self.dotted(first.func) == "compile" and first.args:
                first = first.args[0]
            if name in ("exec", "eval") and isinstance(first, ast.Constant) and isinstance(first.value, str):
                judge_python(self.call, first.value)
        elif last == "dup2":
            self.dup = True
        else:
            self._network(name, node, text)
            self._phrases(name, node)
        if DECODERS.search(name):
            self.decodes = True
        return False

    def _phrases(self, name: str, node: ast.Call) -> None:
        """A function leash never heard of that is given a command line."""
        if not name or only_shows(name) or self.call.machine.reading:
            return
        texts = [self.text(a) for a in node.args]
        if node.args and isinstance(node.args[0], ast.List | ast.Tuple):
            texts = [self.text(a) for a in node.args[0].elts]
        words = [t for t in texts if t is not None]
        top, _, last = name.partition(".")
        if top == "sh" and last and texts:
            self.call.words_run([Word(last), *(Word(UNKNOWN if t is None else t) for t in texts)])
        if _CLOUDS & set(self.modules) and _CHANGES.match(name.rpartition(".")[2]):
            self.call.add(Verb.CLOUD_CHANGE, name, f"changes the cloud from Python with {name.rpartition('.')[2]}")
        if not words or texts[0] is None:
            return
        if is_statement(words[0]):
            self.statements.append(words[0])
            return
        for candidate in ([words] if len(words) > 1 else []) + [words[:1]]:
            if is_command(self.call, candidate):
                self.call.words_run([Word(w) for w in candidate]) if len(candidate) > 1 else self.call.shell(
                    Word(candidate[0])
                )
                return

    def _shell(self, text: str | None) -> None:
        if text is None or UNKNOWN in text:
            self.call.opaque("starts a program from Python whose name is known only when it runs")
        if text:
            self.shell = self.shell or SHELL_NAMES.search(text.split()[0] if text.split() else "") is not None
            self.call.shell(Word(text))

    def _start(self, name: str, node: ast.Call) -> None:
        arguments = list(node.args)
        if name.startswith("os.spawn"):
            arguments = arguments[1:]
        if EXECS.match(name) and len(arguments) > 1:
            listed = arguments[1].elts if isinstance(arguments[1], ast.List | ast.Tuple) else arguments[1:]
            words = [self.text(a) for a in (arguments[0], *listed[1:])]
        elif arguments and isinstance(arguments[0], ast.List | ast.Tuple):
            words = [self.text(a) for a in arguments[0].elts]
        elif arguments and self.text(arguments[0]) is not None:
            line = self.text(arguments[0]) or ""
            if any(k.arg == "shell" for k in node.keywords):
                self._shell(line)
                return
            words = [line] if name == "asyncio.create_subprocess_exec" else list(line.split())
        else:
            self._shell(None)
            return
        argv = [Word(UNKNOWN if w is None else w) for w in words]
        if argv:
            self.shell = self.shell or SHELL_NAMES.search(argv[0]) is not None
            self.call.words_run(argv)

    def _delete(self, target: str | None, *, recursive: bool) -> None:
        if target is None:
            self.call.delete_unseen()
        else:
            self.call.delete(target, recursive=recursive)

    def _open(self, path: str | None, mode: str | None) -> None:
        if path is None:
            return
        if mode and any(c in mode for c in "wax+"):
            self.call.write(path, Stream(self.taint, None), append="a" in mode)
        else:
            self._read(path)

    def _emptied(self, opened: ast.expr) -> None:
        """`open(p, 'w').close()`: nothing is left."""
        texts = [self.text(a) for a in opened.args] if isinstance(opened, ast.Call) else []
        if len(texts) > 1 and texts[0] and texts[1] in ("w", "wb", "w+"):
            self.call.write(texts[0], Stream(0, ""), empties=True)

    def _read(self, path: str) -> None:
        self.taint |= self.call.read(path).taint & (Taint.SECRET | Taint.FETCHED)
        whole = self.call.path(path)
        if whole and is_secret_path(whole, self.call.machine.setting.home):
            self.taint |= Taint.SECRET

    def _path(self, kind: str, path: str | None, content: str | None) -> None:
        if path is None:
            return
        if kind in READS:
            self._read(path)
        elif kind in ("write_text", "write_bytes", "touch"):
            self.call.write(path, Stream(self.taint, content))

    def _tool(self, tool: str, texts: list[str | None]) -> None:
        """Do what a program of the core tools would do with these arguments."""
        if tool == "chmod":
            texts = [texts[1] if len(texts) > 1 else "", texts[0]]
        if len(texts) < 2 or texts == [None, None]:
            return
        if None in texts and any(t is not None and is_pattern(t) for t in texts):
            return  # a name made of the other one's: both lie in the same folder
        words = [*tool.split(), *(UNKNOWN if t is None else t for t in texts)]
        self.call.words_run([Word(w) for w in words])

    def _network(self, name: str, node: ast.Call, text: str | None) -> None:
        top = name.partition(".")[0].removesuffix("()")
        if top not in LIBRARIES and not (
            self.socket and name.rpartition(".")[2] in ("connect", "send", "sendall", "sendto")
        ):
            return
        if name.endswith("serve_forever") or name.startswith("http.server"):
            return
        words = [
            text,
            *(self.text(a) for a in node.args[1:]),
            *(self.text(k.value) for k in node.keywords if k.arg in ("url", "host")),
        ]
        for argument in node.args:
            if isinstance(argument, ast.Tuple):
                words.extend(self.text(e) for e in argument.elts)
        for word in words:
            if word and ("://" in word or re.fullmatch(r"[\w-]+(\.[\w-]+)+", word)):
                self.host = self.host if self.host and not is_local(self.host) else host_of(word)
        self.network = self.network or bool(SENDS.search(name) or GETS.search(name))
        keywords = {k.arg for k in node.keywords}
        self.sends = (
            self.sends
            or bool(SENDS.search(name))
            or bool(keywords & {"data", "json", "files"})
            or (name.endswith("urlopen") and len(node.args) > 1)
        )
        self.fetches = self.fetches or bool(GETS.search(name))

    def _is_scratch(self) -> bool:
        """Whether every database that is opened is an SQLite file of nobody's: nothing else here speaks to one."""
        files = [name for name in self.databases if name is not None and own_file(self.call, name)]
        plain = self.modules <= _AT_HOME and not self.runs
        return plain and bool(files) and len(files) == len(self.databases)

    def close(self, code: str) -> None:
        """What follows from the whole text."""
        call = self.call
        scratch = bool(self.statements) and self._is_scratch() and not opens_another(code)
        for statement in self.statements:
            if not scratch or leaves(statement):
                judge(call, Word(statement))
        if self.network:
            known = self.host or not call.machine.setting.bounds.sockets  # else whom it reaches is judged when it does
            if self.taint & Taint.SECRET or (known and self.sends):
                call.send(self.host, Stream(self.taint))
            elif known:
                call.fetch("https://" + (self.host or UNKNOWN))
            if self.runs:
                call.judge_source("", Taint.FETCHED)
            if self.socket and (self.shell or self.dup):
                call.sign("reverse_shell")
                call.add(
                    Verb.REMOTE_SESSION, self.host, "gives another machine a shell here", Severity.CRITICAL, lost=True
                )
        if self.decodes and self.runs:
            call.sign("obfuscated")
            call.opaque("runs Python code that it decodes first")
        elif self.runs:
            call.opaque("runs Python code that is made up when it runs")
