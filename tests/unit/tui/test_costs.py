"""What the model used is read from the agent's own transcript, and only when that changed."""

from __future__ import annotations

import os
from collections.abc import Iterable
from io import StringIO
from pathlib import Path

from leashtui.agents.adapter import Spent
from leashtui.agents.spending import claude, codex
from leashtui.faces.progress import Progress, watched
from leashtui.faces.tui.costs import Costs


def test_a_cost_where_the_agent_tells_it_and_tokens_elsewhere(tmp_path: Path) -> None:
    told = tmp_path / "claude.jsonl"
    told.write_text('{"type":"cost-state","totalCostUSD":1.239}\n')
    costs = Costs(claude)
    assert not costs.any
    costs.add(str(told))
    assert costs.read() == "$1.24"
    use = (
        '{"payload":{"type":"token_count","info":{"total_token_usage":{"input_tokens":1200000,"output_tokens":3400}}}}'
    )
    (tmp_path / "codex.jsonl").write_text(use + "\n")
    tokens = Costs(codex)
    tokens.add(str(tmp_path / "codex.jsonl"))
    assert tokens.read() == "1.2M in 3k out"


def test_a_file_that_did_not_change_is_not_read_again(tmp_path: Path) -> None:
    reads: list[int] = []

    def spent(lines: Iterable[bytes]) -> Spent:
        reads.append(1)
        return Spent(cost=len(reads))

    file = tmp_path / "t"
    file.write_text("x")
    costs = Costs(spent)
    costs.add(str(file))
    costs.add("relative/is/not/believed")
    assert [costs.read(), costs.read()] == ["$1.00", "$1.00"]
    os.utime(file, ns=(1, 1))
    assert costs.read() == "$2.00"
    file.unlink()
    assert costs.read() == "$2.00"


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
