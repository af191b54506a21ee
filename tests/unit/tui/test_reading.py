"""Choosing rows, opening them, the changed files: what is read never answers what waits."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from rich.cells import cell_len
from tui_desk import DIFF, NOON, a_morning, decided, force_push, install, recorded, welcome

from leashtui.faces.tui.details import draw_details
from leashtui.faces.tui.keys import DEFAULT
from leashtui.faces.tui.look import coloured
from leashtui.faces.tui.panel import Panel
from leashtui.faces.tui.reading import Reading
from leashtui.faces.tui.side import side
from leashtui.faces.tui.timeline import Timeline
from leashtui.model.event import Answered, FileChanged, GrantAdded, GrantRevoked
from leashtui.model.facts import Place
from leashtui.model.verdict import By, Ruling, Verdict
from leashtui.model.wire import Answer, CardShown, FaceMessage, Recorded, Revoke
from leashtui.words.refusal import REFUSED_BEFORE, refusal

LOOK = coloured()


def made(*events: object) -> Timeline:
    timeline = Timeline()
    for message in recorded(events) if events else [m for m in a_morning() if isinstance(m, Recorded)]:  # type: ignore[arg-type]
        timeline.add(message)
    return timeline


def changed(path: str, change: str = "modified", plus: int = 1, minus: int = 0, **more: object) -> FileChanged:
    return FileChanged(path, change, Place.SOURCE, False, plus=plus, minus=minus, **more)  # type: ignore[arg-type]


class Player:
    def __init__(self) -> None:
        self.sent: list[FaceMessage] = []
        self.now = 100.0
        self.panel = Panel(
            welcome(), send=self.sent.append, type_=lambda _: None, leave=lambda: None, wall=lambda: NOON
        )
        for message in a_morning()[:-1]:
            self.panel.hear(message, self.now)
        self.panel.give_keys(True, self.now)

    def press(self, *names: str) -> None:
        for name in names:
            self.now += 1
            self.panel.press(name, name if len(name) == 1 else None, "", self.now)

    def card(self, *cards: object) -> None:
        for card in cards:
            self.panel.hear(CardShown(card), self.now)  # type: ignore[arg-type]
        self.panel.queue.in_view(True, self.now)

    def shown(self, width: int = 46, height: int = 30) -> str:
        lines = side(
            self.panel, LOOK, width, height, now=self.now, wall=NOON, home="", stamp=lambda _: "12:00:00", rule=True
        )
        assert len(lines) <= height
        assert all(cell_len(line.plain) <= width for line in lines)
        return "\n".join(line.plain for line in lines)


def test_the_first_step_chooses_the_newest_row_and_it_stays_chosen() -> None:
    timeline = made()
    reading = Reading(timeline)
    reading.move(-1)
    newest = reading.row
    assert newest is timeline.rows()[-1]
    for message in recorded([*(decided(f"ls {n}") for n in range(30))]):
        timeline.add(Recorded(message.seq + 14, replace(message.record, id=f"X{message.seq}")))
    assert reading.row is newest
    first, end = reading.window(reading.rows(), 5)
    assert newest in reading.rows()[first:end]
    reading.move(1)
    assert reading.row is not newest


@pytest.mark.parametrize("room", [1, 3, 100])
def test_what_is_chosen_is_always_in_the_window(room: int) -> None:
    timeline = made(*(decided(f"ls {n}") for n in range(40)))
    reading = Reading(timeline)
    for step in [-1] * 45 + [1] * 45:
        reading.move(step)
        rows = reading.rows()
        first, end = reading.window(rows, room)
        assert reading.row in rows[first:end]
        assert end - first <= room


def test_files_are_summed_below_their_folders() -> None:
    timeline = made(
        changed("b/x.py", "created", 3), changed("b/x.py", plus=2, minus=1), changed("a.py"),
        changed("b/y.py", "deleted", 0, 4),
        changed("c/old", "moved", 0, to="c/new"), FileChanged(".git/hooks/pre-push", "created", Place.HOOK, True),
    )  # fmt: skip
    rows = [(r.kind, r.word, r.text, r.tail) for r in timeline.files.rows()]
    assert rows == [
        ("file", "changed", "a.py", "+1 -0"),
        ("folder", "", ".git/hooks/", ""),
        ("alarm", "new", "  pre-push", ""),
        ("folder", "", "b/", ""),
        ("file", "new", "  x.py", "+5 -1"),
        ("file", "removed", "  y.py", "+0 -4"),
        ("folder", "", "c/", ""),
        ("file", "moved", "  new", ""),
    ]
    reading = Reading(timeline)
    reading.show_files(True)
    for _ in range(9):
        reading.move(1)
        assert reading.row is not None and reading.row.kind != "folder"


def test_details_say_who_decided_and_what_changed() -> None:
    timeline = made()
    words = "\n".join(
        line.plain for row in timeline.rows() for line in draw_details(row, LOOK, 44, lambda _: "12:00:00")
    )
    for expected in (
        "allowed by policy",
        "denied by policy",
        "asked",
        "L-11 approved by ada",
        "exit 1",
        "kernel guard",
    ):
        assert expected in words
    for line in DIFF.splitlines()[3:]:
        assert line.strip() in words


def test_what_was_refused_twice_says_how_it_may_still_be_done() -> None:
    def shown(why: str) -> str:
        line = refusal(by=By.LOCK, what="removes src", why=why)
        event = replace(decided("rm -rf src", Ruling.DENY), verdict=Verdict(Ruling.DENY, By.LOCK, line))
        (row,) = made(event).rows()
        return " ".join(line.plain.strip() for line in draw_details(row, LOOK, 80, lambda _: "12:00:00"))

    assert "start another session" in shown(REFUSED_BEFORE)
    assert "start another session" not in shown("too many acts wait for an answer already")


@pytest.mark.parametrize("width", [24, 44, 80])
def test_details_fit_and_are_never_markup(width: int) -> None:
    nasty = "echo [bold] \x1b[2J\u202e 日本語 " * 9
    timeline = made(decided(nasty), changed("a\x1b[2Jb", diff=f"+{nasty}\n-\x07\n"))
    for row in timeline.rows():
        for line in draw_details(row, LOOK, width, lambda _: "12:00:00"):
            assert cell_len(line.plain) <= width
            assert line.plain.isprintable()


def test_while_a_row_is_open_no_key_answers() -> None:
    player = Player()
    player.card(install())
    player.press("j", "enter")
    assert player.panel.reading.open
    assert "1 act waits: esc" in player.shown()
    player.panel.queue.in_view(False, player.now)
    player.press("y", "s", "n", "d", "exclamation_mark")
    assert player.sent == []
    player.press("escape")
    assert not player.panel.reading.open
    player.panel.queue.in_view(True, player.now)
    player.press("n")
    assert [m.ask for m in player.sent if isinstance(m, Answer)] == ["L-13"]


def test_keys_among_several_cards_and_the_timeline() -> None:
    player = Player()
    player.card(install(), force_push("L-20"))
    player.press("j")
    assert player.panel.queue.position == 2
    assert player.panel.reading.row is None
    player.press("tab", "k")
    assert player.panel.queue.position == 2
    assert player.panel.reading.row is player.panel.timeline.rows()[-2]
    player.press("escape", "k")
    assert player.panel.queue.position == 1


def test_a_grant_is_taken_back_once_from_its_row_or_its_answer() -> None:
    player = Player()
    grant = GrantAdded("g1", "permit(...);", ("builtin/packages.add",), ("npm", "install"), NOON)
    answer = Answered("L-12", Verdict(Ruling.ALLOW, By.PERSON, who="ada"), "tui:1", "g1")
    for message in recorded([grant, answer]):
        record = replace(message.record, id=f"G{message.seq}")
        player.panel.hear(Recorded(14 + message.seq, record), player.now)
    player.press("u")  # without a chosen row: about the whole session
    assert player.sent == []
    player.press("escape", "k", "u")
    assert player.sent == [Revoke("g1")]
    assert " u " in "".join(f" {k.shown} " for k in DEFAULT.working(player.panel.situation(player.now)))
    (revoked,) = recorded([GrantRevoked("g1", "ada")])
    player.panel.hear(Recorded(17, replace(revoked.record, id="G3")), player.now)
    player.press("u", "k", "u")
    assert player.sent == [Revoke("g1")]


def test_files_filter_and_back() -> None:
    player = Player()
    player.press("t")
    assert "files changed (2)" in player.shown()
    assert "src/api/" in player.shown()
    player.press("j", "j", "enter")
    assert "return token in known" in player.shown()
    player.press("escape", "escape", "escape")
    assert "timeline" in player.shown()
    assert player.panel.focused
    player.press("slash", *"pytest", "enter")
    assert "pytest -q" in player.shown()
    assert "npm test" not in player.shown()
    player.press("escape")
    assert "npm test" in player.shown()
    player.press("escape")
    assert not player.panel.focused


@pytest.mark.parametrize(("width", "height"), [(44, 22), (58, 22), (80, 22), (60, 56)])
def test_a_page_says_how_much_of_it_is_below(width: int, height: int) -> None:
    player = Player()
    player.press("?")
    seen: list[str] = []
    while (foot := player.shown(width, height).splitlines()[-1]).endswith(("below", "more")):
        seen += player.shown(width, height).splitlines()
        player.press("pagedown")
    assert foot.strip("│ ").startswith("? or esc closes")
    whole = " ".join([*seen, player.shown(width, height)])
    assert "more" in seen[height - 1] if seen else height > 40
    assert "leash attach" in whole and "allow the act under the keys" in whole
