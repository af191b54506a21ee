"""`python -m leashtui`: the same as `leash`."""

import sys

from leashtui.faces.cli.main import main

sys.exit(main())
