"""The MessagePack parser, with the client's own."""

from __future__ import annotations

import datetime

import pytest

from interop_driver import UNDEFINED, array_buffer, until

MOMENT = datetime.datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=datetime.UTC)

VALUES = {
    "none": [],
    "json": ["é☃👩‍🚀", 1, -1.5, 2**40, None, True, {"a": [1, {"b": []}]}],
    "binary": [b"\x00\xff", {"a": [b"deep"]}, b""],
    "long": ["x" * 70_000, b"y" * 70_000, list(range(20_000))],
    "numbers": [0, 127, 128, 255, 256, 65535, 65536, -1, -32, -33, -128, -129, -32769, 2**31, 2**53 - 1, -(2**53) + 1],
}


@pytest.fixture
def stage(stage_of):
    return stage_of("msgpack")


@pytest.fixture
def join(stage, connect):
    """Connect a client that uses the parser."""

    def join(nsp="/", **options):
        return connect(stage, nsp, parser="msgpack", **options)

    return join


@pytest.mark.parametrize("kind", VALUES)
def test_events_and_acknowledgements(stage, join, kind):
    @stage.io.event("there")
    def there(socket, *args):
        stage.seen.add("event", event="there", args=list(args))
        socket.emit("back", *args)
        return args

    client = join(answers={"ask": "echo"})
    values = VALUES[kind]
    assert client.call("there", *values) == values
    assert stage.seen.expect_event("there") == values
    assert client.expect_event("back") == values
    answer = stage.running.run(stage.socket(client).emit_with_ack("ask", *values))
    assert answer == (values[0] if values else None)


def test_dates_are_dates_and_undefined_is_none(stage, join):
    @stage.io.event("there")
    def there(socket, *args):
        stage.seen.add("event", event="there", args=list(args))
        socket.emit("back", MOMENT, {"when": MOMENT})

    client = join()
    client.emit("there", MOMENT, UNDEFINED, {"gone": UNDEFINED, "when": MOMENT}, [UNDEFINED], array_buffer(b"buffer"))
    date, none, nested, items, buffer = stage.seen.expect_event("there")
    assert date == MOMENT == nested["when"]
    assert none is None
    assert nested.get("gone") is None
    assert items == [None]
    assert buffer == b"buffer"
    assert client.expect_event("back") == [MOMENT, {"when": MOMENT}]


def test_namespaces_auth_and_broadcasts(stage, join, node):
    found = []
    stage.io.of("/a").on("connection", lambda socket: found.append(dict(socket.handshake.auth)))
    root = join()
    a = node.client("/a", share=root, auth={"token": b"binary"})
    a.expect_connect()
    assert found == [{"token": b"binary"}]
    stage.running.call(lambda: stage.io.of("/a").emit("to all", b"x"))
    assert a.expect_event("to all") == [b"x"]
    lost = node.client("/unknown", share=root)
    assert lost.expect("connect_error")["message"] == "Invalid namespace"
    assert root.state()["connected"]


def test_the_server_disconnects_for_good(stage, join):
    client = join(reconnection=True, reconnectionDelay=1)
    stage.running.call(lambda: stage.socket(client).disconnect())
    assert client.expect("disconnect")["reason"] == "io server disconnect"
    assert not client.state()["active"]


def test_the_client_disconnects(stage, join):
    stage.io.on("connection", stage.watch)
    client = join()
    client.disconnect()
    assert stage.seen.expect("disconnect")["reason"] == "client namespace disconnect"


def test_order_is_kept(stage, join):
    received = []

    @stage.io.event("up")
    def up(socket, number):
        received.append(number)
        socket.emit("down", number)

    client = join(upgraded=False)
    client.count("up", 300)
    until(lambda: client.seen.count("event", event="down") == 300)
    assert received == list(range(300))


@pytest.mark.parametrize("packet", ["text", b"\xc1", b"\x93\x01\x02\x03"], ids=["text", "no MessagePack", "no packet"])
def test_a_packet_that_is_none_ends_the_connection(stage, join, packet):
    stage.io.on("connection", stage.watch)
    client = join()
    client.raw(packet)
    assert stage.seen.expect("disconnect")["reason"] == "forced close"
    client.expect("disconnect")


def test_a_client_with_the_default_parser_is_told_nothing_and_closed(stage, connect, node, transport):
    transports = ["websocket"] if transport == "websocket" else ["polling"]
    client = node.client(stage.url, transports=transports)
    assert client.expect("close")["reason"] == "transport close"
    until(lambda: not stage.io.engine.sockets)
    assert client.seen.count("connect") == 0
