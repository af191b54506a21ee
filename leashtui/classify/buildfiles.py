"""Reads what build files start beside the compiler: Maven and Ant, CMake, Procfiles, Earthfiles, Gradle, Rake.

Knows where each of them writes a command and which target or phase it belongs to. Refuses their languages otherwise.
Invariant: a command of a target that was not asked for is left out only where its target is certain.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

from leashtui.classify.patterns import lazy
from leashtui.classify.tasklists import Found

if TYPE_CHECKING:
    from xml.etree import ElementTree as Xml

_OPEN = "${LEFT_OPEN_BY_TASK}"
_MOST = 64
_ENTITY = lazy(r"<!(?:DOCTYPE|ENTITY)", re.I)
_HOLE = lazy(r"[$@]\{([^{}]*)\}")
_LATE = frozenset(("install", "deploy", "site", "site-deploy", "post-site"))
_HERE = frozenset(("basedir", "project.basedir", "pom.basedir", "project.directory"))
_CMAKE = lazy(r"\b(add_custom_command|add_custom_target|execute_process)\s*\(", re.I)
_ARGUMENT = lazy(r'\[(=*)\[(.*?)\]\1\]|"((?:[^"\\]|\\.)*)"|([^\s()"]+)|([()])|#[^\n]*', re.S)
_ENDS = frozenset(
    "COMMAND WORKING_DIRECTORY DEPENDS COMMENT VERBATIM BYPRODUCTS OUTPUT TARGET PRE_BUILD PRE_LINK POST_BUILD SOURCES"
    " RESULT_VARIABLE OUTPUT_VARIABLE ERROR_VARIABLE OUTPUT_QUIET ERROR_QUIET TIMEOUT INPUT_FILE OUTPUT_FILE ERROR_FILE"
    " COMMAND_ECHO COMMAND_ERROR_IS_FATAL OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_STRIP_TRAILING_WHITESPACE APPEND"
    " ALL USES_TERMINAL COMMAND_EXPAND_LISTS MAIN_DEPENDENCY IMPLICIT_DEPENDS DEPFILE JOB_POOL RESULTS_VARIABLE"
    " ENCODING ECHO_OUTPUT_VARIABLE ECHO_ERROR_VARIABLE".split()
)
_PROCESS = lazy(r"^([\w-]+):\s*(\S.*)$")
_TASK = lazy(
    r"(?m)^[ \t]*(?:task\s+|tasks\.(?:register|create|named)\s*(?:<\w+>)?\s*\(\s*)[\"']?([\w-]+)[\"']?[^\n{]*\{"
    r"|^[ \t]*val\s+([\w-]+)\s+by\s+tasks\.\w+[^\n{]*\{"
)
_WORDS = r"((?:(?:listOf|setOf|arrayOf)?[(\[\s,=]*(?:\"[^\"\n]*\"|'[^'\n]*'))+)"
_COMMAND = lazy(r"\b(?:commandLine|executable)\s*[=(]?\s*" + _WORDS)
_FURTHER = lazy(r"\bargs\s*[=(]?\s*" + _WORDS)
_TEXT = lazy(r"\"([^\"\n]*)\"|'([^'\n]*)'")
_NEEDS = lazy(r"\bdependsOn\b\s*[=(\[]*\s*((?:[\"':\w-]+[\s,]*)+)")
_EXECUTE = lazy(r"(?:\"[^\"\n]+\"|'[^'\n]+'|\[[^\[\]\n]{1,400}\])\s*\.\s*execute\s*\(")
_BLOCKS = lazy(r"\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|//[^\n]*|/\*.*?\*/|[{}]", re.S)
_RAKE = lazy(r"^([ \t]*)(?:task|file|multitask)\s*\(?\s*:?[\"']?([\w:]+)[\"']?(.*?)\s*do\b")
_SHELLS = lazy(
    r"\b(?:sh|system|exec)\b[\s(]+(\"(?:[^\"\\\n]|\\.)*\"(?:\s*,\s*\"[^\"\n]*\")*|'[^'\n]*'(?:\s*,\s*'[^'\n]*')*)"
    r"|`([^`\n]+)`"
)
_QUOTED = lazy(r"\"((?:[^\"\\]|\\.)*)\"|'([^']*)'")


def _xml(text: str) -> Xml.Element | None:
    if _ENTITY.search(text) or text.count("<") > 40000:
        return None
    from xml.etree import ElementTree as Xml  # only Maven and Ant need it

    try:
        root = Xml.fromstring(text)  # noqa: S314 - no entities
    except (Xml.ParseError, ValueError, RecursionError):
        return None
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""
    return root


def _filled(text: str | None, values: dict[str, str]) -> str:
    known = {**values, **dict.fromkeys(_HERE, "."), **dict.fromkeys(("user.home", "env.HOME", "HOME"), "${HOME}")}

    def one(match: re.Match[str]) -> str:
        return known.get(match[1], _OPEN)

    return _HOLE.sub(one, _HOLE.sub(one, (text or "").strip()))


def _quoted(text: str) -> str:
    """A word for a shell in which only what was left open is expanded."""
    parts = [p for p in re.split(r"(\$\{\w+\})", text) if p]
    return "".join(p if p in (_OPEN, "${HOME}") else shlex.quote(p) for p in parts) or "''"


def maven(text: str, words: list[str]) -> Found:
    """What `mvn WORDS` starts by the exec and the antrun plug-in, outside profiles that were not named."""
    root = _xml(text)
    if root is None:
        return [], False
    values = {e.tag: (e.text or "").strip() for e in root.findall("properties/*")}
    for profile in root.findall("profiles/profile"):
        if not any(w.startswith("-P") and (profile.findtext("id") or "?") in w for w in (*words, "".join(words))):
            profile.clear()
    found: list[str] = []
    for plugin in root.iter("plugin"):
        name = (plugin.findtext("artifactId") or "").strip()
        if name not in ("exec-maven-plugin", "maven-antrun-plugin"):
            continue
        for part in (plugin, *plugin.findall("executions/execution")):
            phase = (part.findtext("phase") or "").strip()
            configuration = part.find("configuration")
            if (
                configuration is None
                or phase == "none"
                or (phase in _LATE and phase not in words and "deploy" not in words)
            ):
                continue
            if part is not plugin and not phase and not any(w.startswith(("exec:", "antrun:")) for w in words):
                continue
            found.extend(_executed(configuration, values))
            found.extend(_ant(configuration, values))
    return found, True


def _executed(configuration: Xml.Element, values: dict[str, str]) -> Iterator[str]:
    program = configuration.findtext("executable")
    if program:
        arguments = [_quoted(_filled(a.text, values)) for a in configuration.findall("arguments/argument")]
        line = _filled(configuration.findtext("commandlineArgs"), values)
        yield " ".join([_quoted(_filled(program, values)), *arguments, line])


def _ant(target: Xml.Element, values: dict[str, str]) -> Iterator[str]:
    for element in target.iter():
        get = {k: _filled(v, values) for k, v in element.attrib.items()}
        if element.tag in ("exec", "apply") and ("executable" in get or "command" in get):
            parts = [_quoted(get["executable"]) if "executable" in get else get["command"]]
            for argument in element.findall("arg"):
                value = argument.get("value") or argument.get("path") or argument.get("file")
                parts.append(_quoted(_filled(value, values)) if value else _filled(argument.get("line"), values))
            yield " ".join(parts)
        elif element.tag == "delete" and ("dir" in get or "file" in get):
            yield f"rm -rf {_quoted(get.get('dir') or get.get('file') or '')}"


def ant(text: str, words: list[str]) -> Found:
    """What `ant TARGETS` starts; [] is the default target."""
    root = _xml(text)
    if root is None:
        return [], False
    values = {e.get("name", ""): e.get("value") or e.get("location") or "" for e in root.iter("property")}
    targets = {t.get("name", ""): t for t in root.findall("target")}
    waiting = [w for w in words if w in targets] or [root.get("default", "")]
    found: list[str] = []
    done: set[str] = set()
    while waiting and len(done) < _MOST:
        name = waiting.pop(0)
        if name in done or name not in targets:
            continue
        done.add(name)
        found.extend(_ant(targets[name], values))
        waiting.extend(d.strip() for d in (targets[name].get("depends") or "").split(","))
        waiting.extend(e.get("target", "") for e in targets[name].iter("antcall"))
    return found, root.find("import") is None


def cmake(text: str, words: list[str]) -> Found:
    """What a configuration (`cmake DIR`) or a build (`cmake --build DIR [--target NAME]`) starts by CMakeLists.txt."""
    builds = "--build" in words
    found: list[str] = []
    for match in _CMAKE.finditer(text):
        kind = match[1].lower()
        if builds == (kind == "execute_process"):
            continue
        arguments = list(_arguments(text, match.end()))
        if kind == "add_custom_target" and "ALL" not in arguments[:2] and not set(arguments[:1]) & set(words):
            continue
        found.extend(_commands(arguments))
    return found, True


def _arguments(text: str, at: int) -> Iterator[str]:
    depth = 1
    for match in _ARGUMENT.finditer(text, at):
        if match[5]:
            depth += 1 if match[5] == "(" else -1
            if not depth:
                return
        elif not match[0].startswith("#"):
            yield match[2] or match[3] or match[4] or ""


def _commands(arguments: list[str]) -> Iterator[str]:
    line: list[str] | None = None
    for word in [*arguments, "COMMENT"]:
        if word in _ENDS or word == "ARGS":
            if word == "ARGS":
                continue
            if line:
                yield " ".join(line)
            line = [] if word == "COMMAND" else None
        elif line is not None:
            word = re.sub(r"\$\{CMAKE_COMMAND\}", "cmake", word)
            word = re.sub(r"\$\{(?:CMAKE_(?:CURRENT_)?(?:SOURCE|BINARY)_DIR|PROJECT_\w+_DIR)\}", ".", word)
            word = re.sub(r"\$ENV\{HOME\}", "${HOME}", word)
            line.append(_quoted(re.sub(r"\$(?:ENV)?\{(?!HOME\})[^}]*\}|\$<[^>]*>", _OPEN, word)))


def procfile(text: str, words: list[str]) -> Found:
    """What `foreman start [NAME]` and its like keep running."""
    if not {"start", "s"} & set(words) and words[:1]:
        return [], True
    lines = {m[1]: m[2] for line in text.splitlines() if (m := _PROCESS.match(line.strip()))}
    named = [w for w in words if w in lines]
    return [lines[n] for n in named or lines], True


def earthfile(text: str, words: list[str]) -> Found:
    """What `earthly +TARGET` runs on this machine: what follows LOCALLY; all else stays in containers."""
    wanted = {w.rpartition("+")[2] for w in words if "+" in w}
    found: list[str] = []
    name, local = "", False
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        title = re.match(r"([a-z][\w.-]*):\s*$", line)
        if title is not None:
            name, local = title[1], False
        elif line.strip() == "LOCALLY":
            local = True
        elif local and name in wanted and (ran := re.match(r"\s+(?:RUN|TRY|IF|FOR)\s+(?:--\S+\s+)*(.+)", line)):
            found.append(ran[1])
    return found, True


def gradle(text: str, words: list[str]) -> Found:
    """What the Exec tasks of these names start, and what stands outside any task."""
    blocks: dict[str, str] = {}
    rest, last = [], 0
    for match in _TASK.finditer(text):
        if match.start() < last:
            continue
        end = _closed(text, match.end())
        blocks[match[1] or match[2]] = match[0] + text[match.end() : end]
        rest.append(text[last : match.start()])
        last = end
    rest.append(text[last:])
    waiting = [w.rpartition(":")[2] for w in words]
    done: set[str] = set()
    parts = rest
    while waiting and len(done) < _MOST:
        name = waiting.pop(0)
        if name in blocks and name not in done:
            done.add(name)
            parts.append(blocks[name])
            for needs in _NEEDS.finditer(blocks[name]):
                waiting.extend(re.findall(r"[\w-]+", needs[1]))
    return [line for part in parts for line in _started(part)], True


def _closed(text: str, at: int) -> int:
    """Where the block that was opened before `at` ends."""
    depth = 1
    for match in _BLOCKS.finditer(text, at):
        depth += {"{": 1, "}": -1}.get(match[0], 0)
        if not depth:
            return match.end()
    return len(text)


def _started(part: str) -> Iterator[str]:
    for match in _COMMAND.finditer(part):
        words = [a or b for a, b in _TEXT.findall(match[1])]
        further = _FURTHER.search(part, match.end())
        if match[0].startswith("executable") and further is not None:
            words.extend(a or b for a, b in _TEXT.findall(further[1]))
        yield " ".join(_quoted(_gradle_word(w)) for w in words)
    for match in _EXECUTE.finditer(part):
        words = [a or b for a, b in _TEXT.findall(match[0].partition(".execute")[0])]
        yield words[0] if len(words) == 1 else " ".join(_quoted(_gradle_word(w)) for w in words)


def _gradle_word(word: str) -> str:
    word = re.sub(r"\$\{?System\.getProperty\([\\\"']*user\.home[\\\"']*\)\}?", "${HOME}", word)
    word = re.sub(r"\$\{?(?:rootDir|projectDir|buildDir|rootProject\.rootDir)\}?", ".", word)
    return re.sub(r"\$\{(?!HOME\})[^}]*\}|\$(?!\{)\w+", _OPEN, word)


def _ruby_text(text: str) -> str:
    text = re.sub(r"#\{\s*(?:Dir\.home|ENV\[['\"]HOME['\"]\])\s*\}", "${HOME}", text)
    return re.sub(r"#\{[^}]*\}", _OPEN, text)


def rake(text: str, words: list[str]) -> Found:
    """What the tasks of these names ([]: `default`) hand to a shell, and what stands outside any task."""
    parts: dict[str, list[str]] = {"": []}
    needs: dict[str, list[str]] = {}
    name, indent = "", ""
    for line in text.splitlines():
        match = _RAKE.match(line)
        if match is not None and not name:
            indent, name = match[1], match[2]
            needs[name] = re.findall(r"\w+", match[3].partition("=>")[2] or match[2].partition(":")[2] and match[3])
            parts.setdefault(name, [])
        elif name and line.rstrip() == f"{indent}end":
            name = ""
        else:
            parts[name].append(line)
    for match in re.finditer(r"(?m)^\s*task\s*\(?:?[\"']?(\w+)[\"']?(?::|\s*=>)\s*(.*)$", text):
        needs.setdefault(match[1], []).extend(re.findall(r"\w+", match[2]))
    named = [w.partition("[")[0].rpartition(":")[2] for w in words if not w.startswith("-") and "=" not in w]
    waiting = named or ["default"]
    done = [""]
    while waiting and len(done) < _MOST:
        one = waiting.pop(0)
        if one not in done:
            done.append(one)
            waiting.extend(needs.get(one, ()))
    found: list[str] = []
    for one in done:
        for match in _SHELLS.finditer("\n".join(parts.get(one, ()))):
            texts = [_ruby_text(a or b) for a, b in _QUOTED.findall(match[1] or "")]
            plain = _ruby_text(match[2] or "") or (texts[0] if len(texts) == 1 else "")
            found.append(plain or " ".join(_quoted(t) for t in texts))
    return found, True
