"""Serves applications for tests, in each way that users have, on ephemeral ports, in a thread of their own."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import ssl
import threading
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeVar

import trustme
import uvicorn
from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.config import Config as HypercornConfig

from antiphon import Server
from antiphon.uvicorn._protocol import WebSocketProtocol
from antiphon.uvicorn.loop import new_event_loop

WAYS = ("fast", "asgi", "hypercorn")
"""io.serve() on the fast path; uvicorn with plain ASGI; hypercorn."""

T = TypeVar("T")


@dataclass(frozen=True)
class Certificate:
    """A certificate for localhost, made for this run."""

    certfile: str
    keyfile: str
    ca: str

    def client_context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.ca)


def make_certificate(directory: Any) -> Certificate:
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1")
    certfile, keyfile, ca = (str(directory / name) for name in ("cert.pem", "key.pem", "ca.pem"))
    issued.private_key_pem.write_to_path(keyfile)
    with open(certfile, "wb") as file:
        file.writelines(pem.bytes() for pem in issued.cert_chain_pems)
    authority.cert_pem.write_to_path(ca)
    return Certificate(certfile, keyfile, ca)


@dataclass(frozen=True)
class Running:
    """A served application."""

    way: str
    port: int
    secure: bool
    loop: asyncio.AbstractEventLoop

    @property
    def url(self) -> str:
        return f"{'https' if self.secure else 'http'}://{'localhost' if self.secure else '127.0.0.1'}:{self.port}"

    @property
    def ws_url(self) -> str:
        return self.url.replace("http", "ws", 1)

    def call(self, function: Callable[[], T]) -> T:
        """Call a function in the thread of the server and return its result."""

        async def run() -> T:
            return function()

        return self.run(run())

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the loop of the server and return its result."""
        return self.run_long(coroutine, 20)

    def run_long(self, coroutine: Coroutine[Any, Any, T], within: float) -> T:
        """Do the same with a coroutine that takes its time, in seconds."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(within)


class Way(Protocol):
    """Begins to serve, in the thread and loop of the server: returns what runs until the end, and what ends it."""

    def __call__(
        self, app: Any, listener: socket.socket, certificate: Certificate | None, **options: Any
    ) -> tuple[Coroutine[Any, Any, None], Callable[[], object]]: ...


def _by_serve(
    app: Server, listener: socket.socket, certificate: Certificate | None
) -> tuple[Coroutine[Any, Any, None], Callable[[], object]]:
    tls = {"ssl_certfile": certificate.certfile, "ssl_keyfile": certificate.keyfile} if certificate else {}
    main = app.serve(sockets=[listener], log_level="warning", **tls)
    return main, lambda: asyncio.ensure_future(app.close())


def _by_uvicorn(
    app: Any, listener: socket.socket, certificate: Certificate | None, **options: Any
) -> tuple[Coroutine[Any, Any, None], Callable[[], object]]:
    config = uvicorn.Config(
        app,
        log_level="warning",
        ssl_certfile=certificate.certfile if certificate else None,
        ssl_keyfile=certificate.keyfile if certificate else None,
        # Long enough for clients on a busy machine: past it uvicorn cancels its tasks, and may fail at that.
        timeout_graceful_shutdown=3,
        access_log=False,
        **options,
    )
    server = uvicorn.Server(config)
    return server.serve(sockets=[listener]), lambda: setattr(server, "should_exit", True)


def _by_hypercorn(
    app: Any, listener: socket.socket, certificate: Certificate | None
) -> tuple[Coroutine[Any, Any, None], Callable[[], object]]:
    config = HypercornConfig()
    config.bind = [f"fd://{listener.detach()}"]  # which closes it in the end
    config.graceful_timeout = 0.5
    config.shutdown_timeout = 1
    config.errorlog = None
    if certificate:
        config.certfile, config.keyfile = certificate.certfile, certificate.keyfile
    stopped = asyncio.Event()
    # It reports the cancellation of its own tasks when it stops.
    asyncio.get_event_loop().set_exception_handler(_ignore_cancellation)
    return hypercorn_serve(app, config, shutdown_trigger=stopped.wait), stopped.set


def _find_way(app: Any, way: str, options: dict[str, Any]) -> Way:
    if way == "hypercorn":
        return _by_hypercorn
    if way == "fast" and isinstance(app, Server) and not options:
        return _by_serve
    return partial(_by_uvicorn, ws=WebSocketProtocol if way == "fast" else "auto", **options)


@contextlib.contextmanager
def serving(app: Any, way: str, certificate: Certificate | None = None, **uvicorn_options: Any) -> Iterator[Running]:
    """Serve an ASGI application until the block ends.

    With ``way="fast"`` a Server is served by its own serve(), any other application by uvicorn with our protocol class.
    """
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # asyncio sets it by itself only for listeners that it made.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    listener.setblocking(False)
    port = listener.getsockname()[1]
    loop = new_event_loop() if way == "fast" else asyncio.new_event_loop()
    failures: list[BaseException] = []
    stops: list[Callable[[], object]] = []

    def thread_main() -> None:
        asyncio.set_event_loop(loop)
        try:
            main, stop = _find_way(app, way, uvicorn_options)(app, listener, certificate)
            stops.append(stop)
            loop.run_until_complete(main)
        except BaseException as error:  # noqa: BLE001 - handed to the test
            failures.append(error)
        finally:
            loop.run_until_complete(_cancel_tasks())
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()
            # A connection that asyncio accepts just when its server is closed is forgotten without being closed. The
            # end of a process would close it; here it stays open until it is collected, and it is young.
            gc.collect(1)

    thread = threading.Thread(target=thread_main, name=f"server-{way}", daemon=True)
    thread.start()
    try:
        _wait_until_answering(port, failures)
        yield Running(way, port, certificate is not None, loop)
    finally:
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(stops[0])
        thread.join(20)
        listener.close()
    assert not thread.is_alive(), "the server did not stop"
    if failures:
        raise failures[0]


async def _cancel_tasks() -> None:
    """End what the server has left behind, as asyncio.run() does."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=5)


def _ignore_cancellation(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    if not isinstance(context.get("exception"), asyncio.CancelledError):
        loop.default_exception_handler(context)


def _wait_until_answering(port: int, failures: list[BaseException]) -> None:
    """Connections are accepted by the kernel from the start: wait for an answer, not for a connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as probe:
        # Not HTTP, nor TLS: every server answers it by closing, at the latest.
        probe.sendall(b"\r\n\r\nnonsense\r\n\r\n")
        probe.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionError):
            probe.recv(1)
    if failures:
        raise failures[0]
