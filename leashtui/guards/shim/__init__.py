"""The shell shim's supervisor side: where no kernel guard can be had, `sh` and `bash` ask before they run.

Knows the session's shim directory, the frames its entries send, and what /proc says of who sends them. Refuses to
decide: every well-formed question becomes a Request for `submit`. Invariant: silence, garbage and the guard's own end
are refusals. What shims alone cannot stop is written down in SECURITY.md and shown by tests/attacks.
"""

from leashtui.guards.shim.guard import ShimGuard

__all__ = ["LOST", "ShimGuard"]

LOST = (
    "programs that are started without a shell, and all that a program does itself, are not seen",
    "shells started by absolute path are seen only if they are bash and read BASH_ENV; /bin/sh is not",
    "commands typed into an interactive shell, and what an allowed command starts, are not seen",
    "a program of the same user can take the shims away or answer in leash's place",
)
"""What a session rests on shims alone does not stop, in plain sentences (tests/attacks/test_shim_limits.py)."""
