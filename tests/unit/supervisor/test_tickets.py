"""A late approval is worth one run of exactly what was asked: same words, place, variables, policies and scripts."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from leashtui.agents.registry import adapter_for
from leashtui.classify import summary
from leashtui.classify.ledger import Ledger
from leashtui.model.facts import Effect, Place, Verb
from leashtui.model.request import Action, Layer, Mode, Request
from leashtui.model.verdict import By, Ruling, Verdict
from leashtui.supervisor.tickets import LIFE, Tickets


def make(now: list[int], bundle: str = "b") -> Tickets:
    return Tickets(lambda: bundle, lambda: now[0], adapter_for("claude").command_of)


def shell(command: str, cwd: str = "/w") -> Request:
    return Request(Action.PROCESS_EXEC, Layer.KERNEL, cwd, ("/bin/bash", "-c", command))


def test_a_pass_is_taken_once() -> None:
    tickets = make([0])
    digest = tickets.digest(shell("rm x"))
    assert tickets.take(digest) == ""
    tickets.leave(digest, "L-1")
    assert tickets.take(digest) == "L-1"
    assert tickets.take(digest) == ""


def test_a_pass_has_an_end_and_is_spent_by_another_run() -> None:
    now = [0]
    tickets = make(now)
    tickets.leave("d", "L-1")
    now[0] = LIFE
    assert tickets.take("d") == ""
    tickets.leave("d", "L-2")
    tickets.spend("L-2")
    assert tickets.take("d") == ""


def test_a_late_refusal_is_said_once_and_not_for_ever() -> None:
    now = [0]
    tickets = make(now)
    no = Verdict(Ruling.DENY, By.PERSON, "leash: REFUSED: not this")
    tickets.refuse("d", no)
    assert tickets.refused("e") is None
    assert tickets.refused("d") == no
    assert tickets.refused("d") is None
    tickets.refuse("d", no)
    now[0] = LIFE
    assert tickets.refused("d") is None


def test_the_agents_changing_wrapping_does_not_matter() -> None:
    tickets = make([0])
    one = "eval 'rm x' < /dev/null && pwd -P >| /tmp/claude-1111-cwd"
    two = "eval 'rm x' < /dev/null && pwd -P >| /tmp/claude-2222-cwd"
    assert tickets.digest(shell(one)) == tickets.digest(shell(two))


@pytest.mark.parametrize(
    "other",
    [
        shell("rm y"),
        shell("rm x", "/elsewhere"),
        replace(shell("rm x"), env=(("LD_PRELOAD", "x.so"),)),
        replace(shell("rm x"), script="more"),
        Request(Action.FILE_DELETE, Layer.HOOK, "/w", path="/w/x"),
    ],
)
def test_whatever_differs_is_another_act(other: Request) -> None:
    tickets = make([0])
    assert tickets.digest(other) != tickets.digest(shell("rm x"))
    assert make([0], "other policies").digest(shell("rm x")) != tickets.digest(shell("rm x"))


def test_a_changed_script_or_file_is_another_act(tmp_path: Path) -> None:
    script = tmp_path / "tidy.sh"
    script.write_text("rm -rf notes\n")
    tickets = make([0])
    write = Request(Action.FILE_WRITE, Layer.HOOK, str(tmp_path), path=str(script), script="new")
    before = [tickets.digest(shell("bash ./tidy.sh", str(tmp_path))), tickets.digest(write)]
    script.write_text("rm -rf src\n")
    after = [tickets.digest(shell("bash ./tidy.sh", str(tmp_path))), tickets.digest(write)]
    assert not set(before) & set(after)


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("cd sub && sh x.sh", "sub/x.sh"),
        ("(cd sub; ./x.sh)", "sub/x.sh"),
        ("cd 'sub' && for f in *.sh; do sh $f; done", "sub/y.sh"),
        ("for f in sub/*.sh; do sh $f; done", "sub/x.sh"),
        ("rm sub/*.sh", "sub/new.sh"),
        ("make -C sub -f x.sh", "sub/x.sh"),
    ],
)
def test_so_is_one_in_a_folder_it_goes_to_or_that_a_pattern_finds(command: str, name: str, tmp_path: Path) -> None:
    tickets = make([0])
    (tmp_path / "sub").mkdir()
    for one in ("sub/x.sh", "sub/y.sh", "other.txt"):
        (tmp_path / one).write_text("echo hi\n")
    before = tickets.digest(shell(command, str(tmp_path)))
    (tmp_path / "other.txt").write_text("changed\n")
    assert tickets.digest(shell(command, str(tmp_path))) == before
    (tmp_path / name).write_text("rm -rf ~\n")
    assert tickets.digest(shell(command, str(tmp_path))) != before


@pytest.mark.parametrize("command", ["make clean >> log.txt", "make clean >>log.txt 2>> log.txt; true"])
def test_what_it_only_adds_lines_to_may_have_got_others_meanwhile(command: str, tmp_path: Path) -> None:
    """Control: one that it runs as well, replaces or reads."""
    log = tmp_path / "log.txt"
    others = [command + "\nsh log.txt", "sh log.txt >> log.txt", command.replace(">>", ">"), "sort '>>' log.txt"]
    tickets = make([0])
    found = []
    for text in ("one\n", "one\ntwo\n"):
        log.write_text(text)
        found.append([tickets.digest(shell(words, str(tmp_path))) for words in (command, *others)])
    assert found[0][0] == found[1][0]
    assert not set(found[0][1:]) & set(found[1][1:])


def test_what_is_large_tells_of_a_change_by_its_size_at_least(tmp_path: Path) -> None:
    tickets = make([0])
    large = tmp_path / "large"
    large.write_bytes(bytes(3 << 20))
    before = tickets.digest(shell("tar xf large", str(tmp_path)))
    large.write_bytes(bytes((3 << 20) + 1))
    assert tickets.digest(shell("tar xf large", str(tmp_path))) != before


def test_what_it_is_found_to_do_now_is_another_act() -> None:
    """A script that leash follows and the words do not name."""
    tickets = make([0])
    one, other = (Effect(Verb.DELETE, target, Place.SOURCE) for target in ("/w/a", "/w/b"))
    facts = summary.facts_of(Ledger(), "npm run clean", Mode.KERNEL, ())
    digests = {tickets.digest(shell("npm run clean"), replace(facts, effects=(e,))) for e in (one, other, one)}
    assert len(digests) == 2


def test_patterns_that_lead_through_too_much_have_no_ticket(tmp_path: Path) -> None:
    """All else waits while they are looked through: such an act is asked about again."""
    for number in range(400):
        (tmp_path / f"f{number}").touch()
    few, many = (" ".join(f"*{n}x" for n in range(count)) for count in (3, 60))
    tickets = make([0])
    assert tickets.digest(shell(f"cat {few}", str(tmp_path)))
    digest = tickets.digest(shell(f"cat {many}", str(tmp_path)))
    assert digest == ""
    tickets.leave(digest, "L-1")
    assert tickets.take(digest) == ""
