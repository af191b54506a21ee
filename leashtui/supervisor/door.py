"""Where faces find a session: a socket with a name nobody can guess, and the file that says it.

Knows what is published. Refuses to speak to faces. Invariant: the file is there whole or not at all, for its owner.
"""

from __future__ import annotations

import os
import secrets

import msgspec

from leashtui.model.wire import Welcome
from leashtui.supervisor.assembly import Parts
from leashtui.supervisor.channel import Start
from leashtui.supervisor.session import reference


async def open_door(parts: Parts, start: Start, supervisor_pid: int, welcome: Welcome) -> str:
    """Listen for faces and publish where. Returns the abstract socket's name."""
    name = f"leashtui/{os.getuid()}/{parts.id}/{secrets.token_hex(8)}"
    await parts.control.listen(name)
    published = {
        "session": parts.id,
        "pid": supervisor_pid,
        "born": reference(supervisor_pid).start,
        "socket": name,
        "agent": start.agent,
        "argv": [a.encode("utf-8", "backslashreplace").decode() for a in start.argv],
        "workspace": start.workspace.encode("utf-8", "backslashreplace").decode(),
        "tier": welcome.tier,
        "started": welcome.started,
        "log": welcome.log,
        "code": parts.code is not None,
    }
    place = parts.directory / "session.json"
    draft = parts.directory / ".session.json"
    draft.touch(mode=0o600)
    draft.write_bytes(msgspec.json.encode(published))
    draft.replace(place)
    return name
