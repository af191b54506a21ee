"""The first and the last thing in a session's log: who started what under which policies, and that it was closed.

Knows what a reader years later wants to know before the first act. Refuses to judge it. Invariant: a log that was
closed is noted in the machine chain with its count and head, so that none can vanish or be cut.
"""

from __future__ import annotations

import socket
from pathlib import Path

from leashtui import __version__
from leashtui.model.event import Notice, SessionStarted
from leashtui.model.wire import Welcome
from leashtui.stores.machine import Machine
from leashtui.supervisor import leavings
from leashtui.supervisor.channel import Start
from leashtui.supervisor.council import Reviewers
from leashtui.supervisor.notary import Notary
from leashtui.supervisor.stream import Stream
from leashtui.supervisor.variables import Variables


def started(
    start: Start,
    welcome: Welcome,
    mark: str,
    exe_digest: str,
    notary: Notary | None,
    variables: Variables,
    version: str,
) -> SessionStarted:
    """The first record. mark: of its entry in the machine chain. version: the agent's own."""
    return SessionStarted(
        agent=start.agent,
        argv=start.argv,
        workspace=start.workspace,
        tier=welcome.tier,
        bundle=welcome.bundle,
        on_ask=start.on_ask,
        leash=__version__,
        lost=welcome.lost,
        identity=welcome.level,
        user=welcome.user,
        host=socket.gethostname(),
        exe=start.exe,
        exe_digest=exe_digest,
        device=notary.device if notary is not None else "",
        certificate=notary.certificate if notary is not None else "",
        posture=start.posture.value,
        role=start.role,
        machine=mark,
        withheld=variables.withheld,
        granted=variables.granted,
        version=version,
    )


def untrusted(files: tuple[str, ...]) -> Notice:
    """What a person should know when a project brings policies nobody has looked at."""
    text = f"the project's policies may only tighten here, because nobody has trusted them: {', '.join(files[:4])}"
    return Notice(level="warn", text=text, hint="read them, then run `leash policy trust`")


def unusable(reviewers: Reviewers) -> Notice | None:
    """What a person should know when the file of reviewers cannot be read."""
    if not reviewers.problem:
        return None
    return Notice(level="warn", text=f"no reviewer can answer: {reviewers.problem}", hint="make that file right")


def close(stream: Stream, machine: Machine, session: str, directory: Path, notary: Notary | None) -> tuple[int, str]:
    """Close the log for good, note its end in the machine chain, leave no socket behind. Returns (count, head)."""
    stream.close()
    count, head = stream.count, stream.head
    machine.closed(session, head=head, count=count, note=notary.last.decode() if notary is not None else "")
    leavings.remove(directory)
    return count, head
