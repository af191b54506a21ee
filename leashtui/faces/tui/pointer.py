"""What the mouse does, as the bytes a program asked for: SGR, urxvt, UTF-8 or the first xterm's.

Pure. Refuses to know engines. Invariant: nothing is sent that the tracking mode did not ask for.
"""

from __future__ import annotations

from collections.abc import Callable

from leashtui.faces.tui.engine import MouseAct

_HELD = {"shift": 4, "meta": 8, "ctrl": 16}


def tracking(mode: Callable[[int], bool]) -> str:
    """off, basic, button or any: what a program wants to hear. mode: whether a private mode is set."""
    return "any" if mode(1003) else "button" if mode(1002) else "basic" if mode(1000) or mode(9) else "off"


def mouse_bytes(act: MouseAct, mode: Callable[[int], bool], down: int | None) -> bytes:
    """The report of one act. down: the button that is held while the pointer moves, None for none."""
    wanted = tracking(mode)
    wheel = act.button >= 64
    if wanted == "off":
        if wheel and act.kind == "press" and mode(1007) and (mode(1049) or mode(1047) or mode(47)):
            return (b"\x1bO" if mode(1) else b"\x1b[") + (b"A" if act.button == 64 else b"B")
        return b""
    moving = act.kind == "move"
    if moving and (wanted == "basic" or (wanted == "button" and down is None)):
        return b""
    if mode(9) and not mode(1000) and wanted == "basic" and (act.kind != "press" or wheel):
        return b""
    held = sum(_HELD[name] for name in act.held if name in _HELD)
    button = (3 if down is None else down) + 32 if moving else act.button
    x, y = act.x + 1, act.y + 1
    if mode(1006):
        return b"\x1b[<%d;%d;%d%s" % (button + held, x, y, b"m" if act.kind == "release" else b"M")
    code = (3 if act.kind == "release" else button) + held
    if mode(1015):
        return b"\x1b[%d;%d;%dM" % (code + 32, x, y)
    if mode(1005):
        return b"\x1b[M" + "".join(chr(32 + n) for n in (code, min(x, 2015), min(y, 2015))).encode()
    return b"\x1b[M" + bytes((32 + code, min(255, 32 + x), min(255, 32 + y)))
