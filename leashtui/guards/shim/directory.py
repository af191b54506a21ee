"""The session's shim directory on disk: entries named like shells, the client's code, BASH_ENV's half.

Knows how to make a file that any program can exec: a script whose `#!` names the base interpreter, compiled client
beside it (2 ms less a start than source). Refuses to know what is asked or answered. Touches nothing outside the
directory, but for a short link in the temporary directory where the interpreter's own path cannot stand after `#!`.

Invariant: when `make` returns, the directory is 0500 and every file in it 0400 or 0500.
"""

from __future__ import annotations

import marshal
import os
import sys
import tempfile
from pathlib import Path

from leashtui.model.errors import GuardError

_CLIENT = Path(__file__).parents[2] / "client" / "shim.py"
_SHEBANG_LIMIT = 127  # Linux before 5.1 cuts a longer first line off without a word

_ENTRY = """\
#!{interpreter} -IS
# leash shim of {shown}
import marshal, os
try:
    with open({code}, "rb") as file:
        exec(marshal.loads(file.read()))
    main({directory}, {name})
finally:
    os.write(2, b"leash: REFUSED: this session's shell shim is damaged; nothing was run.\\n")
    os._exit(126)
"""

_BASH_ENV = """\
# leash: a bash that was started by absolute path asks here before it runs anything. Written for one session.
leash_lines=$({ask}) || exit 126
eval "$leash_lines"
unset leash_lines
"""


class ShimDirectory:
    """`path` with its entries. shells: the names to stand in for."""

    def __init__(self, path: Path, shells: tuple[str, ...]) -> None:
        self.path = path
        self.shells = shells
        self._link: Path | None = None

    @property
    def bash_env(self) -> str:
        """What BASH_ENV is set to."""
        return str(self.path / "bash_env")

    def entry(self, shell: str) -> str:
        """The path of one entry."""
        return str(self.path / shell)

    def make(self) -> None:
        """Write everything but the socket. Raises GuardError naming the remedy."""
        place = os.fspath(self.path)
        if any(c in place for c in ":\n\0"):
            raise GuardError(
                f"the shim directory {place!r} cannot stand on PATH",
                "point LEASH_RUNTIME_DIR at a path without colons and newlines",
            )
        try:
            self.path.mkdir(mode=0o700)
            interpreter = self._interpreter()
            code = compile(_CLIENT.read_bytes(), "leash-shim", "exec", optimize=2, dont_inherit=True)
            self._write("client", marshal.dumps(code), 0o400)
            self._write("bash_env", _BASH_ENV.format(ask=_quoted(place + "/ask")).encode("utf-8", "surrogateescape"))
            for name in ("ask", *self.shells):
                text = _ENTRY.format(
                    interpreter=interpreter,
                    shown=place,
                    code=ascii(place + "/client"),
                    directory=ascii(place),
                    name=ascii(name),
                )
                self._write(name, text.encode("utf-8", "surrogateescape"), 0o500)
            if not os.access(self.path / "ask", os.X_OK):  # else lookups along PATH would pass over the entries
                raise GuardError(
                    f"{place} is on a file system mounted noexec: shell shims cannot run there",
                    "point LEASH_RUNTIME_DIR at a private directory on another file system",
                )
        except OSError as error:
            raise GuardError(
                f"cannot write the shell shims to {place}: {error.strerror}", "check its owner and free space"
            ) from error

    def seal(self) -> None:
        """Take the write permission away, once the socket is there too."""
        self.path.chmod(0o500)

    def remove_link(self) -> None:
        """Take away the link that stands for the interpreter, if one was needed."""
        if self._link is not None:
            self._link.unlink(missing_ok=True)
            self._link.parent.rmdir()
            self._link = None

    def _write(self, name: str, data: bytes, mode: int = 0o400) -> None:
        handle = os.open(self.path / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
        with os.fdopen(handle, "wb") as file:
            file.write(data)

    def _interpreter(self) -> str:
        """A path of this interpreter that `#!` can carry: no white space, at most 127 bytes with its flags.

        The real path first; else a link in this directory; else a link in a private temporary directory.
        """
        real = os.path.realpath(sys.executable)
        if _fits(real):
            return real
        link = self.path / "python"
        if not _fits(str(link)):
            link = Path(
                tempfile.mkdtemp(prefix="leash-", dir=None if _fits(tempfile.gettempdir() + "x" * 20) else "/tmp")
            )
            link /= "python"
            self._link = link
        link.symlink_to(real)
        return str(link)


def _fits(path: str) -> bool:
    return path.isprintable() and " " not in path and len(os.fsencode(f"#!{path} -IS\n")) <= _SHEBANG_LIMIT


def _quoted(path: str) -> str:
    return "'" + path.replace("'", "'\\''") + "'"
