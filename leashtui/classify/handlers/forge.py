"""Forges from the command line: API calls by method, what is uploaded, aliases that run shells, other version control.

Knows gh, glab and their kin. Invariant: an API call that is not plainly a read is a change on the remote.
"""

from __future__ import annotations

import re

from leashtui.classify.call import Call
from leashtui.classify.options import Options
from leashtui.classify.spec import Spec
from leashtui.classify.values import Stream, Taint, Word, bare, show
from leashtui.model.facts import Severity, Verb

_HARMLESS = frozenset(("GET", "HEAD", "OPTIONS"))
_FIELDS = ("-f", "-F", "--field", "--raw-field", "--input", "-d", "--data")
_CENTRAL = frozenset(("svn", "cvs", "p4", "fossil"))


def api(call: Call, spec: Spec, options: Options) -> Stream | None:
    """gh api, glab api: GET by default, POST as soon as there are fields."""
    method = bare(options.last("-X", "--method") or "").upper()
    fields = options.all(*_FIELDS)
    text = " ".join(bare(v) for v in fields)
    words = list(options.args)
    if words and words[0].upper() in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        method = method or words.pop(0).upper()
    target = bare(words[0]) if words else ""
    call.sign("network")
    for value in options.all("-F", "--field"):
        found = re.match(r"[\w\[\]]+=@(.+)", bare(value))
        if found is not None:
            call.send("", call.read(Word(found.group(1))), "a file")
    if target == "graphql":
        changes = "mutation" in text or not text
    else:
        changes = method not in _HARMLESS if method else bool(fields)
    if changes:
        grade = Severity.HIGH if method == "DELETE" else None
        what = f"{method} " if method else ""
        call.add(
            Verb.REMOTE_CHANGE,
            target,
            f"changes {show(target)} on the forge: {what}by its API",
            grade,
            lost=method == "DELETE",
        )
    return Stream(Taint.FETCHED | call.taint(), None)


def alias(call: Call, spec: Spec, options: Options) -> Stream | None:
    """gh alias set NAME '!CMD' and other local changes; a checkout or download is no risk."""
    for word in options.args:
        if word.startswith("!"):
            call.add(Verb.PERSIST, bare(word), f"makes a command of gh run {show(word[1:])[:60]}")
            call.shell(Word(word[1:], word.taint))
    if "clone" in call.words or "download" in call.words:
        target = options.last("-D", "--dir")
        call.write(target if target is not None else Word("."), Stream(Taint.NONE, None), append=True)
    return None


def upload(call: Call, spec: Spec, options: Options) -> Stream | None:
    """What is given on standard input leaves the machine too."""
    if call.stdin.taint or call.stdin.text:
        call.send("", call.stdin)
    return None


def commit(call: Call, spec: Spec, options: Options) -> Stream | None:
    """Centralised version control commits straight to the server."""
    if call.name in _CENTRAL:
        call.sign("network")
        call.add(Verb.REMOTE_CHANGE, "", f"commits to the server with {call.name}")
    return None


def posts(call: Call, spec: Spec, options: Options) -> Stream | None:
    """lynx -post_data: what comes in is sent."""
    return upload(call, spec, options) if options.has("-post_data", "-post-data") else None


HANDLERS = {"posts": posts, "gh_api": api, "gh_alias": alias, "upload_input": upload, "svn_commit": commit}
"""See handlers/__init__.py."""
