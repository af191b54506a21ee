"""tar, zip, unzip, cpio, 7z and compressors: what is packed, where it is unpacked, what they run on the way.

Knows tar's clusters and checkpoint actions. Invariant: unpacking outside the workspace is a write there.
"""

from __future__ import annotations

import re

from leashtui.classify.call import Call
from leashtui.classify.indirection import indirect
from leashtui.classify.options import Options, split
from leashtui.classify.spec import Spec
from leashtui.classify.values import NOTHING, STAR, UNKNOWN, Stream, Taint, Word, bare
from leashtui.model.facts import Place

_VALUED = "fCTXILHbgKNV"
_NAMED = frozenset(("zstd", "zstdmt", "pzstd", "unzstd", "brotli", "lzop", "lzip", "plzip", "lrzip", "pixz", "bgzip"))
_PLAIN = {"unar": "x", "lsar": "l", "aunpack": "x", "als": "l", "acat": "p", "apack": "a", "dtrx": "x", "unp": "x"}


def tar(call: Call, spec: Spec, options: Options) -> Stream | None:
    """tar, bsdtar, gtar: also `tar czf x.tgz dir` without dashes."""
    words = list(call.words[1:])
    if words and not words[0].startswith("-") and re.fullmatch(r"[A-Za-z]+", words[0]):
        cluster = words.pop(0)
        values = [c for c in cluster if c in _VALUED]
        taken, words = words[: len(values)], words[len(values) :]
        rebuilt: list[Word] = []
        for char in cluster:
            rebuilt.append(Word("-" + char))
            if char in values and taken:
                rebuilt.append(taken.pop(0))
        options = split([*rebuilt, *words], spec)
    for value in options.all(
        "-I",
        "--use-compress-program",
        "--to-command",
        "-F",
        "--info-script",
        "--new-volume-script",
        "--rsh-command",
        "--rmt-command",
    ):
        if value.split() and value.split()[0].rpartition("/")[2] not in (
            "gzip",
            "pigz",
            "zstd",
            "xz",
            "bzip2",
            "pbzip2",
            "lz4",
            "lzma",
            "zstdmt",
            "pixz",
            "brotli",
        ):
            indirect(call, value)
    for value in options.all("--checkpoint-action"):
        if value.startswith("exec="):
            call.sign("obfuscated")
            call.shell(Word(value[5:], value.taint))
    archive = options.last("-f", "--file")
    where = options.last("-C", "--directory")
    if options.has("-x", "--extract", "--get"):
        return _unpack(call, options, archive, where)
    if options.has("-t", "--list", "-d", "--diff"):
        if archive is not None:
            call.read(archive)
        return Stream(call.stdin.taint, None)
    former = call.state.cwd
    content = NOTHING
    if where is not None:
        call.state.cwd = call.path(where)
    for source in options.args:
        content = content.joined(call.read(source, recursive=True))
        if options.has("--remove-files"):
            call.delete(source, recursive=True)
    for listed in options.all("-T", "--files-from"):
        content = content.joined(call.stdin if listed == "-" else call.read(listed))
    call.state.cwd = former
    if archive is not None and archive != "-":
        if ":" in archive and not options.has("--force-local") and "/" not in archive.partition(":")[0]:
            call.send(archive.partition(":")[0], content, "files")
        else:
            call.write(archive, Stream(content.taint, None))
        return NOTHING
    return Stream(content.taint, None, content.origin)


def _unpack(call: Call, options: Options, archive: Word | None, where: Word | None) -> Stream:
    content = call.stdin if archive is None or archive == "-" else call.read(archive)
    if options.has("-O", "--to-stdout"):
        return Stream(content.taint, None)
    target = where if where is not None else Word(".")
    _into(call, target, content)
    if options.has("-P", "--absolute-names"):
        call.write(Word("/" + STAR), Stream(0, None))
    return NOTHING


def _into(call: Call, target: Word, content: Stream) -> None:
    place = call.place(target)
    if place in (Place.WORKSPACE, Place.SOURCE, Place.GENERATED, Place.TEMP):
        call.write(target, Stream(content.taint & ~Taint.LOCAL, None), append=True)
    elif place is Place.ROOT:
        call.write(Word(f"{target.rstrip('/')}/{STAR}"), Stream(0, None), append=True)
    else:
        call.write(target, Stream(0, None), append=True)


def unzip(call: Call, spec: Spec, options: Options) -> Stream | None:
    """unzip, zipinfo."""
    if not options.args:
        return Stream(call.stdin.taint, None)
    content = call.read(options.args[0])
    if options.has("-l", "-t", "-v", "-Z", "-z") or call.name != "unzip":
        return Stream(content.taint, None)
    if options.has("-p", "-c"):
        return Stream(content.taint, None)
    _into(call, options.last("-d") or Word("."), content)
    if options.has("-:"):
        call.write(Word("../" + STAR), Stream(0, None))
    return NOTHING


def seven(call: Call, spec: Spec, options: Options) -> Stream | None:
    """7z, rar, unar and kin: a letter or word says what, then ARCHIVE [FILES]."""
    words = list(options.args)
    kind = bare(words.pop(0)).lower() if words and call.name not in _PLAIN else _PLAIN.get(call.name, "")
    if not words:
        return None
    archive, rest = words[0], words[1:]
    if kind[:1] in ("l", "t", "v", "i", "h", "b") or kind in ("list", "test", "p"):
        return Stream(call.read(archive).taint, None)
    if kind[:1] in ("x", "e") or kind in ("decompress", "d") and call.name == "ouch":
        content = call.read(archive)
        if any(w == "-so" for w in call.words):
            return Stream(content.taint, None)
        given = [Word(w[2:], w.taint) for w in call.words[1:] if re.match(r"-o[^+-]", w) and len(w) > 2]
        given += [w for w in rest if w.endswith("/")] if call.name in ("unrar", "rar") else []
        named = options.last("-output-directory", "-d", "--dir")
        _into(call, given[-1] if given else named or Word("."), content)
        return NOTHING
    if call.name == "ouch" and rest:
        archive, rest = rest[-1], [archive, *rest[:-1]]
    content = NOTHING
    for source in rest:
        content = content.joined(call.read(Word(source.removeprefix("@"), source.taint), recursive=True))
        if any(w in ("-sdel", "-df") for w in call.words) or kind[:1] == "m" and call.name == "rar":
            call.delete(source, recursive=True, how="moves into an archive:")
    call.write(archive, Stream(content.taint, None))
    return NOTHING


def cpio(call: Call, spec: Spec, options: Options) -> Stream | None:
    """cpio, pax: names come on standard input."""
    for value in options.all("--rsh-command"):
        indirect(call, value)
    archive = options.last("-F", "--file", "-I", "-O", "-f" if call.name == "pax" else "-F")
    where = options.last("-D", "--directory")
    lists = options.has("-t", "--list")
    copies = options.has("-p", "--pass-through") or options.has("-r") and options.has("-w") and call.name == "pax"
    packs = options.has("-o", "--create") or options.has("-w") and call.name == "pax"
    if copies or (packs and not lists):
        content = NOTHING
        named = [Word(n, call.stdin.taint) for n in (call.stdin.text or "").splitlines()[:64] if n and UNKNOWN not in n]
        for source in [*named, *(options.args if call.name == "pax" else ())]:
            content = content.joined(call.read(source))
        if copies:
            if options.args:
                _into(call, options.args[-1], content)
            return NOTHING
        if archive is not None:
            call.write(archive, Stream(content.taint, None))
            return NOTHING
        return Stream(content.taint, None)
    content = call.read(archive) if archive is not None else call.stdin
    if lists or options.has("--to-stdout") or not options.has("-i", "--extract", "-r"):
        return Stream(content.taint, None)
    _into(call, where if where is not None else Word("."), content)
    return NOTHING


def zip_files(call: Call, spec: Spec, options: Options) -> Stream | None:
    """zip ARCHIVE FILES."""
    for value in options.all("-TT", "--unzip-command"):
        indirect(call, value)
    left = {str(v) for v in options.all("-x", "--exclude")}
    content = NOTHING
    for source in options.args[1:]:
        if bare(source) in left:
            continue
        content = content.joined(call.read(source, recursive=options.has("-r", "-R", "--recurse-paths")))
        if options.has("-m", "--move"):
            call.delete(source, recursive=True, how="moves into an archive:")
    if options.has("-@"):
        content = content.joined(Stream(call.stdin.taint & Taint.SECRET, None))
    if options.args and options.args[0] != "-":
        target = options.last("-O", "--output-file", "--out")
        call.write(options.args[0] if target is None else target, Stream(content.taint, None))
        return NOTHING
    return Stream(content.taint, None)


def compress(call: Call, spec: Spec, options: Options) -> Stream | None:
    """gzip, xz, zstd: files in place, or a stream."""
    undoes = call.name.startswith("un") or call.name in ("bunzip2", "gunzip", "lrunzip", "xzdec")
    undoes = undoes or options.has("-d", "--decompress", "--uncompress")
    looks = options.has("-t", "--test", "--list") or options.has("-l") and call.name not in ("lz4", "lzip")
    streams = options.has("-c", "--stdout", "--to-stdout") or call.name == "xzdec"
    target = options.last("-o", "--output") if call.name in _NAMED else None
    files = list(options.args)
    if call.name == "lz4" and len(files) == 2 and target is None:
        target = files.pop()
    content = call.stdin if not files else NOTHING
    for file in files:
        content = content.joined(call.stdin if file == "-" else call.read(file))
    if looks:
        return Stream(content.taint, None)
    hidden = Taint.DECODED if undoes and (content.taint & ~Taint.LOCAL or not files) else 0
    if target is not None and target != "-":
        call.write(target, Stream(content.taint, None))
        return NOTHING
    if streams or target is not None or not files:
        return Stream(content.taint | hidden, None)
    for file in files:
        made = file.rpartition(".")[0] or file if undoes else file + ".gz"
        call.write(Word(made, file.taint), Stream(content.taint, None))
    return NOTHING


HANDLERS = {"tar": tar, "unzip": unzip, "seven": seven, "cpio": cpio, "zip": zip_files, "compress": compress}
"""See handlers/__init__.py."""
