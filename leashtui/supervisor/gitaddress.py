"""Where a remote of git really leads: its address with every rewriting rule of git's configuration applied.

Reads configuration as files and knows `url.*.insteadOf`, `pushInsteadOf` and `pushurl`. Refuses to run git and to
follow includes. Invariant: the same files give the same address, so that a rule added later shows as another address.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

_SECTION = re.compile(r'\[\s*([A-Za-z0-9.-]+)\s*(?:"((?:[^"\\]|\\.)*)")?\s*\]\s*(.*)')
_ENTRY = re.compile(r"([A-Za-z][\w-]*)\s*(?:=\s*(.*))?$")
_COMMENT = re.compile(r'\s[#;](?=[^"]*$).*')
Entry = tuple[str, str, str, str]
"""Section in lower case, subsection as written, name in lower case, value."""


def entries(config: Path) -> list[Entry]:
    """What a configuration file says, in order; [] when there is none."""
    try:
        lines = config.read_text("utf-8", "replace").replace("\\\n", "").splitlines()
    except OSError:
        return []
    found: list[Entry] = []
    section = subsection = ""
    for line in (raw.strip() for raw in lines):
        head = _SECTION.match(line)
        if head is not None:
            section, _, old = head[1].lower().partition(".")
            subsection = re.sub(r"\\(.)", r"\1", head[2]) if head[2] is not None else old
            line = head[3]
        entry = _ENTRY.match(line) if line[:1] not in ("#", ";", "") else None
        if entry is not None:
            value = _COMMENT.sub("", entry[2] or "").strip().strip('"')
            found.append((section, subsection, entry[1].lower(), value))
    return found


def sources(config: Path) -> list[Path]:
    """The files git would read for this repository: the machine's, the account's, then its own."""
    home = Path(os.path.expanduser("~"))
    shared = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config") / "git/config"
    return [Path("/etc/gitconfig"), shared, home / ".gitconfig", config]


def everywhere(config: Path) -> list[Entry]:
    """What git would read for this repository."""
    return [e for f in sources(config) for e in entries(f)]


def address(said: list[Entry], remote: str) -> str | None:
    """Where a push to a remote, or to an address, goes. None: there is no remote of that name."""
    own = [(n, v) for s, sub, n, v in said if s == "remote" and sub == remote]
    pushed = [v for n, v in own if n == "pushurl"]
    urls = [v for n, v in own if n == "url"]
    if pushed:
        return _rewritten(said, pushed[-1], "insteadof")
    if not urls and not re.search(r"://|^[\w.-]+@[\w.-]+:|^[./~]", remote):
        return None
    url = urls[-1] if urls else remote
    made = _rewritten(said, url, "pushinsteadof")
    return made if made != url else _rewritten(said, url, "insteadof")


def remotes(said: list[Entry]) -> list[str]:
    """The names of all remotes, in order."""
    return list(dict.fromkeys(sub for s, sub, n, _ in said if s == "remote" and n in ("url", "pushurl")))


def _rewritten(said: list[Entry], url: str, rule: str) -> str:
    """`url` by the rule with the longest beginning."""
    fitting = [(v, sub) for s, sub, n, v in said if s == "url" and n == rule and v and url.startswith(v)]
    if not fitting:
        return url
    former, base = max(fitting, key=lambda pair: len(pair[0]))
    return base + url[len(former) :]
