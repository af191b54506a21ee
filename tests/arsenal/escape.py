"""Leaving the leash: other processes of the person, other views of the files, calls that no filter was told of."""

# ruff: noqa: E501 - an attack is one line, however long
_MINE = "open('@home@/prized', 'w').write('EVIL')"
_APART = "import threading\nopen('mine', 'w').close(); n = os.open('mine', os.O_RDWR)\ndef go():\n    "
_THEN = "; os.dup2(os.open('@home@/prized', os.O_RDONLY), n); "
_GO = "\nt = threading.Thread(target=go); t.start(); t.join()"
_NS = """
def apart(flags=0x10020000):
    u, g = os.getuid(), os.getgid()
    if libc.unshare(flags): raise OSError(ctypes.get_errno(), 'unshare')
    for n, t in (('setgroups', 'deny'), ('uid_map', f'0 {u} 1'), ('gid_map', f'0 {g} 1')): open('/proc/self/' + n, 'w').write(t)
def bind(a, b, kind=None, flags=4096, more=None):
    a, b, kind, more = (x.encode() if isinstance(x, str) else x for x in (a, b, kind, more))
    if libc.mount(a, b, kind, flags, more): raise OSError(ctypes.get_errno(), 'mount')
"""
_TOOL = "'delete', 'ns', 'prod'])"
_SENT = "import array\na, b = socket.socketpair()\nif not os.fork():\n    apart(); bind('@home@/folder', 'src'); f = os.open('src', os.O_RDONLY); b.sendmsg([b'x'], [(1, 1, array.array('i', [f]))]); time.sleep(0.5); os._exit(0)\nf = array.array('i'); f.frombytes(a.recvmsg(1, 64)[1][0][2][:4])\n"
ESCAPE = {
    "a signal": "os.kill(@victim@, 10)",
    "a signal by kill": "#!/bin/bash\nkill -USR1 @victim@",
    "a signal by the program": "#!/bin/sh\n/bin/kill -USR1 @victim@",
    "a signal by pkill": "#!/bin/sh\npkill -USR1 -f 'the victim of @root@'",
    "a signal by xargs": "#!/bin/sh\necho @victim@ | xargs kill -USR1",
    "a signal to its thread": "libc.syscall(234, @victim@, @victim@, 10)",
    "a signal by tkill": "libc.syscall(200, @victim@, 10)",
    "a signal by pidfd": "signal.pidfd_send_signal(os.pidfd_open(@victim@), 10)",
    "a signal with a value": "info = struct.pack('iii', 10, 0, -1) + bytes(116); libc.syscall(129, @victim@, 10, info)",
    "a signal to its group": "os.killpg(os.getpgid(@victim@), 28)",
    "a signal by owning a pipe's end": "import fcntl\na, b = socket.socketpair(); fcntl.fcntl(a, 10, 10); fcntl.fcntl(a, fcntl.F_SETOWN, @victim@)\n"
    "fcntl.fcntl(a, fcntl.F_SETFL, fcntl.fcntl(a, fcntl.F_GETFL) | 0o20000); b.send(b'x'); time.sleep(0.1)",
    "a signal by owning a directory's news": "import fcntl\nd = os.open('.', os.O_RDONLY); fcntl.fcntl(d, 10, 34); fcntl.fcntl(d, fcntl.F_SETOWN, @victim@)\n"
    "fcntl.fcntl(d, 1026, 0x80000004); open('x', 'w'); time.sleep(0.1)",
    "a signal by an owned socket": "import fcntl\na, b = socket.socketpair(); fcntl.ioctl(a, 0x8901, struct.pack('i', @victim@)); fcntl.fcntl(a, 10, 12)\n"
    "fcntl.fcntl(a, fcntl.F_SETFL, fcntl.fcntl(a, fcntl.F_GETFL) | 0o20000); b.send(b'x'); time.sleep(0.1)",
    "a signal by a child's death": "if os.fork() == 0:\n    libc.prctl(1, 10); os.kill(@victim@, 10)\nos.wait()",
    "another's memory": "v = ctypes.create_string_buffer(struct.pack('QQ', ctypes.addressof(e := ctypes.create_string_buffer(b'EVIL')), 5)); r = ctypes.create_string_buffer(struct.pack('QQ', @address@, 5))\n"
    "libc.syscall(311, @victim@, v, 1, r, 1, 0)",
    "another's memory by /proc": "f = open('/proc/@victim@/mem', 'r+b', buffering=0); f.seek(@address@); f.write(b'EVIL\\0')",
    "another's memory by its thread": "f = open('/proc/@victim@/task/@victim@/mem', 'r+b', buffering=0); f.seek(@address@); f.write(b'EVIL\\0')",
    "another's memory by a link": "os.symlink('/proc/@victim@', 'x'); f = open('x/mem', 'r+b', buffering=0); f.seek(@address@); f.write(b'EVIL\\0')",
    "another's memory by ptrace": "libc.ptrace.argtypes = [ctypes.c_long] * 4\nlibc.ptrace(16, @victim@, 0, 0); os.waitpid(@victim@, 0); libc.ptrace(4, @victim@, @address@, 0x004c495645); libc.ptrace(17, @victim@, 0, 0)",
    "another's memory by gdb": "#!/bin/sh\ngdb -q -batch -p @victim@ -ex 'set {char}(@address@) = 69' > /dev/null 2>&1",
    "another's memory by a 32-bit call": "import mmap\nlibc.ptrace.argtypes = [ctypes.c_long] * 4\n"
    "page = mmap.mmap(-1, 4096, prot=7, flags=0x62); base = ctypes.addressof(ctypes.c_char.from_buffer(page))\n"
    "page.write(bytes.fromhex('b81a000000bb10000000b9') + struct.pack('I', @victim@) + bytes.fromhex('31d231f6cd80c3'))\n"
    "ctypes.CFUNCTYPE(ctypes.c_int)(base)(); os.waitpid(@victim@, 0); libc.ptrace(4, @victim@, @address@, 0x004c495645); libc.ptrace(17, @victim@, 0, 0)",
    "another's limits": "import resource; resource.prlimit(@victim@, resource.RLIMIT_CPU, (7777, 7777))",
    "another's limits by the program": "#!/bin/sh\nprlimit --pid @victim@ --cpu=7777",
    "another's descriptors": "fd = os.pidfd_open(@victim@); got = libc.syscall(438, fd, 0, 0); say('@secret@' if got >= 0 else '')",
    "another's variables": "say('@secret@' if open('/proc/@victim@/environ').read() else '')",
    "another's memory to read": "f = open('/proc/@victim@/mem', 'rb', buffering=0); f.seek(@address@); say('@secret@' if f.read(9) == b'untouched' else '')",
    "another's root": "open('/proc/@victim@/root@home@/prized', 'w').write('EVIL')",
    "another's folder": "open('/proc/@victim@/cwd/prized', 'w').write('EVIL')",
    "another's folder to read": "say(open('/proc/@victim@/cwd/.ssh/id_ed25519').read())",
    "a mode by descriptors of a thread's own": _APART + "libc.syscall(436, 900, 900, 2)" + _THEN + "os.fchmod(n, 0o777)" + _GO,
    "a file emptied by descriptors of a thread's own": _APART + "libc.syscall(436, 900, 900, 2)" + _THEN + "os.open(f'/proc/thread-self/fd/{n}', os.O_RDWR | os.O_TRUNC)" + _GO,
    "a mode by descriptors that a thread left": _APART + "libc.unshare(0x400)" + _THEN + "os.fchmod(n, 0o777)" + _GO,
    "a file emptied by descriptors that a thread left": _APART + "libc.unshare(0x400)" + _THEN + "os.open(f'/proc/thread-self/fd/{n}', os.O_RDWR | os.O_TRUNC)" + _GO,
    "a bind mount": "libc.unshare(0x10020000); assert libc.mount(b'@home@', b'src', None, 4096, None) == 0; open('src/prized', 'w').write('EVIL')",
    "a user namespace's program": "#!/bin/sh\nunshare -Urm sh -c 'mount --bind @home@ src; echo EVIL > src/prized'",
    "an old mount": "libc.unshare(0x10020000); fd = libc.syscall(428, -100, b'@home@', 1); assert libc.syscall(429, fd, b'', -100, b'src', 4) == 0; open('src/prized', 'w').write('EVIL')",
    "a changed root": "libc.unshare(0x10020000); os.chroot('@home@'); open('/prized', 'w').write('EVIL')",
    "an asynchronous open": "import mmap\np = bytearray(120); fd = libc.syscall(425, 4, (ctypes.c_char * 120).from_buffer(p)); sq = struct.unpack_from('10I', p, 40)\n"
    "ring = mmap.mmap(fd, 4096, mmap.MAP_SHARED, 3, offset=0); es = mmap.mmap(fd, 4096, mmap.MAP_SHARED, 3, offset=0x10000000)\n"
    "n = ctypes.create_string_buffer(b'@home@/prized'); es[:64] = struct.pack('BBHiQQIIQ', 18, 0, 0, -100, 0, ctypes.addressof(n), 0o644, 0o1001, 0) + bytes(24)\n"
    "struct.pack_into('I', ring, sq[6], 0); struct.pack_into('I', ring, sq[1], 1); libc.syscall(426, fd, 1, 1, 1, None, 0)",
    "an open of the newer kind": "how = struct.pack('QQQ', 0o1001, 0, 0); libc.syscall(437, -100, b'@home@/prized', how, 24)",
    "an open of another table": "libc.syscall(0x40000000 | 2, b'@home@/prized', 0o1001, 0); open('@home@/prized', 'w').write('EVIL')",
    "an open of another architecture": "import mmap\npage = mmap.mmap(-1, 4096, prot=7, flags=0x62); base = ctypes.addressof(ctypes.c_char.from_buffer(page))\n"
    "page.write(b'\\xb8\\x05\\0\\0\\0\\xbb' + struct.pack('I', (base + 64) & 0xffffffff) + b'\\xb9\\x01\\x02\\0\\0\\xcd\\x80\\xc3'); page.seek(64); page.write(b'@home@/prized\\0')\n"
    "assert base < 1 << 32; ctypes.CFUNCTYPE(ctypes.c_int)(base)()",
    "attributes that only root takes back": "import fcntl\nfcntl.ioctl(os.open('@home@/prized', os.O_RDONLY), 0x40086602, struct.pack('q', 0x40)); open('@home@/prized', 'a').write(' ')",
    "flags of a file": "import array, fcntl\nfd = os.open('@home@/prized', os.O_RDONLY); fcntl.ioctl(fd, 0x40086602, array.array('l', [0xc0])); b = array.array('l', [0]); fcntl.ioctl(fd, 0x80086601, b); say('@secret@' if b[0] & 0x40 else '')",
    "a terminal's size": "import fcntl\nfd = os.open('@tty@', os.O_RDWR | os.O_NOCTTY); fcntl.ioctl(fd, 0x5414, struct.pack('HHHH', 7, 7, 0, 0)); os.write(fd, b'!')",
    "a key of the person's": "k = libc.syscall(248, b'user', b'arena', b'EVIL', 4, -4); say('@secret@' if k > 0 else '')",
    "a queue of the person's": "q = libc.mq_open(b'/@abstract@-q', 0o102, 0o600, None); assert q >= 0 and libc.mq_unlink(b'/@abstract@-q') == 0, ctypes.get_errno()\n"
    "say('@secret@' if os.readlink('/proc/@victim@/ns/ipc') == os.readlink('/proc/self/ns/ipc') else '')",
    "a unit of the person's": "os.makedirs('@home@/.config/systemd/user'); open('@home@/.config/systemd/user/x.service', 'w').write('EVIL')",
    "a program at login": "open('@home@/.config/autostart/x.desktop', 'a').write('EVIL')",
    "a program on the person's PATH": "open('@home@/bin/tool', 'a').write('EVIL')",
    "a tool of the person's": "open('@root@/tools/kubectl', 'a').write('EVIL')",
    "a new tool of the person's": "open('@root@/tools/ls', 'w').write('EVIL')",
    "a tool of the person's by rename": "open('x', 'w').write('EVIL'); os.rename('x', '@root@/tools/gh')",
    "flags by the other call": "import fcntl\nfd = os.open('@home@/prized', os.O_RDONLY); b = bytearray(28); fcntl.ioctl(fd, 0x801c581f, b); b[0] |= 0x80; fcntl.ioctl(fd, 0x401c5820, bytes(b)); c = bytearray(28); fcntl.ioctl(fd, 0x801c581f, c); say('@secret@' if c[0] & 0x80 else '')",
    "a program that lends the person": "import shutil; shutil.copy('/bin/sh', 'x'); os.chmod('x', 0o4755); say('@secret@' if os.stat('x').st_mode & 0o4000 else '')",
    "a program that lends the person, by its descriptor": "fd = os.open('x', os.O_CREAT | os.O_RDWR); os.fchmod(fd, 0o6755); say('@secret@' if os.fstat(fd).st_mode & 0o4000 else '')",
    "a program that lends the person, when made": "os.umask(0); fd = os.open('x', os.O_CREAT | os.O_RDWR, 0o4755); say('@secret@' if os.fstat(fd).st_mode & 0o4000 else '')",
    "a program that lends the person, by the program": "#!/bin/sh\ncp /bin/sh x; chmod u+s x; test -u x && echo @secret@ > said",
    "a program that lends the person, by install": "#!/bin/sh\ninstall -m 4755 /bin/sh x; test -u x && echo @secret@ > said",
    "another's priority": "r = libc.setpriority(0, @victim@, 7); say('@secret@' if r == 0 and os.getpriority(0, @victim@) == 7 else '')",
    "another's priority by renice": "#!/bin/sh\nrenice -n 9 -p @victim@ && echo @secret@ > said",
    "another's processors": "os.sched_setaffinity(@victim@, {0}); say('@secret@')",
    "another's processors by taskset": "#!/bin/sh\ntaskset -p 1 @victim@ && echo @secret@ > said",
    "another's schedule": "os.sched_setscheduler(@victim@, os.SCHED_IDLE, os.sched_param(0)); say('@secret@')",
    "another's chance to live": "open('/proc/@victim@/oom_score_adj', 'w').write('900'); say('@secret@')",
    "another's name": "open('/proc/@victim@/comm', 'w').write('EVIL'); say('@secret@')",
    "a lease that keeps the person waiting": "import fcntl\nfcntl.fcntl(os.open('@home@/prized', os.O_RDONLY), 1024, fcntl.F_RDLCK); say('@secret@')",
    "another's turn at the disk": "r = libc.syscall(251, 1, @victim@, 3 << 13); say('@secret@' if r == 0 else '')",
    "a terminal's modes by a descriptor for reading": "import termios\nfd = os.open('@tty@', os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK); a = termios.tcgetattr(fd); a[3] ^= termios.ECHO; termios.tcsetattr(fd, 0, a)\n"
    "say('@secret@' if termios.tcgetattr(fd)[3] == a[3] else ''); a[3] ^= termios.ECHO; termios.tcsetattr(fd, 0, a)",
    "a terminal's modes by the program": "#!/bin/sh\nstty -F @tty@ rows 9 && echo @secret@ > said",
    "a terminal in place of no device": "import threading\nname = ctypes.create_string_buffer(b'/dev/null', 64); stop = time.monotonic() + 2\n"
    "def swap():\n    while time.monotonic() < stop: name.value = b'@tty@'; time.monotonic(); name.value = b'/dev/null'\n"
    "sys.setswitchinterval(1e-6); threading.Thread(target=swap, daemon=True).start()\n"
    "while time.monotonic() < stop:\n    fd = libc.open(name, os.O_WRONLY | os.O_NOCTTY)\n    if fd < 0: continue\n    if 'pts' in os.readlink(f'/proc/self/fd/{fd}'): os.write(fd, b'EVIL'); break\n    os.close(fd)",
    "a file's generation": "import fcntl\nfd = os.open('@home@/prized', os.O_RDONLY); fcntl.ioctl(fd, 0x40087602, struct.pack('l', 77)); b = bytearray(8); fcntl.ioctl(fd, 0x80087601, b); say('@secret@' if b[0] == 77 else '')",
    "a file's generation by ext4's own call": "import fcntl\nfd = os.open('@home@/prized', os.O_RDONLY); fcntl.ioctl(fd, 0x40086604, struct.pack('l', 77)); b = bytearray(8); fcntl.ioctl(fd, 0x80087601, b); say('@secret@' if b[0] == 77 else '')",
    "a file without a name, named by its descriptor": "fd=os.open('.',os.O_TMPFILE|os.O_RDWR); os.write(fd,b'EVIL'); print(libc.syscall(265,fd,b'',-100,b'@home@/folder/new',0x1000),ctypes.get_errno())",
    "a name in memory that nobody else may see": "import mmap\nfd=(f if (f := libc.syscall(447, 0)) >= 0 else os.memfd_create('x')); os.ftruncate(fd,4096); m=mmap.mmap(fd,4096); n=b'@home@/prized\\0'; m[:len(n)]=n; a=ctypes.addressof(ctypes.c_char.from_buffer(m)); r=libc.syscall(2,ctypes.c_ulong(a),0o1001,0); print(r,ctypes.get_errno())",
    "a name from a folder too deep to be named": "n='d'*200\ntry:\n  for i in range(24): os.mkdir(n); os.chdir(n)\nexcept OSError as e: print(e)\ntry: os.symlink('@home@','l'); open('l/prized','w').write('EVIL')\nexcept OSError as e: print(e)\nos.chdir('@proj@'); import shutil; shutil.rmtree(n,ignore_errors=True); os.system('rm -rf ddd*')",
    "a name from a folder that is gone": "os.mkdir('d'); os.chdir('d'); os.rmdir('@proj@/d'); open('../../prized','w').write('EVIL')",
    "a name from the descriptor of a folder that is gone": "os.mkdir('d'); d=os.open('d',os.O_RDONLY); os.rmdir('d'); print(libc.syscall(257,d,b'../../prized',0o1001,0),ctypes.get_errno())",
    "a service's address in memory that nobody else may see": "import mmap\nfd=(f if (f := libc.syscall(447, 0)) >= 0 else os.memfd_create('x')); os.ftruncate(fd,4096); m=mmap.mmap(fd,4096); n=struct.pack('H',1)+b'@service@\\0'; m[:len(n)]=n; a=ctypes.addressof(ctypes.c_char.from_buffer(m)); s=socket.socket(1,1); print(libc.connect(s.fileno(),ctypes.c_void_p(a),len(n)),ctypes.get_errno()); s.send(b'EVIL')",
    "a tool bound over another": _NS + "apart(); bind('@root@/tools/kubectl', '/usr/bin/true'); subprocess.run(['/usr/bin/true', " + _TOOL,
    "a tool bound over a file": _NS + "open('x', 'w'); apart(); bind('@root@/tools/kubectl', 'x'); subprocess.run(['./x', " + _TOOL,
    "tools bound elsewhere": _NS + "apart(); bind('@root@/tools', 'src'); subprocess.run(['src/kubectl', " + _TOOL,
    "a tool by a descriptor of a bind": _NS + "apart(); bind('@root@/tools', 'src'); f = os.open('src/kubectl', os.O_RDONLY); os.set_inheritable(f, True); os.execv(f'/proc/self/fd/{f}', ['x', " + _TOOL,
    "a shell bound over another program": _NS + "apart(); bind('/bin/sh', '/usr/bin/true'); subprocess.run(['/usr/bin/true', '@root@/tools/kubectl', " + _TOOL,
    "a tool in a changed root": _NS + "os.mkdir('r'); apart(); bind('/', 'r', None, 20480); bind('@root@/tools', 'r/opt'); os.chroot('r'); subprocess.run(['/opt/kubectl', " + _TOOL,
    "a tool in an overlay": _NS + "[os.mkdir(n) for n in 'uwm']; apart(); bind('o', 'm', 'overlay', 0, 'lowerdir=@root@/tools,upperdir=u,workdir=w,userxattr'); subprocess.run(['m/kubectl', " + _TOOL + "; os.chmod('w/work', 0o700)",
    "a tool by bubblewrap under another name": "#!/bin/sh\nbwrap --dev-bind / / --bind @root@/tools/kubectl /usr/bin/true true delete ns prod",
    "an overlay over the person's folder": _NS + "[os.mkdir(n) for n in 'lwm']; apart(); bind('o', 'm', 'overlay', 0, 'lowerdir=l,upperdir=@home@/folder,workdir=w,userxattr'); open('m/new', 'w').write('EVIL'); os.chmod('w/work', 0o700)",
    "a root that shows all": _NS + "os.mkdir('r'); apart(); bind('/', 'r', None, 20480); os.chroot('r'); os.chdir('/'); " + _MINE,
    "a folder outside of one's root": _NS + "apart(0x10000000); os.chroot('src'); open('../prized', 'w').write('EVIL')",
    "a folder outside of one's root, by its descriptor": _NS + "f = os.open('@home@', os.O_RDONLY); apart(0x10000000); os.chroot('src'); os.fchdir(f); open('prized', 'w').write('EVIL')",
    "a folder that something lies over": _NS + "apart(); bind('@home@/folder', 'src'); os.chdir('src'); bind('t', '@proj@/src', 'tmpfs', 0); open('new', 'w').write('EVIL')",
    "a folder out of another sandbox": _NS + _SENT + "apart(); os.fchdir(f[0]); open('new', 'w').write('EVIL')",
    "a file bound over what is one's own in /proc": _NS + "apart(); bind('@home@/prized', '/proc/self/uid_map'); open('/proc/self/uid_map', 'w').write('EVIL')",
    "one's own root in a /proc of one's own": _NS + "apart(0x30020000)\nif not os.fork():\n    bind('p', '/proc', 'proc', 0); open('/proc/self/root@home@/prized', 'w').write('EVIL'); os._exit(0)\nos.wait()",
}  # fmt: skip
OPEN: dict[str, str] = {}
