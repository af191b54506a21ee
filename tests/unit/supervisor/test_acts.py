"""Which exec makes the agent: the words the person typed, however they are wrapped."""

from __future__ import annotations

import pytest

from leashtui.model.request import Action, Layer, ProcessRef, Request
from leashtui.supervisor.acts import Acts


@pytest.mark.parametrize(
    ("typed", "argv", "expected"),
    [
        (("python3", "x.py"), ("/usr/bin/python3.11", "x.py"), False),
        (("python3", "x.py"), ("/usr/bin/python3", "x.py"), True),
        (("python3", "x.py"), ("bash", "/home/me/.pyenv/shims/python3", "x.py"), True),
        (("claude", "--yolo"), ("node", "/usr/bin/claude", "--yolo"), True),
        (("env", "python3", "x.py"), ("python3", "x.py"), True),
        (("/usr/bin/env", "python3", "x.py"), ("/usr/bin/env", "bash", "/home/me/shims/python3", "x.py"), True),
        (("env", "python3", "x.py"), ("bash", "pyenv", "exec", "python3", "x.py"), True),
        (("python3", "x.py"), ("/tmp/other", "x.py"), False),
        (("python3", "x.py"), ("python3", "y.py"), False),
        (("bash",), ("bash", "-c", "rm -rf src"), False),
    ],
)
def test_the_agent_is_what_the_person_typed(typed: tuple[str, ...], argv: tuple[str, ...], expected: bool) -> None:
    acts = Acts(lambda process: True)
    agent = ProcessRef(7, 100)
    acts.adopt_agent(agent, typed)
    request = Request(Action.PROCESS_EXEC, Layer.KERNEL, "/", argv=argv, process=ProcessRef(7, 100, 3))
    assert acts.starts(request) is expected
    other = Request(Action.PROCESS_EXEC, Layer.KERNEL, "/", argv=argv, process=ProcessRef(8, 100, 1))
    assert not acts.starts(other)
