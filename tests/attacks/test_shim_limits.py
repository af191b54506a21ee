"""What the shell shim alone does NOT stop, as executable facts: the list in SECURITY.md under tier `watch`.

Every case runs beside a control: the same act through `sh` by name is refused. A case that starts to fail here means
that the shim has become stronger: move it to tests/integration and correct SECURITY.md.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from shim_desk import DENY, NO, shim_desk

# name -> argv, run with every shell request denied
UNSEEN = {
    "/bin/sh by absolute path (mini-swe-agent, and dash honours no BASH_ENV)": ["/bin/sh", "-c", "touch ran"],
    "/bin/bash with its variable taken away (Copilot's login snapshot)":
        ["/usr/bin/env", "-u", "BASH_ENV", "/bin/bash", "-c", "touch ran"],
    "/bin/bash in privileged mode, which reads no BASH_ENV": ["/bin/bash", "-pc", "touch ran"],
    "/bin/bash as sh": ["/bin/bash", "--posix", "-c", "touch ran"],
    "a program that is no shell": ["/usr/bin/touch", "ran"],
    "an interpreter": [sys.executable, "-c", "open('ran', 'w')"],
    "a script whose #! names a shell": ["./script"],
    "a shell of another name": ["/tmp-shell", "-c", "touch ran"],
    "a clean PATH": ["/usr/bin/env", "-i", "PATH=/usr/bin:/bin", "bash", "-c", "touch ran"],
    "a command with its own PATH": [sys.executable, "-c", "import os; os.system('touch ran')"],
}  # fmt: skip


@pytest.mark.parametrize("case", UNSEEN)
async def test_unseen_by_the_shim(tmp_path: Path, case: str) -> None:
    async with shim_desk(tmp_path) as desk:
        desk.rule = lambda request: DENY
        script = desk.cwd / "script"
        script.write_text("#!/bin/sh\ntouch ran\n")
        script.chmod(0o755)
        copy = tmp_path / "notashell"
        copy.symlink_to("/bin/sh")
        argv = [str(copy) if word == "/tmp-shell" else word for word in UNSEEN[case]]
        if argv[0] == "./script":
            argv[0] = str(script)
        code, _, err = await desk.run(*argv)
        assert (code, err, desk.asked) == (0, "", [])
        assert (desk.cwd / "ran").exists()

        (desk.cwd / "ran").unlink()
        assert await desk.run("sh", "-c", "touch ran") == (126, "", NO + "\n")
        assert not (desk.cwd / "ran").exists()


async def test_what_an_allowed_shell_starts_is_not_asked_again(tmp_path: Path) -> None:
    """The approval is for the text that was shown; what the programs in it do is unseen."""
    async with shim_desk(tmp_path) as desk:
        (desk.cwd / "Makefile").write_text("all:\n\tsh -c 'touch ran'\n")
        (desk.cwd / "inner.sh").write_text("touch ran\n")
        assert (await desk.run("bash", "-c", "bash inner.sh"))[0] == 0
        assert len(desk.asked) == 1 and (desk.cwd / "ran").exists()


async def test_commands_inside_an_interactive_shell_are_not_seen(tmp_path: Path) -> None:
    async with shim_desk(tmp_path) as desk:
        primary, secondary = os.openpty()
        process = await desk.start("bash", "--norc", stdin=secondary, stderr=secondary)
        os.write(primary, b"touch ran\nexit\n")
        await process.communicate()
        os.close(primary)
        os.close(secondary)
        assert len(desk.asked) == 1 and (desk.cwd / "ran").exists()


async def test_standard_input_of_a_bash_by_absolute_path_is_asked_unseen(tmp_path: Path) -> None:
    """BASH_ENV sees that a bash reads its commands from a pipe, not which: the question has no text."""
    async with shim_desk(tmp_path) as desk:
        code, out, _ = await desk.run("/bin/bash", input=b"echo hi\n")
        assert (code, out) == (0, "hi\n")
        assert [(r.argv, r.script) for r in desk.asked] == [(("/usr/bin/bash",), "")]


async def test_the_same_user_can_answer_in_the_supervisor_s_place(tmp_path: Path) -> None:
    """Modes do not bind their owner: a program of the same user may replace the socket and allow its own shells."""
    async with shim_desk(tmp_path) as desk:
        desk.rule = lambda request: DENY
        fake = """
import os, socket, sys
d = sys.argv[1]
os.chmod(d, 0o700); os.unlink(d + "/ask.sock")
s = socket.socket(socket.AF_UNIX); s.bind(d + "/ask.sock"); s.listen()
print("ready", flush=True)
c, _ = s.accept()
nonce = c.recv(1 << 20)[4:].split(b"\\0")[1]
p = b"\\0".join([b"leash-shim/1", nonce, b"allow", b"", b"strip"])
c.sendall(len(p).to_bytes(4, "big") + p)
"""
        impostor = await desk.start(sys.executable, "-c", fake, str(desk.directory))
        assert impostor.stdout is not None
        assert await impostor.stdout.readline() == b"ready\n"
        code, _, _ = await desk.run("sh", "-c", "touch ran")
        await impostor.wait()
        assert code == 0 and desk.asked == [] and (desk.cwd / "ran").exists()
