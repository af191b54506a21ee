"""Programs and files that go by another name, and what the session made itself."""

from __future__ import annotations

import pytest

from leashtui.classify.engine import Engine
from leashtui.classify.places import Workspace
from leashtui.classify.probe import NoProbe
from leashtui.model.facts import Facts, Place, Verb
from leashtui.model.request import Action, Layer, Mode, Request

ROOT, HOME = "/home/dev/proj", "/home/dev"


class Known(NoProbe):
    """`x` is a copy of kubectl, `own` and `.venv/bin/ls` were made by the session, `v` is a Python environment."""

    def exists(self, path: str) -> bool | None:
        """See Probe."""
        return path == f"{ROOT}/v/pyvenv.cfg"

    def read_text(self, path: str) -> str | None:
        """See Probe."""
        return "import shutil\nshutil.rmtree('/home/dev/work')\n" if path == f"{ROOT}/.venv/bin/ls" else None

    def twin(self, path: str) -> str:
        """See Probe."""
        return "/usr/bin/kubectl" if path == f"{ROOT}/x" else ""

    def made(self, path: str) -> bool:
        """See Probe."""
        return path.startswith((f"{ROOT}/own", f"{ROOT}/.venv/bin/ls", f"{HOME}/.pyenv/libexec/none"))


@pytest.fixture
def engine() -> Engine:
    return Engine(Workspace(ROOT), HOME, "dev", Mode.KERNEL, Known())


def run(engine: Engine, *argv: str, exe: str = "", env: tuple[tuple[str, str], ...] = ()) -> Facts:
    return engine(Request(Action.PROCESS_EXEC, Layer.KERNEL, ROOT, argv=argv, exe=exe, env=env))


@pytest.mark.parametrize(
    ("called", "exe", "expected"),
    [
        ("g", "/usr/bin/git", "git"),
        ("sh", "/usr/bin/ssh", "ssh"),
        ("python3", "/usr/bin/python3.11", "python3"),
        ("cc", "/usr/bin/x86_64-linux-gnu-gcc-12", "cc"),
        ("vi", "/usr/bin/vim.basic", "vi"),
        ("pkill", "/usr/bin/pgrep", "pkill"),
        ("ls", "/usr/bin/pgrep", "pgrep"),
        ("poweroff", "/usr/bin/systemctl", "poweroff"),
    ],
)
def test_a_program_is_what_runs_not_what_it_is_called(engine: Engine, called: str, exe: str, expected: str) -> None:
    assert expected in run(engine, called, "x", exe=exe).programs


@pytest.mark.parametrize(
    ("argv", "exe"),
    [
        (("./x", "delete", "ns", "prod"), f"{ROOT}/x"),
        (("/bin/sh", "./x", "delete", "ns", "prod"), "/usr/bin/dash"),
    ],
)
def test_a_copy_is_judged_by_what_it_copies(engine: Engine, argv: tuple[str, ...], exe: str) -> None:
    facts = run(engine, *argv, exe=exe)
    assert "kubectl" in facts.programs
    assert any(e.verb is Verb.CLOUD_CHANGE for e in facts.effects)
    other = run(engine, "./y", "delete", "ns", "prod", exe=f"{ROOT}/y")
    assert not any(e.verb is Verb.CLOUD_CHANGE for e in other.effects)


@pytest.mark.parametrize("folder", ["v", ".venv", "env"])
def test_a_program_of_a_python_environment_is_judged_as_that_program(engine: Engine, folder: str) -> None:
    facts = run(engine, f"{folder}/bin/python", f"{ROOT}/{folder}/bin/pip", "install", "six", exe="/usr/bin/python3.11")
    assert any(e.verb is Verb.PACKAGE_ADD for e in facts.effects)
    other = run(engine, "python3", f"{ROOT}/tools/pip", "install", "six", exe="/usr/bin/python3.11")
    assert not any(e.verb is Verb.PACKAGE_ADD for e in other.effects), "a script of that name in any folder"


def test_one_that_the_session_wrote_is_read_besides(engine: Engine) -> None:
    facts = run(engine, "python3", f"{ROOT}/.venv/bin/ls", exe="/usr/bin/python3.11")
    assert any(e.verb is Verb.DELETE and "/home/dev/work" in e.target for e in facts.effects)


@pytest.mark.parametrize("exe", ["/memfd:x (deleted)", f"{ROOT}/gone (deleted)"])
def test_a_program_without_a_file_is_one_from_a_temporary_folder(engine: Engine, exe: str) -> None:
    assert any(e.verb is Verb.EXEC and e.place is Place.TEMP for e in run(engine, "x", exe=exe).effects)


@pytest.mark.parametrize(
    ("library", "expected"),
    [
        ("/usr/libexec/coreutils/libstdbuf.so", False),
        ("/usr/lib/x86_64-linux-gnu/libfakeroot/libfakeroot-sysv.so", False),
        ("./libstdbuf.so", True),
        ("/usr/libexec/coreutils/libstdbuf.so:./x.so", True),
        ("/usr/lib/../../tmp/libstdbuf.so", True),
    ],
)
def test_what_wrappers_of_the_system_preload_hides_nothing(engine: Engine, library: str, expected: bool) -> None:
    assert run(engine, "ls", exe="/usr/bin/ls", env=(("LD_PRELOAD", library),)).obfuscated is expected


def test_what_the_session_made_may_be_removed_and_it_is_no_removal(engine: Engine) -> None:
    facts = run(engine, "rm", "-rf", "own", exe="/usr/bin/rm")
    assert not facts.destructive
    assert not any(e.verb is Verb.DELETE for e in facts.effects), "what lies there later would count as foretold"
    assert run(engine, "rm", "-rf", "theirs", exe="/usr/bin/rm").destructive
    assert not run(engine, "truncate", "-s", "0", "own", exe="/usr/bin/truncate").destructive
    assert run(engine, "truncate", "-s", "0", "theirs", exe="/usr/bin/truncate").destructive


@pytest.mark.parametrize(
    ("path", "exe", "expected"),
    [
        (".git/refs/heads/main", "/usr/bin/python3.11", True),
        (".git/refs/heads/main", "/usr/bin/git", False),
        (".git/objects/ab/cd", "/usr/lib/git-core/git-http-fetch", False),
        (".git/HEAD", f"{ROOT}/git", True),
        (".git/COMMIT_EDITMSG", "/usr/bin/vim.basic", False),
        (".git/info/exclude", "/usr/bin/dash", False),
    ],
)
def test_only_git_changes_what_git_keeps(engine: Engine, path: str, exe: str, expected: bool) -> None:
    request = Request(Action.FILE_WRITE, Layer.KERNEL, "/", exe=exe, path=f"{ROOT}/{path}")
    assert engine(request).destructive is expected


@pytest.mark.parametrize(
    ("library", "hidden"),
    [
        ("/usr/lib/bash/realpath", False),
        ("/home/dev/.pyenv/libexec/pyenv-realpath.dylib", False),
        ("/home/dev/.pyenv/libexec/none.so", False),  # nothing is there, so all of it were the session's
        ("/tmp/libexec/x.so", True),
        ("x.so", True),
        (".venv/bin/ls", True),  # the session's own
        ("/home/dev/proj/libexec/x.so", True),
        ("$UNKNOWN/x.so", True),
    ],
)
def test_a_builtin_from_where_programs_are_installed_hides_nothing(engine: Engine, library: str, hidden: bool) -> None:
    facts = run(engine, "bash", "-c", f"enable -f {library} x", exe="/bin/bash")
    assert facts.obfuscated is hidden


@pytest.mark.parametrize(
    ("setting", "hidden"),
    [
        ("PAGER=/usr/bin/pager", False),
        ("GIT_EDITOR=:", False),
        ("GIT_EDITOR=::/tmp/x", True),
        ("LESSOPEN='|xz -cdfqQ -- %s'", False),
        ("BROWSER=x-www-browser:firefox:links2", False),
        ("BROWSER=firefox:./mine", True),
        ("BROWSER=firefox:/tmp/x", True),
        ("PAGER='xz -dc > x; sh x'", True),
        ("PAGER=/tmp/pager", True),
    ],
)
def test_an_ordinary_pager_or_browser_in_a_setting_hides_nothing(engine: Engine, setting: str, hidden: bool) -> None:
    facts = run(engine, "bash", "-c", f"export {setting}; man ls", exe="/bin/bash")
    assert facts.obfuscated is hidden


@pytest.mark.parametrize(
    ("script", "runs"),
    [
        ("\n  # what to leave out, e\n  /x/d", False),
        ("# a note; e\np", False),
        ("s/x/id\\\n#/e", True),
        ("# a note\ne id", True),
        ("# a note\\\ne id", True),
        ("1e id", True),
        ("1i\\\n# for the size, e\nd", False),
        ("1i\\\n# for the size\ne id", True),
        ("s/x/;1i\\\nid/e", True),
        ("s/x/\\\n1i\\\nid/e", True),
    ],
)
def test_what_a_sed_script_says_to_people_runs_nothing(engine: Engine, script: str, runs: bool) -> None:
    assert run(engine, "sed", script, "a.txt", exe="/usr/bin/sed").obfuscated is runs
