"""What a socket that a guard caught would reach: another host, a port others can reach, a program outside the session.

Knows the conventional names of services that act for whoever talks to them. Refuses to resolve names. Invariant: an
address is a fact, not a judgement; loopback is no network, but for what obeys whoever calls.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import TYPE_CHECKING

from leashtui.classify.values import show
from leashtui.model.facts import Place, Severity, Verb
from leashtui.model.request import Action, Request

if TYPE_CHECKING:
    from leashtui.classify.ledger import Span
    from leashtui.classify.machine import Machine

_SERVICES = (
    (r"(docker|podman|containerd|crio|lxd)[\w.-]*(\.sock|/unix\.socket|\.socket)$|/docker/", "the container engine"),
    (r"/tmux-\d+/|/screen/|/zellij", "a terminal multiplexer of the person"),
    (r"/(dbus|bus)\b|system_bus_socket", "D-Bus, which opens keyrings and starts programs"),
    (r"ssh-|/agent\.|S\.ssh|/ssh/", "the ssh agent, which signs with the person's keys"),
    (r"gnupg|S\.gpg", "the gpg agent, which signs with the person's keys"),
    (r"\.X11-unix|wayland-", "the person's screen and keyboard"),
    (r"vscode|code-|nvim|emacs", "the person's editor"),
    (r"systemd", "systemd, which starts programs"),
    (r"postgres|mysql|mongo|redis", "a database"),
)
CONTROLS = {
    2375: "the container engine", 2376: "the container engine", 5037: "the person's telephone, by its debugger",
    9222: "the person's browser, by its debugger", 9229: "another program, by its debugger",
    **dict.fromkeys(range(5900, 5910), "the person's screen and keyboard"),
    **dict.fromkeys((6000, 6001, *range(6010, 6020)), "the person's screen and keyboard"),
}  # fmt: skip
"""Ports of this machine at which whoever calls gets hold of a program, and no other kind of server is usual."""
_RUN = tuple((re.compile(pattern), words) for pattern, words in _SERVICES)


def meet_door(machine: Machine, request: Request, span: Span) -> str:
    """Add what the request reaches to the machine's ledger; how a person would write it."""
    ledger = machine.ledger
    program = request.exe.rpartition("/")[2] or "a program"
    if request.path:
        words = next(
            (words for pattern, words in _RUN if pattern.search(request.path)), "a program outside the session"
        )
        sentence = f"{program} talks to {words} through {show(request.path)}"
        ledger.add(Verb.SERVICE, show(request.path), Place.NONE, sentence, span, Severity.HIGH)
        return request.path
    where = f"[{request.host}]:{request.port}" if ":" in request.host else f"{request.host}:{request.port}"
    if request.action is Action.NET_BIND:
        if not is_loopback(request.host):
            ledger.sign("network")
            sentence = f"{program} opens port {request.port} to other machines"
            if request.late:
                sentence += "; it is open to this machine, and to others from its next start on"
            ledger.add(Verb.LISTEN, where, sentence=sentence, span=span)
        return where
    if request.unled:
        sentence = f"{program} calls the MCP server {show(request.unled)} at {where}, which leash does not stand before"
        ledger.add(Verb.SERVICE, where, Place.NONE, sentence, span, Severity.MEDIUM)
        return where
    if request.port in CONTROLS and _is_here(request.host):
        sentence = f"{program} talks to {CONTROLS[request.port]} through {where}"
        ledger.add(Verb.SERVICE, where, Place.NONE, sentence, span, Severity.HIGH)
        return where
    if not is_loopback(request.host):
        known = f" ({show(request.named)})" if request.named else ""
        ledger.hosts[request.host] = None
        ledger.sign("network")
        ledger.add(Verb.NET_CONNECT, where, sentence=f"{program} connects to {where}{known}", span=span)
    return where


def _is_here(host: str) -> bool:
    """Whether what is sent to the address stays here; that of no machine in particular does."""
    return is_loopback(host) or host in ("0.0.0.0", "::")


def is_loopback(host: str) -> bool:
    """Whether the address is one of this machine's loopback; a name is none."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
