"""Names of Python's libraries that start programs, remove, write, send or run text. Data only.

Dotted as they are imported. Refuses to look at code. Invariant: a name stands in the list of what it does at worst.
"""

from __future__ import annotations

from leashtui.classify.patterns import lazy

SHELLS = frozenset(
    "os.system os.popen subprocess.getoutput subprocess.getstatusoutput commands.getoutput"
    " asyncio.create_subprocess_shell".split()
)
STARTS = frozenset(
    "subprocess.run subprocess.call subprocess.check_call subprocess.check_output subprocess.Popen pty.spawn"
    " asyncio.create_subprocess_exec".split()
)
EXECS = lazy(r"os\.(exec[lv]p?e?|spawn[lv]p?e?|posix_spawnp?)$")
DELETES = frozenset(
    "os.remove os.unlink os.rmdir os.removedirs shutil.rmtree send2trash.send2trash os.truncate".split()
)
PATH_DELETES = frozenset("unlink rmdir rmtree".split())
WRITES = frozenset("write_text write_bytes touch symlink_to hardlink_to".split())
READS = frozenset("read_text read_bytes".split())
COREUTILS = {
    "shutil.copy": "cp", "shutil.copy2": "cp", "shutil.copyfile": "cp", "shutil.copytree": "cp -r", "shutil.move": "mv",
    "os.rename": "mv", "os.replace": "mv", "os.renames": "mv", "os.link": "ln", "os.symlink": "ln -s",
    "os.chmod": "chmod", "os.lchmod": "chmod", "shutil.chown": "chown", "shutil.make_archive": "tar cf",
}  # fmt: skip
"""Functions that do what a program of the core tools does with the same two arguments."""
PATH_TOOLS = {"rename": "mv", "replace": "mv", "chmod": "chmod", "copy": "cp", "move": "mv", "copy_into": "cp"}
"""The same, as methods of a path."""
LIBRARIES = frozenset(
    "requests httpx urllib urllib2 urllib3 http aiohttp socket ftplib smtplib telnetlib websocket websockets paramiko"
    " xmlrpc pycurl".split()
)
SENDS = lazy(r"(?:^|\.)(post|put|patch|send|sendall|sendto|sendmail|storbinary|storlines|request|send_message)$")
GETS = lazy(
    r"(?:^|\.)(get|urlopen|urlretrieve|Request|head|download|create_connection|connect|getaddrinfo|gethostbyname"
    r"|HTTPS?Connection|stream)$"
)
DECODERS = lazy(
    r"(?:b64decode|b32decode|a85decode|fromhex|unhexlify|decompress|rot13|marshal\.loads|codecs\.decode|pickle\.loads)$"
)
RUNS = frozenset(
    (
        "exec",
        "eval",
        "compile",
        "__import__",
        "builtins.exec",
        "builtins.eval",
        "runpy.run_path",
        "runpy.run_module",
        "importlib.import_module",
    )
)
SHELL_NAMES = lazy(r"(?:^|/)(?:ba|z|da|k)?sh$")
