"""Lines of a day's work, which nobody is to be asked about in tiers strict and compat."""

from __future__ import annotations

import os
import re
import socket

WORK = (
    "mkdir f && for i in 1 2 3; do echo $i > f/$i; done",
    "mkdir long && for i in $(seq 10000 11500); do : > long/a_source_with_a_telling_name_and_more_of_it_$i.c; done"
    " && find long -name '*.c' | xargs wc -l > n && grep -c x long/*.c > n; rm -r long n",
    "rm f/1",
    "rm -r f",
    'python3 -c \'import os; os.makedirs("g/a"); open("g/a/b", "w").write("1")\'',
    "rm -rf g",
    "mkdir t && echo 1 > t/a && tar cf t.tar t && tar xf t.tar && tar xf t.tar && rm -rf t t.tar",
    "tar cf e.tar notes.md && tar xf e.tar && rm e.tar",
    "cp notes.md copy.md && install -m 644 copy.md notes.md && rm copy.md",
    "stdbuf -oL echo hi",
    "echo 'int f() { return 0; }' > f.c && echo 'int f(); int main() { return f(); }' > m.c"
    " && cc -O2 -flto=2 -c f.c m.c && cc -O2 -flto=2 f.o m.o -o m && ./m && rm f.c m.c f.o m.o m",
    "mkdir -p ~/.cache/uv/sdists && touch ~/.cache/uv/sdists/.git && touch ~/.cache/uv/sdists/.git",
    "rm -rf ~/.cache/ms-playwright ~/.cargo/registry/src",
    "mkdir -p ~/.cache/cc/tmp && echo 'int x;' > x.c && cc -E x.c -o ~/.cache/cc/tmp/x.i && rm -r ~/.cache/cc x.c",
    "git stash -q && git stash pop -q",
    "git stash -q && git stash apply -q && git stash drop -q",
    "git stash store -q $(git stash create) && git -c submodule.recurse=false stash drop --quiet 0",
    "find . -path ./.git -prune -o -name '*.map' -exec rm {} \\;",
    "BROWSER=none sh -c true",
    "cp -r src src2 && mv src2 src3 && rm -rf src3",
    "git checkout -q -b feature && git commit -q --allow-empty -m x && git checkout -q main",
    "sed -i 's/mine/mine/' src/dirty.py",
    "d=$(mktemp -d) && echo x > $d/y && rm -rf $d",
    "mv notes.md notes2.md && mv notes2.md notes.md",
    "mv notes.md notes.md.bak && mv notes.md.bak notes.md && sed -i.bak s/a/a/ notes.md && rm notes.md.bak",
    "ln -s src/app.py way && rm way",
    "git clone -q . clone && rm -rf clone",
    "git clone -q . c1 && mv c1 c2 && rm -rf c2",
    "git worktree add -q tree && git worktree remove tree",
    "git commit -q --allow-empty -m x && git commit -q --allow-empty -m y && git bisect start HEAD HEAD~2 > log"
    " && git bisect run test -f notes.md > log; r=$?; git bisect reset > log 2>&1; rm log; exit $r",
    "git worktree add -q --detach tree HEAD && git worktree remove tree",
    "printf 'install:\\n\\tinstall -D notes.md $(P)/x/n.md\\n' > m.mk; make -f m.mk install P=x; rm -r x m.mk",
    "echo x >> src/app.py && git checkout -q src/app.py && git diff --quiet src/app.py",
    "git commit -q --allow-empty -m x && git commit -q --amend --no-edit --allow-empty && git tag x && git tag -d x",
    "git switch -q -c x && git commit -q --allow-empty -m x && git switch -q main && git branch -q -D x",
    "git init -q n && cd n && echo 1 > a && git add a && git commit -qm a && echo 2 > a && git reset -q --hard"
    " && echo 3 > b && git clean -fdxq && git commit -q --allow-empty -m b && git reset -q --hard HEAD~1"
    " && git gc -q --prune=now && cd .. && rm -rf n",
    "mkdir left && echo 1 > left/x && git clean -fdq left && test ! -e left",
    "git stash -q && git commit -q --allow-empty -m x && git commit -q --allow-empty -m y && git rebase -q HEAD~1"
    " && echo x >> src/app.py; git reset -q --hard; git reset -q --hard HEAD~2; r=$?; git stash pop -q && exit $r",
    "git branch old && git branch -m old new && git branch -D new",
    "git stash -q; git switch -q -c f1 && echo 1 > r1 && git add r1 && git commit -qm 1 && git switch -q main"
    " && echo 2 > r2 && git add r2 && git commit -qm 2 && git switch -q f1 && git rebase -q main && git switch -q main"
    " && git reset -q --hard HEAD~1 && git branch -D f1; r=$?; git stash pop -q; test ! -e r2 -a ! -e r1 && exit $r",
    "perl -pi -e s/unsaved/unsaved/ notes.md",
    "touch -d yesterday src/app.py && chmod 644 src/app.py",
    "python3 - <<'E'\nimport os, socket, tempfile\np = tempfile.mkdtemp() + '/s'\n"
    "s = socket.socket(socket.AF_UNIX)\ns.bind(p)\ns.listen()\nc = socket.socket(s.family); c.connect(p)"
    "\nc.send(b'x'); os.remove(p)"
    "\nos.rmdir(os.path.dirname(p))\nE",
    "echo x > d.txt && echo d.txt > list && rm $(cat list) list",
    "python3 - <<'E'\nimport sqlite3, os\nc = sqlite3.connect('x.db'); c.execute('create table t(i)')\n"
    "c.execute('drop table t')\nc.close(); os.remove('x.db')\nE",
    "python3 -c 'import os, time; p = os.fork() or time.sleep(60); os.kill(p, 9); os.wait()'",
    "echo A=1 > .env.test && cat .env.test && rm .env.test",
    "ssh-keygen -q -t ed25519 -N '' -f id_x && rm id_x id_x.pub",
    "d=$(mktemp -d) && cd $d && python3 -m venv --without-pip v && ./v/bin/python -c 1 && . v/bin/activate && rm -r $d",
    "gzip -k notes.md && gunzip -c notes.md.gz > /dev/null && rm notes.md.gz",
    "script -qec 'echo hi' /dev/null",
    "flock lock echo x && rm lock",
    "mkdir build/out && echo x > build/out/x && mv build/out build/in && rm -rf build/in",
    "mkdir -p node_modules/.x/.github && echo x > node_modules/.x/.github/f.yml && mv node_modules/.x node_modules/x",
    "rm -rf node_modules",
    "mkdir '文書 ü' && echo x > '文書 ü/日本.tmp' && mv '文書 ü/日本.tmp' '文書 ü/ï.c' && mv '文書 ü' й && rm -rf й",
    "printf x > $(printf '\\377.o') && mv $(printf '\\377.o') $(printf '\\376.o') && rm $(printf '\\376.o')",
    "mkdir -p node_modules/y && python3 -c 'import ctypes, mmap, os; libc = ctypes.CDLL(None); m = mmap.mmap(-1, 8192);"
    ' a = ctypes.addressof(ctypes.c_char.from_buffer(m)); names = [b"node_modules/y/f%04d.js" % n for n in range(40)];'
    " [(m.seek(4076 + n), m.write(s + bytes(1)), os.close(libc.open(ctypes.c_void_p(a + 4076 + n), 65, 0o644)))"
    ' for n, s in enumerate(names)]; assert sorted(map(os.fsencode, os.listdir("node_modules/y"))) =='
    " [s[15:] for s in names]' && rm -r node_modules",
    "n=7012; sleep ${n}3 & sleep ${n}4 & sleep .3; pkill -f sleep.${n}3; pgrep -f sleep.${n}4 | xargs kill -9; wait",
    "tmux -L q new -d 'sleep 60' && tmux -L q send-keys -t 0 x && tmux -L q kill-server",
    "d=/tmp/quiet-$$; mkdir $d; printf 'echo hi\\n' > $d/x.sh; chmod +x $d/x.sh; $d/x.sh; sh $d/x.sh; rm -r $d",
    "mkdir /tmp/quiet; cat > /tmp/quiet/x.py <<'EOF'\nprint(1)\nEOF\npython3 /tmp/quiet/x.py && rm -r /tmp/quiet",
    "d=/tmp/quiet && mkdir $d; echo 'int main() { return 0; }' > $d/x.c && cc $d/x.c -o $d/x && $d/x && rm -r $d",
    "python3 -m http.server -b 127.0.0.1 18761 > log 2>&1 & curl -sf --retry 40 --retry-delay 1 --retry-connrefused"
    " localhost:18761 > x; r=$?; kill %1;"
    " rm x log; exit $r",
    'node -e \'const s = require("http").createServer((q, r) => r.end()).listen(18762, "localhost", () =>'
    ' require("http").get({port: 18762, host: "localhost"}, () => process.exit()))\'',
    "git add -A && git commit -q -m all && git gc -q",
    "git rm -q --cached notes.md && git add notes.md",
    "printf 'exit\\n' | script -qec 'bash --norc -i' /dev/null",
    'python3 -c \'import os, socket; os.mkdir("st"); s = socket.socket(socket.AF_UNIX); s.bind("st/s"); s.listen()\''
    " && mv st st2 && python3 -c 'import socket; print(socket.socket(socket.AF_UNIX).connect_ex(\"st2/s\"))' | grep 111"
    " && rm -rf st2",
    'python3 -c \'import ctypes, os; t = os.open(".", os.O_TMPFILE | os.O_RDWR);'
    ' exit(ctypes.CDLL(None).linkat(-100, b"/proc/self/fd/%d" % t, -100, b"tmp-linked", 0x400))\' && rm tmp-linked',
    'python3 -c \'import os; c = os.path.expanduser("~/.bun/install/cache"); os.makedirs(c, exist_ok=True);'
    " os.open(c, os.O_TMPFILE | os.O_RDWR)'",
    "git worktree add -q tree -b w && cd tree && echo 1 > n && cd .. && git worktree remove --force tree"
    " && git branch -D w",
    "git init -q --bare r.git && git remote add t r.git && git push -q t HEAD:refs/heads/x && git push -qf t HEAD:x"
    " && git remote remove t && rm -rf r.git",
    "git init -q lib && git -C lib commit -q --allow-empty -m x && git -c protocol.file.allow=always submodule --quiet"
    " add $PWD/lib sub && git rm -qf sub && git rm -q --cached .gitmodules; rm -rf lib .gitmodules; test ! -e sub",
    "rm -f q.*; for n in 1 2; do echo $n > q.$n; done; rm q.*; seq 2 | xargs -I{} sh -c 'echo {} > p{}; rm p{}'",
    "printf 'a\\r\\n' | sed \"s/$(printf '\\r')//\" | cat -A | grep -qx 'a\\$'",
    'node -e \'const net = require("net"); const probe = h => new Promise(r => { const s = net.createServer();'
    ' s.once("error", () => process.exit(1)); s.listen(18763, h, () => s.close(r)) }); (async () => {'
    ' for (const h of ["0.0.0.0", "::", "127.0.0.1", undefined]) await probe(h) })()\'',
    "git stash -q; for i in 1 2 3; do echo $i > w$i; git add w$i; git commit -qm w$i; done; GIT_EDITOR=true"
    " GIT_SEQUENCE_EDITOR=\"sed -i '2s/pick/squash/;3s/pick/drop/'\" git rebase -q -i HEAD~3 && test -e w2 -a ! -e w3;"
    " r=$?; git reset -q --hard HEAD~1; git stash pop -q; test ! -e w1 && exit $r",
    "printf '#!/bin/sh\\necho said > $1\\n' > ed.sh; chmod +x ed.sh; EDITOR=./ed.sh git commit -q --allow-empty;"
    " rm ed.sh; git log -1 --format=%s | grep -qx said",
    "echo shorty > /proc/$$/comm && echo 100 > /proc/self/oom_score_adj",
    "export REDIS_URL=redis://localhost:1/0; python3 -c 'import os; os.environ[\"REDIS_URL\"]' && printenv REDIS_URL",
    "d=$(mktemp -d); printf '#include <unistd.h>\\nint main(int n, char **a) { return n > 2 ? 0 :'"
    "' execl(a[1], a[1], a[1], \"x\", NULL); }\\n' > m.c && cc m.c -o m"
    " && python3 -c 'import shutil, sys, subprocess as s;"
    ' p = shutil.copy("m", sys.argv[1]); sys.exit(s.call([p, p]))\' $d; r=$?; rm -r $d m.c m; exit $r',
    "cd /usr/include && echo 'int x;' | gcc -Wall -Werror -E - > /dev/null",
    "command -v gpg > /dev/null || exit 0; export GNUPGHOME=$PWD/keys; mkdir -m 700 keys && gpg --batch -q --passphrase"
    " '' --quick-gen-key x ed25519 sign 1d 2> log; echo x > m && gpg --batch -q --detach-sign m; r=$?;"
    " gpgconf --kill all; sleep .2; rm -r m m.sig log; exit $r",
)

FETCHED = """
import os, shutil, tempfile
def put(path, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    open(path, "w").write("x")
    os.chmod(path, mode)
os.chdir(os.path.expanduser("~"))
put(".cargo/registry/src/index/d-2/src/lib.rs", 0o444)
put(".cargo/registry/src/index/d-2/.cargo-ok")
hooks = tempfile.mkdtemp(prefix="repo", dir=".cache/pre-commit")
put(hooks + "/py_env/bin/x", 0o755)
put(".cache/pre-commit/db.db")
put(".cache/pre-commit/.lock")
put(".cache/pre-commit/db.db-journal")
os.unlink(".cache/pre-commit/db.db-journal")
put(".cache/uv/.tmp1/p/x.py")
os.rename(".cache/uv/.tmp1", ".cache/uv/archive-v0/b")
os.link(".cache/uv/archive-v0/b/p/x.py", "proj/linked.py")
put(".local/share/uv/python/cpython/bin/__pycache__/a.pyc")
put(".local/share/uv/python/.temp/n/bin/python", 0o755)
os.rename(".local/share/uv/python/.temp/n", ".local/share/uv/python/cpython-2")
os.symlink("cpython-2", ".local/share/uv/python/cpython-3")
put("go/pkg/mod/a.b/d@v2/s/x.go", 0o444)
os.chmod("go/pkg/mod/a.b/d@v2/s", 0o555)
put("go/pkg/mod/cache/download/a.b/@v/list")
put(".gradle/wrapper/dists/gradle-9/h/gradle-9/bin/gradle", 0o755)
put(".gradle/wrapper/dists/gradle-9/h/gradle-9.zip.lck")
put(".cache/node/corepack/v1/t1/y.js")
os.makedirs(".cache/node/corepack/v1/yarn")
os.rename(".cache/node/corepack/v1/t1", ".cache/node/corepack/v1/yarn/4")
put(".cache/ms-playwright/.links/1")
put(".cache/ms-playwright/chromium-1/INSTALLATION_COMPLETE")
shutil.rmtree("go/pkg/mod/a.b/c@v1")
os.chmod("go/pkg/mod/a.b/d@v2/s", 0o755)
for made in ("go/pkg/mod/a.b/d@v2", ".gradle", hooks, "proj/linked.py", ".cache/ms-playwright"):
    shutil.rmtree(made) if os.path.isdir(made) else os.unlink(made)
print("all done")
"""
"""What tools do where they keep programs and sources that they fetched."""


def of_its_own(line: str) -> str:
    """The line with ports and names that no other run of it has at the same time."""
    for port in sorted(set(re.findall(r"\b1876\d\b", line))):
        with socket.create_server(("127.0.0.1", 0)) as free:
            line = line.replace(port, str(free.getsockname()[1]))
    own = str(os.getpid())
    return line.replace("/tmp/quiet", f"/tmp/quiet{own}").replace("tmux -L q", f"tmux -L q{own}").replace("7012", own)
