"""A folder for temporary files is one only where nothing else can lie."""

from __future__ import annotations

from pathlib import Path

import pytest

from leashtui.classify.places import place_of
from leashtui.classify.workspace import Workspace
from leashtui.model.facts import Place
from leashtui.supervisor.temporary import temps_of


def test_a_folder_of_the_persons_own_elsewhere_is_for_temporary_files(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir(mode=0o1777)
    scratch.chmod(0o1777)
    temps = temps_of({"TMPDIR": f"{scratch}/"}, "/home/me", "/home/me/proj")
    assert temps == (str(scratch),)
    assert place_of("/scratch/me/x", Workspace("/home/me/proj", temps=("/scratch/me",)), "/home/me") is Place.TEMP
    assert place_of("/scratch/me/x", Workspace("/home/me/proj"), "/home/me") is not Place.TEMP


@pytest.mark.parametrize("below", ["", "home", "home/tmp", "home/proj/tmp", "missing", "file"])
def test_no_folder_that_holds_work_or_lies_in_it(tmp_path: Path, below: str) -> None:
    (tmp_path / "home/proj/tmp").mkdir(parents=True)
    (tmp_path / "home/tmp").mkdir()
    (tmp_path / "file").touch()
    home = str(tmp_path / "home")
    assert temps_of({"TMPDIR": str(tmp_path / below)}, home, f"{home}/proj") == ()


@pytest.mark.parametrize(
    "named", ["", "tmp", "/", "/usr/lib", "/run/user/1000", "/etc", "/dev/shm/../../var/lib", "/mnt"]
)
def test_no_place_of_the_system(named: str) -> None:
    assert temps_of({"TMPDIR": named}, "/home/me", "/home/me/proj") == ()
