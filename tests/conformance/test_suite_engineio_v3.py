"""What the official test suite asks of a server for Engine.IO 3, in our words, over each way of serving.

In this revision the client pings, a payload has the length of each packet in front, and binary data may be sent as it
is.

Source: ``docs/engine.io-protocol/v3-test-suite`` of the Socket.IO repository.
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
from peers import Endpoint, Polling, close_code, eventually, receive
from support import serving

WRONG_TRANSPORT = pytest.mark.parametrize("transport", [None, "abc"], ids=["no transport", "unknown transport"])


@pytest.fixture(scope="module")
def io() -> Server:
    return build(eio3=True, ping_interval=0.25, ping_timeout=0.8)


@pytest.fixture(scope="module")
def url(io: Server, served_way: str) -> Iterator[str]:
    with serving(io, served_way) as running:
        yield running.url


@pytest.fixture
def server(http: aiohttp.ClientSession, url: str) -> Endpoint:
    return Endpoint(http, f"{url}/engine.io/", eio=3)


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
    opened = await server.request(b64=1)
    length, _, packet = opened.text.partition(":")
    assert int(length) == len(packet)
    assert packet[0] == "0"
    check_handshake(orjson.loads(packet[1:]), upgrades=["websocket"])


async def test_without_b64_the_handshake_is_text_all_the_same(server: Endpoint) -> None:
    opened = await server.request()
    length, _, packet = opened.text.partition(":")
    assert int(length) == len(packet)


@WRONG_TRANSPORT
async def test_a_polling_handshake_needs_a_known_transport(server: Endpoint, transport: str | None) -> None:
    assert (await server.request(transport=transport)).status == 400


async def test_a_session_is_not_opened_by_post(server: Endpoint) -> None:
    assert (await server.request("POST")).status == 400


async def test_a_websocket_opens_a_session(server: Endpoint) -> None:
    async with server.websocket() as peer:
        packet = await receive(peer)
    assert packet[0] == "0"
    check_handshake(orjson.loads(packet[1:]), upgrades=[])


@pytest.mark.parametrize("eio", [None, "abc"])
async def test_whatever_is_not_revision_4_is_revision_3(server: Endpoint, eio: str | None) -> None:
    async with server.websocket(EIO=eio) as peer:
        await receive(peer)
        await peer.send("2")
        assert await receive(peer) == "3"


async def test_a_pong_does_not_say_what_the_ping_said(server: Endpoint) -> None:
    async with server.websocket() as peer:
        await receive(peer)
        await peer.send("2x")
        assert await receive(peer) == "3"


@WRONG_TRANSPORT
async def test_a_websocket_handshake_needs_a_known_transport(server: Endpoint, transport: str | None) -> None:
    with pytest.raises(InvalidStatus):
        async with server.websocket(transport=transport):
            pass


# Messages


@pytest.mark.parametrize(
    "payload",
    ["9:4antiphon", "4:4one4:4two6:4three", "9:4antiphon10:b4AQIDBA=="],
    ids=["one packet", "three packets", "text and base64"],
)
async def test_a_posted_payload_comes_back_with_the_next_poll(server: Endpoint, payload: str) -> None:
    peer = await server.open_polling(b64=1)
    posted = await peer.post(payload)
    assert (posted.status, posted.text) == (200, "ok")
    polled = await peer.poll()
    assert (polled.status, polled.text) == (200, payload)


async def test_binary_comes_back_as_bytes_to_a_client_that_can_read_them(server: Endpoint) -> None:
    peer = await server.open_polling()
    assert (await peer.post("4:4one10:b4AQIDBA==")).status == 200
    polled = await peer.poll()
    assert polled.status == 200
    # For each packet: 0 for text or 1 for binary, the digits of its length, 255; then the packet.
    assert polled.body == b"\x00\x04\xff4one" + b"\x01\x05\xff\x04\x01\x02\x03\x04"


async def test_a_length_counts_utf_16_code_units(server: Endpoint) -> None:
    peer = await server.open_polling(b64=1)
    payload = "4:4é\U0001d11e2:4x"
    assert (await peer.post(payload.encode())).status == 200
    assert (await peer.poll()).text == payload


async def test_a_post_that_is_no_payload_ends_the_session(server: Endpoint) -> None:
    peer = await server.open_polling(b64=1)
    assert (await peer.post("abc")).status == 400
    assert (await peer.poll()).status == 400


async def test_a_second_poll_at_the_same_time_ends_the_session(server: Endpoint, io: Server) -> None:
    peer = await server.open_polling(b64=1)
    first = asyncio.create_task(peer.poll())
    await eventually(lambda: has_poll(io, peer))
    assert (await peer.poll()).status == 400
    answer = await first
    assert (answer.status, answer.text) == (200, "1:1")
    assert (await peer.poll()).status == 400


@pytest.mark.parametrize("message", ["4antiphon", b"\x04\x01\x02\x03\x04"], ids=["text", "binary"])
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


async def test_posted_pings_are_answered_in_polls(server: Endpoint) -> None:
    peer = await server.open_polling(b64=1)
    for _ in range(2):
        assert (await peer.post("1:2")).status == 200
        polled = await peer.poll()
        assert (polled.status, polled.text) == (200, "1:3")


async def test_a_polling_session_without_pings_ends(server: Endpoint, io: Server) -> None:
    peer = await server.open_polling(b64=1)
    await eventually(lambda: peer.sid not in io.engine.sockets)
    assert (await peer.post("1:2")).status == 400


async def test_the_pings_of_a_websocket_are_answered(server: Endpoint) -> None:
    async with server.websocket() as peer:
        await receive(peer)
        for _ in range(2):
            await peer.send("2")
            assert await receive(peer) == "3"


async def test_a_websocket_without_pings_is_closed(server: Endpoint) -> None:
    async with server.websocket() as peer:
        await close_code(peer)


# Close


async def test_a_close_packet_ends_the_poll_and_the_session(server: Endpoint, io: Server) -> None:
    peer = await server.open_polling(b64=1)
    poll = asyncio.create_task(peer.poll())
    await eventually(lambda: has_poll(io, peer))
    assert (await peer.post("1:1")).status == 200
    answer = await poll
    assert (answer.status, answer.text) == (200, "1:6")
    assert (await peer.poll()).status == 400


async def test_a_close_packet_closes_the_websocket(server: Endpoint) -> None:
    async with server.websocket() as peer:
        await receive(peer)
        await peer.send("1")
        await close_code(peer)


# Upgrade


async def test_a_polling_session_goes_over_to_a_websocket(server: Endpoint) -> None:
    polling = await server.open_polling(b64=1)
    async with server.websocket(sid=polling.sid) as peer:
        await peer.send("2probe")
        assert await receive(peer) == "3probe"
        polled = await polling.poll()
        assert (polled.status, polled.text) == (200, "1:6")
        await peer.send("5")
        await peer.send("4antiphon")
        assert await receive(peer) == "4antiphon"


async def test_requests_after_the_upgrade_are_refused_and_do_no_harm(server: Endpoint) -> None:
    polling = await server.open_polling(b64=1)
    async with server.websocket(sid=polling.sid) as peer:
        await peer.send("2probe")
        assert await receive(peer) == "3probe"
        await peer.send("5")
        assert (await polling.poll()).status == 400
        await peer.send("4antiphon")
        assert await receive(peer) == "4antiphon"


async def test_a_second_websocket_after_the_upgrade_is_closed_and_does_no_harm(server: Endpoint) -> None:
    polling = await server.open_polling(b64=1)
    async with server.websocket(sid=polling.sid) as peer:
        await peer.send("2probe")
        assert await receive(peer) == "3probe"
        await peer.send("5")
        async with server.websocket(sid=polling.sid) as late:
            await close_code(late)
        await peer.send("4antiphon")
        assert await receive(peer) == "4antiphon"
