"""Telling a person who looks elsewhere that an act waits or all stands still: BEL, a notification, programs.

Pure but for `spread`, which starts programs. Refuses to let an agent's words speak to the terminal: the command is
spelled out and cut. Invariant: two rings for cards are at least `EVERY` seconds apart, however many come.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence

from leashtui.model.card import Card
from leashtui.words.inner import brief
from leashtui.words.plain import count, one_line

EVERY = 10.0
_TITLE = "leash"
_BY_PROGRAM = {"ghostty": "osc777", "kitty": "osc99", "rio": "osc777", "foot": "osc777", "WarpTerminal": "osc777"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of every face that tells of a waiting act."""
    parser.add_argument("--no-bell", action="store_true", help="never ring")
    parser.add_argument("--notify", choices=("auto", "osc9", "osc99", "osc777", "off"), default="auto")
    parser.add_argument("--no-desktop", action="store_true", help="no notify-send")
    parser.add_argument("--tell", action="append", default=[], help="a word of the command that is told, too")


def chosen(arguments: argparse.Namespace, env: Mapping[str, str]) -> tuple[Bell | None, Messengers | None]:
    """What these options ask for on this terminal; nothing at all without a bell."""
    if arguments.no_bell:
        return None, None
    form = form_of(env) if arguments.notify == "auto" else arguments.notify
    messengers = Messengers(desktop=not arguments.no_desktop, command=arguments.tell, env=env)
    return Bell(multiplexed="TMUX" in env, form=form), messengers


def form_of(env: Mapping[str, str]) -> str:
    """The sequence that this terminal shows as a notification: osc9, osc99 or osc777."""
    if env.get("KITTY_WINDOW_ID") or env.get("TERM", "").startswith("xterm-kitty"):
        return "osc99"
    if env.get("TERM", "").startswith(("foot", "rxvt")):
        return "osc777"
    return _BY_PROGRAM.get(env.get("TERM_PROGRAM", ""), "osc9")


def notification(words: str, form: str) -> str:
    """What makes the terminal show `words`; '' for off."""
    plain = words.replace(";", ",")
    return {
        "osc9": f"\x1b]9;{plain}\x07",
        "osc99": f"\x1b]99;i=leash:d=0;{_TITLE}\x1b\\\x1b]99;i=leash:d=1:p=body;{plain}\x1b\\",
        "osc777": f"\x1b]777;notify;{_TITLE};{plain}\x07",
    }.get(form, "")


def past_tmux(sequence: str) -> str:
    """The sequence as tmux hands it on to the terminal it runs in."""
    return "\x1bPtmux;" + sequence.replace("\x1b", "\x1b\x1b") + "\x1b\\"


def _escaped(words: str) -> str:
    """As a desktop's notifications read it: an agent's words are no markup there either."""
    return words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


class Bell:
    """multiplexed: whether tmux must be asked to pass the message on. form: osc9|osc99|osc777|off."""

    def __init__(self, *, multiplexed: bool = False, form: str = "osc9") -> None:
        self._multiplexed = multiplexed
        self._form = form
        self._last = float("-inf")
        self._owed = False
        self.words = ""

    def ring(self, cards: Sequence[Card], now: float, *, fresh: bool) -> tuple[str, float]:
        """(bytes to write or '', seconds until asked again or 0). fresh: a card came just now."""
        self._owed = (self._owed or fresh) and bool(cards)
        if not self._owed:
            return "", 0.0
        wait = self._last + EVERY - now
        if wait > 0:
            return "", wait
        self._last, self._owed = now, False
        return self.call(f"{count(len(cards), 'act waits', 'acts wait')}: {brief(cards[-1].command)}"), 0.0

    def call(self, words: str) -> str:
        """The bytes that tell this now, whatever was told before."""
        self.words = one_line(f"leash: {words}", 120)
        message = notification(self.words, self._form)
        if self._multiplexed and message:
            message = past_tmux(message)
        return "\x07" + message


class Messengers:
    """Programs that are told as well. desktop: notify-send, where there is a desktop. command: the person's own."""

    def __init__(self, *, desktop: bool, command: Sequence[str], env: Mapping[str, str] | None = None) -> None:
        found = dict(os.environ if env is None else env)
        self._env = found
        self._commands: list[tuple[list[str], bool]] = []  # and whether it reads markup in its last word
        sender = shutil.which("notify-send", path=found.get("PATH"))
        if desktop and sender and (found.get("DBUS_SESSION_BUS_ADDRESS") or found.get("WAYLAND_DISPLAY")):
            self._commands.append(([sender, "--app-name=leash", "--", _TITLE], True))
        if command:
            self._commands.append((list(command), False))
        self._running: list[subprocess.Popen[bytes]] = []

    def spread(self, words: str) -> None:
        """Start each with the sentence as its last word; one that does not end in time is left alone."""
        self._running = [process for process in self._running if process.poll() is None]
        if len(self._running) > len(self._commands) * 3:
            return
        for command, markup in self._commands:
            with contextlib.suppress(OSError):
                process = subprocess.Popen(
                    [*command, _escaped(words) if markup else words],
                    env=self._env,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )
                self._running.append(process)


class Caller:
    """A face's way to tell. cards: what waits. write: bytes to the terminal. later: do something after seconds."""

    def __init__(
        self,
        chosen: tuple[Bell | None, Messengers | None],
        *,
        cards: Callable[[], Sequence[Card]],
        write: Callable[[str], object],
        later: Callable[[float, Callable[[], None]], object],
        clock: Callable[[], float],
    ) -> None:
        self._bell, self._messengers = chosen
        self._cards = cards
        self._write = write
        self._later = later
        self._clock = clock

    def ring(self, *, fresh: bool = True) -> None:
        """Tell what waits, at most once in ten seconds. fresh: a card came just now."""
        if self._bell is None:
            return
        out, wait = self._bell.ring(self._cards(), self._clock(), fresh=fresh)
        self._tell(out)
        if wait and fresh:
            self._later(wait, lambda: self.ring(fresh=False))

    def call(self, words: str) -> None:
        """Tell this now."""
        if self._bell is not None:
            self._tell(self._bell.call(words))

    def _tell(self, out: str) -> None:
        if out and self._bell is not None:
            self._write(out)
            if self._messengers is not None:
                self._messengers.spread(self._bell.words)
