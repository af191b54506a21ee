"""sudo cannot raise rights inside a session: where the person allows it, leash runs the command outside the guard.

After the act itself was allowed a second card says that this runs as root with nothing held. Then exactly the words,
the directory and the piped text that were shown run in a terminal of leash's own, with a bare environment; what they
print goes to the descriptors of the program that waits, which ends with the command's exit code. Knows one command at
a time. Refuses to know passwords: what is typed goes to the prompt and nowhere else. Invariant: nothing runs here
that was not answered on its own card, and only the machine's own sudo is run.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import resource
import select
import stat
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from leashtui.guards.kernel import abi, outsider
from leashtui.model.card import Choice
from leashtui.model.errors import LeashError
from leashtui.model.event import Answered, Asked
from leashtui.model.facts import Effect, Facts, Place, Severity, Verb
from leashtui.model.ports import Reply
from leashtui.model.request import Action, ProcessRef, Request
from leashtui.model.verdict import By, Decision, Outcome, PolicyRef, Ruling, Verdict
from leashtui.supervisor.desk import Desk, Waiting
from leashtui.supervisor.mediator import Recorder
from leashtui.words import outside as words
from leashtui.words.refusal import refusal

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PASSED = ("HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TERM", "TZ")
_LONGEST = 4096
_PATIENCE = 2.0
_LOOK = 0.1
_PIECE = 1 << 16
_WHOLE = frozenset({"-i", "-s", "-e", "--login", "--shell", "--edit"})
_VALUED = frozenset("-C -D -g -h -p -R -r -T -t -U -u --user --group --chdir --prompt --host --role --type".split())
_POLICY = PolicyRef("leash/outside", words.REASON, Severity.CRITICAL)


@dataclass
class Parts:
    """What a session lends. ask: whether a person can be asked. aside: children of leash's own, by pid. notice: level,
    text, hint. say: one line on the person's terminal. env: the person's own."""

    desk: Desk
    stream: Recorder
    env: dict[str, str]
    bundle: Callable[[], str]
    ask: Callable[[], bool]
    clock: Callable[[], int]
    scripts: Callable[[Request], str]
    alive: Callable[[ProcessRef], bool]
    aside: Callable[[], dict[int, asyncio.Future[int]]]
    notice: Callable[[str, str, str], None]
    say: Callable[[str], None]
    spawn: Callable[[Coroutine[Any, Any, None]], None]


@dataclass
class _Job:
    """One command. fds: what was taken from the program that waits, to be closed."""

    request: Request
    facts: Facts
    process: ProcessRef
    reply: Reply
    act: str
    piped: bytes = b""
    fds: list[int] = field(default_factory=list)

    def close(self) -> None:
        """Give everything back."""
        while self.fds:
            os.close(self.fds.pop())


class Outsiders:
    """One a session. on: whether the person's configuration has sudo run outside."""

    def __init__(self, parts: Parts, *, on: bool) -> None:
        self._parts = parts
        self._on = on
        self._master = -1
        self._busy = False

    def opening(self, request: Request, facts: Facts, reply: Reply, otherwise: Reply) -> Reply:
        """The reply port: an allowed sudo is run outside and its program answered here; all else as `otherwise`."""
        process = request.process
        named = os.path.basename(request.exe) in ("sudo", "sudo-rs")
        if not self._on or request.action is not Action.PROCESS_EXEC or process is None or not named:
            return otherwise

        def then(verdict: Verdict) -> None:
            if verdict.ruling is not Ruling.ALLOW or verdict.by is By.OBSERVED:
                otherwise(verdict)
                return
            self._parts.spawn(self._serve(_Job(request, facts, process, reply, verdict.act)))

        return then

    def type(self, line: str) -> str:
        """Type a line at sudo's prompt. Returns '' or why nobody takes it."""
        if self._master < 0 or not _hides(self._master):
            return "no sudo command waits for a password"
        os.write(self._master, line.encode("utf-8", "surrogateescape") + b"\n")
        return ""

    async def _serve(self, job: _Job) -> None:
        """From the first yes to the exit code. Whatever fails is a refusal."""
        try:
            why = words.BUSY if self._busy else await self._question(job)
        except (OSError, ValueError, LeashError) as error:
            why = f"it could not be run outside: {error.message if isinstance(error, LeashError) else error}"
        finally:
            job.close()
        if why:
            self._refuse(job, why)

    async def _question(self, job: _Job) -> str:
        """Look at it, ask, run. '' when the program was answered, else why it is refused."""
        if not _is_sudo(job.process.pid):
            return words.STRANGE
        if not has_command(job.request.argv):
            return words.NO_COMMAND
        if not self._parts.ask() or self._parts.desk.full():
            return words.NOBODY
        self._busy = True
        try:
            why = await self._listen(job)
            if why:
                return why
            scripts = self._parts.scripts(_inner(job.request))
            verdict = await self._ask(job)
            if verdict.ruling is not Ruling.ALLOW:
                if verdict.by is not By.WITHDRAWN:
                    job.reply(verdict)
                return ""
            if scripts != self._parts.scripts(_inner(job.request)):
                return words.CHANGED
            await self._run(job)
        finally:
            self._busy = False
        return ""

    async def _listen(self, job: _Job) -> str:
        """Take what is piped in, whole. '' or why it cannot be shown."""
        fd = abi.take_fd(job.process.pid, 0)
        job.fds.append(fd)
        if os.isatty(fd) or stat.S_ISCHR(os.fstat(fd).st_mode):
            return ""
        if stat.S_ISREG(os.fstat(fd).st_mode):  # looked at where it stands: a loop that reads the rest finds it there
            job.piped = os.pread(fd, _LONGEST + 1, os.lseek(fd, 0, os.SEEK_CUR))
            return words.TOO_MUCH if len(job.piped) > _LONGEST else ""
        end = time.monotonic() + _PATIENCE
        while len(job.piped) <= _LONGEST:
            if not select.select([fd], [], [], 0)[0]:
                if time.monotonic() > end:
                    return words.UNFINISHED if job.piped else ""
                await asyncio.sleep(_LOOK)
                continue
            piece = os.read(fd, _LONGEST + 1)
            if not piece:
                return ""
            job.piped += piece
        return words.TOO_MUCH

    async def _ask(self, job: _Job) -> Verdict:
        """The second card."""
        parts, answered = self._parts, asyncio.get_running_loop().create_future()
        sentence = words.confirmation(job.facts.command, _user(job.request.argv), job.piped)
        effect = Effect(Verb.PRIVILEGE, "", Place.SYSTEM, sentence, severity=Severity.CRITICAL)
        facts = replace(job.facts, effects=(effect, *job.facts.effects), grant_prefix=(), reversible=False)
        decision = Decision(Outcome.ASK, parts.bundle(), (_POLICY,), standing=False)

        def settle(waiting: Waiting, verdict: Verdict, choice: Choice | None, face: str) -> None:
            ask = waiting.card.id if waiting.card else ""
            event = Answered(ask=ask, verdict=verdict, face=face, waited_us=parts.clock() - waiting.since)
            try:
                parts.stream.append(event, parent=job.act, durable=True)
            except LeashError as error:  # an answer that cannot be recorded is none
                answered.set_exception(error)
            else:
                answered.set_result(verdict)

        waiting = Waiting(job.act, job.request, facts, decision, parts.clock(), settle)
        card = parts.desk.ask(waiting)
        try:
            parts.stream.append(Asked(card=card), parent=job.act, durable=True)
        except LeashError:
            parts.desk.withdraw(waiting, "the question could not be recorded")
            raise
        while not answered.done():
            if not parts.alive(job.process):
                parts.desk.withdraw(waiting, "the program was killed while it waited")
            await asyncio.wait([answered], timeout=_LOOK)
        verdict: Verdict = answered.result()
        return verdict

    async def _run(self, job: _Job) -> None:
        """Run it, and answer the program that waits with its exit code."""
        parts = self._parts
        master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        job.fds.append(master)
        status: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        screens: list[int] = []
        try:
            process = self._start(job, slave, screens)
        finally:
            os.close(slave)
        parts.aside()[process.pid] = status
        parts.notice("warn", f"outside the guard, as {_user(job.request.argv)}: {job.facts.command}", words.REASON)
        self._master = master
        try:
            code = await self._attend(job, master, status, screens)
        finally:
            self._master = -1
            job.close()  # the terminal hangs up, and with it whatever still stands on it
        job.reply(Verdict(Ruling.DENY, By.PERSON, "", "", job.act, status=code))

    def _start(self, job: _Job, slave: int, screens: list[int]) -> subprocess.Popen[bytes]:
        """The program in its terminal. screens: gets a descriptor of the session's terminal, where it prints to one."""
        cwd = os.open(f"/proc/{job.process.pid}/cwd", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        job.fds.append(cwd)
        streams = [self._piped(job, slave)]
        for number in (1, 2):
            fd = abi.take_fd(job.process.pid, number)
            job.fds.append(fd)
            if os.isatty(fd):
                again = os.open(f"/proc/self/fd/{fd}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
                job.fds.append(again)
                screens[:] = [again]
                fd = slave
            streams.append(fd)
        numbers = [slave, cwd, *streams]
        exe = os.readlink(f"/proc/{job.process.pid}/exe")
        env = {name: self._parts.env[name] for name in _PASSED if name in self._parts.env}
        files = resource.prlimit(job.process.pid, resource.RLIMIT_NOFILE)[0]
        start = [sys.executable, "-I", "-S", outsider.__file__, *map(str, numbers), str(files)]
        process = subprocess.Popen(
            [*start, exe, *job.request.argv], pass_fds=sorted({*numbers}), env=env | {"PATH": PATH}, cwd="/"
        )
        process.returncode = 0  # reaped by the session
        return process

    def _piped(self, job: _Job, slave: int) -> int:
        """What it reads: the very text that was shown, or a terminal on which only a password is typed."""
        if os.isatty(job.fds[0]):
            return slave
        fd = os.memfd_create("piped") if job.piped else os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        job.fds.append(fd)
        if job.piped:
            os.write(fd, job.piped)
            os.lseek(fd, 0, os.SEEK_SET)
        return fd

    async def _attend(self, job: _Job, master: int, status: asyncio.Future[int], screens: list[int]) -> int:
        """Pass on what its terminal shows, say when it wants a password, hang up when nobody waits any more."""
        asked = False
        while not status.done():
            await asyncio.wait([status], timeout=_LOOK)
            _copy(master, screens)
            if not _hides(master):
                asked = False
            elif not asked:
                asked = True
                text, hint = words.prompt(job.facts.command)
                self._parts.notice("warn", text, hint)
                if not screens:
                    self._parts.say(f"{text}; {hint}")
                _show(f"\r\n{words.NOT_HERE}\r\n".encode(), screens)
            if not self._parts.alive(job.process):
                self._parts.notice("warn", f"nobody waits any more: {job.facts.command} was hung up", "")
                return 129
        _copy(master, screens)
        ended = status.result()
        return os.WEXITSTATUS(ended) if os.WIFEXITED(ended) else 128 + os.WTERMSIG(ended)

    def _refuse(self, job: _Job, why: str) -> None:
        text = refusal(by=By.POLICY, what=f"runs {job.facts.command} as {_user(job.request.argv)}", why=why)
        self._parts.notice("warn", f"not run outside the guard: {job.facts.command}", why)
        job.reply(Verdict(Ruling.DENY, By.POLICY, text, "", job.act))


def has_command(argv: tuple[str, ...]) -> bool:
    """Whether sudo is given a whole command, and no shell, login or editor that would go on by itself."""
    at = _command_at(argv)
    return at > 0 and not _WHOLE.intersection(argv[1:at])


def _command_at(argv: tuple[str, ...]) -> int:
    """Where sudo's own words end; 0 when nothing follows them."""
    at = 1
    while at < len(argv):
        word = argv[at]
        if word == "--":
            at += 1
            break
        if not word.startswith("-") and "=" not in word.partition("/")[0]:
            break
        at += 2 if word in _VALUED else 1
    return at if at < len(argv) else 0


def _inner(request: Request) -> Request:
    """The command that sudo would run, for the digest of its scripts."""
    at = _command_at(request.argv)
    return replace(request, argv=request.argv[at:], exe="")


def _user(argv: tuple[str, ...]) -> str:
    """Whose rights it asks for."""
    own = argv[: _command_at(argv) or len(argv)]
    for at, word in enumerate(own):
        if word in ("-u", "--user") and at + 1 < len(own):
            return own[at + 1]
        if word.startswith("--user="):
            return word.partition("=")[2]
        if word.startswith("-u") and len(word) > 2:
            return word[2:]
    return "root"


def _is_sudo(pid: int) -> bool:
    """Whether the image is a setuid program of root's that nobody else can change."""
    found = os.stat(f"/proc/{pid}/exe")
    return found.st_uid == 0 and bool(found.st_mode & stat.S_ISUID) and not found.st_mode & 0o022


def _hides(master: int) -> bool:
    """Whether what is typed is not shown now, as at a prompt for a password."""
    try:
        return not termios.tcgetattr(master)[3] & termios.ECHO
    except termios.error:
        return False


def _copy(master: int, screens: list[int]) -> None:
    """What the terminal shows, to the session's terminal if it prints to one; else it goes nowhere."""
    while select.select([master], [], [], 0)[0]:
        try:
            piece = os.read(master, _PIECE)
        except OSError:
            return
        _show(piece, screens)
        if not piece:
            return


def _show(text: bytes, screens: list[int]) -> None:
    for fd in screens:
        with contextlib.suppress(OSError):
            os.write(fd, text)
