"""The hook client: what an agent runs as its hook. Bytes in, bytes out; it speaks no agent's dialect.

Knows one socket, one frame each way, and how long it may wait. Refuses to know JSON, policies and agents: the
supervisor reads the hook's input and says what to print and how to exit. It is copied into the session's directory
and runs under `python -IS` at every tool call, so it imports C modules only.

Invariant: whatever goes wrong (no socket, garbage, silence, a signal that can be caught) is exit 2 with a sentence
where the hook decides about something, because that is what every agent with such hooks takes for a refusal.
"""

import _signal  # type: ignore[import-not-found]
import _socket
import os
import sys
import time

VERSION = b"leash-hook/1"
LIMIT = 16 << 20  # bytes of one hook's input
REFUSED = 2
SPOOL = 1 << 16  # bytes of lines that wait for leash


class Refusal(Exception):
    """No answer that counts; str() is the line for stderr."""


def ask(directory: str, event: bytes, data: bytes, patience: float) -> tuple[int, bytes, bytes]:
    """(exit code, stdout, stderr) as the supervisor says. patience: seconds. Raises Refusal or OSError."""
    if len(data) > LIMIT:
        raise Refusal("this tool call is larger than the 16 MiB leash can judge")
    nonce = os.urandom(16)
    payload = b"\0".join([VERSION, event, data])
    line = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    path = directory + "/ask.sock"
    if len(os.fsencode(path)) > 100:
        path = f"/proc/self/fd/{os.open(directory, os.O_PATH | os.O_DIRECTORY)}/ask.sock"
    line.settimeout(patience)
    line.connect(path)
    peer = line.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, 12)
    if int.from_bytes(peer[4:8], sys.byteorder) != os.getuid():
        raise Refusal("the socket belongs to another user")
    line.sendall((16 + len(payload)).to_bytes(4, "big") + nonce + payload)
    answer = b""
    while len(answer) < 4 or len(answer) < 4 + int.from_bytes(answer[:4], "big"):
        piece = line.recv(1 << 16)
        if not piece:
            raise Refusal("the session's supervisor hung up")
        answer += piece
    line.close()
    words = answer[4:].split(b"\0", 4)
    if len(words) != 5 or words[0] != VERSION or words[1] != nonce.hex().encode() or not words[2].isdigit():
        raise Refusal("the supervisor's answer makes no sense")
    length = int(words[3])
    return int(words[2]), words[4][:length], words[4][length:]


def read_all(handle: int) -> bytes:
    """Everything up to the end, one byte more than LIMIT at the most."""
    data = bytearray()
    while len(data) <= LIMIT and (piece := os.read(handle, 1 << 16)):
        data += piece
    return bytes(data)


def main(directory: str, args: list[str]) -> None:
    """Run as `hook EVENT PATIENCE gate|news`; ends the process."""
    gate = True
    try:
        for number in (_signal.SIGTERM, _signal.SIGINT, _signal.SIGHUP):
            _signal.signal(number, lambda signal, frame: os._exit(REFUSED))
        event, patience, role = args
        gate = role != "news"
        code, out, err = ask(directory, os.fsencode(event), read_all(0), float(patience))
        _write(1, out)
        _write(2, err)
        os._exit(code)
    except BaseException as error:  # noqa: BLE001 - a hook that dies of a traceback is a hook that some agents ignore
        why = "nobody answered in time" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
        line = f"leash: REFUSED: this could not be judged ({why}); nothing was run.\n"
        try:
            if gate:
                _write(2, line.encode("utf-8", "backslashreplace"))
                os.dup2(os.open("/dev/null", os.O_WRONLY), 2)  # what a guard says of the next step is not for the model
                unanswered(directory, args[0] if args else "", why)
        finally:
            os._exit(REFUSED if gate else 0)


def unanswered(directory: str, event: str, why: str) -> None:
    """Leave a line for the machine's log about a refusal that no supervisor knows of, where files may be written."""
    session = os.path.basename(os.path.dirname(directory))
    words = ["".join(c if c.isprintable() and c != " " else "_" for c in w[:200]) or "_" for w in (session, event, why)]
    handle = _spool("unanswered")
    if os.fstat(handle).st_size < SPOOL:
        os.write(handle, " ".join([str(time.time_ns() // 1000), *words]).encode("utf-8", "backslashreplace") + b"\n")


def _write(handle: int, data: bytes) -> None:
    while data:
        data = data[os.write(handle, data) :]


def unsupervised() -> None:
    """Leave a line for the machine's log, once an agent: leash writes it down when it is next used here."""
    pid, name = os.getppid(), ""
    for _ in range(3):  # a shell may stand between the agent and its hook
        with open(f"/proc/{pid}/stat", "rb") as file:
            name, _, rest = file.read().decode("utf-8", "replace").partition("(")[2].rpartition(")")
        if name not in ("sh", "bash", "dash"):
            break
        pid = int(rest.split()[1])
    handle = _spool("unsupervised")
    size, mark = os.fstat(handle).st_size, f" {pid} {rest.split()[19]} ".encode()
    if size < SPOOL and mark not in os.pread(handle, SPOOL, 0):
        safe = "".join(c if c.isprintable() and c != " " else "_" for c in name)
        os.write(handle, str(time.time_ns() // 1000).encode() + mark + safe.encode() + b"\n")


def _spool(name: str) -> int:
    """A file of leash's state for lines."""
    home = os.environ.get("XDG_STATE_HOME") or os.environ.get("HOME", "") + "/.local/state"
    state = os.environ.get("LEASH_STATE_DIR") or home + "/leashtui"
    return os.open(state + "/" + name, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)


def installed(args: list[str]) -> None:
    """Run from an agent's own settings as `hook.py EVENT PATIENCE gate|news`: finds its session, or stays silent.

    Without a session the agent was started plainly, and its own prompts rule.
    """
    directory = os.environ.get("LEASH_HOOK_DIRECTORY", "")
    if not directory:
        try:
            unsupervised()
        finally:
            os._exit(0)
    main(directory, args)


if __name__ == "__main__":
    installed(sys.argv[1:])
