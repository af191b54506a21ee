"""The shell shim end to end: real shells, a real socket, a desk that answers by rule."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import sys
from pathlib import Path

import pytest
from shim_desk import ALLOW, DENY, NO, ShimDesk, shim_desk

from leashtui.model.request import Action, Layer


async def test_an_allowed_command_runs_as_if_nothing_stood_there(tmp_path: Path) -> None:
    async with shim_desk(tmp_path) as desk:
        code, out, err = await desk.run("bash", "-c", 'echo "$0|$1|$2"; exit 7', "name", "a b", "")
        assert (code, out, err) == (7, "name|a b|\n", "")
        (request,) = desk.asked
        assert request.action is Action.PROCESS_EXEC and request.layer is Layer.SHIM
        assert request.argv == ("/usr/bin/bash", "-c", 'echo "$0|$1|$2"; exit 7', "name", "a b", "")
        assert request.cwd == str(desk.cwd)
        assert request.process is not None and request.process.start > 0
        assert request.env == ()


async def test_a_refusal_is_one_line_and_126_and_nothing_ran(tmp_path: Path) -> None:
    async with shim_desk(tmp_path) as desk:
        desk.rule = lambda request: DENY
        code, out, err = await desk.run("sh", "-c", "touch ran; echo out")
        assert (code, out, err) == (126, "", NO + "\n")
        assert not (desk.cwd / "ran").exists()


@pytest.mark.parametrize(
    "args",
    [
        ["-c", "echo hi"],
        ["-lc", "echo hi"],
        ["-c", "-l", "echo hi"],
        ["-l", "-c", "echo hi"],
        ["-ec", "echo hi"],
        ["--norc", "--noprofile", "-c", "echo hi"],
        ["-o", "pipefail", "-c", "echo hi"],
        ["-co", "pipefail", "echo hi"],
        ["--rcfile", "/dev/null", "-c", "echo hi"],
        ["-norc", "-c", "echo hi"],
        ["-c", "--", "echo hi"],
    ],
)
async def test_every_spelling_of_a_command_is_asked_once_and_runs(tmp_path: Path, args: list[str]) -> None:
    async with shim_desk(tmp_path) as desk:
        code, out, err = await desk.run("bash", *args)
        assert (code, out) == (0, "hi\n"), err
        assert [r.argv[1:] for r in desk.asked] == [tuple(args)]


async def test_a_script_file_keeps_its_name_and_its_text_is_judged(tmp_path: Path) -> None:
    async with shim_desk(tmp_path) as desk:
        (desk.cwd / "x.sh").write_text('echo "$0 ${BASH_SOURCE[0]} $1"\n')
        code, out, _ = await desk.run("bash", "x.sh", "arg")
        assert (code, out) == (0, "x.sh x.sh arg\n")
        (request,) = desk.asked
        assert request.script == 'echo "$0 ${BASH_SOURCE[0]} $1"\n'
        assert request.argv[1:] == ("x.sh", "arg") and request.path == str(desk.cwd / "x.sh")


async def test_a_script_that_changes_while_it_is_judged_does_not_run(tmp_path: Path) -> None:
    async with shim_desk(tmp_path) as desk:
        script = desk.cwd / "x.sh"
        script.write_text("echo harmless\n")
        desk.rule = lambda request: None
        process = await desk.start("bash", "x.sh")
        _, reply, _ = await desk.one_held()
        script.write_text("touch ran\n")
        reply(ALLOW)
        out, err = await process.communicate()
        assert process.returncode == 126 and out == b"" and b"changed while it was being judged" in err
        assert not (desk.cwd / "ran").exists()


async def test_a_script_on_standard_input_is_judged_whole_and_runs_as_the_same_bytes(tmp_path: Path) -> None:
    async with shim_desk(tmp_path) as desk:
        text = b'read line\nfed to read\necho "got $line $1"\n# \xff\n'
        code, out, _ = await desk.run("bash", "-s", "arg", input=text)
        assert (code, out) == (0, "got fed to read arg\n")
        (request,) = desk.asked
        assert os.fsencode(request.script) == text
        assert request.argv == ("/usr/bin/bash", "-c", os.fsdecode(text))


async def test_a_script_redirected_from_a_file_and_a_long_one_through_a_pipe(tmp_path: Path) -> None:
    async with shim_desk(tmp_path) as desk:
        (desk.cwd / "in.sh").write_text("read line\nnext\necho got $line\n")
        with (desk.cwd / "in.sh").open("rb") as file:
            assert await desk.run("bash", stdin=file) == (0, "got next\n", "")
        long = b"# " + b"x" * 200_000 + b"\necho end\n"
        assert await desk.run("sh", input=long) == (0, "end\n", "")
        code, _, err = await desk.run("sh", input=b"#" * 1_100_000)
        assert code == 126 and "larger than leash can judge" in err


async def test_process_substitution_is_judged_and_keeps_its_name(tmp_path: Path) -> None:
    async with shim_desk(tmp_path) as desk:
        reader, writer = os.pipe()
        os.write(writer, b'echo "from $0"\n')
        os.close(writer)
        code, out, _ = await desk.run("bash", f"/dev/fd/{reader}", pass_fds=(reader,))
        os.close(reader)
        assert (code, out) == (0, f"from /dev/fd/{reader}\n")
        assert desk.asked[0].script == 'echo "from $0"\n'


@pytest.mark.parametrize("whole_terminal", [True, False])
async def test_an_interactive_shell_is_one_act_and_keeps_the_shims(tmp_path: Path, whole_terminal: bool) -> None:
    async with shim_desk(tmp_path) as desk:
        primary, secondary = os.openpty()
        more = {"stderr": secondary} if whole_terminal else {}
        process = await desk.start("bash", "--norc", stdin=secondary, **more)
        os.write(primary, b"bash -c 'echo inner'\nexit\n")
        out, _ = await asyncio.wait_for(process.communicate(), 20)
        os.close(primary)
        os.close(secondary)
        assert b"inner\n" in out
        assert [r.argv[1:] for r in desk.asked] == [("--norc",), ("-c", "echo inner")]


async def test_the_child_sees_the_user_s_environment(tmp_path: Path) -> None:
    base = {"PATH": "/usr/bin:/bin", "SHELL": "/bin/dash", "ODD": "\udcff=1", "HOME": str(tmp_path)}
    async with shim_desk(tmp_path, base) as desk:
        assert desk.environment["SHELL"] == str(desk.directory / "bash")
        code, out, _ = await desk.run("bash", "-c", "cat /proc/self/environ")
        seen = dict(line.split("=", 1) for line in out.split("\0")[:-1])
        assert code == 0
        for name in ("SHLVL", "PWD", "OLDPWD", "_"):  # bash's own
            seen.pop(name, None)
        assert seen == base


async def test_inner_shells_belong_to_the_act(tmp_path: Path) -> None:
    async with shim_desk(tmp_path) as desk:
        code, out, _ = await desk.run("bash", "-c", "bash -c 'sh -c \"echo deep\"; $SHELL -c true'; command -v bash")
        assert (code, out) == (0, "deep\n/usr/bin/bash\n") and len(desk.asked) == 1


async def test_no_loop_by_repetition_link_or_copy(tmp_path: Path) -> None:
    async with shim_desk(tmp_path) as desk:
        (tmp_path / "link").symlink_to(desk.directory)
        (tmp_path / "own").mkdir()
        (tmp_path / "own" / "bash").write_bytes((desk.directory / "bash").read_bytes())
        (tmp_path / "own" / "bash").chmod(0o755)
        (tmp_path / "links").mkdir()
        (tmp_path / "links" / "bash").symlink_to(desk.directory / "bash")
        d = desk.directory
        desk.environment["PATH"] = f"{d}:{d}/:{tmp_path}/link:{tmp_path}/own:{tmp_path}/links:{d}:/usr/bin:/bin"
        for start in (d, tmp_path / "link", tmp_path / "own", tmp_path / "links"):
            assert await desk.run(str(start / "bash"), "-c", "echo once") == (0, "once\n", "")
        assert len(desk.asked) == 4
        assert {r.argv[0] for r in desk.asked} == {"/usr/bin/bash"}


async def test_a_shell_by_absolute_path_is_caught_where_it_honours_bash_env(tmp_path: Path) -> None:
    async with shim_desk(tmp_path) as desk:
        desk.rule = lambda request: DENY if "bad" in request.argv[-1] else ALLOW
        for args in (["-c"], ["--norc", "--noprofile", "-c"], ["-lc"]):
            desk.asked.clear()
            assert await desk.run("/bin/bash", *args, "echo ok; bash -c 'echo $BASH_ENV'") == (0, "ok\n\n", "")
            assert [r.argv[1:] for r in desk.asked][-1] == (*args, "echo ok; bash -c 'echo $BASH_ENV'")
            assert await desk.run("/bin/bash", *args, "touch bad") == (126, "", NO + "\n")
        assert not (desk.cwd / "bad").exists()
        process = desk.asked[-1].process
        assert process is not None


async def test_the_user_s_own_bash_env_still_runs(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("MINE=yes\n")
    base = {"PATH": "/usr/bin:/bin", "BASH_ENV": str(tmp_path / "mine"), "HOME": str(tmp_path)}
    async with shim_desk(tmp_path, base) as desk:
        for shell in ("bash", "/bin/bash"):
            assert await desk.run(shell, "-c", "echo $MINE $BASH_ENV") == (0, f"yes {tmp_path}/mine\n", "")


async def test_the_agent_s_own_launcher_keeps_the_shims(tmp_path: Path) -> None:
    async with shim_desk(tmp_path) as desk:
        launcher = tmp_path / "agent"
        launcher.write_text("#!/usr/bin/env bash\nread go\nbash -c 'echo tool'\n")
        launcher.chmod(0o755)
        desk.rule = lambda request: None if not desk.held else ALLOW
        process = await desk.start(str(launcher), stdin=asyncio.subprocess.PIPE)
        desk.guard.started(process.pid)
        _, reply, _ = await desk.one_held()
        reply(ALLOW)
        out, err = await asyncio.wait_for(process.communicate(b"go\n"), 20)
        assert (out, err) == (b"tool\n", b"")
        assert [r.argv[1] for r in desk.asked] == [str(launcher), "-c"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
async def test_a_signal_ends_the_waiting_shim_and_withdraws(tmp_path: Path, number: signal.Signals) -> None:
    async with shim_desk(tmp_path) as desk:
        desk.rule = lambda request: None
        process = await desk.start("bash", "-c", "touch ran")
        _, reply, ticket = await desk.one_held()
        process.send_signal(number)
        assert await asyncio.wait_for(process.wait(), 10) == -number
        for _ in range(500):
            if ticket.withdrawn:
                break
            await asyncio.sleep(0.01)
        assert ticket.withdrawn == ["the shell that asked is gone"]
        assert await process.stderr.read() == b""  # type: ignore[union-attr]
        reply(ALLOW)  # too late: nobody hears it
        assert not (desk.cwd / "ran").exists()


async def test_killing_a_bash_that_asks_through_bash_env_withdraws(tmp_path: Path) -> None:
    async with shim_desk(tmp_path) as desk:
        desk.rule = lambda request: None
        process = await desk.start("/bin/bash", "-c", "touch ran")
        request, _, ticket = await desk.one_held()
        assert request.process is not None and request.process.pid == process.pid
        process.kill()
        await process.wait()
        for _ in range(500):
            if ticket.withdrawn:
                break
            await asyncio.sleep(0.01)
        assert ticket.withdrawn == ["the shell that asked is gone"]


async def test_closing_refuses_what_waits_and_afterwards_everything(tmp_path: Path) -> None:
    async with shim_desk(tmp_path) as desk:
        desk.rule = lambda request: None
        process = await desk.start("bash", "-c", "true")
        _, _, ticket = await desk.one_held()
        desk.guard.close()
        _, err = await process.communicate()
        assert process.returncode == 126 and b"session is ending" in err and ticket.withdrawn
        for shell in ("bash", "/bin/bash"):
            code, _, err2 = await desk.run(shell, "-c", "true")
            assert code == 126 and "supervisor does not answer" in err2


async def test_shells_start_with_default_signals_and_inherited_descriptors(tmp_path: Path) -> None:
    async with shim_desk(tmp_path) as desk:
        reader, writer = os.pipe()
        text = f"echo through >&{writer}; grep -E 'Sig(Ign|Blk)' /proc/self/status; echo /proc/self/fd/*"
        through = await desk.run("bash", "-c", text, pass_fds=(writer,))
        plain = await desk.run("/usr/bin/env", "-u", "BASH_ENV", "/bin/bash", "-c", text, pass_fds=(writer,))
        assert os.read(reader, 100) == b"through\nthrough\n"
        os.close(reader)
        os.close(writer)
        assert "SigIgn:\t0000000000000000" in through[1]
        assert through[1].splitlines()[-1] == plain[1].splitlines()[-1]


async def test_variables_that_carry_code_are_part_of_the_question(tmp_path: Path) -> None:
    async with shim_desk(tmp_path) as desk:
        desk.environment["GIT_SSH_COMMAND"] = "evil"
        desk.environment["HARMLESS"] = "1"
        await desk.run("bash", "-c", "true")
        assert desk.asked[0].env == (("GIT_SSH_COMMAND", "evil"),)


async def test_a_hundred_shells_at_once(tmp_path: Path) -> None:
    async with shim_desk(tmp_path) as desk:
        results = await asyncio.gather(*(desk.run("sh", "-c", f"echo {n}") for n in range(60)))
        assert [r[1] for r in results] == [f"{n}\n" for n in range(60)]
        assert len(desk.asked) == 60


async def test_the_directory_is_closed(tmp_path: Path) -> None:
    async with shim_desk(tmp_path) as desk:
        assert stat.S_IMODE(desk.directory.stat().st_mode) == 0o500
        modes = {p.name: oct(stat.S_IMODE(p.lstat().st_mode)) for p in desk.directory.iterdir()}
        assert modes == {
            "ask": "0o500",
            "ask.sock": "0o600",
            "bash": "0o500",
            "bash_env": "0o400",
            "client": "0o400",
            "sh": "0o500",
        }


async def test_a_runtime_directory_with_spaces_or_a_very_long_name(tmp_path: Path) -> None:
    deep = tmp_path / 'a dir\'s "quoted" ☃' / ("d" * 120)
    deep.mkdir(parents=True)
    async with shim_desk(deep) as desk:
        for shell in ("sh", "bash", "/bin/bash"):
            assert await desk.run(shell, "-c", "echo hi") == (0, "hi\n", "")
        assert len(desk.asked) == 3


async def test_a_shell_that_does_not_exist_and_shells_that_only_print(tmp_path: Path) -> None:
    async with shim_desk(tmp_path) as desk:
        code, out, _ = await desk.run("bash", "--version")
        assert code == 0 and out.startswith("GNU bash")
        code, _, err = await desk.run("bash", "missing.sh")
        assert code == 127 and "missing.sh" in err
        code, _, err = await desk.run("bash", "+c", "true")
        assert code == 126 and "cannot be told" in err
        assert [r.argv[1:] for r in desk.asked] == [("--version",), ("missing.sh",)]


async def _garbage(desk: ShimDesk, answer: bytes) -> tuple[int, str]:
    """Run a shell against a supervisor that says `answer` and hangs up."""
    desk.guard.close()
    desk.directory.chmod(0o700)
    (desk.directory / "ask.sock").unlink()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        size = int.from_bytes(await reader.readexactly(4), "big")
        nonce = (await reader.readexactly(size)).split(b"\0")[1]
        payload = answer.replace(b"NONCE", nonce)
        writer.write(len(payload).to_bytes(4, "big") + payload if answer else b"")
        writer.close()

    server = await asyncio.start_unix_server(serve, desk.directory / "ask.sock")
    async with server:
        code, _, err = await desk.run("sh", "-c", "touch ran")
    return code, err


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"allow",
        b"leash-shim/1\0NONCE\0allow",
        b"leash-shim/1\0NONCE\0ALLOW\0\0strip",
        b"leash-shim/2\0NONCE\0allow\0\0strip",
        b"leash-shim/1\0other\0allow\0\0strip",
        b"leash-shim/1\0NONCE\0allow\0\0perhaps",
        b"leash-shim/1\0NONCE\0deny\0no\x1b[2Jescape\nsecond line\0strip",
    ],
)
async def test_a_lying_or_broken_supervisor_is_a_refusal(tmp_path: Path, answer: bytes) -> None:
    async with shim_desk(tmp_path) as desk:
        code, err = await _garbage(desk, answer)
        assert code == 126 and err.count("\n") == 1 and "\x1b" not in err
        assert not (desk.cwd / "ran").exists()


async def test_the_same_fake_supervisor_can_allow(tmp_path: Path) -> None:
    """The control leg of the test above."""
    async with shim_desk(tmp_path) as desk:
        code, err = await _garbage(desk, b"leash-shim/1\0NONCE\0allow\0\0strip")
        assert (code, err) == (0, "") and (desk.cwd / "ran").exists()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff\xff\xff\xff",
        b"\x00\x00\x00\x05hello",
        b"\x00\x00\x00\x01xtrailing",
        b"\x00\x00\x00\x3fleash-shim/1\0n\0command\0unseen\0/bin/sh\0\x000\x009999\0a\0b\0and some more",
        b"\x00\x00\x00\x2cleash-shim/1\0n\0command\0unseen\0/bin/sh\0\x000\x001\0\xff\0",
        pytest.param(os.urandom(500), id="noise"),
    ],
)
async def test_a_malformed_client_gets_nothing_and_breaks_nothing(tmp_path: Path, raw: bytes) -> None:
    async with shim_desk(tmp_path) as desk:
        reader, writer = await asyncio.open_unix_connection(desk.directory / "ask.sock")
        writer.write(raw)
        writer.write_eof()
        answer = await asyncio.wait_for(reader.read(), 10)
        assert b"allow" not in answer or desk.asked
        writer.close()
        assert (await desk.run("sh", "-c", "echo alive"))[1] == "alive\n"


async def test_idle_connections_are_bounded(tmp_path: Path) -> None:
    async with shim_desk(tmp_path) as desk:
        path = desk.directory / "ask.sock"
        idle = [await asyncio.open_unix_connection(path) for _ in range(256)]
        code, _, err = await desk.run("sh", "-c", "true")
        assert code == 126 and "too many questions" in err
        for _, writer in idle:
            writer.close()
        for _ in range(40):  # the desk sees their ends one after the other
            code, out, err = await desk.run("sh", "-c", "echo again")
            if "too many questions" not in err:
                break
            await asyncio.sleep(0.1)
        assert (code, out) == (0, "again\n"), err


async def test_a_failing_desk_is_a_refusal(tmp_path: Path) -> None:
    async with shim_desk(tmp_path) as desk:
        heard: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: heard.append(context["exception"]))

        def fail(request: object) -> None:
            raise RuntimeError("boom")

        desk.rule = fail
        code, _, err = await desk.run("sh", "-c", "touch ran")
        assert code == 126 and "failed while judging" in err and not (desk.cwd / "ran").exists()
        assert [str(e) for e in heard] == ["boom"]


async def test_a_directory_where_nothing_may_be_executed_is_an_error_and_no_silent_gap(tmp_path: Path) -> None:
    program = """
import asyncio, os, pathlib, sys
from leashtui.guards.shim import ShimGuard
from leashtui.model.errors import GuardError
loop = asyncio.new_event_loop()
try:
    ShimGuard(pathlib.Path(sys.argv[1]), None, os.getuid(), loop)
except GuardError as error:
    print(error.message, "|", error.hint)
"""
    inner = 'mount -t tmpfs -o noexec none "$1" || exit 77; exec "$2" -c "$3" "$1/shim"'
    process = await asyncio.create_subprocess_exec(
        "unshare", "-Urm", "sh", "-c", inner, "sh", tmp_path, sys.executable, program, stdout=-1, stderr=-1
    )
    out, _ = await process.communicate()
    if process.returncode in (1, 77):
        pytest.skip("this host gives no user namespaces to mount in")
    assert b"mounted noexec" in out and b"LEASH_RUNTIME_DIR" in out
