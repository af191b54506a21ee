"""leashtui: the layer above coding agents that sees, decides and proves what they do."""

import os
import sys

__version__ = "0.1.0"

if "LEASH_SESSION" in os.environ:  # its own compiled code would be a change of leash, which raises an alarm in there
    sys.dont_write_bytecode = True
