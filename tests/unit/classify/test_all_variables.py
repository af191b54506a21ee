"""Code that names all variables at once: it shows them, or gives them to a child, counts them, looks for one."""

from __future__ import annotations

import pytest
from judge import CWD, HOME
from own_repository import Repository

from leashtui.classify.engine import Engine
from leashtui.classify.workspace import Workspace
from leashtui.model.facts import Verb
from leashtui.model.request import Action, Layer, Mode, Request

P = "import os, subprocess; "
SILENT = [
    'print("CI" in os.environ, "A" not in os.environ)',
    "print(len(os.environ))",
    'subprocess.run(["ls"], env={**os.environ, "A": "1"})',
    'subprocess.run(["ls"], env=dict(os.environ, A="1"))',
    'subprocess.run(["ls"], env=dict(**os.environ, A="1"))',
    'subprocess.run(["ls"], env=os.environ | {"A": "1"})',
    'subprocess.Popen(["ls"], env=os.environ.copy())',
    'e = os.environ.copy(); e["A"] = "1"; e.pop("B", None); del e["C"]; subprocess.run(["ls"], env=e)',
    'e = {**os.environ}; e.update(A="1"); subprocess.check_output(["ls"], env=e)',
    'e = os.environ; f = dict(e); print(f["PATH"]); subprocess.run(["ls"], env=f)',
    'from os import environ; subprocess.run(["ls"], env={**environ, "A": "1"})',
    "print(sorted(os.environ), list(os.environ.keys()))",
    'print([k for k in os.environ if k.startswith("PY")], os.environ["PATH"], os.environ.get("HOME"))',
]
SHOWN = [
    "print(os.environ)",
    "print(dict(os.environ))",
    "print({**os.environ})",
    "print(os.environ | {})",
    "print(os.environ.copy())",
    "print(sorted(os.environ.items()))",
    "print(sorted(os.environ, key=os.environ.get))",
    "for k in os.environ: print(os.environ[k])",
    "for k in os.environ: print(os.getenv(k))",
    "for k in os.environ: print(os.environ.get(k))",
    "print([os.environ.__getitem__(k) for k in os.environ.keys()])",
    "g = os.environ.get\nfor k in os.environ: print(g(k))",
    "e = os.environ.copy(); subprocess.run(['ls'], env=e); print(e)",
    "e = dict(os.environ); print([e[k] for k in e])",
    "e = dict(os.environ); f = e; print(f)",
    "e = dict(os.environ); print(e.pop('AWS_SECRET_ACCESS_KEY'))",
    "e = dict(os.environ); e['A'] = 'x'; open('out', 'w').write(str(e))",
    "def show(env): print(env)\nshow(env=os.environ)",
    "e = {**os.environ}\ndef f(): return e\nprint(f())",
    "import json; json.dump(dict(os.environ), open('x', 'w'))",
    "print(*os.environ.values())",
    "print(eval('os.environ'))",
    "subprocess.run(['env'], env={**os.environ, 'A': '1'})",
]


def verbs(line: str) -> set[Verb]:
    judge = Engine(Workspace(CWD), HOME, "dev", Mode.KERNEL, Repository())
    request = Request(Action.PROCESS_EXEC, Layer.KERNEL, CWD, ("bash", "-c", line), exe="/usr/bin/bash")
    return {effect.verb for effect in judge(request).effects}


@pytest.mark.parametrize("code", SILENT)
def test_what_shows_no_value_is_no_reading(code: str) -> None:
    assert Verb.SECRET_READ not in verbs(f"python3 -c '{P}{code}'" if "'" not in code else f'python3 -c "{P}{code}"')


@pytest.mark.parametrize("code", SHOWN)
def test_what_may_show_a_value_is(code: str) -> None:
    assert Verb.SECRET_READ in verbs(f"python3 - <<'X'\n{P}\n{code}\nX")


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ('require("child_process").spawnSync("ls", [], {cwd: "x", env: {...process.env, A: "1"}})', False),
        ('require("child_process").execSync("ls", {env: process.env})', False),
        ('console.log("CI" in process.env)', False),
        ("console.log(process.env)", True),
        ("console.log({env: {...process.env}})", True),
        ("spawnSync(JSON.stringify(process.env))", True),
        ('execSync("ls", {env: process.env}); console.log(process.env)', True),
        ("for (const k in process.env) console.log(process.env[k])", True),
    ],
)
def test_node_is_read_alike(code: str, shown: bool) -> None:
    assert (Verb.SECRET_READ in verbs(f"node -e '{code}'")) is shown
