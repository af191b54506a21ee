"""What names and constant expressions of Python stand for, without running any of it.

Knows imports, simple assignments, paths and the functions that only make texts. Refuses to judge what is called
(`python_code` does). Invariant: what is not wholly constant has no text, or one that says which piece is unknown.
"""

from __future__ import annotations

import ast
import base64
import codecs
import re

from leashtui.classify.call import Call
from leashtui.classify.values import UNKNOWN, live

_OPENS = frozenset(("open", "io.open", "codecs.open", "builtins.open"))

_SAME = frozenset("decode encode strip rstrip lstrip".split())
"""Methods that leave a text as it is, as far as it matters here."""


def _elsewhere(node: ast.Call) -> bool:
    """Whether a temporary file is told where to lie: by its third argument, or by name."""
    return len(node.args) > 2 or any(k.arg not in ("suffix", "prefix") for k in node.keywords)


def _items(node: ast.expr) -> tuple[list[ast.expr], bool]:
    """The elements of a list, and whether they are numbers of characters: `map(chr, [114, 109])`."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "map" and len(node.args) == 2:
        function = node.args[0]
        return _items(node.args[1])[0], isinstance(function, ast.Name) and function.id == "chr"
    return (list(node.elts), False) if isinstance(node, ast.List | ast.Tuple) else ([], False)


_TEXT = 1 << 20
"""Characters that the constants of one program may come to together."""


class Names(ast.NodeVisitor):
    """Follows names through one module. names: what imports and simple assignments made of a name."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.names: dict[str, str] = {}
        self.constants: dict[str, str] = {}
        self._left = _TEXT

    def imported(self, module: str) -> None:
        """A module is imported."""
        raise NotImplementedError

    def visit_Import(self, node: ast.Import) -> None:  # noqa: N802 - named by ast
        for alias in node.names:
            self.names[alias.asname or alias.name.partition(".")[0]] = (
                alias.name if alias.asname else alias.name.partition(".")[0]
            )
            self.imported(alias.name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:  # noqa: N802 - named by ast
        for alias in node.names:
            self.names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        self.imported(node.module or "")

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

    def visit_For(self, node: ast.For) -> None:  # noqa: N802 - named by ast
        self._each(node.target, node.iter)
        self.generic_visit(node)

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp) -> None:
        for generator in node.generators:
            self._each(generator.target, generator.iter)
        self.generic_visit(node)

    visit_ListComp = visit_SetComp = visit_GeneratorExp = _comprehension  # noqa: N815 - named by ast

    def _each(self, target: ast.expr, source: ast.expr) -> None:
        """A name runs through what lies in a folder: it stands for anything there."""
        if not isinstance(target, ast.Name) or not isinstance(source, ast.Call):
            return
        last = source.func.attr if isinstance(source.func, ast.Attribute) else ""
        if last in ("rglob", "glob", "iterdir") and isinstance(source.func, ast.Attribute):
            holder = source.func.value
            folder = None if self.dotted(source.func) == "glob.glob" else self.text(holder)
            pattern = self.text(source.args[0]) if source.args else "*"
            if folder is None and self.dotted(source.func) == "glob.glob" and pattern:
                self.constants[target.id] = live(pattern)
            elif folder is not None and pattern:
                self.constants[target.id] = live(f"{folder.rstrip('/')}/{pattern}")

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
        """The constant text of an expression, or None: also when all of them together grow too long."""
        found = self._text(node) if node is not None and self._left > 0 else None
        self._left -= len(found or "")
        return found if self._left > 0 else None

    def _text(self, node: ast.expr) -> str | None:
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
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
            return self._put_in(self.text(node.left), node.right)
        if isinstance(node, ast.JoinedStr):
            return "".join(
                str(v.value) if isinstance(v, ast.Constant) else self.text(getattr(v, "value", None)) or UNKNOWN
                for v in node.values
            )
        if isinstance(node, ast.Subscript) and self.dotted(node.value) == "os.environ":
            return self._variable(self.text(node.slice))
        if isinstance(node, ast.Call):
            return self._called_text(node)
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
            text, step = self.text(node.value), node.slice.step
            turned = isinstance(step, ast.UnaryOp) and not (node.slice.lower or node.slice.upper)
            return text[::-1] if text is not None and turned else None
        return None

    def _put_in(self, shape: str | None, values: ast.expr) -> str | None:
        """`'rm -rf %s' % x` with what is known of x."""
        given = values.elts if isinstance(values, ast.Tuple) else [values]
        parts = re.split(r"%[sdr]", shape) if shape is not None else []
        if len(parts) != len(given) + 1:
            return None
        texts = [self.text(v) for v in given]
        return "".join(p + (UNKNOWN if t is None else t) for p, t in zip(parts, [*texts, ""], strict=True))

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
        if name in ("tempfile.mkdtemp", "tempfile.mktemp") and not _elsewhere(node):
            return "/tmp/tmpXXXXXXXX"  # noqa: S108 - new by that name, wherever it lies
        if name in ("os.getcwd", "pathlib.Path.cwd"):
            return self.call.state.cwd
        decoded = self._decoded(name, node, first)
        if decoded is not None:
            return decoded
        if name == "chr" and first is not None and first.isdigit():
            return chr(int(first) % 0x110000)
        return None

    def _decoded(self, name: str, node: ast.Call, first: str | None) -> str | None:
        """A constant that was encoded, joined or turned."""
        last = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        if last == "join" and isinstance(node.func, ast.Attribute) and node.args:
            glue = self.text(node.func.value)
            items, made = _items(node.args[0])
            parts = [
                chr(int(t) % 0x110000) if made and (t := self.text(i) or "").isdigit() else self.text(i) for i in items
            ]
            known = [p for p in parts if p is not None]
            return glue.join(known) if glue is not None and parts and len(known) == len(parts) else None
        if last == "format" and isinstance(node.func, ast.Attribute):
            shape = self.text(node.func.value)
            if shape is not None and not node.keywords and shape.count("{}") == len(node.args):
                return self._put_in(shape.replace("%", "").replace("{}", "%s"), ast.Tuple(list(node.args), ast.Load()))
        if last in _SAME and isinstance(node.func, ast.Attribute) and ("()" in name or "." not in name):
            return self.text(node.func.value)
        if first is None or len(first) > 4096:
            return None
        try:
            if last in ("b64decode", "standard_b64decode", "urlsafe_b64decode", "decodebytes"):
                return base64.b64decode(first).decode("latin-1")
            if name == "codecs.decode" and len(node.args) > 1 and self.text(node.args[1]) in ("rot13", "rot_13"):
                return codecs.decode(first, "rot13")
            if last in ("unhexlify", "fromhex"):
                return bytes.fromhex(first).decode("latin-1")
        except ValueError:
            return None
        return None

    def argument(self, node: ast.expr) -> str | None:
        """The text of an argument; a number of a file's mode in octal."""
        if isinstance(node, ast.Constant) and isinstance(node.value, int) and not isinstance(node.value, bool):
            return f"{node.value:o}"
        return self.text(node)

    def file_text(self, node: ast.expr | None) -> str | None:
        """The path of the file whose text an expression is: `open(p).read()`, `Path(p).read_text()`. None: no such."""
        if isinstance(node, ast.Call) and self.dotted(node.func) == "compile" and node.args:
            return self.file_text(node.args[0])
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            return None
        holder = node.func.value
        if node.func.attr == "read" and isinstance(holder, ast.Call) and holder.args:
            return self.text(holder.args[0]) if self.dotted(holder.func) in _OPENS else None
        return self.text(holder) if node.func.attr in ("read_text", "read_bytes") else None
