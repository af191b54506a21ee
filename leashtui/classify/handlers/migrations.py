"""Which database alembic's settings name, and whether it is the session's own.

Knows `alembic.ini` and `env.py` as `alembic init` writes them. Refuses to run them. Invariant: settings that say
anything of the database in another way, in another file or by a variable, name a database of the person's.
"""

from __future__ import annotations

import configparser
import re

from leashtui.classify.call import Call
from leashtui.classify.handlers.dbserver import is_own_address
from leashtui.classify.options import Options
from leashtui.classify.patterns import lazy
from leashtui.classify.spec import Spec
from leashtui.classify.sql import own_file
from leashtui.classify.values import Stream, is_fixed
from leashtui.model.facts import Verb

_SQLITE = lazy(r"sqlite(?:\+pysqlite)?:///([^\s?%\\]+)")
_TAKEN = lazy(r"get_section\(\s*config\.config_ini_section\b")
_OTHERWISE = lazy(
    r"set_main_option|set_section_option|create_engine|environ|getenv|get_x_argument"
    r"|\burl\s*=(?!\s*(?:url\b|config\.get_main_option\(\"sqlalchemy\.url\"\)))"
)


def own_migrations(call: Call, spec: Spec, options: Options) -> Stream | None:
    """alembic: what it changes in a database of the session's own is nobody else's."""
    told = any(re.match(r"-[cnx]|--(?:config|name|raiseerr-x)", word) for word in call.words[1:])
    set_before = any(name.startswith("ALEMBIC") for name, _ in call.env) or call.state.vars.get("ALEMBIC_CONFIG")
    if call.name == "alembic" and not told and not set_before and _is_own(call):
        call.harmless = frozenset({Verb.DATA_CHANGE})
    return None


def _is_own(call: Call) -> bool:
    probe, folder = call.machine.setting.probe, call.state.cwd
    if not is_fixed(folder):
        return call.machine.is_ahead
    if not probe.exists(f"{folder}/alembic.ini"):
        return call.machine.is_ahead
    settings = configparser.RawConfigParser()
    try:
        settings.read_string(probe.read_text(f"{folder}/alembic.ini") or "")
        url = settings.get("alembic", "sqlalchemy.url", fallback="").strip()
        place = settings.get("alembic", "script_location", fallback="").strip()
    except configparser.Error:
        return False
    place = place.replace("%(here)s", folder)
    script = probe.read_text(f"{place if place.startswith('/') else f'{folder}/{place}'}/env.py") or ""
    if "%" in place or not _TAKEN.search(script) or _OTHERWISE.search(script):
        return False
    file = _SQLITE.fullmatch(url)
    if file is not None:
        return own_file(call, file[1] if file[1].startswith("/") else f"{folder}/{file[1]}")
    return is_own_address(call, re.sub(r"^(postgres(?:ql)?)\+\w+:", r"\1:", url))


HANDLERS = {"own_migrations": own_migrations}
"""See handlers/__init__.py."""
