"""Programs that change text on its way: decoders (base64, xxd, rev, tr), openssl, lists of names (ls, seq).

Knows what known text becomes. Invariant: text that went through a decoder says so, whatever becomes of it.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable

from leashtui.classify.call import BY_INPUT, Call, host_of
from leashtui.classify.handlers.sockets import harmless_request
from leashtui.classify.options import Options
from leashtui.classify.patterns import lazy
from leashtui.classify.plumbing import is_local
from leashtui.classify.spec import Spec
from leashtui.classify.values import NOTHING, STAR, UNKNOWN, Stream, Taint, Word, bare, is_fixed, show
from leashtui.model.facts import Place, Verb

_MOST = 8192


def _input(call: Call, options: Options, skip: int = 0) -> Stream:
    """What it reads: its files, else its standard input."""
    files = [w for w in options.args[skip:] if w != "-"]
    if not files:
        return call.stdin
    found = NOTHING
    for word in files:
        found = found.joined(call.read(word))
    return found


def _changed(stream: Stream, change: Callable[[str], str], *, decodes: bool) -> Stream:
    taint = stream.taint | (Taint.DECODED if decodes else 0)
    if stream.text is None or UNKNOWN in stream.text or STAR in stream.text or len(stream.text) > _MOST:
        return Stream(taint, None, stream.origin)
    try:
        return Stream(taint, change(stream.text), stream.origin)
    except (ValueError, binascii.Error):
        return Stream(taint, None, stream.origin)


def _base(text: str, decoder: Callable[[str], bytes]) -> str:
    clean = re.sub(r"\s+", "", text)
    return decoder(clean + "=" * (-len(clean) % 4)).decode("utf-8", "replace")


def coder(call: Call, spec: Spec, options: Options) -> Stream | None:
    """base64, base32, basenc, openssl base64."""
    stream = _input(call, options)
    if options.has("-d", "-D", "--decode", "--d"):
        kind = base64.b32decode if call.name == "base32" else base64.b64decode
        return _changed(stream, lambda t: _base(t, kind), decodes=True)
    return _changed(stream, lambda t: base64.b64encode(t.encode()).decode() + "\n", decodes=False)


def hexes(call: Call, spec: Spec, options: Options) -> Stream | None:
    """xxd, hexdump, od."""
    stream = _input(call, options)
    if options.has("-r"):
        return _changed(
            stream, lambda t: bytes.fromhex(re.sub(r"[^0-9a-fA-F]", "", t)).decode("utf-8", "replace"), decodes=True
        )
    if options.has("-p", "-ps"):
        return _changed(stream, lambda t: t.encode().hex() + "\n", decodes=False)
    return Stream(stream.taint, None)


def reverse(call: Call, spec: Spec, options: Options) -> Stream | None:
    """rev."""
    return _changed(
        _input(call, options), lambda t: "".join(line[::-1] + "\n" for line in t.splitlines()), decodes=True
    )


def backwards(call: Call, spec: Spec, options: Options) -> Stream | None:
    """tac."""
    return _changed(
        _input(call, options), lambda t: "".join(line + "\n" for line in reversed(t.splitlines())), decodes=False
    )


def _class(text: str) -> str:
    for name, chars in (
        ("[:upper:]", "A-Z"),
        ("[:lower:]", "a-z"),
        ("[:digit:]", "0-9"),
        ("[:space:]", " \t\n"),
        ("[:alpha:]", "A-Za-z"),
    ):
        text = text.replace(name, chars)
    text = text.replace("\\n", "\n").replace("\\t", "\t").replace("\\0", "\0")
    return re.sub(
        r"(.)-(.)",
        lambda m: "".join(map(chr, range(ord(m.group(1)), ord(m.group(2)) + 1))) or m.group(),
        text,
        flags=re.S,
    )


def translate(call: Call, spec: Spec, options: Options) -> Stream | None:
    """tr."""
    if not options.args:
        return call.out()
    first = _class(bare(options.args[0]))
    if options.has("-d", "--delete"):
        return _changed(call.stdin, lambda t: "".join(c for c in t if c not in first), decodes=False)
    second = _class(bare(options.args[1])) if len(options.args) > 1 else ""
    if not second or options.has("-c", "-C", "--complement"):
        return Stream(call.stdin.taint, None if call.stdin.text is None else call.stdin.text)
    table = {ord(a): second[min(i, len(second) - 1)] for i, a in enumerate(first)}
    letters = sum(a.isalnum() and b.isalnum() and a.lower() != b.lower() for a, b in zip(first, second, strict=False))
    return _changed(call.stdin, lambda t: t.translate(table), decodes=letters > 4)


def unpack(call: Call, spec: Spec, options: Options) -> Stream | None:
    """gzip -d, zcat, openssl enc -d, gpg -d: what comes out was hidden."""
    stream = _input(call, options)
    decodes = call.name in (
        "zcat",
        "bzcat",
        "xzcat",
        "zstdcat",
        "uudecode",
        "lz4cat",
        "lzcat",
        "lzmacat",
    ) or options.has("-d", "--decompress", "--decode", "-dc", "-cd", "--decrypt")
    if not decodes:
        return Stream(stream.taint | call.reads, None)
    return Stream(
        stream.taint | call.reads | (Taint.DECODED if stream.taint & ~Taint.LOCAL or call.stdin is stream else 0), None
    )


def listing(call: Call, spec: Spec, options: Options) -> Stream | None:
    """ls, and git ls-files: names, of which only the folder is known."""
    if call.made.silent or not call.machine.piped_out:
        return Stream(Taint.LOCAL, None)
    folders: list[str] = [w for w in options.args if w] or [""]
    if any(o in options.given for o in ("-l", "-s", "-i", "--long", "-la", "-al")):
        return Stream(Taint.LOCAL, None)
    lines = []
    for folder in folders:
        if folder and is_fixed(folder) and call.machine.setting.probe.read_text(call.path(folder)) is not None:
            lines.append(folder)  # a file
            continue
        lines.append(
            folder
            if STAR in folder
            else (folder.rstrip("/") + "/" if options.has("-d") is False and folder and call.name == "find" else "")
            + STAR
        )
    return Stream(0, "\n".join(lines) + "\n")


def numbers(call: Call, spec: Spec, options: Options) -> Stream | None:
    """seq."""
    values = [bare(w) for w in options.args]
    if not values or not all(re.fullmatch(r"-?\d{1,5}", v) for v in values):
        return Stream(0, UNKNOWN)
    first, step, last = (
        (1, 1, int(values[0]))
        if len(values) == 1
        else (int(values[0]), 1, int(values[1]))
        if len(values) == 2
        else (int(values[0]), int(values[1]) or 1, int(values[2]))
    )
    found = range(first, last + (1 if step > 0 else -1), step)[:64]
    return Stream(0, "".join(f"{n}\n" for n in found))


def concatenate(call: Call, spec: Spec, options: Options) -> Stream | None:
    """cat and friends: what the files hold, one after the other."""
    words = list(options.args)
    if not words:
        return call.stdin
    out = NOTHING
    for word in words:
        out = out.joined(call.stdin if word == "-" else call.read(word))
    return out


def constant(call: Call, spec: Spec, options: Options) -> Stream | None:
    """Programs whose output holds no data of interest: whoami, date, uname."""
    if call.name == "whoami":
        return Stream(0, call.machine.setting.user + "\n")
    if call.name == "pwd":
        return Stream(0, (call.state.cwd or UNKNOWN) + "\n")
    if call.name in ("date", "gdate"):
        shape = next((bare(w) for w in call.words[1:] if w.startswith("+")), "")
        if shape and not _WITH_SLASH.search(shape):
            return Stream(0, _FIELD.sub("0", shape[1:]) + "\n")
    if call.name == "hostname" and len(call.words) == 1:
        return Stream(0, "this-host\n")
    return Stream(0, UNKNOWN)


_WITH_SLASH = lazy(r"/|%[DxcC+]")
_FIELD = lazy(r"%[-_0^#:]*\d*[A-Za-z]")
"""A piece of a date; which number it is makes no difference to where a file lies."""


def variables(call: Call, spec: Spec, options: Options) -> Stream | None:
    """printenv and env without a command."""
    from leashtui.classify.secrets import is_secret_variable

    names = [str(w) for w in options.args]
    if not names and call.machine.sieved:
        return Stream(0, None)
    if not names:
        return call.show_variables("shows all variables, secret ones too")
    if any((is_secret_variable(n) and not call.says(n)) or UNKNOWN in n or STAR in n for n in names):
        call.add(Verb.SECRET_READ, "", f"shows the secret variable {names[0]}", place=Place.SECRET)
        return Stream(Taint.SECRET, None)
    return Stream(0, "\n".join(" ".join(call.machine.expander.variable(n, call.state)) for n in names) + "\n")


_PUBLIC_KINDS = frozenset(
    "x509 verify crl crl2pkcs7 pkcs7 ocsp dgst asn1parse ciphers version speed prime errstr list rand passwd help"
    " md5 sha1 sha256 sha512 ts sess_id nseq info fipsinstall dhparam gendsa spkac".split()
)
_CODES = ("enc", "base64", "zlib")


def openssl(call: Call, spec: Spec, options: Options) -> Stream | None:
    """openssl s_client, enc, base64, and the commands that print private keys."""
    words = call.words[1:]
    kind = bare(words[0]) if words else ""
    for lib in options.all("-engine", "-provider-path", "-provider", "-config"):
        if "/" in lib and kind != "list":
            call.run_file(lib, "loads")
    if kind == "s_client":
        return _client(call, options)
    if kind in ("s_server", "s_time", "ocsp") and options.has("-accept", "-port") or kind == "s_server":
        bound = options.last("-accept")
        if bound is None or not is_local(bare(bound).rpartition(":")[0] or "*"):
            call.listen("", "listens for connections that others can open")
        return Stream(0, None)
    source = options.last("-in")
    named: list[Word] = (
        [source] if source is not None else options.args[1:] if kind in ("dgst", "sha256", "md5", "sha1") else []
    )
    if (
        kind in _PUBLIC_KINDS
        or (options.has("-pubin", "-pubout", "-noout", "-verify") and not options.has("-text", "-modulus"))
        or (kind == "req" and not options.has("-newkey"))
        or (kind in ("cms", "smime") and options.has("-verify", "-encrypt"))
    ):
        for word in named:
            call.read(word, look=True)
        stream = call.stdin if source is None else NOTHING
        if kind in ("dgst", "passwd", "rand", "sha256", "md5", "sha1", "verify"):
            stream = Stream(0, None)
    else:
        stream = call.read(source) if source is not None else call.stdin
        for word in options.all("-inkey"):
            call.read(word, look="-decrypt" not in options.given)
    undoes = options.has("-d", "-decrypt")
    plain = kind == "base64" or (kind == "enc" and not [o for o in options.given if _CIPHER.match(o)])
    for target in options.all("-out", "-keyout", "-writerand", "-CAserial"):
        _made(call, kind, target, stream)
    if kind in _CODES or kind in ("smime", "cms") or _CIPHER.match("-" + kind):
        if undoes and (options.has("-base64", "-a", "-A") or kind == "base64") and plain and stream.text:
            return _changed(stream, lambda t: _base(t, base64.b64decode), decodes=True)
        if plain and not undoes and stream.text and options.last("-out") is None:
            return _changed(stream, lambda t: base64.b64encode(t.encode()).decode() + "\n", decodes=False)
        return NOTHING if options.has("-out") else Stream(stream.taint | (Taint.DECODED if undoes else 0), None)
    return NOTHING if options.has("-out") else Stream(stream.taint, None)


def _made(call: Call, kind: str, target: Word, content: Stream) -> None:
    """A file that openssl makes: a certificate or a new key in the workspace is an ordinary file."""
    path = call.path(target)
    inside = path.startswith((call.machine.setting.workspace.root.rstrip("/") + "/", "/tmp/"))  # noqa: S108 - a place
    fresh = kind in _MAKES and inside and call.machine.setting.probe.exists(path) is not True
    if fresh and call.place(target) is Place.SECRET:
        call.add(Verb.WRITE, path, f"makes {call.say(target)}", place=Place.SOURCE)
    else:
        call.write(target, content)


_MAKES = frozenset(("req", "x509", "genrsa", "genpkey", "ecparam", "ca", "crl", "dhparam", "gendsa"))
_CIPHER = lazy(r"-(?:aes|des|aria|camellia|bf|blowfish|cast|chacha|id-|rc[245]|seed|sm4|idea)[\w-]*$")


def _client(call: Call, options: Options) -> Stream:
    """openssl s_client: a look at a certificate, or a connection to talk over."""
    target = options.last("-connect", "-host")
    if target is None:
        target = options.args[-1] if len(options.args) > 1 else None
    if target is None:
        return Stream(0, None)
    host = host_of(target)
    if call.stdin.taint & (Taint.SHELL | Taint.SOCKET):
        call.sign("reverse_shell")
    if is_local(host):
        return Stream(0, None)
    if harmless_request(call.stdin) or not (call.stdin.taint or call.stdin.text or call.made.changed):
        call.fetch(Word(host, target.taint), f"connects to {show(host)}")
    else:
        call.send(host, call.stdin.joined(Stream(target.taint & Taint.SECRET, "")), how=BY_INPUT)
    return Stream(Taint.SOCKET | Taint.FETCHED, None, host)


HANDLERS = {
    "openssl": openssl,
    "coder": coder,
    "hexes": hexes,
    "reverse": reverse,
    "backwards": backwards,
    "translate": translate,
    "unpack": unpack,
    "listing": listing,
    "numbers": numbers,
    "concatenate": concatenate,
    "constant": constant,
    "variables": variables,
}
"""See handlers/__init__.py."""
