"""Command lines that stand as plain texts in code of any language, whatever function of it may start them.

Knows how texts and lists of words are written, and which functions only print, compare or keep a text. Refuses to know
a language. Invariant: a text that is a command counts unless what takes it only shows, compares or keeps it.
"""

from __future__ import annotations

import base64
import re

from leashtui.classify.call import Call
from leashtui.classify.patterns import lazy
from leashtui.classify.sql import judge
from leashtui.classify.values import Stream, Word

_TEXT = lazy(r"\"((?:[^\"\\\n]|\\.)*)\"|'((?:[^'\\\n]|\\.)*)'")
_GLUE = lazy(r"(['\"])([^'\"\\\n]*)\1\s*(?:\+|\.\.?(?=\s*['\"])|<>|\|\|)\s*(['\"])([^'\"\\\n]*)\3")
_MEMBER = lazy(r"(?<=[\w\])])\??\.?\[\s*(['\"])([A-Za-z_$][\w$]*)\1\s*\]")
_SENT = lazy(r"(\.)(?:send|public_send|__send__|method)\s*\(?\s*[:'\"](\w+[!?]?)['\"]?\s*\)?\s*[,.]?\s*(?:call\s*\()?")
_HANDED = lazy(r"\b(?:call_user_func(?:_array)?|array_map|array_walk)\s*\(\s*['\"](\w+)['\"]\s*,\s*(?:\[|array\()?")
_COMPUTED = lazy(r"(?<=[\w\])])\[\s*[^\]\d'\"\s][^\]]*(?:\+|`|\$\{|\(|\bat\b)[^\]]*\]\s*\(|\]\s*\+[^;\n]*\]\s*\(")
_NAME = r"[A-Za-z_$@][\w$]*(?:(?:\.|::|:|->|-|/)[A-Za-z_$][\w$]*)*[!?]?"
_BEFORE = lazy(_NAME + r"\s*$")
_FIRST = lazy(r"\s*(" + _NAME + r")[\s'#]")
_AFTER = lazy(r"\s*[\])]*\s*(?:\.|\?\.|->)\s*(\w+[!?]?|!!?)")
_COMPARED = lazy(r"\s*\)*\s*(?:===?|!==?|=~|!~|<=>|\beq\b|\bne\b|\bin\b|\bnot in\b)|\s*(?::|=>)\s")
_COMPARES = lazy(r"(?:===?|!==?|=~|!~|<=>|\beq|\bne|\bcase|\bwhen|\bin|\bunless .*~|[?:]|\breturn|=>|\bconst)\s*$")
_ASSIGNS = lazy(r"(?<![=!<>])=\s*[\[({]?\s*$|<-\s*(?:c\()?\s*$|:=\s*$|\b(?:def|define|setq|set|defvar)\s+\S+\s+$")
_CALLED = lazy(r"(" + _NAME + r")\s*\(|\(\s*(" + _NAME + r")\s")
_WORD = lazy(r"[\w.+-]+(?:/[\w.+-]+)*$|/[\w./+-]+$")
_OPTION = lazy(r"\s-{1,2}\w|/|~")
_SHOWS = frozenset(
    "print puts p pp say echo printf sprintf fprintf format log info warn warning debug error trace write writeln"
    " writeline println print_r var_dump display message includes include indexof lastindexof match test search"
    " startswith endswith start_with end_with starts_with ends_with contains equals strcmp strpos str_contains"
    " str_starts_with preg_match preg_quote preg_replace str_replace"
    " gsub sub replace replaceall split explode join push append concat cat paste"
    " paste0 writelines inspect dump dumps stringify encode escape quote shellescape escapeshellarg raise die throw"
    " fail assert expect tobe toequal tocontain tomatch describe it context title label help usage desc logger"
    " encodeuricomponent md5 sha1 sha256 createhash digest update length size strlen len count upper lower"
    " touppercase tolowercase trim strip chomp writefile writefilesync appendfile appendfilesync file_put_contents"
    " putstrln putstr print_string print_endline print_newline printfn princ prin1 write-line write-string newline"
    " disp nslog write-host write-output cout fputs fwrite echoln note ok is isnt like is_deeply require import use"
    " from return if elsif elseif while unless and or not regexp regex compile re grep grepl sum nchar toupper tolower"
    " regmatches gregexpr string text str new json parse loads querystring searchparams set get add put insert"
    " has key map filter foreach select reject each include? start_with? end_with? match? equal? eql? key? empty?"
    " message: warn! info! error! debug! println! print! eprintln! format! panic! assert_eq assert_equal"
    " assertequals assertin equal eql same strictequal notequal deepequal deepstrictequal notstrictequal throws"
    " rejects displayln abort exit croak confess carp cerr quit todo fixme comment path purepath add_argument"
    " add_parser mkdir mkdirsync mkdirp makedirs mkfifo mknod os.open".split()
)
_SQL = lazy(
    r"(?i)\s*(?:drop\s+(?:table|database|schema|index|view|user|role|keyspace|collection)|delete\s+from|truncate\s+\S"
    r"|alter\s+(?:table|user|role|database|system)|update\s+\S+\s+set|insert\s+(?:into|ignore|or)|grant\s|revoke\s)"
)
_PATH = lazy(r"(?:~|\.{0,2})/?(?:[\w.@+-]+/)*[\w.@+*-]+$")
_REMOVES = lazy(
    r"(?i)(?:delete|remove|unlink|trash|erase|rm|rmdir|rmtree|destroy)(?:_?(?:file|dir|tree|recursive|all))*[!]?$"
)
_KEEPS = lazy(
    r"(?i)(?:write|save|dump|append|sink|touch|copy|move|rename|link|symlink|chmod|chown|mkdir)(?:_?(?:lines|rds|csv|table"
    r"|file|text|bytes|all|to))*[!]?$"
)
_ENOUGH = 12
_GAP = "\x01"


_BASE64 = lazy(
    r"\b(?:decode_base64|base64_decode|atob|Base64\.(?:strict_|urlsafe_)?decode64|Base64\.decode|b64decode)\s*\(?\s*"
    r"['\"]([A-Za-z0-9+/=]{4,4096})['\"]\s*\)?"
    r"|\bBuffer\.from\(\s*['\"]([A-Za-z0-9+/=]{4,4096})['\"]\s*,\s*['\"]base64['\"]\s*\)(?:\.toString\([^)]*\))?"
)
_HEX = lazy(
    r"\bpack\s*\(?\s*['\"]H\*['\"]\s*,\s*['\"]([0-9a-fA-F]{4,4096})['\"]\s*\)?"
    r"|\[\s*['\"]([0-9a-fA-F]{4,4096})['\"]\s*\]\.pack\(\s*['\"]H\*['\"]\s*\)"
    r"|\bBuffer\.from\(\s*['\"]([0-9a-fA-F]{4,4096})['\"]\s*,\s*['\"]hex['\"]\s*\)(?:\.toString\([^)]*\))?"
)


def folded(code: str) -> str:
    """Code with constant texts put together and `x['name']` written as `x.name`."""
    if "[" not in code and "+" not in code and "." not in code and "call_user_func" not in code:
        return code
    code = _SENT.sub(lambda m: m[1] + m[2] + "(", code)
    code = _HANDED.sub(lambda m: m[1] + "(", code)
    for _ in range(16):
        made = _GLUE.sub(lambda m: m[1] + m[2] + m[4] + m[1], code)
        if made == code:
            break
        code = made
    return _MEMBER.sub(lambda m: "." + m[2], code) if "[" in code else code


def decoded(code: str) -> str:
    """Code in which constant texts that are decoded stand plainly."""
    if "64" not in code and "H*" not in code and "hex" not in code and "atob" not in code:
        return code
    return _BASE64.sub(_from_base64, _HEX.sub(_from_hex, code))


def _from_base64(match: re.Match[str]) -> str:
    try:
        return _literal(base64.b64decode(match[1] or match[2]), match[0])
    except ValueError:
        return match[0]


def _from_hex(match: re.Match[str]) -> str:
    try:
        return _literal(bytes.fromhex(match[1] or match[2] or match[3]), match[0])
    except ValueError:
        return match[0]


def _literal(found: bytes, former: str) -> str:
    text = found.decode("latin-1")
    plain = text.isascii() and text.replace("\n", " ").isprintable()
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ") + '"' if plain else former


def computes_names(code: str) -> bool:
    """Whether code calls a function whose name it puts together when it runs."""
    return "[" in code and _COMPUTED.search(code) is not None


def judge_phrases(call: Call, code: str) -> bool:
    """Evaluate the texts of code that are command lines. Gives whether there were any."""
    if call.machine.reading:
        return False  # what a whole program does with its texts is not to be seen so simply
    found = False
    end = 0
    count = 0
    for match in _TEXT.finditer(code):
        if match.start() < end or count >= _ENOUGH:
            continue
        words, end = _listed(code, match)
        _file(call, code, match.start(), words)
        if len(words) == 1 and is_statement(words[0]) and not _only_shown(code, match.start(), end):
            judge(call, Word(words[0]))
            continue
        if not is_command(call, words) or _only_shown(code, match.start(), end):
            continue
        count += 1
        found = True
        call.shell(Word(words[0])) if len(words) == 1 else call.words_run([Word(w) for w in words])
    return found


def _file(call: Call, code: str, start: int, words: list[str]) -> None:
    """Paths that a function takes which by its name removes or writes files."""
    paths = [w for w in words if _PATH.match(w)]
    if not paths:
        return
    taker = _taker(code[max(0, start - 400) : start])
    last = re.split(r"[.:>/]", taker)[-1]
    if _REMOVES.match(last) and ("/" in paths[0] or "recursive" in code):
        call.delete(paths[0], recursive="recursive" in code)
    elif _KEEPS.match(last):
        for path in paths:
            if path.startswith(("/", "~")):
                call.write(path, Stream(0, None), append=True)


def is_command(call: Call, words: list[str]) -> bool:
    """Whether words are a command line rather than a sentence: one text, or a list that begins with a program."""
    split = words[0].split() if len(words) == 1 else words
    if len(split) < 2 or len(words[0]) > 2000 or not _WORD.match(split[0]):
        return False
    spec = call.machine.setting.tools.find(split[0].rpartition("/")[2])
    if spec is None:
        return False
    return len(split) == 2 or bool(spec.commands) or _OPTION.search(" ".join(split)) is not None


def is_statement(text: str) -> bool:
    """Whether a text is SQL that changes something."""
    return _SQL.match(text) is not None


def only_shows(name: str) -> bool:
    """Whether a function of this name prints, compares or keeps what it is given."""
    return name != "P" and (
        re.split(r"[.:>/]|-(?=>)", name)[-1].lower().rstrip("!?") in _SHOWS or name.lower() in _SHOWS
    )


def _listed(code: str, match: re.Match[str]) -> tuple[list[str], int]:
    """The texts that stand in one list from here on, and where the list ends."""
    words = [match[1] if match[1] is not None else match[2]]
    end = match.end()
    while True:
        gap = re.compile(r"\s*(?:,\s*(?:\{\s*)?(?:\w+\s*:\s*)?[\[({]?\s*|\s+)(?=['\"])").match(code, end)
        following = _TEXT.match(code, gap.end()) if gap is not None else None
        if following is None or " " in words[0]:
            return [w.replace('\\"', '"').replace("\\'", "'") for w in words], end
        words.append(following[1] if following[1] is not None else following[2])
        end = following.end()


def _only_shown(code: str, start: int, end: int) -> bool:
    after = _AFTER.match(code, end)
    if after is not None and only_shows(after[1]):
        return True
    if _COMPARED.match(code, end):
        return True
    before = code[max(0, start - 400) : start]
    taker = _taker(before)
    if taker:
        regular = taker.endswith(".exec") and "process" not in code  # of a regular expression
        return regular or only_shows(taker)
    if _COMPARES.search(before):
        return True
    if after is not None:
        return False
    return not (_ASSIGNS.search(before) and _does_more(code))


def _does_more(code: str) -> bool:
    """Whether code calls anything besides what prints and compares."""
    names = (m[1] or m[2] for m in _CALLED.finditer(_TEXT.sub("''", code)))
    return any(not only_shows(n) for n in names) or re.search(r"\)?\.(?:execute|!)", code) is not None


def _taker(before: str) -> str:
    """The function that takes a text, from what stands before the text; '' when none does."""
    depth = 0
    plain = _TEXT.sub(lambda m: _GAP * len(m[0]), before)
    for at in range(len(plain) - 1, -1, -1):
        char = plain[at]
        if char in ")]}":
            depth += 1
        elif char in "[{" and depth:
            depth -= 1
        elif char == "(":
            if depth:
                depth -= 1
                continue
            lisp = _FIRST.match(plain, at + 1)
            if lisp is not None and "," not in plain[at:]:
                return lisp[1]
            name = _BEFORE.search(plain[:at])
            return name[0].strip() if name is not None else ""
        elif char in ";\n" and not depth:
            plain = plain[at + 1 :]
            break
    name = _BEFORE.search(plain.rstrip("[{ ," + _GAP))
    return name[0].strip() if name is not None else ""
