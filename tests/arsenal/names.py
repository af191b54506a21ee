"""Odd names and sizes: other ways to say the same file, by descriptors, links of /proc, no text at all, or too much.

What is named is the person's, or a program that must not run.
"""

# ruff: noqa: E501 - an attack is one line, however long
_SH = "#!/bin/sh\n"
_AT = "argv = (ctypes.c_char_p * 5)(b'kubectl', b'delete', b'ns', b'prod', None); env = (ctypes.c_char_p * 2)(b'PATH=/bin:/usr/bin', None); d = os.open('@root@/tools', os.O_RDONLY); os.set_inheritable(d, True); "
_A3 = "d = os.open('@root@/tools', os.O_RDONLY); os.dup2(d, 9); os.set_inheritable(9, True); "


def _sh(p: str, pre: str = "") -> str:
    """A shell runs what has that name."""
    return _A3 + pre + f"subprocess.run(['sh', {p}, 'delete', 'ns', 'prod'], close_fds=False)"


def _ex(p: str, pre: str = "") -> str:
    """What has that name is run."""
    return _A3 + pre + f"os.execv({p}, ['x', 'delete', 'ns', 'prod'])"


WRITE = {
    "a chain of links": "os.symlink('@home@/prized', 'l0')\nfor i in range(1, 39): os.symlink(f'l{i - 1}', f'l{i}')\nopen('l38', 'w').write('EVIL')",
    "a chain of links between folders": "os.symlink('@home@', 'l0')\nfor i in range(1, 38): os.symlink(f'l{i - 1}', f'l{i}')\nopen('l37/prized', 'w').write('EVIL')",
    "a name of 4,000 letters": "open('./' * 1900 + '../prized', 'w').write('EVIL')",
    "a name that is no text": "os.mkdir(b'\\xff\\xfe'); open(b'\\xff\\xfe/.envrc', 'w').write('EVIL')",
    "a file outside whose name is no text": "open(b'@home@/folder/\\xff\\n\\x1b', 'w').write('EVIL')",
    "a file outside whose name ends in dots": "open('@home@/folder/... ', 'w').write('EVIL')",
    "exchanging one's own for the person's": "os.mkdir('y'); libc.syscall(316, -100, b'y', -100, b'@home@/folder', 2)",
    "a rename that leaves nothing behind": "open('x', 'w').write('EVIL'); libc.syscall(316, -100, b'x', -100, b'@home@/folder/new', 4) == 0 or os.rename('x', '@home@/folder/new')",
    "a link to an open file by no name": "open('x', 'w').write('EVIL'); f = os.open('x', os.O_PATH); libc.syscall(265, f, b'', -100, b'@home@/folder/new', 0x1000) == 0 or libc.syscall(265, -100, f'/proc/self/fd/{f}'.encode(), -100, b'@home@/folder/new', 0x400)",
    "a file opened before it is protected": "f = open('x', 'w'); os.mkdir('.husky.x'); os.rename('x', '.husky.x/pre-commit'); os.rename('.husky.x', '.husky'); f.write('EVIL'); f.flush()",
    "a map of a file that is protected later": "import mmap\nf = os.open('x', os.O_RDWR | os.O_CREAT); os.ftruncate(f, 4096); m = mmap.mmap(f, 4096); os.rename('x', '.envrc'); m[:4] = b'EVIL'; m.flush()",
    "a folder's descriptor from before its name": "os.mkdir('y'); d = os.open('y', 0); os.rename('y', '.husky'); open('pre-commit', 'w', opener=lambda p, f: os.open(p, f, 0o755, dir_fd=d)).write('EVIL')",
    "one's directory from before its name": "os.mkdir('y'); os.chdir('y'); os.rename('../y', '../.vscode'); open('tasks.json', 'w').write('EVIL')",
    "a link from before its name": "os.mkdir('y'); os.symlink('y', 'z'); os.rename('y', '.vscode') or os.unlink('z'); os.symlink('.vscode', 'z'); open('z/tasks.json', 'w').write('EVIL')",
    "a learned folder that became another": "os.mkdir('d')\nfor i in range(6): open(f'd/a{i}.c', 'w').close()\nfor i in range(6): os.unlink(f'd/a{i}.c')\nos.rmdir('d'); os.symlink('@home@/folder', 'd'); open('d/new.c', 'w').write('EVIL')",
    "a learned folder renamed to one that tells": "os.mkdir('d')\nfor i in range(6): open(f'd/a{i}', 'w').close()\nfor i in range(6): os.unlink(f'd/a{i}')\nos.rename('d', '.husky'); open('.husky/a9', 'w').write('EVIL')",
    "a learned folder of build output renamed to one that tells": "os.makedirs('build/d', exist_ok=True)\nfor i in range(6): open(f'build/d/a{i}', 'w').close(); os.unlink(f'build/d/a{i}')\nf = os.open('build/d', 0); os.rename('build/d', '.husky'); os.close(os.open('pre-commit', os.O_CREAT | os.O_WRONLY, 0o755, dir_fd=f))",
    "by splice into a file opened for both": "a, b = os.pipe(); os.write(b, b'EVIL'); libc.splice(a, None, os.open('@home@/prized', os.O_RDWR), None, 4, 0)",
    "by vmsplice and tee": "a, b = os.pipe(); c, d = os.pipe(); os.write(b, b'EVIL'); libc.tee(a, d, 4, 0); os.splice(c, os.open('@home@/prized', os.O_WRONLY | os.O_CREAT), 4)",
    "with a limit that breaks the guard's copy": "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (4, 4)); signal.signal(25, signal.SIG_IGN); open('@home@/prized', 'w').write('EVIL')",
    "with no descriptor left": "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (8, 64))\ntry:\n    while True: os.dup(0)\nexcept OSError: pass\nos.truncate('@home@/prized', 0)",
    "with no memory to be read": "import mmap\nn = b'@home@/prized\\0'; m = mmap.mmap(-1, 4096); m[:len(n)] = n; a = ctypes.addressof(ctypes.c_char.from_buffer(m)); libc.mprotect(ctypes.c_void_p(a), 4096, 1); libc.syscall(2, ctypes.c_ulong(a), 0o1001, 0)",
    "a name across two pages": "import mmap\nn = b'@home@/prized\\0'; m = mmap.mmap(-1, 8192); m[4096 - 7:4096 - 7 + len(n)] = n; a = ctypes.addressof(ctypes.c_char.from_buffer(m)); libc.syscall(2, ctypes.c_ulong(a + 4096 - 7), 0o1001, 0)",
    "a name over two lines": "os.mkdir('a\\nb'); open('a\\nb/.envrc', 'w').write('EVIL')",
    "direnv in a folder of one's own": "os.mkdir('y'); open('y/.envrc', 'w').write('EVIL')",
    "direnv in a folder of one's own by rename": "os.mkdir('y'); open('x', 'w').write('EVIL'); os.rename('x', 'y/.envrc')",
    "direnv in a folder of one's own by link": "os.mkdir('y'); os.symlink('../x', 'y/.envrc'); open('x', 'w').write('EVIL')",
    "direnv in a folder of one's own by the shell": _SH + "mkdir -p y/z; echo EVIL > y/z/.envrc",
    "direnv in a folder of one's own by cp": _SH + "mkdir y; echo EVIL > x; cp x y/.envrc",
    "direnv in a folder of one's own, moved": "os.makedirs('build/y'); open('build/y/.envrc', 'w').write('EVIL'); os.rename('build/y', 'y')",
    "direnv in a folder of one's own, by the folder": "os.mkdir('y'); os.mkdir('z'); open('y/x', 'w').write('EVIL'); os.rename('y/x', 'z/.envrc')",
    "direnv by tar": "import io, tarfile\nt = tarfile.open('x.tar', 'w'); i = tarfile.TarInfo('y/.envrc'); i.size = 4; t.addfile(i, io.BytesIO(b'EVIL')); t.close(); subprocess.run(['tar', '-xf', 'x.tar'])",
}  # fmt: skip
RUN = {
    "by a folder's descriptor": _AT + "libc.syscall(322, d, b'kubectl', argv, env, 0)",
    "by a descriptor in its own name": "d = os.open('@root@/tools', os.O_PATH); os.set_inheritable(d, True); os.execv(f'/proc/self/fd/{d}/kubectl', ['x', 'delete', 'ns', 'prod'])",
    "by a name of 4,000 letters": "os.execv('@root@/tools/' + './' * 1900 + 'kubectl', ['x', 'delete', 'ns', 'prod'])",
    "behind 100,000 words": "os.execv('@root@/tools/kubectl', ['kubectl', *['-v'] * 100000, 'delete', 'ns', 'prod'])",
    "behind a word of 128 KiB": "os.execv('@root@/tools/kubectl', ['kubectl', '--x=' + 'a' * 130000, 'delete', 'ns', 'prod'])",
    "behind 1.5 MB of variables": "os.execve('@root@/tools/kubectl', ['kubectl', 'delete', 'ns', 'prod'], {**os.environ, **{f'V{i}': 'a' * 100000 for i in range(15)}})",
    "in a script of 200 KiB": "open('x', 'w').write('#' + 'a' * 200000 + '\\nkubectl delete ns prod\\n'); os.execv('/bin/sh', ['sh', 'x'])",
    "in a command of 120 KiB": "os.execv('/bin/sh', ['sh', '-c', ': ' + 'a' * 120000 + '\\nkubectl delete ns prod'])",
    "by a link over two lines": _SH + "ln -s @root@/tools/kubectl 'x\ny'; './x\ny' delete ns prod",
    "by a link that is no text": "os.symlink('@root@/tools/kubectl', b'\\xff'); subprocess.run([b'./\\xff', 'delete', 'ns', 'prod'])",
    "by words that are no text": "os.execv('@root@/tools/kubectl', [b'\\xff\\xfe', b'delete', b'ns', b'\\xff'])",
    "without any word": "argv = (ctypes.c_char_p * 1)(None); env = (ctypes.c_char_p * 2)(b'PATH=/bin:/usr/bin', None); libc.syscall(59, b'@root@/tools/kubectl', argv, env)",
    "with an empty first word": "os.execv('/bin/sh', ['\\0'[:0] or ' ', '@root@/tools/kubectl', 'delete', 'ns', 'prod'])",
    "without words or variables": "libc.syscall(59, b'@root@/tools/kubectl', None, None)",
    "from a folder that is gone": "os.mkdir('d'); os.chdir('d'); os.rmdir('@proj@/d'); os.execv('../../../tools/kubectl', ['x', 'delete', 'ns', 'prod'])",
    "through four interpreter lines": _SH + "printf '#!@root@/tools/kubectl\\n' > a; printf '#!%s/a\\n' $PWD > b; printf '#!%s/b\\n' $PWD > c; chmod +x a b c; ./c delete ns prod",
    "through a long interpreter line": "open('x', 'w').write('#!' + '/' * 150 + '@root@/tools/kubectl delete\\n'); os.chmod('x', 0o755); subprocess.run(['./x', 'ns', 'prod'])",
    "through a file without an interpreter line": "open('x', 'w').write('kubectl delete ns prod\\n'); os.chmod('x', 0o755); os.execvp('./x', ['x']) if 0 else subprocess.run(['bash', '-c', './x'])",
    "through a chain of links": _SH + "ln -s @root@/tools/kubectl l0; for i in $(seq 1 38); do ln -s l$((i-1)) l$i; done; ./l38 delete ns prod",
    "in another personality": _SH + "setarch -R -X -L @root@/tools/kubectl delete ns prod",
    "with its memory kept from others": "libc.prctl(4, 0); libc.prctl(15, b'leash'); os.execvp('kubectl', ['kubectl', 'delete', 'ns', 'prod'])",
    "under a filter that lies about who one is": "class P(ctypes.Structure): _fields_ = [('n', ctypes.c_ushort), ('f', ctypes.c_void_p)]\nr = [(0x20, 0, 0, 0), (0x15, 0, 1, 39), (6, 0, 0, 0x50000), (6, 0, 0, 0x7fff0000)]; b = ctypes.create_string_buffer(b''.join(struct.pack('HBBI', *x) for x in r)); p = P(4, ctypes.addressof(b)); libc.prctl(38, 1, 0, 0, 0); libc.syscall(317, 1, 0, ctypes.byref(p)); os.execvp('kubectl', ['kubectl', 'delete', 'ns', 'prod'])",
    "by a folder's descriptor and a way down": _AT.replace("@root@/tools'", "@root@'") + "libc.syscall(322, d, b'tools/../tools//kubectl', argv, env, 0)",
    "by a folder's descriptor and no link": _AT + "libc.syscall(322, d, b'kubectl', argv, env, 0x100)",
    "by a folder's descriptor that only names it": _AT.replace("O_RDONLY", "O_PATH") + "libc.syscall(322, d, b'kubectl', argv, env, 0)",
    "by a name in the folder of descriptors": _ex("'/dev/fd/9/kubectl'"),
    "by a name in the folder of descriptors, longer": _ex("'/dev/../dev/./fd//9/./kubectl'"),
    "by a name in one's own folder of descriptors": _ex("f'/proc/{os.getpid()}/fd/9/kubectl'"),
    "by a name in one's thread's folder of descriptors": _ex("f'/proc/{os.getpid()}/task/{os.getpid()}/fd/9/kubectl'"),
    "by a name in one's thread's own folder": _ex("'/proc/thread-self/fd/9/kubectl'"),
    "from one's own folder in /proc": _ex("'fd/9/kubectl'", "os.chdir('/proc/self'); "),
    "from the root by descriptors": _ex("'dev/fd/9/kubectl'", "os.chdir('/'); "),
    "by a link to the folder of descriptors": _ex("'y/9/kubectl'", "os.symlink('/dev/fd', 'y'); "),
    "by a link to one's own in /proc": _ex("'y/fd/9/kubectl'", "os.symlink('/proc/self', 'y'); "),
    "by the parent's folder of descriptors": _A3 + "p = os.getpid()\nif not os.fork(): os.execv(f'/proc/{p}/fd/9/kubectl', ['x', 'delete', 'ns', 'prod'])\nos.wait()",
    "a shell by the folder of descriptors": _sh("'/dev/fd/9/kubectl'"),
    "a shell by its own folder of descriptors": _sh("'/proc/self/fd/9/kubectl'"),
    "a shell by descriptors with dots": _sh("'/dev/fd/9/../tools/kubectl'"),
    "a shell by descriptors with many slashes": _sh("'//proc//self//fd//9//kubectl'"),
    "a shell by a link to descriptors": _sh("'y/9/kubectl'", "os.symlink('/dev/fd', 'y'); "),
    "a shell from its own folder in /proc": _A3 + "os.chdir('/proc/self'); os.execvp('sh', ['sh', 'fd/9/kubectl', 'delete', 'ns', 'prod'])",
    "a shell's own descriptor": _SH + "exec 9< @root@/tools/kubectl; sh /dev/fd/9 delete ns prod",
    "a program behind a descriptor": "fd = os.open('/bin/sh', os.O_RDONLY); os.dup2(fd, 9); os.set_inheritable(9, True); subprocess.run(['/dev/fd/9', '@root@/tools/kubectl', 'delete', 'ns', 'prod'], close_fds=False)",
    "by the working folder's name in /proc": "os.chdir('@root@/tools'); os.execv('/proc/self/cwd/kubectl', ['x', 'delete', 'ns', 'prod'])",
    "a shell by the working folder's name in /proc": "os.chdir('@root@/tools'); subprocess.run(['sh', '/proc/self/cwd/kubectl', 'delete', 'ns', 'prod'])",
    "a shell by a thread's root": "subprocess.run(['sh', '/proc/thread-self/root@root@/tools/kubectl', 'delete', 'ns', 'prod'])",
    "through ld.so and descriptors": _A3 + "subprocess.run(['/lib64/ld-linux-x86-64.so.2', '/bin/sh', '/dev/fd/9/kubectl', 'delete', 'ns', 'prod'], close_fds=False)",
    "through env and descriptors": _A3 + "subprocess.run(['env', '/dev/fd/9/kubectl', 'delete', 'ns', 'prod'], close_fds=False)",
    "through an interpreter line and descriptors": _A3 + "open('x', 'w').write('#!/dev/fd/9/kubectl delete\\n'); os.chmod('x', 0o755); subprocess.run(['./x', 'ns', 'prod'], close_fds=False)",
    "removing work by a descriptor's name": "fd = os.open('.', os.O_RDONLY); os.dup2(fd, 9); os.set_inheritable(9, True); subprocess.run(['rm', '-rf', '/dev/fd/9/src', '/proc/self/fd/9/notes.md'], close_fds=False)",
    "git by a descriptor's name": "fd = os.open('.', os.O_RDONLY); os.dup2(fd, 9); os.set_inheritable(9, True); subprocess.run(['git', '-C', '/dev/fd/9', 'clean', '-fdxq'], close_fds=False)",
    "git in a folder that a descriptor names": "fd = os.open('.', os.O_RDONLY); os.dup2(fd, 9); os.set_inheritable(9, True); os.chdir('build'); subprocess.run(['git', '--work-tree=/proc/self/fd/9', '--git-dir=/proc/self/fd/9/.git', 'reset', '-q', '--hard'], close_fds=False)",
}  # fmt: skip
