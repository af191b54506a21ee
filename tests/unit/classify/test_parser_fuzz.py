"""The parser against two others: what it accepts bash accepts, and no command that tree-sitter sees is missing."""

from __future__ import annotations

import re
import subprocess

import pytest
import tree_sitter_bash
from hypothesis import given, settings
from hypothesis import strategies as st
from tree_sitter import Language, Node, Parser

from leashtui.classify.outline import outline
from leashtui.classify.parser import Unparsable, parse

SECOND = Parser(Language(tree_sitter_bash.language()))

WORDS = st.sampled_from(
    [
        "ls", "rm", "-rf", "src", "'a b'", '"x $y"', "$HOME", "${x:-y}", "$(id)", "`id`", "a*b", "{a,b}", "\\;",
        "x=1", "~", "$((1+2))", "<(ls)", '"$(rm x)"', "$'a\\n'", "[", "]", "é", "2", "--", "${a[0]}", "${x/a/b}",
        "\"a'b\"", "'\"'", "$@", "$1", "a\\ b",
    ]
)  # fmt: skip
JOINS = st.sampled_from([" ; ", " && ", " || ", " | ", " & ", "\n", " |& "])
REDIRECTS = st.sampled_from(
    ["", "", "", " > out", " 2>&1", " < in", " >> log", " &> all", " <<< text", " 2>/dev/null", " >| f"]
)
SIMPLE = st.builds(
    lambda words, redirect: " ".join(words) + redirect, st.lists(WORDS, min_size=1, max_size=4), REDIRECTS
)
LISTS = st.builds(lambda a, join, b: a + join + b, SIMPLE, JOINS, SIMPLE)
FRAMES = st.sampled_from(
    [
        "{}", "( {} )", "{{ {} ; }}", "if {} ; then {} ; fi", "while {} ; do {} ; done",
        "for i in a b ; do {} ; done", "case x in a) {} ;; *) {} ;; esac", "f() {{ {} ; }}", "! {}", "time {}",
        "cat <<E\n{}\nE\n", "cat <<'E'\n{}\nE\n", "[[ -f x ]] && {}", "(( x > 1 )) ; {}", "until {} ; do {} ; done",
        "if {} ; then {} ; else {} ; fi", "x=$( {} )", "echo \"$( {} )\"",
    ]
)  # fmt: skip
TEXTS = st.builds(
    lambda frame, body: frame.replace("{}", body).replace("{{", "{").replace("}}", "}"), FRAMES, LISTS | SIMPLE
)
NOISE = st.text(alphabet="ab $'\"`\\(){}[];&|<>!*?~#=\n-/", max_size=40)


def bash_accepts(text: str) -> bool:
    """Whether bash itself can read the text."""
    done = subprocess.run(
        ["bash", "-n"], input=text.encode(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False
    )
    return done.returncode == 0 and b"warning" not in done.stderr


def ours(text: str) -> list[str] | None:
    """The commands we see, as they are written; None where we refuse."""
    try:
        parse(text)
    except Unparsable:
        return None
    return [branch.text for branch in outline(text) if branch.kind == "command"]


def theirs(text: str) -> list[str] | None:
    """The names of the commands tree-sitter sees; None where it found errors."""
    tree = SECOND.parse(text.encode())
    if tree.root_node.has_error:
        return None
    found: list[str] = []

    def walk(node: Node) -> None:
        if node.type == "command_name":
            found.append((node.text or b"").decode())
        for child in node.children:
            walk(child)

    walk(tree.root_node)
    return found


@given(TEXTS | NOISE)
@settings(max_examples=400, deadline=None)
def test_what_we_read_bash_reads(text: str) -> None:
    extended = re.search(r"[?*+@!]\(|\w\[", text)  # patterns it reads when told to; an index is open
    if not extended and not text.endswith("\\") and ours(text) is not None:
        assert bash_accepts(text), text


@given(TEXTS)
@settings(max_examples=400, deadline=None)
def test_no_command_that_another_parser_sees_is_missing(text: str) -> None:
    mine, second = ours(text), theirs(text)
    # It expands `<( )` in documents, and everything behind a backslash in quoted ones.
    mistaken = ("<<E" in text and "<(" in text) or ("<<'E'" in text and "\\" in text)
    if mine is None or second is None or mistaken:
        return
    wanted = [name for name in second if name in ("ls", "rm", "id", "cat", "echo")]  # it takes 1+2 for a command too
    for name in wanted:
        assert "\n".join(mine).count(name) >= wanted.count(name), (text, name)


@given(TEXTS)
@settings(max_examples=300, deadline=None)
def test_ordinary_scripts_are_read(text: str) -> None:
    """Refusing everything would pass the tests above: what bash reads of this grammar we read as well."""
    if bash_accepts(text):
        assert ours(text) is not None, text


@pytest.mark.parametrize(
    "text",
    [
        "r\\\nm -rf x", "`a``b`", "cat <<E\n`rm x`\nE", 'echo "${x:-`rm x`}"', "a=(1 2); rm ${a[0]}",
        "echo a#b; rm x", "echo \\# ; rm x", "if true; then rm x; fi >out", "case $x in (a) rm x;; esac",
        "f () { rm; }", "time -p rm x", "coproc rm x", "echo $'a\\'b'; rm x", "x() (rm x)",
        "for ((i=0;i<3;i++)); do rm x; done", "select a in b; do rm x; done", "{ rm x; } 2>&1 | tee y", "! rm x",
    ],
)  # fmt: skip
def test_constructs_that_fool_others(text: str) -> None:
    mine = ours(text)
    assert mine is None or any("rm" in command.replace("\\\n", "") for command in mine) or "`a``b`" in text
    if mine is not None:
        assert bash_accepts(text)
