"""OCSF events in the clothes other systems read: CEF in syslog, OTLP logs, Splunk's collector.

Knows how each escapes and frames. Refuses to interpret records: everything comes from the OCSF event. Invariant: one
event is one message, and no text inside it can end it early or begin another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from leashtui.audit.ocsf import text_of

_FACILITY = 13  # log audit (RFC 5424)
_SYSLOG = {1: 6, 2: 5, 3: 4, 4: 3, 5: 2}
_OTLP = {1: (9, "INFO"), 2: (10, "INFO2"), 3: (13, "WARN"), 4: (17, "ERROR"), 5: (21, "FATAL")}
_CEF = {1: 2, 2: 4, 3: 6, 4: 8, 5: 10}


def _header(text: str) -> str:
    return _one_line(text).replace("\\", "\\\\").replace("|", "\\|")


def _value(text: str) -> str:
    return _clean(text).replace("\\", "\\\\").replace("=", "\\=").replace("\r", "\\r").replace("\n", "\\n")


def _clean(text: str) -> str:
    return "".join(c if c in "\r\n" or c.isprintable() else " " for c in text)


def _one_line(text: str) -> str:
    return " ".join(_clean(text).split())


def cef(event: Mapping[str, Any]) -> str:
    """The event in ArcSight's Common Event Format, version 0."""
    meta, actor = event["metadata"], event["actor"]
    process = event.get("process") or (event.get("evidences") or [{}])[0].get("process") or {}
    fields = {
        "rt": event["time"],
        "externalId": meta["uid"],
        "msg": event["message"][:1023],
        "act": event.get("action", ""),
        "outcome": event.get("disposition", ""),
        "suser": actor.get("user", {}).get("name", ""),
        "duser": event.get("user", {}).get("name", ""),
        "dhost": event["device"].get("hostname", ""),
        "dproc": process.get("cmd_line", "")[:1023],
        "dpid": process.get("pid", ""),
        "filePath": event.get("file", {}).get("path", ""),
        "cs1Label": "session",
        "cs1": actor["session"]["uid"],
        "cs2Label": "agent",
        "cs2": actor.get("app_name", ""),
        "cs3Label": "policies",
        "cs3": " ".join(str(p) for p in event["unmapped"].get("policies", [])),
        "cs4Label": "chainHash",
        "cs4": event["unmapped"]["chain_hash"],
        "cn1Label": "sequence",
        "cn1": meta["sequence"],
    }
    extension = " ".join(f"{k}={_value(str(v))}" for k, v in fields.items() if v != "")
    name = f"{meta['event_code']} {event.get('action', '')}".strip()
    head = ["CEF:0", "leash", "leash", "1", str(event["type_uid"]), name, str(_CEF.get(event["severity_id"], 2))]
    return "|".join(_header(part) for part in head) + "|" + extension


def syslog(event: Mapping[str, Any]) -> bytes:
    """The event as CEF in an RFC 5424 message, framed by its length (RFC 6587, RFC 5425)."""
    level = _FACILITY * 8 + _SYSLOG.get(event["severity_id"], 6)
    when = datetime.fromtimestamp(event["time"] / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    host = _one_line(event["device"].get("hostname", "")).replace(" ", "_")[:255] or "-"
    text = f"<{level}>1 {when} {host} leash - {event['metadata']['event_code'][:32]} - {cef(event)}".encode()
    return str(len(text)).encode() + b" " + text


def hec(event: Mapping[str, Any]) -> bytes:
    """The event for Splunk's HTTP Event Collector: one JSON object."""
    made = {
        "time": event["time"] / 1000,
        "host": event["device"].get("hostname", ""),
        "source": "leash",
        "sourcetype": f"ocsf:{event['class_uid']}",
        "event": event,
    }
    return text_of(made)


def otlp(events: Sequence[Mapping[str, Any]]) -> bytes:
    """Events as one OTLP logs request in JSON (opentelemetry-proto 1.x, ExportLogsServiceRequest)."""
    resources: dict[str, list[dict[str, Any]]] = {}
    for event in events:
        resources.setdefault(event["device"].get("hostname", ""), []).append(_log(event))
    made = {
        "resourceLogs": [
            {
                "resource": {"attributes": [_attribute("service.name", "leash"), _attribute("host.name", host)]},
                "scopeLogs": [{"scope": {"name": "leash"}, "logRecords": logs}],
            }
            for host, logs in resources.items()
        ]
    }
    return text_of(made)


def _log(event: Mapping[str, Any]) -> dict[str, Any]:
    number, text = _OTLP.get(event["severity_id"], (9, "INFO"))
    meta, actor = event["metadata"], event["actor"]
    attributes = {
        "event.name": f"leash.{meta['event_code']}",
        "leash.session": actor["session"]["uid"],
        "leash.record": meta["uid"],
        "leash.sequence": meta["sequence"],
        "leash.chain_hash": event["unmapped"]["chain_hash"],
        "leash.action": event.get("action", ""),
        "leash.policies": " ".join(str(p) for p in event["unmapped"].get("policies", [])),
        "gen_ai.agent.name": actor.get("app_name", ""),
        "user.name": actor.get("user", {}).get("name", ""),
    }
    return {
        "timeUnixNano": str(event["time"] * 1_000_000),
        "severityNumber": number,
        "severityText": text,
        "body": {"stringValue": event["message"]},
        "attributes": [_attribute(name, value) for name, value in attributes.items() if value != ""],
    }


def _attribute(key: str, value: str | int) -> dict[str, Any]:
    kind, text = ("intValue", str(value)) if isinstance(value, int) else ("stringValue", value)
    return {"key": key, "value": {kind: text}}
