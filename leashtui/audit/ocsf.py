"""Every record as an OCSF 1.8 event: the one mapping from which all other export formats come.

Knows the classes and their numbers. Refuses to lose anything it cannot place: the record itself rides along as
`raw_data`, so that who receives an event can still check its digest. Invariant: a record gives exactly one event, whose
`metadata.uid` is the record's id, so that a receiver can tell a repeated one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

VERSION = "1.8.0"
"""Of the schema the events follow; golden tests pin it."""


class Class(NamedTuple):
    """Where a kind of record belongs. fields: which of the builders below fill it."""

    uid: int
    activity: int
    activity_name: str
    fields: str


PROCESS, FILE, FINDING, AUTHORIZE, ENTITY, LIFECYCLE = 1007, 1001, 2004, 3003, 3004, 6002

CLASSES: Mapping[str, Class] = {
    "act.decided": Class(PROCESS, 1, "Launch", "process"),
    "act.denied": Class(FINDING, 1, "Create", "finding"),
    "act.ended": Class(PROCESS, 2, "Terminate", "process"),
    "act.asked": Class(AUTHORIZE, 99, "Ask", "authorize"),
    "act.answered": Class(AUTHORIZE, 99, "Answer", "authorize"),
    "ask.voted": Class(AUTHORIZE, 99, "Vote", "authorize"),
    "grant.added": Class(ENTITY, 1, "Create", "entity"),
    "grant.revoked": Class(ENTITY, 4, "Delete", "entity"),
    "file.changed": Class(FILE, 3, "Update", "file"),
    "session.started": Class(LIFECYCLE, 3, "Start", "app"),
    "session.ended": Class(LIFECYCLE, 4, "Stop", "app"),
    "chain.opened": Class(LIFECYCLE, 3, "Start", "app"),
    "chain.closed": Class(LIFECYCLE, 4, "Stop", "app"),
    "guard.lost": Class(FINDING, 1, "Create", "finding"),
    "control.refused": Class(FINDING, 1, "Create", "finding"),
}
"""By kind; a denied act is `act.denied`. What is not here is a lifecycle event of the session, activity Other."""

_OTHER = Class(LIFECYCLE, 99, "Other", "app")
_SEVERITY = {"low": 2, "medium": 3, "high": 4, "critical": 5}
_CHANGES = {"created": (1, "Create"), "modified": (3, "Update"), "deleted": (4, "Delete"), "moved": (5, "Rename")}
_LOUD = {"guard.lost": 5, "control.refused": 4}


class About(NamedTuple):
    """What a session's first record says of all others. device: id of the machine's key."""

    session: str = ""
    agent: str = ""
    user: str = ""
    host: str = ""
    tier: str = ""
    device: str = ""


def about(record: Mapping[str, Any]) -> About:
    """What a first record tells of its session; little when it is another kind of record."""
    event = record.get("event")
    event = event if isinstance(event, dict) else {}

    def word(name: str) -> str:
        value = event.get(name, "")
        return value if isinstance(value, str) else ""

    device = word("device").partition("+")[0]
    session = record.get("session")
    session = session if isinstance(session, str) else ""
    return About(session, word("agent"), word("user"), word("host"), word("tier"), device)


def event_of(record: Mapping[str, Any], seq: int, digest: str, who: About, raw: str = "") -> dict[str, Any]:
    """The OCSF event of one record (its JSON value). seq, digest: its place in the chain; raw: its exact text."""
    event: Mapping[str, Any] = _dict(record.get("event"))
    kind = str(event.get("kind", "unknown"))
    verdict = _dict(event.get("verdict"))
    denied = kind == "act.decided" and verdict.get("ruling") == "deny"
    cls = CLASSES.get("act.denied" if denied else kind, _OTHER)
    activity, name = cls.activity, cls.activity_name
    if kind == "file.changed":
        activity, name = _CHANGES.get(str(event.get("change")), (99, "Other"))
    made: dict[str, Any] = {
        "activity_id": activity,
        "activity_name": name,
        "category_uid": cls.uid // 1000,
        "class_uid": cls.uid,
        "type_uid": cls.uid * 100 + activity,
        "time": _ms(record),
        "severity_id": _severity(kind, event),
        "message": _message(kind, event),
        "metadata": {
            "version": VERSION,
            "uid": str(record.get("id", "")),
            "sequence": seq,
            "event_code": kind,
            "log_name": who.session or str(record.get("session", "")),
            "correlation_uid": str(record.get("parent") or record.get("id", "")),
            "product": {"name": "leash", "vendor_name": "leash"},
            "profiles": ["host", "security_control"],
        },
        "actor": _actor(event, who),
        "device": _device(who),
        "unmapped": {"chain_hash": digest, "guard": who.tier, **_decision(event)},
    }
    if raw:
        made["raw_data"] = raw
    made |= _control(verdict, event)
    made |= _BUILD[cls.fields](kind, event, who, record)
    return made


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _ms(record: Mapping[str, Any]) -> int:
    time = record.get("t")
    return time // 1000 if isinstance(time, int) else 0


def _command(event: Mapping[str, Any]) -> str:
    facts, card = _dict(event.get("facts")), _dict(event.get("card"))
    return str(facts.get("command") or card.get("command") or "")


def _message(kind: str, event: Mapping[str, Any]) -> str:
    verdict = _dict(event.get("verdict"))
    said = [kind, verdict.get("ruling", ""), _command(event) or event.get("path") or event.get("text") or ""]
    if event.get("reason"):
        said.append(str(event["reason"]))
    return " ".join(str(part) for part in said if part)


def _severity(kind: str, event: Mapping[str, Any]) -> int:
    if kind in _LOUD:
        return _LOUD[kind]
    card = _dict(event.get("card"))
    found = [str(card.get("severity", ""))]
    found += [str(_dict(p).get("severity", "medium")) for p in _dict(event.get("decision")).get("policies", [])]
    if kind == "notice":
        return {"alarm": 4, "warn": 3}.get(str(event.get("level")), 1)
    return max((_SEVERITY.get(s, 1) for s in found if s), default=1)


def _actor(event: Mapping[str, Any], who: About) -> dict[str, Any]:
    actor: dict[str, Any] = {"app_name": who.agent or "leash", "session": {"uid": who.session or "machine"}}
    if who.user:
        actor["user"] = {"name": who.user, "type_id": 1}
    return actor


def _device(who: About) -> dict[str, Any]:
    device: dict[str, Any] = {"type_id": 0, "hostname": who.host or "unknown"}
    if who.device:
        device["uid"] = who.device
    return device


def _decision(event: Mapping[str, Any]) -> dict[str, Any]:
    decision, verdict = _dict(event.get("decision")), _dict(event.get("verdict"))
    found: dict[str, Any] = {}
    if decision:
        found["policies"] = [_dict(p).get("id", "") for p in decision.get("policies", [])]
        found["bundle"] = decision.get("bundle", "")
        found["latency_us"] = event.get("us", 0)
    if verdict.get("by"):
        found["decided_by"] = verdict["by"]
    if verdict.get("by") == "person":
        found["approver"] = verdict.get("who", "")
    request = _dict(event.get("request"))
    if request.get("layer"):
        found["layers"] = [request["layer"]]
    return found


def _control(verdict: Mapping[str, Any], event: Mapping[str, Any]) -> dict[str, Any]:
    """The security_control profile: what leash did about it."""
    ruling = verdict.get("ruling")
    if ruling == "allow":
        return {"action_id": 1, "action": "Allowed", "disposition_id": 1, "disposition": "Allowed"}
    if ruling == "deny":
        return {"action_id": 2, "action": "Denied", "disposition_id": 2, "disposition": "Blocked"}
    if event.get("kind") in ("act.decided", "act.asked"):
        return {"action_id": 99, "action": "Held", "disposition_id": 99, "disposition": "Waits for a person"}
    return {"action_id": 0, "disposition_id": 0}


def _process_of(event: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Any]:
    request = _dict(event.get("request"))
    ref = _dict(request.get("process"))
    process: dict[str, Any] = {"uid": str(record.get("parent") or record.get("id", ""))}
    if isinstance(ref.get("pid"), int):
        process["pid"] = ref["pid"]
    if command := _command(event):
        process["cmd_line"] = command
    if request.get("cwd"):
        process["working_directory"] = str(request["cwd"])
    if exe := str(request.get("exe") or ""):
        process |= {"path": exe, "name": exe.rpartition("/")[2]}
        process["file"] = {"name": exe.rpartition("/")[2] or exe, "path": exe, "type_id": 1}
    return process


def _process(kind: str, event: Mapping[str, Any], who: About, record: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {"process": _process_of(event, record)}
    if kind == "act.ended" and isinstance(event.get("code"), int):
        made |= {"exit_code": event["code"], "duration": int(event.get("us", 0)) // 1000}
    return made


def _file(kind: str, event: Mapping[str, Any], who: About, record: Mapping[str, Any]) -> dict[str, Any]:
    path = str(event.get("path", ""))
    made: dict[str, Any] = {"file": {"name": path.rpartition("/")[2] or path or "?", "path": path or "?", "type_id": 1}}
    if event.get("to"):
        to = str(event["to"])
        made["file_result"] = {"name": to.rpartition("/")[2] or to, "path": to, "type_id": 1}
    return made


def _finding(kind: str, event: Mapping[str, Any], who: About, record: Mapping[str, Any]) -> dict[str, Any]:
    policies = [_dict(p) for p in _dict(event.get("decision")).get("policies", [])]
    desc = str(policies[0].get("reason", "")) if policies else str(event.get("reason", ""))
    made: dict[str, Any] = {
        "finding_info": {
            "uid": str(record.get("id", "")),
            "title": "an act was refused" if kind == "act.decided" else _message(kind, event),
            "desc": desc or _message(kind, event),
            "created_time": _ms(record),
        },
        "is_alert": True,
        "status_id": 1,
    }
    if kind == "act.decided":
        made["evidences"] = [{"process": _process_of(event, record)}]
        if policies:
            made["policy"] = {"uid": str(policies[0].get("id", "")), "is_applied": True}
    return made


def _authorize(kind: str, event: Mapping[str, Any], who: About, record: Mapping[str, Any]) -> dict[str, Any]:
    verdict = _dict(event.get("verdict"))
    person = str(event.get("approver") or verdict.get("who") or who.user or "unknown")
    return {
        "user": {"name": person, "type_id": 1},
        "session": {"uid": who.session or "machine"},
        "privileges": [_command(event) or str(event.get("ask", "")) or kind],
    }


def _entity(kind: str, event: Mapping[str, Any], who: About, record: Mapping[str, Any]) -> dict[str, Any]:
    entity: dict[str, Any] = {"uid": str(event.get("grant", "")), "name": "grant", "type": "Policy"}
    if event.get("policy"):
        entity["policy"] = {"uid": str(event.get("grant", "")), "desc": str(event["policy"])}
    return {"entity": entity}


def _app(kind: str, event: Mapping[str, Any], who: About, record: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {"app": {"name": who.agent or str(event.get("agent") or "leash"), "vendor_name": "unknown"}}
    if isinstance(event.get("code"), int):
        made["status_code"] = str(event["code"])
    return made


_BUILD = {
    "process": _process,
    "file": _file,
    "finding": _finding,
    "authorize": _authorize,
    "entity": _entity,
    "app": _app,
}


def text_of(event: Mapping[str, Any]) -> bytes:
    """One line of JSON, its keys in a fixed order."""
    return msgspec.json.encode(event, order="deterministic")
