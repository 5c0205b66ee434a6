"""Fixtures for the tests of the server.

``io`` and ``server`` are one server with default options for a module and way of serving, cleaned after each test;
``serve`` starts one with options of its own.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

sys.path.insert(0, str(Path(__file__).parent.parent / "conformance"))

from antiphon import Server
from peers import Endpoint, eventually
from server_helpers import Serve, is_empty
from support import WAYS, Running, serving


@pytest_asyncio.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """An HTTP client."""
    async with aiohttp.ClientSession() as session:
        yield session


@pytest_asyncio.fixture
async def serve(way: str, http: aiohttp.ClientSession) -> AsyncIterator[Serve]:
    """Starts servers in one way of serving."""
    with ExitStack() as stack:
        yield Serve(stack, http, way)
        # In a thread, for the clients have to answer when a server closes their connections.
        await asyncio.to_thread(stack.pop_all().close)


@pytest.fixture(scope="module", params=WAYS)
def shared(request: pytest.FixtureRequest) -> Iterator[tuple[Server, Running]]:
    """A server with default options, for the whole module."""
    io = Server()
    with serving(io, request.param) as running:
        yield io, running


@pytest_asyncio.fixture
async def io(shared: tuple[Server, Running]) -> AsyncIterator[Server]:
    """The shared server. After each test all clients must be forgotten, and the handlers are dropped."""
    io, running = shared
    yield io
    running.call(lambda: [session.close(discard=True) for session in list(io.engine.sockets.values())])
    await eventually(lambda: is_empty(io))
    for namespace in io._namespaces.values():
        namespace.off()
    io._exception_handler = None
    for name in list(io._namespaces):
        if name != "/":
            del io._namespaces[name]
    for listeners in io.engine._listeners.values():
        listeners.clear()


@pytest.fixture
def server(io: Server, shared: tuple[Server, Running], http: aiohttp.ClientSession) -> Endpoint:
    """Where the shared server is reached."""
    running = shared[1]
    return Endpoint(http, f"{running.url}/socket.io/", running=running)
