"""The Socket.IO server, however it is reached.

Source: JavaScript, ``Server`` of ``socket.io`` (``server-api.md``, ``server-instance.md``).
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from threading import get_ident
from typing import Any, TypeAlias, TypeVar, Unpack, overload

from antiphon.errors import ConfigurationError
from antiphon.server.broadcast import BroadcastOperator
from antiphon.server.connection import Connection
from antiphon.server.engine import Engine
from antiphon.server.engine_socket import EngineSocket
from antiphon.server.handlers import HandlerFunction, HandlerFunctionT
from antiphon.server.namespace import Namespace
from antiphon.server.options import Options, OptionsDict
from antiphon.server.socket import Socket
from antiphon.types import Room

__all__ = ["ExceptionHandler", "Server"]

logger = logging.getLogger("antiphon.server")

ExceptionHandler: TypeAlias = Callable[[Exception, str, Socket], object]
"""Gets what a handler raised, the name of the event, and the socket."""

ExceptionHandlerT = TypeVar("ExceptionHandlerT", bound=ExceptionHandler)


class Server:
    """The Socket.IO server.

    What is said to the server itself is said to its main namespace, ``/``.

    Args:
        options: see :class:`Options`.

    Raises:
        ConfigurationError: an option is unknown, or its value makes no sense.

    Attributes:
        options: the options.
        parser: encodes and decodes packets.
        engine: the Engine.IO server.
        sockets: the main namespace.
    """

    def __init__(self, **options: Unpack[OptionsDict]) -> None:
        self.options = Options.build(options)
        self.parser = self.options.wire_parser
        self.engine = Engine(self.options)
        self.engine.on_connection = self.on_connection
        self._namespaces: dict[str, Namespace] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._exception_handler: ExceptionHandler | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing: asyncio.Task[None] | None = None
        self.thread: int | None = None
        self.sockets = self.of("/")

    # Namespaces

    def of(self, name: str) -> Namespace:
        """Return a namespace; it is made when it is asked for first.

        Raises:
            ConfigurationError: the name is not a string, or one that the protocol cannot carry.
        """
        if not isinstance(name, str):
            raise ConfigurationError(f"the name of a namespace must be a string, not {name!r}")
        if not name.startswith("/"):
            name = f"/{name}"
        if "," in name:
            raise ConfigurationError(f"the name of a namespace must not have a comma: {name!r}")
        namespace = self._namespaces.get(name)
        if namespace is None:
            namespace = self._namespaces[name] = Namespace(self, name)
        return namespace

    def find_namespace(self, name: str) -> Namespace | None:
        """Return a namespace if it exists."""
        return self._namespaces.get(name)

    # The main namespace

    @overload
    def on(self, event: str, *, thread: bool = False) -> Callable[[HandlerFunctionT], HandlerFunctionT]: ...
    @overload
    def on(self, event: str, handler: HandlerFunctionT, *, thread: bool = False) -> HandlerFunctionT: ...
    def on(self, event: str, handler: HandlerFunctionT | None = None, *, thread: bool = False) -> object:
        """Register a handler of ``connection`` in the main namespace; see :meth:`Namespace.on`."""
        if handler is None:
            return self.sockets.on(event, thread=thread)
        return self.sockets.on(event, handler, thread=thread)

    @overload
    def once(self, event: str, *, thread: bool = False) -> Callable[[HandlerFunctionT], HandlerFunctionT]: ...
    @overload
    def once(self, event: str, handler: HandlerFunctionT, *, thread: bool = False) -> HandlerFunctionT: ...
    def once(self, event: str, handler: HandlerFunctionT | None = None, *, thread: bool = False) -> object:
        """Register a handler that is called once at most; see :meth:`Namespace.once`."""
        if handler is None:
            return self.sockets.once(event, thread=thread)
        return self.sockets.once(event, handler, thread=thread)

    def off(self, event: str | None = None, handler: HandlerFunction | None = None) -> None:
        """Drop handlers of the main namespace; see :meth:`Namespace.off`."""
        self.sockets.off(event, handler)

    @overload
    def event(self, name: str, *, thread: bool = False) -> Callable[[HandlerFunctionT], HandlerFunctionT]: ...
    @overload
    def event(self, name: HandlerFunctionT) -> HandlerFunctionT: ...
    def event(self, name: str | HandlerFunctionT, *, thread: bool = False) -> object:
        """Decorate the handler of an event for every client of the main namespace; see :meth:`Namespace.event`."""
        return self.sockets.event(name, thread=thread) if isinstance(name, str) else self.sockets.event(name)

    def to(self, *rooms: Room | Iterable[Room]) -> BroadcastOperator:
        """Select everyone in these rooms."""
        return self.sockets.to(*rooms)

    def in_(self, *rooms: Room | Iterable[Room]) -> BroadcastOperator:
        """Do the same as :meth:`to`."""
        return self.sockets.to(*rooms)

    def except_(self, *rooms: Room | Iterable[Room]) -> BroadcastOperator:
        """Select everyone but those in these rooms."""
        return self.sockets.except_(*rooms)

    def emit(self, event: str, *args: object) -> Awaitable[None]:
        """Emit an event to everyone in the main namespace; returns and raises as :meth:`BroadcastOperator.emit`."""
        return self.sockets.emit(event, *args)

    def send(self, *args: object) -> Awaitable[None]:
        """Emit a ``message`` event to everyone in the main namespace."""
        return self.sockets.send(*args)

    # Errors

    def exception_handler(self, function: ExceptionHandlerT) -> ExceptionHandlerT:
        """Decorate the function that gets what handlers raise, besides the log: ``function(error, event, socket)``.

        Raises:
            ConfigurationError: it is not a function.
        """
        if not callable(function):
            raise ConfigurationError(f"an exception handler is a function(error, event, socket), not {function!r}")
        self._exception_handler = function
        return function

    def report(self, error: Exception, event: str, socket: Socket) -> None:
        """Log what a handler raised, and tell the user's function."""
        where = f"the handler of {event!r} in {socket.nsp.name} failed for {socket.id}"
        logger.error("%s: %s", where, error, exc_info=error)
        if self._exception_handler is not None:
            try:
                self._exception_handler(error, event, socket)
            except Exception:
                logger.exception("the exception handler itself failed")

    # Connections, tasks and threads

    def on_connection(self, conn: EngineSocket) -> None:
        """Serve the client behind an Engine.IO session. JavaScript: ``onconnection``."""
        self._loop = asyncio.get_running_loop()
        self.thread = get_ident()
        Connection(self, conn)

    def start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine as a task of the server."""
        loop = asyncio.get_running_loop()
        if sys.version_info >= (3, 12):
            # Started at once, it need not be scheduled if it never waits.
            task = asyncio.Task(coroutine, loop=loop, eager_start=True)
            if task.done():
                return
        else:
            task = loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def call_from_thread(self, function: Callable[..., object], *args: object) -> None:
        """Call a function in the thread of the event loop; order is kept for each calling thread."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(function, *args)

    @staticmethod
    def now() -> float:
        """Return the time of day, in seconds since 1970."""
        return time.time()

    def begin_close(self) -> asyncio.Task[None]:
        """Start :meth:`close`, if it has not been started; return its task."""
        loop = asyncio.get_running_loop()
        if self._closing is None or self._closing.done() or self._closing.get_loop() is not loop:
            # A task of its own: who waits for it may be one of the handlers that it cancels.
            self._closing = loop.create_task(self._close(asyncio.current_task()))
        return self._closing

    async def close(self) -> None:
        """Disconnect every client, with the reason ``server shutting down``, and end every session.

        Clients see the connection close and try to come back. Handlers that still run are cancelled, but not the one
        that calls this.
        """
        await asyncio.shield(self.begin_close())

    async def _close(self, caller: asyncio.Task[Any] | None) -> None:
        running = {task for task in self._tasks if task is not caller}
        for namespace in list(self._namespaces.values()):
            for socket in list(namespace.sockets.values()):
                socket.on_close("server shutting down")
        self.engine.close()
        for task in running:
            task.cancel()
        # What is left are the handlers of the disconnections just now: they may finish.
        tasks = {*running, *self._tasks}
        await asyncio.gather(*(task for task in tasks if task is not caller), return_exceptions=True)
        self._loop = self.thread = None
