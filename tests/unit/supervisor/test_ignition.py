"""What a session waits for is started without what it never uses."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["leashtui.supervisor.startup", "leashtui.faces.tui.app"])
def test_nothing_a_session_waits_for_loads_openssl_and_who_needs_it_still_can(module: str) -> None:
    code = (
        f"import leashtui.supervisor.ignition, {module}, gc, sys\n"
        "assert not {'ssl', '_ssl'} & sys.modules.keys() and not gc.isenabled()\n"
        "import asyncio, ssl\n"
        "assert ssl.create_default_context() and asyncio.run(asyncio.sleep(0, 1))\n"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
