"""Which variables of an environment look like secrets, by their names and by their values, so that agents go without.

More careful than masking: a variable that is taken away breaks what needs it, so paths, addresses, switches, proxies
and passwords of services on this machine stay. Knows names and forms. Refuses to know agents and grants. Invariant:
the same name and value always get the same answer, whatever else is in the environment.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import translate
from functools import cache

from leashtui.audit.patterns import is_key
from leashtui.audit.secrets import is_place, is_switch

SECRET = (
    "*PASSWORD", "*PASSWORD_*", "*PASSWD", "*PASSPHRASE", "*_PASS", "*_PWD", "*TOKEN", "*_TOKEN_*", "*SECRET",
    "*SECRET_*", "*SECRETS", "*APIKEY", "*API_KEY", "*API_KEY_*", "*_KEY", "*ACCESS_KEY*", "*PRIVATE_KEY*",
    "*SIGNING_KEY*", "*ENCRYPTION_KEY*", "*MASTER_KEY*", "*CREDENTIAL*", "*_PAT", "*_JWT", "*COOKIE", "*_AUTH",
    "*_AUTHTOKEN", "*BEARER*", "*WEBHOOK_URL", "*_SAS", "*_BASIC_AUTH", "*OTP_SEED*", "*AUTH_CONFIG", "*_CREDS",
    "KUBE_CONFIG*", "KUBECONFIG_*",
)  # fmt: skip
"""Names, in capitals, that speak of a secret."""
ORDINARY = (
    "*AUTH_SOCK", "XAUTHORITY", "GPG_KEY", "*PUBLIC*KEY*", "*PUBLISHABLE*", "*_KEY_ID", "*CACHE_KEY*", "*_PROXY",
    "PROXY", "*KEYBOARD*", "*KEYMAP*", "*KEYTIMEOUT*", "STARSHIP_SESSION_KEY", "JENKINS*COOKIE", "XDG_SESSION_COOKIE",
    "*HOTKEY*", "*_SORT_KEY", "*PRIMARY_KEY", "*PARTITION_KEY", "DBUS_*", "GIT_AUTHOR_*", "GIT_COMMITTER_*",
)  # fmt: skip
"""Names that sound like it and are none, or that everything stops working without. A value of a known form counts all
the same, but for the proxies."""
LOGINS = ("*_DSN", "*CONNECTION_STRING", "*CONNECTIONSTRING")
"""Names of addresses that are secret where they hold a login."""
_HOLDS_LOGIN = re.compile(r"[^/\s]@|(?:password|pwd|key|signature|secret)=", re.IGNORECASE)
_PROXY = ("*_PROXY", "PROXY")
_AWS_ID = "AWS_ACCESS_KEY_ID"
"""Not secret by itself, and of no use without the other half."""
_NUMBER = re.compile(r"[\d._-]+")
_STRONG = ("*PASS*", "*_PWD", "*SECRET*", "*PIN")
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://[^\s@]+", re.IGNORECASE)
_LOGIN = re.compile(r"://[^\s/:@]{0,128}:(?P<password>[^\s/@]{1,512})@(?P<host>\[[^\]]+\]|[^\s/:?#,]*)")
_WORD = re.compile(r"[\s,;=\"'{}]+")


def looks_secret(name: str, value: str) -> bool:
    """Whether a program that is handed this variable is handed a secret."""
    upper = name.upper()
    if not value.strip() or _matches(upper, _PROXY):
        return False
    if upper == _AWS_ID or _shape(value):
        return True
    if _matches(upper, LOGINS):
        return _HOLDS_LOGIN.search(value) is not None
    if not _matches(upper, SECRET) or _matches(upper, ORDINARY):
        return False
    if is_switch(value) or is_place(value) or (_ADDRESS.fullmatch(value) and not upper.endswith("WEBHOOK_URL")):
        return False
    return _NUMBER.fullmatch(value) is None or _matches(upper, _STRONG)


def named(name: str, patterns: Iterable[str]) -> bool:
    """Whether a name is one of these, where `*` stands for anything."""
    return _matches(name.upper(), tuple(pattern.upper() for pattern in patterns))


def _shape(value: str) -> bool:
    """Whether the value is of a known form: a token by its prefix, a private key, a login for another machine."""
    login = _LOGIN.search(value)
    if login is not None and "." in (host := login["host"]) and not host.startswith("127."):
        return True
    return any(is_key(word) for word in _WORD.split(value) if word) or "PRIVATE KEY-----" in value


@cache
def _one_of(patterns: tuple[str, ...]) -> re.Pattern[str]:
    """All of them in one: a session asks about each of a hundred variables before its agent may start."""
    return re.compile("|".join(map(translate, patterns)))


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return bool(patterns) and _one_of(patterns).match(name) is not None  # no pattern at all is no name's
