"""Work is written over without a question because undo brings it back: where undo cannot, it is asked about.

Nobody can be asked in these sessions, so the work is still there afterwards.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from arena import Arena, Leg, arena

from leashtui.guards.kernel.probe import probe
from leashtui.model.request import Tier
from leashtui.stores.undo import LARGEST

pytestmark = pytest.mark.skipif(probe().tier is not Tier.STRICT, reason="this host does not give tier strict")

WAYS = {
    "emptied": "open('huge.txt', 'w')",
    "written into": "open('huge.txt', 'r+').write('EVIL')",
    "replaced": "open('x', 'w').write('EVIL'); os.rename('x', 'huge.txt')",
    "cut": "os.truncate('huge.txt', 1)",
}


@pytest.fixture(scope="module")
def place() -> Iterator[Arena]:
    with arena() as made:
        yield made


def huge(place: Arena) -> Path:
    path = place.proj / "huge.txt"
    path.write_text("mine")
    os.truncate(path, LARGEST + 1)
    os.chown(path, place.uid, place.gid)
    return path


def is_whole(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"mine" and path.stat().st_size == LARGEST + 1


@pytest.mark.timeout(120)
@pytest.mark.parametrize("options", [("--guard", "strict"), ("--guard", "compat")], ids=["strict", "compat"])
def test_what_is_too_large_to_keep_is_not_written_over_unasked(place: Arena, options: tuple[str, ...]) -> None:
    programs = {name: [sys.executable, "-S", "-c", f"import os; {text}"] for name, text in WAYS.items()}
    for name, program in programs.items():
        path = huge(place)
        place.run(*program)
        assert not is_whole(path), name
    leg = Leg(place, options)
    try:
        for name, program in programs.items():
            path = huge(place)
            leg.run(program)
            assert is_whole(path), name
        path = huge(place)
        leg.run([sys.executable, "-S", "-c", "open('huge.txt', 'a').write('more')"])
        assert path.stat().st_size == LARGEST + 5
        own = "open('own.txt', 'w').truncate(1 << 27); open('own.txt', 'w').write('again')"
        leg.run([sys.executable, "-S", "-c", own])
        assert (place.proj / "own.txt").read_text() == "again"
    finally:
        leg.close()
