"""What is said in a file that is written: credentials, downloads that run, new dependencies, other sources of packages.

Knows manifests, lockfiles and package managers' settings by name. Refuses to judge where the file lies (touch does) and
what scripts would do when they run (lasting does). Invariant: only text that is known is spoken of, and what stood in
the file before is not called new.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from typing import Any

from leashtui.classify.ledger import Span
from leashtui.classify.machine import Machine
from leashtui.classify.patterns import lazy
from leashtui.classify.secrets import has_secret_value
from leashtui.classify.standing import short
from leashtui.classify.values import UNKNOWN, Stream, bare, is_fixed, show
from leashtui.model.facts import Content, Place, Severity, Verb

_FETCHED = lazy(
    r"\b(?:curl|wget|fetch|iwr)\b[^\n|;&]*\|\s*(?:sudo\s+(?:-\w+\s+)*)?(?:\S*/)?(?:env\s+)?(?:ba|z|da|k|fi)?sh\b"
    r"|\b(?:ba|z|da)?sh\s+(?:-c\s+)?[\"']?(?:<\(|\$\()\s*(?:curl|wget)\b"
    r"|\b(?:curl|wget)\b[^\n|;&]*\|\s*(?:sudo\s+)?(?:python|perl|ruby|node)\d?\b"
)
_INDEX = lazy(
    r"(?im)^\s*(?:--?(?:extra-)?index-url|--find-links|-i|--trusted-host|(?:extra-)?index-url|index_url|find-links)"
    r"[ =:]+(\S+)"
    r"|^\s*(?:@[\w-]+:)?registry\s*=\s*(\S+)|^\s*npmRegistryServer:\s*(\S+)|^\s*source\s+[\"'](https?://[^\"']+)"
    r"|\"(?:registry|resolutions-registry)\"\s*:\s*\"(https?://[^\"]+)"
    r"|^\s*(?:url|index|registry|replace-with)\s*=\s*[\"']((?:sparse\+)?https?://[^\"']+)"
    r"|<(?:mirror|repository)>.*?<url>([^<]+)"
)
_USUAL = lazy(
    r"//(?:[\w-]+\.)*(?:pypi\.org|npmjs\.(?:org|com)|yarnpkg\.com|crates\.io|rubygems\.org|pytorch\.org|packagist\.org"
    r"|maven\.org|apache\.org|golang\.org|localhost|127\.0\.0\.1)(?:[:/]|$)"
)
_SETTINGS = frozenset(
    "pip.conf pip.ini .npmrc .yarnrc .yarnrc.yml bunfig.toml pyproject.toml uv.toml Gemfile settings.xml Pipfile"
    " package.json config.toml .gemrc .condarc".split()
)
_INTEGRITY = lazy(
    r"(?i)\"?integrity\"?\s*:?\s*\"?sha\d|\bsha256[:=-]|\bhash(?:es)?\"?\s*[=:]|\bchecksum\b\s*[=:]|\bh1:[\w+/=]{8}"
    r"|\bresolved\b|CHECKSUMS"
)
_REQUIREMENT = lazy(r"^([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?\s*((?:[=<>!~]=?=?[^;#]*)?)(?:[;#].*)?$")
_PLAIN_PIN = lazy(r"^={2,3}\s*([\w.!+*-]+)$")
Named = dict[str, str]
"""Packages by name, with what is said of the version ('' nothing)."""


def judge_content(machine: Machine, path: str, where: Place, content: Stream, span: Span) -> None:
    """Report what is written to `path`, where the text is known."""
    text = content.text
    if not text or not text.strip(UNKNOWN + " \n") or not is_fixed(path) or where is Place.NONE:
        return
    text = bare(text)
    ledger = machine.ledger
    name = path.rpartition("/")[2]
    if has_secret_value(text) and _is_new(has_secret_value, text, machine, path):
        ledger.contents.add(Content.SECRET)
    fetched = _FETCHED.search(text) is not None and _is_new(_fetches, text, machine, path)
    if fetched and name.rpartition(".")[2] not in ("md", "rst", "txt", "html"):
        ledger.contents.add(Content.FETCHED_CODE)
    manifest = _MANIFESTS.get(name) or (_requirements if _is_requirements(name) else None)
    known = manifest is not None or name in _SETTINGS or where is Place.LOCKFILE
    if not known:
        return
    before = _before(machine, path)
    if manifest is not None:
        _new_packages(machine, manifest, name, text, before)
    if name in _SETTINGS or _is_requirements(name):
        _new_source(machine, path, where, text, before, span)
    if where is Place.LOCKFILE and _INTEGRITY.search(text):
        ledger.contents.add(Content.INTEGRITY)
        sentence = f"edits {short(machine, path)} by hand, which says what packages must hold"
        ledger.add(Verb.WRITE, show(path), where, sentence, span, Severity.HIGH)


def _fetches(text: str) -> bool:
    return _FETCHED.search(text) is not None


def _is_new(said: Callable[[str], bool], text: str, machine: Machine, path: str) -> bool:
    """Whether a line says it that did not stand in the file before."""
    former = set(_before(machine, path).splitlines())
    return said("\n".join(line for line in text.splitlines() if line not in former))


def judge_executable(machine: Machine, path: str) -> None:
    """A file is made executable."""
    if path:
        machine.ledger.contents.add(Content.EXECUTABLE)


def _before(machine: Machine, path: str) -> str:
    return "" if machine.afterwards else machine.setting.probe.read_text(path) or ""


def _new_packages(machine: Machine, manifest: Callable[[str], Named], name: str, text: str, before: str) -> None:
    former = manifest(before) if before else {}
    for package, version in manifest(text).items():
        if former.get(package) == version:
            continue
        pinned = f"@{version}" if version else ""
        machine.ledger.packages[f"{_ECOSYSTEM.get(name, 'pip')}:{package}{pinned}"] = None
        if package not in former:
            machine.ledger.contents.add(Content.DEPENDENCY)


def _new_source(machine: Machine, path: str, where: Place, text: str, before: str, span: Span) -> None:
    """Another place that packages come from."""
    for found in _INDEX.finditer(text):
        url = next(g for g in found.groups() if g)
        if url in before or _USUAL.search(url) or not re.match(r"(?:sparse\+)?https?://|\w+\.\w", url):
            continue
        machine.ledger.contents.add(Content.SOURCE)
        sentence = f"makes packages come from {url[:80]} by {short(machine, path)}"
        machine.ledger.add(Verb.PERSIST, show(url), where, sentence, span, Severity.HIGH)


def _is_requirements(name: str) -> bool:
    return name.endswith((".txt", ".in")) and ("require" in name or name.startswith("constraints"))


def _pin(version: str) -> str:
    found = _PLAIN_PIN.match(version.strip())
    return found.group(1) if found is not None else version.strip()


def _requirements(text: str) -> Named:
    named = {}
    for line in text.splitlines():
        found = _REQUIREMENT.match(line.strip())
        if found is not None:
            named[found.group(1).lower()] = _pin(found.group(2))
    return named


def _table(text: str) -> dict[str, Any]:
    """TOML, or as much of it as a fragment shows."""
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return {}


def _package_json(text: str) -> Named:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    groups = [found.get(k) for k in found if k.lower().endswith("dependencies")] if isinstance(found, dict) else []
    return {str(n): str(v) for g in groups if isinstance(g, dict) for n, v in g.items()}


def _composer(text: str) -> Named:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    groups = [found.get("require"), found.get("require-dev")] if isinstance(found, dict) else []
    return {str(n): str(v) for g in groups if isinstance(g, dict) for n, v in g.items() if "/" in str(n)}


def _pyproject(text: str) -> Named:
    project = _table(text).get("project", {})
    lists = [project.get("dependencies", []), *dict(project.get("optional-dependencies", {})).values()]
    return _requirements("\n".join(str(x) for each in lists if isinstance(each, list) for x in each))


def _cargo(text: str) -> Named:
    named = {}
    for key, group in _table(text).items():
        if key.endswith("dependencies") and isinstance(group, dict):
            for name, value in group.items():
                named[name] = str(value.get("version", "") if isinstance(value, dict) else value)
    return named


def _go_mod(text: str) -> Named:
    return dict(re.findall(r"(?m)^\s*(?:require\s+)?([\w.-]+\.[\w.-]+/\S+)\s+(v\d\S*)", text))


def _gemfile(text: str) -> Named:
    return dict(re.findall(r"""(?m)^\s*gem\s+['"]([\w.-]+)['"](?:\s*,\s*['"]([^'"]*)['"])?""", text))


_MANIFESTS: dict[str, Callable[[str], Named]] = {
    "package.json": _package_json, "pyproject.toml": _pyproject, "Cargo.toml": _cargo, "go.mod": _go_mod,
    "Gemfile": _gemfile, "composer.json": _composer,
}  # fmt: skip
_ECOSYSTEM = {
    "package.json": "npm", "Cargo.toml": "cargo", "go.mod": "go", "Gemfile": "gem", "composer.json": "composer",
}  # fmt: skip
