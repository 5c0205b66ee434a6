"""Events between the official client and our server, by every transport, served in every way."""

from __future__ import annotations

import asyncio
import datetime

import pytest

from interop_driver import NAN, UNDEFINED, array_buffer, repeated, typed_array, until

ARGUMENTS = {
    "none": [],
    "null": [None],
    "booleans": [True, False],
    "numbers": [0, -1, 1.5, 1e21, 2**53 - 1, 5e-324],
    "texts": ["", "é", "日本語", "👩‍🚀", "a\x00b", 'quote " slash \\ newline \n', "\u2028\u2029\x1e\x1f", "1:2"],
    "lone object": [{}],
    "nested": [{"a": [1, {"b": [[], {}, None, {"c": "d"}]}]}, [[[[]]]]],
    "several": ["text", 1, None, {"k": "v"}, [1, 2, 3], True],
    "odd keys": [{"": 1, "__proto__x": 2, "日": 3, "_placeholder": False, "num": 0}],
    "big array": [list(range(20_000))],
}

BINARY = {
    "bytes": [b"\x00\x01\xff"],
    "empty": [b""],
    "nested": [{"a": [1, {"b": b"deep"}], "c": [[b"deeper"]]}, "text", b"last"],
    "several": [b"one", b"two", {"three": b"three", "four": [b"four"]}],
    "ten": [[bytes([i]) * i for i in range(10)]],
    "all bytes": [bytes(range(256)) * 4],
    "large": [b"\x80" * 200_000],
}


def test_the_client_connects_and_knows_its_transport(stage, connect, transport):
    client = connect(stage)
    expected = "polling" if transport == "polling" else "websocket"
    assert client.state()["transport"] == expected
    socket = stage.socket(client)
    assert socket.connected
    until(lambda: socket.conn.transport.name == expected)
    assert client.state()["session"] == socket.conn.id != client.id


@pytest.mark.parametrize("kind", ARGUMENTS)
def test_arguments_arrive_as_they_were_sent(stage, connect, kind):
    @stage.io.event("there")
    def there(socket, *args):
        stage.seen.add("event", event="there", args=list(args))
        socket.emit("back", *args)

    client = connect(stage)
    client.emit("there", *ARGUMENTS[kind])
    assert stage.seen.expect_event("there") == ARGUMENTS[kind]
    assert client.expect_event("back") == ARGUMENTS[kind]


@pytest.mark.parametrize("kind", BINARY)
def test_binary_arrives_anywhere_in_the_arguments(stage, connect, kind):
    @stage.io.event("there")
    def there(socket, *args):
        stage.seen.add("event", event="there", args=list(args))
        socket.emit("back", *args)

    client = connect(stage)
    client.emit("there", *BINARY[kind])
    assert stage.seen.expect_event("there") == BINARY[kind]
    assert client.expect_event("back") == BINARY[kind]


def test_typed_arrays_and_array_buffers_arrive_as_bytes(stage, connect):
    @stage.io.event("there")
    def there(socket, *args):
        stage.seen.add("event", event="there", args=list(args))

    client = connect(stage)
    client.emit(
        "there",
        array_buffer(b"buffer"),
        typed_array("Uint8Array", [1, 2, 3]),
        {"view": typed_array("Uint16Array", [1, 258])},
        typed_array("Float32Array", [1.0]),
    )
    assert stage.seen.expect_event("there") == [
        b"buffer",
        b"\x01\x02\x03",
        {"view": b"\x01\x00\x02\x01"},
        b"\x00\x00\x80?",
    ]


def test_what_json_has_no_form_for_arrives_as_in_javascript(stage, connect):
    @stage.io.event("there")
    def there(socket, *args):
        stage.seen.add("event", event="there", args=list(args))
        socket.emit("back", float("nan"), float("inf"), datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC))

    client = connect(stage)
    moment = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
    client.emit("there", UNDEFINED, NAN, {"gone": UNDEFINED, "kept": 1}, moment)
    assert stage.seen.expect_event("there") == [None, None, {"kept": 1}, "2026-01-02T03:04:05.000Z"]
    nan, infinity, date = client.expect_event("back")
    assert (nan, infinity) == (None, None)
    assert datetime.datetime.fromisoformat(date) == moment


def test_python_kinds_of_binary_and_sequences_arrive(stage, connect):
    client = connect(stage)
    socket = stage.socket(client)
    stage.running.call(lambda: socket.emit("kinds", bytearray(b"a"), memoryview(b"b"), (1, (b"c",)), {"d": (2,)}))
    assert client.expect_event("kinds") == [b"a", b"b", [1, [b"c"]], {"d": [2]}]


def test_messages_just_below_the_limit_arrive(stage, connect):
    @stage.io.event("there")
    def there(socket, text):
        stage.seen.add("event", event="there", args=[text])
        socket.emit("back", text)

    client = connect(stage)
    client.emit("there", repeated("x", 999_900))
    assert stage.seen.expect_event("there") == ["x" * 999_900]
    assert client.expect_event("back") == ["x" * 999_900]


def test_several_megabytes_go_to_the_client(stage, connect):
    client = connect(stage)
    socket = stage.socket(client)
    stage.running.call(lambda: socket.emit("large", "y" * 3_000_000, b"z" * 3_000_000))
    assert client.expect_event("large") == ["y" * 3_000_000, b"z" * 3_000_000]


def test_order_is_kept_both_ways(stage, connect):
    received = []

    @stage.io.event("up")
    def up(socket, number):
        received.append(number)
        socket.emit("down", number)

    client = connect(stage)
    client.count("up", 1000)
    until(lambda: client.seen.count("event", event="down") == 1000)
    assert received == list(range(1000))
    assert [report["args"][0] for report in client.seen.all if report["report"] == "event"] == list(range(1000))


@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
def test_order_is_kept_across_the_upgrade(stage, node, binary):
    received = []

    @stage.io.on("connection")
    async def connection(socket):
        @socket.on("up")
        async def up(number, *rest):
            received.append(number)

        for number in range(1000):
            if binary:
                socket.emit("down", number, b"%d" % number)
            else:
                socket.emit("down", number)
            if number % 10 == 0:
                # One turn of the loop: the upgrade goes on meanwhile.
                await asyncio.sleep(0)

    client = node.client(stage.url, transports=["polling", "websocket"])
    client.count("up", 1000, each=5)
    client.expect("upgrade", transport="websocket")
    until(lambda: client.seen.count("event", event="down") == 1000)
    until(lambda: len(received) == 1000)
    assert received == list(range(1000))
    events = [report["args"] for report in client.seen.all if report["report"] == "event"]
    assert [args[0] for args in events] == list(range(1000))
    if binary:
        assert [args[1] for args in events] == [b"%d" % number for number in range(1000)]


def test_events_of_a_connection_handler_arrive_after_connect(stage, connect):
    @stage.io.on("connection")
    def connection(socket):
        socket.emit("first")
        socket.emit("second", b"binary")

    client = connect(stage)
    client.expect_event("second")
    kinds = [report.get("event", report["report"]) for report in client.seen.all]
    assert [kind for kind in kinds if kind != "upgrade"][:3] == ["connect", "first", "second"]


def test_emit_can_be_awaited_until_the_data_has_left(stage, connect):
    client = connect(stage)
    socket = stage.socket(client)

    async def emit() -> None:
        await socket.emit("large", "x" * 500_000)
        await socket.emit("done")

    stage.running.run(emit())
    assert len(client.expect_event("large")[0]) == 500_000
    client.expect_event("done")


def test_volatile_events_of_a_client_arrive_when_it_is_connected(stage, connect):
    @stage.io.event("seen")
    def seen(socket, *args):
        stage.seen.add("event", event="seen", args=list(args))

    client = connect(stage)
    client.emit("seen", 1, volatile=True)
    client.emit("seen", 2)
    assert stage.seen.expect_event("seen")[0] in (1, 2)  # on polling it may be dropped while a request is under way


def test_volatile_events_of_an_offline_client_are_dropped_and_others_wait(stage, node):
    @stage.io.event("seen")
    def seen(socket, *args):
        stage.seen.add("event", event="seen", args=list(args))

    client = node.client(stage.url, autoConnect=False, transports=["websocket"])
    client.emit("seen", "volatile", volatile=True)
    client.emit("seen", "buffered")
    assert client.state()["waiting"] == 1
    client.open()
    assert stage.seen.expect_event("seen") == ["buffered"]
    assert client.call("seen") == []
    assert stage.seen.count("event", args=["volatile"]) == 0


def test_rooms_and_broadcasts_reach_whom_they_should(stage, connect):
    a, b, c = connect(stage), connect(stage), connect(stage)
    room = stage.socket

    def act() -> None:
        io = stage.io
        room(a).join("left")
        room(b).join(["left", "right"])
        room(c).join("right")
        io.emit("all", b"binary")
        io.to("left").emit("left")
        io.to("left", "right").emit("union")
        io.to("left").except_("right").emit("only a")
        room(b).broadcast.emit("not b")
        room(b).to("left").emit("left not b")
        io.except_("left").emit("only c")
        io.to(b.id).emit("private")
        io.to("nobody").emit("nobody")
        io.to("left").to(["right"]).except_(c.id).emit("not c")
        io.emit("end")

    stage.running.call(act)

    def events(client):
        client.expect_event("end")
        return [report["event"] for report in client.seen.all if report["report"] == "event"]

    assert events(a) == ["all", "left", "union", "only a", "not b", "left not b", "not c", "end"]
    assert events(b) == ["all", "left", "union", "private", "not c", "end"]
    assert events(c) == ["all", "union", "not b", "only c", "end"]
    assert a.seen.count("event", event="all", args=[b"binary"]) == 1


def test_a_socket_leaves_its_rooms_when_it_disconnects(stage, connect):
    stage.io.on("connection", stage.watch)
    client, other = connect(stage), connect(stage)
    stage.running.call(lambda: stage.socket(client).join("room"))
    client.disconnect()
    assert stage.seen.expect("disconnecting")["rooms"] == {client.id, "room"}
    stage.seen.expect("disconnect", id=client.id)
    assert not stage.io.sockets.rooms.select(frozenset({"room"}), frozenset())
    stage.running.call(lambda: stage.io.emit("end"))
    other.expect_event("end")
    assert client.seen.count("event") == 0
