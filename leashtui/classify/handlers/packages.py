"""Package runners and installers: what is declared passes, what is new or fetched to run at once is reported.

Knows npx, dlx, uvx and the shape of requirement words. Invariant: a package named on the command line is new unless the
tool only uses what is installed.
"""

from __future__ import annotations

import re

from leashtui.classify.call import Call, host_of
from leashtui.classify.handlers.code import judge_targets
from leashtui.classify.options import Options, split
from leashtui.classify.plumbing import is_local
from leashtui.classify.spec import Spec
from leashtui.classify.values import Stream, Word, bare, show
from leashtui.model.facts import Verb

_INDEX = (
    "-i",
    "--index-url",
    "--extra-index-url",
    "--index",
    "--default-index",
    "--registry",
    "-f",
    "--find-links",
    "--trusted-host",
    "--source",
    "--add-source",
    "--repo",
    "--repository",
)
_RUNNERS = frozenset("run run-script rum urn task workspace workspaces exec foreach -r".split())
_DEV_TOOLS = frozenset(
    "tsc eslint prettier jest vitest mocha ava tap nyc c8 webpack vite rollup esbuild swc babel next nuxt astro"
    " svelte-check vue-tsc ng"
    " playwright cypress storybook turbo nx lerna tsx ts-node ts-node-dev nodemon cross-env concurrently"
    " npm-run-all npm-run-all2 biome"
    " oxlint stylelint commitlint lint-staged tailwindcss postcss sass typedoc depcheck knip madge size-limit"
    " tsup unbuild wireit"
    " wait-on env-cmd dotenv json sort-package-json markdownlint markdownlint-cli2 cspell publint attw pyright ruff"
    " black mypy pytest"
    " drizzle-kit prisma graphql-codegen openapi-typescript api-extractor changeset wdio karma"
    " parcel gulp grunt vitepress"
    " docusaurus expo react-native metro standard xo dprint eslint_d tsd type-coverage c8 qunit ember remark".split()
)


def runner(call: Call, spec: Spec, options: Options) -> Stream | None:
    """npx, bunx, pnpm dlx, yarn dlx, uvx, pipx run: a package that is fetched and run."""
    for text in options.all("-c", "--call"):
        call.shell(text)
    words = list(options.args)
    named = options.all("-p", "--package", "--from", "--with", "--spec")
    if not words and not named:
        return None
    name = bare(named[0] if named else words[0])
    base = re.sub(r"(?<=.)@[^/]*$", "", name)
    local = options.has("--no-install", "--no", "--offline", "--prefer-offline-x")
    tool = re.sub(r"(?<=.)@[^/]*$", "", bare(words[0])) if words else base
    pinned_by_project = (
        call.name in ("npx", "exec") and (tool in _DEV_TOOLS or local or _installed(call, tool)) and "@" not in name[1:]
    )
    if local or pinned_by_project:
        _known(call, tool, words)
        return call.out()
    if name.startswith((".", "/")):
        call.run_file(Word(name))
        return call.out()
    call.sign("network")
    call.ledger.packages[f"npm:{name}" if call.name not in ("uvx", "pipx", "run") else f"pip:{name}"] = None
    call.add(Verb.RUN_FETCHED, name, f"downloads and runs the package {show(name)}")
    _known(call, tool, words)
    return call.out()


def _installed(call: Call, tool: str) -> bool:
    root = call.machine.setting.workspace.root
    return call.machine.setting.probe.exists(f"{root}/node_modules/.bin/{tool}") is True


def _known(call: Call, tool: str, words: list[Word]) -> None:
    """A packaged tool that has a table is judged by it as well."""
    if words and call.machine.setting.tools.find(tool) is not None:
        call.words_run([Word(tool), *words[1:]])
    elif words:
        call.add(Verb.EXEC, tool, f"runs {show(tool)}")


def index(call: Call, spec: Spec, options: Options) -> Stream | None:
    """Options of installers that point at another source of packages."""
    for name, value in options.values:
        if name in _INDEX and ("://" in value or name == "--trusted-host"):
            host = host_of(value)
            if not is_local(host) and not re.search(
                r"(^|\.)(pypi\.org|npmjs\.org|npmjs\.com|yarnpkg\.com|crates\.io|rubygems\.org|pytorch\.org"
                r"|packagist\.org)$",
                host,
            ):
                call.ledger.hosts[host] = None
                call.add(Verb.PACKAGE_ADD, host, f"takes packages from {host}")
    for name, value in options.values:
        if name in ("-r", "--requirement", "-c", "--constraint") and "://" in value:
            call.add(Verb.PACKAGE_ADD, bare(value), f"installs what {host_of(value)} lists")
            call.fetch(value)
    return None


def scripts(call: Call, spec: Spec, options: Options) -> Stream | None:
    """npm run X, yarn X, pnpm -r X, deno task X: a script of the project, judged by its name."""
    words = [bare(w) for w in split(call.words[1:], spec).args]
    while words and words[0] in _RUNNERS:
        words = words[2:] if words[0] in ("workspace", "workspaces") else words[1:]
    judge_targets(call, [w.lower() for w in words[:1]])
    return None


def project_run(call: Call, spec: Spec, options: Options) -> Stream | None:
    """uv run, poetry run, bundle exec, mise exec: a program of the project's own environment."""
    words = list(options.args)
    if options.has("-m", "--module"):
        words = [Word("python"), Word("-m"), *options.all("-m", "--module"), *words]
    if not words:
        return None
    first = bare(words[0])
    call.direct = False
    if first.endswith(".py"):
        return call.words_run([Word("python"), *words])
    if "/" in first or call.machine.setting.tools.find(first) is not None:
        return call.words_run(words)
    judge_targets(call, [first.lower()])
    call.add(Verb.EXEC, first, f"runs {show(first)} from the project's environment")
    return None


HANDLERS = {"runner": runner, "index": index, "scripts": scripts, "project_run": project_run}
"""See handlers/__init__.py."""
