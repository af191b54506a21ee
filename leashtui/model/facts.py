"""What the classifier (the PIP) knows about a request: typed, complete, with spans and plain sentences.

Every field is always present: a policy never meets a missing fact. `policies/leash.cedarschema` declares the same
fields for policy authors; a test keeps the two from drifting.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from leashtui.model.request import Mode


class Parse(StrEnum):
    """How much of the command was understood."""

    FULL = "full"
    PARTIAL = "partial"
    OPAQUE = "opaque"


class Verb(StrEnum):
    """What an effect does. One command has many effects; policies speak of verbs and of `verb:place`."""

    READ = "read"
    WRITE = "write"
    DELETE = "delete"
    TRUNCATE = "truncate"
    EXEC = "exec"
    NET_GET = "net_get"
    NET_SEND = "net_send"
    LISTEN = "listen"
    REMOTE_SESSION = "remote_session"
    REMOTE_CHANGE = "remote_change"
    PUBLISH = "publish"
    DISCARD_WORK = "discard_work"
    HISTORY_REWRITE = "history_rewrite"
    PRIVILEGE = "privilege"
    PERSIST = "persist"
    PROCESS_KILL = "process_kill"
    SECRET_READ = "secret_read"
    KEY_USE = "key_use"  # a program works with a key that is closed in this session
    PACKAGE_ADD = "package_add"
    RUN_FETCHED = "run_fetched"  # code that came from the network, or an unpinned package runner
    CLOUD_CHANGE = "cloud_change"
    DATA_CHANGE = "data_change"  # databases
    CONTAINER_CHANGE = "container_change"
    SYSTEM_CHANGE = "system_change"  # power, disks, users, services, firewall
    GUARD_TOUCH = "guard_touch"
    NET_CONNECT = "net_connect"  # a socket reaches another host, whatever is sent
    SERVICE = "service"  # talks to a process outside the session that acts for the person
    OPAQUE = "opaque"  # something runs that could not be understood


class Place(StrEnum):
    """Path classes (classify.md, Pipeline 5)."""

    NONE = ""
    SOURCE = "source"
    GENERATED = "generated"
    GIT = "git"
    HOOK = "hook"
    CI = "ci"
    LOCKFILE = "lockfile"
    AGENT_CONFIG = "agent_config"
    GUARD = "guard"
    TEMP = "temp"
    HOME = "home"
    SHELL_RC = "shell_rc"
    SECRET = "secret"
    OUTSIDE = "outside"
    SYSTEM = "system"
    ROOT = "root"  # /, ~, or an ancestor of the workspace
    DEVICE = "device"
    PROC = "proc"
    WORKSPACE = "workspace"  # the workspace root itself, whole
    UNKNOWN = "unknown"


PUSHED = "git's transport"
"""Target of the REMOTE_CHANGE that git's own transport makes: the inner half of a push, wherever that goes."""
NAMING = ("adds the remote ", "renames the remote ", "removes the remote ", "changes where ")
"""How a REMOTE_CHANGE is told that changes which place a remote's name means: nobody is spoken to by it."""
COMMITTED = "git restores what was committed"
"""What undoes a write in the workspace where nothing better is known."""


class Severity(StrEnum):
    """How bad it would be, in the words policies and cards use."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Content(StrEnum):
    """What is said in a file that is written, where the text is known."""

    SECRET = "secret"  # something shaped like a credential
    EXECUTABLE = "executable"  # the file may be run from now on
    FETCHED_CODE = "fetched_code"  # a download that goes straight into an interpreter
    DEPENDENCY = "dependency"  # a package that the manifest did not name; `Facts.packages` says which
    SOURCE = "source"  # packages come from another registry or index
    INTEGRITY = "integrity"  # a lockfile's digests or addresses, edited by hand


class Origin(StrEnum):
    """Where an effect is written down."""

    COMMAND = ""
    SCRIPT = "script"  # in a file that the command runs; the sentence names the file and the line


class Effect(Struct, frozen=True, omit_defaults=True):
    """One thing the command would do.

    target: resolved path, host, ref or package ('' when it has none). span: character range [start, end) in
    `Facts.command` that causes it, (0, 0) when it has none. sentence: plain English for the card, no full stop needed.
    aim: what its words, variables and folder choose of where it lands, where that is no file of this machine.
    """

    verb: Verb
    target: str = ""
    place: Place = Place.NONE
    sentence: str = ""
    span: tuple[int, int] = (0, 0)
    severity: Severity = Severity.LOW
    reversible: bool = True
    recursive: bool = False
    origin: Origin = Origin.COMMAND
    aim: str = ""


class Facts(Struct, frozen=True):
    """All that is known of one request. Tuples are sorted and unique unless said otherwise."""

    command: str  # exactly what was asked, as one line a person reads (argv is shell-quoted)
    normalised: str  # what it comes to after unwrapping; '' when the same
    parse: Parse
    mode: Mode
    effects: tuple[Effect, ...]  # in order of the command
    programs: tuple[str, ...]  # base names of the programs that would run
    hosts: tuple[str, ...]
    remotes: tuple[str, ...]  # git remotes or URLs pushed to
    packages: tuple[str, ...]  # ecosystem:name[@version]
    hidden: tuple[str, ...]  # hidden characters, spelled out (U+202E ...)
    in_workspace: bool  # every touched path is inside the workspace (true when none is touched)
    destructive: bool  # removes or overwrites what cannot be regenerated
    recursive: bool
    reversible: bool
    catastrophic: bool  # destroys /, ~, a parent of the workspace, a system folder, a disk; fork bomb
    reads_secret: bool
    sends_secret: bool  # a secret reaches the network
    pipe_to_shell: bool  # fetched code reaches an interpreter
    reverse_shell: bool
    backdoor: bool  # makes foreign code or a foreign key stay
    obfuscated: bool  # the text hides what runs
    network: bool  # talks to something that is not loopback
    privileged: bool
    guard_tamper: bool
    git_force: bool
    git_protected: bool
    dry_run: bool
    grant_prefix: tuple[str, ...]  # words of the one simple command a grant may name; () = none may be given
    undo: str  # what makes it reversible, or 'cannot be undone'
    contents: tuple[str, ...] = ()  # members of Content
    remote_changed: bool = False  # speaks to a git remote that is not what it was when the session began
    other_checkout: bool = False  # commits, or rewrites, in a repository that is not the workspace's

    def touches(self) -> tuple[str, ...]:
        """Sorted unique 'verb:place' pairs of the effects that have a place."""
        return tuple(sorted({f"{e.verb}:{e.place}" for e in self.effects if e.place}))

    def aims(self) -> tuple[str, ...]:
        """Sorted unique aims of the effects that have one."""
        return tuple(sorted({e.aim for e in self.effects if e.aim}))

    def verbs(self) -> tuple[str, ...]:
        """Sorted unique verbs of the effects."""
        return tuple(sorted({str(e.verb) for e in self.effects}))
