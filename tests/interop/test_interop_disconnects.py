"""Every way in which a connection ends, as both sides see it, and how the client comes back."""

from __future__ import annotations

import asyncio

import pytest

from antiphon import Server
from interop_driver import relay, until
from support import serving


@pytest.fixture
def watched(stage):
    """A stage that notes how its sockets end, in two namespaces."""
    for name in ("/", "/a"):
        stage.io.of(name).on("connection", stage.watch)
    return stage


def test_the_client_disconnects(watched, connect):
    client = connect(watched)
    client.disconnect()
    assert client.expect("disconnect")["reason"] == "io client disconnect"
    assert watched.seen.expect("disconnecting")["reason"] == "client namespace disconnect"
    assert watched.seen.expect("disconnect")["reason"] == "client namespace disconnect"
    until(lambda: not watched.io.engine.sockets)


def test_the_server_disconnects_one_namespace(watched, connect, node):
    root = connect(watched)
    a = node.client("/a", share=root)
    a.expect_connect()
    watched.running.call(lambda: watched.socket(a, "/a").disconnect())
    assert a.expect("disconnect")["reason"] == "io server disconnect"
    assert watched.seen.expect("disconnect", nsp="/a")["reason"] == "server namespace disconnect"
    assert root.state()["connected"]
    assert watched.seen.count("disconnect", nsp="/") == 0


def test_the_server_disconnects_everything(watched, connect, node):
    root = connect(watched)
    a = node.client("/a", share=root)
    a.expect_connect()
    watched.running.call(lambda: watched.socket(root).disconnect(True))
    for client in (root, a):
        assert client.expect("disconnect")["reason"] == "io server disconnect"
        assert not client.state()["active"]
    for name in ("/", "/a"):
        assert watched.seen.expect("disconnect", nsp=name)["reason"] == "server namespace disconnect"
    until(lambda: not watched.io.engine.sockets)


def test_what_was_emitted_before_the_server_disconnects_arrives(watched, connect):
    client = connect(watched)
    socket = watched.socket(client)

    def act() -> None:
        for number in range(100):
            socket.emit("last words", number, b"binary")
        socket.disconnect(True)

    watched.running.call(act)
    assert client.expect("disconnect")["reason"] == "io server disconnect"
    numbers = [report["args"][0] for report in client.seen.all if report["report"] == "event"]
    assert numbers == list(range(100))


def test_the_server_closes(serve, connect, node, transport):
    stage = serve()
    for name in ("/", "/a"):
        stage.io.of(name).on("connection", stage.watch)
    root = connect(stage)
    a = node.client("/a", share=root)
    a.expect_connect()
    stage.running.call(lambda: asyncio.ensure_future(stage.io.close()))
    for client in (root, a):
        # A client that is between two polls learns it from the refusal of the next one, as with the official server.
        assert client.expect("disconnect")["reason"] in (
            "transport close",
            *(["transport error"] * (transport == "polling")),
        )
        assert client.state()["active"]
    for name in ("/", "/a"):
        assert stage.seen.expect("disconnect", nsp=name)["reason"] == "server shutting down"


def test_a_server_that_is_stopped_disconnects_its_clients(way, node):
    io = Server()
    reasons = []
    io.event("disconnect")(lambda socket, reason, description: reasons.append(reason))
    with serving(io, way) as running:
        client = node.client(running.url, transports=["websocket"])
        client.expect_connect()
    assert client.expect("disconnect")["reason"] == "transport close"
    # Other ASGI servers close the connections before they tell the application that they stop.
    assert reasons == ["server shutting down" if way == "fast" else "transport close"]


def test_the_client_process_dies(watched, new_node, transport):
    transports = {"polling": ["polling"], "websocket": ["websocket"]}.get(transport, ["polling", "websocket"])
    with new_node() as node:
        client = node.client(watched.url, transports=transports)
        client.expect_connect()
        if transport == "upgrade":
            client.expect("upgrade")
        # A poll must be under way, or there is nothing to see until the next one does not come.
        engine = watched.socket(client).conn
        until(lambda: engine.transport.name == "websocket" or engine.transport.writable)
        node.kill()
        reason = watched.seen.expect("disconnect")["reason"]
    assert reason == ("transport error" if transport == "polling" else "transport close")


def test_the_connection_is_cut_by_the_client(watched, connect, transport):
    client = connect(watched)
    client.close_manager()
    assert client.expect("disconnect")["reason"] == "forced close"
    assert watched.seen.expect("disconnect")["reason"] == "transport close"


def test_a_client_that_hangs_runs_into_the_ping_timeout(serve, new_node, transport):
    stage = serve(ping_interval=0.15, ping_timeout=1)
    stage.io.on("connection", stage.watch)
    transports = {"polling": ["polling"], "websocket": ["websocket"]}.get(transport, ["polling", "websocket"])
    with new_node() as node:
        client = node.client(stage.url, transports=transports)
        client.expect_connect()
        if transport == "upgrade":
            client.expect("upgrade")
        client.expect("ping")
        client.expect("ping")
        assert stage.seen.count("disconnect") == 0
        node.stop()
        try:
            assert stage.seen.expect("disconnect")["reason"] == "ping timeout"
        finally:
            node.resume()
        assert client.expect("disconnect")["reason"] in ("ping timeout", "transport close", "transport error")


def test_silence_on_the_way_is_noticed_by_both_sides(serve, node, transport):
    stage = serve(ping_interval=0.1, ping_timeout=1)
    stage.io.on("connection", stage.watch)
    transports = {"polling": ["polling"], "websocket": ["websocket"]}.get(transport, ["polling", "websocket"])
    with relay() as front:
        front.target = stage.running.port
        client = node.client(front.url, transports=transports)
        client.expect_connect()
        if transport == "upgrade":
            client.expect("upgrade")
        front.hold()
        assert client.expect("disconnect")["reason"] == "ping timeout"
        assert stage.seen.expect("disconnect")["reason"] == "ping timeout"


def test_heartbeats_keep_an_idle_connection_alive(serve, connect):
    stage = serve(ping_interval=0.1, ping_timeout=1)
    stage.io.on("connection", stage.watch)
    client = connect(stage)
    # For longer than either side waits.
    for _ in range(12):
        client.expect("ping")
    assert client.state()["connected"]
    assert stage.seen.count("disconnect") == 0


@pytest.mark.parametrize(
    "packet",
    ["9", "2{}", '2["disconnect"]', "2[", "0", '2/nowhere,["event"]', "51-[", '4{"message":"x"}', "1{}", b"binary"],
    ids=[
        "type",
        "no list",
        "reserved",
        "no JSON",
        "second connect",
        "nowhere",
        "attachments",
        "error",
        "payload",
        "binary",
    ],
)
def test_a_packet_that_is_none_ends_the_connection(watched, connect, packet):
    client = connect(watched)
    client.raw(packet)
    assert watched.seen.expect("disconnect")["reason"] == "forced close"
    assert client.expect("disconnect")["reason"] == "transport close"
    until(lambda: not watched.io.engine.sockets)


def test_a_message_that_is_too_large_is_refused(watched, connect, transport):
    client = connect(watched)
    client.emit("large", "x" * 1_000_001)
    reason = watched.seen.expect("disconnect")["reason"]
    if transport == "polling":
        # The body is answered with 413, at which the client gives up its session; it says so with a close packet.
        assert reason in ("transport close", "transport error")
        assert client.expect("disconnect")["reason"] == "transport error"
    else:
        assert reason == "transport error"
        assert client.expect("disconnect")["reason"] == "transport close"


def test_a_client_that_joins_nothing_is_closed(serve, node, transport):
    stage = serve(connect_timeout=0.1)
    transports = ["websocket"] if transport == "websocket" else ["polling"]
    client = node.client(stage.url + "/unknown", transports=transports)
    client.expect("connect_error")
    until(lambda: not stage.io.engine.sockets)
    until(lambda: client.state()["transport"] is None or not client.state()["active"])


def test_the_client_comes_back_by_itself_when_its_connection_was_lost(watched, connect):
    client = connect(watched, reconnection=True, reconnectionDelay=1, reconnectionDelayMax=20)
    first = client.id
    session = watched.socket(client).conn
    watched.running.call(session.close)
    assert client.expect("disconnect")["reason"] == "transport close"
    client.expect("reconnect")
    assert client.expect_connect()["id"] != first
    assert watched.seen.expect("disconnect")["reason"] == "forced close"


def test_the_client_stays_away_when_the_server_said_so(watched, connect):
    client = connect(watched, reconnection=True, reconnectionDelay=1, reconnectionDelayMax=20)
    watched.running.call(lambda: watched.socket(client).disconnect())
    assert client.expect("disconnect")["reason"] == "io server disconnect"
    assert not client.state()["active"]
    client.open()
    client.expect_connect()


def test_the_client_comes_back_when_the_server_restarts_and_what_it_buffered_arrives(way, node, transport):
    transports = {"polling": ["polling"], "websocket": ["websocket"]}.get(transport, ["polling", "websocket"])
    arrived = []

    def server() -> Server:
        io = Server()
        io.event("told")(lambda socket, *args: arrived.append(list(args)))
        io.of("/a").event("told")(lambda socket, *args: arrived.append(["/a", *args]))
        return io

    # The relay keeps the port, whichever server is behind it.
    with relay() as front:
        with serving(server(), way) as running:
            front.target = running.port
            client = node.client(
                front.url, transports=transports, reconnection=True, reconnectionDelay=5, reconnectionDelayMax=20
            )
            client.expect_connect()
            a = node.client("/a", share=client)
            a.expect_connect()
            if transport == "upgrade":
                client.expect("upgrade")
        front.target = None
        assert client.expect("disconnect")["reason"] in ("transport close", "transport error")
        a.expect("disconnect")
        client.expect("reconnect_attempt", attempt=2)
        client.emit("told", 1, b"binary")
        client.emit("told", 2)
        a.emit("told", 3)
        client.emit("told", 4, volatile=True)
        with serving(server(), way) as running:
            front.target = running.port
            client.expect("reconnect")
            client.expect_connect()
            a.expect_connect()
            until(lambda: len(arrived) == 3)
            assert [args for args in arrived if args[0] != "/a"] == [[1, b"binary"], [2]]
            assert ["/a", 3] in arrived
            node.forget_clients()


def test_a_cable_that_is_cut_ends_both_sides(watched, node, transport):
    transports = {"polling": ["polling"], "websocket": ["websocket"]}.get(transport, ["polling", "websocket"])
    with relay() as front:
        front.target = watched.running.port
        client = node.client(front.url, transports=transports)
        client.expect_connect()
        if transport == "upgrade":
            client.expect("upgrade")
        engine = watched.socket(client).conn
        until(lambda: engine.transport.name == "websocket" or engine.transport.writable)
        front.cut()
        assert client.expect("disconnect")["reason"] == (
            "transport error" if transport == "polling" else "transport close"
        )
        reason = watched.seen.expect("disconnect")["reason"]
        assert reason == ("transport error" if transport == "polling" else "transport close")
