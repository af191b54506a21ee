"""A replay as one HTML page that needs nothing else: the terminal's pictures, every act with its details, and a slider.

Knows tape, engine and the timeline's words. Refuses to load or send anything: the page's own policy forbids it.
Invariants: every character of unknown origin is escaped once, here; a row that occurs in many pictures is stored once.
"""

from __future__ import annotations

import json
from html import escape
from typing import Any

from rich.segment import Segment
from rich.terminal_theme import TerminalTheme

from leashtui.faces.tui.details import draw_details
from leashtui.faces.tui.engine import Engine
from leashtui.faces.tui.look import plain
from leashtui.faces.tui.tape import Tape
from leashtui.faces.tui.timeline import Timeline
from leashtui.words.plain import count, duration, one_line

_FRAMES = 3000
_GAP = 0.08
"""Seconds between two pictures at least."""
_WIDE = 92
_NORMAL = ["1c1c1c", "ff6b6b", "87d787", "ffd75f", "87afff", "d7afff", "87d7d7", "d0d0d0"]
_THEME = TerminalTheme(
    (18, 18, 18), (228, 228, 228), [tuple(bytes.fromhex(c)) for c in _NORMAL],  # type: ignore[misc]
    [tuple(bytes.fromhex(c)) for c in ["6c6c6c", *_NORMAL[1:7], "ffffff"]],  # type: ignore[misc]
)  # fmt: skip


def make_page(tape: Tape, engine: Engine, title: str) -> str:
    """The page. engine: fresh, of the size the recording began with; title: of unknown origin too."""
    rows: dict[str, int] = {}
    frames: list[tuple[float, list[int]]] = []
    timeline = Timeline()
    times: dict[str, float] = {}
    gap = max(_GAP, tape.length / _FRAMES)
    stale, last = True, -gap
    for beat in tape.beats:
        if stale and (beat.at - last >= gap or beat.recorded is not None):
            frames.append((last if last >= 0 else 0.0, _picture(engine, rows)))
            stale = False
        if beat.recorded is not None:
            timeline.add(beat.recorded)
            times[beat.recorded.record.id] = beat.at
            continue
        if beat.size is not None:
            engine.resize(*beat.size)
        else:
            engine.feed(beat.output)
            engine.replies()
        stale, last = True, beat.at
    frames.append((max(last, 0.0), _picture(engine, rows)))
    told = [_told(row, times) for row in timeline.rows()]
    data = {"length": tape.length, "cols": engine.cols, "rows": list(rows), "frames": frames, "acts": told}
    body = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    acts = count(timeline.acts, "act")
    summary = f"{acts}, {timeline.asked} asked, {timeline.refused} denied, {duration(tape.length)}"
    name = escape(one_line(title, 200))
    return _PAGE.replace("@TITLE@", name).replace("@SUMMARY@", escape(summary)).replace("@DATA@", body)


def _picture(engine: Engine, rows: dict[str, int]) -> list[int]:
    return [rows.setdefault(_row(list(engine.strip(y))), len(rows)) for y in range(engine.rows)]


def _row(segments: list[Segment]) -> str:
    out = []
    for segment in segments:
        css = segment.style.get_html_style(_THEME) if segment.style else ""
        text = escape(segment.text)
        out.append(f'<span style="{escape(css)}">{text}</span>' if css else text)
    return "".join(out).rstrip()


def _told(row: Any, times: dict[str, float]) -> dict[str, Any]:
    details = [line.plain for line in draw_details(row, plain(), _WIDE, lambda _: "")]
    at = next((times[r.id] for r in row.records if r.id in times), 0.0)
    return {"t": at, "kind": row.kind, "word": row.word, "text": row.text, "tail": row.tail, "more": details}


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>@TITLE@</title>
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<style>
:root{color-scheme:dark;--cols:80}
body{margin:0;background:#121212;color:#e4e4e4;font:14px/1.35 ui-monospace,monospace;display:flex;flex-direction:column;
height:100vh}
header,footer{padding:.5em 1em;background:#262626}h1{font-size:1em;display:inline;margin-right:1em}
main{flex:1;display:flex;min-height:0}pre{margin:0;white-space:pre}
#screen{padding:1em;overflow:auto;flex:3;font-size:clamp(6px,calc(57vw/var(--cols)/.61),14px)}#acts{flex:2;overflow:auto;list-style:none;margin:0;padding:1em;
border-left:1px solid #6c6c6c;min-width:20em}
#acts button{all:unset;cursor:pointer;display:block;width:100%;box-sizing:border-box;
padding:.1em .3em .1em calc(.3em + 8ch);text-indent:-8ch;overflow-wrap:anywhere}#acts b,#acts i{text-indent:0}
#acts button:focus-visible,footer :focus-visible{outline:2px solid #ffaf5f}
.past{opacity:1}.ahead{opacity:.8}[aria-current]{background:#262626}
.allow b{color:#87d787}.deny b{color:#ff8787}.ask b,.alarm b{color:#ffaf5f}.file b,.note b{color:#87afff}
#acts b{display:inline-block;min-width:7ch}
#acts i{color:#a8a8a8;font-style:normal;float:right}#acts pre{color:#a8a8a8;padding:0 0 .5em 1em;white-space:pre-wrap}
footer{display:flex;gap:1em;align-items:center}#at{flex:1}
footer button,footer select{font:inherit;background:#e4e4e4;color:#121212;border:0;padding:.2em 1em}
footer select{padding:.2em}
@media(max-width:50em){main{flex-direction:column}#screen{flex:none;max-height:55vh;padding:.5em;
font-size:clamp(6px,calc(94vw/var(--cols)/.61),14px)}
#acts{border-left:0;border-top:1px solid #6c6c6c;min-width:0;padding:.5em}header,footer{padding:.5em}}
</style></head><body>
<header><h1>@TITLE@</h1>@SUMMARY@</header>
<main><pre id="screen" aria-label="the agent's terminal"></pre><ol id="acts" aria-label="what was decided"></ol></main>
<footer><button id="play" title="space">play</button>
<select id="speed" aria-label="speed"><option value="1">1x<option value="2">2x<option value="4">4x<option value="16">16x
</select><input id="at" type="range" min="0" step="0.01" aria-label="position" title="j and k go from act to act">
<span id="clock"></span></footer>
<script type="application/json" id="data">@DATA@</script>
<script>
"use strict";
const $=i=>document.getElementById(i),d=JSON.parse($("data").textContent);let now=0,timer=0,open=-1;
$("at").max=d.length;document.documentElement.style.setProperty("--cols",d.cols);
const clock=t=>Math.floor(t/60)+":"+String(Math.floor(t%60)).padStart(2,"0");
const items=d.acts.map((a,i)=>{const li=document.createElement("li"),b=document.createElement("button");
li.className=a.kind;const w=document.createElement("b");w.textContent=a.word;
const s=document.createElement("i");s.textContent=a.tail;
b.append(s,w," "+a.text);const m=document.createElement("pre");m.textContent=a.more.join("\\n");m.hidden=true;
b.onclick=()=>{open=open===i?-1:i;stop();go(a.t)};li.append(b,m);$("acts").append(li);return{li,m,t:a.t}});
function go(t){now=Math.min(Math.max(t,0),d.length);let lo=0,hi=d.frames.length-1;
while(lo<hi){const mid=(lo+hi+1)>>1;if(d.frames[mid][0]<=now+1e-9)lo=mid;else hi=mid-1}
$("screen").innerHTML=d.frames.length?d.frames[lo][1].map(r=>d.rows[r]).join("\\n"):"";
$("at").value=now;$("clock").textContent=clock(now)+" / "+clock(d.length);
let last=-1;items.forEach((x,i)=>{const p=x.t<=now+1e-9;
x.li.classList.toggle("past",p);x.li.classList.toggle("ahead",!p);
if(p)last=i;x.m.hidden=i!==open;x.li.removeAttribute("aria-current")});
if(last>=0)items[last].li.setAttribute("aria-current","step")}
function stop(){clearInterval(timer);timer=0;$("play").textContent="play"}
$("play").onclick=()=>{if(timer)return stop();if(now>=d.length)now=0;$("play").textContent="pause";
timer=setInterval(()=>{go(now+.05*$("speed").value);if(now>=d.length)stop()},50)};
$("at").oninput=()=>{stop();go(Number($("at").value))};
document.onkeydown=e=>{if(e.target.tagName==="SELECT"||e.ctrlKey||e.altKey||e.metaKey)return;
if(e.key===" "&&e.target.tagName!=="BUTTON"){e.preventDefault();$("play").click()}
const next=e.key==="j"?items.find(x=>x.t>now+1e-6):e.key==="k"?items.filter(x=>x.t<now-1e-6).pop():null;
if(next){stop();go(next.t);next.li.scrollIntoView({block:"nearest"})}};
const held=d.acts.filter(a=>a.kind==="deny"||a.kind==="ask").pop();go(held?held.t:d.length);
</script></body></html>
"""
