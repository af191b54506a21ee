"""What an agent started here could reach now, and what leash would do about each kind in each tier.

Knows places, sockets, variables and remotes by name. Refuses to read what any of them hold, and to run anything.
Invariant: what is listed exists now; what is said of a tier is what that tier does, not what one would wish.
"""

from __future__ import annotations

import grp
import os
import stat
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path

from msgspec import Struct

from leashtui.classify.secrets import is_secret_path
from leashtui.guards.kernel.floor import HIDDEN, KEYS
from leashtui.guards.kernel.harmless import holds_secret
from leashtui.model.request import Tier
from leashtui.supervisor.variables import Variables

_CLOUDS = {
    ".aws": "AWS", ".azure": "Azure", ".config/gcloud": "Google Cloud", ".kube": "Kubernetes", ".oci": "Oracle Cloud",
    ".config/doctl": "DigitalOcean", ".fly": "Fly", ".config/heroku": "Heroku", ".config/stripe": "Stripe",
    ".config/netlify": "Netlify", ".terraform.d/credentials.tfrc.json": "Terraform",
}  # fmt: skip
_SOCKETS = (
    "/var/run/docker.sock", "/run/docker.sock", "/run/podman/podman.sock", "/run/containerd/containerd.sock",
    "/run/dbus/system_bus_socket", "/run/libvirt/libvirt-sock", "/run/snapd.socket",
)  # fmt: skip
_RAISES = frozenset("sudo wheel admin".split())
_READS = frozenset("adm disk shadow".split())
_PROJECT = 400
_ANY_HOST = "any host; the agent's own process is only recorded"


class Held(StrEnum):
    """What a tier does about a kind of thing, strongest first."""

    CLOSED = "closed"  # it cannot be had, whatever runs
    ASKED = "asked"  # whoever reaches for it is held
    COMMANDS = "commands"  # commands that are known to reach for it are held; a program by itself is not seen
    SHELL = "shell"  # the same, but only commands that a shell runs by its name
    FREE = "free"


class Reach(Struct, frozen=True):
    """One kind of thing. names: what there is of it. held: by tier."""

    kind: str
    names: tuple[str, ...]
    held: dict[str, Held]


def _held(strict: Held, exec_: Held, watch: Held) -> dict[str, Held]:
    said = {Tier.STRICT: strict, Tier.COMPAT: strict, Tier.EXEC: exec_, Tier.WATCH: watch}
    return {str(tier): held for tier, held in said.items()}


_READ = _held(Held.CLOSED, Held.COMMANDS, Held.SHELL)
_UNCOVERED = _held(Held.COMMANDS, Held.COMMANDS, Held.SHELL)
_ASKED = _held(Held.ASKED, Held.COMMANDS, Held.SHELL)
_NO_NEW_PRIVILEGE = _held(Held.CLOSED, Held.CLOSED, Held.SHELL)
_WITHHELD = _held(Held.CLOSED, Held.CLOSED, Held.CLOSED)
_NOT = _held(Held.FREE, Held.FREE, Held.FREE)


def reach(
    home: str,
    project: str,
    env: Mapping[str, str],
    remotes: Iterable[tuple[str, str]],
    *,
    covers: bool,
    agent: bool,
    variables: Variables,
) -> Iterator[Reach]:
    """Everything there is to reach, kind by kind. remotes: (name, address). covers: this host can cover places.

    agent: whether it is known to ask a model. variables: which secret ones it would get. home, project: absolute.
    """
    secrets = _READ if covers else _UNCOVERED
    clouds = [name for place, name in _CLOUDS.items() if _readable(os.path.join(home, place))]
    keys = [
        place
        for place in KEYS
        if place not in _CLOUDS and _readable(os.path.join(home, place)) and holds_secret(home, place)
    ]
    hidden = [place for place in HIDDEN if _readable(os.path.join(home, place))]
    yield Reach("keys and tokens", tuple(f"~/{place}" for place in _with_keys(home, keys)), secrets)
    yield Reach("clouds", tuple(clouds), secrets)
    yield Reach("browsers, keyrings", tuple(f"~/{place}" for place in hidden), secrets)
    yield Reach("secrets in the project", tuple(_in_project(project, home)), _UNCOVERED)
    yield Reach("secret variables", variables.withheld, _WITHHELD)
    yield Reach("its own keys", variables.granted, _NOT)
    yield Reach("services", tuple(_services(env)), _ASKED)
    yield Reach("remotes to push to", tuple(f"{name} ({_bare(url)})" for name, url in remotes), _ASKED)
    yield Reach("sudo", tuple(_groups(_RAISES)), _NO_NEW_PRIVILEGE)
    yield Reach("rights beyond yours", ("root itself",) if not os.geteuid() else tuple(_groups(_READS)), _NOT)
    yield Reach("your files, to change", _mine(home), _ASKED)
    yield Reach("your files, to read", ("all but secrets in known places",), _NOT)
    yield Reach("the network", (_ANY_HOST if agent else "any host",), _ASKED)


def _with_keys(home: str, places: list[str]) -> Iterator[str]:
    """~/.ssh by its keys; the rest by name."""
    for place in places:
        keys = [f".ssh/{name}" for name in _names(os.path.join(home, ".ssh"))] if place == ".ssh" else []
        own = [key for key in keys if is_secret_path(os.path.join(home, key), home) and "/id_" in key]
        yield from own or [place]


def _in_project(project: str, home: str) -> Iterator[str]:
    for name in _names(project):
        path = os.path.join(project, name)
        if os.path.isfile(path) and is_secret_path(path, home) and os.access(path, os.R_OK):
            yield name


def _services(env: Mapping[str, str]) -> Iterator[str]:
    """Sockets of programs that act for the person and may be written to."""
    found = [env.get("SSH_AUTH_SOCK", ""), env.get("TMUX", "").partition(",")[0], *_SOCKETS]
    found += [env.get("DOCKER_HOST", "").removeprefix("unix://")]
    address = env.get("DBUS_SESSION_BUS_ADDRESS", "")
    found += [part.removeprefix("unix:path=") for part in address.split(",") if part.startswith("unix:path=")]
    seen: set[str] = set()
    for path in found:
        real = os.path.realpath(path) if path.startswith("/") else ""
        if real and real not in seen and _is_socket(real):
            seen.add(real)
            yield path


def _groups(wanted: frozenset[str]) -> Iterator[str]:
    for number in os.getgroups():
        try:
            name = grp.getgrgid(number).gr_name
        except KeyError:
            continue
        if name in wanted:
            yield name


def _mine(home: str) -> tuple[str, ...]:
    return (f"~ with its {len(_names(home)):,} entries, and whatever else you may write to",) if home else ()


def _bare(url: str) -> str:
    """An address without a password in it."""
    parts = urllib.parse.urlsplit(url)
    if not parts.password:
        return url
    return url.replace(f":{parts.password}@", ":…@", 1)


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))[:_PROJECT]
    except OSError:
        return []


def _readable(path: str) -> bool:
    return Path(path).exists() and os.access(path, os.R_OK)


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(os.stat(path).st_mode) and os.access(path, os.W_OK)
    except OSError:
        return False
