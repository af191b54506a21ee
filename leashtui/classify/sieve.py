"""Whether the next program of a pipe lets only ordinary variables through: `env | grep PATH`.

Knows plain greps and names that hold no secrets. Refuses to guess: a pattern that it cannot read, or a name that it
does not know, lets everything through. Invariant: it reads the text of commands only, and evaluates nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from leashtui.classify.patterns import lazy
from leashtui.classify.syntax import Lit, Node, Simple, Words

_GREPS = frozenset(("grep", "egrep", "fgrep", "rg"))
_OPTIONS = lazy(r"-[iEFGPwoqcnxs]+|--color(=\w+)?|--ignore-case|--quiet|--count|--only-matching")
_LISTS = frozenset(("env", "printenv", "set", "export", "declare", "typeset"))
_ORDINARY = lazy(
    r"(?i)(?:PATH|HOME|USER(?:NAME)?|LOGNAME|SHELL|LANG(?:UAGE)?|LC_\w*|TERM(?:INFO)?|(?:OLD)?PWD|NODE_(?:ENV|PATH|VERSION)"
    r"|NVM_\w+|VIRTUAL_?ENV|CONDA_\w+|JAVA(?:_HOME)?|JDK\w*|GO(?:PATH|ROOT|BIN|OS|ARCH|FLAGS|PROXY)?|PYTHON\w*|CUDA\w*"
    r"|NVIDIA\w*|(?:WAYLAND_)?DISPLAY|EDITOR|VISUAL|PAGER|(?:https?_|no_|all_)?PROXY|TZ|HOST(?:NAME|TYPE)?|RUST\w*"
    r"|CARGO_HOME|XDG\w*|HIST\w*|IFS|TMP(?:DIR)?|TEMP|LD_\w+|MAKE\w*|CC|CXX|C(?:XX|PP)?FLAGS|LDFLAGS"
    r"|SSH_(?:CONNECTION|CLIENT|AUTH_SOCK|TTY)|DESKTOP\w*|XDG_SESSION\w*|PS\d|PROMPT\w*|COLUMNS|LINES|SHLVL|BASH\w*|ZSH"
    r"|PKG_CONFIG\w*|CMAKE\w*|ANDROID_(?:HOME|SDK\w*)|QT_\w+|GTK\w*|LOCALE|WSL\w*|DBUS\w*)=?"
)

_NAMES_ONLY = frozenset((
    "cut-d=-f1", "cut-d=-f-1", "cut-f1-d=", "awk-F={print $1}", "awk-F={print$1}", "sed" "s/=.*//", "sed" "s/=.*$//",
    "sed-es/=.*//", "wc-l",
))  # fmt: skip
"""Programs that let names through and no values."""
_ORDERS = frozenset((("sort",), ("sort", "-u"), ("sort", "-r"), ("sort", "-f"), ("uniq",)))


def sieves(lists: Node, following: Sequence[Node], renamed: Collection[str] = ()) -> bool:
    """Whether `lists` prints variables a line each, and the first of `following` that does more than put lines in
    order keeps ordinary ones only. renamed: names that are functions or aliases there."""
    shown = _words(lists)
    if not shown or shown[0] not in _LISTS or len(shown) > 1:
        return False
    kept = next((words for words in map(_words, following) if words not in _ORDERS), ())
    if not kept or kept[0] in renamed:
        return False
    if "".join(kept) in _NAMES_ONLY:
        return True
    if kept[0] not in _GREPS:
        return False
    options, patterns = kept[1:-1], kept[-1].replace("\\|", "|")
    if len(kept) < 2 or not all(_OPTIONS.fullmatch(o) or o == "-e" for o in options) or options.count("-e") > 1:
        return False
    alternatives = re.fullmatch(r"\^?(?:\\?\((.*?)\\?\)|(.*?))[=\\$]*", patterns)
    if alternatives is None:
        return False
    inner = alternatives[1] or alternatives[2] or ""
    return all(_ORDINARY.fullmatch(a.removeprefix("^")) for a in inner.split("|"))


def _words(node: Node) -> tuple[str, ...]:
    """The words of a simple command when all are constant and nothing is redirected, else none."""
    if not isinstance(node, Simple) or node.assigns or node.redirects:
        return ()
    found = []
    for word in node.words:
        if not isinstance(word, Words) or not all(type(p) is Lit for p in word.parts):
            return ()
        found.append("".join(p.text for p in word.parts if isinstance(p, Lit)))
    return tuple(found)
