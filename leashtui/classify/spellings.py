"""How perl, ruby, node, php, lua and others spell what starts programs, removes, writes, reads, sends. Data only.

One pattern a kind of deed. Refuses to look at code (`marks` does). Invariant: a pattern ends where the arguments begin,
unless its name says otherwise.
"""

from __future__ import annotations

import re

from leashtui.classify.patterns import lazy

STRING = r"(\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|\[\[.*?\]\])"
STARTS = lazy(
    r"(?<![\w.$>])(?:system|popen|shell_exec|passthru|proc_open|pcntl_exec|os\.execute|io\.popen|exec(?:Sync|File"
    r"|FileSync)?|spawn(?:Sync)?"
    r"|qx|do shell script|Open3\.\w+|IO\.popen|Kernel\.(?:system|exec|spawn)|Process\.(?:spawn|run)|shell|system2"
    r"|Runtime\.getRuntime\(\)\.exec"
    r"|child_process['\"]?\)?\.\w+|subprocess\.\w+|run_command|cp\.(?:exec|spawn)\w*|execa(?:Command)?|Deno\.(?:run|Command)|System\.(?:cmd|shell)"
    r"|:os\.cmd|Bun\.spawn\w*|System\.Process\.\w+|callCommand|callProcess|sys\.process\.Process"
    r"|(?<=\)\.)exec\w*|(?<=\)\.)spawn\w*)"
    r"\s*[\(\s{]\s*(?=\S)|(?<=\)\.)(?:exec|spawn)(?:Sync|File|FileSync)?\s*\(\s*(?=\S)"
)
DEEP = lazy(
    r"(?i)recursive\s*[:=]>?\s*t(?:rue)?\b|removeItem|rm_r|rmtree|remove_tree|rimraf|remove_entry|emptyDir|removeSync"
)
"""A whole folder goes."""
SPAWNS = lazy(r"(?:^|[;\[\n{])\s*(?:spawn|exec)\s+(?:-\w+\s+)*([^;\]\n}]+)")
"""Tcl starts programs by bare words."""
LISP = lazy(r'\(\s*(?:[\w.]+/)?sh\s+((?:"[^"]*"\s*)+)')
"""Clojure starts a program by its words."""
OPTIONS = lazy(r"^\{?\s*(?:cmd|command)\s*:\s*\[?\s*")
"""An object around the words of a program."""
TEMPLATE = lazy(r"(?<=\$)`((?:[^`\\]|\\.)*)`")
"""Shells of JavaScript take their command line as a tagged template."""
ESCAPES = lazy(r"^\s*:?!+\s*(\S.*)$", re.M)
"""A line that an interactive prompt hands to the shell."""
PROMPTS = frozenset(("haskell", "python", "julia", "r", "scala"))
TOOLS = {
    "copyFile": "cp", "FileUtils.cp_r": "cp -r", "FileUtils.cp": "cp", "rename": "mv", "File.rename": "mv",
    "FileUtils.mv": "mv", "symlink": "ln -s", "FileUtils.ln": "ln -s", "mv": "mv",
}  # fmt: skip
"""Functions that do with two paths what a core tool does."""
OPENS = lazy(
    r"\b(?:open(?:Sync)?|fopen|File\.(?:open|new)|io\.open|file)\s*\(\s*" + STRING + r"\s*,\s*['\"][rbt]*[wax+]", re.S
)
PIPES = lazy(r"\bopen\b[^;]*?['\"]\s*(?:\+?[<>]*\s*)?(\|[^'\"]+|[^'\"|]+\|)\s*['\"]")
"""perl opens a pipe to a program."""
QUOTED = lazy(r"`([^`]+)`|%x[\(\[{]([^)\]}]*)[\)\]}]|qx[\(\[{/]([^)\]}/]*)[\)\]}/]")
DELETES = lazy(
    r"\b(?:rmSync|rmdirSync|unlinkSync|rm_rf|rm_r|rm_f|remove_entry\w*|rmtree|remove_tree|unlink|rmdir|File\.delete"
    r"|FileUtils\.(?:rm\w*|remove\w*)"
    r"|Dir\.(?:rmdir|delete|unlink)|os\.remove|fs\.(?:promises\.)?(?:rm|unlink|rmdir)|emptyDirSync|removeSync"
    r"|Deno\.remove\w*|rimraf(?:\.sync)?"
    r"|file:del_?(?:ete|dir(?:_r)?)|delete-(?:file|directory(?:-and-files)?|tree)|file\s+delete(?:\s+-force)?"
    r"|Files\.delete\w*|deleteFile|deleteDirectory\w*|removeFile|removeDirectory\w*|removePathForcibly|Sys\.remove"
    r"|File\.rm(?:_rf?)?!?(?=\s*\()|removeItem\(atPath:|(?<![\w.])rm(?=\(\s*[\"'])|del(?:ete)?Tree|file_delete|fs\.remove|Remove-Item|unlink\.sync|truncateSync|truncate)(?:\b|(?<=[!:]))\s*\(?\s*"
)
WRITES = lazy(
    r"\b(?:writeFile(?:Sync)?|appendFile(?:Sync)?|createWriteStream|outputFile(?:Sync)?|File\.(?:write|binwrite)"
    r"|IO\.write|file_put_contents"
    r"|Deno\.write\w+|Bun\.write|copyFile(?:Sync)?|renameSync|File\.rename|FileUtils\.(?:cp\w*|mv|touch|ln\w*|chmod\w*)"
    r"|(?:os\.|file\.)?rename|symlink(?:Sync)?|(?<![\w.])mv(?=\()"
    r"|chmod(?:Sync)?|chown(?:Sync)?)\b\s*\(?\s*"
)
READS = lazy(
    r"\b(?:readFile(?:Sync)?|createReadStream|File\.(?:read|open|readlines|foreach)|IO\.read\w*|file_get_contents"
    r"|readfile|file|fopen|slurp|Deno\.read\w*|Bun\.file|File\.new|io\.(?:open|lines)|open|require)\b"
)
NETWORK = lazy(
    r"\bfetch\s*\(|XMLHttpRequest|\bhttps?\.(?:request|get)\b|require\(['\"](?:node:)?(?:https?|net|dgram|tls|axios|got|node-fetch)['\"]\)"
    r"|\baxios\b|Net::HTTP|open-uri|URI\.open|URI\(|TCPSocket|UDPSocket|Socket\.|IO::Socket|LWP::|HTTP::"
    r"|Mojo::UserAgent|use Socket\b|\bsocket\b"
    r"|curl_exec|curl_init|fsockopen|stream_socket_client|pfsockopen|socket\.http|ssl\.https|LuaSocket|net\.connect"
    r"|net\.Socket|HttpClient"
    r"|(?:file_get_contents|fopen|readfile|copy)\s*\(\s*['\"](?:https?|ftp)"
    r"|url\(|download\.file|URLConnection|\bnew URL\(|Invoke-WebRequest|WebSocket|HTTParty|Faraday|Typhoeus|RestClient"
    r"|Excon"
)
SENDS = lazy(
    r"(?i)\bpost\b|\bput\b|method\s*:|\.write\(|\.send\(|syswrite|print\s*\{?\$?s|body\s*:|\.end\(|->print|puts\("
    r"|fwrite|fputs|sendto|dgram|\bsend\s*\(|\.send\b"
)
JOINED = lazy(r"https?://[^\"'`\s]*(?:[\"']\s*(?:\+|,|\.\s*[$\"'`(]|\.\s*\w+\s*\()|\$\{|#\{|@\{|\$\w)")
"""An address that is put together."""
TAKES = lazy(
    r"readFile|readSync|createReadStream|Bun\.file|Deno\.read|\bopen\b|opendir|readdir|File\.(?:read|open|binread|foreach)"
    r"|IO\.(?:read|popen|binread)|file_get_contents\s*\((?!\s*[\"']https?:)|fopen\s*\((?!\s*[\"']https?:)|slurp|popen|\bqx\b"
    r"|%x[{(\[]|shell_exec|exec(?:File)?Sync|spawnSync|`(?:cat|ls|head|tail|base64|xxd|git|env|id|find|grep|tar)\b|<\$?\w+>"
)
"""What reads a file, or what a program prints."""
WHOLE_ENV = lazy(
    r"process\.env(?!\s*[.\[\w])|JSON\.stringify\(process\.env|\bENV(?:\.to_\w+|\.inspect|\.each\w*)?(?!\s*[\[.\w])|ENV\.(?:to_\w+|inspect|each\w*|map|sort)|%ENV|getenv\(\s*\)|phpinfo\s*\(|\$_ENV(?!\[)|os\.environ(?!\s*[\[.])|Deno\.env\.toObject|System\.getenv\(\s*\)|Sys\.getenv\(\s*\)"
)
HANDS_ON_ENV = lazy(
    r"\b(?:exec|spawn|execFile|fork)(?:Sync)?\([^()]*\benv\s*:\s*(?:\{\s*\.\.\.)?process\.env\b(?!\s*[.\[])"
    r"|(?:'\w+'|\"\w+\")\s+in\s+process\.env\b(?!\s*[.\[])"
)
"""Gives a child all variables, or asks whether there is one: shows none."""
ONE_ENV = lazy(
    r"(?:process\.env\.|process\.env\[['\"]|ENV\[['\"]|ENV\.fetch\(['\"]|\$ENV\{['\"]?|getenv\(['\"]|\$_ENV\[['\"]|\$_SERVER\[['\"]|Sys\.getenv\(['\"])(\w+)"
)
EVALS = lazy(
    r"\beval\b|\bFunction\s*\(|instance_eval|class_eval|loadstring|\bload\s*\(|vm\.run\w+|assert\s*\(\s*\$"
    r"|create_function|\bcompile\b"
)
DECODES = lazy(
    r"(?i)base64|atob\(|unpack\s*\(?['\"][umH]|pack\s*\(?['\"]H|fromCharCode|hex2bin|gzinflate|str_rot13|Buffer\.from\([^)]*['\"](?:base64|hex)['\"]|\.from_?hex|chr\(\d+\)\s*[.+]|\\x[0-9a-f]{2}\\x[0-9a-f]{2}|MIME::Base64|rot13|tr/a-z"
)
SHELL_WORD = lazy(
    r"['\"/ (]((?:/bin/|/usr/bin/)?(?:ba|z|da|k)?sh)(?:\s+-i\w*)?\b['\" ]|cmd\.exe|\bSTDIN\b.*>&|>&S|dup2|/bin/sh"
)
OBEYS = lazy(
    r"<\$\w+>.*`\$_`|\bSTDIN->fdopen\s*\(\s*\$|"
    r"(?:popen|exec\w*|system|spawn\w*|shell_exec|passthru|eval)\s*\(\s*(?:[$@]?[a-z]\w*(?:\.to_s|\.toString\(\))?\s*[,)])|`#\{"
)
"""Runs what a variable holds: over a connection that is a shell for whoever is at its other end."""
INSTALLS = lazy(
    r"\binstall\.packages\s*\(\s*(?=\S)|\b(?:remotes|devtools|pak|BiocManager|renv|githubinstall)::(?:install\w*|pak"
    r"|pkg_install)\s*\(\s*(?=[\"'c])|\binstall_(?:github|gitlab|url|git|version|cran)\s*\(\s*|\bPkg\.(?:add|develop)\s*\(\s*"
    r"|\bCPAN::Shell->(?:force_?)?(?:install|notest)\s*\(?\s*|\bcpanm?\b.*\binstall\s+|\bGem\.install\s*\(?\s*"
    r"|\bMix\.install\s*\(\s*|(?s:\bCPAN\b.*?\b(?:install|force_install)\b\s*\(?\s*)(?=[\w'\"])"
)
"""Packages that are fetched and kept."""
GLOBBED = lazy(
    r"\bunlink\s*\(?\s*<([^>\n]+)>|\bunlink['\"]?\s*[,(]?\s*glob\s*\(?\s*['\"]([^'\"\n]+)['\"]"
    r"|\bDir(?:\.glob)?\s*[\[(]\s*['\"]([^'\"\n]+)['\"][^\n]{0,80}?(?:delete|unlink|rm_|rmtree|remove)"
)
KILLS = lazy(r"\bprocess\.kill\s*\(|\bProcess\.kill\b|\bposix_kill\b|(?<![\w.])kill\s+['\"]?(?:9|KILL|TERM)")
FORKS = lazy(
    r"fork\s*(?:\(\s*\))?\s*while|while\s*\(?\s*(?:1|true)?\s*\)?\s*\{?\s*fork|loop\s*\{\s*fork|fork\s*;?\s*(?:redo"
    r"|goto)"
)
LISTENS = lazy(
    r"\.listen\s*\(|TCPServer|WEBrick|http\.createServer|SimpleHTTPServer|-S 0\.0\.0\.0|Socket\.tcp_server"
    r"|stream_socket_server"
)
NATIVE = lazy(
    r"process\.(?:binding|_linkedBinding|dlopen)\b|\bFiddle\b|\bFFI::|\bffi\.(?:load|cdef|C)\b|FFI::cdef|dlopen\b|Deno\.dlopen"
    r"|\bccall\b|\bunsafe-foreign\b|\bsyscall\s*\("
)
"""Functions of the system called by their address: what they do is not to be seen."""
STARTER = lazy(
    r"child_process|\bSystem\.Process\b|ProcessBuilder|\bPty\b|node-pty|\bOpen3\b|Shellwords|IPC::\w+|posix_spawn"
    r"|CreateProcess|NSTask|Command::new|sys\.process|clojure\.java\.shell"
)
"""What is there only to start programs."""
INNER = lazy(
    r"\b(?:eval|load|loadstring|instance_eval|class_eval|module_eval|vm\.run\w+|Function|execute)\s*[( ]\s*" + STRING,
    re.S,
)
LOADS = lazy(
    r"\b(?:require|import|Worker|fork|load|dofile|loadfile|source|include|include_once|require_once|require_relative"
    r"|do|dlopen)\b\)?\s*\(?\s*(\"/[^\"\n]*\"|'/[^'\n]*')"
)
"""A file of code by its absolute path."""
OF_FILE = lazy(
    r"(?:\b(?:File|Path|Paths\.get|Pathname(?:\.new)?|Path\.of)\s*\(\s*" + STRING + r"\s*\)(?:\.\w+\(\))*"
    r"\.(?:delete\w*|unlink\w*|rmtree|rmdir|remove\w*))"
)
_HOME_ELSEWHERE = (
    r"(?<![\w.])homedir\(\)|System\.getProperty\(['\"]user\.home['\"]\)|Deno\.env\.get\(['\"]HOME['\"]\)"
    r"|System\.user_home!?\(?\)?"
    r"|ENV\.fetch\(['\"]HOME['\"]\)|Sys\.getenv\(['\"]HOME['\"]\)|System\.getenv\(['\"]HOME['\"]\)"
    r"|path\.expand\(['\"]~['\"]\)"
    r"|\(System/getProperty ['\"]user\.home['\"]\)|Bun\.env\.HOME"
    r"|File\.expand_path\(['\"]~['\"]\)|expanduser\(['\"]~['\"]\)"
)
_HOME = (
    r"process\.env\.HOME|os\.homedir\(\)|require\(['\"](?:node:)?os['\"]\)\.homedir\(\)|ENV\[['\"]HOME['\"]\]|\bENV\.HOME\b|Dir\.home|\$ENV\{['\"]?HOME['\"]?\}|(?:os\.)?getenv\(['\"]HOME['\"]\)"
    "|" + _HOME_ELSEWHERE
)
HOME_ELSEWHERE = lazy(_HOME_ELSEWHERE)
"""The home folder in languages that are rarer."""
HOME = lazy(_HOME)
HOME_BEHIND = lazy(r"(['\"])((?:(?!\1)[^\\\n]|\\.)*)\1\s*(?:\+|\.|<>|\.\.|\*)\s*(?:" + _HOME + ")")
"""The home folder, put behind a text."""
HOME_INTO = lazy(r"[#$]\{\s*(?:" + _HOME + r")\s*\}")
"""The home folder, put into a text."""
LITERAL = lazy(STRING, re.S)
HOST = lazy(
    r"https?://([^/'\"\s:?]+)|['\"]((?:\d{1,3}\.){3}\d{1,3}|[\w-]+(?:\.[\w-]+)*\.(?:com|net|org|io|dev|example|test|co|me|sh|xyz|ru|cn|evil|local|app|cloud|site))['\"]"
)
