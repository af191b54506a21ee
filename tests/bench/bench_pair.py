"""Two reviewers, three real sessions, 200 cards: is an answer lost, doubled or put down to the other one?

    python tests/bench/bench_pair.py [--cards 200]

Every card holds a real `rm -rf` of work that git does not have. Both reviewers are processes of their own on all three
sessions, and answer every card they see within 10 ms, each by a coin of its own. Afterwards the log, what each reviewer
says it answered, and the disk must tell the same story. Exits with 1 where they do not.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from stage import LEASH, Stage

from leashtui.faces.link import Link
from leashtui.model.card import Choice
from leashtui.model.errors import LeashError
from leashtui.model.wire import Answer, CardGone, CardShown

AGENT = """
import subprocess, sys
place, count = sys.argv[1], int(sys.argv[2])
for first in range(0, count, 10):
    acts = [subprocess.Popen(["rm", "-rf", f"{place}/work{n}"], stderr=subprocess.DEVNULL)
            for n in range(first, min(first + 10, count))]
    for act in acts:
        act.wait()
"""


async def review(seed: int, directories: list[Path]) -> dict[str, dict[str, str]]:
    """Answer whatever is shown until all sessions are over; by session and ask, what was answered."""
    chance, loop = random.Random(seed), asyncio.get_running_loop()

    def answer(link: Link, ask: str, answered: dict[str, str]) -> None:
        if ask not in answered:  # nobody told us meanwhile that it is gone
            choice = chance.choice((Choice.ONCE, Choice.DENY))
            answered[ask] = choice.value
            link.send(Answer(ask, choice))

    async def watch(directory: Path) -> dict[str, str]:
        answered: dict[str, str] = {}
        link = await Link.connect(directory, face="plain", role="reviewer")
        try:
            async for message in link:
                if isinstance(message, CardShown) and message.card.id not in answered:
                    loop.call_later(chance.random() * 0.01, answer, link, message.card.id, answered)
                elif isinstance(message, CardGone) and message.ask not in answered:
                    answered[message.ask] = ""
        except LeashError:
            return answered
        return answered

    found = await asyncio.gather(*map(watch, directories))
    return {directory.name: answered for directory, answered in zip(directories, found, strict=True)}


def sessions(stage: Stage, cards: int) -> list[tuple[subprocess.Popen[bytes], Path, int]]:
    """(process, workspace, cards) of three sessions; the agents wait at their first card."""
    started = []
    (stage.root / "agent.py").write_text(AGENT)
    for at in range(3):
        place = stage.root / "home" / f"project{at}"
        count = cards // 3 + (at < cards % 3)
        for n in range(count):
            (place / f"work{n}").mkdir(parents=True)
            (place / f"work{n}" / "notes").write_text("only here")
        subprocess.run(["git", "init", "-q"], cwd=place, env=stage.env, check=True)
        agent = [sys.executable, "-I", str(stage.root / "agent.py"), str(place), str(count)]
        command = [*LEASH, "run", "--headless", "--on-ask", "wait", "--", *agent]
        started.append((subprocess.Popen(command, cwd=place, env=stage.env, stderr=subprocess.DEVNULL), place, count))
    return started


def judged(stage: Stage, name: str, place: Path, count: int, said: dict[int, dict[str, Any]]) -> tuple[list[str], int]:
    """What does not fit together in one session, and how many cards the first reviewer decided."""
    done = stage.run(*LEASH, "log", name, "--json", stdout=subprocess.PIPE)
    events = [json.loads(line)["record"]["event"] for line in done.stdout.splitlines()]
    pids = {e["face"]: e["pid"] for e in events if e["kind"] == "face.joined"}
    asks = {e["card"]["id"]: e["card"]["command"] for e in events if e["kind"] == "act.asked"}
    answers = [e for e in events if e["kind"] == "act.answered"]
    wrong = [f"{len(asks)} asks in place of {count}"] if len(asks) != count else []
    for ask, command in asks.items():
        mine = [e for e in answers if e["ask"] == ask]
        if len(mine) != 1:
            wrong.append(f"{ask}: {len(mine)} answers")
            continue
        allowed = mine[0]["verdict"]["ruling"] == "allow"
        author = pids.get(mine[0].get("face", ""), 0)
        if said.get(author, {}).get(name, {}).get(ask) != ("once" if allowed else "deny"):
            wrong.append(f"{ask}: put down to {author}, who says {said.get(author, {}).get(name, {}).get(ask)!r}")
        if (place / command.rpartition("/")[2].rstrip("'")).exists() is allowed:
            wrong.append(f"{ask}: {'allowed' if allowed else 'denied'}, and the disk says otherwise")
    first = min(said, default=0)
    return wrong, sum(pids.get(e.get("face", "")) == first for e in answers)


def main() -> int:
    """Returns 1 where an answer was lost, doubled or attributed wrongly."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cards", type=int, default=200)
    parser.add_argument("--review", type=int, default=-1, help=argparse.SUPPRESS)
    parser.add_argument("directories", nargs="*", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.review >= 0:
        print(json.dumps({"pid": os.getpid(), "said": asyncio.run(review(args.review, args.directories))}))
        return 0
    stage = Stage("/var/tmp")
    try:
        running = sessions(stage, args.cards)
        while len(found := sorted((stage.root / "run").glob("*/session.json"))) < 3:
            time.sleep(0.05)
        places = {json.loads(f.read_text())["workspace"]: f.parent for f in found}
        command = [sys.executable, str(Path(__file__)), *map(str, places.values()), "--review"]
        reviewers = [subprocess.Popen([*command, str(seed)], env=stage.env, stdout=subprocess.PIPE) for seed in (1, 2)]
        for process, _, _ in running:
            process.wait(300)
        told = [json.loads(reviewer.communicate(timeout=60)[0]) for reviewer in reviewers]
        said = {one["pid"]: one["said"] for one in told}
        wrong, first = [], 0
        for _, place, count in running:
            bad, mine = judged(stage, places[str(place)].name, place, count, said)
            wrong, first = wrong + bad, first + mine
        print(f"{args.cards} cards in 3 sessions: {first} decided by one reviewer, {args.cards - first} by the other")
        print("\n".join(wrong) or "no answer lost, doubled or attributed wrongly")
        return int(bool(wrong))
    finally:
        stage.close()


if __name__ == "__main__":
    sys.exit(main())
