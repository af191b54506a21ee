"""Names that are made without Python: whichever of a kind it is, every judge answers as for the first of that kind."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from leashtui.classify import places, secrets
from leashtui.classify.workspace import Workspace
from leashtui.guards.kernel import express
from leashtui.guards.kernel.express import Lessons
from leashtui.guards.kernel.precious import stands_for
from leashtui.guards.kernel.swift import ENDS, LEADS, MEANS, TELLS, Swift, address_of
from leashtui.model.facts import Place
from leashtui.model.request import Action
from leashtui.supervisor.lanes import _SHORT, Lanes, OwnState

ROOT, HOME = "/home/p/proj", "/home/p"
FOLDERS = (
    "", "/src", "/src/deep/er", "/.git", "/.git/objects/ab", "/.git/refs/heads", "/.git/hooks", "/node_modules/x/lib",
    "/build", "/dist/assets", "/.github", "/.github/workflows", "/.claude", "/.claude/commands", "/.vscode", "/.husky",
    "/.circleci", "/docs", "/bin", "/.venv/bin", "/venv/lib/site-packages/p", "/conf", "/secrets", "/.ssh", "/target",
)  # fmt: skip
UNKNOWN = ("/.git/hooks", "/.husky", "/.claude", "/.claude/commands", "/.vscode", "/.ssh")
"""Where no write is ever known, so nothing is learned."""
ELSEWHERE = (
    "/home/p",
    "/home/p/other",
    "/tmp",
    "/tmp/x",
    "/etc",
    "/home/p/.config/app",
    "/home/p/.cache/pip",
    "/var/x",
)


@pytest.fixture(scope="module")
def swift() -> Iterator[Swift]:
    buffer = bytearray(80)
    yield Swift(-1, address_of(buffer), lambda mark, paths, tid: None)


def lanes() -> Lanes:
    made = Lanes(
        lambda request, reply: None,  # type: ignore[arg-type,return-value]
        Workspace(ROOT), HOME, by_class={Action.FILE_WRITE, Action.FILE_DELETE},
        own=OwnState((f"{HOME}/.cache/",), kept=(f"{HOME}/.cache/mine.txt",)),
    )  # fmt: skip
    made._allowed.update((Action.FILE_WRITE, place) for place in _SHORT[Action.FILE_WRITE])
    return made


def words() -> list[str]:
    """Every word that occurs in what the judges look for, and some that do not."""
    patterns = [
        value.pattern if isinstance(value, re.Pattern) else " ".join(map(str, value))
        for module in (places, secrets)
        for name, value in vars(module).items()
        if name.startswith("_") and isinstance(value, (re.Pattern, frozenset, tuple, dict)) and name != "__all__"
    ]
    lazies = [str(value.pattern) for m in (places, secrets) for value in vars(m).values() if hasattr(value, "pattern")]
    found = {word for text in (*patterns, *lazies) for word in re.findall(r"[A-Za-z][\w-]*", text)}
    return sorted(found | {"app", "main", "index", "x", "f17", "README", "a-b_c", "window"})


def test_the_words_are_those_of_the_judges() -> None:
    found = words()
    assert len(found) > 400
    assert {"CLAUDE", "credentials", "junit", "kubeconfig", "bazel-bin"} <= set(found)


@pytest.mark.parametrize("folder", [*(ROOT + f for f in FOLDERS), *ELSEWHERE])
def test_all_ordinary_names_of_a_kind_are_judged_alike(folder: str, swift: Swift) -> None:
    judge, chance, seen = lanes(), random.Random(folder), 0
    vocabulary = words()
    for kind in ENDS.split():
        one = f"{folder}/f0.{kind}"
        for word in vocabulary:
            stem = chance.choice((word, word, word.upper(), f"x-{word}", f"{word}-2", f"{word}_x", word + word))
            name = f"{stem}.{kind}"
            if swift.kind_of(name) != kind:
                continue
            seen += 1
            path = f"{folder}/{name}"
            assert judge._place(path) is judge._place(one), path
            assert judge.knows(Action.FILE_WRITE, path) == judge.knows(Action.FILE_WRITE, one), path
            assert judge.is_work(path) == judge.is_work(one), path
            assert judge.is_fleeting(path) == judge.is_fleeting(one), path
            assert stands_for(path) == path, path
            assert not places.is_telling(name, folder=False), path
    assert seen > 5000


@pytest.mark.parametrize(
    "name",
    [
        "CLAUDE.md", "claude.md", "AGENTS.md", "GEMINI.md", "copilot-instructions.md", "SKILL.md", "credentials.txt",
        "my-secrets.txt", "api_key.py", "conftest.py", "sitecustomize.py", "Jenkinsfile", "Makefile", ".envrc", ".env",
        "x", "x.json", "x.toml", "x.yml", "a.b.c", "x.", ".c", "..c", "a/b.c", "", "é.c", "a b.c", "a\nb.c", "x.c~",
    ],
)  # fmt: skip
def test_a_name_that_may_tell_has_no_kind(name: str, swift: Swift) -> None:
    assert swift.kind_of(name) == ""


@pytest.mark.parametrize("name", ["main.c", "README.md", "f17.txt", "a-b_c.js", "window.ts", "x+y@1.h"])
def test_an_ordinary_name_has_the_kind_of_its_end(name: str, swift: Swift) -> None:
    assert swift.kind_of(name) == name.rpartition(".")[2]


@pytest.mark.parametrize("folder", [*(ROOT + f for f in UNKNOWN), "/etc", "/home/p", "/var/x", "/home/p/.config/app"])
def test_where_writes_are_always_judged_nothing_is_known(folder: str) -> None:
    assert not any(lanes().knows(Action.FILE_WRITE, f"{folder}/{name}") for name in ("x", "f0.c", "notes.md"))


def test_only_a_folder_where_nobody_tells_names_apart_is_open_to_all() -> None:
    judge = lanes()
    for folder in (f"{ROOT}/node_modules/x", f"{ROOT}/.git/objects", f"{ROOT}/.git/objects/ab", "/tmp/x", "/tmp"):
        assert judge.knows_all(folder), folder
    for folder in (ROOT, f"{ROOT}/src", f"{ROOT}/.git", f"{ROOT}/.git/hooks", HOME, f"{HOME}/.cache", "/etc"):
        assert not judge.knows_all(folder), folder
    judge.change()
    assert not judge.knows_all(f"{ROOT}/node_modules/x")


@pytest.mark.parametrize("folder", [*(ROOT + f for f in FOLDERS if f not in UNKNOWN), "/tmp", "/tmp/x"])
def test_below_an_ordinary_folder_paths_mean_what_they_mean_beside_it(folder: str, swift: Swift) -> None:
    judge, chance, seen = lanes(), random.Random(folder), 0
    for word in words():
        for name in (word, word.lower(), chance.choice((f"x-{word}", f"{word}-2", f"{word}_x", word + word))):
            if not swift.kind_of_folder(name):
                continue
            seen += 1
            assert stands_for(f"{folder}/{name}") == f"{folder}/{name}"
            for kind in ("c", "md", "o", "txt", "js", "pyc"):
                beside, below = f"{folder}/f0.{kind}", f"{folder}/{name}/f0.{kind}"
                assert judge._place(below) is judge._place(beside), below
                assert judge.knows(Action.FILE_WRITE, below) == judge.knows(Action.FILE_WRITE, beside), below
                assert judge.is_work(below) == judge.is_work(beside), below
                assert judge.knows_all(f"{folder}/{name}") or not judge.knows_all(folder) or "/.git/" in below, below
            assert judge._place(f"{folder}/{name}") is judge._place(f"{folder}/zq"), name
    assert seen > 500


@pytest.mark.parametrize("name", ["build", "node_modules", ".git", "a.b", "hooks", "out-x", "Library", "", "x" * 65])
def test_a_folder_that_may_mean_something_has_no_kind(name: str, swift: Swift) -> None:
    assert swift.kind_of_folder(name) == ""


class Taught:
    """Stands for Swift: keeps what it is taught."""

    def __init__(self) -> None:
        self.folders: list[str] = []
        self.deep: list[str] = []
        self.but: dict[str, tuple[str, ...]] = {}
        self.dropped: list[tuple[str, str]] = []

    def kind_of(self, name: str) -> str:
        return name.rpartition(".")[2]

    def learn(self, folder: str, fd: int, *, every: bool, kind: str, tape: int, deep: bool, but: list[str]) -> None:
        self.folders.append(folder)
        self.but[folder] = tuple(but)
        if deep:
            self.deep.append(folder)

    def drops(self, folder: str, kind: str) -> None:
        self.dropped.append((folder, kind))

    def removes(self, folder: str) -> None:
        self.dropped.append((folder, "*"))


def test_beside_and_below_what_is_guarded_nothing_is_learned() -> None:
    taught = Taught()
    lessons = Lessons(taught, lanes(), lambda path: 0, ("/home/p/.ssh", "/home/p/proj/state/"))  # type: ignore[arg-type]
    for folder in ("/home/p", "/home/p/.ssh", "/home/p/.ssh/keys", ROOT, f"{ROOT}/state", f"{ROOT}/state/x"):
        lessons.made(folder, 3, "x.txt")
    assert taught.folders == []
    lessons.made(f"{ROOT}/src", 3, "x.txt")
    lessons.made("/home/p/.sshd", 3, "x.txt")
    assert taught.folders == [f"{ROOT}/src", "/home/p/.sshd"]


def test_leashs_own_folder_among_temporary_files_is_judged_by_its_name() -> None:
    """Without XDG_RUNTIME_DIR it lies in /tmp, where compilers write."""
    taught, judge = Taught(), lanes()
    judge._allowed.add((Action.FILE_WRITE, Place.TEMP))
    lessons = Lessons(taught, judge, lambda path: 0, ("/tmp/runtime-7/leashtui", "/tmp/b"))  # type: ignore[arg-type]
    for folder in ("/tmp", "/tmp/runtime-7", "/tmp/runtime-7/leashtui", "/tmp/b", "/tmp/b/c", "/tmp/other"):
        lessons.made(folder, 3, "ccX1.s")
    assert taught.but == {"/tmp": ("b", "runtime-7"), "/tmp/runtime-7": ("leashtui",), "/tmp/other": ()}
    assert taught.deep == ["/tmp/other"]


def test_a_home_among_temporary_files_is_judged_by_its_name() -> None:
    home, taught = "/tmp/h", Taught()
    judge = Lanes(
        lambda request, reply: None,  # type: ignore[arg-type,return-value]
        Workspace("/tmp/h/w"), home, by_class=set(_SHORT), own=OwnState(("/tmp/h/.cache/", "/tmp/mine-")),
    )  # fmt: skip
    judge._allowed.update((Action.FILE_WRITE, kind) for kind in _SHORT[Action.FILE_WRITE])
    lessons = Lessons(taught, judge, lambda path: 0, ())  # type: ignore[arg-type]
    lessons.made("/tmp", 3, "x")
    assert taught.but == {}, "names that begin with mine- are the agent's"
    judge = Lanes(
        lambda request, reply: None,  # type: ignore[arg-type,return-value]
        Workspace("/tmp/h/w"), home, by_class=set(_SHORT), own=OwnState(("/tmp/h/.cache/",)),
    )  # fmt: skip
    judge._allowed.update((Action.FILE_WRITE, kind) for kind in _SHORT[Action.FILE_WRITE])
    lessons = Lessons(taught, judge, lambda path: 0, ())  # type: ignore[arg-type]
    for folder in ("/tmp", "/tmp/h", "/tmp/h/.cache", "/tmp/o"):
        lessons.made(folder, 3, "x")
    assert taught.but == {"/tmp": ("h",), "/tmp/o": ()}
    assert taught.deep == ["/tmp/o"]


def test_a_folder_that_holds_the_workspace_teaches_nothing_of_what_lies_below_it() -> None:
    """A workspace in /tmp is no temporary file."""
    place = Workspace("/tmp/me/proj", also=("/tmp/main/.git",))
    judge = Lanes(lambda request, reply: None, place, "/home/p", by_class=set(_SHORT))  # type: ignore[arg-type,return-value]
    judge._allowed.update((Action.FILE_WRITE, kind) for kind in _SHORT[Action.FILE_WRITE])
    taught = Taught()
    lessons = Lessons(taught, judge, lambda path: 0, ())  # type: ignore[arg-type]
    for folder in ("/tmp", "/tmp/me", "/tmp/main", "/tmp/other", "/tmp/me/proj/src", "/tmp/me/proj/node_modules/x"):
        lessons.made(folder, 3, "x.txt")
    assert taught.folders[:3] == ["/tmp", "/tmp/me", "/tmp/main"]
    assert taught.deep == ["/tmp/other", "/tmp/me/proj/node_modules/x"]


def test_only_what_is_made_again_is_dropped_by_its_kind() -> None:
    taught, judge = Taught(), lanes()
    lessons = Lessons(taught, judge, lambda path: int(judge.is_work(path)), ())  # type: ignore[arg-type]
    lessons.removed(f"{ROOT}/src", 3, "a.o")
    assert taught.dropped == []  # nothing of the kind was allowed yet
    judge._allowed.update((Action.FILE_DELETE, place) for place in _SHORT[Action.FILE_DELETE])
    lessons.removed(f"{ROOT}/src", 3, "a.c")
    assert taught.dropped == []
    lessons.removed(f"{ROOT}/src", 3, "a.o")
    lessons.removed("/tmp", 3, "x")
    assert taught.dropped == [(f"{ROOT}/src", "o"), ("/tmp", "*")]


def test_what_may_be_removed_is_learned_for_all_that_lies_beside_it(tmp_path: Path) -> None:
    taught, inner = Taught(), tmp_path / "work/node_modules/p/lib"
    inner.mkdir(parents=True)
    place = Workspace(str(tmp_path / "work"))
    judge = Lanes(lambda request, reply: None, place, HOME, by_class=set(_SHORT))  # type: ignore[arg-type,return-value]
    judge._allowed.update((action, kind) for action, kinds in _SHORT.items() for kind in kinds)
    lessons = Lessons(taught, judge, lambda path: int(judge.is_work(path)), ())  # type: ignore[arg-type]
    lessons.removed(str(inner), 3, "x.js")
    top = str(tmp_path / "work/node_modules")
    assert taught.dropped == [(str(inner), "*"), (top, "*")]
    assert taught.deep == [str(inner), top]
    moved = tmp_path / "elsewhere"
    (tmp_path / "work/node_modules").rename(moved)
    (tmp_path / "work/node_modules").symlink_to(moved)
    lessons.removed(str(inner), 3, "y.js")
    assert taught.dropped[2:] == [(str(inner), "*")]


def test_whichever_file_of_a_kind_is_made_again_each_of_that_kind_is(swift: Swift) -> None:
    """What is dropped without a word is the same for every name of the kind that `kind_of` finds in a folder."""
    judge = lanes()
    judge._allowed.update((Action.FILE_DELETE, place) for place in _SHORT[Action.FILE_DELETE])
    stems, dropped = words(), 0
    for folder in [ROOT + below for below in FOLDERS] + list(ELSEWHERE):
        for kind in ENDS.split():
            first = judge.knows(Action.FILE_DELETE, f"{folder}/f0.{kind}")
            for stem in random.Random(kind).sample(stems, 12):
                name = f"{stem}.{kind}"
                if "/" not in name and swift.kind_of(name):
                    dropped += first
                    assert judge.knows(Action.FILE_DELETE, f"{folder}/{name}") == first, f"{folder}/{name}"
    assert dropped > 100


@pytest.mark.parametrize("name", ["日本.txt", "ü.c", "й", "\udcff.o", "a b.c"])
def test_names_in_any_script_or_none_can_be_told(name: str, swift: Swift) -> None:
    swift.disown(f"{ROOT}/{name}")
    swift.removes(f"{ROOT}/{name}")
    swift.drops(f"{ROOT}/{name}", "c")
    assert [swift.kind_of(name), swift.kind_of_folder(name)] == ["", ""]
    assert swift.kind_of("a.c") == "c"


def test_what_is_lent_beside_an_open_key_is_forgotten_with_it() -> None:
    judge, told = lanes(), []
    judge.changed.append(lambda: told.append("all"))
    judge.lend(["/home/p/.npm/_locks/"])
    assert judge.is_apart("/home/p/.npm")
    judge.lend([])
    assert told == ["all", "all"]


def test_directories_are_given_back(tmp_path: Path) -> None:
    buffer = bytearray(80)
    swift = Swift(-1, address_of(buffer), lambda mark, paths, tid: None, folders=128)
    before = len(os.listdir("/proc/self/fd"))
    fds = []
    for number in range(300):
        (tmp_path / str(number)).mkdir()
        fds.append(os.open(tmp_path / str(number), os.O_PATH))
        swift.learn(str(tmp_path / str(number)), fds[-1], every=False, kind="c", tape=0)
    for fd in fds:
        os.close(fd)
    assert before < len(os.listdir("/proc/self/fd")) <= before + 128
    swift.forget()
    assert len(os.listdir("/proc/self/fd")) == before


def folders(room: int = 8) -> Any:
    """What is known of directories, of which `room` are held."""
    from lupa.luajit21 import LuaRuntime

    lua = LuaRuntime(encoding="latin-1")
    lua.execute(
        "require('ffi').cdef[[ssize_t readlink(const char *, char *, size_t); int close(int); int fcntl(int, int, int);"
        "int access(const char *, int);"
        "int openat(int, const char *, int, unsigned);]]"
    )
    way = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW
    setting = lua.table_from({"ends": ENDS, "tells": TELLS, "means": MEANS, "leads": LEADS, "held": room, "path": way})
    place = Path(express.__file__).parent
    names = lua.compile((place / "names.lua").read_text())(setting)
    return lua.compile((place / "folders.lua").read_text())(setting, names)


def teach(known: Any, folder: Path, kind: str, *, every: bool = False, deep: bool = False) -> None:
    fd = os.open(folder, os.O_PATH)
    known.learn(str(folder), fd, 0 if every else -1, kind, 0, False, deep)
    os.close(fd)


@pytest.mark.parametrize(("above", "learned"), [("src", True), (".git", False)])
def test_what_a_folder_taught_holds_beside_it_but_not_in_git(tmp_path: Path, above: str, learned: bool) -> None:
    known = folders()
    head, below = tmp_path / above, tmp_path / above / "packed"
    below.mkdir(parents=True)
    teach(known, head, "x")
    teach(known, below, "c")
    known.next_turn()
    assert known.note_for(known["at"](str(below)), "main.c") == 0
    assert (known.note_for(known["at"](str(head)), "main.c") == 0) is learned
    known.forget(True)


def test_below_a_folder_open_to_all_every_folder_is_but_for_links_and_dots(tmp_path: Path) -> None:
    known = folders()
    for name in ("all/p/lib", "all/.config/x", "some/p", "elsewhere/y"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "all/link").symlink_to(tmp_path / "elsewhere")
    teach(known, tmp_path / "all", "", every=True, deep=True)
    teach(known, tmp_path / "some", "c")
    (tmp_path / "holding/proj").mkdir(parents=True)
    teach(known, tmp_path / "holding", "", every=True)
    known.removes(str(tmp_path / "all"))
    known.next_turn()
    lib = known["at"](str(tmp_path / "all/p/lib"))
    assert known.note_for(lib, "README") == 0
    assert lib.removes
    for name in (
        "all/.config",
        "all/.config/x",
        "all/link",
        "all/link/y",
        "all/p/../../some",
        "all/none",
        "some/p",
        "holding/proj",
    ):
        assert known["at"](str(tmp_path / name)) is None, name
    (tmp_path / "all/p").rename(tmp_path / "elsewhere/p")
    known.next_turn()
    assert known["at"](str(tmp_path / "all/p/lib")) is None
    known.forget(True)


def test_what_was_given_out_stays_open_for_its_turn_however_many_follow(tmp_path: Path) -> None:
    known = folders(room=4)
    for number in range(40):
        (tmp_path / f"all/p{number}").mkdir(parents=True)
    teach(known, tmp_path / "all", "", every=True, deep=True)
    known.next_turn()
    first = known["at"](str(tmp_path / "all/p0"))
    for number in range(1, 40):
        assert known["at"](str(tmp_path / f"all/p{number}")) is not None
    assert os.readlink(f"/proc/self/fd/{first.fd}") == str(tmp_path / "all/p0")
    known.next_turn()
    known["at"](str(tmp_path / "all/p39"))
    known.forget(False)
    known.forget(False)
    held = [os.readlink(entry.path) for entry in os.scandir("/proc/self/fd") if os.path.islink(entry.path)]
    assert [path for path in held if path.startswith(f"{tmp_path}/all/p")] == [str(tmp_path / "all/p39")]
    known.forget(True)
