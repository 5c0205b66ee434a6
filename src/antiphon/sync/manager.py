"""The connection of a blocking client."""

from __future__ import annotations

import atexit
import contextlib
import threading
import weakref
from collections.abc import Callable, Coroutine
from typing import Any, Final, Unpack

from antiphon.client.address import Address
from antiphon.client.manager import Manager as AsyncManager
from antiphon.client.options import ClientOptions, ManagerOptionsDict, SocketOptionsDict
from antiphon.client.states import ManagerState
from antiphon.common.handlers import Handler, HandlerFunctionT
from antiphon.common.listeners import Listeners
from antiphon.errors import ConfigurationError, Disconnected
from antiphon.event import AnyEvent
from antiphon.sync.portal import Portal
from antiphon.sync.socket import Socket, invoke, refuse_coroutine
from antiphon.sync.worker import Worker

__all__ = ["Manager"]

_EVENTS: Final = (
    "open",
    "close",
    "error",
    "ping",
    "reconnect_attempt",
    "reconnect",
    "reconnect_error",
    "reconnect_failed",
    "upgrade",
    "upgrade_error",
)
_NORMAL: Final = 5.0
"""Seconds that the end may take."""
_AT_ONCE: Final = 1.0
"""The same, after Ctrl-C or another exception."""

_open: weakref.WeakSet[Manager] = weakref.WeakSet()
"""Those that have not been closed; a program that just ends closes them."""


class Manager(Listeners):
    """Keeps a connection to a server, for any number of namespaces: the blocking one.

    It has the events of :class:`antiphon.Manager`, except ``packet``. Its threads end with its last socket; they begin
    again when one connects again.

    Args:
        url: where the server is.
        options: see :class:`antiphon.ClientOptions`.

    Raises:
        ConfigurationError: the URL is none, or an option makes no sense.
    """

    def __init__(self, url: str = "http://localhost:3000", **options: Unpack[ManagerOptionsDict]) -> None:
        super().__init__()
        self._connects = options.get("auto_connect", True)
        self._lock = threading.RLock()
        self._portal: Portal | None = None
        self._worker = Worker()
        self._sockets: dict[str, Socket] = {}
        options["auto_connect"] = False
        self._core: AsyncManager = AsyncManager(url, **options)
        for event in _EVENTS:
            self._core.on(event, self._forward(event))

    def __repr__(self) -> str:
        return f"<blocking {self._core!r}>"

    # State

    @property
    def address(self) -> Address:
        """Where the server is."""
        return self._core.address

    @property
    def options(self) -> ClientOptions:
        """As they were given."""
        return self._core.options

    @property
    def state(self) -> ManagerState:
        """How the connection stands."""
        return self._core.state

    @property
    def transport_name(self) -> str:
        """What the connection is made by: ``polling`` or ``websocket``; empty if there is none."""
        return self._core.transport_name

    @property
    def nsps(self) -> dict[str, Socket]:
        """The sockets by namespace."""
        return dict(self._sockets)

    # Threads

    @property
    def portal(self) -> Portal:
        """The thread of the event loop; it begins now if there is none."""
        with self._lock:
            if self._portal is None:
                self._portal = Portal.acquire()
                self._worker = Worker()
                _open.add(self)
            return self._portal

    @property
    def worker(self) -> Worker:
        """The thread of the handlers."""
        return self._worker

    def begin(self, function: Callable[[], object]) -> None:
        """Call a function in the event loop that needs the connection: it is not ended meanwhile."""
        with self._lock:
            self.portal.call(function)

    # Sockets

    def socket(self, nsp: str = "/", **options: Unpack[SocketOptionsDict]) -> Socket:
        """Return the socket of a namespace; it is made, and connects, if there is none yet.

        It does not wait for the connection: :meth:`Socket.connect` does, and ``with``.

        Raises:
            ConfigurationError: the name cannot be that of a namespace, or an option makes no sense.
        """
        socket = self.make_socket(nsp, options)
        if self._connects:
            socket.begin()
        return socket

    def make_socket(self, nsp: str, options: SocketOptionsDict) -> Socket:
        """Do the same, but let it not connect yet."""
        with self._lock:
            name = nsp if nsp.startswith("/") else f"/{nsp}"
            socket = self._sockets.get(name)
            if socket is None:
                socket = self._sockets[name] = Socket(self, self._core, name, options)
        return socket

    # The end

    def close(self) -> None:
        """Close the connection, and end the threads that were needed for it."""
        self.finish()

    def disconnect(self) -> None:
        """Close the connection. The same as :meth:`close`."""
        self.finish()

    def release(self, *, at_once: bool = False) -> None:
        """Be told that a socket does not need the connection any more."""
        self.finish(at_once=at_once, unless_needed=True)

    def finish(self, *, at_once: bool = False, unless_needed: bool = False) -> None:
        """Close the connection.

        Args:
            at_once: do not wait for handlers.
            unless_needed: leave it if a socket needs it.
        """
        # What ends here is taken away at once, so that who connects meanwhile, in another thread, has a new one.
        with self._lock:
            if unless_needed and any(socket.active for socket in self._sockets.values()):
                return
            portal, worker = self._portal, self._worker
            if portal is None:
                return
            self._portal = None
            _open.discard(self)
            with contextlib.suppress(Disconnected):
                portal.call(self._core.close)
        try:
            portal.run(self._core.finish(at_once=at_once), _AT_ONCE if at_once else _NORMAL)
        except (TimeoutError, Disconnected):
            # The server does not answer; the connections are dropped with the thread.
            pass
        finally:
            worker.stop(0 if at_once else _NORMAL)
            portal.release()

    # Handlers

    def _forward(self, event: str) -> Callable[..., None]:
        def forward(*args: object) -> None:
            if self._handlers is not None and self._handlers.get(event):
                self.worker.submit(self._fire, event, list(args))

        return forward

    def _fire(self, event: str, args: list[Any]) -> None:
        handlers = None if self._handlers is None else self._handlers.get(event)
        for handler in handlers or ():
            invoke(self, handler, event, list(args), None, self._handlers)

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
            raise ConfigurationError("a handler of the blocking client is a plain function")

    def report(self, error: Exception, event: str) -> None:
        """Log what a handler raised. The connection goes on."""
        self._core.report(error, event)

    def start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Refuse an async handler."""
        refuse_coroutine(coroutine)

    def started(self) -> None:
        """Be told that an async handler starts, which none does here."""


@atexit.register
def _close_all() -> None:
    """Let what was emitted get out, and tell the servers, when the program ends."""
    for manager in list(_open):
        for socket in manager.nsps.values():
            socket.end(at_once=True)
        manager.finish(at_once=True)
