"""The Socket.IO server, however it is reached.

Source: JavaScript, ``Server`` of ``socket.io`` (``server-api.md``, ``server-instance.md``).
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import re
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine
from threading import get_ident
from typing import Any, TypeAlias, TypeVar, Unpack, cast, overload

from antiphon.cluster.selection import BroadcastOptions
from antiphon.common.signatures import check_function
from antiphon.common.tasks import FAILURES, is_cancelled_itself
from antiphon.errors import ConfigurationError, SocketDisconnected
from antiphon.server.adapter import Adapter, AdapterFactory
from antiphon.server.broadcast import Broadcasting
from antiphon.server.closing import Closing
from antiphon.server.connection import Connection
from antiphon.server.engine import Engine
from antiphon.server.engine_socket import EngineSocket
from antiphon.server.namespace import Namespace
from antiphon.server.options import Options, OptionsDict
from antiphon.server.parent_namespace import NamespaceFunction, NamespaceMatch, ParentNamespace
from antiphon.server.registry import Registering, Registry
from antiphon.server.session_aware_adapter import SessionAwareAdapter
from antiphon.server.socket import Socket
from antiphon.socketio.broadcast_acks import Responses
from antiphon.socketio.parser import Parser
from antiphon.types import AckFunction

__all__ = ["ExceptionHandler", "Server"]

logger: logging.Logger = logging.getLogger("antiphon.server")

ExceptionHandler: TypeAlias = Callable[[Exception, str, "Socket | None"], object]
"""Gets what a handler raised, the name of the event, and the socket, None if there is none. It may be async."""

ExceptionHandlerT = TypeVar("ExceptionHandlerT", bound=Callable[..., object])
NamespaceT = TypeVar("NamespaceT", bound=Namespace)
BackgroundT = TypeVar("BackgroundT", bound=Callable[[], Coroutine[Any, Any, object]])
T = TypeVar("T")

"""Seconds that handlers of disconnections have to finish when the server closes."""


class Server(Registering, Broadcasting):
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
        parents: what makes namespaces when clients ask for them, in the order in which it is asked.
        thread: the thread of the event loop; None as long as nobody has connected.
    """

    def __init__(self, **options: Unpack[OptionsDict]) -> None:
        self.options: Options = Options.build(options)
        self.parser: Parser = self.options.wire_parser
        self.engine: Engine = Engine(self.options)
        self.engine.on_connection = self.on_connection
        self._adapter: AdapterFactory = self.options.adapter or (
            Adapter if self.options.recovery is None else SessionAwareAdapter
        )
        self._namespaces: dict[str, Namespace] = {}
        self.parents: list[ParentNamespace] = []
        self._tasks: set[asyncio.Task[Any]] = set()
        self._background: list[Callable[[], Coroutine[Any, Any, object]]] = []
        self._early: list[Callable[[], object]] = []
        self._exception_handler: Callable[..., object] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.closing: Closing = Closing(self.engine, self._namespaces, self._tasks, self._on_closed)
        self.thread: int | None = None
        self.sockets: Namespace = Namespace(self, "/")
        self._namespaces["/"] = self.sockets

    # Namespaces

    @overload
    def of(self, name: str, namespace_class: type[NamespaceT]) -> NamespaceT: ...
    @overload
    def of(self, name: str, namespace_class: Callable[[Socket], object] | None = None) -> Namespace: ...
    @overload
    def of(
        self,
        name: re.Pattern[str] | NamespaceFunction,
        namespace_class: type[Namespace] | Callable[[Socket], object] | None = None,
    ) -> ParentNamespace: ...
    def of(
        self,
        name: str | re.Pattern[str] | NamespaceFunction,
        namespace_class: type[Namespace] | Callable[[Socket], object] | None = None,
    ) -> Namespace:
        """Return a namespace; it is made when it is asked for first.

        Args:
            name: its name; or a compiled pattern, or a function ``(name, auth)`` that may be async, for namespaces that
                are made when a client asks for them; ``"*"`` for any that nothing else has made. These return a
                parent, whose handlers and middlewares each of them begins with.
            namespace_class: a subclass of :class:`Namespace` with handlers as methods; or a handler of ``connection``.

        Raises:
            ConfigurationError: the name is none, or one that the protocol cannot carry; or the namespace is there
                already, with sockets, and is not of this class.
        """
        is_class = isinstance(namespace_class, type) and issubclass(namespace_class, Namespace)
        wanted = cast("type[Namespace]", namespace_class) if is_class else Namespace
        if isinstance(name, str) and name != "*":
            namespace = self._static(name, wanted)
        else:
            namespace = self._parent(_anything if name == "*" else name, wanted, last=name == "*")
        if namespace_class is not None and not is_class:
            namespace.on("connection", cast("Callable[..., object]", namespace_class))
        return namespace

    def _static(self, name: str, wanted: type[Namespace]) -> Namespace:
        if not name.startswith("/"):
            name = f"/{name}"
        if "," in name:
            raise ConfigurationError(f"the name of a namespace must not have a comma: {name!r}")
        known = self._namespaces.get(name)
        if known is not None and isinstance(known, wanted):
            return known
        if known is not None:
            if known.sockets or known.waiting:
                raise ConfigurationError(f"{name} has clients already, and is no {wanted.__name__}")
            self.call(known.end)
            replacement = self._add(name, wanted, known.registry)
            for parent in self.parents:
                if known in parent.children:
                    parent.children.discard(known)
                    parent.children.add(replacement)
            return replacement
        for parent in self.parents:
            if wanted is Namespace and parent.is_pattern and parent.allows(name, {}):
                return self.child_of(parent, name)
        return self._add(name, wanted)

    def _add(self, name: str, wanted: type[Namespace], registry: Registry | None = None) -> Namespace:
        namespace = wanted(self, name)
        if registry is not None:
            namespace.share(registry)
        self._install(namespace)
        return namespace

    def _install(self, namespace: Namespace) -> None:
        self._namespaces[namespace.name] = namespace
        if self.is_running:
            self.call(namespace.begin)
        if namespace.name == "/":
            self.sockets = namespace
        else:
            self.call(self.sockets.announce, namespace)

    def _parent(self, match: object, child_class: type[Namespace], *, last: bool) -> ParentNamespace:
        if not isinstance(match, re.Pattern) and not callable(match):
            raise ConfigurationError(
                f"the name of a namespace must be a string, a compiled pattern or a function, not {match!r}"
            )
        if not isinstance(match, re.Pattern):
            check_function(match, "what decides about namespaces", "their name", "the client's auth")
        for known in self.parents:
            if known.match == match and known.child_class is child_class:
                return known
        parent = ParentNamespace(self, cast("NamespaceMatch", match), child_class)
        if last or not self.parents or not self.parents[-1].is_last:
            self.parents.append(parent)
        else:
            self.parents.insert(-1, parent)
        parent.is_last = last
        return parent

    def child_of(self, parent: ParentNamespace, name: str) -> Namespace:
        """Return the namespace that a parent makes for a client; another client may have been faster."""
        known = self._namespaces.get(name)
        if known is not None:
            return known
        child = parent.create_child(name)
        self._install(child)
        return child

    def find_namespace(self, name: str) -> Namespace | None:
        """Return a namespace if it exists."""
        return self._namespaces.get(name)

    def emptied(self, namespace: Namespace) -> None:
        """Be told that nobody is left in a namespace: it is dropped if a parent has made it, and that is wanted."""
        if not self.options.cleanup_empty_child_namespaces or self._namespaces.get(namespace.name) is not namespace:
            return
        for parent in self.parents:
            if namespace in parent.children:
                parent.children.discard(namespace)
                del self._namespaces[namespace.name]
                namespace.end()

    # The main namespace

    @property
    def registry(self) -> Registry:
        """What has been registered at the main namespace."""
        return self.sockets.registry

    def _warn_of_server_side_event(self, event: str) -> None:
        self.sockets._warn_of_server_side_event(event)  # noqa: SLF001 - it is the same thing

    def _selection(self) -> tuple[Namespace, BroadcastOptions]:
        return self.sockets._selection()  # noqa: SLF001 - the same of its main namespace

    def server_side_emit(self, event: str, *args: object, ack: AckFunction | None = None) -> None:
        """Emit an event to the other servers of the cluster; see :meth:`Namespace.server_side_emit`."""
        self.sockets.server_side_emit(event, *args, ack=ack)

    async def server_side_emit_with_ack(self, event: str, *args: object) -> Responses[object]:
        """Do the same, and wait for the answers; see :meth:`Namespace.server_side_emit_with_ack`."""
        return await self.sockets.server_side_emit_with_ack(event, *args)

    # The adapter

    @overload
    def adapter(self) -> AdapterFactory: ...
    @overload
    def adapter(self, factory: AdapterFactory) -> Server: ...
    def adapter(self, factory: AdapterFactory | None = None) -> AdapterFactory | Server:
        """Return what makes the adapters; or set it, and make those of all namespaces anew.

        Raises:
            ConfigurationError: it is not a subclass of Adapter, or a function that makes one.
        """
        if factory is None:
            return self._adapter
        if not callable(factory):
            raise ConfigurationError(f"an adapter is made by a subclass of Adapter, or a function, not {factory!r}")
        self._adapter = factory
        for namespace in self._namespaces.values():
            self.call(namespace.replace_adapter)
        return self

    def make_adapter(self, namespace: Namespace) -> Adapter:
        """Make the adapter of a namespace."""
        return self._adapter(namespace)

    # Errors

    def exception_handler(self, function: ExceptionHandlerT) -> ExceptionHandlerT:
        """Decorate the function that gets what handlers raise, besides the log: ``function(error, event, socket)``.

        It may be async. Without a socket (in ``new_namespace``, say) it gets None.

        Raises:
            ConfigurationError: it is not a function.
        """
        if not callable(function):
            raise ConfigurationError(f"an exception handler is a function(error, event, socket), not {function!r}")
        try:
            inspect.signature(function).bind(None, None, None)
        except TypeError:
            raise ConfigurationError(
                "an exception handler takes three arguments: the error, the name of the event, and the socket"
            ) from None
        except ValueError:
            # Some built-in functions do not tell.
            pass
        self._exception_handler = function
        return function

    def report(self, error: Exception, event: str, socket: Socket | None) -> None:
        """Log what a handler raised, and tell the user's function."""
        whose = "" if socket is None else f" in {socket.nsp.name} failed for {socket.id}"
        logger.error("the handler of %r%s: %s", event, whose or " failed", error, exc_info=error)
        if self._exception_handler is not None:
            try:
                result = self._exception_handler(error, event, socket)
                if inspect.isawaitable(result):
                    self.start(self._finish_report(result))
            except FAILURES:
                logger.exception("the exception handler itself failed")

    @staticmethod
    async def _finish_report(result: Awaitable[object]) -> None:
        try:
            await result
        except FAILURES:
            if is_cancelled_itself():
                raise
            logger.exception("the exception handler itself failed")

    # Connections, tasks and threads

    @property
    def is_running(self) -> bool:
        """Whether the server knows its event loop."""
        return self._loop is not None

    def begin(self) -> None:
        """Use the running event loop from now on; cheap when it is known already."""
        loop = asyncio.get_running_loop()
        if loop is self._loop:
            return
        self.engine.bind()
        self._loop = loop
        self.thread = get_ident()
        for namespace in list(self._namespaces.values()):
            namespace.begin()
        early, self._early = self._early, []
        for call in early:
            call()
        for function in self._background:
            self._start_background(function)

    def at_begin(self, call: Callable[[], object]) -> None:
        """Have something called once the event loop runs."""
        self._early.append(call)

    def on_connection(self, conn: EngineSocket) -> None:
        """Serve the client behind an Engine.IO session. JavaScript: ``onconnection``."""
        self.begin()
        Connection(self, conn)

    def start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine that reports its own errors, as a task of the server."""
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

    def start_task(self, coroutine: Coroutine[Any, Any, T], *, name: str | None = None) -> asyncio.Task[T]:
        """Run a coroutine in the background for as long as the server runs: it is cancelled when the server closes.

        Args:
            coroutine: what is to run; what it raises is logged, and reaches :meth:`exception_handler`.
            name: for the log.

        Returns:
            The task.

        Raises:
            ConfigurationError: the event loop does not run yet; see :meth:`background_task`.
        """
        return self.start_task_for(None, coroutine, name)

    def start_task_for(
        self, socket: Socket | None, coroutine: Coroutine[Any, Any, T], name: str | None
    ) -> asyncio.Task[T]:
        """Do the same for a socket, which is named if the task fails."""
        if not asyncio.iscoroutine(coroutine):
            raise ConfigurationError(f"a task is made of a coroutine: start_task(function()), not of {coroutine!r}")
        if socket is not None and socket.is_ended:
            coroutine.close()
            raise SocketDisconnected
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            coroutine.close()
            raise ConfigurationError(
                "start_task needs the event loop of the server, which does not run here; "
                "decorate the function with @io.background_task to have it started with the server"
            ) from None
        task = loop.create_task(coroutine, name=name)
        self._tasks.add(task)
        task.add_done_callback(lambda task: self._ended(task, socket))
        return task

    def _ended(self, task: asyncio.Task[Any], socket: Socket | None) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception):
            self.report(error, f"task {task.get_name()}", socket)

    def background_task(self, function: BackgroundT) -> BackgroundT:
        """Decorate an async function that is to run as long as the server does: it is started with it, and cancelled.

        Raises:
            ConfigurationError: it is not an async function without arguments.
        """
        try:
            fits = inspect.iscoroutinefunction(function) and inspect.signature(function).bind() is not None
        except TypeError:
            fits = False
        if not fits:
            raise ConfigurationError(f"a background task is an async function without arguments, not {function!r}")
        self._background.append(function)
        if self.is_running:
            self.call(self._start_background, function)
        return function

    def _start_background(self, function: Callable[[], Coroutine[Any, Any, object]]) -> None:
        self.start_task(function(), name=getattr(function, "__name__", None))

    def in_foreign_thread(self) -> bool:
        """Whether this is another thread than that of the event loop."""
        return self.thread is not None and self.thread != get_ident()

    def check_thread(self, method: str) -> None:
        """Check that a method that waits is awaited in the event loop of the server.

        Raises:
            ConfigurationError: it is not.
        """
        if self.in_foreign_thread():
            raise ConfigurationError(
                f"{method} must be awaited in the event loop of the server; "
                "in a thread use emit(..., ack=function), or asyncio.run_coroutine_threadsafe"
            )

    def call_from_thread(self, function: Callable[..., object], *args: object) -> None:
        """Call a function in the thread of the event loop; order is kept for each calling thread."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(function, *args)

    def call(self, function: Callable[..., object], *args: object) -> None:
        """Call a function in the thread of the event loop, at once if this is it."""
        if self.in_foreign_thread():
            self.call_from_thread(function, *args)
        else:
            function(*args)

    @staticmethod
    def now() -> float:
        """Return the time of day, in seconds since 1970."""
        return time.time()

    def begin_close(self) -> asyncio.Task[None]:
        """Start :meth:`close`, if it has not been started; return its task."""
        return self.closing.begin()

    async def close(self) -> None:
        """Disconnect every client, with the reason ``server shutting down``, and end every session.

        Nobody is let in meanwhile. Clients see the connection close and try to come back; an ASGI server that goes on
        to run lets them in, for it alone can stop to listen. Handlers and tasks that still run are cancelled, but not
        those that have called this.
        """
        await self.closing.wait()

    def _on_closed(self) -> None:
        self._loop = self.thread = None


def _anything(_name: str, _auth: object) -> bool:
    """Let every namespace be made."""
    return True
