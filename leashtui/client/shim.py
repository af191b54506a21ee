"""The shell shim: stands where `sh` and `bash` are looked up, asks the supervisor, then becomes the real shell.

Knows how a shell's command line is read, the frames of the session's ask socket, and how to step aside so that the
shell cannot tell it was there. Refuses to know JSON, policy, agents, or any other module of leash: it runs under
`python -IS` at every shell start, so it imports four C modules and nothing else. It is copied into the session's
directory when the session starts and never touches a user's rc files.

Invariant: a shell is only ever executed after a well-formed `allow` with this run's nonce, from a peer of the same
user; every other end (no socket, end of file, garbage, a deny, an error here) is one line on stderr and exit 126.

A script on standard input is read whole, judged, and handed on as the same bytes. A script *file* keeps its name (the
shell's $0 and BASH_SOURCE must stay true), so its bytes are compared with the judged ones again just before the exec.
"""

import _signal  # type: ignore[import-not-found]  # the C half: `signal` costs 3 ms (enum), `socket` 4.5 ms
import _socket
import os
import sys

VERSION = b"leash-shim/1"
LIMIT = 1 << 20  # bytes of one message, script included
REFUSED = 126
ENTRY_MARK = b"# leash shim of "
_LONG_WITH_WORD = ("rcfile", "init-file", "emulate")
_LONG_ENDING = ("help", "version")
_LONG = ("login", "posix", "norc", "noprofile", "noediting", "restricted", "verbose", "debugger", "debug", "wordexp",
         "dump-strings", "dump-po-strings", "pretty-print", "protected")  # fmt: skip


class Refusal(Exception):
    """The shell must not run; str() is the line for stderr."""


class Invocation:
    """What a shell was asked to run.

    mode: `command` (-c), `file`, `stdin`, `interactive`, or `nothing` (--version, a usage error the shell reports
    itself). operand: index in the arguments of the text or file, -1 when there is none.
    """

    def __init__(self, mode: str, operand: int = -1) -> None:
        self.mode = mode
        self.operand = operand


def parse(args: list[bytes], terminal: bool) -> Invocation:
    """How a POSIX shell or bash reads `args` (without argv[0]). terminal: standard input is one.

    Raises Refusal for `+c` and `+s`, which shells read differently.
    """
    command = stdin = forced = False
    at = 0
    while at < len(args):
        word = args[at]
        if word in (b"-", b"--"):
            at += 1
            break
        if len(word) < 2 or word[:1] not in (b"-", b"+"):
            break
        at += 1
        long = word.lstrip(b"-").split(b"=")[0].decode("ascii", "replace")
        if word[:1] == b"-" and (word[:2] == b"--" or long in _LONG + _LONG_WITH_WORD + _LONG_ENDING):
            if long in _LONG_ENDING:
                return Invocation("nothing")
            at += long in _LONG_WITH_WORD and b"=" not in word
            continue
        letters = word[1:]
        if word[:1] == b"+" and (b"c" in letters or b"s" in letters):
            raise Refusal(f"leash: REFUSED: it cannot be told what '{_shown(word)}' makes a shell run.")
        command = command or b"c" in letters
        stdin = stdin or b"s" in letters
        forced = forced or b"i" in letters
        at += letters.count(b"o") + letters.count(b"O")
    if command:
        return Invocation("command", at) if at < len(args) else Invocation("nothing")
    if at < len(args) and not stdin:
        return Invocation("file", at)
    if terminal:
        return Invocation("interactive")
    return Invocation("stdin")


def _shown(text: bytes) -> str:
    """`text` on one line, control characters and broken UTF-8 spelled out."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text.decode("utf-8", "backslashreplace"))


# the question ------------------------------------------------------------------------------------------------------
class Reply:
    """An allow. keep: leave the shims on PATH (an agent's own launcher). edits: NAME=VALUE, or NAME to unset."""

    def __init__(self, keep: bool, edits: list[bytes]) -> None:
        self.keep = keep
        self.edits = edits


def ask(directory: str, fields: list[bytes], script: bytes) -> Reply:
    """Send one question, wait without a time-out. Raises Refusal unless the answer is a well-formed allow."""
    nonce = os.urandom(16).hex().encode()
    payload = b"\0".join([VERSION, nonce, *fields, script])
    if len(payload) > LIMIT:
        raise Refusal("leash: REFUSED: this command is larger than the 1 MiB leash can judge. Put it into a file.")
    try:
        line = _connect(directory)
        try:  # noqa: SIM105 - contextlib costs 1 ms
            line.sendall(len(payload).to_bytes(4, "big") + payload)
        except ConnectionError:
            pass  # it hung up while we spoke: what it said first is the better reason
        answer = _read_frame(line)
        line.close()
    except OSError as error:
        raise Refusal(
            "leash: REFUSED: the session's supervisor does not answer"
            f" ({error.strerror or error}); nothing was run. Leave the agent and start it again with leash."
        ) from error
    words = answer.split(b"\0")
    if len(words) < 5 or words[0] != VERSION or words[2] not in (b"allow", b"deny"):
        raise Refusal("leash: REFUSED: the supervisor's answer was cut short or makes no sense; nothing was run.")
    if words[2] == b"deny":
        raise Refusal(_shown(words[3]) or "leash: refused.")
    if words[1] != nonce or words[4] not in (b"strip", b"keep"):
        raise Refusal("leash: REFUSED: the answer belongs to another question; nothing was run.")
    return Reply(words[4] == b"keep", words[5:])


def _connect(directory: str) -> _socket.socket:
    """The ask socket, of the same user or OSError. A path too long for an address goes through a descriptor."""
    line = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    path = directory + "/ask.sock"
    if len(os.fsencode(path)) > 100:
        path = f"/proc/self/fd/{os.open(directory, os.O_PATH | os.O_DIRECTORY)}/ask.sock"
    line.connect(path)
    peer = line.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, 12)
    if int.from_bytes(peer[4:8], sys.byteorder) != os.getuid():
        raise OSError(1, "the socket belongs to another user")
    return line


def _read_frame(line: _socket.socket) -> bytes:
    """One frame, or what came of it before the end. Never more than 64 KiB."""
    data = b""
    while len(data) < 4 or len(data) < 4 + min(int.from_bytes(data[:4], "big"), 1 << 16):
        piece = line.recv(1 << 16)
        if not piece:
            return b""
        data += piece
    return data[4:]


# what would run ----------------------------------------------------------------------------------------------------
def real_shell(directory: str, name: str, path: str) -> str:
    """The shell that `name` means once the shims are gone: absolute, never a copy of this entry. Raises Refusal."""
    for folder in [*path.split(":"), "/bin", "/usr/bin"]:
        candidate = folder + "/" + name
        if not folder.startswith("/") or not os.access(candidate, os.X_OK) or not os.path.isfile(candidate):
            continue
        if not _is_entry(candidate, directory):
            return candidate
    raise Refusal(f"leash: {name}: no real shell of this name on PATH; nothing was run.")


def _is_entry(path: str, directory: str) -> bool:
    """Whether `path` is an entry of this session, by whatever name, link or copy."""
    try:
        with open(path, "rb") as file:
            return ENTRY_MARK + os.fsencode(directory) + b"\n" in file.read(4096)
    except OSError:
        return False


def without_shims(path: str, directory: str) -> str:
    """PATH without this session's directory, however it is spelled."""
    return ":".join(folder for folder in path.split(":") if not folder or not _same(folder, directory))


def _same(one: str, other: str) -> bool:
    try:
        return os.path.samestat(os.stat(one), os.stat(other))
    except OSError:
        return one.rstrip("/") == other


def read_file(path: str) -> bytes | None:
    """The bytes of a regular script file; None when it is missing, unreadable, no file or larger than judged."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        data = _read_all(handle, LIMIT - (1 << 17)) if os.path.isfile(path) else None
    except OSError:
        return None
    finally:
        os.close(handle)
    return data


def read_stream(handle: int) -> bytes:
    """Everything from a pipe or file descriptor to its end; says once when the end is long in coming."""
    from select import poll  # a C module; only scripts on standard input pay for it

    waiting = poll()
    waiting.register(handle)
    if not waiting.poll(10_000):
        os.write(2, b"leash: waiting for the end of the script on standard input; it is judged as a whole.\n")
    data = _read_all(handle, LIMIT - (1 << 17))
    if data is None:
        raise Refusal("leash: REFUSED: this script is larger than leash can judge (about 900 KB). Put it into a file.")
    return data


def _read_all(handle: int, limit: int) -> bytes | None:
    """All bytes up to the end; None when there are more than `limit`."""
    data = bytearray()
    while piece := os.read(handle, 1 << 16):
        data += piece
        if len(data) > limit:
            return None
    return bytes(data)


def hand_over(data: bytes, like: int, target: int) -> None:
    """Make descriptor `target` read exactly `data`: seekable where `like` was, a pipe where it fits one."""
    if not _seekable(like) and len(data) <= 1 << 16:
        reader, writer = os.pipe()
        os.write(writer, data)
        os.close(writer)
    else:
        reader = os.memfd_create("leash-script")
        view = memoryview(data)
        while view:
            view = view[os.write(reader, view) :]
        os.lseek(reader, 0, os.SEEK_SET)
    os.dup2(reader, target)
    if reader != target:
        os.close(reader)


def _seekable(handle: int) -> bool:
    try:
        os.lseek(handle, 0, os.SEEK_CUR)
    except OSError:
        return False
    return True


def _descriptor(path: bytes) -> int:
    """The number in /dev/fd/N and its other spellings, -1 for any other path."""
    if path == b"/dev/stdin":
        return 0
    folder, _, number = path.rpartition(b"/")
    return int(number) if folder in (b"/dev/fd", b"/proc/self/fd") and number.isdigit() else -1


def find_script(operand: bytes, path: str) -> str:
    """The file a shell opens for `operand`: as named, else (without a slash) along PATH."""
    name = os.fsdecode(operand)
    if "/" not in name and not os.path.exists(name):
        for folder in path.split(":"):
            if os.path.isfile(folder + "/" + name):
                return folder + "/" + name
    return name


def read_environment() -> dict[bytes, bytes]:
    """The environment as it was given: os.environ may already hold the interpreter's own LC_CTYPE (PEP 538)."""
    with open("/proc/self/environ", "rb") as file:
        pairs = [entry.partition(b"=") for entry in file.read().split(b"\0")]
    return {name: value for name, equals, value in reversed(pairs) if equals and name}


# entry points ------------------------------------------------------------------------------------------------------
def stand_in(directory: str, name: str, args: list[bytes]) -> None:
    """Ask, then become the shell `name` with `args`. Returns only by raising Refusal or OSError."""
    environment = read_environment()
    path = os.fsdecode(environment.get(b"PATH", os.fsencode(os.defpath)))
    shell = real_shell(directory, name, path)
    what = parse(args, os.isatty(0))
    script: bytes | None = None
    opened = file = ""
    stream = -1
    if what.mode == "stdin":
        stream = 0
    elif what.mode == "file":
        file = find_script(args[what.operand], path)
        stream = _descriptor(args[what.operand])
        if stream < 0:
            script = read_file(file)
            opened = file
    if stream >= 0:
        script = read_stream(stream)
    seen = b"seen" if script is not None else b"unseen"
    head = [what.mode.encode(), seen, os.fsencode(shell), os.fsencode(file), str(what.operand).encode()]
    reply = ask(directory, [*head, str(len(args)).encode(), *args], script or b"")
    if opened and script != read_file(opened):
        raise Refusal(f"leash: REFUSED: {_shown(os.fsencode(file))} changed while it was being judged. Run it again.")
    if stream >= 0:
        hand_over(script or b"", stream, stream)
    if not reply.keep:
        environment[b"PATH"] = os.fsencode(without_shims(path, directory))
        for edit in reply.edits:
            variable, equals, value = edit.partition(b"=")
            if equals:
                environment[variable] = value
            else:
                environment.pop(variable, None)
    for number in (_signal.SIGPIPE, _signal.SIGXFSZ):  # the interpreter ignores them; a shell must not inherit that
        _signal.signal(number, _signal.SIG_DFL)
    os.execve(shell, [os.fsencode(name), *args], environment)


def stand_by(directory: str) -> None:
    """BASH_ENV's half: ask for the bash that is our parent, print the shell lines that take the shims away.

    Catches a bash started by absolute path. Its script file is judged but re-read by bash, its stdin is not seen.
    """
    parent = os.getppid()
    with open(f"/proc/{parent}/cmdline", "rb") as file:
        words = file.read().split(b"\0")[:-1]
    args = words[1:]
    path = os.environ.get("PATH", os.defpath)
    what = parse(args, False)
    script = None
    found = ""
    if what.mode == "file":
        found = find_script(args[what.operand], path)
        script = read_file(found)
    seen = b"seen" if script is not None else b"unseen"
    shell = os.readlink(f"/proc/{parent}/exe")
    head = [b"env-" + what.mode.encode(), seen, os.fsencode(shell), os.fsencode(found), str(what.operand).encode()]
    reply = ask(directory, [*head, str(len(args)).encode(), *args], script or b"")
    if script is not None and script != read_file(found):
        raise Refusal(f"leash: REFUSED: {_shown(os.fsencode(found))} changed while it was being judged. Run it again.")
    if reply.keep:
        return
    lines = [b"PATH=" + _quoted(os.fsencode(without_shims(path, directory))) + b"\n"]
    for edit in reply.edits:
        name, equals, value = edit.partition(b"=")
        lines.append(b"export " + name + b"=" + _quoted(value) + b"\n" if equals else b"unset " + name + b"\n")
        if name == b"BASH_ENV" and equals:
            lines.append(b'[ -r "$BASH_ENV" ] && . "$BASH_ENV"\n')
    os.write(1, b"".join(lines))


def _quoted(value: bytes) -> bytes:
    return b"'" + value.replace(b"'", b"'\\''") + b"'"


def main(directory: str, name: str) -> None:
    """Run as the entry `name` of `directory`; ends the process, if not by becoming the shell."""
    for number in (_signal.SIGINT, _signal.SIGTERM):
        if callable(_signal.getsignal(number)):  # the interpreter's own handler: Ctrl-C must simply end a waiting shim
            _signal.signal(number, _signal.SIG_DFL)
    try:
        if name == "ask":
            stand_by(directory)
            os._exit(0)
        stand_in(directory, name, [os.fsencode(word) for word in sys.argv[1:]])
    except Refusal as refusal:
        line = str(refusal)
    except (OSError, ValueError, MemoryError) as error:
        line = f"leash: REFUSED: {name} could not be judged ({error}); nothing was run."
    try:
        os.write(2, line.encode("utf-8", "backslashreplace") + b"\n")
    finally:
        os._exit(REFUSED)
