"""Copying, moving, linking, permissions, and writing to devices: cp mv ln install chmod chown dd tee truncate.

Knows which word is the target. Refuses to look at the disk beyond the probe. Invariant: what is moved away is judged as
removed from where it was when it leaves the workspace.
"""

from __future__ import annotations

import re

from leashtui.classify.call import Call
from leashtui.classify.content import judge_executable
from leashtui.classify.options import Options
from leashtui.classify.patterns import lazy
from leashtui.classify.places import SYSTEM_DIRS, covered_folder, is_disk, is_installed
from leashtui.classify.spec import Spec
from leashtui.classify.values import UNKNOWN, Stream, Taint, Word, bare, is_fixed, show
from leashtui.model.facts import Place, Severity, Verb

_LOOSE = lazy(
    r"^(?:0?[0-7]?[0-7][0-7][2367]|0?7[0-7]{2}|[ugoa]*o[ugoa]*[+=][rxXst]*w\w*|a?\+\w*w\w*|a[+=]\w*w\w*|[ugo]*\+\w*s\w*"
    r"|\+t?s|[2467][0-7]{3})$"
)
_BORROWS = lazy(r"^0?[4567][0-7]{3}$|^(?:[ugoa]*[ua][ugoa]*)?[+=][rwxX]*s")
"""Modes by which a program runs with the rights of its owner, whoever starts it."""
_WORLD = lazy(
    r"(?:^0?[0-7]?[0-7]{2}[2367]$)|(?:^[ugoa]*[oa][ugoa]*[+=]\w*w)|(?:^\+\w*w)|(?:^[ug]*\+\w*s)|(?:^[246][0-7]{3}$)"
    r"|(?:,o\+\w*w)"
)

_RUNS = lazy(r"^0?[0-7]?(?:[1357][0-7]{2}|[0-7][1357][0-7]|[0-7]{2}[1357])$|[+=][rwst]*[xX]")
"""Modes by which somebody may run a file."""


def _split(options: Options) -> tuple[list[Word], Word | None]:
    """(sources, target) of cp, mv, ln and install."""
    folder = options.last("-t", "--target-directory")
    if folder is not None:
        return list(options.args), folder
    if len(options.args) < 2:
        return list(options.args), None
    return list(options.args[:-1]), options.args[-1]


def _target_path(call: Call, source: Word, target: Word) -> Word:
    """Where a source lands: below the target when that is a folder."""
    name = source.rstrip("/").rpartition("/")[2]
    path = call.path(target)
    into = (
        target.endswith("/")
        or target in (".", "..")
        or (path and is_fixed(path) and call.machine.setting.probe.is_dir(path))
    )
    if not into and path in (call.machine.setting.workspace.root, call.machine.setting.home, "/tmp"):
        into = True
    return Word(f"{target.rstrip('/') or '/'}/{name}", target.taint) if into and name else target


def remove_empty(call: Call, spec: Spec, options: Options) -> Stream | None:
    """rmdir: what is lost is nothing, but somebody else's folder is theirs."""
    for word in options.args:
        inside = call.place(word) in (Place.HOME, Place.OUTSIDE, Place.SYSTEM, Place.ROOT)
        call.delete(word) if inside else call.read(word, look=True)
    return None


def copy(call: Call, spec: Spec, options: Options) -> Stream | None:
    """cp, install, mv and ln -s by the name of the tool."""
    sources, target = _split(options)
    moving = call.name in ("mv", "rename", "move", "gmv")
    linking = call.name in ("ln", "link", "symlink")
    if target is None:
        return None
    deep = options.has("-r", "-R", "-a", "--recursive", "--archive")
    for source in sources:
        content = _source(call, source, moving=moving, linking=linking, deep=deep)
        lands = _target_path(call, source, target)
        path = call.path(lands)
        if moving and path == "/dev/null":
            call.delete(source, recursive=True, how="throws away")
            continue
        empties = call.path(source) == "/dev/null" and not options.has("-n", "--no-clobber")
        if linking and empties and not options.has("-f", "-sf", "-fs", "-nfs", "-sfn"):
            empties = False
        if path.rpartition("/")[2] in ("leash", "leashtui") and is_installed(
            call.path(source), call.machine.setting.workspace, call.machine.setting.home
        ):
            call.sign("guard_tamper")
            call.add(
                Verb.GUARD_TOUCH, path, f"puts another program in leash's place: {call.say(lands)}", Severity.CRITICAL
            )
        call.write(lands, content, empties=empties)
        mode = options.last("-m", "--mode") if call.name in ("install", "ginstall") else None
        if mode is not None:
            _loosened(call, lands, bare(mode), deep=False)
        if moving:
            _leaves(call, source, lands)
    return Stream(0, "")


def _source(call: Call, source: Word, *, moving: bool, linking: bool, deep: bool) -> Stream:
    if linking:
        known = call.state.files.get(call.path(source))
        if known is not None:
            return known
        call.read(source, look=call.place(source) is not Place.SECRET)
        return Stream(Taint.SECRET if call.place(source) is Place.SECRET else 0, None, call.path(source))
    if moving:
        return call.read(source, look=call.place(source) is not Place.SECRET)
    return call.read(source, recursive=deep)


def _leaves(call: Call, source: Word, target: Word) -> None:
    """A move takes something away: out of the workspace, or from where the machine needs it."""
    path = call.path(source)
    where, lands = call.place(source), call.place(target)
    folder = covered_folder(path)
    if where in (Place.ROOT, Place.WORKSPACE) or folder in SYSTEM_DIRS or call.place(folder) in (Place.ROOT,):
        call.delete(source, recursive=True, how="moves away")
    elif where in (
        Place.SYSTEM,
        Place.HOME,
        Place.OUTSIDE,
        Place.SHELL_RC,
        Place.GUARD,
        Place.HOOK,
        Place.AGENT_CONFIG,
        Place.GIT,
    ):
        call.delete(source, how="moves away")
    elif where is Place.SOURCE and lands in (
        Place.TEMP,
        Place.HOME,
        Place.OUTSIDE,
        Place.DEVICE,
        Place.UNKNOWN,
        Place.SYSTEM,
    ):
        call.delete(source, how="moves out of the workspace:")
    elif where is Place.SOURCE and path:
        call.add(Verb.WRITE, path, f"moves {show(source)} away", Severity.LOW, place=where)


def permissions(call: Call, spec: Spec, options: Options) -> Stream | None:
    """chmod, chown, chgrp, setfacl, chattr."""
    args = list(options.args)
    by_reference = options.has("--reference")
    mode = "" if by_reference or not args else bare(args[0])
    flags = [str(w) for w in call.words[1:] if re.fullmatch(r"-[rwxXst]+", w)]
    if (
        call.name == "chmod"
        and flags
        and flags[0][1:].strip("rwxXst") == ""
        and not options.has("-R")
        and mode
        and len(args) >= 1
    ):
        mode = flags[0]
        targets = args
    else:
        targets = args if by_reference else args[1:]
    deep = options.has("-R", "--recursive")
    for target in targets:
        _loosened(call, target, mode, deep=deep)
    return Stream(0, "")


def _loosened(call: Call, target: Word, mode: str, *, deep: bool) -> None:
    path, where = call.path(target), call.place(target)
    if target.taint & Taint.GUARD or path.rpartition("/")[2] in ("leash", "leashtui"):
        call.sign("guard_tamper")
        call.add(Verb.GUARD_TOUCH, path, f"changes the mode of {call.say(target)}, leash itself", Severity.CRITICAL)
    folder = covered_folder(path)
    if deep and (folder in SYSTEM_DIRS or call.place(folder) is Place.ROOT) or (where is Place.ROOT and path == "/"):
        call.sign("catastrophic")
        call.add(
            Verb.PRIVILEGE,
            path,
            f"changes who may use {call.say(folder)} and everything in it",
            Severity.CRITICAL,
            place=where,
            lost=True,
            recursive=True,
        )
        return
    if where is Place.GUARD:
        call.sign("guard_tamper")
    owner = call.name in ("chown", "chgrp")
    modes = call.name in ("chmod", "install", "ginstall")
    if modes and _BORROWS.search(mode) and where not in (Place.SOURCE, Place.GENERATED):
        call.sign("backdoor")
    inside = where in (
        Place.SOURCE,
        Place.GENERATED,
        Place.TEMP,
        Place.WORKSPACE,
        Place.GIT,
        Place.CI,
        Place.LOCKFILE,
        Place.UNKNOWN,
    )
    if where is Place.HOOK and call.name == "chmod":
        call.add(Verb.WRITE, path, f"changes the mode of {call.say(target)}, a hook", Severity.HIGH, place=where)
        return
    loosens = modes and _WORLD.search(mode) is not None
    if call.name == "chmod" and _RUNS.search(mode):
        judge_executable(call.machine, path)
    if owner or loosens:
        call.add(
            Verb.PRIVILEGE,
            path,
            f"{'changes the owner of' if owner else 'loosens the permissions of'} {call.say(target)}",
            place=where,
            recursive=deep,
        )
    elif not inside:
        grade = Severity.HIGH if where is Place.SYSTEM else Severity.MEDIUM
        tightens = where is Place.SECRET and re.fullmatch(r"0?[4-7]00|go?-\w+|o-\w+|u\+r\w?", mode) is not None
        if not tightens:
            call.add(Verb.WRITE, path, f"changes the mode of {call.say(target)}", grade, place=where)


def disk_copy(call: Call, spec: Spec, options: Options) -> Stream | None:
    """dd and its kin: operands of the form key=value."""
    pairs = dict(w.partition("=")[::2] for w in call.words[1:] if "=" in w)
    taints = {w.partition("=")[0]: w.taint for w in call.words[1:] if "=" in w}
    source, target = pairs.get("if"), pairs.get("of")
    content = call.read(Word(source, taints.get("if", 0))) if source is not None else call.stdin
    if source is not None and is_disk(call.path(source)):
        call.add(Verb.SECRET_READ, source, f"reads the raw device {source}", place=Place.SECRET)
    if target is None:
        return Stream(content.taint | call.reads, content.text)
    word = Word(target, taints.get("of", 0))
    path = call.path(word)
    where = call.place(word)
    new = (
        call.machine.setting.probe.exists(path) is False
        or re.search(r"\.(?:img|bin|raw|iso|swap|dat)$", path) is not None
    )
    blank = source is not None and re.fullmatch(r"/dev/(?:zero|null|u?random|full)", call.path(source)) is not None
    call.write(word, Stream(content.taint, None), empties=blank and not new)
    if where is Place.UNKNOWN and UNKNOWN in target:
        call.sign("destructive")
    return Stream(0, "")


def pipe_name(call: Call, spec: Spec, options: Options) -> Stream | None:
    """mkfifo NAME: whoever reads there gets what is written later."""
    call.machine.channels.update(call.path(w) for w in options.args)
    return None


def tee(call: Call, spec: Spec, options: Options) -> Stream | None:
    """Writes what it gets to files and on."""
    for word in options.args:
        appends = options.has("-a", "--append")
        call.write(word, call.stdin, append=appends, empties=call.stdin.text == "" and not appends)
    return call.stdin


def make_temp(call: Call, spec: Spec, options: Options) -> Stream | None:
    """mktemp prints a fresh path below the temporary folder."""
    folder = options.last("-p", "--tmpdir")
    template = bare(options.args[0]) if options.args else "tmp.XXXXXXXXXX"
    base = (
        template
        if template.startswith("/") or (options.args and not options.has("-t", "--tmpdir", "-p"))
        else f"{bare(folder) if folder else '/tmp'}/{template}"
    )
    return Stream(0, base + "\n")


def path_text(call: Call, spec: Spec, options: Options) -> Stream | None:
    """dirname, basename, realpath, readlink: texts about paths."""
    lines = []
    for word in options.args[:1] if call.name == "basename" and not options.has("-a") else options.args:
        text = str(word)
        if call.name == "dirname":
            text = text.rstrip("/").rpartition("/")[0] or ("/" if text.startswith("/") else ".")
        elif call.name == "basename":
            text = text.rstrip("/").rpartition("/")[2]
            if len(options.args) > 1:
                text = text.removesuffix(options.args[1])
        else:
            text = call.path(word) or UNKNOWN
        lines.append(text)
    return Stream(call.taint(), "\n".join(lines) + "\n")


def attributes(call: Call, spec: Spec, options: Options) -> Stream | None:
    """setfacl, chattr: a whole tree of the system without its rights, or locked, is a machine out of order."""
    if not options.has("-R", "--recursive") and not any(re.fullmatch(r"-[a-zA-Z]*R[a-zA-Z]*", w) for w in call.words):
        return None
    for word in call.words[1:]:
        if not word.startswith(("/", "~", ".")):
            continue
        folder = covered_folder(call.path(word))
        where = call.place(Word(folder))
        if where is Place.ROOT or folder in SYSTEM_DIRS:
            call.sign("catastrophic")
            say = f"changes who may use {call.say(Word(folder))} and everything in it"
            call.add(Verb.PRIVILEGE, folder, say, Severity.CRITICAL, place=where, lost=True, recursive=True)
    return None


def wipe(call: Call, spec: Spec, options: Options) -> Stream | None:
    """mkfs, wipefs, parted and the like: what they are given is a disk, or an image file."""
    for word in options.args:
        path = call.path(word)
        if path.startswith("/dev/") or word == UNKNOWN:
            call.sign("catastrophic", "destructive")
            call.add(
                Verb.WRITE, path, f"destroys what is on {show(word)}", Severity.CRITICAL, place=Place.DEVICE, lost=True
            )
            return Stream(0, None)
    for word in options.args[:1]:
        call.write(word)
    return Stream(0, None)


def patch(call: Call, spec: Spec, options: Options) -> Stream | None:
    """patch: differences that came from the network change files unseen."""
    if call.taint() & Taint.FETCHED:
        call.add(Verb.RUN_FETCHED, "patch", "applies a patch that came from the network, unseen")
    return None


HANDLERS = {
    "rmdir": remove_empty,
    "patch": patch,
    "copy": copy,
    "permissions": permissions,
    "dd": disk_copy,
    "tee": tee,
    "pipe_name": pipe_name,
    "mktemp": make_temp,
    "path_text": path_text,
    "wipe": wipe,
    "attributes": attributes,
}
"""See handlers/__init__.py."""
