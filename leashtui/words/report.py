"""A report as Markdown and as one HTML page that needs nothing else: figures, bars and tables a security lead forwards.

Knows layout. Refuses to count. Invariant: every text that came out of a record is escaped, and is printable.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from msgspec import Struct

from leashtui.words.plain import one_line

_COLOURS = {"allow": "#2e7d32", "ask": "#b26a00", "deny": "#c62828"}
_WIDTH = 24


class Table(Struct, frozen=True):
    """(name, number) rows under a title. note: a sentence under it."""

    title: str
    rows: tuple[tuple[str, int], ...]
    note: str = ""


class Page(Struct, frozen=True):
    """A whole report. figures: (what, how much). days: (day, allowed, asked, refused)."""

    title: str
    span: str
    figures: tuple[tuple[str, str], ...]
    days: tuple[tuple[str, int, int, int], ...]
    tables: tuple[Table, ...]
    proof: str


def markdown(page: Page) -> str:
    """The report as Markdown, bars drawn in text."""
    lines = [f"# {_md(page.title)}", "", _md(page.span), "", "| | |", "|---|---|"]
    lines += [f"| {_md(name)} | {_md(value)} |" for name, value in page.figures]
    if page.days:
        lines += ["", "## Acts by day", "", "| day | allowed | asked | refused | |", "|---|--:|--:|--:|---|"]
        most = max(sum(day[1:]) for day in page.days) or 1
        for name, allowed, asked, refused in page.days:
            bar = "".join(_bar(number, most, sign) for number, sign in ((allowed, "█"), (asked, "▒"), (refused, "░")))
            lines.append(f"| {_md(name)} | {allowed:,} | {asked:,} | {refused:,} | {bar} |")
    for table in page.tables:
        lines += ["", f"## {_md(table.title)}", ""]
        if table.note:
            lines += [_md(table.note), ""]
        if not table.rows:
            lines.append("None.")
            continue
        lines += ["| | |", "|---|--:|", *(f"| {_md(name)} | {number:,} |" for name, number in table.rows)]
    return "\n".join([*lines, "", _md(page.proof), ""])


def _bar(number: int, most: int, sign: str) -> str:
    return sign * (max(1, round(number * _WIDTH / most)) if number else 0)


def _md(text: str) -> str:
    text = one_line(text, 400)
    return "".join(f"\\{c}" if c in "|`*_[]<>#\\" else c for c in text)


_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c1c1c;background:#fff}
h1{font-size:1.6rem}h2{font-size:1.1rem;margin-top:2rem}table{border-collapse:collapse;width:100%}
td,th{padding:.25rem .5rem;border-bottom:1px solid #ddd;text-align:left;vertical-align:top;overflow-wrap:anywhere}
td.n,th.n{text-align:right;white-space:nowrap;width:6rem}.f{display:grid;grid-template-columns:repeat(auto-fit,minmax(11rem,1fr))}
.f div{padding:.6rem}.f b{display:block;font-size:1.5rem}small{color:#555}svg{width:100%;height:auto}
@media(prefers-color-scheme:dark){body{background:#161616;color:#e8e8e8}td,th{border-color:#333}small{color:#aaa}}
"""


def html(page: Page) -> str:
    """The report as one HTML page without scripts and without anything loaded from elsewhere."""
    figures = "".join(f"<div><b>{_h(value)}</b><small>{_h(name)}</small></div>" for name, value in page.figures)
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        "<meta name=viewport content='width=device-width'>",
        f"<title>{_h(page.title)}</title><style>{_STYLE}</style>",
        f"<h1>{_h(page.title)}</h1><p>{_h(page.span)}</p><div class=f>{figures}</div>",
    ]
    if page.days:
        parts.append(f"<h2>Acts by day</h2>{_plot(page.days)}")
    for table in page.tables:
        note = f"<p><small>{_h(table.note)}</small></p>" if table.note else ""
        rows = "".join(f"<tr><td>{_h(name)}<td class=n>{number:,}" for name, number in table.rows)
        parts.append(f"<h2>{_h(table.title)}</h2>{note}{f'<table>{rows}</table>' if rows else '<p>None.</p>'}")
    parts.append(f"<p><small>{_h(page.proof)}</small></p></html>")
    return "\n".join(parts) + "\n"


def _h(text: str) -> str:
    return escape(one_line(text, 400))


def _plot(days: Sequence[tuple[str, int, int, int]]) -> str:
    """Stacked columns, one a day."""
    most = max(sum(day[1:]) for day in days) or 1
    step = 900 / len(days)
    drawn = [_column(day, number * step, step, most) for number, day in enumerate(days)]
    legend = "".join(
        f"<rect x={20 + 110 * n} y=232 width=12 height=12 fill={colour} /><text x={38 + 110 * n} y=243>{name}</text>"
        for n, (name, colour) in enumerate(_COLOURS.items())
    )
    begin, end = _h(days[0][0]), _h(days[-1][0])
    return (
        "<svg viewBox='0 0 900 250' role=img font-size=13 fill=currentColor aria-label='acts by day and verdict'>"
        f"{''.join(drawn)}<text x=0 y=220>{begin}</text><text x=900 y=220 text-anchor=end>{end}</text>{legend}</svg>"
    )


def _column(day: tuple[str, int, int, int], x: float, step: float, most: int) -> str:
    top, parts = 200.0, []
    for number, colour in zip(day[1:], _COLOURS.values(), strict=True):
        height = 190 * number / most
        top -= height
        shape = f"x={x + step * 0.1:.1f} y={top:.1f} width={step * 0.8:.1f} height={height:.1f} fill={colour}"
        parts.append(f"<rect {shape} />" if number else "")
    title = f"{day[0]}: {day[1]:,} allowed, {day[2]:,} asked, {day[3]:,} refused"
    return f"<g><title>{_h(title)}</title>{''.join(parts)}</g>"


def top(counted: Iterable[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    """(name, number) pairs as a table's rows."""
    return tuple((one_line(name, 200) or "(none)", number) for name, number in counted)
