"""Reads lists in YAML and JSON of what runs: checks before a commit, targets of monorepos, services of compose.

Knows their shape. Refuses hooks of other repositories, plug-ins and what a file includes. Invariant: a file that is no
valid YAML or JSON is said not to have been read.
"""

from __future__ import annotations

import re
import shlex
from typing import Any

from leashtui.classify.manifests import named
from leashtui.classify.tasklists import Found, json_of, yaml_of


def _items(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def pre_commit(text: str, words: list[str]) -> Found:
    """`pre-commit run [HOOK]`: the hooks that are the project's own."""
    document = yaml_of(text)
    if document is None:
        return [], False
    wanted = named(words, after=("run",))
    found: list[str] = []
    for repo in _items(document.get("repos")) if isinstance(document, dict) and "run" in words else []:
        for hook in _items(repo.get("hooks")) if isinstance(repo, dict) and repo.get("repo") == "local" else []:
            if (
                isinstance(hook, dict)
                and isinstance(hook.get("entry"), str)
                and (not wanted or hook.get("id") in wanted)
            ):
                container = hook.get("language") in ("docker", "docker_image", "pygrep", "fail")
                arguments = " ".join(shlex.quote(str(a)) for a in _items(hook.get("args")))
                found.extend([] if container else [f"{hook['entry']} {arguments}".strip()])
    return found, True


def _hook(hook: dict[str, Any]) -> list[str]:
    if not isinstance(hook.get("entry"), str) or hook.get("language") in ("docker", "docker_image", "pygrep", "fail"):
        return []
    arguments = " ".join(shlex.quote(str(a)) for a in _items(hook.get("args")))
    return [f"{hook['entry']} {arguments}".strip()]


def lefthook(text: str, words: list[str]) -> Found:
    """`lefthook run HOOK`."""
    document = yaml_of(text)
    if not isinstance(document, dict):
        return [], False
    hook = document.get((named(words, after=("run",)) or [""])[0])
    if not isinstance(hook, dict):
        return [], True
    steps = [*_items(hook.get("commands")), *_items(hook.get("jobs"))]
    for step in list(steps):
        group = step.get("group") if isinstance(step, dict) else None
        steps.extend(_items(group.get("jobs")) if isinstance(group, dict) else [])
    runs = [s.get("run") for s in steps if isinstance(s, dict)]
    lines = [re.sub(r"\{\w+\}", "${LEFT_OPEN_BY_TASK}", r) for r in runs if isinstance(r, str)]
    return lines, not (document.get("extends") or document.get("remotes"))


def lint_staged(text: str, words: list[str]) -> Found:
    """`lint-staged`: what it runs on the files that are staged, from package.json or a file of its own."""
    document = json_of(text) if text.lstrip().startswith("{") else yaml_of(text)
    if not isinstance(document, dict):
        return [], False
    own = document.get("lint-staged", {} if "name" in document or "scripts" in document else document)
    lines = [line for value in _items(own) for line in (value if isinstance(value, list) else [value])]
    return [line for line in lines if isinstance(line, str)], True


def nx(text: str, words: list[str]) -> Found:
    """`nx TARGET`, `nx run PROJECT:TARGET`, `nx run-many -t TARGET`: command lines in project.json."""
    document = json_of(text)
    if not isinstance(document, dict):
        return [], False
    targets = (
        document.get("targets") or (document.get("nx") or {}).get("targets") if isinstance(document, dict) else None
    )
    plain = {w.partition("=")[2] or w for w in words if not w.startswith("-") or "target" in w}
    wanted = {p for w in plain for p in re.split(r"[:,]", w)}
    found: list[str] = []
    for name, target in targets.items() if isinstance(targets, dict) else ():
        options = target.get("options") if isinstance(target, dict) else None
        for own in (target, options) if name in wanted else ():
            for entry in (own.get("command"), *_items(own.get("commands"))) if isinstance(own, dict) else ():
                line = entry.get("command") if isinstance(entry, dict) else entry
                found.extend([line] if isinstance(line, str) else [])
    return found, True


def compose(text: str, words: list[str]) -> Found:
    """`docker compose up|run|create`: each service as the `docker run` it stands for."""
    if not {"up", "run", "create", "start", "watch"} & set(words):
        return [], True
    document = yaml_of(text)
    if not isinstance(document, dict):
        return [], False
    services = document.get("services")
    found: list[str] = []
    for name, service in services.items() if isinstance(services, dict) else ():
        if isinstance(service, dict):
            found.append(" ".join(("docker run", *_service(service), shlex.quote(str(service.get("image") or name)))))
    return found, not document.get("include")


def _service(service: dict[str, Any]) -> list[str]:
    words: list[str] = ["--privileged"] if service.get("privileged") is True else []
    for key in ("pid", "ipc", "uts", "userns_mode", "network_mode"):
        if isinstance(service.get(key), str):
            words.append(shlex.quote(f"--{key.partition('_')[0]}={service[key]}"))
    for key, option in (("cap_add", "--cap-add"), ("security_opt", "--security-opt"), ("devices", "--device")):
        words.extend(shlex.quote(f"{option}={value}") for value in _items(service.get(key)))
    for mount in _items(service.get("volumes")):
        if isinstance(mount, dict) and mount.get("type") == "bind":
            mount = f"{mount.get('source')}:{mount.get('target')}"
        if isinstance(mount, str) and ":" in mount and mount.startswith(("/", ".", "~", "$")):
            mount = re.sub(r"^~(?=[/:])", "${HOME}", re.sub(r"^\$(?:PWD|\{PWD\})", ".", mount))
            words.append("-v " + ("${LEFT_OPEN_BY_TASK}" if re.search(r"[\"`\\]|\$\(", mount) else f'"{mount}"'))
    return words
