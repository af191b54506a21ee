"""Other machines: ssh, scp, rsync, ftp, and what sends messages.

Knows what a remote command and a remote path look like. Invariant: a shell tied to a connection is
said to be one, whichever end opens it.
"""

from __future__ import annotations

import re

from leashtui.classify.call import Call, host_of
from leashtui.classify.indirection import indirect
from leashtui.classify.options import Options
from leashtui.classify.patterns import lazy
from leashtui.classify.plumbing import is_local
from leashtui.classify.secrets import is_secret_variable
from leashtui.classify.spec import Spec
from leashtui.classify.values import NOTHING, Stream, Taint, Word, show
from leashtui.model.facts import PUSHED, Severity, Verb

_RUNS = lazy(
    r"(?i)^(proxycommand|localcommand|knownhostscommand|remotecommand|proxyusefdpass|pkcs11provider"
    r"|securitykeyprovider|match)\s*[= ]\s*(.+)$",
    re.S,
)
_REMOTE = lazy(r"^(?:[\w.%+-]+@)?(?:\[[0-9a-fA-F:]+\]|[\w.-]+):(?!\\)|^(?:sftp|scp|rsync|ssh)://")
_SHELL = lazy(r"(?:^|[/\s])(?:ba|z|da|k|a|c|tc)?sh\b|cmd(\.exe)?$|powershell")


_SENDS_ENV = lazy(r"(?i)^sendenv\s*[= ]\s*(.+)$")
_SETS_ENV = lazy(r"(?i)^setenv\s*[= ]")


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


_SEVERAL = lazy(r"[;&|`<>()\n]|\$\(")
_GIT_PULL = lazy(r"(?:git-upload-(?:pack|archive)|git upload-(?:pack|archive))(?: '[\w./~@+-]+'| [\w./~@+-]+)?$")
_GIT_PUSH = lazy(r"(?:git-receive-pack|git receive-pack)(?: '[\w./~@+-]+'| [\w./~@+-]+)?$")


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
    if any(_SEVERAL.search(word) for word in options.args[2:]):
        call.sign("wide")  # its further words begin another command there: the first ones say little of that
    if content.taint & Taint.SECRET or remote.taint & Taint.SECRET:
        call.send(host, Stream(Taint.SECRET))
    if call.made.changed or content.taint & Taint.LOCAL:
        call.send(host, content)
    if options.has("-R", "-w", "-D", "-L"):
        call.add(
            Verb.LISTEN if not options.has("-R") else Verb.NET_SEND, host, f"opens a tunnel to {host}", Severity.HIGH
        )
    call.add(Verb.REMOTE_SESSION, host, f"runs on {host}: {known}" if remote else f"opens a session on {host}")
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
    if options.has("-n", "--dry-run", "--list-only") and call.name not in ("scp", "sftp"):
        call.sign("dry_run")
        return NOTHING
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
        orders(call, "", call.stdin)
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


def message(call: Call, spec: Spec, options: Options) -> Stream | None:
    """Whatever stands in its words or comes in leaves the machine."""
    content = Stream(call.taint(), call.stdin.text)
    for value in (*options.all("-m", "--message", "--text", "-t"), *options.args):
        content = content.joined(Stream(0, str(value)))
    for file in options.all("-f") if call.name == "mosquitto_pub" else ():
        content = content.joined(call.read(file))
    call.send("", content)
    return Stream(Taint.FETCHED, None)


HANDLERS = {
    "ssh": ssh,
    "scp": secure_copy,
    "file_session": file_session,
    "message": message,
}
"""See handlers/__init__.py."""
