"""Every kind of record gives one OCSF 1.8 event that the schema itself accepts, and golden CEF, OTLP and HEC texts."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import jsonschema
import msgspec
import ocsf_json_schema
import pytest
from log_samples import SESSION, START, allowed, asked, card, started, story

from leashtui.audit import formats
from leashtui.audit.ocsf import CLASSES, VERSION, About, about, event_of
from leashtui.model import codec
from leashtui.model.event import (
    ActEnded,
    AgentUnsupervised,
    Answered,
    Asked,
    Braked,
    ChainClosed,
    ChainOpened,
    ControlRefused,
    Event,
    FaceJoined,
    FaceLeft,
    FileChanged,
    GrantAdded,
    GrantRevoked,
    GuardLost,
    HookUnanswered,
    Notice,
    Record,
    SettingsChanged,
    Voted,
)
from leashtui.model.verdict import By, Ruling, Verdict

WHO = About(SESSION, "bash", "ann", "laptop", "exec", "00112233aabbccdd")
DENIED = msgspec.structs.replace(asked(), verdict=Verdict(Ruling.DENY, By.POLICY, "leash: REFUSED: x"))
EVERY: list[Event] = [
    *(event for event, _ in story()),
    DENIED,
    Asked(card("01A")),
    Answered("L-2", Verdict(Ruling.ALLOW, By.PERSON, who="bob"), grant="g1"),
    Voted("L-1", "bob", "allow", "{}", "x"),
    ActEnded(137, 2_000_000),
    GuardLost("exec", "it died"),
    GrantAdded("g1", "permit ...", ("builtin/x",), ("git", "fetch"), START),
    GrantRevoked("g1", "ann"),
    Braked("freeze", "ann"),
    FaceJoined("tui", "owner", "ann", 7),
    FaceLeft("tui"),
    Notice("alarm", "something"),
    ControlRefused("pid 7", "it is the agent's"),
    SettingsChanged((("config.toml", "ab" * 32),), ("config.toml",), "config", "ann"),
    AgentUnsupervised("gemini", 77, 1),
    HookUnanswered("20260101-000000-dead", "PreToolUse", "the supervisor hung up", 1),
    ChainOpened("s", "bash"),
    ChainClosed("s", "ab" * 32, 7),
    *(FileChanged("a/b", change, "source", False, to="c") for change in ("created", "deleted", "moved", "odd")),
    allowed("echo", "a|b=c\\d\n</e>\x1b[0m"),
]

NAMES = {1007: "process_activity", 1001: "file_activity", 2004: "detection_finding", 3003: "authorize_session",
         3004: "entity_management", 6002: "application_lifecycle"}  # fmt: skip


@cache
def validator(name: str) -> Any:
    """The schema of one class, as the library of the OCSF project's export gives it."""
    schemas = ocsf_json_schema.OcsfJsonSchemaEmbedded(ocsf_json_schema.get_ocsf_schema(version=VERSION))
    return jsonschema.Draft202012Validator(schemas.get_class_schema(name, ["host", "security_control"]))


def made(event: Event, seq: int = 7) -> dict[str, Any]:
    record = Record(1, "01EVENT", START, SESSION, event, "01PARENT")
    body = codec.encode(record)
    return event_of(json.loads(body), seq, "ab" * 32, WHO, body.decode())


@pytest.mark.parametrize("event", EVERY, ids=lambda e: type(e).__name__)
def test_the_schema_accepts_every_kind(event: Event) -> None:
    found = made(event)
    errors = [
        f"{error.json_path}: {error.message}" for error in validator(NAMES[found["class_uid"]]).iter_errors(found)
    ]
    assert errors == []


def test_the_schema_would_refuse_what_is_wrong() -> None:
    found = made(asked())
    for broken in (
        found | {"severity_id": 42},
        found | {"surprise": 1},
        {k: v for k, v in found.items() if k != "time"},
    ):
        assert not validator("process_activity").is_valid(broken)


def test_a_denied_act_is_a_finding_and_an_allowed_one_is_not() -> None:
    assert (made(DENIED)["class_uid"], made(DENIED)["action"]) == (2004, "Denied")
    assert (made(allowed("ls"))["class_uid"], made(allowed("ls"))["action"]) == (1007, "Allowed")
    assert made(asked())["action"] == "Held"
    assert made(DENIED)["severity_id"] == 4


def test_a_record_of_a_newer_leash_and_rubbish_are_events_too() -> None:
    for record in (
        {"id": "x", "t": 1, "session": "s", "event": {"kind": "new.thing", "a": 1}},
        {},
        {"event": 7, "t": "x"},
    ):
        found = event_of(record, 1, "", about(record))
        assert validator("application_lifecycle").is_valid(found)


def test_the_first_record_tells_of_the_others() -> None:
    record = json.loads(codec.encode(Record(1, "01", START, SESSION, started())))
    record["event"] |= {"user": "ann", "host": "laptop", "device": "00112233aabbccdd+ab+cd"}
    assert about(record) == WHO


def test_cef_is_one_line_that_nothing_can_leave() -> None:
    text = formats.cef(made(allowed("echo", "a|b=c\\d\ne\x1b[0m")))
    assert "\n" not in text
    assert "\x1b" not in text
    assert text.startswith("CEF:0|leash|leash|1|100701|act.decided Allowed|2|rt=1795253415000 externalId=01EVENT ")
    assert r"dproc=echo a|b\=c\\d\ne [0m" in text
    assert f"cs1Label=session cs1={SESSION}" in text
    nasty = made(allowed("x")) | {"action": "a|b\nCEF:0|"}
    assert "\n" not in formats.cef(nasty)
    assert formats.cef(nasty).split("|2|rt=")[0].replace("\\|", "").count("|") == 5


def test_syslog_is_framed_by_its_length() -> None:
    message = formats.syslog(made(DENIED))
    length, _, rest = message.partition(b" ")
    assert int(length) == len(rest)
    assert rest.startswith(b"<107>1 2026-11-21T09:30:15.000Z laptop leash - act.decided - CEF:0|")


def test_otlp_and_hec() -> None:
    value = json.loads(formats.otlp([made(DENIED), made(allowed("ls"))]))
    (resource,) = value["resourceLogs"]
    first, second = resource["scopeLogs"][0]["logRecords"]
    assert (first["severityNumber"], second["severityText"]) == (17, "INFO")
    assert first["timeUnixNano"] == f"{START}000"
    assert {"key": "leash.sequence", "value": {"intValue": "7"}} in first["attributes"]
    event = json.loads(formats.hec(made(DENIED)))
    assert (event["time"], event["sourcetype"], event["host"]) == (START / 1e6, "ocsf:2004", "laptop")


def test_the_table_names_known_classes_only() -> None:
    assert {cls.uid for cls in CLASSES.values()} <= set(NAMES)
