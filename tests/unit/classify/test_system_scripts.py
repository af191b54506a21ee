"""A script of the system is not read before it runs where each thing it comes to is judged."""

from __future__ import annotations

import pytest
from judge import CWD, HOME
from own_repository import SEEN, Repository

from leashtui.classify.engine import Engine
from leashtui.classify.machine import Bounds
from leashtui.classify.workspace import Workspace
from leashtui.model.facts import Verb
from leashtui.model.request import Action, Layer, Mode, Request

TEXT = "#!/bin/sh\ncase $1 in --help) exit;; esac\nkubectl delete ns prod\nrm -rf src\n"
TELLING = {Verb.CLOUD_CHANGE, Verb.DELETE}


def telling(path: str, *more: str, bounds: Bounds = SEEN, made: bool = False, first: str = "") -> set[Verb]:
    machine = Repository(*((path,) if made else ()))
    machine.texts[path] = TEXT
    engine = Engine(Workspace(CWD), HOME, "dev", Mode.KERNEL, machine, bounds=bounds)
    argv = (*first.split(), "/bin/sh", path, *more)
    exe = f"/usr/bin/{first.split()[0]}" if first else "/usr/bin/dash"
    return TELLING & {e.verb for e in engine(Request(Action.PROCESS_EXEC, Layer.KERNEL, CWD, argv, exe=exe)).effects}


@pytest.mark.parametrize("path", ["/usr/bin/tool", "/usr/lib/git-core/git-tool", "/usr/sbin/tool", "/usr/share/x/tool"])
def test_it_is_a_program_like_any_other(path: str) -> None:
    assert not telling(path, "--help")
    assert telling(path, "--help", bounds=Bounds()) == TELLING
    assert telling(path, made=True) == TELLING


@pytest.mark.parametrize("path", ["/usr/local/bin/tool", f"{HOME}/bin/tool", f"{CWD}/tool", "/opt/x/bin/tool"])
def test_others_are_read(path: str) -> None:
    assert telling(path)


def test_with_more_rights_it_is_read() -> None:
    assert telling("/usr/bin/tool", first="sudo")
