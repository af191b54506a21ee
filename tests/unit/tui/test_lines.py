"""Header, footer, timeline, bell, editor and colours: the small pure parts of the panel."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from rich.cells import cell_len
from rich.color import Color
from rich.style import Style
from tui_desk import NOON, a_morning, decided, force_push, install, recorded, welcome

from leashtui.faces.bell import EVERY, Bell, Messengers, form_of, notification
from leashtui.faces.tui import text as say
from leashtui.faces.tui.bars import Line, banner, footer, header, help_page
from leashtui.faces.tui.editor import LIMIT, LineEditor
from leashtui.faces.tui.keys import DEFAULT, KEYS, Situation
from leashtui.faces.tui.look import THEMES, Look, coloured, colourless, plain, theme_for
from leashtui.faces.tui.row import Row
from leashtui.faces.tui.rows import draw_row, draw_rows
from leashtui.faces.tui.timeline import KEEP, Timeline
from leashtui.model.event import (
    AgentTold,
    Answered,
    Asked,
    Decided,
    Event,
    FaceJoined,
    FaceLeft,
    FileChanged,
    Ticketed,
)
from leashtui.model.verdict import By, Ruling, Verdict
from leashtui.model.wire import Recorded

LOOK = coloured()


def morning() -> Timeline:
    timeline = Timeline()
    for message in a_morning():
        if isinstance(message, Recorded):
            timeline.add(message)
    return timeline


# the timeline --------------------------------------------------------------------------------------------------------
def test_a_notification_has_the_form_the_terminal_knows() -> None:
    assert form_of({"KITTY_WINDOW_ID": "1"}) == "osc99"
    assert form_of({"TERM": "foot"}) == "osc777"
    assert form_of({"TERM_PROGRAM": "ghostty"}) == "osc777"
    assert form_of({"TERM": "xterm-256color"}) == "osc9"
    assert notification("a; b", "osc777") == "\x1b]777;notify;leash;a, b\x07"
    assert "d=1:p=body;a" in notification("a", "osc99")
    assert notification("a", "off") == ""


def test_programs_are_told_the_sentence(tmp_path: Path) -> None:
    bins = tmp_path / "bin"
    bins.mkdir()
    for name in ("notify-send", "mine"):
        (bins / name).write_text(f'#!/bin/sh\nfor w; do :; done; echo "$w" > {tmp_path}/{name}.out\n')
        (bins / name).chmod(0o755)
    env = {"PATH": f"{bins}:/usr/bin:/bin", "DBUS_SESSION_BUS_ADDRESS": "x"}
    Messengers(desktop=True, command=[str(bins / "mine")], env=env).spread("leash: 1 act waits: rm")
    deadline = time.monotonic() + 30
    outs = [tmp_path / "notify-send.out", tmp_path / "mine.out"]
    while not all(o.exists() and o.read_text() for o in outs) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert {o.read_text() for o in outs} == {"leash: 1 act waits: rm\n"}
    assert not Messengers(desktop=True, command=[], env={"PATH": str(bins)})._commands
    assert not Messengers(desktop=False, command=[], env=env)._commands


def test_an_asked_act_stays_one_row_and_changes_when_answered() -> None:
    rows = [(r.kind, r.word, r.text, r.tail) for r in morning().rows()]
    assert ("allow", "allow", "npm install", "ada 0:06") in rows
    assert ("ask", "ask", "git push --force origin main", "L-12") in rows
    assert sum(r[2] == "npm install" for r in rows) == 1


def test_counts_and_exit_codes() -> None:
    timeline = morning()
    assert (timeline.acts, timeline.asked, timeline.refused) == (6, 2, 1)
    assert next(r.exit for r in timeline.rows() if r.text == "npm test") == 1
    assert timeline.head.startswith("9c41")


def test_a_withdrawn_ask_is_never_called_a_denial() -> None:
    timeline = Timeline()
    gone = Answered("L-12", Verdict(Ruling.DENY, By.WITHDRAWN))
    for message in recorded([Asked(force_push()), gone]):
        timeline.add(message)
    assert [r.word for r in timeline.rows()] == ["gone"]
    assert timeline.refused == 0


def test_a_flood_of_one_act_is_one_row_that_counts() -> None:
    timeline = Timeline()
    held = [replace(decided("git push --force origin main"), verdict=None) for _ in range(600)]
    asked = [event for act in held for event in (act, Asked(replace(force_push(), act="")))]
    messages = recorded(asked)
    for message in messages:
        timeline.add(message)
    (row,) = timeline.rows()
    assert (row.word, row.tail, timeline.asked) == ("ask", "L-12 x600", 600)
    assert len(row.records) < 100 and len(row.records) + row.more == 1200
    no = Answered("L-12", Verdict(Ruling.DENY, By.PERSON, who="ada"))
    gone = Answered("L-12", Verdict(Ruling.DENY, By.WITHDRAWN))
    answers = recorded([*asked, gone, *[no] * 599])[1200:]
    acts = [m.record.id for m in messages[::2]]
    for message, act in zip(answers, acts, strict=True):
        timeline.add(replace(message, record=replace(message.record, parent=act)))
    assert [(r.word, r.tail) for r in timeline.rows()] == [("deny", "ada 0:00 x599")]
    assert timeline.refused == 599


def test_a_row_of_several_tells_no_answer_of_one_for_that_of_another() -> None:
    allow, deny = Verdict(Ruling.ALLOW, By.PERSON, who="ada"), Verdict(Ruling.DENY, By.TICKET, who="ticket")
    gone = Verdict(Ruling.DENY, By.WITHDRAWN)
    for verdicts, tails in (
        ((deny, allow, allow), ["L-12 x2, 1 denied", "L-12, 1 allowed, 1 denied", "ada 0:00 x2, 1 denied"]),
        ((allow, gone, deny), ["L-12 x2, 1 allowed", "L-12, 1 allowed", "ticket 0:00, 1 allowed"]),
        ((allow, gone, gone), ["L-12 x2, 1 allowed", "L-12, 1 allowed", "ada 0:00"]),
        ((gone, gone, gone), ["L-12 x2", "L-12", "withdrawn 0:00 x3"]),
    ):
        timeline, seen = Timeline(), []
        held = [replace(decided("git push --force origin main"), verdict=None) for _ in verdicts]
        asked = [event for act in held for event in (act, Asked(replace(force_push(), act="")))]
        messages = recorded([*asked, *(Answered("L-12", verdict) for verdict in verdicts)])
        acts = [m.record.id for m in messages[:6:2]]
        for number, message in enumerate(messages):
            parent = acts[number - 6] if number >= 6 else message.record.parent
            timeline.add(replace(message, record=replace(message.record, parent=parent)))
            (row,) = timeline.rows() or [None]
            seen.append((row.word, row.tail) if row else ("", ""))
        assert sorted(seen[-1][1].split(", ")) == sorted(tails[-1].split(", "))
        assert [sorted(tail.split(", ")) for _, tail in seen[6:8]] == [sorted(tail.split(", ")) for tail in tails[:2]]
        assert {word for word, _ in seen[6:8]} == {"ask"}
        last = [v for v in verdicts if v is not gone]
        assert seen[-1][0] == ("gone" if not last else "allow" if last[-1] is allow else "deny")


def test_what_hooks_tell_and_tickets_are_said_in_words() -> None:
    timeline = Timeline()
    for message in recorded([AgentTold("prompt", text="mend the tests"), Ticketed("L-12", "d")]):
        timeline.add(message)
    rows = [(r.kind, r.word, r.text) for r in timeline.rows()]
    assert rows[0][:2] == ("note", "prompt")
    assert "mend the tests" in rows[0][2]
    assert rows[1][1] == "ticket"
    assert "L-12" in rows[1][2]


def test_the_same_record_counts_once_and_old_rows_go() -> None:
    timeline = Timeline()
    messages = recorded([decided(f"run {n}") for n in range(KEEP + 100)])
    for message in [*messages, *messages[-10:]]:
        timeline.add(message)
    assert timeline.acts == KEEP + 100
    assert len(timeline.rows()) == KEEP
    assert timeline.rows()[0].text == "run 100"


@pytest.mark.parametrize("width", [20, 30, 44, 80, 200])
@pytest.mark.parametrize("command", ["ls", "x" * 900, "日本語" * 40, "a\x1b[2Jb\u202e [bold]"], ids=range(4))
def test_every_row_fits(width: int, command: str) -> None:
    timeline = Timeline()
    for message in recorded([decided(command), decided(command, Ruling.DENY, "team/" + "p" * 60)]):
        timeline.add(message)
    for row in timeline.rows():
        line = draw_row(row, LOOK, width, "12:00:00"[: 5 if width < 56 else 8])
        assert cell_len(line.plain) <= width
        assert line.plain.isprintable()


def test_verdicts_are_told_by_word_and_mark_not_by_colour_alone() -> None:
    marks = {draw_row(r, plain(), 100, "12:00:00").plain[9:18].strip() for r in morning().rows()}
    assert {"✓ allow", "✗ deny", "? ask"} <= marks


def test_what_an_act_started_is_folded_into_its_row_unless_somebody_decided_it() -> None:
    root = decided("/bin/sh -c 'git push --force'")
    inside = [replace(decided(c), covered_by="R001") for c in ("git push --force", "/usr/lib/git-core/git gc")]
    refused = replace(decided("cat ~/.ssh/id_rsa", Ruling.DENY), covered_by="R001")
    timeline = Timeline()
    for message in recorded([root, *inside, refused]):
        timeline.add(message)
    first, second = timeline.rows()
    assert (first.text, len(first.inside), first.word) == ("git push --force", 2, "allow")
    assert (second.text, second.word) == ("cat ~/.ssh/id_rsa", "deny")
    assert timeline.acts == 1
    assert draw_row(first, LOOK, 60, "12:00:00").plain.endswith("+2")
    assert timeline.rows(lambda r: "gc" in str(r.event)) == [first]


@pytest.mark.parametrize(
    ("host", "rows"), [("bash", 2), ("bash -i", 2), ("claude", 2), ("/bin/sh -c ls", 1), ("make", 1)]
)
def test_a_place_where_others_work_hides_nothing(host: str, rows: int) -> None:
    timeline = Timeline()
    for message in recorded([decided(host), replace(decided("cat x"), covered_by="R001")]):
        timeline.add(message)
    assert len(timeline.rows()) == rows


def test_a_minute_is_said_once_in_narrow_columns() -> None:
    rows = morning().rows()
    lines = draw_rows(rows, LOOK, 44, lambda us: "12:00:00")
    assert [line.plain[:5] for line in lines] == ["12:00", *["     "] * (len(rows) - 1)]
    assert draw_rows(rows, LOOK, 44, lambda us: "12:00:00", rows[1])[1].plain[5] == "▶"


# header and footer ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_the_header_always_names_the_tier(width: int) -> None:
    for tier in ("exec", "watch"):
        lines = header(welcome(tier=tier), morning(), LOOK, width, home="/home/ada", frozen=True)
        assert all(cell_len(line.plain) <= width for line in lines)
        assert tier in lines[0].plain.lower()
        assert "FROZEN" in lines[0].plain
    assert say.WATCH[:30] in lines[1].plain


def test_a_wide_header_counts_what_each_guard_saw() -> None:
    line = header(welcome(), morning(), LOOK, 200, home="/home/ada", frozen=False)[0].plain
    found = re.search(r"seen by kernel (\d+)(?: · \w+ \d+)*", line)
    assert found is not None, line
    assert int(found[1]) == sum(
        isinstance(r.event, Decided) for row in morning().rows() for r in row.records + row.inside
    )


def test_a_watched_session_says_loudly_what_is_lost() -> None:
    lines = header(welcome(tier="watch", lost=("execs pass unseen",)), morning(), LOOK, 120, home="", frozen=False)
    assert "WATCH ONLY" in lines[1].plain
    assert "execs pass unseen" in lines[1].plain
    assert any(s.style == LOOK.alarm for s in lines[1].spans)


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_the_footer_fits_and_tells_how_to_switch(width: int) -> None:
    keys = DEFAULT.working(Situation(card=True, cards=3, ready=True, once=True, session=True))
    for focused in (True, False):
        line = footer(keys, LOOK, width, focused=focused, line=Line("ctrl+]"), title="[bold]title " * 20)
        assert cell_len(line.plain) <= width
        assert "ctrl+]" in line.plain
    assert cell_len(banner(3, LOOK, width, "ctrl+]").plain) <= width
    assert banner(1, LOOK, 80, "ctrl+]").plain.strip() == "1 act waits — ctrl+] to answer"
    assert banner(3, LOOK, 80, "ctrl+]").plain.strip().startswith("3 acts wait ")


def test_the_help_page_has_every_key_and_what_the_guard_loses() -> None:
    words = "\n".join(line.plain for line in help_page(welcome(team=True), LOOK, 100, "ctrl+]"))
    assert all(k.help in words for k in KEYS)
    alone = "\n".join(line.plain for line in help_page(welcome(), LOOK, 100, "ctrl+]"))
    assert "those who review here" not in alone
    assert all(cell_len(line.plain) <= 44 for line in help_page(welcome(), LOOK, 44, "ctrl+]"))
    assert "files and network are not guarded" in words
    assert "leash attach 01K5Q8" in words


# the bell ------------------------------------------------------------------------------------------------------------
def test_the_bell_rings_once_in_ten_seconds_and_names_the_act() -> None:
    bell = Bell()
    out, wait = bell.ring([install()], 0.0, fresh=True)
    assert out == "\x07\x1b]9;leash: 1 act waits: npm install left-pad\x07"
    assert wait == 0
    out, wait = bell.ring([install(), force_push()], 4.0, fresh=True)
    assert out == ""
    assert wait == EVERY - 4.0
    out, _ = bell.ring([install(), force_push()], 10.0, fresh=False)
    assert "2 acts wait" in out
    assert bell.ring([install()], 99.0, fresh=False) == ("", 0.0)


def test_the_bell_keeps_silent_when_the_card_is_gone_meanwhile() -> None:
    bell = Bell()
    bell.ring([install()], 0.0, fresh=True)
    bell.ring([install()], 1.0, fresh=True)
    assert bell.ring([], 10.0, fresh=False) == ("", 0.0)


def test_a_desktop_gets_no_markup_and_the_persons_command_the_words_as_they_are(tmp_path: Path) -> None:
    sender, told = tmp_path / "notify-send", tmp_path / "told"
    sender.write_text(f'#!/bin/sh\nfor word; do :; done\necho "desktop $word" >> {told}\n')
    sender.chmod(0o755)
    env = {"PATH": f"{tmp_path}:/usr/bin:/bin", "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nowhere"}
    messengers = Messengers(desktop=True, command=["sh", "-c", f'echo "own $0" >> {told}'], env=env)
    messengers.spread("leash: 1 act waits: a <b>x</b> && c")
    deadline = time.monotonic() + 20
    while not (told.exists() and told.read_text().count("\n") == 2) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert sorted(told.read_text().splitlines()) == [
        "desktop leash: 1 act waits: a &lt;b&gt;x&lt;/b&gt; &amp;&amp; c",
        "own leash: 1 act waits: a <b>x</b> && c",
    ]


def test_an_agents_words_cannot_speak_through_the_bell() -> None:
    out, _ = Bell(multiplexed=True).ring([install(command="a\x07\x1b]0;evil\x07;x\u202e" * 30)], 0.0, fresh=True)
    body = out.removeprefix("\x07\x1bPtmux;\x1b\x1b]9;").removesuffix("\x07\x1b\\")
    assert len(body) <= 120
    assert not set(body) & set("\x07\x1b\u202e;")


# the line editor -----------------------------------------------------------------------------------------------------
def test_editing() -> None:
    line = LineEditor("", "deny")
    for name in [*"helo wrld", "left", "left", "left", "o", "home", "right", "right", "right", "l", "end", "!"]:
        line.key(name, name if len(name) == 1 else " " if name == "space" else None)
    assert line.text == "hello world!"
    line.key("ctrl+w", None)
    assert line.text == "hello "
    line.key("backspace", None)
    line.key("home", None)
    line.key("delete", None)
    assert line.text == "ello"
    line.key("end", None)
    line.key("ctrl+u", None)
    assert line.text == ""


def test_the_editor_takes_no_control_characters_and_no_novels() -> None:
    line = LineEditor("", "deny")
    line.insert("a\x1b[2J\x07\nb" + "x" * 1000)
    assert line.text.startswith("a[2J b")
    assert len(line.text) == LIMIT
    assert line.key("ctrl+c", "\x03") is False


# colours -------------------------------------------------------------------------------------------------------------
def luminance(colour: Color) -> float:
    parts = [c / 255 for c in colour.get_truecolor()]
    red, green, blue = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: Color, other: Color) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def styles(look: Look) -> dict[str, Style]:
    found = {f.name: getattr(look, f.name) for f in fields(look) if f.name != "severities"}
    return found | {f"severity {k}": v for k, v in look.severities.items()}


WORDLESS = {"edge"}
"""Styles that only ever draw lines."""


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("name", sorted(set(styles(LOOK)) - WORDLESS))
def test_contrast_is_enough(name: str, theme: str) -> None:
    palette = THEMES[theme]
    style = styles(coloured(palette))[name]
    assert style.color is not None
    for ground in (palette.ground, palette.raised):
        behind = style.bgcolor or Color.parse(ground)
        assert contrast(style.color, behind) >= 4.5, (name, ground)
        small = (style.color.downgrade(2), behind.downgrade(2))  # type: ignore[arg-type]
        assert contrast(*small) >= 4.5, (name, ground, "in 256 colours")


def test_the_theme_follows_the_background() -> None:
    assert [theme_for(c) for c in ((0, 0, 0), (40, 44, 52), (253, 246, 227), (255, 255, 255))] == [
        "dark",
        "dark",
        "light",
        "light",
    ]


def test_without_colour_no_style_has_any() -> None:
    assert all(s.color is None and s.bgcolor is None for s in styles(plain()).values())


def test_every_sentence_of_the_panel_fits_a_line() -> None:
    for name, words in vars(say).items():
        if name.isupper() and isinstance(words, str):
            assert len(words) <= 80, name
    assert NOON > 0


@pytest.mark.parametrize(
    ("term", "none"),
    [("vt100", True), ("vt220-8bit", True), ("xterm-mono", True), ("linux-m", True)]
    + [
        (name, False) for name in ("xterm", "xterm-256color", "tmux-256color", "linux", "screen", "rxvt", "st-meta", "")
    ],
)
def test_a_terminal_without_colours_gets_none(term: str, none: bool) -> None:
    assert colourless(term) is none


# many rows of one kind -----------------------------------------------------------------------------------------------
def gone(path: str, **more: Any) -> FileChanged:
    return FileChanged(path, "deleted", "source", more.pop("protected", False), minus=2, **more)


def rows_of(events: Sequence[Event]) -> list[tuple[str, str, str]]:
    timeline = Timeline()
    for message in recorded(events):
        timeline.add(replace(message, record=replace(message.record, t=NOON)))
    assert sum(len(r.records) for r in timeline.rows()) == len(events)
    return [(r.word, r.text, r.tail) for r in timeline.rows()]


def test_many_files_that_go_at_once_do_not_push_everything_else_away() -> None:
    many = [gone(f"data/{n % 3}/f{n}.txt") for n in range(40)]
    rows = rows_of([*many, decided("make"), gone("data/last.txt"), gone(".envrc", protected=True)])
    assert len(rows) == 4 + 1 + 2
    assert rows[2] == ("removed", "data/2/f2.txt", "+0 -2")
    assert rows[3] == ("removed", "37 more files in data/", "+0 -74")
    assert rows[5:] == [("removed", "data/last.txt", "+0 -2"), ("removed", ".envrc", "+0 -2")]
    assert len(rows_of(many[:4])) == 4
    assert len(rows_of([*many[:4], FileChanged("data/new", "created", "source", False), *many[4:]])) == 4 + 1 + 4
    assert rows_of([gone("a"), gone("b"), gone("c"), gone("d"), gone("e/f")])[3][1] == "2 more files"


def test_what_is_only_leash_and_the_agent_at_work_fills_no_row() -> None:
    hook = decided("python3 -IS /run/hook.py")
    own = replace(hook, verdict=Verdict(Ruling.ALLOW, By.OWN))
    done = AgentTold("tool_done", tool="Bash", text='{"command": "make"}')
    housekeeping = replace(decided("git fetch plugins"), verdict=Verdict(Ruling.DENY, By.HABIT))
    timeline = Timeline()
    for message in recorded([own, decided("make"), own, done, AgentTold("stop", text="all done"), housekeeping]):
        timeline.add(message)
    assert [(r.kind, r.text) for r in timeline.rows()] == [
        ("allow", "make"),
        ("quiet", "its turn ended all done"),
        ("quiet", "git fetch plugins"),
    ]
    assert (timeline.acts, timeline.refused) == (2, 0)


def test_acts_that_share_a_card_are_each_answered_in_their_own_row() -> None:
    timeline = Timeline()
    held = [replace(decided(f"npm publish {n}"), verdict=None) for n in range(3)]
    card = force_push()
    events: list[Event] = []
    for act in held:
        events += [act, Asked(replace(card, command=act.facts.command, act=""))]
    messages = recorded(events)
    answers = recorded([*events, *(Answered("L-12", Verdict(Ruling.ALLOW, By.PERSON, who="ada")) for _ in held)])[6:]
    for message, act in zip(answers, (messages[4], messages[0], messages[2]), strict=True):
        messages.append(replace(message, record=replace(message.record, parent=act.record.id)))
    for message in messages[:7]:
        timeline.add(message)
    assert [r.word for r in timeline.rows()] == ["ask", "ask", "allow"]
    for message in messages[7:]:
        timeline.add(message)
    assert [(r.word, r.text) for r in timeline.rows()] == [("allow", f"npm publish {n}") for n in range(3)]


def test_files_are_marked_by_what_became_of_them() -> None:
    events = [FileChanged(c, c, "source", False) for c in ("created", "modified", "deleted")]
    timeline = Timeline()
    for message in recorded(events):
        timeline.add(message)
    drawn = [draw_row(r, LOOK, 60, "12:00:00").plain[9:18].strip() for r in timeline.rows()]
    assert drawn == ["+ new", "~ changed", "- removed"]


def test_a_person_with_several_panels_comes_and_goes_once() -> None:
    def joined(face: str, role: str, who: str = "ada") -> FaceJoined:
        return FaceJoined(face, role, who, 1)

    again = [joined("tui:2", "owner"), FaceLeft("tui:2")]
    rows = rows_of([joined("tui:1", "owner"), joined("tui:3", "reviewer", "bob"), FaceLeft("tui:3"), FaceLeft("tui:1")])
    assert [r[:2] for r in rows] == [
        ("joined", "ada as owner"),
        ("joined", "bob as reviewer"),
        ("left", "bob as reviewer"),
        ("left", "ada as owner"),
    ]
    timeline = Timeline()
    for message in recorded([joined("tui:1", "owner"), *again, *again]):
        timeline.add(message)
    assert len(timeline.rows()) == 1


@pytest.mark.parametrize("width", [45, 78])
def test_what_stands_on_the_right_is_whole_where_there_is_room(width: int) -> None:
    row = Row(1, NOON, "allow", "allow", "rm -rf d", "root 0:07")
    assert draw_row(row, LOOK, width, "12:00").plain.endswith(" root 0:07")
    row = Row(1, NOON, "note", "start", "bash in proj", "guard strict")
    assert draw_row(row, LOOK, width, "12:00").plain.endswith(" guard strict")


def test_the_keys_of_the_help_page_stand_in_one_column() -> None:
    lines = [line.plain for line in help_page(welcome(), LOOK, 78, "ctrl+]")]
    words = ("allow the act", "scroll the timeline", "panel or agent")
    assert len({line.index(w) for line in lines for w in words if w in line}) == 1
