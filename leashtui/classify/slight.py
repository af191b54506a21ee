"""Substitutions that print so little that an address may hold it: the kind of machine, a version, a server's answer.

Knows the programs that print such things and the filters that only pass on. Refuses to evaluate anything: it looks at
the tree alone. Invariant: a text with anything else in it is not slight.
"""

from __future__ import annotations

from leashtui.classify.patterns import lazy
from leashtui.classify.syntax import Lit, Node, Pipeline, Sequence, Simple, Words

_VERSIONS = (
    r"(?:[\w./-]*/)?(?:VERSION(?:\.txt)?|version(?:\.txt)?|\.version|\.nvmrc|\.(?:node|python|ruby|go|java|terraform"
    r"|kubectl|helm|bazel|tool)-?versions?|latest_version)"
)
_SAYS = lazy(
    r"uname(?: -[amnoprsv]+| --(?:machine|kernel-name|kernel-release|operating-system))*|arch|nproc|getconf LONG_BIT"
    r"|dpkg --print-(?:foreign-)?architecture|lsb_release(?: -[acdirs]+)+|rpm -E %\{?\w+\}?|sw_vers(?: -\w+)*"
    r"|[\w.+-]+ (?:--version|-[vV]|version)|rustc -vV|go env GO(?:OS|ARCH|VERSION)"
    r"|node -(?:p|pe) process\.(?:version|arch|platform|versions\.\w+)"
    r"|(?:cat|head -n? ?1|sed -n 1p|jq -r \.version) (?:" + _VERSIONS + r")|jq -r \.version (?:\./)?package\.json"
    r"|node -p require\([\"']\./package(?:\.json)?[\"']\)\.version|(?:poetry|uv|hatch|pdm) version(?: -s| --short)?"
)
"""Words that print the kind of machine or a version."""
_TIME = lazy(r"date(?: -[Iu]+)?(?: \+[%\w :./-]+)?")
_ANSWERS = frozenset("curl wget fetch echo printf basename dirname seq".split())
"""Programs of which all that they print is known by its taint."""
_LISTS = lazy(r"[*?\[~]|file:|(?:^| )-[A-Za-z]*[TKn]|--(?:netrc|config|upload)")
"""Words that become names of files, or with which a request prints what lies here."""
_FILTERS = frozenset("jq grep egrep fgrep cut tr head tail sort uniq rev sed awk tac wc".split())
"""Programs that print what they are given, or less; a file that they read taints what they print."""
_READS = lazy(r"\benv\b|ENVIRON|\bsystem\b|getline|(?:^|[\s;}{\d/$!])[rwRW] |/e\b|(?:^| )--\S*(?:file|recursive)|\0")
"""What would make a filter print something else: files, variables, programs that it starts, what is not known."""
_LOADS = {"grep": lazy(r"(?:^| )-[A-Za-z]*[frR]"), "jq sed awk": lazy(r"(?:^| )-[A-Za-z]*[fLi]")}
"""Options that name another file, or look into folders."""


def is_time(body: Sequence) -> bool:
    """Whether a substitution prints the time, which everybody knows."""
    first, rest = _parts(body)
    return first is not None and _TIME.fullmatch(first) is not None and rest


def is_slight(body: Sequence) -> bool:
    """Whether what a substitution prints is the kind of machine or a version, whatever its taint says."""
    first, rest = _parts(body)
    return first is not None and _SAYS.fullmatch(first) is not None and rest


def passes_on(body: Sequence) -> bool:
    """Whether it prints words that stand there or what a server answered, as its taint says, and nothing else."""
    first, rest = _parts(body)
    return first is not None and first.partition(" ")[0] in _ANSWERS and not _LISTS.search(first) and rest


def _parts(body: Sequence) -> tuple[str | None, bool]:
    """The words of the first command, None for anything but one pipeline; and whether only filters follow."""
    if len(body.items) != 1 or body.items[0][1]:
        return None, False
    node = body.items[0][0]
    commands: tuple[Node, ...] = node.commands if isinstance(node, Pipeline) else (node,)
    texts = [_text(command) for command in commands]
    return texts[0], all(text is not None and _is_filter(text) for text in texts[1:])


def _is_filter(text: str) -> bool:
    name, _, words = text.partition(" ")
    loads = any(name.endswith(tuple(names.split())) and bad.search(words) for names, bad in _LOADS.items())
    return name in _FILTERS and not loads and _READS.search(words) is None


def _text(node: Node) -> str | None:
    """The words of a plain command, what is expanded in them as a space holder; None where it is anything else."""
    if not isinstance(node, Simple) or node.assigns or not node.words:
        return None
    for redirect in node.redirects:
        if not (
            redirect.op in (">", "2>", ">&") and redirect.fd == "2" and _word(redirect.target) in ("/dev/null", "1")
        ):
            return None
    return " ".join(_word(word) if isinstance(word, Words) else "\0" for word in node.words)


def _word(word: Words) -> str:
    return "".join(part.text if isinstance(part, Lit) else "\0" for part in word.parts)
