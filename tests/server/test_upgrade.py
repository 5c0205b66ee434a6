"""The upgrade from long-polling to WebSocket."""

from __future__ import annotations

import asyncio
import contextlib

import orjson
import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import InvalidStatus

from antiphon import Server, Socket
from peers import (
    CLOSE,
    Endpoint,
    Polling,
    SocketPeer,
    close_code,
    eventually,
    raw_websocket,
    receive,
    receive_packet,
)
from server_helpers import Serve


async def join(server: Endpoint) -> Polling:
    """Open a polling session and join the main namespace."""
    peer = await server.open_polling()
    await peer.send("40")
    await peer.receive()
    return peer


async def probe(websocket: ClientConnection) -> None:
    """Go as far as a client does before it lets its polling pause."""
    await websocket.send("2probe")
    assert await receive(websocket) == "3probe"


async def still_polls(peer: Polling) -> bool:
    """Say whether a session answers over polling."""
    await peer.send("40/unknown,")
    return '44/unknown,{"message":"Invalid namespace"}' in await peer.receive()


class Numbers:
    """The application of the tests about order: it keeps what it gets, and sends numbers of its own meanwhile."""

    def __init__(self, io: Server, count: int) -> None:
        self.received: list[int] = []

        @io.event("start")
        async def start(socket: Socket) -> None:
            for number in range(count):
                socket.emit("n", number)
                if number % 5 == 0:
                    socket.emit("b", b"%d" % number)
                await asyncio.sleep(0.0005)

        @io.event("n")
        async def n(socket: Socket, number: int) -> None:
            self.received.append(number)


async def test_messages_keep_their_order_and_none_is_lost_or_doubled(server: Endpoint, io: Server) -> None:
    count = 200
    app = Numbers(io, count)
    peer = await join(server)
    await peer.send('42["start"]')
    arrived: list[str | bytes] = []

    async def poll_until(upgrading: asyncio.Event) -> None:
        while not upgrading.is_set():
            arrived.extend(await peer.receive())

    upgrading = asyncio.Event()
    polling = asyncio.create_task(poll_until(upgrading))
    for number in range(0, 40, 2):
        await peer.send(f'42["n",{number}]', f'42["n",{number + 1}]')
    async with server.websocket(sid=peer.sid) as websocket:
        await websocket.send("2probe")
        for number in range(40, 50):
            await peer.send(f'42["n",{number}]')
        assert await receive(websocket) == "3probe"
        upgrading.set()
        await polling
        await websocket.send("5")
        for number in range(50, 100):
            await websocket.send(f'42["n",{number}]')
        while f'42["n",{count - 1}]' not in arrived:
            arrived.append(await receive_packet(websocket))
    await eventually(lambda: len(app.received) >= 100)
    assert app.received == list(range(100))
    assert [packet for packet in arrived if isinstance(packet, str) and packet.startswith('42["n"')] == [
        f'42["n",{number}]' for number in range(count)
    ]
    headers = [index for index, packet in enumerate(arrived) if str(packet).startswith("451-")]
    assert len(headers) == count // 5
    # Each attachment follows its header; in a poll it is base64, which 0, 5, 10... tell apart.
    assert all(isinstance(arrived[index + 1], bytes) or arrived[index + 1][0] == "b" for index in headers)


async def test_the_websocket_carries_what_waited_for_a_poll(server: Endpoint, io: Server) -> None:
    @io.event("go")
    def go(socket: Socket) -> None:
        socket.emit("text", "waited")
        socket.emit("binary", b"\x01\x02")

    peer = await join(server)
    await peer.send('42["go"]')
    async with server.websocket(sid=peer.sid) as websocket:
        await probe(websocket)
        await websocket.send("5")
        assert await receive(websocket) == '42["text","waited"]'
        assert await receive(websocket) == '451-["binary",{"_placeholder":true,"num":0}]'
        assert await receive(websocket) == b"\x01\x02"


async def test_the_transport_of_the_session_has_a_new_name(server: Endpoint, io: Server) -> None:
    peer = await join(server)
    session = io.engine.sockets[peer.sid]
    assert (session.transport.name, session.upgraded) == ("polling", False)
    async with server.websocket(sid=peer.sid) as websocket:
        await probe(websocket)
        await websocket.send("5")
        await eventually(lambda: session.upgraded)
        assert session.transport.name == "websocket"


async def test_a_pending_poll_is_let_go_at_once(server: Endpoint, io: Server) -> None:
    peer = await join(server)
    poll = asyncio.create_task(peer.receive())
    await eventually(lambda: io.engine.sockets[peer.sid].transport.writable)
    async with server.websocket(sid=peer.sid) as websocket:
        await probe(websocket)
        assert await poll == ["6"]


async def test_a_poll_that_comes_while_probing_is_let_go(server: Endpoint) -> None:
    peer = await join(server)
    async with server.websocket(sid=peer.sid) as websocket:
        await probe(websocket)
        assert await peer.receive() == ["6"]
        assert await peer.receive() == ["6"]


@pytest.mark.parametrize("packets", [[], ["2probe"]], ids=["silent", "never finished"])
async def test_an_upgrade_that_takes_too_long_costs_the_new_transport_alone(serve: Serve, packets: list[str]) -> None:
    server = serve(Server(upgrade_timeout=0.15))
    peer = await join(server)
    async with server.websocket(sid=peer.sid) as websocket:
        for packet in packets:
            await websocket.send(packet)
        await close_code(websocket)
    assert await still_polls(peer)
    # Another try may succeed.
    async with server.websocket(sid=peer.sid) as websocket:
        await probe(websocket)
        await websocket.send("5")
        await websocket.send("40/unknown,")
        assert await receive(websocket) == '44/unknown,{"message":"Invalid namespace"}'


@pytest.mark.parametrize("packet", ["5", "2", "4hello", "2probe!", "x", b"\x01"])
async def test_a_probe_that_says_something_else_is_closed_and_the_session_goes_on(
    server: Endpoint, packet: str | bytes
) -> None:
    peer = await join(server)
    async with server.websocket(sid=peer.sid) as websocket:
        await websocket.send(packet)
        if packet == "5":
            # The official server takes an upgrade without a probe.
            await websocket.send("40/unknown,")
            assert await receive(websocket) == '44/unknown,{"message":"Invalid namespace"}'
        else:
            await close_code(websocket)
            assert await still_polls(peer)


async def test_a_probe_that_leaves_does_no_harm(server: Endpoint, io: Server) -> None:
    peer = await join(server)
    async with server.websocket(sid=peer.sid) as websocket:
        await probe(websocket)
    await eventually(lambda: io.engine.sockets[peer.sid]._probe is None)
    assert await still_polls(peer)


async def test_a_second_probe_is_closed_and_the_first_goes_on(server: Endpoint) -> None:
    peer = await join(server)
    async with server.websocket(sid=peer.sid) as first:
        await probe(first)
        async with server.websocket(sid=peer.sid) as second:
            await close_code(second)
        await first.send("5")
        await first.send("40/unknown,")
        assert await receive(first) == '44/unknown,{"message":"Invalid namespace"}'


async def test_the_end_of_the_session_ends_its_probe(server: Endpoint) -> None:
    peer = await join(server)
    async with server.websocket(sid=peer.sid) as websocket:
        await probe(websocket)
        await peer.send("1")
        await close_code(websocket)


async def test_what_is_emitted_while_probing_still_goes_by_poll(server: Endpoint) -> None:
    peer = await join(server)
    async with server.websocket(sid=peer.sid) as websocket:
        await probe(websocket)
        assert await still_polls(peer)


async def test_without_allow_upgrades_none_is_offered_but_a_probe_is_answered(serve: Serve) -> None:
    server = serve(Server(allow_upgrades=False))
    peer = await join(server)
    assert peer.handshake["upgrades"] == []
    async with server.websocket(sid=peer.sid) as websocket:
        await probe(websocket)
        await websocket.send("5")
        await websocket.send("40/unknown,")
        assert await receive(websocket) == '44/unknown,{"message":"Invalid namespace"}'


@pytest.mark.parametrize("way", ["fast", "asgi"])
async def test_a_transport_that_is_not_enabled_is_unknown(serve: Serve) -> None:
    server = serve(Server(transports=["polling"]))
    peer = await join(server)
    assert peer.handshake["upgrades"] == []
    with pytest.raises(InvalidStatus) as caught:
        async with server.websocket(sid=peer.sid):
            pass
    assert caught.value.response.body == b"Transport unknown"


@pytest.mark.parametrize("way", ["fast"])
async def test_without_polling_there_is_websocket_alone(serve: Serve) -> None:
    server = serve(Server(transports=["websocket"]))
    assert (await server.request()).json == {"code": 0, "message": "Transport unknown"}
    async with server.socket() as peer:
        assert peer.sid


async def test_rooms_and_sockets_survive_the_upgrade(server: Endpoint, io: Server) -> None:
    sids: list[str] = []

    @io.event("join")
    def on_join(socket: Socket) -> None:
        sids.append(socket.id)
        socket.join("room")

    peer = await join(server)
    await peer.send('42["join"]')
    async with server.websocket(sid=peer.sid) as websocket:
        await probe(websocket)
        await websocket.send("5")
        await SocketPeer(websocket).send('20["join"]')
        assert await receive(websocket) == "430[]"
        assert sids[0] == sids[1]
        server.running.call(lambda: io.to("room").emit("hello"))
        assert orjson.loads((await receive(websocket))[2:]) == ["hello"]


async def test_the_old_websocket_is_heard_no_more(server: Endpoint, io: Server) -> None:
    """No official client goes from one WebSocket to another, but others may."""
    heard: list[str] = []

    @io.event("from")
    def said(socket: Socket, which: str) -> str:
        heard.append(which)
        return which

    async with raw_websocket(server) as old, server.websocket(sid=next(iter(io.engine.sockets))) as new:
        await old.join()
        await probe(new)
        await new.send("5")
        await new.send('420["from","new"]')
        assert await receive(new) == '430["new"]'
        with contextlib.suppress(ConnectionError):  # it may be gone by now
            await old.send_text('421["from","old"]')
            await old.send_frame(CLOSE)
        # What it has sent has been read by the time that the server lets it go.
        await old.read_rest()
        await new.send('422["from","new"]')
        assert await receive(new) == '432["new"]'
    assert heard == ["new", "new"]


@pytest.mark.parametrize("before", [False, True], ids=["binary before", "base64 before"])
@pytest.mark.parametrize("after", [False, True], ids=["binary after", "base64 after"])
async def test_each_request_says_for_its_transport_whether_it_reads_binary(
    server: Endpoint, io: Server, before: bool, after: bool
) -> None:
    @io.event("binary")
    def binary(socket: Socket) -> None:
        socket.emit("binary", b"\x01\x02")

    peer = await server.open_polling(**({"b64": 1} if before else {}))
    await peer.send("40")
    await peer.receive()
    async with server.websocket(sid=peer.sid, **({"b64": 1} if after else {})) as websocket:
        await probe(websocket)
        await websocket.send("5")
        await websocket.send('42["binary"]')
        assert await receive(websocket) == '451-["binary",{"_placeholder":true,"num":0}]'
        assert await receive(websocket) == ("bAQI=" if after else b"\x01\x02")
