"""Configuration: no file is fine, and every mistake names file, line, key and remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from leashtui.model.errors import ConfigError
from leashtui.supervisor.config import Config, keys, load


def write(directory: Path, text: str) -> Path:
    (directory / "config.toml").write_text(text)
    return directory


def test_works_without_a_file(tmp_path: Path) -> None:
    loaded = load(tmp_path / "nowhere")
    assert loaded.config == Config()
    assert not loaded.present
    assert {value.source for value in loaded.values()} == {"default"}


def test_every_value_names_the_file_it_came_from(tmp_path: Path) -> None:
    text = 'guard = "exec"\n[panel]\nbell = false\n[watch]\nignore = ["dist"]\n[own_prompts]\nclaude = "quiet"\n'
    loaded = load(write(tmp_path, text))
    assert loaded.config.guard == "exec"
    assert loaded.config.watch.ignore == ("dist",)
    sources = {value.key: value.source for value in loaded.values()}
    given = {key for key, source in sources.items() if source == str(tmp_path / "config.toml")}
    assert given == {"guard", "panel.bell", "watch.ignore", "own_prompts.claude"}
    assert sources["on_ask"] == "default"


@pytest.mark.parametrize(
    ("text", "place", "key", "remedy"),
    [
        ('gaurd = "exec"\n', ":1", "'gaurd'", "'guard'"),
        ("\n[panel]\nleder = 'x'\n", ":3", "'panel.leder'", "'panel.leader'"),
        ("bell = true\n", ":1", "'bell'", "'panel.bell'"),
        ("[wach]\nignore = []\n", ":1", "'wach'", "'watch'"),
        ('on_ask = "no"\n', ":1", "on_ask", "'wait', 'deny'"),
        ('guard = "exec"\nplain = "yes"\n', ":2", "plain", "config show"),
        ("[panel]\nbell = 3\n", ":2", "panel.bell", "config show"),
        ("xyzzy = 1\n", ":1", "'xyzzy'", "valid keys: budget.acts"),
        ("guard = \n", "line 1", "TOML", "line"),
        ("[watch]\nignore = [1]\n", ":2", "watch.ignore", "config show"),
    ],
)
def test_a_mistake_is_named_with_place_and_remedy(tmp_path: Path, text: str, place: str, key: str, remedy: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(write(tmp_path, text))
    assert str(tmp_path / "config.toml") in caught.value.message
    assert place in caught.value.message
    assert key in caught.value.message
    assert remedy in caught.value.hint
    assert caught.value.code == 2


def test_bytes_that_are_no_text_are_named(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_bytes(b"plain = true\n# \xff\n")
    with pytest.raises(ConfigError, match="config.toml:2: not UTF-8"):
        load(tmp_path)


def test_a_directory_in_its_place_is_an_error_not_a_default(tmp_path: Path) -> None:
    (tmp_path / "config.toml").mkdir()
    with pytest.raises(ConfigError, match="Is a directory"):
        load(tmp_path)


def test_keys_are_dotted() -> None:
    assert {"guard", "on_ask", "panel.leader", "watch.ignore", "own_prompts"} <= set(keys())


@pytest.mark.parametrize("key", ["ctrl+c", "ctrl+i", "x", "ctrl+ab", "f1"])
def test_a_leader_that_cannot_be_one_is_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(ConfigError, match="panel.leader") as caught:
        load(write(tmp_path, f'panel.leader = "{key}"\n'))
    assert "'ctrl+g'" in caught.value.hint
