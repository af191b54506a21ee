"""Which variables the agent gets: all that are not secret, its own provider's keys, and those granted by name.

The person's environment stays whole on leash's side, where what was withheld is still masked. Knows names, and which
programs read which. Refuses to decide: who may be granted what is said by policies when the session starts. Invariant:
a variable that looks secret reaches the agent only when it is listed as granted in the session's first record.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from leashtui.agents.adapter import Adapter
from leashtui.audit.secrets import SHORTEST
from leashtui.audit.variables import looks_secret, named
from leashtui.model.facts import Facts, Verb
from leashtui.model.ports import Reply
from leashtui.model.request import Action, Request
from leashtui.model.verdict import Ruling, Verdict
from leashtui.words.variables import how, missing

_AWS = ("AWS_*",)
_CLOUDS = (*_AWS, "ARM_*", "GOOGLE_CREDENTIALS", "TF_TOKEN_*", "PULUMI_ACCESS_TOKEN", "CLOUDFLARE_API_TOKEN")
READ_BY: dict[str, tuple[str, ...]] = {
    **dict.fromkeys("aws sam cdk eksctl copilot".split(), _AWS),
    **dict.fromkeys("terraform tofu terragrunt pulumi".split(), _CLOUDS),
    **dict.fromkeys("psql pg_dump pg_restore createdb dropdb pg_dumpall".split(), ("PGPASSWORD",)),
    **dict.fromkeys("mysql mysqldump mysqladmin mariadb".split(), ("MYSQL_PWD",)),
    **dict.fromkeys(("fly", "flyctl"), ("FLY_API_TOKEN", "FLY_ACCESS_TOKEN")),
    **dict.fromkeys(("hf", "huggingface-cli"), ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")),
    "gh": ("GH_TOKEN", "GITHUB_TOKEN", "GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN"), "hub": ("GITHUB_TOKEN",),
    "glab": ("GITLAB_TOKEN",), "az": ("AZURE_CLIENT_SECRET",), "doctl": ("DIGITALOCEAN_ACCESS_TOKEN",),
    "vercel": ("VERCEL_TOKEN",), "netlify": ("NETLIFY_AUTH_TOKEN",), "heroku": ("HEROKU_API_KEY",),
    "vault": ("VAULT_TOKEN",), "stripe": ("STRIPE_API_KEY",), "sentry-cli": ("SENTRY_AUTH_TOKEN", "SENTRY_DSN"),
    "wandb": ("WANDB_API_KEY",), "redis-cli": ("REDISCLI_AUTH",), "restic": ("RESTIC_PASSWORD",), "wrangler":
    ("CLOUDFLARE_API_TOKEN", "CLOUDFLARE_API_KEY"), "op": ("OP_SERVICE_ACCOUNT_TOKEN",), "borg": ("BORG_PASSPHRASE",),
    "supabase": ("SUPABASE_ACCESS_TOKEN",), "railway": ("RAILWAY_TOKEN",), "snyk": ("SNYK_TOKEN",),
}  # fmt: skip
"""Program: the variables it authenticates with."""
PUBLISHED_BY: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("npm", "pnpm", "yarn"), ("NPM_TOKEN", "NODE_AUTH_TOKEN", "NPM_CONFIG_*AUTH*", "YARN_NPM_AUTH*")),
    "twine": ("TWINE_PASSWORD",), "uv": ("UV_PUBLISH_TOKEN", "UV_PUBLISH_PASSWORD"), "flit": ("FLIT_PASSWORD",),
    "poetry": ("POETRY_PYPI_TOKEN_*", "POETRY_HTTP_BASIC_*"), "cargo": ("CARGO_REGISTR*_TOKEN",),
    "hatch": ("HATCH_INDEX_AUTH",), "gem": ("GEM_HOST_API_KEY",), "pdm": ("PDM_PUBLISH_PASSWORD",),
}  # fmt: skip
"""The same, where it is read only to publish."""


_PASSWORD = re.compile(r"://[^/@\s:]*:[^/@\s]+@")


def with_passwords(env: Mapping[str, str]) -> tuple[str, ...]:
    """Variables that hold an address with a password, as a proxy's may: they are not withheld."""
    return tuple(name for name, value in env.items() if _PASSWORD.search(value))


class Variables(Struct, frozen=True):
    """Names only. withheld: what the agent goes without. own: its provider's keys. given: what was granted by name."""

    withheld: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    given: tuple[str, ...] = ()

    @property
    def granted(self) -> tuple[str, ...]:
        """Every secret-looking variable that the agent gets."""
        return tuple(sorted({*self.own, *self.given}))

    def values(self, env: Mapping[str, str]) -> dict[str, str]:
        """The values to mask: of all that looked secret here, granted or not, long enough to be told from words."""
        return {name: env[name] for name in (*self.withheld, *self.granted) if len(env.get(name, "")) >= SHORTEST}

    def without(self, env: Mapping[str, str]) -> dict[str, str]:
        """`env` as the agent gets it."""
        return {name: value for name, value in env.items() if name not in self.withheld}


def sort(env: Mapping[str, str], agent: Adapter, grants: Sequence[str], more: Sequence[str]) -> Variables:
    """What becomes of the secret-looking variables of `env`. grants: names that the person gives; more: names that
    count as secret besides; `*` stands for anything in both."""
    keys = agent.keys_in(env)
    secret = sorted(n for n, v in env.items() if v and (named(n, more) or named(n, keys) or looks_secret(n, v)))
    own = tuple(name for name in secret if named(name, keys))
    given = tuple(name for name in secret if name not in own and named(name, grants))
    return Variables(tuple(name for name in secret if name not in (*own, *given)), own, given)


class Wants:
    """Tells programs that would read a withheld variable what became of it.

    say: writes a sentence on a process's stderr. tell: a sentence and what to do, for the log and the panel.
    """

    def __init__(
        self, variables: Variables, say: Callable[[int, str], object], tell: Callable[[str, str], None]
    ) -> None:
        self._withheld = variables.withheld
        self._say = say
        self._tell = tell
        self._told: set[tuple[str, tuple[str, ...]]] = set()
        self._words = re.compile(r"(?<!\w)(?:" + "|".join(map(re.escape, self._withheld)) + r")(?!\w)")

    def opening(self, request: Request, facts: Facts, reply: Reply) -> Reply:
        """The reply port, which says so before an allowed program goes on."""
        process = request.process
        if not self._withheld or process is None or request.action is not Action.PROCESS_EXEC or request.chosen:
            return reply
        names = self.wanted(request, facts)
        if not names:
            return reply
        program = facts.programs[0] if facts.programs else request.argv[0]

        def then(verdict: Verdict) -> None:
            if verdict.ruling is Ruling.ALLOW and (program, names) not in self._told:
                self._told.add((program, names))
                self._say(process.pid, missing(program, names))
                self._tell(f"{program} may want {', '.join(names)}, withheld in this session", how(names))
            reply(verdict)

        return then

    def wanted(self, request: Request, facts: Facts) -> tuple[str, ...]:
        """The withheld variables that this exec names, or that its programs are known to read."""
        publishes = any(effect.verb is Verb.PUBLISH for effect in facts.effects)
        tables = (READ_BY, PUBLISHED_BY) if publishes else (READ_BY,)
        patterns = [name for program in facts.programs for table in tables for name in table.get(program, ())]
        said = {found for word in request.argv for found in self._words.findall(word)}
        return tuple(name for name in self._withheld if name in said or named(name, patterns))
