"""A database server, a folder of keys, a repository to push to: whether it is the session's own, and what follows."""

from __future__ import annotations

import pytest
from judge import CWD, HOME
from msgspec.structs import replace
from own_repository import SEEN, Repository

from leashtui.classify.engine import Engine
from leashtui.classify.workspace import Pins, Workspace
from leashtui.model.facts import Place, Verb
from leashtui.model.request import Action, Layer, Mode, Request

TELLING = {Verb.DATA_CHANGE, Verb.PERSIST, Verb.SECRET_READ, Verb.REMOTE_CHANGE, Verb.PACKAGE_ADD, Verb.DELETE}


class Machine(Repository):
    """own: addresses and folders of the session's; what else is there is somebody's. there: further paths."""

    def __init__(self, *own: str, there: tuple[str, ...] = ()) -> None:
        super().__init__(*own)
        self.there = there
        self.remotes = {"theirs": "https://git.example/a.git"}

    def serves(self, address: str) -> bool | None:
        """See Probe."""
        return None if address.endswith("9999") else address in self.own

    def exists(self, path: str) -> bool | None:
        """See Probe."""
        return path in self.there or super().exists(path)

    def remote_address(self, remote: str) -> str | None:
        """See Probe."""
        return self.remotes.get(remote, remote if "/" in remote else None)

    def are_own(self, question: str) -> bool:
        """See Probe."""
        return question.replace("\0", " ") in self.own

    def names(self, path: str) -> tuple[str, ...] | None:
        """See Probe."""
        return {f"{CWD}/n.*": (f"{CWD}/n.a",), f"{CWD}/t.*": (f"{CWD}/t.a", f"{CWD}/t.b")}.get(path, ())


def telling(line: str, *own: str, there: tuple[str, ...] = (), started: bool = False) -> set[Verb]:
    """Of a text that a shell gets, or of a program that starts."""
    engine = Engine(Workspace(CWD), HOME, "dev", Mode.KERNEL, Machine(*own, there=there), bounds=SEEN)
    argv = tuple(line.split()) if started else ("bash", "-c", line)
    request = Request(Action.PROCESS_EXEC, Layer.KERNEL, CWD, argv, exe=f"/usr/bin/{argv[0]}")
    return TELLING & {e.verb for e in engine(request).effects}


@pytest.mark.parametrize(
    ("line", "address"),
    [
        ("psql -h 127.0.0.1 -p 5999 -c 'drop table t'", "tcp:5999"),
        ("psql -h localhost -p 5999 app <<< 'delete from t'", "tcp:5999"),
        ("psql postgresql://dev@localhost:5999/app -c 'truncate t'", "tcp:5999"),
        ("psql -d 'host=127.0.0.1 port=5999 dbname=a' -c 'truncate t'", "tcp:5999"),
        ("PGHOST=127.0.0.1 PGPORT=5999 psql -c 'truncate t'", "tcp:5999"),
        ("export PGHOST=127.0.0.1; psql -p 5999 -c 'truncate t'", "tcp:5999"),
        ("psql -h $PWD/run -c 'truncate t'", f"unix:{CWD}/run/.s.PGSQL.5432"),
        ("createdb -h ::1 -p 5999 app && dropdb -h ::1 -p 5999 app", "tcp:5999"),
        ("pg_restore -h localhost -p 5999 --clean -d app x.dump", "tcp:5999"),
        ("redis-cli -p 5999 flushall", "tcp:5999"),
        ("redis-cli -s r.sock flushall", f"unix:{CWD}/r.sock"),
        ("redis-cli -u redis://localhost:5999/0 flushall", "tcp:5999"),
        ("export REDIS_URL=redis://127.0.0.1:5999; redis-cli -u $REDIS_URL set a 1", "tcp:5999"),
        ("mysql -h 127.0.0.1 -P 5999 -e 'drop database x'", "tcp:5999"),
        ("mysql -S my.sock -e 'drop database x'", f"unix:{CWD}/my.sock"),
    ],
)
def test_a_database_of_the_sessions_own_may_be_changed(line: str, address: str) -> None:
    assert not telling(line, address)
    assert Verb.DATA_CHANGE in telling(line)


@pytest.mark.parametrize(
    "line",
    [
        "psql -c 'drop table t'", "psql -h localhost -c 'drop table t'", "psql -h db.example -p 5999 -c 'drop table t'",
        "psql -h localhost,db.example -p 5999 -c 'drop table t'", "psql -h \"$X\" -p 5999 -c 'drop table t'",
        "psql -h localhost -p 5999 'host=db.example' -c 'drop table t'",
        "psql 'postgresql://localhost:5999/a?host=db.example' -c 'drop table t'",
        "psql 'postgresql://localhost:5999,db.example/a' -c 'drop table t'",
        "psql 'host=localhost port=5999 hostaddr=192.0.2.1' -c 'drop table t'",
        "psql 'host=localhost port=5999 service=prod' -c 'drop table t'",
        "PGHOSTADDR=192.0.2.1 psql -h localhost -p 5999 -c 'drop table t'",
        "PGSERVICE=prod psql -h localhost -p 5999 -c 'drop table t'",
        "psql -h localhost -p 5999 -c '\\c postgresql://db.example/a' -c 'drop table t'",
        "printf 'drop table t;\\n\\\\c prod\\n' | psql -h localhost -p 5999", "cat x.sql | psql -h localhost -p 5999",
        "redis-cli -h db.example -p 5999 flushall", "redis-cli -u redis://db.example:5999 flushall",
        "redis-cli -u redis://localhost:5999 -h db.example flushall",
        "redis-cli -u redis://localhost:5999@db.example/0 del a",
        "redis-cli -u redis://a:b@localhost:5999 flushall", "redis-cli -u $REDIS_URL flushall",
        "redis-cli -u unix://localhost:5999/0 flushall", "redis-cli -u redis://localhost:6379 flushall",
        "redis-cli -p 5999 replicaof db.example 6379", "mysql -h localhost -P 5999 -e 'drop database x'",
        "mysql --defaults-group-suffix=x -h 127.0.0.1 -P 5999 -e 'drop database x'",
        "manage.py flush --noinput",
    ],
)  # fmt: skip
def test_what_may_be_another_server_is_asked_about(line: str) -> None:
    assert Verb.DATA_CHANGE in telling(line, "tcp:5999")


def test_where_nobody_serves_yet_only_what_is_judged_again_waits_for_that() -> None:
    assert not telling("start-it; psql -h localhost -p 9999 -c 'drop table t'")
    assert Verb.DATA_CHANGE in telling(
        "psql -h localhost -p 9999 -c drop\tt".replace("\t", "-table;drop"), started=True
    )
    assert Verb.DATA_CHANGE in telling("start-it; psql -h localhost -p 9999 <<< 'drop table t'")


@pytest.mark.parametrize(
    ("line", "own", "there"),
    [
        ("git push -f ./r.git main", f"bare {CWD}/r.git", f"{CWD}/r.git"),
        ("git push r.git/ main", f"bare {CWD}/r.git", f"{CWD}/r.git"),
        ("git remote add t r.git && git push t --delete main", f"bare {CWD}/r.git", f"{CWD}/r.git"),
        ("git submodule --quiet add $PWD/sub lib2", f"repository {CWD}/sub", f"{CWD}/sub"),
        ("gpg --homedir keys --batch --quick-gen-key x", f"{CWD}/keys", f"{CWD}/keys"),
        ("GNUPGHOME=$PWD/keys gpg -d x.gpg", f"{CWD}/keys", f"{CWD}/keys"),
        ("export GNUPGHOME=keys; gpg --import k.asc; gpg-connect-agent KILLAGENT", f"{CWD}/keys", f"{CWD}/keys"),
    ],
)  # fmt: skip
def test_what_is_the_sessions_own_may_be_used(line: str, own: str, there: str) -> None:
    assert not telling(line, own, there=(there,))
    assert telling(line, there=(there,))
    assert not telling(line)  # it is made yet, and looked at when its program starts
    if ";" not in line and "&&" not in line and "=" not in line:
        assert telling(line, started=True)


@pytest.mark.parametrize(
    "line",
    [
        "git push theirs main", "git push https://git.example/a.git main", "git push host:r.git main",
        "git push --receive-pack='rm -rf src' ./r.git main", "GIT_DIR=lib/.git git push ./r.git main",
        "git remote add t https://git.example/a.git && git push t main", "git push ext::sh main",
        "git remote set-url theirs ./r.git", "git submodule add https://git.example/a.git", "git submodule add ../up",
        "git submodule add ./sub", f"git submodule add -b {CWD}/sub https://git.example/a.git",
        "git remote remove theirs",
        "GNUPGHOME=~/.gnupg gpg --quick-gen-key x", "gpg --quick-gen-key x", "gpg --options o --homedir keys -d x",
        "gpg --homedir keys --keyring ~/.gnupg/pubring.kbx --import x", "gpg --homedir keys --delete-secret-keys x",
    ],
)  # fmt: skip
def test_what_is_somebody_elses_is_asked_about(line: str) -> None:
    own = (f"bare {CWD}/r.git", f"{CWD}/keys", f"repository {CWD}/sub")
    assert telling(line, *own, there=(f"{CWD}/r.git", f"{CWD}/keys", f"{HOME}/.gnupg", f"{CWD}/sub"))


def test_a_pattern_is_judged_by_what_it_stands_for_when_its_program_starts() -> None:
    assert not telling("make-them; rm -f x.*")
    assert not telling("rm n.*", f"{CWD}/n.a")
    assert Verb.DELETE in telling("rm n.*")
    assert Verb.DELETE in telling("rm t.*", f"{CWD}/t.a")
    assert not telling("for f in $(made); do rm src/$f; done")
    assert Verb.DELETE in telling("rm t.a", started=True)


def test_a_remote_that_was_not_there_may_go_again() -> None:
    pinned = Workspace(CWD, pins=Pins((("origin", "https://git.example/a.git"),), "main", ()))
    engine = Engine(pinned, HOME, "dev", Mode.KERNEL, Machine(), bounds=SEEN)
    for name, asked in (("t", False), ("origin", True)):
        found = engine.text(f"git remote remove {name}", CWD)
        assert (Verb.REMOTE_CHANGE in {e.verb for e in found.effects}) is asked


@pytest.mark.parametrize("path", [f"{CWD}/keys/id_rsa", "/tmp/k/private-keys-v1.d/A.key"])
def test_a_key_may_be_made_in_a_folder_of_the_sessions_own(path: str) -> None:
    folder = path.rpartition("/")[0]
    for own in (folder, ""):
        engine = Engine(Workspace(CWD), HOME, "dev", Mode.KERNEL, Machine(own, there=(folder,)), bounds=SEEN)
        facts = engine(Request(Action.FILE_WRITE, Layer.KERNEL, CWD, ("x",), exe="/usr/bin/x", path=path))
        assert (Place.SECRET in {e.place for e in facts.effects}) is not bool(own)


MANAGE = "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'site1.settings')\n"
SETTINGS = """from pathlib import Path
BASE_DIR = Path(__file__).resolve().parent.parent
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}}
"""


@pytest.mark.parametrize(
    ("line", "settings", "own"),
    [
        ("cd dj && python manage.py migrate", SETTINGS, True),
        ("python3 dj/manage.py flush --noinput", SETTINGS, True),
        ("python other/manage.py migrate", SETTINGS, None),
        ("cd dj && DJANGO_SETTINGS_MODULE=prod python manage.py migrate", SETTINGS, False),
        ("cd dj && export DJANGO_SETTINGS_MODULE=prod; python manage.py migrate", SETTINGS, False),
        ("cd dj && python manage.py migrate --settings=prod", SETTINGS, False),
        ("cd dj && python manage.py migrate --database replica", SETTINGS, False),
        ("cd dj && python manage.py migrate", SETTINGS + "from .local import *\n", False),
        ("cd dj && python manage.py migrate", SETTINGS + "DATABASES['default']['NAME'] = '/srv/x'\n", False),
        ("cd dj && python manage.py migrate", SETTINGS + "BASE_DIR = Path('/srv')\n", False),
        ("cd dj && python manage.py migrate", SETTINGS.replace('sqlite3",', 'postgresql",'), False),
        ("cd dj && python manage.py migrate", SETTINGS.replace("BASE_DIR /", "HOME /"), False),
        ("cd dj && python manage.py migrate", SETTINGS + "globals()['DATA' + 'BASES'] = 1\n", False),
        ("cd dj && python manage.py migrate", "syntax error", False),
    ],
)
def test_a_projects_database_is_the_sessions_where_it_says_so(line: str, settings: str, own: bool | None) -> None:
    """own: None where the project is not there yet."""
    database = f"{CWD}/dj/db.sqlite3"
    for made in (database, ""):
        machine = Machine(made, there=(f"{CWD}/dj/manage.py", database))
        machine.texts |= {f"{CWD}/dj/manage.py": MANAGE, f"{CWD}/dj/site1/settings.py": settings}
        engine = Engine(Workspace(CWD), HOME, "dev", Mode.KERNEL, machine, bounds=SEEN)
        request = Request(Action.PROCESS_EXEC, Layer.KERNEL, CWD, ("bash", "-c", line), exe="/usr/bin/bash")
        changes = Verb.DATA_CHANGE in {e.verb for e in engine(request).effects}
        assert changes is not (own is None or (own and bool(made)))


SERVED = SETTINGS.partition("DATABASES")[0] + (
    'DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "HOST": "127.0.0.1", "PORT": 5999, "NAME": 1}}'
)
INI = "[alembic]\nscript_location = %(here)s/mig\nsqlalchemy.url = postgresql+psycopg2://dev@127.0.0.1:5999/app\n"
ENV = """url = config.get_main_option("sqlalchemy.url")
context.configure(url=url)
x = engine_from_config(config.get_section(config.config_ini_section, {}), prefix='sqlalchemy.')
"""
FILE = INI.replace("postgresql+psycopg2://dev@127.0.0.1:5999/app", "sqlite:///x.db")


@pytest.mark.parametrize(
    ("line", "settings", "env", "own"),
    [
        ("cd dj && python manage.py migrate", SERVED, "", True),
        ("cd dj && python manage.py flush --noinput", SERVED.replace("5999", "'5999'"), "", True),
        ("cd dj && PGHOSTADDR=192.0.2.1 python manage.py migrate", SERVED, "", False),
        ("cd dj && python manage.py migrate", SERVED.replace("127.0.0.1", "db.example"), "", False),
        ("cd dj && python manage.py migrate", SERVED.replace("5999", "5998"), "", False),
        ("cd dj && python manage.py migrate", SERVED.replace("5999", "port()"), "", False),
        (
            "cd dj && python manage.py migrate",
            SERVED.replace('"NAME"', '"OPTIONS": {"service": "prod"}, "NAME"'),
            "",
            False,
        ),
        ("cd al && alembic upgrade head", INI, ENV, True),
        ("cd al && alembic -q downgrade base", INI, ENV, True),
        ("cd al && alembic upgrade head", FILE, ENV, True),
        ("cd al && alembic -c prod.ini upgrade head", INI, ENV, False),
        ("cd al && alembic --name prod upgrade head", INI, ENV, False),
        ("cd al && alembic -x url=postgresql://h/a upgrade head", INI, ENV, False),
        ("cd al && ALEMBIC_CONFIG=prod.ini alembic upgrade head", INI, ENV, False),
        ("cd al && PGSERVICE=prod alembic upgrade head", INI, ENV, False),
        ("cd al && alembic upgrade head", INI.replace("127.0.0.1", "db.example"), ENV, False),
        ("cd al && alembic upgrade head", INI.replace("/app", "/app?host=db.example"), ENV, False),
        ("cd al && alembic upgrade head", INI.replace("/app", "/app?service=prod"), ENV, False),
        ("cd al && alembic upgrade head", INI, ENV + "config.set_main_option('sqlalchemy.url', u)\n", False),
        ("cd al && alembic upgrade head", INI, "x = create_engine(os.environ['DB'])\n", False),
        ("cd al && alembic upgrade head", INI, ENV + "context.configure(url='postgresql://h/a')\n", False),
        ("cd al && alembic upgrade head", "no settings", ENV, False),
        ("cd al && alembic upgrade head", "[alembic]\n", ENV, False),
    ],
)
def test_migrations_go_where_the_settings_say(line: str, settings: str, env: str, own: bool) -> None:
    for mine in (("tcp:5999", f"{CWD}/al/x.db"), ()):
        machine = Machine(*mine, there=(f"{CWD}/dj/manage.py", f"{CWD}/al/alembic.ini", f"{CWD}/al/x.db"))
        machine.texts |= {f"{CWD}/dj/manage.py": MANAGE, f"{CWD}/dj/site1/settings.py": settings}
        machine.texts |= {f"{CWD}/al/alembic.ini": settings, f"{CWD}/al/mig/env.py": env}
        engine = Engine(Workspace(CWD), HOME, "dev", Mode.KERNEL, machine, bounds=SEEN)
        request = Request(Action.PROCESS_EXEC, Layer.KERNEL, CWD, ("bash", "-c", line), exe="/usr/bin/bash")
        assert (Verb.DATA_CHANGE in {e.verb for e in engine(request).effects}) is not (own and bool(mine))


@pytest.mark.parametrize(
    ("line", "variable"),
    [
        ("psql -h localhost -p 5999 -c drop", ("PGHOSTADDR", "192.0.2.1")),
        ("psql -h localhost -p 5999 -c drop", ("PGSERVICE", "prod")),
        ("python dj/manage.py migrate", ("DJANGO_SETTINGS_MODULE", "prod")),
        ("gpg --quick-gen-key x", ("GNUPGHOME", "/home/dev/.gnupg")),
    ],
)
def test_variables_say_which_is_meant(line: str, variable: tuple[str, str]) -> None:
    machine = Machine("tcp:5999", there=(f"{CWD}/dj/manage.py", "/home/dev/.gnupg"))
    machine.texts |= {f"{CWD}/dj/manage.py": MANAGE, f"{CWD}/dj/site1/settings.py": SETTINGS}
    machine.own = (*machine.own, f"{CWD}/dj/db.sqlite3")
    argv = (*line.split(), "table") if line.startswith("psql") else tuple(line.split())
    engine = Engine(Workspace(CWD), HOME, "dev", Mode.KERNEL, machine, bounds=SEEN)
    for env in ((), (variable,)):
        request = Request(Action.PROCESS_EXEC, Layer.KERNEL, CWD, argv, exe=f"/usr/bin/{argv[0]}", env=env)
        asked = bool(TELLING & {e.verb for e in engine(request).effects})
        assert asked is bool(env) or argv[0] == "gpg"


@pytest.mark.parametrize("line", ["psql -h localhost -p 5999 -f s.sql", "psql -h localhost -p 5999 < s.sql"])
@pytest.mark.parametrize(
    ("text", "quiet"),
    [
        ("create table t(i int); drop table t;", True),
        ("\\c postgres://localhost:5432/x\ndrop table t;", False),
        ("select dblink('host=x', 'drop table t'); drop table t", False),
        (None, False),
        ("drop table t;" + " " * (256 << 10), False),
    ],
)
def test_statements_in_a_file_are_read(line: str, text: str | None, quiet: bool) -> None:
    machine = Machine("tcp:5999")
    if text is not None:
        machine.texts[f"{CWD}/s.sql"] = text
    for started in (False, True) if "<" not in line else (False,):
        argv = tuple(line.split()) if started else ("bash", "-c", line)
        request = Request(Action.PROCESS_EXEC, Layer.KERNEL, CWD, argv, exe=f"/usr/bin/{argv[0]}")
        engine = Engine(Workspace(CWD), HOME, "dev", Mode.KERNEL, machine, bounds=SEEN)
        assert (Verb.DATA_CHANGE not in {e.verb for e in engine(request).effects}) is quiet
        machine.own = ()
        assert Verb.DATA_CHANGE in {e.verb for e in engine(request).effects}
        machine.own = ("tcp:5999",)


def test_what_a_text_wrote_into_a_file_is_what_a_client_runs() -> None:
    assert Verb.DATA_CHANGE in telling("echo 'drop table t' > s.sql; psql -f s.sql")
    assert Verb.DATA_CHANGE not in telling("echo 'select 1' > s.sql; psql -f s.sql")
    for order in ("\\\\dt\\n", "\\\\dt \\\\\\\\ ", "\\\\c x\\n", ".tables\\n"):
        assert Verb.DATA_CHANGE in telling(f"printf '{order}drop table t;' | psql") | telling(
            f"psql <<< $'{order}drop table t;'"
        )
    assert Verb.DATA_CHANGE in telling("sed s/select/drop/ s.sql | psql -h localhost -p 5999", "tcp:5999")


def test_a_client_that_is_fed_a_file_runs_what_it_says() -> None:
    words = ("psql", "-h", "localhost", "-p", "5999")
    engine = Engine(Workspace(CWD), HOME, "dev", Mode.KERNEL, Machine("tcp:5999"), bounds=SEEN)
    request = Request(Action.PROCESS_EXEC, Layer.KERNEL, CWD, words, exe="/usr/bin/psql", fed=True)
    assert Verb.DATA_CHANGE in {e.verb for e in engine(request).effects}
    known = replace(request, script="drop table t")
    assert Verb.DATA_CHANGE not in {e.verb for e in engine(known).effects}
    theirs = replace(known, argv=(*words[:-1], "5432"))
    assert Verb.DATA_CHANGE in {e.verb for e in engine(theirs).effects}
    assert Verb.DATA_CHANGE in {e.verb for e in engine(replace(theirs, script="select 1")).effects}


@pytest.mark.parametrize("line", ["psql -f s.sql", "psql < s.sql", "redis-cli < s.sql", "mysql < s.sql"])
def test_a_file_that_only_reads_may_be_another_once_it_is_read(line: str) -> None:
    machine = Machine()
    machine.texts[f"{CWD}/s.sql"] = "get x" if "redis" in line else "select 1"
    request = Request(Action.PROCESS_EXEC, Layer.KERNEL, CWD, ("bash", "-c", line), exe="/usr/bin/bash")
    facts = Engine(Workspace(CWD), HOME, "dev", Mode.KERNEL, machine, bounds=SEEN)(request)
    assert Verb.DATA_CHANGE in {e.verb for e in facts.effects}
