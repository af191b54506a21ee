"""Who may have changed a protected file and was answered for it already: nobody is asked about one act twice.

An approved command, an edit that was judged in the agent's hook, a file act that the kernel guard judged, git taking
files out of what it keeps: each explains a change of a file it was allowed to change, made while it ran. When a change
was made is the kernel's word (ctime), which no program can set. Knows what was allowed and when. Refuses to decide.
Invariant: a change is explained only by something that ran when the file last changed; git explains only what is
byte for byte in its index.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from leashtui.model.event import AgentTold, Answered, Decided, Record
from leashtui.model.facts import Effect, Facts, Place, Severity
from leashtui.model.hook import Moment
from leashtui.model.request import Action, Layer, ProcessRef, Request
from leashtui.model.verdict import Ruling, Verdict
from leashtui.supervisor.covering import foretold

_FILES = frozenset({Action.FILE_WRITE, Action.FILE_DELETE})
_SLACK = 20_000
"""us: the kernel stamps files with a clock that lags by a tick."""
_BRIEF = 5_000_000
"""us that a file act which the kernel let happen may take."""
_FORGOTTEN = 60_000_000
_MOST = 512
_OVER = frozenset({Moment.TOOL_DONE, Moment.PROMPT, Moment.STOP, Moment.SESSION_END})
_TAKES_OUT = frozenset(
    "checkout switch restore pull merge rebase reset stash cherry-pick revert clone submodule worktree read-tree"
    " checkout-index bisect sparse-checkout mv rm clean am".split()
)
"""Git commands that put files of its own keeping into the workspace, or take them away."""
_NEVER_GITS = frozenset({Place.GUARD})
_ROUTINE = re.compile(
    r"\s*(?:\[(?:core|remote|branch|user|submodule|pull|push|init|extensions)\b[^\]]*\]"
    r"|(?:url|pushurl|fetch|remote|pushremote|merge|rebase|name|email|active|bare|filemode|ignorecase|symlinks|prune"
    r"|precomposeunicode|logallrefupdates|repositoryformatversion|tagopt|promisor|partialclonefilter|autosetuprebase"
    r"|objectformat|refstorage|description|vscode-merge-base|gh-resolved)\s*=(?!.*::)[^;#]*)\s*",
    re.IGNORECASE,
)
"""Lines that git writes into its settings by itself; none of them names a program (a `::` in an address can)."""

_NOBODYS = re.compile(
    r"\s*(?:\[(?:user|core|branch \"[\w./-]+\")\]|name = [\w .'-]+|email = [\w.+-]+@[\w.-]+|remote = [\w.-]+"
    r"|merge = refs/heads/[\w./-]+|rebase = (?:true|false)|repositoryformatversion = 0|bare = false"
    r"|(?:filemode|logallrefupdates|ignorecase|symlinks|precomposeunicode) = (?:true|false))\s*",
    re.IGNORECASE,
)
_TOLD_ANEW = re.compile(r"\s*(?:name|email) = .*", re.IGNORECASE)
"""Lines of git's settings that the session may have git write unasked, and those that may go for them."""
_ANYWHERE = re.compile(
    r"\s*(?:(?:name|email) = .*|repositoryformatversion = 0|bare = false"
    r"|(?:filemode|logallrefupdates|ignorecase|symlinks|precomposeunicode) = (?:true|false))\s*",
    re.IGNORECASE,
)
"""Those of them that name nothing to run in whichever section they stand; `git init` writes them one by one."""

Watch = Callable[[ProcessRef, Callable[[], None]], bool]
"""Calls back once the process has ended; False, and never, when it is gone already."""
Index = Callable[[str], str]
"""The name of a file's content in git's index, '' when it holds no such file."""


@dataclass
class _Alibi:
    request: Request
    facts: Facts
    start: int
    end: int = 0  # 0: it goes on

    def ran_at(self, moment: int) -> bool:
        return self.start - _SLACK <= moment and (not self.end or moment <= self.end + _SLACK)


class Alibis:
    """A subscriber of the session's stream. clock: us since the epoch. gone: whether the session removed what it had
    made itself, which is judged as it happens and stands in no record."""

    def __init__(
        self, watch: Watch, clock: Callable[[], int], index: Index, gone: Callable[[str], bool] = lambda path: False
    ) -> None:
        self._watch = watch
        self._clock = clock
        self._index = index
        self._gone = gone
        self._asked: dict[str, Decided] = {}
        self._known: deque[_Alibi] = deque(maxlen=_MOST)

    def heard(self, seq: int, record: Record, head: str) -> None:
        """A record was committed (stream.Subscriber)."""
        event = record.event
        if isinstance(event, Decided):
            if event.request.layer is Layer.WATCHER or not _matters(event.request, event.facts):
                return
            if event.verdict is None:
                self._asked[record.id] = event
            else:
                self._allowed(event, event.verdict, record.t)
        elif isinstance(event, Answered):
            asked = self._asked.pop(record.parent, None)
            if asked is not None:
                self._allowed(asked, event.verdict, record.t)
        elif isinstance(event, AgentTold) and event.moment in _OVER:
            self._over(event.call if event.moment == Moment.TOOL_DONE else None)

    def explain(self, path: str, facts: Facts, moment: int, content: str, added: str, *, deleted: bool = False) -> bool:
        """Whether this change, judged as `facts`, last made at `moment`, was answered for. content: git's name of it;
        added: its new lines."""
        if deleted and self._gone(path):
            return True
        now = self._clock()
        while self._known and self._known[0].end and self._known[0].end < now - _FORGOTTEN:
            self._known.popleft()
        then = [alibi for alibi in self._known if alibi.ran_at(moment)]
        if any(_said(alibi, path, facts) for alibi in then):
            return True
        gits = [alibi.request for alibi in then if "git" in alibi.facts.programs]
        if "/.git/" in path:
            routine = path.endswith("/config") and all(_ROUTINE.fullmatch(line) for line in added.splitlines())
            return bool(gits and added) and routine
        return any(map(_takes_out, gits)) and self._is_gits(path, facts, content)

    def _allowed(self, event: Decided, verdict: Verdict, moment: int) -> None:
        if verdict.ruling is not Ruling.ALLOW:
            return
        alibi = _Alibi(event.request, event.facts, moment)
        self._known.append(alibi)
        request = event.request
        if request.layer is Layer.HOOK:
            return  # until the agent says that the tool is done

        def ended() -> None:
            alibi.end = self._clock()

        if request.action in _FILES:
            alibi.end = moment + _BRIEF
        elif request.process is None or not self._watch(request.process, ended):
            ended()

    def _over(self, call: str | None) -> None:
        """The agent's tool call is over, or with None all of them."""
        for alibi in self._known:
            if alibi.request.layer is Layer.HOOK and not alibi.end and call in (None, alibi.request.call):
                alibi.end = self._clock()

    def _is_gits(self, path: str, facts: Facts, content: str) -> bool:
        if facts.guard_tamper or any(e.place in _NEVER_GITS for e in facts.effects):
            return False
        return facts.in_workspace and self._index(path) == content


def is_nobodys(path: str, diff: str) -> bool:
    """Whether nobody is asked about a change, whoever made it: git's settings, with lines in them that the session may
    have git write any time (a branch to follow, a name), and no others. diff: all of it, unified."""
    lines = diff.removesuffix("\n").split("\n")
    if not path.endswith("/.git/config") or not lines[0].startswith("--- ") or len(lines) < 4:
        return False
    created = lines[0] == "--- /dev/null"
    former, headed = "", False
    for line in (*lines[2:], "@@"):
        sign, text = line[:1], line[1:]
        if sign == "-":
            if not _TOLD_ANEW.fullmatch(text):
                return False
            continue
        if sign != "+":
            if headed and sign == " " and not text.lstrip().startswith("["):
                return False  # what follows would belong to another section than before
            former, headed = text, False
            continue
        header = text.lstrip().startswith("[")
        if former.endswith("\\") or not _NOBODYS.fullmatch(text) or (not created and text.strip() == "[core]"):
            return False
        if not header and not headed and not _ANYWHERE.fullmatch(text):
            return False  # of which section, is not seen
        former, headed = text, headed or header
    return True


def _matters(request: Request, facts: Facts) -> bool:
    """Whether what is allowed here can explain a change."""
    if request.action in _FILES:
        return True
    return request.action is Action.PROCESS_EXEC and ("git" in facts.programs or bool(_telling(facts)))


def _telling(facts: Facts) -> list[Effect]:
    return [e for e in facts.effects if e.severity is not Severity.LOW]


def _takes_out(request: Request) -> bool:
    words = " ".join((*request.argv[1:], request.script))
    return not _TAKES_OUT.isdisjoint(words.split())


def _said(alibi: _Alibi, path: str, facts: Facts) -> bool:
    """Whether the act said that it would do this."""
    if alibi.request.action in _FILES:
        return alibi.request.path == path
    telling = _telling(facts)
    return bool(telling) and all(any(foretold(e, shown) for shown in alibi.facts.effects) for e in telling)
