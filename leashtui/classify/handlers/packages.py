"""Package runners and installers: what is declared passes, what is new or fetched to run at once is reported.

Knows npx, dlx, uvx, scripts of projects and the shape of requirement words. Invariant: a package named on the command
line is new unless the tool only uses what is installed.
"""

from __future__ import annotations

import re

from leashtui.classify.call import Call, host_of
from leashtui.classify.code import judge_stream, run_script
from leashtui.classify.handlers.code import judge_targets
from leashtui.classify.indirection import indirect
from leashtui.classify.options import Options, split
from leashtui.classify.patterns import lazy
from leashtui.classify.plumbing import is_local
from leashtui.classify.project import around, run_listed, run_package_script
from leashtui.classify.requirements import only_builds
from leashtui.classify.spec import Spec
from leashtui.classify.values import UNKNOWN, Stream, Word, bare, show
from leashtui.model.facts import Place, Verb

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
_DEV_TOOLS = frozenset(
    "tsc eslint prettier jest vitest mocha ava tap nyc c8 webpack vite rollup esbuild swc babel next nuxt astro"
    " svelte-check vue-tsc ng nuxi sv"
    " playwright cypress storybook turbo nx lerna tsx ts-node ts-node-dev nodemon cross-env concurrently"
    " npm-run-all npm-run-all2 biome"
    " oxlint stylelint commitlint lint-staged tailwindcss postcss sass typedoc depcheck knip madge size-limit"
    " tsup unbuild wireit"
    " wait-on env-cmd dotenv json sort-package-json markdownlint markdownlint-cli2 cspell publint attw pyright ruff"
    " black mypy pytest"
    " drizzle-kit prisma graphql-codegen openapi-typescript api-extractor changeset wdio karma"
    " parcel gulp grunt vitepress"
    " docusaurus expo react-native metro standard xo dprint eslint_d tsd type-coverage c8 qunit ember remark"
    " rimraf shx cpx copyfiles mkdirp husky patch-package semantic-release release-it standard-version stryker"
    " jscodeshift swagger-cli redocly spectral newman mochawesome zx vue-cli-service react-scripts craco gatsby"
    " electron-builder electron-forge eslint-config-prettier npm-check html-validate ts-prune ts-json-schema-generator"
    " msw zod-to-json-schema knex sequelize typeorm mikro-orm sequelize-cli web-ext relay-compiler"
    " babel-node rspack rsbuild farm wxt plasmo ladle histoire testcafe nightwatch web-test-runner wtr".split()
)
"""Tools that projects declare: `npx NAME` runs the declared one."""
_DEPLOYERS = frozenset(
    "wrangler vercel netlify firebase serverless sls sst cdk amplify pulumi surge gh-pages np lerna vsce ovsx fly"
    " supabase convex eas sentry-cli render railway heroku aws terraform kubectl docker forever pm2 degit".split()
)
"""Tools whose work lies outside: a script's name that is one of these means the tool."""
_ADDERS = frozenset("astro ng nuxi nuxt expo sv nx ionic vue cap storybook".split())
_SCOPED = {
    "@biomejs/biome": "biome", "@playwright/test": "playwright", "@tailwindcss/cli": "tailwindcss",
    "@changesets/cli": "changeset", "@commitlint/cli": "commitlint", "@graphql-codegen/cli": "graphql-codegen",
    "@redocly/cli": "redocly", "@microsoft/api-extractor": "api-extractor", "@stryker-mutator/core": "stryker",
    "@swc/cli": "swc", "@babel/cli": "babel", "@stoplight/spectral-cli": "spectral", "@arethetypeswrong/cli": "attw",
}  # fmt: skip
"""Declared tools whose package has another name than the program."""
_OPENS = lazy(r"^(?:https?|git|ssh|git\+\w+)://|^(?:npm|jsr|github|gist|gitlab|bitbucket|git):|^git@")
_ARCHIVE = lazy(r"\.(?:whl|tgz|tar\.(?:gz|bz2|xz)|zip|gem|nupkg|conda|rockspec|opam|rock|vsix|jar|egg)$")
_ECOSYSTEMS = {
    "npm": "npm", "pnpm": "npm", "yarn": "npm", "yarnpkg": "npm", "bun": "npm", "cnpm": "npm", "ni": "npm",
    "gem": "gem", "bundle": "gem", "bundler": "gem", "composer": "composer", "conda": "conda", "mamba": "conda",
    "micromamba": "conda", "pixi": "conda", "opam": "opam", "luarocks": "luarocks", "cpan": "cpan", "cpanm": "cpan",
    "cpm": "cpan", "nuget": "nuget", "deno": "jsr",
}  # fmt: skip
_LISTS = frozenset(
    "-r --requirement --requirements --with-requirements -c --constraint --constraints --override -f --file".split()
)
_FOLDERS = frozenset(("--prefix", "-C", "--dir", "--cwd"))
_OURS = frozenset((Place.SOURCE, Place.GENERATED, Place.WORKSPACE))
_LONG = 64 * 1024
_SOURCE_FILE = lazy(r"\.[cm]?[jt]sx?$")


def runner(call: Call, spec: Spec, options: Options) -> Stream | None:
    """npx, bunx, npm exec: the project's own tool where it declares one, else a package that is fetched and run."""
    return _runner(call, options, prefers_local=True)


def fetcher(call: Call, spec: Spec, options: Options) -> Stream | None:
    """pnpm dlx, yarn dlx, uvx, pipx run: a package that is fetched and run, whatever the project has."""
    return _runner(call, options, prefers_local=False)


def _runner(call: Call, options: Options, *, prefers_local: bool) -> Stream | None:
    for text in options.all("-c", "--call"):
        call.shell(text)
    words = list(options.args)
    named = options.all("-p", "--package", "--from", "--with", "--spec")
    if not words and not named:
        return None
    name = bare(named[0] if named else words[0])
    base = re.sub(r"(?<=.)@[^/]*$", "", name)
    offline = options.has("--no-install", "--no", "--offline")
    tool = re.sub(r"(?<=.)@[^/]*$", "", bare(words[0])) if words else base
    tool = _SCOPED.get(tool, tool)
    declared = prefers_local and (tool in _DEV_TOOLS or _installed(call, tool)) and "@" not in name[1:]
    if offline or (declared and not _OPENS.match(name)):
        _known(call, tool, words)
        return call.out()
    if name.startswith((".", "/")):
        call.run_file(Word(name))
        return call.out()
    call.sign("network")
    kind = "pip" if call.name in ("uvx", "uv", "pipx") else "npm"
    call.ledger.packages[f"{kind}:{name}"] = None
    call.add(Verb.RUN_FETCHED, name, f"downloads and runs the package {show(name)}")
    _known(call, tool, words)
    return call.out()


def _installed(call: Call, tool: str) -> bool:
    root = call.machine.setting.workspace.root
    return call.machine.setting.probe.exists(f"{root}/node_modules/.bin/{tool}") is True


def _known(call: Call, tool: str, words: list[Word]) -> None:
    """A packaged tool that has a table is judged by it as well."""
    if tool in _ADDERS and words[2:] and any(w in ("add", "install") for w in words[1:3]):
        call.add(Verb.PACKAGE_ADD, bare(words[-1]), f"adds {show(words[-1])} with {show(tool)}")
    if tool == "shx" and words[1:]:
        call.words_run(words[1:])
    elif words and call.machine.setting.tools.find(tool) is not None:
        call.words_run([Word(tool), *words[1:]])
    elif words:
        call.add(Verb.EXEC, tool, f"runs {show(tool)}")


_HOOKS = {
    "composer": ["pre-install-cmd", "post-install-cmd", "pre-update-cmd", "post-update-cmd", "pre-autoload-dump",
                 "post-autoload-dump"],
}  # fmt: skip
"""What the project's own manifest runs when its packages are installed."""
_NPM_HOOKS = ["preinstall", "install", "postinstall", "preprepare", "prepare", "postprepare", "prepublish"]


def hooks(call: Call, spec: Spec, options: Options) -> Stream | None:
    """npm ci, npm install, composer install: the project's own scripts run too."""
    index(call, spec, options)
    if options.has("--ignore-scripts", "--no-scripts") or options.args:
        return None
    folders = [v for n, v in split(call.words[1:], spec_of(call), None, 99).values if n in _FOLDERS]
    if call.name in _HOOKS:
        run_listed(call, folders, _HOOKS[call.name], [])
    elif call.name in _NODES:
        run_package_script(call, folders, _NPM_HOOKS, [], tail=False)
    return None


_NODES = frozenset(("npm", "pnpm", "yarn", "bun", "cnpm", "tnpm"))


def index(call: Call, spec: Spec, options: Options) -> Stream | None:
    """Options of installers that point at another source of packages."""
    if any(word in ("--strict-ssl=false", "--no-strict-ssl") for word in call.words[1:]):
        call.add(Verb.PRIVILEGE, "--strict-ssl", "turns off the check of who a server is")
    for name, value in options.values:
        if name in _INDEX and ("://" in value or name == "--trusted-host"):
            host = host_of(value)
            if not is_local(host) and not re.search(
                r"(^|\.)(pypi\.org|npmjs\.org|npmjs\.com|yarnpkg\.com|crates\.io|rubygems\.org|pytorch\.org"
                r"|packagist\.org)$",
                host,
            ):
                call.ledger.hosts[host] = None
                if not call.ledger.has(Verb.PUBLISH):
                    call.add(Verb.PACKAGE_ADD, host, f"takes packages from {host}")
    for name, value in options.values:
        if name not in _LISTS:
            continue
        if "://" in value and not (name == "-f" and _ECOSYSTEMS.get(call.name, "pip") == "pip"):
            call.add(Verb.PACKAGE_ADD, bare(value), f"installs what {host_of(value)} lists")
            call.fetch(value)
        elif "://" not in value and call.place(value) is Place.TEMP and not _lists_builders(call, value):
            call.add(Verb.PACKAGE_ADD, bare(value), f"installs what {call.say(value)} lists, which nobody reviewed")
    return None


def _lists_builders(call: Call, value: Word) -> bool:
    """Whether a list in a temporary folder, as `python -m build` makes it, holds what builds a project and no more."""
    text = call.read(value).text or call.machine.setting.probe.read_text(call.path(value)) or ""
    return len(text) < _LONG and only_builds(call, text.splitlines())


def _builds(call: Call, options: Options) -> bool:
    """Whether pip, for a build, installs what that is done with into a temporary folder, as it does for itself."""
    into = options.all("--prefix", "--target", "-t", "--root")
    named = [bare(word) for word in options.args]
    aside = len(into) == 1 and call.place(into[0]) is Place.TEMP
    return aside and not options.has("-e", "--editable", "--src") and only_builds(call, named)


def install(call: Call, spec: Spec, options: Options) -> Stream | None:
    """Packages by name are new; a folder or an archive of the project is what the project is made of."""
    hooks(call, spec, options)
    kind = _ECOSYSTEMS.get(call.name, "pip")
    if kind == "pip" and _builds(call, options):
        return None
    for word in (*options.args, *options.all("-e", "--editable")):
        text = bare(word)
        if not is_own_package(text, kind):
            call.ledger.packages[f"{kind}:{text}"] = None
            call.sign("network")
            call.add(Verb.PACKAGE_ADD, f"{kind}:{text}", f"adds the package {show(text)}")
            continue
        path = Word(re.sub(r"^(?:file|link|portal|workspace):(?://)?|(?<=.)\[[\w,.-]*\]$", "", text))
        where = call.place(path)
        if where is Place.TEMP or (where not in _OURS and _ARCHIVE.search(path)):
            call.add(Verb.PACKAGE_ADD, text, f"adds {call.say(path)}, which lies outside the project", place=where)
        else:
            call.read(path, look=True)
    for value in options.all("--target", "-t", "--prefix", "--root") if kind == "pip" else ():
        call.write(value)
    return None


def is_own_package(text: str, kind: str) -> bool:
    """Whether an installer takes the word for a path; what is known only at run time is no path."""
    if UNKNOWN in text or " @ " in text or _OPENS.match(text):
        return False
    if text.startswith((".", "/", "~", "file:", "link:", "portal:", "workspace:")):
        return True
    return bool(_ARCHIVE.search(text)) or (kind == "pip" and "/" in text)


def scripts(call: Call, spec: Spec, options: Options) -> Stream | None:
    """npm run X, yarn X, pnpm -r X, deno task X: a script of the project, judged by its name, or a tool it declares."""
    shell = False
    for word in call.words[1:]:
        if word == "--":
            break
        if shell or word.startswith("--script-shell="):
            indirect(call, Word(word.removeprefix("--script-shell="), word.taint))
        shell = word == "--script-shell"
    words = options.args
    whole = call.machine.setting.tools.find(call.name)
    if spec.of == "*" and whole is not None:  # the script's own name stood for the subcommand
        words = split(call.words[1:], whole, spec, 1).args
    if not words:
        return None
    first = bare(words[0])
    if call.name in ("bun", "deno") and "://" in first:
        call.fetch(words[0])
        call.add(Verb.RUN_FETCHED, first, f"downloads and runs {show(first)}")
    elif call.name in ("bun", "deno") and first == "-":
        return judge_stream(call, "node", call.stdin)
    elif call.name in ("bun", "deno") and (_SOURCE_FILE.search(first) or first.startswith((".", "/"))):
        run_script(call, "node", words[0])
    elif call.name in ("yarn", "pnpm", "bun") and spec.of == "*" and (first in _DEV_TOOLS or first in _DEPLOYERS):
        _known(call, first, list(words))
    else:
        judge_targets(call, [first.lower()])
        _package_script(call, first, list(words[1:]))
    return None


def lifecycle(call: Call, spec: Spec, options: Options) -> Stream | None:
    """npm test, npm start: scripts that are called by their own names."""
    name = next((bare(w) for w in call.words[1:] if not w.startswith("-")), "")
    _package_script(call, {"t": "test", "tst": "test"}.get(name, name), list(options.args))
    return None


def _package_script(call: Call, name: str, rest: list[Word]) -> None:
    folders = [v for n, v in split(call.words[1:], spec_of(call), None, 99).values if n in _FOLDERS]
    while rest and rest[0] == "--":
        rest.pop(0)
    if call.name in ("composer", "deno") and (run_listed(call, folders, [name], rest) or call.name == "composer"):
        return
    run_package_script(call, folders, around(name), rest, tail=True)


def spec_of(call: Call) -> Spec:
    """The table this call is judged by."""
    found = call.machine.setting.tools.find(call.name)
    assert found is not None
    return found


def from_input(call: Call, spec: Spec, options: Options) -> Stream | None:
    """deno, deno run -, bun, expect: the code comes on standard input."""
    piped = call.stdin.text is not None or call.stdin.taint or call.made.changed
    if (options.args[:1] == ["-"] or not options.args) and piped and not options.has("-c", "-f"):
        return judge_stream(call, "tcl" if "expect" in call.name else "node", call.stdin)
    return None


HANDLERS = {
    "runner": runner,
    "fetcher": fetcher,
    "index": index,
    "install": install,
    "scripts": scripts,
    "from_input": from_input,
    "hooks": hooks,
    "lifecycle": lifecycle,
}
"""See handlers/__init__.py."""
