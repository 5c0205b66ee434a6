"""What the official test suite asks of a server for Socket.IO 5, in our words, over each way of serving.

Its first part repeats Engine.IO 4 at the path of Socket.IO; the peers here never join a namespace before they need to.

Source: ``docs/socket.io-protocol/v5-test-suite`` of the Socket.IO repository.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator

import aiohttp
import orjson
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from antiphon import Server
from peers import Endpoint, Polling, SocketPeer, close_code, eventually, receive
from socketio_server import build
from support import serving

WRONG_EIO = pytest.mark.parametrize("eio", [None, "abc"], ids=["no EIO", "unknown EIO"])
WRONG_TRANSPORT = pytest.mark.parametrize("transport", [None, "abc"], ids=["no transport", "unknown transport"])


@pytest.fixture(scope="module")
def io() -> Server:
    return build(ping_interval=0.25, ping_timeout=0.8, connect_timeout=1.5)


@pytest.fixture(scope="module")
def url(io: Server, served_way: str) -> Iterator[str]:
    with serving(io, served_way) as running:
        yield running.url


@pytest.fixture
def server(http: aiohttp.ClientSession, url: str) -> Endpoint:
    return Endpoint(http, f"{url}/socket.io/")


def check_handshake(handshake: dict[str, object], *, upgrades: list[str]) -> None:
    sid = handshake.pop("sid")
    assert isinstance(sid, str)
    assert sid
    assert handshake == {"upgrades": upgrades, "pingInterval": 250, "pingTimeout": 800, "maxPayload": 1_000_000}


def has_poll(io: Server, peer: Polling) -> bool:
    """Say whether the server has a pending poll of this peer."""
    return peer.sid in io.engine.sockets and io.engine.sockets[peer.sid].transport.writable


# The part of Engine.IO: handshake


async def test_a_get_opens_a_polling_session(server: Endpoint) -> None:
    peer = await server.open_polling()
    assert len(peer.packets) == 1
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


# The part of Engine.IO: heartbeat, close, upgrade


async def test_polls_carry_pings_as_long_as_pongs_are_posted(server: Endpoint) -> None:
    peer = await server.open_polling()
    for _ in range(2):
        assert await peer.receive() == ["2"]
        await peer.send("3")


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


async def test_a_polling_session_goes_over_to_a_websocket(server: Endpoint) -> None:
    polling = await server.open_polling()
    async with server.websocket(sid=polling.sid) as peer:
        await peer.send("2probe")
        assert await receive(peer) == "3probe"
        await peer.send("5")
        client = SocketPeer(peer)
        assert await client.join()


async def test_requests_after_the_upgrade_are_refused(server: Endpoint) -> None:
    polling = await server.open_polling()
    async with server.websocket(sid=polling.sid) as peer:
        await peer.send("2probe")
        await receive(peer)
        await peer.send("5")
        assert (await polling.poll()).status == 400


async def test_a_second_websocket_after_the_upgrade_is_closed(server: Endpoint) -> None:
    polling = await server.open_polling()
    async with server.websocket(sid=polling.sid) as peer:
        await peer.send("2probe")
        await receive(peer)
        await peer.send("5")
        async with server.websocket(sid=polling.sid) as late:
            await close_code(late)


# The part of Socket.IO: connect


@pytest.mark.parametrize("nsp", ["", "/custom,"], ids=["main namespace", "custom namespace"])
@pytest.mark.parametrize("auth", ["", '{"token":"abc"}'], ids=["no payload", "payload"])
async def test_a_client_joins_a_namespace_and_its_payload_is_the_auth(server: Endpoint, nsp: str, auth: str) -> None:
    async with server.websocket() as websocket:
        await receive(websocket)
        peer = SocketPeer(websocket)
        await peer.send(f"0{nsp}{auth}")
        answer = await peer.receive()
        assert answer.startswith(f"0{nsp}")
        (sid,) = orjson.loads(answer.removeprefix(f"0{nsp}")).items()
        assert sid[0] == "sid"
        assert isinstance(sid[1], str)
        assert await peer.receive() == f'2{nsp}["auth",{auth or "{}"}]'


async def test_an_unknown_namespace_is_refused(server: Endpoint) -> None:
    async with server.websocket() as websocket:
        await receive(websocket)
        peer = SocketPeer(websocket)
        await peer.send("0/random")
        assert await peer.receive() == '4/random,{"message":"Invalid namespace"}'


async def test_the_first_packet_must_be_one(server: Endpoint) -> None:
    async with server.websocket() as peer:
        await receive(peer)
        await peer.send("4abc")
        await close_code(peer)


async def test_a_client_that_joins_nothing_is_closed(server: Endpoint) -> None:
    async with server.websocket() as peer:
        await receive(peer)
        pings, began = 0, time.monotonic()
        with contextlib.suppress(ConnectionClosed):
            while (await receive(peer)) == "2":
                pings += 1
                await peer.send("3")
        # It answers its pings: what closes it is that it has joined no namespace in time.
        assert pings >= 2
        assert time.monotonic() - began > 1.2


# The part of Socket.IO: disconnect


async def test_who_leaves_the_main_namespace_stays_connected(server: Endpoint) -> None:
    async with server.socket() as peer:
        assert await peer.receive() == '2["auth",{}]'
        await peer.send("1")
        assert await receive(peer.websocket) == "2"


async def test_who_leaves_a_custom_namespace_stays_in_the_main_one(server: Endpoint) -> None:
    async with server.socket() as peer:
        assert await peer.receive() == '2["auth",{}]'
        await peer.join("/custom")
        assert await peer.receive() == '2/custom,["auth",{}]'
        await peer.send("1/custom", '2["message","still here"]')
        assert await peer.receive() == '2["message-back","still here"]'


# The part of Socket.IO: events


async def test_a_plain_event_comes_back(server: Endpoint) -> None:
    async with server.socket() as peer:
        await peer.receive()
        await peer.send('2["message",1,"2",{"3":[true]}]')
        assert await peer.receive() == '2["message-back",1,"2",{"3":[true]}]'


async def test_an_event_with_attachments_comes_back(server: Endpoint) -> None:
    places = '{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}'
    async with server.socket() as peer:
        await peer.receive()
        await peer.send(f'52-["message",{places}]', b"\x01\x02\x03", b"\x04\x05\x06")
        assert await peer.receive() == f'52-["message-back",{places}]'
        assert await peer.receive() == b"\x01\x02\x03"
        assert await peer.receive() == b"\x04\x05\x06"


async def test_a_plain_event_is_acknowledged(server: Endpoint) -> None:
    async with server.socket() as peer:
        await peer.receive()
        await peer.send('2456["message-with-ack",1,"2",{"3":[false]}]')
        assert await peer.receive() == '3456[1,"2",{"3":[false]}]'


async def test_an_event_with_attachments_is_acknowledged_with_attachments(server: Endpoint) -> None:
    places = '{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}'
    async with server.socket() as peer:
        await peer.receive()
        await peer.send(f'52-789["message-with-ack",{places}]', b"\x01\x02\x03", b"\x04\x05\x06")
        assert await peer.receive() == f"62-789[{places}]"
        assert await peer.receive() == b"\x01\x02\x03"
        assert await peer.receive() == b"\x04\x05\x06"


@pytest.mark.parametrize(
    "packet",
    ["abc", "2{}", '2abc["message-with-ack",1]'],
    ids=["unknown type", "payload is no array", "id is no number"],
)
async def test_an_invalid_packet_closes_the_connection(server: Endpoint, packet: str) -> None:
    async with server.socket() as peer:
        await peer.send(packet)
        await peer.close_code()
