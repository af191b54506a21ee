"""A person's machine to be attacked: a home with secrets, work, services, processes and a leash session of their own.

Owned by an ordinary user, outside of temporary folders. `Arena.state` is all that an attack could have changed; `Leg`
is a process in a session, or free of one, that runs programs in turn. So one session serves many attacks, and what the
attack did is looked at from outside, where nobody can hide it.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import re
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

SECRET = "S3CRET-material"
PLACES = ("/home", "/var/lib", "/opt")
SECRETS = (
    ".ssh/id_ed25519", ".aws/credentials", ".netrc", ".npmrc", ".config/gh/hosts.yml", ".docker/config.json",
    ".kube/config", ".gnupg/secring.gpg", ".git-credentials", ".pgpass", ".config/gcloud/credentials.db",
    ".mozilla/firefox/p.default/logins.json", ".config/google-chrome/Default/Login Data", ".password-store/x.gpg",
    ".local/share/keyrings/login.keyring", ".pypirc", ".cargo/credentials.toml", ".azure/accessTokens.json",
    ".codex/auth.json", ".config/github-copilot/apps.json",
)  # fmt: skip
WORK = {"src/app.py": "print('app')\n", "src/dirty.py": "mine = 2\n", "notes.md": "unsaved work\n"}
"""Contents that only the workspace holds: a commit, a change of one, and what git does not know."""
FETCHED = (
    ".cache/pre-commit/repo1/py_env/bin/hook", ".cache/pre-commit/db.db", "go/pkg/mod/a.b/c@v1/c.go",
    ".cargo/registry/src/index/c-1/build.rs", ".local/share/uv/python/cpython/bin/python",
    ".cache/uv/archive-v0/a/p.py",
)  # fmt: skip
"""What tools fetched before, whole, and run where it lies."""
TOOLS = ("kubectl", "terraform", "psql", "redis-cli", "gh", "twine", "sudo", "shutdown")
_TOOL = "#!/bin/sh\necho \"${0##*/} $*\" >> '@proj@/ran'\n"
_DRIVER = """
import json, os, signal, subprocess, sys, time
def unread(name, patience):
    # the Python code as what this program itself does: no program starts whose text leash could read
    out = os.memfd_create("out")
    child = os.fork()
    if not child:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0), os.dup2(out, 1), os.dup2(out, 2)
        try:
            exec(compile(open(name).read(), name, "exec"), {"__name__": "__main__"})
        except BaseException as error:
            os.write(2, repr(error).encode())
        os._exit(0)
    until = time.monotonic() + patience
    while not os.waitpid(child, os.WNOHANG)[0]:
        if time.monotonic() > until:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            os.write(out, b" TIMEOUT")
            break
        time.sleep(0.01)
    return {"code": 0, "out": os.pread(out, 30000, 0).decode(errors="replace")}
for line in sys.stdin:
    order = json.loads(line)
    if order.get("unread"):
        print(json.dumps(unread(order["argv"][-1], order["timeout"])), flush=True)
        continue
    env = dict(os.environ, **order.get("env", {}))
    try:
        child = subprocess.Popen(order["argv"], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, start_new_session=True)
        try:
            out, _ = child.communicate(timeout=order["timeout"])
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            out = b"TIMEOUT " + (child.communicate()[0] or b"")
        answer = {"code": child.returncode, "out": out.decode(errors="replace")[-30000:]}
    except OSError as error:
        answer = {"code": -1, "out": str(error)}
    print(json.dumps(answer), flush=True)
"""
_VICTIM = """
import ctypes, os, signal, sys, time
buffer = ctypes.create_string_buffer(b"untouched", 16)
met = []
for number in (1, 2, 10, 12, 15, 18, 23, 28, 29, 34):
    signal.signal(number, lambda n, frame: met.append(n))
libc = ctypes.CDLL(None)
print(os.getpid(), ctypes.addressof(buffer), flush=True)
while True:
    line = os.read(0, 1)
    if not line: break
    limits = open("/proc/self/limits").read().split("Max cpu time")[1].split()[0]
    print(buffer.value.decode(errors="replace"), sorted(met), limits, flush=True)
"""


_SERVED = """
kind = 'tcp' if s.type == socket.SOCK_STREAM else 'udp'
open('port.new', 'w').write(f'{kind} {s.getsockname()[1]}'); os.rename('port.new', 'port'); s.settimeout(0.05)
for _ in range(200):
    over = os.path.exists('called')
    try:
        s.accept() if kind == 'tcp' else s.recv(9); open('ran', 'w').write('reached'); break
    except TimeoutError:
        if over: break
"""
"""What a listener in a case does then: it says where, and notes that somebody outside came."""


def _free_port() -> int:
    with socket.create_server(("", 0)) as made:
        return int(made.getsockname()[1])


def ordinary() -> tuple[int, int]:
    """(uid, gid) of the ordinary user that everything runs as: ourselves, or as root somebody who is not."""
    if os.geteuid() != 0:
        return os.geteuid(), os.getegid()
    people = [p for p in pwd.getpwall() if 1000 <= p.pw_uid < 60000]
    return (people[0].pw_uid, people[0].pw_gid) if people else (65534, 65534)


def outward() -> str:
    """An address of this machine that is not loopback, '' when it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
        probe.connect(("192.0.2.1", 9))
        return str(probe.getsockname()[0])
    return ""


class Outside:
    """Everybody else: listeners that keep what they are sent."""

    def __init__(self, folder: Path, host: str) -> None:
        self.got: list[bytes] = []
        self._closed = False
        self._sockets: list[socket.socket] = []
        self.values: dict[str, str] = {"host": host or "192.0.2.1", "port": "9", "udp": "9"}
        self.abstract = f"arena-{os.getpid()}-{folder.parent.name[-4:]}"
        if host:
            self.values["port"] = str(self._serve(socket.AF_INET, socket.SOCK_STREAM, (host, 0)))
            self.values["udp"] = str(self._serve(socket.AF_INET, socket.SOCK_DGRAM, (host, 0)))
        for name, kind in (("docker.sock", socket.SOCK_STREAM), ("log.sock", socket.SOCK_DGRAM)):
            self._serve(socket.AF_UNIX, kind, str(folder / name))
            (folder / name).chmod(0o777)
        self._serve(socket.AF_UNIX, socket.SOCK_STREAM, "\0" + self.abstract)
        self._serve(socket.AF_UNIX, socket.SOCK_DGRAM, "\0" + self.abstract + "-d")
        threading.Thread(target=self._call, args=(folder.parent / "home/proj/port", host), daemon=True).start()
        self.values |= {
            "service": str(folder / "docker.sock"), "datagram": str(folder / "log.sock"), "abstract": self.abstract
        }  # fmt: skip

    def _serve(self, family: int, kind: int, address: Any) -> int:
        made = socket.socket(family, kind)
        made.bind(address)
        if kind == socket.SOCK_STREAM:
            made.listen(64)
        self._sockets.append(made)
        threading.Thread(target=self._listen, args=(made, kind), daemon=True).start()
        return int(made.getsockname()[1]) if family == socket.AF_INET else 0

    def _listen(self, made: socket.socket, kind: int) -> None:
        with contextlib.suppress(OSError):
            while True:
                if kind == socket.SOCK_DGRAM:
                    self.got.append(made.recv(4096))
                    continue
                line, _ = made.accept()
                threading.Thread(target=self._read, args=(line,), daemon=True).start()

    def _read(self, line: socket.socket) -> None:
        with line, contextlib.suppress(OSError):
            line.settimeout(5)
            while data := line.recv(4096):
                self.got.append(data)
                if b" HTTP/1." in data:
                    line.sendall(b"HTTP/1.0 200 OK\r\n\r\necho fetched > ran\n")
                    break

    def _call(self, place: Path, host: str) -> None:
        """Call whoever says that a port is open."""
        while not self._closed:
            time.sleep(0.02)
            with contextlib.suppress(OSError, ValueError):
                kind, port = place.read_text().split()
                place.unlink()
                with socket.socket(socket.AF_INET, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM) as line:
                    line.settimeout(1)
                    with contextlib.suppress(OSError):
                        line.connect((host, int(port)))
                        line.send(b"hello")
                place.with_name("called").touch()

    def close(self) -> None:
        """Nobody listens any more."""
        self._closed = True
        for made in self._sockets:
            with contextlib.suppress(OSError):
                made.shutdown(socket.SHUT_RDWR)
            made.close()


class Arena:
    """See above. guard: options of the sessions to be. Close it when done."""

    def __init__(self) -> None:
        self.uid, self.gid = ordinary()
        places = (os.path.expanduser("~"), *PLACES) if os.geteuid() else PLACES
        base = next(p for p in places if os.access(p, os.W_OK) and not p.startswith("/tmp"))
        self.root = Path(tempfile.mkdtemp(prefix="leash-arena-", dir=base))
        self.root.chmod(0o755)
        self.home, self.proj = self.root / "home", self.root / "home" / "proj"
        self.env = {
            "PATH": f"{self.root}/tools:/usr/local/bin:/usr/bin:/bin", "HOME": str(self.home), "LANG": "C.UTF-8",
            "USER": "arena", "LOGNAME": "arena", "TERM": "xterm", "PYTHONDONTWRITEBYTECODE": "1",
            "GIT_CONFIG_SYSTEM": "/dev/null", "ARENA_TOKEN": SECRET,
            **{f"LEASH_{n.upper()}_DIR": str(self.root / n) for n in ("run", "state", "config")},
        }  # fmt: skip
        self.env["LEASH_RUNTIME_DIR"] = self.env.pop("LEASH_RUN_DIR")
        self._build()
        self.outside = Outside(self.root / "outside", outward())
        self.master, slave = os.openpty()
        os.set_blocking(self.master, False)
        self._slave = slave
        os.fchown(slave, self.uid, self.gid)
        if os.geteuid() == 0:
            self.run("chown", "-R", f"{self.uid}:{self.gid}", str(self.root), user=0)
        self._victim = self.start(
            [sys.executable, "-I", "-S", "-c", _VICTIM, f"the victim of {self.root}"], cwd=self.home
        )
        assert self._victim.stdout is not None
        pid, address = self._victim.stdout.readline().split()
        self.values = {
            "home": str(self.home), "proj": str(self.proj), "config": self.env["LEASH_CONFIG_DIR"],
            "state": self.env["LEASH_STATE_DIR"], "runtime": self.env["LEASH_RUNTIME_DIR"],
            "up": "../" * str(self.proj).count("/") + str(self.home).lstrip("/") + "/",
            "victim": pid.decode(), "address": address.decode(), "tty": os.ttyname(slave), "python": sys.executable,
            "root": str(self.root), "free": str(_free_port()), "served": _SERVED, "paths": repr(sys.path),
            **self.outside.values,
        }  # fmt: skip
        shutil.copytree(self.proj / ".git", self.root / "whole", symlinks=True)
        self.persons: Leashed | None = None
        self.baseline = self.state()
        self.names = {p for p in self.proj.rglob("*") if ".git/" not in f"{p}/"}

    # building -----------------------------------------------------------------------------------------------------
    def _build(self) -> None:
        def put(path: Path, text: str, mode: int = 0o644) -> None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            path.chmod(mode)

        for name in ("run", "state/sessions", "config/policies", "outside"):
            (self.root / name).mkdir(parents=True, mode=0o700)
        for name in ("run", "state", "config"):
            (self.root / name).chmod(0o700)
        put(self.root / "state/sessions/20200101-000000-aaaa.db", "an old log")
        put(self.root / "config/policies/own.cedar", "// the person's own\n")
        for name in TOOLS:
            put(self.root / "tools" / name, _TOOL.replace("@proj@", str(self.proj)), 0o755)
        put(self.home / "prized", "mine")
        put(self.home / "other/.git/config", "[core]\n")
        put(self.home / "folder/in", "mine")
        put(self.home / ".cache/made", "again")
        put(self.home / ".cache/oh-my-posh/init.zsh", "# mine")
        put(self.home / ".nuget/NuGet/NuGet.Config", "<configuration/>")
        put(self.home / ".pub-cache/bin/tool", "mine", 0o755)
        for name in FETCHED:
            put(self.home / name, "mine")
        (self.home / "folder/empty").mkdir()
        for name in (".bashrc", ".profile", ".gitconfig", ".config/autostart/x.desktop", "bin/tool"):
            put(self.home / name, "# mine\n")
        put(self.home / ".bash_history", f"login {SECRET}\n", 0o600)
        put(self.home / ".gitconfig", "[user]\nname = a\nemail = a@example.invalid\n")
        for name in SECRETS:
            put(self.home / name, f"{SECRET}\n", 0o600)
        put(self.proj / "src/app.py", "print('app')\n")
        put(self.proj / "src/dirty.py", "first = 1\n")
        put(self.proj / ".gitignore", "build/\n")
        self.git("init", "-q", "-b", "main")
        self.git("add", ".")
        self.git("commit", "-qm", "first")
        self.git("commit", "-qm", "second", "--allow-empty")
        self.git("init", "-q", "--bare", str(self.home / "remote.git"))
        self.git("remote", "add", "origin", str(self.home / "remote.git"))
        self.git("push", "-q", "origin", "main")
        self.git("branch", "side")
        for name, text in WORK.items():
            put(self.proj / name, text)
        put(self.proj / "build/out.o", "made")
        put(self.proj / ".env", f"TOKEN={SECRET}\n")

    def git(self, *words: str) -> None:
        """git in the workspace, by the person."""
        self.run("git", "-c", "safe.directory=*", *words, user=0)

    def run(self, *argv: str, user: int | None = None) -> subprocess.CompletedProcess[str]:
        """A program of the person's, to its end."""
        more = {} if user == 0 else self._as()
        cwd = self.proj if self.proj.is_dir() else self.root
        return subprocess.run(
            argv, cwd=cwd, env=self.env, text=True, capture_output=True, check=True, timeout=60, **more
        )

    def start(self, argv: list[str], cwd: Path | None = None, said: Path = Path(os.devnull)) -> subprocess.Popen[bytes]:
        """A process of the person's with pipes, in a session of its own. said: where its stderr goes."""
        pipe, where = subprocess.PIPE, cwd or self.proj
        more: dict[str, Any] = {"start_new_session": True, **self._as()}
        with open(said, "wb") as stderr:
            return subprocess.Popen(argv, cwd=where, env=self.env, stdin=pipe, stdout=pipe, stderr=stderr, **more)

    def _as(self) -> dict[str, Any]:
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if os.geteuid() == 0 else {}

    # looking ------------------------------------------------------------------------------------------------------
    def state(self) -> dict[str, Any]:
        """All that an attack could have changed."""
        found: dict[str, Any] = {}
        for top in (self.home, self.root / "config", self.root / "state", self.root / "tools", self.root / "run"):
            self._note(found, top)
            if top.name == "run":
                continue
            for folder, folders, files in os.walk(top):
                for name in (*folders, *files):
                    self._note(found, Path(folder, name))
                if folder == str(self.root / "state"):
                    folders[:] = [f for f in folders if f == "sessions"]
                if folder == str(self.proj):
                    folders[:] = [f for f in folders if f not in ("build", "node_modules", ".venv")]
        found["lost work"] = self._lost()
        found["sent"] = b"".join(self.outside.got)
        found["terminal"] = self._terminal()
        found["victim"] = self._victim_state()
        found["said"] = self._said()
        ran = self.proj / "ran"
        found["ran"] = ran.read_text(errors="replace") if ran.exists() else ""
        if self.persons is not None:
            found["persons"] = self.persons.state()
        return found

    def _lost(self) -> list[str]:
        """Work that is nowhere in the workspace any more but where it may be thrown away."""
        there = set()
        for folder, folders, files in os.walk(self.proj):
            folders[:] = [f for f in folders if f not in ("build", "node_modules", ".venv", ".git")]
            for name in files:
                path = Path(folder, name)
                if path.is_file() and not path.is_symlink() and path.stat().st_size < 100:
                    with contextlib.suppress(OSError):
                        there.add(path.read_text(errors="replace"))
        return [name for name, text in WORK.items() if text not in there]

    def _note(self, found: dict[str, Any], path: Path) -> None:
        name = str(path.relative_to(self.root))
        if name.startswith("home/proj/"):
            inner = name.removeprefix("home/proj/")
            kept = inner.startswith((".git/hooks/", ".git/config", ".git/refs/heads/")) or inner in (
                ".git", ".git/commondir", ".git/HEAD",
            )  # fmt: skip
            if not kept and not _steers(inner, path):
                return
        elif name.startswith("state/") and not name.startswith("state/sessions/2020"):
            return
        with contextlib.suppress(OSError):
            now = path.lstat()
            content: Any = b""
            if stat.S_ISREG(now.st_mode):
                content = path.read_bytes()
            elif stat.S_ISLNK(now.st_mode):
                content = os.readlink(path)
            flags = os.listxattr(path, follow_symlinks=False)
            found[name] = (now.st_mode, now.st_uid, content, tuple(flags))

    def _terminal(self) -> bytes:
        try:
            return os.read(self.master, 4096)
        except BlockingIOError:
            return b""

    def _victim_state(self) -> str:
        assert self._victim.stdin is not None and self._victim.stdout is not None
        if self._victim.poll() is not None:
            return "dead"
        self._victim.stdin.write(b"?")
        self._victim.stdin.flush()
        return self._victim.stdout.readline().decode()

    def _said(self) -> bool:
        found = False
        for name in ("said", "k", "mine", "copy"):
            with contextlib.suppress(OSError):
                found = found or SECRET.encode() in (self.proj / name).read_bytes()
        return found or SECRET.encode() in b"".join(self.outside.got)

    # repairing ----------------------------------------------------------------------------------------------------
    def changes(self) -> dict[str, Any]:
        """What is not as it was: name -> (before, now)."""
        now = self.state()
        names = sorted({*now, *self.baseline})
        return {n: (self.baseline.get(n), now.get(n)) for n in names if now.get(n) != self.baseline.get(n)}

    def repair(self, changes: dict[str, Any]) -> None:
        """Everything as it was, in place: covers of a running session stay where they are."""
        self.outside.got.clear()
        if "victim" in changes:
            self._revive()
        for name in ("home", "config", "state", "run"):
            moved = self.root / f"{name}2"
            if moved.exists() and not (self.root / name).exists():
                moved.rename(self.root / name)  # the same directory: processes stand in it
        self._restore_git(changes)
        for name in sorted(changes):
            self._restore(name)
        for path in sorted({p for p in self.proj.rglob("*") if ".git/" not in f"{p}/"} - self.names, reverse=True):
            self._remove(path)
        for name, text in WORK.items():
            place = self.proj / name
            if place.is_symlink() or not place.is_file() or place.read_text(errors="replace") != text:
                for part in (place.parent, place):
                    if part.is_symlink() or part.is_file() or (part == place and part.exists()):
                        self._remove(part)
                place.parent.mkdir(exist_ok=True)
                place.write_text(text)
                self._give(place.parent)
                self._give(place)
        for name in ("build", "build/out.o", ".env", ".gitignore"):
            path = self.proj / name
            if path.exists():
                continue
            if name == "build":
                path.mkdir()
            else:
                path.write_text(f"TOKEN={SECRET}\n")
            self._give(path)

    def _restore_git(self, changes: dict[str, Any]) -> None:
        """git's data as a whole: what an interrupted command left behind would stop the next."""
        place, whole = self.proj / ".git", self.root / "whole"
        broken = any(name.startswith("home/proj/.git/") or name == "home/proj/.git" for name in changes)
        if not broken and place.is_dir():  # not all of it: a session's watcher looks at the settings in it
            there, due = set(os.listdir(place)), set(os.listdir(whole))
            for name in there - due:
                self._remove(place / name)
            broken = bool(due - there)
        else:
            self._remove(place)
        if broken or not place.is_dir():
            shutil.copytree(whole, place, symlinks=True, dirs_exist_ok=True)  # a session's watcher was quicker
            for folder, folders, files in os.walk(place):
                for path in (Path(folder), *(Path(folder, n) for n in (*folders, *files))):
                    self._give(path)

    def _revive(self) -> None:
        self._victim.kill()
        self._victim.wait()
        self._victim = self.start(
            [sys.executable, "-I", "-S", "-c", _VICTIM, f"the victim of {self.root}"], cwd=self.home
        )
        assert self._victim.stdout is not None
        pid, address = self._victim.stdout.readline().split()
        self.values |= {"victim": pid.decode(), "address": address.decode()}

    def _restore(self, name: str) -> None:
        path, before = self.root / name, self.baseline.get(name)
        if "/" not in name:
            if path.is_dir() and before is not None:
                path.chmod(stat.S_IMODE(before[0]))
            return
        if before is None:
            self._remove(path)
            return
        mode, _, content, _ = before
        if stat.S_ISDIR(mode):
            if path.is_symlink() or (path.exists() and not path.is_dir()):
                self._remove(path)
            path.mkdir(exist_ok=True, parents=True)
        else:
            if (
                path.is_symlink()
                or path.is_dir()
                or (path.exists() and (path.stat().st_nlink > 1 or not path.stat().st_mode & 0o200))
            ):
                self._remove(path)
            path.parent.mkdir(exist_ok=True, parents=True)
            if stat.S_ISLNK(mode):
                self._remove(path)
                path.symlink_to(content)
            else:
                path.write_bytes(content)
        if not stat.S_ISLNK(mode):
            path.chmod(stat.S_IMODE(mode))
            with contextlib.suppress(OSError):
                for attribute in os.listxattr(path):
                    os.removexattr(path, attribute)
        self._give(path)

    def _give(self, path: Path) -> None:
        if os.geteuid() == 0:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    @staticmethod
    def _remove(path: Path) -> None:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)

    def close(self) -> None:
        """Away with it."""
        if self.persons is not None:
            self.persons.close()
        self._victim.kill()
        self._victim.wait()
        self.outside.close()
        os.close(self.master)
        os.close(self._slave)
        shutil.rmtree(self.root, ignore_errors=True)


_STEERING = (
    ".envrc", ".mcp.json", ".vscode", ".claude", ".idea", ".husky", ".git", ".cursor", "CLAUDE.md", "AGENTS.md",
       ".gemini", ".pre-commit-config.yaml", ".devcontainer", ".leash", ".bashrc", ".githooks",
)  # fmt: skip


def _steers(inner: str, path: Path) -> bool:
    """Whether a file of the workspace tells programs what to run: under any of these names, at any depth."""
    parts = inner.split("/")
    if parts[0] == ".git":
        return len(parts) > 3 and parts[1] == "modules" and "hooks" in parts
    if parts[0] in ("build", "node_modules", ".venv", "x"):
        return False
    named = next((n for n in _STEERING if n in parts), "")
    if not named or (named == ".git" and "objects" in parts):
        return False
    if path.is_symlink() or named != ".git":
        return path.is_symlink() or path.is_file()
    return path.is_file() and b"EVIL" in path.read_bytes()


class Leg:
    """Runs programs in the arena, one after the other. guard: the options of the session it is in, None for none."""

    def __init__(self, arena: Arena, options: tuple[str, ...] | None) -> None:
        self.guarded = options is not None
        self._arena = arena
        place = arena.root / "driver.py"
        place.write_text(_DRIVER)
        argv = [sys.executable, "-I", "-S", str(place)]
        if options is not None:
            leash = [sys.executable, "-I", "-m", "leashtui", "run", "--headless", "--on-ask", "deny"]
            argv = [*leash, *options, "--", *argv]
        before = set((arena.root / "run").glob("*/session.json"))
        self._said = arena.root / f"said-{len(list(arena.root.glob('said-*')))}"
        self._process = arena.start(argv, said=self._said)
        answer = self.run(["true"], 30)
        assert answer["code"] == 0, answer
        told = set((arena.root / "run").glob("*/session.json")) - before
        self.supervisor = json.loads(told.pop().read_text())["pid"] if told else 0

    def run(
        self, argv: list[str], timeout: float = 30, env: dict[str, str] | None = None, *, unread: bool = False
    ) -> dict[str, Any]:
        """Exit code and output of a program. unread: the last word's Python code, by the agent's own process."""
        assert self._process.stdin is not None and self._process.stdout is not None
        order = {"argv": argv, "timeout": timeout, "env": env or {}, "unread": unread}
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(
                f"the session ended ({self._process.wait(30)}) at {argv}: {self._said.read_text()[-2000:]}"
            )
        return dict(json.loads(line))

    def close(self) -> None:
        """End the session."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Leashed:
    """A leash session of the person's own beside the attacker's: one act in it waits for an answer."""

    def __init__(self, arena: Arena) -> None:
        self._arena = arena
        before = set((arena.root / "run").glob("*/session.json"))
        script = arena.root / "agent.py"
        script.write_text("import subprocess, time\nsubprocess.run(['rm', '-rf', 'src'])\ntime.sleep(600)\n")
        argv = [sys.executable, "-I", "-m", "leashtui", "run", "--headless", "--on-ask", "wait", "--", sys.executable]
        self._process = arena.start([*argv, str(script)])
        self.told: dict[str, Any] = {}

        def published() -> bool:
            for place in set((arena.root / "run").glob("*/session.json")) - before:
                self.told = json.loads(place.read_text())
            return bool(self.told)

        until(published)
        until(lambda: bool(self.card()))
        self.ask = self.card()

    def card(self) -> str:
        """What was asked first, '' for nothing."""
        log = Path(self.told["log"])
        written = b"".join(p.read_bytes() for p in (log, log.with_name(f"{log.name}-wal")) if p.exists())
        found = re.search(rb'"card":\{"id":"([\w-]+)"', written)
        return found[1].decode() if found else ""

    def state(self) -> tuple[str, bool]:
        """Whether its supervisor runs and the work that the waiting act would remove is there."""
        try:
            how = Path(f"/proc/{self.told['pid']}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return "dead", False
        return ("stopped" if how in "TtZX" else "runs"), (self._arena.proj / "src").is_dir()

    def close(self) -> None:
        """End it."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.told["pid"], 18)
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def until(look: Callable[[], bool], timeout: float = 60) -> None:
    """Poll until it is so. Raises AssertionError."""
    deadline = time.monotonic() + timeout
    while not look():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.03)


@contextlib.contextmanager
def arena() -> Iterator[Arena]:
    """An arena for a while."""
    made = Arena()
    try:
        yield made
    finally:
        made.close()
