"""Command lines that stand where nobody looks for one: in a setting, an option, a variable.

Knows the pagers and editors that are ordinary there. Refuses to know which settings name programs. Invariant: whatever
is not ordinary is judged as the command it is, and said to be hidden.
"""

from __future__ import annotations

from leashtui.classify.call import Call
from leashtui.classify.values import Word, is_fixed, show
from leashtui.model.facts import Severity, Verb

_ORDINARY = frozenset(
    "less more cat most bat delta diff-so-fancy vim vi nvim nano emacs emacsclient code subl micro helix hx ed true :"
    " '' head tail pg view colordiff difft ssh open xdg-open echo false firefox chromium w3m lynx sensible-pager"
    " sensible-editor meld vimdiff nvimdiff kdiff3 opendiff ydiff batcat riff moar ov nvimpager vimpager"
    " pager lesspipe lesspipe.sh xz gzip bzip2 zstd lz4 www-browser x-www-browser sensible-browser wslview links links2"
    " elinks iceweasel seamonkey mozilla epiphany konqueror chromium-browser google-chrome google-chrome-stable"
    " microsoft-edge brave-browser opera vivaldi".split()
)
"""Pagers, editors, browsers and what unpacks a file for a pager."""


def indirect(call: Call, text: Word, *, edits: bool = False) -> None:
    """A command line that an option or variable smuggles in. Pagers and editors are ordinary there.

    edits: it stands where git is told its editor, so that a script there is a usual way to edit; where every program is
    judged again as it starts, it is judged as what it is and hides nothing.
    """
    words = text.split()
    if not words or words == ["-"]:
        return
    first = words[0].rpartition("/")[2]
    ordinary = first in _ORDINARY or _ORDINARY.issuperset(first.split(":"))  # browsers come in lists
    if (
        ordinary
        and not any(c in text for c in ";|&`$<>")
        and "/" not in words[0].removeprefix("/usr").removeprefix("/bin/")
    ):
        return
    if edits and call.machine.setting.bounds.files and not call.shim and is_fixed(text) and not text.taint:
        call.shell(text)
        return
    call.sign("obfuscated")
    call.add(Verb.EXEC, words[0], f"starts {show(text)[:80]} through a setting of {call.name}", Severity.HIGH)
    call.shell(text)


def looks_like_url(word: str) -> bool:
    """Whether a word is an address with a scheme."""
    return "://" in word[:12]
