"""The client of Socket.IO 2, which the option ``allow_eio3`` lets in."""

from __future__ import annotations

import pytest

from interop_driver import node_process, relay, until

VALUES = {
    "none": [],
    "json": ["é☃👩‍🚀", 1, -1.5, None, True, {"a": [1, {"b": []}]}],
    "separators": ["\x1e", "12:4", "日本語:"],
    "binary": [b"\x00\xff", {"a": [b"deep", b"\x04"]}, b"last"],
    "long": ["é" * 30_000, b"\x80" * 70_000],
}
EVENTS = ["back", "ask", "hello", "down", "told", "end"]


@pytest.fixture
def stage(stage_of):
    return stage_of("socket.io 2")


@pytest.fixture
def join(stage, connect):
    """Connect a client of Socket.IO 2."""

    def join(nsp="/", **options):
        return connect(stage, nsp, version=2, events=EVENTS, **options)

    return join


def test_it_connects_with_its_session_id(stage, join, transport):
    client = join()
    socket = stage.socket(client)
    assert socket.conn.protocol == 3
    assert client.id == socket.id == socket.conn.id
    expected = "polling" if transport == "polling" else "websocket"
    assert client.state()["transport"] == expected
    until(lambda: socket.conn.transport.name == expected)


@pytest.mark.parametrize("kind", VALUES)
def test_events_both_ways(stage, join, kind):
    @stage.io.event("there")
    def there(socket, *args):
        stage.seen.add("event", event="there", args=list(args))
        socket.emit("back", *args)

    client = join()
    client.emit("there", *VALUES[kind])
    assert stage.seen.expect_event("there") == VALUES[kind]
    assert client.expect_event("back") == VALUES[kind]


@pytest.mark.parametrize("kind", VALUES)
def test_acknowledgements_both_ways(stage, join, kind):
    @stage.io.event("there")
    def there(socket, *args):
        return args

    client = join(answers={"ask": "echo"})
    values = VALUES[kind]
    assert client.call("there", *values) == values
    answers = []
    socket = stage.socket(client)
    stage.running.call(lambda: socket.emit("ask", *values, ack=lambda *answer: answers.append(list(answer))))
    until(lambda: answers)
    assert answers == [values]


def test_order_is_kept_across_the_upgrade(stage, join):
    received = []

    @stage.io.on("connection")
    def connection(socket):
        @socket.on("up")
        def up(number):
            received.append(number)
            socket.emit("down", number, b"%d" % number)

    client = join(upgraded=False)
    client.count("up", 300, each=5)
    until(lambda: client.seen.count("event", event="down") == 300)
    assert received == list(range(300))
    downs = [report["args"] for report in client.seen.all if report["report"] == "event"]
    assert downs == [[number, b"%d" % number] for number in range(300)]


def test_namespaces_with_a_query_for_auth(stage, join, node):
    found = []

    @stage.io.of("/a").on("connection")
    def connection(socket):
        found.append((dict(socket.handshake.auth), socket.id, socket.conn.id))
        socket.emit("hello", b"binary", socket.nsp.name)

    root = join(query={"shared": "1"})
    a = node.client("/a", share=root, query={"token": "a b&c", "n": 1}, version=2, events=EVENTS)
    a.expect_connect()
    assert a.expect_event("hello") == [b"binary", "/a"]
    auth, socket_id, session_id = found[0]
    assert (auth["token"], auth["n"]) == ("a b&c", "1")
    assert socket_id == f"/a#{session_id}" == a.state()["id"]
    assert stage.socket(root).handshake.query["shared"] == "1"


def test_an_unknown_namespace_is_an_error(stage, join, node):
    root = join()
    lost = node.client("/unknown", share=root, version=2)
    assert lost.expect("error")["error"] == {"message": "Invalid namespace"}  # an object, as from the official server
    assert root.state()["connected"]


def test_broadcasts_reach_old_and_new_clients_alike(stage, join, connect):
    old, new = join(), connect(stage)
    stage.running.call(lambda: stage.io.emit("told", [b"binary", {"é": 1}], "text"))
    for client in (old, new):
        assert client.expect_event("told") == [[b"binary", {"é": 1}], "text"]


def test_disconnects(stage, join):
    stage.io.on("connection", stage.watch)
    client = join()
    client.disconnect()
    assert client.expect("disconnect")["reason"] == "io client disconnect"
    # It closes its connection at once; which of the two packets wins is its own affair.
    assert stage.seen.expect("disconnect")["reason"] in ("client namespace disconnect", "transport close")

    client = join()
    stage.running.call(lambda: stage.socket(client).disconnect())
    assert client.expect("disconnect")["reason"] == "io server disconnect"
    assert stage.seen.expect("disconnect", id=client.id)["reason"] == "server namespace disconnect"

    client = join()
    stage.running.call(lambda: stage.socket(client).disconnect(True))
    assert client.expect("disconnect")["reason"] == "io server disconnect"
    until(lambda: not any(session.id == client.id for session in stage.io.engine.sockets.values()))


def test_its_pings_keep_it_alive(serve, connect):
    stage = serve(allow_eio3=True, ping_interval=0.1, ping_timeout=1)
    stage.io.on("connection", stage.watch)
    conn = stage.socket(connect(stage, version=2)).conn
    # Nothing but its pings moves the deadline on.
    deadlines = set()
    until(lambda: deadlines.add(conn._session.deadline) or len(deadlines) > 3)
    assert stage.seen.count("disconnect") == 0


def test_its_silence_ends_it(serve, transport):
    stage = serve(allow_eio3=True, ping_interval=0.15, ping_timeout=1)
    stage.io.on("connection", stage.watch)
    with relay() as front, node_process() as node:
        front.target = stage.running.port
        client = node.client(front.url, transports=["websocket" if transport == "websocket" else "polling"], version=2)
        client.expect_connect()
        front.hold()
        assert stage.seen.expect("disconnect")["reason"] == "ping timeout"
        assert client.expect("disconnect")["reason"] == "ping timeout"


def test_it_is_refused_without_the_option(way, stage_of, node, transport):
    plain = stage_of("plain")
    refused = []
    plain.io.engine.on("connection_error")(refused.append)
    try:
        transports = ["websocket"] if transport == "websocket" else ["polling"]
        client = node.client(plain.url, version=2, transports=transports)
        client.expect("connect_error")
        assert (refused[0].code, refused[0].message) == (5, "Unsupported protocol version")
    finally:
        plain.io.engine._listeners["connection_error"].clear()
