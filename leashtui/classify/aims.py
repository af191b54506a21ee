"""Where an act lands that is no file of this machine: the cluster, account, repository, server or folder that a
command's words, variables and folder choose.

Knows names of options and variables that choose. Refuses to know what is done there. Invariant: two calls that choose
differently by what is known here never have the same aim.
"""

from __future__ import annotations

import hashlib
import posixpath
import shlex
from typing import TYPE_CHECKING

from leashtui.classify.options import Options
from leashtui.classify.patterns import lazy
from leashtui.classify.places import is_within
from leashtui.classify.probe import Probe
from leashtui.classify.state import State
from leashtui.classify.values import UNKNOWN, Word, show
from leashtui.model.facts import Verb
from leashtui.model.variables import chooses

if TYPE_CHECKING:
    from leashtui.classify.machine import Setting

_PLACED = frozenset((Verb.PUBLISH, Verb.CLOUD_CHANGE, Verb.REMOTE_CHANGE, Verb.DATA_CHANGE, Verb.CONTAINER_CHANGE))
"""What its arguments and its folder choose too."""
AIMED = _PLACED | {Verb.NET_SEND, Verb.REMOTE_SESSION}
"""What has an aim: all that changes something elsewhere."""
_LONG = lazy(
    r"--?(?:(?:kube-?)?context|kubeconfig|kube-apiserver|cluster|server|namespace|as(?:-group|-uid)?|profile|region"
    r"|zone|location|project(?:[-_]?(?:id|name|ref|directory))?|dataset_id|account(?:-name)?|subscription|tenant"
    r"|org(?:anization)?|team|space|scope|app|stack(?:-name)?|workspaces?|host(?:name)?|hosts|port|sock(?:et)?|registry"
    r"|repo(?:sitory)?(?:-url)?|remote|index(?:-url)?|endpoint(?:-url|s)?|(?:publish-)?url|uri|addr(?:ess)?|http-addr"
    r"|user(?:name)?|login|role-arn|db-?name|database|chdir|cwd|dir(?:ectory)?|working-dir|package-path|manifest-path"
    r"|git-dir|work-tree|prefix|env(?:ironment)?|env-file|stage|site|backend(?:-config)?|bucket|var-file|state"
    r"|service-account|impersonate-service-account|configuration|config(?:-file)?|defaults-(?:extra-)?file"
    r"|inventory|limit|resource-group|vault-name|filter|replica-set|service|login-path|url-base|api(?:-url|-server)?"
    r"|connection(?:-string)?|terragrunt-(?:working-dir|config)|ids|token-file|credentials(?:-file)?|compose-file)$"
)
"""Long options that choose, of whatever tool."""
_SHORT: dict[str, str] = {
    **dict.fromkeys("kubectl oc kubecolor k helm helm3 helmfile".split(), "-n -s"),
    **dict.fromkeys("psql pgcli usql pg_restore dropdb dropuser createdb createuser".split(), "-h -p -d -U"),
    **dict.fromkeys("mysql mariadb mysqladmin mysqlimport".split(), "-h -P -S -D -u"),
    **dict.fromkeys("redis-cli valkey-cli keydb-cli".split(), "-h -p -n -s -u"),
    **dict.fromkeys("docker podman nerdctl docker-compose podman-compose".split(), "-H -c -p -f"),
    **dict.fromkeys("gh glab hub tea".split(), "-R -r"),
    **dict.fromkeys("heroku dokku scalingo clever".split(), "-a -r -s -t -e"),
    **dict.fromkeys("az azd func".split(), "-g -n -s -e"),
    **dict.fromkeys("fly flyctl".split(), "-a -c"),
    **dict.fromkeys("vercel vc netlify ntl wrangler firebase railway supabase".split(), "-S -A -P -e -n -s -c"),
    **dict.fromkeys("serverless sls sam cdk sst".split(), "-s -e -a"),
    **dict.fromkeys("pulumi".split(), "-s -C"),
    **dict.fromkeys("ansible ansible-playbook".split(), "-i -l"),
    **dict.fromkeys("npm pnpm yarn bun".split(), "-C -w -F"),
    **dict.fromkeys("twine uv poetry hatch flit".split(), "-r -C"),
    **dict.fromkeys("make gmake just rake".split(), "-C -f"),
    **dict.fromkeys("cargo".split(), "-C -p"),
    **dict.fromkeys("nomad consul".split(), "-H"),
}
"""Short ones, which mean something else in every tool."""
_ANYWHERE = frozenset(
    "kubectl oc kubecolor k helm helm3 aws aws2 awslocal gcloud bq az gsutil s3cmd s5cmd azcopy doctl hcloud linode-cli"
    " docker podman nerdctl buildah skopeo crane regctl oras virsh lxc incus psql pgcli mysql mariadb redis-cli"
    " valkey-cli mongosh mongo cqlsh dropdb dropuser createdb createuser mysqladmin ssh scp rsync sftp curl wget twine"
    " argocd flux istioctl eksctl kops velero".split()
)
"""Tools to which the folder says nothing of where they act."""
_HUBS = frozenset("git gh glab hub tea".split())
"""Tools that act on the repository that the folder is in."""
_HOLDERS = frozenset(
    "kubectl oc kubecolor k docker podman nerdctl docker-compose podman-compose lxc incus crictl".split()
)
"""Tools that start programs inside of something, which is what they choose."""
_INSIDE = frozenset(("exec", "run", "attach"))
_TOLD = frozenset("sh bash dash ash zsh busybox env python python3 node perl ruby php psql mysql redis-cli".split())
"""Programs inside of which the words that follow choose everything."""
_LONGEST = 400
_DEPTH = 40


def aim_of(
    name: str,
    sub: str,
    options: Options,
    state: State,
    env: tuple[tuple[str, Word], ...],
    setting: Setting,
    verb: Verb,
) -> str:
    """What a call of this program chooses, as one line; '' when it chooses nothing.

    options: without the words of the subcommand. env: assignments before the command. verb: what is done there.
    """
    parts: list[str] = []
    if verb in _PLACED and name not in _HUBS:
        words = [word for word in options.args if word != "--"]
        inside = name in _HOLDERS and not _INSIDE.isdisjoint(sub.split())
        told = inside and not any(word.rpartition("/")[2] in _TOLD for word in words[1:2])
        parts += [_told(word) for word in (words[:2] if told else words)]
    short = frozenset(_SHORT.get(name, "").split())
    given = {option: "" for option in options.given if option in short or _LONG.match(option)}
    given = {o: v for o, v in given.items() if o not in {n for n, _ in options.values}}
    chosen = [f"{o}={_told(v)}" for o, v in options.values if o in short or _LONG.match(o)]
    parts += sorted({*chosen, *given})
    named = {n: " ".join(v) for n, v in state.vars.items() if v and chooses(n)}
    named.update({n: str(v) for n, v in env if chooses(n)})
    parts += sorted(f"{n}={_told(v)}" for n, v in named.items() if (n, v) not in setting.own)
    if verb in _PLACED and (name not in _ANYWHERE or sub.startswith("compose")):
        parts.append(f"in {show(_folder(name, state.cwd, setting.workspace.root, setting.probe) or UNKNOWN)}")
    text = " ".join(parts)
    if len(text) <= _LONGEST:
        return text
    return f"{text[:_LONGEST]} {hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _told(word: str) -> str:
    """A word as it is shown, quoted where it holds more than one."""
    text = show(word)
    return text if len(text.split()) == 1 and "'" not in text else shlex.quote(text)


def _folder(name: str, cwd: str, root: str, probe: Probe) -> str:
    """The folder that chooses, '' when it is not known."""
    if not cwd or UNKNOWN in cwd:
        return ""
    real = probe.real(cwd) or cwd
    if name not in _HUBS:
        return real
    above = real
    for _ in range(_DEPTH):
        if probe.exists(f"{above}/.git"):
            return above
        if above in ("/", root):
            break
        above = posixpath.dirname(above)
    return root if is_within(real, root) else real
