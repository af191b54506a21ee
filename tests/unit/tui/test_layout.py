"""Every size of terminal gives agent and panel their room."""

from __future__ import annotations

import pytest

from leashtui.faces.tui.layout import Layout


@pytest.mark.parametrize("width", range(1, 260))
def test_nothing_overlaps_and_nothing_is_lost(width: int) -> None:
    layout = Layout(width, 24)
    assert layout.columns >= 1
    assert layout.columns == width if layout.narrow else layout.columns + layout.side == width
    assert layout.rows == 22
    assert layout.card <= layout.side


@pytest.mark.parametrize(
    ("size", "agent", "side"),
    [((80, 24), (80, 22), 80), ((99, 30), (99, 28), 99), ((100, 30), (54, 28), 46), ((120, 40), (74, 38), 46),
     ((140, 50), (80, 48), 60), ((200, 60), (140, 58), 60)],
)  # fmt: skip
def test_the_usual_sizes(size: tuple[int, int], agent: tuple[int, int], side: int) -> None:
    layout = Layout(*size)
    assert (layout.columns, layout.rows) == agent
    assert layout.side == side


def test_tiny_ones() -> None:
    assert Layout(39, 24).small
    assert Layout(80, 9).small
    assert not Layout(40, 10).small
    assert Layout(1, 1, 2).rows == 1
