"""Which files ssh's settings include, and that copies of them say the same."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from leashtui.guards.kernel.owned import copies, included


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine whose files belong to somebody else."""
    folder = tmp_path / "ssh"
    (folder / "ssh_config.d").mkdir(parents=True)
    (folder / "crypto").mkdir()
    (folder / "crypto" / "policy").write_text("Ciphers aes256-ctr\n")
    (folder / "ssh_config.d" / "50-x.conf").write_text(f"Match final all\n  include {folder}/crypto/policy\n")
    (folder / "crypto" / "link").symlink_to("policy")
    (folder / "ssh_config.d" / "60-y.conf").write_text(f'Include "{folder}/crypto/link" {folder}/ssh_config.d/*.conf\n')
    (folder / "ssh_config").write_text("# Include no\nInclude ssh_config.d/*.conf ~/mine missing/*\nHost *\n")
    monkeypatch.setattr(os, "geteuid", lambda: 4242)
    return folder


def test_includes_are_followed_once_each(machine: Path) -> None:
    found = included((str(machine / "ssh_config"), str(machine / "none")))
    names = [str(machine / name) for name in ("ssh_config.d/50-x.conf", "crypto/policy", "ssh_config.d/60-y.conf")]
    assert list(found) == names
    assert found[names[1]] == b"Ciphers aes256-ctr\n"


def test_the_persons_own_need_no_copy(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: os.stat(machine).st_uid)
    assert included((str(machine / "ssh_config"),)) == {}


def test_a_copy_holds_the_same_and_cannot_be_written(machine: Path, tmp_path: Path) -> None:
    found = included((str(machine / "ssh_config"),))
    for copy, original in copies(found, tmp_path):
        assert Path(copy).read_bytes() == Path(original).read_bytes()
        assert os.stat(copy).st_mode & 0o777 == 0o444
