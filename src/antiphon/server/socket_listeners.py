"""Who listens to a socket: its handlers, catch-all listeners and middlewares.

Source: JavaScript, ``Socket`` of ``socket.io``: ``on``, ``onAny``, ``use``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, TypeVarTuple

from antiphon.common.listeners import Extras
from antiphon.common.ordering import OrderedListeners
from antiphon.server.registry import check_middleware
from antiphon.types import DisconnectReason

if TYPE_CHECKING:
    from antiphon.server.namespace import Namespace

__all__ = ["EventMiddleware", "SocketExtras", "SocketListeners"]

Ts = TypeVarTuple("Ts")
R = TypeVar("R")

EventMiddleware: TypeAlias = Callable[[list[Any]], object]
"""Sees an event before its handlers: its name and arguments, in a list that it may change. It may be async."""
EventMiddlewareT = TypeVar("EventMiddlewareT", bound=Callable[..., object])


class SocketExtras(Extras):
    """What few sockets have."""

    __slots__ = ("ending", "last_rooms", "middlewares", "tasks")

    def __init__(self) -> None:
        super().__init__()
        self.middlewares: list[EventMiddleware] = []
        self.tasks: set[asyncio.Task[Any]] = set()
        self.last_rooms: frozenset[str] | None = None
        self.ending: tuple[DisconnectReason, str | None] | None = None


class SocketListeners(OrderedListeners):
    """The registering half of a socket.

    Besides what the client emits there are the events ``disconnecting(reason, description)``, while the rooms are still
    joined, ``disconnect(reason, description)``, and ``error(exception)``.

    Attributes:
        nsp: the namespace.
        connected: False before the client was told, and after the end.
    """

    __slots__ = ("_ended", "nsp")

    _extras: SocketExtras | None

    def __init__(self, nsp: Namespace) -> None:
        super().__init__()
        self.nsp: Namespace = nsp
        self._ended = False

    @property
    def is_ended(self) -> bool:
        """Whether it has been connected, or asked to be, and is not any more."""
        return self._ended

    def _more(self) -> SocketExtras:
        if self._extras is None:
            self._extras = SocketExtras()
        return self._extras

    def _may_send(self) -> bool:
        return not self._ended

    def _count_outgoing(self, change: int) -> None:
        self.nsp.count_outgoing_listener(change)

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
