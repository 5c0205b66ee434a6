"""Whatever a client sends: it gets the official error, others notice nothing, and no memory is kept.

That no memory is kept is checked after each test, by the fixture ``io``.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import resource
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from antiphon import Server, Socket
from peers import (
    CLOSE,
    PING,
    PONG,
    Endpoint,
    SocketPeer,
    eventually,
    frame,
    raw_connection,
    raw_websocket,
    request_websocket,
)
from server_helpers import Serve, is_empty

Reasons = list[tuple[str, str | None]]


@pytest.fixture
def reasons(io: Server) -> Reasons:
    """Why sockets were disconnected."""
    reasons: Reasons = []

    @io.event("disconnect")
    def disconnect(socket: Socket, reason: str, description: str | None) -> None:
        reasons.append((reason, description))

    @io.event("a")
    def a(socket: Socket, *arguments: object) -> None:
        raise AssertionError(f"this event must not arrive: {arguments!r:.100}")

    return reasons


@pytest_asyncio.fixture
async def bystander(server: Endpoint, io: Server, reasons: Reasons) -> AsyncIterator[SocketPeer]:
    """Another client. In the end it must be served as before, and have received nothing."""

    @io.event("bystander")
    def on_bystander(socket: Socket, *arguments: object) -> tuple[object, ...]:
        return arguments

    async with server.socket() as peer:
        yield peer
        await peer.send('27["bystander","fine"]')
        assert await peer.receive() == '37["fine"]'
        await eventually(lambda: set(io.sockets.sockets) == set(io.sockets.rooms) == {peer.sid})
        assert len(io.engine.sockets) == 1


# Packets

NOT_ENGINE_IO = {"empty": "", "unknown type": "9", "letters": "abc", "JSON": '{"a":1}', "space": " 4"}

RESERVED = ("connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener")

NOT_SOCKET_IO = {
    "nothing": "",
    "letters": "abc",
    "unknown type": "7",
    "event is an object": "2{}",
    "event is a string": '2"a"',
    "event is empty": "2[]",
    "event name is null": "2[null]",
    "event name is an object": "2[{}]",
    **{f"event {name}": f'2["{name}"]' for name in RESERVED},
    "half an event": '2["a"',
    "event and more": '2["a"]x',
    "NaN": '2["a",NaN]',
    "single quotes": "2['a']",
    "id is no number": '2abc["a"]',
    "id is negative": '2-1["a"]',
    "gigantic id": "2" + "9" * 400 + '["a"]',
    "id beyond 64 bits": '218446744073709551616["a"]',
    "deep JSON": '2["a",' + "[" * 10_000 + "]" * 10_000 + "]",
    "deep JSON with an escape": r'2["a","\ud83d",' + "[" * 100_000 + "]" * 100_000 + "]",
    "deep objects": '2["a",' + '{"a":' * 10_000 + "1" + "}" * 10_000 + "]",
    "event of a namespace not joined": '2/other,["a"]',
    "acknowledgement of a namespace not joined": "3/other,1[]",
    "leaving a namespace not joined": "1/other,",
    "second CONNECT": "0",
    "second CONNECT with auth": '0{"token":1}',
    "CONNECT with an array": "0/other,[]",
    "CONNECT with a string": '0/other,"x"',
    "DISCONNECT with data": '1{"a":1}',
    "CONNECT_ERROR": '4{"message":"x"}',
    "acknowledgement is an object": "31{}",
    "attachments without a number": '5["a"]',
    "attachments without digits": '5-["a"]',
    "no attachments": '50-["a"]',
    "eleven attachments": '511-["a"]',
    "gigantic count of attachments": "5" + "9" * 400 + '-["a"]',
    "event with a count of attachments": '21-["a"]',
}


@pytest.mark.parametrize("text", NOT_ENGINE_IO.values(), ids=NOT_ENGINE_IO.keys())
async def test_what_is_no_engine_io_packet_is_a_parse_error(
    server: Endpoint, bystander: SocketPeer, reasons: Reasons, text: str
) -> None:
    async with server.socket() as peer:
        await peer.websocket.send(text)
        await peer.close_code()
    assert [reason for reason, _ in reasons] == ["parse error"]


@pytest.mark.parametrize("text", NOT_SOCKET_IO.values(), ids=NOT_SOCKET_IO.keys())
async def test_what_is_no_socket_io_packet_closes_the_websocket(
    server: Endpoint, bystander: SocketPeer, reasons: Reasons, text: str
) -> None:
    async with server.socket() as peer:
        await peer.send(text)
        await peer.close_code()
    assert reasons == [("forced close", None)]


@pytest.mark.parametrize("shared", ["fast"], indirect=True)
@pytest.mark.parametrize("text", NOT_SOCKET_IO.values(), ids=NOT_SOCKET_IO.keys())
async def test_what_is_no_socket_io_packet_closes_the_polling_session(
    server: Endpoint, io: Server, reasons: Reasons, text: str
) -> None:
    peer = await server.open_polling()
    await peer.send("40")
    await peer.receive()
    await peer.post("4" + text)
    assert await peer.receive() == ["1"]
    assert await peer.is_gone()
    assert reasons == [("forced close", None)]


PLACE = '{"_placeholder":true,"num":%s}'

BAD_ATTACHMENTS: dict[str, list[str | bytes]] = {
    "binary without a header": [b"\x01"],
    "number too large": ['51-["a",' + PLACE % "1" + "]", b"\x01"],
    "negative number": ['51-["a",' + PLACE % "-1" + "]", b"\x01"],
    "number is text": ['51-["a",' + PLACE % '"0"' + "]", b"\x01"],
    "number is null": ['51-["a",' + PLACE % "null" + "]", b"\x01"],
    "number is a fraction": ['51-["a",' + PLACE % "0.5" + "]", b"\x01"],
    "no number": ['51-["a",{"_placeholder":true}]', b"\x01"],
    "text instead of binary": ['51-["a",' + PLACE % "0" + "]", '2["a"]'],
    "header instead of binary": ['51-["a",' + PLACE % "0" + "]", '51-["a",' + PLACE % "0" + "]"],
    "event of another namespace instead of binary": ['51-["a",' + PLACE % "0" + "]", '2/other,["a"]'],
    "one binary too many": ['51-["bystander",' + PLACE % "0" + "]", b"\x01", b"\x02"],
}


@pytest.mark.parametrize("packets", BAD_ATTACHMENTS.values(), ids=BAD_ATTACHMENTS.keys())
async def test_attachments_that_do_not_fit_close_the_connection(
    server: Endpoint, bystander: SocketPeer, reasons: Reasons, packets: list[str | bytes]
) -> None:
    async with server.socket() as peer:
        await peer.send(*packets)
        await peer.close_code()
    assert reasons == [("forced close", None)]


async def test_a_header_whose_attachments_never_come_is_forgotten(
    server: Endpoint, bystander: SocketPeer, reasons: Reasons
) -> None:
    async with server.socket() as peer:
        await peer.send('510-["a"]', *[bytes(100_000)] * 9)
    await eventually(lambda: reasons)
    assert reasons == [("transport close", None)]


@pytest.mark.parametrize("packet", ['31["unasked"]', "399[]", '2["nobody listens",1]', "2"])
async def test_packets_that_mean_nothing_are_ignored(server: Endpoint, io: Server, packet: str) -> None:
    async with server.socket() as peer:
        await peer.send(packet, "0/unknown,")
        assert await peer.receive() == '4/unknown,{"message":"Invalid namespace"}'


async def test_an_unknown_namespace_is_refused_and_the_connection_stays(server: Endpoint, io: Server) -> None:
    async with server.socket() as peer:
        for name in ("/x", "/" + "x" * 10_000, "/é", "/a?b=c"):
            await peer.send(f"0{name},")
            assert await peer.receive() == f'4{name},{{"message":"Invalid namespace"}}'
    assert list(io._namespaces) == ["/"]


# Frames

BAD_FRAMES = {
    "unmasked": frame(1, b"43", masked=False),
    "reserved opcode": frame(3, b"x"),
    "reserved control opcode": frame(11, b"x"),
    "first reserved bit": frame(1, b"43", rsv=4),
    "ping with a reserved bit": frame(PING, b"x", rsv=2),
    "pong with a reserved bit": frame(PONG, b"x", rsv=4),
    "close with a reserved bit": frame(CLOSE, b"\x03\xe8", rsv=1),
    "ping in fragments": frame(PING, b"x", fin=False),
    "ping too long": frame(PING, b"x" * 126),
    "continuation of nothing": frame(0, b"x"),
    "message within a message": frame(1, b"4", fin=False) + frame(1, b"4"),
    "HTTP": b"GET / HTTP/1.1\r\nhost: x\r\n\r\n",
    "noise": random.Random(7).randbytes(5000),
}


@pytest.mark.parametrize("data", BAD_FRAMES.values(), ids=BAD_FRAMES.keys())
async def test_a_broken_frame_closes_the_connection(
    server: Endpoint, bystander: SocketPeer, reasons: Reasons, data: bytes
) -> None:
    async with raw_websocket(server) as peer:
        await peer.join()
        await peer.send(data)
        assert await peer.close_code() in (1002, 1006, 1009)
        await eventually(lambda: reasons)
    assert reasons[0][0] in ("transport error", "transport close")
    assert len(reasons) == 1


@pytest.mark.parametrize("shared", ["fast", "asgi"], indirect=True)
async def test_a_frame_of_a_gigantic_length_is_refused_before_it_comes(
    server: Endpoint, bystander: SocketPeer, reasons: Reasons
) -> None:
    """hypercorn waits for it, and for the heartbeat to end the connection."""
    async with raw_websocket(server) as peer:
        await peer.join()
        await peer.send(b"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00")
        assert await peer.close_code() in (1002, 1009)
        await eventually(lambda: reasons)
    assert len(reasons) == 1


@pytest.mark.parametrize("rsv", [1, 2])
async def test_the_other_reserved_bits_close_the_connection(
    server: Endpoint, bystander: SocketPeer, reasons: Reasons, rsv: int
) -> None:
    async with raw_websocket(server) as peer:
        await peer.join()
        await peer.send_frame(1, b"43", rsv=rsv)
        await peer.send_text("40/unknown,")
        with contextlib.suppress(asyncio.IncompleteReadError):  # hypercorn sends no close frame
            assert (await peer.read_frame()).opcode == CLOSE
        await eventually(lambda: reasons)
    assert len(reasons) == 1


async def test_a_close_frame_of_one_byte_ends_the_connection(
    server: Endpoint, bystander: SocketPeer, reasons: Reasons
) -> None:
    async with raw_websocket(server) as peer:
        await peer.join()
        await peer.send_frame(CLOSE, b"x")
        await peer.close_code()
        await eventually(lambda: reasons)
    assert len(reasons) == 1


BROKEN_UTF_8 = {
    "in an event": [frame(1, b'42["a","\xff"]')],
    "in an event of a namespace": [frame(1, b'42/x,["a","\xff"]')],
    "in a namespace": [frame(1, b"40/\xff,")],
    "in the auth": [frame(1, b'40/x,{"a":"\xc3\x28"}')],
    "in an acknowledgement": [frame(1, b'431["\xed\xa0\x80"]')],
    "in two fragments": [frame(1, b'42["a","\xc3', fin=False), frame(0, b'\x28"]')],
    "nothing but": [frame(1, b"4\xff")],
}


@pytest.mark.parametrize("frames", BROKEN_UTF_8.values(), ids=BROKEN_UTF_8.keys())
async def test_text_that_is_not_utf_8_is_refused_with_1007(
    server: Endpoint, bystander: SocketPeer, reasons: Reasons, frames: list[bytes]
) -> None:
    async with raw_websocket(server) as peer:
        await peer.join()
        await peer.send(b"".join(frames))
        # hypercorn closes the connection without a close frame.
        assert await peer.close_code() == (1006 if server.running.way == "hypercorn" else 1007)
        await eventually(lambda: reasons)
    assert len(reasons) == 1


async def test_a_character_may_be_divided_between_fragments(server: Endpoint, io: Server) -> None:
    texts: list[str] = []

    @io.event("text")
    def text(socket: Socket, text: str) -> None:
        texts.append(text)

    async with raw_websocket(server) as peer:
        await peer.join()
        await peer.send_frame(1, b'42["text","\xc3', fin=False)
        await peer.send_frame(0, b'\xa9"]')
        await eventually(lambda: texts)
    assert texts == ["é"]


# Handshakes


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-websocket-key": None},
        {"sec-websocket-key": "short"},
        {"sec-websocket-version": "99"},
        {"sec-websocket-version": None},
    ],
    ids=["no key", "short key", "unknown version", "no version"],
)
@pytest.mark.parametrize("shared", ["fast", "asgi"], indirect=True)
async def test_a_broken_websocket_handshake_is_refused(
    server: Endpoint, bystander: SocketPeer, headers: dict[str, str | None]
) -> None:
    async with raw_connection(server) as peer:
        status, _ = await request_websocket(peer, server, headers)
        assert status in (400, 426)
        await peer.read_rest()


async def test_handshakes_that_never_end_hinder_nobody(server: Endpoint, bystander: SocketPeer) -> None:
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(50):
            peer = await stack.enter_async_context(raw_connection(server))
            await peer.send(b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nhost: x\r\nupgr")
        for number in range(10):
            await bystander.send(f'2{number}["bystander"]')
            assert await bystander.receive() == f"3{number}[]"
        async with server.socket() as other:
            assert other.sid


async def test_a_post_that_never_ends_hinders_nobody(
    server: Endpoint, io: Server, bystander: SocketPeer, reasons: Reasons
) -> None:
    polling = await server.open_polling()
    async with raw_connection(server) as peer:
        await peer.send(
            f"POST /socket.io/?EIO=4&transport=polling&sid={polling.sid} HTTP/1.1\r\n"
            "host: x\r\ncontent-length: 100\r\n\r\n4".encode()
        )
        await eventually(lambda: io.engine.sockets[polling.sid].transport._reader is not None)
        await bystander.send('21["bystander"]')
        assert await bystander.receive() == "31[]"
    await eventually(lambda: polling.sid not in io.engine.sockets)


@pytest.mark.parametrize("way", ["fast", "asgi", "hypercorn"])
async def test_who_joins_no_namespace_is_closed(serve: Serve) -> None:
    io = Server(connect_timeout=0.15)
    server = serve(io)
    polling = await server.open_polling()
    async with raw_websocket(server) as peer:
        await peer.send_text("40/unknown,")
        await peer.read_text()
        await peer.close_code()
    await eventually(lambda: not io.sockets.sockets)
    assert await polling.receive() == ["1"]
    assert await polling.is_gone()
    assert is_empty(io)


async def test_who_has_joined_in_time_is_not_closed(serve: Serve) -> None:
    io = Server(connect_timeout=0.15)
    server = serve(io)
    async with server.socket() as early, raw_websocket(server) as late:
        await late.close_code()
        await early.send("0/unknown,")
        assert await early.receive() == '4/unknown,{"message":"Invalid namespace"}'


# Clients that do not read


def resident_memory() -> int:
    """Return the bytes of memory that this process has now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


async def test_a_client_that_does_not_read_is_dropped_and_others_get_everything(serve: Serve) -> None:
    io = Server(max_send_buffer_size=1_000_000)
    count, data = 500, "x" * 100_000
    reasons: Reasons = []

    @io.event("disconnect")
    def disconnect(socket: Socket, reason: str, description: str | None) -> None:
        reasons.append((reason, description))

    @io.event("go")
    async def go(socket: Socket) -> None:
        for number in range(count):
            io.emit("data", number, data)
            await socket.conn

    server = serve(io)
    async with raw_websocket(server) as deaf, raw_websocket(server) as reader:
        await deaf.join()
        await reader.join()
        deaf.writer.transport.pause_reading()
        before = resident_memory()
        await reader.send_text('42["go"]')
        for number in range(count):
            message = (await reader.read_frame()).payload
            assert message.startswith(b'42["data",%d,' % number)
        assert resident_memory() - before < 20_000_000
        await eventually(lambda: reasons)
        assert reasons == [("slow consumer", "the client does not read: max_send_buffer_size is exceeded")]
        assert len(io.sockets.sockets) == 1
    await eventually(lambda: is_empty(io))


async def test_a_client_that_does_not_poll_is_dropped(serve: Serve) -> None:
    io = Server(max_send_buffer_size=1_000_000)
    reasons: Reasons = []

    @io.event("disconnect")
    def disconnect(socket: Socket, reason: str, description: str | None) -> None:
        reasons.append((reason, description))

    server = serve(io)
    peer = await server.open_polling()
    await peer.send("40")
    await peer.receive()
    server.running.call(lambda: [io.emit("data", "x" * 100_000) for _ in range(50)])
    await eventually(lambda: reasons)
    assert reasons == [("slow consumer", "the client does not poll: max_send_buffer_size is exceeded")]
    assert await peer.is_gone()
    assert is_empty(io)


# The log


@pytest.mark.parametrize(
    ("text", "logger", "cause"),
    [
        ("42{}", "antiphon.server", "invalid packet"),
        ("4abc", "antiphon.server", "unknown packet type"),
        ('42/other,["a"]', "antiphon.server", "unexpected EVENT packet for /other"),
        ("9", "antiphon.engine", "unknown Engine.IO packet type"),
        ("2", "antiphon.engine", "invalid heartbeat direction"),
    ],
)
async def test_the_log_names_the_cause_once(
    server: Endpoint, io: Server, caplog: pytest.LogCaptureFixture, text: str, logger: str, cause: str
) -> None:
    caplog.set_level(logging.INFO, "antiphon")
    async with server.socket() as peer:
        await peer.websocket.send(text)
        await peer.close_code()
    await eventually(lambda: not io.engine.sockets)
    (record,) = [record for record in caplog.records if record.name.startswith("antiphon")]
    assert record.name == logger
    assert record.levelname == "INFO"
    assert cause in record.getMessage()
    assert "127.0.0.1" in record.getMessage()


async def test_two_hundred_sessions_leave_nothing_behind(server: Endpoint, io: Server) -> None:
    async def come_and_go() -> None:
        for _ in range(20):
            async with raw_websocket(server) as peer:
                await peer.join()

    await asyncio.gather(*(come_and_go() for _ in range(10)))
    await eventually(lambda: is_empty(io))
