"""Putting a file back: what was reported goes, what is newer stays, links lead nowhere. On a real directory."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest

from leashtui.guards.watcher.custody import Custody
from leashtui.guards.watcher.images import Image, Images, read, same
from leashtui.guards.watcher.messages import Done, Suspects
from leashtui.guards.watcher.restore import DIFFERS, put_back
from leashtui.model.facts import Place


def image(path: Path) -> Image | None:
    return read(str(path))


def restore(path: Path, before: Image | None, reported: Image | None) -> str:
    return put_back(str(path.parent), str(path), before, reported)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "f"
    made.write_text("before")
    made.chmod(0o640)
    return made


def test_content_and_mode_come_back(file: Path) -> None:
    before = image(file)
    file.write_text("after")
    file.chmod(0o755)
    assert restore(file, before, image(file)) == ""
    assert (file.read_text(), stat.S_IMODE(file.stat().st_mode)) == ("before", 0o640)
    assert [p.name for p in file.parent.iterdir()] == ["f"]


def test_a_mode_alone_comes_back_to_the_same_file(file: Path) -> None:
    before, number = image(file), file.stat().st_ino
    file.chmod(0o777)
    assert restore(file, before, image(file)) == ""
    assert (stat.S_IMODE(file.stat().st_mode), file.stat().st_ino) == (0o640, number)


@pytest.mark.parametrize("newer", ["newer", None])
def test_what_is_not_what_was_reported_stays(file: Path, newer: str | None) -> None:
    before = image(file)
    file.write_text("after")
    reported = image(file)
    file.unlink()
    if newer is not None:
        file.write_text(newer)
    assert restore(file, before, reported) == DIFFERS
    assert (file.read_text() if file.exists() else None) == newer


def test_what_was_not_there_goes_and_a_newer_one_stays(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_text("made")
    reported = image(file)
    file.write_text("made by somebody else")
    assert restore(file, None, reported) == DIFFERS and file.exists()
    assert restore(file, None, image(file)) == "" and not file.exists()


def test_a_deleted_file_comes_back_with_its_folder(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "er" / "f"
    file.parent.mkdir(parents=True)
    file.write_text("before")
    before = image(file)
    file.unlink()
    file.parent.rmdir()
    assert put_back(str(tmp_path), str(file), before, None) == ""
    assert file.read_text() == "before"


def test_a_link_in_its_place_goes_and_its_target_stays(file: Path, tmp_path: Path) -> None:
    before, target = image(file), tmp_path / "target"
    target.write_text("theirs")
    file.unlink()
    file.symlink_to(target)
    assert restore(file, before, image(file)) == ""
    assert not file.is_symlink() and (file.read_text(), target.read_text()) == ("before", "theirs")


def test_a_link_that_was_there_comes_back_as_one(tmp_path: Path) -> None:
    link = tmp_path / "l"
    link.symlink_to("somewhere")
    before = image(link)
    link.unlink()
    link.write_text("after")
    assert restore(link, before, image(link)) == ""
    assert os.readlink(link) == "somewhere"


def test_a_way_over_a_link_is_not_gone(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "f").write_text("theirs")
    (tmp_path / "way").symlink_to(tmp_path / "real")
    before = Image(b"x", 0o100644, None)
    wanted = image(tmp_path / "real" / "f")
    assert "known" in put_back(str(tmp_path), str(tmp_path / "way" / "f"), before, wanted)
    assert put_back(str(tmp_path), str(tmp_path / "way" / "f"), None, wanted) != ""
    assert (tmp_path / "real" / "f").read_text() == "theirs"
    assert Images([str(tmp_path)]).now(str(tmp_path / "way" / "f")) is None


def test_a_folder_in_its_place_is_kept_beside_it(file: Path) -> None:
    before = image(file)
    file.unlink()
    file.mkdir()
    (file / "work").write_text("kept")
    assert restore(file, before, image(file)) == ""
    assert file.read_text() == "before"
    (beside,) = file.parent.glob("f.denied-*")
    assert (beside / "work").read_text() == "kept"


def test_what_is_too_large_is_compared_and_not_kept(tmp_path: Path) -> None:
    images, path = Images([str(tmp_path)], budget=64), tmp_path / "f"
    path.write_bytes(os.urandom(4096))
    images.accept(str(path), images.now(str(path)))
    kept = images.of(str(path))
    assert kept is not None and kept.packed is None and same(kept, images.now(str(path)))
    path.write_bytes(b"other")
    assert not same(kept, images.now(str(path)))
    assert "too large" in restore(path, kept, images.now(str(path)))


class Everything:
    """A territory (guards.watcher.territory) in which every file is protected."""

    shallow: tuple[str, ...] = ()

    def __init__(self, root: Path) -> None:
        self.root, self.roots = str(root), (str(root),)

    def protected(self, path: str, place: Place) -> bool:
        return True

    def place(self, path: str) -> Place:
        return Place.HOOK

    def shown(self, path: str) -> str:
        return os.path.basename(path)


@pytest.mark.parametrize("gone", ["file", "folder", "everything"])
def test_what_cannot_be_put_back_is_told_once_and_not_for_ever(tmp_path: Path, gone: str) -> None:
    root = tmp_path / "work"
    (root / "d").mkdir(parents=True)
    file = root / "d/f"
    file.write_text("before")
    custody = Custody(Everything(root))  # type: ignore[arg-type]
    custody.remember(str(file))
    shutil.rmtree({"file": file.parent, "folder": file.parent, "everything": root}[gone])
    if gone == "file":
        file.parent.mkdir()
    (told,) = custody.weigh([str(file)])
    assert isinstance(told, Suspects)
    after = custody.restore(told.changes[0].number)
    assert [type(message) for message in after] == [Done]
    assert isinstance(after[0], Done)
    if gone == "everything":
        assert after[0].why
        assert not after[0].restored
    else:
        assert (after[0].why, after[0].restored) == ("", True)
        assert file.read_text() == "before"
    assert custody.weigh([], everything=True) == []
