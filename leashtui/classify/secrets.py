"""Which names hold secrets: paths, environment variables, and text that looks like a credential. Pure.

Refuses to know what is done with them. Invariant: public halves, examples and templates are no secrets, and source
code about secrets is none either.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

from leashtui.classify.patterns import lazy
from leashtui.classify.values import BRACKET, MARK, STAR

_EXAMPLE = lazy(r"\.(example|sample|template|tmpl|dist|defaults?|schema|pub|md|rst|txt\.example)$")
_PUBLIC = lazy(
    r"(?:^|[-_.])pub(?:lic)?(?:key)?[-_.]|(?:^|[-_.])(?:certs?|certificate|ca|cacert|chain|fullchain|bundle|roots?)\.pem$"
)
"""Names of public halves: keys that say so, and certificates."""
_SOURCE = lazy(
    r"\.(py|pyi|js|mjs|cjs|jsx|ts|tsx|go|rs|java|kt|rb|php|c|cc|cpp|h|hpp|cs|swift|scala|ex|exs|lua|md|rst|html|css|vue"
    r"|svelte"
    r"|proto|tf|sh|sql|test\.\w+)$"
)
_NAME = lazy(
    r"(?ix)"
    r"\.env(rc)?(\.(?!example|sample|template|dist|defaults?|schema|test\.example)[\w.-]+)? | "
    r"(?!(?:defaults?|examples?|samples?|template|dist|test|ci)\.env)[\w-]+\.env | env\.(local"
    r"|prod|production)"
    r"| \.netrc | _netrc | \.pgpass | \.my\.cnf | \.mylogin\.cnf | \.npmrc | \.yarnrc\.yml | \.pypirc "
    r"| \.git-credentials | \.htpasswd"
    r"| id_(rsa|dsa|ecdsa|ed25519|ecdsa_sk|ed25519_sk) | .*\.(pem|p12|pfx|key|jks|keystore|kdbx|kdb|ppk|asc|gpg|p8|ovpn"
    r"|agekey)"
    r"| credentials?(\.(json|ya?ml|toml|ini|xml|db|csv|txt))? | \.?vault[-_]?(token|pass(word)?)(\.txt)?"
    r"| secrets?\.(json|ya?ml|toml|ini|env|txt|xml|properties|enc|tfvars) | service[-_]?account.*\.json "
    r"| .*-credentials?\.json"
    r"| client_secret.*\.json | application_default_credentials\.json | access_tokens?\.(db|json) | master\.key "
    r"| \.?auth\.json | auth\.toml"
    r"| shadow-? | gshadow-? | tokens?\.(json|txt|ya?ml) | .*[-_]token | \.?api[-_]?keys?(\.\w+)? | passwords?(\.(txt"
    r"|json|ya?ml|csv|kdbx))?"
    r"| login\s?data | cookies(\.sqlite)? | key[34]\.db | logins\.json | signons\.sqlite | wallet\.dat | keystore "
    r"| \.boto | \.s3cfg | \.dockercfg"
    r"| \.terraformrc | terraform\.tfstate(\.backup)? | .*\.auto\.tfvars | prod(uction)?\.tfvars | kubeconfig(\.\w+)? "
    r"| \.dbshell | hosts\.yml"
    r"| \.bash_history | \.zsh_history | \.sh_history | \.history | \.python_history | \.psql_history "
    r"| \.mysql_history | \.node_repl_history"
    r"| \.rediscli_history | \.sqlite_history | fish_history | \.lesshst-secret | \.?htpasswd"
    r"| ssh_host_\w+_key | krb5\.keytab | .*\.keytab | krb5cc_.* | \.Xauthority | \.esd_auth | \.msmtprc "
    r"| \.fetchmailrc | \.authinfo(\.gpg)?"
    r"| \.rclone\.conf | rclone\.conf | \.mc | \.circleci-token | \.cargo-credentials | credentials\.tfrc\.json "
    r"| accounts\.json-secret"
)
_HOSTS_YML = lazy(r"/gh/hosts\.ya?ml$|/glab-cli/config\.yml$|/hub$")
_FOLDERS = lazy(
    r"/(\.ssh|\.aws|\.gnupg|\.password-store|\.kube|\.azure|\.oci|\.vault\.d|\.docker|\.config/gcloud|\.config/gh"
    r"|\.config/hub"
    r"|\.config/op|\.config/1Password|\.config/Bitwarden( CLI)?|\.config/sops|\.config/doctl|\.config/rclone"
    r"|\.config/heroku"
    r"|\.config/stripe|\.config/netlify|\.config/configstore|\.local/share/keyrings|\.mozilla|\.config/google-chrome"
    r"|\.config/chromium"
    r"|\.config/BraveSoftware|\.thunderbird|Library/Keychains|Library/Application Support/Google/Chrome|\.electrum"
    r"|\.bitcoin"
    r"|\.config/filezilla|\.cargo/credentials\.toml|\.cargo/credentials|\.m2/settings(?:-security)?\.xml|\.gem/credentials"
    r"|\.terraform\.d"
    r"|\.fly|\.railway|\.vercel|\.wrangler|\.snowsql|\.databrickscfg|\.config/age|\.minikube/certs)(/|$)"
)
_FOLDER_PUBLIC = lazy(
    r"\.pub$|/known_hosts(\.old)?$|/\.ssh/(config|authorized_keys2?|environment|rc)$|/\.docker/(cli-plugins|contexts"
    r"|buildx|desktop)"
    r"|/\.kube/(cache|kubectx)|/\.terraform\.d/(plugins|plugin-cache)|/\.aws/(config|cli/cache-public)$"
    r"|/\.gnupg/(gpg\.conf|pubring\.\w+)$"
    r"|/\.mozilla/(extensions|native)|/\.cargo/(bin|registry)"
)
_PROC = lazy(r"^/proc/([^/]+)/(environ|mem|auxv|maps-secret|fd/.*)$")
_TOPS = ("/etc/", "/run/", "/var/", "/root/", "/proc/")
"""Where _SYSTEM and _PROC begin; most paths do not."""
_SYSTEM = lazy(
    r"^/etc/(shadow|gshadow|sudoers|sudoers\.d(/.*)?|ssl/private(/.*)?|ssh/ssh_host_\w*key|krb5\.keytab|wireguard(/.*)?"
    r"|openvpn(/.*)?"
    r"|kubernetes/.*|NetworkManager/system-connections(/.*)?|security/opasswd|master\.passwd|letsencrypt/(live"
    r"|archive)(/.*)?|ppp/.*-secrets"
    r"|docker/key\.json|rancher/.*)[-~]?$|^/run/secrets(/.*)?$|^/var/run/secrets(/.*)?$"
    r"|^/var/lib/(docker/.*config|kubelet/.*)$"
)
_ROOTS = lazy(r"^/root/\.(?!bashrc|profile).+$")
"""Another's home, unless it is one's own."""
_VARIABLE = lazy(
    r"(?i)(^|_)(secrets?|tokens?|passwd|passwords?|passphrase|passcode|pwd_?secret|credentials?|creds|apikeys?"
    r"|api_keys?|auth_?key|private_?key"
    r"|access_?keys?|secret_?keys?|client_?secret|signing_?key|encryption_?key|session_?key|master_?key|pat|jwt|bearer"
    r"|cookie|dsn|database_url"
    r"|db_url|redis_url|mongo(db)?_ur[il]|amqp_url|connection_?string|webhook_?url|sentry_auth|kubeconfig_data"
    r"|pgpassword|mysql_pwd"
    r"|service_role_key|license_?key|deploy_?key|ssh_?key|gpg_?key)(_(id|b64|base64|file_contents|v\d|prod|dev|staging"
    r"|test))?(_|$)"
    r"|^(pgpassword|mysql_pwd|redis_?password|vault_token|gh_token|npm_token|.*_pat|.*_pw|.*_key_?b?64?|.*apikey"
    r"|.*_api_key|.*_secret)$"
    r"|^[A-Z0-9_]*(TOKEN|SECRET|PASSWORD|PASSWD|APIKEY|API_KEY|ACCESS_KEY|PRIVATE_KEY|CREDENTIALS?)[A-Z0-9_]*$"
)
_VARIABLE_PUBLIC = lazy(
    r"(?i)^(ssh_auth_sock|ssh_askpass|git_askpass|.*_token_(type|url|ttl|count|limit)|max_tokens|.*max_tokens.*"
    r"|tokenizers?_.*|.*tokenizer.*"
    r"|.*_(file|path|dir|name|id_file|length|len|count|ttl|url_prefix)|public_key|.*_public_key|.*_pub|keyboard"
    r"|password_store_dir"
    r"|num_tokens|total_tokens|no_token|.*pat(h|tern)s?|secret_santa|cookie_?jar|cookies_accepted)$"
)
_VALUE = lazy(
    r"\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_\w{20,}|\bsk-[A-Za-z0-9_-]{20,}"
    r"|\bxox[abprs]-[\w-]{10,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----|\bglpat-[\w-]{16,}|\bnpm_[A-Za-z0-9]{30,}|\bAIza[\w-]{30,}|\bya29\.[\w-]{20,}"
    r"|\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]+|\b(sk|rk|pk)_live_\w{16,}|\bpypi-[\w-]{40,}|\bhf_[A-Za-z0-9]{30,}"
)


def is_secret_path(path: str, home: str) -> bool:
    """Whether the file at this absolute path is expected to hold a secret. Globs count as what they could match."""
    if STAR in path or MARK in path or BRACKET in path:
        path = _tried(path, home)
    if path.startswith(_TOPS) and (_SYSTEM.match(path) or _PROC.match(path)):
        return not path.endswith(("/fd/0", "/fd/1", "/fd/2"))
    if home != "/root" and _ROOTS.match(path):
        return True
    if ("/." in path or "/Library/" in path) and _FOLDERS.search(path):
        return _FOLDER_PUBLIC.search(path) is None
    if _HOSTS_YML.search(path):
        return True
    folder, _, name = path.rpartition("/")
    if _NAME.fullmatch(name) is None or _EXAMPLE.search(name):
        return False
    lower = name.lower()
    if lower.endswith((".asc", ".gpg")) and not re.search(r"priv|sec(?:ret|key|ring|\b)|authinfo|pass|cred", lower):
        return False  # a public key, a signature, or a text that nobody reads without the key
    if lower.endswith((".pem", ".key")) and _PUBLIC.search(lower) and "priv" not in lower:
        return lower.endswith(".pem") and "key" in lower and "pub" not in lower
    if lower in (
        "credentials",
        "credential",
        "shadow",
        "cookies",
        "keystore",
        "passwords",
        "password",
        "hosts.yml",
        "login data",
    ):
        return folder.endswith(("/.aws", "/.cargo", "/.gem", "/etc", "/Default", ".default")) or lower.startswith(
            "cred"
        )
    if lower.endswith((".asc", ".gpg", ".key", ".env")) and (
        "/docs/" in path or "/keyrings/" in path or "/public" in path
    ):
        return False
    if lower.endswith(".json") and ("auth.json" in lower) and folder.endswith("/src"):
        return False
    return _SOURCE.search(name) is None


_TELLING = tuple(
    tuple(p.split("/"))
    for p in (
        ".env .netrc .npmrc .pypirc .pgpass .git-credentials id_rsa id_ed25519 credentials server.pem server.key"
        " .ssh/id_rsa .ssh/id_ed25519 .aws/credentials .kube/config .docker/config.json .gnupg/secring.gpg"
        " .config/gh/hosts.yml .config/gcloud/credentials.db etc/shadow etc/sudoers proc/1/environ .bash_history"
    ).split()
)


def _tried(path: str, home: str) -> str:
    """A path that the pattern could match: the most telling one."""
    pattern = path.replace(STAR, "*").replace(MARK, "?").replace(BRACKET, "[").split("/")
    for tail in _TELLING:
        mine = pattern[-len(tail) :]
        folder = "/".join(pattern[: -len(tail)])
        rooted = tail[0] not in ("etc", "proc") or folder == ""
        if rooted and len(mine) == len(tail) and all(map(_fits, mine, tail)):
            return f"{folder}/{'/'.join(tail)}"
    folder, _, name = path.rpartition("/")
    return path.replace(STAR, "").replace(MARK, "").rstrip("/") + ("/x" if not name.strip(STAR + MARK) else "")


def _fits(pattern: str, name: str) -> bool:
    """Whether a pattern that says something matches a name; a pattern for the numbers of processes may say nothing."""
    return fnmatchcase(name, pattern) and (bool(pattern.strip("*?")) or name.isdigit())


def is_secret_variable(name: str) -> bool:
    """Whether an environment variable of this name is expected to hold a secret."""
    return _VARIABLE.search(name) is not None and _VARIABLE_PUBLIC.match(name) is None


def has_secret_value(text: str) -> bool:
    """Whether `text` holds something shaped like a credential."""
    return len(text) >= 16 and _VALUE.search(text) is not None
