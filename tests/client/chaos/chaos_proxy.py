"""A TCP proxy that does to connections what networks, and other proxies, do."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import Literal, TypeVar

from chaos_hosts import free_port

T = TypeVar("T")

Manner = Literal["fin", "rst"]
Mode = Literal["pass", "swallow", "reset", "bad gateway"]

_NO_LINGER = struct.pack("ii", 1, 0)
PAGE = "<html>\n<head><title>502 Bad Gateway</title></head>\n<body><h1>502 Bad Gateway</h1></body>\n</html>\n"
_BAD_GATEWAY = (
    "HTTP/1.1 502 Bad Gateway\r\nServer: nginx\r\nContent-Type: text/html\r\n"
    f"Content-Length: {len(PAGE)}\r\nConnection: close\r\n\r\n{PAGE}"
).encode()


class _End(asyncio.Protocol):
    """One of the two connections of a link: that to the client, or that to the server."""

    def __init__(self, link: _Link) -> None:
        self.link = link
        self.transport: asyncio.Transport | None = None

    @property
    def other(self) -> _End:
        return self.link.far if self is self.link.near else self.link.near

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self is self.link.near:
            self.link.accepted()

    def data_received(self, data: bytes) -> None:
        self.link.proxy.pass_on(self, data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        if self.other.transport is None:
            self.link.proxy.links.discard(self.link)
        if not self.link.frozen:
            self.link.soon(partial(self.other.end, "fin" if exc is None else "rst"))

    def pause_writing(self) -> None:
        if self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other.transport is not None and not self.link.frozen:
            self.other.transport.resume_reading()

    def write(self, data: bytes) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    def end(self, manner: Manner) -> None:
        """Close the connection: in order, after what was sent, or as if the other side had crashed."""
        transport, self.transport = self.transport, None
        if transport is None or transport.is_closing():
            return
        if manner == "rst":
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            transport.abort()
        else:
            transport.close()


class _Link:
    """What a client has with the server."""

    def __init__(self, proxy: ChaosProxy) -> None:
        self.proxy = proxy
        self.mode: Mode = proxy.mode
        self.near = _End(self)
        self.far = _End(self)
        self.frozen = False
        self.request = bytearray()
        self.late: deque[Callable[[], None]] = deque()
        self.task: asyncio.Task[None] | None = None

    def accepted(self) -> None:
        """Be told that a client is there."""
        proxy, near = self.proxy, self.near
        proxy.links.add(self)
        proxy.accepted += 1
        assert near.transport is not None
        self.mode = proxy.mode
        if self.mode == "reset":
            near.end("rst")
        elif self.mode == "pass":
            near.transport.pause_reading()
            self.task = proxy.loop.create_task(self._connect())

    async def _connect(self) -> None:
        try:
            await self.proxy.loop.create_connection(lambda: self.far, "127.0.0.1", self.proxy.target)
        except OSError:
            self.near.end("rst")
        else:
            if self.near.transport is None:
                self.far.end("rst")
            elif not self.frozen:
                self.near.transport.resume_reading()

    def soon(self, action: Callable[[], None]) -> None:
        """Do something now, or as late as everything is."""
        if not self.proxy.delay and not self.late:
            action()
            return
        self.late.append(action)
        self.proxy.loop.call_later(self.proxy.delay, self._do_next)

    def _do_next(self) -> None:
        self.late.popleft()()

    def cut(self, manner: Manner) -> None:
        self.near.end(manner)
        self.far.end(manner)

    def freeze(self) -> None:
        """Pass nothing on any more, not even that a side has closed: neither learns anything of the other."""
        self.frozen = True
        for end in (self.near, self.far):
            if end.transport is not None:
                end.transport.pause_reading()


class ChaosProxy:
    """A proxy in front of a server, in a thread of its own.

    Args:
        target: the port of the server.
        seed: of what it does at random.

    Attributes:
        mode: what becomes of new connections: ``pass``; ``swallow``, what is sent is never answered; ``reset`` at once;
            or ``bad gateway``, every request is answered with 502 and a page.
        spoils_websocket: a request for WebSocket is answered in that way too, in every mode.
        delay: seconds that everything takes in each direction.
        accepted: connections so far.
        cuts: how often all connections were cut at random.
    """

    def __init__(self, target: int, seed: int) -> None:
        self.port = free_port()
        self.target = target
        self.mode: Mode = "pass"
        self.spoils_websocket = False
        self.delay = 0.0
        self.accepted = 0
        self.cuts = 0
        self.links: set[_Link] = set()
        self._random = random.Random(seed)
        self._wanted_cuts = 0
        self._most_bytes = 0
        self._bytes_left = 0
        self._server: asyncio.Server | None = None
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True, name="chaos-proxy")
        self._thread.start()
        self.listen()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _call(self, function: Callable[..., T], *args: object) -> T:
        async def call() -> T:
            return function(*args)

        return asyncio.run_coroutine_threadsafe(call(), self.loop).result(10)

    # What the test tells it to do

    def listen(self) -> None:
        """Take connections."""

        async def listen() -> None:
            self._server = await self.loop.create_server(lambda: _Link(self).near, "127.0.0.1", self.port, backlog=128)

        asyncio.run_coroutine_threadsafe(listen(), self.loop).result(10)

    def refuse(self) -> None:
        """Take none: nothing listens at the port. The connections that there are stay."""
        server, self._server = self._server, None
        if server is not None:
            self._call(server.close)

    def cut(self, manner: Manner = "rst") -> None:
        """Cut all connections now."""
        self._call(self._cut, manner)

    def _cut(self, manner: Manner) -> None:
        for link in list(self.links):
            link.cut(manner)
        self.links.clear()

    def freeze(self) -> None:
        """Leave all connections open, and pass nothing on: both sides have half of one. New ones are served."""

        def freeze() -> None:
            for link in self.links:
                link.freeze()

        self._call(freeze)

    def cut_at_random(self, cuts: int, most_bytes: int) -> None:
        """Cut all connections after a random number of bytes, from whatever side, and again: so many times."""

        def begin() -> None:
            self.cuts, self._wanted_cuts, self._most_bytes = 0, cuts, most_bytes
            self._bytes_left = self._random.randint(1, most_bytes)

        self._call(begin)

    @property
    def is_cutting(self) -> bool:
        """Whether cuts are to come."""
        return self.cuts < self._wanted_cuts

    # In its thread

    def pass_on(self, source: _End, data: bytes) -> None:
        """Pass on what has come, as far as nothing happens to it."""
        link = source.link
        if link.mode == "bad gateway" or (self.spoils_websocket and b"transport=websocket" in data[:200]):
            self._answer(link, data)
            return
        if link.mode == "swallow" or link.frozen:
            return
        if not self.is_cutting:
            link.soon(partial(source.other.write, data))
            return
        allowed = min(len(data), self._bytes_left)
        self._bytes_left -= allowed
        link.soon(partial(source.other.write, data[:allowed]))
        if not self._bytes_left:
            self.cuts += 1
            self._bytes_left = self._random.randint(1, self._most_bytes)
            self._cut(self._random.choice(["fin", "rst"]))

    @staticmethod
    def _answer(link: _Link, data: bytes) -> None:
        link.request += data
        if b"\r\n\r\n" in link.request:
            link.near.write(_BAD_GATEWAY)
            link.near.end("fin")

    def close(self) -> None:
        """End it, and all that goes through it."""
        if self.loop.is_closed():
            return
        self.delay = 0
        self.refuse()
        self.cut()

        async def wait() -> None:
            # The connections are closed in the next turns of the loop.
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for _ in range(3):
                await asyncio.sleep(0)

        asyncio.run_coroutine_threadsafe(wait(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()


@contextlib.contextmanager
def chaos_proxy(target: int, seed: int) -> Iterator[ChaosProxy]:
    """Run a proxy until the block ends."""
    proxy = ChaosProxy(target, seed)
    try:
        yield proxy
    finally:
        proxy.close()
