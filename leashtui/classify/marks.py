"""Reads code of perl, ruby, node, php, lua and others by its marks: calls that start programs, delete, send, hide.

Knows how these languages spell dangerous things and how they quote text. Refuses to be a parser: what it reports errs
to the dangerous side. Invariant: a program started with a text that is not a plain constant is reported as opaque.
"""

from __future__ import annotations

import re

from leashtui.classify.call import Call
from leashtui.classify.indirection import looks_like_url
from leashtui.classify.patterns import lazy
from leashtui.classify.phrases import computes_names, folded, judge_phrases
from leashtui.classify.plumbing import is_local
from leashtui.classify.reader import decode_ansi
from leashtui.classify.secrets import is_secret_path, is_secret_variable
from leashtui.classify.values import UNKNOWN, Stream, Taint, Word
from leashtui.model.facts import Place, Severity, Verb

_STRING = r"(\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|\[\[.*?\]\])"
_STARTS = lazy(
    r"(?<![\w.$>])(?:system|popen|shell_exec|passthru|proc_open|pcntl_exec|os\.execute|io\.popen|exec(?:Sync|File"
    r"|FileSync)?|spawn(?:Sync)?"
    r"|qx|do shell script|Open3\.\w+|IO\.popen|Kernel\.(?:system|exec|spawn)|Process\.(?:spawn|run)|shell|system2"
    r"|Runtime\.getRuntime\(\)\.exec"
    r"|child_process['\"]?\)?\.\w+|subprocess\.\w+|run_command|cp\.(?:exec|spawn)\w*|execa(?:Command)?|Deno\.(?:run|Command)|System\.(?:cmd|shell)"
    r"|:os\.cmd|Bun\.spawn\w*|System\.Process\.\w+|callCommand|callProcess|sys\.process\.Process"
    r"|(?<=\)\.)exec\w*|(?<=\)\.)spawn\w*)"
    r"\s*[\(\s{]\s*(?=\S)|(?<=\)\.)(?:exec|spawn)(?:Sync|File|FileSync)?\s*\(\s*(?=\S)"
)
_DEEP = lazy(
    r"(?i)recursive\s*[:=]>?\s*t(?:rue)?\b|removeItem|rm_r|rmtree|remove_tree|rimraf|remove_entry|emptyDir|removeSync"
)
"""A whole folder goes."""
_SPAWNS = lazy(r"(?:^|[;\[\n{])\s*(?:spawn|exec)\s+(?:-\w+\s+)*([^;\]\n}]+)")
"""Tcl starts programs by bare words."""
_LISP = lazy(r'\(\s*(?:[\w.]+/)?sh\s+((?:"[^"]*"\s*)+)')
"""Clojure starts a program by its words."""
_OPTIONS = lazy(r"^\{?\s*(?:cmd|command)\s*:\s*\[?\s*")
"""An object around the words of a program."""
_TEMPLATE = lazy(r"(?<=\$)`((?:[^`\\]|\\.)*)`")
"""Shells of JavaScript take their command line as a tagged template."""
_ESCAPES = lazy(r"^\s*:?!+\s*(\S.*)$", re.M)
"""A line that an interactive prompt hands to the shell."""
_PROMPTS = frozenset(("haskell", "python", "julia", "r", "scala"))
_OPENS = lazy(
    r"\b(?:open(?:Sync)?|fopen|File\.(?:open|new)|io\.open|file)\s*\(\s*" + _STRING + r"\s*,\s*['\"][rbt]*[wax+]", re.S
)
_PIPES = lazy(r"\bopen\b[^;]*?['\"]\s*(?:\+?[<>]*\s*)?(\|[^'\"]+|[^'\"|]+\|)\s*['\"]")
"""perl opens a pipe to a program."""
_QUOTED = lazy(r"`([^`]+)`|%x[\(\[{]([^)\]}]*)[\)\]}]|qx[\(\[{/]([^)\]}/]*)[\)\]}/]")
_DELETES = lazy(
    r"\b(?:rmSync|rmdirSync|unlinkSync|rm_rf|rm_r|rm_f|remove_entry\w*|rmtree|remove_tree|unlink|rmdir|File\.delete"
    r"|FileUtils\.(?:rm\w*|remove\w*)"
    r"|Dir\.(?:rmdir|delete|unlink)|os\.remove|fs\.(?:promises\.)?(?:rm|unlink|rmdir)|emptyDirSync|removeSync"
    r"|Deno\.remove\w*|rimraf(?:\.sync)?"
    r"|file:del_?(?:ete|dir(?:_r)?)|delete-(?:file|directory(?:-and-files)?|tree)|file\s+delete(?:\s+-force)?"
    r"|Files\.delete\w*|deleteFile|deleteDirectory\w*|removeFile|removeDirectory\w*|removePathForcibly|Sys\.remove"
    r"|File\.rm(?:_rf?)?!?(?=\s*\()|removeItem\(atPath:|(?<![\w.])rm(?=\(\s*[\"'])|del(?:ete)?Tree|file_delete|fs\.remove|Remove-Item|unlink\.sync|truncateSync|truncate)(?:\b|(?<=[!:]))\s*\(?\s*"
)
_WRITES = lazy(
    r"\b(?:writeFile(?:Sync)?|appendFile(?:Sync)?|createWriteStream|outputFile(?:Sync)?|File\.(?:write|binwrite)"
    r"|IO\.write|file_put_contents"
    r"|Deno\.write\w+|Bun\.write|copyFile(?:Sync)?|renameSync|File\.rename|FileUtils\.(?:cp\w*|mv|touch|ln\w*|chmod\w*)"
    r"|rename|symlink(?:Sync)?"
    r"|chmod(?:Sync)?|chown(?:Sync)?)\b\s*\(?\s*"
)
_READS = lazy(
    r"\b(?:readFile(?:Sync)?|createReadStream|File\.(?:read|open|readlines|foreach)|IO\.read\w*|file_get_contents"
    r"|readfile|file|fopen|slurp|Deno\.read\w*|Bun\.file|File\.new|io\.(?:open|lines)|open|require)\b"
)
_NETWORK = lazy(
    r"\bfetch\s*\(|XMLHttpRequest|\bhttps?\.(?:request|get)\b|require\(['\"](?:node:)?(?:https?|net|dgram|tls|axios|got|node-fetch)['\"]\)"
    r"|\baxios\b|Net::HTTP|open-uri|URI\.open|URI\(|TCPSocket|UDPSocket|Socket\.|IO::Socket|LWP::|HTTP::"
    r"|Mojo::UserAgent|use Socket\b|\bsocket\b"
    r"|curl_exec|curl_init|fsockopen|stream_socket_client|pfsockopen|socket\.http|ssl\.https|LuaSocket|net\.connect"
    r"|net\.Socket|HttpClient"
    r"|(?:file_get_contents|fopen|readfile|copy)\s*\(\s*['\"](?:https?|ftp)"
    r"|url\(|download\.file|URLConnection|\bnew URL\(|Invoke-WebRequest|WebSocket|HTTParty|Faraday|Typhoeus|RestClient"
    r"|Excon"
)
_SENDS = lazy(
    r"(?i)\bpost\b|\bput\b|method\s*:|\.write\(|\.send\(|syswrite|print\s*\{?\$?s|body\s*:|\.end\(|->print|puts\("
    r"|fwrite|fputs|sendto|dgram"
)
_WHOLE_ENV = lazy(
    r"process\.env(?!\s*[.\[\w])|JSON\.stringify\(process\.env|\bENV(?:\.to_\w+|\.inspect|\.each\w*)?(?!\s*[\[.\w])|ENV\.(?:to_\w+|inspect|each\w*|map|sort)|%ENV|getenv\(\s*\)|phpinfo\s*\(|\$_ENV(?!\[)|os\.environ(?!\s*[\[.])|Deno\.env\.toObject|System\.getenv\(\s*\)|Sys\.getenv\(\s*\)"
)
_ONE_ENV = lazy(
    r"(?:process\.env\.|process\.env\[['\"]|ENV\[['\"]|ENV\.fetch\(['\"]|\$ENV\{['\"]?|getenv\(['\"]|\$_ENV\[['\"]|\$_SERVER\[['\"]|Sys\.getenv\(['\"])(\w+)"
)
_EVALS = lazy(
    r"\beval\b|\bFunction\s*\(|instance_eval|class_eval|loadstring|\bload\s*\(|vm\.run\w+|assert\s*\(\s*\$"
    r"|create_function|\bcompile\b"
)
_DECODES = lazy(
    r"(?i)base64|atob\(|unpack\s*\(?['\"][umH]|pack\s*\(?['\"]H|fromCharCode|hex2bin|gzinflate|str_rot13|Buffer\.from\([^)]*['\"](?:base64|hex)['\"]|\.from_?hex|chr\(\d+\)\s*[.+]|\\x[0-9a-f]{2}\\x[0-9a-f]{2}|MIME::Base64|rot13|tr/a-z"
)
_SHELL_WORD = lazy(
    r"['\"/ (]((?:/bin/|/usr/bin/)?(?:ba|z|da|k)?sh)(?:\s+-i\w*)?\b['\" ]|cmd\.exe|\bSTDIN\b.*>&|>&S|dup2|/bin/sh"
)
_OBEYS = lazy(
    r"(?:popen|exec\w*|system|spawn\w*|shell_exec|passthru|eval)\s*\(\s*(?:[$@]?[a-z]\w*(?:\.to_s|\.toString\(\))?\s*[,)])|`#\{"
)
"""Runs what a variable holds: over a connection that is a shell for whoever is at its other end."""
_INSTALLS = lazy(
    r"\binstall\.packages\s*\(\s*(?=\S)|\b(?:remotes|devtools|pak|BiocManager|renv|githubinstall)::(?:install\w*|pak"
    r"|pkg_install)\s*\(\s*(?=[\"'c])|\binstall_(?:github|gitlab|url|git|version|cran)\s*\(\s*|\bPkg\.(?:add|develop)\s*\(\s*"
    r"|\bCPAN::Shell->(?:force_?)?(?:install|notest)\s*\(?\s*|\bcpanm?\b.*\binstall\s+|\bGem\.install\s*\(?\s*"
    r"|\bMix\.install\s*\(\s*|(?s:\bCPAN\b.*?\b(?:install|force_install)\b\s*\(?\s*)(?=[\w'\"])"
)
"""Packages that are fetched and kept."""
_KILLS = lazy(r"\bprocess\.kill\s*\(|\bProcess\.kill\b|\bposix_kill\b|(?<![\w.])kill\s+['\"]?(?:9|KILL|TERM)")
_FORKS = lazy(
    r"fork\s*(?:\(\s*\))?\s*while|while\s*\(?\s*(?:1|true)?\s*\)?\s*\{?\s*fork|loop\s*\{\s*fork|fork\s*;?\s*(?:redo"
    r"|goto)"
)
_LISTENS = lazy(
    r"\.listen\s*\(|TCPServer|WEBrick|http\.createServer|SimpleHTTPServer|-S 0\.0\.0\.0|Socket\.tcp_server"
    r"|stream_socket_server"
)
_NATIVE = lazy(
    r"process\.(?:binding|_linkedBinding|dlopen)\b|\bFiddle\b|\bFFI::|\bffi\.(?:load|cdef|C)\b|FFI::cdef|dlopen\b|Deno\.dlopen"
    r"|\bccall\b|\bunsafe-foreign\b|\bsyscall\s*\("
)
"""Functions of the system called by their address: what they do is not to be seen."""
_STARTER = lazy(
    r"child_process|\bSystem\.Process\b|ProcessBuilder|\bPty\b|node-pty|\bOpen3\b|Shellwords|IPC::\w+|posix_spawn"
    r"|CreateProcess|NSTask|Command::new|sys\.process|clojure\.java\.shell"
)
"""What is there only to start programs."""
_INNER = lazy(
    r"\b(?:eval|load|loadstring|instance_eval|class_eval|module_eval|vm\.run\w+|Function|execute)\s*[( ]\s*" + _STRING,
    re.S,
)
_LOADS = lazy(
    r"\b(?:require|import|Worker|fork|load|dofile|loadfile|source|include|include_once|require_once|require_relative"
    r"|do|dlopen)\b\)?\s*\(?\s*(\"/[^\"\n]*\"|'/[^'\n]*')"
)
"""A file of code by its absolute path."""
_OF_FILE = lazy(
    r"(?:\b(?:File|Path|Paths\.get|Pathname(?:\.new)?|Path\.of)\s*\(\s*" + _STRING + r"\s*\)(?:\.\w+\(\))*"
    r"\.(?:delete\w*|unlink\w*|rmtree|rmdir|remove\w*))"
)
_HOME = lazy(
    r"process\.env\.HOME|os\.homedir\(\)|require\(['\"](?:node:)?os['\"]\)\.homedir\(\)|ENV\[['\"]HOME['\"]\]|Dir\.home|\$ENV\{['\"]?HOME['\"]?\}|getenv\(['\"]HOME['\"]\)|os\.getenv\(['\"]HOME['\"]\)"
)
_LITERAL = lazy(_STRING, re.S)
_HOST = lazy(
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
    found: list[str] = []
    position = 0
    while True:
        home = _HOME.match(rest, position)
        if home is not None:
            tail = re.compile(r"\s*[+.,]\s*").match(rest, home.end())
            match = _LITERAL.match(rest, tail.end()) if tail is not None else None
            glued = match is not None and (_plain(match.group())[:1] == "/" or "," not in (tail or home)[0])
            found.append(call.machine.setting.home + (_plain(match.group()) if match is not None and glued else ""))
            position = match.end() if match is not None and glued else home.end()
        else:
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
    code = folded(code)
    taint = call.stdin.taint & Taint.SECRET
    literals = [_plain(m.group()) for m in _LITERAL.finditer(code)]
    started = _programs(call, code, language)
    told = judge_phrases(call, code)
    if computes_names(code) or _NATIVE.search(code) or (not started and not told and _STARTER.search(code)):
        call.opaque(f"runs {language} code that may start a program in a way leash does not read")
    for found in _INNER.finditer(code):
        if len(found.group(1)) < len(code) - 4:
            judge_marks(call, language, _plain(found.group(1)))
    for found in _OPENS.finditer(code):
        call.write(_plain(found.group(1)), Stream(taint, None), append=True)
    for found in _LOADS.finditer(code):
        call.run_file(Word(_plain(found.group(1))), "loads")
    for found in _OF_FILE.finditer(code):
        call.delete(_plain(found.group(1)), recursive="recurs" in found.group().lower() or "Dir" in found.group())
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
    for found in _INSTALLS.finditer(code):
        named = _LITERAL.match(code[found.end() :].lstrip("(c [")) or re.match(r"[\w:]+", code[found.end() :])
        package = named.group().strip("'\"") if named is not None else ""
        call.add(Verb.PACKAGE_ADD, package, f"adds the package {package or '…'} from {language}")
    if _KILLS.search(code):
        call.add(Verb.PROCESS_KILL, "", f"stops a process from {language}")
    if _FORKS.search(code):
        call.sign("catastrophic")
        call.add(Verb.SYSTEM_CHANGE, "", "starts processes without end", Severity.CRITICAL)
    return Stream(taint | call.reads, None)


def _programs(call: Call, code: str, language: str) -> bool:
    """Report the programs that known functions start. Gives whether there were any."""
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
    for found in _LISP.finditer(code):
        call.words_run([Word(_plain(m.group())) for m in _LITERAL.finditer(found.group(1))])
    for found in _SPAWNS.finditer(code) if language == "tcl" else ():
        call.shell(Word(found.group(1)))
    for found in _PIPES.finditer(code) if language == "perl" else ():
        call.shell(Word(found.group(1).strip().strip("|")))
    for found in _TEMPLATE.finditer(code) if language == "node" else ():
        call.shell(Word(re.sub(r"\$\{[^}]*\}", UNKNOWN, found.group(1))))
    for found in _ESCAPES.finditer(code) if language in _PROMPTS else ():
        call.shell(Word(found.group(1)))
    if language in ("perl", "ruby", "php", "julia"):
        for found in _QUOTED.finditer(code):
            call.shell(Word(next(g for g in found.groups() if g is not None)))
    return bool(started)


def _files(call: Call, verb: Verb, code: str, found: re.Match[str]) -> None:
    texts = _argument(code, found.end(), call)
    recursive = _DEEP.search(code) is not None
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
        elif name.startswith(("chmod", "chown")):
            call.write(texts[0], Stream(0, None), append=True)
        elif not name.startswith("rename"):
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
