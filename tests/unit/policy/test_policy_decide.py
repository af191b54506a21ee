"""`leash policy decide` and `import-leash`: policies alone, asked about requests that name everything themselves."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from leashtui.faces.cli import policy
from leashtui.model.errors import LeashError
from leashtui.model.request import Action, Layer, Request
from leashtui.model.verdict import Outcome
from leashtui.policy import bundle, strongdm_import
from leashtui.policy.cases import ordinary
from leashtui.policy.entities import Principal
from leashtui.policy.names import HOSTS, above, plain_path, read_name, split_host
from leashtui.policy.pdp import PDP
from leashtui.policy.sources import source
from leashtui.policy.standalone import Question
from leashtui.policy.strongdm import Mode, canonical

SCHEMA = bundle.load_schema()
DATA = Path(__file__).resolve().parents[4] / "shared" / "data" / "leash_policies.json"

LEASH = {
    "any mode, a folder's edge": (
        'permit (principal, action == Action::"fileopen", resource) '
        'when { resource in [Dir::"/work", File::"/etc/x"] };',
        [
            ("FileOpenReadOnly", 'File::"/work/a"', "allow"),
            ("FileOpenReadWrite", 'File::"/work/b/c"', "allow"),
            ("FileOpenReadOnly", 'File::"/etc/x"', "allow"),
            ("FileOpenReadOnly", 'File::"/work2/a"', "deny"),
            ("FileOpenReadOnly", 'File::"/work/../etc/shadow"', "deny"),
            ("ProcessExec", 'File::"/work/a"', "deny"),
        ],
    ),
    "hosts": (
        'permit (principal, action == Action::"NetworkConnect", resource) when { resource in '
        '[Host::"API.Internal", Host::"*.corp.example", Host::"db:5432"] };',
        [
            ("NetworkConnect", 'Host::"api.internal:443"', "allow"),
            ("networkconnect", 'Host::"GIT.corp.example:22"', "allow"),
            ("NetworkConnect", 'Host::"corp.example"', "deny"),
            ("NetworkConnect", 'Host::"evilcorp.example"', "deny"),
            ("NetworkConnect", 'Host::"db:5432"', "allow"),
            ("NetworkConnect", 'Host::"db:22"', "deny"),
        ],
    ),
    "a star in the middle is no suffix": (
        'permit (principal, action == Action::"NetworkConnect", resource) when { context.hostname like "api.*.com" };',
        [("NetworkConnect", 'Host::"api.x.com:1"', "allow"), ("NetworkConnect", 'Host::"evil.com:1"', "deny")],
    ),
    "unless means unless": (
        'permit (principal, action == Action::"FileOpen", resource) unless { resource in [Dir::"/etc/"] };',
        [("FileOpenReadOnly", 'File::"/etc/x"', "deny"), ("FileOpenReadOnly", 'File::"/home/x"', "allow")],
    ),
    "a whole server is closed as a host too": (
        'forbid (principal, action == Action::"McpCall", resource) when { resource in [MCP::Server::"m.example"] };',
        [
            ("McpCall", 'MCP::Tool::"m.example/any"', "deny"),
            ("McpCall", 'MCP::Tool::"n.example/any"', "allow"),
            ("NetworkConnect", 'Host::"m.example:443"', "deny"),
        ],
    ),
    "a tool of a server": (
        'forbid (principal, action == Action::"McpCall", resource == MCP::Tool::"Run") '
        'when { resource in [MCP::Server::"m.example"] };',
        [
            ("McpCall", 'MCP::Tool::"m.example/run"', "deny"),
            ("McpCall", 'MCP::Tool::"m.example/other"', "allow"),
            ("McpCall", 'MCP::Tool::"n.example/run"', "allow"),
        ],
    ),
    "a forbid wins over a narrower permit": (
        'forbid (principal, action == Action::"FileOpen", resource) when { resource in [Dir::"/srv/"] };'
        'permit (principal, action == Action::"FileOpen", resource) when { resource in [Dir::"/srv/app/"] };',
        [("FileOpenReadOnly", 'File::"/srv/app/x"', "deny")],
    ),
}


@pytest.mark.parametrize("name", LEASH)
def test_leash_policies_mean_what_their_document_says(name: str) -> None:
    text, asked = LEASH[name]
    engine = strongdm_import.Dialect(strongdm_import.read([source("user", "x.cedar", text.encode())]))
    got = [engine.ask(Question(1, action, resource)) for action, resource, _ in asked]
    assert [(str(a.decision), a.errors) for a in got] == [(want, ()) for *_, want in asked]


def in_session(text: str, asked: list, kind: str = "mini") -> list[str]:
    """What a session answers under the imported text, as their engine would say it: MCP calls pass unless forbidden."""
    read = strongdm_import.read([source("user", "x.cedar", text.encode())], schema=SCHEMA)
    ours = "\n".join(one.ours for one in read if not one.rewrites)
    pdp = PDP(bundle.build([source("user", "ours.cedar", ours.encode())], SCHEMA), Principal("s", kind, kind, "me"))
    _, facts = ordinary("x")
    said = []
    for action, resource, *_ in asked:
        uid = read_name(resource)
        host, port = split_host(uid["id"])
        path = plain_path(uid["id"])
        exe = path if canonical(action) == "ProcessExec" else "/bin/sh"
        at = {"host": host, "port": int(port or 0)} if uid["type"] in HOSTS else {"path": path}
        words = tuple(uid["id"].split("/", 1))
        request = Request(Action(canonical(action)), Layer.KERNEL, "/", argv=words, exe=exe, **at)
        decision = pdp.decide(request, facts)
        assert not decision.errors
        free = "deny" if decision.outcome is Outcome.DENY else "allow"
        said.append(free if request.action is Action.TOOL_CALL else str(decision.outcome).replace("ask", "deny"))
    return said


IMPORTED = {
    "a star in a host's name": (
        'forbid (principal, action == Action::"NetworkConnect", resource == Host::"api.*.com");'
        'permit (principal, action == Action::"NetworkConnect", resource) when { resource in [Host::"*"] };',
        [("NetworkConnect", 'Host::"api.x.com:1"', "deny"), ("NetworkConnect", 'Host::"x.com:1"', "allow")],
    ),
    "a star in a path": (
        'forbid (principal, action == Action::"FileOpen", resource == File::"/etc/*.conf");'
        'permit (principal, action == Action::"FileOpen", resource) when { resource in [Dir::"/"] };',
        [("FileOpenReadOnly", 'File::"/etc/a.conf"', "deny"), ("FileOpenReadOnly", 'File::"/etc/a"', "allow")],
    ),
    "a path and a port, as text or number": (
        'permit (principal, action == Action::"FileOpen", resource) when { context.path like "/work/*.md" };'
        'permit (principal, action == Action::"NetworkConnect", resource) '
        'when { context.port == 443 || ["80"].contains(context.port) };',
        [
            ("FileOpenReadOnly", 'File::"/work/a.md"', "allow"),
            ("FileOpenReadOnly", 'File::"/work/a.sh"', "deny"),
            ("NetworkConnect", 'Host::"a:443"', "allow"),
            ("NetworkConnect", 'Host::"a:80"', "allow"),
            ("NetworkConnect", 'Host::"a:22"', "deny"),
        ],
    ),
    "what leash does not know forbids more and permits less": (
        'permit (principal, action == Action::"ProcessExec", resource in Dir::"/bin/");'
        'permit (principal, action == Action::"ProcessExec", resource in Dir::"/opt/") when { context.signed };'
        'permit (principal, action == Action::"ProcessExec", resource in Dir::"/srv/") unless { context.old == 1 };'
        'forbid (principal, action == Action::"ProcessExec", resource == File::"/bin/rm") '
        'when { context.args.contains("-rf") };'
        'forbid (principal, action == Action::"ProcessExec", resource == File::"/bin/dd") '
        'unless { context.user == "me" && true };'
        'permit (principal, action == Action::"Delete", resource == File::"/bin/rm");'
        'permit (principal, action == Action::"ProcessExec", resource is Dir);',
        [
            ("ProcessExec", 'File::"/bin/ls"', "allow"),
            ("ProcessExec", 'File::"/opt/x"', "deny"),
            ("ProcessExec", 'File::"/srv/x"', "deny"),
            ("ProcessExec", 'File::"/bin/rm"', "deny"),
            ("ProcessExec", 'File::"/bin/dd"', "deny"),
        ],
    ),
}


@pytest.mark.parametrize("name", [*LEASH, *IMPORTED])
def test_imported_policies_decide_in_a_session_as_their_document_says(name: str) -> None:
    text, asked = (LEASH | IMPORTED)[name]
    assert in_session(text, asked) == [want for *_, want in asked]


@pytest.mark.skipif(not DATA.exists(), reason="needs the StrongDM cases beside the checkout")
def test_every_known_case_of_theirs_decides_in_a_session() -> None:
    for case in json.loads(DATA.read_text())["cases"]:
        asked = [(one["action"], one["resource"], one["expect"]) for one in case["requests"]]
        asked = [one for one in asked if canonical(one[0]) in set(Action)]
        assert in_session(case["policy"], asked, "claude") == [want for *_, want in asked], case["id"]


def test_what_cannot_be_carried_over_is_said_and_is_no_policy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = tmp_path / "theirs.cedar"
    theirs.write_text(
        'forbid (principal, action == Action::"NetworkConnect", resource) when { context.hostname in ["a"] };\n'
        'forbid (principal, action == Action::"ProcessExec", resource == File::"/bin/rm") when { context.x };\n'
    )
    assert run("import-leash", str(theirs)) == 1
    out = capsys.readouterr().out
    assert "NOT CARRIED OVER: unexpected type" in out and "1 statement could not be carried over" in out
    assert "warning unknown_fact" in out
    (tmp_path / "ours.cedar").write_text(out)
    assert run("check", str(tmp_path / "ours.cedar")) == 0
    assert "1 policy good" in capsys.readouterr().out


def compat(text: str, action: str, resource: str) -> Outcome:
    read = strongdm_import.read([source("user", "x.cedar", text.encode())], Mode.COMPAT)
    return strongdm_import.Dialect(read).ask(Question(1, action, resource)).decision


def test_leash_compat_shows_the_surprises_of_their_engine() -> None:
    hosts = (
        'permit (principal, action == Action::"NetworkConnect", resource) when { resource in [Host::"*.x.example"] };'
    )
    assert compat(hosts, "NetworkConnect", 'Host::"evilx.example:1"') is Outcome.ALLOW
    assert compat(hosts, "NetworkConnect", 'Host::"x.example:1"') is Outcome.DENY
    narrow = LEASH["a forbid wins over a narrower permit"][0]
    assert compat(narrow, "FileOpenReadOnly", 'File::"/srv/app/x"') is Outcome.ALLOW
    unless = LEASH["unless means unless"][0]
    assert compat(unless, "FileOpenReadOnly", 'File::"/etc/x"') is Outcome.ALLOW


def test_a_user_of_theirs_is_an_agent_kind_of_ours() -> None:
    text = 'permit (principal == User::"claude", action == Action::"ProcessExec", resource == File::"/bin/a");'
    engine = strongdm_import.Dialect(strongdm_import.read([source("user", "x.cedar", text.encode())]))
    ask = lambda who: engine.ask(Question(1, "ProcessExec", 'File::"/bin/a"', who)).decision  # noqa: E731
    assert [ask(w) for w in ("", 'Session::"s"', 'AgentKind::"claude"', 'User::"claude"')] == [Outcome.ALLOW] * 4
    assert ask('AgentKind::"codex"') is Outcome.DENY


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    policy.add_arguments(parser)
    return policy.run(parser.parse_args(words))


MINE = """
@id("ask-main") @outcome("ask") forbid (principal, action, resource) when { context.branch == "main" };
@id("no-infra") forbid (principal, action in [Action::"FileOpen"], resource in Dir::"/work/infra");
permit (principal == User::"me", action, resource);
"""


def decide(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, lines: list, *more: str) -> tuple[int, list]:
    (tmp_path / "p.cedar").write_text(text)
    asked = tmp_path / "asked.jsonl"
    asked.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    code = run("decide", "--policies", str(tmp_path / "p.cedar"), *more, str(asked))
    return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def asked(number: object, **more: object) -> dict:
    base = {"principal": 'User::"me"', "action": 'Action::"FileOpenReadWrite"', "resource": 'File::"/work/a"'}
    return {"id": number, **base, "context": {"branch": "x"}, **more}


def test_decide_answers_in_order_and_never_allows_on_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [
        asked(1),
        asked(2, context={"branch": "main"}),
        asked(3, resource='File::"/work/x/../infra/a"'),
        asked(4, principal='User::"you"'),
        asked(5, context={}),  # the forbid cannot be evaluated
        asked(6, resource='File::"a"b"'),
        asked(7, context={"branch": "\ud800", "deep": json.loads("[" * 40 + "]" * 40)}),
        "not json",
        asked("\udc80", action=""),
    ]
    code, got = decide(tmp_path, capsys, MINE, lines)
    assert code == 1 and [a["id"] for a in got] == [1, 2, 3, 4, 5, 6, 7, None, "\\udc80"]
    assert [a["decision"] for a in got] == ["allow", "ask", *["deny"] * 7]
    assert [a["policies"] for a in got[:4]] == [["policy2"], ["ask-main"], ["no-infra"], []]
    assert [bool(a["errors"]) for a in got] == [False] * 4 + [True] * 5


def test_decide_reads_entities_of_a_request(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = 'permit (principal in Team::"a", action == Action::"go", resource) when { resource.open };'
    shown = [
        {"uid": {"type": "User", "id": "me"}, "attrs": {}, "parents": [{"type": "Team", "id": "a"}]},
        {"uid": {"type": "Door", "id": "d"}, "attrs": {"open": True}, "parents": []},
    ]
    line = asked(1, action='Action::"go"', resource='Door::"d"')
    code, got = decide(tmp_path, capsys, text, [line, line | {"entities": shown}], "--unmatched", "ask")
    assert code == 0 and [a["decision"] for a in got] == ["ask", "allow"]


def test_decide_refuses_a_broken_file_with_its_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for text, place in (
        ("permit (principal, acton, resource);", "p.cedar:1:20"),
        ('@outcom("ask") forbid (principal, action, resource);', "p.cedar:1:2"),
        ('@id("a") permit (principal, action, resource);\n' * 2, "p.cedar:2:1"),
        ("permit (principal, action, resource) when { " + "(" * 5000 + "true" + ")" * 5000 + " };", "p.cedar:1:"),
        ('permit (principal == User::"\u202eme", action, resource);', "hidden character"),
    ):
        with pytest.raises(LeashError, match=place) as caught:
            decide(tmp_path, capsys, text, [])
        assert caught.value.hint


def test_names_are_read_as_cedar_reads_them() -> None:
    assert read_name(r'MCP::Tool::"a\"\u{e9}\n"') == {"type": "MCP::Tool", "id": 'a"é\n'}
    for bad in ("File", 'File:"a"', 'File::"a" "', r'File::"\q"', r'File::"\u{d800}"', "", 'File::"a\\"'):
        with pytest.raises(ValueError, match=r"."):
            read_name(bad)
    assert {u["id"] for u in above({"type": "Host", "id": "[::1]:80"})} == {"::1", "[::1]:80", "*", "*:80"}


def test_import_prints_statement_reading_ours_and_warnings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    theirs = tmp_path / "theirs.cedar"
    theirs.write_text(
        'permit (principal == User::"claude", action == Action::"NetworkConnect", resource) '
        'when { resource in Net::DnsZone::"x.example" };\n'
        'permit (principal, action == Action::"HttpRewrite", resource == Host::"h") '
        'when { context.header == "A" && context.value == "b" };\n'
    )
    assert run("import-leash", str(theirs)) == 0
    out = capsys.readouterr().out
    assert 'principal in AgentKind::"claude"' in out and 'Host::"*.x.example"' in out
    assert "warning unsupported_principal" in out and "warning dnszone_apex_excluded" in out
    (tmp_path / "ours.cedar").write_text(out)
    assert run("check", str(tmp_path / "ours.cedar")) == 0
    capsys.readouterr()
    assert run("import-leash", "--json", str(theirs)) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert rows[1]["http_rewrites"] == [["h", "A", "b"]] and rows[0]["theirs"] == "allow net.send x.example"
