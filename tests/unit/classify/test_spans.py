"""Every finding points at the very characters that cause it, wherever they stand in the text."""

from __future__ import annotations

import pytest
from judge import judged

from leashtui.model.facts import Verb


@pytest.mark.parametrize(
    "command",
    [
        "echo `rm -rf src`",
        'echo "a `rm -rf src` b"',
        "x=1; echo \\\n  `rm -rf src`",
        "echo $(rm -rf src)",
        'echo "$(echo $(rm -rf src))"',
        "echo `echo \\`rm -rf src\\``",
        'echo "`echo \\"$(rm -rf src)\\"`"',
        "echo $((1 + $(rm -rf src)))",
        "echo $[1 + $(rm -rf src)]",
        "cat <<E\nhello $(rm -rf src)\nE",
        "cat <<-E\n\thello\n\t\twell $(rm -rf src)\n\tE",
        "cat <<E\nhello `rm -rf src`\nE",
        "if true; then echo ${x:-`rm -rf src`}; fi",
        "diff <(rm -rf src) a",
        "((a = `rm -rf src`))",
        "a[1]=`rm -rf src`",
        "echo é `rm -rf src`",
    ],
)
def test_a_substitution_is_pointed_at(command: str) -> None:
    facts = judged(command).facts
    spans = [e.span for e in facts.effects if e.verb is Verb.DELETE]
    assert [command[a:b] for a, b in spans] == ["rm -rf src"]


@pytest.mark.parametrize(
    "command", ["bash -c 'cd x; rm -rf src'", "f='$(rm -rf src)'; echo ${f@P}", "eval 'echo `rm -rf src`'"]
)
def test_a_text_in_a_text_points_at_what_runs_it(command: str) -> None:
    facts = judged(command).facts
    (span,) = (e.span for e in facts.effects if e.verb is Verb.DELETE)
    shown = command[span[0] : span[1]]
    assert shown
    assert shown in command.split("; ") or shown == command
