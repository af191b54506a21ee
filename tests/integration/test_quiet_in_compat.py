"""The same day's work in tier compat: nothing is asked either.

Controls: the person's own files are still asked about, and put back by the watcher, in the same session.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from arena import Arena, Leg, arena
from everyday import WORK, of_its_own

from leashtui.guards.kernel.probe import probe
from leashtui.model.request import Tier

pytestmark = pytest.mark.skipif(
    probe().tier not in (Tier.STRICT, Tier.EXEC), reason="this host does not give tier compat"
)
VAIN = (
    "mkdir d && echo 1 > d/x && ! rmdir d 2> log; ! rm d 2> log; rm -rf d log && test ! -e d",
    "rm -f new; mkdir new && touch new/x && rm -r new",
    "mkdir a b && touch a/x b/x && ! mv -T a b 2> log; rm -rf a b log && test ! -e a",
    "! mv none other 2> log; mkdir other && touch other/x && rm -r other log",
    "git init -q n && mv n m && sleep .5 && rm -rf m && sleep .5 && test ! -e m",
    "git clone -q . cl && cd cl && git commit -q --allow-empty -m x && cd .. && rm -rf cl && sleep .5 && test ! -e cl",
)
"""What the kernel would not do, and what was the session's own before it went."""


@pytest.fixture(scope="module")
def place() -> Iterator[Arena]:
    with arena() as made:
        yield made


@pytest.fixture(scope="module")
def leg(place: Arena) -> Iterator[Leg]:
    made = Leg(place, ("--guard", "compat"))
    yield made
    made.close()


@pytest.mark.parametrize("line", [*WORK, *VAIN])
def test_work_is_not_asked_about(line: str, leg: Leg) -> None:
    done = leg.run(["bash", "-c", of_its_own(line)], 60)
    assert "REFUSED" not in done["out"], done
    assert done["code"] == 0, done


@pytest.mark.parametrize(
    "line",
    [
        "! rmdir src 2> log; rm -r src",
        "rm -rf src",
        "python3 -c 'import shutil, sys; shutil.rmtree(sys.argv[1])' src",
        "mkdir -p y; mv src y/z && rm -rf y",
    ],
)
def test_the_persons_work_is_still_asked_about(line: str, leg: Leg, place: Arena) -> None:
    done = leg.run(["bash", "-c", line], 60)
    assert "REFUSED" in done["out"], done
    assert not place.changes().get("lost work"), done
