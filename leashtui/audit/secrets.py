"""Which values of an environment are secret, and the disguises they wear: quoted, escaped, URL-encoded, base64, hex.

Knows names and encodings. Refuses to know records. Invariant: only a value of eight characters or more is looked
for as it is; shorter ones would blot out ordinary words (they are still masked beside their key, see patterns).
"""

from __future__ import annotations

import base64
import json
import re
import shlex
from collections.abc import Mapping
from urllib.parse import quote, quote_plus

SHORTEST = 8

_SECRET_NAME = re.compile(
    r"KEY|TOKEN|SECRET|PASSW|PASSPHRASE|PASSCODE|CREDENTIAL|BEARER|COOKIE|PRIVATE|(?:^|_)(?:PAT|PWD|PASS|AUTH|DSN)(?:$|_)",
    re.IGNORECASE,
)
_HARMLESS_NAME = re.compile(
    r"^(?:OLD)?PWD$|^INIT_CWD$|AUTH_SOCK|XAUTHORITY|KEYMAP|KEYBOARD|KEYTIMEOUT|KEYBINDING|KEYRING_CONTROL|TOKENIZERS_|^GPG_KEY$",
    re.IGNORECASE,
)
_HARMLESS_VALUE = re.compile(
    r"(?:true|false|yes|no|on|off|none|null|enabled?|disabled?|required|optional|default|auto|always|never|prompt)",
    re.IGNORECASE,
)
_PATH = re.compile(
    r"(?:~|\.{1,2})/|/(?:home|root|usr|etc|tmp|var|run|opt|srv|mnt|media|dev|proc|sys|bin|lib|nix|snap|boot|data|app|"
    r"workspaces?|Users|Library|Applications|System|private|Volumes)(?:/|$)|[A-Za-z]:\\"
)
_URL_PASSWORD = re.compile(r"://[^\s/:@]{0,128}:([^\s/@]{4,512})@")


def secrets_of(environ: Mapping[str, str]) -> dict[str, str]:
    """The secret values of an environment by name: NAME -> value.

    A name counts when it speaks of a key, token, password, credential...; paths, booleans and values under eight
    characters do not. A password inside a URL counts whatever the name is.
    """
    found: dict[str, str] = {}
    for name, value in environ.items():
        inside = _URL_PASSWORD.search(value)
        if inside is not None:
            found[name] = inside[1]
        elif _is_secret(name, value):
            found[name] = value
    return found


def _is_secret(name: str, value: str) -> bool:
    if len(value) < SHORTEST or not _SECRET_NAME.search(name) or _HARMLESS_NAME.search(name):
        return False
    return not is_switch(value) and not is_place(value)


def is_switch(value: str) -> bool:
    """Whether a value only turns something on, off or to its default."""
    return _HARMLESS_VALUE.fullmatch(value) is not None


def is_place(value: str) -> bool:
    """Whether a value is a path."""
    return _PATH.match(value) is not None


def disguises(value: str) -> list[str]:
    """`value` and every other spelling it is looked for in, each at least eight characters, longest first.

    Base64 comes in the three alignments it can have inside a longer text, in both alphabets, less the characters its
    neighbours decide. A value of several lines is also looked for line by line, as diffs show it.
    """
    raw = value.encode("utf-8", "surrogateescape")
    found = {value, value.strip(), json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}
    quoted = shlex.quote(value)
    found.add(quoted[1:-1] if quoted.startswith("'") else quoted)
    for encoded in (quote(raw, safe=""), quote(raw), quote_plus(raw)):
        found.update((encoded, re.sub(r"%[0-9A-F]{2}", lambda m: m[0].lower(), encoded)))
    found.update((raw.hex(), raw.hex().upper(), value[::-1]))
    for offset in range(3):
        plain = _base64(raw, offset)
        found.update((plain, plain.replace("+", "-").replace("/", "_")))
    if "\n" in value:
        lines = (line.strip() for line in value.splitlines())
        found.update(line for line in lines if len(line) >= 2 * SHORTEST and not line.startswith("-----"))
    return sorted((f for f in found if len(f) >= SHORTEST), key=lambda f: (-len(f), f))


def _base64(raw: bytes, offset: int) -> str:
    """The characters of base64 that `raw` alone decides when it begins `offset` bytes into a group of three."""
    text = base64.b64encode(bytes(offset) + raw).rstrip(b"=").decode("ascii")
    first = (0, 2, 3)[offset]
    whole = (offset + len(raw)) * 8 // 6
    return text[first:whole]
