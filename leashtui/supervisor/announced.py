"""What hooks announced and the guard has not met yet: commands, tool calls and edits, each expected once.

Knows words, directories and the agent's own numbers of its calls. Refuses to know processes. Invariant: what is over,
or of another turn, is expected no longer.
"""

from __future__ import annotations

import os
from collections import deque

from leashtui.model.request import Action, Request
from leashtui.supervisor.covering import Act

EDITS = frozenset({Action.FILE_WRITE, Action.FILE_DELETE})
_MOST = 64


class Announced:
    """Of one session."""

    def __init__(self) -> None:
        self._commands: dict[tuple[str, str], deque[tuple[Act, tuple[str, str]]]] = {}
        self._edits: dict[str, tuple[str, str]] = {}
        self._calls: deque[tuple[Act, Request]] = deque(maxlen=_MOST)

    def expect(self, act: Act, request: Request) -> None:
        """A hook announced this command: the next exec of it in the same directory is this act, not another."""
        act.command = request.script.strip()
        if act.command:
            waiting = self._commands.setdefault((act.command, request.cwd), deque(maxlen=_MOST))
            waiting.append((act, (request.helper, request.call)))

    def forget(self, call: str, helper: str = "") -> None:
        """The tool call is over: an exec of its command from now on is an act of its own. helper: the sub-agent that
        made it, since each may count its calls for itself."""
        over = (helper, call)
        for key, waiting in list(self._commands.items()):
            left = [entry for entry in waiting if entry[1] != over]
            if left:
                self._commands[key] = deque(left, maxlen=_MOST)
            else:
                del self._commands[key]
        self._edits = {path: of for path, of in self._edits.items() if of != over}
        self._calls = deque((e for e in self._calls if (e[1].helper, e[1].call) != over), maxlen=_MOST)

    def expect_call(self, act: Act, request: Request) -> None:
        """A hook announced this tool call: the next such message to that server is this act, not another."""
        self._calls.append((act, request))

    def call(self, request: Request) -> Act | None:
        """The announced tool call that this message is: the agent's own id says so, or else its words; once."""
        same = (
            e
            for e in self._calls
            if e[1].argv == request.argv
            and (e[1].call == request.call if request.call and e[1].call else e[1].script == request.script)
        )
        found = next(same, None)
        if found is None:
            return None
        self._calls.remove(found)
        return found[0]

    def expect_edit(self, request: Request, *, approved: bool = True) -> None:
        """A person approved this edit in the agent's hook: the agent's own process may make it, until it is done.

        The name that a file loses by a rename goes with any edit that was allowed.
        """
        for path in (request.path if approved else "", request.was):
            if path and request.action in EDITS and len(self._edits) < _MOST:
                self._edits[os.path.realpath(path)] = (request.helper, request.call)

    def end_turn(self) -> None:
        """The agent's turn is over: edits that were approved and not made are not expected any longer."""
        self._edits.clear()
        self._calls.clear()

    def is_edit(self, request: Request) -> bool:
        """Whether the agent's own process, if it is that, makes an approved edit, or the new text beside it that gets
        its name."""
        if request.action not in EDITS:
            return False
        return any(request.path == path or request.path.startswith(f"{path}.tmp.") for path in self._edits)

    def command(self, text: str, cwd: str) -> Act | None:
        """The announced act that an exec of this command is; it is expected no longer."""
        waiting = self._commands.get((text, cwd))
        return waiting.popleft()[0] if waiting else None
