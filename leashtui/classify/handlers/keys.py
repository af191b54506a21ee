"""Keys: ssh-keygen, ssh-agent, gpg, age.

Knows which of their options make, change, sign or only look. Refuses to look at a key. Invariant: what is decrypted
counts as a secret, whatever it was.
"""

from __future__ import annotations

from leashtui.classify.call import Call
from leashtui.classify.options import Options
from leashtui.classify.spec import Spec
from leashtui.classify.values import Stream, Taint, Word, is_fixed
from leashtui.model.facts import Place, Verb


def keygen(call: Call, spec: Spec, options: Options) -> Stream | None:
    """ssh-keygen: makes keys, changes them, or only looks."""
    if "--help" in call.words:
        return Stream(0, None)
    file = options.last("-f")
    for lib in options.all("-D", "-w"):
        call.run_file(lib, "loads")
    if options.has("-l", "-B", "-F", "-e", "-i", "-Q", "-y", "-L", "-r", "-Y", "-D"):
        if file is not None:
            call.read(file, look=True)
        return Stream(0, None)
    if options.has("-s", "-k"):
        call.add(Verb.PRIVILEGE, "", "signs a key, so that whoever holds it is let in")
        return None
    if options.has("-A"):
        call.add(Verb.SYSTEM_CHANGE, "", "makes the keys of this machine")
        return None
    if options.has("-R"):
        call.write(Word("~/.ssh/known_hosts") if file is None else file, Stream(0, None), append=True)
        return None
    call.write(Word(call.machine.setting.home + "/.ssh/id_ed25519") if file is None else file, Stream(0, None))
    return None


def agent(call: Call, spec: Spec, options: Options) -> Stream | None:
    """ssh-agent: starts one, ends one, or starts a command under one."""
    if options.has("-k"):
        call.add(Verb.PROCESS_KILL, "ssh-agent", "stops the key agent")
    elif options.args:
        call.words_run(list(options.args))
    return Stream(
        0, "SSH_AUTH_SOCK=/tmp/ssh-agent/agent.1; export SSH_AUTH_SOCK; SSH_AGENT_PID=1; export SSH_AGENT_PID;\n"
    )


def seal(call: Call, spec: Spec, options: Options) -> Stream | None:
    """gpg, age: what is decrypted is a secret; what is encrypted may be sealed for a stranger, so it stays one."""
    source = call.stdin.taint | call.reads
    if options.has("-d", "--decrypt", "--decrypt-files") or any(o.startswith("--export-secret") for o in options.given):
        source |= Taint.SECRET | Taint.DECODED
    return Stream(source, None)


def own_keys(call: Call, spec: Spec, options: Options) -> Stream | None:
    """gpg with a folder of keys that this session made; one that a text makes yet is looked at when gpg starts."""
    variable = dict(call.env).get("GNUPGHOME") or next(iter(call.state.vars.get("GNUPGHOME") or ()), None)
    folder = options.last("--homedir") or variable
    if folder is None or options.has("--options", "--keyring", "--secret-keyring", "--card-edit", "--card-status"):
        return None
    path, probe = call.path(folder), call.machine.setting.probe
    if not path or not is_fixed(path) or probe.exists(path) is False:
        own = call.machine.is_ahead
    else:
        own = bool(probe.exists(path)) and probe.made(probe.real(path))
    call.harmless = frozenset({Verb.PERSIST, Verb.SECRET_READ}) if own else call.harmless
    return None


def own_clusters(call: Call, spec: Spec, options: Options) -> Stream | None:
    """kubectl config, on settings of the session's own: which cluster others use stays as it is."""
    variable = dict(call.env).get("KUBECONFIG") or next(iter(call.state.vars.get("KUBECONFIG") or ()), None)
    told = options.last("--kubeconfig") or variable
    sub = call.parts[0] if call.parts is not None else ""
    if told is None or not is_fixed(told) or ":" in told or not sub.startswith("config "):
        return None
    path, probe = call.path(told), call.machine.setting.probe
    if not path or call.place(told) not in (Place.SOURCE, Place.GENERATED, Place.TEMP):
        return None
    real = probe.real(path)
    if (probe.made(real) and real == path) if probe.exists(path) else (probe.exists(path) is False):
        call.write(told, Stream(0, None), append=True)
        call.harmless = frozenset({Verb.CLOUD_CHANGE})
    return None


HANDLERS = {"own_clusters": own_clusters, "own_keys": own_keys, "seal": seal, "ssh_keygen": keygen, "ssh_agent": agent}
"""See handlers/__init__.py."""
