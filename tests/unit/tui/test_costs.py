"""What the model used is shown in the agent's own words: what it cost, else tokens, else that it cannot be read."""

from __future__ import annotations

import os
from io import StringIO
from pathlib import Path

from leashtui.agents.adapter import Run
from leashtui.agents.registry import adapter_of
from leashtui.faces.progress import Progress, watched
from leashtui.faces.tui.costs import UNREAD, Costs
from leashtui.supervisor.ledger import Ledger


def costs(kind: str) -> Costs:
    return Costs(Ledger(adapter_of(kind), Run("/w", {}), anywhere=True))


def test_a_cost_where_the_agent_tells_it_and_tokens_elsewhere(tmp_path: Path) -> None:
    told = tmp_path / "claude.jsonl"
    told.write_text('{"type":"cost-state","totalCostUSD":1.239}\n')
    money = costs("claude")
    assert not money.any
    money.add("relative/is/not/believed")
    assert money.read() == ""
    money.add(str(told))
    assert money.any and money.read() == "$1.24"
    told.unlink()
    assert money.read() == "$1.24"
    use = (
        '{"payload":{"type":"token_count","info":{"total_token_usage":{"input_tokens":1200000,"output_tokens":3400}}}}'
    )
    (tmp_path / "codex.jsonl").write_text(use + "\n")
    tokens = costs("codex")
    tokens.add(str(tmp_path / "codex.jsonl"))
    assert tokens.read() == "1.2M in 3k out"


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    unread = costs("claude")
    unread.add(str(tmp_path))
    assert unread.read() == UNREAD


class Screen(StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_drawn_for_who_waits_and_leaves_nothing(monkeypatch: object) -> None:
    os.environ["TERM"], before = "xterm", os.environ.get("TERM", "")
    try:
        for screen, seen in ((Screen(), True), (StringIO(), False)):
            ticks = iter(range(1000))
            progress = Progress("proving", 4, "logs", screen, lambda ticks=ticks: float(next(ticks)))  # type: ignore[misc]
            assert list(watched("abcd", progress)) == list("abcd")
            assert ("proving 2 of 4 logs [##########..........] 50 %" in screen.getvalue()) is seen
            assert screen.getvalue().endswith("\r\x1b[K") is seen
        quick = Screen()
        assert list(watched("abcd", Progress("proving", 4, "logs", quick, lambda: 0.0))) == list("abcd")
        assert quick.getvalue() == ""
    finally:
        os.environ["TERM"] = before
