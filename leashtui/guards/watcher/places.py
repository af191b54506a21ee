"""Which class a workspace path has, by its name alone. Pure.

Knows the conventional names of files that decide what runs, and of secrets. Refuses to know the disk. Invariant: a
name that is protected here is protected wherever it stands, in any directory.
"""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from itertools import pairwise

from leashtui.model.facts import Place

_FOLDERS = {
    ".husky": Place.HOOK,
    ".githooks": Place.HOOK,
    ".lefthook": Place.HOOK,
    ".circleci": Place.CI,
    ".buildkite": Place.CI,
    ".claude": Place.AGENT_CONFIG,
    ".codex": Place.AGENT_CONFIG,
    ".gemini": Place.AGENT_CONFIG,
    ".qwen": Place.AGENT_CONFIG,
    ".cursor": Place.AGENT_CONFIG,
    ".copilot": Place.AGENT_CONFIG,
    ".cline": Place.AGENT_CONFIG,
    ".clinerules": Place.AGENT_CONFIG,
    ".opencode": Place.AGENT_CONFIG,
    ".aider": Place.AGENT_CONFIG,
    **dict.fromkeys(
        ".windsurf .kiro .roo .junie .trae .augment .kilocode .factory .agents .openhands .crush".split(),
        Place.AGENT_CONFIG,
    ),
    ".vscode": Place.AGENT_CONFIG,
    ".devcontainer": Place.AGENT_CONFIG,
    ".leash": Place.GUARD,
    ".ssh": Place.SECRET,
    ".aws": Place.SECRET,
    ".gnupg": Place.SECRET,
    ".kube": Place.SECRET,
    "dist": Place.GENERATED,
    "build": Place.GENERATED,
    "target": Place.GENERATED,
    "coverage": Place.GENERATED,
    "htmlcov": Place.GENERATED,
    ".next": Place.GENERATED,
    ".cache": Place.GENERATED,
}
_PAIRS = {
    (".github", "workflows"): Place.CI,
    (".github", "actions"): Place.CI,
    (".forgejo", "workflows"): Place.CI,
    (".gitea", "workflows"): Place.CI,
    (".github", "hooks"): Place.AGENT_CONFIG,
    (".github", "instructions"): Place.AGENT_CONFIG,
    (".github", "prompts"): Place.AGENT_CONFIG,
    (".github", "agents"): Place.AGENT_CONFIG,
    (".github", "chatmodes"): Place.AGENT_CONFIG,
    (".hg", "hgrc"): Place.SHELL_RC,
}
_PAIRED = frozenset(first for first, _ in _PAIRS)
_NAMES = {
    Place.HOOK: ".pre-commit-config.yaml lefthook.yml lefthook.yaml .lefthook.yml .huskyrc .overcommit.yml"
    " lefthook-local.yml lefthook-local.yaml .lefthook-local.yml .lefthook.yaml",
    Place.CI: ".gitlab-ci.yml .travis.yml azure-pipelines.yml Jenkinsfile bitbucket-pipelines.yml .drone.yml"
    " appveyor.yml .woodpecker.yml",
    Place.AGENT_CONFIG: "CLAUDE.md CLAUDE.local.md AGENTS.md AGENTS.override.md GEMINI.md QWEN.md .mcp.json mcp.json"
    " opencode.json opencode.jsonc .cursorrules .windsurfrules .clinerules .aider.conf.yml copilot-instructions.md"
    " .devcontainer.json AGENT.md CRUSH.md WARP.md .goosehints .rules .augment-guidelines .kilocodemodes .roomodes"
    " crush.json .crush.json",
    Place.SHELL_RC: ".bashrc .bash_profile .bash_login .bash_logout .bash_aliases .profile .zshrc .zprofile .zshenv"
    " .zlogin .inputrc .envrc .gitconfig mise.toml .mise.toml mise.local.toml .mise.local.toml",
    Place.GUARD: ".leash.toml leash.toml leash.cedar",
    Place.LOCKFILE: "package-lock.json npm-shrinkwrap.json yarn.lock pnpm-lock.yaml bun.lock bun.lockb uv.lock"
    " poetry.lock Pipfile.lock pdm.lock Cargo.lock go.sum Gemfile.lock composer.lock mix.lock flake.lock pylock.toml",
    Place.SECRET: ".env .netrc .pgpass .npmrc .pypirc .git-credentials .htpasswd id_rsa id_dsa id_ecdsa id_ed25519"
    " credentials.json service-account.json secrets.yml secrets.yaml secrets.json .vault-token",
}
_BY_NAME = {name: place for place, names in _NAMES.items() for name in names.split()}
_PATTERNS = (
    ("*.code-workspace", Place.AGENT_CONFIG),
    ("*.pem", Place.SECRET),
    ("*.key", Place.SECRET),
    ("*.p12", Place.SECRET),
    ("*.pfx", Place.SECRET),
    ("*.kdbx", Place.SECRET),
    (".env.*", Place.SECRET),
    ("*.env", Place.SECRET),
)
_EXAMPLES = (".example", ".sample", ".template", ".dist", ".defaults")


def place_in(root: str) -> Callable[[str], Place]:
    """The classifier of absolute paths for the workspace `root`."""
    inside = root.rstrip("/") + "/"

    def place_of(path: str) -> Place:
        if path == root:
            return Place.WORKSPACE
        named = _named(path[len(inside) :] if path.startswith(inside) else path)
        return named or (Place.SOURCE if path.startswith(inside) else Place.OUTSIDE)

    return place_of


def _named(path: str) -> Place:
    *folders, name = path.split("/")
    if name in _BY_NAME:
        return _BY_NAME[name]
    if not name.endswith(_EXAMPLES):
        for pattern, place in _PATTERNS:
            if fnmatchcase(name, pattern):
                return place
    if name in _FOLDERS and _FOLDERS[name] is not Place.GENERATED:  # a link in the folder's place
        return _FOLDERS[name]
    if name in _PAIRED:
        return Place.CI
    for pair in pairwise([*folders, name]):
        if pair in _PAIRS:
            return _PAIRS[pair]
    for folder in folders:
        if folder in _FOLDERS:
            return _FOLDERS[folder]
    return Place.NONE
