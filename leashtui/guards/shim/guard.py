"""The guard of tier `watch`: the ask socket of one session, and the environment that leads shells to it.

Knows connections and their ends. Refuses to know what a command means. One question a connection: read, submitted,
answered, closed. A connection that ends first withdraws its question (an agent killed its shell: no denial).

Invariant: a connection gets `allow` only from an allowing verdict on exactly the request that was submitted; whatever
else happens here, it gets a refusal or silence, and the shim takes silence for a refusal.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections import deque
from collections.abc import Mapping
from pathlib import Path

from leashtui.guards.shim import peer
from leashtui.guards.shim.directory import ShimDirectory
from leashtui.guards.shim.question import LIMIT, Malformed, Question, read_question, write_allow, write_deny
from leashtui.model.ports import Submit, Ticket
from leashtui.model.request import Action, Layer, ProcessRef, Request, Tier
from leashtui.model.verdict import Ruling, Verdict
from leashtui.sockets import listen, peer_of

MOST = 256  # connections at once
PATIENCE = 10.0  # seconds a connection may take to say what it wants
_SHELLS = ("sh", "bash")
_MORE_SHELLS = ("zsh", "dash", "ksh")


class ShimGuard:
    """Serves `directory` (SESSION_DIR/shim, must not exist yet) until closed. Lives in the loop's one thread.

    uid: the only user whose questions count. login_shell: the user's own shell, to be stood in for as well.
    Raises GuardError when the directory or the socket cannot be made.
    """

    name = "shim"
    tier = Tier.WATCH

    def __init__(
        self,
        directory: Path,
        submit: Submit,
        uid: int,
        loop: asyncio.AbstractEventLoop,
        *,
        login_shell: str = "",
    ) -> None:
        own = os.path.basename(login_shell)
        self._directory = ShimDirectory(directory, _SHELLS + ((own,) if own in _MORE_SHELLS else ()))
        self._directory.make()
        self._submit = submit
        self._uid = uid
        self._loop = loop
        self._agent = 0
        self._known: dict[str, str] = {}
        self._edits: list[bytes] = []
        self._kept: deque[tuple[ProcessRef, tuple[str, ...]]] = deque(maxlen=MOST)
        self._open: set[_Connection] = set()
        self._listener = listen(directory, "ask.sock", MOST)
        self._directory.seal()
        loop.add_reader(self._listener, self._accept)

    def environment(self, base: Mapping[str, str]) -> dict[str, str]:
        """`base` for the agent: shims first on PATH, and in every variable through which agents choose a shell."""
        path = base.get("PATH") or os.defpath
        wanted = os.path.basename(base.get("SHELL", ""))
        shell = self._directory.entry(wanted if wanted in self._directory.shells else "bash")
        # Claude Code takes only a bash or a zsh from its own variable
        claude = shell if os.path.basename(shell) in ("bash", "zsh") else self._directory.entry("bash")
        changed = {"SHELL": shell, "CLAUDE_CODE_SHELL": claude, "BASH_ENV": self._directory.bash_env}
        self._edits = [os.fsencode(f"{n}={base[n]}" if n in base else n) for n in changed]
        self._known = {**base, **changed}
        return {**base, **changed, "PATH": f"{self._directory.path}:{path}"}

    def started(self, pid: int) -> None:
        """`pid` is the agent's root process: the shell scripts that launch it keep the shims for their children."""
        self._agent = pid

    def close(self) -> None:
        """Refuse what waits and stop serving. The entries stay: without a socket they refuse."""
        if self._listener.fileno() < 0:
            return
        self._loop.remove_reader(self._listener)
        self._listener.close()
        for connection in list(self._open):
            connection.refuse("leash: REFUSED: the session is ending; nothing was run.", withdraw="the session ended")
        self._directory.remove_link()

    def _accept(self) -> None:
        while True:
            try:
                line, _ = self._listener.accept()
            except (BlockingIOError, ConnectionAbortedError, InterruptedError):
                return
            except (
                OSError
            ):  # no descriptor left: the callers wait in the backlog, which refuses nobody and runs nothing
                return
            line.setblocking(False)
            pid, uid = peer_of(line)
            if uid != self._uid or len(self._open) >= MOST:
                why = "too many questions at once" if uid == self._uid else "you are not the session's user"
                with contextlib.suppress(OSError):
                    line.send(write_deny(b"-", f"leash: REFUSED: {why}; nothing was run."))
                line.close()
                continue
            self._open.add(_Connection(self, line, pid))

    # for connections -------------------------------------------------------------------------------------------
    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop everything here runs on."""
        return self._loop

    def forget(self, connection: _Connection) -> None:
        """It ended."""
        self._open.discard(connection)

    def submit(self, connection: _Connection, question: Question, pid: int) -> Ticket | None:
        """Hand the question on as a request of process `pid`. Raises OSError when the process is gone.

        A shell that was just allowed with its shims asks again through BASH_ENV: the same exec, answered at once.
        """
        same = (peer.reference(pid), question.args)
        if question.bash_env and same in self._kept:
            self._kept.remove(same)
            connection.answer(write_allow(question.nonce, keep=True, edits=[]))
            return None
        request = Request(
            action=Action.PROCESS_EXEC,
            layer=Layer.SHIM,
            cwd=peer.directory(pid),
            argv=question.argv(),
            exe=question.shell,
            env=peer.code_variables(pid, self._known),
            path=os.path.join(peer.directory(pid), question.file) if question.file else "",
            process=same[0],
            ancestry=peer.ancestors(pid, os.getpid()),
            script=question.text(),
        )
        return self._submit(request, connection.settle)

    def allow(self, question: Question, pid: int) -> bytes:
        """The frame of an allow. Only the agent's own launching script and an interactive shell keep the shims."""
        keep = pid == self._agent or question.mode == "interactive"
        if keep and not question.bash_env:
            with contextlib.suppress(OSError):  # gone already: then it asks nothing more
                self._kept.append((peer.reference(pid), question.args))
        return write_allow(question.nonce, keep=keep, edits=self._edits)


class _Connection:
    """One question from accept to answer."""

    def __init__(self, guard: ShimGuard, line: socket.socket, pid: int) -> None:
        self._guard = guard
        self._line: socket.socket | None = line
        self._pid = pid
        self._data = bytearray()
        self._question: Question | None = None
        self._ticket: Ticket | None = None
        self._watch = -1
        self._deadline = guard.loop.call_later(
            PATIENCE, self.refuse, "leash: REFUSED: the question did not arrive in time; nothing was run."
        )
        guard.loop.add_reader(line, self._readable)

    def refuse(self, sentence: str, withdraw: str = "") -> None:
        """Answer with a refusal and end. withdraw: why a question already asked is taken back."""
        nonce = b"-" if self._question is None else self._question.nonce
        self._end(write_deny(nonce, sentence), withdraw)

    def settle(self, verdict: Verdict) -> None:
        """The verdict on the question: the reply of model.ports."""
        question = self._question
        if question is None or verdict.ruling is not Ruling.ALLOW:
            self.refuse(verdict.feedback or "leash: REFUSED.")
        else:
            self.answer(self._guard.allow(question, self._pid))

    def answer(self, frame: bytes) -> None:
        """Send the last frame and end."""
        self._end(frame)

    def _readable(self) -> None:
        if self._line is None:
            return
        try:
            piece = self._line.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        if not piece:
            self._end(b"", "the shell that asked is gone")
            return
        self._data += piece
        if self._question is not None:
            self.refuse("leash: REFUSED: more was said after the question.", "the shim said more than its question")
            return
        if len(self._data) < 4:
            return
        size = int.from_bytes(self._data[:4], "big")
        if size > LIMIT or len(self._data) > 4 + size:
            self.refuse("leash: REFUSED: the question is too large or goes on after its end; nothing was run.")
        elif len(self._data) == 4 + size:
            self._ask(bytes(self._data[4:]))

    def _ask(self, payload: bytes) -> None:
        self._deadline.cancel()
        self._data.clear()
        try:
            self._question = question = read_question(payload)
            if question.bash_env:  # asked by a child on behalf of the bash above it
                self._pid = peer.parent(self._pid)
                self._watch = os.pidfd_open(self._pid)
                self._guard.loop.add_reader(self._watch, self._end, b"", "the shell that asked is gone")
        except Malformed as error:
            self.refuse(f"leash: REFUSED: the question makes no sense ({error}); nothing was run.")
            return
        except OSError:
            self._end(b"")
            return
        try:
            ticket = self._guard.submit(self, question, self._pid)
        except OSError as error:
            self.refuse(f"leash: REFUSED: the asking process cannot be read ({error.strerror}); nothing was run.")
        except BaseException:
            self.refuse("leash: REFUSED: leash failed while judging; nothing was run.")
            raise
        else:
            if self._line is not None:  # not answered at once
                self._ticket = ticket

    def _end(self, answer: bytes, withdraw: str = "") -> None:
        if self._line is None:
            return
        line, self._line = self._line, None
        self._deadline.cancel()
        self._guard.loop.remove_reader(line)
        if self._watch >= 0:
            self._guard.loop.remove_reader(self._watch)
            os.close(self._watch)
        self._guard.forget(self)
        with contextlib.suppress(OSError):  # a shim that is gone, or will not read, has its answer: none
            if answer:
                line.send(answer)
        line.close()
        if withdraw and self._ticket is not None:
            self._ticket.withdraw(withdraw)
