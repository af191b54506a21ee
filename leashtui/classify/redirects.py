"""Redirections: which files a command reads and writes by them, and when they lead to the network.

Knows descriptors, here-documents and /dev/tcp. Refuses to know commands. Invariant: every redirection is reported,
whatever the command beside it turns out to be.
"""

from __future__ import annotations

from leashtui.classify import touch
from leashtui.classify.ledger import Span
from leashtui.classify.machine import Machine, Worlds
from leashtui.classify.patterns import lazy
from leashtui.classify.plumbing import Plumbing, is_local
from leashtui.classify.state import State
from leashtui.classify.syntax import Redirect, Redirected
from leashtui.classify.values import NOTHING, UNKNOWN, Stream, Taint, Word, bare
from leashtui.model.facts import Place, Verb

_NET = lazy(r"/dev/(?:tcp|udp)/([^/]+)/")


def plumb(machine: Machine, redirects: tuple[Redirect, ...], state: State, stdin: Stream) -> Plumbing:
    """Evaluate redirections; reads are reported now, writes by `pour` when it is known what is printed."""
    made = Plumbing(stdin)
    for redirect in redirects:
        span = machine.span(redirect.start, redirect.end)
        op = redirect.op
        if op in ("<<", "<<-"):
            text = machine.expander.one(redirect.target, state, tilde=False)
            _document(machine, redirect, state)
            made.stdin = Stream(text.taint, str(text), "the here-document")
        elif op == "<<<":
            text = machine.expander.one(redirect.target, state)
            made.stdin = Stream(text.taint, str(text) + "\n", "the here-string")
        else:
            _file(machine, made, redirect, machine.expander.pattern(redirect.target, state), state, span)
    return made


def _document(machine: Machine, redirect: Redirect, state: State) -> None:
    """Nothing to do: substitutions in the body were run by the expansion."""


def _file(machine: Machine, made: Plumbing, redirect: Redirect, target: Word, state: State, span: Span) -> None:
    op, fd = redirect.op, redirect.fd
    if op in ("<&", ">&") and (str(target).rstrip("-").isdigit() or target == "-"):
        _duplicate(made, fd or ("0" if op == "<&" else "1"), str(target), state, span)
        return
    found = _NET.match(target)
    if found is not None:
        _network(machine, made, redirect, found.group(1), span)
        return
    if op == ">&" and UNKNOWN in target and "coproc" in machine.channels and "network" in machine.ledger.signs:
        made.socket_out = True
    if op == "<" and fd not in ("", "0"):
        made.fds[fd] = touch.read(machine, state, target, span)
    elif op == "<":
        made.stdin = touch.read(machine, state, target, span)
        made.changed = target != "/dev/null"
    elif op in (">", ">>", ">|") and fd not in ("", "1", "2"):
        made.sinks[fd] = target
        made.opened.append((target, op == ">>", span))
    elif op == "<>":
        made.stdin = touch.read(machine, state, target, span)
        made.outputs.append((target, True, span))
    elif fd == "2" and op != "&>" and op != "&>>":
        made.errors.append((target, op == ">>", span))
    else:
        made.outputs.append((target, op in (">>", "&>>"), span))
        made.silent = True


def _duplicate(made: Plumbing, fd: str, source: str, state: State, span: Span) -> None:
    source = source.rstrip("-")
    stream = made.fds.get(source) or state.fds.get(source)
    sink = made.sinks.get(source) or state.sinks.get(source)
    if sink is not None and fd == "1":
        made.outputs.append((sink, True, span))
        made.silent = True
    elif sink is not None:
        made.sinks[fd] = sink
    if stream is None and source in ("0", "1", "2") and (made.socket_out or made.socket_in):
        stream = Stream(Taint.SOCKET)
    if stream is not None and stream.taint & Taint.SOCKET:
        if fd == "0":
            made.socket_in = True
            made.stdin = stream
        elif fd in ("1", "2"):
            made.socket_out = True
        made.fds[fd] = stream
    elif stream is not None and fd == "0":
        made.stdin = stream
        made.changed = True


def _network(machine: Machine, made: Plumbing, redirect: Redirect, host: str, span: Span) -> None:
    stream = Stream(Taint.SOCKET | Taint.FETCHED, None, host)
    fd = redirect.fd or ("0" if redirect.op in ("<", "<>") else "1")
    made.fds[fd] = stream
    local = is_local(host)
    if not local:
        machine.ledger.hosts[bare(host)] = None
        machine.ledger.sign("network")
        verb = Verb.NET_GET if redirect.op == "<" and fd == "0" else Verb.NET_SEND
        machine.ledger.add(verb, host, Place.NONE, f"opens a connection to {host}", span)
    if fd == "0" or redirect.op == "<>":
        made.stdin = stream
        made.socket_in = True
    if fd in ("1", "2") or redirect.op in (">&", "&>"):
        made.socket_out = True
        made.silent = True


def pour(machine: Machine, made: Plumbing, state: State, out: Stream, *, command: bool) -> Stream:
    """Report what goes where; gives what is left for the next in the pipe. command: false for a bare `> file`."""
    for target, append, span in made.outputs:
        touch.write(machine, state, target, out, span, append=append, empties=not append and not command)
    for target, append, span in made.opened:
        touch.write(machine, state, target, NOTHING, span, append=append, empties=not append and not command)
    for target, append, span in made.errors:
        touch.write(machine, state, target, Stream(out.taint & Taint.SECRET, None), span, append=append, empties=False)
    if made.socket_out and out.taint & Taint.SECRET:
        machine.ledger.sign("sends_secret")
    return NOTHING if made.silent else out


def around(machine: Machine, node: Redirected, worlds: Worlds, stdin: Stream) -> Stream:
    """A compound command with redirections."""
    out = NOTHING
    total: Worlds = []
    for world in worlds:
        made = plumb(machine, node.redirects, world, stdin)
        side = [world]
        former, sinks = world.fds, world.sinks
        world.fds, world.sinks = {**world.fds, **made.fds}, {**world.sinks, **made.sinks}
        if made.socket_out:
            world.fds = {**world.fds, "1": Stream(Taint.SOCKET)}
        printed = machine.run(node.node, side, made.stdin)
        one = pour(machine, made, side[0], printed, command=True)
        for each in side:
            each.fds, each.sinks = former, sinks
        total.extend(side)
        out = out.joined(one)
    worlds[:] = total
    return out
