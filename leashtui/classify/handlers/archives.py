"""tar, zip, unzip, cpio, 7z and compressors: what is packed, where it is unpacked, what they run on the way.

Knows tar's clusters and checkpoint actions. Invariant: unpacking outside the workspace is a write there.
"""

from __future__ import annotations

import re

from leashtui.classify.call import Call
from leashtui.classify.indirection import indirect
from leashtui.classify.options import Options
from leashtui.classify.spec import Spec
from leashtui.classify.values import NOTHING, STAR, Stream, Taint, Word
from leashtui.model.facts import Place

_VALUED = "fCTXILHbgKNV"


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
        from leashtui.classify.options import split

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
    """unzip, 7z x, unrar x."""
    if not options.args:
        return None
    content = call.read(options.args[0])
    if options.has("-l", "-t", "-v", "-Z", "-z") and call.name in ("unzip", "unrar"):
        return Stream(content.taint, None)
    if options.has("-p", "-c"):
        return Stream(content.taint, None)
    target = options.last("-d", "-o" if call.name in ("7z", "7za", "7zz") else "-d") or Word(".")
    _into(call, target, content)
    return NOTHING


def zip_files(call: Call, spec: Spec, options: Options) -> Stream | None:
    """zip ARCHIVE FILES."""
    for value in options.all("-TT", "--unzip-command"):
        indirect(call, value)
    content = NOTHING
    for source in options.args[1:]:
        content = content.joined(call.read(source, recursive=options.has("-r", "--recurse-paths")))
        if options.has("-m", "--move"):
            call.delete(source, recursive=True, how="moves into an archive:")
    if options.args and options.args[0] != "-":
        call.write(options.args[0], Stream(content.taint, None))
        return NOTHING
    return Stream(content.taint, None)


def compress(call: Call, spec: Spec, options: Options) -> Stream | None:
    """gzip, xz, zstd: files in place, or a stream."""
    if call.name in ("gunzip", "unxz", "bunzip2", "unzstd", "uncompress", "unlz4") or options.has(
        "-d", "--decompress", "-t", "--test", "-l", "--list", "-c", "--stdout"
    ):
        from leashtui.classify.handlers.streams import unpack

        out = unpack(call, spec, options)
        if not options.has("-c", "--stdout", "-t", "--test", "-l", "--list"):
            for file in options.args:
                call.write(Word(file.rpartition(".")[0] or file), Stream(call.reads, None))
        return out
    content = call.stdin if not options.args else NOTHING
    for file in options.args:
        content = content.joined(call.read(file))
        call.write(Word(file + ".gz"), Stream(content.taint, None))
    return Stream(content.taint, None)


HANDLERS = {"tar": tar, "unzip": unzip, "zip": zip_files, "compress": compress}
"""See handlers/__init__.py."""
