"""What a socket of the server knows, whom it speaks to, and how it ends.

Source: server-api.md, "Socket" and "Client".
"""

from __future__ import annotations

import asyncio
import datetime
import time

import pytest

from antiphon import ConfigurationError
from interop_driver import until

# Attributes


def test_a_socket_knows_its_client_and_its_connection(stage, connect, node, transport):
    stage.io.of("/a")
    root = connect(stage)
    a = node.client("/a", share=root)
    a.expect_connect()
    socket, other = stage.socket(root), stage.socket(a, "/a")
    assert socket.conn is socket.client.conn is other.conn
    assert socket.client is other.client
    assert socket.conn is stage.io.engine.sockets[socket.conn.id]
    assert socket.request is socket.client.request is socket.conn.request
    assert (socket.nsp, other.nsp) == (stage.io.sockets, stage.io.of("/a"))
    assert len({socket.id, other.id, socket.conn.id}) == 3
    assert (socket.id, other.id) == (root.id, a.id)
    assert socket.conn.id == root.state()["session"]
    assert socket.conn.protocol == 4
    assert socket.conn.ready_state == "open"
    assert socket.conn.remote_address == "127.0.0.1"
    assert socket.conn.transport.name == ("polling" if transport == "polling" else "websocket")
    assert socket.conn.upgraded is (transport == "upgrade")


def test_the_request_is_the_first_of_the_session(stage, connect, transport):
    client = connect(stage, extraHeaders={"X-Custom": "a value"}, query={"a": "b"})
    request = stage.socket(client).request
    assert request.method == "GET"
    assert request.path == "/socket.io/"
    assert request.headers["x-custom"] == "a value"
    assert request.query["a"] == "b"
    assert "sid" not in request.query
    assert request.upgrade is (transport == "websocket")
    assert request.headers == stage.socket(client).handshake.headers


def test_the_handshake_has_every_field(stage, connect, node):
    stage.io.of("/a")
    before = time.time()
    root = connect(stage, auth={"token": "one"}, query={"plain": "a b"}, extraHeaders={"X-Custom": "a value"})
    handshake = stage.socket(root).handshake
    assert handshake.headers["x-custom"] == "a value"
    assert handshake.headers["host"] == f"127.0.0.1:{stage.running.port}"
    assert handshake.address == "127.0.0.1"
    assert handshake.xdomain is False
    assert handshake.secure is False
    assert handshake.url.startswith("/socket.io/?")
    assert "plain=a%20b" in handshake.url
    assert handshake.query["plain"] == "a b"
    assert handshake.query["EIO"] == "4"
    assert handshake.auth == {"token": "one"}
    assert isinstance(handshake.issued, int)
    assert round(before * 1000) <= handshake.issued <= time.time() * 1000 + 1
    moment = datetime.datetime.strptime(handshake.time[:33], "%a %b %d %Y %H:%M:%S GMT%z")
    assert int(moment.timestamp()) == handshake.issued // 1000

    # Each socket has its own, from the moment it joined; the request is the same.
    until(lambda: time.time() * 1000 > handshake.issued + 2)
    a = node.client("/a", share=root, auth={"token": "two"})
    a.expect_connect()
    other = stage.socket(a, "/a").handshake
    assert other.auth == {"token": "two"}
    assert other.issued > handshake.issued
    assert (other.url, other.headers) == (handshake.url, handshake.headers)
    assert stage.socket(root).handshake == handshake


def test_data_belongs_to_one_socket_and_may_be_replaced(stage, connect):
    client, other = connect(stage), connect(stage)
    socket = stage.socket(client)
    assert socket.data == {}
    socket.data["name"] = "ann"
    assert stage.socket(other).data == {}
    socket.data = {"name": "bob"}
    (found,) = stage.running.run(stage.io.in_(client.id).fetch_sockets())
    assert found.data == {"name": "bob"}


def test_a_socket_is_new_unless_it_was_recovered(stage, connect):
    client = connect(stage)
    assert stage.socket(client).recovered is False
    assert stage.socket(client).pid is None
    assert client.seen.count("connect", recovered=True) == 0


def test_connected_and_disconnected_follow_the_life_of_a_socket(stage, connect):
    states = []

    @stage.io.use
    def middleware(socket):
        states.append((socket.connected, socket.disconnected))

    @stage.io.on("connection")
    def connection(socket):
        states.append((socket.connected, socket.disconnected))
        for event in ("disconnecting", "disconnect"):
            socket.on(event, lambda *args: states.append((socket.connected, socket.disconnected)))

    client = connect(stage)
    socket = stage.socket(client)
    client.disconnect()
    until(lambda: len(states) == 4)
    assert states == [(False, True), (True, False), (True, False), (False, True)]
    assert (socket.connected, socket.disconnected) == (False, True)


# Rooms


def test_rooms_are_joined_and_left(stage, connect):
    client = connect(stage)
    socket = stage.socket(client)

    def act() -> list[set[str]]:
        found = [set(socket.rooms)]
        socket.join("one")
        found.append(set(socket.rooms))
        socket.join(["two", "three"])
        socket.join("three", "four", {"five"})
        found.append(set(socket.rooms))
        socket.leave("one")
        socket.leave("never joined")
        socket.leave("two", ["three"])
        found.append(set(socket.rooms))
        socket.leave(socket.id)
        found.append(set(socket.rooms))
        return found

    own = client.id
    assert stage.running.call(act) == [
        {own},
        {own, "one"},
        {own, "one", "two", "three", "four", "five"},
        {own, "four", "five"},
        {"four", "five"},
    ]

    def emit() -> None:
        for room in ("one", "two", "four", own):
            stage.io.to(room).emit(f"to {room}")
        stage.io.emit("end")

    stage.running.call(emit)
    client.expect_event("end")
    assert client.seen.events() == ["to four", "end"]


def test_a_room_is_named_by_a_string(stage, connect):
    socket = stage.socket(connect(stage))
    for act in (socket.join, socket.leave, socket.to, socket.except_):
        with pytest.raises(ConfigurationError, match="a room is a string"):
            stage.running.call(lambda act=act: act(1))


def test_joining_after_the_end_does_nothing(stage, connect):
    @stage.io.event("disconnecting")
    def disconnecting(socket, reason):
        socket.join("too late")
        stage.seen.add("rooms", when="disconnecting", rooms=set(socket.rooms))

    @stage.io.event("disconnect")
    def disconnect(socket, reason):
        socket.join("too late")
        stage.seen.add("rooms", when="disconnect", rooms=set(socket.rooms))

    client = connect(stage)
    client.disconnect()
    assert stage.seen.expect("rooms", when="disconnecting")["rooms"] == {client.id}
    assert stage.seen.expect("rooms", when="disconnect")["rooms"] == set()
    until(lambda: not stage.io.sockets.adapter.sids)


# Others


def test_a_socket_speaks_to_everyone_but_itself(stage, connect):
    a, b, c = connect(stage), connect(stage), connect(stage)

    def act() -> None:
        socket = stage.socket(a)
        for client, room in ((a, "one"), (b, "one"), (b, "two"), (c, "two")):
            stage.socket(client).join(room)
        socket.broadcast.emit("broadcast", b"binary")
        socket.local.emit("local")
        socket.to("one").emit("to")
        socket.in_("one").emit("in")
        socket.to("one", "two").emit("to both")
        socket.to("one").to("two").emit("chained")
        socket.to(["one", "two"]).emit("list")
        socket.except_("one").emit("except")
        socket.broadcast.except_("one").emit("broadcast except")
        socket.to("two").except_("one").emit("to except")
        socket.to(a.id).emit("to itself")
        socket.to(c.id).emit("private")
        socket.volatile.broadcast.emit("volatile")
        socket.compress(False).to("one").emit("uncompressed")
        socket.broadcast.send("text")
        socket.timeout(5).local.emit("with a limit")
        stage.io.emit("end")

    stage.running.call(act)
    for client in (a, b, c):
        client.expect_event("end")
    everyone = ["broadcast", "local"]
    to_one = ["to", "in", "to both", "chained", "list"]
    optional = "volatile"  # which a client on polling may miss
    assert a.seen.events() == ["end"]
    assert [event for event in b.seen.events() if event != optional] == [
        *[*everyone, *to_one, "uncompressed", "message", "with a limit", "end"]
    ]
    assert [event for event in c.seen.events() if event != optional] == [
        *[*everyone, "to both", "chained", "list", "except", "broadcast except", "to except", "private"],
        *["message", "with a limit", "end"],
    ]
    assert b.seen.count("event", event="broadcast", args=[b"binary"]) == 1


def test_a_selection_does_not_change_the_socket(stage, connect):
    client, other = connect(stage), connect(stage)
    socket = stage.socket(client)

    def act() -> None:
        selected = socket.to("nobody")
        selected.except_(other.id)
        socket.volatile.timeout(1)
        socket.emit("to itself")
        selected.to(other.id).emit("selected")
        socket.broadcast.emit("end")
        socket.emit("end")

    stage.running.call(act)
    client.expect_event("end")
    other.expect_event("end")
    assert client.seen.events() == ["to itself", "end"]
    assert other.seen.events() == ["selected", "end"]


def test_a_socket_collects_the_answers_of_others(stage, connect):
    client = connect(stage, answers={"ask": ["itself"]})
    others = [connect(stage, answers={"ask": [number]}) for number in range(2)]
    socket = stage.socket(client)
    responses = stage.running.run(socket.broadcast.emit_with_ack("ask", timeout=10))
    assert sorted(responses) == [0, 1]
    assert responses.by_id == {other.id: number for number, other in enumerate(others)}
    assert stage.running.run(socket.to(others[0].id).timeout(10).emit_with_ack("ask")) == [0]


# The end


@pytest.mark.parametrize("close", [False, True])
def test_a_socket_is_disconnected_from_one_namespace_or_from_all(stage, connect, node, close):
    for name in ("/", "/a"):
        stage.io.of(name).on("connection", stage.watch)
    root = connect(stage)
    a = node.client("/a", share=root)
    a.expect_connect()
    socket = stage.socket(a, "/a")
    stage.running.call(lambda: socket.join("room"))
    stage.running.call(lambda: socket.disconnect(close))
    assert a.expect("disconnect")["reason"] == "io server disconnect"
    report = stage.seen.expect("disconnecting", nsp="/a")
    assert (report["reason"], report["rooms"]) == ("server namespace disconnect", {a.id, "room"})
    assert stage.seen.expect("disconnect", nsp="/a")["reason"] == "server namespace disconnect"
    assert socket.disconnected
    assert not socket.rooms
    if close:
        assert root.expect("disconnect")["reason"] == "io server disconnect"
        assert stage.seen.expect("disconnect", nsp="/")["reason"] == "server namespace disconnect"
        until(lambda: not stage.io.engine.sockets)
    else:
        assert root.state()["connected"]
        assert stage.seen.count("disconnect", nsp="/") == 0
    stage.running.call(socket.disconnect)
    assert stage.seen.count("disconnect", nsp="/a") == 1


def test_an_async_handler_of_disconnecting_finds_the_rooms_until_it_waits(stage, connect):
    @stage.io.event("disconnecting")
    async def disconnecting(socket, reason):
        rooms = set(socket.rooms)
        await asyncio.sleep(0)
        stage.seen.add("rooms", rooms=rooms, later=set(socket.rooms), reason=reason)

    @stage.io.on("connection")
    def connection(socket):
        @socket.on("disconnecting")
        def leaving(reason, description):
            stage.seen.add("leaving", rooms=set(socket.rooms), description=description)

    client = connect(stage)
    stage.running.call(lambda: stage.socket(client).join("room"))
    client.disconnect()
    assert stage.seen.expect("leaving")["rooms"] == {client.id, "room"}
    report = stage.seen.expect("rooms")
    assert report["rooms"] == {client.id, "room"}
    assert (report["later"], report["reason"]) == (set(), "client namespace disconnect")
