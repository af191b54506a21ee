"""Which database a Django project's settings name, and whether it is the session's own.

Knows settings as `startproject` writes them, and those of a PostgreSQL. Refuses to run them. Invariant: settings that
say anything of databases in another way, in another file or by a variable, name a database of the person's.
"""

from __future__ import annotations

import ast

from leashtui.classify.call import Call
from leashtui.classify.code import CONSOLE
from leashtui.classify.handlers.dbserver import is_own_place
from leashtui.classify.options import Options
from leashtui.classify.patterns import lazy
from leashtui.classify.spec import Spec
from leashtui.classify.sql import own_file
from leashtui.classify.values import Stream, Word, is_fixed
from leashtui.model.facts import Verb

_NAMED = lazy(
    r"""os\.environ\.setdefault\(\s*(["'])DJANGO_SETTINGS_MODULE\1\s*,\s*(["'])([A-Za-z_]\w*(?:\.\w+)*)\2\s*\)"""
)
_VARIABLE = "DJANGO_SETTINGS_MODULE"
_SQLITE = "django.db.backends.sqlite3"
_POSTGRES = "django.db.backends.postgresql"
_KEYS = frozenset({"ENGINE", "NAME", "USER", "PASSWORD", "HOST", "PORT"})
_ROOT = "Path(__file__).resolve().parent.parent"


def own_project(call: Call, spec: Spec, options: Options) -> Stream | None:
    """manage.py: what it changes in a database of the session's own is nobody else's."""
    script = call.words[0] if "/" in call.words[0] else next(iter(call.state.vars.get(CONSOLE) or ()), Word(""))
    set_before = any(name == _VARIABLE for name, _ in call.env) or call.state.vars.get(_VARIABLE)
    told = any(word.startswith(("--settings", "--database", "--pythonpath")) for word in call.words)
    if call.name != "manage.py" or not script or set_before or told:
        return None
    path = call.path(script)
    if is_fixed(path) and path.endswith("/manage.py") and _is_own(call, path.rpartition("/")[0]):
        call.harmless = frozenset({Verb.DATA_CHANGE})
    return None


def _is_own(call: Call, folder: str) -> bool:
    probe = call.machine.setting.probe
    if not probe.exists(f"{folder}/manage.py"):
        return call.machine.is_ahead
    named = _NAMED.findall(probe.read_text(f"{folder}/manage.py") or "")
    if len(named) != 1:
        return False
    place = f"{folder}/{named[0][2].replace('.', '/')}.py"
    try:
        tree = ast.parse(probe.read_text(place) or "")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    name = _database(tree)
    if isinstance(name, tuple):
        return is_own_place(call, *name)
    if name is None:
        return False
    base = place.rpartition("/")[0].rpartition("/")[0]
    return own_file(call, name if name.startswith("/") else f"{base}/{name}")


def _database(tree: ast.Module) -> str | tuple[str, str] | None:
    """The SQLite file that these settings name, below BASE_DIR unless absolute, or host and port of their PostgreSQL;
    None for anything else."""
    values: dict[str, ast.expr] = {}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            return None
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            if node.targets[0].id in values:
                return None
            values[node.targets[0].id] = node.value
    uses = [n.id for n in ast.walk(tree) if isinstance(n, ast.Name)]
    whole, base = values.get("DATABASES"), values.get("BASE_DIR")
    if uses.count("DATABASES") != 1 or "DATABASE_ROUTERS" in uses or {"globals", "locals", "exec", "vars"} & set(uses):
        return None
    entries = _entries(whole)
    found = _entries(entries.get("default")) if entries.keys() == {"default"} else {}
    engine, name = found.get("ENGINE"), found.get("NAME")
    if isinstance(engine, ast.Constant) and engine.value == _POSTGRES and found.keys() <= _KEYS:
        told = [
            node.value if isinstance(node, ast.Constant) else None for node in (found.get("HOST"), found.get("PORT"))
        ]
        return (str(told[0]), str(told[1])) if all(isinstance(value, str | int) for value in told) else None
    if not isinstance(engine, ast.Constant) or engine.value != _SQLITE or found.keys() != {"ENGINE", "NAME"}:
        return None
    if isinstance(name, ast.BinOp) and isinstance(name.op, ast.Div) and base is not None:
        left, right = name.left, name.right
        plain = isinstance(left, ast.Name) and left.id == "BASE_DIR" and ast.unparse(base) == _ROOT
        return right.value if plain and isinstance(right, ast.Constant) and isinstance(right.value, str) else None
    absolute = isinstance(name, ast.Constant) and isinstance(name.value, str) and name.value.startswith("/")
    return str(name.value) if absolute and isinstance(name, ast.Constant) else None


def _entries(node: ast.expr | None) -> dict[str, ast.expr]:
    """Of a dictionary that is written out with plain keys."""
    if not isinstance(node, ast.Dict):
        return {}
    keys = [key.value if isinstance(key, ast.Constant) else None for key in node.keys]
    return {str(k): v for k, v in zip(keys, node.values, strict=True)} if all(isinstance(k, str) for k in keys) else {}


HANDLERS = {"own_project": own_project}
"""See handlers/__init__.py."""
