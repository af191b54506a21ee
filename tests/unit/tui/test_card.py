"""The card: small enough, exact, and never a lie about what it leaves out."""

from __future__ import annotations

import pytest
from rich.cells import cell_len
from tui_desk import force_push, install

from leashtui.faces.tui.card import MAX_COLUMNS, draw, draw_whole, needs_second_key
from leashtui.faces.tui.look import coloured
from leashtui.faces.tui.offers import MAX_LINES, Setting
from leashtui.faces.tui.spelled import spell, wrap
from leashtui.model.card import Card, Choice, Option
from leashtui.model.facts import Effect, Severity, Verb
from leashtui.model.verdict import PolicyRef

LOOK = coloured()
NASTY = "echo [bold]hi[/bold] \x1b[2J\x07\u202e日本\ud800 \\[x] \n" + "x" * 300
LONG = "x" * 5000


STATES = ((False, False), (True, False), (True, True))
"""(focused, ready): a card comes, gets the keys, and opens."""


def text(card: Card, **setting: object) -> str:
    setting.setdefault("width", 58)
    return "\n".join(line.plain for line in draw(card, LOOK, Setting(**setting)))  # type: ignore[arg-type]


CARDS = [
    force_push(),
    install(),
    force_push(command=NASTY, hidden=("U+202E",)),
    force_push(command=LONG, cwd="/" + "d/" * 200, agent="a" * 90, consequence="c " * 300, undo="u " * 200),
    force_push(
        evidence=tuple(Effect(Verb.DELETE, f"/tmp/{i}", sentence=f"removes file number {i}") for i in range(50))
    ),
    force_push(evidence=(), why=(), undo="", no_wider=""),
    install(why=tuple(PolicyRef(f"team/p{i}", "r" * 100) for i in range(9)), count=12, severity=Severity.CRITICAL),
]


@pytest.mark.parametrize("card", CARDS, ids=range(len(CARDS)))  # type: ignore[arg-type]
@pytest.mark.parametrize("width", [24, 40, 44, 58, 80])
@pytest.mark.parametrize("height", [8, 16, 40])
@pytest.mark.parametrize("state", ["agent", "wait", "ready", "confirm"])
def test_every_card_fits_and_keeps_its_keys(card: Card, width: int, height: int, state: str) -> None:
    setting = Setting(
        width=width, height=height, total=3, position=2, waited=3723.0,
        focused=state != "agent", ready=state == "ready",
        confirming=Choice.ONCE if state == "confirm" else None,
    )  # fmt: skip
    lines = draw(card, LOOK, setting)
    assert len(lines) <= min(height, MAX_LINES)
    widths = {cell_len(line.plain) for line in lines}
    assert max(widths) <= min(width, MAX_COLUMNS)
    if width >= 44:
        assert len(widths) == 1
    shown = "\n".join(line.plain for line in lines)
    assert all(c.isprintable() or c == "\n" for c in shown)
    if width >= 44:
        if state == "confirm":
            assert " ! " in shown
        else:
            assert "deny" in shown and ("n" in shown)
            assert ("ctrl+] to answer" in shown) == (state == "agent")


def test_of_a_change_that_has_happened_it_offers_to_keep_it_or_to_put_it_back() -> None:
    card = force_push(command="/w/.envrc", cwd="/", done=True, severity=Severity.HIGH)
    shown = text(card, ready=True)
    for words in ("keep it, then !", "put it back", "seen after it happened; by claude or somebody else"):
        assert words in shown
    for words in ("once", "deny ", "edit", "in /"):
        assert words not in shown
    assert "pid" not in "\n".join(line.plain for line in draw_whole(card, LOOK, Setting(width=58)))
    assert "keep it as it is now" in text(card, confirming=Choice.ONCE)


def test_what_a_newcomer_reads() -> None:
    shown = text(force_push(), home="/home/ada", waited=12.0)
    for words in (
        "NEEDS YOU", "waiting 0:12", "git push --force origin main", "in ~/proj/api", "by claude", "HIGH",
        "rewrites the history of origin/main", "--force replaces 3 commits", "sends to github.com",
        "builtin/git.force-push", "reflog", " y ", "once", " n ", "deny", "no “this session”: a forced push",
    ):  # fmt: skip
        assert words in shown
    assert " s " not in shown


def test_what_it_would_do_comes_before_how_it_is_written() -> None:
    first = (force_push().consequence[:30], "--force replaces 3 commits", "git push --force origin main", "Why", "Undo")
    shown = text(force_push())
    assert sorted(first, key=shown.index) == list(first)
    whole = "\n".join(line.plain for line in draw_whole(force_push(), LOOK, Setting(width=58)))
    assert whole.index("replaces 3 commits") < whole.index("git push") < whole.index("a forced push is asked every")


def test_the_keys_stand_still_when_the_card_opens() -> None:
    """Where nothing can be read further down than before, a hand may stay where it is."""
    for width in (44, 58):
        rows = [text(force_push(), width=width, focused=f, ready=r).splitlines() for f, r in STATES]
        assert len({len(lines) for lines in rows}) == 1
        assert len({next(n for n, line in enumerate(lines) if "deny" in line) for lines in rows}) == 1


def test_evidence_that_is_cut_short_says_so() -> None:
    many = tuple(
        Effect(Verb.DELETE, "", sentence=f"takes away number {n} of the things " + "x " * 20) for n in range(4)
    )
    lines = text(force_push(evidence=many), width=44).splitlines()
    command = next(n for n, line in enumerate(lines) if "git push" in line)
    assert lines[command - 1].rstrip(" ┃").endswith("…")
    assert not any("…" in line for line in text(force_push(evidence=many[:1]), width=58).splitlines()[:-3])


def test_where_one_line_is_left_it_is_the_command() -> None:
    shown = text(force_push(), width=58, height=6)
    assert "git push --force" in shown and "deny" in shown


def test_this_session_shows_its_exact_effect() -> None:
    assert "this session: npm install …" in text(install())


def test_what_would_pass_unasked_is_said_whole_where_it_is_chosen() -> None:
    label = "this session: cat /home/ada/.config/gh/hosts.yml …"
    options = (Option("y", Choice.ONCE, "once"), Option("s", Choice.SESSION, label), Option("n", Choice.DENY, "deny"))
    card = install(options=options, severity=Severity.HIGH)

    def told(**setting: object) -> str:
        return " ".join(text(card, width=44, **setting).replace("┃", "").split())

    assert label in told(focused=True)
    assert label in told(focused=True, confirming=Choice.SESSION)
    lasting = told(focused=True, confirming=Choice.SESSION, lasting=True)
    assert label.replace("this session", "here for 30 days") in lasting
    assert label in "\n".join(line.plain for line in draw_whole(card, LOOK, Setting(width=80)))


def test_text_is_exact_and_never_markup() -> None:
    command = "echo '[bold red]' \\[x] [/] [link=x]"
    assert command in text(force_push(command=command))


def test_control_characters_are_spelled_out_and_marked() -> None:
    lines = wrap(spell("a\x1b[2Jb\u202ec", (), LOOK), 40)
    assert lines[0].plain == "a\\e[2Jb\\u202ec"
    marked = [lines[0].plain[s.start : s.end] for s in lines[0].spans if s.style == LOOK.hidden]
    assert marked == ["\\e", "\\u202e"]


def test_the_dangerous_span_is_underlined_even_behind_spelled_out_characters() -> None:
    command = "a\x07 --force b"
    lines = wrap(spell(command, [(3, 10)], LOOK), 40)
    marked = [lines[0].plain[s.start : s.end] for s in lines[0].spans if s.style == LOOK.danger]
    assert marked == ["--force"]


@pytest.mark.parametrize("width", [5, 17, 54])
def test_wrapping_loses_nothing(width: int) -> None:
    command = "find . -name '*.py' -exec sed -i 's/a/b/' {} + && git add -A; 日本語 " * 5
    lines = wrap(spell(command, (), LOOK), width)
    assert "".join(line.plain for line in lines) == command
    assert all(cell_len(line.plain) <= width for line in lines)


def test_a_command_that_is_cut_says_so_and_needs_a_second_key() -> None:
    card = install(command="echo " + "word " * 200 + "; rm -rf ~")
    assert "more characters: v shows all" in text(card)
    assert needs_second_key(card, 58)
    assert not needs_second_key(install(), 58)
    assert needs_second_key(force_push(), 58)
    whole = "\n".join(line.plain for line in draw_whole(card, LOOK, Setting(width=44)))
    assert "rm -rf ~" in whole


def test_the_whole_view_leaves_nothing_out() -> None:
    card = force_push(
        command=NASTY, normalised="echo hi", hidden=("U+202E right-to-left override",),
        evidence=tuple(Effect(Verb.DELETE, f"/tmp/{i}", sentence=f"removes file number {i}") for i in range(50)),
        why=(PolicyRef("team/a", "because", file="/etc/a.cedar", line=3), PolicyRef("team/b", "")),
    )  # fmt: skip
    whole = "\n".join(line.plain for line in draw_whole(card, LOOK, Setting(width=200)))
    for words in ("removes file number 49", "team/b", "/etc/a.cedar:3", "echo hi", "U+202E", "x" * 100, "\\e[2J"):
        assert words in whole
    assert "\x1b" not in whole


@pytest.mark.parametrize("width", [42, 44, 58])
@pytest.mark.parametrize(
    "because",
    [
        "it is asked every time: destructive",
        "it is asked every time: builtin/git-push-force-protected",
        "it is not one simple command",
        "it is asked every time: not fully understood",
    ],
)
def test_why_nothing_wider_is_offered_is_never_cut(because: str, width: int) -> None:
    lines = draw(force_push(no_wider=because), LOOK, Setting(width=width))
    told = lines[-2].plain.strip("┃ ")
    assert told.removeprefix("no “this session”: ") in (because, because.partition(":")[0])


@pytest.mark.parametrize("lasting", [False, True])
@pytest.mark.parametrize("width", [42, 58])
def test_what_will_pass_unasked_is_shown_whole_before_it_does(width: int, lasting: bool) -> None:
    prefix = "ssh deploy@prod.example.com 'systemctl stop api && rm -rf /srv/api/releases/2025-11-01 && echo done'"
    label = f"this session: {prefix} …"
    card = install(options=(Option("y", Choice.ONCE, "once"), Option("s", Choice.SESSION, label)))
    setting = Setting(width=width, confirming=Choice.SESSION, lasting=lasting)
    lines = [line.plain.strip("┃ ") for line in draw(card, LOOK, setting)]
    start = next(n for n, line in enumerate(lines) if line.startswith("!"))
    shown = " ".join(lines[start : lines.index("any other key takes it back")])
    assert prefix.replace(" ", "") in shown.replace(" ", "")


def test_a_place_of_the_home_is_named_once() -> None:
    key = Effect(Verb.KEY_USE, "/home/ada/.ssh", sentence="opens ~/.ssh, closed here, until this ends")
    shown = text(force_push(evidence=(key,)), home="/home/ada")
    assert "until this ends" in shown and "/home/ada/.ssh" not in shown


def test_a_target_whose_words_are_in_the_sentence_is_not_said_again() -> None:
    gone = Effect(Verb.REMOTE_CHANGE, "origin :main", sentence="deletes main on origin")
    assert ": origin" not in text(force_push(evidence=(gone,)))


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("git push https://g\u0456thub.com/o/r", "g\u0456thub mixes alphabets: \u0456 is Cyrillic"),
        ("git commit -m 'caf\u00e9, \u043f\u0440\u0438\u0432\u0435\u0442, 5 \u00b5s'", ""),
    ],
)
def test_letters_that_look_like_others_are_named(command: str, says: str) -> None:
    card = force_push(command=command)
    for lines in (draw(card, LOOK, Setting(width=58)), draw_whole(card, LOOK, Setting(width=58))):
        text = "\n".join(line.plain for line in lines)
        assert says in text
        assert bool(says) == ("mixes alphabets" in text)
