"""Other machines: ssh, scp, rsync, ftp, netcat, socat, telnet, websockets, servers.

Knows what a remote command, a remote path and a listening socket look like. Invariant: a shell tied to a connection is
said to be one, whichever end opens it.
"""

from __future__ import annotations

import re

from leashtui.classify.call import Call, host_of
from leashtui.classify.indirection import indirect
from leashtui.classify.options import Options
from leashtui.classify.plumbing import is_local
from leashtui.classify.secrets import is_secret_variable
from leashtui.classify.spec import Spec
from leashtui.classify.values import NOTHING, UNKNOWN, Stream, Taint, Word, bare, show
from leashtui.model.facts import PUSHED, Severity, Verb

_RUNS = re.compile(
    r"(?i)^(proxycommand|localcommand|knownhostscommand|remotecommand|proxyusefdpass|pkcs11provider"
    r"|securitykeyprovider|match)\s*[= ]\s*(.+)$",
    re.S,
)
_REMOTE = re.compile(r"^(?:[\w.%+-]+@)?(?:\[[0-9a-fA-F:]+\]|[\w.-]+):(?!\\)|^(?:sftp|scp|rsync|ssh)://")
_SHELL = re.compile(r"(?:^|[/\s])(?:ba|z|da|k|a|c|tc)?sh\b|cmd(\.exe)?$|powershell")


_SENDS_ENV = re.compile(r"(?i)^sendenv\s*[= ]\s*(.+)$")
_SETS_ENV = re.compile(r"(?i)^setenv\s*[= ]")


def _settings(call: Call, options: Options) -> None:
    """ssh options that run programs here, or hand variables over."""
    for value in options.all("-o"):
        found = _RUNS.match(value)
        named = _SENDS_ENV.match(value)
        if named is not None and any(is_secret_variable(n) for n in named.group(1).split()):
            call.send("", Stream(Taint.SECRET))
        if _SETS_ENV.match(value) and value.taint & Taint.SECRET:
            call.send("", Stream(Taint.SECRET))
        if found is not None and found.group(2).strip().lower() not in ("none", "no"):
            call.sign("obfuscated")
            call.shell(Word(found.group(2).strip("'\""), value.taint))
    for name in ("-F", "-S", "-I"):
        for value in options.all(name):
            if name == "-S" and call.name in ("scp", "sftp"):
                indirect(call, value)
            elif name == "-I":
                call.run_file(value, "loads")


_GIT_PULL = re.compile(r"(?:git-upload-(?:pack|archive)|git upload-(?:pack|archive))(?: '[\w./~@+-]+'| [\w./~@+-]+)?$")
_GIT_PUSH = re.compile(r"(?:git-receive-pack|git receive-pack)(?: '[\w./~@+-]+'| [\w./~@+-]+)?$")


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
    if _GIT_PULL.match(remote):
        call.add(Verb.NET_GET, host, f"downloads from {host}")
        return Stream(Taint.NONE, None)
    if _GIT_PUSH.match(remote):
        call.add(Verb.REMOTE_CHANGE, PUSHED, f"pushes to {host}")
        return Stream(Taint.NONE, None)
    content = call.stdin
    if content.taint & (Taint.SHELL | Taint.SOCKET):
        call.sign("reverse_shell")
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
        first = value.split()[0] if value.split() else ""
        if first not in ("ssh", "/usr/bin/ssh", "rsh", "none") or re.search(r"(?i)proxycommand|localcommand", value):
            indirect(call, value)
    for value in options.all("--rsync-path"):
        if " " in value.strip() and not value.strip().startswith("sudo rsync"):
            call.sign("obfuscated")
    words = list(options.args)
    for listed in options.all("--files-from", "--include-from", "--exclude-from"):
        call.read(listed, look=listed != "-")
    for made in options.all("--log-file", "--backup-dir", "--partial-dir", "--write-batch", "--temp-dir"):
        call.write(made, Stream(0, None))
    if len(words) < 2 or call.name == "sftp":
        if words and (_REMOTE.match(words[0]) or call.name == "sftp") and not is_local(host_of(words[0])):
            _session(call, host_of(words[0]))
            orders(call, host_of(words[0]), _text(call, options.last("-b")))
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
    else:
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


def _session(call: Call, host: str) -> None:
    call.ledger.hosts[host] = None
    call.sign("network")
    call.add(Verb.REMOTE_SESSION, host, f"opens a session on {show(host)}")


def _text(call: Call, file: Word | None) -> Stream:
    """The orders for a session: from a file, or from standard input."""
    return call.stdin if file is None or file == "-" else call.read(file)


def orders(call: Call, host: str, script: Stream) -> None:
    """Lines of ftp, sftp, lftp: put sends, `!` runs here, rm removes there."""
    if script.text is None:
        if script.taint & Taint.SECRET:
            call.send(host, script)
        return
    for line in re.split(r"[\n;]", script.text)[:256]:
        words = [Word(w, script.taint) for w in line.strip().lstrip("-@").split()]
        if not words:
            continue
        verb = words[0].lower()
        if line.strip().startswith("!") or verb == "local":
            call.shell(Word(line.strip().lstrip("!").removeprefix("local "), script.taint))
        elif verb in ("put", "mput", "reput", "append", "send") or (
            verb == "mirror" and {"-R", "--reverse"} & set(words)
        ):
            for word in words[1:]:
                if not word.startswith("-"):
                    call.send(host, call.read(word, recursive=verb == "mirror"), "files")
        elif verb in ("get", "mget", "reget", "recv", "pget") and len(words) > 2 and verb != "mget":
            call.write(words[-1], Stream(Taint.FETCHED, None, host))
        elif verb in ("rm", "mrm", "rmdir", "delete", "mdelete", "mv", "rename", "chmod"):
            call.add(Verb.REMOTE_CHANGE, host, f"changes files on {show(host)}: {show(line.strip())[:60]}")


def file_session(call: Call, spec: Spec, options: Options) -> Stream | None:
    """ftp, lftp, tftp and kin: a session with a server of files."""
    given = options.all("-e", "-c") if call.name in ("lftp", "tftp", "smbclient") else []
    words = list(options.args)
    host = next((host_of(w) for w in words if w), "")
    if not words:
        for text in given:
            found = re.search(r"(?:open|connect)\s+(?:-\S+\s+\S+\s+)*(\S+)", text)
            host = host_of(found.group(1)) if found is not None else host
    if not host and not given:
        return None
    if is_local(host) and host:
        return None
    _session(call, host)
    for text in given:
        orders(call, host, Stream(text.taint, str(text)))
    if call.name in ("tftp", "ncftpput", "ftp", "ftp-upload") and len(words) > 1:
        for word in words[1:]:
            if call.name == "ncftpput" or "put" in (*words, *given):
                call.send(host, call.read(word, recursive=True), "files")
    for value in options.all("-u", "--upload"):
        if call.name == "ftp":
            call.send(host, call.read(value), "files")
    orders(call, host, _text(call, options.last("-f") if call.name == "lftp" else None))
    return Stream(Taint.FETCHED, None, host)


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
                call.sign("reverse_shell", "network")
                call.add(Verb.REMOTE_SESSION, "", f"ties {show(value)} to a connection", Severity.CRITICAL, lost=True)
    shell = call.stdin.taint & (Taint.SHELL | Taint.SOCKET)
    if call.name != "telnet" and options.has("-l", "--listen", "-L"):
        bound = options.last("-s") or (words[0] if words and not words[0].isdigit() else None)
        if bound is None or (not is_local(bare(bound)) and not options.has("-U")) or bound == "0.0.0.0":
            call.add(Verb.LISTEN, "", "listens for connections that others can open")
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
            if kind.lower() == "create":
                call.write(Word(path.partition(",")[0]), Stream(Taint.FETCHED if net else 0, None))
                continue
            stream = call.read(Word(path.partition(",")[0]))
            if net and stream.taint & Taint.SECRET:
                call.sign("sends_secret")
    return Stream(Taint.SOCKET if net else 0, None)


def websocket(call: Call, spec: Spec, options: Options) -> Stream | None:
    """websocat, wscat, grpcurl: what is said to an address; a program tied to it is a shell for strangers."""
    words = list(options.args)
    run = [w for w in words if re.match(r"(?:sh-c|exec|cmd|sh):", w)]
    away = [w for w in [*words, *options.all("-c", "--connect")] if not is_local(host_of(w)) and _ADDRESS.search(w)]
    if any(re.search(r"0\.0\.0\.0|\[::\]", w) for w in call.words) or (
        options.has("-l", "--listen") and call.name == "wscat"
    ):
        call.add(Verb.LISTEN, "", "listens for connections that others can open")
    elif not away:
        return Stream(0, None)
    if run or call.stdin.taint & (Taint.SHELL | Taint.SOCKET):
        call.sign("reverse_shell", "network")
        call.add(Verb.REMOTE_SESSION, "", "gives another machine a shell here", Severity.CRITICAL, lost=True)
    content = call.stdin
    for name, value in options.values:
        if name in ("-d", "-x", "--execute", "-H", "--header", "-rpc-header", "--auth"):
            content = content.joined(Stream(value.taint, str(value)))
    if away and call.name in ("grpcurl", "buf-curl", "evans") and {"list", "describe"} & set(words):
        call.fetch(away[0])
    elif away:
        call.send(host_of(away[0]), content)
    return Stream(Taint.SOCKET | Taint.FETCHED, None)


_ADDRESS = re.compile(r"^\w+s?://|^(?:[\w-]+\.)+[A-Za-z]{2,}(?::\d+)?(?:/|$)|^(?:\d{1,3}\.){3}\d{1,3}(?::|$)")


def server(call: Call, spec: Spec, options: Options) -> Stream | None:
    """Servers: where they listen decides."""
    line = " ".join(call.words)
    if re.search(
        r"0\.0\.0\.0|(?:^|[\s=])::(?:[\s:]|$)|\[::\]|[\s=](?:--host|--bind|-b|-H|--address|--hostname)(?:[= ]\*)"
        r"|--host(?:\s*$|\s+--)|--expose|--share\b",
        line,
    ):
        call.add(Verb.LISTEN, "", "listens for connections that others can open")
    return None


HANDLERS = {
    "ssh": ssh,
    "scp": secure_copy,
    "netcat": netcat,
    "socat": socat,
    "server": server,
    "file_session": file_session,
    "websocket": websocket,
}
"""See handlers/__init__.py."""
