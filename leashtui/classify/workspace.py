"""Where a session works: its folder, what belongs to it, and what git knew when it began. Nouns only.

Refuses to look at the machine. Invariant: it is made once a session and never changes.
"""

from __future__ import annotations

from msgspec import Struct


class Pins(Struct, frozen=True):
    """What git knew when the session began. remotes: (name, address that is pushed to). branch: '' when detached.

    protected: branches that others build on, besides those whose names say so.
    """

    remotes: tuple[tuple[str, str], ...] = ()
    branch: str = ""
    protected: tuple[str, ...] = ()


class Workspace(Struct, frozen=True):
    """root: absolute real path. also: the worktree's git and common directories, where those lie elsewhere.

    bins: the folders of programs a person had on PATH when the session began; what they installed there is no find.
    pins: the repository as it was then; None where there is none, or no session. temps: folders for temporary files
    besides the usual ones, as the person has them. caches: where build tools keep below the home what they can fetch or
    make again, as beginnings of paths; kept: what among these is an agent's or the person's all the same. steers: what
    in it git's own settings name: hooks, further settings, programs. settled: of kept, what may be removed all
    the same, because a tool fetches it again.
    """

    root: str
    also: tuple[str, ...] = ()
    bins: tuple[str, ...] = ()
    pins: Pins | None = None
    temps: tuple[str, ...] = ()
    caches: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    steers: tuple[str, ...] = ()
    settled: tuple[str, ...] = ()
