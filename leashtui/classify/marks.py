"""Reads code of perl, ruby, node, php, lua and others by its marks: calls that start programs, delete, send, hide.

Knows how these languages spell dangerous things and how they quote text. Refuses to be a parser: what it reports errs
to the dangerous side. Invariant: a program started with a text that is not a plain constant is reported as opaque.
"""

from __future__ import annotations

import re

from leashtui.classify.call import Call
from leashtui.classify.indirection import looks_like_url
from leashtui.classify.plumbing import is_local
from leashtui.classify.reader import decode_ansi
from leashtui.classify.secrets import is_secret_path, is_secret_variable
from leashtui.classify.values import Stream, Taint, Word
from leashtui.model.facts import Place, Severity, Verb

_STRING = r"(\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|\[\[.*?\]\])"
_STARTS = re.compile(
    r"(?<![\w.$>])(?:system|popen|shell_exec|passthru|proc_open|pcntl_exec|os\.execute|io\.popen|exec(?:Sync|File"
    r"|FileSync)?|spawn(?:Sync)?"
    r"|qx|do shell script|Open3\.\w+|IO\.popen|Kernel\.(?:system|exec|spawn)|Process\.(?:spawn|run)|shell|system2"
    r"|Runtime\.getRuntime\(\)\.exec"
    r"|child_process['\"]?\)?\.\w+|subprocess\.\w+|run_command|cp\.(?:exec|spawn)\w*|execa(?:Command)?|Deno\.(?:run|Command)|System\.(?:cmd|shell)"
    r"|:os\.cmd|Bun\.spawn\w*"
    r"|(?<=\)\.)exec\w*|(?<=\)\.)spawn\w*)"
    r"\s*[\(\s{]\s*(?=\S)|(?<=\)\.)(?:exec|spawn)(?:Sync|File|FileSync)?\s*\(\s*(?=\S)"
)
_OPTIONS = re.compile(r"^\{?\s*(?:cmd|command)\s*:\s*\[?\s*")
"""An object around the words of a program."""
_PIPES = re.compile(r"\bopen\b[^;]*?['\"]\s*(?:\+?[<>]*\s*)?(\|[^'\"]+|[^'\"|]+\|)\s*['\"]")
"""perl opens a pipe to a program."""
_QUOTED = re.compile(r"`([^`]+)`|%x[\(\[{]([^)\]}]*)[\)\]}]|qx[\(\[{/]([^)\]}/]*)[\)\]}/]")
_DELETES = re.compile(
    r"\b(?:rmSync|rmdirSync|unlinkSync|rm_rf|rm_r|rm_f|remove_entry\w*|rmtree|remove_tree|unlink|rmdir|File\.delete"
    r"|FileUtils\.(?:rm\w*|remove\w*)"
    r"|Dir\.(?:rmdir|delete|unlink)|os\.remove|fs\.(?:promises\.)?(?:rm|unlink|rmdir)|emptyDirSync|removeSync"
    r"|Deno\.remove\w*|rimraf(?:\.sync)?"
    r"|del(?:ete)?Tree|file_delete|fs\.remove|Remove-Item|unlink\.sync|truncateSync|truncate)\b\s*\(?\s*"
)
_WRITES = re.compile(
    r"\b(?:writeFile(?:Sync)?|appendFile(?:Sync)?|createWriteStream|outputFile(?:Sync)?|File\.(?:write|binwrite)"
    r"|IO\.write|file_put_contents"
    r"|Deno\.write\w+|Bun\.write|copyFile(?:Sync)?|renameSync|File\.rename|FileUtils\.(?:cp\w*|mv|touch|ln\w*|chmod\w*)"
    r"|rename|symlink(?:Sync)?"
    r"|chmod(?:Sync)?|chown(?:Sync)?)\b\s*\(?\s*"
)
_READS = re.compile(
    r"\b(?:readFile(?:Sync)?|createReadStream|File\.(?:read|open|readlines|foreach)|IO\.read\w*|file_get_contents"
    r"|readfile|file|fopen|slurp|Deno\.read\w*|Bun\.file|File\.new|io\.(?:open|lines)|open|require)\b"
)
_NETWORK = re.compile(
    r"\bfetch\s*\(|XMLHttpRequest|\bhttps?\.(?:request|get)\b|require\(['\"](?:node:)?(?:https?|net|dgram|tls|axios|got|node-fetch)['\"]\)"
    r"|\baxios\b|Net::HTTP|open-uri|URI\.open|URI\(|TCPSocket|UDPSocket|Socket\.|IO::Socket|LWP::|HTTP::"
    r"|Mojo::UserAgent|use Socket\b|\bsocket\b"
    r"|curl_exec|curl_init|fsockopen|stream_socket_client|pfsockopen|socket\.http|ssl\.https|LuaSocket|net\.connect"
    r"|net\.Socket|HttpClient"
    r"|(?:file_get_contents|fopen|readfile|copy)\s*\(\s*['\"](?:https?|ftp)"
    r"|url\(|download\.file|URLConnection|\bnew URL\(|Invoke-WebRequest|WebSocket|HTTParty|Faraday|Typhoeus|RestClient"
    r"|Excon"
)
_SENDS = re.compile(
    r"(?i)\bpost\b|\bput\b|method\s*:|\.write\(|\.send\(|syswrite|print\s*\{?\$?s|body\s*:|\.end\(|->print|puts\("
    r"|fwrite|fputs|sendto|dgram"
)
_WHOLE_ENV = re.compile(
    r"process\.env(?!\s*[.\[\w])|JSON\.stringify\(process\.env|\bENV(?:\.to_\w+|\.inspect|\.each\w*)?(?!\s*[\[.\w])|ENV\.(?:to_\w+|inspect|each\w*|map|sort)|%ENV|getenv\(\s*\)|phpinfo\s*\(|\$_ENV(?!\[)|os\.environ(?!\s*[\[.])|Deno\.env\.toObject|System\.getenv\(\s*\)|Sys\.getenv\(\s*\)"
)
_ONE_ENV = re.compile(
    r"(?:process\.env\.|process\.env\[['\"]|ENV\[['\"]|ENV\.fetch\(['\"]|\$ENV\{['\"]?|getenv\(['\"]|\$_ENV\[['\"]|\$_SERVER\[['\"]|Sys\.getenv\(['\"])(\w+)"
)
_EVALS = re.compile(
    r"\beval\b|\bFunction\s*\(|instance_eval|class_eval|loadstring|\bload\s*\(|vm\.run\w+|assert\s*\(\s*\$"
    r"|create_function|\bcompile\b"
)
_DECODES = re.compile(
    r"(?i)base64|atob\(|unpack\s*\(?['\"][umH]|pack\s*\(?['\"]H|fromCharCode|hex2bin|gzinflate|str_rot13|Buffer\.from\([^)]*['\"](?:base64|hex)['\"]|\.from_?hex|chr\(\d+\)\s*[.+]|\\x[0-9a-f]{2}\\x[0-9a-f]{2}|MIME::Base64|rot13|tr/a-z"
)
_SHELL_WORD = re.compile(
    r"['\"/ (]((?:/bin/|/usr/bin/)?(?:ba|z|da|k)?sh)(?:\s+-i\w*)?\b['\" ]|cmd\.exe|\bSTDIN\b.*>&|>&S|dup2|/bin/sh"
)
_OBEYS = re.compile(
    r"(?:popen|exec\w*|system|spawn\w*|shell_exec|passthru|eval)\s*\(\s*(?:[$@]?[a-z]\w*(?:\.to_s|\.toString\(\))?\s*[,)])|`#\{"
)
"""Runs what a variable holds: over a connection that is a shell for whoever is at its other end."""
_KILLS = re.compile(r"\bprocess\.kill\s*\(|\bProcess\.kill\b|\bposix_kill\b|(?<![\w.])kill\s+['\"]?(?:9|KILL|TERM)")
_FORKS = re.compile(
    r"fork\s*(?:\(\s*\))?\s*while|while\s*\(?\s*(?:1|true)?\s*\)?\s*\{?\s*fork|loop\s*\{\s*fork|fork\s*;?\s*(?:redo"
    r"|goto)"
)
_LISTENS = re.compile(
    r"\.listen\s*\(|TCPServer|WEBrick|http\.createServer|SimpleHTTPServer|-S 0\.0\.0\.0|Socket\.tcp_server"
    r"|stream_socket_server"
)
_HOME = re.compile(
    r"process\.env\.HOME|os\.homedir\(\)|require\(['\"](?:node:)?os['\"]\)\.homedir\(\)|ENV\[['\"]HOME['\"]\]|Dir\.home|\$ENV\{['\"]?HOME['\"]?\}|getenv\(['\"]HOME['\"]\)|os\.getenv\(['\"]HOME['\"]\)"
)
_LITERAL = re.compile(_STRING, re.S)
_HOST = re.compile(
    r"https?://([^/'\"\s:?]+)|['\"]((?:\d{1,3}\.){3}\d{1,3}|[\w-]+(?:\.[\w-]+)*\.(?:com|net|org|io|dev|example|test|co|me|sh|xyz|ru|cn|evil|local|app|cloud|site))['\"]"
)


def _plain(literal: str) -> str:
    """The text of a string literal."""
    if literal.startswith("[["):
        return literal[2:-2]
    inside = literal[1:-1]
    return decode_ansi(inside) if literal[0] == '"' else inside.replace("\\'", "'")


def _argument(code: str, at: int, call: Call) -> list[str] | None:
    """The constant texts that stand as arguments at `at`; None when the first one is no constant."""
    rest = _OPTIONS.sub("", code[at : at + 2000].lstrip("([ "))
    home = _HOME.match(rest)
    if home is not None:
        tail = _LITERAL.search(rest[home.end() :].lstrip(" +,.("))
        return [
            call.machine.setting.home
            + (_plain(tail.group()) if tail and rest[home.end() :].lstrip().startswith("+") else "")
        ]
    found: list[str] = []
    position = 0
    while True:
        match = _LITERAL.match(rest, position)
        if match is None:
            break
        found.append(_plain(match.group()))
        position = match.end()
        following = re.match(r"\s*[,\[\]][,\[\]\s]*", rest[position:])
        if following is None:
            if re.match(r"\s*[+.]\s*[\w$'\"]", rest[position:]) and not rest[position:].lstrip().startswith(".then"):
                return None
            break
        position += following.end()
    return found or None


def judge_marks(call: Call, language: str, code: str) -> Stream:
    """Report what a text of code would do; gives what it may print."""
    taint = call.stdin.taint & Taint.SECRET
    literals = [_plain(m.group()) for m in _LITERAL.finditer(code)]
    _programs(call, code, language)
    for verb, pattern in ((Verb.DELETE, _DELETES), (Verb.WRITE, _WRITES)):
        for found in pattern.finditer(code):
            _files(call, verb, code, found)
    taint |= _secrets(call, code, literals)
    if language == "perl" and re.search(r"-i|\bopen\b.*['\"]\s*[+>]", code):
        for text in literals:
            if text[:1] == ">" and text.strip("> "):
                call.write(text.strip("> "))
    _network(call, code, taint)
    if _EVALS.search(code) and _DECODES.search(code):
        call.sign("obfuscated")
        call.opaque(f"runs {language} code that it decodes first")
    if _KILLS.search(code):
        call.add(Verb.PROCESS_KILL, "", f"stops a process from {language}")
    if _FORKS.search(code):
        call.sign("catastrophic")
        call.add(Verb.SYSTEM_CHANGE, "", "starts processes without end", Severity.CRITICAL)
    return Stream(taint | call.reads, None)


def _programs(call: Call, code: str, language: str) -> None:
    started = [m.end() for m in _STARTS.finditer(code)]
    for at in started:
        if (
            language == "node"
            and re.search(r"(?:/|\w)\.exec\s*\($", code[:at])
            and "child_process" not in code
            and "cp." not in code
        ):
            continue
        texts = _argument(code, at, call)
        if texts is None:
            if re.match(r"\s*[\w$@`(]", code[at:]) and not code[at:].startswith((")", "}")):
                call.opaque(f"starts a program from {language} whose name is known only when it runs")
            continue
        if len(texts) == 1:
            call.shell(Word(texts[0]))
        else:
            call.words_run([Word(t) for t in texts])
    for found in _PIPES.finditer(code) if language == "perl" else ():
        call.shell(Word(found.group(1).strip().strip("|")))
    if language in ("perl", "ruby", "php", "julia"):
        for found in _QUOTED.finditer(code):
            call.shell(Word(next(g for g in found.groups() if g is not None)))


def _files(call: Call, verb: Verb, code: str, found: re.Match[str]) -> None:
    texts = _argument(code, found.end(), call)
    recursive = bool(
        re.search(r"recursive\s*[:=]>?\s*true|rm_r|rmtree|remove_tree|rimraf|remove_entry|emptyDir|removeSync", code)
    )
    if texts is None:
        if verb is Verb.DELETE and re.match(r"\s*[\w$@]", code[found.end() :]):
            call.sign("destructive")
            call.add(
                Verb.DELETE,
                "",
                "removes files whose names are known only when it runs",
                Severity.HIGH,
                place=Place.UNKNOWN,
                lost=True,
            )
        return
    if verb is Verb.DELETE:
        call.delete(texts[0], recursive=recursive)
    elif len(texts[0]) < 4096:
        name = found.group().rstrip("( ")
        if (
            name.startswith(("copyFile", "rename", "symlink", "File.rename", "FileUtils.cp", "FileUtils.mv"))
            and len(texts) > 1
        ):
            call.read(texts[0])
            call.write(texts[1])
        elif not name.startswith(("rename", "chmod", "chown")):
            call.write(texts[0], Stream(0, texts[1] if len(texts) > 1 else None))


def _secrets(call: Call, code: str, literals: list[str]) -> int:
    taint = 0
    reads = _READS.search(code) is not None
    for text in literals:
        if "\n" in text or len(text) > 300 or " " in text.strip():
            continue
        path = call.path(text.lstrip("<> "))
        if reads and path and is_secret_path(path, call.machine.setting.home):
            call.read(text.lstrip("<> "))
            taint |= Taint.SECRET
    if _HOME.search(code):
        for text in literals:
            path = call.machine.setting.home + "/" + text.lstrip("/")
            if is_secret_path(path, call.machine.setting.home):
                call.read(path)
                taint |= Taint.SECRET
    if _WHOLE_ENV.search(code):
        call.add(Verb.SECRET_READ, "", "reads all environment variables, secret ones too", place=Place.SECRET)
        taint |= Taint.SECRET
    for found in _ONE_ENV.finditer(code):
        if is_secret_variable(found.group(1)):
            call.add(
                Verb.SECRET_READ, found.group(1), f"reads the secret variable {found.group(1)}", place=Place.SECRET
            )
            taint |= Taint.SECRET
    return taint


def _network(call: Call, code: str, taint: int) -> None:
    if _LISTENS.search(code) and "127.0.0.1" not in code and "localhost" not in code:
        call.add(Verb.LISTEN, "", "listens for connections")
    if not _NETWORK.search(code):
        return
    hosts = [a or b for a, b in _HOST.findall(code)]
    if hosts and all(is_local(h) for h in hosts):
        return
    host = next((h for h in hosts if not is_local(h)), "")
    if _SHELL_WORD.search(code) and re.search(r"(?i)socket|fsockopen|net\.|tcp", code):
        call.sign("reverse_shell")
        call.add(Verb.REMOTE_SESSION, host, "gives another machine a shell here", Severity.CRITICAL, lost=True)
    if _OBEYS.search(code) and re.search(r"(?i)socket|fsockopen|\bnet\b|tcp|inet", code):
        call.sign("reverse_shell")
    if taint & Taint.SECRET or _SENDS.search(code) or not hosts:
        call.send(host, Stream(taint))
    else:
        call.fetch("https://" + host)
    if _EVALS.search(code) and not looks_like_url(code):
        call.judge_source("", Taint.FETCHED)
