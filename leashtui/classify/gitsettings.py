"""Settings of git that name programs or reroute what is sent: judged by the program, or by where the way leads.

Knows which keys they are. Refuses to know subcommands. Invariant: a setting that runs a program is judged by that
program, whether it is given for once, written, or already stands in the repository.
"""

from __future__ import annotations

import re

from leashtui.classify.call import Call, host_of
from leashtui.classify.indirection import indirect
from leashtui.classify.lasting import judge_later
from leashtui.classify.patterns import lazy
from leashtui.classify.plumbing import is_local
from leashtui.classify.values import Word, bare, show
from leashtui.model.facts import Place, Severity, Verb

RUNS = lazy(
    r"(?i)^(core\.(pager|editor|sshcommand|fsmonitor|askpass|gitproxy|hookspath|alternaterefscommand)"
    r"|sequence\.editor|tar\..*\.command|hook\..*\.command|imap\.tunnel|gc\.recentobjectshook|(man|browser)\..*\.path"
    r"|lfs\.customtransfer\..*\.path|lfs\.(.*\.)?standalonetransferagent|lfs\.extension\..*|sendemail\.smtpserver"
    r"|diff\.external|diff\..*\.(command|textconv)"
    r"|filter\..*\.(clean|smudge|process)|merge\..*\.driver|(diff|merge)tool\..*\.(cmd|path)|pager\..*"
    r"|credential\.(.*\.)?helper|gpg\.(.*\.)?program|gpg\.ssh\.defaultkeycommand"
    r"|interactive\.difffilter|sendemail\..*cmd|man\..*\.cmd|browser\..*\.cmd|web\.browser|help\.browser"
    r"|uploadpack\.packobjectshook|remote\..*\.(uploadpack|receivepack|vcs)"
    r"|ssh\.variant|instaweb\..*|init\.templatedir|include(if)?\..*path|trailer\..*\.(cmd|command)|protocol\..*allow"
    r"|submodule\..*\.update|gui\..*cmd|guitool\..*\.cmd)$"
)
_SECTIONS = frozenset(
    "alias core sequence diff filter merge difftool mergetool pager credential gpg interactive sendemail man browser"
    " web help uploadpack remote ssh instaweb init include includeif trailer protocol submodule gui guitool url http"
    " branch tar hook imap gc lfs clean".split()
)
"""Sections in which a setting may be one of these."""
BOOLS = frozenset(("true", "false", "yes", "no", "on", "off", "1", "0", ""))
REROUTES = lazy(
    r"(?i)^(url\..*\.(push)?insteadof|http\.(.*\.)?(proxy|sslverify|sslcainfo|sslcapath|proxysslcainfo|curloptresolve"
    r"|extraheader|cookiefile)|remote\..*\.(url|pushurl|proxy|lfsurl"
    r"|lfspushurl)|lfs\.(push)?url|branch\..*\.(remote|merge|pushremote)|remote\.pushdefault)$"
)
_ADDRESSES = frozenset("http https git ssh file".split())
"""Ways of git's to an address that start nothing the address names."""
_HELPERS = frozenset("cache store osxkeychain manager manager-core libsecret wincred gnome-keyring".split())
_FETCHES = lazy(r"remote\..*\.fetch$")
_REMOTES = lazy(r"refs/(?:remotes|pull|merge-requests)/")
_SOON = lazy(r"(?i)(?:now|all|0|\d+[. ]?(?:seconds?|minutes?|hours?)(?:[. ]ago)?)$")


def _kind_of_section(name: str) -> tuple[str, str]:
    """What a section's settings can be: its first word, and whether it is of something (for lfs: of what)."""
    family, _, rest = name.lower().partition(".")
    return family, rest.partition(".")[0] if family == "lfs" else "of" if rest else ""


def judge_renaming(call: Call, old: str, new: str) -> None:
    """A section gets another name: what was no more than words in it may be settings of git's then."""
    before, after = (_kind_of_section(name) for name in (old, new))
    if after[0] in _SECTIONS and after != before:
        call.add(
            Verb.PERSIST,
            new,
            f"makes settings of [{show(old)}] git's [{show(new)}], which can name programs",
            place=Place.GIT,
        )


def judge_setting(call: Call, key: str, value: Word, *, once: bool, wide: bool = False) -> None:
    """One git setting. once: given with -c for one command; wide: for the whole account or machine."""
    text = bare(value).strip()
    low = key.lower()
    if low.startswith("alias."):
        _alias_setting(call, key, value, once=once)
        return
    if REROUTES.match(low):
        _reroute(call, key, value, once=once, wide=wide)
        return
    if low in ("gc.pruneexpire", "gc.reflogexpire", "gc.reflogexpireunreachable") and _SOON.match(text):
        call.sign("destructive")
        call.add(Verb.HISTORY_REWRITE, key, f"lets git drop what no branch holds at once, through {key}", lost=True)
    if low == "clean.requireforce" and text.lower() in ("false", "no", "off", "0"):
        call.sign("destructive")
        call.add(Verb.DISCARD_WORK, key, "lets git clean remove files that git does not know unasked", lost=True)
    if _FETCHES.match(low) and text.startswith("+") and not _REMOTES.match(text.rpartition(":")[2]):
        sentence = f"lets git fetch move local branches and tags, through {key}"
        call.add(Verb.HISTORY_REWRITE, key, sentence, Severity.MEDIUM)
    if low == "core.worktree" and not once:
        call.add(Verb.PERSIST, key, f"has git work on the files in {show(text)} from here", place=Place.GIT)
    if not RUNS.match(low) or (low == "sendemail.smtpserver" and "/" not in text):
        return
    if low == "core.hookspath":
        _hooks(call, value, once=once, wide=wide)
        return
    if (
        low in ("core.fsmonitor", "core.askpass")
        and text.lower() in BOOLS
        or low.startswith("pager.")
        and text.lower() in BOOLS
    ):
        return
    if low.startswith("protocol.") and low.endswith("allow"):
        if text.lower() not in ("never", "user") and low[9:-6] not in _ADDRESSES:
            call.sign("obfuscated")
            call.add(Verb.EXEC, key, "lets git start programs that an address names (ext::)", Severity.HIGH)
        return  # stricter than, or the same as, what git does by itself; or it only reads from there
    if low.startswith("credential") and (text.split() or [""])[0] in (*_HELPERS, ""):
        if not once:
            call.add(Verb.PERSIST, key, f"sets git's {key}", Severity.MEDIUM, place=Place.GIT)
        return
    command = Word(text.lstrip("!"), value.taint)
    if once:
        indirect(call, command, edits=low in ("core.editor", "sequence.editor"))
        return
    call.add(Verb.PERSIST, key, f"sets git's {key}, which names a program to run", place=Place.GIT)
    if wide and (
        _strange(call, command) or low in ("core.sshcommand", "core.fsmonitor", "core.gitproxy", "init.templatedir")
    ):
        call.sign("backdoor")
    _later(call, command)


def _strange(call: Call, command: Word) -> bool:
    """Whether a program in a setting is a stranger: a text of several commands, or a file from a temporary folder."""
    words = command.split()
    return bool(words) and (any(c in command for c in ";|&`$<>") or (words[0].startswith("/tmp") or "/tmp/" in command))


def _later(call: Call, command: Word) -> None:
    judge_later(call.machine, str(command), call.span)


def _alias_setting(call: Call, key: str, value: Word, *, once: bool) -> None:
    text = bare(value)
    call.state.assign(f"git alias {key[6:]}", Word(text, value.taint))
    if not text.startswith("!"):
        if not once:
            call.words_run([Word("git"), *map(Word, text.split())])
        return
    if once:
        call.shell(Word(text[1:], value.taint))
    else:
        call.add(Verb.PERSIST, key, f"sets the git alias {key[6:]}, which runs {text[1:61]}", place=Place.GIT)
        _later(call, Word(text[1:]))


def _reroute(call: Call, key: str, value: Word, *, once: bool, wide: bool) -> None:
    low, text = key.lower(), bare(value)
    target = key if "insteadof" in low else text
    host = host_of(target.partition("url.")[2] or target) if "://" in target or "@" in target else ""
    if low.endswith("sslverify"):
        if text.lower() in ("false", "0", "no", "off"):
            call.add(Verb.PRIVILEGE, key, "turns off the check of who a server is")
        return
    if host and is_local(host):
        return
    if wide and ("insteadof" in low or low.endswith("proxy")) and not _same_host(key, text):
        call.sign("backdoor")
    if host:
        call.ledger.hosts[host] = None
    call.add(Verb.REMOTE_CHANGE, show(target), f"changes where git sends and fetches: {show(key)}", Severity.HIGH)


def _same_host(key: str, text: str) -> bool:
    """`url.git@github.com:.insteadOf https://github.com/` only changes the way to the same host."""
    a = re.search(r"([\w-]+\.[\w.-]+)", key.partition("url.")[2].rpartition(".")[0])
    b = re.search(r"([\w-]+\.[\w.-]+)", text)
    return a is not None and b is not None and a.group(1).strip(".") == b.group(1).strip(".")


def _hooks(call: Call, value: Word, *, once: bool, wide: bool) -> None:
    place = call.place(value)
    if once and value in ("/dev/null", ""):
        return  # no hooks at all, for this one command
    if once:
        call.add(Verb.PERSIST, "core.hooksPath", f"runs git with the hooks of {show(value)}", place=Place.HOOK)
        if place is Place.TEMP:
            call.sign("obfuscated")
        return
    call.add(Verb.PERSIST, "core.hooksPath", f"sets where git finds its hooks to {show(value)}", place=Place.HOOK)
    if wide and value not in ("/dev/null", ""):
        call.sign("backdoor")
