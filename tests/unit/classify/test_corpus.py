"""Labelled commands: ours are all answered as labelled; those of the field, where they are at hand, within gates."""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from pathlib import Path

import pytest
from judge import verdict

from leashtui.model.request import Mode

NAMES = ("corpus.toml", "corpus_wide.toml", "corpus_lines.toml")
CORPORA = [tomllib.loads((Path(__file__).parent / name).read_text()) for name in NAMES]
CASES = [
    (label, command)
    for corpus in CORPORA
    for label, groups in corpus.items()
    for commands in groups.values()
    for command in commands
]
FRESH = tomllib.loads((Path(__file__).parent / "corpus_fresh.toml").read_text())
FIELD = Path(__file__).parents[4] / "shared" / "data" / "commands.jsonl"


def test_the_corpus_is_large_enough_to_mean_something() -> None:
    assert len(CASES) >= 2000
    assert len({command for _, command in CASES}) == len(CASES)


@pytest.mark.parametrize(("label", "command"), CASES)
def test_ours(label: str, command: str) -> None:
    assert verdict(command) == label


@pytest.mark.parametrize("command", [c for label, c in CASES if label == "allow"])
def test_the_harmless_stay_harmless_where_programs_are_held(command: str) -> None:
    assert verdict(command, Mode.KERNEL) == "allow"


@pytest.mark.parametrize("command", [c for label, c in CASES if label == "deny"])
def test_what_is_stopped_is_stopped_in_both_modes(command: str) -> None:
    assert verdict(command, Mode.KERNEL) != "allow"


@pytest.mark.parametrize("label", list(FRESH))
@pytest.mark.parametrize("mode", list(Mode))
def test_what_was_labelled_before_it_was_tried(label: str, mode: Mode) -> None:
    """Where programs are held, what is only asked may be allowed: its programs are judged again."""
    commands = [c for group in FRESH[label].values() for c in group]
    assert len(commands) >= 300
    answers = [(verdict(c, mode), c) for c in commands]
    assert [a for a in answers if not _fits(label, a[0], mode)] == []


def _fits(label: str, answer: str, mode: Mode) -> bool:
    if mode is Mode.SHIM or label == "allow":
        return answer == label
    return label == "ask" or answer != "allow"


def test_the_field() -> None:
    """Gates of the classifier: it must neither cry wolf nor sleep. Absent in a fresh clone, and then there is nothing
    to measure: the cases above stand for themselves."""
    if not FIELD.exists():
        return
    count: Counter[str] = Counter()
    for line in FIELD.read_text().splitlines():
        row = json.loads(line)
        label, answer = row["label"], verdict(row["command"])
        count[label] += 1
        count[f"{label}->{answer}"] += 1
    false_ask = (count["allow"] - count["allow->allow"]) / count["allow"]
    miss = (count["ask->allow"] + count["deny->allow"]) / (count["ask"] + count["deny"])
    assert false_ask <= 0.08, count
    assert miss <= 0.04, count
    assert count["deny->allow"] / count["deny"] <= 0.01, count
    assert count["deny->deny"] / count["deny"] >= 0.90, count
