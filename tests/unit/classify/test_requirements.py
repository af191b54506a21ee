"""What a build needs is installed for it without a question; whatever else is named there is a new package."""

from __future__ import annotations

import pytest
from judge import CWD, Files, judged_with

from leashtui.model.request import Mode

PIP = ".venv/lib/python3.11/site-packages/pip/__pip-runner__.py"
PROJECT = '[build-system]\nrequires = ["setuptools", "acme_builder>=2 ; python_version > \'3\'"]\n'
BUILD = (
    f"{CWD}/.venv/bin/python3.11 {CWD}/{PIP} install --ignore-installed --no-user --prefix /tmp/pip-build-env-x/overlay"
)


def answer(line: str, **more: str) -> str:
    files = Files({"pyproject.toml": PROJECT, ".venv/pyvenv.cfg": "", ".venv/bin/python3.11": "", PIP: "import pip"})
    files.texts |= {f"/tmp/{name}.txt": text for name, text in more.items()}
    return judged_with(line, files, Mode.KERNEL).decision.outcome.value


@pytest.mark.parametrize(
    "wanted", ["setuptools", "'setuptools>=40.8.0' wheel", "Acme.Builder", "'poetry_core[x]~=1.0; os_name == \"nt\"'"]
)
def test_what_builds_is_no_new_package(wanted: str) -> None:
    assert answer(f"{BUILD} -i https://pypi.org/simple -- {wanted}") == "allow"


@pytest.mark.parametrize(
    "wanted",
    [
        "left-pad",
        "setuptools left-pad",
        "'setuptools @ https://x.example/s.whl'",
        "git+https://x.example/setuptools",
        "setuptools -i https://x.example/simple",
        "setuptools --extra-index-url https://x.example/simple",
        "https://x.example/setuptools-1-py3-none-any.whl",
        "-e /tmp/setuptools",
        "setuptools -r https://x.example/r.txt",
    ],
)
def test_what_is_anything_else_asks(wanted: str) -> None:
    assert answer(f"{BUILD} {wanted}") == "ask"


def test_into_the_environment_itself_it_is_new() -> None:
    assert answer(f"{CWD}/.venv/bin/python3.11 {CWD}/{PIP} install acme-builder") == "ask"
    assert answer(f"pip install --prefix {CWD}/.venv wheel") == "ask"


def test_a_list_in_a_temporary_folder_is_read() -> None:
    line = "python3 -m pip --python /tmp/build-env-x/bin/python install --use-pep517 -r /tmp/r.txt"
    assert answer(line, r="setuptools\nacme-builder >= 2\n# by build\n") == "allow"
    for more in ("setuptools\nleft-pad\n", "", "setuptools\n-i https://x.example\n", "-r other.txt\n", "./evil\n"):
        assert answer(line, r=more) == "ask"
    assert answer(line) == "ask"


def test_such_a_file_elsewhere_is_not_pip() -> None:
    evil = "src/lib/python3.11/site-packages/pip/__pip-runner__.py"
    files = Files({evil: "import os; os.system('git push --force')", "pyproject.toml": PROJECT})
    said = judged_with(f"python3 {evil} install setuptools --prefix /tmp/x", files, Mode.KERNEL)
    assert "pip" not in said.facts.programs
