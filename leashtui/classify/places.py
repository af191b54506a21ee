"""Path classes: what kind of place an absolute path is, by its name and by where the workspace is.

Knows conventional names. Refuses to look at the disk (callers resolve links first where they can). Invariant: a path
that cannot be placed is `unknown`, and protected names are found at any depth.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from functools import lru_cache
from posixpath import normpath

from leashtui.classify.patterns import lazy
from leashtui.classify.secrets import is_secret_path
from leashtui.classify.values import BRACKET, MARK, STAR, UNKNOWN
from leashtui.classify.workspace import Workspace
from leashtui.model.facts import Place


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


SYSTEM_TOPS = _names(
    "bin boot dev etc home lib lib32 lib64 libx32 media mnt opt proc root run sbin srv sys usr var System Library"
    " Applications Users Volumes private cores nix snap"
)
_SCREENS = lazy(r"/(?:var/)?run/screen/S-[\w.-]+/.")
"""Where screen keeps the sockets of one account's sessions, as others do in /tmp."""
TEMPS = ("/tmp", "/var/tmp", "/private/tmp", "/private/var/tmp", "/dev/shm", "/var/folders", "/private/var/folders")
_HARMLESS_DEVICES = _names("null zero full random urandom tty stdin stdout stderr fd ptmx pts console")
_GENERATED_DIRS = _names(
    "node_modules bower_components jspm_packages __pycache__ .pytest_cache .mypy_cache .ruff_cache .hypothesis .tox"
    " .nox"
    " .venv venv virtualenv .eggs eggs dist build out target bin-debug obj coverage htmlcov .nyc_output .next .nuxt"
    " .output"
    " .svelte-kit .astro .docusaurus .vite .vitepress-cache .parcel-cache .turbo .cache cache .gradle .kotlin"
    " .dart_tool"
    " .angular .expo .serverless .terraform .aws-sam cdk.out storybook-static _site site-packages .sass-cache"
    " .jekyll-cache"
    " DerivedData CMakeFiles cmake-build-debug cmake-build-release Debug Release .bundle _build .stack-work"
    " dist-newstyle"
    " elm-stuff zig-cache zig-out .zig-cache bazel-bin bazel-out bazel-testlogs .ipynb_checkpoints .pnpm-store"
    " .yarn-cache"
    " .swc .webpack .rollup.cache .rpt2_cache .eslintcache-dir tmp temp .tmp .temp logs log test-results"
    " playwright-report allure-results junit pip-wheel-metadata wheelhouse .pdm-build __pypackages__ .ccls-cache"
    " .clangd"
    " .hg-cache .metals .bloop .ensime_cache project-target .benchmarks .pyre .pytype .import_linter_cache"
    " .ruff .trunk-cache .nx-cache release-artifacts artifacts .buildx-cache deps .fetch .lein-deps-sum .cpcache"
)
_GENERATED_FILES = lazy(
    r"(?x).*\.(?: pyc|pyo|pyd|o|obj|a|lo|la|so|dylib|dll|exe|class|log|log\.\d+(?:\.gz)?|tmp|temp|swp"
    r"|swo|bak|orig|rej|tsbuildinfo|gcda"
    r"|gcno|gcov|sock|socket"
    r"|profraw|profdata|cover|pid|egg-info|whl|map|d|dSYM|pdb|ilk|hi|beam|elc|aux|toc|fls|fdb_latexmk|synctex\.gz"
    r"|stackdump"
    r"|cache|out|prof|lcov|nupkg|coverprofile|dump|test|min\.js|hprof|trace)"
    r"|(?:a\.out|\.coverage(?:\..*)?|coverage\.(?:xml|json|out|lcov|txt|html)|lcov\.info|\.DS_Store|Thumbs\.db"
    r"|nohup\.out|\.eslintcache"
    r"|\.stylelintcache|junit.*\.xml|test-?(?:results?|report).*\.(?:xml|json|html)|core(?:\.\d+)?|.*~|\.\#.*"
    r"|npm-debug\.log.*"
    r"|yarn-error\.log|CMakeCache\.txt|config\.status|\.installed\.cfg|\.mypy_cache|pytestdebug\.log|c\.out|cover\.out"
    r"|gmon\.out"
    r"|profile\.out|cpu\.prof|mem\.prof|stats\.json)"
)
_HOOK_FOLDERS = _names(".husky .githooks .lefthook .lefthook-local")
_CI_FOLDERS = _names(".circleci .buildkite .woodpecker .tekton")
_AGENT_FOLDERS = _names(
    ".claude .codex .gemini .qwen .cursor .copilot .cline .clinerules .opencode .aider .windsurf .continue .roo .kiro"
    " .amazonq .vscode .idea .devcontainer .goose .zed .fleet .junie .trae .augment .kilocode .factory"
    " .agents .openhands .crush .qoder .codebuddy .lingma .iflow .kimi .run .helix .theia"
    " .amp .claude-plugin .agent .pi .aiassistant .antigravity .rovodev"
)
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
}
_PAIRED = frozenset(first for first, _ in _PAIRS)
_BY_NAME = {
    name: place
    for place, names in {
        Place.HOOK: ".pre-commit-config.yaml lefthook.yml lefthook.yaml .lefthook.yml .huskyrc .overcommit.yml"
        " .simple-git-hooks.json .simple-git-hooks.cjs .simple-git-hooks.js .lefthook.yaml lefthook.toml lefthook.json"
        " lefthook-local.yml lefthook-local.yaml .lefthook-local.yml .lefthook-local.yaml lefthook-local.toml"
        " lefthook-local.json simple-git-hooks.json simple-git-hooks.cjs simple-git-hooks.js .huskyrc.json .huskyrc.js"
        " husky.config.js captainhook.json prek.toml",
        Place.CI: ".gitlab-ci.yml .travis.yml azure-pipelines.yml Jenkinsfile bitbucket-pipelines.yml .drone.yml"
        " appveyor.yml .woodpecker.yml .cirrus.yml",
        Place.AGENT_CONFIG: "CLAUDE.md CLAUDE.local.md AGENTS.md AGENTS.override.md GEMINI.md QWEN.md .mcp.json"
        " mcp.json"
        " opencode.json opencode.jsonc .cursorrules .windsurfrules .clinerules .aider.conf.yml copilot-instructions.md"
        " claude_desktop_config.json mcp_settings.json cline_mcp_settings.json .devcontainer.json AGENT.md CRUSH.md"
        " WARP.md .goosehints .rules .augment-guidelines .kilocodemodes .roomodes crush.json .crush.json"
        " .continuerules .roorules",
        Place.SHELL_RC: ".bashrc .bash_profile .bash_login .bash_logout .bash_aliases .profile .zshrc .zprofile .zshenv"
        " .zlogin .zlogout .inputrc .envrc .gitconfig .vimrc .tmux.conf .screenrc .xinitrc .xprofile .xsession"
        " .pam_environment"
        " config.fish .kshrc .cshrc .tcshrc .login .direnvrc .pythonrc .pdbrc .gdbinit .lldbinit .psqlrc .sqliterc"
        " .irbrc"
        " .Rprofile .curlrc .wgetrc .emacs .exrc .nvimrc .nvim.lua .lvimrc .autoenv .autoenv.zsh .pryrc .byebugrc"
        " .dir-locals.el .dir-locals-2.el .vimspector.json .ycm_extra_conf.py .ghci .ocamlinit .lazy.lua .Renviron"
        " .octaverc .iex.exs .perldb .psysh.php mise.toml .mise.toml mise.local.toml .mise.local.toml",
        Place.GUARD: ".leash.toml leash.toml leash.cedar leashtui.toml .leashrc",
        Place.LOCKFILE: "package-lock.json npm-shrinkwrap.json yarn.lock pnpm-lock.yaml bun.lock bun.lockb uv.lock"
        " poetry.lock Pipfile.lock pdm.lock Cargo.lock go.sum Gemfile.lock composer.lock mix.lock flake.lock"
        " pylock.toml"
        " Podfile.lock pubspec.lock .terraform.lock.hcl deno.lock",
    }.items()
    for name in names.split()
}
START_UP = frozenset(name for name, named in _BY_NAME.items() if named is Place.SHELL_RC)
"""Names of files that shells and other programs run as they start."""
_RC_PARTS = (
    "/.config/fish/", "/.config/autostart/", "/.config/systemd/", "/.local/share/systemd/", "/Library/LaunchAgents/",
    "/.config/git/", "/.oh-my-zsh/", "/.bashrc.d/", "/.profile.d/", "/.config/nvim/", "/.vim/", "/.zsh/",
    "/.config/environment.d/", "/.emacs.d/", "/.config/direnv/", "/.local/share/nautilus/scripts/",
    "/.ipython/profile_default/startup/", "/.hg/hgrc", "/.jj/repo/config", "/.config/mise/", "/.mise/config.",
)  # fmt: skip
_GUARD_PARTS = (
    "/.config/leash", "/.local/state/leash", "/.local/share/leash", "/.cache/leash", "/etc/leash", "/run/leash",
    "/var/lib/leash", "/var/log/leash", "/Library/Application Support/leash",
)  # fmt: skip
_OWN_PLANS = lazy(
    r"/\.claude/plans/[\w.-]+\.md$|/\.gemini/tmp/(?:[\w.-]+/){1,2}plans/[\w.-]+\.md$|/\.?opencode/plans/[\w.-]+\.md$"
)
"""What an agent in its plan mode writes for itself, and shows to the person before it goes on."""
_WORKTREE = lazy(r"/\.claude/worktrees/(?!\.\.?/)[^/]+(?=/|$)")
"""Where Claude Code puts further worktrees: what lies there is the project's, not its settings."""
_GIT_HOOKS = lazy(r"/\.git/(?:modules/.*/|worktrees/[^/]+/)?(?:hooks(?:/|$)|rebase-merge/git-rebase-todo$)")
_GIT_DATA = lazy(
    r"/\.git/(?:worktrees/[^/]+/|modules/.*/)?(?:(?:objects|refs|logs)/.*|HEAD|index|packed-refs|shallow)$"
)
_LOCAL_BIN = lazy(
    r"/(?:\.?v?env[\w.-]*|\.virtualenv|\.tox/[^/]+|\.nox/[^/]+)/(?:bin|Scripts)/[^/]+$|/node_modules/\.bin/[^/]+$"
    r"|/vendor/bin/[^/]+$"
)
"""Where tools put programs into a project; elsewhere in it a folder called bin is just a folder."""
_GUARD_RUN = lazy(r"(?:/var)?/run/user/\d+/leash|/tmp/runtime-\d+/leash")
SYSTEM_DIRS = frozenset(
    "/" + d
    for d in (
        *SYSTEM_TOPS,
        *("usr/" + n for n in "bin lib lib32 lib64 libexec sbin share local include src games".split()),
        *("usr/local/" + n for n in "bin lib lib64 sbin share include etc opt".split()),
        *("var/" + n for n in "lib log spool mail cache db run lock backups www opt local".split()),
        *("etc/" + n for n in "ssh ssl pam.d systemd apt cron.d init.d sudoers.d network profile.d default".split()),
        "lib/modules", "lib/systemd", "var/lib/dpkg", "var/lib/docker", "var/lib/postgresql", "var/lib/mysql",
        "var/spool/cron",
        "boot/grub", "boot/efi", "usr/lib/systemd", "var/lib/rpm", "var/lib/pacman",
    )
)  # fmt: skip
"""Folders whose removal breaks the machine."""
VITAL_FILES = lazy(
    r"/etc/(passwd|shadow|group|gshadow|sudoers|fstab|ld\.so\.\w+|crypttab|nsswitch\.conf)"
    r"|/boot/.*|/s?bin/(sh|bash|init)|/usr/s?bin/(sh|bash|env|sudo)|/lib.*/ld-linux.*|/proc/sysrq-trigger"
)
"""Files whose loss breaks the machine."""
_DISK = lazy(
    r"/dev/(?:r?disk\d|[shv]d[a-z?*]|xvd|nvme|mmcblk|loop\d|md\d|dm-|mapper/|sr\d|sg\d|mem$|kmem$|port$|by-|disk/|zd\d"
    r"|ram\d|vg|nbd|mtd)"
)
_EXAMPLE = lazy(r"\.(example|sample|template|dist|defaults?)$")


_PROC_LINK = lazy(r"/+proc/+(?:self|thread-self|\d+)(?:/+task/+\d+)?/+(root|cwd)(?:/+|$)")


def is_disk(path: str) -> bool:
    """Whether writing to `path` writes to a disk, memory or kernel device."""
    return _DISK.match(path.replace(STAR, "*").replace(MARK, "?")) is not None


def resolve(path: str, cwd: str, home: str) -> str:
    """`path` as an absolute, normalised one. '' when nothing is known of where it starts."""
    if path.startswith("~"):
        path = home + path[1:] if path[1:2] in ("", "/") else "/home/" + path[1:]
    if path.startswith(UNKNOWN):
        return ""
    if path.startswith("/proc/"):
        path = _through_proc(path, cwd)
    if not path.startswith("/"):
        if not cwd:
            return ""
        path = cwd + "/" + path
    whole = normpath(path)
    return whole[1:] if whole.startswith("//") else whole


def _through_proc(path: str, cwd: str) -> str:
    """`/proc/self/cwd/x` and `/proc/1/root/x` are ways round to plain paths."""
    found = _PROC_LINK.match(path)
    if found is None:
        return path
    start = "" if found.group(1) == "root" else cwd
    return start + "/" + path[found.end() :]


_TELLING_FOLDERS = (
    _HOOK_FOLDERS | _CI_FOLDERS | _AGENT_FOLDERS | _names(".git .github .forgejo .gitea .leash .leashtui .ssh")
)
_TELLING_FILES = frozenset(name for name, named in _BY_NAME.items() if named is not Place.LOCKFILE)
_TELLING_END = ".code-workspace"
"""An editor's tasks and settings under any name."""


def is_telling(name: str, *, folder: bool) -> bool:
    """Whether a file of this name, or what lies in such a folder, tells programs what to do, wherever it stands."""
    return name in (_TELLING_FOLDERS if folder else _TELLING_FILES) or (not folder and name.endswith(_TELLING_END))


def is_git_data(path: str) -> bool:
    """Whether commits, or what is known of them, are lost when a program other than git writes there."""
    return _GIT_DATA.search(path) is not None


def is_within(path: str, folder: str) -> bool:
    """Whether `path` is `folder` or below it."""
    return path == folder or path.startswith(folder + "/" if folder != "/" else "/")


def parent_of(path: str) -> str:
    """The folder that holds `path`."""
    return path.rpartition("/")[0] or "/"


_BIN_FOLDERS = ("/bin/", "/sbin/", "/games/", "/.bin/", "/libexec/", "/shims/", "/git-core/")


def is_installed(path: str, workspace: Workspace, home: str) -> bool:
    """Whether an absolute path names a program that was installed, not one that was written in passing."""
    if parent_of(path) in workspace.bins:
        return True
    if place_of(path, workspace, home) is Place.TEMP or path.startswith(workspace.root + "/bin/"):
        return False
    if path.startswith(workspace.root + "/"):
        return _LOCAL_BIN.search(path) is not None
    return any(folder in path for folder in _BIN_FOLDERS)


_PACKAGE = lazy(r"/.*/node_modules/(?:@[\w.-]+/)?[\w.-]+(?=/)")


def is_of(path: str, package: str) -> bool:
    """Whether a program belongs to an npm package, or to one of those it brings along for a kind of machine."""
    return bool(package) and path.startswith((package + "/", package + "-")) and "/../" not in path


def package_of(path: str) -> str:
    """The folder of the npm package that holds a program, '' for none."""
    found = _PACKAGE.match(path)
    return found[0] if found else ""


def is_git(exe: str, workspace: Workspace, home: str) -> bool:
    """Whether an absolute path is git's own program, as it was installed."""
    return (exe.endswith("/git") or "/git-core/git" in exe) and is_installed(exe, workspace, home)


def covered_folder(path: str) -> str:
    """The folder that a trailing glob or slash-dot names as a whole: /a/* and /a/.* and /a/** are /a; else the path."""
    folder, _, last = path.rpartition("/")
    stripped = last.replace(STAR, "").replace(MARK, "")
    if last and (stripped in ("", ".") or (last.startswith((BRACKET, "." + BRACKET)) and STAR in last)):
        return folder or "/"
    return path


def matches_top(path: str) -> bool:
    """Whether a pattern at the root (/h*, /[ue]*) matches a folder that the machine needs."""
    if not (STAR in path or MARK in path or BRACKET in path) or path.count("/") != 1 or UNKNOWN in path:
        return False
    pattern = path[1:].replace(STAR, "*").replace(MARK, "?").replace(BRACKET, "[")
    return any(fnmatchcase(top, pattern) for top in SYSTEM_TOPS)


@lru_cache(maxsize=8192)
def place_of(path: str, workspace: Workspace, home: str) -> Place:
    """The class of an absolute normalised path."""
    if not path:
        return Place.UNKNOWN
    root = workspace.root
    if path == root:
        return Place.WORKSPACE
    inside = path.startswith(root + "/")
    if UNKNOWN in path:
        known = path[: path.index(UNKNOWN)]
        if not inside and not any(is_within(known.rstrip("/"), t) and known != t for t in TEMPS):
            return Place.UNKNOWN
    name = path.rpartition("/")[2]
    special = _special(path, name, home, inside, root)
    if special is not Place.NONE:
        return special
    if inside and any(is_within(path, steers) for steers in workspace.steers):
        return Place.HOOK
    if inside:
        return _inside(path[len(root) + 1 :], name)
    if any(is_within(path, folder) for folder in workspace.also):
        return Place.GIT
    return _outside(path, workspace, home)


def _special(path: str, name: str, home: str, inside: bool, root: str) -> Place:
    """Places that count wherever they stand."""
    local = path[len(root) :] if inside else path
    if "leash" in local and (any(part in local for part in _GUARD_PARTS) or _GUARD_RUN.match(local)):
        return Place.GUARD
    if not inside and (STAR in path or MARK in path or BRACKET in path) and _may_be_guard(path, home):
        return Place.GUARD
    if "/.claude/worktrees/" in local and inside:
        local = _WORKTREE.sub("", local)
    folders = local.split("/")[:-1]
    if "/.leash" in local and not {".leash", ".leashtui"}.isdisjoint(local.split("/")):
        return Place.GUARD
    if is_secret_path(path, home):
        return Place.SECRET
    named = Place.AGENT_CONFIG if name.endswith(_TELLING_END) else _BY_NAME.get(name)
    if named is not None and not (named is Place.LOCKFILE and not inside):
        return named
    if "/plans/" in path and _OWN_PLANS.search(path):
        return Place.TEMP
    for folder in () if _TELLING_FOLDERS.isdisjoint(folders) else folders:
        if folder in _HOOK_FOLDERS:
            return Place.HOOK
        if folder in _AGENT_FOLDERS and not (folder in (".vscode", ".idea") and not inside):
            return Place.AGENT_CONFIG
        if inside and folder in _CI_FOLDERS:
            return Place.CI
    if inside and not _PAIRED.isdisjoint(folders):
        for pair in zip(folders, folders[1:], strict=False):
            if pair in _PAIRS:
                return _PAIRS[pair]
    if "/.git/" in local and _GIT_HOOKS.search(local):
        return Place.HOOK
    if ("/." in path or "/Library/" in path) and any(part in path for part in _RC_PARTS):
        return Place.SHELL_RC
    return Place.NONE


def _may_be_guard(path: str, home: str) -> bool:
    """Whether a pattern could mean leash's own files, and says enough to mean them."""
    pattern = path.replace(STAR, "*").replace(MARK, "?").replace(BRACKET, "[").split("/")
    if fnmatchcase("a.cedar", pattern[-1]) and pattern[-1].endswith("cedar"):
        return True
    for part in _GUARD_PARTS[:4]:
        names = (home + part + "tui").split("/")
        if all(map(fnmatchcase, names, pattern)) and len(pattern) >= len(names) and len(pattern[-1].strip("*?")) > 0:
            return True
    return any("[" not in p and len(p.strip("*?")) > 3 and fnmatchcase("leashtui", p) for p in pattern)


def _inside(relative: str, name: str) -> Place:
    """A path in the workspace that is nothing special."""
    folders = relative.split("/")
    if folders[0] == ".git" or ".git" in folders:
        return Place.GIT
    if is_generated(folders):
        return Place.GENERATED
    return Place.SOURCE


def is_generated(folders: list[str]) -> bool:
    """Whether a relative path (its components) is conventionally made by a tool and can be made again."""
    if any(f in _GENERATED_DIRS for f in folders):
        return True
    name = folders[-1].replace(STAR, "x").replace(MARK, "x").replace(BRACKET, "x")
    bare = name.rstrip("x").rstrip(".") if STAR in folders[-1] else name
    if bare in _GENERATED_DIRS and bare:
        return True
    if any(f.endswith((".egg-info", ".dSYM", ".dist-info")) for f in folders):
        return True
    if name.startswith(("cmake-build-", "bazel-")) or re.fullmatch(r"(build|dist|out)[-_]\w+", name):
        return True
    return _GENERATED_FILES.fullmatch(name) is not None


def _outside(path: str, workspace: Workspace, home: str) -> Place:
    """A path outside the workspace that is nothing special."""
    if path == "/" or path == home or workspace.root.startswith(path + "/"):
        return Place.ROOT
    temps = (*TEMPS, *workspace.temps)
    if _SCREENS.match(path):
        return Place.TEMP
    if any(is_within(path, t) and not (is_within(home, t) and is_within(path, home)) for t in temps):
        return Place.TEMP
    if path.startswith("/dev/"):
        first = path[5:].split("/")[0]
        return Place.NONE if first in _HARMLESS_DEVICES else Place.DEVICE
    if path.startswith(("/proc/", "/sys/")) or path in ("/proc", "/sys"):
        return Place.PROC
    if path.startswith(home + "/"):
        cached = path.startswith(workspace.caches) and not path.startswith(workspace.kept)
        return Place.GENERATED if cached else Place.HOME
    top = path.split("/")[1]
    if top in ("home", "Users", "mnt", "media", "srv", "Volumes") and path.count("/") > 1:
        return Place.OUTSIDE
    return Place.SYSTEM if top in SYSTEM_TOPS else Place.OUTSIDE
