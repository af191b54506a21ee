"""Files in known secret places that hold settings alone, so that covering them would only break what reads them.

Knows the settings of npm and docker that are never secret, and values that cannot be one under any name. Refuses to
guess: whatever else is not listed here, or not in the file's own form, counts as a secret. Invariant: a file that
cannot be read whole counts as one too.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable

_LIMIT = 256 << 10
_NPM = frozenset(
    "access all allow-same-version allow-scripts also audit audit-level auth-type auto-install-peers before"
    " bin-links browser ca cache cache-max cache-min cafile call cert-file certfile cidr color commit-hooks cpu"
    " depth description dev diff dry-run editor email engine-strict expect-result-count expect-results fetch-retries"
    " fetch-retry-factor fetch-retry-maxtimeout fetch-retry-mintimeout fetch-timeout force foreground-scripts"
    " format-package-lock fund git git-tag-version global global-style globalconfig heading http-proxy https-proxy"
    " if-present ignore-scripts include include-staged include-workspace-root install-links install-scripts"
    " install-strategy json legacy-bundling legacy-peer-deps libc link link-workspace-packages local-address"
    " location lockfile lockfile-version loglevel logs-dir logs-max long maxsockets message min-release-age"
    " minimum-release-age modules-dir no-proxy node-gyp node-linker node-options nodedir noproxy offline omit"
    " omit-lockfile-registry-resolved only optional os package package-import-method package-lock package-lock-only"
    " parseable prefix progress provenance proxy python read-only rebuild-bundle registry replace-registry-host"
    " resolution-mode resolve-peers-from-workspace-root save save-bundle save-dev save-exact save-optional save-peer"
    " save-prefix save-prod save-workspace-protocol scope script-shell searchexclude searchlimit searchopts"
    " searchstaleness shamefully-hoist shared-workspace-lockfile shell shrinkwrap side-effects-cache sign-git-commit"
    " sign-git-tag state-dir store-dir strict-peer-dependencies strict-peer-deps strict-ssl tag tag-version-prefix"
    " target timing tmp umask unicode update-notifier usage use-node-version user-agent userconfig username"
    " verify-store-integrity version versions viewer virtual-store-dir which workspace-concurrency workspaces"
    " workspaces-update yes".split()
)
"""What npm, pnpm and node-gyp document and what never says who somebody is to a registry."""
_NPM_ALIKE = re.compile(
    r"@[\w.-]+:registry|(?:init|diff|prefer|save|fetch|hoist|public-hoist|allow|include)[\w.-]*(?:\[\])?|omit\[\]"
)
_TELLING = re.compile(r"^[/_]|auth|token|passw|secret|key|cert|otp|cred|sign|session|cookie", re.IGNORECASE)
_MEANT_ELSEWHERE = re.compile(r"\$\{\w+\??\}")
"""A value that stands in a variable, which is closed or open by itself."""
_PLAIN = re.compile(r"true|false|null|\d{0,4}|~?/[\w.@+ /-]*")
_BEARER = re.compile(r"://[^/\s]*@|\?")
"""A name and a password before a host, or questions to it."""
_DOCKER = frozenset(
    "credsStore credHelpers currentContext plugins cliPluginsExtraDirs psFormat imagesFormat detachKeys experimental"
    " aliases features stackOrchestrator".split()
)


def _npm(text: str) -> bool:
    for line in text.splitlines():
        if not line.strip() or line.strip()[0] in "#;":
            continue
        name, given, value = line.partition("=")
        name, value = name.strip(), value.strip().strip("\"'")
        if _MEANT_ELSEWHERE.fullmatch(value):
            continue
        known = name in _NPM or _NPM_ALIKE.fullmatch(name) is not None
        if not known and (not given or _TELLING.search(name) is not None or _PLAIN.fullmatch(value) is None):
            return False
        if _BEARER.search(value):
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
