"""The session's hook directory on disk: the client an agent starts, and the settings it is started with.

Knows how to make the client a program that any agent can run by one command line. Refuses to know agents: their files
come as bytes. Touches nothing outside the directory. Invariant: after `seal` the directory is 0500, its files 0400 or
0500, and the command lines it gave out stay true for the session.
"""

from __future__ import annotations

import marshal
import os
import shlex
import sys
from pathlib import Path

from leashtui.model.errors import GuardError

_CLIENT = Path(__file__).parents[2] / "client" / "hook.py"
_CODE = """\
import marshal, os
try:
    with open({code}, "rb") as file:
        scope = {{"__name__": "leash_hook"}}
        exec(marshal.loads(file.read()), scope)
    scope["main"]({directory}, __import__("sys").argv[1:])
finally:
    os.write(2, b"leash: REFUSED: this session's hook is damaged; nothing was run.\\n")
    os._exit(2)
"""


class HookDirectory:
    """`path` (SESSION_DIR/hook, must not exist yet) with the client in it."""

    mark = str(_CLIENT).encode()
    """What an installed hook's command line holds."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.interpreter = os.path.realpath(sys.executable)

    def make(self) -> None:
        """Write the client. Raises GuardError."""
        place = os.fspath(self.path)
        try:
            self.path.mkdir(mode=0o700)
            code = compile(_CLIENT.read_bytes(), "leash-hook", "exec", optimize=2, dont_inherit=True)
            self.write("client", marshal.dumps(code))
            self.write("hook", _CODE.format(code=ascii(place + "/client"), directory=ascii(place)).encode())
        except OSError as error:
            raise GuardError(
                f"cannot write the hook client to {place}: {error.strerror}", "run `leash doctor`"
            ) from error

    def write(self, name: str, data: bytes) -> str:
        """Put a file there, 0400; returns its path."""
        place = self.path / name
        handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o400)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        return os.fspath(place)

    def words(self, event: str, patience: float, *, gate: bool) -> list[str]:
        """The argv of the client for one event."""
        role = "gate" if gate else "news"
        return [self.interpreter, "-IS", os.fspath(self.path / "hook"), event, f"{patience:g}", role]

    def command(self, event: str, patience: float, *, gate: bool) -> str:
        """The same as a shell command line; `exec` saves the shell."""
        return "exec " + shlex.join(self.words(event, patience, gate=gate))

    def installed(self, event: str, patience: float, *, gate: bool) -> str:
        """The command line that `leash hooks install` writes: the client as it is installed, for any session."""
        return "exec " + shlex.join(
            [self.interpreter, "-IS", str(_CLIENT), event, f"{patience:g}", "gate" if gate else "news"]
        )

    def is_client(self, argv: tuple[str, ...], exe: str) -> bool:
        """Whether a program with these words is the client, started as we start it, or the shell that starts it."""
        if exe == self.interpreter:
            return self._is_call(argv)
        shell = os.path.basename(exe)
        if (
            not exe.startswith(("/bin/", "/usr/"))
            or shell not in {"sh", "bash", "dash"}
            or len(argv) != 3
            or argv[1] != "-c"
        ):
            return False
        try:
            words = shlex.split(argv[2])
        except ValueError:
            return False
        return words[:1] == ["exec"] and self._is_call(tuple(words[1:])) and argv[2] == "exec " + shlex.join(words[1:])

    def _is_call(self, argv: tuple[str, ...]) -> bool:
        ours = (os.fspath(self.path / "hook"), str(_CLIENT))
        return len(argv) == 6 and argv[0] == self.interpreter and argv[1] == "-IS" and argv[2] in ours

    def seal(self) -> None:
        """Take the write permission away, once the socket is there too."""
        self.path.chmod(0o500)
