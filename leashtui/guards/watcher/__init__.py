"""The file watcher: sees afterwards what changed in the workspace, in a process of its own.

Knows the disk, before and after. Refuses to stop anything and to say who did it: it knows no process (attribution is
the kernel guard's). Invariant: whatever events are lost or coalesced, what is reported last equals the disk, because
events only say where to look; what is reported comes from comparing the disk with the snapshot.
"""

from leashtui.guards.watcher.guard import WatchGuard

__all__ = ["WatchGuard"]
