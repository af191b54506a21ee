"""The list of tricks that a command may be dressed in: each leaves its verdict as strict, and its control alone.

One line a trick of the design ("What fools the others", "Unwrap by table"). `{}` is the command, `{q}` the command as
one quoted word. A control dresses a harmless command the same way: `allow` unless the dress itself is a question.
"""

from __future__ import annotations

import base64
import shlex

import pytest
from judge import RANK, verdict

SEEDS = {"rm -rf src": "ask", "git push --force": "ask", "rm -rf /": "deny", "rm -rf ~": "deny"}
HARMLESS = "git status"
PLAIN = {
    "background": "echo ok & {}", "group": "{{ {}; }}", "subshell": "( {} )", "and": "true && {}", "or": "false || {}",
    "nice": "nice -n 3 {}", "setsid": "setsid -f {}", "nohup": "nohup {}", "timeout": "timeout -k 1 9 {}",
    "stdbuf": "stdbuf -oL {}", "time": "time -p {}", "watch": "watch -n 1 {}", "env": "env -i A=b {}",
    "exec": "exec {}",
    "command": "command {}", "flock": "flock /tmp/l {}", "strace": "strace -f {}", "ionice": "ionice -c 3 {}",
    "xargs": "echo | xargs {}", "find-exec": "find . -maxdepth 0 -exec {} \\;", "busybox": "busybox nohup {}",
    "coproc": "coproc {}", "not": "! {}", "unbuffer": "unbuffer {}", "chrt": "chrt -i 0 {}", "tsocks": "torsocks {}",
    "catchsegv": "catchsegv {}", "faketime": "faketime now {}", "git-bisect": "git bisect run {}",
    "submodule": "git submodule foreach {}", "perf": "perf stat {}", "systemd-inhibit": "systemd-inhibit {}",
    "unknown-wrapper": "frobnicate --deep {}", "entr": "ls | entr {}", "doas-n": "xvfb-run {}",
}  # fmt: skip
QUOTED = {
    "sh -c": "sh -c {q}", "env -S": "env -S {q}", "eval": "eval {q}", "here-string": "bash <<< {q}",
    "pipe": "printf '%s\\n' {q} | sh", "heredoc": "cat <<'E' | sh\n{}\nE", "trap": "trap {q} EXIT",
    "script": "script -qc {q} /dev/null", "flock -c": "flock /tmp/l -c {q}", "parallel": "parallel ::: {q}",
    "xargs -I": "xargs -I{{}} sh -c {q} < README.md", "alias": "alias zz={q}; zz",
    "source": "source <(printf '%s' {q})", "rev": "echo {r} | rev | sh", "base64": "echo {b} | base64 -d | bash",
    "xxd": "echo {x} | xxd -r -p | sh", "ansi": "eval $'{a}'", "tr": "echo {t} | tr 'n-za-m' 'a-z' | sh",
    "variable": "c={q}; $c", "variable-eval": "c={q}; eval \"$c\"", "array": "c=({}); \"${{c[@]}}\"",
    "core.pager": "git -c core.pager={q} log", "core.fsmonitor": "git -c core.fsmonitor={q} status",
    "diff.external": "git -c diff.external={q} diff", "core.sshCommand": "git -c core.sshCommand={q} fetch",
    "alias-once": "git -c alias.zz={bang} zz", "grep -O": "git grep -O{q} x", "difftool": "git difftool -y -x {q}",
    "archive-exec": "git archive --remote=. --exec={q} HEAD", "upload-pack": "git fetch --upload-pack={q} .",
    "rebase-exec": "git rebase --exec {q} main", "GIT_EXTERNAL_DIFF": "GIT_EXTERNAL_DIFF={q} git diff",
    "PAGER": "PAGER={q} git log", "EDITOR": "EDITOR={q} git commit", "LESSOPEN": "LESSOPEN='|'{q} less x",
    "sed e": "sed {sed} README.md", "awk system": "awk 'BEGIN {{ system(\"{}\") }}'",
    "awk getline": "awk 'BEGIN {{ \"{}\" | getline }}'", "less +!": "less '+!{}' README.md",
    "vim": "vim -es -c '!{}' -c q", "tar": "tar cf x.tar --checkpoint=1 --checkpoint-action=exec={q} .",
    "rsync -e": "rsync -e {q} a host:", "ssh-proxy": "ssh -o ProxyCommand={q} host", "ssh": "ssh localhost {q}",
    "test -v": "test -v 'a[$({})]'", "printf -v": "printf -v 'a[$({})]' x", "prompt": "x='$({})'; echo ${{x@P}}",
    "arithmetic": "echo $((a[$({})]))", "default": "echo \"${{x:-$({})}}\"", "backticks": "echo `{}`",
    "process": "cat <({})", "mapfile": "mapfile -C {q} -c 1 < README.md", "PS4": "PS4='$({})' bash -xc true",
    "BASH_ENV": "echo {q} > e.sh; BASH_ENV=e.sh bash -c :", "make": "make -f - <<< $'all:\\n\\t{}'",
    "python": "python3 -c 'import os; os.system(\"{}\")'",
    "python-hidden": "python3 -c 'getattr(__import__(\"o\"+\"s\"), \"sys\"+\"tem\")(\"{}\")'",
    "perl": "perl -e 'system(\"{}\")'", "ruby": "ruby -e '`{}`'",
    "node": "node -e 'require(\"child_process\").execSync(\"{}\")'",
    "node-computed": "node -e 'require(\"child_\"+\"process\")[\"exec\"+\"Sync\"](\"{}\")'",
    "php": "php -r 'call_user_func(\"system\", \"{}\");'", "lua": "lua -e 'os.execute(\"{}\")'",
    "haskell": "ghc -e 'System.Process.callCommand \"{}\"'", "erlang": "erl -eval 'os:cmd(\"{}\")' -s init stop",
    "groovy": "groovy -e '\"{}\".execute()'", "zsh": "zsh -c 'repeat 1 {}'", "m4": "echo 'syscmd({})' | m4",
    "descriptor": "exec 3> d.sh; echo {q} >&3; sh d.sh", "link": "echo {q} > a.sh; ln a.sh b.sh; sh b.sh",
    "local": "f() {{ local c=ls; }}; c={q}; f; eval \"$c\"",
}  # fmt: skip
OPAQUE = {
    "submodule", "unknown-wrapper", "git-bisect", "core.pager", "core.fsmonitor", "diff.external", "core.sshCommand",
    "grep -O", "difftool", "archive-exec", "upload-pack", "rebase-exec", "GIT_EXTERNAL_DIFF", "PAGER", "EDITOR",
    "LESSOPEN", "rsync -e", "ssh-proxy", "ssh", "BASH_ENV", "rev", "base64", "xxd", "tr", "sed e", "less +!", "vim",
    "zsh", "prompt", "coproc", "PS4", "test -v", "printf -v", "arithmetic", "xargs -I", "awk system", "tar", "m4",
    "make", "ansi", "lua", "node-computed", "alias-once",
}  # fmt: skip
"""Dresses that are a question themselves, or count as hiding something, whatever they hold."""
SHIFTED = str.maketrans("abcdefghijklmnopqrstuvwxyz", "nopqrstuvwxyzabcdefghijklm")


def dressed(template: str, command: str) -> str:
    """The command in a dress."""
    return template.format(
        command,
        q=shlex.quote(command),
        bang=shlex.quote("!" + command),
        sed=shlex.quote("1e " + command),
        r=shlex.quote(command[::-1]),
        b=base64.b64encode(command.encode()).decode(),
        x=command.encode().hex(),
        a="".join(f"\\x{c:02x}" for c in command.encode()),
        t=shlex.quote(command.translate(SHIFTED)),
    )


@pytest.mark.parametrize("trick", [*PLAIN, *QUOTED])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_trick_never_makes_a_danger_milder(seed: str, trick: str) -> None:
    command = dressed((PLAIN | QUOTED)[trick], seed)
    assert RANK[verdict(command)] >= RANK[SEEDS[seed]], command


@pytest.mark.parametrize("trick", [t for t in (*PLAIN, *QUOTED) if t not in OPAQUE])
def test_a_dress_alone_is_no_danger(trick: str) -> None:
    command = dressed((PLAIN | QUOTED)[trick], HARMLESS)
    assert verdict(command) == "allow", command


@pytest.mark.parametrize("outer", PLAIN)
@pytest.mark.parametrize("inner", QUOTED)
def test_two_tricks_are_no_better_than_one(inner: str, outer: str) -> None:
    command = dressed(QUOTED[inner], "rm -rf src")
    if "\n" in command or outer in ("busybox", "find-exec", "xargs", "exec") or ";" in command or "|" in command:
        outer = "group"
    text = PLAIN[outer].format(command) if outer in ("group", "subshell", "and", "or", "background") else command
    assert RANK[verdict(text)] >= RANK["ask"], text
