"""What a package manager would publish: the name and version that the manifest beside it says.

Knows where each manifest keeps them. Refuses to know what publishing is. Invariant: what a manifest says is shown only
where it is a name and a version, so that no text of a project becomes a sentence of leash's.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from typing import Any

from leashtui.classify.call import Call
from leashtui.classify.patterns import lazy
from leashtui.classify.values import is_fixed

_LONGEST = 256 * 1024
_NAME = lazy(r"[@\w][\w@/.+-]{0,80}")
_VERSION = lazy(r"[\w.+!-]{1,40}")
_Load = Callable[[str], Any]
_PYTHON = ("pyproject.toml", tomllib.loads, (("project",), ("tool", "poetry")))
_MANIFESTS: dict[str, tuple[str, _Load, tuple[tuple[str, ...], ...]]] = {
    **dict.fromkeys(("npm", "pnpm", "yarn", "bun", "lerna"), ("package.json", json.loads, ((),))),
    "cargo": ("Cargo.toml", tomllib.loads, (("package",),)),
    **dict.fromkeys(("poetry", "flit", "hatch", "uv", "pdm"), _PYTHON),
}
"""Program: its manifest, how that is read, and where in it a name and a version stand."""


def release(call: Call) -> str:
    """`name version` of what a package manager would publish from where it is started, '' where that is not clear."""
    known = _MANIFESTS.get(call.name)
    path = call.path("package.json" if known is None else known[0])
    if known is None or not is_fixed(path):
        return ""
    text = call.machine.setting.probe.read_text(path)
    if not text or len(text) > _LONGEST:
        return ""
    try:
        document = known[1](text)
    except (ValueError, RecursionError):
        return ""
    for place in known[2]:
        table = document
        for key in place:
            table = table.get(key) if isinstance(table, dict) else None
        if isinstance(table, dict):
            name, version = table.get("name"), table.get("version")
            if _is(name, _NAME) and _is(version, _VERSION):
                return f"{name} {version}"
    return ""


def _is(found: object, form: Any) -> bool:
    return isinstance(found, str) and form.fullmatch(found) is not None
