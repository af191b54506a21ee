"""What an agent may keep in its settings by itself, and what stays a question."""

from __future__ import annotations

import pytest

from leashtui.agents.codex import AGENT
from leashtui.agents.settled import only_settles

((FILE, PATTERN),) = AGENT.settled
BEFORE = 'model = "a"\n[mcp_servers.x]\ncommand = "x"\n[tui]\ntheme = "dark"\n'


@pytest.mark.parametrize(
    "added",
    [
        "screen_reader_detection_done = true",
        "[tui.model_availability_nux]\ngpt = 3",
        '[notice.model_migrations]\n"gpt-5.5" = "gpt-6-sol"',
        "[notice]\nhide_rate_limit_model_nudge = true",
        "",
        "# a word",
    ],
)
def test_what_its_screen_found_out_is_its_own(added: str) -> None:
    assert only_settles(FILE, BEFORE, BEFORE + added, PATTERN)
    assert only_settles(FILE, BEFORE, BEFORE.replace('"a"', '"gpt-6-sol"') + added, PATTERN)


@pytest.mark.parametrize(
    "added",
    [
        'notifications = "sh -c x"',
        '[projects."/w"]\ntrust_level = "trusted"',
        '[mcp_servers.y]\ncommand = "evil"',
        '[hooks.state."x"]\ntrusted_hash = "1"',
        '[[hooks.PreToolUse]]\nmatcher = "*"',
        "[features]\nhooks = false",
        '[notice]\nx = ["sh"]',
        "= broken",
    ],
)
def test_whom_it_obeys_asks_or_starts_is_the_persons(added: str) -> None:
    assert not only_settles(FILE, BEFORE, BEFORE + added, PATTERN)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('command = "x"', 'command = "y"'),
        ('[mcp_servers.x]\ncommand = "x"\n', ""),
        ('theme = "dark"', 'theme = "!sh"'),
        ('model = "a"', 'approval_policy = "never"'),
        ('model = "a"', 'model = "a"\nsandbox_mode = "danger-full-access"'),
        ('model = "a"', "model = 'a$(x) b'"),
    ],
)
def test_nor_may_it_change_or_drop_such_a_line(old: str, new: str) -> None:
    assert old in BEFORE
    assert not only_settles(FILE, BEFORE, BEFORE.replace(old, new), PATTERN)


def test_json_is_read_as_agents_read_it() -> None:
    assert only_settles("s.json", '{"a": 1, // x\n}', '{"a": 1, "ui": {"theme": "x"}}', r'ui\.theme="\w+"')
    assert not only_settles("s.json", '{"a": 1}', '{"a": 2}', r'ui\.theme="\w+"')
    assert not only_settles("s.json", "", '{"hooks": {}, "b": [1]}', r"ui\..*")
