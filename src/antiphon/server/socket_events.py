"""The receiving half of a socket: how an event reaches its handlers, and in which order.

Source: JavaScript, ``Socket`` of ``socket.io``: ``onevent``, ``dispatch``.
"""

from __future__ import annotations

import asyncio
import inspect
from abc import abstractmethod
from collections.abc import Awaitable, Coroutine
from types import CoroutineType
from typing import Any, TypeVar

from antiphon.common.handlers import CATCH_ALL, EAGER, Ack, Handler
from antiphon.common.tasks import FAILURES, as_exception, is_cancelled_itself
from antiphon.server.socket_listeners import EventMiddleware, SocketExtras, SocketListeners
from antiphon.socketio.packet import event_name

__all__ = ["SocketEvents"]

R = TypeVar("R")


class SocketEvents(SocketListeners):
    """Calls the middlewares, listeners and handlers of a socket."""

    __slots__ = ()

    # What arrives

    def on_event(self, data: list[Any], ack_id: int | None) -> None:  # noqa: C901, PLR0912 - nothing is faster
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
            if result is not None and type(result) is CoroutineType:
                # A plain function that returns the coroutine of another one, as decorators and lambdas do.
                ack = self._ack(ack_id)
                if ack is not None:
                    ack.expect((handler,))
                handler.go_on(self, name, result, ack)
            elif ack_id is not None:
                self.send_ack(ack_id, result if type(result) is tuple else () if result is None else (result,))
        except FAILURES as error:
            # It goes to the user's hook, never up the reader.
            self.report(as_exception(error), name)

    def _filter(self, extras: SocketExtras, data: list[Any], ack_id: int | None) -> None:
        """Let the catch-all listeners and the middlewares see an event."""
        name = event_name(data[0])
        ack = self._ack(ack_id)
        late = False
        for handler in list(extras.any):
            late = self._invoke(handler, name, [name, *data[1:]], ack if handler.takes_ack else None, late)
        if late:
            # Before Python 3.12 the listeners begin in the next turn of the loop; the handlers come after them.
            self._holds += 1
            asyncio.get_running_loop().call_soon(self._run_late, list(extras.middlewares), data, ack)
        else:
            self._run(list(extras.middlewares), data, ack)

    def _run_late(self, middlewares: list[EventMiddleware], data: list[Any], ack: Ack | None) -> None:
        self._holds -= 1
        self._run(middlewares, data, ack)
        self._resume()

    def _run(self, middlewares: list[EventMiddleware], data: list[Any], ack: Ack | None) -> None:
        while middlewares:
            try:
                result = middlewares.pop(0)(data)
            except FAILURES as error:
                self._reject(as_exception(error))
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
        except FAILURES as error:
            if is_cancelled_itself():
                raise
            self._reject(as_exception(error))
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
        late = False
        for handler in shared:
            if handler.once and not self.nsp.registry.events.discard(name, handler):
                continue
            late = self._invoke(handler, name, [self, *data[1:]], ack, late)
        for handler in own:
            if handler.once and not (self._handlers is not None and self._handlers.discard(name, handler)):
                continue
            late = self._invoke(handler, name, data[1:], ack, late)

    def _awaits_handlers(self) -> bool:
        """Whether the handlers of what has come have not got to run yet."""
        return not EAGER and self._holds > 0

    def _has_started_late(self, event: str) -> bool:
        """Whether an event has async handlers, which are begun but have not got to run yet."""
        if EAGER:
            return False
        own = None if self._handlers is None else self._handlers.get(event)
        return any(handler.is_async for handler in [*(self.nsp.find_handlers(event) or ()), *(own or ())])

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

    # Order. Before Python 3.12 a task starts in the next turn of the loop: events that come in between have to wait, or
    # their handlers would start before those of earlier events. They wait for async middlewares too.

    def start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run an async handler."""
        if not EAGER:
            self._holds += 1
        self.nsp.server.start(coroutine)

    def _start_deferred(self) -> None:
        """Start the handlers of what the client sent before it left."""
        waiting, self._deferred = self._deferred, None
        if self._extras is not None and self._extras.middlewares:
            # They have not been asked about these, and cannot be any more.
            return
        holds = self._holds
        while waiting and self.connected:
            self._holds = 0
            self.on_event(*waiting.popleft())
            holds += self._holds
        self._holds = holds

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
                if task is not current and not self.nsp.server.closing.spares(task):
                    task.cancel()
