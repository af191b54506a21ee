"""What goes wrong inside leash is said once, in the record, while the session goes on refusing what it cannot judge.

Knows the stream and the line to the keeper. Refuses to raise: the log itself may be what is broken. Invariant: the same
failure is said once, and a flood of different ones stops at a hundred.
"""

from __future__ import annotations

from leashtui.model.errors import LeashError
from leashtui.model.event import Notice
from leashtui.supervisor.channel import Channel
from leashtui.supervisor.stream import Stream


class Notices:
    """Says once, in the record, that a part failed."""

    def __init__(self, stream: Stream, channel: Channel) -> None:
        self._stream = stream
        self._channel = channel
        self._said: set[str] = set()

    def broken(self, why: str) -> None:
        """A component raised and the act was denied."""
        if why not in self._said and len(self._said) < 100:
            self._said.add(why)
            self._try("alarm", f"leash could not judge an act and refused it: {why}", "run `leash doctor`")

    def code_changed(self, code: str) -> None:
        """Somebody guessed the approval code wrong three times."""
        self._channel.tell(say=f"the approval code was guessed wrong three times; it is now {code}")
        self._try("alarm", "the approval code was guessed wrong three times and has changed", "look at who tried")

    def _try(self, level: str, text: str, hint: str) -> None:
        try:
            self._stream.append(Notice(level=level, text=text, hint=hint))
        except LeashError:
            return  # the log itself is what is broken; the verdict says so to the program
