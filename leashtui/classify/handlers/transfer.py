"""curl, wget and their kin: what is fetched, what is sent, where it is put.

Knows how they say method, body, headers, upload and output. Invariant: anything that carries local data out is a send,
however it is spelled.
"""

from __future__ import annotations

import re

from leashtui.classify.call import BY_INPUT, Call, host_of
from leashtui.classify.handlers.requestfiles import is_input, requests_of, settings_of, variable
from leashtui.classify.options import Options
from leashtui.classify.patterns import lazy
from leashtui.classify.plumbing import is_local
from leashtui.classify.secrets import is_secret_variable
from leashtui.classify.spec import Spec
from leashtui.classify.touch import leaks
from leashtui.classify.values import NOTHING, UNKNOWN, Stream, Taint, Word, bare, show
from leashtui.model.facts import Verb

_BODY = tuple("-d --data --data-raw --data-binary --data-ascii --data-urlencode --json -F --form --form-string".split())
_EMPTIES = lazy(r"_delete_by_query|/delete-batch|/_close\b|delete_series")
_STORES = lazy(
    r":(?:9200|7700|5984|8086|6333|8108|15672|8983|2379|8500|8001|9090|8200|8081|9000|6334|19530|7474|8529)(?:/|$)"
)
"""Ports at which stores of data listen."""
_HARMLESS_METHODS = frozenset(("GET", "HEAD", "OPTIONS", "TRACE"))
_CARRIED = (
    "-H --header -u --user -b --cookie -A --user-agent -e --referer --oauth2-bearer --proxy-user --url-query "
    "--proxy-header -x --proxy"
).split()
_CREDENTIAL = lazy(
    r"(?i)auth|token|key|secret|csrf|xsrf|cookie|session|passw|signature|credential|accept|content|^if-|etag|range|host"
    r"|date|trace|request-?id|version"
)
"""Names of headers that show who asks, or say what is asked for."""
_LISTED = 64
"""How many addresses of a list are looked at."""
_FILE_PART = lazy(r"(?:^|=)[@<]([^;]+)")
_NAMED_FILE = lazy(r"^[^=@]*@(.+)$", re.S)
_DETOURS = tuple("-x --proxy --preproxy --socks5 --socks5-hostname --socks4 --socks4a --resolve --connect-to".split())
_SPEAKS = lazy(r"(?i)^(?:telnet|gopher|smtps?|mqtts?|ldaps?|dict)://")
_CONTROL = lazy(r"(?:docker|podman|containerd|crio|buildkitd)[\w.-]*\.sock")
_LOGS = (
    "-D --dump-header -c --cookie-jar --trace --trace-ascii --stderr --libcurl --etag-save --hsts --alt-svc "
    "--ssl-sessions"
).split()
_UPLOADS = ("-T", "--upload-file")


def _body(call: Call, name: str, value: Word) -> Stream:
    """The data one option adds to the request."""
    text = str(value)
    if name in ("--data-raw", "--form-string"):
        return Stream(value.taint, text)
    found = (
        _FILE_PART.search(text)
        if name in ("-F", "--form")
        else _NAMED_FILE.match(text)
        if name in ("--data-urlencode", "--url-query")
        else re.match(r"@(.+)", text)
    )
    if found is None:
        return Stream(value.taint, text)
    path = found.group(1).strip('"')
    return call.stdin if path == "-" else call.read(Word(path, value.taint)).joined(Stream(Taint.LOCAL, ""))


def curl(call: Call, spec: Spec, options: Options) -> Stream | None:
    """curl."""
    urls = [w for w in (*options.args, *options.all("--url")) if w]
    sent = NOTHING
    sends = False
    header = 0
    fed = False
    home = variable(call, "CURL_HOME")
    files = options.all("-K", "--config")
    if home is not None and call.machine.setting.probe.exists(call.path(own := f"{home}/.curlrc")) is not False:
        files.append(Word(own, home.taint))
    for config in files:
        more, content, named = requests_of(call, config)
        sends, sent, urls = sends or more, sent.joined(content), [*urls, *named]
        fed = fed or (more and is_input(config))
        if config in options.all("-K", "--config"):
            call.opaque(f"takes its options from {show(config)}")
    for name, value in options.values:
        if name in _BODY:
            sends = True
            sent = sent.joined(_body(call, name, value))
        elif name in _UPLOADS:
            sends = True
            sent = sent.joined(call.stdin if value in ("-", ".") else call.read(value))
        elif name in _CARRIED:
            sent = sent.joined(_carried(call, name, value))
            sends = sends or _tells(name, value)
            header |= _told(name, value)
        elif name in ("-w", "--write-out") and value.startswith("@") and value != "@-":
            call.read(Word(value[1:]))
        elif name == "--variable":
            sent = sent.joined(_variable(call, value))
        elif name.startswith("--expand-"):
            sends = sends or name[9:] in ("data", "data-raw", "data-binary", "data-urlencode", "json", "form")
            urls.extend([value] if name == "--expand-url" else ())
        elif name in ("-Q", "--quote", "--postquote", "--mail-from", "--mail-rcpt"):
            sends = True
    method = bare(options.last("-X", "--request") or "").upper()
    if options.has("-G", "--get") and method in ("", "GET"):
        sends = bool(sent.taint & (Taint.LOCAL | Taint.SECRET))
    elif method and method not in _HARMLESS_METHODS:
        sends = True
    if any(_SPEAKS.match(u) for u in urls):
        sends, sent = True, sent.joined(call.stdin)
    detour = [v for v in options.all(*_DETOURS) if not is_local(_through(v))]
    call.ledger.hosts.update((_through(v), None) for v in detour)
    socket = options.last("--unix-socket", "--abstract-unix-socket")
    if socket is not None:
        _by_socket(call, socket, sent, sends=sends)
    urls = (
        [Word("http://" + _through(detour[0]) + "/", w.taint) if is_local(host_of(w)) else w for w in urls]
        if detour
        else urls
    )
    out = _requests(call, [] if socket is not None else urls, sent, sends=sends, method=method, header=header, fed=fed)
    _outputs(call, options, urls, out)
    if any(target == "-" for target in options.all("-o", "--output")):
        return out
    return NOTHING if options.has("-o", "--output", "-O", "--remote-name", "--remote-name-all") else out


def _through(value: Word) -> str:
    """The host that a proxy or a detour leads to."""
    if "://" not in value and value.count(":") > 1:
        return bare(value).split(":")[2].strip("[]") or bare(value).split(":")[0]
    return host_of(value)


def _by_socket(call: Call, socket: Word, sent: Stream, *, sends: bool) -> None:
    """A request to a socket of this machine: a container engine's obeys whoever asks."""
    call.read(socket, look=True)
    if _CONTROL.search(socket) and sends:
        call.add(Verb.CONTAINER_CHANGE, bare(socket), f"gives orders to the container engine at {show(socket)}")


def _variable(call: Call, value: Word) -> Stream:
    """curl's own variables: %NAME from the environment, NAME@FILE."""
    text = bare(value)
    if text.startswith("%"):
        secret = is_secret_variable(re.split(r"[=@\[]", text[1:])[0])
        return Stream(Taint.SECRET if secret else 0, None)
    name, mark, path = text.partition("@")
    return call.read(Word(path)) if mark and "=" not in name else Stream(value.taint, text)


def _carried(call: Call, name: str, value: Word) -> Stream:
    """A header, credential or cookie: text, or a file."""
    if name in ("-H", "--header", "--proxy-header") and value.startswith("@"):
        return call.stdin if value == "@-" else call.read(Word(value[1:]))
    if name == "--url-query":
        return _body(call, name, value)
    if name in ("-b", "--cookie") and "=" not in value:
        return call.read(value)
    return Stream(value.taint & ~Taint.LOCAL, str(value))


def _tells(name: str, value: Word) -> bool:
    """Whether it carries a file along, or what local commands print, where no credential stands."""
    if name == "--url-query":
        return _NAMED_FILE.match(value) is not None
    return name in ("-H", "--header", "--proxy-header") and value.startswith("@") and value != "@-"


def _told(name: str, value: Word) -> int:
    """Where what a header tells came from, as Taint, but for a credential's."""
    plain = name in ("-A", "--user-agent", "-U", "-e", "--referer") or (
        name in ("-H", "--header") and _CREDENTIAL.search(value.partition(":")[0]) is None
    )
    return value.taint & Taint.LOCAL if plain else 0


def _requests(
    call: Call, urls: list[Word], sent: Stream, *, sends: bool, method: str, header: int = 0, fed: bool = False
) -> Stream:
    """header: where what the headers tell came from, as Taint. fed: what is sent is said by the input."""
    out = NOTHING
    for url in urls:
        host = host_of(url)
        if url[:5].lower() == "file:":
            out = out.joined(call.read(Word(re.sub(r"^//(?:localhost|127\.0\.0\.1)?(?=/)", "", url[5:]), url.taint)))
            continue
        if is_local(host):
            if _STORES.search(url) and (method == "DELETE" or _EMPTIES.search(url)):
                call.add(Verb.DATA_CHANGE, host, f"removes data at {show(url)}", lost=True)
            out = out.joined(Stream(Taint.FETCHED, None, host))
            continue
        if sends or leaks(sent):
            what = f"a {method} request" if method in ("DELETE", "PUT", "PATCH") else "data"
            content = sent.joined(Stream(url.taint & Taint.SECRET, ""))
            call.send(host, content, what, BY_INPUT if fed else "")
            out = out.joined(Stream(Taint.FETCHED, None, host))
        else:
            out = out.joined(call.fetch(url, header=header))
    return Stream(out.taint, out.text if out.taint & Taint.FETCHED == 0 and out is not NOTHING else None, out.origin)


def _outputs(call: Call, options: Options, urls: list[Word], out: Stream) -> None:
    content = Stream(out.taint | Taint.FETCHED if out.taint else 0, None, out.origin)
    folder = options.last("--output-dir")
    for target in options.all("-o", "--output"):
        if target != "-":
            call.write(Word(f"{folder}/{target}") if folder else target, content)
    if options.has("-O", "--remote-name", "--remote-name-all"):
        for url in urls:
            name = bare(url).partition("?")[0].rstrip("/").rpartition("/")[2] or "index.html"
            call.write(Word(f"{folder}/{name}") if folder else Word(name), content)
    for target in options.all(*_LOGS):
        if target not in ("-", "%"):
            call.write(target, Stream(0, None))


def wget(call: Call, spec: Spec, options: Options) -> Stream | None:
    """wget."""
    sent = NOTHING
    sends = False
    header = 0
    for name, value in options.values:
        if name in ("--post-data", "--body-data"):
            sends, sent = True, sent.joined(Stream(value.taint, str(value)))
        elif name in ("--post-file", "--body-file"):
            sends, sent = True, sent.joined(call.read(value))
        elif name in ("--header", "--user-agent", "-U", "--referer", "--password", "--http-password", "--user"):
            sent = sent.joined(Stream(value.taint & ~Taint.LOCAL, str(value)))
            header |= _told(name, value)
        elif name in ("--use-askpass",):
            call.run_file(value)
        elif name == "--load-cookies":
            sent = sent.joined(call.read(value))
        elif name in ("-e", "--execute"):
            sends, sent = _wgetrc(call, value, sent, sends=sends)
    config = options.last("--config") or variable(call, "WGETRC")
    if config is not None:
        more, content = settings_of(call, config)
        sends, sent = sends or more, sent.joined(content)
    method = bare(options.last("--method") or "").upper()
    sends = sends or (bool(method) and method not in _HARMLESS_METHODS)
    listed = options.last("-i", "--input-file")
    urls = list(options.args)
    if listed is not None:
        content = call.stdin if listed == "-" else call.read(listed)
        if content.taint & Taint.SECRET:
            call.send("", content)
        else:
            call.add(Verb.NET_GET, show(listed), f"downloads what {show(listed)} lists")
            call.sign("network")
        for line in (content.text or "").split()[:_LISTED]:
            if UNKNOWN in line:  # what is put together there goes out with the address
                call.fetch(Word(line, content.taint & Taint.LOCAL))
    out = _requests(call, urls, sent, sends=sends, method=method, header=header)
    target = options.last("-O", "--output-document")
    content = Stream(out.taint, None, out.origin)
    if options.has("--spider"):
        return NOTHING
    if target is not None and target != "-":
        call.write(target, content)
    elif target is None and urls:
        folder = options.last("-P", "--directory-prefix")
        for url in urls:
            name = bare(url).partition("?")[0].rstrip("/").rpartition("/")[2] or "index.html"
            call.write(Word(f"{folder}/{name}" if folder else name), content)
    for option in ("-o", "--output-file", "-a", "--append-output", "--save-cookies"):
        for log in options.all(option):
            call.write(log, Stream(0, None))
    return content if target == "-" else NOTHING


def _wgetrc(call: Call, value: Word, sent: Stream, *, sends: bool) -> tuple[bool, Stream]:
    """A line of wgetrc given by -e."""
    key, _, text = value.partition("=")
    key, word = re.sub(r"[-_\s]", "", key).lower(), Word(text.strip(), value.taint)
    if key == "useaskpass":
        call.sign("obfuscated")
        call.run_file(word)
    elif key in ("postfile", "bodyfile"):
        return True, sent.joined(call.read(word))
    elif key in ("postdata", "bodydata", "method"):
        return True, sent.joined(Stream(word.taint, str(word)))
    elif key in ("outputdocument", "logfile", "dirprefix", "savecookies"):
        call.write(word, Stream(Taint.FETCHED, None))
    elif key in ("input", "config"):
        call.read(word)
    return sends, sent.joined(Stream(word.taint & ~Taint.LOCAL, None))


def http_client(call: Call, spec: Spec, options: Options) -> Stream | None:
    """httpie, xh: METHOD URL ITEM..."""
    words = list(options.args)
    method = ""
    if len(words) > 1 and re.fullmatch(r"[A-Za-z]+", bare(words[0])) and bare(words[0]) != "localhost":
        method = bare(words.pop(0)).upper()
    if not words:
        return None
    url, items = words[0], words[1:]
    sent = NOTHING
    sends = False
    for item in items:
        found = re.match(r"[^=:@]*(:=@|==@|=@|:@|@|:=|==|=|:)(.*)", item, re.S)
        if found is None:
            continue
        mark, value = found.groups()
        if "@" in mark:
            sends, sent = True, sent.joined(call.read(Word(value.partition(";")[0])))
        elif mark in ("=", ":="):
            sends, sent = True, sent.joined(Stream(item.taint, value))
        else:
            sent = sent.joined(Stream(item.taint & ~Taint.LOCAL, value))
    for value in options.all("-a", "--auth", "--raw", "--proxy"):
        sent = sent.joined(Stream(value.taint, str(value)))
    sends = sends or options.has("--raw")
    if (call.stdin.taint or call.stdin.text) and not options.has("-I", "--ignore-stdin"):
        sends, sent = True, sent.joined(call.stdin)
    if url.startswith((":", "/")):
        url = Word("http://localhost" + url, url.taint)
    out = NOTHING
    host = host_of(url)
    if host and not is_local(host):
        if leaks(sent) or (sends and method not in ("GET", "HEAD")) or (method and method not in _HARMLESS_METHODS):
            call.send(host, sent.joined(Stream(url.taint & Taint.SECRET, "")), "data")
            out = Stream(Taint.FETCHED, None, host)
        else:
            out = call.fetch(url)
    if host and is_local(host) and _STORES.search(url) and (method == "DELETE" or _EMPTIES.search(url)):
        call.add(Verb.DATA_CHANGE, host, f"removes data at {show(url)}", lost=True)
    target = options.last("-o", "--output")
    if target is not None and target != "-":
        call.write(target, Stream(out.taint, None, out.origin))
        return NOTHING
    return Stream(out.taint, None, out.origin)


HANDLERS = {"curl": curl, "wget": wget, "http": http_client}
"""See handlers/__init__.py."""
