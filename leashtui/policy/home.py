"""Names of this machine: what a policy says of `127.0.0.1:5432` holds for whoever comes to that port by another name.

A server that listens at every address answers at `::1` and `127.0.0.2` too, and `localhost` is often `::1`. Knows the
names that policies use. Refuses to match: it says by which other names to ask. Invariant: a policy that names none
costs nothing; what is found so tightens an answer, never widens it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from ipaddress import ip_address

from leashtui.model.request import Action, Request
from leashtui.policy.names import HOSTS, split_host, type_of
from leashtui.policy.policy import Policy
from leashtui.policy.reads import actions_of, named_in

_NETWORK = frozenset({Action.NET_CONNECT, Action.NET_BIND})


class HomeNames:
    """policies: of the bundle. members: see actions_of."""

    def __init__(self, policies: Sequence[Policy], members: Mapping[str, frozenset[str]]) -> None:
        self._hosts: dict[Action, dict[str, set[str]]] = {}
        for policy in policies:
            if policy.permits:
                continue
            hosts = [split_host(uid.id)[0] for uid in named_in(policy.node) if type_of(uid) in HOSTS]
            here = [host for host in hosts if _is_here(host)]
            for action in _NETWORK.intersection(actions_of(policy.node, members)) if here else ():
                for host in here:
                    self._hosts.setdefault(action, {}).setdefault(host, set()).add(policy.name)

    def __bool__(self) -> bool:
        return bool(self._hosts)

    def others(self, request: Request) -> Iterator[tuple[str, Collection[str]]]:
        """The other names of the host that this act is about, each with the policies that use it; none where it is not
        this machine."""
        hosts = self._hosts.get(request.action)
        if hosts and _is_here(request.host):
            yield from ((host, names) for host, names in hosts.items() if host != request.host)


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
