"""What needs an extra of leash: loads a module that needs a library of one, or says how to install what it lacks.

Knows the names of the extras. Invariant: a leash without psycopg works in everything that does not need a database.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from leashtui.model.errors import Exit, LeashError

_EXTRAS = {"psycopg": "team", "pyarrow": "parquet", "z3": "analysis"}


def load(module: str) -> Any:
    """The module of that full name. Raises LeashError naming the extra when a library is missing."""
    try:
        return import_module(module)
    except ImportError as error:
        name = (error.name or "").partition(".")[0]
        extra = _EXTRAS.get(name)
        if extra is None:
            raise
        raise LeashError(
            f"this needs {name}, which is not installed",
            f"install it beside leash: pip install 'leashtui[{extra}]'",
            Exit.USAGE,
        ) from error
