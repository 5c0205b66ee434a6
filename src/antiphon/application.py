"""The server that users import: the Socket.IO server and the ways to reach it."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Unpack

from antiphon.asgi.application import ASGIApplication
from antiphon.errors import ConfigurationError
from antiphon.server.options import OptionsDict
from antiphon.server.server import Server as SocketServer
from antiphon.types import ASGIApp, Receive, Scope, Send

if TYPE_CHECKING:
    from antiphon.uvicorn.runner import Runner, ServeOptions

__all__ = ["Server"]


class Server(SocketServer):
    """A Socket.IO server, which is an ASGI application too.

    Run it with :meth:`run`, or give it to any ASGI server, or mount it in an application, or let it wrap one.

    Args:
        app: another ASGI application that gets all requests but ours.
        options: see :class:`~antiphon.server.options.Options`.

    Raises:
        ConfigurationError: an option is unknown, or its value makes no sense.
    """

    def __init__(self, app: ASGIApp | None = None, **options: Unpack[OptionsDict]) -> None:
        super().__init__(**options)
        self._asgi = ASGIApplication(self, app if app is None else self._check(app))
        self._runners: list[Runner] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection of an ASGI server."""
        await self._asgi(scope, receive, send)

    def wrap(self, app: ASGIApp) -> Server:
        """Put another ASGI application behind this one: it gets all requests but ours, and the lifespan.

        Returns:
            The server itself, so that ``app = io.wrap(app)`` reads well.
        """
        self._asgi = ASGIApplication(self, self._check(app))
        return self

    def _check(self, app: ASGIApp) -> ASGIApp:
        if not callable(app) or app is self:
            raise ConfigurationError(
                f"expected another ASGI application, not {app!r}; options are keyword arguments, the port goes to run()"
            )
        return app

    def run(self, host: str = "127.0.0.1", port: int = 3000, **options: Unpack[ServeOptions]) -> None:
        """Serve until interrupted, on uvicorn and the fast WebSocket path.

        Args:
            host: the address to listen at; ``0.0.0.0`` for all.
            port: the port to listen at; 0 for any free one.
            options: TLS, log level and mount point, see :class:`~antiphon.uvicorn.runner.ServeOptions`.
        """
        with self._running(host, port, options) as runner:
            runner.run()

    async def serve(
        self,
        host: str = "127.0.0.1",
        port: int = 3000,
        *,
        sockets: Sequence[socket.socket] | None = None,
        **options: Unpack[ServeOptions],
    ) -> None:
        """Do the same as :meth:`run` in the running event loop, until :meth:`close` or cancellation.

        Args:
            host: see :meth:`run`.
            port: see :meth:`run`.
            sockets: listening sockets, instead of a host and a port.
            options: see :meth:`run`.

        Raises:
            ConfigurationError: the server could not start; the log says why.
        """
        with self._running(host, port, options) as runner:
            await runner.serve(list(sockets) if sockets else None)

    @contextmanager
    def _running(self, host: str, port: int, options: ServeOptions) -> Iterator[Runner]:
        """Remember what :meth:`close` has to stop."""
        # Clients, and servers on other ASGI servers, do without it.
        from antiphon.uvicorn.runner import Runner  # noqa: PLC0415

        runner = Runner(self, host, port, **options)
        self._runners.append(runner)
        try:
            yield runner
        finally:
            self._runners.remove(runner)

    def _on_closed(self) -> None:
        super()._on_closed()
        for runner in self._runners:
            runner.stop()
