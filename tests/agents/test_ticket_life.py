"""What becomes of an act that its agent would not wait for, on each real agent: denied late, changed, elsewhere."""

from __future__ import annotations

import pytest
from agents import conftest
from agents.conftest import PANELS, Rig, make_rig, settle, waits
from conftest import World, eventually
from model_server import Step

END = "echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"


@pytest.fixture(params=sorted(PANELS))
def rig(request: pytest.FixtureRequest, world: World, monkeypatch: pytest.MonkeyPatch) -> Rig:
    """Each agent in turn, that without hooks too."""
    monkeypatch.setattr(conftest, "SETUPS", PANELS | conftest.SETUPS)
    return make_rig(request.param, world)


def _until(name: str) -> Step:
    return {"shell": f"{waits(name)}; echo {name}"}


def test_a_late_no_reaches_the_model_and_a_late_yes_is_for_that_very_act(rig: Rig) -> None:
    """Refused late; then approved late, but the script is another one by then, the folder is, the words are."""
    rig.world.config(f"[patience]\n{rig.kind} = 2\n")
    place = rig.world.workspace
    for name in ("notes", "drafts", "sub/notes"):
        (place / name).mkdir(parents=True)
        (place / name / "a.txt").write_text("mine\n")
    (place / "a.sh").write_text("find notes -delete\n")
    (place / "b.sh").write_text("find drafts -delete\n")
    again: tuple[Step, ...] = ({"shell": "bash a.sh"},) if rig.kind == "mini" else ()  # it hears of it in no other way
    steps: tuple[Step, ...] = (
        {"shell": "bash a.sh"}, _until("one"), *again,
        {"shell": "bash b.sh"}, _until("two"), {"shell": "bash b.sh"}, _until("three"),
        {"shell": "cd sub && find notes -delete"}, _until("four"), {"shell": "find notes -delete"},
        {"shell": f"echo on > on.txt; {END}"},
    )  # fmt: skip
    with rig.running(*steps, options=("--on-ask", "wait")) as leash:
        eventually(lambda: "Waiting for approval L-1" in rig.told())
        assert rig.world.leash("deny", "L-1", "--because", "the notes stay here").returncode == 0
        (place / "one").touch()
        eventually(lambda: "Waiting for approval L-2" in rig.told())
        assert "the notes stay here" in rig.model_saw()
        (place / "b.sh").write_text("find drafts src -delete\n")
        for nth, then in ((2, "two"), (3, "three"), (4, "four")):
            eventually(lambda: f"Waiting for approval L-{nth}" in rig.told())  # noqa: B023 - called at once
            assert rig.world.leash("approve", f"L-{nth}").returncode == 0
            (place / then).touch()
        out = rig.finish(leash)
    assert "Waiting for approval L-5" in rig.told(), out
    assert all((place / name / "a.txt").exists() for name in ("notes", "drafts", "sub/notes"))
    assert (place / "on.txt").exists() and (place / "src").exists()
    asked = [a["card"]["command"] for a in rig.world.events("act.asked")]
    commands = ["bash a.sh", "bash b.sh", "bash b.sh", "cd sub && find notes -delete", "find notes -delete"]
    assert all(command in card for command, card in zip(commands, asked, strict=True)), asked
    assert rig.told().count("NOT EXECUTED") == 5


def test_a_late_yes_is_worth_nothing_when_its_time_is_over(rig: Rig) -> None:
    """The retry is asked about like any other act; what is approved in time runs."""
    rig.world.config(f"late = 3\n[patience]\n{rig.kind} = 2\n")
    place = rig.world.workspace
    for name in ("notes", "drafts"):
        (place / name).mkdir()
        (place / name / "a.txt").write_text("mine\n")
    steps: tuple[Step, ...] = (
        {"shell": "find notes -delete"}, _until("one"), {"shell": "find notes -delete"},
        {"shell": "find drafts -delete"}, _until("two"), {"shell": "find drafts -delete"},
        {"shell": f"echo on > on.txt; {END}"},
    )  # fmt: skip
    with rig.running(*steps, options=("--on-ask", "wait")) as leash:
        eventually(lambda: "Waiting for approval L-1" in rig.told())
        assert rig.world.leash("approve", "L-1").returncode == 0
        settle(4)
        (place / "one").touch()
        eventually(lambda: "Waiting for approval L-3" in rig.told())
        assert (place / "notes/a.txt").exists()
        assert rig.world.leash("approve", "L-3").returncode == 0
        (place / "two").touch()
        out = rig.finish(leash)
    assert (place / "on.txt").exists() and (place / "notes/a.txt").exists(), out
    assert not (place / "drafts").exists()
    assert [e["ask"] for e in rig.world.events("act.ticket")] == ["L-1", "L-2", "L-3"]
