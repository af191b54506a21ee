"""Judges a command that nobody runs: the classifier and the policies of a session, without a session.

Knows how the two are put together for one directory and home. Refuses to run, record or ask anything. Invariant: the
answer is the one a new session with these policies and this depth of guard would begin with.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from leashtui.classify.engine import Engine
from leashtui.classify.machine import Bounds
from leashtui.classify.probe import NoProbe, Probe
from leashtui.classify.toolbox import Toolbox
from leashtui.classify.workspace import Pins, Workspace
from leashtui.model.facts import Facts
from leashtui.model.request import Action, Layer, Mode, Request, Tier
from leashtui.model.verdict import Decision
from leashtui.policy.entities import Principal
from leashtui.policy.pdp import PDP
from leashtui.supervisor import layers

_ENGINES = 64


def reader(workspace: str, branch: str) -> Callable[[str], Facts]:
    """Reads commands as a session in this workspace would, without looking at the disk: a repository on `branch`, with
    a remote `origin` whose branch `main` others build on."""
    pins = Pins((("origin", "https://git.example/proj.git"),), branch, ("main",))
    place = Workspace(workspace, (), (), pins)
    engine = Engine(place, os.path.dirname(workspace), "dev", Mode.KERNEL, NoProbe(), Toolbox())
    return lambda command: engine.text(command, workspace)


class Judged(Struct, frozen=True):
    """What leash would say. microseconds: how long understanding and deciding took."""

    facts: Facts
    decision: Decision
    microseconds: int


class Rehearsal:
    """mode: how deep the guard would see. config: `stores.directories.config_dir()`. user: the account's name.

    look: what the classifier may see of a workspace (its root in, a Probe out). workspace: whose project policies
    count. bounds: what the session would be kept from anyway, nothing where only the words are judged.
    Raises PolicyError.
    """

    def __init__(
        self,
        mode: Mode,
        config: Path,
        user: str,
        look: Callable[[str], Probe],
        workspace: str = "",
        bounds: Bounds = Bounds(),  # noqa: B008
    ) -> None:
        self._mode = mode
        self._bounds = bounds
        self._user = user
        self._look = look
        self._tools = Toolbox()
        tier = Tier.WATCH if mode is Mode.SHIM else Tier.EXEC
        bundle = layers.load(config, workspace).bundle
        self._pdp = PDP(bundle, Principal("explain", "explain", "explain", user), tier=tier)
        self._pdp.self_test()
        self._engines: dict[tuple[str, str], Engine] = {}

    def warm_up(self) -> None:
        """Pay once, before many commands, for what is otherwise paid by the first that needs it."""
        self._tools.decode_all()
        gc.collect()
        gc.freeze()

    def judge(self, command: str, *, cwd: str, home: str, workspace: str, also: tuple[str, ...] = ()) -> Judged:
        """The facts and the decision of a shell command line. cwd, home, workspace: absolute, need not exist."""
        engine = self._engine(workspace, home, also)
        engine.forget()
        begun = time.perf_counter_ns()
        facts = engine.text(command, os.path.normpath(cwd))
        request = Request(Action.PROCESS_EXEC, Layer.EXPLAIN, cwd, argv=("bash", "-c", command), exe="/bin/bash")
        decision = self._pdp.decide(request, facts)
        return Judged(facts, decision, (time.perf_counter_ns() - begun) // 1000)

    def _engine(self, workspace: str, home: str, also: tuple[str, ...]) -> Engine:
        found = self._engines.get((workspace, home))
        if found is None:
            if len(self._engines) >= _ENGINES:
                self._engines.clear()
            place = Workspace(workspace, also)
            look = self._look(workspace)
            found = Engine(place, home, self._user, self._mode, look, self._tools, bounds=self._bounds)
            self._engines[workspace, home] = found
        return found
