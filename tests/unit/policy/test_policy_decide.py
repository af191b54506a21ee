"""`leash policy decide` and `import-leash`: policies alone, asked about requests that name everything themselves."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from leashtui.faces.cli import policy
from leashtui.model.errors import LeashError
from leashtui.model.verdict import Outcome
from leashtui.policy import strongdm_import
from leashtui.policy.names import above, read_name
from leashtui.policy.sources import source
from leashtui.policy.standalone import Question
from leashtui.policy.strongdm import Mode

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
