"""Everything that is known about one row: what ran, who let it, what it would do, what it started, what it changed.

Knows records. Refuses to draw anything of unknown origin as more than plain, spelled-out text, and to leave anything
out. Invariant: a diff's lines keep their + and -, so that no colour is needed to read them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rich.style import Style
from rich.text import Text

from leashtui.faces.tui.look import Look
from leashtui.faces.tui.row import Row
from leashtui.faces.tui.spelled import fold
from leashtui.model.event import Answered, Asked, Decided, FileChanged, Notice, Record
from leashtui.words.consequence import names
from leashtui.words.inner import inner
from leashtui.words.plain import count, duration
from leashtui.words.refusal import REFUSED_BEFORE
from leashtui.words.timeline import act_in_words, tell

_LABEL = 9


def draw_details(row: Row, look: Look, width: int, stamp: Callable[[int], str]) -> list[Text]:
    """Lines of at most `width` columns. stamp: microseconds since the epoch -> clock time."""
    page = _Page(look, width)
    for record in row.records:
        page.record(record, stamp(record.t))
    if row.more:
        page.labelled("more", f"{count(row.more, 'record')} of others like it: leash log has them")
    if row.exit:
        page.labelled("ended", f"exit {row.exit}", look.refused)
    if row.inside:
        page.heading(f"within it, nobody had to be asked: {count(len(row.inside), 'act')}")
        for record in row.inside:
            event = record.event
            page.item(act_in_words(event) if isinstance(event, Decided) else tell(record).text)
    return page.lines


class _Page:
    def __init__(self, look: Look, width: int) -> None:
        self.look = look
        self.width = max(12, width)
        self.lines: list[Text] = []

    def heading(self, words: str) -> None:
        if self.lines:
            self.lines.append(Text(end=""))
        self.lines += fold(words, self.width, self.look.title)

    def labelled(self, label: str, words: str, style: Style | None = None) -> None:
        if words:
            self._hung(f"{label:<{_LABEL}}", words, style or self.look.text)

    def item(self, words: str) -> None:
        self._hung("- ", words, self.look.text)

    def _hung(self, front: str, words: str, style: Style) -> None:
        first, *rest = fold(words, max(4, self.width - len(front)), style)
        self.lines.append(Text(end="").append(front, self.look.muted).append_text(first))
        self.lines += [Text(" " * len(front), end="").append_text(line) for line in rest]

    def record(self, record: Record, time: str) -> None:
        event = record.event
        if isinstance(event, Decided):
            self._decided(event, time)
        elif isinstance(event, Asked):
            self.labelled("asked", f"as {event.card.id} at {time}: {event.card.consequence}")
        elif isinstance(event, Answered):
            line = tell(record)
            self.labelled("answer", f"{line.text}, after {duration(event.waited_us / 1e6)}", self.look.strong)
            self.labelled("told", event.verdict.feedback)
        elif isinstance(event, FileChanged):
            self._changed(event, time)
        elif isinstance(event, Notice):
            self.heading(f"{time} {event.level}")
            self.labelled("note", event.text)
            self.labelled("do", event.hint)
        else:
            line = tell(record)
            self.heading(f"{time} {line.word}")
            self.labelled("what", line.text)
            self.labelled("why", line.why)

    def _decided(self, event: Decided, time: str) -> None:
        request, facts, verdict = event.request, event.facts, event.verdict
        self.heading(f"{time} {tell_verdict(event)}")
        whole = inner(facts.command)
        self.lines += fold(whole.text, self.width, self.look.strong)
        if whole.shells:
            self.labelled("exactly", facts.command)
        if facts.normalised and facts.normalised not in {facts.command, whole.text}:
            self.labelled("comes to", facts.normalised)
        for hidden in facts.hidden:
            self.labelled("hidden", hidden, self.look.refused)
        self.labelled("program", request.exe)
        self.labelled("in", request.cwd)
        self.labelled("seen by", f"{request.layer} guard" + (f", pid {request.process.pid}" if request.process else ""))
        for policy in event.decision.policies:
            source = f" ({policy.file}:{policy.line})" if policy.file else ""
            self.labelled("policy", f"{policy.id}{': ' if policy.reason else ''}{policy.reason}{source}")
        for effect in facts.effects:
            target = "" if names(effect.sentence, effect.target) else f": {effect.target}"
            self.labelled("effect", (effect.sentence or str(effect.verb)) + target)
        self.labelled("undo", facts.undo)
        if verdict is not None and verdict.feedback:
            self.labelled("told", verdict.feedback)
            if REFUSED_BEFORE in verdict.feedback:
                self.labelled("again", AGAIN)

    def _changed(self, event: FileChanged, time: str) -> None:
        moved = f" -> {event.to}" if event.to else ""
        many = f", {count(event.count, 'change')}" if event.count > 1 else ""
        self.heading(f"{time} {event.change}{many}")
        self.lines += fold(event.path + moved, self.width, self.look.strong)
        if event.protected:
            self.labelled("guarded", f"{event.place}: a file that can run code or steer agents", self.look.asked)
        for line in _diff(event.diff):
            style = {"+": self.look.allowed, "-": self.look.refused, "@": self.look.noted}.get(line[:1], self.look.text)
            self.lines += fold(line, self.width, style)
        if not event.diff:
            self.lines.append(Text("no diff: empty, too big or not text", self.look.muted, end=""))


AGAIN = "it was refused twice, so nobody is asked any more in this session: run it yourself, or start another session"


def tell_verdict(event: Decided) -> str:
    """'allowed by policy', 'denied: nobody to ask', 'asked'."""
    if event.verdict is None:
        return "asked"
    ruling = "allowed" if event.verdict.ruling == "allow" else "denied"
    return f"{ruling} by {event.verdict.who or event.verdict.by}"


def _diff(diff: str) -> Iterator[str]:
    for line in diff.splitlines():
        if not line.startswith(("--- ", "+++ ")):
            yield line.expandtabs(4) or " "
