"""git's options before the subcommand, its config, where a push goes, what it clones from.

Knows refspecs, force in any spelling, addresses that run programs. Refuses to run git. Invariant: a push is reported
with its remote and refs, and a program that git would be made to run is judged as the command it is.
"""

from __future__ import annotations

import re
import shlex

from leashtui.classify.call import Call, host_of
from leashtui.classify.gitsettings import BOOLS, REROUTES, RUNS, judge_renaming, judge_setting
from leashtui.classify.handlers.gitown import (
    are_own_leftovers,
    are_own_stashes,
    is_own_remote,
    is_own_repository,
    is_own_source,
    is_own_tree,
)
from leashtui.classify.handlers.pinned import current_branch, is_protected, leads_elsewhere
from leashtui.classify.indirection import indirect
from leashtui.classify.options import Options, split
from leashtui.classify.patterns import lazy
from leashtui.classify.places import is_within
from leashtui.classify.plumbing import is_local
from leashtui.classify.spec import Spec
from leashtui.classify.values import UNKNOWN, Stream, Taint, Word, bare, show
from leashtui.model.facts import Place, Severity, Verb

_TELLING = lazy(r"--(?:hard|force|delete|mirror|prune|merge)\b|-[a-zA-Z]*[fD]|[+:]\w")
"""Words after an unknown subcommand by which git throws something away."""


VALUED = frozenset(("-c", "-C", "--git-dir", "--work-tree", "--namespace", "--exec-path", "--config-env"))
"""git's options before the subcommand that take a value."""


def subcommand(call: Call) -> tuple[str, list[Word]]:
    """git's subcommand and all words after it."""
    words = call.words
    at = 1
    while at < len(words):
        if words[at] in VALUED:
            at += 2
        elif words[at].startswith("-"):
            at += 1
        else:
            return bare(words[at]), words[at + 1 :]
    return "", []


_FORGETS = frozenset(
    "clean checkout switch restore reset rm branch tag rebase commit gc fetch pull update-ref filter-branch filter-repo"
    " reflog prune notes read-tree checkout-index stash symbolic-ref submodule mv replace".split()
)


def top(call: Call, spec: Spec, options: Options) -> Stream | None:
    """Options before the subcommand: -c key=value, --config-env, --exec-path, -C dir, -p."""
    for value in options.all("-c", "--config-env"):
        key, _, text = value.partition("=")
        judge_setting(call, key, Word(text, value.taint), once=True)
    for option in ("--exec-path",):
        for value in options.all(option):
            call.sign("obfuscated")
            call.run_file(value, "takes git's programs from")
    for folder in options.all("-C", "--git-dir", "--work-tree"):
        path = call.path(folder)
        if UNKNOWN in path:
            path = ""
        if folder == options.last("-C"):
            call.state.cwd = path
    _repository(call, options)
    forgetful, words = subcommand(call)
    if forgetful in _FORGETS:
        call.spared = (
            is_own_repository(call)
            or (forgetful == "clean" and are_own_leftovers(call, words))
            or (forgetful == "stash" and words[:1] in (["drop"], ["clear"]) and are_own_stashes(call, words))
        )
    elif forgetful == "worktree" and words[:1] == ["remove"]:
        call.spared = is_own_tree(call, words[1:])
    adds = forgetful == "submodule" and [word for word in words if word not in ("-q", "--quiet")][:1] == ["add"]
    if adds and options.args and is_own_source(call, options.args[0]):
        call.harmless = frozenset({Verb.PACKAGE_ADD})
    if call.words[1:2] == ["--"]:  # which git refuses today
        return call.words_run([call.words[0], *call.words[2:]])
    name, rest = subcommand(call)
    if name and name not in spec.by_first and not any(p[0] == "*" for p, _ in spec.patterns):
        _alias(call, options, name, rest)
    return None


def _alias(call: Call, options: Options, name: str, rest: list[Word]) -> None:
    """A subcommand that is none of git's own: what it stands for, where that is known."""
    if name == "bisect--helper":  # how git's script for bisecting goes on
        if rest[:1] == ["--bisect-run"]:
            call.words_run(rest[1:])
        return
    given = [v.partition("=")[2] for v in options.all("-c") if v.lower().startswith(f"alias.{name.lower()}=")]
    known = call.state.vars.get(f"git alias {name}")
    meant = given[-1] if given else str(known[0]) if known else call.machine.setting.probe.git_config(f"alias.{name}")
    if meant and meant.startswith("!"):
        call.shell(Word(" ".join([meant[1:], *map(shlex.quote, rest)])))
    elif meant:
        call.words_run([Word("git"), *map(Word, meant.split()), *rest])
    elif any(_TELLING.match(w) for w in rest):
        sentence = f"runs git {show(name)}, which stands for something unknown that may throw work away"
        call.add(Verb.DISCARD_WORK, name, sentence, Severity.MEDIUM)


def _repository(call: Call, options: Options) -> None:
    """Programs that the repository's own settings would run."""
    probe = call.machine.setting.probe
    sub = str(options.args[0]) if options.args else ""
    keys = ["core.fsmonitor"] if sub in ("status", "diff", "add", "commit", "stash", "checkout", "switch") else []
    if sub in ("fetch", "pull", "push", "clone", "ls-remote"):
        keys.append("core.sshcommand")
    if sub == "diff":
        keys.append("diff.external")
    for key in keys:
        value = probe.git_config(key)
        if value and value.lower() not in BOOLS:
            indirect(call, Word(value))


_READS = tuple(
    "--get --get-all --get-regexp -l --list --get-urlmatch --show-origin --get-color --get-colorbool".split()
)
_CONFIGURES = frozenset("set get unset list edit get-all rename-section remove-section".split())
"""Words that newer versions of git take first, and options after them."""


def config(call: Call, spec: Spec, options: Options) -> Stream | None:
    """git config."""
    wide = options.has("--global", "--system")
    file = options.last("-f", "--file")
    verb = str(options.args[0]) if options.args and options.args[0] in _CONFIGURES else ""
    if verb:
        options = split(list(options.args[1:]), spec)
        wide = wide or options.has("--global", "--system")
        file = options.last("-f", "--file") or file
    words = list(options.args)
    reads = options.has(*_READS) and not any(name.startswith(("--no-get", "--no-list")) for name in options.given)
    if verb in ("get", "list") or reads:
        if any(re.search(r"(?i)token|password|extraheader|secret", w) for w in words):
            call.add(Verb.SECRET_READ, words[0], f"shows the secret setting {show(words[0])}", place=Place.SECRET)
        return Stream(0, None)
    if options.has("-e", "--edit") or verb == "edit":
        call.add(Verb.PERSIST, "config", "edits git's settings by hand, which can name programs", place=Place.GIT)
        return None
    target = (
        bare(file)
        if file is not None
        else "~/.gitconfig"
        if options.has("--global")
        else "/etc/gitconfig"
        if options.has("--system")
        else ""
    )
    renames = verb == "rename-section" or options.has("--rename-section")
    unset = verb in ("unset", "remove-section") or options.has("--unset", "--unset-all", "--remove-section")
    if len(words) < 2 and not unset:
        return Stream(0, None)
    if target:
        call.write(Word(target), Stream(0, None), append=True)
    key = bare(words[0]) if words else ""
    if unset:
        if RUNS.match(key) or REROUTES.match(key.lower()):
            call.add(Verb.PERSIST, key, f"removes git's setting {key}", Severity.MEDIUM, place=Place.GIT)
        return Stream(0, None)
    if renames:
        judge_renaming(call, key, bare(words[1]))
    else:
        judge_setting(call, key, words[1], once=False, wide=wide)
    return Stream(0, None)


def push(call: Call, spec: Spec, options: Options) -> Stream | None:
    """git push: where to, which refs, forced or not, deleted or not."""
    words = list(options.args)
    remote = bare(words[0]) if words else bare(options.last("--repo") or "origin")
    refs = [bare(w) for w in words[1:]]
    force = options.has("-f", "--force", "--force-with-lease", "--mirror", "--force-if-includes") or any(
        r.startswith("+") for r in refs
    )
    force = force or any(o.startswith("--force") for o in options.given)
    removes = options.has("-d", "--delete", "--prune") or any(r.startswith(":") and len(r) > 1 for r in refs)
    for value in options.all("--receive-pack", "--exec"):
        if value not in ("git-receive-pack",):
            indirect(call, value)
    if is_own_remote(call, remote):
        return Stream(0, None)
    call.ledger.remotes[remote] = None
    call.sign("network")
    host = host_of(remote) if "://" in remote or "@" in remote else ""
    if host:
        call.ledger.hosts[host] = None
    if force:
        call.sign("git_force")
    everything = not refs and options.has("--all", "--mirror", "--branches")  # whatever may not be pushed is among it
    if everything or any(is_protected(call, r) for r in refs or [current_branch(call)]):
        call.sign("git_protected")
    moved = leads_elsewhere(call, remote)
    if moved:
        call.sign("remote_changed")
        call.add(Verb.REMOTE_CHANGE, f"{remote} since", moved, Severity.HIGH)
    gone = refs if options.has("-d", "--delete") else [r[1:] for r in refs if r.startswith(":") and len(r) > 1]
    refs_text = " ".join(refs) or ("everything" if everything else "the current branch")
    sentence = f"{'force-pushes' if force else 'pushes'} {refs_text} to {remote}"
    if gone and (kept := [r for r in refs if r.lstrip(":") not in gone]):
        sentence = f"{sentence.partition(' ')[0]} {' '.join(kept)} to {remote} and deletes {' '.join(gone)} there"
    elif gone:
        sentence = f"deletes {' '.join(gone)} on {remote}"
    elif options.has("--prune"):
        sentence += " and deletes branches there that are not here"
    grade = Severity.HIGH if force or removes else Severity.MEDIUM
    call.add(
        Verb.REMOTE_CHANGE,
        f"{remote} {' '.join(refs)}".strip(),
        sentence,
        grade,
        lost=force or removes,
    )
    if options.has("--follow-tags", "--tags") and not refs:
        call.add(Verb.REMOTE_CHANGE, f"{remote} tags", f"pushes tags to {remote}")
    return Stream(0, None)


def clone(call: Call, spec: Spec, options: Options) -> Stream | None:
    """git clone, fetch, ls-remote with an address: ext:: and upload-pack run programs."""
    for value in options.all("-u", "--upload-pack", "--exec"):
        if value != "git-upload-pack":
            indirect(call, value)
    for value in options.all("-c", "--config"):
        key, _, text = value.partition("=")
        judge_setting(call, key, Word(text, value.taint), once=True)
    for value in options.all("--template"):
        call.run_file(value, "takes hooks from")
    for word in options.args[:1]:
        if word.startswith("ext::"):
            call.sign("obfuscated")
            call.shell(Word(word[5:].replace("% ", " "), word.taint))
        elif "://" in word or re.match(r"[\w.-]+@[\w.-]+:", word):
            if word.taint & (Taint.SECRET | Taint.LOCAL):
                call.fetch(word)
            elif not is_local(host_of(word)):
                call.ledger.hosts[host_of(word)] = None
                call.sign("network")
                call.add(Verb.NET_GET, host_of(word), f"downloads from {host_of(word)}")
    if call.words[1:2] == ["clone"] or "clone" in call.words:
        target = (
            options.args[1]
            if len(options.args) > 1
            else Word(bare(options.args[0]).rstrip("/").removesuffix(".git").rpartition("/")[2].rpartition(":")[2])
            if options.args
            else None
        )
        if target:
            own = bool(options.args) and is_within(call.path(options.args[0]), call.machine.setting.workspace.root)
            own = own and "://" not in options.args[0] and ":" not in options.args[0]
            call.write(target, Stream(0 if own else Taint.FETCHED, None), append=True)
    return None


def run_text(call: Call, spec: Spec, options: Options) -> Stream | None:
    """Subcommands whose words are a command: bisect run, submodule foreach, rebase --exec, filter-branch."""
    given = options.all("-x") if "rebase" in call.words else []
    given += options.all(
        "--exec",
        "--tree-filter",
        "--index-filter",
        "--msg-filter",
        "--env-filter",
        "--commit-filter",
        "--tag-name-filter",
        "--parent-filter",
        "--setup",
    )
    for value in given:
        call.shell(value)
    for value in options.all("--extcmd", "-x") if "difftool" in call.words else ():
        indirect(call, Word(f"{value} {UNKNOWN} {UNKNOWN}", value.taint) if " " in value else value)
    for option in ("-O", "--open-files-in-pager", "--extcmd"):
        for value in options.all(option):
            indirect(call, value)
    for word in call.words:
        if word.startswith(("--open-files-in-pager=", "-O")) and len(word) > 2 and "grep" in call.words:
            indirect(call, Word(word.partition("=")[2] if "=" in word else word[2:]))
    return None


HANDLERS = {"git": top, "git_config": config, "git_push": push, "git_clone": clone, "git_run": run_text}
"""See handlers/__init__.py."""
