"""What is shown instead of `/bin/sh -c '…'` is exactly what the shell is handed, or the whole line."""

from __future__ import annotations

import shlex

import pytest

from leashtui.words.inner import brief, inner, spans_in

LINES = ["ls", "rm -rf notes", "git commit -m 'it'\"'\"'s'", "echo \"$HOME\" > 'a b'", "x\ny", "日本 \x1b[2J", "a  b "]


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("front", [["/bin/sh", "-c"], ["bash", "-lc"], ["/usr/bin/zsh", "-l", "-c"]])
def test_the_line_comes_out_as_it_went_in(front: list[str], line: str) -> None:
    command = shlex.join([*front, line])
    found = inner(command)
    assert found.text == line
    assert "".join(command[at] for at in found.places) == line
    assert found.shells.endswith("c")


def test_shells_in_shells() -> None:
    command = shlex.join(["/bin/sh", "-c", shlex.join(["bash", "-lc", "rm -rf 'a b'"])])
    assert inner(command)[:2] == ("rm -rf 'a b'", "sh -c bash -lc")


@pytest.mark.parametrize(
    "command",
    [
        "ls -l", "", "sh", "sh -c", "sh script.sh", "/tmp/evil/sh -c 'ls'", "sh -c 'ls' more", "sh -x -c ls -c rm",
        "env sh -c 'ls'", "sh -c \"$(id)\"", "sh -c 'ls'; rm x", "sh -c ''", "bash --rcfile x -c ls", "sh -c 'ls",
    ],
)  # fmt: skip
def test_whatever_is_not_plainly_that_stays_whole(command: str) -> None:
    found = inner(command)
    assert (found.text, found.shells) == (command, "")
    assert list(found.places) == list(range(len(command)))


def test_spans_follow_their_words() -> None:
    command = shlex.join(["/bin/sh", "-c", "echo 'it' && git push --force"])
    at = command.index("--force")
    found = inner(command)
    (start, end), *rest = spans_in(found, [(at, at + 7), (0, len(command))])
    assert found.text[start:end] == "--force"
    assert rest == []


@pytest.mark.parametrize(
    ("command", "short"),
    [
        ("/usr/bin/git status", "git status"),
        ("/usr/lib/git-core/git gc", "git gc"),
        ("/bin/sh -c '/opt/x/bin/python3 -m unittest'", "…/python3 -m unittest"),
        ("/tmp/evil/ls -l", "…/ls -l"),
        ("/usr/bin/evil/ls", "…/ls"),
        ("./run /usr/bin/x", "./run /usr/bin/x"),
        ("/x", "/x"),
    ],
)
def test_a_narrow_row_never_passes_one_program_for_another(command: str, short: str) -> None:
    assert brief(command) == short
