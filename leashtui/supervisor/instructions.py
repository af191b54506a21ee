"""What an agent will obey in a session, compared with what was accepted: instruction files, skills, plugins.

Knows the agent's footprint and the person's acceptance. Refuses to judge what the texts say. Invariant: what is met for
the first time with its whole workspace is accepted and said; what is new or changed since is said at each start until
the person accepts it (`leash inventory --accept`).
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from difflib import unified_diff
from itertools import islice
from pathlib import Path

from leashtui.agents.adapter import Adapter
from leashtui.agents.servers import content_of
from leashtui.model.event import Notice
from leashtui.stores.accepted import Accepted
from leashtui.supervisor.inventory import Places, below, obeyed, setup, strays, tree_digest
from leashtui.words.plain import one_line

_SHOWN = 12
_TEXT = 1 << 18
_TEXTS = 50
_FILES = 4000
_BUSY = re.compile(r"/plugins/(?:marketplaces|store|[^/]*\.json)$")
"""What agents themselves write among their plugins at almost every start; a plugin in use lies elsewhere."""


def compare(agent: Adapter, places: Places, accepted: Accepted) -> Iterator[Notice]:
    """What a person should know before this agent starts there. Raises LeashError."""
    known = accepted.known()
    looks: dict[str, str] = {}
    digest = _remembering(known, looks)
    own = {str(places.at(pattern)) for pattern in agent.footprint.unpacked}
    found = (thing for thing in obeyed(agent, places, digest) if thing.path not in own)
    now = {thing.path: thing.digest for thing in found if not _BUSY.search(thing.path)}
    met = {f"met {agent.kind} in {root}": "yes" for root in (places.home, places.project)}
    fresh = {key.rpartition(" in ")[2] for key in met if key not in known}
    first = {path: digest for path, digest in now.items() if path not in known and _root(path, places) in fresh}
    new = sorted(path for path in now if path not in known and path not in first)
    changed = sorted(path for path, digest in now.items() if known.get(path, digest) != digest)
    news = {**first, **looks, **met}
    if any(known.get(key) != value for key, value in news.items()):
        accepted.add(news)
        accepted.keep({digest: tree_text(Path(path)) for path, digest in first.items()})
    if first:
        text = f"{agent.kind} obeys here, accepted as it is because nothing was known of it: {_some(sorted(first))}"
        yield Notice(level="info", text=text, hint="leash inventory")
    for word, paths in (("new", new), ("changed", changed)):
        if paths:
            text = f"{agent.kind} obeys what is {word} since you accepted it: {_some(paths)}"
            yield Notice(
                level="warn", text=text, hint="leash inventory --diff shows it, leash inventory --accept accepts it"
            )


def trusted(agent: Adapter, places: Places, accepted: Accepted) -> frozenset[str]:
    """Real paths of its skills, plugins and extensions that were as they were accepted when `compare` looked.

    Raises LeashError."""
    known = accepted.known()
    folders = tuple(f"{places.at(pattern)}/" for pattern in agent.footprint.skills)
    same = (path for path, digest in known.items() if known.get(f"look {path}", "").endswith(f" {digest}"))
    return frozenset(os.path.realpath(path) for path in same if path.startswith(folders))


def around(agent: Adapter, places: Places, accepted: Accepted) -> Iterator[Notice]:
    """What else is not as it was when this agent started last: itself, its hooks, its servers; and who runs unwatched.

    Raises LeashError.
    """
    known = accepted.known()
    now = setup(agent, places)
    met = any(key in known for key in now)
    for key, value in now.items():
        if met and known.get(key) != value:
            was = one_line(known.get(key, "nothing"), 80)
            text = f"since its last session: {key} is {one_line(value, 120)}, was {was}"
            yield Notice(level="info", text=text, hint="leash inventory")
    if any(known.get(key) != value for key, value in now.items()):
        accepted.add(now)
    for stray in strays():
        yield Notice(level="info", text=f"{stray.agent} runs without leash, pid {stray.pid}", hint="leash inventory")


def tree_text(path: Path) -> str:
    """The text of a file, or of every file below a directory behind its name; what is no text is only named."""
    whole = []
    for file in [path] if path.is_file() else sorted(islice(below(path), _FILES))[:_TEXTS]:
        try:
            raw = content_of(file, _TEXT)
        except OSError:
            raw = b"(cannot be read)\n"
        text = raw.decode("utf-8", "replace") if b"\0" not in raw else f"({len(raw)} bytes that are no text)\n"
        whole.append(text if path.is_file() else f"== {file.relative_to(path)}\n{text}")
    return "\n".join(whole)


def difference(path: str, before: str | None, now: str) -> Iterator[str]:
    """What is not as it was accepted, as a unified diff. before: None when it was never accepted, or not kept."""
    title = "not accepted yet" if before is None else "accepted"
    old = (before or "").splitlines()
    yield from unified_diff(old, now.splitlines(), f"{title}: {path}", f"now: {path}", lineterm="")


def _root(path: str, places: Places) -> str:
    inside = Path(path).is_relative_to(places.project)
    return str(places.project if inside else places.home)


def _some(paths: list[str]) -> str:
    shown = ", ".join(one_line(path, 120) for path in paths[:_SHOWN])
    return shown + (f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else "")


def _remembering(known: Mapping[str, str], looks: dict[str, str]) -> Callable[[Path], str]:
    """Digests that are read again only where a file was touched: the kernel sets the time of a change itself."""

    def digest(path: Path) -> str:
        key = f"look {path}"
        stamp = _stamp(path)
        old, _, found = known.get(key, "").partition(" ")
        whole = found if found and old == stamp else tree_digest(path)
        looks[key] = f"{stamp} {whole}"
        return whole

    return digest


def _stamp(path: Path) -> str:
    """Names, sizes, inodes and times of a file or of everything below a directory."""
    whole = hashlib.sha256()
    seen = 0
    for folder, folders, files in os.walk(path) if path.is_dir() else [(str(path.parent), [], [path.name])]:
        folders.sort()
        for name in sorted(files):
            seen += 1
            place = os.path.join(folder, name)
            try:
                found = os.stat(place)
            except OSError:
                continue
            parts = (place, found.st_size, found.st_ino, found.st_mtime_ns, found.st_ctime_ns)
            whole.update(repr(parts).encode("utf-8", "backslashreplace"))
        if seen > _FILES:
            break
    return whole.hexdigest()[:16]
