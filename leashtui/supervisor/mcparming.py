"""Puts leash between an agent and its MCP servers for one session: relays for programs, an endpoint for addresses.

Knows the command line of the relay and the endpoint's address. Refuses to know agents' files (agents) and messages
(guards.mcp). Invariant: what is started instead of a server is leash's relay, with the server's own words behind it;
a program passes for the relay only in exactly that form.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from leashtui.guards.mcp.endpoint import Endpoint
from leashtui.model.mcp import Served
from leashtui.model.ports import Submit
from leashtui.model.request import Request
from leashtui.stores.directories import state_dir
from leashtui.stores.pins import Pins
from leashtui.supervisor.adviser import Adviser
from leashtui.supervisor.mcp import OWN, Notice, Servers
from leashtui.supervisor.mediator import Recorder
from leashtui.supervisor.taint import Taint

RELAY = str(Path(__file__).parents[1] / "client" / "relay.py")
DIRECTORY = "LEASH_MCP_DIRECTORY"
"""Where `leash mcp run` finds the session it belongs to."""


def relay_words(directory: str, key: str) -> tuple[str, ...]:
    """The relay's command line, to which `--` and the server's words are added."""
    return (os.path.realpath(sys.executable), "-IS", RELAY, directory, key)


class Housing(NamedTuple):
    """What a session's judge of MCP calls needs; see supervisor.mcp.Servers. mask: takes secrets out of a text."""

    submit: Submit
    record: Recorder
    notice: Notice
    taint: Taint
    adviser: Adviser
    mask: Callable[[str], str]
    clock: Callable[[], int]
    cwd: str

    def build(self, relays: Relays) -> Servers:
        """The judge, over these servers."""
        relays.mask = self.mask
        return Servers(
            relays.served,
            named=relays.named,
            pins=Pins(state_dir()),
            submit=self.submit,
            record=self.record,
            notice=self.notice,
            taint=self.taint,
            adviser=self.adviser,
            clock=self.clock,
            cwd=self.cwd,
        )


class Relays:
    """One a session. directory: where the socket is. served: what was led through leash so far, by key.

    mask: takes secrets out of a command line.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._relay = relay_words(os.fspath(directory), "")
        self.mask: Callable[[str], str] = lambda text: text
        self.served: dict[str, Served] = {}
        self.endpoint: Endpoint | None = None

    @property
    def own(self) -> tuple[str, ...]:
        """How leash's own server is started."""
        return self._words(OWN)

    def lead(self, served: Served) -> Served | None:
        """How a configured server is started or called through leash. Raises GuardError."""
        known = next((key for key, one in self.served.items() if self._is_same(one, served)), None)
        key = known or self._key(served.name)
        self.served[key] = self.named(served)
        if served.words:
            return replace(served, words=(*self._words(key), "--", *served.words))
        if self.endpoint is None:
            self.endpoint = Endpoint(self._directory)
        return replace(served, url=self.endpoint.add(key, served.url))

    def named(self, served: Served) -> Served:
        """With what it starts or calls as one line, without secrets."""
        target = served.url.partition("?")[0] or " ".join(served.words)
        return replace(served, target=self.mask(target))

    @staticmethod
    def _is_same(one: Served, other: Served) -> bool:
        return (one.name, one.source) == (other.name, other.source)

    def _key(self, name: str) -> str:
        """A word for the command line and the address: the name, told apart from others."""
        word = "".join(c if c.isalnum() or c in "-_" else "_" for c in name) or "server"
        while word in self.served or word == OWN:
            word += "_"
        return word

    def _words(self, key: str) -> tuple[str, ...]:
        return relay_words(os.fspath(self._directory), key)

    def is_relay(self, request: Request) -> bool:
        """Whether an exec is the relay, started as leash says: `-I` leaves nothing to variables but the loader's."""
        words, own = request.argv, self._relay
        loads = any(name.startswith("LD_") or name == "GCONV_PATH" for name, _ in request.env)
        return request.exe == own[0] and words[:4] == own[:4] and len(words) > 4 and not loads and not request.script
