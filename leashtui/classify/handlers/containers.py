"""docker, podman and kubectl: what runs inside, what of this machine is handed in, what a cluster gives away.

Knows mounts, privileges and the difference between a throw-away container and this machine. Invariant: what a
container does to a folder of this machine counts as done here; one that gets the root, or the engine's socket, has
privilege here.
"""

from __future__ import annotations

import re

from leashtui.classify.call import Call
from leashtui.classify.ledger import Ledger
from leashtui.classify.machine import TEXT, Machine
from leashtui.classify.options import Options
from leashtui.classify.patterns import lazy
from leashtui.classify.plumbing import Plumbing
from leashtui.classify.spec import Spec
from leashtui.classify.state import State
from leashtui.classify.values import UNKNOWN, Stream, Taint, Word, bare, show
from leashtui.model.facts import Place, Severity, Verb

_RIGHTS = lazy(
    r"(?i)^(?:host|all|(?:cap_)?sys_(?:admin|ptrace|module|rawio)|(?:cap_)?dac_read_search|(?:cap_)?net_admin)$"
)
_SOCKETS = ("docker.sock", "podman.sock", "containerd.sock", "crio.sock", "docker_engine")
_SMALL = lazy(
    r"/etc/(?:localtime|timezone|resolv\.conf|hosts|ssl(?:/.*)?|passwd|group|machine-id)|/tmp/\.X11-unix|/dev/(?:shm|dri|null|fuse)"
)
_ABROAD = (Verb.NET_SEND, Verb.RUN_FETCHED, Verb.DATA_CHANGE, Verb.REMOTE_CHANGE, Verb.PUBLISH, Verb.CLOUD_CHANGE)
_WRITES = (Verb.WRITE, Verb.DELETE, Verb.TRUNCATE, Verb.PACKAGE_ADD, Verb.DISCARD_WORK, Verb.PROCESS_KILL)
_PLAIN = lazy(r"^(?:=?(?:name|wide)$)")


def _mounts(call: Call, options: Options) -> list[tuple[str, str]]:
    """Judge what is handed in; gives (path here, path in the container)."""
    found: list[tuple[str, str]] = []
    for value in (*options.all("-v", "--volume"), *options.all("--mount"), *options.all("--device")):
        source, _, rest = value.partition(":")
        target, only = rest.partition(":")[0], bool(re.search(r":(?:[\w,]*,)?ro\b|readonly|:ro$", value))
        fields = dict(p.partition("=")[::2] for p in value.split(",") if "=" in p)
        if "src" in fields or "source" in fields:
            source = fields.get("src") or fields.get("source", "")
            target = fields.get("dst") or fields.get("target") or fields.get("destination", "")
        path = call.path(Word(source, value.taint)) if source.startswith(("/", ".", "~")) or not source else ""
        if not path or not source:
            if value.taint or not source.isascii():
                call.opaque("hands a folder into a container that is known only when it runs")
            continue
        _handed(call, Word(source, value.taint), path, only=only)
        if target and not only or target and call.place(path) in (Place.SECRET, Place.HOME, Place.ROOT):
            found.append((path, target.rstrip("/") or "/"))
    return found


def _handed(call: Call, source: Word, path: str, *, only: bool) -> None:
    place = call.place(path)
    if path.endswith(_SOCKETS):
        call.add(Verb.PRIVILEGE, path, "hands the container engine itself into a container", Severity.HIGH)
    elif _SMALL.fullmatch(path):
        return
    elif place in (Place.ROOT, Place.SYSTEM, Place.DEVICE, Place.PROC):
        call.add(Verb.PRIVILEGE, path, f"hands {call.say(source)} into a container", Severity.HIGH)
    elif place is Place.SECRET:
        call.read(source)
    elif place is Place.GUARD and not only:
        call.write(source)
    elif place in (Place.HOME, Place.OUTSIDE, Place.SHELL_RC) and not only:
        call.add(Verb.WRITE, path, f"hands {call.say(source)} into a container", Severity.MEDIUM, place=place)


def run(call: Call, spec: Spec, options: Options) -> Stream | None:
    """docker run, create: image, then command."""
    mounts = _mounts(call, options)
    if options.has("--privileged") or any(
        _RIGHTS.match(v) for v in options.all("--pid", "--cap-add", "--userns", "--uts", "--ipc", "--cgroupns")
    ):
        call.add(Verb.PRIVILEGE, "", "starts a container with rights over this machine", Severity.HIGH)
    for value in options.all("--security-opt"):
        if re.search(r"unconfined|disable|no-new-privileges[=:]false", value):
            call.add(Verb.PRIVILEGE, "", "starts a container without its safety limits")
    for value in options.all("--env-file"):
        call.read(value, look=True)
    for value in options.all("-p", "--publish"):
        if value.startswith(("0.0.0.0:", "[::]:")):
            call.add(Verb.LISTEN, value, "opens a port that others can reach")
    if options.has("--restart") and "always" in options.all("--restart"):
        call.add(Verb.PERSIST, "", "starts a container again after every restart of the machine")
    if not options.args:
        return None
    image, *inner = options.args
    start = options.last("--entrypoint")
    if start:
        inner = [start, *inner]
    if inner and not inner[0].startswith("-"):
        harmless = _inside(call, inner, kept=False)
        if not harmless and _keeps(options):
            text = show(" ".join(inner))
            call.add(Verb.CONTAINER_CHANGE, text[:80], f"runs {text[:60]} on a volume that stays")
        if mounts:
            _through(call, inner, mounts, options.last("-w", "--workdir"))
    call.add(Verb.EXEC, bare(image), f"starts a container of {show(image)}")
    call.sign("network")
    call.ledger.containers.update(bare(n) for n in options.all("--name"))
    if options.has("-d", "--detach"):
        call.ledger.containers.add(_STARTED)
        return Stream(Taint.LOCAL | (call.reads & Taint.SECRET), _STARTED + "\n")
    return Stream(Taint.LOCAL | (call.reads & Taint.SECRET), None)


_STARTED = "started-by-this-command"
"""Stands for the number that `docker run -d` prints."""


def drop(call: Call, spec: Spec, options: Options) -> Stream | None:
    """stop, kill, rm: what this very command started is its own to end."""
    at = next((i for i, w in enumerate(call.words) if w in ("rm", "remove", "stop", "kill")), 0)
    names = [bare(w) for w in call.words[at + 1 :] if not w.startswith("-")]
    if names and all(n in call.ledger.containers for n in names):
        call.add(Verb.EXEC, names[0], f"ends {show(' '.join(names))[:60]}, which this command started")
        return None
    ends = any(w in ("rm", "remove") for w in call.words[1:3])
    if ends:
        call.sign("destructive")
    what = f"{call.name} {'rm' if ends else 'stop'} {show(' '.join(names))[:60]}".strip()
    say = f"{'removes' if ends else 'changes'} containers, images or volumes: {what}"
    grade = Severity.HIGH if ends else None
    call.add(Verb.CONTAINER_CHANGE, show(" ".join(names)), say, grade, lost=ends)
    return None


def _keeps(options: Options) -> bool:
    """Whether a container is given a volume that outlives it."""
    named = (v for v in options.all("-v", "--volume") if ":" in v and not v.startswith(("/", ".", "~")))
    return options.has("--volumes-from") or any(named) or any("type=volume" in v for v in options.all("--mount"))


def execute(call: Call, spec: Spec, options: Options) -> Stream | None:
    """docker exec, compose exec, lxc exec: a command inside something that runs."""
    inner = _inner(call, options)
    name = show(options.args[0]) if options.args else "a container"
    if options.has("--privileged"):
        call.add(Verb.PRIVILEGE, name, "runs with rights over this machine inside a container", Severity.HIGH)
    if not inner:
        call.add(Verb.CONTAINER_CHANGE, name, f"opens {name}, where leash sees nothing")
    elif not _inside(call, inner, kept=True):
        text = show(" ".join(inner))
        call.add(Verb.CONTAINER_CHANGE, text[:80], f"runs {text[:60]} inside {name}")
    return Stream(Taint.LOCAL | (call.reads & Taint.SECRET), None)


def _inner(call: Call, options: Options) -> list[Word]:
    if "--" in call.words:
        return call.words[call.words.index(Word("--")) + 1 :]
    return list(options.args[1:])


def pods(call: Call, spec: Spec, options: Options) -> Stream | None:
    """kubectl exec, run, debug: a command on somebody's cluster; it always counts, and so does what it shows."""
    inner = _inner(call, options)
    if inner:
        _inside(call, inner, kept=True)
    name = show(options.args[0]) if options.args else "a pod"
    call.sign("network")
    call.add(Verb.CLOUD_CHANGE, name, f"runs {show(' '.join(inner))[:60] or 'a shell'} in the cluster, in {name}")
    if "hostPID" in " ".join(call.words) or "privileged" in " ".join(call.words):
        call.add(Verb.PRIVILEGE, name, "with rights over a machine of the cluster", Severity.HIGH)
    return Stream(Taint.LOCAL | (call.reads & Taint.SECRET), None)


def _judged(call: Call, words: list[Word], cwd: str) -> Ledger:
    """What a command would do, kept apart from what this call does."""
    ledger = Ledger()
    inner = Machine(call.machine.setting, ledger)
    inner.depth = call.machine.depth + 1
    if inner.depth < 10:
        state = State(cwd)
        call.machine.setting.rooms.invoke(inner, state, list(words), call.stdin, call.span, Plumbing(call.stdin))
    return ledger


def _inside(call: Call, words: list[Word], *, kept: bool) -> bool:
    """Judge a command in a container on its own: True when it only looks or tests. Secrets and networks still count.

    kept: the container holds something, it is not a throw-away one.
    """
    ledger = _judged(call, words, call.machine.setting.workspace.root)
    call.sign(*(s for s in ("sends_secret", "reverse_shell", "pipe_to_shell", "obfuscated") if s in ledger.signs))
    text = show(" ".join(words))[:60]
    if kept and ledger.has(Verb.SECRET_READ):
        call.reads |= Taint.SECRET
        call.add(Verb.SECRET_READ, "", f"shows secrets of a container with {text}", place=Place.SECRET)
    for verb in _ABROAD:
        if ledger.has(verb):
            call.add(verb, "", f"inside a container: {text}")
    effects = ledger.effects.values()
    if any(e.severity is not Severity.LOW for e in effects):
        return False
    if words[0].rpartition("/")[2] in ("sh", "bash", "zsh", "ash", "dash") and len(words) == 1:
        return False
    return not any(e.verb in _WRITES and e.place is not Place.TEMP for e in effects)


def _through(call: Call, words: list[Word], mounts: list[tuple[str, str]], folder: Word | None) -> None:
    """What the command does to folders of this machine that it was given."""
    mapped = [Word(_mapped(w, mounts), w.taint, w.many) for w in words]
    cwd = _mapped(folder, mounts) if folder is not None else "/nowhere"
    ledger = _judged(call, mapped, cwd)
    ours = tuple(source for source, _ in mounts)
    for effect in ledger.effects.values():
        here = any(effect.target == o or effect.target.startswith(o.rstrip("/") + "/") for o in ours)
        if effect.verb in _WRITES and effect.target and effect.place is Place.ROOT and not here:
            for source in ours:
                call.delete(source, recursive=True)
        if not here or effect.verb is Verb.EXEC:
            continue
        if effect.verb in _WRITES:
            call.sign(*(s for s in ("catastrophic", "destructive") if s in ledger.signs))
        if effect.verb is Verb.SECRET_READ or effect.place is Place.SECRET:
            call.reads |= Taint.SECRET
        call.add(
            effect.verb, effect.target, f"{effect.sentence}, from a container", effect.severity,
            place=effect.place, lost=not effect.reversible, recursive=effect.recursive,
        )  # fmt: skip


def _mapped(text: str, mounts: list[tuple[str, str]]) -> str:
    """A text with paths in the container written as the paths they are here."""
    for source, target in sorted(mounts, key=lambda m: -len(m[1])):
        text = re.sub(rf"(?<![\w./-]){re.escape(target)}(?![\w.-])", lambda _, s=source: s, text)  # type: ignore[misc]
        if len(text) > TEXT:
            return UNKNOWN
    return text


def build(call: Call, spec: Spec, options: Options) -> Stream | None:
    """docker build: a folder here is fine; an address is foreign code, an output may be a push."""
    for word in options.args[:1]:
        if re.match(r"(?:https?|git|ssh)://|git@|github\.com/", word):
            call.sign("network")
            call.add(Verb.RUN_FETCHED, bare(word), f"builds what {show(word)} holds, unseen")
    if call.stdin.taint & Taint.FETCHED and (options.args[:1] == ["-"] or "-" in options.all("-f", "--file")):
        call.add(Verb.RUN_FETCHED, "", "builds what comes from the network, unseen")
    if options.has("--push") or any("push=true" in v or "type=registry" in v for v in options.all("-o", "--output")):
        call.sign("network")
        call.add(Verb.PUBLISH, "", "publishes the image that it builds")
    if any("insecure" in bare(w) for w in call.words):
        call.add(Verb.PRIVILEGE, "", "builds with rights over this machine")
    for value in options.all("--build-arg", "--secret"):
        if value.taint & Taint.SECRET:
            call.add(Verb.SECRET_READ, "", "puts a secret into an image", place=Place.SECRET)
    return Stream(0, None)


def start(call: Call, spec: Spec, options: Options) -> Stream | None:
    """compose up, down and local chores; `down -v` throws data away."""
    if "down" in call.words and options.has("-v", "--volumes", "--rmi"):
        call.sign("destructive")
        call.add(Verb.CONTAINER_CHANGE, "", "removes the project's volumes or images", Severity.HIGH, lost=True)
    if options.has("-V", "--renew-anon-volumes"):
        call.add(Verb.CONTAINER_CHANGE, "", "throws anonymous volumes away")
    if any("://" in w for w in options.all("-f", "--file")):
        call.add(Verb.RUN_FETCHED, "", "starts containers as an address says, unseen")
    return Stream(0, None)


def copy(call: Call, spec: Spec, options: Options) -> Stream | None:
    """docker cp, kubectl cp: NAME:PATH on one side."""
    if len(options.args) < 2:
        return None
    source, target = options.args[-2:]
    inward = _named(target)
    cluster = call.name in ("kubectl", "oc", "kubecolor", "k")
    if inward:
        content = call.read(source, recursive=True) if source != "-" else call.stdin
        if cluster:
            call.sign("network")
            call.add(Verb.CLOUD_CHANGE, bare(target), f"copies {show(source)} into the cluster")
            if content.taint & Taint.SECRET:
                call.send("", content)
        else:
            call.add(Verb.CONTAINER_CHANGE, bare(target), f"copies {show(source)} into {show(target)}")
    elif _named(source):
        taint = Taint.FETCHED if cluster else 0
        if re.search(r"(?i)/(?:\.env|.*(?:secret|\.pem$|\.key$|id_rsa|credentials|token))", source):
            call.add(Verb.SECRET_READ, bare(source), f"copies the secret {show(source)} here", place=Place.SECRET)
        if target != "-":
            call.write(target, Stream(taint, None))
    return Stream(0, None)


def _named(word: str) -> bool:
    return ":" in word and not word.startswith(("/", "./", "../", "~")) and "://" not in word


def other(call: Call, spec: Spec, options: Options) -> Stream | None:
    """A subcommand that no table lists."""
    words = show(" ".join(call.words[1:]))[:60]
    call.add(Verb.CONTAINER_CHANGE, words, f"does something to containers with {call.name} {words}")
    return None


def shown(call: Call, spec: Spec, options: Options) -> Stream | None:
    """kubectl get: names are free, contents of secrets are not."""
    call.sign("network")
    about = [bare(w).lower() for w in options.args]
    raw = " ".join(options.all("--raw")).lower()
    secret = any(re.search(r"(?:^|,)(?:secrets?|sealedsecrets?)(?:$|[/,.])", w) for w in about) or "/secrets" in raw
    full = bool(raw) or any(not _PLAIN.match(v) for v in options.all("-o", "--output")) or options.has("--template")
    files = any(call.place(v) is Place.SECRET or "secret" in v.lower() for v in options.all("-f", "--filename"))
    if (secret or files) and full:
        call.reads |= Taint.SECRET
        call.add(Verb.SECRET_READ, " ".join(about)[:80], "shows secrets of the cluster", place=Place.SECRET)
    return Stream(Taint.FETCHED | call.taint(), None)


def manifests(call: Call, spec: Spec, options: Options) -> Stream | None:
    """kubectl apply -f: a manifest from an address is foreign code; secrets of this machine travel."""
    for value in options.all("-f", "--filename", "-k", "--kustomize"):
        if "://" in value or value.startswith("github.com/"):
            call.add(Verb.RUN_FETCHED, bare(value), f"runs in the cluster what {show(value)} says, unseen")
    if call.stdin.taint & Taint.FETCHED:
        call.add(Verb.RUN_FETCHED, "", "runs in the cluster what comes from the network, unseen")
    for value in options.all("--from-file", "--from-env-file"):
        path = Word(value.rpartition("=")[2], value.taint)
        if call.place(path) is Place.SECRET:
            call.read(path)
    return None


def nested(call: Call, spec: Spec, options: Options) -> Stream | None:
    """minikube kubectl -- ..., k3s kubectl ...: kubectl's own words."""
    words = options.args[1:] if options.args[:1] == ["--"] else options.args
    return call.words_run([Word("kubectl"), *words])


HANDLERS = {
    "container_drop": drop,
    "container_run": run,
    "container_exec": execute,
    "container_build": build,
    "container_start": start,
    "container_copy": copy,
    "container_other": other,
    "container_kubectl": nested,
    "kube_exec": pods,
    "kube_get": shown,
    "kube_copy": copy,
    "kube_files": manifests,
}
"""See handlers/__init__.py."""
