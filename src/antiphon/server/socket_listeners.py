"""Who listens to a socket: its handlers, catch-all listeners and middlewares.

Source: JavaScript, ``Socket`` of ``socket.io``: ``on``, ``onAny``, ``use``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, TypeVarTuple, Unpack, overload

from antiphon.event import AnyEvent, Event
from antiphon.server.handlers import Handler, HandlerFunction, HandlerFunctionT, Handlers, check_listened_name
from antiphon.server.registry import check_middleware

if TYPE_CHECKING:
    from antiphon.server.namespace import Namespace

__all__ = ["EventMiddleware", "Extras", "SocketListeners"]

Ts = TypeVarTuple("Ts")
R = TypeVar("R")

EventMiddleware: TypeAlias = Callable[[list[Any]], object]
"""Sees an event before its handlers: its name and arguments, in a list that it may change. It may be async."""
EventMiddlewareT = TypeVar("EventMiddlewareT", bound=Callable[..., object])


class Extras:
    """What few sockets have."""

    __slots__ = ("any", "any_outgoing", "last_rooms", "middlewares", "tasks")

    def __init__(self) -> None:
        self.any: list[Handler] = []
        self.any_outgoing: list[Handler] = []
        self.middlewares: list[EventMiddleware] = []
        self.tasks: set[asyncio.Task[Any]] = set()
        self.last_rooms: frozenset[str] | None = None


class SocketListeners:
    """The registering half of a socket.

    Attributes:
        nsp: the namespace.
        connected: False before the client was told, and after the end.
    """

    __slots__ = ("_ended", "_extras", "_handlers", "connected", "nsp")

    def __init__(self, nsp: Namespace) -> None:
        self.nsp: Namespace = nsp
        self.connected: bool = False
        self._handlers: Handlers | None = None
        self._extras: Extras | None = None
        self._ended = False

    @property
    def is_ended(self) -> bool:
        """Whether it has been connected, or asked to be, and is not any more."""
        return self._ended

    # Listening

    @overload
    def on(
        self, event: Event[tuple[*Ts], R], *, thread: bool = False
    ) -> Callable[[Callable[[Unpack[Ts]], R | Awaitable[R]]], Callable[[Unpack[Ts]], R | Awaitable[R]]]: ...
    @overload
    def on(
        self, event: Event[tuple[*Ts], R], handler: Callable[[Unpack[Ts]], R | Awaitable[R]], *, thread: bool = False
    ) -> Callable[[Unpack[Ts]], R | Awaitable[R]]: ...
    @overload
    def on(self, event: str, *, thread: bool = False) -> Callable[[HandlerFunctionT], HandlerFunctionT]: ...
    @overload
    def on(self, event: str, handler: HandlerFunctionT, *, thread: bool = False) -> HandlerFunctionT: ...
    def on(self, event: str | AnyEvent, handler: HandlerFunctionT | None = None, *, thread: bool = False) -> object:
        """Register a handler of an event, directly or as a decorator.

        Besides what the client emits there are ``disconnecting(reason, description)``, while the rooms are still
        joined, ``disconnect(reason, description)``, and ``error(exception)``. The handler of ``"*"`` gets every event
        that has no handler of its own, with its name first.

        Args:
            event: its name.
            handler: gets the arguments of the event; what it returns is the acknowledgement.
            thread: run a plain function in a worker thread, because it blocks.

        Raises:
            ConfigurationError: the handler cannot be one.
        """
        return self._register(event, handler, thread=thread, once=False)

    @overload
    def once(
        self, event: Event[tuple[*Ts], R], *, thread: bool = False
    ) -> Callable[[Callable[[Unpack[Ts]], R | Awaitable[R]]], Callable[[Unpack[Ts]], R | Awaitable[R]]]: ...
    @overload
    def once(
        self, event: Event[tuple[*Ts], R], handler: Callable[[Unpack[Ts]], R | Awaitable[R]], *, thread: bool = False
    ) -> Callable[[Unpack[Ts]], R | Awaitable[R]]: ...
    @overload
    def once(self, event: str, *, thread: bool = False) -> Callable[[HandlerFunctionT], HandlerFunctionT]: ...
    @overload
    def once(self, event: str, handler: HandlerFunctionT, *, thread: bool = False) -> HandlerFunctionT: ...
    def once(self, event: str | AnyEvent, handler: HandlerFunctionT | None = None, *, thread: bool = False) -> object:
        """Register a handler that is called once at most; otherwise as :meth:`on`."""
        return self._register(event, handler, thread=thread, once=True)

    def _register(self, event: str | AnyEvent, handler: HandlerFunctionT | None, *, thread: bool, once: bool) -> object:
        name = check_listened_name(event, "socket.on")

        def register(function: HandlerFunctionT) -> HandlerFunctionT:
            if self._handlers is None:
                self._handlers = Handlers()
            self._handlers.add(name, Handler(function, lead=0, thread=thread, once=once))
            return function

        return register if handler is None else register(handler)

    def off(self, event: str | AnyEvent | None = None, handler: HandlerFunction | None = None) -> None:
        """Drop one handler of an event, all handlers of an event, or all handlers."""
        if self._handlers is not None:
            self._handlers.remove(None if event is None else check_listened_name(event, "socket.off"), handler)

    def remove_listener(self, event: str | AnyEvent, handler: HandlerFunction) -> None:
        """Drop one handler of an event. The same as :meth:`off` with both arguments."""
        self.off(event, handler)

    def remove_all_listeners(self, event: str | AnyEvent | None = None) -> None:
        """Drop all handlers of an event, or all handlers. The same as :meth:`off` without a handler."""
        self.off(event)

    def event_names(self) -> list[str]:
        """Return the events that this socket has handlers of."""
        return [] if self._handlers is None else self._handlers.events

    def listeners(self, event: str | AnyEvent) -> list[HandlerFunction]:
        """Return the handlers of an event that are registered at this socket."""
        name = check_listened_name(event, "socket.listeners")
        return [] if self._handlers is None else self._handlers.functions(name)

    # Catch-all listeners

    def _more(self) -> Extras:
        if self._extras is None:
            self._extras = Extras()
        return self._extras

    def on_any(self, listener: HandlerFunctionT) -> HandlerFunctionT:
        """Register a listener of every event that arrives, directly or as a decorator: ``listener(event, *args)``.

        It is called before the middlewares and handlers; acknowledgements do not reach it. A parameter that is
        annotated with :class:`Ack` gets the acknowledgement function.
        """
        self._more().any.append(Handler(listener, lead=0))
        return listener

    def prepend_any(self, listener: HandlerFunctionT) -> HandlerFunctionT:
        """Do the same as :meth:`on_any`, but before the listeners that are there."""
        self._more().any.insert(0, Handler(listener, lead=0))
        return listener

    def off_any(self, listener: HandlerFunction | None = None) -> None:
        """Drop a listener of every event, or all of them."""
        if self._extras is not None:
            _remove(self._extras.any, listener)

    def listeners_any(self) -> list[HandlerFunction]:
        """Return the listeners of every event."""
        return [] if self._extras is None else [handler.function for handler in self._extras.any]

    def on_any_outgoing(self, listener: HandlerFunctionT) -> HandlerFunctionT:
        """Register a listener of every event that is sent to this client: ``listener(event, *args)``.

        Broadcasts that reach it count, acknowledgements do not.
        """
        self._add_outgoing(len(self._more().any_outgoing), listener)
        return listener

    def prepend_any_outgoing(self, listener: HandlerFunctionT) -> HandlerFunctionT:
        """Do the same as :meth:`on_any_outgoing`, but before the listeners that are there."""
        self._add_outgoing(0, listener)
        return listener

    def off_any_outgoing(self, listener: HandlerFunction | None = None) -> None:
        """Drop a listener of what is sent, or all of them."""
        if self._extras is not None and self._extras.any_outgoing:
            _remove(self._extras.any_outgoing, listener)
            if not self._extras.any_outgoing:
                self.nsp.count_outgoing_listener(-1)

    def listeners_any_outgoing(self) -> list[HandlerFunction]:
        """Return the listeners of what is sent."""
        return [] if self._extras is None else [handler.function for handler in self._extras.any_outgoing]

    def _add_outgoing(self, index: int, listener: HandlerFunction) -> None:
        handler = Handler(listener, lead=0)
        if self._ended:
            # Nothing is sent any more.
            return
        listeners = self._more().any_outgoing
        listeners.insert(index, handler)
        if len(listeners) == 1:
            self.nsp.count_outgoing_listener(1)

    # Middlewares

    def use(self, middleware: EventMiddlewareT) -> EventMiddlewareT:
        """Register a middleware, directly or as a decorator: it gets every event that arrives, before its handlers.

        It gets the name and the arguments in a list, which it may change. To keep the event from its handlers it raises
        an exception, which the ``error`` handlers of the socket get; the client is not told. It may be async: later
        events of this socket then wait until it has ended, so that their order is kept.

        Raises:
            ConfigurationError: it is not a function of one argument.
        """
        self._more().middlewares.append(check_middleware(middleware, "the event as a list"))
        return middleware


def _remove(handlers: list[Handler], function: HandlerFunction | None) -> None:
    """Drop the first handler that is this function, or all of them."""
    if function is None:
        handlers.clear()
        return
    for handler in handlers:
        if handler.function == function:
            handlers.remove(handler)
            return
