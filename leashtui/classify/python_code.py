"""Reads Python one-liners through `ast`: what they import, call, open, delete, send and start.

Knows the standard library's dangerous corners and follows constants through simple assignments. Refuses to execute.
Invariant: a program or path that is not constant is reported as unknown, never left out.
"""

from __future__ import annotations

import ast
import re

from leashtui.classify.call import Call, host_of
from leashtui.classify.marks import judge_marks
from leashtui.classify.python_names import (
    DECODERS,
    DELETES,
    EXECS,
    GETS,
    LIBRARIES,
    MOVES,
    PATH_DELETES,
    READS,
    RUNS,
    SENDS,
    SHELL_NAMES,
    SHELLS,
    STARTS,
    WRITES,
)
from leashtui.classify.secrets import is_secret_path, is_secret_variable
from leashtui.classify.values import UNKNOWN, Stream, Taint, Word
from leashtui.model.facts import Place, Severity, Verb


def judge_python(call: Call, code: str) -> Stream:
    """Report what a text of Python would do; gives what it may print."""
    try:
        tree = ast.parse(code.strip("\n") if code.startswith("\n") else code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        if UNKNOWN in code:
            call.opaque("runs Python code that is known only in part")
        return judge_marks(call, "python", code)
    visitor = _Reader(call)
    try:
        visitor.visit(tree)
    except RecursionError:
        call.opaque("runs Python code that nests too deeply")
    visitor.close()
    return Stream(visitor.taint | call.reads, None)


class _Reader(ast.NodeVisitor):
    """Walks one module. names: what imports and simple assignments made of a name."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.names: dict[str, str] = {}
        self.constants: dict[str, str] = {}
        self.taint = call.stdin.taint & Taint.SECRET
        self.host = ""
        self.network = self.sends = self.socket = self.shell = self.dup = self.decodes = self.runs = self.fetches = (
            False
        )

    # ---- names and constants

    def visit_Import(self, node: ast.Import) -> None:  # noqa: N802 - named by ast
        for alias in node.names:
            self.names[alias.asname or alias.name.partition(".")[0]] = (
                alias.name if alias.asname else alias.name.partition(".")[0]
            )
            self._imported(alias.name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:  # noqa: N802 - named by ast
        for alias in node.names:
            self.names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        self._imported(node.module or "")

    def _imported(self, module: str) -> None:
        top = module.partition(".")[0]
        self.socket = self.socket or top == "socket"
        if top in ("antigravity", "turtle"):
            self.call.machine.partial()

    def visit_Assign(self, node: ast.Assign) -> None:  # noqa: N802 - named by ast
        self.generic_visit(node)
        if len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            text = self.text(node.value)
            if text is not None:
                self.constants[name] = text
            made = self.dotted(node.value.func) if isinstance(node.value, ast.Call) else self.dotted(node.value)
            if made:
                self.names[name] = made

    def dotted(self, node: ast.expr) -> str:
        """`a.b.c` with the first name replaced by what it was imported as; '' when it is no plain name."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if isinstance(node, ast.Name):
            parts.append(self.names.get(node.id, node.id))
        elif isinstance(node, ast.Call):
            inner = self.dotted(node.func)
            if inner in ("__import__", "importlib.import_module") and node.args:
                parts.append(self.text(node.args[0]) or "?")
            elif inner == "getattr" and len(node.args) > 1:
                parts.append(f"{self.dotted(node.args[0])}.{self.text(node.args[1]) or '?'}")
            elif inner in ("ctypes.CDLL", "ctypes.PyDLL", "ctypes.cdll.LoadLibrary"):
                parts.append("os")  # the C library's system, execv, unlink
            else:
                parts.append((inner or "?") + "()")
        else:
            return ""
        return ".".join(reversed(parts))

    def text(self, node: ast.expr | None) -> str | None:
        """The constant text of an expression, or None."""
        if node is None:
            return None
        if isinstance(node, ast.Constant):
            return (
                node.value
                if isinstance(node.value, str)
                else node.value.decode("latin-1")
                if isinstance(node.value, bytes)
                else str(node.value)
            )
        if isinstance(node, ast.Name):
            return self.constants.get(node.id)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Div):
            left, right = self.text(node.left), self.text(node.right)
            if left is None or right is None:
                return None
            return left + ("/" if isinstance(node.op, ast.Div) else "") + right
        if isinstance(node, ast.JoinedStr):
            return "".join(
                str(v.value) if isinstance(v, ast.Constant) else self.text(getattr(v, "value", None)) or UNKNOWN
                for v in node.values
            )
        if isinstance(node, ast.Subscript) and self.dotted(node.value) == "os.environ":
            return self._variable(self.text(node.slice))
        if isinstance(node, ast.Call):
            return self._called_text(node)
        return None

    def _variable(self, name: str | None) -> str | None:
        return self.call.machine.setting.home if name == "HOME" else None

    def _called_text(self, node: ast.Call) -> str | None:
        name = self.dotted(node.func)
        first = self.text(node.args[0]) if node.args else None
        home = self.call.machine.setting.home
        if name in ("os.path.expanduser", "os.path.expandvars") and first is not None:
            return first.replace("~", home, 1).replace("$HOME", home)
        if name in ("pathlib.Path.home", "Path.home"):
            return home
        if name in ("os.getenv", "os.environ.get"):
            return self._variable(first)
        if (
            name
            in ("pathlib.Path", "Path", "str", "os.fspath", "os.path.abspath", "os.path.realpath", "pathlib.PosixPath")
            and first is not None
        ):
            return first
        if name in ("os.path.join", "pathlib.Path.joinpath"):
            parts = [self.text(a) for a in node.args]
            return "/".join(p for p in parts if p) if all(p is not None for p in parts) else None
        if name.endswith(("expanduser", "resolve", "absolute")) and isinstance(node.func, ast.Attribute):
            inner = self.text(node.func.value)
            return inner.replace("~", home, 1) if inner is not None else None
        if name in ("os.getcwd", "pathlib.Path.cwd"):
            return self.call.state.cwd
        if name == "chr" and first is not None and first.isdigit():
            return chr(int(first) % 0x110000)
        return None

    # ---- calls

    def visit_Subscript(self, node: ast.Subscript) -> None:  # noqa: N802 - named by ast
        if self.dotted(node.value) == "os.environ":
            self._environment(self.text(node.slice))
            return
        self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:  # noqa: N802 - named by ast
        if self.dotted(node) == "os.environ":
            self._environment(None)
        self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:  # noqa: N802 - named by ast
        if self.names.get(node.id) == "os.environ":
            self._environment(None)

    def _environment(self, name: str | None) -> None:
        if name is None:
            self.taint |= Taint.SECRET
            self.call.add(Verb.SECRET_READ, "", "reads all environment variables, secret ones too", place=Place.SECRET)
        elif is_secret_variable(name):
            self.taint |= Taint.SECRET
            self.call.add(Verb.SECRET_READ, name, f"reads the secret variable {name}", place=Place.SECRET)

    def visit_While(self, node: ast.While) -> None:  # noqa: N802 - named by ast
        if any(isinstance(n, ast.Call) and self.dotted(n.func) == "os.fork" for n in ast.walk(node)):
            self.call.sign("catastrophic")
            self.call.add(Verb.SYSTEM_CHANGE, "", "starts processes without end", Severity.CRITICAL)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:  # noqa: N802 - named by ast
        name = self.dotted(node.func)
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
            self._environment(None if last in ("items", "copy", "values", "keys") else "?")
            return True
        if name in SHELLS:
            self._shell(text)
        elif name in STARTS or EXECS.match(name):
            self._start(name, node)
        elif name in DELETES or (last in PATH_DELETES and isinstance(node.func, ast.Attribute)):
            target = (
                text
                if name in DELETES or last == "rmtree"
                else self.text(node.func.value)
                if isinstance(node.func, ast.Attribute)
                else None
            )
            self._delete(target, recursive=last in ("rmtree", "removedirs"))
        elif name in ("open", "io.open", "codecs.open", "builtins.open"):
            self._open(
                text,
                self.text(node.args[1])
                if len(node.args) > 1
                else next((self.text(k.value) for k in node.keywords if k.arg == "mode"), None),
            )
        elif (last in WRITES or last in READS) and isinstance(node.func, ast.Attribute):
            self._path(last, self.text(node.func.value), text)
        elif name in MOVES:
            self._move(name, node)
        elif name in ("os.kill", "os.killpg"):
            self.call.add(Verb.PROCESS_KILL, "", "stops a process from Python")
        elif name in ("os.setuid", "os.setgid", "os.chown", "os.seteuid"):
            self.call.add(Verb.PRIVILEGE, "", "changes who it runs as from Python")
        elif name in RUNS:
            self.runs = self.runs or not isinstance(first, ast.Constant)
            if name in ("exec", "eval") and isinstance(first, ast.Constant) and isinstance(first.value, str):
                judge_python(self.call, first.value)
        elif last == "dup2":
            self.dup = True
        else:
            self._network(name, node, text)
        if DECODERS.search(name):
            self.decodes = True
        return False

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
            self.call.sign("destructive")
            self.call.add(
                Verb.DELETE,
                "",
                "removes files whose names are known only when it runs",
                Severity.HIGH,
                place=Place.UNKNOWN,
                lost=True,
            )
        else:
            self.call.delete(target, recursive=recursive)

    def _open(self, path: str | None, mode: str | None) -> None:
        if path is None:
            return
        if mode and any(c in mode for c in "wax+"):
            self.call.write(path, Stream(self.taint, None), append="a" in mode)
        else:
            self._read(path)

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
        elif content is not None and "/" in path + content and kind in ("rename", "replace"):
            self.call.write(content)

    def _move(self, name: str, node: ast.Call) -> None:
        texts = [self.text(a) for a in node.args[:2]]
        if texts and texts[0] is not None:
            if name in ("shutil.move", "os.rename", "os.replace"):
                self.call.read(texts[0], look=True)
            else:
                self._read(texts[0])
        if len(texts) > 1 and texts[1] is not None:
            self.call.write(texts[1])

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
                self.host = host_of(word)
        self.network = self.network or bool(SENDS.search(name) or GETS.search(name))
        keywords = {k.arg for k in node.keywords}
        self.sends = (
            self.sends
            or bool(SENDS.search(name))
            or bool(keywords & {"data", "json", "files"})
            or (name.endswith("urlopen") and len(node.args) > 1)
        )
        self.fetches = self.fetches or bool(GETS.search(name))

    def close(self) -> None:
        """What follows from the whole."""
        call = self.call
        if self.network:
            if self.taint & Taint.SECRET or self.sends:
                call.send(self.host, Stream(self.taint))
            else:
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
