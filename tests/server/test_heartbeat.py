"""Pings and pongs, and what happens without them. Time itself is tested here: intervals are short."""

from __future__ import annotations

import asyncio
import time

import pytest

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
    began = time.monotonic()
    async with raw_websocket(server) as peer:
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


SIGNS_OF_LIFE = {"text": '42["x"]', "binary": b"binary", "another packet": "6"}


@pytest.mark.parametrize("sign", SIGNS_OF_LIFE)
async def test_a_pong_may_be_late_behind_other_packets(serve: Serve, sign: str) -> None:
    """As in the official server: a packet that is not the pong starts the time for it anew, once."""
    timeout = 2.0
    io, reasons = build(ping_interval=1.0, ping_timeout=timeout)
    async with serve(io).websocket() as websocket:
        await receive(websocket)
        await websocket.send("40")
        await eventually(lambda: io.of("/").sockets)
        if sign == "binary":
            # What announces it comes before the ping.
            await websocket.send('451-["x",{"_placeholder":true,"num":0}]')
        while await receive(websocket) != "2":
            pass
        await asyncio.sleep(timeout / 2)
        sent = time.monotonic()
        await websocket.send(SIGNS_OF_LIFE[sign])
        await eventually(lambda: reasons)
        # Without the sign it would have been half of it.
        assert time.monotonic() - sent >= timeout * 0.9
    assert reasons == [("ping timeout", None)]


async def test_so_it_may_over_polling(serve: Serve) -> None:
    timeout = 2.0
    io, reasons = build(ping_timeout=timeout)
    peer = await serve(io).open_polling()
    await peer.send("40")
    await peer.receive_until("2")
    await asyncio.sleep(timeout / 2)
    sent = time.monotonic()
    await peer.send("6", '42["x"]')
    await eventually(lambda: reasons)
    assert time.monotonic() - sent >= timeout * 0.9
    assert reasons == [("ping timeout", None)]


@ONE_WAY
async def test_a_pong_is_awaited_as_before_when_the_packets_are_looked_at(serve: Serve) -> None:
    """Listeners of an Engine.IO session stand in the way of its packets: they see each of them once, at any time."""
    io, reasons = build(ping_timeout=2.0)
    seen: list[bytes] = []
    async with serve(io).websocket() as websocket:
        await receive(websocket)
        await websocket.send("40")
        for number in range(3):
            while await receive(websocket) != "2":
                pass
            if number == 0:
                (session,) = io.engine.sockets.values()
                session.on("packet", lambda packet: seen.append(packet.data))
            await websocket.send(f'42["x",{number}]')
            await websocket.send("3")
        await eventually(lambda: len(seen) == 6)
    assert seen == [b'2["x",0]', b"", b'2["x",1]', b"", b'2["x",2]', b""]
    assert ("ping timeout", None) not in reasons


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
