"""Names that are looked up, load tests and scanners: whom they reach, and what their words carry.

Knows how they name targets. Refuses to resolve a name. Invariant: a name made of local data is a message to whoever
answers for it.
"""

from __future__ import annotations

import re

from leashtui.classify.call import Call, host_of
from leashtui.classify.options import Options
from leashtui.classify.patterns import lazy
from leashtui.classify.plumbing import is_local
from leashtui.classify.spec import Spec
from leashtui.classify.values import UNKNOWN, Stream, Taint, Word, show
from leashtui.model.facts import Verb

_TYPES = lazy(
    r"(?i)(?:A|AAAA|ANY|AXFR|IXFR|CAA|CNAME|DNSKEY|DS|HINFO|HTTPS|LOC|MX|NAPTR|NS|NSEC|PTR|RRSIG|SOA|SRV|SVCB|SSHFP|TLSA|TXT"
    r"|IN|CH|HS|-?type=\w+|-?q\w*=\w+|TYPE\d+|\d{1,5})$"
)


def lookup(call: Call, spec: Spec, options: Options) -> Stream | None:
    """dig, host, nslookup, ping, whois: the name travels; one made of local data is a message to who serves it."""
    out = 0
    names = [Word(w.removeprefix("@"), w.taint) for w in options.args if not w.startswith("+")]
    for word in [*names, *options.all("-q", "-x", "--query")]:
        if word == UNKNOWN and not word.taint & Taint.SECRET:
            word = Word(word, 0)  # whom it asks for is not known; nothing is told to somebody in particular
        if word.taint & (Taint.SECRET | Taint.LOCAL) or not _TYPES.match(word):
            out |= call.fetch(word, f"looks up {show(word)}").taint
    if any(value.taint & Taint.SECRET for _, value in options.values):
        call.send("", Stream(Taint.SECRET))
    listed = options.last("-f", "--file") if call.name in ("dig", "fping", "kdig") else None
    if listed is not None:
        content = call.stdin if listed == "-" else call.read(listed)
        if content.taint & Taint.SECRET:
            call.send("", content, "the names that a file lists")
        else:
            call.add(Verb.NET_GET, "", "looks up the names that a file lists")
    return Stream(call.taint() | out, None)


_FILES = lazy(r"(?i)\.(?:ya?ml|[cm]?[jt]sx?|py|json|hurl|toml|xml|lua|jmx|txt|csv|scala|http|har|bru|md|log|sh|html)$")


def load(call: Call, spec: Spec, options: Options) -> Stream | None:
    """Load tests: against this machine they are work, against others they are not."""
    targets = [w for w in (*options.args, *options.all(*_TARGETS)) if "://" in w or _ADDRESS.match(w)]
    targets = [w for w in targets if "://" in w or not _FILES.search(w)]
    targets += [Word(u) for u in re.findall(r"https?://[^\s'\"]+", call.stdin.text or "") if not targets]
    carried = Stream(call.stdin.taint & Taint.SECRET)
    for name, value in options.values:
        carried = carried.joined(Stream(value.taint & Taint.SECRET))
        if value.startswith("@") or name in _BODIES.get(call.name, ()):
            carried = carried.joined(Stream(call.read(Word(value.removeprefix("@"))).taint & Taint.SECRET))
    for word in targets:
        if not is_local(host_of(word)):
            call.send(host_of(word), carried.joined(Stream(word.taint & Taint.SECRET)), "many requests")
    return None


_BODIES = {
    "hey": ("-D",),
    "ab": ("-p", "-u"),
    "autocannon": ("-i",),
    "oha": ("-D",),
    "bombardier": ("-f",),
    "siege": ("-f",),
}
_TARGETS = tuple("-H --host -u --url -t --target -h --script-target -c-target -d --domain --connect".split())
_ADDRESS = lazy(r"^(?:[\w-]+\.)+[A-Za-z]{2,}(?:[:/]|$)|^\d{1,3}(?:\.\d{1,3}){3}(?:[:/-]|$)|^\[?[0-9a-fA-F]*::")


def scan(call: Call, spec: Spec, options: Options) -> Stream | None:
    """nmap and kin: every plain word is somebody's machine."""
    for word in [*options.args, *options.all(*_TARGETS)]:
        host = host_of(word)
        wide = "/" in word and "://" not in word and not word.startswith("127.")
        if host and (wide or not is_local(host)) and (not re.fullmatch(r"[a-z]+", host) or call.name in _SCANNERS):
            call.send("" if wide else host, Stream(word.taint & Taint.SECRET), "probes")
    return None


_SCANNERS = frozenset(("nmap", "masscan", "zmap", "rustscan", "naabu", "unicornscan", "hping3", "nping"))


HANDLERS = {"lookup": lookup, "load": load, "scan": scan}
"""See handlers/__init__.py."""
