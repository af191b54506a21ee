"""Clouds from the command line: which verb a command ends in, what it uploads, which secret it prints.

Knows how aws, gcloud, az and their kin are worded: groups, then a verb. Invariant: a command whose verb is not known to
only look is a change.
"""

from __future__ import annotations

import re

from leashtui.classify.call import Call
from leashtui.classify.options import Options, split
from leashtui.classify.patterns import lazy
from leashtui.classify.spec import Spec
from leashtui.classify.values import Stream, Taint, Word, bare, show
from leashtui.classify.verbs import NAMES, kind_of
from leashtui.model.facts import Place, Severity, Verb

_SECRET = lazy(
    r"(?i)secret|passw|credential|token|connection-?string|(?:access|api|auth|private|account|master|primary|shared)-?_?key"
    r"|kubeconfig|kubernetes-admin|publish-profile|certificate-key|\bkeys?$|(?:^|:)(?:env|config|vars?)$"
)
_PRINTS = lazy(r"(?:get|show|print|access|read|reveal|export|decrypt|pull|view|fetch|generate|display|dump|cat)(?:-|$)")
_TELLS = lazy(
    r"get-secret-value|batch-get-secret-value|print-(?:access|identity|refresh)|get-session-token|get-federation-token"
    r"|get-login(?:-password)?$|get-authorization-token|export-credentials|assume-role|get-password-data|^decrypt$"
    r"|get-access-token|(?:show|list)-connection-strings?|list-publishing|list-keys$|listkeys|list-admin-key|get-cluster-cred"
    r"|generate-db-auth-token|get-token$|get-role-credentials|create-access-key|list-credentials"
)
_ABOUT = lazy(r"^get-.*(?:-policy|-last-used|credential-report)$")
_SENDS = lazy(
    r"(?:put-object|put-item|put-record|send|publish|invoke|upload|cp|rsync|sync|mv|batch-write|batch-put)(?:-|$)"
)
_OUTSIDE = lazy(r"^(?:s3|gs|r2|az|oss|cos|obs|b2|oci|spaces|s3a|minio|swift|wasbs?|abfss?|https?)://")
_FILE = lazy(r"^(?:[\w.-]+=)?(?:fileb?://|@)?(.+)$", re.S)


def _words(call: Call, spec: Spec) -> tuple[list[str], Options]:
    whole = call.machine.setting.tools.find(call.name) or spec
    options = split(call.words[1:], whole, spec)
    found = [bare(w) for w in options.args]
    while found and found[0] in ("alpha", "beta", "preview", "ga"):
        found.pop(0)
    return found, options


def judge(call: Call, spec: Spec, options: Options) -> Stream | None:
    """A command of a cloud's own tool."""
    words, options = _words(call, spec)
    if not words or words[0] in ("help", "version", "completion"):
        return None
    call.sign("network")
    kind, verb = kind_of(words)
    shown = show(" ".join(words))[:80]
    if _tells(words, verb, kind, call):
        call.reads |= Taint.SECRET
        call.add(Verb.SECRET_READ, shown, f"shows a secret with {call.name} {shown}", place=Place.SECRET)
    if kind == "look":
        if verb == "get-object" and len(options.args) > 2:
            call.write(options.args[-1])
        return Stream(call.taint() | Taint.FETCHED, None)
    _files(call, options, sends=bool(_SENDS.match(verb)))
    if kind == "end":
        call.sign("destructive")
        call.add(Verb.CLOUD_CHANGE, shown, f"deletes in the cloud with {call.name} {shown}", Severity.HIGH, lost=True)
    else:
        call.add(Verb.CLOUD_CHANGE, shown, f"changes the cloud with {call.name} {shown}")
    return Stream(call.taint(), None)


def _tells(words: list[str], verb: str, kind: str, call: Call) -> bool:
    """Whether it prints a secret, not only names of secrets."""
    if any(_TELLS.search(w) for w in words):
        return True
    if _ABOUT.search(words[-1]):
        return False
    if "--with-decryption" in call.words or "--include-secrets" in call.words:
        return True
    if kind == "look" or _PRINTS.match(verb) or _PRINTS.match(words[-1]):
        if NAMES.match(verb):
            return words[-2:] == ["keys", "list"] and "iam" not in words
        return any(_SECRET.search(w) for w in words) and not any(w.startswith("describe") for w in words)
    return False


def _files(call: Call, options: Options, *, sends: bool) -> None:
    """Files and values that a change takes along."""
    content = Stream(call.stdin.taint & Taint.SECRET)
    for word in [*options.args, *(v for _, v in options.values), *call.words[1:]]:
        taint = getattr(word, "taint", 0) & Taint.SECRET
        content = content.joined(Stream(taint))
        found = _FILE.match(word.partition("=")[2] if word.startswith("--") else word)
        path = found.group(1) if found is not None else ""
        if path and "://" not in path and not path.startswith("-") and call.place(path) is Place.SECRET:
            content = content.joined(call.read(Word(path)))
    if sends:
        call.send("", content)
    elif content.taint & Taint.SECRET:
        call.reads |= Taint.SECRET


def objects(call: Call, spec: Spec, options: Options) -> Stream | None:
    """cp, mv, sync, rsync between here and a bucket, a pod or a container."""
    if len(options.args) < 2:
        return None
    *sources, target = options.args
    call.sign("network")
    moves = call.words[1:4].count(Word("mv")) > 0
    content = Stream(0, "")
    for source in sources:
        if _away(source, call):
            content = content.joined(Stream(Taint.FETCHED))
            if moves:
                call.sign("destructive")
                call.add(Verb.CLOUD_CHANGE, bare(source), f"moves {show(source)} out of its bucket", lost=True)
        elif source == "-":
            content = content.joined(call.stdin)
        else:
            content = content.joined(call.read(source, recursive=True))
            if moves:
                call.delete(source, recursive=True)
    if _away(target, call):
        taint = content.taint | (target.taint & Taint.SECRET)
        verb = Verb.CLOUD_CHANGE
        call.add(verb, bare(target), f"writes to {show(target)} with {call.name}")
        call.send(bare(target), Stream(taint), "files")
        if options.has("--delete", "-d", "--delete-unmatched-destination-objects", "--del"):
            call.sign("destructive")
            call.add(verb, bare(target), f"deletes what is extra in {show(target)}", Severity.HIGH, lost=True)
    elif target != "-":
        call.write(target, Stream(Taint.FETCHED))
        if options.has("--delete", "--delete-unmatched-destination-objects"):
            call.delete(target, recursive=True)
    return Stream(content.taint, None)


def _away(word: str, call: Call) -> bool:
    """Whether a path is in a bucket; pods, instances and containers are NAME:PATH."""
    if _OUTSIDE.match(word):
        return True
    if call.name in ("aws", "gsutil", "s5cmd", "s3cmd", "azcopy"):
        return False
    return bool(re.match(r"^[\w./@-]+:", word)) and not word.startswith(("/", "./", "../"))


def upload(call: Call, spec: Spec, options: Options) -> Stream | None:
    """az storage blob upload -f FILE, ... : files given by options leave the machine."""
    _files(call, options, sends=True)
    return None


def names(call: Call, spec: Spec, options: Options) -> Stream | None:
    """A value by its name: terraform output -raw db_password, pulumi config get token."""
    if any(_SECRET.search(w) for w in options.args) or options.has("--show-secrets"):
        call.reads |= Taint.SECRET
        call.add(Verb.SECRET_READ, show(" ".join(options.args)), "shows a value that is a secret", place=Place.SECRET)
    return Stream(call.taint(), None)


def plans(call: Call, spec: Spec, options: Options) -> Stream | None:
    """terraform's harmless half: plan, show, output; a plan's programs and a named secret still count."""
    names(call, spec, options)
    words = {bare(w) for w in call.words[1:]}
    if {"run", "--all"} <= words and words & {"apply", "destroy"}:
        return applies(call, spec, options)
    if "init" in words and options.has("-migrate-state", "-force-copy", "-reconfigure"):
        call.add(Verb.CLOUD_CHANGE, "", "moves the state to another place with terraform init", Severity.HIGH)
    if "console" in words:
        call.machine.partial()
    return Stream(call.taint(), None)


def applies(call: Call, spec: Spec, options: Options) -> Stream | None:
    """terraform apply -destroy, run --all destroy."""
    words = {bare(w) for w in call.words[1:]}
    if words & {"-destroy", "--destroy", "destroy", "rm", "delete"}:
        call.sign("destructive")
    call.add(Verb.CLOUD_CHANGE, "", f"changes what stands in the cloud with {call.name}", Severity.HIGH)
    return None


def runs(call: Call, spec: Spec, options: Options) -> Stream | None:
    """railway run CMD, eas run, fly machine run: a command here with the service's variables, or a change there."""
    known = call.machine.setting.tools.find(options.args[0].rpartition("/")[2]) if options.args else None
    if known is not None and call.name in ("railway", "render", "netlify", "encore", "sst", "wing"):
        call.words_run(list(options.args))
        return None
    call.add(Verb.CLOUD_CHANGE, "", f"runs something at {call.name}")
    return None


HANDLERS = {
    "cloud": judge,
    "cloud_copy": objects,
    "cloud_upload": upload,
    "cloud_value": names,
    "cloud_run": runs,
    "tf_look": plans,
    "tf_apply": applies,
}
"""See handlers/__init__.py."""
