"""Files that tell curl and wget what to request: `curl -K FILE`, `wget --config=FILE`, CURL_HOME, WGETRC.

Knows the settings that only say how something is fetched. Refuses to guess: whatever else stands there, or cannot be
read, may send what it likes. Invariant: no data leaves by a file that it could not leave by an option.
"""

from __future__ import annotations

import re

from leashtui.classify.call import Call
from leashtui.classify.patterns import lazy
from leashtui.classify.values import NOTHING, Stream, Taint, Word, bare, is_fixed

_LONG = 64 * 1024
_LINE = lazy(r"\s*(-{0,2})([\w.-]+)(?:\s*[=:]\s*|\s+|$)(.*)")
_CURL = frozenset(
    "url header user oauth2-bearer user-agent referer location silent show-error fail fail-with-body output remote-name"
    " remote-name-all output-dir create-dirs compressed insecure max-time connect-timeout retry retry-delay get head"
    " retry-max-time retry-all-errors retry-connrefused cacert capath cert key cert-type key-type include verbose ipv4"
    " ipv6 http1.1 http2 http3 netrc netrc-optional parallel progress-bar no-progress-meter limit-rate range write-out"
    " continue-at globoff path-as-is tlsv1.2 tlsv1.3 tls-max keepalive-time noproxy speed-limit speed-time max-redirs"
    " s S f L k o O v i I g m H u A e".split()
)
"""Names of curl's options that send nothing but headers and credentials, as they stand in its files."""
_WGET = frozenset(
    "quiet verbose tries timeout dnstimeout connecttimeout readtimeout wait waitretry randomwait useragent referer"
    " header continue timestamping checkcertificate cacertificate cadirectory certificate privatekey robots recursive"
    " reclevel noparent adjustextension convertlinks pagerequisites serverresponse contentdisposition noclobber"
    " retryconnrefused passiveftp limitrate dirprefix cutdirs adddirs useproxy noproxy httpsonly secureprotocol"
    " progress showprogress compression maxredirect user password httpuser httppassword auth_no_challenge"
    " preferfamily inet4only inet6only trustservernames accept reject domains".split()
)


def requests_of(call: Call, file: Word) -> tuple[bool, Stream, list[Word]]:
    """(whether it sends, what, to which addresses besides) of a file of curl's; `-` is the input."""
    text, stream = _text(call, file)
    sends, urls = text is None, []
    for dashes, name, value in map(_parted, _lines(text)):
        name = name if len(name) == 1 or dashes != "-" else name[0]
        value = value.strip("\"'")
        sends = sends or name not in _CURL or value.startswith("@")
        urls += [Word(value, stream.taint & Taint.SECRET)] if name == "url" else []
    return sends, stream if sends else NOTHING, urls


def settings_of(call: Call, file: Word) -> tuple[bool, Stream]:
    """(whether it sends, what) of a file of wget's."""
    text, stream = _text(call, file)
    names = [re.sub(r"[-_]", "", name).lower() for _, name, _ in map(_parted, _lines(text))]
    sends = text is None or any(name not in _WGET for name in names)
    return sends, stream if sends else NOTHING


def is_input(file: str) -> bool:
    """Whether a name stands for the standard input."""
    return bare(file) in ("-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0")


def variable(call: Call, name: str) -> Word | None:
    """What a variable of this name holds for the program, None where nobody here set it."""
    held = [value for key, value in call.env if key == name] or list(call.state.vars.get(name, ()))[:1]
    return held[-1] if held and held[-1] else None


def _lines(text: str | None) -> list[str]:
    return [line for line in (text or "").splitlines() if line.strip() and line.strip()[0] != "#"]


def _parted(line: str) -> tuple[str, str, str]:
    found = _LINE.match(line)
    return (found[1], found[2], found[3].strip()) if found is not None else ("", "", "")


def _text(call: Call, file: Word) -> tuple[str | None, Stream]:
    """What it holds, None where that is not known; and what of this leaves with a request."""
    given = is_input(file)
    if given and not call.stdin.taint and call.stdin.text is None and not call.made.changed:
        return "", NOTHING  # the text that feeds it was judged with it
    stream = call.stdin if given else call.read(file)
    text = stream.text
    if text is None and stream.taint == Taint.LOCAL and is_fixed(stream.origin) and stream.origin.startswith("/"):
        text = call.machine.setting.probe.read_text(stream.origin)
    return text if text is not None and len(text) <= _LONG else None, stream
