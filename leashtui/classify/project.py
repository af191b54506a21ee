"""Finds what a project's own commands run: the recipe of a make target, the script of a package, a task of a list.

Knows where those are written. Refuses to judge them (scripts does). Invariant: only files of the folder that the
command works in are read, and a name that is not found there runs nothing that leash could say.
"""

from __future__ import annotations

import re
import shlex

from leashtui.classify.call import Call
from leashtui.classify.justfile import NAMES as JUSTFILES
from leashtui.classify.justfile import Justfile
from leashtui.classify.makefile import NAMES, Makefile
from leashtui.classify.places import is_within, parent_of
from leashtui.classify.scripts import RULES, Passage, is_readable, recite, text_of, unread
from leashtui.classify.tasklists import TASKFILES, Found, composer, deno, json_of, taskfile
from leashtui.classify.values import Word, bare

_PACKAGES = "package.json"


def run_targets(call: Call, files: list[Word], folders: list[Word], targets: list[str], given: dict[str, str]) -> None:
    """The recipes of make targets. files: -f; folders: -C, one after the other; given: variables by name."""
    cwd = _folder(call, folders)
    for name in files or [Word(n) for n in NAMES]:
        path = bare(name) if name.startswith("/") else f"{cwd}/{bare(name).removeprefix('./')}" if cwd else ""
        known = call.state.files.get(path)
        if known is not None and known.text is not None and not files:
            return  # judged as a whole
        text = text_of(call, path)
        if text is None:
            continue
        if not is_readable(call, path, text, RULES):
            return
        found = Makefile(text, given).recipes(targets)
        recite(call, tuple(Passage(recipe, path, line) for line, recipe in found), cwd)
        return


def run_package_script(call: Call, folders: list[Word], names: list[str], rest: list[Word], *, tail: bool) -> bool:
    """The scripts of the nearest package.json, in order, those that exist. tail: `rest` goes to the last one named.

    Gives whether the last one exists.
    """
    cwd = _folder(call, folders)
    root = call.machine.setting.workspace.root
    while cwd:
        path = f"{cwd}/{_PACKAGES}"
        text = text_of(call, path)
        if text is not None or not is_within(parent_of(cwd), root):
            break
        cwd = parent_of(cwd)
    scripts = _scripts(call, path, text) if cwd and text is not None else {}
    passages = []
    for index, name in enumerate(names):
        script = scripts.get(name)
        if script is None:
            continue
        found = re.search(rf'"{re.escape(name)}"\s*:', text or "")
        line = (text or "").count("\n", 0, found.start()) + 1 if found is not None else 1
        words = f" {shlex.join(bare(w) for w in rest)}" if tail and rest and index == len(names) - 1 else ""
        passages.append(Passage(script + words, path, line))
    recite(call, tuple(passages), cwd) if passages else None
    return bool(names) and names[-1] in scripts


def run_recipes(call: Call, files: list[Word], folders: list[Word], names: list[str]) -> None:
    """The recipes of a justfile. names: recipes, [] for the first one."""
    found = nearest(call, [bare(f) for f in files] or list(JUSTFILES), folders)
    if found is None or not is_readable(call, found[0], found[1], RULES):
        return
    path, text = found
    justfile = Justfile(text)
    commands, whole = justfile.commands([n for n in names if n in justfile.known()] or names)
    recite(call, tuple(Passage(t, path, n) for n, t in commands), parent_of(path))
    if not whole:
        unread(call, path)


def run_tasks(call: Call, files: list[Word], folders: list[Word], names: list[str]) -> None:
    """The tasks of a Taskfile. names: [] for the default."""
    found = nearest(call, [bare(f) for f in files] or list(TASKFILES), folders)
    if found is not None and is_readable(call, found[0], found[1]):
        tell(call, found[0], found[1], taskfile(found[1], names))


def run_listed(call: Call, folders: list[Word], names: list[str], rest: list[Word]) -> bool:
    """The scripts of composer.json, or the tasks of deno.json. rest: for the last. Gives whether there are such."""
    kinds = ["composer.json"] if call.name == "composer" else ["deno.json", "deno.jsonc"]
    found = nearest(call, kinds, folders)
    if found is None or not is_readable(call, found[0], found[1], RULES):
        return False
    lines, whole = (composer if call.name == "composer" else deno)(found[1], names)
    if lines and rest:
        lines[-1] += f" {shlex.join(bare(w) for w in rest)}"
    tell(call, found[0], found[1], (lines, whole))
    return bool(lines)


def tell(call: Call, path: str, text: str, found: Found) -> None:
    """Report the command lines that a file lists, with the line each stands on."""
    lines, whole = found
    passages = []
    for line in lines:
        start = line.strip().partition("\n")[0]
        at = next((p for p in (text.find(start[:n]) for n in range(40, 5, -1)) if p >= 0), -1)
        passages.append(Passage(line, path, text.count("\n", 0, at) + 1 if at >= 0 else 1))
    if passages:
        recite(call, tuple(passages), parent_of(path))
    if not whole:
        unread(call, path)


def nearest(call: Call, names: list[str], folders: list[Word]) -> tuple[str, str] | None:
    """The first of these files in the folder, or in those above it up to the workspace's; with its text."""
    cwd = _folder(call, folders)
    root = call.machine.setting.workspace.root
    while cwd:
        for name in names:
            path = name if name.startswith("/") else f"{cwd}/{name.removeprefix('./')}"
            text = text_of(call, path)
            if text is not None:
                return path, text
        cwd = parent_of(cwd) if is_within(parent_of(cwd), root) else ""
    return None


def around(name: str) -> list[str]:
    """A package script with those that run before and after it."""
    return ["pre" + name, "post" + name, name]


def _scripts(call: Call, path: str, text: str) -> dict[str, str]:
    document = json_of(text)
    if document is None:
        changed = call.state.files.get(path)
        if changed is None or changed.text is not None or call.machine.setting.probe.read_text(path) is not None:
            unread(call, path)  # else only what this command put into it is known: that is no document
        return {}
    found = document.get("scripts", {})
    return {str(k): v for k, v in found.items() if isinstance(v, str)} if isinstance(found, dict) else {}


def _folder(call: Call, folders: list[Word]) -> str:
    """The folder a command works in, '' when not known."""
    cwd = call.state.cwd
    for folder in folders:
        path = call.path(folder) if folder.startswith(("/", "~")) or cwd == call.state.cwd else f"{cwd}/{bare(folder)}"
        cwd = path if folder.known else ""
    return cwd
