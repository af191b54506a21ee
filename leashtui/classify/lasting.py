"""What is written and will act later: keys that let strangers in, startup files, timers, services, git's settings.

Knows which files they are. Refuses to judge what is written elsewhere. Invariant: a text that would run later is read
with the same engine as one that runs now.
"""

from __future__ import annotations

import re

from leashtui.classify.foresee import foresee, harms, recipe
from leashtui.classify.ledger import Span
from leashtui.classify.machine import Machine
from leashtui.classify.patterns import lazy
from leashtui.classify.standing import place, short
from leashtui.classify.values import Stream, Taint, show
from leashtui.model.facts import Place, Severity, Verb

_KEYS = lazy(r"/\.ssh/(authorized_keys2?|rc|environment)$|/etc/ssh/.*authorized_keys")
_LATER = lazy(
    r"^/etc/(cron[^/]*/|crontab|systemd/|init\.d/|rc\.local|profile|profile\.d/|bash\.bashrc|ld\.so\.preload|pam\.d/"
    r"|xdg/autostart"
    r"|sudoers|environment|udev/)|^/var/spool/cron|^/(usr/)?lib/systemd/|/\.config/(systemd|autostart)/|/Library/Launch"
    r"|/\.local/share/systemd/"
)
_ACCOUNTS = lazy(r"/etc/(?:passwd|shadow|sudoers(?:\.d/.*)?|group|doas\.conf|polkit-1/.*)$")
_ROOT_FOR_ALL = lazy(r"^[^:\s]+:[^:]*:0+:|NOPASSWD|^permit\s+nopass|^(?:sudo|wheel|root):[^:]*:\d+:\S", re.M)
"""Lines by which somebody becomes root unasked."""
_GIT_SETTINGS = lazy(
    r"/\.git/(?:modules/.*/|worktrees/[^/]+/)?(?:config(?:\.worktree)?|commondir|gitdir|info/attributes"
    r"|objects/info/(?:http-)?alternates)$"
)


def judge_lasting(machine: Machine, path: str, content: Stream, span: Span) -> None:
    """Whether what is written would run later, or lets a stranger in."""
    ledger = machine.ledger
    if _KEYS.search(path):
        ledger.sign("backdoor")
        ledger.add(
            Verb.PERSIST, show(path), Place.HOME, f"adds a key to {short(machine, path)}", span, Severity.CRITICAL
        )
    elif path == "/etc/ld.so.preload" or (_ACCOUNTS.match(path) and _ROOT_FOR_ALL.search(content.text or "")):
        ledger.sign("backdoor")
    elif _LATER.search(path):
        ledger.add(
            Verb.PERSIST,
            show(path),
            place(machine, path),
            f"makes something run later through {short(machine, path)}",
            span,
        )
        judge_later(machine, content.text, span)
    elif _GIT_SETTINGS.search(path):
        ledger.add(
            Verb.PERSIST, show(path), Place.GIT, f"edits {short(machine, path)}, which can name programs to run", span
        )
    elif place(machine, path) in (Place.SHELL_RC, Place.HOOK):
        judge_later(machine, content.text, span)
        if content.taint & (Taint.FETCHED | Taint.SOCKET):
            ledger.sign("backdoor")
    else:
        judge_script(machine, path, content, span)


def judge_script(machine: Machine, path: str, content: Stream, span: Span) -> None:
    """A file that tools run is written: what it would do is read now, while its text is known."""
    if content.text and harms(machine, recipe(path, content.text)):
        sentence = f"writes {short(machine, path)}, which would do great harm when it is run"
        machine.ledger.add(Verb.PERSIST, show(path), place(machine, path), sentence, span, Severity.HIGH)


def judge_later(machine: Machine, text: str | None, span: Span) -> None:
    """Raise `backdoor` when a text that will run later talks to strangers or runs foreign code."""
    if not text:
        return
    if foresee(machine, text):
        machine.ledger.sign("backdoor")
