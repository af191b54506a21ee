"""What the panel has other commands do: shown first, and never by one key."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

from tui_desk import NOON, a_morning, force_push, install, recorded, welcome

from leashtui.faces.tui.deeds import Palette
from leashtui.faces.tui.keys import KEYS, Keymap, Situation
from leashtui.faces.tui.leader import DEFAULT
from leashtui.faces.tui.panel import Panel
from leashtui.model.card import Choice
from leashtui.model.event import Answered, GrantAdded
from leashtui.model.verdict import By, Ruling, Verdict
from leashtui.model.wire import Answer, Brake, CardShown, FaceMessage
from leashtui.supervisor.config import PanelAction


class Person:
    """At a panel whose commands are only noted."""

    def __init__(self, *cards: object, keymap: Keymap | None = None) -> None:
        self.sent: list[FaceMessage] = []
        self.ran: list[tuple[tuple[str, ...], Callable[[int, list[str]], None]]] = []
        self.at = 100.0
        self.panel = Panel(
            welcome(), send=self.sent.append, type_=lambda data: None, leave=lambda: None, wall=lambda: NOON,
            run=lambda words, hear: self.ran.append((words, hear)), keymap=keymap or Keymap(),
        )  # fmt: skip
        self.panel.queue.in_view(True, 0.0)
        for card in cards:
            self.panel.hear(CardShown(card), 0.0)  # type: ignore[arg-type]
        self.press("leader")

    def press(self, *names: str) -> None:
        for name in names:
            self.at += 1.0
            raw = DEFAULT.raw if name == "leader" else name if len(name) == 1 else ""
            self.panel.press(name, name if len(name) == 1 else None, raw, self.at)

    def answers(self) -> list[tuple[Choice, str]]:
        return [(m.choice, m.feedback) for m in self.sent if isinstance(m, Answer)]


def test_always_shows_what_first_and_is_kept_only_once_it_was_granted() -> None:
    person = Person(install())
    person.press("a")
    assert person.answers() == []
    assert "npm install" in person.panel.asked_twice()
    person.press("x")  # any other key takes it back
    assert not person.panel.asked_twice()
    person.press("a", "!")
    assert person.answers() == [(Choice.SESSION, "")]
    assert person.ran == []
    answer = Answered("L-13", Verdict(Ruling.ALLOW, By.PERSON, who="ada"), "tui:1", "g1")
    for message in recorded([GrantAdded("g1", "permit(...);", ("x",), ("npm", "install"), NOON), answer]):
        person.panel.hear(message, person.at)
    assert [words for words, _ in person.ran] == [("grants", "--keep", "g1", "--session", "01K5Q8")]
    hear = person.ran[0][1]
    hear(0, ["permit(...);", "r1 holds in /home/ada/a/very/long/place for claude agents, until 2026-12-22 15:43, in …"])
    assert person.panel.hint(person.at) == "r1 holds here for 30 days: leash grants lists it"
    hear(1, ["leash: it is not in force any more"])
    assert person.panel.hint(person.at) == "leash: it is not in force any more"


def test_a_change_that_has_happened_is_kept_or_put_back_and_has_no_other_wording() -> None:
    person = Person(force_push(command="/w/.envrc", done=True))
    footer = {key.id: key.effect for key in person.panel.working(person.at)}
    assert (footer["once"], footer["deny"]) == ("keep it", "put it back") and "edit" not in footer
    person.press("e")
    assert person.panel.editor is None
    person.press("y", "!")
    assert person.answers() == [(Choice.ONCE, "")]


def test_allowed_for_the_session_alone_is_not_kept() -> None:
    person = Person(install())
    person.press("s")
    answer = Answered("L-13", Verdict(Ruling.ALLOW, By.PERSON, who="ada"), "tui:1", "g1")
    for message in recorded([answer]):
        person.panel.hear(message, person.at)
    assert person.answers() == [(Choice.SESSION, "")]
    assert person.ran == []


def test_an_edited_command_is_a_denial_with_the_wording_to_run() -> None:
    person = Person(install())
    person.press("e", "enter")
    assert person.answers() == []  # nothing was changed in it
    person.press("e", "ctrl+u", *"npm ci", "enter")
    assert person.answers() == [(Choice.DENY, "run this instead: npm ci")]


def test_undo_is_shown_first_and_done_by_a_second_key() -> None:
    person = Person()
    for message in a_morning():
        person.panel.hear(message, person.at)
    person.panel.queue.replace([], person.at)
    person.press("u")
    words, hear = person.ran.pop()
    assert words == ("undo", "--dry-run", "--session", "01K5Q8")
    person.press("!")
    assert person.ran == []  # nothing was shown yet
    hear(0, ["restore: /home/ada/proj/api/a.py", "    -x"])
    person.press("y", "!")
    assert [w for w, _ in person.ran] == [("undo", "--session", "01K5Q8")]
    person.press("!")
    assert len(person.ran) == 1


def test_undo_of_one_file_names_it() -> None:
    person = Person()
    for message in a_morning():
        person.panel.hear(message, person.at)
    person.panel.queue.replace([], person.at)
    person.press("t", "j", "u")
    assert person.ran[-1][0][-1].startswith("/home/ada/proj/api/")


def test_undo_of_an_act_is_about_that_act_and_says_so_where_only_its_files_can_be_offered() -> None:
    person = Person()
    for message in a_morning():
        person.panel.hear(message, person.at)
    person.panel.queue.replace([], person.at)
    row = next(r for r in person.panel.timeline.rows() if r.text.startswith("git commit"))
    while person.panel.reading.row is not row:
        person.press("k")
    person.press("u")
    words, hear = person.ran.pop()
    assert words == ("undo", "--dry-run", "--session", "01K5Q8", "--act", row.records[0].id)
    hear(0, ["restore: /home/ada/proj/api/a.py", "    -x"])
    person.press("!")
    assert person.ran.pop()[0] == ("undo", "--session", "01K5Q8", "--act", row.records[0].id)
    person.press("escape", "u")
    person.ran.pop()[1](0, ["01K5Q8: nothing to undo"])  # it names no file either: nothing is offered
    person.press("!")
    assert person.ran == [] and "nothing to undo" in str(person.panel.deeds.report)


def test_a_session_is_killed_whatever_is_open() -> None:
    """`!` is what was asked last: the page of an undo that is open, shown first or done, takes none of it."""
    person = Person()
    person.press("u")
    person.ran.pop()[1](0, ["restore: /home/ada/proj/api/a.py", "    -x"])
    person.press("K", "!")
    assert person.sent == [Brake("kill")]
    assert person.ran == []


def test_the_trace_is_what_the_log_command_prints() -> None:
    person = Person()
    person.press("T")
    words, hear = person.ran.pop()
    assert words == ("log", "01K5Q8", "--trace")
    hear(0, ["01K5Q8  claude in ~/proj/api", "answers   2 asked"])
    assert person.panel.deeds.report is not None and "answers   2 asked" in person.panel.deeds.report.lines
    person.press("!")
    assert person.ran == []


def test_a_card_cannot_be_answered_behind_a_report() -> None:
    person = Person(install())
    person.press("u", "y", "s", "a", "!")
    assert person.answers() == []
    assert not person.panel.card_in_view


def test_the_palette_finds_by_words_and_approves_nothing() -> None:
    person = Person(install())
    person.press("ctrl+p", *"every process", "enter")
    assert person.panel.palette is None
    assert [type(m).__name__ for m in person.sent] == ["Brake"]
    offered = {key.id for key in Palette(Keymap(), Situation(card=True, ready=True, once=True, session=True)).rows()}
    assert not offered & {"once", "session", "always"}
    assert {"deny", "freeze", "help", "undo"} <= offered


def test_keys_are_changed_by_the_name_of_what_they_do() -> None:
    own = Keymap({"deny": "x", "freeze": "y"})
    person = Person(install(), keymap=own)
    person.press("y")
    assert [type(m).__name__ for m in person.sent] == ["Brake"]
    person.press("n")
    assert person.answers() == []
    person.press("x")
    assert person.answers() == [(Choice.DENY, "")]
    assert own.shown("deny") == "x"
    assert own.shown("once") == "-"


def test_the_configuration_knows_every_action() -> None:
    assert set(get_args(PanelAction)) == {key.id for key in KEYS}


def test_what_somebody_changed_since_is_kept_and_the_ways_on_are_named() -> None:
    person = Person()
    person.press("u")
    person.ran[0][1](2, ["changed since the session: /w/a.py", "restore: /w/b.py"])
    report = person.panel.deeds.report
    assert report is not None and report.deed == ()
    assert report.lines[-1].endswith("leash undo --session 01K5Q8 --force")
    person.press("!")
    assert len(person.ran) == 1
