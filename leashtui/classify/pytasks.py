"""Reads tasks that are written in Python: sessions of nox, tasks of invoke and fabric, actions of doit.

Knows which of their calls take a command line. Refuses to run or import anything. Invariant: a word that is no constant
stands in the line as one that is not known, never as nothing.
"""

from __future__ import annotations

import ast
import shlex

from leashtui.classify.tasklists import Found

_HANDS = frozenset(("session", "s", "c", "ctx", "context", "conn", "connection"))
_RUNS = frozenset(("run", "run_always", "run_install", "local", "sudo"))
_OPEN = "${LEFT_OPEN_BY_TASK}"


def python_tasks(text: str, names: list[str]) -> Found:
    """What the tasks of these names ([]: all of them) run. Functions that are no task count with every one of them."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError, SystemError):
        return [], False
    functions = {n.name: n for n in tree.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)}
    tasks = {_title(f): f for f in functions.values() if f.decorator_list or f.name.startswith("task_")}
    wanted = [n.partition("(")[0].rpartition(".")[2].replace("_", "-") for n in names]
    chosen = {t: f for t, f in tasks.items() if t in wanted}
    if not chosen:
        chosen = tasks if not wanted else {}
    queue, done = list(chosen.values()), set[str]()
    found: list[str] = []
    while queue:
        function = queue.pop(0)
        if function.name in done:
            continue
        done.add(function.name)
        found.extend(line for node in ast.walk(function) if (line := _line(node)) is not None)
        for node in ast.walk(function):
            if isinstance(node, ast.Name) and node.id in functions:
                queue.append(functions[node.id])
    return found, True


def _title(function: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    for decorator in function.decorator_list:
        for keyword in decorator.keywords if isinstance(decorator, ast.Call) else ():
            if keyword.arg == "name" and isinstance(keyword.value, ast.Constant):
                return str(keyword.value.value).replace("_", "-")
    return function.name.removeprefix("task_").replace("_", "-")


def _line(node: ast.AST) -> str | None:
    """The command line that a call or a list of actions runs."""
    if isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and key.value == "actions" and isinstance(value, ast.List):
                return "\n".join(t for e in value.elts if (t := _text(e)) != _OPEN) or None
        return None
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr not in _RUNS:
        return None
    if not isinstance(node.func.value, ast.Name) or node.func.value.id not in _HANDS or not node.args:
        return None
    words = [_text(a) for a in node.args]
    return (
        words[0]
        if len(words) == 1 and " " in words[0]
        else " ".join(w if w == _OPEN else shlex.quote(w) for w in words)
    )


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(v) if isinstance(v, ast.Constant) else _OPEN for v in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _text(node.left) + _text(node.right)
    if isinstance(node, ast.List | ast.Tuple):
        return " ".join(shlex.quote(_text(e)) for e in node.elts)
    return _OPEN
