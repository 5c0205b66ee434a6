"""What the official test suite asks of a server for Engine.IO 4, in our words, over each way of serving.

Source: ``docs/engine.io-protocol/v4-test-suite`` of the Socket.IO repository.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import aiohttp
import orjson
import pytest
from websockets.exceptions import InvalidStatus

from antiphon import Server
from engineio_server import build
from peers import Endpoint, Polling, close_code, eventually, receive, receive_packet
from support import serving

WRONG_EIO = pytest.mark.parametrize("eio", [None, "abc"], ids=["no EIO", "unknown EIO"])
WRONG_TRANSPORT = pytest.mark.parametrize("transport", [None, "abc"], ids=["no transport", "unknown transport"])


@pytest.fixture(scope="module")
def io() -> Server:
    return build(eio3=False, ping_interval=0.25, ping_timeout=0.8)


@pytest.fixture(scope="module")
def url(io: Server, served_way: str) -> Iterator[str]:
    with serving(io, served_way) as running:
        yield running.url


@pytest.fixture
def server(http: aiohttp.ClientSession, url: str) -> Endpoint:
    return Endpoint(http, f"{url}/engine.io/")


def check_handshake(handshake: dict[str, object], *, upgrades: list[str]) -> None:
    sid = handshake.pop("sid")
    assert isinstance(sid, str)
    assert sid
    assert handshake == {"upgrades": upgrades, "pingInterval": 250, "pingTimeout": 800, "maxPayload": 1_000_000}


def has_poll(io: Server, peer: Polling) -> bool:
    """Say whether the server has a pending poll of this peer."""
    return peer.sid in io.engine.sockets and io.engine.sockets[peer.sid].transport.writable


# Handshake


async def test_a_get_opens_a_polling_session(server: Endpoint) -> None:
    peer = await server.open_polling()
    assert peer.packets[0][0] == "0"
    check_handshake(peer.handshake, upgrades=["websocket"])


@WRONG_EIO
async def test_a_polling_handshake_needs_a_known_revision(server: Endpoint, eio: str | None) -> None:
    assert (await server.request(EIO=eio)).status == 400


@WRONG_TRANSPORT
async def test_a_polling_handshake_needs_a_known_transport(server: Endpoint, transport: str | None) -> None:
    assert (await server.request(transport=transport)).status == 400


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_a_session_is_opened_by_get_alone(server: Endpoint, method: str) -> None:
    assert (await server.request(method)).status == 400


async def test_a_websocket_opens_a_session(server: Endpoint) -> None:
    async with server.websocket() as peer:
        packet = await receive(peer)
    assert packet[0] == "0"
    check_handshake(orjson.loads(packet[1:]), upgrades=[])


@WRONG_EIO
async def test_a_websocket_handshake_needs_a_known_revision(server: Endpoint, eio: str | None) -> None:
    with pytest.raises(InvalidStatus):
        async with server.websocket(EIO=eio):
            pass


@WRONG_TRANSPORT
async def test_a_websocket_handshake_needs_a_known_transport(server: Endpoint, transport: str | None) -> None:
    with pytest.raises(InvalidStatus):
        async with server.websocket(transport=transport):
            pass


# Messages


@pytest.mark.parametrize(
    "payload",
    ["4antiphon", "4one\x1e4two\x1e4three", "4antiphon\x1ebAQIDBA=="],
    ids=["one packet", "three packets", "text and binary"],
)
async def test_a_posted_payload_comes_back_with_the_next_poll(server: Endpoint, payload: str) -> None:
    peer = await server.open_polling()
    posted = await peer.post(payload)
    assert (posted.status, posted.text) == (200, "ok")
    polled = await peer.poll()
    assert (polled.status, polled.text) == (200, payload)


async def test_a_post_that_is_no_payload_ends_the_session(server: Endpoint) -> None:
    peer = await server.open_polling()
    assert (await peer.post("abc")).status == 400
    assert (await peer.poll()).status == 400


async def test_a_second_poll_at_the_same_time_ends_the_session(server: Endpoint, io: Server) -> None:
    peer = await server.open_polling()
    first = asyncio.create_task(peer.poll())
    await eventually(lambda: has_poll(io, peer))
    second = await peer.poll()
    assert second.status == 400
    answer = await first
    assert (answer.status, answer.text) == (200, "1")
    assert (await peer.poll()).status == 400


async def test_a_cancelled_poll_ends_the_session(server: Endpoint, io: Server) -> None:
    peer = await server.open_polling()
    poll = asyncio.create_task(peer.poll())
    await eventually(lambda: has_poll(io, peer))
    poll.cancel()
    await eventually(lambda: peer.sid not in io.engine.sockets)
    assert (await peer.poll()).status == 400


@pytest.mark.parametrize("message", ["4antiphon", b"\x01\x02\x03\x04"], ids=["text", "binary"])
async def test_a_websocket_message_comes_back(server: Endpoint, message: str | bytes) -> None:
    async with server.websocket() as peer:
        await receive(peer)
        await peer.send(message)
        assert await receive(peer) == message


async def test_a_websocket_message_that_is_no_packet_ends_the_session(server: Endpoint) -> None:
    async with server.websocket() as peer:
        await receive(peer)
        await peer.send("abc")
        await close_code(peer)


# Heartbeat


async def test_polls_carry_pings_as_long_as_pongs_are_posted(server: Endpoint) -> None:
    peer = await server.open_polling()
    for _ in range(2):
        polled = await peer.poll()
        assert (polled.status, polled.text) == (200, "2")
        assert (await peer.post("3")).status == 200


async def test_a_polling_session_without_pongs_ends(server: Endpoint, io: Server) -> None:
    peer = await server.open_polling()
    await eventually(lambda: peer.sid not in io.engine.sockets)
    assert (await peer.poll()).status == 400


async def test_a_websocket_is_pinged_as_long_as_it_answers(server: Endpoint) -> None:
    async with server.websocket() as peer:
        await receive(peer)
        for _ in range(2):
            assert await receive(peer) == "2"
            await peer.send("3")


async def test_a_websocket_without_pongs_is_closed(server: Endpoint) -> None:
    async with server.websocket() as peer:
        await close_code(peer)


# Close


async def test_a_close_packet_ends_the_poll_and_the_session(server: Endpoint, io: Server) -> None:
    peer = await server.open_polling()
    poll = asyncio.create_task(peer.poll())
    await eventually(lambda: has_poll(io, peer))
    await peer.send("1")
    answer = await poll
    assert (answer.status, answer.text) == (200, "6")
    assert (await peer.poll()).status == 400


async def test_a_close_packet_closes_the_websocket(server: Endpoint) -> None:
    async with server.websocket() as peer:
        await receive(peer)
        await peer.send("1")
        await close_code(peer)


# Upgrade


async def test_a_polling_session_goes_over_to_a_websocket(server: Endpoint) -> None:
    polling = await server.open_polling()
    async with server.websocket(sid=polling.sid) as peer:
        await peer.send("2probe")
        assert await receive(peer) == "3probe"
        polled = await polling.poll()
        assert (polled.status, polled.text) == (200, "6")
        await peer.send("5")
        await peer.send("4antiphon")
        assert await receive_packet(peer) == "4antiphon"


async def test_requests_after_the_upgrade_are_refused_and_do_no_harm(server: Endpoint) -> None:
    polling = await server.open_polling()
    async with server.websocket(sid=polling.sid) as peer:
        await peer.send("2probe")
        await receive(peer)
        await peer.send("5")
        assert (await polling.poll()).status == 400
        await peer.send("4antiphon")
        assert await receive_packet(peer) == "4antiphon"


async def test_a_second_websocket_after_the_upgrade_is_closed_and_does_no_harm(server: Endpoint) -> None:
    polling = await server.open_polling()
    async with server.websocket(sid=polling.sid) as peer:
        await peer.send("2probe")
        await receive(peer)
        await peer.send("5")
        async with server.websocket(sid=polling.sid) as late:
            await close_code(late)
        await peer.send("4antiphon")
        assert await receive_packet(peer) == "4antiphon"
