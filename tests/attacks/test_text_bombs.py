"""Texts made to keep the classifier busy or to fill its memory: a guard that hangs guards nothing.

All are judged by one run of the real program, which may have a gigabyte of memory; before it learned to stop counting,
each of these took minutes or many gigabytes.
"""

from __future__ import annotations

import json
import resource
import shlex
import subprocess
import sys

import pytest

from leashtui.classify.engine import Engine
from leashtui.classify.probe import NoProbe
from leashtui.classify.workspace import Workspace
from leashtui.model.facts import Parse
from leashtui.model.request import Action, Layer, Mode, Request

GIGABYTE = 1 << 30
MANY = " ".join(map(str, range(30)))
LONG = "a" * 48


def again(step: str) -> str:
    """A loop that does `step` thirty times."""
    return f"for i in {MANY}; do {step}; done"


def nested(loop: str, body: str, depth: int) -> str:
    """`depth` loops in one another."""
    for level in range(depth):
        body = f"{loop.replace('@', f'v{level}')}; do {body}; done"
    return body


def nested_texts(before: str, body: str) -> str:
    """Shells in shells, each behind the same words."""
    for _ in range(8):
        body = f"{before}sh -c {shlex.quote(body)}"
    return body


FORMAT = "x=f'" + "{x}" * 12 + "';"
DEFAULTS = "$x$x"
for _ in range(14):
    DEFAULTS = "${x:-" + DEFAULTS + "}"

BOMBS = {
    "a replaced pattern": f"x={LONG}; echo ${{x//+(+(a))b/}}",
    "a cut pattern": f"x={LONG}; echo ${{x##*{'a*' * 12}b}}",
    "a cut tail": f"x={LONG}; echo ${{x%%*{'a*' * 12}b}}",
    "stars of a case": f"case {LONG} in *{'a*' * 18}b) rm -rf src;; esac",
    "a pattern of sed": f"echo {LONG} | sed -E 's/^(a+)+b$/x/' | sh",
    "a pattern of pkill": "pkill -f '((((((.*)*)*)*)*)*)*x'",
    "another pattern of pkill": "pkill -f '" + ".?" * 31 + "x'",
    "braces": "echo {1..99999}{1..99999}{1..99999}; printf '%s' " + "{a,b}" * 26,
    "powers": "echo $((9**9**9**9)) $((1<<99999999))",
    "doubled text": "x=a; " + again("x=$x$x") + "; eval $x",
    "doubled words": "x='a a'; " + again('x="$x $x"') + "; rm $x; for i in $x; do echo $i; done",
    "doubled array": "a=(1 2 3 4); " + again('a+=("${a[@]}")') + '; rm "${a[@]}"',
    "doubled by printf": "x=aaa; " + again("printf -v x '%s%s%s' $x $x $x") + "; rm $x",
    "doubled by separators": "IFS=a; x=baba; " + again("x=$x$x") + "; rm $x $x",
    "doubled files": "echo aaa > f; " + again("cat f f f f > g; cat g g g g > f") + "; sh f",
    "replaced text": "x=aaaaaaaaaa; " + "x=${x//a/$x};" * 10 + " $x",
    "grown in a pipe": "echo aaaaaaaaaa | " + "sed s/a/aaaaaaaaaa/g | " * 10 + "sh",
    "grown by a dump": "echo aaaaaaaaaa | " + "xxd -p | " * 32 + "sh",
    "grown by xargs": f"echo {LONG} | xargs -I@ sh -c 'echo {'@' * 999} | xargs -I% sh -c \"echo {'%' * 999}\"'",
    "grown in Python": "python3 -c \"import os; x='rm -rf src';" + FORMAT * 9 + ' os.system(x)"',
    "endless loops": nested("while :", "echo 1", 9),
    "loops over tests": nested("for @ in {1..60}", "[[ $v0 == b ]]", 4),
    "loops over sums": nested("for @ in {1..60}", "((x++))", 4),
    "functions": 'f() { eval "$1" "$1"; }; f \'f "$1"\'',
    "evals": 'x=\'$(eval $x)\'; eval eval eval eval $x; eval "$(eval "$x")"',
    "defaults": "x=" + DEFAULTS,
}
END = "rm -rf src"
DEEP = {
    **{
        f"many times {word}": f"{word} " * 1000 + END for word in ("env", "busybox", "nohup", "timeout 5", "poetry run")
    },
    "wrappers in turn": "nohup setsid nice " * 1000 + END,
    "wrappers in env's text": f"env -S '{'env ' * 1000}{END}'",
    "wrappers in texts": nested_texts("nice setsid " * 30, END),
    "containers in containers": "docker exec x " * 1000 + f"true; {END}",
    "an alias of git that means itself": f"git -c alias.x=x x; {END}",
    "aliases of git that mean one another": f"git -c alias.x=y -c alias.y=x x; {END}",
    "an alias of git that starts git": f"git -c alias.x='!git x' x; {END}",
    "alternatives": "echo " + "{a," * 1000 + "b" + "}" * 1000 + f"; {END}",
    "subshells": "( " * 1000 + END + " )" * 1000,
    "groups": "{ " * 1000 + END + ";" + " }" * 1000,
    "substitutions": "$(" * 1000 + END + ")" * 1000,
    "conditions": "if :; then " * 1000 + END + "; fi" * 1000,
    "tests": "[ " + "! " * 1000 + f"a ] && {END}",
}
"""Texts that hold or start one another too often, and at the end of each what must not happen unasked."""


@pytest.fixture(scope="module")
def answers() -> dict[str, dict[str, str]]:
    lines = [{"id": name, "command": bomb} for name, bomb in (BOMBS | DEEP).items()]
    lines += [{"id": "deadly", "command": "rm -rf ~"}, {"id": "harmless", "command": "git status"}]
    done = subprocess.run(
        [sys.executable, "-I", "-m", "leashtui", "explain", "--batch", "/dev/stdin", "--guard", "shim"],
        input="".join(json.dumps(line) + "\n" for line in lines), capture_output=True, text=True, timeout=120,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (GIGABYTE, GIGABYTE)),
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stderr
    assert done.stderr == ""
    return {answer["id"]: answer for answer in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize("name", BOMBS)
def test_it_is_judged_in_little_memory_and_no_time(answers: dict[str, dict[str, str]], name: str) -> None:
    assert answers[name]["error"] == ""
    assert answers[name]["verdict"] in ("allow", "ask", "deny")


@pytest.mark.parametrize("name", DEEP)
def test_it_is_closed_however_deep_it_nests(answers: dict[str, dict[str, str]], name: str) -> None:
    assert answers[name]["verdict"] in ("ask", "deny")
    assert answers[name]["error"] == "" or "nests deeper than leash follows" in answers[name]["error"]


def test_what_comes_after_them_is_judged_as_ever(answers: dict[str, dict[str, str]]) -> None:
    assert (answers["deadly"]["verdict"], answers["harmless"]["verdict"]) == ("deny", "allow")


COUNT = 20_000
MANY_SETTINGS = [
    (f"GIT_CONFIG_{part}_{n}", value)
    for n in range(COUNT)
    for part, value in (("KEY", "core.pager"), ("VALUE", "less"))
]
SLOW = {
    "a word of awk's": (("awk", "a" * 60_000), ()),
    "lines of statements": (("sqlite3", "x", "\n" * 30_000), ()),
    "copies of statements": (("psql", "-c", "copy " * 20_000), ()),
    "settings in variables": (("git", "log"), (("GIT_CONFIG_COUNT", str(COUNT)), *MANY_SETTINGS)),
}
"""Final words and variables that took from half a minute to many."""


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", SLOW)
def test_final_words_are_judged_in_no_time(name: str) -> None:
    argv, env = SLOW[name]
    engine = Engine(Workspace("/work"), "/home/dev", "dev", Mode.KERNEL, NoProbe())
    facts = engine(Request(Action.PROCESS_EXEC, Layer.KERNEL, "/work", argv, exe=f"/usr/bin/{argv[0]}", env=env))
    assert facts.parse is Parse.OPAQUE or name == "lines of statements"


def test_few_settings_in_variables_are_judged_as_ever() -> None:
    engine = Engine(Workspace("/work"), "/home/dev", "dev", Mode.KERNEL, NoProbe())
    env = (("GIT_CONFIG_COUNT", "9"), *MANY_SETTINGS[:18])
    facts = engine(Request(Action.PROCESS_EXEC, Layer.KERNEL, "/work", ("git", "log"), exe="/usr/bin/git", env=env))
    assert facts.parse is Parse.FULL
