"""New files by the short way: the same file as by the long one, or nothing at all; and directories that stay open."""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from leashtui.guards.kernel import abi, credentials
from leashtui.guards.kernel import numbers as nr
from leashtui.guards.kernel.credentials import Masks
from leashtui.guards.kernel.express import Express
from leashtui.guards.kernel.folders import Folders
from leashtui.guards.kernel.listener import Listener, Notice
from leashtui.guards.kernel.naming import Deed, read_deed

CWD = abi.AT_FDCWD & 0xFFFFFFFF


class Hands(Listener):
    """Keeps what a caller would have been given."""

    def __init__(self) -> None:
        self.given: list[int] = []

    def hand(self, notice: int, fd: int, flags: int) -> bool:
        self.given.append(os.dup(fd))
        return True


@pytest.fixture
def hands() -> Iterator[Hands]:
    made = Hands()
    yield made
    for fd in made.given:
        os.close(fd)


Way = Callable[..., bool]


@pytest.fixture
def way(hands: Hands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Way:
    """Asks the short way to open a name from `tmp_path`; told: what it said of it."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)  # as root the short way is closed
    monkeypatch.chdir(tmp_path)
    told: list[str] = []

    def may(path: str) -> bool:
        return "forbidden" not in path

    express = Express(hands, Folders(), Masks(), may, lambda _, name, path, tid: told.append(path), None)

    def opened(name: str, flags: int, mode: int = 0o644) -> bool:
        text = ctypes.create_string_buffer(os.fsencode(name))
        notice = Notice(1, os.getpid(), nr.OPENAT, (CWD, ctypes.addressof(text), flags, mode, 0, 0))
        told.clear()
        deed: Deed = read_deed(notice)
        done = express.made(notice, deed)
        assert bool(told) == done
        return done

    return opened


MAKE = os.O_WRONLY | os.O_CREAT


@pytest.mark.parametrize("more", [0, os.O_EXCL, os.O_TRUNC, os.O_APPEND, os.O_RDWR])
def test_a_new_file_is_made_with_the_caller_s_mask_and_handed_over(way: Way, hands: Hands, more: int) -> None:
    before = os.umask(0o027)
    try:
        assert way("new.txt", MAKE | more if more != os.O_RDWR else os.O_CREAT | os.O_RDWR, 0o666)
    finally:
        os.umask(before)
    assert os.stat("new.txt").st_mode & 0o777 == 0o640
    os.write(hands.given[0], b"text")
    assert Path("new.txt").read_text() == "text"


def test_what_is_there_is_left_to_the_long_way(way: Way, hands: Hands) -> None:
    Path("old").write_text("kept")
    Path("link").symlink_to("elsewhere")
    os.mkfifo("pipe")
    for name in ("old", "link", "pipe"):
        assert not way(name, MAKE | os.O_TRUNC)
    assert not hands.given
    assert Path("old").read_text() == "kept"
    assert not Path("elsewhere").exists()


@pytest.mark.parametrize(
    "name",
    [
        ".git", ".env", "sub/.hidden", "../up", "sub/./here", "a//b", "dir/", "/proc/self/x", "/dev/shm/x", "sp ace",
        "é", "", "forbidden", "none/such", "way/through",
    ],
)  # fmt: skip
def test_every_name_that_is_not_plain_goes_the_long_way(way: Way, hands: Hands, name: str) -> None:
    Path("sub").mkdir()
    Path("way").symlink_to("sub")
    with contextlib.suppress(OSError):  # as the kernel would refuse it
        assert not way(name, MAKE)
    assert not hands.given
    assert sorted(os.listdir()) == ["sub", "way"]
    assert os.listdir("sub") == []


def test_only_what_makes_files_is_met(way: Way) -> None:
    assert not way("x", MAKE, 0o4755), "a mode that lends its owner is judged the long way"
    for flags in (os.O_WRONLY, os.O_RDONLY, MAKE | os.O_DIRECTORY, os.O_RDWR | os.O_TMPFILE, MAKE | os.O_PATH):
        assert not way("x", flags)
    assert os.listdir() == []


def test_as_root_it_is_open_to_root_alone(hands: Hands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.chdir(tmp_path)
    express = Express(hands, Folders(), Masks(), lambda path: True, lambda fd, name, path, tid: None, None)
    text = ctypes.create_string_buffer(b"x")
    notice = Notice(1, os.getpid(), nr.OPENAT, (CWD, ctypes.addressof(text), MAKE, 0o644, 0, 0))
    said = b"Name:\tx\nUmask:\t0022\nUid:\t%b\nGid:\t0\t0\t0\t0\n"
    for users, done in ((b"0\t0\t0\t1000", False), (b"1000\t1000\t1000\t1000", False), (b"0\t0\t0\t0", True)):
        monkeypatch.setattr(credentials, "status_of", lambda tid, users=users: said % users)
        assert express.made(notice, read_deed(notice)) is done
    monkeypatch.setattr(credentials, "status_of", lambda tid: b"")
    assert not credentials.is_as_we_are(1), "somebody who is gone"


# directories ----------------------------------------------------------------------------------------------------------
def test_a_directory_that_was_renamed_replaced_or_removed_is_found_anew(tmp_path: Path) -> None:
    folders, place = Folders(), os.fsencode(tmp_path / "a")
    os.mkdir(place)
    first, real, lent = folders.open(place)
    assert (real, lent) == (place, True)
    assert folders.open(place)[0] == first
    os.rename(place, place + b"2")
    with pytest.raises(FileNotFoundError):
        folders.open(place)
    os.mkdir(place)
    second, _, _ = folders.open(place)
    assert os.fstat(second).st_ino == os.stat(place).st_ino != os.fstat(first).st_ino
    os.rmdir(place)
    os.symlink(place + b"2", place)
    third, real, lent = folders.open(place)
    assert (real, lent) == (place + b"2", False), "through a link: nobody keeps that"
    os.close(third)


def test_directories_not_used_for_a_while_are_let_go(tmp_path: Path) -> None:
    folders = Folders()
    before = len(os.listdir("/proc/self/fd"))
    for number in range(200):
        (tmp_path / str(number)).mkdir()
        folders.open(os.fsencode(tmp_path / str(number)))
    assert len(os.listdir("/proc/self/fd")) <= before + 64
    folders.tidy()
    folders.tidy()
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_mask_is_read_again_after_a_change_and_after_a_while() -> None:
    masks, before = Masks(), os.umask(0o011)
    try:
        assert masks.of(os.getpid()) == 0o011
        os.umask(0o022)
        assert masks.of(os.getpid()) == 0o011, "remembered, as nobody said that it changed"
        masks.changes(os.getpid(), 0o7022)
        os.umask(0o033)
        assert masks.of(os.getpid()) == 0o022, "whoever changes it has what it said, from its next call on"
        masks.changes(1, 0o022)
        assert masks.of(os.getpid()) == 0o033
        os.umask(0o044)
        assert masks.of(os.getpid()) == 0o044, "of others nothing is remembered until things have settled"
        assert not masks.remembers(os.getpid())
        os.umask(0o033)
        masks.tidy()
        assert masks.of(os.getpid()) == 0o033
        os.umask(0o044)
        masks.tidy()
        assert masks.of(os.getpid()) == 0o044
    finally:
        os.umask(before)
