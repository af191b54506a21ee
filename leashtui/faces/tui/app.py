"""The panel on the screen: agent on the left, what it does and what waits on the right, one line above and below.

Knows how to lay out and who hears what. Refuses to decide anything about keys or cards: that is `panel`. Invariant:
every key and every paste goes through `Panel.press` or `Panel.paste` first, before any of Textual's own bindings.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

from rich.text import Text
from textual import events
from textual._time import get_time
from textual.app import App, ComposeResult
from textual.containers import Horizontal
from textual.driver import Driver
from textual.timer import Timer

from leashtui.faces.bell import Bell, Caller, Messengers
from leashtui.faces.command import told_by
from leashtui.faces.link import Link
from leashtui.faces.tui import text as say
from leashtui.faces.tui.costs import costs_of
from leashtui.faces.tui.desk import Desk, End
from leashtui.faces.tui.driver import Hangup
from leashtui.faces.tui.encode import key_bytes, paste_bytes, raw_of
from leashtui.faces.tui.engine import Engine, MouseAct
from leashtui.faces.tui.gaze import Gaze
from leashtui.faces.tui.keys import DEFAULT as DEFAULT_KEYS
from leashtui.faces.tui.keys import Keymap
from leashtui.faces.tui.layout import Layout
from leashtui.faces.tui.leader import DEFAULT, Leader
from leashtui.faces.tui.look import DARK, THEMES, Look, coloured, plain, theme_for
from leashtui.faces.tui.lookback import clipboard
from leashtui.faces.tui.mirror import Mirror
from leashtui.faces.tui.panel import Panel
from leashtui.faces.tui.parser import Background, Burst
from leashtui.faces.tui.rules import RULES
from leashtui.faces.tui.scene import Scene
from leashtui.faces.tui.sheet import Sheet
from leashtui.faces.tui.terminal import TerminalView
from leashtui.model.errors import LeashError
from leashtui.model.event import AgentTold
from leashtui.model.wire import Done, FaceMessage, Recorded

_TICK = 0.25
_COSTS = 5.0
_SOON = 0.02


class LeashApp(App[int], inherit_bindings=False):
    """One panel of one session. Runs until the session is over, the link is lost or the person leaves.

    answers: whether this face's engine answers the agent's questions to its terminal (one face of a session should).
    types: whether what the person types reaches the agent.
    clock: seconds, for arming (None: the time a key was read). wall: microseconds since the epoch. stamp: such a time
    as clock time. theme: dark|light|contrast, or auto: as light as the terminal's own background.
    still: no clock ticks. alone: the agent's terminal is elsewhere, and giving the keys back closes this panel.
    watches: nothing is answered or changed from here. me: who sits here. arrival: waits for the desk of a session that
    is still being built, in whose place `link` stands; None comes of it when there will be none.
    """

    CSS = RULES
    ENABLE_COMMAND_PALETTE = False
    TITLE = "leash"

    def __init__(
        self,
        link: Desk,
        engine: Engine,
        *,
        answers: bool = True,
        types: bool = True,
        clock: Callable[[], float] | None = None,
        wall: Callable[[], int] = lambda: time.time_ns() // 1000,
        stamp: Callable[[int], str] = lambda us: time.strftime("%H:%M:%S", time.localtime(us / 1e6)),
        home: str | None = None,
        driver_class: type[Driver] | None = None,
        leader: Leader = DEFAULT,
        bell: Bell | None = None,
        messengers: Messengers | None = None,
        still: bool = False,
        alone: bool = False,
        watches: bool = False,
        me: str = "",
        theme: str = "dark",
        keymap: Keymap = DEFAULT_KEYS,
        arrival: Callable[[], Awaitable[Desk | None]] | None = None,
    ) -> None:
        super().__init__(ansi_color=True, driver_class=driver_class)
        self._follow_background = theme == "auto" and not self.no_color
        self.look: Look = plain() if self.no_color else coloured(THEMES.get(theme, DARK))
        self._link = link
        self._arrival = arrival
        self.trouble: LeashError | None = None
        self._engine = engine
        self._types = types
        self._typed = clock
        self._clock = clock or get_time
        self._wall = wall
        self._soon: asyncio.TimerHandle | None = None
        self._ticker: Timer | None = None
        self._was_ready = False
        self.costs = costs_of(link.welcome)
        self._costs_shown = ""
        self._layout = Layout(80, 24)
        self._caller = Caller(
            (bell, messengers),
            cards=lambda: self.panel.queue.cards(),
            write=self._write,
            later=self.set_timer,
            clock=self._clock,
        )
        self._still = still
        self._alone = alone
        self._watches = watches
        self._me = me
        self._leader = leader
        self._own_keys = keymap
        self.panel = self._new_panel()
        self.view = TerminalView(engine, clock=get_time, pressed=self._mouse, name="agent")
        self.gaze = Gaze(engine, self.view.lookback, copy=self.take, say=self.tell, moved=self._moved, clock=get_time)
        self.mirror = Mirror(engine, answers=answers, types=types, wall=wall, clock=get_time)
        self.scene = Scene(
            self.gaze,
            keymap,
            str(Path.home()) if home is None else home,
            stamp,
            engine.title,
            types=types,
            watches=watches,
        )

    def _new_panel(self) -> Panel:
        return Panel(
            self._link.welcome,
            send=self._only_watch if self._watches else self._send,
            type_=self._to_agent,
            leave=self._detach,
            wall=self._wall,
            leader=self._leader,
            look_back=lambda: self.tell("scroll in the terminal itself") if self._alone else self.gaze.begin(),
            run=self._run_leash,
            keymap=self._own_keys,
            watches=self._watches,
            me=self._me,
        )

    def _send(self, message: FaceMessage) -> None:
        self.tell(say.NOT_YET) if self._arrival is not None else self._link.send(message)

    def _detach(self) -> None:
        self.tell(say.NOT_YET) if self._arrival is not None else self.leave(End.DETACHED)

    def _only_watch(self, message: FaceMessage) -> None:
        """In place of sending what a face that only watches may not."""
        self.panel.say(say.ONLY_WATCHES, self._clock())

    def _run_leash(self, words: tuple[str, ...], hear: Callable[[int, list[str]], None]) -> None:
        """Have a command of leash do something; the panel goes on meanwhile."""
        if self._watches and "--dry-run" not in words:
            self.tell(say.ONLY_WATCHES)
            return

        async def work() -> None:
            hear(*await told_by(words))
            self._show()

        self.run_worker(work(), exit_on_error=True)

    def take(self, text: str) -> None:
        """Ask the person's terminal to take `text` into its clipboard."""
        self._write(clipboard(text, multiplexed="TMUX" in os.environ))

    def tell(self, words: str) -> None:
        """A sentence for the footer, for a few seconds."""
        self.panel.say(words, self._clock())
        self._show_soon()

    def _write(self, out: str) -> None:
        """Something for the person's terminal that is not of the screen."""
        if out and self._driver is not None and not self._driver.is_headless:
            self._driver.write(out)
            self._driver.flush()

    def compose(self) -> ComposeResult:
        """Header, agent and side, footer, and what stands in for all of it on a tiny terminal."""
        yield Sheet(self.look.raised, "header")
        with Horizontal(id="body"):
            yield self.view
            yield Sheet(self.look.ground, "side")
        yield Sheet(self.look.raised, "footer")
        yield Sheet(self.look.ground, "small")

    def on_mount(self) -> None:
        """Everything is in place: listen to the desk and to the agent."""
        self._layout = Layout(*self.size, 2 if self._link.welcome.tier == "watch" else 1, self._alone)
        if self._alone:
            self.panel.give_keys(True, self._clock())
            self._moved()
        self._arrange()
        self.run_worker(self._begin(), exit_on_error=True)
        self._ticker = self.set_interval(_TICK, self._tick, pause=True)
        self.set_interval(_COSTS, self._read_costs)
        self.app_resume_signal.subscribe(self, self._again)

    async def _begin(self) -> None:
        """Hear the desk and see the agent, as soon as there is a session."""
        if self._arrival is not None:
            self.tell(say.STARTING)
            try:
                link = await self._arrival()
            except LeashError as error:
                self.trouble = error
                self.leave(End.GONE)
                return
            if link is None:
                self.leave(End.DONE)
                return
            self._meet(link)
        self.mirror.answers = self.mirror.answers and not self._link.welcome.owned
        self.run_worker(self._listen(), exit_on_error=True)
        self.run_worker(self._watch_agent(), exit_on_error=True)

    def _meet(self, link: Desk) -> None:
        """The session is there: from here on this is its panel."""
        self._link, self._arrival = link, None
        welcome = link.welcome
        self.panel.meet(welcome)
        self.costs = costs_of(welcome)
        self._layout = replace(self._layout, head=2 if welcome.tier == "watch" else 1)
        self.tell("")
        self._arrange()

    def hang_up(self) -> None:
        """Let go of the desk; the session goes on."""
        if isinstance(self._link, Link):
            self._link.close()

    async def _read_costs(self) -> None:
        """What the model has used changes slowly, and reading it may take a moment."""
        if self.costs.any and (await asyncio.to_thread(self.costs.read)) != self._costs_shown:
            self._costs_shown = self.costs.words
            self._show()

    def _again(self, _: object) -> None:
        """Back from the background: the terminal shows nothing of ours any more."""
        self.refresh(layout=True)
        self.screen.refresh(layout=True)

    def _tick(self) -> None:
        """Waiting times and hints change by themselves; nothing else does."""
        if self.scene.hinted or (self.panel.waiting and not (self._still and self._armed_shown())):
            self._show()

    def _armed_shown(self) -> bool:
        """Whether nothing changes any more by itself but the time that a card waits."""
        ready = self.panel.queue.ready(self._clock())
        was, self._was_ready = self._was_ready, ready
        return was == ready

    def leave(self, code: End) -> None:
        """Close this face."""
        self.mirror.close()
        self.exit(int(code), return_code=int(code))

    async def _listen(self) -> None:
        try:
            async for message in self._link:
                if isinstance(message, Done):
                    self.leave(End.DONE)
                    return
                if isinstance(message, Recorded) and isinstance(message.record.event, AgentTold):
                    self.costs.add(message.record.event.transcript, message.record.event.agent_session)
                still = self.panel.frozen
                if self.panel.hear(message, self._clock()):
                    self._caller.ring()
                if self.panel.frozen and not still and self.panel.frozen_by != self._me:
                    self._caller.call(f"frozen by {self.panel.frozen_by}")
                self._show_soon()
        except LeashError:
            pass  # said by whoever started this face, from its exit code
        self.leave(End.GONE)

    async def _watch_agent(self) -> None:
        """Follow the agent's terminal while the link holds."""
        if not self._alone:
            await self.mirror.follow(self._link, lambda: (self._layout.columns, self._layout.rows), self.view.draw)

    def _arrange(self) -> None:
        """Lay out for the size of the outer terminal and tell engine and pump."""
        layout, screen = self._layout, self.screen
        screen.set_class(layout.small, "small")
        screen.set_class(layout.narrow, "narrow")
        self.query_one("#header").styles.height = layout.head
        if layout.narrow:
            self.query_one("#side").styles.clear_rule("width")
        else:
            self.query_one("#side").styles.width = layout.side
        self.panel.answering.width = layout.card
        if not layout.small:
            self._fit_agent((layout.columns, layout.rows))
        self.view.redraw()
        self._show()

    def _fit_agent(self, size: tuple[int, int]) -> None:
        self.mirror.fit(*size)

    def _beside(self) -> bool:
        """Whether the right column can be seen."""
        return (self.panel.focused and not self.gaze.keys) or not self._layout.narrow

    def on_resize(self, event: events.Resize) -> None:
        """The outer terminal changed; Textual itself hears of it after us."""
        self._layout = replace(self._layout, width=event.size.width, height=event.size.height)
        self._arrange()

    async def on_event(self, event: events.Event) -> None:
        """Keys and pastes are taken here, before Textual's bindings could swallow one."""
        if isinstance(event, events.Key):
            self._key(event)
        elif isinstance(event, events.Paste):
            if self.gaze.keys:
                if self.gaze.editor is not None:
                    self.gaze.editor.insert(event.text)
            elif self.panel.paste(event.text):
                self._to_agent(paste_bytes(event.text, self._engine.modes()))
            self._show()
        elif isinstance(event, Burst):
            if not self.gaze.keys and self.panel.burst(event.raw, event.time if self._typed is None else self._typed()):
                self._to_agent(event.raw.encode("utf-8", "surrogateescape"))
            self._show_soon()
        elif isinstance(event, events.AppFocus | events.AppBlur):
            self._engine.focus(isinstance(event, events.AppFocus))
            self._to_agent(self._engine.replies())
        else:
            await super().on_event(event)

    def _key(self, event: events.Key) -> None:
        now = event.time if self._typed is None else self._typed()
        had = self.panel.focused
        if self.gaze.keys:
            self.gaze.end() if raw_of(event) == self._leader.raw else self.gaze.key(event.key, event.character)
            self._show()
            return
        if self.panel.press(event.key, event.character, raw_of(event), now):
            self.gaze.typed()
            self._to_agent(key_bytes(event, self._engine.modes()))
            self._show_soon()
            return
        if self.panel.focused != had:
            self._moved()
        self._show()

    def _moved(self) -> None:
        """The keys are somebody else's now."""
        if self._alone and not self.panel.focused:
            self.leave(End.CLOSED)
        self.view.live = not self.panel.focused
        self.screen.set_class(self.panel.focused and not self.gaze.keys, "panel")
        self.view.redraw()

    def _mouse(self, act: MouseAct) -> None:
        """A mouse act over the agent's terminal: a press there is as good as the leader key."""
        if self.panel.focused and not self.gaze.keys:
            if act.kind == "press" and act.button < 3:
                self._switch(False)
            return
        if self.gaze.mouse(act):
            self._show_soon()
            return
        self._engine.mouse(act)
        self._to_agent(self._engine.replies())

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """A press beside the agent moves the keyboard to the panel; on a key's label there it is that key."""
        x, y = int(event.screen_x), int(event.screen_y)
        sheet, place = self.get_widget_at(x, y)  # the event itself only names its widget in tests
        if not isinstance(sheet, Sheet) or sheet.id == "header" or self.gaze.keys:
            return
        shown = sheet.key_at(x - place.x, y - place.y, self.look.key)
        if not self.panel.focused:
            if sheet.id == "side" or shown == self._leader.shown or self.panel.waiting:
                self._switch(True)
        elif shown == self._leader.shown:
            self._switch(False)
        elif name := self._own_keys.named(shown):
            self.panel.press(name, name if len(name) == 1 else None, "", self._clock())
            if not self.panel.focused:
                self._moved()
            self._show()
        elif sheet.id == "side" and self.panel.point(y - place.y):
            self._show()

    def on_mouse_scroll_up(self) -> None:
        """The wheel over the right column."""
        self.panel.wheel(True, self._clock())
        self._show()

    def on_mouse_scroll_down(self) -> None:
        """The wheel over the right column."""
        self.panel.wheel(False, self._clock())
        self._show()

    def _switch(self, panel: bool) -> None:
        self.panel.give_keys(panel, self._clock())
        self._moved()
        self._show()

    def on_background(self, message: Background) -> None:
        """The person's terminal told its background, so that the agent can tell light from dark."""
        self._engine.background = message.colour
        if self._follow_background:
            self._dress(coloured(THEMES[theme_for(message.colour)]))

    def _dress(self, look: Look) -> None:
        """Change the theme of everything but the agent's terminal."""
        self.look = look
        for sheet in self.query(Sheet):
            sheet.base = look.raised if sheet.id in {"header", "footer"} else look.ground
            sheet.refresh()
        self._show()

    def on_hangup(self, message: Hangup) -> None:
        """The person's terminal is gone; the agent goes on."""
        self.leave(End.DETACHED)

    def _to_agent(self, data: bytes) -> None:
        """Bytes for the agent; Ctrl-C before there is one gives up waiting for it."""
        if self._types and self._arrival is not None and data == b"\x03":
            self.leave(End.GAVE_UP)
        else:
            self.mirror.send(data)

    def _show_soon(self) -> None:
        """Draw header, side and footer within a frame or so, however many records arrive meanwhile."""
        if self._soon is None:
            self._soon = asyncio.get_running_loop().call_later(_SOON, self._show)

    def _show(self) -> None:
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None
        if not self.is_running:
            return
        panel, look, layout, now = self.panel, self.look, self._layout, self._clock()
        beside = self._beside()
        panel.queue.in_view(beside and not layout.small and panel.card_in_view, now)
        if layout.small:
            self.query_one("#small", Sheet).show(self.scene.small(panel))
            return
        self.query_one("#header", Sheet).show(self.scene.header(panel, look, layout, self._costs_shown))
        if beside:
            self.query_one("#side", Sheet).show(self.scene.side(panel, look, layout, now, self._wall()))
        self.query_one("#footer", Sheet).show([self._footer(now)])
        if self._ticker is not None:  # who waits for nothing is not woken
            self._ticker.resume() if self.scene.hinted or panel.waiting else self._ticker.pause()

    def _footer(self, now: float) -> Text:
        return self.scene.footer(self.panel, self.look, self._layout, now)
