"""Who listens: the handlers of events, and the catch-all listeners.

Source: JavaScript, ``@socket.io/component-emitter``, and ``onAny`` of ``Socket``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar, TypeVarTuple, Unpack, overload

from antiphon.common.handlers import Handler, HandlerFunction, HandlerFunctionT, Handlers, check_listened_name
from antiphon.event import AnyEvent, Event

__all__ = ["AnyListeners", "Extras", "Listeners"]

Ts = TypeVarTuple("Ts")
R = TypeVar("R")


class Listeners:
    """Something with events that have handlers."""

    __slots__ = ("_handlers",)

    def __init__(self) -> None:
        self._handlers: Handlers | None = None

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

        Besides what the other side emits there are the events of the class itself: its description lists them. The
        handler of ``"*"`` gets every event that has no handler of its own, with its name first.

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
            handler = Handler(function, lead=0, thread=thread, once=once)
            self._accept(handler)
            self._add_handler(name, handler)
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
        """Return the events that there are handlers of here."""
        return [] if self._handlers is None else self._handlers.events

    def listeners(self, event: str | AnyEvent) -> list[HandlerFunction]:
        """Return the handlers of an event that are registered here."""
        name = check_listened_name(event, "socket.listeners")
        return [] if self._handlers is None else self._handlers.functions(name)

    def has_listeners(self, event: str | AnyEvent) -> bool:
        """Tell whether an event has a handler that is registered here. JavaScript: ``hasListeners``."""
        return bool(self.listeners(event))

    def _add_handler(self, name: str, handler: Handler) -> None:
        if self._handlers is None:
            self._handlers = Handlers()
        self._handlers.add(name, handler)
        self._registered(name)

    def _accept(self, handler: Handler) -> None:
        """Refuse a handler, by an exception, that cannot be one here."""

    def _registered(self, name: str) -> None:
        """Be told that an event has got a handler; ``*`` stands for all."""


class Extras:
    """The listeners that few have."""

    __slots__ = ("any", "any_outgoing")

    def __init__(self) -> None:
        self.any: list[Handler] = []
        self.any_outgoing: list[Handler] = []


class AnyListeners(Listeners):
    """The same, with listeners of whatever arrives and whatever is sent."""

    __slots__ = ("_extras",)

    def __init__(self) -> None:
        super().__init__()
        self._extras: Extras | None = None

    def _more(self) -> Extras:
        if self._extras is None:
            self._extras = Extras()
        return self._extras

    def on_any(self, listener: HandlerFunctionT) -> HandlerFunctionT:
        """Register a listener of every event that arrives, directly or as a decorator: ``listener(event, *args)``.

        It is called before all others; acknowledgements do not reach it. A parameter that is
        annotated with :class:`Ack` gets the acknowledgement function.
        """
        self._more().any.append(Handler(listener, lead=0))
        self._registered("*")
        return listener

    def prepend_any(self, listener: HandlerFunctionT) -> HandlerFunctionT:
        """Do the same as :meth:`on_any`, but before the listeners that are there."""
        self._more().any.insert(0, Handler(listener, lead=0))
        self._registered("*")
        return listener

    def off_any(self, listener: HandlerFunction | None = None) -> None:
        """Drop a listener of every event, or all of them."""
        if self._extras is not None:
            _remove(self._extras.any, listener)

    def listeners_any(self) -> list[HandlerFunction]:
        """Return the listeners of every event."""
        return [] if self._extras is None else [handler.function for handler in self._extras.any]

    def on_any_outgoing(self, listener: HandlerFunctionT) -> HandlerFunctionT:
        """Register a listener of every event that is sent: ``listener(event, *args)``.

        Broadcasts count as well, acknowledgements do not.
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
                self._count_outgoing(-1)

    def listeners_any_outgoing(self) -> list[HandlerFunction]:
        """Return the listeners of what is sent."""
        return [] if self._extras is None else [handler.function for handler in self._extras.any_outgoing]

    def _add_outgoing(self, index: int, listener: HandlerFunction) -> None:
        handler = Handler(listener, lead=0)
        if not self._may_send():
            return
        listeners = self._more().any_outgoing
        listeners.insert(index, handler)
        if len(listeners) == 1:
            self._count_outgoing(1)

    def _may_send(self) -> bool:
        """Whether anything may be sent still."""
        return True

    def _count_outgoing(self, change: int) -> None:
        """Be told that somebody listens to what is sent now (1), or nobody any more (-1)."""


def _remove(handlers: list[Handler], function: HandlerFunction | None) -> None:
    """Drop the first handler that is this function, or all of them."""
    if function is None:
        handlers.clear()
        return
    for handler in handlers:
        if handler.function == function:
            handlers.remove(handler)
            return
