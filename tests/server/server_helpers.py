"""What several test modules of the server use."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import ExitStack
from typing import Any

import aiohttp
import pytest

from antiphon import Server, Socket
from peers import Endpoint, SocketPeer
from support import serving

ONE_WAY = pytest.mark.parametrize("way", ["hypercorn"])
"""For what is decided above the ways of serving: the one that stops quickest."""


class Serve:
    """Starts servers; they end with the test."""

    def __init__(self, stack: ExitStack, http: aiohttp.ClientSession, way: str) -> None:
        self._stack = stack
        self._http = http
        self.way = way

    def __call__(self, app: Any, path: str = "/socket.io/", **options: Any) -> Endpoint:
        running = self._stack.enter_context(serving(app, self.way, **options))
        ca = options["certificate"].client_context() if options.get("certificate") else None
        return Endpoint(self._http, running.url + path, ca=ca, running=running)


def is_empty(io: Server) -> bool:
    """Say whether a server remembers nothing of any client."""
    namespaces = io._namespaces.values()
    return not io.engine.sockets and not any(nsp.sockets or len(nsp.rooms) or nsp.rooms._sids for nsp in namespaces)


async def in_sync(peer: SocketPeer) -> None:
    """Wait until the server has handled what was sent; nothing else may have arrived until then."""
    await peer.send("0/unknown,")
    assert await peer.receive() == '4/unknown,{"message":"Invalid namespace"}'


@contextlib.asynccontextmanager
async def several(server: Endpoint, count: int) -> AsyncIterator[list[SocketPeer]]:
    """Connect several clients."""
    async with contextlib.AsyncExitStack() as stack:
        yield [await stack.enter_async_context(server.socket()) for _ in range(count)]


def of(io: Server, peer: SocketPeer) -> Socket:
    """Return the server's socket of a client."""
    return io.sockets.sockets[peer.sid]


async def ask(server: Endpoint, coroutine: Any) -> Any:
    """Run a coroutine in the loop of the server, and wait for it in this one."""
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coroutine, server.running.loop))
