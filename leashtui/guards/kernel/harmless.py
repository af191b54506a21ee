"""Files in known secret places that hold settings alone, so that covering them would only break what reads them.

Knows the settings of npm and docker that are never secret. Refuses to guess: whatever is not listed here, or not in the
file's own form, counts as a secret. Invariant: a file that cannot be read whole counts as one too.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable

_LIMIT = 256 << 10
_NPM = re.compile(
    r"(?:@[\w.-]+:)?registry|fund|audit(?:-level)?|save(?:-\w+)?|prefix|cache|loglevel|engine-strict|package-lock"
    r"|legacy-peer-deps|strict-peer-dependencies|strict-ssl|progress|update-notifier|color|ignore-scripts|prefer-\w+"
    r"|init[-.][\w.-]+|node-linker|shamefully-hoist|auto-install-peers|public-hoist-pattern(?:\[\])?|hoist\w*|omit"
    r"|include|optional|store-dir|resolution-mode|install-links|install-strategy|workspaces|fetch-[\w-]+|maxsockets"
    r"|script-shell|unicode|tag-version-prefix|access|before|global|yes|provenance|ca(?:file)?|nodedir|tmp|cert-?file"
    r"|node-options|logs-(?:dir|max)|globalconfig|https?-?proxy|no-?proxy|local-address|offline|timing|lockfile-version"
    r"|omit-lockfile-registry-resolved|install-scripts|allow-scripts|minimum-release-age|min-release-age"
)
_DOCKER = frozenset(
    "credsStore credHelpers currentContext plugins cliPluginsExtraDirs psFormat imagesFormat detachKeys experimental"
    " aliases features stackOrchestrator".split()
)


def _npm(text: str) -> bool:
    for line in text.splitlines():
        if not line.strip() or line.strip()[0] in "#;":
            continue
        name, _, value = line.partition("=")
        if _NPM.fullmatch(name.strip()) is None or "@" in value or "?" in value:
            return False
    return True


def _docker(text: str) -> bool:
    document = json.loads(text)
    if not isinstance(document, dict) or not document.keys() <= _DOCKER | {"auths"}:
        return False
    auths = document.get("auths", {})
    return isinstance(auths, dict) and not any(auths.values())


_READ: dict[str, Callable[[str], bool]] = {".npmrc": _npm, ".docker/config.json": _docker}


def holds_secret(home: str, name: str) -> bool:
    """Whether what lies at a known place below the home may hold a secret."""
    harmless = _READ.get(name)
    if harmless is None:
        return True
    try:
        with open(os.path.join(home, name), encoding="utf-8") as file:
            text = file.read(_LIMIT + 1)
        return len(text) > _LIMIT or not harmless(text)
    except (OSError, ValueError, RecursionError):
        return True
