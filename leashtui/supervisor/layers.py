"""Where the policies of a session lie, strongest layer first, and which of a project's files may permit.

Knows places: the organisation's directory, the shipped pack, the team's, the project's, the person's. Refuses to parse
and to judge. Invariant: what the agent can write (the project) tightens at once and loosens only while its bytes are
pinned; the organisation's directory counts only when nobody but root can write it.
"""

from __future__ import annotations

import os
import stat
from difflib import get_close_matches
from pathlib import Path

import msgspec
from msgspec import Struct

from leashtui.model.errors import PolicyError
from leashtui.policy import bundle, sources
from leashtui.policy.bundle import Bundle
from leashtui.policy.names import type_of
from leashtui.policy.reads import named_in
from leashtui.policy.schema import Schema
from leashtui.policy.sources import Source
from leashtui.stores.trust import Trust
from leashtui.supervisor import config as settings
from leashtui.supervisor.policyload import with_stack

ORG = Path("/etc/leashtui/policies")
"""The organisation's policies. Signed bundles will be checked where `check_owner` is called."""
PEOPLE = "people.toml"
"""Beside the organisation's policies: org = "name", and teams = { name = ["user", ...] }."""
PROJECT = Path(".leash") / "policies"
"""Below the workspace."""

PROFILES = ("solo", "team", "strict")
"""Each adds to the one before; solo is the pack alone."""

Layers = list[tuple[str, Path]]


class Session(Struct, frozen=True):
    """What a session decides with. untrusted: project files whose permits do not count.

    trusted: digests of those that do.
    """

    bundle: Bundle
    untrusted: tuple[str, ...] = ()
    trusted: frozenset[str] = frozenset()


def session_layers(config: Path, workspace: str = "", org: Path = ORG) -> Layers:
    """(layer, path) of a session's policies, strongest first. config: `stores.directories.config_dir()`.

    workspace: '' for what holds in every workspace.
    """
    profile = settings.load(config).config.profile
    shipped: Layers = [("builtin", place) for place in profile_places(profile)]
    project: Layers = [("project", Path(workspace) / PROJECT)] if workspace else []
    return [
        ("org", org),
        *shipped,
        ("team", config / "team"),
        *project,
        ("user", config / "policies"),
    ]


def profile_places(profile: str) -> list[Path]:
    """The shipped policies of a profile: the pack itself, and what each profile up to this one adds."""
    pack = bundle.builtin_dir()
    return [pack, *(pack / "profiles" / name for name in PROFILES[1 : PROFILES.index(profile) + 1])]


def load(config: Path, workspace: str = "", org: Path = ORG, own: Path | None = None) -> Session:
    """Everything a session in this workspace decides with. own: to be tried in place of the person's own policies.

    Raises PolicyError; StoreError for damaged trust.
    """
    trusted = Trust(config).digests(workspace) if workspace else frozenset[str]()
    check_owner(org)
    places = session_layers(config, workspace, org)
    chosen = [(layer, own if own is not None and layer == "user" else place) for layer, place in places]
    found = with_stack(lambda: sources.read(chosen))
    made = with_stack(lambda: bundle.build(found, schema(config), trusted=trusted))
    left = [one.file for one in found if one.layer == "project" and one.digest not in trusted]
    return Session(made, tuple(left), trusted)


class People(Struct, frozen=True, forbid_unknown_fields=True):
    """Who belongs where, as the organisation says."""

    org: str = ""
    teams: dict[str, tuple[str, ...]] = {}

    def of(self, user: str) -> tuple[str, ...]:
        """The teams of a person."""
        return tuple(sorted(team for team, members in self.teams.items() if user in members))


def people(org: Path = ORG) -> People:
    """The organisation's own word; nobody belongs anywhere without it. Raises PolicyError."""
    check_owner(org)
    file = org / PEOPLE
    try:
        return msgspec.toml.decode(file.read_bytes(), type=People)
    except FileNotFoundError:
        return People()
    except (OSError, ValueError) as error:  # msgspec's own errors are ValueErrors
        raise PolicyError(f"{file}: {error}", 'write org = "name" and [teams] name = ["user"]') from error


def schema(config: Path) -> Schema:
    """The schema with the facts that this configuration declares. Raises ConfigError, Flaw."""
    facts = settings.load(config).config.facts
    return bundle.load_schema({name: fact.kind for name, fact in facts.items()})


def roles(made: Bundle) -> frozenset[str]:
    """Every role that some policy speaks of."""
    return frozenset(uid.id for policy in made.policies for uid in named_in(policy.node) if type_of(uid) == "Role")


def check_role(made: Bundle, role: str) -> None:
    """Raise PolicyError for a role that no policy knows: it would narrow nothing."""
    if not role:
        return
    known = sorted(roles(made))
    if role not in known:
        near = get_close_matches(role, known, 1)
        hint = f"did you mean {near[0]}?" if near else f"roles are {', '.join(known)}"
        raise PolicyError(f"no policy speaks of the role {role!r}, so it would narrow nothing", hint)


def project_files(workspace: str) -> list[Source]:
    """The policy files of a project. Raises Flaw when they cannot be read."""
    return sources.read([("project", Path(workspace) / PROJECT)])


def check_owner(org: Path) -> None:
    """Raise PolicyError when somebody other than root could write the organisation's policies.

    One that is not there is none; a directory of the caller's own is only believed when it is not the real one.
    """
    if org != ORG or not org.exists():
        return
    for path in (org, *sorted(org.rglob("*"))):
        found = os.lstat(path)
        if found.st_uid != 0 or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise PolicyError(f"{path} can be written by others than root", f"chown root {path}; chmod go-w {path}")
