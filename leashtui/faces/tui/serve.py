"""`python -I -m leashtui.faces.tui.serve SESSION_DIR`: the panel of one session as a page, on this machine only.

Knows who may see it: whoever has the token that is printed once, from a page that this server itself sent. Refuses
every other name of this host, so that a page elsewhere cannot reach it by one. Invariant: without `--role reviewer`
the panel behind the page is an observer, and the desk refuses an observer's answers.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import hmac
import secrets
import shlex
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from aiohttp import web
from textual_serve.app_service import AppService
from textual_serve.server import Server

COOKIE = "leash"
_PAGE = Path(__file__).parent / "page"
"""Its template; the one that textual-serve brings asks a third party for its letters and cannot find back."""
_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
    " font-src 'self'; connect-src 'self' ws://{host}; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
_HEADERS = {"X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}

_PR_SET_PDEATHSIG = 1
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class PageServer(Server):
    """command: of the panel. port: that it listens on, at 127.0.0.1. directory: the session's, there while it lives."""

    def __init__(self, command: str, port: int, token: str, directory: Path) -> None:
        super().__init__(command, "127.0.0.1", port, f"leash {directory.name}", templates_path=_PAGE)
        self._directory = directory
        self._token = token
        self._hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}

    async def _make_app(self) -> web.Application:
        app = await super()._make_app()
        app.middlewares.append(self._guarded)
        app.add_routes([web.get("/state", self._state)])
        return app

    async def _state(self, request: web.Request) -> web.Response:
        """Asked by a page whose panel was closed: whether there is a session to come back to."""
        return web.Response(text="live" if (self._directory / "session.json").exists() else "over")

    @web.middleware
    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Only with the token, only by our own name, only from our own page."""
        if request.host not in self._hosts:
            raise web.HTTPForbidden(text="this page is called 127.0.0.1\n")
        origin = request.headers.get("Origin", "")
        if (origin or request.path == "/ws") and origin.partition("://")[2] not in self._hosts:
            raise web.HTTPForbidden(text="another page may not use this one\n")
        if self._is_token(request.query.get("token", "")) and request.path == "/":
            welcome = web.HTTPFound("/")
            welcome.set_cookie(f"{COOKIE}{self.port}", self._token, httponly=True, samesite="Strict", path="/")
            raise welcome
        if not self._is_token(request.cookies.get(f"{COOKIE}{self.port}", "")):
            raise web.HTTPForbidden(text="open the address that `leash web` printed\n")
        self.public_url = f"http://{request.host}"
        answer = await handler(request)
        if not answer.prepared:
            answer.headers.update(_HEADERS | {"Content-Security-Policy": _POLICY.format(host=request.host)})
        return answer

    async def _process_messages(self, websocket: web.WebSocketResponse, app_service: AppService) -> None:
        """A page whose panel died is told so: it would show the last picture for ever."""
        panel = app_service._task
        waits = asyncio.ensure_future(_close_after(panel, websocket)) if panel is not None else None
        try:
            await super()._process_messages(websocket, app_service)
        finally:
            if waits is not None:
                waits.cancel()

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self._token.encode())

    async def on_startup(self, app: web.Application) -> None:
        """Say where the page is; the token is said nowhere else."""
        print(f"http://127.0.0.1:{self.port}/?token={self._token}", flush=True)

    def run(self, listener: socket.socket) -> None:
        """Serve until interrupted."""
        web.run_app(
            self._make_app(), sock=listener, print=None, loop=asyncio.new_event_loop(), handler_cancellation=True
        )


async def _close_after(panel: asyncio.Task[None], websocket: web.WebSocketResponse) -> None:
    await asyncio.wait([panel])
    await websocket.close()


def main() -> int:
    """Serve one session. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m leashtui.faces.tui.serve", allow_abbrev=False)
    parser.add_argument("directory", type=Path, help="the session's directory")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--role", choices=("observer", "reviewer"), default="observer")
    parser.add_argument("--theme", default="dark")
    arguments: Any = parser.parse_args()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)  # no page outlives `leash web`
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", arguments.port))
        listener.listen()
    except OSError as error:
        print(f"leash: port {arguments.port}: {error.strerror}\nleash: choose another --port", file=sys.stderr)
        return 2
    theme = "dark" if arguments.theme == "auto" else arguments.theme
    panel = [sys.executable, "-I", "-m", "leashtui.faces.tui", "--web", "--no-bell", "--theme", theme]
    panel += ["--role", arguments.role, str(arguments.directory)]
    port = listener.getsockname()[1]
    PageServer(f"exec {shlex.join(panel)}", port, secrets.token_urlsafe(32), arguments.directory).run(listener)
    return 0


if __name__ == "__main__":
    sys.exit(main())
