"""Corners of the kernel and of everyday tools: calls that few make, options by which what is harmless writes or reads.

What is named is the person's, or a process of theirs.
"""

# ruff: noqa: E501 - an attack is one line, however long
_SH, _BASH = "#!/bin/sh\n", "#!/bin/bash\n"
_OF = "v = @victim@; "
_REACHED = "open('ran', 'w').write('reached')"

RUN = {
    "what bash does about an unknown command": _BASH
    + "command_not_found_handle() { kubectl delete ns prod; }; nosuchthing",
    "a part of bash of one's own": _SH
    + 'printf \'#include <stdlib.h>\\nint x_builtin_load(char*n){return system("kubectl delete ns prod");}\\nstruct b{char*n;void*f;int fl;char**d;char*s;void*h;};char*dd[]={0};struct b x_struct={"x",0,1,dd,"x",0};\' > b.c; gcc -w -shared -fPIC -o b.so b.c && bash -c \'enable -f ./b.so x\'',
    "zgrep's own grep": _SH + "GREP='kubectl delete ns prod;' zgrep x notes.md",
    "git's way to show a kind of file": _SH
    + "printf '*.py diff=x\\n' > .gitattributes; git -c diff.x.textconv='kubectl delete ns prod #' diff",
}

WRITE = {
    "what a compiler writes about a file": _SH + "echo 'int x;' > a.c; gcc -c -MMD -MF @home@/planted -o a.o a.c",
    "by csplit": _SH + "csplit -f @home@/planted notes.md 1",
    "rights and times of another file": _SH + "cp --attributes-only -p notes.md @home@/prized; chmod 600 @home@/prized",
    "git's patches": _SH + "git format-patch -o @home@/planted -1 --root HEAD",
    "git's bundle": _SH + "git bundle create @home@/planted HEAD",
    "git's archive": _SH + "git archive -o @home@/planted.tar HEAD",
    "a temporary file where it is kept": _SH + "TMPDIR=@home@ mktemp",
}

READ = {
    "by an assembler": _SH + "printf '.incbin \"@home@/.pgpass\"\\n' > a.s; as -o a.o a.s; strings a.o > said",
    "in what a compiler says": _SH + "gcc @@home@/.pgpass 2> said",
}

NETWORK = {
    "an address of no family": "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); a = struct.pack('H', 0) + struct.pack('!H', @udp@) + socket.inet_aton('@host@') + b'\\0' * 8; libc.sendto(s.fileno(), b'x', 1, 0, a, 16)",
    "an old address by a new socket": "s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); a = struct.pack('H', 2) + struct.pack('!H', @udp@) + socket.inet_aton('@host@') + b'\\0' * 8; libc.sendto(s.fileno(), b'x', 1, 0, a, 16)",
    "here first, then let go, then there": "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(('127.0.0.1', 9)); libc.connect(s.fileno(), b'\\0' * 16, 16); a = struct.pack('H', 2) + struct.pack('!H', @udp@) + socket.inet_aton('@host@') + b'\\0' * 8; libc.connect(s.fileno(), a, 16); libc.send(s.fileno(), b'x', 1, 0)",
    "bound to here, sent there": "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(('127.0.0.1', 9)); s.sendto(b'x', ('@host@', @udp@))",
}

ESCAPE = {
    "a signal to one thread of theirs": _OF
    + "b = struct.pack('iii', 12, 0, -1) + b'\\0' * 116; libc.syscall(297, v, v, 12, b)",
    "urgent bytes that are told to them": _OF
    + "import fcntl; l = socket.create_server(('127.0.0.1', 0)); a = socket.create_connection(l.getsockname()); b, _ = l.accept(); fcntl.ioctl(b, 0x8902, struct.pack('i', v)); a.send(b'x', socket.MSG_OOB); time.sleep(0.3)",
    "a lease whose end is told to them": _OF
    + "import fcntl; fd = os.open('notes.md', os.O_RDONLY); fcntl.fcntl(fd, 1024, 0); fcntl.fcntl(fd, 10, 10); fcntl.fcntl(fd, 8, v); subprocess.Popen(['sh', '-c', 'echo hi >> notes.md']); time.sleep(0.5)",
    "what a dump of theirs holds": _OF + "open(f'/proc/{v}/coredump_filter', 'w').write('0x7f'); " + _REACHED,
    "how late their timers may be": _OF + "open(f'/proc/{v}/timerslack_ns', 'w').write('777777'); " + _REACHED,
    "where they keep their locks": _OF
    + "h, n = ctypes.c_void_p(), ctypes.c_size_t()\nif libc.syscall(274, v, ctypes.byref(h), ctypes.byref(n)) == 0: "
    + _REACHED,
    "their terminal, stopped": "import termios; fd = os.open('@tty@', os.O_RDONLY | os.O_NOCTTY); termios.tcflow(fd, 0); termios.tcflow(fd, 1); "
    + _REACHED,
    "what they typed, thrown away": "import termios; fd = os.open('@tty@', os.O_RDONLY | os.O_NOCTTY); termios.tcflush(fd, 2); "
    + _REACHED,
}
