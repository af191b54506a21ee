"""Raw connections and open ports: netcat, socat, telnet, websockets, servers of files.

Knows what a listening socket and a program tied to a connection look like. Invariant: a shell tied to a connection is
said to be one, whichever end opens it.
"""

from __future__ import annotations

import re

from leashtui.classify.call import Call, host_of
from leashtui.classify.options import Options
from leashtui.classify.patterns import lazy
from leashtui.classify.plumbing import is_local
from leashtui.classify.spec import Spec
from leashtui.classify.values import UNKNOWN, Stream, Taint, Word, bare, show
from leashtui.model.facts import Severity, Verb

_MILD = (["cat"], ["echo"], ["date"], ["uptime"], ["true"], ["/bin/cat"], ["/bin/echo"], ["/bin/date"])


def harmless_request(stream: Stream) -> bool:
    """Whether what is written to a connection is nothing but a known, plain request for a page."""
    text = stream.text
    if text is None or stream.taint & ~Taint.DECODED or UNKNOWN in text:
        return False
    return (
        re.fullmatch(r"(?i)\s*|Q\s*|(?:GET|HEAD|OPTIONS) \S+(?: HTTP/[\d.]+)?\s*(?:[\w-]+: [^\n]*\s*)*", text)
        is not None
    )


def netcat(call: Call, spec: Spec, options: Options) -> Stream | None:
    """nc, ncat, netcat, telnet."""
    words = list(options.args)
    for option in ("-e", "-c", "--exec", "--sh-exec", "--lua-exec"):
        for value in options.all(option):
            if call.name != "telnet":
                if value.split()[:1] not in _MILD:
                    call.sign("reverse_shell")
                call.sign("network")
                call.add(Verb.REMOTE_SESSION, "", f"ties {show(value)} to a connection", Severity.CRITICAL, lost=True)
    shell = call.stdin.taint & (Taint.SHELL | Taint.SOCKET)
    if call.name != "telnet" and options.has("-l", "--listen", "-L"):
        bound = options.last("-s") or (words[0] if words and not words[0].isdigit() else None)
        if bound is None or (not is_local(bare(bound)) and not options.has("-U")) or bound == "0.0.0.0":
            call.listen(bound or "", "listens for connections that others can open")
            if call.made.changed or call.stdin.taint & (Taint.LOCAL | Taint.SECRET):
                call.send("", call.stdin)
            if shell:
                call.sign("reverse_shell")
        return Stream(Taint.SOCKET | Taint.FETCHED, None)
    if not words:
        return None
    host = bare(words[0])
    if options.has("-U"):
        call.read(words[0], look=True)
        return Stream(0, None)
    if options.has("-z") or is_local(host):
        if not is_local(host):
            call.fetch(words[0], f"looks whether {show(words[0])} answers")
        return Stream(0, None)
    through = options.last("-x", "--proxy")
    if shell:
        call.sign("reverse_shell")
        call.add(Verb.REMOTE_SESSION, host, "gives another machine a shell here", Severity.CRITICAL, lost=True)
    if words[0].taint & Taint.SECRET:
        call.send(host, Stream(Taint.SECRET))
    if harmless_request(call.stdin) and through is None:
        call.fetch(words[0], f"asks {show(host)} for a page")
    else:
        call.send(host, call.stdin)
    return Stream(Taint.SOCKET | Taint.FETCHED, None, host)


def socat(call: Call, spec: Spec, options: Options) -> Stream | None:
    """socat ADDRESS ADDRESS."""
    ends = [bare(w) for w in options.args]
    net = [
        e
        for e in ends
        if re.match(r"(?i)(tcp|udp|openssl|ssl|sctp|dccp|vsock|proxy|socks|ws)|\w+-(?:l|listen|recv\w*):(?!/)", e)
    ]
    run = [e for e in ends if re.match(r"(?i)(exec|system|shell)\b", e)]
    for end in net:
        listens = re.match(r"(?i)\w+-(l|listen|recv\w*)", end) is not None
        host = end.split(":")[1] if end.count(":") >= 1 else ""
        if listens:
            if "bind=127." not in end and "bind=localhost" not in end:
                call.listen(end, "listens for connections that others can open")
        elif not is_local(host):
            call.send(host, call.stdin if call.stdin.taint else Stream(0, None))
        if run and not (not listens and is_local(host)):
            call.sign("reverse_shell", "network")
            call.add(Verb.REMOTE_SESSION, host, "gives another machine a shell here", Severity.CRITICAL, lost=True)
    for end in run:
        call.shell(Word(end.partition(":")[2].partition(",")[0]))
    for end in ends:
        kind, _, path = end.partition(":")
        if kind.lower() in ("file", "open", "gopen", "create") and path:
            if kind.lower() == "create":
                call.write(Word(path.partition(",")[0]), Stream(Taint.FETCHED if net else 0, None))
                continue
            stream = call.read(Word(path.partition(",")[0]))
            if net and stream.taint & Taint.SECRET:
                call.sign("sends_secret")
    return Stream(Taint.SOCKET if net else 0, None)


def websocket(call: Call, spec: Spec, options: Options) -> Stream | None:
    """websocat, wscat, grpcurl: what is said to an address; a program tied to it is a shell for strangers."""
    words = list(options.args[:1] if call.name == "grpcurl" else options.args)
    run = [w for w in words if re.match(r"(?:sh-c|exec|cmd|sh):", w)]
    away = [w for w in [*words, *options.all("-c", "--connect")] if not is_local(host_of(w)) and _ADDRESS.search(w)]
    if any(re.search(r"0\.0\.0\.0|\[::\]", w) for w in call.words) or (
        options.has("-l", "--listen") and call.name == "wscat"
    ):
        call.listen("", "listens for connections that others can open")
    elif not away:
        return Stream(0, None)
    if run or call.stdin.taint & (Taint.SHELL | Taint.SOCKET):
        call.sign("reverse_shell", "network")
        call.add(Verb.REMOTE_SESSION, "", "gives another machine a shell here", Severity.CRITICAL, lost=True)
    content = call.stdin
    for name, value in options.values:
        if name in ("-d", "-x", "--execute", "-H", "--header", "-rpc-header", "--auth"):
            content = content.joined(Stream(value.taint, str(value)))
    if away and call.name in ("grpcurl", "buf-curl", "evans") and {"list", "describe"} & set(options.args):
        call.fetch(away[0])
    elif away:
        call.send(host_of(away[0]), content)
    return Stream(Taint.SOCKET | Taint.FETCHED, None)


_ADDRESS = lazy(r"^\w+s?://|^(?:[\w-]+\.)+[A-Za-z]{2,}(?::\d+)?(?:/|$)|^(?:\d{1,3}\.){3}\d{1,3}(?::|$)")


def server(call: Call, spec: Spec, options: Options) -> Stream | None:
    """Servers: where they listen decides."""
    line = " ".join(call.words)
    if "--expose" in line or re.search(r"--share\b", line):
        call.add(Verb.LISTEN, "", "opens a way in from the internet")
        return None
    if re.search(
        r"0\.0\.0\.0|(?:^|[\s=])::(?:[\s:]|$)|\[::\]|[\s=](?:--host|--bind|-b|-H|--address|--hostname)(?:[= ]\*)"
        r"|--host(?:\s*$|\s+--)",
        line,
    ):
        call.listen("", "listens for connections that others can open")
    return None


HANDLERS = {"netcat": netcat, "socat": socat, "websocket": websocket, "server": server}
"""See handlers/__init__.py."""
