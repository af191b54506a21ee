"""Requirements of Python packages: which of them only build what is installed.

Knows how a requirement is written, the packages that others are built with, and where a project names its own. Refuses
to look anything up. Invariant: what is no plain name with versions is no such requirement.
"""

from __future__ import annotations

import tomllib

from leashtui.classify.call import Call
from leashtui.classify.patterns import lazy
from leashtui.classify.values import is_fixed

_BUILDERS = frozenset(
    "setuptools wheel hatchling flit-core poetry-core pdm-backend maturin scikit-build-core setuptools-scm"
    " setuptools-rust hatch-vcs hatch-fancy-pypi-readme meson-python meson ninja cmake uv-build cython cffi pybind11"
    " numpy packaging pathspec pluggy trove-classifiers calver versioneer vcs-versioning".split()
)
_REQUIREMENT = lazy(
    r"\s*([A-Za-z0-9][\w.-]*)\s*(?:\[[\w\s,.-]*\])?\s*(?:\(?[<>=!~][^@;#:/]*\)?)?\s*(?:;[^#:/@]*)?(?:#.*)?"
)
_SAME = lazy(r"[-_.]+")
_LONG, _MOST = 64 * 1024, 200


def only_builds(call: Call, lines: list[str]) -> bool:
    """Whether each line names a package that others are built with, by custom or by this project's own word."""
    named = [_name(line) for line in lines if line.strip() and not line.lstrip().startswith("#")]
    return 0 < len(named) <= _MOST and "" not in named and (set(named) - _BUILDERS).issubset(_declared(call))


def _name(line: str) -> str:
    found = _REQUIREMENT.fullmatch(line)
    return _SAME.sub("-", found[1]).lower() if found is not None else ""


def _declared(call: Call) -> set[str]:
    """What the project here is built with, by its own settings."""
    path = call.path("pyproject.toml")
    text = call.machine.setting.probe.read_text(path) if path and is_fixed(path) else None
    try:
        told = tomllib.loads(text if text is not None and len(text) < _LONG else "")
    except (tomllib.TOMLDecodeError, RecursionError):
        return set()
    table = told.get("build-system")
    wanted = table.get("requires") if isinstance(table, dict) else None
    return {_name(line) for line in wanted if isinstance(line, str)} if isinstance(wanted, list) else set()
