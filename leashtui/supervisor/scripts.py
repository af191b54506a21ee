"""The digest of the script texts that an exec would run, so that what is approved is what was shown.

Knows `#!` and which programs read a script. Refuses to judge the text (the classifier does). Invariant: an unreadable
script has a digest too, so that becoming readable is a change.
"""

from __future__ import annotations

import hashlib
import os
import re

from leashtui.model.request import Request

_READS_SCRIPTS = re.compile(
    r"(?:ba|da|k|z|fi|mk|a)?sh|python[\d.]*|pypy3?|node|nodejs|deno|bun|perl[\d.]*|ruby[\d.]*|php[\d.]*|lua[\d.]*"
    r"|Rscript|awk|gawk|tclsh|make|gmake|just"
)
SHELLS = frozenset("sh bash dash rbash ash ksh mksh zsh fish busybox".split())
_WORDS = 6
_BYTES = 1 << 20


def digest_of_scripts(request: Request) -> str:
    """Hex; '' when nothing among the first words of the program is a script."""
    interpreter = is_interpreter(request.exe or (request.argv or ("",))[0])
    whole, found = hashlib.sha256(), False
    for word in request.argv[:_WORDS]:
        text = _text(os.path.join(request.cwd, word)) if word and not word.startswith("-") else None
        if text is not None and (interpreter or text.startswith(b"#!")):
            found = True
            whole.update(len(text).to_bytes(8, "big") + text)
    return whole.hexdigest() if found else ""


def is_interpreter(exe: str) -> bool:
    """Whether a program of this name runs scripts."""
    return bool(_READS_SCRIPTS.fullmatch(os.path.basename(exe)))


def _text(path: str) -> bytes | None:
    """The beginning of a regular file, None when it is none or cannot be read."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except (OSError, ValueError):
        return None
    try:
        info = os.fstat(fd)
        if info.st_mode & 0o170000 != 0o100000:
            return None
        return os.read(fd, _BYTES) + info.st_size.to_bytes(8, "big")
    except OSError:
        return b""
    finally:
        os.close(fd)
