"""Importing the classifier compiles next to nothing: a command line that is answered at once is worth it."""

from __future__ import annotations

import subprocess
import sys

COUNT = """
import re
made = []
real = re._compile
re._compile = lambda pattern, flags: made.append(pattern) or real(pattern, flags)
import leashtui.classify.engine
print(len(made))
"""


def test_patterns_wait_until_they_are_needed() -> None:
    done = subprocess.run([sys.executable, "-c", COUNT], check=True, capture_output=True, text=True)
    assert int(done.stdout) < 60
