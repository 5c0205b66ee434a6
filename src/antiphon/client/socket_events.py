"""The receiving half of a client's socket: how an event reaches its handlers.

Source: JavaScript, ``Socket`` of ``socket.io-client``: ``onevent``, ``emitEvent``.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections import deque
from collections.abc import Coroutine, Sequence
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar, TypeVarTuple, overload
from weakref import ref

from antiphon.client.stream import EventStream
from antiphon.common.handlers import CATCH_ALL, EAGER, Ack, Handler
from antiphon.common.ordering import OrderedListeners
from antiphon.errors import Disconnected
from antiphon.event import AnyEvent, Event
from antiphon.socketio.packet import event_name

if TYPE_CHECKING:
    from antiphon.client.manager import Manager

__all__ = ["Answers", "ClientSocketEvents", "Waits"]

T = TypeVar("T")
U = TypeVar("U")
Ts = TypeVarTuple("Ts")

_MAX_HELD: Final = 100
"""Events that wait for somebody to listen at all."""
_MAX_STREAMED: Final = 10_000


class Waits(NamedTuple):
    """Those who wait for events.

    Attributes:
        streams: for any.
        single: for one of a name.
    """

    streams: list[EventStream]
    single: list[tuple[str, asyncio.Future[Any]]]


class ClientSocketEvents(OrderedListeners):
    """Calls the listeners and handlers of a socket.

    Attributes:
        io: the manager.
        receive_buffer: what came before the connection to the namespace was confirmed, or before anyone could listen.
    """

    __slots__ = ("_answers", "_held", "_holding", "_streams", "_waits", "io", "receive_buffer")

    def __init__(self, io: Manager) -> None:
        super().__init__()
        self.io: Manager = io
        self.receive_buffer: deque[tuple[list[Any], int | None]] = deque()
        # Weak, for a loop over a stream may be left without an end.
        self._streams: list[ref[EventStream]] = []
        self._waits: list[tuple[str, asyncio.Future[Any]]] = []
        self._answers = Answers(self)
        # Events are held while somebody who waits for the connection has not got to run yet, for he is about to listen.
        self._holding = 0
        self._held = False

    # What arrives

    def on_event(self, data: list[Any], ack_id: int | None) -> None:
        """Start the handlers of an event.

        Args:
            data: the name and the arguments; the list is ours to change.
            ack_id: set if the server asked for an acknowledgement.
        """
        if self._holds or self._deferred:
            self._defer(data, ack_id)
            return
        if not self.connected or self._held:
            self._hold(data, ack_id)
            return
        if self._extras is None and not self._streams:
            handlers = self._handlers
            found = None if handlers is None else handlers.get(data[0])
            # A plain handler, the only one of its event, is what nearly all events come to.
            if found is not None and len(found) == 1:
                handler = found[0]
                if handler.is_plain and handler.needs < len(data) <= handler.accepts + 1:
                    self._call(handler, data, ack_id)
                    return
        self._dispatch(data, ack_id)

    def _call(self, handler: Handler, data: list[Any], ack_id: int | None) -> None:
        name = data[0]
        del data[0]
        try:
            result = handler.function(*data)
            if result is not None and type(result) is CoroutineType:
                ack = self._ack(ack_id)
                if ack is not None:
                    ack.expect((handler,))
                handler.go_on(self, name, result, ack)
            elif ack_id is not None:
                self.send_ack(ack_id, result if type(result) is tuple else () if result is None else (result,))
        except Exception as error:  # noqa: BLE001 - it is logged, and never goes up the reader
            self.report(error, name)

    def _ack(self, ack_id: int | None) -> Ack | None:
        # An answer belongs to this connection; after another one the number may be that of another event.
        return None if ack_id is None else Ack(self._answers, ack_id)

    def _dispatch(self, data: list[Any], ack_id: int | None) -> None:
        name = event_name(data[0])
        for stream in self._living_streams():
            stream.push((name, *data[1:]))
        ack = self._ack(ack_id)
        late = False
        for handler in [] if self._extras is None else list(self._extras.any):
            late = self._invoke(handler, name, [name, *data[1:]], ack if handler.takes_ack else None, late)
        handlers = self._handlers
        own = None if handlers is None else handlers.get(name)
        arguments = data[1:]
        if own is None and handlers is not None:
            own, arguments = handlers.get(CATCH_ALL), [name, *arguments]
            name = CATCH_ALL
        if own is not None:
            if ack is not None:
                ack.expect(own)
            self._invoke_own(name, own, arguments, ack, late)

    def _invoke_own(self, name: str, own: list[Handler], arguments: list[Any], ack: Ack | None, late: bool) -> None:
        for handler in own:
            if handler.once and not (self._handlers is not None and self._handlers.discard(name, handler)):
                continue
            late = self._invoke(handler, name, list(arguments), ack, late)

    def fire(self, event: str, *args: object) -> None:
        """Call the handlers of an event of the socket itself, with as many arguments as they take."""
        own = None if self._handlers is None else self._handlers.get(event)
        if own is not None:
            self._invoke_own(event, own, list(args), None, False)

    def send_ack(self, ack_id: int, args: Sequence[object]) -> None:
        """Answer an event."""
        self._answers.send_ack(ack_id, args)

    @abstractmethod
    def answer(self, ack_id: int, args: Sequence[object]) -> None:
        """Send an acknowledgement."""

    def start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run an async handler."""
        if not EAGER:
            self._holds += 1
        self.io.start(coroutine)

    # Holding events back

    def _hold(self, data: list[Any], ack_id: int | None) -> None:
        self.receive_buffer.append((data, ack_id))
        if self._held and not self._holding and len(self.receive_buffer) > _MAX_HELD:
            self.release()

    def _registered(self, name: str) -> None:  # noqa: ARG002 - any will do
        """Be told that somebody listens."""
        if self._held and not self._holding:
            # He may be about to register more.
            asyncio.get_running_loop().call_soon(self.release)

    def _is_listened_to(self) -> bool:
        extras = self._extras
        return bool(
            (self._handlers is not None and self._handlers.events)
            or self._streams
            or (extras is not None and extras.any)
        )

    def release(self) -> None:
        """Handle what was held back."""
        if not self._holding:
            self._held = False
            self._deliver_buffered()

    def _deliver_buffered(self) -> None:
        buffer = self.receive_buffer
        while buffer and self.connected and not self._held:
            data, ack_id = buffer.popleft()
            self.on_event(data, ack_id)

    # Waiting for events

    def events(self) -> EventStream:
        """Return the events from now on, to iterate over: ``async for event, *args in socket.events()``.

        Handlers get them too. It goes on through reconnections, and ends when either side disconnects.
        """
        stream = EventStream(_MAX_STREAMED, self._drop_stream)
        self._streams.append(ref(stream, self._drop_reference))
        self._registered("*")
        if self._is_over():
            stream.end()
        return stream

    def _drop_stream(self, stream: EventStream) -> None:
        self._drop_reference(ref(stream))

    def _drop_reference(self, reference: ref[EventStream]) -> None:
        self._streams = [other for other in self._streams if other is not reference and other() is not reference()]

    def _living_streams(self) -> list[EventStream]:
        streams = self._streams
        return [stream for reference in streams if (stream := reference()) is not None] if streams else []

    @overload
    async def wait_for(self, event: Event[tuple[T], object], *, timeout: float | None = None) -> T: ...
    @overload
    async def wait_for(self, event: Event[tuple[()], object], *, timeout: float | None = None) -> None: ...
    @overload
    async def wait_for(
        self, event: Event[tuple[T, U, *Ts], object], *, timeout: float | None = None
    ) -> tuple[T, U, *Ts]: ...
    @overload
    async def wait_for(self, event: str, *, timeout: float | None = None) -> Any: ...
    async def wait_for(self, event: str | AnyEvent, *, timeout: float | None = None) -> Any:
        """Wait for the next event of a name.

        Args:
            event: its name, or one of the socket itself, such as ``connect`` and ``disconnect``.
            timeout: seconds to wait; None for as long as the socket connects again by itself.

        Returns:
            What came with it: None, the value, or a tuple of several.

        Raises:
            TimeoutError: it did not come in time.
            Disconnected: it will not come, for the socket does not connect again by itself.
            ConnectError: the same, for the connection was given up.
            ConnectionRefused: the same, for the server does not let the client in.
        """
        arrived: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def take(*args: object) -> None:
            if not arrived.done():
                arrived.set_result(args[0] if len(args) == 1 else args or None)

        name = event.name if isinstance(event, Event) else event
        handler = self.once(name, take)
        self._waits.append((name, arrived))
        if self._is_over() and name not in ("connect", "connect_error"):
            self.off(name, handler)
            self._waits.remove((name, arrived))
            raise Disconnected(f"the socket is not connected, {name!r} will not come; call connect() first")
        try:
            async with asyncio.timeout(timeout):
                return await arrived
        except TimeoutError:
            raise TimeoutError(f"{name!r} did not come within {timeout:g} s") from None
        finally:
            self.off(name, handler)
            self._waits.remove((name, arrived))

    @abstractmethod
    def _is_over(self) -> bool:
        """Whether the socket does not connect by itself."""

    def _waits_now(self) -> Waits:
        """Return those who wait for events now."""
        return Waits(self._living_streams(), list(self._waits))

    def _end_waits(self, waits: Waits, error: Exception, told: str, *, quietly: bool) -> None:
        """Tell those who have waited for events that none will come.

        Args:
            waits: those.
            error: why.
            told: the event of the socket itself that has just been told of; who waits for it may hear it late.
            quietly: it was wanted, so that iterating just ends.
        """
        for stream in waits.streams:
            stream.end(None if quietly else error)
        for name, wait in waits.single:
            if name != told and not wait.done():
                wait.set_exception(error)

    # Order

    def _start_deferred(self) -> None:
        """Start the handlers of what came before the connection was lost."""
        waiting, self._deferred = self._deferred, None
        while waiting:
            self._holds = 0
            self.on_event(*waiting.popleft())


class Answers:
    """Sends the acknowledgements of one connection.

    Args:
        socket: whose.
    """

    __slots__ = ("_socket",)

    def __init__(self, socket: ClientSocketEvents) -> None:
        self._socket: ClientSocketEvents | None = socket

    def send_ack(self, ack_id: int, args: Sequence[object]) -> None:
        """Answer an event, unless the connection has been lost since."""
        if self._socket is not None:
            self._socket.answer(ack_id, args)

    def end(self) -> None:
        """Send nothing any more."""
        self._socket = None
