"""The shell shim's supervisor side: where no kernel guard can be had, `sh` and `bash` ask before they run.

Knows the session's shim directory, the frames its entries send, and what /proc says of who sends them. Refuses to
decide: every well-formed question becomes a Request for `submit`. Invariant: silence, garbage and the guard's own end
are refusals. What shims alone cannot stop is written down in SECURITY.md and shown by tests/attacks.
"""

from leashtui.guards.shim.guard import ShimGuard

__all__ = ["ShimGuard"]
