"""A function of the user that meets something cancelled fails like any other: nothing else ends of it.

``asyncio.CancelledError`` is no ``Exception``, and who asks a cancelled task for its result gets one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import Any, NoReturn

import pytest

from antiphon import Server, Socket
from peers import Endpoint, eventually, raw_connection, raw_websocket, receive, request_websocket
from server_helpers import Serve, in_sync, is_empty

CANCELLED = "something that was cancelled"


def ask_cancelled(*_: object) -> NoReturn:
    """Ask a future for its result that has been cancelled."""
    future: asyncio.Future[None] = asyncio.Future()
    future.cancel()
    future.result()
    raise AssertionError("not reached")


async def wait_for_cancelled(*_: object) -> None:
    """Wait for a task that is cancelled."""
    task = asyncio.ensure_future(asyncio.sleep(60))
    asyncio.get_running_loop().call_soon(task.cancel)
    await task


@pytest.fixture
def failures(io: Server) -> list[str]:
    """What the exception handler of the server was told."""
    failures: list[str] = []

    @io.exception_handler
    def failed(error: Exception, event: str, socket: Socket | None) -> None:
        failures.append(f"{event}: {error}")

    return failures


@pytest.mark.parametrize("handler", [ask_cancelled, wait_for_cancelled], ids=["plain", "async"])
async def test_the_handler_of_an_event(server: Endpoint, io: Server, failures: list[str], handler: Any) -> None:
    io.event("x")(handler)
    async with server.socket() as peer:
        await peer.send('2["x"]', '27["x"]')
        await in_sync(peer)
        await eventually(lambda: len(failures) == 2)
    assert all(text.startswith("x: ") and CANCELLED in text for text in failures)


@pytest.mark.parametrize("function", [ask_cancelled, wait_for_cancelled], ids=["plain", "async"])
@pytest.mark.parametrize("place", ["listener", "middleware", "acknowledgement"])
async def test_a_function_of_a_socket(
    server: Endpoint, io: Server, failures: list[str], place: str, function: Any
) -> None:
    @io.event("begin")
    def begin(socket: Socket) -> None:
        if place == "listener":
            socket.on_any(function)
        elif place == "middleware":
            socket.use(function)
        else:
            socket.emit("question", ack=function)

    async with server.socket() as peer:
        await peer.send('2["begin"]')
        if place == "acknowledgement":
            question = await peer.receive()
            assert question.endswith('["question"]')
            ack_id = question[1:].removesuffix('["question"]')
            await peer.send(f"3{ack_id}[]")
        else:
            await peer.send('2["x"]')
        await in_sync(peer)
        await eventually(lambda: failures)
    assert CANCELLED in failures[0]


@pytest.mark.parametrize("function", [ask_cancelled, wait_for_cancelled], ids=["plain", "async"])
async def test_a_middleware_refuses(server: Endpoint, io: Server, failures: list[str], function: Any) -> None:
    io.of("/guarded").use(function)
    async with server.socket() as peer:
        await peer.send("0/guarded,")
        assert (await peer.receive()).startswith('4/guarded,{"message":')
        await in_sync(peer)
    assert CANCELLED in failures[0]


async def test_the_exception_handler_itself(server: Endpoint, io: Server, caplog: pytest.LogCaptureFixture) -> None:
    io.exception_handler(ask_cancelled)

    @io.event("x")
    def x(socket: Socket) -> None:
        raise ValueError("an error")

    async with server.socket() as peer:
        await peer.send('2["x"]')
        await in_sync(peer)
    assert "the exception handler itself failed" in caplog.text


async def test_a_listener_of_the_rooms(server: Endpoint, io: Server, caplog: pytest.LogCaptureFixture) -> None:
    io.sockets.adapter.on("join-room")(ask_cancelled)
    try:
        async with server.socket() as peer:
            await in_sync(peer)
    finally:
        io.sockets.adapter.off("join-room")
    assert "a listener of the adapter's join-room event failed" in caplog.text


@pytest.mark.parametrize("function", [ask_cancelled, wait_for_cancelled], ids=["plain", "async"])
@pytest.mark.parametrize("option", ["allow_request", "generate_id", "middleware"])
async def test_a_function_that_decides_about_requests(serve: Serve, option: str, function: Any) -> None:
    io = Server(allow_request=function) if option == "allow_request" else Server()
    if option == "generate_id":
        io.engine.generate_id = function
    elif option == "middleware":
        io.engine.use(function)
    server = serve(io)
    assert (await server.request()).status in (400, 403)
    async with raw_connection(server) as peer:
        assert (await request_websocket(peer, server))[0] != 101
    assert is_empty(io)


@pytest.fixture
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """What is logged."""
    with caplog.at_level(logging.ERROR, "antiphon"):
        yield caplog


async def test_the_heartbeat_of_the_others_goes_on(serve: Serve, quiet: pytest.LogCaptureFixture) -> None:
    io = Server(ping_interval=0.3, ping_timeout=2)
    io.event("disconnect")(ask_cancelled)
    server = serve(io)
    async with raw_websocket(server) as silent, server.websocket() as alive:
        await silent.join()
        await receive(alive)
        ended = asyncio.ensure_future(silent.close_code())
        pings_since = 0
        while pings_since < 3:
            assert await receive(alive) == "2"
            await alive.send("3")
            pings_since += ended.done()
    assert CANCELLED in quiet.text


async def test_the_end_of_the_server(serve: Serve, quiet: pytest.LogCaptureFixture) -> None:
    io = Server()
    told: list[str] = []

    @io.event("disconnect")
    def disconnect(socket: Socket, reason: str) -> None:
        told.append(reason)
        ask_cancelled()

    server = serve(io)
    async with server.socket() as first, server.socket() as second:
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(io.close(), server.running.loop))
        await first.close_code()
        await second.close_code()
    assert told == ["server shutting down"] * 2
    assert is_empty(io)
    assert quiet.text.count(CANCELLED) >= 2
