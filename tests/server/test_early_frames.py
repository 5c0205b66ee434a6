"""What comes with a WebSocket handshake, and while the user decides about it."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from uvicorn.config import WS_PROTOCOLS
from uvicorn.importer import import_from_string

from antiphon import Server, Socket
from antiphon.uvicorn._http import HTTPProtocol
from antiphon.uvicorn._protocol import WebSocketProtocol
from peers import Endpoint, RawPeer, eventually, frame, raw_connection, websocket_request
from server_helpers import Serve
from test_mounting import build_app

FAST = pytest.mark.parametrize("way", ["fast"])
COUNT = 120


class OtherWebSockets(HTTPProtocol):
    """Has a protocol class of uvicorn for WebSockets."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.ws_protocol_class = import_from_string(WS_PROTOCOLS["auto"])


def record_numbers(io: Server) -> list[int]:
    numbers: list[int] = []

    @io.event("n")
    def n(socket: Socket, number: int, data: str) -> None:
        numbers.append(number)

    return numbers


class Decision:
    """An ``allow_request`` that decides when the test says so."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self._decided = threading.Event()
        self._allowed = False

    async def __call__(self, request: object) -> bool:
        self.asked.set()
        while not self._decided.is_set():  # noqa: ASYNC110 - set in another thread
            await asyncio.sleep(0.002)
        return self._allowed

    def decide(self, *, allowed: bool) -> None:
        self._allowed = allowed
        self._decided.set()


def find_admitting(server: Endpoint) -> Any:
    """Return the protocol of the connection whose client is not admitted yet."""

    def find() -> Any:
        gc.collect()
        protocols = [thing for thing in gc.get_objects() if type(thing) is WebSocketProtocol]
        (found,) = [one for one in protocols if one._admitting is not None and not one._admitting.done()]
        return found

    return server.running.call(find)


@asynccontextmanager
async def much_sent(server: Endpoint, decision: Decision) -> AsyncIterator[tuple[RawPeer, Any]]:
    """Send twelve megabytes, more than the kernel takes, before it is decided; and find what keeps them."""
    async with raw_connection(server) as peer:
        try:
            await peer.send(websocket_request(server))
            await eventually(decision.asked.is_set)
            peer.writer.write(frame(1, b"40"))
            for number in range(COUNT):
                peer.writer.write(frame(1, b'42["n",%d,"%s"]' % (number, b"x" * 100_000)))
            protocol = find_admitting(server)
            await eventually(lambda: not server.running.call(protocol._transport.is_reading))
            assert len(protocol._early) < 1_000_000
            assert peer.writer.transport.get_write_buffer_size()
            yield peer, protocol
        finally:
            peer.writer.transport.abort()


@FAST
async def test_a_frame_in_the_segment_of_the_handshake_arrives(serve: Serve) -> None:
    server = serve(Server())
    async with raw_connection(server) as peer:
        await peer.send(websocket_request(server) + frame(1, b"40") + frame(1, b"40/unknown,"))
        assert (await peer.read_head())[0] == 101
        assert (await peer.read_text()).startswith("0{")
        assert (await peer.read_text()).startswith('40{"sid"')
        assert (await peer.read_text()).startswith("44/unknown,")


@FAST
@pytest.mark.parametrize("path", ["/own", "/socket.io/"])
async def test_a_frame_in_the_segment_of_another_handshake_arrives(serve: Serve, path: str) -> None:
    """On a WebSocket of the application; and with a protocol class of uvicorn, which gets those of the server too."""
    app = build_app()
    app.mount("/", Server())
    server = serve(app, path, http=HTTPProtocol if path == "/own" else OtherWebSockets)
    async with raw_connection(server) as peer:
        await peer.send(websocket_request(server) + frame(1, b"40"))
        assert (await peer.read_head())[0] == 101
        first = await peer.read_text()
        assert first == "own 40" or (await peer.read_text()).startswith('40{"sid"')


@FAST
async def test_frames_wait_in_the_segment_of_a_handshake_that_the_user_decides_about(serve: Serve) -> None:
    decision = Decision()
    server = serve(Server(allow_request=decision))
    async with raw_connection(server) as peer:
        await peer.send(websocket_request(server) + frame(1, b"40"))
        await eventually(decision.asked.is_set)
        decision.decide(allowed=True)
        assert (await peer.read_head())[0] == 101
        assert (await peer.read_text()).startswith("0{")
        assert (await peer.read_text()).startswith('40{"sid"')


@FAST
async def test_little_is_read_before_a_client_is_admitted_and_nothing_is_lost(serve: Serve) -> None:
    decision = Decision()
    io = Server(allow_request=decision)
    numbers = record_numbers(io)
    server = serve(io)
    async with much_sent(server, decision) as (peer, _):
        decision.decide(allowed=True)
        assert (await peer.read_head())[0] == 101
        await eventually(lambda: len(numbers) == COUNT)
    assert numbers == list(range(COUNT))


@FAST
async def test_who_has_sent_much_is_refused_like_others(serve: Serve) -> None:
    decision = Decision()
    io = Server(allow_request=decision)
    server = serve(io)
    async with much_sent(server, decision) as (_, protocol):
        decision.decide(allowed=False)
        await eventually(lambda: server.running.call(protocol._transport.is_closing))
    assert not io.engine.sockets


@FAST
async def test_a_client_that_leaves_before_it_is_admitted_is_not_waited_for(serve: Serve) -> None:
    decision = Decision()
    io = Server(allow_request=decision)
    server = serve(io)
    async with raw_connection(server) as peer:
        await peer.send(websocket_request(server) + frame(1, b"x" * 10_000))
        await eventually(decision.asked.is_set)
        admitting = find_admitting(server)._admitting
    await eventually(admitting.cancelled)
    assert not io.engine.sockets


async def ask_something_cancelled(_request: object) -> None:
    future = asyncio.get_running_loop().create_future()
    future.cancel()
    await future


@pytest.mark.parametrize("function", ["allow_request", "generate_id", "use"])
async def test_a_function_that_waits_for_something_cancelled_refuses(
    serve: Serve, function: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR, "antiphon")
    io = Server(**({} if function == "use" else {function: ask_something_cancelled}))
    if function == "use":
        io.engine.use(ask_something_cancelled)
    server = serve(io)
    async with raw_connection(server) as peer:
        await peer.send(websocket_request(server))
        assert (await peer.read_head())[0] >= 400
    assert (await server.request()).status >= 400
    assert not io.engine.sockets
    assert caplog.records
