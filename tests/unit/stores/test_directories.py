"""leash's own places, seen from inside a session: closed there, and said so instead of a wrong remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from leashtui.model.errors import LeashError
from leashtui.stores import directories


@pytest.fixture
def covered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state directory as a cover shows it: nobody's to change."""
    place = tmp_path / "state"
    place.mkdir(mode=0o700)
    place.chmod(0o111)
    monkeypatch.setenv("LEASH_STATE_DIR", str(place))

    def refuse(self: Path, mode: int) -> None:
        raise PermissionError(1, "Operation not permitted", str(self))

    monkeypatch.setattr(Path, "chmod", refuse)
    return place


def test_inside_a_session_the_session_is_named(covered: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEASH_SESSION", "20200101-000000-aaaa")
    with pytest.raises(LeashError, match="inside leash session 20200101-000000-aaaa") as told:
        directories.ensure_private(covered)
    assert "the person" in told.value.hint
    assert directories.why_closed("/elsewhere") is None


def test_outside_of_one_the_remedy_is(covered: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LEASH_SESSION", raising=False)
    with pytest.raises(LeashError, match="is open to others") as told:
        directories.ensure_private(covered)
    assert told.value.hint == f"run: chmod 700 {covered}"


def test_a_place_that_somebody_else_took_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """In /tmp another user can be first to make the folder that stands for XDG_RUNTIME_DIR."""

    def taken(app: str) -> str:
        raise PermissionError("runtime directory /tmp/runtime-7 is owned by uid 8, not 7")

    monkeypatch.delenv("LEASH_RUNTIME_DIR", raising=False)
    monkeypatch.setattr("platformdirs.user_runtime_dir", taken)
    with pytest.raises(LeashError, match="owned by uid 8") as told:
        directories.runtime_dir()
    assert "LEASH_RUNTIME_DIR" in told.value.hint


def test_a_user_without_a_home_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a container does it: a number that no user has, and no HOME."""

    def homeless(app: str) -> str:
        raise RuntimeError("could not determine the home directory")

    monkeypatch.delenv("LEASH_STATE_DIR", raising=False)
    monkeypatch.setattr("platformdirs.user_state_dir", homeless)
    with pytest.raises(LeashError, match="could not determine the home directory") as told:
        directories.state_dir()
    assert "LEASH_STATE_DIR" in told.value.hint
