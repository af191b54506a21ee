"""The first import of a process that a session is waiting for: asyncio without TLS, and no looking for waste.

Such a process speaks over sockets of this machine only, and loading OpenSSL is a seventh of what asyncio costs. What it
imports and builds until the agent starts stays, so that a collection finds nothing; who imports this switches it on
again. Invariant: whoever imports ssl later gets the real one.
"""

from __future__ import annotations

import gc
import sys

gc.disable()
if "ssl" in sys.modules:
    import asyncio
else:
    sys.modules["ssl"] = None  # type: ignore[assignment]  # to asyncio, a Python that was built without it
    try:
        import asyncio
    finally:
        del sys.modules["ssl"]

__all__ = ["asyncio"]
