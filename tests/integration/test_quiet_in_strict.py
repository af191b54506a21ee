"""A day's work in tier strict, line by line, beside the same free: nothing is asked, and everything ends as it would.

Controls: what the person made is still asked about, in the same session.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from arena import Arena, Leg, arena

from leashtui.guards.kernel.probe import probe
from leashtui.model.request import Tier

pytestmark = pytest.mark.skipif(probe().tier is not Tier.STRICT, reason="this host does not give tier strict")
WORK = (
    "mkdir f && for i in 1 2 3; do echo $i > f/$i; done",
    "rm f/1",
    "rm -r f",
    'python3 -c \'import os; os.makedirs("g/a"); open("g/a/b", "w").write("1")\'',
    "rm -rf g",
    "mkdir t && echo 1 > t/a && tar cf t.tar t && tar xf t.tar && tar xf t.tar && rm -rf t t.tar",
    "tar cf e.tar notes.md && tar xf e.tar && rm e.tar",
    "cp notes.md copy.md && install -m 644 copy.md notes.md && rm copy.md",
    "stdbuf -oL echo hi",
    "git stash -q && git stash pop -q",
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
    "perl -pi -e s/unsaved/unsaved/ notes.md",
    "touch -d yesterday src/app.py && chmod 644 src/app.py",
    "gzip -k notes.md && gunzip -c notes.md.gz > /dev/null && rm notes.md.gz",
    "script -qec 'echo hi' /dev/null",
    "flock lock echo x && rm lock",
    "mkdir build/out && echo x > build/out/x && mv build/out build/in && rm -rf build/in",
    "mkdir -p node_modules/.x/.github && echo x > node_modules/.x/.github/f.yml && mv node_modules/.x node_modules/x",
    "rm -rf node_modules",
    "git add -A && git commit -q -m all && git gc -q",
    "git rm -q --cached notes.md && git add notes.md",
)
SERVE = """
import socket, threading
for family, host, to in ((socket.AF_INET, "0.0.0.0", "127.0.0.1"), (socket.AF_INET6, "::", "127.0.0.1"),
                         (socket.AF_INET, "127.0.0.1", "127.0.0.1"), (socket.AF_INET, "", "localhost")):
    server = socket.create_server((host, 0), family=family, dualstack_ipv6=family == socket.AF_INET6)
    server.listen(5)
    client = socket.create_connection((to, server.getsockname()[1]), 5)
    server.accept()[0].send(b"ok")
    print(client.recv(9).decode())
own = socket.socket(socket.AF_UNIX); own.bind("\\0arena-own-" + str(id(own))); own.listen()
one = socket.socket(socket.AF_UNIX); one.connect(own.getsockname()); print("ok")
"""


@pytest.fixture(scope="module")
def place() -> Iterator[Arena]:
    with arena() as made:
        yield made


@pytest.fixture(scope="module")
def leg(place: Arena) -> Iterator[Leg]:
    made = Leg(place, ("--guard", "strict"))
    yield made
    made.close()


@pytest.mark.parametrize("line", WORK)
def test_work_is_not_asked_about(line: str, leg: Leg) -> None:
    done = leg.run(["bash", "-c", line], 60)
    assert "REFUSED" not in done["out"], done
    assert done["code"] == 0, done


def test_servers_of_the_session_are_reached_from_this_machine(leg: Leg) -> None:
    done = leg.run(["python3", "-c", SERVE.replace("\n\n", "\n")], 30)
    assert done["out"].split() == ["ok"] * 5, done


def test_a_call_for_sockets_on_a_pipe_leaves_the_pipe_alone(leg: Leg) -> None:
    """The guard looks at a duplicate of the descriptor; the reader must still see the end of the pipe."""
    calls = "libc.connect(1, bytes(16), 16); libc.bind(1, bytes(16), 16); libc.listen(1, 1)"
    started = time.monotonic()
    done = leg.run(["python3", "-c", f"import ctypes; libc = ctypes.CDLL(None); {calls}; print('ok')"], 20)
    assert done["out"].strip() == "ok", done
    assert time.monotonic() - started < 20


@pytest.mark.parametrize("line", ["rm src/app.py", "rm -rf src", "mv src build/src", "mv src y && rm -rf y"])
def test_the_persons_work_is_still_asked_about(line: str, leg: Leg, place: Arena) -> None:
    done = leg.run(["bash", "-c", line], 60)
    assert "REFUSED" in done["out"], done
    assert not place.changes().get("lost work"), done
