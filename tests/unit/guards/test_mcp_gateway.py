"""The HTTP endpoint goes on taking connections, one after the other, where no thread is to be had."""

from __future__ import annotations

import http.client
import socket
import threading
from pathlib import Path

import pytest

from leashtui.guards.mcp import gateway


def test_where_no_thread_can_be_started_callers_are_answered_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(gateway, "start_new_thread", none_left)
    listener = socket.create_server(("127.0.0.1", 0))
    serving = gateway.Gateway(listener, str(tmp_path), "token", {})
    threading.Thread(target=serving.serve, daemon=True).start()
    for _ in range(3):
        caller = http.client.HTTPConnection(*listener.getsockname(), timeout=10)
        caller.request("POST", "/wrong/none", b"{}", {"Connection": "close"})
        assert caller.getresponse().status >= 400
        caller.close()
