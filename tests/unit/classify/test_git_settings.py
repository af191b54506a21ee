"""Settings of git that start programs or lead it elsewhere, in every order of words that writes one."""

from __future__ import annotations

import pytest
from judge import CWD, HOME
from own_repository import SEEN, Repository

from leashtui.classify.engine import Engine
from leashtui.classify.workspace import Workspace
from leashtui.model.facts import Verb
from leashtui.model.request import Mode


def asks(line: str) -> bool:
    facts = Engine(Workspace(CWD), HOME, "dev", Mode.KERNEL, Repository(), bounds=SEEN).text(line, CWD)
    return Verb.PERSIST in facts.verbs() or facts.obfuscated


@pytest.mark.parametrize(
    "line",
    [
        "git config core.editor ./x --get",  # git takes no options behind the first word
        "git config core.pager ./x --list", "git config --local core.sshCommand ./x --show-origin",
        "git config core.editor ./x -l", "git config set core.pager ./x", "git config set --local core.editor ./x",
        "git config tar.tgz.command ./x", "git config hook.mine.command ./x", "git config imap.tunnel ./x",
        "git config lfs.customtransfer.mine.path ./x", "git config lfs.standalonetransferagent ./x",
        "git config lfs.https://x.example/a.standalonetransferagent x", "git config man.x.path ./x",
        "git config browser.x.path ./x", "git config gc.recentObjectsHook ./x", "git config core.worktree ../other",
        "git config sendemail.smtpserver /home/x/sendmail", "git config lfs.extension.mine.clean ./x",
        "git config --get --no-get core.editor ./x", "git config --list --no-list core.editor ./x",
        "git config --rename-section core.x core", "git config --rename-section sequence.x sequence",
        "git config --rename-section lfs.x lfs.customtransfer.x", "git config --rename-section uploadpack.x uploadpack",
        "git config --rename-section mine alias", "git config --rename-section mine.x filter.x",
        "git config rename-section mine hook.mine", "git -c tar.tgz.command=./x archive HEAD",
        "git -c alias.z='!rm -rf src' z || git -c core.pager='rm -rf src' log",
    ],
)  # fmt: skip
def test_what_starts_programs_is_asked_about(line: str) -> None:
    assert asks(line)


@pytest.mark.parametrize(
    "line",
    [
        "git config user.name x", "git config set --local user.name x", "git config get core.editor",
        "git config --list",
        "git config --get core.pager", "git config -l --show-origin", "git config get --show-origin core.pager",
        "git config --get-regexp alias", "git config core.editor", "git config branch.main.rebase true",
        "git config --rename-section diff.a diff.b",
        "git config --rename-section branch.a branch.b", "git config --rename-section mine.a mine.b",
        "git config sendemail.smtpserver smtp.example.com", "git config tar.umask 0022",
        "git config lfs.locksverify true",
        "git config --add safe.directory .", "git config --type bool core.filemode false", "git config list",
        "git config --default x --get mine.y", "git -c core.worktree=. status",
    ],
)  # fmt: skip
def test_what_reads_or_says_less_is_none(line: str) -> None:
    assert not asks(line)


@pytest.mark.parametrize(
    "setting",
    [
        "remote.origin.lfsurl", "lfs.url", "lfs.pushurl", "remote.origin.proxy", "http.sslCAPath",
        "http.proxySSLCAInfo", "http.curloptResolve",
    ],
)  # fmt: skip
def test_what_leads_it_elsewhere_is_asked_about(setting: str) -> None:
    line = f"git config {setting} https://x.example/a"
    facts = Engine(Workspace(CWD), HOME, "dev", Mode.KERNEL, Repository(), bounds=SEEN).text(line, CWD)
    assert Verb.REMOTE_CHANGE in facts.verbs()
