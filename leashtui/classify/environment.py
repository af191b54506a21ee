"""Variables that make some program run code, point at the guard, or hide tracks; before a command, exported, or unset.

Knows names and what their value means. Refuses to know commands. Invariant: a variable that can carry code is judged by
the code it carries, not by its name alone.
"""

from __future__ import annotations

from functools import lru_cache

from leashtui.classify.call import Call, host_of
from leashtui.classify.code import judge_code
from leashtui.classify.gitsettings import judge_setting
from leashtui.classify.indirection import indirect
from leashtui.classify.ledger import Span
from leashtui.classify.machine import Machine
from leashtui.classify.patterns import lazy
from leashtui.classify.plumbing import Plumbing, is_local
from leashtui.classify.secrets import is_secret_variable
from leashtui.classify.state import State
from leashtui.classify.values import Stream, Taint, Word, bare, show
from leashtui.model.facts import Place, Severity, Verb

_COMMANDS = frozenset(
    "PAGER MANPAGER GIT_PAGER GH_PAGER AWS_PAGER SYSTEMD_PAGER PSQL_PAGER BAT_PAGER EDITOR VISUAL GIT_EDITOR"
    " GIT_SEQUENCE_EDITOR"
    " KUBE_EDITOR FCEDIT HGEDITOR SVN_EDITOR GIT_ASKPASS SSH_ASKPASS SUDO_ASKPASS GIT_SSH GIT_SSH_COMMAND RSYNC_RSH"
    " CVS_RSH SVN_SSH"
    " GIT_EXTERNAL_DIFF GIT_PROXY_COMMAND LESSOPEN LESSCLOSE PROMPT_COMMAND BROWSER RUSTC_WRAPPER"
    " RUSTC_WORKSPACE_WRAPPER RUSTC"
    " MANROFFOPT MANROFFSEQ KUBECTL_EXTERNAL_DIFF DELTA_PAGER TAR_RSH RSH BASH_COMMAND FZF_DEFAULT_COMMAND"
    " TERM_PROGRAM_COMMAND"
    " ANSIBLE_SSH_EXECUTABLE PIP_EDITOR CARGO_BUILD_RUSTC_WRAPPER SYSTEMD_EDITOR SYSTEMD_LESS_COMMAND XDG_UTILS_OPEN"
    " MAKESHELL SHELL"
    " TERRAFORM_EDITOR CONFIG_SHELL npm_config_script_shell NPM_CONFIG_SCRIPT_SHELL".split()
)
_EDITORS = frozenset(("EDITOR", "VISUAL", "GIT_EDITOR", "GIT_SEQUENCE_EDITOR"))
_SHELLS = frozenset("SHELL CONFIG_SHELL MAKESHELL npm_config_script_shell NPM_CONFIG_SCRIPT_SHELL".split())
"""Those of them that name a shell."""
_SHELL = lazy(r"(?:(?:/usr(?:/local)?|/opt/homebrew)?/bin/)?(?:ba|da|k|z|fi)?sh")
_LIBRARIES = frozenset(
    "LD_PRELOAD LD_AUDIT DYLD_INSERT_LIBRARIES GCONV_PATH OPENSSL_CONF OPENSSL_ENGINES GIO_EXTRA_MODULES GTK_MODULES"
    " PERL5DB LD_LIBRARY_PATH DYLD_LIBRARY_PATH NODE_EXTRA_PRELOAD".split()
)
_FILES = frozenset("BASH_ENV ENV PYTHONSTARTUP ZDOTDIR INPUTRC VIMINIT GVIMINIT EXINIT".split())
_OPTIONS = lazy(
    r"(?:--require|-r(?!\w*=)|--import|--loader|--experimental-loader|-M|-m|-I|-javaagent:|-agentpath:|-agentlib:|-XX:OnError="
    r"|-XX:OnOutOfMemoryError=)"
)
_HARMLESS = ("-ms", "-mx", "-Mint", "-M64", "-mem")
_OPTION_VARIABLES = frozenset(
    "NODE_OPTIONS PERL5OPT RUBYOPT JAVA_TOOL_OPTIONS _JAVA_OPTIONS JDK_JAVA_OPTIONS MAVEN_OPTS".split()
)
_MOST = 256
"""How many variables of one command are judged."""
_CODE = {
    "LUA_INIT": "lua",
    "PERL5DB": "perl",
    "PYTHONINSPECT": "",
    "PS4": "shell",
    "PS1": "shell",
}
_PROXY = lazy(r"^(https?_proxy|all_proxy|ftp_proxy|HTTPS?_PROXY|ALL_PROXY)$")
_INDEX = lazy(
    r"^(PIP_(EXTRA_)?INDEX_URL|UV_(EXTRA_|DEFAULT_)?INDEX(_URL)?|NPM_CONFIG_REGISTRY|npm_config_registry|GOPROXY"
    r"|CARGO_REGISTRIES_.*_INDEX|GONOSUMDB|GONOSUMCHECK|GOFLAGS)$"
)
_LOGS = lazy(r"^(GIT_TRACE\w*|SSLKEYLOGFILE|LD_DEBUG_OUTPUT|NODE_V8_COVERAGE)$")
"""What a program writes a log to."""
_SEARCHED = frozenset(
    "PYTHONPATH PYTHONHOME PERL5LIB PERLLIB RUBYLIB NODE_PATH CLASSPATH GEM_PATH GEM_HOME LUA_PATH".split()
)
_BUILDERS = frozenset("CC CXX LD AR AS CPP FC CARGO RUSTC GO PYTHON NODE".split())
_NAMES_PROGRAM = lazy(
    r"^(?:CC|CXX|LD|AR|AS|CPP|FC|F77|NM|STRIP|OBJCOPY|HOSTCC|CGO_\w*CC)$"
    r"|(?:^|_)(?:PAGER|EDITOR|BROWSER|ASKPASS|SHELL|COMMAND|CMD|RSH|WRAPPER|LINKER|RUNNER|COMPILER|LAUNCHER|HOOK|OPENER"
    r"|VIEWER|TERMINAL|DIFFTOOL|MERGETOOL)$"
)
"""Variables that by their name hold a program, whichever tool reads them."""
_OPTIONS_OF = {
    "TAR_OPTIONS": "tar", "LESS": "less", "FZF_DEFAULT_OPTS": "fzf", "GNUMAKEFLAGS": "make", "GREP_OPTIONS": "grep",
    "JQ_OPTS": "jq", "ACK_OPTIONS": "ack", "PARALLEL": "parallel",
}  # fmt: skip
"""Variables that hold options of one tool."""
_BREAKERS = lazy(r"^(?:os|subprocess|pty|shutil|posix|runpy|builtins|commands|code)\.")
_SERVERS = lazy(r"^(?:DOCKER_HOST|CONTAINER_HOST|AWS_ENDPOINT_URL(?:_\w+)?)$")
"""Where a tool takes its credentials or the project's files."""
UNCHECKED = {
    "NODE_TLS_REJECT_UNAUTHORIZED": ("0",), "PYTHONHTTPSVERIFY": ("0",),
    "GIT_SSL_NO_VERIFY": ("1", "true", "yes", "on"),
    "npm_config_strict_ssl": ("false", ""), "NPM_CONFIG_STRICT_SSL": ("false", ""), "GOINSECURE": (),
    "PIP_TRUSTED_HOST": (), "UV_INSECURE_HOST": (), "YARN_ENABLE_STRICT_SSL": ("false", "0"),
}  # fmt: skip
"""Variables that turn off the check of who a server is, and the values that do: any of them where none is named."""
_GUARD = lazy(r"^LEASH(TUI)?(_|$)")
_SINGLE = frozenset(
    "PYTHONBREAKPOINT MAKEFLAGS GIT_EXEC_PATH GIT_TEMPLATE_DIR PATH GOFLAGS CGO_LDFLAGS GIT_CONFIG_GLOBAL"
    " GIT_CONFIG_SYSTEM GIT_CONFIG GIT_CONFIG_PARAMETERS".split()
)
_TRACKS = frozenset("HISTFILE HISTSIZE HISTFILESIZE HISTCONTROL HISTIGNORE".split())
_WORKSPACE_LIBRARIES = frozenset("LD_LIBRARY_PATH DYLD_LIBRARY_PATH".split())
_TRUSTED = lazy(r"(?:.*/)?git(?:-[\w-]+)?$")
"""Programs that are allowed more than others by what they are: none of them needs a library that a project built."""


@lru_cache(maxsize=4096)
def matters(name: str) -> bool:
    """Whether a variable of this name can make a difference to what runs."""
    listed = (
        name in _COMMANDS or name in _LIBRARIES or name in _FILES or name in _OPTION_VARIABLES or name in _OPTIONS_OF
        or name in _CODE or name in _SEARCHED or name in _BUILDERS or name in _SINGLE or name in UNCHECKED
    )  # fmt: skip
    if listed or name.startswith(("GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_")):
        return True
    return any(p.search(name) is not None for p in (_GUARD, _LOGS, _NAMES_PROGRAM, _INDEX, _PROXY, _SERVERS))


def judge_variables(call: Call, env: list[tuple[str, Word]]) -> None:
    """Assignments that hold for one command."""
    telling = [(name, value) for name, value in env if matters(name)]
    if len(telling) > _MOST:
        call.machine.ledger.lost("sets more variables that carry code than leash follows", call.span)
    for name, value in telling[:_MOST]:
        _judge(call, name, value)
    set_before = [(name, word) for name in UNCHECKED for word in call.state.vars.get(name, ())]
    for name, value in [*telling[:_MOST], *set_before]:
        if name in UNCHECKED and _fetches(call) and bare(value).lower() in (UNCHECKED[name] or (bare(value).lower(),)):
            call.add(Verb.PRIVILEGE, name, f"turns off the check of who a server is, through {name}")


def judge_set(machine: Machine, name: str, value: Word, span: Span, *, exported: bool = False) -> None:
    """An assignment that holds for the shell from now on."""
    note_said(machine, name, value)
    if _GUARD.match(name):
        machine.ledger.sign("guard_tamper")
        machine.ledger.add(Verb.GUARD_TOUCH, name, Place.NONE, f"changes {name}, which leash relies on", span)
    if name in _TRACKS and (name == "HISTFILE" or str(value) in ("0", "")):
        machine.ledger.sign("hides_tracks")
    carries = (
        name in _LIBRARIES or name in _FILES or name in _COMMANDS or name in _OPTION_VARIABLES or name == "LUA_INIT"
    )
    if carries and name != "SHELL" or exported and (_NAMES_PROGRAM.search(name) or name in _OPTIONS_OF):
        stream = Stream(0, "")
        call = Call(machine, State(machine.setting.workspace.root), [Word("export")], stream, span, Plumbing(stream))
        _judge(call, name, value)
    elif exported:
        _judge_index(machine, name, value, span)


def note_said(machine: Machine, name: str, value: Word) -> None:
    """A command, not a script that it runs, gives a variable a value that stands in it."""
    if not machine.reading and is_secret_variable(name):
        machine.setting.handiwork.says(name, value)


def judge_unset(call: Call, name: str) -> None:
    """A variable goes away."""
    if _GUARD.match(name):
        call.sign("guard_tamper")
        call.add(Verb.GUARD_TOUCH, name, f"removes {name}, which leash relies on")
    if name in _TRACKS:
        call.sign("hides_tracks")


def _judge(call: Call, name: str, value: Word) -> None:
    text = bare(value)
    if _GUARD.match(name):
        call.sign("guard_tamper")
        call.add(Verb.GUARD_TOUCH, name, f"changes {name}, which leash relies on")
    elif name in _COMMANDS:
        if name == "LESSOPEN":
            text = text.lstrip("|-")
        if (name in _SHELLS and _SHELL.fullmatch(text)) or (name == "BROWSER" and text == "none"):
            return  # `none` is what development servers and test runners are told, so that they open nothing
        indirect(call, Word(text, value.taint), edits=name in _EDITORS)
    elif name in _LIBRARIES:
        _library(call, name, value)
    elif name in _FILES and text:
        call.sign("obfuscated")
        call.run_file(value, f"loads, through {name},")
        known = call.state.files.get(call.path(value))
        if known is not None and known.text is not None and name in ("BASH_ENV", "ENV"):
            call.shell(Word(known.text, known.taint & ~Taint.LOCAL))
    elif name in _OPTION_VARIABLES:
        if _loads_code(call, text):
            call.sign("obfuscated")
            call.add(Verb.EXEC, text, f"loads code through {name}", Severity.HIGH)
    elif name in _OPTIONS_OF:
        call.words_run([Word(_OPTIONS_OF[name]), *(Word(w, value.taint) for w in text.split())], Stream(0, ""))
    elif name == "PYTHONBREAKPOINT" and _BREAKERS.match(text):
        call.sign("obfuscated")
        call.add(Verb.EXEC, text, f"makes every breakpoint call {show(text)}", Severity.HIGH)
    elif name == "MAKEFLAGS" and "--eval" in text:
        call.sign("obfuscated")
    elif name in _CODE:
        _code(call, name, value)
    elif name == "GIT_CONFIG_PARAMETERS" or name.startswith("GIT_CONFIG_VALUE_"):
        key = next((str(v) for n, v in call.env if n == name.replace("VALUE", "KEY")), "core.pager")
        judge_setting(call, key, value, once=True)
    elif name in ("GIT_EXEC_PATH", "GIT_TEMPLATE_DIR"):
        if call.place(value) is not Place.SYSTEM:  # git itself sets it for what it starts
            call.sign("obfuscated")
            call.run_file(value, f"takes git's programs or hooks, through {name}, from")
    elif name == "PATH":
        _path(call, value)
    elif name in _SEARCHED:
        for path in value.split(":"):
            if path and call.place(path) is Place.TEMP:
                call.run_file(Word(path), f"loads, through {name}, what lies in")
    elif name in _BUILDERS and text.startswith("/") and call.place(text.split()[0]) is Place.TEMP:
        call.run_file(Word(text.split()[0]), f"uses, as {name},")
    elif name in ("GOFLAGS", "CGO_LDFLAGS") and ("-toolexec" in text or "-exec" in text):
        indirect(call, Word(text.partition("exec=")[2] or text.partition("exec ")[2], value.taint))
    elif name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG") and text not in ("", "/dev/null"):
        call.sign("obfuscated")
        call.run_file(value, f"takes settings of git, which can name programs, through {name}, from")
    elif _LOGS.match(name) and text.startswith(("/", "~", "..")):
        call.write(value, Stream(0, None), append=True)
    elif _NAMES_PROGRAM.search(name) and " " in text.strip():
        call.shell(Word(text, value.taint))
    else:
        _judge_index(call.machine, name, value, call.span)


def _fetches(call: Call) -> bool:
    """Whether it is a tool that fetches by itself, so that nobody is asked whom it speaks to."""
    spec = call.machine.setting.tools.find(call.name)
    return call.name == "git" or (spec is not None and spec.reaches)


def _loads_code(call: Call, text: str) -> bool:
    """Whether options have a runtime load code that is not installed with the system, as bundler's own set-up is."""
    for word in text.split():
        found = _OPTIONS.match(word)
        if found is None or word.startswith(_HARMLESS):
            continue
        path = word[found.end() :]
        if not path.startswith("/usr/") or ":" in path or call.place(Word(path)) is not Place.SYSTEM:
            return True
    return False


_PRELOADED = lazy(
    r"/usr/lib(?:exec|32|64)?/(?:[\w-]+-linux-[\w]+/)?(?:coreutils/|libfakeroot/|faketime/)?"
    r"lib(?:stdbuf|fakeroot(?:-sysv|-tcp)?|faketime(?:MT)?|eatmydata|jemalloc|tcmalloc(?:_minimal)?|mimalloc)\.so[.\d]*"
)
"""Libraries of the system that wrappers preload by themselves (stdbuf, fakeroot, faketime), and allocators."""


def _library(call: Call, name: str, value: Word) -> None:
    if not value or name in _WORKSPACE_LIBRARIES and not _brings_libraries(call, value):
        return
    if name == "LD_PRELOAD" and all(_PRELOADED.fullmatch(path) for path in value.replace(":", " ").split()):
        return
    if name in _WORKSPACE_LIBRARIES and not _is_trusted(call):
        for path in value.split(":"):
            if path and call.place(Word(path, value.taint)) is Place.TEMP:
                call.run_file(Word(path, value.taint), f"loads, through {name}, what lies in")
        return
    call.sign("obfuscated")
    for path in value.replace(":", " ").split():
        call.run_file(path, f"loads, through {name},")
    call.add(Verb.EXEC, show(value), f"loads code into the program through {name}", Severity.HIGH)


def _brings_libraries(call: Call, value: Word) -> bool:
    """Whether a search path of libraries names a temporary folder, or for a trusted program any but a system's."""
    places = {call.place(Word(path or ".", value.taint)) for path in value.split(":")}
    return bool(places - {Place.SYSTEM}) if _is_trusted(call) else Place.TEMP in places


def _is_trusted(call: Call) -> bool:
    return bool(call.words) and _TRUSTED.match(call.words[0]) is not None


def _code(call: Call, name: str, value: Word) -> None:
    if _CODE[name] == "shell":
        if "$(" in value or "`" in value:
            inner = value.replace("`", "$(", 1)
            call.sign("obfuscated")
            call.shell(Word(": " + inner.replace("`", ")"), value.taint))
    elif _CODE[name]:
        judge_code(call, _CODE[name], value)


def _path(call: Call, value: Word) -> None:
    """A search path that starts with a temporary folder lets anything be run under any name."""
    first = value.partition(":")[0]
    if first and call.place(first) is Place.TEMP:
        call.sign("obfuscated")
        call.add(Verb.EXEC, show(first), f"searches programs in {show(first)} first", Severity.HIGH, place=Place.TEMP)


def _judge_index(machine: Machine, name: str, value: Word, span: Span) -> None:
    if (_INDEX.match(name) or _PROXY.match(name)) and "://" in value and not is_local(host_of(value)):
        host = host_of(value)
        machine.ledger.hosts[host] = None
        if _PROXY.match(name):
            machine.ledger.add(Verb.NET_SEND, host, Place.NONE, f"sends all requests through {host}", span)
        elif not host.endswith(("pypi.org", "npmjs.org", "proxy.golang.org", "yarnpkg.com")):
            machine.ledger.add(Verb.PACKAGE_ADD, host, Place.NONE, f"takes packages from {host}", span)
    if _SERVERS.match(name) and "://" in value and not value.startswith(("unix:", "npipe:", "fd:")):
        host = host_of(value)
        if not is_local(host):
            machine.ledger.hosts[host] = None
            machine.ledger.add(Verb.NET_SEND, host, Place.NONE, f"sends all requests to {host}, credentials too", span)
    if value.taint & Taint.FETCHED and name in ("PATH", "LD_PRELOAD"):
        machine.ledger.sign("pipe_to_shell")
