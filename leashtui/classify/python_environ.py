"""Whether Python code that names all variables at once shows what is in them: a child that gets them does not.

`env={**os.environ, "A": "1"}`, `"CI" in os.environ` and `len(os.environ)` tell nothing. Refuses to say what a program
does that gets them (its own words are judged). Invariant: a use that is not known here shows them all.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import cached_property

from leashtui.classify.python_names import STARTS
from leashtui.classify.secrets import is_secret_variable

_NAMES = frozenset("sorted list set frozenset tuple iter enumerate".split())
"""Functions that see of a mapping its names alone."""
_COUNTS = frozenset("len any all bool".split())
_CHILDREN = STARTS | {"os.popen", "pexpect.spawn", "pexpect.run", "asyncio.create_subprocess_shell"}
_BY_NAME = frozenset("get pop setdefault".split())


class Uses:
    """The uses of values in one module. tree: the module; dotted: what a function's expression is called."""

    def __init__(self, tree: ast.AST, dotted: Callable[[ast.expr], str]) -> None:
        self._tree = tree
        self._dotted = dotted
        self._followed: set[str] = set()

    @cached_property
    def _above(self) -> dict[ast.AST, ast.AST]:
        return {child: node for node in ast.walk(self._tree) for child in ast.iter_child_nodes(node)}

    def tells_nothing(self, node: ast.expr) -> bool:
        """Whether what stands around an expression that holds all variables shows the value of no secret one."""
        above = self._above.get(node)
        if isinstance(above, ast.Compare):
            return any(
                c is node and isinstance(o, ast.In | ast.NotIn)
                for c, o in zip(above.comparators, above.ops, strict=True)
            )
        if isinstance(above, ast.For | ast.comprehension):
            return above.iter is node and not self._looks_up()
        if isinstance(above, ast.Attribute):
            return self._called(above)
        if isinstance(above, ast.Call):
            return self._given(above, node)
        if isinstance(above, ast.keyword):
            return self._named(above)
        if isinstance(above, ast.Dict):
            return self.tells_nothing(above) if any(v is node for k, v in _pairs(above) if k is None) else False
        if isinstance(above, ast.BinOp):
            return isinstance(above.op, ast.BitOr) and self.tells_nothing(above)
        if isinstance(above, ast.Subscript):
            return above.value is node and self._one(above.slice, above.ctx)
        if isinstance(above, ast.Assign) and len(above.targets) == 1 and isinstance(above.targets[0], ast.Name):
            return self._kept(above.targets[0].id)
        return False

    def _called(self, method: ast.Attribute) -> bool:
        call = self._above.get(method)
        if not isinstance(call, ast.Call) or call.func is not method:
            return False
        if method.attr == "copy":
            return self.tells_nothing(call)
        if method.attr in _BY_NAME:
            return bool(call.args) and self._one(call.args[0], ast.Load())
        return method.attr in ("update", "clear") or (method.attr == "keys" and not self._looks_up())

    def _given(self, call: ast.Call, node: ast.expr) -> bool:
        name = self._dotted(call.func)
        if not call.args or call.args[0] is not node:
            return False
        if name == "dict":
            return self.tells_nothing(call)
        if name in _NAMES:
            return not call.keywords and not self._looks_up()
        return name in _COUNTS or name.endswith("patch.dict")

    def _named(self, word: ast.keyword) -> bool:
        call = self._above.get(word)
        if not isinstance(call, ast.Call):
            return False
        name = self._dotted(call.func)
        if word.arg == "env":
            return name in _CHILDREN
        return word.arg is None and name == "dict" and self.tells_nothing(call)

    def _one(self, name: ast.expr, context: ast.expr_context) -> bool:
        """Whether one variable may be named so: one that is set or removed, or that is no secret."""
        if not isinstance(context, ast.Load):
            return True
        return isinstance(name, ast.Constant) and isinstance(name.value, str) and not is_secret_variable(name.value)

    def _looks_up(self) -> bool:
        """Whether a variable is read by a name that is known only when it runs: one of those that were listed."""
        for node in self._above:
            if isinstance(node, ast.Subscript) and self._dotted(node.value) == "os.environ":
                known = self._one(node.slice, node.ctx)
            elif isinstance(node, ast.Call) and self._reads(self._dotted(node.func)):
                known = bool(node.args) and self._one(node.args[0], ast.Load())
            else:
                continue
            if not known:
                return True
        return False

    @staticmethod
    def _reads(name: str) -> bool:
        known = name.rpartition(".")[2] in ("keys", "copy", "items", "update", "clear")
        return name == "os.getenv" or (name.startswith("os.environ.") and not known)

    def _kept(self, name: str) -> bool:
        """Whether no use of a name shows them, wherever in the module it stands."""
        if name in self._followed:
            return True
        self._followed.add(name)
        uses = [n for n in self._above if isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Load)]
        held = all(self.tells_nothing(use) for use in uses)
        if not held:
            self._followed.discard(name)
        return held


def _pairs(node: ast.Dict) -> list[tuple[ast.expr | None, ast.expr]]:
    return list(zip(node.keys, node.values, strict=True))
