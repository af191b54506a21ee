"""The keeper: the person's foreground job. It starts the warden, shows a face, and ends with the agent's exit code.

Knows processes, signals and the terminal it was started in. Refuses to know cards, verdicts and bytes of the agent.
Standard library only. Invariants: after any end the terminal is as it was; when supervisor and warden are both dead
nothing of the agent is left; the keeper's own death ends nothing.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from leashtui.faces import ahead as early
from leashtui.faces.facing import CRASHES, DETACHED, GAVE_UP, GONE, Face, launch, stands_still
from leashtui.faces.outer import OuterTerminal
from leashtui.supervisor import warden

FAILED = 125

_LEFT = (0, GONE, DETACHED)
_PR_SET_DUMPABLE = 4
_HEARD = (signal.SIGCHLD, signal.SIGCONT, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP)
_FACE_LEAVES = 10.0
_FACE_OBEYS = 2.0
_FACE_STOPS = 1.0
_FACE_HEARS = 0.3
_WARDEN_ENDS = 10.0
_NEWS = 2.0
"""Seconds in which the end of the session must follow a face that left because it saw the end."""


class Keeper:
    """One session from the person's side.

    supervisor: its command line, to which the channel's descriptor is added. start: what the supervisor is told
    first, opaque here; headless (no face) it gets `stdio`, the descriptors of the agent's standard streams. ahead:
    what was started before all of this was known.
    """

    def __init__(
        self,
        *,
        supervisor: Sequence[str],
        start: Mapping[str, Any],
        face: Face | None,
        ahead: early.Ahead | None = None,
    ) -> None:
        self._supervisor = list(supervisor)
        self._start = dict(start)
        self._face = face
        self._terminal = OuterTerminal()
        self._selector = selectors.DefaultSelector()
        self._line: socket.socket | None = None
        self._buffer = b""
        self._ahead = ahead
        self._errors = -1
        self._warden = 0
        self._door: socket.socket | None = None
        self._unsaid: list[str] = []
        self._face_pid = 0
        self._face_stopped = False
        self._suspending = False
        self._deaths = 0
        self._crashes = 0
        self._news_due: float | None = None
        self._directory = ""
        self._code = ""
        self._end: dict[str, Any] | None = None

    def run(self) -> int:
        """Until the end. Returns the agent's exit code, 0 after a detach, 125 when leash itself failed."""
        warden.become_subreaper()
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
        signals, wake = socket.socketpair()
        signals.setblocking(False)
        wake.setblocking(False)
        with signals, wake:
            heard = _HEARD if self._face is None else (*_HEARD, signal.SIGTSTP)
            before = {number: signal.signal(number, _noted) for number in heard}
            signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
            self._selector.register(signals, selectors.EVENT_READ, lambda: self._signalled(signals))
            try:
                self._start_warden()
                self._show_waiting_face()
                self._loop(lambda: self._end is not None, None)
                return self._finish(self._end or {})
            except BaseException:
                self._restore(died=True)
                raise
            finally:
                signal.set_wakeup_fd(-1)
                for number, handler in before.items():
                    signal.signal(number, handler)
                self._selector.close()
                if self._errors >= 0:
                    os.close(self._errors)

    def _loop(self, over: Callable[[], bool], seconds: float | None) -> bool:
        """Serve everybody until `over()`, at most `seconds`; returns whether it came true."""
        deadline = None if seconds is None else time.monotonic() + seconds
        while not over():
            now = time.monotonic()
            if self._news_due is not None and now >= self._news_due:
                self._news_due = None
                self._face_died()
                continue
            limits = [limit - now for limit in (deadline, self._news_due) if limit is not None]
            if deadline is not None and now >= deadline:
                return False
            for key, _ in self._selector.select(max(0.0, min(limits)) if limits else None):
                key.data()
        return True

    # the warden and the line to the supervisor ----------------------------------------------------------------------
    def _start_warden(self) -> None:
        ahead = self._ahead
        if ahead is None or bool(ahead.streams) is not (self._face is None):
            if ahead is not None:
                ahead.drop()
            ahead = self._ahead = early.begin(self._supervisor, streams=self._face is None)
        ahead.taken = True
        self._errors, self._warden, self._line = ahead.errors, ahead.warden, ahead.line
        self._selector.register(self._line, selectors.EVENT_READ, self._hear)
        self._tell(start=self._start | ({} if self._face else {"stdio": list(ahead.streams)}))

    def _tell(self, **message: Any) -> None:
        """Send one message; a supervisor that is gone shows as the end of the line, not here."""
        if self._line is not None:
            with contextlib.suppress(OSError):
                self._line.sendall(json.dumps(message).encode() + b"\n")

    def _hear(self) -> None:
        data = b""
        if self._line is not None:
            with contextlib.suppress(OSError):
                data = self._line.recv(65536)
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            self._told(json.loads(line))
        if not data:
            self._hang_up()

    def _hang_up(self) -> None:
        """The line ended: without a last word, the supervisor died."""
        if self._line is not None:
            self._selector.unregister(self._line)
            self._line.close()
            self._line = None
        if self._end is None:
            self._end = {"lost": True}

    def _told(self, message: dict[str, Any]) -> None:
        if self._end is not None:
            return
        if "done" in message or "error" in message:
            self._end = message
        elif "ready" in message:
            self._directory = str(message["ready"])
            self._code = str(message.get("code", ""))
            if self._code:
                self._say(f"the code for approvals from other terminals is {self._code}; keep it from the agent")
            if not self._lead_in():
                self._show_face()
        elif message.get("stopped"):
            self._suspend()
        elif "say" in message:
            self._say(str(message["say"]))

    # signals --------------------------------------------------------------------------------------------------------
    def _signalled(self, signals: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError):
            for number in signals.recv(256):
                self._handle(number)

    def _handle(self, number: int) -> None:
        if number == signal.SIGCHLD:
            self._reap()
        elif number == signal.SIGCONT:
            self._continue()
        elif number == signal.SIGTSTP:
            self._suspend(_FACE_HEARS)
        elif number == signal.SIGHUP and self._face:
            self._end = self._end or {"hangup": True}
        elif number == signal.SIGINT and self._door is not None and not self._directory:
            self._give_up()
        elif number == signal.SIGTERM or not self._face_pid:
            self._tell(signal=number)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG | os.WUNTRACED)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self._face_pid and os.WIFSTOPPED(status):
                self._face_stopped = True
            elif pid == self._face_pid:
                self._face_ended(os.waitstatus_to_exitcode(status))
            elif pid == self._warden and not os.WIFSTOPPED(status):
                self._warden = 0
                if os.WIFEXITED(status):  # it ended everything before; killed, it leaves the supervisor to us
                    self._hear_the_rest()

    def _hear_the_rest(self) -> None:
        if self._line is not None:
            self._line.setblocking(False)
            self._hear()
        if self._line is not None:
            self._hang_up()

    def _suspend(self, patience: float = 0) -> None:
        """The agent stopped itself (Ctrl-Z), or somebody stops our job: so do the face and we, and the shell goes on.

        The face gives the terminal back first: a shell that has it already cannot be kept from drawing over it.
        patience: seconds in which the face may stop by itself, because it heard what we heard.
        """
        if self._suspending:
            return
        self._suspending = True
        if self._face_pid:
            self._face_stopped = stands_still(self._face_pid)
            if not self._loop(lambda: self._face_stopped or not self._face_pid, patience) and self._face_pid:
                os.kill(self._face_pid, signal.SIGTSTP)
            obeyed = self._loop(lambda: self._face_stopped or not self._face_pid, _FACE_STOPS)
            if not obeyed:
                os.kill(self._face_pid, signal.SIGSTOP)
            self._face_stopped = bool(self._face_pid)
            self._restore(died=not obeyed)
        before = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.killpg(0, signal.SIGTSTP)
        # Here again after SIGCONT, or at once where no shell could ever continue us (an orphaned process group).
        signal.signal(signal.SIGTSTP, before)
        self._suspending = False
        self._continue()

    def _continue(self) -> None:
        if self._face_pid and self._face_stopped:
            self._face_stopped = False
            os.kill(self._face_pid, signal.SIGCONT)
        self._tell(cont=True)

    # the face -------------------------------------------------------------------------------------------------------
    def _show_waiting_face(self) -> None:
        """A face that is there before the session: it can be seen while the supervisor still builds it."""
        panel = self._ahead.panel if self._ahead is not None else None
        if self._face is None or not self._face.waits:
            early.drop_panel(panel)
            return
        command, options = self._face.waits
        if panel is None:
            try:
                panel = early.panel(command)
            except OSError:
                return  # it is started when the session is ready, and fails in plain words then
        self._face_pid, self._door = panel.pid, panel.door
        start = {
            "argv": [*options],
            "agent": self._start.get("agent", ""),
            "workspace": self._start.get("workspace", ""),
        }
        self._let_know(start)

    def _let_know(self, message: Mapping[str, Any]) -> bool:
        if self._door is None:
            return False
        try:
            self._door.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            return False
        return True

    def _lead_in(self) -> bool:
        """Tell the face that waits which session it is for. Returns whether one does."""
        if not self._face_pid or not self._let_know({"directory": self._directory, "code": self._code}):
            return False
        self._tell(face="here")
        return True

    def _shut_door(self) -> None:
        if self._door is not None:
            self._door.close()
            self._door = None

    def _give_up(self) -> None:
        """The person does not wait for the session any longer."""
        self._end = self._end or {"given up": True}
        if self._warden:
            os.kill(self._warden, signal.SIGTERM)

    def _show_face(self) -> None:
        if self._face is None or self._end is not None:
            return
        self._face_pid = launch(self._face, self._directory, self._code, crashed=self._crashes > 1)
        self._tell(face="here")

    def _face_ended(self, code: int) -> None:
        self._face_pid = 0
        self._shut_door()
        self._crashes += code in CRASHES
        self._restore(died=code < 0 or code not in _LEFT and code < 128)
        unsaid, self._unsaid = self._unsaid, []
        for words in unsaid:
            self._say(words)
        if self._end is not None:
            return
        if not self._directory:
            self._deaths += 1  # whatever it was, the next one is started when there is a session
            if code == GAVE_UP:
                self._give_up()
            return
        self._tell(face="gone")
        if code == DETACHED:
            self._end = {"detached": True}
        elif code in _LEFT:
            self._news_due = time.monotonic() + _NEWS
        else:
            self._face_died()

    def _face_died(self) -> None:
        self._deaths += 1
        if self._deaths == 1 or self._deaths == self._crashes == 2:
            self._show_face()
        else:
            self._say("the panel died again; the agent goes on and what it asks waits.")
            self._say(f"from another terminal: leash attach {self._name()} (Ctrl-C here reaches the agent)")

    def _restore(self, *, died: bool) -> None:
        self._terminal.restore(painted=self._face is not None and self._face.paints, died=died)

    def _end_face(self, patience: float) -> None:
        if self._face_pid and not self._loop(lambda: not self._face_pid, patience):
            for number in (signal.SIGCONT, signal.SIGTERM, signal.SIGKILL):
                if self._face_pid:
                    os.kill(self._face_pid, number)
                if number != signal.SIGCONT and self._loop(lambda: not self._face_pid, _FACE_OBEYS):
                    return

    # the end --------------------------------------------------------------------------------------------------------
    def _finish(self, end: dict[str, Any]) -> int:
        if "hangup" in end:
            return 128 + signal.SIGHUP
        self._shut_door()
        if "detached" in end:
            self._say(f"detached; the agent goes on and what it asks waits. Come back: leash attach {self._name()}")
            return 0
        self._news_due = None
        self._end_face(_FACE_OBEYS if "lost" in end else _FACE_LEAVES)
        self._loop(lambda: not self._warden, _WARDEN_ENDS)
        warden.end_everything()
        if "given up" in end:
            self._say("given up before the agent was started")
            return GAVE_UP
        if "done" in end:
            name = self._name() or "SESSION"
            self._say(
                f"{end.get('summary') or 'the session is over'}; log: leash log {name}; "
                f"verify: leash audit verify {name}"
            )
            return int(end["done"])
        if "error" in end:
            self._say(str(end["error"]))
            if end.get("hint"):
                self._say(str(end["hint"]))
            return int(end.get("code", FAILED))
        self._say("the supervisor died, so the agent and all it started were ended; every decision so far is on disk.")
        if words := self._last_words():
            self._say(f"its last words: {words}")
        self._say("see `leash log` and `leash audit verify`, then start again")
        return FAILED

    def _name(self) -> str:
        return os.path.basename(self._directory)

    def _last_words(self) -> str:
        """The last line the supervisor or the warden wrote to stderr, printable."""
        size = os.fstat(self._errors).st_size
        text = os.pread(self._errors, 4096, max(0, size - 4096)).decode(errors="replace").strip()
        return "".join(c if c.isprintable() else "?" for c in text.rpartition("\n")[2])[:300]

    def _say(self, text: str) -> None:
        """On stderr; while a face has painted the terminal, afterwards."""
        if self._face_pid and self._face is not None and self._face.paints:
            self._unsaid.append(text)
            return
        with contextlib.suppress(OSError, ValueError):
            print(f"leash: {text}", file=sys.stderr, flush=True)


def _noted(*_: object) -> None:
    """A signal's handler that does nothing: the signal is read from the wakeup descriptor."""
