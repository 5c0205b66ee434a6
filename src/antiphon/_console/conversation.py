"""A connection that tells on the screen all that happens, and sends what is typed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from typing import Final

from rich.text import Text

from antiphon._console.connection import Connection, read_arguments
from antiphon._console.input import Command, InputError, TypedEvent, parse_line
from antiphon._console.output import duration, lasting, name_as_typed, refusal, safe, why_disconnected
from antiphon._console.screen import Screen
from antiphon.client.backoff import Backoff
from antiphon.client.states import SocketState
from antiphon.common.handlers import Ack
from antiphon.errors import AckTimeout, AntiphonError, ConnectionRefused, TransportError

__all__ = ["COMMANDS", "Conversation"]

COMMANDS: Final = {
    "/help": "show this",
    "/id": "show how the connection stands",
    "/disconnect": "disconnect, and stay here",
    "/connect": "connect again",
    "/quit": "leave; so do Ctrl-C and Ctrl-D",
}
_LINES: Final = {
    'chat hello {"json": 1}': "send the event chat with two arguments",
    "chat hello ?": "send it, and show the answer (the acknowledgement)",
    '"a name" "a text"': "names and texts with spaces go in double quotes",
    "picture @cat.png": "send the content of a file as binary",
}


class _ToldBackoff(Backoff):
    """Tells each delay."""

    __slots__ = ("_tell",)

    def __init__(self, backoff: Backoff, tell: Callable[[int, float], None]) -> None:
        super().__init__(backoff.shortest, backoff.longest, backoff.jitter)
        self._tell = tell

    def next_delay(self, chance: float) -> float:
        delay = super().next_delay(chance)
        self._tell(self.attempts, delay)
        return delay


class _ErrorsToScreen(logging.Handler):
    """Shows what the client could not tell to anybody else."""

    def __init__(self, screen: Screen) -> None:
        super().__init__(logging.ERROR)
        self._screen = screen

    def emit(self, record: logging.LogRecord) -> None:
        """Show one line of the log."""
        self._screen.error(safe(record.getMessage()))


class Conversation:
    """Connects, and tells what happens.

    Args:
        connection: how to connect.
        screen: where to tell it.
        answer_timeout: seconds to wait for an answer.
        reconnect: connect again when the connection is lost or was not made.
        stays: whether one may go on when the connection has ended for good; otherwise :attr:`over` tells.
        shows_sent: whether to show what is sent, because nobody sees it typed.
        on_change: is told that the state, or what can be completed, has changed.

    Attributes:
        socket: the client.
        over: done when the connection has ended for good, or nobody reads any more what happens.
        failed: something that was typed was not sent, or not answered, or what happened was not told.
        names: the events that were seen.
    """

    def __init__(
        self,
        connection: Connection,
        screen: Screen,
        *,
        answer_timeout: float,
        reconnect: bool,
        stays: bool,
        shows_sent: bool,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self._connection = connection
        self._screen = screen
        self._answer_timeout = answer_timeout
        self._stays = stays
        self._shows_sent = shows_sent
        self._on_change = on_change
        self._last_failure = ""
        self._unanswered = 0
        self._answers_came = asyncio.Event()
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.failed: bool = False
        screen.on_closed = self._on_closed
        self.names: set[str] = set()
        self._log = _ErrorsToScreen(screen)
        logging.getLogger("antiphon.client").addHandler(self._log)
        self._manager = manager = connection.manager(reconnection=reconnect)
        manager.backoff = _ToldBackoff(manager.backoff, self._on_delay)
        manager.on("upgrade", self._on_upgrade)
        manager.on("upgrade_error", self._on_upgrade_error)
        self.socket = socket = connection.socket(manager)
        socket.on("connect", self._on_connect)
        socket.on("disconnect", self._on_disconnect)
        socket.on("connect_error", self._on_connect_error)
        socket.on_any(self._on_event)
        socket.on_end = self._on_end

    # What happens

    def _on_connect(self) -> None:
        self._last_failure = ""
        again = ", and nothing was missed" if self.socket.recovered else ""
        name, transport = self._connection.name, self._manager.transport_name
        self._screen.good(f"connected to {name} by {transport} as {safe(str(self.socket.id))}{again}")
        self._on_change()

    def _on_upgrade(self, transport: str) -> None:
        self._screen.good(f"now by {transport}")
        self._on_change()

    def _on_upgrade_error(self, error: TransportError) -> None:
        self._screen.waiting(f"polling goes on, {error.transport} does not work: {safe(str(error))}")

    def _on_disconnect(self, reason: str, details: TransportError | None) -> None:
        self._screen.bad(f"disconnected: {why_disconnected(reason, details)}")
        self._on_change()

    def _on_connect_error(self, error: Exception) -> None:
        if isinstance(error, ConnectionRefused):
            self._screen.error(refusal(error))
            return
        text = safe(str(error))
        if text != self._last_failure:
            self._last_failure = text
            self._screen.error(text)
        self._on_change()

    def _on_delay(self, attempt: int, delay: float) -> None:
        again = "still no connection, " if self._last_failure and attempt > 1 else ""
        self._screen.waiting(f"{again}attempt {attempt} to connect again in {lasting(delay)}")
        self._on_change()

    def _on_end(self, error: Exception, wanted: bool) -> None:
        self._on_change()
        if getattr(error, "reason", None) == "io client disconnect":
            return
        if not self._stays:
            self._end()
            return
        # After a refusal, too, one may want to try again.
        self._screen.hint("it does not connect again by itself; /connect does" if wanted else "/connect tries again")

    def _on_closed(self) -> None:
        self.failed = True
        self._end()

    def _end(self) -> None:
        if not self.over.done():
            self.over.set_result(None)

    def _on_event(self, ack: Ack, event: str, *args: object) -> None:
        note = "the server waits for an answer, and gets none from here" if isinstance(ack, Ack) else ""
        self._screen.received(event, args, note)
        self.names.add(event)

    @property
    def state(self) -> str:
        """How the connection stands, in a few words."""
        if self.socket.connected:
            return f"connected by {self._manager.transport_name} as {safe(str(self.socket.id))}"
        if self.socket.state is SocketState.INACTIVE:
            return "disconnected"
        return "connecting"

    # What is typed

    def type(self, line: str) -> TypedEvent | Command | None:
        """Send what was typed, and return what it was; to leave is up to the caller."""
        try:
            typed = parse_line(line)
            if isinstance(typed, TypedEvent):
                self._send(typed)
            elif typed is not None:
                self._obey(typed)
        except (InputError, AntiphonError) as error:
            self.failed = True
            self._screen.error(("" if line.lstrip().startswith("/") else "not sent: ") + safe(str(error)))
            return None
        return typed

    def _send(self, typed: TypedEvent) -> None:
        name, args = typed.name, read_arguments(typed.args)
        waits = "" if self.socket.connected else "there is no connection yet; it is sent when there is"
        if typed.wants_answer:
            self._ask(name, args)
        else:
            self.socket.emit(name, *args)
        self.names.add(name)
        if self._shows_sent:
            self._screen.sent(name, args)
        if waits:
            self._screen.waiting(waits if self.socket.active else "it is sent after /connect")

    def _ask(self, name: str, args: list[object]) -> None:
        began = time.perf_counter()

        def answered(error: Exception | None, *answer: object) -> None:
            after = time.perf_counter() - began
            self._unanswered -= 1
            if error is None:
                self._screen.answered(name, answer, duration(after))
            else:
                self.failed = True
                late = f" within {self._answer_timeout:g} s"
                why = late if isinstance(error, AckTimeout) else f": {safe(str(error))}"
                self._screen.error(f"{name_as_typed(name)} was not answered{why}")
            if not self._unanswered:
                self._answers_came.set()

        self.socket.timeout(self._answer_timeout).emit(name, *args, ack=answered)
        self._unanswered += 1
        self._answers_came.clear()

    def _obey(self, command: Command) -> None:
        if command.name == "help":
            self._screen.plain(self.help())
        elif command.name == "id":
            self._screen.say("●", "", f"{self._connection.name}: {self.state}")
        elif command.name == "connect":
            if self.socket.active:
                self._screen.hint(f"it is {self.state} already" if self.socket.connected else "it does so already")
            self.socket.connect()
        elif command.name == "disconnect":
            if not self.socket.active:
                self._screen.hint("there is no connection")
            elif not self.socket.connected:
                self._screen.bad("it does not try any more")
            self.socket.disconnect()
        elif command.name not in {"quit", "exit"}:
            raise InputError(
                f"there is no command /{command.name}, see /help; the name of an event that begins with / goes in "
                f'quotes: "/{command.name}"'
            )

    @staticmethod
    def help() -> Text:
        """Return what can be typed."""
        text = Text()
        width = max(map(len, [*_LINES, *COMMANDS])) + 2
        for what, means in (*_LINES.items(), *COMMANDS.items()):
            text.append(f"  {what:{width}}", style="bold")
            text.append(f"{means}\n", style="dim")
        text.right_crop(1)
        return text

    # The end

    async def answers(self) -> None:
        """Wait until nothing that was asked waits for its answer, and tell what was not sent."""
        if self._unanswered:
            await self._answers_came.wait()
        if left := len(self.socket.send_buffer):
            self.failed = True
            self._screen.error(f"{left} event{'' if left == 1 else 's'} not sent: there is no connection")

    async def leave(self, within: float) -> None:
        """Disconnect.

        Args:
            within: seconds that it may take.
        """
        self._screen_silent()
        self.socket.disconnect()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._manager.finish(at_once=True)

    def _screen_silent(self) -> None:
        for event in ("connect", "disconnect", "connect_error"):
            self.socket.off(event)
        self.socket.off_any()
        logging.getLogger("antiphon.client").removeHandler(self._log)
