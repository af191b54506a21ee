"""Which files say what a project's tool runs, and who reads them.

Knows tools, names of files and their readers. Refuses to judge. Invariant: a file that is there and cannot be read is
said to be so: a program that does what it says is then not understood.
"""

from __future__ import annotations

from collections.abc import Callable

from leashtui.classify import buildfiles, hooklists, manifests
from leashtui.classify.call import Call
from leashtui.classify.project import nearest, tell
from leashtui.classify.pytasks import python_tasks
from leashtui.classify.scripts import LENGTH, RULES, is_readable, run_code, unread
from leashtui.classify.tasklists import Found
from leashtui.classify.values import bare

_Reader = Callable[[str, list[str]], Found]
_PYPROJECT = ("pyproject.toml",)
_COMPOSE = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
_PROCESSES: tuple[tuple[tuple[str, ...], _Reader], ...] = ((("Procfile", "Procfile.dev"), buildfiles.procfile),)
_STAGED = (".lintstagedrc", ".lintstagedrc.json", ".lintstagedrc.yaml", "package.json")
_GRADLE = ("build.gradle", "build.gradle.kts")
_VALUES = frozenset(("-f", "--file", "-c", "--config", "--taskfile", "--procfile", "--makefile", "--search-root", "-r"))


def _sessions(text: str, words: list[str]) -> Found:
    at = next((i for i, w in enumerate(words) if w in ("-s", "--session", "--sessions", "-e")), len(words))
    return python_tasks(text, [w for w in words[at + 1 :] if not w.startswith("-")][:8])


def _tasks(text: str, words: list[str]) -> Found:
    names = [w for w in words if not w.startswith("-") and "=" not in w]
    return python_tasks(text, names) if names else ([], True)


def _doit(text: str, words: list[str]) -> Found:
    return python_tasks(text, [w for w in words if not w.startswith("-") and "=" not in w and w != "run"])


_LISTS: dict[str, tuple[tuple[tuple[str, ...], _Reader], ...]] = {
    "poe": ((_PYPROJECT, manifests.poe),),
    "poethepoet": ((_PYPROJECT, manifests.poe),),
    "taskipy": ((_PYPROJECT, manifests.taskipy),),
    "task": ((_PYPROJECT, manifests.taskipy),),
    "pdm": ((_PYPROJECT, manifests.pdm),),
    "rye": ((_PYPROJECT, manifests.rye),),
    "hatch": ((("hatch.toml",), manifests.hatch), (_PYPROJECT, manifests.hatch)),
    "pixi": ((("pixi.toml",), manifests.pixi), (_PYPROJECT, manifests.pixi)),
    "pipenv": ((("Pipfile",), manifests.pipenv),),
    "tox": ((("tox.ini", "setup.cfg", "pyproject.toml"), manifests.tox),),
    "mise": (((".mise.toml", "mise.toml", ".mise/config.toml", "mise/config.toml"), manifests.mise),),
    "cargo-make": ((("Makefile.toml",), manifests.cargo_make),),
    "makers": ((("Makefile.toml",), manifests.cargo_make),),
    "cargo": (((".cargo/config.toml", ".cargo/config"), manifests.cargo_alias),),
    "nox": ((("noxfile.py",), _sessions),),
    "invoke": ((("tasks.py",), _tasks),),
    "inv": ((("tasks.py",), _tasks),),
    "fab": ((("fabfile.py",), _tasks),),
    "doit": ((("dodo.py",), _doit),),
    "pre-commit": (((".pre-commit-config.yaml", ".pre-commit-config.yml"), hooklists.pre_commit),),
    "prek": (((".pre-commit-config.yaml", ".pre-commit-config.yml"), hooklists.pre_commit),),
    "lefthook": ((("lefthook.yml", "lefthook.yaml", ".lefthook.yml", ".lefthook.yaml"), hooklists.lefthook),),
    "lint-staged": ((_STAGED, hooklists.lint_staged),),
    "nx": ((("project.json", "package.json"), hooklists.nx),),
    "docker-compose": ((_COMPOSE, hooklists.compose),),
    "podman-compose": ((_COMPOSE, hooklists.compose),),
    **dict.fromkeys(("docker", "podman", "nerdctl"), ((_COMPOSE, hooklists.compose),)),
    **dict.fromkeys(("foreman", "honcho", "overmind", "hivemind", "goreman"), _PROCESSES),
    **dict.fromkeys(("mvn", "mvnw", "./mvnw", "mvnd"), ((("pom.xml",), buildfiles.maven),)),
    "ant": ((("build.xml",), buildfiles.ant),),
    "cmake": ((("CMakeLists.txt",), buildfiles.cmake),),
    "earthly": ((("Earthfile",), buildfiles.earthfile),),
    **dict.fromkeys(("gradle", "gradlew", "./gradlew"), ((_GRADLE, buildfiles.gradle),)),
    "rake": ((("Rakefile", "rakefile", "Rakefile.rb"), buildfiles.rake),),
}
_PROGRAMS: dict[str, tuple[tuple[str, ...], str]] = {
    **dict.fromkeys(("gradle", "gradlew", "./gradlew"), (_GRADLE, "groovy")),
    "rake": (("Rakefile", "rakefile", "Rakefile.rb"), "ruby"),
    "nox": (("noxfile.py",), "python"),
    "invoke": (("tasks.py",), "python"),
    "inv": (("tasks.py",), "python"),
    "fab": (("fabfile.py",), "python"),
    "doit": (("dodo.py",), "python"),
    "scons": (("SConstruct",), "python"),
    "waf": (("wscript",), "python"),
    "gulp": (("gulpfile.js", "gulpfile.mjs", "gulpfile.cjs", "gulpfile.ts"), "node"),
    "grunt": (("Gruntfile.js", "Gruntfile.cjs"), "node"),
    "jake": (("Jakefile", "Jakefile.js"), "node"),
    "sbt": (("build.sbt",), "scala"),
    "mill": (("build.sc", "build.mill"), "scala"),
    "fastlane": (("fastlane/Fastfile",), "ruby"),
    "meson": (("meson.build",), "meson"),
}
"""Files that are programs in a language of their own: read for what destroys, where no list names what else they do."""
_ONLY_SHOWS = frozenset("--help --version --dry-run --list -T --tasks --listenvs --list-sessions -N".split())
_NAMES = frozenset((*_LISTS, *_PROGRAMS))


def run_lists(call: Call) -> None:
    """What the project's own files make this tool run."""
    if call.name not in _NAMES or not call.machine.curious:
        return
    words = [bare(w) for w in call.words[1:]]
    if _ONLY_SHOWS & set(words):
        return
    if call.name in ("docker", "podman", "nerdctl"):
        if "compose" not in words[:3]:
            return
        words = words[words.index("compose") + 1 :]
    elif call.name == "cargo" and words[:1] == ["make"]:
        _read(call, ("Makefile.toml",), manifests.cargo_make, words[1:])
        return
    for names, reader in _LISTS.get(call.name, ()):
        if _read(call, names, reader, words):
            break
    names, language = _PROGRAMS.get(call.name, ((), ""))
    found = nearest(call, list(names), []) if names else None
    if found is not None:
        if len(found[1]) > LENGTH:
            unread(call, found[0])
        else:
            run_code(call, found[0], found[1], language, called=False)


def _read(call: Call, names: tuple[str, ...], reader: _Reader, words: list[str]) -> bool:
    """Read the first of these files that is there. Gives whether there was one that says anything."""
    given = [w for former, w in zip(call.words[1:], call.words[2:], strict=False) if former in _VALUES]
    chosen = [bare(w) for w in given if "." in w or "/" in w or w in names]
    found = nearest(call, chosen or list(names), [])
    if found is None or not is_readable(call, found[0], found[1], RULES):
        return found is not None
    lines, whole = reader(found[1], words)
    tell(call, found[0], found[1], (lines, whole))
    return bool(lines) or not whole
