"""What holds the agent whatever it asks and however it races: Landlock rights, and files that are covered.

In tier strict the agent's own Landlock domain may write nothing but terminals and the harmless devices: every change to
the file system is made by the supervisor, which is outside of the domain, after a decision. So nothing rests on the
agent's memory holding still while we read it. The right to truncate is not among those: it costs every open for reading
a walk up to the root, truncate(2) is never let through, and an open that would empty what it may not write is refused
(files.py). Secrets are covered by mounts. Knows rights and places. Refuses to judge.
Invariant: the floor only ever takes away; what it gives (devices) could be given to anybody.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable

from msgspec import Struct

from leashtui.guards.kernel.harmless import holds_secret
from leashtui.guards.kernel.strays import strays
from leashtui.model.request import Tier

WRITE_FILE, REFER = 1 << 1, 1 << 13
REMOVES = 1 << 4 | 1 << 5
MAKES = 1 << 6 | 1 << 7 | 1 << 8 | 1 << 9 | 1 << 10 | 1 << 11 | 1 << 12
CHANGES = WRITE_FILE | REFER | REMOVES | MAKES
LEAST_ABI = 3
"""Landlock before it leaves truncation free (Linux 6.2)."""
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty", "/dev/ptmx")
"""Free for everybody; so is the terminal that the agent is started on, whose number the launcher knows."""

HIDDEN = (
    ".password-store", ".config/op", ".config/Bitwarden CLI", ".Xauthority", ".authinfo", ".authinfo.gpg", ".msmtprc",
    ".local/share/keyrings", ".mozilla", ".thunderbird", ".config/google-chrome", ".config/chromium",
    ".config/BraveSoftware", ".config/microsoft-edge", ".electrum", ".bitcoin", ".config/filezilla", ".config/opera",
    ".config/vivaldi", ".config/google-chrome-beta", ".config/google-chrome-unstable", ".librewolf", ".waterfox",
    ".var/app/org.mozilla.firefox", ".var/app/com.google.Chrome", ".var/app/org.chromium.Chromium", "snap/firefox",
    "snap/chromium", "snap/thunderbird", ".local/share/kwalletd", ".config/1Password", ".config/Bitwarden",
    ".config/keepassxc", ".local/share/lpass", ".config/Signal", ".config/Slack", ".config/discord", ".purple",
    ".local/share/TelegramDesktop", ".local/share/evolution", ".fetchmailrc", ".offlineimaprc", ".davfs2/secrets",
    ".smbcredentials", ".ethereum", ".config/solana/id.json", ".bitmonero", ".config/Exodus", ".mylogin.cnf",
    ".config/github-copilot", ".config/Cursor/User/globalStorage", ".config/Code/User/globalStorage/state.vscdb",
    ".config/Postman", ".config/Insomnia", ".config/remmina", ".local/share/remmina", ".vnc", ".local/share/epiphany",
    ".config/epiphany", ".local/share/qutebrowser", ".config/Element", ".config/Mattermost",
    ".config/teams-for-linux", ".zoom", ".config/protonmail", ".config/Authy Desktop", ".config/Ledger Live",
    ".lastpass", ".local/share/Bitwarden", ".getmail", ".mbsyncrc", ".config/isync", ".config/himalaya",
    ".config/msmtp", ".config/aerc/accounts.conf", ".weechat/sec.conf", ".config/weechat/sec.conf", ".config/hexchat",
    ".config/Nextcloud", ".config/syncthing", ".local/state/syncthing", ".local/share/atuin/key", ".config/borg/keys",
    ".config/borg/security", ".passwd-s3fs", ".wireguard", ".openvpn", ".near-credentials",
    ".sui/sui_config/sui.keystore", ".aptos", ".foundry/keystores", ".brownie/accounts", ".acme.sh", ".lego",
    ".gitlab-runner", ".config/tailscale", ".config/qBittorrent",
)  # fmt: skip
"""Below the home: what is covered where it exists when the session starts, as no tool of a session has use for it."""
KEYS = (
    ".ssh", ".aws", ".gnupg", ".kube", ".azure", ".oci", ".docker/config.json", ".config/gcloud", ".config/gh",
    ".config/hub", ".config/glab-cli", ".config/sops", ".config/doctl", ".config/rclone", ".config/heroku",
    ".config/stripe", ".config/netlify", ".netrc", ".npmrc", ".pypirc", ".git-credentials", ".pgpass", ".my.cnf",
    ".cargo/credentials.toml", ".cargo/credentials", ".gem/credentials", ".m2/settings-security.xml",
    ".terraform.d/credentials.tfrc.json", ".terraformrc", ".vault-token", ".boto", ".s3cfg", ".dockercfg",
    ".config/age", ".config/git/credentials", ".fly", ".config/containers/auth.json", ".databrickscfg", ".snowsql",
    ".snowflake", ".railway", ".local/share/com.vercel.cli", ".wrangler", ".config/.wrangler", ".kaggle",
    ".config/hcloud", ".config/linode-cli", ".config/scw", ".aliyun", ".bluemix", ".config/ngrok", ".ngrok2",
    ".cloudflared", ".sentryclirc", ".jfrog", ".pulumi/credentials.json", ".config/argocd", ".circleci/cli.yml",
    ".config/helm/registry", ".vault.d", ".supabase/access-token", ".tsh", ".config/openstack", ".openstack", ".mc",
    ".config/configstore/firebase-tools.json", ".rancher", ".talos", ".step", ".config/tea", ".travis/config.yml",
    ".subversion/auth", ".jira.d", ".claude/.credentials.json", ".codex/auth.json", ".gemini/oauth_creds.json",
    ".gemini/mcp-oauth-tokens.json", ".local/share/opencode/auth.json", ".local/share/opencode/mcp-auth.json",
    ".qwen/oauth_creds.json", ".cline/data/secrets.json", ".config/goose/secrets.yaml",
    ".composer/auth.json", ".config/composer/auth.json", ".modal.toml", ".doppler", ".config/neonctl",
    ".config/planetscale", ".config/turso", ".slack/credentials.json", ".twilio-cli", ".vultr-cli.yaml",
    ".config/vultr-cli.yaml", ".civo.json", ".influxdbv2", ".config/atlascli", ".sbt/.credentials",
    ".ivy2/.credentials", ".config/dart/pub-credentials.json", ".config/io.datasette.llm/keys.json",
    ".config/exoscale", ".config/shopify", ".config/sentry", ".infisical", ".config/jira", ".ovh.conf",
)  # fmt: skip
"""Below the home: what git, package managers, cloud tools and other agents work with; opened for the act that was
allowed to."""
HISTORIES = (
    ".bash_history", ".zsh_history", ".local/share/fish/fish_history", ".psql_history", ".mysql_history",
    ".sqlite_history", ".rediscli_history",
)  # fmt: skip
"""Below the home: what shells and clients add typed lines to, passwords among them. They are closed, but to that."""


class Floor(Struct, frozen=True):
    """tier: which filter. handled: Landlock rights that are denied but where rules (path, rights) give them.

    covered: existing files and directories that are shown empty and closed. veil: an empty file of mode 0 to bind.
    windows: directories below covered ones that are shown all the same, by their whole paths only. owned: (copy,
    original): files that are shown as the person's own, see owned.py. reads: whether opens for reading are seen.
    linked: (cover, another cover that links in it lead to).
    """

    tier: Tier = Tier.EXEC
    handled: int = 0
    rules: tuple[tuple[str, int], ...] = ()
    covered: tuple[str, ...] = ()
    veil: str = ""
    windows: tuple[str, ...] = ()
    owned: tuple[tuple[str, str], ...] = ()
    reads: bool = False
    linked: tuple[tuple[str, str], ...] = ()


BARE = Floor()
"""Tier exec: nothing but the scopes."""


def floor_for(
    tier: Tier,
    home: str,
    own: Iterable[str],
    veil: str,
    *,
    workspace: str,
    covers: bool,
    free: Collection[str] = (),
    more: Iterable[str] = (),
    windows: tuple[str, ...] = (),
    owned: tuple[tuple[str, str], ...] = (),
    account: str = "",
) -> Floor:
    """The floor of tier strict or compat; in compat without a Landlock domain of files, under which no sandbox could
    mount. own: leash's directories that nobody inside needs to read. covers: mounts work here.

    free, more: names below the home that are not covered, and further ones that are. windows: real paths of what in
    them somebody does need. account: the home that the machine gives this user, where HOME names another: ssh and its
    like look for keys there all the same.
    """
    homes = [*dict.fromkeys(place for place in (home, account) if place)]
    covered: list[str] = []
    linked: list[tuple[str, str]] = []

    def close(path: str, at: int) -> bool:
        holds = (workspace + "/").startswith(path.rstrip("/") + "/")
        if not os.path.exists(path) or holds or any((path + "/").startswith(c + "/") for c in covered):
            return False
        covered.insert(at, path)
        return True

    if covers:
        names = [name for name in (*HIDDEN, *KEYS, *HISTORIES) if name not in free]
        known = [(place, name) for place in homes for name in names if holds_secret(place, name)]
        further = [os.path.join(home, name) for name in more if home]
        wanted = [*(os.path.join(*place) for place in known), *further, *own]
        for path in dict.fromkeys(os.path.realpath(path) for path in wanted if os.path.lexists(path)):
            close(path, len(covered))
        keys = {os.path.realpath(os.path.join(place, name)): place for place, name in known if name in KEYS}
        for cover in [path for path in covered if path in keys]:
            place = os.path.realpath(keys[cover])
            for target in strays(cover, place, (place, workspace, *own)):
                if close(target, 0) or target in covered:  # before leash's own places, where the veil lies
                    linked.append((cover, target))
    rules = tuple((device, WRITE_FILE) for device in DEVICES)
    shown = tuple(path for path in windows if any(path.startswith(c + "/") for c in covered))
    strict = tier is Tier.STRICT
    return Floor(
        tier,
        CHANGES if strict else 0,
        rules if strict else (),
        tuple(covered),
        veil,
        shown,
        owned if covered else (),
        linked=tuple(linked),
    )
