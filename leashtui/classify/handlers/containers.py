"""docker, podman and kubectl exec: what runs inside, what of this machine is handed in.

Knows mounts, privileges and the difference between a throw-away container and this machine. Invariant: a container
that gets the root, the home, or the engine's socket counts as privilege here.
"""

from __future__ import annotations

import re

from leashtui.classify.call import Call
from leashtui.classify.ledger import Ledger
from leashtui.classify.options import Options
from leashtui.classify.spec import Spec
from leashtui.classify.values import Stream, Taint, Word, bare, show
from leashtui.model.facts import Place, Severity, Verb

_LOOSE = ("--privileged",)


def _mounts(call: Call, options: Options) -> None:
    for value in (*options.all("-v", "--volume"), *options.all("--mount")):
        source = value.partition(":")[0]
        found = re.search(r"(?:src|source)=([^,]+)", value)
        if found is not None:
            source = found.group(1)
        path = call.path(source) if source.startswith(("/", ".", "~")) else ""
        if not path:
            continue
        place = call.place(source)
        if path.endswith(("docker.sock", "podman.sock", "containerd.sock")):
            call.add(Verb.PRIVILEGE, path, "hands the container engine itself into a container", Severity.HIGH)
        elif place in (Place.ROOT, Place.SYSTEM, Place.DEVICE, Place.PROC) and not re.fullmatch(
            r"/etc/(localtime|timezone|resolv\.conf|hosts)", path
        ):
            call.add(Verb.PRIVILEGE, path, f"hands {call.say(source)} into a container", Severity.HIGH)
        elif place is Place.SECRET:
            call.read(source)
        elif place in (Place.HOME, Place.OUTSIDE) and not value.endswith(":ro") and "readonly" not in value:
            call.add(Verb.WRITE, path, f"hands {call.say(source)} into a container", Severity.MEDIUM, place=place)


def run(call: Call, spec: Spec, options: Options) -> Stream | None:
    """docker run, create: image, then command."""
    _mounts(call, options)
    if options.has(*_LOOSE) or any(
        v in ("host", "ALL", "SYS_ADMIN") for v in options.all("--pid", "--cap-add", "--userns", "--uts", "--ipc")
    ):
        call.add(Verb.PRIVILEGE, "", "starts a container with rights over this machine", Severity.HIGH)
    for value in options.all("--security-opt"):
        if "unconfined" in value:
            call.add(Verb.PRIVILEGE, "", "starts a container without its safety limits")
    for value in options.all("--env-file"):
        call.read(value, look=True)
    image = bare(options.args[0]) if options.args else ""
    for value in options.all("-p", "--publish"):
        host = value.rpartition(":")[0]
        if host.startswith("0.0.0.0"):
            call.add(Verb.LISTEN, value, "opens a port that others can reach")
    inner = options.args[1:]
    if inner:
        _inside(call, inner)
    if image:
        call.add(Verb.EXEC, image, f"starts a container of {show(image)}")
        call.sign("network")
    return Stream(Taint.LOCAL, None)


def execute(call: Call, spec: Spec, options: Options) -> Stream | None:
    """docker exec, compose exec, kubectl exec: a command inside something that runs."""
    inner = options.args[1:]
    if "--" in call.words:
        inner = call.words[call.words.index(Word("--")) + 1 :]
    if inner and not _inside(call, inner):
        verb = Verb.CLOUD_CHANGE if call.name in ("kubectl", "oc", "k3s", "k") else Verb.CONTAINER_CHANGE
        call.add(
            verb,
            " ".join(bare(w) for w in inner)[:80],
            f"runs {show(' '.join(inner))[:60]} inside {show(options.args[0]) if options.args else 'a container'}",
        )
    elif not inner:
        call.machine.partial()
    return Stream(Taint.LOCAL, None)


def _inside(call: Call, words: list[Word]) -> bool:
    """Judge a command in a container on its own: True when it only looks or tests. Secrets and networks still count."""
    from leashtui.classify.machine import Machine
    from leashtui.classify.plumbing import Plumbing
    from leashtui.classify.state import State

    ledger = Ledger()
    inner = Machine(call.machine.setting, ledger)
    inner.depth = call.machine.depth + 1
    state = State(call.machine.setting.workspace.root)
    if inner.depth < 10:
        inner.setting.rooms.invoke(inner, state, list(words), call.stdin, call.span, Plumbing(call.stdin))
    for sign in ("sends_secret", "reverse_shell", "pipe_to_shell", "obfuscated"):
        if sign in ledger.signs:
            call.sign(sign)
    if ledger.has(Verb.SECRET_READ):
        call.reads |= Taint.SECRET
        call.add(
            Verb.SECRET_READ, "", f"shows secrets of a container with {show(' '.join(words))[:60]}", place=Place.SECRET
        )
    for verb in (Verb.NET_SEND, Verb.RUN_FETCHED, Verb.DATA_CHANGE, Verb.REMOTE_CHANGE, Verb.PUBLISH):
        if ledger.has(verb):
            call.add(verb, "", f"inside a container: {show(' '.join(words))[:60]}")
    grave = {e.verb for e in ledger.effects.values() if e.severity not in (Severity.LOW,)}
    writes = any(
        e.verb in (Verb.WRITE, Verb.DELETE, Verb.TRUNCATE, Verb.PACKAGE_ADD) and e.place is not Place.TEMP
        for e in ledger.effects.values()
    )
    return not grave and not writes


HANDLERS = {"container_run": run, "container_exec": execute}
"""See handlers/__init__.py."""
