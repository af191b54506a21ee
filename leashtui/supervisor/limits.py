"""What an agent's own habits ask of the path: how long it waits, what it starts by itself, what late answers become.

Knows no agent: `arming` fills this in. Refuses to decide. Invariant: the default is an agent that waits for ever and
has no hooks, so that a session without any of this is the plain one.
"""

from __future__ import annotations

from collections.abc import Callable

from leashtui.model.facts import Facts
from leashtui.model.request import Request
from leashtui.supervisor.tickets import Tickets


class Limits:
    """What an agent's own habits ask of the path. The default is an agent that waits for ever and has no hooks.

    patience: seconds until this request must be answered, 0 for never. later: runs something in so many seconds and
    returns how to stop it. own: whether a request is leash's own hook client. habit: whether it is a known act of
    the agent program itself. settled: whether it only keeps in its settings what it found out itself.
    served: whether it only starts an MCP server out of a plugin or extension that is as it was accepted. forgone:
    whether it is a trifle that the program does without, and whether the agent itself makes it. placed: the request,
    and the same, in the folder where it will run. plain: without the agent's own wrapping. tickets: late answers.
    told: called with a sentence for the model when a parked act was answered; returns whether it can hear it. wake:
    called with the card that was approved so.
    """

    def __init__(
        self,
        *,
        patience: Callable[[Request], float] = lambda request: 0.0,
        later: Callable[[float, Callable[[], None]], Callable[[], None]] = lambda seconds, work: lambda: None,
        own: Callable[[Request], bool] = lambda request: False,
        habit: Callable[[Request], bool] = lambda request: False,
        settled: Callable[[Request], bool] = lambda request: False,
        served: Callable[[Request, Facts], bool] = lambda request, facts: False,
        forgone: Callable[[Request, bool], bool] = lambda request, own: False,
        placed: Callable[[Request, bool], Request] = lambda request, own: request,
        plain: Callable[[Request, bool], Request] = lambda request, own: request,
        tickets: Tickets | None = None,
        told: Callable[[str], bool] = lambda sentence: False,
        wake: Callable[[str], None] = lambda ask: None,
    ) -> None:
        self.patience = patience
        self.later = later
        self.own = own
        self.habit = habit
        self.settled = settled
        self.served = served
        self.forgone = forgone
        self.placed = placed
        self.plain = plain
        self.tickets = tickets
        self.told = told
        self.wake = wake
