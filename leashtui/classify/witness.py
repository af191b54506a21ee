"""A probe that notes what it was asked: what was found out can be kept for as long as the answers stay the same.

Knows questions and answers. Refuses to know what they mean. Invariant: notes hold every question asked since `begin`,
with the answer that was given.
"""

from __future__ import annotations

from leashtui.classify.probe import Probe

Question = tuple[str, str, object]
"""The probe's method, what it was asked about, what it answered."""


class Witness:
    """A probe (classify.probe.Probe) that notes what it was asked and what it answered."""

    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        self._notes: list[Question] = []

    def begin(self) -> list[Question]:
        """A fresh page of notes, which grows with every question from now on."""
        self._notes = []
        return self._notes

    def still(self, notes: tuple[Question, ...]) -> bool:
        """Whether every question has the same answer now."""
        return all(getattr(self._probe, method)(about) == answer for method, about, answer in notes)

    def exists(self, path: str) -> bool | None:
        """See Probe."""
        answer = self._probe.exists(path)
        self._notes.append(("exists", path, answer))
        return answer

    def is_dir(self, path: str) -> bool | None:
        """See Probe."""
        answer = self._probe.is_dir(path)
        self._notes.append(("is_dir", path, answer))
        return answer

    def real(self, path: str) -> str:
        """See Probe."""
        answer = self._probe.real(path)
        self._notes.append(("real", path, answer))
        return answer

    def names(self, path: str) -> tuple[str, ...] | None:
        """See Probe."""
        answer = self._probe.names(path)
        self._notes.append(("names", path, answer))
        return answer

    def serves(self, address: str) -> bool | None:
        """See Probe."""
        answer = self._probe.serves(address)
        self._notes.append(("serves", address, answer))
        return answer

    def tracked(self, path: str) -> bool | None:
        """See Probe."""
        answer = self._probe.tracked(path)
        self._notes.append(("tracked", path, answer))
        return answer

    def ignored(self, path: str) -> bool | None:
        """See Probe."""
        answer = self._probe.ignored(path)
        self._notes.append(("ignored", path, answer))
        return answer

    def git_config(self, key: str) -> str | None:
        """See Probe."""
        answer = self._probe.git_config(key)
        self._notes.append(("git_config", key, answer))
        return answer

    def remote_address(self, remote: str) -> str | None:
        """See Probe."""
        answer = self._probe.remote_address(remote)
        self._notes.append(("remote_address", remote, answer))
        return answer

    def read_text(self, path: str) -> str | None:
        """See Probe."""
        answer = self._probe.read_text(path)
        self._notes.append(("read_text", path, answer))
        return answer

    def twin(self, path: str) -> str:
        """See Probe."""
        answer = self._probe.twin(path)
        self._notes.append(("twin", path, answer))
        return answer

    def made(self, path: str) -> bool:
        """See Probe."""
        answer = self._probe.made(path)
        self._notes.append(("made", path, answer))
        return answer

    def edited(self, path: str) -> bool:
        """See Probe."""
        answer = self._probe.edited(path)
        self._notes.append(("edited", path, answer))
        return answer

    def are_own(self, question: str) -> bool:
        """See Probe."""
        answer = self._probe.are_own(question)
        self._notes.append(("are_own", question, answer))
        return answer
