"""Closed secrets, opened for one act: who needs which, asked before, open while it runs, closed when it has ended.

A cover answers a program with a refusal it does not understand. So where secrets are covered, an exec that needs one
says so as an effect of its own, and so does the agent's own tool that reads or changes a file there; when it is
allowed, the cover is taken away before its first instruction. Knows which program works with which keys. Refuses to
decide, and to know who still works with what is open (lending.py). Invariant: a cover is taken away only for an act
that was allowed with that effect; where it cannot be, that act is refused and told why.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from msgspec.structs import replace

from leashtui.model.facts import NAMING, Effect, Facts, Place, Severity, Verb
from leashtui.model.ports import Reply
from leashtui.model.request import Action, Layer, Request
from leashtui.model.verdict import By, Ruling, Verdict
from leashtui.supervisor.lending import Call, Lending
from leashtui.words.refusal import refusal

_LONGEST = 4096
_GIT = (".git-credentials", ".config/git/credentials")
_SSH, _WEB, _UNKNOWN = (".ssh",), _GIT, (".ssh", *_GIT)
_AUTH = frozenset(
    "install i ci add publish unpublish view info login logout whoami access owner dist-tag audit outdated update up"
    " upgrade token deprecate team org star profile".split()
)
KEYS_OF: dict[str, tuple[str, ...]] = {
    **dict.fromkeys("ssh scp sftp ssh-add ssh-copy-id autossh mosh sshfs git-upload-archive".split(), (".ssh",)),
    **dict.fromkeys(("git-credential-store", "git-credential-cache"), _GIT),
    **dict.fromkeys(("gpg", "gpg2", "gpgsm", "gpg-agent", "gpgv"), (".gnupg",)),
    **dict.fromkeys("kubectl k9s helmfile kustomize flux istioctl stern".split(), (".kube",)),
    "helm": (".kube", ".config/helm/registry"), "argocd": (".kube", ".config/argocd"),
    **dict.fromkeys("aws sam cdk eksctl copilot chamber aws-vault".split(), (".aws",)),
    **dict.fromkeys("terraform tofu terragrunt".split(), (".terraformrc", ".terraform.d", ".aws", ".azure")),
    "pulumi": (".pulumi/credentials.json", ".aws", ".azure"),
    **dict.fromkeys("gcloud gsutil bq".split(), (".config/gcloud", ".boto")),
    **dict.fromkeys(("docker", "docker-compose"), (".docker/config.json", ".dockercfg")),
    **dict.fromkeys(("podman", "buildah", "skopeo"), (".config/containers/auth.json", ".docker/config.json")),
    **dict.fromkeys("psql pg_dump pg_restore createdb dropdb pg_dumpall".split(), (".pgpass",)),
    **dict.fromkeys("mysql mysqldump mysqladmin mariadb mycli".split(), (".my.cnf",)),
    **dict.fromkeys(("twine", "flit", "poetry", "hatch", "uv", "pdm"), (".pypirc",)),
    **dict.fromkeys(("npm", "pnpm", "yarn", "npx"), (".npmrc",)),
    **dict.fromkeys(("mvn", "gradle", "mvnw", "gradlew"), (".m2/settings-security.xml",)),
    **dict.fromkeys(("fly", "flyctl"), (".fly",)),
    "cargo": (".cargo/credentials.toml", ".cargo/credentials"), "gem": (".gem/credentials",),
    "ssh-keygen": (".ssh",), "az": (".azure",),
    "gh": (".config/gh",), "hub": (".config/hub",), "glab": (".config/glab-cli",),
    "oci": (".oci",), "doctl": (".config/doctl",), "heroku": (".netrc", ".config/heroku"), "vault": (".vault-token",),
    "sops": (".config/sops", ".config/age"), "age": (".config/age",), "rclone": (".config/rclone",),
    "s3cmd": (".s3cfg",), "stripe": (".config/stripe",), "netlify": (".config/netlify",), "pass": (".password-store",),
    "databricks": (".databrickscfg",), "snowsql": (".snowsql",), "snow": (".snowflake",), "railway": (".railway",),
    "vercel": (".local/share/com.vercel.cli",), "wrangler": (".wrangler", ".config/.wrangler"), "kaggle": (".kaggle",),
    "hcloud": (".config/hcloud",), "linode-cli": (".config/linode-cli",), "scw": (".config/scw",),
    "aliyun": (".aliyun",), "ibmcloud": (".bluemix",), "ngrok": (".config/ngrok", ".ngrok2"),
    "cloudflared": (".cloudflared",), "sentry-cli": (".sentryclirc",), "jf": (".jfrog",),
    "circleci": (".circleci/cli.yml",), "supabase": (".supabase/access-token",), "tsh": (".tsh",), "mc": (".mc",),
    "openstack": (".config/openstack", ".openstack"), "firebase": (".config/configstore/firebase-tools.json",),
    "rancher": (".rancher",), "talosctl": (".talos",), "step": (".step",), "tea": (".config/tea",),
    "travis": (".travis/config.yml",), "svn": (".subversion/auth",), "jira": (".jira.d",),
    "claude": (".claude/.credentials.json",), "codex": (".codex/auth.json",), "qwen": (".qwen/oauth_creds.json",),
    "gemini": (".gemini/oauth_creds.json", ".gemini/mcp-oauth-tokens.json"), "cline": (".cline/data/secrets.json",),
    "opencode": (".local/share/opencode/auth.json", ".local/share/opencode/mcp-auth.json"),
    "goose": (".config/goose/secrets.yaml",), "composer": (".composer/auth.json", ".config/composer/auth.json"),
    "modal": (".modal.toml",), "doppler": (".doppler",), "neonctl": (".config/neonctl",), "neon": (".config/neonctl",),
    "pscale": (".config/planetscale",), "turso": (".config/turso",), "slack": (".slack/credentials.json",),
    "twilio": (".twilio-cli",), "vultr-cli": (".vultr-cli.yaml", ".config/vultr-cli.yaml"), "civo": (".civo.json",),
    "influx": (".influxdbv2",), "atlas": (".config/atlascli",), "sbt": (".sbt/.credentials", ".ivy2/.credentials"),
    **dict.fromkeys(("dart", "flutter"), (".config/dart/pub-credentials.json",)), "exo": (".config/exoscale",),
    "llm": (".config/io.datasette.llm/keys.json",), "shopify": (".config/shopify",), "infisical": (".infisical",),
    "sentry": (".config/sentry",), "acli": (".config/jira",), "ovhai": (".ovh.conf",),
}  # fmt: skip
"""Program: what it authenticates with, below the home. The list of what is covered is floor.HIDDEN and floor.KEYS."""
STATE_OF: dict[str, tuple[str, ...]] = {
    ".ssh": ("known_hosts",), ".aws": ("cli/", "sso/cache/"), ".kube": ("cache/", "http-cache/"),
    ".gnupg": (".#lk", "trustdb.gpg", "pubring.", "public-keys.d/", "random_seed", "tofu.db", "gnupg_spawn"),
    ".azure": ("",), ".config/gcloud": ("",), ".config/gh": ("hosts.yml", "state.yml"), ".config/doctl": ("cache/",),
}  # fmt: skip
"""Place: what its programs write in it by themselves, and read as data (beginnings of names)."""
_READERS = frozenset(
    "gpg gpg2 gpgsm pass sops age kubectl aws gcloud az gh glab vault ssh-keygen git-credential-store claude codex qwen"
    " gemini cline opencode goose".split()
)
"""Programs that need their key for nearly everything they do."""
_NETRC = frozenset("git-remote-https git-remote-http git-lfs wget curl http https pip pip3 uv lftp ftp".split())
"""Programs that look up a host's password in ~/.netrc by themselves."""
_HOST = re.compile(r"://(?:[^/@\s]*@)?([\w.-]+)")
_IDLE = frozenset({"--version", "-V", "--help", "-h", "version", "help", "completion", "-Q"})
_FILES = frozenset({Action.FILE_READ, Action.FILE_WRITE, Action.FILE_DELETE})
_PACKAGERS = frozenset({"npm", "pnpm", "yarn", "npx"})
_PUBLISHERS = frozenset("twine flit poetry hatch uv pdm cargo gem mvn gradle mvnw gradlew dart flutter".split())


def _way(remote: str) -> tuple[str, ...]:
    """What git shows who is meant with at an address: nothing for a folder of this machine, as git itself tells one;
    all of it where that is a name which leads nobody knows where."""
    kind, apart, _ = remote.partition("://")
    if apart:
        return {"file": (), "ssh": _SSH, "git+ssh": _SSH, "https": _WEB, "http": _WEB}.get(kind, _UNKNOWN)
    head, apart, rest = remote.partition(":")
    if "/" in head:
        return ()
    return _SSH if apart and not rest.startswith(":") else _UNKNOWN


def _speaks(effect: Effect) -> bool:
    """Whether git speaks to a remote for it: not where it only writes down what that is."""
    return effect.verb is Verb.REMOTE_CHANGE and not effect.sentence.startswith(NAMING)


def _is_own_tool(request: Request) -> bool:
    """Whether the agent's own tool is about to read or change a file, as its hook tells."""
    return request.layer is Layer.HOOK and request.action in _FILES


def _names(facts: Facts, path: str) -> bool:
    """Whether the act says itself that it reads there, so that it is asked for anyway."""
    return any(e.verb is Verb.SECRET_READ and (e.target + "/").startswith(path + "/") for e in facts.effects)


def _watched(request: Request, facts: Facts) -> Facts:
    """The facts of a read that the kernel guard asks about: only watched files are, whatever their names tell. One file
    can be granted by its path."""
    facts = replace(facts, grant_prefix=(request.path,))
    if Verb.SECRET_READ in facts.verbs():
        return facts
    sentence = f"reads {os.path.basename(request.path)}, which is under secret watch"
    effect = Effect(Verb.SECRET_READ, request.path, Place.SECRET, sentence, severity=Severity.HIGH)
    return replace(facts, effects=(*facts.effects, effect))


class Keys:
    """home: of the person. lending: opens covers. leads: the address behind the name of a remote, '' where that is not
    known. account: the home that ssh and its like go by, where HOME names another."""

    def __init__(
        self, home: str, lending: Lending, leads: Callable[[str], str] = lambda remote: "", account: str = ""
    ) -> None:
        self._leads = leads
        self._home = os.path.realpath(home) if home else ""
        self._homes = tuple(dict.fromkeys(os.path.realpath(place) for place in (home, account) if place))
        self._lending = lending
        self._covered: tuple[str, ...] = ()
        self._beginnings: tuple[str, ...] = ()
        self._linked: tuple[tuple[str, str], ...] = ()
        self.shut: dict[str, str] = {}

    def cover(
        self,
        places: Sequence[str],
        linked: Sequence[tuple[str, str]] = (),
        shut: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """What of the covers may be opened, as real paths. linked: (place, another that links in it lead to). shut:
        what stays closed whoever asks, and so does a cover that holds it, by the policy that says so."""
        self.shut = dict(shut)
        self._covered = tuple(p for p in places if not any((kept + "/").startswith(p + "/") for kept in shut))
        self._linked = tuple(linked)
        self._beginnings = tuple(place + "/" for place in self._covered)

    @property
    def places(self) -> tuple[str, ...]:
        """What of the covers may be opened, as real paths."""
        return self._covered

    def judged(self, request: Request, facts: Facts) -> Facts:
        """The facts, with the keys that the act needs and that are closed."""
        if request.action is Action.FILE_READ and request.layer is Layer.KERNEL:
            return _watched(request, facts)
        if not self._covered:
            return facts
        needed = self._needed(request, facts) if request.action is Action.PROCESS_EXEC else self._meant(request)
        effects = tuple(
            Effect(
                Verb.KEY_USE,
                path,
                Place.SECRET,
                f"opens {self._short(path)}, closed here, until this ends",
                severity=Severity.HIGH,
            )
            for path in needed
            if not _names(facts, path)
        )
        return replace(facts, effects=(*facts.effects, *effects)) if effects else facts

    def opening(self, request: Request, facts: Facts, reply: Reply) -> Reply:
        """The reply port, which opens what an allowed act needs before it goes on, and before any exec closes what was
        open for who has ended."""
        if request.action is Action.PROCESS_EXEC:
            self._lending.close_behind()
        places = self._closed_to(request, facts)
        borrower = Call(request.helper, request.call) if _is_own_tool(request) else request.process
        if not places or borrower is None:
            return reply

        def then(verdict: Verdict) -> None:
            if verdict.ruling is Ruling.ALLOW:
                why = self._lending.lend(borrower, [(path, self._short(path)) for path in places])
                if why:
                    what = f"works with {', '.join(map(self._short, places))}"
                    verdict = Verdict(Ruling.DENY, By.ERROR, refusal(by=By.ERROR, what=what, why=why), "", verdict.act)
            reply(verdict)

        return then

    def states(self, places: Sequence[str]) -> tuple[str, ...]:
        """What may be written beside keys that are open at these places."""
        below = [(os.path.join(home, name), names) for home in self._homes for name, names in STATE_OF.items()]
        known = {os.path.realpath(path): names for path, names in below}
        return tuple(f"{path}/{name}" for path in places for name in known.get(path, ()))

    def _meant(self, request: Request) -> list[str]:
        """The cover under which the agent's own tool reads or changes a file."""
        cover = self._cover_of(os.path.realpath(request.path)) if _is_own_tool(request) and request.path else ""
        return [cover] if cover else []

    def _needed(self, request: Request, facts: Facts) -> list[str]:
        """The covered places that the programs of this exec authenticate with."""
        words = set(request.argv)
        publishes = any(effect.verb is Verb.PUBLISH for effect in facts.effects)
        acts = facts.network or any(effect.severity is not Severity.LOW for effect in facts.effects)
        wanted: list[str] = []
        for program in facts.programs:
            if program in _PACKAGERS and not (publishes or words & _AUTH):
                continue
            if (program in _PUBLISHERS and not publishes) or not (acts or program in _READERS):
                continue
            if program in _READERS and words & _IDLE:
                continue
            if program == "ssh-keygen" and "-Y" not in request.argv:
                continue
            if KEYS_OF.get(program) == (".gnupg",) and self._keeps_elsewhere(request):
                continue
            wanted += KEYS_OF.get(program, ())
            if program == "git" and any(map(_speaks, facts.effects)):
                ways = [_way(self._leads(remote) or remote) for remote in facts.remotes] or [_UNKNOWN]
                if any(word.startswith("--signed") for word in request.argv):  # with a key of ssh, perhaps
                    ways.append(_SSH)
                wanted += [key for way in ways for key in way]
        if not _NETRC.isdisjoint(facts.programs) and self._in_netrc(request, facts):
            wanted.append(".netrc")
        paths = [os.path.realpath(os.path.join(home, name)) for home in self._homes for name in wanted]
        paths += self._spelled(request, facts)
        return [path for path in dict.fromkeys(paths) if self._cover_of(path)]

    def _keeps_elsewhere(self, request: Request) -> bool:
        """Whether gpg is told of another folder of keys; where a text does that, its programs are judged again."""
        told = dict(request.env).get("GNUPGHOME", "")
        if told and self._cover_of(os.path.realpath(os.path.join(request.cwd, told))):
            return False
        return bool(told) or any("GNUPGHOME" in word or "--homedir" in word for word in request.argv[1:])

    def _in_netrc(self, request: Request, facts: Facts) -> bool:
        """Whether a host that the command speaks to has a line in ~/.netrc, if that is covered."""
        path = os.path.realpath(os.path.join(self._home, ".netrc"))
        if not self._cover_of(path):
            return False
        try:
            words = Path(path).read_text(encoding="utf-8", errors="replace").split()
        except OSError:
            return False
        known = {after for word, after in zip(words, words[1:], strict=False) if word == "machine"}
        hosts = {host for word in request.argv for host in _HOST.findall(word)} | set(facts.hosts)
        return "default" in words or not known.isdisjoint(hosts)

    def _spelled(self, request: Request, facts: Facts) -> list[str]:
        """The covers over paths that the command names."""
        above = any(cover.startswith(request.cwd + "/") for cover in self._covered)
        words = [word.rpartition("=")[2] for word in request.argv[1:] if len(word) < _LONGEST]
        near = [word for word in words if word[:1] == "/" or ".." in word or above]  # no other can lead to a cover
        named = [os.path.normpath(os.path.join(request.cwd, word)) for word in near]
        targets = [e.target for e in facts.effects if e.target.startswith("/")]
        return [cover for path in (*named, *targets) if (cover := self._cover_of(path))]

    def _closed_to(self, request: Request, facts: Facts) -> tuple[str, ...]:
        """The covers that stand between an act and what it was allowed to work with."""
        if not self._covered or not (request.action is Action.PROCESS_EXEC or _is_own_tool(request)):
            return ()
        wanted = (e.target for e in facts.effects if e.verb in (Verb.KEY_USE, Verb.SECRET_READ) and e.target)
        covers = dict.fromkeys(cover for path in wanted if (cover := self._cover_of(os.path.realpath(path))))
        return tuple(dict.fromkeys((*covers, *(along for cover, along in self._linked if cover in covers))))

    def _cover_of(self, path: str) -> str:
        if not (path + "/").startswith(self._beginnings):
            return ""
        return next((cover for cover in self._covered if path == cover or path.startswith(cover + "/")), "")

    def _short(self, path: str) -> str:
        return "~" + path[len(self._home) :] if path.startswith(self._home + "/") else path
