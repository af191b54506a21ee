"""Whether a client is told by its input what to do, and by which file."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from judge import judged as verdict_facts
from msgspec.structs import replace

from leashtui.model.facts import Facts
from leashtui.model.request import Action, Layer, ProcessRef, Request
from leashtui.supervisor.feeding import is_fed, text_of_input


@contextmanager
def fed(stdin: int | None) -> Iterator[Request]:
    with subprocess.Popen(["sleep", "60"], stdin=stdin) as process:
        ref = ProcessRef(process.pid, 0)
        yield Request(Action.PROCESS_EXEC, Layer.KERNEL, "/", ("psql", "-q"), exe="/usr/bin/psql", process=ref)
        process.kill()


def test_a_file_is_read_and_a_pipe_is_not(tmp_path: Path) -> None:
    (tmp_path / "x.sql").write_text("drop table t")
    with open(tmp_path / "x.sql") as file, fed(file.fileno()) as request:
        assert is_fed(request, None)
        assert text_of_input(request) == "drop table t"
    with fed(subprocess.PIPE) as request:
        assert is_fed(request, None)
        assert text_of_input(request) == ""


def test_another_file_at_its_name_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "x.sql"
    path.write_text("drop table t")
    with open(path) as file, fed(file.fileno()) as request:
        (tmp_path / "y").write_text("select 1")
        os.rename(tmp_path / "y", path)
        assert text_of_input(request) == ""
        path.unlink()
        os.mkfifo(path)
        assert text_of_input(request) == ""
    path.unlink()
    path.write_text("select 1; drop table t")
    with open(path, "rb", buffering=0) as file:
        file.seek(9)
        with fed(file.fileno()) as request:
            assert text_of_input(request) == ""
    path.write_text(" " * (256 << 10) + "drop table t")
    with open(path) as file, fed(file.fileno()) as request:
        assert text_of_input(request) == ""


def judged(command: str) -> Facts:
    return replace(verdict_facts("true").facts, command=command, programs=("perl", "psql", "python3"))


def test_debians_wrapper_was_told_already(tmp_path: Path) -> None:
    with open("/dev/zero") as file, fed(file.fileno()) as request:
        assert not is_fed(request, judged("/usr/bin/perl /usr/bin/psql -q"))
        for other in ("/usr/bin/perl ./psql -q", "python3 /usr/bin/psql -q", "python3 -c 'run(psql)'", "perl 'x"):
            assert is_fed(request, judged(other))
