"""Remembered facts are those of now: every input of the classifier that changes makes it look again."""

from __future__ import annotations

import msgspec
import pytest

from leashtui.classify.probe import NoProbe, Probe
from leashtui.model.facts import Facts, Mode, Parse
from leashtui.model.request import Action, Layer, ProcessRef, Request
from leashtui.supervisor import recall
from leashtui.supervisor.recall import Recall, Witness

ASKED = Request(
    Action.PROCESS_EXEC,
    Layer.KERNEL,
    "/w",
    ("sh", "build.sh"),
    exe="/bin/sh",
    env=(("BASH_ENV", "x"),),
    process=ProcessRef(7, 7),
    ancestry=(ProcessRef(1, 1),),
)


class Machine(NoProbe):
    """Files as a dictionary; counts what it is asked."""

    def __init__(self) -> None:
        self.files: dict[str, str] = {"/w/build.sh": "make"}

    def read_text(self, path: str) -> str | None:
        return self.files.get(path)


class Classifier:
    """Facts that say what a script holds, and how often they were made."""

    def __init__(self, probe: Probe) -> None:
        self.probe = probe
        self.calls = 0
        self.seen: list[Request] = []

    def __call__(self, request: Request) -> Facts:
        self.calls += 1
        self.seen.append(request)
        flags = {f.name: False for f in msgspec.structs.fields(Facts) if f.type is bool}
        words = {f.name: () for f in msgspec.structs.fields(Facts) if f.type is not bool}
        held = self.probe.read_text("/w/build.sh") or ""
        told = {"command": held, "normalised": "", "parse": Parse.FULL, "mode": Mode.KERNEL, "undo": ""}
        return Facts(**(words | flags | told))  # type: ignore[arg-type]


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def classifier(machine: Machine) -> Classifier:
    return Classifier(Witness(machine))


@pytest.fixture
def remembering(classifier: Classifier) -> Recall:
    assert isinstance(classifier.probe, Witness)
    return Recall(classifier, classifier.probe)


def test_the_same_request_is_classified_once(remembering: Recall, classifier: Classifier) -> None:
    first = remembering(ASKED)
    other_process = msgspec.structs.replace(ASKED, process=ProcessRef(8, 9), ancestry=())
    assert remembering(other_process) is first
    assert classifier.calls == 1
    assert classifier.seen[0].process is None, "facts must not depend on who asks"
    assert classifier.seen[0].ancestry == ()


def test_a_script_that_changed_is_read_again(machine: Machine, remembering: Recall, classifier: Classifier) -> None:
    remembering(ASKED)
    machine.files["/w/build.sh"] = "rm -rf /"
    assert remembering(ASKED).command == "rm -rf /"
    del machine.files["/w/build.sh"]
    assert remembering(ASKED).command == ""
    assert classifier.calls == 3


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("action", Action.FILE_WRITE),
        ("layer", Layer.SHIM),
        ("cwd", "/elsewhere"),
        ("argv", ("sh", "other.sh")),
        ("exe", "/w/sh"),
        ("env", (("LD_PRELOAD", "x.so"),)),
        ("path", "/w/x"),
        ("like", "/w/file"),
        ("script", "rm -rf ."),
        ("under_git", True),
        ("fed", True),
        ("named", "host.example"),
        ("late", True),
        ("unled", "far"),
    ],
)
def test_any_other_field_makes_another_request(
    name: str, value: object, remembering: Recall, classifier: Classifier
) -> None:
    remembering(ASKED)
    remembering(msgspec.structs.replace(ASKED, **{name: value}))
    assert classifier.calls == 2


def test_every_field_of_a_request_is_told_apart_or_declared_irrelevant() -> None:
    told_apart = {
        "action",
        "layer",
        "cwd",
        "argv",
        "exe",
        "env",
        "path",
        "like",
        "host",
        "port",
        "named",
        "unled",
        "script",
        "chosen",
        "under_git",
        "fed",
        "was",
        "late",
    }
    assert set(Request.__struct_fields__) == told_apart | {
        "process",
        "ancestry",
        "tool",
        "call",
        "said",
        "diff",
        "pin",
        "effect",
        "taint",
        "grants",
        "helper",
    }


def test_every_question_is_witnessed() -> None:
    answers = {"exists": True, "is_dir": False, "tracked": True, "ignored": None, "git_config": "x", "read_text": "t"}
    truth = NoProbe()
    for method, answer in answers.items():
        setattr(truth, method, lambda about, answer=answer: answer)
    witness = Witness(truth)
    notes = witness.begin()
    for method, answer in answers.items():
        assert getattr(witness, method)("/p") == answer
    assert witness.real("/p") == "/p"
    assert notes == [*((m, "/p", a) for m, a in answers.items()), ("real", "/p", "/p")]
    assert witness.still(tuple(notes))
    for method in (*answers, "real"):
        before = getattr(truth, method)
        setattr(truth, method, lambda about: "changed")
        assert not witness.still(tuple(notes)), method
        setattr(truth, method, before)


def test_what_is_too_long_is_not_kept_and_the_memory_is_bounded(
    machine: Machine, remembering: Recall, classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.files["/w/build.sh"] = "x" * 5000
    remembering(ASKED)
    remembering(ASKED)
    assert classifier.calls == 2
    machine.files["/w/build.sh"] = ""
    monkeypatch.setattr(recall, "REMEMBERED", 2)
    for word in ("a", "b", "c"):
        remembering(msgspec.structs.replace(ASKED, argv=(word,)))
    before = classifier.calls
    remembering(msgspec.structs.replace(ASKED, argv=("c",)))
    assert classifier.calls == before
    remembering(msgspec.structs.replace(ASKED, argv=("a",)))
    assert classifier.calls == before + 1


def test_a_failure_is_not_remembered(remembering: Recall, classifier: Classifier) -> None:
    def broken(request: Request) -> Facts:
        raise ValueError("fell over")

    failing = Recall(broken, Witness(NoProbe()))
    for _ in range(2):
        with pytest.raises(ValueError, match="fell over"):
            failing(ASKED)
