"""curl, wget and their kin: what is fetched, what is sent, where it is put.

Knows how they say method, body, headers, upload and output. Invariant: anything that carries local data out is a send,
however it is spelled.
"""

from __future__ import annotations

import re

from leashtui.classify.call import Call, host_of
from leashtui.classify.options import Options
from leashtui.classify.plumbing import is_local
from leashtui.classify.spec import Spec
from leashtui.classify.touch import leaks
from leashtui.classify.values import NOTHING, Stream, Taint, Word, bare, show
from leashtui.model.facts import Severity, Verb

_BODY = (
    "-d",
    "--data",
    "--data-raw",
    "--data-binary",
    "--data-ascii",
    "--data-urlencode",
    "--json",
    "-F",
    "--form",
    "--form-string",
)
_HARMLESS_METHODS = frozenset(("GET", "HEAD", "OPTIONS", "TRACE"))
_CARRIED = (
    "-H",
    "--header",
    "-u",
    "--user",
    "-b",
    "--cookie",
    "-A",
    "--user-agent",
    "-e",
    "--referer",
    "--oauth2-bearer",
    "--proxy-user",
    "--url-query",
    "-x",
    "--proxy",
)
_FILE_PART = re.compile(r"(?:^|=)[@<]([^;]+)")
_UPLOADS = ("-T", "--upload-file")


def _body(call: Call, name: str, value: Word) -> Stream:
    """The data one option adds to the request."""
    text = str(value)
    if name in ("--data-raw", "--form-string"):
        return Stream(value.taint, text)
    found = _FILE_PART.search(text) if name in ("-F", "--form", "--data-urlencode") else re.match(r"@(.+)", text)
    if found is None:
        return Stream(value.taint, text)
    path = found.group(1).strip('"')
    return call.stdin if path == "-" else call.read(Word(path, value.taint)).joined(Stream(Taint.LOCAL, ""))


def curl(call: Call, spec: Spec, options: Options) -> Stream | None:
    """curl."""
    urls = [w for w in (*options.args, *options.all("--url")) if w]
    config = options.last("-K", "--config")
    if config is not None:
        call.read(config) if config != "-" else None
        call.opaque(f"takes its options from {show(config)}")
    sent = NOTHING
    sends = False
    for name, value in options.values:
        if name in _BODY:
            sends = True
            sent = sent.joined(_body(call, name, value))
        elif name in _UPLOADS:
            sends = True
            sent = sent.joined(call.stdin if value in ("-", ".") else call.read(value))
        elif name in _CARRIED:
            sent = sent.joined(_carried(call, name, value))
    method = bare(options.last("-X", "--request") or "").upper()
    if options.has("-G", "--get") and method in ("", "GET"):
        sends = bool(sent.taint & (Taint.LOCAL | Taint.SECRET))
    elif method and method not in _HARMLESS_METHODS:
        sends = True
    out = _requests(call, urls, sent, sends=sends, method=method)
    _outputs(call, options, urls, out)
    return NOTHING if options.has("-o", "--output", "-O", "--remote-name", "--remote-name-all") else out


def _carried(call: Call, name: str, value: Word) -> Stream:
    """A header, credential or cookie: text, or a file."""
    if name in ("-H", "--header") and value.startswith("@"):
        return call.read(Word(value[1:]))
    if name in ("-b", "--cookie") and "=" not in value:
        return call.read(value)
    return Stream(value.taint & ~Taint.LOCAL, str(value))


def _requests(call: Call, urls: list[Word], sent: Stream, *, sends: bool, method: str) -> Stream:
    out = NOTHING
    for url in urls:
        host = host_of(url)
        if url.startswith("file:"):
            out = out.joined(call.read(Word(url[5:].replace("//localhost", "").replace("///", "/"))))
            continue
        if is_local(host):
            continue
        if sends or leaks(sent):
            what = f"a {method} request" if method in ("DELETE", "PUT", "PATCH") else "data"
            call.send(host, sent.joined(Stream(url.taint & Taint.SECRET, "")), what)
            out = out.joined(Stream(Taint.FETCHED, None, host))
        else:
            out = out.joined(call.fetch(url))
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
    for option in ("-D", "--dump-header", "-c", "--cookie-jar", "--trace", "--trace-ascii", "--stderr"):
        for target in options.all(option):
            if target != "-":
                call.write(target, Stream(0, None))


def wget(call: Call, spec: Spec, options: Options) -> Stream | None:
    """wget."""
    sent = NOTHING
    sends = False
    for name, value in options.values:
        if name in ("--post-data", "--body-data"):
            sends, sent = True, sent.joined(Stream(value.taint, str(value)))
        elif name in ("--post-file", "--body-file"):
            sends, sent = True, sent.joined(call.read(value))
        elif name in ("--header", "--user-agent", "-U", "--referer", "--password", "--http-password", "--user"):
            sent = sent.joined(Stream(value.taint & ~Taint.LOCAL, str(value)))
        elif name in ("--use-askpass",):
            call.run_file(value)
        elif name in ("-e", "--execute") and "use_askpass" in value:
            call.sign("obfuscated")
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
    out = _requests(call, urls, sent, sends=sends, method=method)
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


def http_client(call: Call, spec: Spec, options: Options) -> Stream | None:
    """httpie, xh: METHOD URL ITEM..."""
    words = list(options.args)
    method = ""
    if words and bare(words[0]).isalpha() and bare(words[0]).isupper():
        method = bare(words.pop(0))
    if not words:
        return None
    url, items = words[0], words[1:]
    sent = NOTHING
    sends = False
    for item in items:
        found = re.match(r"[^=:@]*(:=@|=@|@|:=|==|=|:)(.*)", item, re.S)
        if found is None:
            continue
        mark, value = found.groups()
        if "@" in mark:
            sends, sent = True, sent.joined(call.read(Word(value)))
        elif mark in ("=", ":="):
            sends, sent = True, sent.joined(Stream(item.taint, value))
        else:
            sent = sent.joined(Stream(item.taint & ~Taint.LOCAL, value))
    if call.stdin.taint or call.stdin.text:
        sends, sent = True, sent.joined(call.stdin)
    host = host_of(url)
    target = Word(url if "://" in url or not url.startswith(":") else "http://localhost" + url, url.taint)
    if is_local(host_of(target)) or not host:
        return Stream(0, None)
    if leaks(sent) or (sends and method not in ("GET", "HEAD")) or (method and method not in _HARMLESS_METHODS):
        call.send(host, sent, "data")
        return Stream(Taint.FETCHED, None, host)
    return call.fetch(target)


def lookup(call: Call, spec: Spec, options: Options) -> Stream | None:
    """dig, host, nslookup, ping: a name that carries local data is a message to whoever serves that name."""
    for word in options.args:
        if word.startswith(("+", "@")):
            continue
        if word.taint & (Taint.SECRET | Taint.LOCAL):
            host = host_of(word)
            call.sign("network")
            if word.taint & Taint.SECRET:
                call.sign("sends_secret")
            call.add(Verb.NET_SEND, host, "sends local data inside a name that is looked up", Severity.HIGH)
    return Stream(call.taint(), None)


HANDLERS = {"curl": curl, "wget": wget, "http": http_client, "lookup": lookup}
"""See handlers/__init__.py."""
