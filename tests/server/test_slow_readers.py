"""Clients that do not read what was sent to them: what waits is bounded in size and in time, on the fast path."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from antiphon import Server
from antiphon.uvicorn import _stall
from antiphon.uvicorn._http import HTTPProtocol
from peers import CLOSE, Endpoint, Polling, RawPeer, eventually, request_websocket, websocket_request
from server_helpers import Serve, ask

pytestmark = pytest.mark.parametrize("way", ["fast"])

LIMIT = 1_000_000
MORE_THAN_THE_KERNEL_TAKES = 12_000_000


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_stall, "STALL_TIMEOUT", 0.3)


@contextlib.asynccontextmanager
async def slow_connection(server: Endpoint) -> AsyncIterator[RawPeer]:
    """Open a TCP connection on which hardly anything is read before it is asked for."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.setblocking(False)
    await asyncio.get_running_loop().sock_connect(connection, server.address)
    reader, writer = await asyncio.open_connection(sock=connection, limit=4096)
    try:
        yield RawPeer(reader, writer)
    finally:
        writer.transport.abort()


@contextlib.asynccontextmanager
async def slow_websocket(server: Endpoint) -> AsyncIterator[RawPeer]:
    async with slow_connection(server) as peer:
        assert (await request_websocket(peer, server))[0] == 101
        await peer.read_text()
        await peer.join()
        yield peer


async def slow_polling(server: Endpoint) -> tuple[Polling, bytes]:
    """Join over HTTP; return the session and the request of a poll."""
    polling = await server.open_polling()
    await polling.send("40")
    await polling.receive()
    return polling, poll_request(polling)


async def emit_and_wait(joined: Any) -> None:
    await joined.emit("large", "x" * MORE_THAN_THE_KERNEL_TAKES)


def poll_request(polling: Polling, more: str = "") -> bytes:
    return f"GET /socket.io/?EIO=4&transport=polling&sid={polling.sid} HTTP/1.1\r\nhost: a\r\n{more}\r\n".encode()


def record_ends(io: Server) -> list[str]:
    ends: list[str] = []
    io.event("disconnect")(lambda _, reason: ends.append(reason))
    return ends


def only(io: Server) -> Any:
    (joined,) = io.sockets.sockets.values()
    return joined


async def poll_pending(io: Server) -> None:
    await eventually(lambda: only(io).conn.transport.writable)


def emit_large(server: Endpoint, io: Server, size: int = MORE_THAN_THE_KERNEL_TAKES) -> None:
    server.running.call(lambda: only(io).emit("large", "x" * size))


# How much waits


async def test_pipelined_polls_do_not_hide_that_nothing_is_read(serve: Serve) -> None:
    io = Server(max_send_buffer_size=LIMIT)
    ends = record_ends(io)
    server = serve(io)
    _, poll = await slow_polling(server)
    async with slow_connection(server) as peer:
        await peer.send(poll * 500)
        await poll_pending(io)
        sent = 0

        async def emit(joined: Any) -> None:
            nonlocal sent
            while joined.connected and sent < 40 * LIMIT:
                sent += 100_000
                # A turn for each, so that each could be the response to another poll.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.01):
                        await joined.emit("piece", "x" * 100_000)

        await ask(server, emit(only(io)))
        await eventually(lambda: ends)
        assert ends == ["slow consumer"]
        # The limit, and what the kernel has taken.
        assert sent < MORE_THAN_THE_KERNEL_TAKES


async def test_polls_that_waited_for_the_client_to_read_are_answered(serve: Serve) -> None:
    io = Server()
    server = serve(io)
    _, poll = await slow_polling(server)
    async with slow_connection(server) as peer:
        await peer.send(poll * 2)
        await poll_pending(io)
        emit_large(server, io)
        server.running.call(lambda: only(io).emit("small"))
        for expected in (MORE_THAN_THE_KERNEL_TAKES, 0):
            status, headers = await peer.read_head()
            body = await peer.read_exactly(int(headers["content-length"]))
            assert status == 200
            assert body.endswith(b'42["large","' + b"x" * expected + b'"]' if expected else b'42["small"]')


async def test_what_has_been_read_meanwhile_does_not_count(serve: Serve) -> None:
    half = MORE_THAN_THE_KERNEL_TAKES
    io = Server(max_send_buffer_size=2 * half + LIMIT)
    server = serve(io)
    async with slow_websocket(server) as peer:
        emit_large(server, io, 2 * half)
        await peer.read_exactly(half)
        assert not only(io).conn.transport.writable
        emit_large(server, io, half)
        await peer.read_exactly(2 * half)
        assert only(io).connected


async def test_a_websocket_cannot_begin_behind_responses_that_are_not_read(serve: Serve) -> None:
    io = Server()
    server = serve(io)
    _, poll = await slow_polling(server)
    async with slow_connection(server) as peer:
        await peer.send(poll)
        await poll_pending(io)
        emit_large(server, io)
        status, headers = await request_websocket(peer, server)
        assert status == 200
        await peer.read_exactly(int(headers["content-length"]))
        assert (await peer.read_head())[0] == 400
        assert b"must wait until the responses before it have arrived" in await peer.read_rest()


async def test_a_websocket_cannot_begin_behind_a_poll_that_is_pending(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    io = Server()
    ends = record_ends(io)
    server = serve(io)
    _, poll = await slow_polling(server)
    async with slow_connection(server) as peer:
        await peer.send(poll)
        await poll_pending(io)
        await peer.send(websocket_request(server))
        assert await peer.read_rest() == b""
        await eventually(lambda: ends)
    assert ends == ["transport error"]
    assert "came before the response to the request before it" in caplog.text


# How long it waits


@pytest.mark.usefixtures("impatient")
async def test_a_client_that_says_good_bye_and_does_not_read_is_cut_off(serve: Serve) -> None:
    io = Server()
    server = serve(io)
    async with slow_websocket(server) as peer:
        connection = only(io).conn.transport
        emitting = asyncio.create_task(ask(server, emit_and_wait(only(io))))
        await eventually(lambda: not connection.writable)
        await peer.send_frame(CLOSE, b"\x03\xe8")
        await emitting
        await eventually(lambda: not server.running.call(connection._transport.get_write_buffer_size))
        assert len(await peer.read_rest()) < MORE_THAN_THE_KERNEL_TAKES


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("more", ["connection: close\r\n", ""], ids=["closes", "keeps alive"])
async def test_a_client_that_does_not_read_the_last_response_is_cut_off(serve: Serve, more: str) -> None:
    transports: list[asyncio.Transport] = []

    class Recording(HTTPProtocol):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            transports.append(transport)

    io = Server()
    server = serve(io, http=Recording, timeout_keep_alive=1)
    polling, _ = await slow_polling(server)
    async with slow_connection(server) as peer:
        await peer.send(poll_request(polling, more))
        await poll_pending(io)
        emit_large(server, io)
        assert server.running.call(transports[-1].get_write_buffer_size)
        await eventually(lambda: not server.running.call(transports[-1].get_write_buffer_size))
        assert len(await peer.read_rest()) < MORE_THAN_THE_KERNEL_TAKES


@pytest.mark.usefixtures("impatient")
async def test_a_client_that_reads_slowly_gets_everything(serve: Serve) -> None:
    io = Server()
    server = serve(io)
    polling, _ = await slow_polling(server)
    async with slow_connection(server) as peer:
        await peer.send(poll_request(polling, "connection: close\r\n"))
        await poll_pending(io)
        emit_large(server, io)
        began = asyncio.get_running_loop().time()
        _, headers = await peer.read_head()
        left = int(headers["content-length"])
        while left:
            piece = min(left, 200_000)
            await peer.read_exactly(piece)
            left -= piece
            await asyncio.sleep(0.02)
        # Else it has shown nothing.
        assert asyncio.get_running_loop().time() - began > 3 * 0.3
        assert await peer.read_rest() == b""
