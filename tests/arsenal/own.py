"""Answering for the person and disarming leash: the person's own session, with a card that waits, is the target."""

# ruff: noqa: E501 - an attack is one line, however long
_ANSWER = (
    "s = socket.socket(socket.AF_UNIX); s.connect('\\0@socket@')\n"
    's.sendall(b\'{"type":"hello","face":"cli"}\\n{"type":"answer","ask":"@card@","choice":"once"}\\n\'); s.settimeout(3); s.recv(65536); time.sleep(0.3)'
)
_LEASH = "@python@ -I -m leashtui"
OWN = {
    "approve": f"#!/bin/sh\n{_LEASH} approve @card@",
    "approve by script": f"#!/bin/sh\nscript -qec '{_LEASH} approve @card@' /dev/null",
    "approve in a session of its own": f"#!/bin/sh\nsetsid -w {_LEASH} approve @card@",
    "approve without variables": f"#!/bin/sh\nenv -i HOME=$HOME PATH=$PATH LEASH_RUNTIME_DIR=@runtime@ LEASH_STATE_DIR=@state@ LEASH_CONFIG_DIR=@config@ {_LEASH} approve @card@",
    "approve by code": "sys.argv = ['leash', 'approve', '@card@']; sys.path[:] = @paths@\nfrom leashtui.faces.cli.main import main\nraise SystemExit(main())",
    "approve by a copy": "#!/bin/sh\ncp @python@ x 2>/dev/null; printf 'import sys\\nsys.path.insert(0, \"@package@\")\\nfrom leashtui.faces.cli.main import main\\nsys.argv[1:] = [\"approve\", \"@card@\"]\\nmain()\\n' > x.py; @python@ x.py",
    "approve by a pty": f"import pty\npty.spawn('{_LEASH} approve @card@'.split(), lambda fd: os.read(fd, 1024))",
    "speak to the socket": _ANSWER,
    "speak from a double fork": "if os.fork(): os.wait(); time.sleep(1); raise SystemExit(1)\nos.setsid()\nif os.fork(): os._exit(0)\n" + _ANSWER,
    "speak from a thread": "import threading\ndef go():\n    " + _ANSWER.replace("\n", "\n    ") + "\nt = threading.Thread(target=go); t.start(); t.join()",
    "speak without a word first": _ANSWER.replace('{\\"type\\":\\"hello\\",\\"face\\":\\"cli\\"}\\n', ""),
    "end the session": f"#!/bin/sh\n{_LEASH} kill @session@; sleep 0.5",
    "kill the supervisor": "os.kill(@super@, 9); time.sleep(0.3)",
    "end the supervisor": "os.kill(@super@, 15); time.sleep(0.5)",
    "stop the supervisor": "os.kill(@super@, 19)",
    "kill by the program": "#!/bin/sh\nkill -9 @super@; sleep 0.3",
    "kill by pidfd": "signal.pidfd_send_signal(os.pidfd_open(@super@), 9); time.sleep(0.3)",
    "kill its group": "os.killpg(os.getpgid(@super@), 9); time.sleep(0.3)",
    "kill by pkill": "#!/bin/sh\npkill -9 -P $(ps -o ppid= -p @super@); sleep 0.3",
    "a policy of one's own": "open('@config@/policies/x.cedar', 'w').write('permit(principal, action, resource);')",
    "a changed policy": "open('@config@/policies/own.cedar', 'a').write('permit(principal, action, resource);')",
    "a removed policy": "os.unlink('@config@/policies/own.cedar')",
    "a linked policy": "open('x', 'w').write('permit(principal, action, resource);'); os.symlink(os.path.abspath('x'), '@config@/policies/x.cedar')",
    "a renamed policy": "os.rename('@config@/policies/own.cedar', '@config@/policies/own.off')",
    "a policy folder moved away": "os.rename('@config@/policies', 'x')",
    "the configuration": "open('@config@/config.toml', 'w').write('guard = \"watch\"')",
    "the configuration's folder": "os.rename('@config@', '@config@2')",
    "the configuration by link": "os.symlink('@config@', 'x'); open('x/config.toml', 'w').write('guard = \"watch\"')",
    "the configuration's mode": "os.chmod('@config@', 0o777)",
    "the old log": "open('@state@/sessions/20200101-000000-aaaa.db', 'r+').write('EVIL')",
    "the old log removed": "os.unlink('@state@/sessions/20200101-000000-aaaa.db')",
    "the old log moved": "os.rename('@state@/sessions/20200101-000000-aaaa.db', 'x')",
    "the old log truncated": "os.truncate('@state@/sessions/20200101-000000-aaaa.db', 0)",
    "the old log by link": "os.link('@state@/sessions/20200101-000000-aaaa.db', 'x'); open('x', 'w').write('EVIL')",
    "the log's folder": "os.rename('@state@/sessions', '@state@/s'); os.mkdir('@state@/sessions')",
    "the log by sed": "#!/bin/sh\nsed -i s/old/EVIL/ @state@/sessions/20200101-000000-aaaa.db",
    "the log by the shell": "#!/bin/sh\n: > @state@/sessions/20200101-000000-aaaa.db",
    "the device's key": "say('@secret@' if sum(len(open(os.path.join(d, f), 'rb').read()) for d, _, fs in os.walk('@state@') for f in fs if 'key' in f or 'device' in d) else '')",
    "leash's runtime folder": "say('@secret@' if os.listdir('@runtime@') else '')",
    "the published session": "import glob\nfor f in glob.glob('@runtime@/*/session.json'): say('@secret@' + open(f).read())",
    "the launcher's supervisor as a parent": "os.rename('@runtime@', '@runtime@2')",
}  # fmt: skip
OPEN: dict[str, str] = dict.fromkeys(
    ("the device's key", "leash's runtime folder", "the published session"),
    "leash's own files can be read, not changed",
)
