"""What an ordinary user could not do anyway is answered as the kernel would; what might work is left to be judged."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from leashtui.guards.kernel.futile import why_futile
from leashtui.guards.kernel.naming import Deed, Kind
from leashtui.guards.kernel.spot import Spot

NOBODY = 65534


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that anybody may reach, with one that is closed to an ordinary user and one that is open."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        place = Path(name)
        for folder in ("closed", "open"):
            (place / folder).mkdir()
            (place / folder / "file").write_text("x")
        place.chmod(0o755)
        (place / "closed" / "file").chmod(0o444)
        (place / "open" / "file").chmod(0o666)
        (place / "closed").chmod(0o555)
        (place / "open").chmod(0o777)
        yield place
        (place / "closed").chmod(0o755)


def as_ordinary(work: Callable[[], int]) -> int:
    """What `work` answers for a user who is not root."""
    child = os.fork()
    if child == 0:
        code = 255
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setresgid(NOBODY, NOBODY, NOBODY)
                os.setresuid(NOBODY, NOBODY, NOBODY)
            code = work()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def spots_of(*paths: Path) -> list[Spot]:
    spots = []
    for path in paths:
        fd = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
        spots.append(
            Spot(fd, os.fsencode(path.parent), os.fsencode(path.name), path.lstat() if path.exists() else None)
        )
    return spots


def answer(kind: Kind, *paths: Path, flags: int = 0) -> int:
    spots = spots_of(*paths)
    code = why_futile(Deed(kind, flags=flags), -1, spots)
    for spot in spots:
        spot.close()
    return code


WRITE = os.O_WRONLY | os.O_CREAT


@pytest.mark.parametrize(
    ("kind", "names", "flags"),
    [
        (Kind.OPEN, ("file",), WRITE),
        (Kind.OPEN, ("new",), WRITE),
        (Kind.MKDIR, ("new",), 0),
        (Kind.UNLINK, ("file",), 0),
        (Kind.RENAME, ("file", "new"), 0),
        (Kind.TRUNCATE, ("file",), 0),
    ],
)
def test_what_permissions_forbid_is_futile_and_what_they_allow_is_not(
    place: Path, kind: Kind, names: tuple[str, ...], flags: int
) -> None:
    closed, opened = ([place / folder / name for name in names] for folder in ("closed", "open"))
    assert as_ordinary(lambda: answer(kind, *closed, flags=flags)) == errno.EACCES
    assert as_ordinary(lambda: answer(kind, *opened, flags=flags)) == 0


def test_moving_out_of_a_closed_folder_is_futile_and_so_is_moving_into_one(place: Path) -> None:
    ways = [("closed/file", "open/new"), ("open/file", "closed/new")]
    for old, new in ways:
        assert as_ordinary(lambda old=old, new=new: answer(Kind.RENAME, place / old, place / new)) == errno.EACCES


def test_the_mode_of_anothers_file_is_not_theirs_to_change(place: Path) -> None:
    assert as_ordinary(lambda: answer(Kind.CHMOD, Path("/etc/passwd"))) == errno.EPERM
    mine = place / "open" / "file"
    if os.geteuid() == 0:
        os.chown(mine, NOBODY, NOBODY)
    assert as_ordinary(lambda: answer(Kind.CHMOD, mine)) == 0


def test_a_read_only_file_system_says_so() -> None:
    assert as_ordinary(lambda: answer(Kind.OPEN, Path("/etc/shadow-"), flags=WRITE)) in (errno.EACCES, errno.EROFS)
