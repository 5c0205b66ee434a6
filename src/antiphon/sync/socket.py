"""The client in one namespace, blocking."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, TypeVar, TypeVarTuple, cast, overload

from antiphon.client.emitter import Flags
from antiphon.client.manager import Manager as AsyncManager
from antiphon.client.options import Auth, SocketOptionsDict, check_auth
from antiphon.client.socket import ClientSocket
from antiphon.client.states import SocketState
from antiphon.common.handlers import CATCH_ALL, Ack, Context, Handler, HandlerFunctionT, Handlers
from antiphon.common.listeners import AnyListeners
from antiphon.errors import ConfigurationError, Disconnected
from antiphon.event import AnyEvent, Event
from antiphon.socketio.packet import check_event_name
from antiphon.sync.emitter import Emitter
from antiphon.sync.inbox import Inbox, Kept
from antiphon.types import AckFunction, SocketId

if TYPE_CHECKING:
    from antiphon.sync.manager import Manager

__all__ = ["Socket", "invoke", "refuse_coroutine"]

T = TypeVar("T")
U = TypeVar("U")
Ts = TypeVarTuple("Ts")
R = TypeVar("R")

_PLAIN: Final = Flags()
_OWN_EVENTS: Final = ("connect", "connect_error", "disconnect")
_ASYNC_HANDLER: Final = "a handler of the blocking client is a plain function; antiphon.connect takes async ones"
_SENT_AT_LEAST: Final = 100
"""Packets that may wait for the transport before an emit waits for it."""


class Socket(AnyListeners):
    """The client in one namespace of a server: the blocking one. :func:`connect` makes it, and :meth:`Manager.socket`.

    It is kept connected in the background. Its events are those of :class:`antiphon.ClientSocket`. Handlers are called
    in a thread of their own, one after the other; they may block, and use the socket.

    An event that no handler takes is kept (the newest ten thousand are): for :meth:`receive`, for iteration, for
    :meth:`wait_for`, or for a handler that is registered later.

    Attributes:
        io: the manager.
        nsp: the namespace.
    """

    __slots__ = ("__weakref__", "_auth", "_core", "_handing_over", "_inbox", "io", "nsp")

    def __init__(self, io: Manager, core: AsyncManager, nsp: str, options: SocketOptionsDict) -> None:
        super().__init__()
        self.io: Manager = io
        self.nsp: str = nsp
        self._inbox = Inbox()
        # Held while it is decided who gets an event.
        self._handing_over = threading.RLock()
        self._auth: Auth = options.get("auth")
        if callable(self._auth):
            options["auth"] = _in_thread(self._auth)
        self._core: ClientSocket = core.socket(nsp, **options)
        self._core.on_any(self._take)
        self._core.on_any_outgoing(self._take_outgoing)
        for event in _OWN_EVENTS:
            self._core.on(event, self._own(event))
        self._core.on_end = self._on_end

    def __repr__(self) -> str:
        return f"<blocking {self._core!r}>"

    # State

    @property
    def id(self) -> SocketId | None:
        """What the server calls this client in the namespace; None while there is no connection."""
        return self._core.id

    @property
    def state(self) -> SocketState:
        """How the socket stands."""
        return self._core.state

    @property
    def connected(self) -> bool:
        """Whether events go both ways."""
        return self._core.connected

    @property
    def disconnected(self) -> bool:
        """The opposite of ``connected``."""
        return not self._core.connected

    @property
    def active(self) -> bool:
        """Whether it is connected, or connects by itself."""
        return self._core.active

    @property
    def recovered(self) -> bool:
        """Whether the server has restored id, rooms and what was missed."""
        return self._core.recovered

    @property
    def auth(self) -> Auth:
        """What the server gets with each connection to the namespace; a function is asked each time, in a thread."""
        return self._auth

    @auth.setter
    def auth(self, auth: Auth) -> None:
        check_auth(auth)
        self._auth = auth
        self._core.auth = _in_thread(auth) if callable(auth) else auth

    # Connecting

    def begin(self) -> None:
        """Connect in the background."""
        if not self._core.active:
            self._inbox.begin()
            self.io.begin(self._core.connect)

    def connect(self) -> Socket:
        """Connect, and wait until it is connected, however many attempts that takes.

        Raises:
            ConnectionRefused: the server does not let the client in.
            ConnectError: the connection was given up.
        """
        self.begin()
        try:
            self.io.portal.run(self._until_connected())
        except BaseException as error:
            if not self._core.connected:
                # Handlers are told why, unless Ctrl-C was pressed.
                self.end(at_once=not isinstance(error, Exception))
            raise
        return self

    async def _until_connected(self) -> None:
        await self._core

    def open(self) -> Socket:
        """Connect. The same as :meth:`connect`."""
        return self.connect()

    def __enter__(self) -> Socket:
        return self.connect()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.end(at_once=kind is not None)

    def disconnect(self) -> None:
        """Disconnect, and end the threads if no other socket needs them. It does not connect again by itself."""
        self.end(at_once=False)

    def close(self) -> None:
        """Disconnect. The same as :meth:`disconnect`."""
        self.disconnect()

    def end(self, *, at_once: bool) -> None:
        """Disconnect.

        Args:
            at_once: do not wait for handlers.
        """
        if self._core.active:
            self.io.portal.call(self._core.disconnect)
        self.io.release(at_once=at_once)

    # Emitting

    @overload
    def emit(self, event: Event[tuple[*Ts], object], *args: *Ts, ack: AckFunction | None = None) -> None: ...
    @overload
    def emit(self, event: str, *args: object, ack: AckFunction | None = None) -> None: ...
    def emit(self, event: str | AnyEvent, *args: object, ack: AckFunction | None = None) -> None:
        """Emit an event to the server. While there is no connection, it is kept for later (``when_offline``).

        It waits only if the server does not read as fast as events are emitted.

        Args:
            event: its name.
            args: any number of values that the parser can encode; binary may be anywhere in them.
            ack: called with the arguments of the acknowledgement; with ``ack_timeout`` with an error (or None) first.
                To wait for it, use :meth:`emit_with_ack`.

        Raises:
            ReservedEventError: the protocol keeps this name for itself.
            EncodeError: the data cannot be put on the wire.
            PayloadTooLarge: the server would not take so much at once.
            Disconnected: there is no connection, and ``when_offline`` is ``raise``.
            BufferFull: too many events wait for the connection.
        """
        self.emit_with(_PLAIN, event, args, ack)

    def send(self, *args: object) -> None:
        """Emit a ``message`` event."""
        self.emit("message", *args)

    def emit_with(self, flags: Flags, event: str | AnyEvent, args: Sequence[object], ack: AckFunction | None) -> None:
        """Emit an event in a special way; see :meth:`emit`."""
        name = check_event_name(event)
        function: AckFunction | None = None
        if ack is not None:
            given = ack

            def function(*answer: object) -> None:
                # The handlers' thread of then: it may be another one, after another connection.
                self.io.worker.submit(given, *answer)

        if self.io.portal.call(self._emit, flags, name, args, function):
            self.io.portal.run(self._until_drained())

    def _emit(self, flags: Flags, name: str, args: Sequence[object], ack: AckFunction | None) -> bool:
        """Emit in the event loop; return whether more has piled up than is good."""
        # It may not have connected in this thread yet.
        self._core.enter_thread()
        self._core.emit_with(flags, name, args, ack)
        engine = self._core.io.engine
        if engine is None or not self._core.connected:
            return False
        if engine.transport.name == "websocket":
            return not engine.transport.writable and not engine.upgrading
        return len(engine.write_buffer) > _SENT_AT_LEAST

    async def _until_drained(self) -> None:
        engine = self._core.io.engine
        if engine is not None:
            await engine

    @overload
    def emit_with_ack(self, event: Event[tuple[*Ts], R], *args: *Ts, timeout: float | None = None) -> R: ...
    @overload
    def emit_with_ack(self, event: str, *args: object, timeout: float | None = None) -> Any: ...
    def emit_with_ack(self, event: str | AnyEvent, *args: object, timeout: float | None = None) -> Any:
        """Emit an event and wait for its acknowledgement.

        Args:
            event: its name.
            args: any number of values that the parser can encode.
            timeout: seconds to wait; None for ``ack_timeout``, or else for as long as the connection lasts.

        Returns:
            The first argument of the acknowledgement, None if it has none.

        Raises:
            AckTimeout: it did not come in time.
            Disconnected: the connection was lost before it came.
            ReservedEventError, EncodeError, PayloadTooLarge, BufferFull: as :meth:`emit`.
        """
        return Emitter(self, _PLAIN).emit_with_ack(check_event_name(event), *args, timeout=timeout)

    def await_ack(self, flags: Flags, event: str | AnyEvent, args: Sequence[object]) -> Any:
        """Emit an event in a special way, and wait for its acknowledgement; see :meth:`emit_with_ack`."""
        if not self._core.active:
            raise Disconnected("the socket is not connected, no answer will come; call connect() first")
        return self.io.portal.run(self._core.await_ack(flags, event, args))

    def timeout(self, seconds: float) -> Emitter:
        """Limit how long the next emit waits for its acknowledgement.

        Raises:
            ConfigurationError: it is not a number of seconds.
        """
        return Emitter(self, _PLAIN).timeout(seconds)

    @property
    def volatile(self) -> Emitter:
        """Drop the next event if the transport could not take it at once."""
        return Emitter(self, _PLAIN).volatile

    def compress(self, compress: bool) -> Emitter:
        """Say whether the next event may be compressed, where compression was agreed on."""
        return Emitter(self, _PLAIN).compress(compress)

    # Receiving

    def receive(self, timeout: float | None = None) -> tuple[Any, ...]:
        """Return the oldest event that no handler has taken, its name first; wait for one if there is none.

        ::

            event, *args = socket.receive(timeout=5)

        Args:
            timeout: seconds to wait; None for as long as the socket connects again by itself.

        Raises:
            TimeoutError: none came in time.
            Disconnected: none will come, for the socket does not connect again by itself.
            ConnectError: the same, for the connection was given up.
            ConnectionRefused: the same, for the server does not let the client in.
            BufferFull: events were dropped, for more than ten thousand were not taken.
        """
        event = self._inbox.receive(timeout)
        if event is None:
            raise self._inbox.end_error
        return event.name, *event.args

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        """Return the events that no handler takes, until either side disconnects."""
        while (event := self._inbox.receive(None, iterating=True)) is not None:
            yield event.name, *event.args

    @overload
    def wait_for(self, event: Event[tuple[T], object], *, timeout: float | None = None) -> T: ...
    @overload
    def wait_for(self, event: Event[tuple[()], object], *, timeout: float | None = None) -> None: ...
    @overload
    def wait_for(self, event: Event[tuple[T, U, *Ts], object], *, timeout: float | None = None) -> tuple[T, U, *Ts]: ...
    @overload
    def wait_for(self, event: str, *, timeout: float | None = None) -> Any: ...
    def wait_for(self, event: str | AnyEvent, *, timeout: float | None = None) -> Any:
        """Return the oldest event of a name that no handler has taken; wait for the next if there is none.

        Args:
            event: its name, or one of the socket itself, such as ``disconnect``.
            timeout: seconds to wait; None for as long as the socket connects again by itself.

        Returns:
            What came with it: None, the value, or a tuple of several.

        Raises:
            TimeoutError, Disconnected, ConnectError, ConnectionRefused: as :meth:`receive`.
        """
        args = self._inbox.wait_for(event.name if isinstance(event, Event) else event, timeout)
        return args[0] if len(args) == 1 else args or None

    # Handlers. What follows is called in the thread of the event loop, and hands over to that of the handlers.

    def _take(self, name: str, ack: Ack, *args: object) -> None:
        event = Kept(name, args, ack if isinstance(ack, Ack) else None)
        with self._handing_over:
            handled = self._handles(name)
            self._inbox.notify(event, keep=not handled)
            if handled or (self._extras is not None and self._extras.any):
                self.io.worker.submit(self._dispatch, event, handled)

    def _handles(self, name: str) -> bool:
        handlers = self._handlers
        return handlers is not None and bool(handlers.get(name) or handlers.get(CATCH_ALL))

    def _take_outgoing(self, name: str, *args: object) -> None:
        if self._extras is not None and self._extras.any_outgoing:
            self.io.worker.submit(self._tell_outgoing, name, args)

    def _own(self, event: str) -> Callable[..., None]:
        def take(*args: object) -> None:
            self._inbox.notify(Kept(event, args, None), keep=False)
            if self._handlers is not None and self._handlers.get(event):
                self.io.worker.submit(self._call, event, list(args), None)

        return take

    def _on_end(self, error: Exception, quietly: bool) -> None:
        self._inbox.end(error, quietly=quietly)

    def _register(
        self,
        event: str | AnyEvent,
        handler: HandlerFunctionT | None,
        *,
        thread: bool,  # noqa: ARG002 - handlers run in a thread in any case
        once: bool,
    ) -> object:
        return super()._register(event, handler, thread=False, once=once)

    def _accept(self, handler: Handler) -> None:
        if handler.is_async:
            raise ConfigurationError(_ASYNC_HANDLER)

    def _add_handler(self, name: str, handler: Handler) -> None:
        """Register a handler, and give it the events that have waited for it, before any others."""
        with self._handing_over:
            super()._add_handler(name, handler)
            fits: Callable[[str], bool] = (lambda _name: True) if name == CATCH_ALL else (lambda other: other == name)
            for event in self._inbox.take_all(fits):
                self.io.worker.submit(self._dispatch, event, True)

    # In the thread of the handlers

    def _dispatch(self, event: Kept, is_taken: bool) -> None:
        for handler in [] if self._extras is None else list(self._extras.any):
            ack = event.ack if handler.takes_ack else None
            invoke(self, handler, event.name, [event.name, *event.args], ack, None)
        if self._handlers is not None and self._handlers.get(event.name):
            self._call(event.name, list(event.args), event.ack)
        elif self._handlers is not None and self._handlers.get(CATCH_ALL):
            self._call(CATCH_ALL, [event.name, *event.args], event.ack)
        elif is_taken:
            # The handler that it was for has gone meanwhile.
            self._inbox.notify(event, keep=True)

    def _call(self, event: str, args: list[Any], ack: Ack | None) -> None:
        handlers = None if self._handlers is None else self._handlers.get(event)
        if handlers and ack is not None:
            ack.expect(handlers)
        for handler in handlers or ():
            invoke(self, handler, event, list(args), ack, self._handlers)

    def _tell_outgoing(self, name: str, args: Sequence[object]) -> None:
        for handler in [] if self._extras is None else list(self._extras.any_outgoing):
            invoke(self, handler, name, [name, *args], None, None)

    def report(self, error: Exception, event: str) -> None:
        """Log what a handler raised. The connection goes on."""
        self._core.report(error, event)

    def start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Refuse an async handler."""
        refuse_coroutine(coroutine)

    def started(self) -> None:
        """Be told that an async handler starts, which none does here."""


def invoke(
    context: Context,
    handler: Handler,
    event: str,
    args: list[Any],
    ack: Ack | None,
    handlers: Handlers | None,
) -> None:
    """Call a handler, unless it is one to be called once, and was."""
    if handler.once and handlers is not None and not handlers.discard(event, handler):
        return
    try:
        handler.invoke(context, event, args, ack)
    except ConfigurationError as error:
        context.report(error, event)


def refuse_coroutine(coroutine: Coroutine[Any, Any, None]) -> None:
    """Refuse an async handler.

    Raises:
        ConfigurationError: always.
    """
    coroutine.close()
    raise ConfigurationError(
        "a handler of the blocking client is a plain function; take antiphon.connect for async ones"
    )


def _in_thread(auth: Auth) -> Auth:
    """Let a function of the user be asked in a thread, for it may block."""
    function = cast("Callable[[], Any]", auth)
    if inspect.iscoroutinefunction(function):
        return auth

    async def ask() -> Any:
        return await asyncio.to_thread(function)

    return ask
