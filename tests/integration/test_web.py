"""The panel as a page, in a real browser: only with the token, only from itself, read-only unless it may answer."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from conftest import World, eventually
from tmux_rig import DeskServer, bash_env, until
from tui_desk import install

from leashtui.model.card import Choice
from leashtui.model.wire import Answer, CardShown

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
BASH = ["bash", "--norc", "--noprofile", "-i"]


@contextmanager
def page(desk: DeskServer, *options: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    command = [sys.executable, "-I", "-m", "leashtui.faces.tui.serve", *options, str(desk.directory)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip(), server
        finally:
            server.terminate()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[DeskServer]:
    with DeskServer(tmp_path, BASH, bash_env(tmp_path)) as made:
        yield made


def status(url: str, **headers: str) -> int:
    try:
        with urllib.request.build_opener(_Straight).open(
            urllib.request.Request(url, headers=headers), timeout=30
        ) as got:
            return int(got.status)
    except urllib.error.HTTPError as error:
        return error.code


class _Straight(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def test_without_the_token_or_from_elsewhere_there_is_nothing(desk: DeskServer) -> None:
    with page(desk) as (url, _):
        bare, token = url.split("?token=")
        port = bare.rsplit(":", 1)[1].strip("/")
        cookie = f"leash{port}={token}"
        assert status(url) == 302
        assert status(bare, Cookie=cookie) == 200
        assert status(bare) == 403
        assert status(bare + "?token=wrong") == 403
        assert status(bare, Cookie=cookie, Host="evil.example") == 403
        assert status(bare, Cookie=cookie, Origin="https://evil.example") == 403
        assert status(bare + "ws", Cookie=cookie) == 403
        assert status(bare + "state") == 403
        assert status(bare + "state", Cookie=cookie) == 200
        assert status(bare + "static/js/textual.js") == 403
        assert desk.faces() == 0


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_no_page_outlives_the_command_that_serves_it(world: World, how: signal.Signals) -> None:
    session = world.start("run", "--headless", "--", "sleep", "120")
    eventually(lambda: world.leash("status").stdout.strip().startswith("2"))
    with subprocess.Popen(
        world.argv("web"), cwd=world.workspace, env=world.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as command:
        assert command.stdout is not None
        url = command.stdout.readline().strip()
        assert status(url) in {200, 302, 303}
        command.send_signal(how)
        command.wait(10)
        until(lambda: _is_gone(url), "the page's end", 20)
    session.kill()


def _is_gone(url: str) -> bool:
    """Nobody listens: a connection that ends half way is a server that is still going."""
    try:
        status(url)
    except urllib.error.URLError as error:
        return isinstance(error.reason, ConnectionRefusedError)
    except (ConnectionError, http.client.HTTPException):
        return False
    return False


async def _drive(port: int, url: str, typed: list[dict[str, Any]], ready: Any) -> str:
    """Open the page over the browser's own protocol, type, and return its console errors."""
    async with aiohttp.ClientSession() as session:
        deadline = time.monotonic() + 60
        while True:
            try:
                async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
                    target = next(t for t in await answer.json() if t["type"] == "page")
                    break
            except (aiohttp.ClientError, StopIteration):
                assert time.monotonic() < deadline
                await asyncio.sleep(0.1)
        async with session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0) as line:
            number = 0

            async def call(method: str, **params: Any) -> Any:
                nonlocal number
                number += 1
                await line.send_json({"id": number, "method": method, "params": params})
                async for message in line:
                    found = json.loads(message.data)
                    if found.get("id") == number:
                        return found.get("result")
                return None

            await call("Page.navigate", url=url)
            deadline = time.monotonic() + 60
            while not ready():
                assert time.monotonic() < deadline
                await asyncio.sleep(0.1)
            focus = "document.querySelector('.xterm-helper-textarea').focus()"
            await asyncio.sleep(2)
            await call("Runtime.evaluate", expression=focus)
            for keys in typed:
                await asyncio.sleep(1.2)
                for kind in ("keyDown", "keyUp"):
                    await call("Input.dispatchKeyEvent", type=kind, **keys)
            cells = await call("Runtime.evaluate", expression="document.querySelectorAll('.xterm').length + ''")
            return str(cells["result"]["value"])


LEADER = {"key": "]", "code": "BracketRight", "windowsVirtualKeyCode": 221, "modifiers": 2}
NO = {"key": "n", "code": "KeyN", "text": "n", "windowsVirtualKeyCode": 78}


@pytest.mark.skipif(BROWSER is None, reason="needs Chromium")
def test_a_browser_shows_the_panel_and_answers_where_it_may(desk: DeskServer, tmp_path: Path) -> None:
    desk.say(CardShown(install()))
    with page(desk, "--role", "reviewer") as (url, server):
        command = [str(BROWSER), "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0"]
        command += [f"--user-data-dir={tmp_path / 'profile'}", "about:blank"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as browser:
            try:
                told = tmp_path / "profile" / "DevToolsActivePort"
                until(lambda: told.exists() and told.read_text().count("\n") >= 1, "the browser")
                port = int(told.read_text().splitlines()[0])
                shown = asyncio.run(_drive(port, url, [LEADER, NO], lambda: desk.faces() == 1))
                assert shown == "1"
                answers = lambda: [(m.ask, m.choice) for m in desk.received if isinstance(m, Answer)]  # noqa: E731
                until(lambda: answers() == [("L-13", Choice.DENY)], "the answer")
                assert desk.roles[-1] == "reviewer"
                first = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
                for pid in first:
                    os.kill(int(pid), signal.SIGKILL)
                until(lambda: len(desk.roles) == 2 and desk.faces() == 1, "the page finds back by itself")
                server.kill()
                until(lambda: desk.faces() == 0, "no panel outlives its page")
            finally:
                browser.terminate()
