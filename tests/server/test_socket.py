"""Sockets and namespaces: how they begin, what they know, and how they end."""

from __future__ import annotations

import asyncio
import time

import pytest

import socketio
from antiphon import (
    ConfigurationError,
    Server,
    Socket,
)
from peers import Endpoint, eventually, raw_websocket, receive
from server_helpers import Serve, ask, in_sync, of, several

# Connecting


async def test_connect_comes_before_connection_and_both_after_the_client_was_told(server: Endpoint, io: Server) -> None:
    events: list[tuple[str, bool]] = []

    @io.on("connection")
    def connection(socket: Socket) -> None:
        events.append(("connection", socket.connected))
        socket.emit("first")

    @io.on("connect")
    def connect(socket: Socket) -> None:
        events.append(("connect", socket.connected))
        socket.emit("zeroth")

    async with server.socket() as peer:
        # socket() has received the CONNECT packet before these.
        assert await peer.receive_event() == ["zeroth"]
        assert await peer.receive_event() == ["first"]
    assert events == [("connect", True), ("connection", True)]


async def test_an_async_connection_handler_may_register_handlers_before_events_arrive(
    server: Endpoint, io: Server
) -> None:
    @io.on("connection")
    async def connection(socket: Socket) -> None:
        @socket.on("early")
        async def early(number: int) -> None:
            socket.emit("late", number)

    async with raw_websocket(server) as peer:
        await peer.send_text("40")
        for number in range(3):
            await peer.send_text(f'42["early",{number}]')
        assert (await peer.read_text()).startswith("40")
        assert [await peer.read_text() for _ in range(3)] == [f'42["late",{number}]' for number in range(3)]


async def test_once_is_called_for_the_first_client_alone(server: Endpoint, io: Server) -> None:
    @io.once("connection")
    def connection(socket: Socket) -> None:
        socket.emit("first")

    async with server.socket() as first, server.socket() as second:
        assert await first.receive_event() == ["first"]
        await in_sync(second)


async def test_a_namespace_tells_what_belongs_on_a_socket(io: Server, caplog: pytest.LogCaptureFixture) -> None:
    io.on("chat", lambda *args: None)
    assert 'socket.on("chat")' in caplog.text, "such a handler gets what other servers emit, and there are none"
    with pytest.raises(ConfigurationError, match=r'socket\.on\("disconnect"\)'):
        io.on("disconnect", lambda socket: None)


async def test_the_handshake_says_what_is_known_of_the_client(server: Endpoint, io: Server) -> None:
    before = time.time()
    async with server.socket('{"token":"abc"}', headers={"X-Test": "yes"}, room="7", extra="a b") as peer:
        handshake = of(io, peer).handshake
    assert handshake.auth == {"token": "abc"}
    assert handshake.headers["x-test"] == "yes"
    assert handshake.address == "127.0.0.1"
    assert not handshake.secure
    assert not handshake.xdomain
    assert handshake.url == "/socket.io/?EIO=4&transport=websocket&room=7&extra=a+b"
    assert handshake.query == {"EIO": "4", "transport": "websocket", "room": "7", "extra": "a b"}
    assert before - 1 <= handshake.issued / 1000 <= time.time() + 1
    assert "GMT+0000" in handshake.time


async def test_without_auth_it_is_empty_and_with_an_origin_the_client_is_of_another_domain(
    server: Endpoint, io: Server
) -> None:
    async with server.socket(headers={"origin": server.url.removesuffix("/socket.io/")}) as peer:
        assert of(io, peer).handshake.auth == {}
        assert of(io, peer).handshake.xdomain


async def test_data_belongs_to_one_socket(server: Endpoint, io: Server) -> None:
    async with several(server, 2) as (first, second):
        of(io, first).data["name"] = "Ann"
        assert of(io, first).data == {"name": "Ann"}
        assert of(io, second).data == {}


async def test_a_socket_knows_its_connection(server: Endpoint, io: Server) -> None:
    async with server.socket() as peer:
        socket = of(io, peer)
        assert socket.conn.transport.name == "websocket"
        assert socket.conn.protocol == 4
        assert socket.conn.ready_state == "open"
        assert socket.request.method == "GET"
        assert peer.sid in repr(socket)
    await eventually(lambda: socket.disconnected)
    assert socket.conn.ready_state == "closed"


# Namespaces


async def test_one_connection_has_a_socket_in_each_namespace(server: Endpoint, io: Server) -> None:
    @io.of("/chat").event("where")
    def in_chat(socket: Socket) -> str:
        return socket.nsp.name

    @io.event("where")
    def in_main(socket: Socket) -> str:
        return socket.nsp.name

    async with server.socket() as peer:
        chat_sid = await peer.join("/chat", '{"token":1}')
        assert chat_sid != peer.sid
        assert io.of("/chat").sockets[chat_sid].handshake.auth == {"token": 1}
        await peer.send('2/chat,1["where"]', '22["where"]')
        assert await peer.receive() == '3/chat,1["/chat"]'
        assert await peer.receive() == '32["/"]'
        assert len(io.engine.sockets) == 1


async def test_events_of_a_namespace_reach_it_alone(server: Endpoint, io: Server) -> None:
    chat = io.of("chat")
    assert chat is io.of("/chat")
    async with server.socket(nsp="/chat") as peer:
        server.running.call(lambda: (io.emit("main"), chat.emit("chat", b"\x01"), chat.send("hello")))
        assert await peer.receive() == '51-/chat,["chat",{"_placeholder":true,"num":0}]'
        assert await peer.receive() == b"\x01"
        assert await peer.receive() == '2/chat,["message","hello"]'


async def test_a_client_may_leave_a_namespace_and_come_back(server: Endpoint, io: Server) -> None:
    chat = io.of("/chat")
    async with server.socket() as peer:
        first = await peer.join("/chat")
        await peer.send("1/chat,")
        second = await peer.join("/chat")
        assert first != second
        assert list(chat.sockets) == [second]


# The end


class Ends:
    """Records how sockets end."""

    def __init__(self, io: Server) -> None:
        self.events: list[tuple[str, str, str | None, set[str], bool]] = []

        @io.event("disconnecting")
        def disconnecting(socket: Socket, reason: str, description: str | None) -> None:
            self._record("disconnecting", socket, reason, description)

        @io.event("disconnect")
        def disconnect(socket: Socket, reason: str, description: str | None) -> None:
            self._record("disconnect", socket, reason, description)

        @io.on("connection")
        def connection(socket: Socket) -> None:
            socket.join("room")

    def _record(self, name: str, socket: Socket, reason: str, description: str | None) -> None:
        self.events.append((name, reason, description, socket.rooms - {socket.id}, socket.connected))

    @property
    def reasons(self) -> list[str]:
        return [event[1] for event in self.events if event[0] == "disconnect"]


async def test_disconnecting_has_the_rooms_and_disconnect_has_not(server: Endpoint, io: Server) -> None:
    ends = Ends(io)
    async with server.socket() as peer:
        await peer.send("1")
        await in_sync(peer)
    assert ends.events == [
        ("disconnecting", "client namespace disconnect", None, {"room"}, True),
        ("disconnect", "client namespace disconnect", None, set(), False),
    ]


async def test_an_async_disconnect_handler_runs_to_its_end(server: Endpoint, io: Server) -> None:
    finished: list[str] = []

    @io.event("disconnect")
    async def disconnect(socket: Socket, reason: str) -> None:
        await asyncio.sleep(0.02)
        finished.append(reason)

    async with server.socket():
        pass
    await eventually(lambda: finished)
    assert finished == ["transport close"]


async def test_disconnect_leaves_one_namespace(server: Endpoint, io: Server) -> None:
    ends = Ends(io)
    async with server.socket() as peer:
        socket = of(io, peer)
        server.running.call(socket.disconnect)
        assert await peer.receive() == "1"
        assert ends.reasons == ["server namespace disconnect"]
        await peer.send("0/unknown,")
        assert await peer.receive() == '4/unknown,{"message":"Invalid namespace"}'
        server.running.call(socket.disconnect)
        assert len(ends.reasons) == 1
        assert await peer.join()


async def test_disconnect_with_close_ends_the_connection_and_every_namespace(server: Endpoint, io: Server) -> None:
    ends, others = Ends(io), Ends(io.of("/other"))
    async with server.socket() as peer:
        await peer.join("/other")
        server.running.call(lambda: of(io, peer).disconnect(close=True))
        assert {await peer.receive(), await peer.receive()} == {"1", "1/other,"}
        await peer.close_code()
    assert ends.reasons == others.reasons == ["server namespace disconnect"]


async def test_disconnect_may_be_called_from_another_thread(server: Endpoint, io: Server) -> None:
    ends = Ends(io)
    async with server.socket() as peer:
        await asyncio.to_thread(of(io, peer).disconnect, True)
        await peer.close_code()
    assert ends.reasons == ["server namespace disconnect"]


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("41", "client namespace disconnect"),
        ("1", "transport close"),
        (None, "transport close"),
        ("2", "transport error"),
        ("x", "parse error"),
        ("4x", "forced close"),
    ],
    ids=["DISCONNECT", "close packet", "close frame", "ping", "no packet", "no Socket.IO packet"],
)
async def test_the_reason_says_how_a_socket_ended(server: Endpoint, io: Server, what: str | None, reason: str) -> None:
    ends = Ends(io)
    async with server.socket() as peer:
        if what is None:
            await peer.websocket.close()
        else:
            await peer.websocket.send(what)
        await eventually(lambda: ends.reasons)
    assert ends.reasons == [reason]


@pytest.mark.parametrize("way", ["fast", "asgi", "hypercorn"])
async def test_closing_the_server_disconnects_everyone(serve: Serve) -> None:
    io = Server()
    ends, others = Ends(io), Ends(io.of("/other"))
    server = serve(io)
    polling = await server.open_polling()
    await polling.send("40")
    await polling.receive()
    poll = asyncio.create_task(polling.receive())
    await eventually(lambda: io.engine.sockets[polling.sid].transport.writable)
    async with server.socket() as peer:
        await peer.join("/other")
        await ask(server, io.close())
        # There is no DISCONNECT packet: clients are to come back.
        assert await peer.close_code() in (1000, 1005)
        assert await poll == ["1"]
    assert ends.reasons == ["server shutting down", "server shutting down"]
    assert others.reasons == ["server shutting down"]
    assert not io.engine.sockets
    assert not io.sockets.sockets


# Other clients


async def test_python_socketio_is_served_over_both_transports(server: Endpoint, io: Server) -> None:
    @io.on("connection")
    async def connection(socket: Socket) -> None:
        @socket.on("ask")
        async def on_ask(*arguments: object) -> tuple[object, ...]:
            answer = await socket.timeout(5).emit_with_ack("question", b"\x01", {"deep": [b"\x02"]})
            return (*arguments, answer)

    url = server.url.removesuffix("/socket.io/")
    for transports in (["websocket"], ["polling"], ["polling", "websocket"]):
        client = socketio.AsyncClient()
        client.on("question", lambda one, two: [one, two["deep"][0]])
        await client.connect(url, transports=transports, auth={"token": 1})
        answer = await client.call("ask", ("x", b"\x03"), timeout=5)
        assert list(answer) == ["x", b"\x03", [b"\x01", b"\x02"]]
        await client.disconnect()


async def test_a_client_of_socket_io_2_is_served(serve: Serve) -> None:
    io = Server(allow_eio3=True)
    ids: list[str] = []

    @io.event("hello")
    def hello(socket: Socket, *arguments: object) -> tuple[object, ...]:
        ids.append(socket.id)
        return arguments

    server = serve(io)
    server.eio = 3
    polling = await server.open_polling(b64=1)
    # It is in the main namespace at once, and has the id of its session.
    assert polling.packets[1:] == ["40"]
    assert (await polling.post('14:421["hello",1]')).status == 200
    assert (await polling.poll()).text == "6:431[1]"
    assert ids == [polling.sid]
    async with server.websocket() as websocket:
        await receive(websocket)
        assert await receive(websocket) == "40"
        await websocket.send('451-2["hello",{"_placeholder":true,"num":0}]')
        await websocket.send(b"\x04\x01\x02")
        assert await receive(websocket) == '461-2[{"_placeholder":true,"num":0}]'
        assert await receive(websocket) == b"\x04\x01\x02"
