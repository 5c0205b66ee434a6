"""uvicorn, set up for a Socket.IO server, and stopped in the right order."""

from __future__ import annotations

import asyncio
import socket
import sys
from pathlib import Path
from typing import Any, TypedDict, Unpack, cast

import uvicorn
from uvicorn.config import LOG_LEVELS
from uvicorn.lifespan.on import LifespanOn

from antiphon.errors import ConfigurationError
from antiphon.types import ASGIApp
from antiphon.uvicorn._discovery import find_servers
from antiphon.uvicorn._http import HTTPProtocol
from antiphon.uvicorn._protocol import WebSocketProtocol
from antiphon.uvicorn.loop import new_event_loop

__all__ = ["Runner", "ServeOptions"]

_PATIENCE = 3
"""Seconds that a server that stops waits for connections to close."""


class _Lifespan(LifespanOn):
    """uvicorn does not remember the task in which the lifespan of the application runs."""

    _task: asyncio.Task[Any] | None = None

    async def main(self) -> None:
        """Run the lifespan of the application."""
        self._task = asyncio.current_task()
        await super().main()

    async def give_up(self) -> None:
        """End a start that is under way; one that is over is to be shut down."""
        if self._task is not None and not self.startup_event.is_set():
            self.error_occurred = True  # there is nothing to shut down
            self._task.cancel()
            await asyncio.wait((self._task,), timeout=_PATIENCE)


class _Server(uvicorn.Server):
    """uvicorn waits for pending polls when it stops; they end when the clients are disconnected first.

    And what it has begun when it is cancelled at its start, it leaves behind.
    """

    lifespan: Any

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.servers: list[asyncio.Server] = []

    async def _serve(self, sockets: list[socket.socket] | None = None) -> None:
        if not self.config.loaded:
            self.config.load()
        if self.config.lifespan_class is LifespanOn:
            self.config.lifespan_class = _Lifespan
        await super()._serve(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        starting = asyncio.ensure_future(self._start(sockets))
        try:
            failure = await asyncio.shield(starting)
        except asyncio.CancelledError:
            # Cancelled amid the making of a listener, asyncio forgets it, but it is open. That does not take long.
            if not self.lifespan.startup_event.is_set():
                starting.cancel()
            await asyncio.wait((starting,))
            raise
        if failure is not None:
            raise failure

    async def _start(self, sockets: list[socket.socket] | None) -> SystemExit | None:
        try:
            await super().startup(sockets)
        except SystemExit as failure:
            # Raised in a task, it would end the event loop.
            return failure
        return None

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if isinstance(self.lifespan, _Lifespan):
            await self.lifespan.give_up()
        await self.disconnect(sockets)
        await super().shutdown(sockets)

    async def disconnect(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the ports, and the Socket.IO servers."""
        # Nobody is to come back before the port is closed.
        for listener in (*self.servers, *(sockets or ())):
            listener.close()
        if self.config.loaded:
            for mounted in find_servers(self.config.loaded_app):
                await mounted.server.close()


class ServeOptions(TypedDict, total=False):
    """How an application is served, as keyword arguments.

    Keys:
        ssl_certfile: a certificate chain in PEM form, for TLS.
        ssl_keyfile: its key, if it is not in the same file.
        ssl_keyfile_password: what the key is encrypted with.
        log_level: of uvicorn: critical, error, warning, info, debug.
        root_path: where a proxy has mounted the application.
    """

    ssl_certfile: str | None
    ssl_keyfile: str | None
    ssl_keyfile_password: str | None
    log_level: str
    root_path: str


class Runner:
    """Serves an application with uvicorn.

    Args:
        application: a Socket.IO server, an ASGI application that contains one, or where it is (``module:name``).
        host: the address to listen at.
        port: the port to listen at; 0 for any free one.
        options: see :class:`ServeOptions`.
    """

    def __init__(self, application: ASGIApp | str, host: str, port: int, **options: Unpack[ServeOptions]) -> None:
        if not isinstance(host, str) or isinstance(port, bool) or not isinstance(port, int):
            raise ConfigurationError(f"host is a string and port a number, not {host!r} and {port!r}")
        level = options.get("log_level", "info")
        if level not in LOG_LEVELS:
            raise ConfigurationError(f"log_level is one of {', '.join(LOG_LEVELS)}, not {level!r}")
        for name in ("ssl_certfile", "ssl_keyfile"):
            file = options.get(name)
            if file is not None and not Path(str(file)).is_file():
                raise ConfigurationError(f"{name}: there is no file {file}")
        self._config = uvicorn.Config(
            cast("Any", application),  # uvicorn's own type of scope is narrower than ours
            host=host,
            port=port,
            http=HTTPProtocol,
            ws=WebSocketProtocol,
            access_log=False,
            # Clients have been told by then; those that do not answer are not waited for.
            timeout_graceful_shutdown=_PATIENCE,
            **options,
        )
        self._server = _Server(self._config)

    def run(self) -> None:
        """Serve in a new event loop until a signal comes.

        Raises:
            ConfigurationError: an event loop is running already.
        """
        if asyncio._get_running_loop() is not None:  # noqa: SLF001 - the public function raises instead
            raise ConfigurationError("an event loop is running: use `await io.serve(...)`")
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            try:
                runner.run(self._server.serve())
            except KeyboardInterrupt:
                return
        if not self._server.started:
            sys.exit(3)

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve in the running event loop until :meth:`stop`, a signal, or cancellation.

        Args:
            sockets: listening sockets, instead of a host and a port.

        Raises:
            ConfigurationError: the server could not start; the log says why.
        """
        for sock in sockets or ():
            if sock.family in (socket.AF_INET, socket.AF_INET6):
                # asyncio does it only where the protocol is named: without, each poll would wait for Nagle's algorithm.
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            await self._server.serve(sockets)
        except SystemExit:
            await self._server.disconnect(sockets)
            raise ConfigurationError(
                f"cannot listen at {self._config.host}:{self._config.port}; the log of uvicorn says why"
            ) from None
        except asyncio.CancelledError:
            await self._server.shutdown(sockets)
            raise

    def stop(self) -> None:
        """Make it stop soon."""
        self._server.should_exit = True
