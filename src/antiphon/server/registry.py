"""What an application has registered at a namespace: handlers, middlewares.

Source: JavaScript, ``Namespace`` of ``socket.io``; handlers for every socket of a namespace are ours.
"""

from __future__ import annotations

import inspect
import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar, TypeVarTuple, Unpack, overload

from antiphon.common.handlers import Handler, HandlerFunction, HandlerFunctionT, Handlers, check_listened_name
from antiphon.common.signatures import check_function
from antiphon.errors import ConfigurationError
from antiphon.event import AnyEvent, Event
from antiphon.socketio.packet import RESERVED_EVENTS

if TYPE_CHECKING:
    from antiphon.server.socket import Socket

__all__ = ["CONNECTION_EVENTS", "Middleware", "Registering", "Registry", "on"]

logger: logging.Logger = logging.getLogger("antiphon.server")

Ts = TypeVarTuple("Ts")
R = TypeVar("R")
NamespaceT = TypeVar("NamespaceT")

CONNECTION_EVENTS: Final = ("connect", "connection")

_OWN_EVENTS: Final = (*CONNECTION_EVENTS, "new_namespace")
_MARK: Final = "__antiphon_event__"

Middleware: TypeAlias = "Callable[[Socket], object]"
"""Decides about a socket that asks to join: it raises ConnectionRefused, or lets it pass. It may be async."""
MiddlewareT = TypeVar("MiddlewareT", bound=Callable[..., object])


@overload
def on(
    name: Event[tuple[*Ts], R],
) -> Callable[
    [Callable[[NamespaceT, Socket, Unpack[Ts]], R | Awaitable[R]]],
    Callable[[NamespaceT, Socket, Unpack[Ts]], R | Awaitable[R]],
]: ...
@overload
def on(name: str) -> Callable[[HandlerFunctionT], HandlerFunctionT]: ...
def on(name: str | AnyEvent) -> Callable[..., object]:
    """Make a method of a :class:`Namespace` subclass the handler of an event that cannot be the name of a method.

    ::

        class Chat(Namespace):
            @on("chat message")
            async def message(self, socket, text): ...
    """
    event = check_listened_name(name, "on")

    def mark(method: HandlerFunctionT) -> HandlerFunctionT:
        setattr(method, _MARK, event)
        return method

    return mark


class Registry:
    """The handlers and middlewares of a namespace.

    Attributes:
        connection: the handlers of ``connect`` and ``connection``; they get the socket.
        events: the handlers of what clients emit; they get the socket first.
        server_side: the handlers of what other servers emit, and of ``new_namespace``.
        middlewares: what decides about sockets that ask to join, in order.
    """

    __slots__ = ("connection", "events", "middlewares", "server_side")

    def __init__(self) -> None:
        self.connection: Handlers = Handlers()
        self.events: Handlers = Handlers()
        self.server_side: Handlers = Handlers()
        self.middlewares: list[Middleware] = []

    def update(self, other: Registry) -> None:
        """Register what another one has."""
        self.connection.update(other.connection)
        self.events.update(other.events)
        self.server_side.update(other.server_side)
        self.middlewares.extend(other.middlewares)

    def add_methods(self, namespace: object, base: type) -> None:
        """Register the methods of a class-based namespace: ``on_<event>``, and those marked by :func:`on`."""
        for attribute in dir(type(namespace)):
            function = inspect.getattr_static(type(namespace), attribute)
            event = getattr(function, _MARK, None)
            if event is None and attribute.startswith("on_") and not hasattr(base, attribute):
                event = attribute.removeprefix("on_")
            if event is not None and callable(function):
                handlers = self.connection if event in CONNECTION_EVENTS else self.events
                handlers.add(event, Handler(getattr(namespace, attribute), lead=1))


class Registering(ABC):
    """Where handlers and middlewares are registered: a namespace, or the server for its main namespace."""

    @property
    @abstractmethod
    def registry(self) -> Registry:
        """What has been registered."""

    @abstractmethod
    def _warn_of_server_side_event(self, event: str) -> None:
        """Tell the user if a handler of a server-side event will not get anything."""

    @overload
    def on(self, event: str, *, thread: bool = False) -> Callable[[HandlerFunctionT], HandlerFunctionT]: ...
    @overload
    def on(self, event: str, handler: HandlerFunctionT, *, thread: bool = False) -> HandlerFunctionT: ...
    def on(self, event: str, handler: HandlerFunctionT | None = None, *, thread: bool = False) -> object:
        """Register a handler of ``connection`` (or ``connect``): it gets each socket that has joined.

        The main namespace has ``new_namespace`` too, whose handlers get each namespace that is made. Any other event is
        one that another server of the cluster emits with :meth:`server_side_emit`. For what clients emit use
        :meth:`event`, or ``socket.on``.

        Args:
            event: its name.
            handler: the function; None to decorate one.
            thread: run a plain function in a worker thread, because it blocks.

        Raises:
            ConfigurationError: the name is reserved, or the handler cannot be one.
        """
        return self._register(event, handler, thread=thread, once=False)

    @overload
    def once(self, event: str, *, thread: bool = False) -> Callable[[HandlerFunctionT], HandlerFunctionT]: ...
    @overload
    def once(self, event: str, handler: HandlerFunctionT, *, thread: bool = False) -> HandlerFunctionT: ...
    def once(self, event: str, handler: HandlerFunctionT | None = None, *, thread: bool = False) -> object:
        """Register a handler that is called once at most; otherwise as :meth:`on`."""
        return self._register(event, handler, thread=thread, once=True)

    def _register(self, event: str, handler: HandlerFunctionT | None, *, thread: bool, once: bool) -> object:
        name = check_listened_name(event, "io.on")
        if name in RESERVED_EVENTS and name not in CONNECTION_EVENTS:
            raise ConfigurationError(
                f'for "{name}" of every client use io.event("{name}"), for one socket.on("{name}")'
            )

        def register(function: HandlerFunctionT) -> HandlerFunctionT:
            registry = self.registry
            handlers = registry.connection if name in CONNECTION_EVENTS else registry.server_side
            handlers.add(name, Handler(function, lead=1 if name in _OWN_EVENTS else 0, thread=thread, once=once))
            if name not in _OWN_EVENTS:
                self._warn_of_server_side_event(name)
            return function

        return register if handler is None else register(handler)

    def off(self, event: str | AnyEvent | None = None, handler: HandlerFunction | None = None) -> None:
        """Drop one handler of an event, all handlers of an event, or all handlers."""
        name = None if event is None else check_listened_name(event, "io.off")
        registry = self.registry
        for handlers in (registry.connection, registry.events, registry.server_side):
            handlers.remove(name, handler)

    def remove_all_listeners(self, event: str | AnyEvent | None = None) -> None:
        """Drop all handlers of an event, or all handlers. The same as :meth:`off` without a handler."""
        self.off(event)

    @overload
    def event(
        self, name: Event[tuple[*Ts], R], *, thread: bool = False
    ) -> Callable[
        [Callable[[Socket, Unpack[Ts]], R | Awaitable[R]]], Callable[[Socket, Unpack[Ts]], R | Awaitable[R]]
    ]: ...
    @overload
    def event(self, name: str, *, thread: bool = False) -> Callable[[HandlerFunctionT], HandlerFunctionT]: ...
    @overload
    def event(self, name: HandlerFunctionT) -> HandlerFunctionT: ...
    def event(self, name: str | AnyEvent | HandlerFunctionT, *, thread: bool = False) -> object:
        """Decorate the handler of an event for every socket of the namespace; it gets the socket first.

        It costs no memory per connection. Without parentheses the event has the name of the function. The handler of
        ``"*"`` gets every event that has no handler of its own, with its name: ``(socket, event, *args)``.

        Raises:
            ConfigurationError: the handler cannot be one.
        """
        if not isinstance(name, str | Event):
            return self._register_event(getattr(name, "__name__", ""), name, thread=thread)
        known = check_listened_name(name, "io.event")

        def register(function: HandlerFunctionT) -> HandlerFunctionT:
            return self._register_event(known, function, thread=thread)

        return register

    def _register_event(self, name: str, function: HandlerFunctionT, *, thread: bool) -> HandlerFunctionT:
        handlers = self.registry.connection if name in CONNECTION_EVENTS else self.registry.events
        handlers.add(name, Handler(function, lead=1, thread=thread))
        return function

    def use(self, middleware: MiddlewareT) -> MiddlewareT:
        """Register a middleware, directly or as a decorator: it gets each socket that asks to join, before it has.

        Middlewares are called one after the other, in the order of their registration. To refuse the client, raise
        :class:`ConnectionRefused`: the client gets ``connect_error`` with its message and data. Any other exception
        refuses it too, without a word of what it was. The middleware may be async. What it returns is ignored.

        Raises:
            ConfigurationError: it is not a function of one argument.
        """
        self.registry.middlewares.append(check_middleware(middleware, "a socket"))
        return middleware


def check_middleware(middleware: MiddlewareT, argument: str) -> MiddlewareT:
    """Check that a middleware can be called with one argument, and return it.

    Raises:
        ConfigurationError: it cannot.
    """
    check_function(middleware, "a middleware", argument)
    return middleware
