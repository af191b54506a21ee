"""What a package manager would publish, and to which registry, as far as manifest, settings and options say.

Knows where each manifest and npm's settings keep them. Refuses to know what publishing is. Invariant: what a file says
is shown only where it is a name, a version or a host, so that no text of a project becomes a sentence of leash's.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from typing import Any

from leashtui.classify.call import Call, host_of
from leashtui.classify.options import Options
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


_NPM = frozenset(("npm", "pnpm", "yarn", "bun", "lerna"))
_HOST = lazy(r"[A-Za-z0-9][\w.-]{0,60}(?::\d{1,5})?")
_TO = ("--registry", "--publish-url", "--repository", "--index", "-r")
_SETTING = lazy(r"\s*((?:@[\w.-]+:)?registry)\s*=\s*[\"']?(\S+?)[\"']?\s*")
_VARIABLES = ("npm_config_registry", "NPM_CONFIG_REGISTRY", "YARN_NPM_PUBLISH_REGISTRY", "UV_PUBLISH_URL")


def release(call: Call, options: Options) -> str:
    """`name version` of what a package manager would publish from where it is started, and ` to host` where a registry
    is named; '' where that is not clear. More than one host where it is not known which of them wins."""
    known = _MANIFESTS.get(call.name)
    if known is None:
        return ""
    document = _read(call, known[0], known[1])
    for place in known[2]:
        table = document
        for key in place:
            table = table.get(key) if isinstance(table, dict) else None
        if isinstance(table, dict):
            name, version = table.get("name"), table.get("version")
            if _is(name, _NAME) and _is(version, _VERSION):
                hosts = list(dict.fromkeys(_registries(call, options, table)))[:3]
                return f"{name} {version}{' to ' if hosts else ''}{' or '.join(hosts)}"
    return ""


def _registries(call: Call, options: Options, table: dict[str, Any]) -> list[str]:
    """Whom options, variables, the manifest and npm's settings name; one that is for the package's scope alone wins."""
    found = [("registry", str(value)) for value in options.all(*_TO)]
    named = {**{name: " ".join(value) for name, value in call.state.vars.items()}, **dict(call.env)}
    found += [("registry", str(named[name])) for name in _VARIABLES if named.get(name)]
    if call.name in _NPM:
        config = table.get("publishConfig")
        found += [(str(key), str(value)) for key, value in (config.items() if isinstance(config, dict) else ())]
        for path in (call.path(".npmrc"), f"{call.machine.setting.home}/.npmrc"):
            lines = (_text(call, path) or "").splitlines()
            found += [(line[1], line[2]) for line in map(_SETTING.fullmatch, lines) if line is not None]
    scope = f"{table['name'].partition('/')[0]}:registry"
    chosen = [value for key, value in found if key == scope] or [value for key, value in found if key == "registry"]
    return [host for host in map(host_of, chosen) if _HOST.fullmatch(host)]


def _text(call: Call, path: str) -> str:
    text = call.machine.setting.probe.read_text(path) if is_fixed(path) else None
    return text if text and len(text) <= _LONGEST else ""


def _read(call: Call, name: str, load: _Load) -> Any:
    try:
        return load(_text(call, call.path(name)))
    except (ValueError, RecursionError):
        return None


def _is(found: object, form: Any) -> bool:
    return isinstance(found, str) and form.fullmatch(found) is not None
