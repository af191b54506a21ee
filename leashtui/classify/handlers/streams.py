"""Programs that change text on its way: decoders (base64, xxd, rev, tr), compressors, and lists of names (ls, seq).

Knows what known text becomes. Invariant: text that went through a decoder says so, whatever becomes of it.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable

from leashtui.classify.call import Call
from leashtui.classify.options import Options
from leashtui.classify.spec import Spec
from leashtui.classify.values import NOTHING, STAR, UNKNOWN, Stream, Taint, bare
from leashtui.model.facts import Place

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
    decodes = call.name in ("zcat", "gunzip", "bzcat", "xzcat", "zstdcat", "uudecode", "lz4cat") or options.has(
        "-d", "--decompress", "--decode", "-dc", "-cd", "--decrypt"
    )
    if not decodes:
        return Stream(stream.taint | call.reads, None)
    return Stream(
        stream.taint | call.reads | (Taint.DECODED if stream.taint & ~Taint.LOCAL or call.stdin is stream else 0), None
    )


def listing(call: Call, spec: Spec, options: Options) -> Stream | None:
    """ls, and git ls-files: names, of which only the folder is known."""
    if call.made.silent or not call.machine.piped_out:
        return Stream(Taint.LOCAL, None)
    folders = [w for w in options.args if w] or [""]
    if any(o in options.given for o in ("-l", "-s", "-i", "--long", "-la", "-al")):
        return Stream(Taint.LOCAL, None)
    lines = []
    for folder in folders:
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
    return Stream(0, UNKNOWN)


def variables(call: Call, spec: Spec, options: Options) -> Stream | None:
    """printenv and env without a command."""
    from leashtui.classify.secrets import is_secret_variable
    from leashtui.model.facts import Verb

    names = [str(w) for w in options.args]
    if not names or any(is_secret_variable(n) for n in names):
        what = "all variables, secret ones too" if not names else f"the secret variable {names[0]}"
        call.add(Verb.SECRET_READ, "", f"shows {what}", place=Place.SECRET)
        return Stream(Taint.SECRET, None)
    return Stream(0, "\n".join(" ".join(call.machine.expander.variable(n, call.state)) for n in names) + "\n")


HANDLERS = {
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
