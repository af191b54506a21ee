"""Other machines: ssh, scp, rsync, netcat, socat, telnet, openssl s_client, tunnels.

Knows what a remote command, a remote path and a listening socket look like. Invariant: a shell tied to a connection is
said to be one, whichever end opens it.
"""

from __future__ import annotations

import re

from leashtui.classify.call import Call, host_of
from leashtui.classify.indirection import indirect
from leashtui.classify.options import Options
from leashtui.classify.plumbing import is_local
from leashtui.classify.spec import Spec
from leashtui.classify.values import NOTHING, Stream, Taint, Word, bare, show
from leashtui.model.facts import Severity, Verb

_RUNS = re.compile(
    r"(?i)^(proxycommand|localcommand|knownhostscommand|remotecommand|proxyusefdpass|pkcs11provider|securitykeyprovider|match)\s*[= ]\s*(.+)$",
    re.S,
)
_REMOTE = re.compile(r"^(?:[\w.%+-]+@)?(?:\[[0-9a-fA-F:]+\]|[\w.-]+):(?!\\)|^(?:sftp|scp|rsync|ssh)://")
_SHELL = re.compile(r"(?:^|[/\s])(?:ba|z|da|k|a|c|tc)?sh\b|cmd(\.exe)?$|powershell")


def _settings(call: Call, options: Options) -> None:
    """ssh options that run programs here."""
    for value in options.all("-o"):
        found = _RUNS.match(value)
        if found is not None and found.group(2).strip().lower() not in ("none", "no"):
            call.sign("obfuscated")
            call.shell(Word(found.group(2).strip("'\""), value.taint))
    for name in ("-F", "-S", "-I"):
        for value in options.all(name):
            if name == "-S" and call.name in ("scp", "sftp"):
                indirect(call, value)
            elif name == "-I":
                call.run_file(value, "loads")


def ssh(call: Call, spec: Spec, options: Options) -> Stream | None:
    """ssh HOST [COMMAND]."""
    _settings(call, options)
    if not options.args or options.has("-G", "-Q"):
        return None
    host = host_of(options.args[0])
    if options.has("-V"):
        return None
    call.ledger.hosts[host] = None
    call.sign("network")
    remote = Word(" ".join(options.args[1:]), _union(options.args[1:]))
    if is_local(host):
        call.shell(remote)
        return None
    content = call.stdin
    known = _remote_only(call, remote)
    if content.taint & Taint.SECRET or remote.taint & Taint.SECRET:
        call.send(host, Stream(Taint.SECRET))
    if call.made.changed or content.taint & Taint.LOCAL:
        call.send(host, content)
    if options.has("-R", "-w", "-D", "-L"):
        call.add(
            Verb.LISTEN if not options.has("-R") else Verb.NET_SEND, host, f"opens a tunnel to {host}", Severity.HIGH
        )
    call.add(Verb.REMOTE_SESSION, host, f"runs {known} on {host}" if remote else f"opens a session on {host}")
    return Stream(Taint.FETCHED | (Taint.SOCKET if not remote else 0), None, host)


def _remote_only(call: Call, remote: Word) -> str:
    return show(remote)[:80]


def _union(words: list[Word]) -> int:
    found = 0
    for word in words:
        found |= word.taint
    return found


def secure_copy(call: Call, spec: Spec, options: Options) -> Stream | None:
    """scp, sftp, rsync, rclone: what goes where."""
    _settings(call, options)
    for value in options.all("-e", "--rsh"):
        first = value.split()[0].rpartition("/")[2] if value.split() else ""
        if first != "ssh" or re.search(r"(?i)proxycommand|localcommand", value):
            indirect(call, value)
    for value in options.all("--rsync-path"):
        if " " in value.strip() and not value.strip().startswith("sudo rsync"):
            call.sign("obfuscated")
    words = list(options.args)
    if len(words) < 2:
        if words and _REMOTE.match(words[0]) or call.name == "sftp" and words:
            host = host_of(words[0])
            call.ledger.hosts[host] = None
            call.sign("network")
            call.add(Verb.REMOTE_SESSION, host, f"opens a session on {host}")
        return None
    sources, target = words[:-1], words[-1]
    deep = options.has("-r", "-a", "--recursive", "--archive") or call.name == "rsync"
    away = _REMOTE.match(target) is not None and not is_local(host_of(target))
    content = NOTHING
    for source in sources:
        if _REMOTE.match(source):
            host = host_of(source)
            call.ledger.hosts[host] = None
            call.sign("network")
            call.add(Verb.NET_GET, host, f"copies from {host}")
            call.add(Verb.REMOTE_SESSION, host, f"opens a session on {host}")
            content = content.joined(Stream(Taint.FETCHED, None, host))
        else:
            content = content.joined(
                call.read(source, recursive=deep and call.place(source).value in ("root", "home", "secret"))
            )
    if away:
        call.send(host_of(target), content.joined(Stream(target.taint & Taint.SECRET, "")), "files")
        call.add(Verb.REMOTE_SESSION, host_of(target), f"opens a session on {host_of(target)}")
    elif call.name != "sftp":
        if options.has(
            "--delete", "--del", "--delete-after", "--delete-before", "--delete-during", "--delete-excluded"
        ):
            call.delete(target, recursive=True, how="removes what is not in the source from")
        else:
            call.write(target, content)
        if options.has("--remove-source-files"):
            for source in sources:
                call.delete(source, recursive=True, how="moves away")
    return NOTHING


def netcat(call: Call, spec: Spec, options: Options) -> Stream | None:
    """nc, ncat, netcat, telnet."""
    words = list(options.args)
    for option in ("-e", "-c", "--exec", "--sh-exec", "--lua-exec"):
        for value in options.all(option):
            if call.name != "telnet":
                call.sign("reverse_shell", "network")
                call.add(Verb.REMOTE_SESSION, "", f"ties {show(value)} to a connection", Severity.CRITICAL, lost=True)
    if options.has("-l", "--listen", "-L") or any(re.fullmatch(r"-\w*l\w*", w) for w in call.words[1:]):
        bound = options.last("-s") or (words[0] if words and not words[0].isdigit() else None)
        if bound is None or not is_local(bare(bound)):
            call.add(Verb.LISTEN, "", "listens for connections that others can open")
        if call.made.changed or call.stdin.taint & (Taint.LOCAL | Taint.SECRET):
            call.send("", call.stdin)
        return Stream(Taint.SOCKET | Taint.FETCHED, None)
    if not words:
        return None
    host = bare(words[0])
    if options.has("-z") or is_local(host):
        if not is_local(host):
            call.fetch(words[0], f"looks whether {show(words[0])} answers")
        return Stream(0, None)
    unix = options.has("-U")
    if unix:
        call.read(words[0], look=True)
        return Stream(0, None)
    if call.stdin.taint & (Taint.SHELL | Taint.SOCKET):
        call.sign("reverse_shell")
        call.add(Verb.REMOTE_SESSION, host, "gives another machine a shell here", Severity.CRITICAL, lost=True)
    if words[0].taint & Taint.SECRET:
        call.send(host, Stream(Taint.SECRET))
    call.send(host, call.stdin)
    return Stream(Taint.SOCKET | Taint.FETCHED, None, host)


def socat(call: Call, spec: Spec, options: Options) -> Stream | None:
    """socat ADDRESS ADDRESS."""
    ends = [bare(w) for w in options.args]
    net = [e for e in ends if re.match(r"(?i)(tcp|udp|openssl|ssl|sctp|proxy|socks|ws)", e)]
    run = [e for e in ends if re.match(r"(?i)(exec|system|shell)\b", e)]
    for end in net:
        listens = re.match(r"(?i)\w+-(l|listen|recv\w*)", end) is not None
        host = end.split(":")[1] if end.count(":") >= 1 else ""
        if listens:
            if "bind=127." not in end and "bind=localhost" not in end:
                call.add(Verb.LISTEN, end, "listens for connections that others can open")
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
            stream = call.read(Word(path.partition(",")[0]))
            if net and stream.taint & Taint.SECRET:
                call.sign("sends_secret")
    return Stream(Taint.SOCKET if net else 0, None)


def openssl(call: Call, spec: Spec, options: Options) -> Stream | None:
    """openssl s_client, enc, base64, and the commands that print private keys."""
    words = call.words[1:]
    kind = bare(words[0]) if words else ""
    if kind == "s_client":
        target = options.last("-connect", "-host")
        host = host_of(target) if target is not None else ""
        if call.stdin.taint & (Taint.SHELL | Taint.SOCKET):
            call.sign("reverse_shell")
        if not is_local(host):
            if call.stdin.taint & (Taint.LOCAL | Taint.SECRET) or call.made.changed:
                call.send(host, call.stdin)
            elif target is not None:
                call.fetch(Word(host, target.taint), f"connects to {host}")
        return Stream(Taint.SOCKET | Taint.FETCHED, None, host)
    if kind == "s_server":
        call.add(Verb.LISTEN, "", "listens for connections that others can open")
    source = options.last("-in")
    stream = call.read(source) if source is not None else call.stdin
    target = options.last("-out", "-keyout")
    if target is not None:
        call.write(target, Stream(stream.taint & ~Taint.SECRET, None))
    if kind in ("enc", "base64", "aes-256-cbc", "smime", "cms") and options.has("-d", "-decrypt"):
        if options.has("-base64", "-a") and stream.text:
            import base64

            from leashtui.classify.handlers.streams import _base, _changed

            return _changed(stream, lambda t: _base(t, base64.b64decode), decodes=True)
        return Stream(stream.taint | Taint.DECODED, None)
    return Stream(stream.taint, None)


def server(call: Call, spec: Spec, options: Options) -> Stream | None:
    """Servers: where they listen decides."""
    line = " ".join(call.words)
    if re.search(
        r"0\.0\.0\.0|(?:^|[\s=])::(?:[\s:]|$)|\[::\]|[\s=](?:--host|--bind|-b|-H|--address|--hostname)(?:[= ]\*)|--host(?:\s*$|\s+--)|--expose|--share\b",
        line,
    ):
        call.add(Verb.LISTEN, "", "listens for connections that others can open")
    return None


HANDLERS = {
    "ssh": ssh,
    "scp": secure_copy,
    "netcat": netcat,
    "socat": socat,
    "openssl": openssl,
    "server": server,
}
"""See handlers/__init__.py."""
