"""The receiving half of a socket: who listens to what, and how an event reaches its handlers.

Source: JavaScript, ``Socket`` of ``socket.io``: ``on``, ``onAny``, ``use``, ``onevent``, ``dispatch``.
"""

from __future__ import annotations

import asyncio
import inspect
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, TypeVarTuple, Unpack, overload

from antiphon.event import AnyEvent, Event
from antiphon.server.handlers import (
    CATCH_ALL,
    EAGER,
    Ack,
    Handler,
    HandlerFunction,
    HandlerFunctionT,
    Handlers,
    check_listened_name,
)
from antiphon.server.registry import check_middleware
from antiphon.server.tasks import is_cancelled_itself
from antiphon.socketio.packet import event_name

if TYPE_CHECKING:
    from antiphon.server.namespace import Namespace

__all__ = ["EventMiddleware", "SocketEvents"]

Ts = TypeVarTuple("Ts")
R = TypeVar("R")

EventMiddleware: TypeAlias = Callable[[list[Any]], object]
"""Sees an event before its handlers: its name and arguments, in a list that it may change. It may be async."""
EventMiddlewareT = TypeVar("EventMiddlewareT", bound=Callable[..., object])


class _Extras:
    """What few sockets have."""

    __slots__ = ("any", "any_outgoing", "middlewares", "tasks")

    def __init__(self) -> None:
        self.any: list[Handler] = []
        self.any_outgoing: list[Handler] = []
        self.middlewares: list[EventMiddleware] = []
        self.tasks: set[asyncio.Task[Any]] = set()


class SocketEvents(ABC):
    """Handlers, catch-all listeners and middlewares of a socket.

    Attributes:
        nsp: the namespace.
        connected: False before the client was told, and after the end.
    """

    __slots__ = ("_deferred", "_ended", "_extras", "_handlers", "_holds", "connected", "nsp")

    def __init__(self, nsp: Namespace) -> None:
        self.nsp: Namespace = nsp
        self.connected: bool = False
        self._handlers: Handlers | None = None
        self._extras: _Extras | None = None
        self._ended = False
        self._holds = 0
        self._deferred: deque[tuple[list[Any], int | None]] | None = None

    @property
    def is_ended(self) -> bool:
        """Whether it has been connected, or asked to be, and is not any more."""
        return self._ended

    # Listening

    @overload
    def on(
        self, event: Event[tuple[*Ts], R]
    ) -> Callable[[Callable[[Unpack[Ts]], R | Awaitable[R]]], Callable[[Unpack[Ts]], R | Awaitable[R]]]: ...
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
        self, event: Event[tuple[*Ts], R]
    ) -> Callable[[Callable[[Unpack[Ts]], R | Awaitable[R]]], Callable[[Unpack[Ts]], R | Awaitable[R]]]: ...
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

    def _more(self) -> _Extras:
        if self._extras is None:
            self._extras = _Extras()
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

    def notify_outgoing(self, event: Sequence[object]) -> None:
        """Tell the listeners of what is sent."""
        if self._extras is not None:
            for handler in list(self._extras.any_outgoing):
                handler.invoke(self, str(event[0]), list(event), None)

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

    # What arrives

    def on_event(self, data: list[Any], ack_id: int | None) -> None:
        """Start the handlers of an event: those of the namespace first, then those of the socket.

        Args:
            data: the name and the arguments; the list is ours to change.
            ack_id: set if the client asked for an acknowledgement.
        """
        if self._holds or self._deferred:
            self._defer(data, ack_id)
            return
        extras = self._extras
        if extras is not None and (extras.any or extras.middlewares):
            self._filter(extras, data, ack_id)
            return
        name = data[0]
        if type(name) is not str:
            name = event_name(name)
        find = self.nsp.find_handlers
        shared = find(name)
        own = None if self._handlers is None else self._handlers.get(name)
        # A plain handler, the only one of its event, is what nearly all events come to. It is called right here.
        if own is None and shared is not None:
            handler = shared[0]
            if handler.is_plain and len(shared) == 1 and handler.needs <= len(data) <= handler.accepts:
                data[0] = self
            else:
                self._dispatch(name, data, self._ack(ack_id))
                return
        elif shared is None and own is not None:
            handler = own[0]
            if handler.is_plain and len(own) == 1 and handler.needs < len(data) <= handler.accepts + 1:
                del data[0]
            else:
                self._dispatch(name, data, self._ack(ack_id))
                return
        else:
            self._dispatch(name, data, self._ack(ack_id))
            return
        try:
            function = handler.function
            result = function(*data)
            if ack_id is not None:
                self.send_ack(ack_id, result if type(result) is tuple else () if result is None else (result,))
        except Exception as error:  # noqa: BLE001 - it goes to the user's hook, never up the reader
            self.report(error, name)

    def _ack(self, ack_id: int | None) -> Ack | None:
        return None if ack_id is None else Ack(self, ack_id)

    def _filter(self, extras: _Extras, data: list[Any], ack_id: int | None) -> None:
        """Let the catch-all listeners and the middlewares see an event."""
        name = event_name(data[0])
        ack = self._ack(ack_id)
        for handler in list(extras.any):
            handler.invoke(self, name, [name, *data[1:]], ack if handler.takes_ack else None)
        self._run(list(extras.middlewares), data, ack)

    def _run(self, middlewares: list[EventMiddleware], data: list[Any], ack: Ack | None) -> None:
        while middlewares:
            try:
                result = middlewares.pop(0)(data)
            except Exception as error:  # noqa: BLE001 - it goes to the error handlers of the socket
                self._reject(error)
                return
            if inspect.isawaitable(result):
                # What comes later must not overtake.
                self._holds += 1
                self.nsp.server.start(self._await_middleware(result, middlewares, data, ack))
                return
        if self.connected and data:
            self._dispatch(event_name(data[0]), data, ack)

    async def _await_middleware(
        self, result: Awaitable[object], middlewares: list[EventMiddleware], data: list[Any], ack: Ack | None
    ) -> None:
        try:
            await result
        except asyncio.CancelledError as error:
            if is_cancelled_itself():
                raise
            self._reject(RuntimeError(f"a middleware has waited for something that was cancelled: {error!r}"))
        except Exception as error:  # noqa: BLE001
            self._reject(error)
        else:
            self._run(middlewares, data, ack)
        finally:
            self._holds -= 1
            self._resume()

    def _dispatch(self, name: str, data: list[Any], ack: Ack | None) -> None:
        """Start all handlers of an event; those of ``*`` if it has none."""
        shared = self.nsp.find_handlers(name)
        own = None if self._handlers is None else self._handlers.get(name)
        if shared is None and own is None:
            shared = self.nsp.find_handlers(CATCH_ALL)
            own = None if self._handlers is None else self._handlers.get(CATCH_ALL)
            if shared is None and own is None:
                return
            self._invoke_all(CATCH_ALL, shared or [], own or [], [name, name, *data[1:]], ack)
        else:
            self._invoke_all(name, shared or [], own or [], data, ack)

    def _invoke_all(
        self, name: str, shared: list[Handler], own: list[Handler], data: list[Any], ack: Ack | None
    ) -> None:
        if ack is not None:
            ack.expect([*shared, *own])
        for handler in shared:
            if handler.once and not self.nsp.registry.events.discard(name, handler):
                continue
            handler.invoke(self, name, [self, *data[1:]], ack)
        for handler in own:
            if handler.once and not (self._handlers is not None and self._handlers.discard(name, handler)):
                continue
            handler.invoke(self, name, data[1:], ack)

    def fire(self, event: str, *args: object) -> None:
        """Call the handlers of an event that the server itself emits."""
        shared = self.nsp.find_handlers(event)
        own = None if self._handlers is None else self._handlers.get(event)
        self._invoke_all(event, shared or [], own or [], [event, *args], None)

    def _reject(self, error: Exception) -> None:
        """Tell the ``error`` handlers why an event was rejected; without one, the log and the user's hook."""
        if self.nsp.find_handlers("error") or (self._handlers is not None and self._handlers.get("error")):
            self.on_error(error)
        else:
            self.report(error, "middleware")

    def on_error(self, error: Exception) -> None:
        """Tell the ``error`` handlers."""
        self.fire("error", error)

    def report(self, error: Exception, event: str) -> None:
        """Log what a handler raised, and tell the user's hook. The connection goes on."""
        self.nsp.server.report(error, event, self._itself())

    @abstractmethod
    def _itself(self) -> Any:
        """Return the socket, as what it is."""

    @abstractmethod
    def send_ack(self, ack_id: int, args: Sequence[object]) -> None:
        """Answer an event."""

    # Order. Before Python 3.12 a task starts in the next turn of the loop: events that come in between have to wait, or
    # their handlers would start before those of earlier events. They wait for async middlewares too.

    def start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run an async handler."""
        if not EAGER:
            self._holds += 1
        self.nsp.server.start(coroutine)

    def started(self) -> None:
        """Be told that an async handler is about to start."""
        self._holds -= 1
        if self._deferred:
            asyncio.get_running_loop().call_soon(self._resume)

    def _defer(self, data: list[Any], ack_id: int | None) -> None:
        if self._deferred is None:
            self._deferred = deque()
        self._deferred.append((data, ack_id))

    def _resume(self) -> None:
        waiting = self._deferred
        while waiting and not self._holds and self.connected:
            self._deferred = None
            self.on_event(*waiting.popleft())
            self._deferred = waiting
        if waiting and not self.connected:
            waiting.clear()

    def _start_deferred(self) -> None:
        """Start the handlers of what the client sent before it left."""
        waiting, self._deferred = self._deferred, None
        if self._extras is not None and self._extras.middlewares:
            # They have not been asked about these, and cannot be any more.
            return
        while waiting and self.connected:
            self._holds = 0
            self.on_event(*waiting.popleft())

    # Tasks

    def start_task(self, coroutine: Coroutine[Any, Any, R], *, name: str | None = None) -> asyncio.Task[R]:
        """Run a coroutine in the background for as long as the socket lives: it is cancelled when the client leaves.

        Args:
            coroutine: what is to run; what it raises is logged, and reaches :meth:`Server.exception_handler`.
            name: for the log.

        Returns:
            The task.

        Raises:
            SocketDisconnected: the client has left already.
        """
        task = self.nsp.server.start_task_for(self._itself(), coroutine, name)
        tasks = self._more().tasks
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        return task

    def _cancel_tasks(self) -> None:
        if self._extras is not None:
            try:
                current = asyncio.current_task()
            except RuntimeError:
                current = None
            for task in list(self._extras.tasks):
                if task is not current:
                    task.cancel()


def _remove(handlers: list[Handler], function: HandlerFunction | None) -> None:
    """Drop the first handler that is this function, or all of them."""
    if function is None:
        handlers.clear()
        return
    for handler in handlers:
        if handler.function == function:
            handlers.remove(handler)
            return
