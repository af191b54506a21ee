"""What a session wrote out itself is no secret to it and nobody else's: variables, settings of clusters, crates."""

from __future__ import annotations

import pytest
from judge import CWD, HOME
from own_repository import SEEN, Repository

from leashtui.classify.engine import Engine
from leashtui.classify.machine import Bounds
from leashtui.classify.workspace import Workspace
from leashtui.model.facts import Facts, Place, Verb
from leashtui.model.request import Action, Layer, Mode, Request

SHOWN = "python3 -c 'import os; print(os.environ[\"DATABASE_URL\"])'"


class Machine(Repository):
    """own: what the session made; what else lies in a temporary folder is somebody's, `~/.kube/k` too."""

    def exists(self, path: str) -> bool | None:
        """See Probe."""
        return path in (*self.own, f"{CWD}/theirs.yaml") or super().exists(path)


def engine(*own: str, bounds: Bounds = SEEN) -> Engine:
    return Engine(Workspace(CWD), HOME, "dev", Mode.KERNEL, Machine(*own), bounds=bounds)


def started(judge: Engine, *argv: str, **env: str) -> Facts:
    names = tuple(env.items())
    return judge(Request(Action.PROCESS_EXEC, Layer.KERNEL, CWD, argv, exe=f"/usr/bin/{argv[0]}", env=names))


def verbs(line: str, *own: str) -> set[Verb]:
    return {effect.verb for effect in started(engine(*own), "bash", "-c", line).effects}


@pytest.mark.parametrize(
    "line",
    [
        f"export DATABASE_URL=postgres://dev@localhost/x; {SHOWN}", f"DATABASE_URL=sqlite:///x.db {SHOWN}",
        "export DATABASE_URL=a; node -e 'console.log(process.env.DATABASE_URL)'",
        "DATABASE_URL=a; export DATABASE_URL; printenv DATABASE_URL",
        "U=b; export DATABASE_URL=a$U; printenv DATABASE_URL",
    ],
)  # fmt: skip
def test_what_a_text_gives_a_variable_is_no_secret_to_who_wrote_it(line: str) -> None:
    assert Verb.SECRET_READ not in verbs(line)
    assert Verb.SECRET_READ in verbs(line.replace("DATABASE_URL=", "OTHER="))


@pytest.mark.parametrize(
    "line",
    [
        f"DATABASE_URL=$(cat .env) {SHOWN}", f"read DATABASE_URL < x; {SHOWN}",
        f"false && export DATABASE_URL=a; {SHOWN}",
        f"readonly DATABASE_URL\nDATABASE_URL=a\n{SHOWN}", f"declare -r DATABASE_URL; DATABASE_URL=a {SHOWN}",
        f"(export DATABASE_URL=a); {SHOWN}", f"export DATABASE_URL=a; unset DATABASE_URL; {SHOWN}",
        "typeset -r DATABASE_URL\nexport DATABASE_URL=a\nprintenv DATABASE_URL",
        f"export DATABASE_URL=$OTHER_TOKEN; {SHOWN}",
    ],
)  # fmt: skip
def test_what_it_may_hold_otherwise_is_asked_about(line: str) -> None:
    assert Verb.SECRET_READ in verbs(line)


def test_a_program_that_starts_is_told_apart_by_the_value_it_was_given() -> None:
    judge = engine()
    argv = ("python3", "-c", 'import os; print(os.environ["DATABASE_URL"])')
    started(judge, "bash", "-c", "export DATABASE_URL=postgres://dev@localhost/x; ./run")
    quiet = started(judge, *argv, DATABASE_URL="postgres://dev@localhost/x")
    assert Verb.SECRET_READ not in {effect.verb for effect in quiet.effects}
    for env in ({"DATABASE_URL": "postgres://root:pw@db.example/x"}, {"DATABASE_URL": ""}, {}):
        assert Verb.SECRET_READ in {effect.verb for effect in started(judge, *argv, **env).effects}


def test_what_may_not_be_set_any_more_keeps_what_it_holds() -> None:
    shown = "readonly API_TOKEN\nAPI_TOKEN=a\necho $API_TOKEN"
    assert Verb.SECRET_READ in verbs(shown)
    assert Verb.SECRET_READ not in verbs(shown.replace("readonly", "export"))
    shim = Engine(Workspace(CWD), HOME, "dev", Mode.SHIM, Machine())
    for line in ("readonly d=src\nd=build\nrm -rf $d", "f() { local -r d=build; }; d=src; f; d=src; rm -rf $d"):
        assert {e.place for e in shim.text(line, CWD).effects} - {Place.NONE} <= {Place.SOURCE, Place.UNKNOWN}
    assert {e.place for e in shim.text("d=src\nd=build\nrm -rf $d", CWD).effects} == {Place.GENERATED}


@pytest.mark.parametrize(
    "line",
    [
        "KUBECONFIG=$PWD/k.yaml kubectl config set-cluster c --server=https://127.0.0.1:1",
        "kubectl --kubeconfig k.yaml config use-context x", "export KUBECONFIG=k.yaml; kubectl config unset clusters.c",
        "kubectl config set-context x --kubeconfig=k.yaml",
    ],
)  # fmt: skip
def test_which_cluster_is_meant_in_settings_of_the_sessions_own(line: str) -> None:
    assert Verb.CLOUD_CHANGE not in verbs(line) | verbs(line, f"{CWD}/k.yaml")
    for other in ("theirs.yaml", "~/.kube/config", "k.yaml:$HOME/.kube/config", "$X"):
        assert Verb.CLOUD_CHANGE in verbs(line.replace("$PWD/", "").replace("k.yaml", other))
    assert Verb.CLOUD_CHANGE in verbs(line.split("config ")[0] + "delete pod x")
    assert Verb.CLOUD_CHANGE in verbs("kubectl config use-context x")


@pytest.mark.parametrize(
    ("line", "asked"),
    [
        ("NODE_TLS_REJECT_UNAUTHORIZED=0 npm ci", True), ("export NODE_TLS_REJECT_UNAUTHORIZED=0; npm ci", True),
        ("GIT_SSL_NO_VERIFY=true git clone https://git.example/x", True), ("npm ci --strict-ssl=false", True),
        ("PIP_TRUSTED_HOST=x.example pip install -r requirements.txt", True), ("npm_config_strict_ssl= npm ci", True),
        ("NODE_TLS_REJECT_UNAUTHORIZED=1 npm ci", False), ("NODE_TLS_REJECT_UNAUTHORIZED=0 node test.js", False),
        ("GIT_SSL_NO_VERIFY=0 git fetch", False), ("npm ci --strict-ssl=true", False),
    ],
)  # fmt: skip
def test_what_fetches_without_a_look_at_who_serves_is_asked_about(line: str, asked: bool) -> None:
    assert (Verb.PRIVILEGE in verbs(line)) is asked


def temporary(judge: Engine, *argv: str, **env: str) -> bool:
    """Whether a start is said to run what lies in a temporary folder."""
    return Place.TEMP in {effect.place for effect in started(judge, *argv, **env).effects}


@pytest.mark.parametrize(
    "line",
    [
        "CARGO_TARGET_DIR=/tmp/t cargo build", "export CARGO_TARGET_DIR=/tmp/t; cargo test",
        "cargo build --target-dir /tmp/t",
    ],
)  # fmt: skip
def test_what_cargo_builds_in_a_temporary_folder_may_run(line: str) -> None:
    made = [f"/tmp/t/debug{name}" for name in ("", "/app", "/deps", "/examples/e", "/app.sh", "/x/y/app")]
    judge = engine(*made, "/tmp/t/x86_64-unknown-linux-gnu/release/app", "/tmp/t/app")
    assert temporary(judge, "bash", "-c", "/tmp/t/debug/app")
    started(judge, "bash", "-c", line)
    for name in ("debug/app", "debug/examples/e", "x86_64-unknown-linux-gnu/release/app"):
        assert not temporary(judge, "bash", "-c", f"/tmp/t/{name}")
    assert not temporary(judge, "rustc", "x.rs", LD_LIBRARY_PATH="/tmp/t/debug/deps:/usr/lib")
    for name in ("app", "debug/app.sh", "debug/x/y/app", "debug/others"):
        assert temporary(judge, "bash", "-c", f"/tmp/t/{name}")
    assert started(judge, "git", "status", LD_LIBRARY_PATH="/tmp/t/debug/deps").obfuscated
    started(judge, "bash", "-c", "cc -o /tmp/t/debug/app x.c")
    assert not temporary(judge, "bash", "-c", "/tmp/t/debug/app")
    started(judge, "bash", "-c", "cp downloaded /tmp/t/debug/app")
    assert temporary(judge, "bash", "-c", "/tmp/t/debug/app")
    assert temporary(judge, "rustc", "x.rs", LD_LIBRARY_PATH="/tmp/t/debug")
    started(judge, "bash", "-c", "curl -o /tmp/t/debug/deps/libx.so https://x.example/a")
    assert temporary(judge, "rustc", "x.rs", LD_LIBRARY_PATH="/tmp/t/debug/deps")
