"""The mini-languages: programs whose words are a language of their own, too rich for a table.

Each handler gets the call, its table and its parsed options, and gives what the program prints, or None when the table
has said all. Refuses to decide. Invariant: a handler adds to what the table says; it never takes anything back.
"""

from __future__ import annotations

from collections.abc import Callable

from leashtui.classify.call import Call
from leashtui.classify.handlers import (
    archives,
    cloud,
    code,
    consoles,
    containers,
    databases,
    dbserver,
    django,
    editing,
    environments,
    files,
    filters,
    finding,
    forge,
    git,
    gitwork,
    guard,
    keys,
    migrations,
    packages,
    privilege,
    probing,
    processes,
    project,
    remote,
    sockets,
    streams,
    transfer,
)
from leashtui.classify.options import Options
from leashtui.classify.spec import Spec
from leashtui.classify.values import Stream

Handler = Callable[[Call, Spec, Options], Stream | None]

HANDLERS: dict[str, Handler] = {
    **archives.HANDLERS,
    **cloud.HANDLERS,
    **code.HANDLERS,
    **consoles.HANDLERS,
    **containers.HANDLERS,
    **databases.HANDLERS,
    **dbserver.HANDLERS,
    **django.HANDLERS,
    **editing.HANDLERS,
    **environments.HANDLERS,
    **files.HANDLERS,
    **filters.HANDLERS,
    **finding.HANDLERS,
    **forge.HANDLERS,
    **git.HANDLERS,
    **gitwork.HANDLERS,
    **guard.HANDLERS,
    **keys.HANDLERS,
    **migrations.HANDLERS,
    **packages.HANDLERS,
    **privilege.HANDLERS,
    **probing.HANDLERS,
    **processes.HANDLERS,
    **project.HANDLERS,
    **remote.HANDLERS,
    **sockets.HANDLERS,
    **streams.HANDLERS,
    **transfer.HANDLERS,
}
"""Every handler a table may name."""
