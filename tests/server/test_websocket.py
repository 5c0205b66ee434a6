"""The WebSocket transport: frames, limits, sub-protocols, compression, and how it is closed."""

from __future__ import annotations

import asyncio
import os
import threading
import zlib

import orjson
import pytest
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

from antiphon import PerMessageDeflate, Server, Socket
from peers import (
    CLOSE,
    PING,
    PONG,
    Endpoint,
    RawPeer,
    SocketPeer,
    close_code,
    eventually,
    frame,
    raw_connection,
    raw_websocket,
    receive,
    request_websocket,
)
from server_helpers import Serve

FAST = pytest.mark.parametrize("way", ["fast"])


def record_disconnects(io: Server) -> list[tuple[str, str | None]]:
    reasons: list[tuple[str, str | None]] = []

    @io.event("disconnect")
    def disconnect(socket: Socket, reason: str, description: str | None) -> None:
        reasons.append((reason, description))

    return reasons


def add_echo(io: Server) -> None:
    @io.event("echo")
    def echo(socket: Socket, *arguments: object) -> None:
        socket.emit("echo", *arguments)


# Handshake


async def test_the_first_sub_protocol_is_chosen(server: Endpoint) -> None:
    async with server.websocket(options={"subprotocols": ["first", "second"]}) as websocket:
        assert websocket.subprotocol == "first"


async def test_no_sub_protocol_is_chosen_where_none_is_offered(server: Endpoint) -> None:
    async with server.websocket() as websocket:
        assert "sec-websocket-protocol" not in websocket.response.headers


async def test_header_names_and_the_connection_header_may_be_written_in_any_way(server: Endpoint) -> None:
    headers = {"connection": "keep-alive, upgrade", "upgrade": "WebSocket", "SEC-WEBSOCKET-PROTOCOL": "x"}
    async with raw_websocket(server, headers) as peer:
        await peer.join()


# Messages


@pytest.mark.parametrize("size", [0, 1, 100, 125, 126, 60_000, 65_535, 65_536, 900_000])
async def test_messages_of_every_size_come_back(server: Endpoint, io: Server, size: int) -> None:
    add_echo(io)
    async with server.socket() as peer:
        event = orjson.dumps(["echo", "x" * size]).decode()
        await peer.send("2" + event)
        assert await peer.receive() == "2" + event
        header = '51-["echo",{"_placeholder":true,"num":0}]'
        data = os.urandom(size)
        await peer.send(header, data)
        assert await peer.receive() == header
        assert await peer.receive() == data


async def test_a_message_may_come_in_fragments_with_pings_between(server: Endpoint, io: Server) -> None:
    add_echo(io)
    async with raw_websocket(server) as peer:
        await peer.join()
        await peer.send_frame(1, b'42["ec', fin=False)
        await peer.send_frame(PING, b"are you there")
        await peer.send_frame(0, b'ho","a', fin=False)
        await peer.send_frame(0, b"", fin=False)
        await peer.send_frame(0, b'b"]')
        assert await peer.read_frame() == (PONG, b"are you there", False)
        assert await peer.read_text() == '42["echo","ab"]'


async def test_a_binary_message_may_come_in_fragments(server: Endpoint, io: Server) -> None:
    add_echo(io)
    async with raw_websocket(server) as peer:
        await peer.join()
        await peer.send_text('451-["echo",{"_placeholder":true,"num":0}]')
        for byte in b"abcd":
            await peer.send_frame(2 if byte == ord("a") else 0, bytes((byte,)), fin=byte == ord("d"))
        await peer.read_text()
        assert await peer.read_frame() == (2, b"abcd", False)


async def test_frames_that_arrive_together_or_byte_by_byte_are_the_same(server: Endpoint, io: Server) -> None:
    add_echo(io)
    data = frame(1, b'42["echo",1]') + frame(1, b'42["echo",2]')
    async with raw_websocket(server) as peer:
        await peer.join()
        await peer.send(data)
        for byte in data:
            await peer.send(bytes((byte,)))
        assert [await peer.read_text() for _ in range(4)] == ['42["echo",1]', '42["echo",2]'] * 2


@FAST
async def test_frames_wait_for_a_handshake_that_the_user_decides_about(serve: Serve) -> None:
    asked, decided = threading.Event(), threading.Event()

    async def allow(request: object) -> bool:
        asked.set()
        return await asyncio.to_thread(decided.wait, 10)

    server = serve(Server(allow_request=allow))
    async with raw_connection(server) as peer:
        handshake = asyncio.create_task(request_websocket(peer, server))
        await eventually(asked.is_set)
        await peer.send(frame(1, b"40"))
        decided.set()
        assert (await handshake)[0] == 101
        assert (await peer.read_text()).startswith("0{")
        assert (await peer.read_text()).startswith('40{"sid"')


# Limits


@pytest.mark.parametrize("opcode", [1, 2], ids=["text", "binary"])
async def test_a_message_that_is_too_large_is_1009_and_a_transport_error(
    server: Endpoint, io: Server, opcode: int
) -> None:
    reasons = record_disconnects(io)
    async with raw_websocket(server) as peer:
        await peer.join()
        await peer.send_frame(opcode, b"4" * 1_000_001)
        assert await peer.close_code() == 1009
    assert reasons == [("transport error", "Max payload size exceeded")]


async def test_fragments_count_together(server: Endpoint, io: Server) -> None:
    reasons = record_disconnects(io)
    async with raw_websocket(server) as peer:
        await peer.join()
        await peer.send_frame(1, b"4" * 600_000, fin=False)
        await peer.send_frame(0, b"4" * 600_000)
        assert await peer.close_code() == 1009
    assert reasons == [("transport error", "Max payload size exceeded")]


async def test_a_message_of_exactly_the_limit_is_taken(server: Endpoint, io: Server) -> None:
    lengths: list[int] = []

    @io.event("text")
    def text(socket: Socket, text: str) -> None:
        lengths.append(len(text))

    async with server.websocket() as websocket:
        await receive(websocket)
        peer = SocketPeer(websocket)
        await peer.join()
        message = '42["text","' + "x" * (1_000_000 - 13) + '"]'
        assert len(message) == 1_000_000
        await websocket.send(message)
        await eventually(lambda: lengths)
        assert lengths == [1_000_000 - 13]


# The end


async def test_the_fast_path_closes_without_a_code_like_the_official_server(server: Endpoint, io: Server) -> None:
    @io.event("leave")
    def leave(socket: Socket) -> None:
        socket.disconnect(True)

    async with server.socket() as peer:
        await peer.send('2["leave"]')
        assert await peer.receive() == "1"
        # ASGI cannot close without one.
        assert await peer.close_code() == (1005 if server.running.way == "fast" else 1000)


async def test_what_was_emitted_before_the_close_arrives(server: Endpoint, io: Server) -> None:
    @io.event("leave")
    def leave(socket: Socket) -> None:
        for number in range(100):
            socket.emit("n", number)
        socket.disconnect(True)

    async with server.socket() as peer:
        await peer.send('2["leave"]')
        assert [await peer.receive_event() for _ in range(100)] == [["n", number] for number in range(100)]
        assert await peer.receive() == "1"


@pytest.mark.parametrize("code", [1000, 1001, 3000])
async def test_the_close_frame_of_a_client_is_answered(server: Endpoint, io: Server, code: int) -> None:
    reasons = record_disconnects(io)
    async with raw_websocket(server) as peer:
        await peer.join()
        await peer.send_frame(CLOSE, code.to_bytes(2, "big") + b"bye")
        assert await peer.close_code() == code
        assert await peer.read_rest() == b""
    await eventually(lambda: reasons)
    assert reasons == [("transport close", None)]


async def test_a_connection_that_breaks_is_a_transport_close(server: Endpoint, io: Server) -> None:
    reasons = record_disconnects(io)
    async with raw_websocket(server) as peer:
        await peer.join()
        peer.writer.transport.abort()
        await eventually(lambda: reasons)
    assert reasons == [("transport close", None)]


async def test_what_was_sent_before_the_client_left_is_handled(server: Endpoint, io: Server) -> None:
    numbers: list[int] = []

    @io.event("n")
    async def n(socket: Socket, number: int) -> None:
        numbers.append(number)

    async with raw_websocket(server) as peer:
        await peer.join()
        await peer.send(b"".join(frame(1, b'42["n",%d]' % number) for number in range(50)) + frame(CLOSE))
        await peer.close_code()
    await eventually(lambda: len(numbers) >= 50)
    assert numbers == list(range(50))


# Compression


async def negotiated(server: Endpoint, offer: str) -> str | None:
    async with raw_connection(server) as peer:
        status, headers = await request_websocket(peer, server, {"sec-websocket-extensions": offer})
        assert status == 101
        return headers.get("sec-websocket-extensions")


@FAST
async def test_without_the_option_nothing_is_compressed(serve: Serve) -> None:
    assert await negotiated(serve(Server()), "permessage-deflate") is None


@FAST
async def test_the_extension_is_negotiated(serve: Serve) -> None:
    server = serve(Server(per_message_deflate=True))
    assert await negotiated(server, "") is None
    assert await negotiated(server, "x-unknown") is None
    assert await negotiated(server, "permessage-deflate; nonsense") is None
    assert await negotiated(server, "permessage-deflate; client_max_window_bits") == "permessage-deflate"
    assert (
        await negotiated(server, "x-unknown, permessage-deflate; nonsense, permessage-deflate") == "permessage-deflate"
    )


@FAST
async def test_the_options_are_negotiated(serve: Serve) -> None:
    option = PerMessageDeflate(
        server_no_context_takeover=True,
        client_no_context_takeover=True,
        server_max_window_bits=10,
        client_max_window_bits=11,
    )
    answer = await negotiated(serve(Server(per_message_deflate=option)), "permessage-deflate; client_max_window_bits")
    assert answer is not None
    assert {part.strip() for part in answer.split(";")} == {
        "permessage-deflate",
        "server_no_context_takeover",
        "client_no_context_takeover",
        "server_max_window_bits=10",
        "client_max_window_bits=11",
    }


@FAST
@pytest.mark.parametrize(
    "option",
    [
        PerMessageDeflate(threshold=100),
        PerMessageDeflate(threshold=100, server_no_context_takeover=True, client_no_context_takeover=True),
        PerMessageDeflate(threshold=100, server_max_window_bits=9, client_max_window_bits=9),
    ],
    ids=["plain", "no context takeover", "small window"],
)
async def test_compressed_messages_come_back(serve: Serve, option: PerMessageDeflate) -> None:
    io = Server(per_message_deflate=option)
    add_echo(io)
    server = serve(io)
    offer = ClientPerMessageDeflateFactory(client_max_window_bits=True)
    async with server.websocket(options={"extensions": [offer]}) as websocket:
        await receive(websocket)
        peer = SocketPeer(websocket)
        await peer.join()
        for size in (1, 2_000, 50_000, 2):
            event = '["echo","' + "abc" * size + '"]'
            await peer.send("2" + event)
            assert await peer.receive() == "2" + event
            header = '51-["echo",{"_placeholder":true,"num":0}]'
            await peer.send(header, b"xyz" * size)
            assert await peer.receive() == header
            assert await peer.receive() == b"xyz" * size


@FAST
async def test_only_messages_above_the_threshold_are_compressed(serve: Serve) -> None:
    io = Server(per_message_deflate=PerMessageDeflate(threshold=300))
    add_echo(io)
    server = serve(io)
    async with raw_connection(server) as peer:
        await request_websocket(peer, server, {"sec-websocket-extensions": "permessage-deflate"})
        await peer.read_frame()
        await peer.join()
        # A client need not compress either.
        await peer.send_text('42["echo","small"]')
        assert await peer.read_frame() == (1, b'42["echo","small"]', False)
        event = b'42["echo","' + b"x" * 300 + b'"]'
        await peer.send_text(event)
        opcode, payload, compressed = await peer.read_frame()
        assert (opcode, compressed) == (1, True)
        assert len(payload) < 100
        assert inflate(payload) == event


@FAST
async def test_the_level_and_the_memory_are_those_of_the_option(serve: Serve) -> None:
    # Words in no order: the harder one tries, the smaller they get.
    words = " ".join(f"word{number * 7919 % 1009}" for number in range(5000)).encode()
    sizes = []
    for option in (PerMessageDeflate(level=9, mem_level=9), PerMessageDeflate(level=1), PerMessageDeflate(mem_level=1)):
        io = Server(per_message_deflate=option)
        add_echo(io)
        server = serve(io)
        async with raw_connection(server) as peer:
            await request_websocket(peer, server, {"sec-websocket-extensions": "permessage-deflate"})
            await peer.read_frame()
            await peer.join()
            event = b'42["echo","' + words + b'"]'
            await peer.send_text(event)
            _, payload, compressed = await peer.read_frame()
            assert compressed
            assert inflate(payload) == event
            sizes.append(len(payload))
    best, fast, small = sizes
    assert best < fast * 0.95
    assert best < small * 0.95


def inflate(payload: bytes) -> bytes:
    return zlib.decompressobj(-15).decompress(payload + b"\x00\x00\xff\xff")


def deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-15)
    return (compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH)).removesuffix(b"\x00\x00\xff\xff")


async def open_deflated(peer: RawPeer, server: Endpoint) -> None:
    await request_websocket(peer, server, {"sec-websocket-extensions": "permessage-deflate"})
    await peer.read_frame()
    await peer.join()


@FAST
async def test_a_compressed_message_may_come_in_fragments(serve: Serve) -> None:
    io = Server(per_message_deflate=True)
    add_echo(io)
    server = serve(io)
    async with raw_connection(server) as peer:
        await open_deflated(peer, server)
        data = deflate(b'42["echo","abc"]')
        await peer.send_frame(1, data[:5], fin=False, rsv=4)
        await peer.send_frame(PING)
        await peer.send_frame(0, data[5:])
        assert (await peer.read_frame()).opcode == PONG
        assert await peer.read_text() == '42["echo","abc"]'


@FAST
async def test_no_plain_message_may_stand_in_the_middle_of_a_compressed_one(serve: Serve) -> None:
    io = Server(per_message_deflate=True)
    add_echo(io)
    reasons = record_disconnects(io)
    server = serve(io)
    async with raw_connection(server) as peer:
        await open_deflated(peer, server)
        await peer.send_frame(1, deflate(b'42["echo",1]')[:4], fin=False, rsv=4)
        await peer.send_text('42["echo",2]')
        assert await peer.close_code() == 1002
    await eventually(lambda: reasons)
    assert reasons == [("transport error", "a new message before the last one was complete")]


@FAST
async def test_what_is_compressed_later_is_sent_as_it_was(serve: Serve) -> None:
    io = Server(per_message_deflate=PerMessageDeflate(threshold=0))
    server = serve(io)
    async with server.websocket(options={"extensions": [ClientPerMessageDeflateFactory()]}) as websocket:
        await receive(websocket)
        peer = SocketPeer(websocket)
        await peer.join()
        data = bytearray(b"before")

        def emit() -> None:
            io.emit("data", data)
            data[:] = b"after!"
            io.emit("last")

        server.running.call(emit)
        assert [await peer.receive() for _ in range(3)] == [
            '51-["data",{"_placeholder":true,"num":0}]', b"before", '2["last"]',
        ]  # fmt: skip


@FAST
async def test_what_is_compressed_counts_while_it_is_emitted(serve: Serve) -> None:
    io = Server(per_message_deflate=True, max_send_buffer_size=1_000_000)
    reasons = record_disconnects(io)
    server = serve(io)
    async with raw_connection(server) as peer:
        await open_deflated(peer, server)
        (socket,) = io.sockets.sockets.values()

        def emit() -> bool:
            # Without a turn of the event loop in between.
            for _ in range(60):
                socket.emit("noise", os.urandom(500_000))
            return bool(socket.conn.transport._out)

        # Nothing of it is kept for a connection that is given up.
        assert not server.running.call(emit)
        await eventually(lambda: reasons)
    assert reasons[0][0] == "slow consumer"


@FAST
async def test_a_message_that_inflates_to_too_much_is_refused(serve: Serve) -> None:
    io = Server(per_message_deflate=True)
    reasons = record_disconnects(io)
    server = serve(io)
    async with raw_connection(server) as peer:
        await open_deflated(peer, server)
        await peer.send_frame(1, deflate(b"4" + bytes(50_000_000)), rsv=4)
        assert await peer.close_code() == 1009
    await eventually(lambda: reasons)
    assert reasons == [("transport error", "Max payload size exceeded")]


@FAST
@pytest.mark.parametrize("payload", [b"\xff\xff\xff\xff", b"\x07"], ids=["no deflate data", "invalid block"])
async def test_what_does_not_inflate_is_refused(serve: Serve, payload: bytes) -> None:
    io = Server(per_message_deflate=True)
    reasons = record_disconnects(io)
    server = serve(io)
    async with raw_connection(server) as peer:
        await open_deflated(peer, server)
        await peer.send_frame(1, payload, rsv=4)
        assert await peer.close_code() in (1002, 1007)
    await eventually(lambda: reasons)
    assert reasons[0][0] == "transport error"


async def test_the_close_of_the_server_is_awaited_by_nobody(server: Endpoint, io: Server) -> None:
    """A peer that does not answer the close frame keeps nothing alive in the server."""
    async with raw_websocket(server) as peer:
        await peer.join()
        server.running.call(lambda: [socket.disconnect(True) for socket in list(io.sockets.sockets.values())])
        assert not io.engine.sockets
        assert not io.sockets.sockets


async def test_close_codes_of_refused_probes(server: Endpoint) -> None:
    polling = await server.open_polling()
    async with server.websocket(sid=polling.sid), server.websocket(sid=polling.sid) as second:
        assert await close_code(second) == (1005 if server.running.way == "fast" else 1000)
