"""Pings and pongs, and what happens without them. Time itself is tested here: intervals are short."""

from __future__ import annotations

import asyncio
import time

from antiphon import Server, Socket
from peers import Endpoint, eventually, raw_websocket, receive
from server_helpers import ONE_WAY, Serve, is_empty

INTERVAL, TIMEOUT = 0.15, 0.1


def build(**options: object) -> tuple[Server, list[tuple[str, str | None]]]:
    io = Server(**{"ping_interval": INTERVAL, "ping_timeout": TIMEOUT, **options})
    reasons: list[tuple[str, str | None]] = []

    @io.event("disconnect")
    def disconnect(socket: Socket, reason: str, description: str | None) -> None:
        reasons.append((reason, description))

    return io, reasons


async def test_a_silent_websocket_is_pinged_then_closed(serve: Serve) -> None:
    io, reasons = build()
    server = serve(io)
    async with raw_websocket(server) as peer:
        began = time.monotonic()
        await peer.join()
        assert await peer.read_text() == "2"
        pinged = time.monotonic()
        await peer.close_code()
        closed = time.monotonic()
    assert pinged - began >= INTERVAL * 0.9
    assert closed - pinged >= TIMEOUT * 0.9
    assert reasons == [("ping timeout", None)]
    assert is_empty(io)


async def test_a_session_that_does_not_poll_times_out(serve: Serve) -> None:
    io, reasons = build()
    peer = await serve(io).open_polling()
    await peer.send("40")
    await eventually(lambda: reasons)
    assert reasons == [("ping timeout", None)]
    assert await peer.is_gone()
    assert is_empty(io)


async def test_each_pong_starts_the_interval_anew(serve: Serve) -> None:
    io, _ = build()
    async with serve(io).websocket() as websocket:
        await receive(websocket)
        for _ in range(3):
            sent = time.monotonic()
            assert await receive(websocket) == "2"
            assert time.monotonic() - sent >= INTERVAL * 0.9
            await websocket.send("3")


@ONE_WAY
async def test_events_are_no_heartbeat(serve: Serve) -> None:
    io, reasons = build()
    async with serve(io).websocket() as websocket:
        await receive(websocket)
        await websocket.send("40")

        async def talk() -> None:
            while not reasons:
                await websocket.send('42["x"]')
                await asyncio.sleep(0.01)

        await asyncio.wait_for(talk(), 5)
    assert reasons == [("ping timeout", None)]


async def test_the_heartbeat_goes_on_after_the_upgrade(serve: Serve) -> None:
    io, _ = build()
    server = serve(io)
    polling = await server.open_polling()
    async with server.websocket(sid=polling.sid) as websocket:
        await websocket.send("2probe")
        assert await receive(websocket) == "3probe"
        await websocket.send("5")
        for _ in range(2):
            assert await receive(websocket) == "2"
            await websocket.send("3")


async def test_a_ping_from_a_client_has_the_wrong_direction(server: Endpoint, io: Server) -> None:
    reasons: list[tuple[str, str | None]] = []

    @io.event("disconnect")
    def disconnect(socket: Socket, reason: str, description: str | None) -> None:
        reasons.append((reason, description))

    async with server.socket() as peer:
        await peer.websocket.send("2")
        await peer.close_code()
    assert reasons == [("transport error", "invalid heartbeat direction")]


@ONE_WAY
async def test_many_silent_clients_all_time_out(serve: Serve) -> None:
    io, reasons = build()
    server = serve(io)
    peers = await asyncio.gather(*(server.open_polling() for _ in range(100)))
    assert len(peers) == 100
    await eventually(lambda: not io.engine.sockets)
    assert reasons == []


@ONE_WAY
async def test_revision_3_waits_for_the_pings_of_the_client(serve: Serve) -> None:
    # The client may be late, on a machine that has much to do, but not for as long as the server waits.
    io, reasons = build(allow_eio3=True, ping_timeout=0.6)
    server = serve(io)
    server.eio = 3
    async with server.websocket() as websocket:
        assert (await receive(websocket)).startswith("0")
        assert await receive(websocket) == "40"
        for _ in range(6):
            await asyncio.sleep(INTERVAL)
            await websocket.send("2")
            assert await receive(websocket) == "3"
        assert reasons == []
        await eventually(lambda: reasons)
    assert reasons == [("ping timeout", None)]
