"""Which environment variables can make some program run code or another program, in another repository or at another
server (`Request.env`).

Knows names only. Refuses to say whether a value is dangerous (the classifier does). Invariant: the kernel guard and the
shell shim report the same variables, because both ask here.
"""

from __future__ import annotations

_NAMES = """
GCONV_PATH BASH_ENV ENV PROMPT_COMMAND PS4 SHELLOPTS BASHOPTS IFS
PYTHONSTARTUP PYTHONPATH PYTHONHOME PYTHONBREAKPOINT PERL5OPT PERL5LIB PERL5DB RUBYOPT RUBYLIB NODE_OPTIONS NODE_PATH
JAVA_TOOL_OPTIONS _JAVA_OPTIONS JDK_JAVA_OPTIONS LUA_INIT PAGER MANPAGER LESSOPEN LESSCLOSE EDITOR VISUAL BROWSER
GIT_SSH GIT_SSH_COMMAND GIT_EXTERNAL_DIFF GIT_PAGER GIT_EDITOR GIT_SEQUENCE_EDITOR GIT_ASKPASS GIT_PROXY_COMMAND
GIT_EXEC_PATH GIT_TEMPLATE_DIR GIT_DIR GIT_WORK_TREE GIT_COMMON_DIR GIT_INDEX_FILE GIT_OBJECT_DIRECTORY GIT_NAMESPACE
SSH_ASKPASS SUDO_ASKPASS RSYNC_RSH CVS_RSH TAR_OPTIONS MAKEFLAGS
MAKEFILES CC CXX RUSTC_WRAPPER CARGO_HOME DOCKER_HOST KUBECONFIG
"""
WHICH = frozenset("GNUPGHOME PGHOST PGPORT PGHOSTADDR PGSERVICE PGSERVICEFILE DJANGO_SETTINGS_MODULE".split())
"""Say which keys, server or settings are meant: told of each program, the person's own too."""
NAMES = frozenset(_NAMES.split()) | WHICH
PREFIXES = ("LD_", "GIT_CONFIG", "BASH_FUNC_", "npm_config_")


def carries_code(name: str) -> bool:
    """Whether a variable of this name can make a program run something else."""
    return name in NAMES or name.startswith(PREFIXES)
